/** The boundaries of a campaign that are left, in memory that threads share: who is free takes the next ones. */

/** Most boundaries that are taken at once: neighbours, so that one comes from one to the next by a few steps. */
const BATCH_POINTS = 32;
/** Into so many batches for each thread what is left is cut near the end, so that all end together. */
const BATCHES_LEFT = 4;

/** Words of the control block. */
const NEXT = 0;
const STOPPED = 1;
const THREADS = 2;

/** See the head of the file: everything in it can be posted. */
export interface QueueMemory {
  readonly points: Int32Array;
  readonly control: Int32Array;
  /** Threads that take from it. */
  readonly sharers: number;
}

/** Memory for a queue of boundaries. */
export function queueMemory(points: readonly number[], sharers: number): QueueMemory {
  const shared = new Int32Array(new SharedArrayBuffer(points.length * 4));
  shared.set(points);
  return { points: shared, control: new Int32Array(new SharedArrayBuffer((THREADS + sharers) * 4)), sharers };
}

/** One thread's view of the queue. */
export class PointQueue {
  readonly #memory: QueueMemory;

  constructor(memory: QueueMemory) {
    this.#memory = memory;
  }

  /** The next boundaries, which nobody else gets; none when there are none left or everything is to stop. */
  take(): Int32Array {
    const { points, control, sharers } = this.#memory;
    while (!this.stopped) {
      const at = Atomics.load(control, NEXT);
      const left = points.length - at;
      const count = Math.min(BATCH_POINTS, Math.ceil(left / (sharers * BATCHES_LEFT)));
      if (left <= 0 || Atomics.compareExchange(control, NEXT, at, at + count) === at)
        return points.subarray(at, at + count);
    }
    return points.subarray(0, 0);
  }

  /** Boundaries that nobody has taken. */
  get left(): number {
    return Math.max(this.#memory.points.length - Atomics.load(this.#memory.control, NEXT), 0);
  }
  /** From now on nothing is taken. */
  stop(): void {
    Atomics.store(this.#memory.control, STOPPED, 1);
  }
  get stopped(): boolean {
    return Atomics.load(this.#memory.control, STOPPED) !== 0;
  }

  /** A thread, numbered from 0, is ready to take. To be called by it, before it does. */
  begin(thread: number): void {
    Atomics.store(this.#memory.control, THREADS + thread, 1);
  }
  /** Whether a thread may have taken something. */
  hasBegun(thread: number): boolean {
    return Atomics.load(this.#memory.control, THREADS + thread) !== 0;
  }
}
