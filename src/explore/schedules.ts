/**
 * Schedules of several PEs, up to a number of preemptions.
 *
 * Without preemptions a PE runs until it waits, yields, spins on a lock or is turned off; then the others come in
 * order, and each of them is tried. A preemption takes the turn from a PE that could go on. Every schedule with few of
 * them is tried before any with more: most mistakes need one or two.
 *
 * Of hosted code it is known what each step does. A switch before a step that touches nothing that another PE writes
 * leads to the same states as one after it, so it is left out: switches are tried before steps that are not independent
 * of what the others do. What is shared is learnt from the runs themselves, until nothing new is found.
 */
import { PE_STATE } from '../arch/pestate.ts';
import { WAIT } from '../cpu/waiting.ts';
import type { Effect } from '../engine/hosted/effects.ts';
import { windowOf } from '../engine/hosted/program.ts';
import type { Explorer } from './explorer.ts';
import type { Case, CaseResult, Switch } from './types.ts';

/** One step of a run, as far as schedules care. */
interface Turned {
  readonly step: number;
  readonly pe: number;
  /** The PE that took the step before cannot go on: it waits, or is off. */
  readonly forced: boolean;
  /** Others that could have taken it. */
  readonly others: readonly number[];
  /** Memory that it reads or writes; undefined for an effect on more than memory, null for one on the PE alone. */
  readonly touches: { readonly va: bigint; readonly write: boolean } | undefined | null;
}

/** How far schedules were tried. */
export interface ScheduleCoverage {
  /** Schedules that were run. */
  readonly tried: number;
  /** Places for a switch that were left out, since the step is independent of what the others do. */
  readonly independent: number;
  /** Schedules that were left. */
  readonly left: number;
  /** Runs that were cut off while they were followed. */
  readonly cut: number;
  /** Somebody ended it before its end. */
  readonly brokenOff?: true;
}

/** Effects on the PE that takes the step and nothing else. */
const LOCAL: ReadonlySet<Effect['op']> = new Set(['readX', 'writeX', 'branch', 'become', 'pstate', 'brk']);
const LOCAL_HINTS: ReadonlySet<string> = new Set(['nop', 'isb', 'dsb', 'dmb', 'esb']);
/** Moves of System registers that reach other PEs: interrupts that are sent. */
const SHARED_REGISTERS = /^ICC_(SGI|ASGI|EOIR|DIR|IAR|PMR|IGRPEN)|^CNT|^PM/;
/** Bytes of a word of shared memory. */
const WORD_MASK = ~7n;

function touchesOf(effect: Effect | undefined): Turned['touches'] {
  if (!effect) return undefined;
  if (LOCAL.has(effect.op)) return null;
  switch (effect.op) {
    case 'load':
      return { va: effect.va & WORD_MASK, write: false };
    case 'loadPair':
    case 'storePair':
      return undefined;
    case 'store':
    case 'storeExclusive':
    case 'atomic':
    case 'lock':
      return { va: effect.va & WORD_MASK, write: true };
    case 'mrs':
    case 'msr':
      return SHARED_REGISTERS.test(effect.name) ? undefined : null;
    case 'hint':
      return LOCAL_HINTS.has(effect.name) ? null : undefined;
    case 'call':
      return effect.conduit === 'bl' || effect.conduit === 'svc' ? null : undefined;
    default:
      return undefined;
  }
}

/** Tries schedules on a machine. */
export class Schedules {
  private readonly explorer: Explorer;
  private readonly preemptionsMax: number;
  /** Words that more than one PE touches, at least one of them writing. */
  private readonly shared = new Set<bigint>();
  private readonly readers = new Map<bigint, Set<number>>();
  private readonly writers = new Map<bigint, Set<number>>();
  private tried = 0;
  private independent = 0;
  private cut = 0;

  constructor(explorer: Explorer, preemptionsMax: number) {
    this.explorer = explorer;
    this.preemptionsMax = preemptionsMax;
  }

  /**
   * Runs schedule after schedule.
   *
   * @returns each result once, with the boundaries of its run, for events
   */
  *all(): Generator<{ readonly result: CaseResult; readonly steps: readonly { step: number; pe: number }[] }> {
    const { schedulesMax } = this.explorer.limits;
    const results = new Set<string>();
    // A word that turns out to be shared adds places for switches in runs that were seen before.
    for (let known = -1; known !== this.shared.size; ) {
      known = this.shared.size;
      this.independent = 0;
      const levels: Switch[][][] = Array.from({ length: this.preemptionsMax + 1 }, () => []);
      levels[0]!.push([]);
      this.levels = levels;
      this.followed = 0;
      this.ended = false;
      for (let level = 0; level <= this.preemptionsMax; level++) {
        const queue = levels[level]!;
        for (let n = 0; n < queue.length && this.tried < schedulesMax; n++) {
          const path = queue[n]!;
          const { turned, result } = this.follow(path);
          this.followed++;
          const id = result.case.id;
          if (!results.has(id)) {
            results.add(id);
            yield { result, steps: turned };
          }
          this.children(path, turned, level, levels);
        }
      }
      this.ended = true;
    }
  }
  /** Schedules that are known, by number of preemptions, and how many of them were followed since they are. */
  private levels: readonly (readonly unknown[])[] = [];
  private followed = 0;
  private ended = true;

  /** What was tried so far. */
  get coverage(): ScheduleCoverage {
    const { tried, independent, cut, levels, followed, ended } = this;
    const left = levels.reduce((sum, queue) => sum + queue.length, 0) - followed;
    return { tried, independent, left, cut, ...(ended ? {} : { brokenOff: true }) };
  }

  private children(path: readonly Switch[], turned: readonly Turned[], level: number, levels: Switch[][][]): void {
    const from = path.at(-1)?.step ?? -1;
    for (const at of turned) {
      if (at.step <= from) continue;
      const cost = at.forced ? 0 : 1;
      const into = levels[level + cost];
      if (!into || at.others.length === 0) continue;
      if (!at.forced && this.isIndependent(at.touches)) {
        this.independent++;
        continue;
      }
      for (const pe of at.others) into.push([...path, { step: at.step, pe }]);
    }
  }
  private isIndependent(touches: Turned['touches']): boolean {
    if (touches === null) return true;
    return touches !== undefined && !this.shared.has(touches.va);
  }

  private note(pe: number, touches: Turned['touches']): void {
    if (!touches) return;
    const { va, write } = touches;
    const into = write ? this.writers : this.readers;
    let pes = into.get(va);
    if (!pes) into.set(va, (pes = new Set()));
    pes.add(pe);
    const [w, r] = [this.writers.get(va), this.readers.get(va)];
    if (w && (w.size > 1 || [...(r ?? [])].some((reader) => !w.has(reader)))) this.shared.add(va);
  }

  /** What a PE's next step does; undefined for machine code and for the first step of a function. */
  private nextEffect(pe: number): Effect | undefined {
    const { machine } = this.explorer;
    const window = windowOf(machine.pes[pe]!.s.pc);
    const activation = window && machine.hosted?.activations.get(window.activation);
    if (activation?.yieldIndex !== window?.yieldIndex) return undefined;
    const effect = activation?.effect();
    return effect && !('finished' in effect) ? effect : undefined;
  }

  /** Runs a schedule, noting each step behind its last switch. */
  private follow(path: readonly Switch[]): { readonly turned: readonly Turned[]; readonly result: CaseResult } {
    const { explorer } = this;
    const { machine, baseline, limits } = explorer;
    const id = `s${path.map(({ step, pe }) => `${step}>${pe}`).join(',')}`;
    const tried: Case = { id, injections: [], switches: path };
    this.tried++;
    const turned: Turned[] = [];
    const canRun = (pe: number): boolean => {
      const { s, wakes } = machine.pes[pe]!;
      const state = s.get32(PE_STATE.waitState);
      return state === WAIT.RUNNING || state === WAIT.STARTING || (state !== WAIT.OFF && wakes);
    };
    let last: number | undefined;
    const first = baseline.points[0]!.step;
    const off = machine.on('step', (pe) => {
      const { step } = explorer;
      if (step < first || explorer.judging || turned.length >= limits.scheduleStepsMax) return;
      const effect = this.nextEffect(pe);
      const touches = touchesOf(effect);
      this.note(pe, touches);
      const others = machine.pes.map((_, n) => n).filter((n) => n !== pe && canRun(n));
      turned.push({ step, pe, forced: last !== undefined && last !== pe && !canRun(last), others, touches });
      last = pe;
    });
    let result: CaseResult;
    try {
      result = explorer.run(tried);
    } finally {
      off();
    }
    if (turned.length >= limits.scheduleStepsMax) this.cut++;
    return { turned, result };
  }
}
