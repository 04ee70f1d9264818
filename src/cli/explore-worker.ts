/** A worker thread of `unmaskable explore`: makes its own machine of the start, and tries the boundaries it is given. */
import { parentPort, workerData } from 'node:worker_threads';
import { runPoint } from '../explore/explore.ts';
import { Explorer } from '../explore/explorer.ts';
import type { MachineOptions } from '../machine/options.ts';
import { loadSnapshot } from '../machine/snapshot-file/files.ts';
import { isUserError, messageOf } from './errors.ts';
import type { FromWorker, ToWorker, WorkerStart } from './explore-pool.ts';
import { openScenario } from './explore-scenario.ts';
import { createNodeHost } from './node-host.ts';
import { loadOptions } from './saves.ts';

async function work(): Promise<void> {
  const { scenario: choice, start, engine } = workerData as WorkerStart;
  const port = parentPort!;
  const tell = (message: FromWorker): void => port.postMessage(message);
  const host = createNodeHost();
  const scenario = await openScenario(choice, host);
  const given = { ...loadOptions(host, engine as MachineOptions['engine']), hosted: await scenario.hosted() };
  const machine = await loadSnapshot(start, host.codec, given);
  const symbols = scenario.symbols(machine);
  const explorer = new Explorer(machine, scenario.options(machine, symbols), symbols);
  tell({ ready: explorer.baseline.points.length });
  port.on('message', ({ points }: ToWorker) => {
    try {
      for (const point of points) tell({ unit: runPoint(explorer, point) });
      tell({ more: true });
    } catch (error) {
      fail(error);
    }
  });
}

function fail(error: unknown): void {
  const stack = error instanceof Error ? error.stack : undefined;
  const mistake = isUserError(error) ? error.message : undefined;
  parentPort!.postMessage({ failed: stack ?? messageOf(error), mistake } satisfies FromWorker);
}

work().catch(fail);
