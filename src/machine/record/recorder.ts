import { MachineError } from '../errors.ts';
import type { Machine } from '../machine.ts';
import { saveSnapshot } from '../snapshot-file/files.ts';
import { decodePlain, encodePlain, Writer } from '../snapshot-file/plain.ts';
import type { Codec } from '../snapshot-file/sections.ts';
import { type RecordEntry, recordingEnd, recordingEntries, recordingHead, recordingSteps } from './recording.ts';
import { RegisterShadow } from './shadow.ts';
import { type StepRange, StepWriter } from './steps.ts';

/** Steps from one checkpoint to the next when nothing else is asked for: about a second of a fast run. */
export const CHECKPOINT_STEPS = 100_000_000;
/** Steps from one note of all registers to the next: a few microseconds and some hundred bytes for each. */
export const REGISTERS_STEPS = 1_000_000;
/** Steps that were written down are written to the file in pieces of this length. */
const STEPS_CHUNK_BYTES = 2 ** 20;

/** How a recording is made. */
export interface RecorderOptions {
  readonly codec: Codec;
  /** Takes the bytes of the file, front to back. */
  readonly write: (bytes: Uint8Array) => void;
  /** A checkpoint whenever the count of steps is a multiple of this; default `CHECKPOINT_STEPS`. */
  readonly everySteps?: number;
  /** Writes down each of these steps: registers that changed, what was written to RAM. The machine runs step by step. */
  readonly steps?: StepRange;
}

/** Writes down what enters a machine from outside. One machine has one recorder at a time. */
export class Recorder {
  readonly #machine: Machine;
  readonly #write: (bytes: Uint8Array) => void;
  readonly #shadow: RegisterShadow;
  #steps: StepWriter | undefined;
  #entries: RecordEntry[] = [];
  #open = true;

  private constructor(machine: Machine, { write }: RecorderOptions) {
    this.#machine = machine;
    this.#write = write;
    this.#shadow = new RegisterShadow(machine.pes);
  }

  /**
   * Begins a recording, between two calls of `run`; the machine must not run before the promise is kept.
   *
   * @throws MachineError `E_RECORD` when the machine is recorded already or the distance of checkpoints is no number of
   * steps; `E_SNAPSHOT_FILE` for a disk that cannot be kept
   */
  static async begin(machine: Machine, options: RecorderOptions): Promise<Recorder> {
    const { everySteps = CHECKPOINT_STEPS, codec, steps } = options;
    if (!Number.isSafeInteger(everySteps) || everySteps < 1)
      throw new MachineError('E_RECORD', `record: a checkpoint each ${everySteps} steps. Give a whole number from 1.`);
    if (steps && !(Number.isSafeInteger(steps.from) && steps.from >= 0 && steps.to > steps.from))
      throw new MachineError('E_RECORD', `record: steps ${steps.from} to ${steps.to}. Give whole numbers, ascending.`);
    if (machine.outside.listener) throw new MachineError('E_RECORD', 'record: the machine is recorded already.');
    const recorder = new Recorder(machine, options);
    const start = await saveSnapshot(machine, machine.snapshot(), codec);
    for (const piece of recordingHead(start)) options.write(piece);
    machine.outside.begin();
    machine.outside.listener = (place, { kind, data }) => {
      // A copy: whoever gave the bytes may change them.
      recorder.#entries.push({ place, action: { kind, data: decodePlain(encodePlain(data)) } });
    };
    recorder.#each(Math.min(everySteps, REGISTERS_STEPS), () => recorder.#registers());
    recorder.#each(everySteps, () => recorder.#checkpoint());
    if (steps) {
      recorder.#steps = new StepWriter(machine, steps, STEPS_CHUNK_BYTES, (chunk) => {
        for (const piece of recordingSteps(chunk, codec)) options.write(piece);
      });
    }
    return recorder;
  }

  /** Calls `note` whenever the count of steps is a multiple of `every`. */
  #each(every: number, note: () => void): void {
    const next = (Math.floor(this.#machine.steps / every) + 1) * every;
    this.#machine.at(next, () => {
      if (!this.#open) return;
      note();
      this.#each(every, note);
    });
  }
  #checkpoint(): void {
    this.#entries.push({ place: this.#machine.outside.place, digests: this.#machine.digests() });
  }
  #registers(): void {
    const w = new Writer();
    this.#shadow.write(w);
    this.#entries.push({ place: this.#machine.outside.place, registers: w.finish() });
  }

  /** Writes what was noted since the last time: what is written is kept when the process is killed. */
  flush(): void {
    if (this.#entries.length === 0) return;
    const entries = this.#entries;
    this.#entries = [];
    for (const piece of recordingEntries(entries)) this.#write(piece);
  }

  /** Ends the recording with a checkpoint, between two calls of `run`. */
  end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#machine.outside.listener = undefined;
    this.#steps?.end();
    this.#registers();
    this.#checkpoint();
    this.flush();
    for (const piece of recordingEnd()) this.#write(piece);
  }
}
