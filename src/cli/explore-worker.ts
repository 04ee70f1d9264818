/** A worker thread of `unmaskable explore`: makes its own machine of the start, and tries boundaries from the queue. */
import { parentPort, workerData } from 'node:worker_threads';
import { runPoint } from '../explore/explore.ts';
import { Explorer } from '../explore/explorer.ts';
import { runOfHanded, type SentUnit, sentUnit } from '../explore/handed.ts';
import type { MachineOptions } from '../machine/options.ts';
import { machineOfHanded } from '../machine/snapshot-file/handed.ts';
import { isUserError, messageOf } from './errors.ts';
import type { FromWorker, ThreadStart } from './explore-pool.ts';
import { PointQueue } from './explore-queue.ts';
import { openScenario } from './explore-scenario.ts';
import { createNodeHost } from './node-host.ts';
import { loadOptions } from './saves.ts';

/** What was found is told so often: a message for each boundary would cost more than some boundaries do. */
const TELL_MS = 20;

const port = parentPort!;
const tell = (message: FromWorker): void => port.postMessage(message);

/** Tries boundaries until there are none left. */
function tryAll(explorer: Explorer, queue: PointQueue): void {
  let units: SentUnit[] = [];
  let toldMs = performance.now();
  for (let batch = queue.take(); batch.length > 0; batch = queue.take()) {
    for (const point of batch) {
      units.push(sentUnit(explorer, runPoint(explorer, point)));
      if (performance.now() - toldMs < TELL_MS) continue;
      tell({ units });
      units = [];
      toldMs = performance.now();
    }
  }
  tell({ units, done: true });
}

async function work(): Promise<void> {
  const { scenario: choice, engine, thread, work } = workerData as ThreadStart;
  const host = createNodeHost();
  const scenario = await openScenario(choice, host);
  const given = { ...loadOptions(host, engine as MachineOptions['engine']), hosted: await scenario.hosted() };
  const machine = machineOfHanded(work.machine, given, host.codec);
  const symbols = scenario.symbols(machine);
  const explorer = new Explorer(machine, scenario.options(machine, symbols), symbols, runOfHanded(work.run));
  const queue = new PointQueue(work.queue);
  queue.begin(thread);
  tryAll(explorer, queue);
}

work().catch((error: unknown) => {
  const stack = error instanceof Error ? error.stack : undefined;
  tell({ failed: stack ?? messageOf(error), mistake: isUserError(error) ? error.message : undefined });
});
