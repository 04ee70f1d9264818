/** What experiments share: a machine with its console, runs that end by themselves, and injections at boundaries. */
import { HostedError } from '../engine/hosted/errors.ts';
import { Machine } from '../machine/machine.ts';
import type { MachineOptions } from '../machine/options.ts';
import type { Snapshot } from '../machine/types.ts';
import { deadlock } from '../os/kit/deadlock.ts';
import { checkAt } from './experiment.ts';

/** How a run of an experiment ended. */
export interface Ending {
  /** `deadlock`: CPUs wait for each other, or one for itself. `stuck`: out of steps without that being found. */
  readonly kind: 'off' | 'deadlock' | 'idle' | 'stuck';
  /** Who waits for whom, for a deadlock. */
  readonly why: string;
  /** What the console showed, from the beginning. */
  readonly text: string;
  /** Steps taken when it ended. */
  readonly steps: number;
}

/** RAM of the machines that experiments make. */
export const RIG_MEMORY_BYTES: number = 16 * 2 ** 20;
/** Steps between two looks whether the run still gets anywhere. */
const LOOK_STEPS = 2_000;

/** A machine of an experiment: its console is kept, and goes back with it. */
export class Rig {
  readonly machine: Machine;
  private output = '';

  constructor(options: MachineOptions) {
    this.machine = Machine.create({ memoryBytes: RIG_MEMORY_BYTES, ...options });
    this.machine.console.onOutput((bytes) => {
      for (const byte of bytes) this.output += String.fromCharCode(byte);
    });
  }
  /** What the console showed so far. */
  get text(): string {
    return this.output;
  }
  /** Eight bytes of memory. */
  word(pa: bigint): bigint {
    return new DataView(this.machine.readMemory(pa, 8).slice().buffer).getBigUint64(0, true);
  }
  /** Writes eight bytes. */
  setWord(pa: bigint, value: bigint): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
    this.machine.writeMemory(pa, bytes);
  }
  /** Everything, to come back to. */
  mark(): { readonly snapshot: Snapshot; readonly text: string } {
    return { snapshot: this.machine.snapshot(), text: this.output };
  }
  /** Comes back. */
  back(to: { readonly snapshot: Snapshot; readonly text: string }): void {
    this.machine.restore(to.snapshot);
    this.output = to.text;
  }

  /** Runs until a word has a value. @throws Error when that does not happen within the steps: the experiment is wrong */
  until(pa: bigint, value: bigint, stepsMax = 400_000): void {
    const { reason } = this.machine.runUntil(() => this.word(pa) === value, { steps: stepsMax });
    if (this.word(pa) !== value)
      throw new Error(`assertion: the run ended by ${reason} before 0x${pa.toString(16)} was ${value}: ${this.text}`);
  }
  /** Runs to the end, or until nothing can change any more. Hosted code that goes wrong is an end as well. */
  finish(stepsMax = 60_000): Ending {
    try {
      return this.runToEnd(stepsMax);
    } catch (error) {
      if (!(error instanceof HostedError)) throw error;
      return { kind: 'stuck', why: error.message, text: this.output, steps: this.machine.steps };
    }
  }
  private runToEnd(stepsMax: number): Ending {
    const { machine } = this;
    const end = (kind: Ending['kind'], why = ''): Ending => ({ kind, why, text: this.output, steps: machine.steps });
    for (let left = stepsMax; left > 0; left -= LOOK_STEPS) {
      const { reason } = machine.run({ steps: Math.min(left, LOOK_STEPS) });
      if (reason === 'poweroff') return end('off');
      if (reason === 'idle') return end('idle', 'nothing is due and every CPU waits');
      const ring = deadlock(machine);
      if (ring !== undefined) {
        // A ring that lasts is one; a lock that is about to be released is not.
        if (machine.run({ steps: LOOK_STEPS }).reason === 'limit' && deadlock(machine) === ring)
          return end('deadlock', ring);
      }
    }
    return end('stuck', `no end within ${stepsMax} steps`);
  }
}

/** One injection of a sweep: so many steps after the mark. */
export interface Swept extends Ending {
  readonly at: number;
  /** Where PE 0 was: function and yield, or an address. */
  readonly where: string;
}

/**
 * From the state the rig is in: for each boundary up to a condition, comes back, runs there, injects, runs to the end.
 *
 * @param over - the window ends at the first boundary where this holds
 * @param only - one boundary alone, for a replay
 * @throws ExperimentError when the window has no such boundary
 */
export function sweep(
  rig: Rig,
  { over, inject, only, stride = 1, stepsMax = 60_000, windowMax = 4_000, ended = () => {} }: SweepOptions,
): Swept[] {
  const { machine } = rig;
  const mark = rig.mark();
  let size = 0;
  while (size < windowMax && !over()) {
    machine.run({ steps: 1 });
    size++;
  }
  checkAt(only, size);
  const results: Swept[] = [];
  for (let at = only ?? 0; at < size; at += stride) {
    rig.back(mark);
    if (at > 0) machine.run({ steps: at });
    const where = machine.hosted?.describe(machine.pes[0]!.s.pc) ?? `0x${machine.pes[0]!.s.pc.toString(16)}`;
    inject(at);
    results.push({ at, where, ...rig.finish(stepsMax) });
    ended();
    if (only !== undefined) break;
  }
  rig.back(mark);
  return results;
}

/** See `sweep`. */
export interface SweepOptions {
  readonly over: () => boolean;
  readonly inject: (at: number) => void;
  readonly only?: number | undefined;
  readonly stride?: number;
  readonly stepsMax?: number;
  readonly windowMax?: number;
  /** Called after each run, while the machine is as it ended. */
  readonly ended?: () => void;
}
