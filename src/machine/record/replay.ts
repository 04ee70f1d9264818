import { MachineError } from '../errors.ts';
import type { Machine, RunReason, Snapshot } from '../machine.ts';
import type { OutsideSource, Place } from '../outside.ts';
import { actAgain } from './actions.ts';
import type { Digests, Recording } from './recording.ts';

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
  /** Parts whose fingerprints differ; none when the place itself was not reached. */
  readonly parts: readonly string[];
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
  #index = 0;
  #lastGood = -1;
  #stopAtEnd = true;

  constructor(machine: Machine, recording: Recording) {
    this.machine = machine;
    this.recording = recording;
    machine.outside.begin();
    machine.outside.source = this;
  }

  get next(): Place | undefined {
    return this.recording.entries[this.#index]?.place;
  }
  /** Everything in the recording has happened. */
  get finished(): boolean {
    return this.#index >= this.recording.entries.length;
  }
  /** Checkpoints that were right. */
  get checked(): number {
    return this.recording.entries.slice(0, this.#index).filter(({ digests }) => digests).length;
  }

  apply(): void {
    const { action, digests } = this.recording.entries[this.#index]!;
    if (action) actAgain(this.machine, action);
    if (digests && !this.blind) {
      const parts = differingParts(digests, this.machine.digests());
      if (parts.length > 0) return this.#diverge(parts);
      this.#lastGood = this.#index;
    }
    this.#index++;
    if (this.finished && this.#stopAtEnd) this.machine.stop();
  }
  missed(): void {
    this.#diverge([]);
  }
  #diverge(parts: readonly string[]): void {
    const { outside } = this.machine;
    const place = this.next!;
    this.divergence ??= { entry: this.#index, place, found: outside.place, lastGood: this.#lastGood, parts };
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
