/** `unmaskable replay REPORT#N`: one run of a campaign again, alone, with everything that can be seen of it. */
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import type { Command } from 'commander';
import type { Explorer } from '../explore/explorer.ts';
import type { CaseResult } from '../explore/types.ts';
import { UsageError } from './errors.ts';
import { startScenario } from './explore-campaign.ts';
import { decodeJson } from './explore-json.ts';
import { type FullReport, REPORT_FORMAT } from './explore-output.ts';
import { openScenario } from './explore-scenario.ts';
import type { Host } from './host.ts';
import { readInput } from './inputs.ts';
import { grouped } from './report.ts';
import { engineOf } from './sources.ts';
import { addTraceOptions, parseTrace, type TraceFlags, Traces } from './trace.ts';

/** Steps of the undisturbed run that are shown before the first event. */
const BEFORE_STEPS = 100;
/** Differences that are listed. */
const DIFFERENCES_MAX = 40;

interface ReplayFlags extends TraceFlags {
  readonly scenario?: string;
  readonly engine?: string;
}

function readReport(host: Host, path: string): FullReport {
  const text = new TextDecoder().decode(readInput(host, 'replay', path));
  let read: FullReport | undefined;
  try {
    read = decodeJson(text) as FullReport;
  } catch {
    read = undefined;
  }
  if (read?.format === REPORT_FORMAT) return read;
  throw new UsageError('E_REPORT', `${path}: is no report of explore (${REPORT_FORMAT}). Give what --report wrote.`);
}

/** The scenario of a report: by its path from here, or from where the report lies. @throws UsageError `E_REPORT` */
function scenarioOf({ scenario }: FullReport, report: string): string {
  const beside = join(dirname(report), scenario);
  const found = [scenario, beside].find((path) => existsSync(path));
  // A test has its files in memory.
  if (found !== undefined || !existsSync(report)) return found ?? scenario;
  const places = isAbsolute(scenario) ? scenario : `${scenario} or ${beside}`;
  throw new UsageError('E_REPORT', `${report}: its scenario is not there: ${places}. Name it with --scenario FILE.`);
}

function resultOf({ report }: FullReport, path: string, which: string): CaseResult {
  const kind = report.kinds.find(({ number }) => `${number}` === which);
  const found = kind?.first ?? report.results.find(({ case: of }) => of.id === which);
  if (found) return found;
  const known = report.kinds.map(({ number, outcome }) => `${number} (${outcome})`).join(', ');
  throw new UsageError(
    'E_REPORT',
    `${path}#${which}: the report has no such run. Kinds: ${known}. Or a case, as 12:0.`,
  );
}

/** A place that was interrupted; hosted code as it was called when the undisturbed run was there. */
function nameAt(explorer: Explorer, pc: bigint): string {
  return explorer.baseline.points.find((point) => point.pc === pc)?.hosted ?? explorer.name(pc);
}

async function replayCommand(target: string, flags: ReplayFlags, host: Host): Promise<number> {
  const [, path, which] = /^(.+)#([^#]+)$/.exec(target) ?? [];
  if (path === undefined || which === undefined)
    throw new UsageError('E_REPORT', `replay '${target}': write REPORT#N, e.g. report.json#1.`);
  const full = readReport(host, path);
  const wanted = resultOf(full, path, which);
  const traced = parseTrace(flags);
  const choice = { path: flags.scenario ?? scenarioOf(full, path), variant: full.variant };
  const { explorer, machine, digest } = await startScenario(await openScenario(choice, host), host, engineOf(flags));
  if (digest !== full.start) {
    const advice = 'Scenario, kernel or version of unmaskable are others than those of the report.';
    host.writeErr(`unmaskable: the machine at the start is not that of the report. ${advice}\n`);
  }
  const { injections, switches } = wanted.case;
  const first = Math.min(...[...injections, ...switches].map(({ step }) => step), explorer.baseline.end.step);
  const from = Math.max(0, first - BEFORE_STEPS);
  explorer.goTo(from);
  const traces = traced && new Traces(traced, host, (address) => explorer.symbols.symbolize(address));
  traces?.attach(machine);
  const result = explorer.run(wanted.case, from);
  traces?.end();
  const lines = [`case ${result.case.id}: ${result.outcome}${result.detail === '' ? '' : `: ${result.detail}`}`];
  for (const { event, step, pe } of injections)
    lines.push(`  ${explorer.events[event]!.name} after ${grouped(step)} steps from the start, PE ${pe} about to step`);
  for (const { step, pe } of switches) lines.push(`  PE ${pe} gets the turn after ${grouped(step)} steps`);
  for (const { event, pc, pe, step } of result.delivered)
    lines.push(
      `  ${explorer.events[event]!.name} interrupted PE ${pe} at ${nameAt(explorer, pc)}, step ${grouped(step)}`,
    );
  for (const { part, what, expected, found } of result.differences.slice(0, DIFFERENCES_MAX))
    lines.push(`  ${part} ${what}: undisturbed ${expected}, found ${found}`);
  await host.writeOut(new TextEncoder().encode(`${lines.join('\n')}\n`));
  const same = result.outcome === wanted.outcome && result.detail === wanted.detail;
  host.writeErr(`unmaskable: ${same ? 'as in the report' : `the report has: ${wanted.outcome}: ${wanted.detail}`}\n`);
  return same ? 0 : 1;
}

/** Adds the command. */
export function addReplayCommand(program: Command, host: Host, done: (exitCode: number) => void): void {
  const command = program
    .command('replay')
    .description('have a run of a report of explore again: replay REPORT.json#N')
    .argument('<REPORT#N>', 'N is the number of a kind in the report, or the name of a case such as 12:0')
    .option('--scenario <FILE>', 'the scenario, when it is not where the report says')
    .option('--engine <NAME>', 'compiled or interpreter: the same run (default: compiled)');
  addTraceOptions(command);
  command.action(async (target: string, flags: ReplayFlags) => done(await replayCommand(target, flags, host)));
}
