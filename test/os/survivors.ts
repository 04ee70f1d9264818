/** Deleted lines that nothing can notice: which, and why they are there all the same. */
import type { Deletion } from './deletions.ts';

/** A family of lines and why their absence does not show. */
interface Survivor {
  /** Matches `file: text (behind the line before it)`. */
  readonly line: RegExp;
  readonly reason: string;
}

/** Every family. What survives and is in none of them is a gap of the tests. */
export const SURVIVORS: readonly Survivor[] = [
  {
    line: /ghes\/fixmap\.ts: yield\* flush\(/,
    reason: 'translations never go stale on this machine, so a window needs no TLBI; on hardware it does',
  },
  {
    line: /ghes\/estatus\.ts: yield\* unmapSlot\(.*\(behind yield\* copyBytes/,
    reason: 'the same window is mapped anew and unmapped when the block is given back, and nobody reads it meanwhile',
  },
  {
    line: /kit\/smp\.ts: (?:yield\* cpu\.irq\.disable\(\);|yield\* msrImmediate\('DAIFSet', 15\);)/,
    reason:
      'each of two lines masks interrupts; an SError or NMI that one of them leaves in is handled as anywhere else',
  },
  {
    line: /kit\/boot\.ts: yield\* msrImmediate\('DAIFClr', 12\);/,
    reason:
      'the next line writes all of DAIF; debug exceptions and SErrors are let in first, as on the way out of reset',
  },
  {
    line: /kit\/smp\.ts: const flags = yield\* irq\.saveAndDisable\(\)/,
    reason: 'a function that is called on its own CPU shares nothing with an interrupt in the kernels tried here',
  },
  {
    line: /sdei\/lifecycle\.ts: yield\* cpu\.mutexLock\((?:client\.)?memory\.events\);/,
    reason: 'nobody else uses the interface while the system is frozen; its rule has no exception for that',
  },
];

/** Why a deletion cannot be noticed, or undefined. */
export function survivorReason({ file, text, behind }: Deletion): string | undefined {
  return SURVIVORS.find(({ line }) => line.test(`${file}: ${text} (behind ${behind})`))?.reason;
}
