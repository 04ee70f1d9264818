/** Trying every boundary of a window: the whole campaign on one machine, and its parts for those who spread it. */
import type { Symbols } from '../debug/symbols/symbols.ts';
import type { Machine } from '../machine/machine.ts';
import { Explorer } from './explorer.ts';
import { pairs, pointsOf, shardOf, singles } from './plan.ts';
import { type ExploreReport, headOf, reportOf, type UnitResult } from './report.ts';
import { type ScheduleCoverage, Schedules } from './schedules.ts';
import type { Case, CaseResult, ExploreOptions } from './types.ts';

/** Two results of one case are the same run. */
function sameResult(a: CaseResult, b: CaseResult): boolean {
  const text = (result: CaseResult): string =>
    JSON.stringify(result, (_name, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
  return text(a) === text(b);
}

/** Runs a case, and if it is to be checked a second time: a run that is not the same twice is a mistake of ours. */
function runChecked(explorer: Explorer, tried: Case, twice: boolean): CaseResult {
  const result = explorer.run(tried);
  if (!twice) return result;
  const again = explorer.run(tried);
  if (sameResult(result, again)) return result;
  const detail = `not the same twice: ${result.outcome} (${result.detail}), then ${again.outcome} (${again.detail})`;
  return { ...result, outcome: 'error', detail, kind: 'error: not the same twice' };
}

/** Runs everything that is to be tried at one point. */
export function runPoint(explorer: Explorer, point: number): UnitResult {
  const at = explorer.baseline.points[point]!;
  const { recheckEvery } = explorer.limits;
  const twice = recheckEvery > 0 && point % recheckEvery === 0;
  const results = singles(explorer, at).map((single) => runChecked(explorer, single, twice));
  const second = pairs(explorer, at);
  for (const pair of second.cases) results.push(runChecked(explorer, pair, false));
  return { point: at, place: explorer.name(at.pc), results, pairsDrawn: second.drawn };
}

/**
 * Runs schedules, with events at their boundaries when that is asked for.
 *
 * @param hear - is told of each result; false ends it
 */
export function runSchedules(explorer: Explorer, hear: (result: CaseResult) => boolean): ScheduleCoverage {
  const wanted = explorer.options.schedules!;
  const schedules = new Schedules(explorer, wanted.preemptionsMax);
  for (const { result, steps } of schedules.all()) {
    if (!hear(result)) break;
    if (!wanted.withEvents) continue;
    const { switches, id } = result.case;
    const from = switches.at(-1)?.step ?? 0;
    for (const { step, pe } of steps) {
      if (step < from) continue;
      for (const event of explorer.events.keys()) {
        const injections = [{ event, step, pe }];
        if (!hear(explorer.run({ id: `${id}+${step}:${event}`, injections, switches }))) return schedules.coverage;
      }
    }
  }
  return schedules.coverage;
}

/** How a campaign is watched. */
export interface ExploreWatch {
  /** Is told of each result; false ends the campaign, with what was found so far. */
  readonly onResult?: (result: CaseResult) => boolean | undefined;
  readonly symbols?: Symbols;
  /** Only the part `index` of `of`, from 1. */
  readonly shard?: { readonly index: number; readonly of: number };
}

/**
 * Tries every boundary of a window of a running guest, from where the machine is, and says what happened.
 *
 * Everything follows from the machine's state and the options: the same report on every host. The machine is put back
 * where it was.
 *
 * @throws ExploreError when window, events or limits cannot be
 *
 * @example
 * const machine = Machine.create({ kernel, initrd });
 * machine.run({ steps: 900_000_000 });
 * const report = explore(machine, { window: { function: { name: 'do_idle' } }, events: [sdei(0)] });
 * const lines = report.kinds.map(({ outcome, count, first }) => `${outcome}: ${count}, first ${first.case.id}`);
 */
export function explore(machine: Machine, options: ExploreOptions, watch: ExploreWatch = {}): ExploreReport {
  const explorer = new Explorer(machine, options, watch.symbols);
  try {
    const hear = (result: CaseResult): boolean => watch.onResult?.(result) !== false;
    const all = pointsOf(explorer);
    const wanted = watch.shard ? shardOf(all, watch.shard.index, watch.shard.of) : all;
    const units: UnitResult[] = [];
    const scheduled: CaseResult[] = [];
    let goOn = true;
    for (const point of explorer.events.length > 0 ? wanted : []) {
      if (!goOn) break;
      const unit = runPoint(explorer, point);
      units.push(unit);
      for (const result of unit.results) goOn = hear(result) && goOn;
    }
    let schedules: ScheduleCoverage | undefined;
    if (goOn && options.schedules)
      schedules = runSchedules(explorer, (result) => {
        scheduled.push(result);
        return hear(result);
      });
    return reportOf(headOf(explorer, all.length), { units, wanted: wanted.length, scheduled, schedules });
  } finally {
    explorer.close();
  }
}
