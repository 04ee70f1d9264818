/** Threads that try boundaries beside the one that started the campaign. */
import { Worker } from 'node:worker_threads';
import type { HandedRun, SentUnit } from '../explore/handed.ts';
import type { HandedMachine } from '../machine/snapshot-file/handed.ts';
import { UsageError } from './errors.ts';
import type { PointQueue, QueueMemory } from './explore-queue.ts';
import type { ScenarioChoice } from './explore-scenario.ts';

/**
 * Time that what is left would take one thread, from which on others are started. One takes a second or two until it is
 * as fast as the first: it makes its machine, and the JavaScript engine compiles for each thread what all of them run.
 */
export const THREADS_WORTH_MS = 5000;
/** Time in which the first thread itself gets as fast as that; before, there has to be more left. */
const WARM_MS = 1000;
/** Time over which the speed is taken, and how many speeds are kept: the best counts, since hosts are busy at times. */
const SPEED_MS = 50;
const SPEEDS = 6;

/** Says when other threads are worth their start. */
export class Worth {
  readonly #beganMs: number;
  readonly #worthMs: number;
  #countedMs: number;
  #counted = 0;
  /** Time that a boundary took, in the last while. */
  readonly #eachMs: number[] = [];

  /** @param worthMs - 0: they are at once */
  constructor(nowMs: number, worthMs: number = THREADS_WORTH_MS) {
    this.#beganMs = nowMs;
    this.#countedMs = nowMs;
    this.#worthMs = worthMs;
  }

  /** Whether they are, when one thread has tried some boundaries until now and others are left. */
  look(nowMs: number, tried: number, left: number): boolean {
    if (this.#worthMs === 0) return true;
    if (nowMs - this.#countedMs < SPEED_MS) return false;
    this.#eachMs.push((nowMs - this.#countedMs) / Math.max(tried - this.#counted, 1));
    if (this.#eachMs.length > SPEEDS) this.#eachMs.shift();
    const leftMs = Math.min(...this.#eachMs) * left;
    this.#countedMs = nowMs;
    this.#counted = tried;
    return leftMs * Math.min((nowMs - this.#beganMs) / WARM_MS, 1) ** 2 >= this.#worthMs;
  }
}

/** What a thread is started with. */
export interface WorkerStart {
  readonly scenario: ScenarioChoice;
  readonly engine: string | undefined;
  readonly work: PoolWork;
}
/** The same for one of them. */
export interface ThreadStart extends WorkerStart {
  /** Its number, from 0. */
  readonly thread: number;
}
/** What there is to do, the same for all threads. */
export interface PoolWork {
  /** The machine at the start. */
  readonly machine: HandedMachine;
  readonly run: HandedRun;
  readonly queue: QueueMemory;
}
/** What a thread tells. */
export interface FromWorker {
  readonly units?: readonly SentUnit[];
  /** It has nothing left to do. */
  readonly done?: true;
  /** It cannot go on: why, and where. */
  readonly failed?: string;
  /** That is a mistake of the user's, in these words; otherwise of ours. */
  readonly mistake?: string | undefined;
}

/** The threads of one campaign. Whoever makes one has to close it. */
export class Pool {
  readonly #threads: { readonly worker: Worker; done: boolean }[];
  #onUnits: (units: readonly SentUnit[]) => void;
  #changed: () => void = () => {};
  /** Why the campaign cannot go on: a UsageError for a mistake in the scenario. */
  failure: Error | undefined;

  /**
   * Starts threads.
   *
   * @param onUnits - hears of what they find, in whatever order
   */
  constructor(start: WorkerStart, threads: number, onUnits: (units: readonly SentUnit[]) => void) {
    this.#onUnits = onUnits;
    const source = new URL(`./explore-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);
    this.#threads = Array.from({ length: threads }, (_, n) => {
      const workerData = { ...start, thread: n } satisfies ThreadStart;
      const worker = new Worker(source, { workerData, stdout: false });
      worker.on('message', (message: FromWorker) => this.#heard(n, message));
      worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
      worker.on('exit', (code) => this.#ended(n, code));
      return { worker, done: false };
    });
  }

  /** What a scenario calls may end its thread. What that thread had taken would be waited for without end. */
  #ended(n: number, code: number): void {
    const thread = this.#threads[n];
    if (thread && !thread.done) this.#fail(new Error(`worker ${n}: it ended by itself, with exit code ${code}`));
  }

  #heard(n: number, { units, done, failed, mistake }: FromWorker): void {
    if (units) this.#onUnits(units);
    if (mistake !== undefined) this.#fail(new UsageError('E_SCENARIO', mistake));
    else if (failed !== undefined) this.#fail(new Error(`worker ${n}: ${failed}`));
    const thread = this.#threads[n];
    if (!done || !thread) return;
    thread.done = true;
    this.#changed();
  }
  #fail(error: Error): void {
    this.failure ??= error;
    this.#changed();
  }

  /**
   * When nothing is left to be taken: waits for the threads that have taken something.
   *
   * @throws what `failure` is
   */
  async finished(queue: PointQueue): Promise<void> {
    const over = (): boolean =>
      this.failure !== undefined || queue.stopped || this.#threads.every(({ done }, n) => done || !queue.hasBegun(n));
    while (!over())
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    if (this.failure) throw this.failure;
  }

  /** Whoever waits looks again. */
  wake(): void {
    this.#changed();
  }

  /** Ends the threads, whatever they do; nothing is heard of them any more. */
  async close(): Promise<void> {
    this.#onUnits = () => {};
    await Promise.all(this.#threads.splice(0).map(({ worker }) => worker.terminate()));
  }
}
