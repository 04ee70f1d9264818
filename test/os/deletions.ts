/** Lines of the good designs that mask, lock or acknowledge, and what the sources are without one of them. */
import { Rng } from '../support/rng.ts';

/** One line, and what stands in its place when it is deleted. */
export interface Deletion {
  /** Path from the root of the checkout. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly text: string;
  /** The line before it. */
  readonly behind: string;
  readonly instead: string;
}

/** Files whose lines are deleted. */
export const DELETION_FILES: readonly string[] = [
  ...['client', 'lifecycle', 'entry'].map((name) => `src/os/sdei/${name}.ts`),
  ...['smp', 'cpu', 'entry', 'boot'].map((name) => `src/os/kit/${name}.ts`),
  ...['pmr', 'daif', 'nmi'].map((name) => `src/os/irqflags/${name}.ts`),
  ...['cache', 'estatus', 'fixmap', 'memory-failure', 'notify', 'process', 'queue'].map(
    (name) => `src/os/ghes/${name}.ts`,
  ),
];

/** A statement on one line that does something, with or without a condition, which is the group. */
const STATEMENT = /^(\s*(?:(?:else )?if \(.*\) |else |for \(.*\) )?)yield\* .*;$/;
const LOCK = /\b(?:spin|mutex)?(?:Lock|lock|Unlock|unlock)\(/;
const MASKS: readonly RegExp[] = [
  /irq\.(?:disable|enable|restore|daifMask|daifRestore|daifInherit|leave)\(/,
  /'DAIF|'ICC_PMR_EL1', (?!yield)|\bsync\(\)|\bflush\(/,
  /_PE_(?:UN)?MASK|sdei\.(?:un)?mask/,
];
const ACKNOWLEDGEMENTS: readonly RegExp[] = [
  /gic\.(?:end|send)\(|\bclear\(ghes|acknowledge\(source|nmi(?:Enter|Exit)\(|unmapSlot\(/,
  /push\(|poolFree\(|\.note\(|cacheReaders|queueWork\(/,
];
/** Lines that only a design of the past runs. */
const PAST = /hotplugTakesMutex|lockVa|ghes\.words\.lockIrq, cpu\.owner|unlock\(ghes\.words\.lockIrq\)/;
/** Takes a lock or a mask and keeps what there was before: only the taking is deleted. */
const KEEPS: readonly (readonly [RegExp, string])[] = [
  [/^(\s*const \w+ = yield\* (?:cpu|this))\.spinLock\(.*\);$/, '$1.irq.saveAndDisable();'],
  [/^(\s*const \w+ = yield\* (?:(?:cpu|this)\.)?irq)\.saveAndDisable\(\);$/, '$1.save();'],
];

/** What can be deleted from a source. */
export function deletionsOf(file: string, source: string): Deletion[] {
  return source.split('\n').flatMap((text, n, lines) => {
    const at = { file, line: n + 1, text: text.trim(), behind: (lines[n - 1] ?? '').trim() };
    for (const [pattern, instead] of KEEPS)
      if (pattern.test(text)) return [{ ...at, instead: text.replace(pattern, instead) }];
    const counts = STATEMENT.test(text) && [LOCK, ...MASKS, ...ACKNOWLEDGEMENTS].some((kind) => kind.test(text));
    if (!counts || PAST.test(text) || /\bpanic\(/.test(text)) return [];
    // A condition still has a statement.
    return [{ ...at, instead: text.replace(STATEMENT, '$1;') }];
  });
}
/** The source without the line. */
export function without(source: string, { line, instead }: Deletion): string {
  return source
    .split('\n')
    .toSpliced(line - 1, 1, instead)
    .join('\n');
}

/** So many of them, drawn with a seed, each once. */
export function drawnDeletions(all: readonly Deletion[], count: number, seed: string): Deletion[] {
  const left = [...all];
  const rng = new Rng(`deletions ${seed}`);
  return Array.from({ length: Math.min(count, all.length) }, () => left.splice(rng.below(left.length), 1)[0]!);
}
