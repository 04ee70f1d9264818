/**
 * A profile: samples of where the guest is, at fixed distances of steps, so that a run always gives the same ones; and
 * what the host's time went into between them.
 */
import { HOST_PHASES, type HostPhase, type HostPhases } from '../../engine/phases.ts';
import type { Machine } from '../../machine/machine.ts';
import { stackOf } from './stack.ts';

/** Steps between two samples; a prime, so that no loop of the guest keeps in step with them. */
export const SAMPLE_STEPS = 100_003;

/** What a name is asked for. */
export type NameOf = (address: bigint) => string | undefined;

/** One sample: the frames of a stack, outermost first, as indices of `Profile.frames`. */
export interface Sample {
  readonly pe: number;
  readonly stack: readonly number[];
  /** Steps since the sample before. */
  readonly steps: number;
  /** Milliseconds of the host since then, those of `phasesMs` left out. */
  readonly runMs: number;
  readonly phasesMs: Readonly<Partial<Record<HostPhase, number>>>;
}

/** What was found. */
export interface Profile {
  /** Names of frames: `EL1`, a function, or a page of memory for code without a symbol. */
  readonly frames: readonly string[];
  readonly samples: readonly Sample[];
}

/** The host's clock, divided among what it was busy with. */
class HostClock implements HostPhases {
  private readonly now: () => number;
  private readonly open: { readonly phase: HostPhase; begun: number }[] = [];
  private spent: Partial<Record<HostPhase, number>> = {};
  private since: number;

  constructor(now: () => number) {
    this.now = now;
    this.since = now();
  }
  begin(phase: HostPhase): void {
    const now = this.now();
    this.charge(now);
    this.open.push({ phase, begun: now });
  }
  end(): void {
    const now = this.now();
    this.charge(now);
    this.open.pop();
    const outer = this.open.at(-1);
    if (outer) outer.begun = now;
  }
  /** The innermost phase gets the time up to now. */
  private charge(now: number): void {
    const inner = this.open.at(-1);
    if (!inner) return;
    this.spent[inner.phase] = (this.spent[inner.phase] ?? 0) + now - inner.begun;
    inner.begun = now;
  }
  /** What was spent since this was asked last. */
  lap(): { runMs: number; phasesMs: Partial<Record<HostPhase, number>> } {
    const now = this.now();
    this.charge(now);
    const phasesMs = this.spent;
    const phases = HOST_PHASES.reduce((sum, phase) => sum + (phasesMs[phase] ?? 0), 0);
    const runMs = Math.max(now - this.since - phases, 0);
    this.spent = {};
    this.since = now;
    return { runMs, phasesMs };
  }
  /** What the profile itself takes belongs to nobody. */
  forget(): void {
    this.since = this.now();
    const inner = this.open.at(-1);
    if (inner) inner.begun = this.since;
  }
}

/** Takes the samples of one run. */
export class Profiler {
  private readonly machine: Machine;
  private readonly nameOf: NameOf;
  private readonly clock: HostClock;
  private readonly frames: string[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly names = new Map<bigint, number>();
  private readonly samples: Sample[] = [];
  private last: number;
  private ended = false;

  /**
   * Begins at the current boundary.
   *
   * @param nowMs - the host's clock, milliseconds
   */
  constructor(machine: Machine, nowMs: () => number, nameOf: NameOf) {
    this.machine = machine;
    this.nameOf = nameOf;
    this.clock = new HostClock(nowMs);
    this.last = machine.steps;
    machine.watchHost(this.clock);
    this.next();
  }

  private next(): void {
    this.machine.at(this.machine.steps + SAMPLE_STEPS, () => {
      if (this.ended) return;
      this.sample();
      this.next();
    });
  }

  private sample(): void {
    const { machine } = this;
    const lap = this.clock.lap();
    const pe = machine.turn;
    const stack = stackOf(machine, pe).map((address) => this.frameAt(address));
    const el = this.frame(`EL${machine.pes[pe]!.s.el}`);
    this.samples.push({ pe, stack: [el, ...stack.reverse()], steps: machine.steps - this.last, ...lap });
    this.last = machine.steps;
    this.clock.forget();
  }

  private frameAt(address: bigint): number {
    let number = this.names.get(address);
    if (number === undefined) {
      number = this.frame(this.name(address));
      this.names.set(address, number);
    }
    return number;
  }
  private name(address: bigint): string {
    const hosted = this.machine.hosted?.describe(address);
    if (hosted !== undefined) return hosted.replace(/, yield \d+$/, '');
    const symbol = this.nameOf(address);
    if (symbol !== undefined) return symbol.replace(/\+0x[0-9a-f]+$/, '');
    return `0x${(address & ~0xfffn).toString(16)} (page)`;
  }
  private frame(name: string): number {
    let number = this.numbers.get(name);
    if (number === undefined) {
      number = this.frames.push(name) - 1;
      this.numbers.set(name, number);
    }
    return number;
  }

  /** Ends it, with a last sample for what is left. */
  end(): Profile {
    if (!this.ended && this.machine.steps > this.last) this.sample();
    this.ended = true;
    this.machine.watchHost(undefined);
    return { frames: this.frames, samples: this.samples };
  }
}
