/** The command `npm run handover`. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { Worker } from 'node:worker_threads';
import {
  HANDOVER_NAMES,
  type HandoverJob,
  type HandoverRow,
  handoverJobs,
  handoverTables,
  mustHold,
  rowLines,
  runHandoverJob,
} from '../../src/experiments/hyp-campaign.ts';

/** What the command is given besides its arguments. */
export interface HandoverHost {
  readonly say?: (line: string) => void;
  /** Starts a worker that answers a `HandoverJob` with a `HandoverRow`; without it there is one, this process. */
  readonly startWorker?: () => Worker;
}

const parse = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    options: {
      sequence: { type: 'string', multiple: true, default: [] },
      abi: { type: 'string', multiple: true, default: [] },
      event: { type: 'string', multiple: true, default: [] },
      stride: { type: 'string', default: '1' },
      cpus: { type: 'string', default: '1' },
      crash: { type: 'string' },
      workers: { type: 'string', default: String(availableParallelism()) },
    },
  }).values;
type Values = ReturnType<typeof parse>;

/** What is wrong with the arguments, if anything. */
function mistake(values: Values): string | undefined {
  for (const name of ['sequence', 'abi', 'event'] as const)
    for (const one of values[name])
      if (!(HANDOVER_NAMES[name] as readonly string[]).includes(one))
        return `--${name} '${one}': there is none of that name. Known: ${HANDOVER_NAMES[name].join(', ')}`;
  for (const [name, most] of [
    ['stride', 10_000],
    ['cpus', 8],
    ['workers', 64],
  ] as const) {
    const value = Number(values[name]);
    if (!/^\d+$/.test(values[name]) || value < 1 || value > most)
      return `--${name} '${values[name]}': it takes a whole number from 1 to ${most}`;
  }
  const { crash } = values;
  if (crash !== undefined && !isLevel(crash)) return `--crash '${crash}': it takes boot or EL1`;
  return undefined;
}
const isLevel = (text: string | undefined): text is 'boot' | 'EL1' => text === 'boot' || text === 'EL1';

/** Runs jobs on workers; rows are told in the order of the jobs. */
function onWorkers(
  jobs: readonly HandoverJob[],
  count: number,
  start: () => Worker,
  told: (row: HandoverRow) => void,
): Promise<void> {
  const rows: (HandoverRow | undefined)[] = jobs.map(() => undefined);
  let [next, said] = [0, 0];
  const run = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = start();
      let n = -1;
      const more = (): void => {
        n = next++;
        const job = jobs[n];
        if (job) worker.postMessage(job);
        else void worker.terminate().then(() => resolve());
      };
      worker.on('message', (row: HandoverRow) => {
        rows[n] = row;
        for (let ready = rows[said]; ready; ready = rows[++said]) told(ready);
        more();
      });
      worker.on('error', reject);
      more();
    });
  return Promise.all(Array.from({ length: Math.min(count, jobs.length) }, run)).then(() => undefined);
}

/**
 * Tries an event at every boundary at which EL2 changes hands, in every version, and says where hand-over fails.
 *
 * @returns exit status: 0 when nothing is lost where nothing may be, 1 otherwise, 2 when the arguments make no sense
 */
export async function handoverCommand(
  args: readonly string[],
  { say = console.log, startWorker }: HandoverHost = {},
): Promise<number> {
  const values = parse(args);
  const wrong = mistake(values);
  const jobs = wrong
    ? []
    : handoverJobs({
        abis: values.abi,
        sequences: values.sequence,
        events: values.event,
        stride: Number(values.stride),
        cpus: Number(values.cpus),
        ...(isLevel(values.crash) ? { crash: values.crash } : {}),
      });
  if (jobs.length === 0) {
    say(`handover: ${wrong ?? 'no version has all of that: see --help for what belongs together'}`);
    return 2;
  }
  const rows: HandoverRow[] = [];
  const told = (row: HandoverRow): void => {
    rows.push(row);
    for (const line of rowLines(row)) say(line);
  };
  const workers = Number(values.workers);
  if (startWorker && workers > 1) await onWorkers(jobs, workers, startWorker, told);
  else for (const job of jobs) told(runHandoverJob(job));
  for (const line of ['', ...handoverTables(rows)]) say(line);
  const total = (of: (row: HandoverRow) => number): number => rows.reduce((sum, row) => sum + of(row), 0);
  const broken = rows.filter(({ job, lost }) => lost > 0 && mustHold(job));
  say(
    `${rows.length} sweeps, ${total((row) => row.boundaries)} boundaries, ${total((row) => row.tried)} tried, ` +
      `${total((row) => row.leftOut)} left out, ${total((row) => row.lost)} lost; ` +
      (broken.length > 0 ? `LOST WHERE NONE MAY BE: ${broken.map(({ title }) => title).join('; ')}` : 'none in ') +
      (broken.length > 0 ? '' : `${rows.filter(({ job }) => mustHold(job)).length} sweeps where none may be`),
  );
  return broken.length > 0 ? 1 : 0;
}
