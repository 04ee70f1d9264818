/** Machines in which hostile guests run, and what must hold whatever they do. */
import type { ProfileName } from '../../src/arch/profiles.ts';
import { HANDLERS_MAX } from '../../src/engine/records.ts';
import { Machine, type Snapshot } from '../../src/machine/machine.ts';
import type { FirmwareChoice } from '../../src/machine/options.ts';
import type { Random } from '../differential/random.ts';
import { ATTACKS, type AttackName } from './attacks.ts';
import { CODE_PA, RAM_BYTES } from './words.ts';

/** How a machine for hostile guests is made. */
export interface ArenaOptions {
  readonly name: string;
  readonly cpu: ProfileName;
  readonly cpus: number;
  readonly el3: boolean;
  readonly el2: boolean;
  readonly firmware: FirmwareChoice;
}

/** With every Exception level for the guest; with firmware above it; without EL3; with several PEs. */
export const ARENAS: readonly ArenaOptions[] = [
  { name: 'all levels', cpu: 'full', cpus: 1, el3: true, el2: true, firmware: 'guest' },
  { name: 'a57, firmware at EL3', cpu: 'cortex-a57', cpus: 1, el3: true, el2: true, firmware: 'typescript' },
  { name: 'EL1 only', cpu: 'full', cpus: 1, el3: false, el2: false, firmware: 'typescript' },
  { name: 'EL2, no EL3, guest owns all', cpu: 'cortex-a57', cpus: 1, el3: false, el2: true, firmware: 'guest' },
  { name: 'three PEs', cpu: 'full', cpus: 3, el3: true, el2: false, firmware: 'typescript' },
];

/** What a round did. */
export interface Round {
  readonly steps: number;
  readonly reason: string;
  readonly digest: string;
}

/** Private parts that a test needs to disturb what must not be observable. */
interface Parts {
  readonly memory: { flushTranslations(): void };
  readonly engine: { readonly compiledRegions: number; readonly options: { regions?: boolean } };
}

/** One machine and the state every round begins from. */
export class Arena {
  readonly machine: Machine;
  private readonly start: Snapshot;

  constructor(options: ArenaOptions) {
    const nothing = { bytes: new Uint8Array(4), addrPa: BigInt(CODE_PA) };
    this.machine = Machine.create({ ...options, memoryBytes: RAM_BYTES, programs: [nothing] });
    this.start = this.machine.snapshot();
  }

  /** Prepares the attack; the snapshot is where it begins. */
  prepare(attack: AttackName, r: Random): Snapshot {
    this.machine.restore(this.start);
    ATTACKS[attack](this.machine, r);
    return this.machine.snapshot();
  }

  /**
   * Runs `steps` steps in slices given by `slice`, or until the guest ends.
   *
   * @throws Error when a promise is broken: the run takes other than the steps asked for, or the handlers run out
   */
  run(from: Snapshot, steps: number, slice: () => number, disturb = false): Round {
    const m = this.machine;
    m.restore(from);
    const first = m.steps;
    let reason = 'limit';
    while (m.steps - first < steps && reason === 'limit') {
      const asked = Math.min(slice(), steps - (m.steps - first));
      const before = m.steps;
      reason = m.run({ steps: asked }).reason;
      if (disturb) (m as unknown as Parts).memory.flushTranslations();
      const taken = m.steps - before;
      if (reason === 'limit' ? taken !== asked : taken > asked)
        throw new Error(`run({ steps: ${asked} }) took ${taken} steps and ended with '${reason}'`);
    }
    if (m.handlers > HANDLERS_MAX - 2) throw new Error(`${m.handlers} handlers`);
    return { steps: m.steps - first, reason, digest: m.digest() };
  }

  /** Runs an attack whole, then again in slices with cold translations; both must end the same. */
  twice(attack: AttackName, r: Random, steps: number): Round {
    const from = this.prepare(attack, r);
    const whole = this.run(from, steps, () => steps);
    const sliced = this.run(from, steps, () => (r.percent(80) ? 1 + r.below(4) : 1 + r.below(200)), true);
    expectSame('in slices', whole, sliced);
    return whole;
  }

  /** Runs an attack long enough to be compiled, and again by the interpreter alone; both must end the same. */
  compiled(attack: AttackName, r: Random, steps: number): Round {
    const from = this.prepare(attack, r);
    const { engine } = this.machine as unknown as Parts;
    const setRegions = (on: boolean): void => {
      engine.options.regions = on;
    };
    setRegions(false);
    const whole = this.run(from, steps, () => steps);
    setRegions(true);
    const first = this.machine.steps;
    const warm = (): boolean => this.machine.steps - first < steps / 2;
    const sliced = this.run(from, steps, () => (warm() ? steps / 6 : 1 + r.below(r.percent(50) ? 3000 : 40)));
    expectSame('compiled', whole, sliced);
    return whole;
  }

  /** Regions compiled since the machine was made. */
  get compiledRegions(): number {
    return (this.machine as unknown as Parts).engine.compiledRegions;
  }
}

/** @throws Error when two ways to run the same guest ended differently */
export function expectSame(how: string, a: Round, b: Round): void {
  if (a.digest !== b.digest || a.reason !== b.reason || a.steps !== b.steps) {
    throw new Error(`${how} it went another way: ${JSON.stringify(a)} and ${JSON.stringify(b)}`);
  }
}
