/** Boundaries spread over worker threads, a few at a time. */
import { Worker } from 'node:worker_threads';
import type { UnitResult } from '../explore/report.ts';
import { UsageError } from './errors.ts';
import type { ScenarioChoice } from './explore-scenario.ts';

/** Boundaries that a worker gets at once: neighbours, so that it comes from one to the next by a few steps. */
const BATCH_POINTS = 32;

/** What a worker is started with. */
export interface WorkerStart {
  readonly scenario: ScenarioChoice;
  /** The machine at the start, as the file of a snapshot. */
  readonly start: Uint8Array;
  readonly engine: string | undefined;
}
/** What a worker is told. */
export interface ToWorker {
  readonly points: readonly number[];
}
/** What a worker tells. */
export interface FromWorker {
  /** Its machine is at the start and its window has so many boundaries. */
  readonly ready?: number;
  readonly unit?: UnitResult;
  /** It has nothing left to do. */
  readonly more?: true;
  /** It cannot go on: why, and where. */
  readonly failed?: string;
  /** That is a mistake of the user's, in these words; otherwise of ours. */
  readonly mistake?: string | undefined;
}

/** How work is spread. */
export interface PoolOptions {
  readonly workers: number;
  readonly start: WorkerStart;
  /** Boundaries that the window has; a worker that finds another number is wrong. */
  readonly boundaries: number;
  readonly points: readonly number[];
  /** False ends it. */
  readonly onUnit: (unit: UnitResult) => boolean;
  /** Calls its argument when everything is to stop. */
  readonly onStop: (stop: () => void) => void;
}

/**
 * Tries points on worker threads. Units come in whatever order; what they say is the same in each.
 *
 * @throws UsageError for a mistake in the scenario; Error when a worker fails otherwise
 */
export function runPool({ workers, start, boundaries, points, onUnit, onStop }: PoolOptions): Promise<void> {
  const queue: number[][] = [];
  for (let at = 0; at < points.length; at += BATCH_POINTS) queue.push(points.slice(at, at + BATCH_POINTS));
  const source = new URL(`./explore-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);
  const running = new Set<Worker>();
  return new Promise((resolve, reject) => {
    let over = false;
    const end = (error?: unknown): void => {
      if (over) return;
      over = true;
      const ended = [...running].map((worker) => worker.terminate());
      void Promise.all(ended).then(() => (error === undefined ? resolve() : reject(error as Error)));
    };
    const next = (worker: Worker): void => {
      const batch = queue.shift();
      if (batch) worker.postMessage({ points: batch } satisfies ToWorker);
      else {
        running.delete(worker);
        void worker.terminate();
        if (running.size === 0) end();
      }
    };
    onStop(() => end());
    for (let n = 0; n < Math.min(workers, Math.max(queue.length, 1)); n++) {
      const worker = new Worker(source, { workerData: start, stdout: false });
      running.add(worker);
      worker.on('message', ({ ready, unit, more, failed, mistake }: FromWorker) => {
        if (over) return;
        if (mistake !== undefined) end(new UsageError('E_SCENARIO', mistake));
        else if (failed !== undefined) end(new Error(`worker ${n}: ${failed}`));
        else if (ready !== undefined && ready !== boundaries)
          end(new Error(`worker ${n}: its window has ${ready} boundaries and not ${boundaries}`));
        else if (unit && !onUnit(unit)) end();
        else if (more || ready !== undefined) next(worker);
      });
      worker.on('error', end);
    }
  });
}
