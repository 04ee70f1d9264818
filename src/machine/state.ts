/** Where a machine is in its own time, and its state as a whole: snapshots and digests. */
import type { PlainData } from '../devices/device.ts';
import { MachineError } from './errors.ts';
import { Hooks } from './hooks.ts';
import { Outside } from './outside.ts';
import { PowerWatch } from './power-watch.ts';
import type { MachineHooks, Snapshot } from './types.ts';
import { GuestView } from './view.ts';
import type { Moment, WholeState } from './whole.ts';

/** A machine as far as its state goes: it can be looked into, saved and put back, but not run. */
export abstract class MachineState extends GuestView {
  /** Everything that enters from outside passes here. For recordings. */
  readonly outside: Outside = new Outside(
    () => this.now(),
    () => this.changedFromOutside(),
  );
  /** All of the state in its parts. For the files of snapshots. */
  abstract readonly whole: WholeState;
  protected stepsTaken = 0;
  protected nowNs = 0;
  protected readonly hooks: Hooks = new Hooks((name) => this.listening(name));
  /** For the hook `power`. */
  readonly power: PowerWatch = new PowerWatch(() => this.pes, this.hooks);
  /** A step is running. */
  protected running = false;
  protected ended: 'poweroff' | 'reset' | undefined;

  /** Adds a listener; the answer removes it again. */
  on<K extends keyof MachineHooks>(name: K, listener: MachineHooks[K]): () => void {
    return this.hooks.add(name, listener);
  }
  /** The listeners of a kind changed. */
  protected abstract listening(name: keyof MachineHooks): void;

  /** Steps since the machine was made; a reset does not set it back. */
  get steps(): number {
    return this.stepsTaken;
  }
  /** Virtual time since the machine was made, in ns; a reset does not set it back. */
  get timeNs(): bigint {
    return BigInt(this.nowNs);
  }
  protected now(): Moment {
    return { steps: this.stepsTaken, timeNs: this.nowNs, ended: this.ended };
  }
  protected entering<T>(kind: string, data: PlainData, action: () => T): T {
    return this.outside.enter(kind, data, action);
  }

  /**
   * The machine as it is at this boundary. Costs what changed since the last snapshot.
   *
   * @throws MachineError `E_SNAPSHOT` during a step
   */
  snapshot(): Snapshot {
    if (this.running) {
      const advice = 'Take it from at(), or between calls of run().';
      throw new MachineError('E_SNAPSHOT', `snapshot: a step is running. ${advice}`);
    }
    return { ...this.whole.capture(this.now()), arrivals: this.stops.arrivals() };
  }

  /** The state at this boundary but for RAM, as `snapshot` has it. For comparisons now: blocks of PEs are shared. */
  stateNow(): Omit<Snapshot, 'ram'> {
    return this.whole.withoutRam(this.now());
  }

  /**
   * Puts the machine back. Costs what differs. Actions given to `at` and `atTimeNs` are dropped; hooks stay.
   *
   * @throws MachineError `E_SNAPSHOT` for a snapshot of another machine, or during a step; `E_RECORD` while it is
   * recorded
   */
  restore(snapshot: Snapshot): void {
    if (this.running) throw new MachineError('E_SNAPSHOT', 'restore: a step is running.');
    if (this.outside.listener)
      throw new MachineError('E_RECORD', 'restore: the machine is recorded. End the recording before.');
    this.whole.check(snapshot);
    this.stepsTaken = snapshot.time.steps;
    this.nowNs = snapshot.time.timeNs;
    this.ended = snapshot.ended;
    this.outside.begin();
    this.whole.restore(snapshot);
    this.stops.setArrivals(snapshot.arrivals ?? []);
    this.power.restored();
    this.hooks.tell('restore');
  }

  /** Fingerprint of all PEs, devices, time and RAM: equal states give equal digests on every host. 32 hex digits. */
  digest(): string {
    return this.whole.digest(this.now());
  }
  /** The same part by part: `pe 0`, `gic`, each device, ..., `ram`. */
  digests(): Readonly<Record<string, string>> {
    return this.whole.digests(this.now());
  }
}
