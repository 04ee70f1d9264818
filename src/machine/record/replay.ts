import { MachineError } from '../errors.ts';
import type { Machine, RunReason, Snapshot } from '../machine.ts';
import { comparePlaces, type OutsideAction, type OutsideSource, type Place } from '../outside.ts';
import type { Difference } from '../snapshot-file/diff.ts';
import { Reader } from '../snapshot-file/plain.ts';
import type { Codec } from '../snapshot-file/sections.ts';
import { actAgain } from './actions.ts';
import { type Digests, type Recording, stepsOf } from './recording.ts';
import { RegisterShadow } from './shadow.ts';
import { StepChecker, type StepDifference } from './steps.ts';

/** That a machine does not do what was recorded, and since when. */
export interface Divergence {
  /** Index of the entry of the recording at which it was noticed. */
  readonly entry: number;
  /** Where the recording has that entry. */
  readonly place: Place;
  /** Where the machine was. */
  readonly found: Place;
  /** Index of the last checkpoint that was right, or -1 when only the start is known to be. */
  readonly lastGood: number;
  /** Parts whose fingerprints differ; none when the place itself was not reached, or something else was noticed. */
  readonly parts: readonly string[];
  /** Registers by name, and RAM where each step was written down: `a` is what was recorded. */
  readonly differences: readonly Difference[];
  /** The first step that differs, where each step was written down. */
  readonly step?: StepDifference;
  /** What entered and is not in the recording. */
  readonly entered?: OutsideAction;
}

/** A place of a replay to which one can come back. */
export interface ReplayPoint {
  readonly snapshot: Snapshot;
  readonly index: number;
  readonly lastGood: number;
}

/** Parts of a machine whose fingerprints are not the same. */
export function differingParts(a: Digests, b: Digests): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => a[name] !== b[name]).sort();
}

/**
 * Plays a recording on a machine that was made from its start: what entered enters again, at the same places, and the
 * fingerprints are compared.
 */
export class Replay implements OutsideSource {
  readonly machine: Machine;
  readonly recording: Recording;
  /** What went wrong first. */
  divergence: Divergence | undefined;
  /** Do not compare: for a search that compares two machines. */
  blind = false;
  /** Steps of the last note of registers that was right; undefined before the first. */
  registersSame: number | undefined;
  #index = 0;
  #lastGood = -1;
  #stopAtEnd = true;
  #applying = false;
  #shadow: RegisterShadow;
  #checker: StepChecker | undefined;

  /** Steps that were written down are compared by a replay of `open` only. */
  constructor(machine: Machine, recording: Recording) {
    this.machine = machine;
    this.recording = recording;
    this.#shadow = new RegisterShadow(machine.pes);
    machine.outside.begin();
    machine.outside.source = this;
  }

  /**
   * A replay that compares everything that was recorded, also each step where it was written down.
   *
   * @throws MachineError `E_RECORD` for steps that do not unpack
   */
  static async open(machine: Machine, recording: Recording, codec: Codec): Promise<Replay> {
    const chunks = await stepsOf(recording, codec);
    const replay = new Replay(machine, recording);
    if (recording.steps.length > 0)
      replay.#checker = new StepChecker(machine, chunks, (step) => {
        replay.#diverge({ differences: step.differences, step });
      });
    return replay;
  }

  get next(): Place | undefined {
    return this.recording.entries[this.#index]?.place;
  }
  /** Everything in the recording has happened. */
  get finished(): boolean {
    return this.#index >= this.recording.entries.length;
  }
  /** Steps that were compared one by one. */
  get checkedSteps(): number {
    return this.#checker?.checked ?? 0;
  }
  /** Checkpoints that were right. */
  get checked(): number {
    return this.recording.entries.slice(0, this.#index).filter(({ digests }) => digests).length;
  }

  apply(): void {
    const { action, digests, registers } = this.recording.entries[this.#index]!;
    if (action) this.#again(action);
    if (registers && !this.blind) {
      // The last registers are noted behind the last step.
      if (this.recording.complete && this.#index === this.recording.entries.length - 2) this.#checker?.end();
      if (this.divergence) return;
      this.#shadow.read(new Reader(registers));
      if (!this.#shadow.same())
        return this.#diverge({ parts: this.#partsHere(), differences: this.#shadow.differences() });
      this.registersSame = this.machine.steps;
    }
    if (digests && !this.blind) {
      const parts = differingParts(digests, this.machine.digests());
      if (parts.length > 0) return this.#diverge({ parts });
      this.#lastGood = this.#index;
    }
    this.#index++;
    if (this.finished && this.#stopAtEnd) this.machine.stop();
  }
  #again(action: OutsideAction): void {
    this.#applying = true;
    try {
      actAgain(this.machine, action);
    } finally {
      this.#applying = false;
    }
  }
  /** Parts that differ, where the entry behind the current one is a checkpoint of the same boundary. */
  #partsHere(): string[] {
    const behind = this.recording.entries[this.#index + 1];
    if (!behind?.digests || comparePlaces(behind.place, this.machine.outside.place) !== 0) return [];
    return differingParts(behind.digests, this.machine.digests());
  }
  missed(): void {
    this.#diverge({});
  }
  entered(_place: Place, action: OutsideAction): void {
    if (!this.#applying && !this.blind && !this.finished) this.#diverge({ entered: action });
  }
  #diverge(what: Partial<Divergence>): void {
    const { outside } = this.machine;
    if (this.divergence) return;
    const found = outside.place;
    // Behind the end there is no entry: only a step can differ there.
    const place = what.step || what.entered ? found : this.next!;
    const divergence = { entry: this.#index, place, found, lastGood: this.#lastGood, parts: [], differences: [] };
    this.divergence = { ...divergence, ...what };
    this.#checker?.leave();
    outside.source = undefined;
    this.machine.stop();
  }

  /**
   * Runs on, at most so many steps; resets that were recorded happen again.
   *
   * @returns `stopped` at the end of the recording, or where the machine diverged
   */
  run(limits: { readonly steps?: number } = {}): { readonly reason: RunReason } {
    const { machine } = this;
    const until = machine.steps + (limits.steps ?? Number.POSITIVE_INFINITY);
    for (;;) {
      if (this.finished) this.#checker?.end();
      if (this.divergence || this.finished) return { reason: 'stopped' };
      const left = until - machine.steps;
      const { reason } = machine.run(Number.isFinite(left) ? { steps: left } : {});
      if (reason === 'limit' || reason === 'stopped') return { reason };
      // What was recorded when the machine had ended, a reset for example, belongs here.
      const before = this.#index;
      machine.outside.fire(() => false);
      if (this.#index === before && !this.divergence) this.missed();
    }
  }

  /** For `goTo`. */
  point(): ReplayPoint {
    return { snapshot: this.machine.snapshot(), index: this.#index, lastGood: this.#lastGood };
  }
  /** Back to a point of this replay. */
  goTo({ snapshot, index, lastGood }: ReplayPoint): void {
    this.machine.restore(snapshot);
    this.#index = index;
    this.#lastGood = lastGood;
    this.#shadow = new RegisterShadow(this.machine.pes);
    for (const { registers } of this.recording.entries.slice(0, index))
      if (registers) this.#shadow.read(new Reader(registers));
    this.divergence = undefined;
    this.machine.outside.source = this;
  }
  /** Runs to a step count, past all that happens before it; false when the machine does not come there. */
  runTo(steps: number): boolean {
    this.#stopAtEnd = false;
    try {
      while (this.machine.steps < steps) {
        const { reason } = this.finished ? this.machine.run({ steps: steps - this.machine.steps }) : this.#runOn(steps);
        if (reason !== 'limit') return false;
      }
      return true;
    } finally {
      this.#stopAtEnd = true;
    }
  }
  #runOn(steps: number): { readonly reason: RunReason } {
    const { reason } = this.run({ steps: steps - this.machine.steps });
    return reason === 'stopped' && !this.divergence && this.finished ? { reason: 'limit' } : { reason };
  }
}

/**
 * Entry indexes between which a divergence lies, as steps.
 *
 * @throws MachineError `E_DIVERGED` when there is none
 */
export function divergedBetween(replay: Replay, startSteps: number): { readonly from: number; readonly to: number } {
  const { divergence, recording } = replay;
  if (!divergence) throw new MachineError('E_DIVERGED', 'replay: there is no divergence.');
  const from = divergence.lastGood < 0 ? startSteps : recording.entries[divergence.lastGood]!.place.steps;
  return { from, to: Math.max(from, divergence.place.steps) };
}
