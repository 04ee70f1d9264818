/** `unmaskable explore`: an event at every boundary of a window, and `explore merge`. */
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { reportOf } from '../explore/report.ts';
import { UsageError } from './errors.ts';
import { runCampaign } from './explore-campaign.ts';
import { htmlReport } from './explore-html.ts';
import { identityOf, type JournalHead, readJournal } from './explore-journal.ts';
import { type FullReport, jsonReport, junitReport, REPORT_FORMAT, terminalReport } from './explore-output.ts';
import type { Host } from './host.ts';
import { systemReason } from './inputs.ts';
import { checkReplaceable } from './replace-file.ts';
import { engineOf } from './sources.ts';

/** Exit code when a signal ended the campaign. */
const EXIT_INTERRUPTED = 130;
/** Exit code when a file could not be written. */
const EXIT_UNWRITABLE = 6;
/** Most worker threads. */
const WORKERS_MAX = 256;

interface OutputFlags {
  readonly report?: string;
  readonly html?: string;
  readonly junit?: string;
}
interface ExploreFlags extends OutputFlags {
  readonly workers?: string;
  readonly variant?: string;
  readonly shard?: string;
  readonly journal?: string;
  readonly resume?: boolean;
  readonly engine?: string;
  readonly quiet?: boolean;
}

/** @throws UsageError `E_SHARD` */
export function parseShard(text: string | undefined): { readonly index: number; readonly of: number } | undefined {
  if (text === undefined) return undefined;
  const [, index, of] = /^(\d{1,6})\/(\d{1,6})$/.exec(text)?.map(Number) ?? [];
  if (index !== undefined && of !== undefined && index >= 1 && index <= of) return { index, of };
  throw new UsageError('E_SHARD', `--shard '${text}': no such part. Write K/N, K from 1 to N, e.g. --shard 3/64.`);
}

function parseWorkers(text: string | undefined): number {
  if (text === undefined) return availableParallelism();
  const workers = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (workers >= 1 && workers <= WORKERS_MAX) return workers;
  throw new UsageError('E_WORKERS', `--workers '${text}': give a number from 1 to ${WORKERS_MAX}.`);
}

const unwritable = (option: string, path: string, error: unknown): UsageError =>
  new UsageError('E_SAVE', `${option} ${path}: cannot be written: ${systemReason(error)}. Give a writable path.`);

/** Before the campaign: an hour of it must not end in a path that cannot be written. @throws UsageError `E_SAVE` */
function checkPaths(flags: OutputFlags & { readonly journal?: string }): void {
  for (const name of ['report', 'html', 'junit', 'journal'] as const) {
    const path = flags[name];
    if (path === undefined) continue;
    try {
      checkReplaceable(path);
    } catch (error) {
      throw unwritable(`--${name}`, path, error);
    }
  }
}

/** Writes what was asked for; what cannot be written is said, and the rest is written. @returns the exit code */
async function output(full: FullReport, flags: OutputFlags, host: Host): Promise<number> {
  await host.writeOut(new TextEncoder().encode(terminalReport(full, flags.report)));
  let code = full.report.kinds.some(({ failure }) => failure) ? 1 : 0;
  const write = (option: string, path: string | undefined, text: () => string): void => {
    if (path === undefined) return;
    try {
      host.replaceFile(path, new TextEncoder().encode(text()));
    } catch (error) {
      host.writeErr(`unmaskable: ${unwritable(option, path, error).message}\n`);
      code = EXIT_UNWRITABLE;
    }
  };
  write('--report', flags.report, () => jsonReport(full));
  write('--html', flags.html, () => htmlReport(full, flags.report));
  write('--junit', flags.junit, () => junitReport(full, flags.report));
  return code;
}

async function exploreCommand(path: string, flags: ExploreFlags, host: Host): Promise<number> {
  const { journal, resume = false, quiet = false } = flags;
  if (resume && journal === undefined)
    throw new UsageError('E_JOURNAL', '--resume: there is no journal to go on from. Add --journal FILE.');
  const shard = parseShard(flags.shard);
  const scenario = { path, variant: flags.variant };
  const options = { scenario, workers: parseWorkers(flags.workers), shard, journal, resume, quiet };
  const engine = engineOf(flags);
  checkPaths(flags);
  const { full, interrupted, failed, rate } = await runCampaign({ ...options, engine }, host);
  const code = await output(full, flags, host);
  const how = failed ? `ended early: ${failed.message}` : `${interrupted ? 'interrupted' : 'done'};`;
  host.writeErr(`unmaskable: ${how} ${rate.toFixed(0)} runs per second\n`);
  if (failed) return EXIT_UNWRITABLE;
  return interrupted ? EXIT_INTERRUPTED : code;
}

async function mergeCommand(paths: readonly string[], flags: OutputFlags, host: Host): Promise<number> {
  checkPaths(flags);
  const journals = paths.map((path) => ({ path, ...readJournal(host, path) }));
  const [first] = journals as [(typeof journals)[number]];
  for (const { path, head } of journals) {
    if (identityOf(head) === identityOf(first.head)) continue;
    throw new UsageError('E_JOURNAL', `${path}: it is of another campaign than ${first.path}: ${head.title}.`);
  }
  const parts = ({ shard }: JournalHead): string => (shard ? `one of ${shard.of} parts` : 'the whole');
  const other = journals.find(({ head }) => parts(head) !== parts(first.head));
  if (other) {
    const what = `it is ${parts(other.head)}, and ${first.path} is ${parts(first.head)}`;
    throw new UsageError('E_JOURNAL', `${other.path}: ${what}. Give the journals of one division.`);
  }
  const units = new Map(journals.flatMap((journal) => journal.units.map((unit) => [unit.point.index, unit] as const)));
  const shards = new Map(journals.map(({ head }) => [head.shard?.index ?? 0, head.wanted]));
  const scheduled = new Map(journals.flatMap((journal) => journal.scheduled.map((result) => [result.case.id, result])));
  const report = reportOf(first.head.campaign, {
    units: [...units.values()],
    wanted: Math.min(
      [...shards.values()].reduce((a, b) => a + b, 0),
      first.head.campaign.chosen,
    ),
    scheduled: [...scheduled.values()],
    schedules: journals.find(({ schedules }) => schedules)?.schedules,
  });
  const { title, scenario, variant, sha256, start } = first.head;
  const full: FullReport = { format: REPORT_FORMAT, title, scenario, variant, sha256, start, report, timelines: {} };
  return output(full, flags, host);
}

const HELP = `
A scenario says what the machine is, how it comes to the start, which boundaries are tried with which events, and what
may differ. See docs/guide/explore.md; scenarios/ has some.

Exit codes:
  0 no failures   1 failures found   2 usage or scenario   6 a file cannot be written
  130 interrupted; what was found is reported`;

function withOutput(command: Command): Command {
  return command
    .option('--report <FILE>', 'the report as JSON, for unmaskable replay FILE#N')
    .option('--html <FILE>', 'the report as a page to keep')
    .option('--junit <FILE>', 'the report as JUnit XML');
}

/** Adds the command. */
export function addExploreCommand(program: Command, host: Host, done: (exitCode: number) => void): void {
  const command = program
    .command('explore')
    .description('try an event at every boundary of a window of a running guest')
    .argument('<SCENARIO>', 'a .yaml, .json, .mjs or .ts file; or: merge JOURNAL...')
    .option('--workers <N>', 'worker threads (default: one for each core)')
    .option('--variant <NAME>', 'a variant of a scenario that is a module')
    .option('--shard <K/N>', 'only part K of N of the boundaries')
    .option('--journal <FILE>', 'write each result at once, for --resume and merge')
    .option('--resume', 'go on where the journal ends')
    .option('--engine <NAME>', 'compiled or interpreter: the same results (default: compiled)')
    .option('--quiet', 'no progress');
  withOutput(command)
    .addHelpText('after', HELP)
    .action(async (path: string, flags: ExploreFlags) => done(await exploreCommand(path, flags, host)));
  withOutput(command.command('merge <JOURNAL...>').description('one report from the journals of several parts')).action(
    // The parent has options of the same names, and takes them first.
    async (paths: string[], _flags: OutputFlags, merge: Command) =>
      done(await mergeCommand(paths, merge.optsWithGlobals<OutputFlags>(), host)),
  );
}
