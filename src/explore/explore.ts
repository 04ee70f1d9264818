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

/** Runs everything that is to be tried at one point, one case after the other; gives all of it at the end. */
export function* stepsOfPoint(explorer: Explorer, point: number): Generator<CaseResult, UnitResult> {
  const at = explorer.baseline.points[point]!;
  const { recheckEvery } = explorer.limits;
  const twice = recheckEvery > 0 && point % recheckEvery === 0;
  const results: CaseResult[] = [];
  for (const single of singles(explorer, at)) {
    const result = runChecked(explorer, single, twice);
    results.push(result);
    yield result;
  }
  const second = pairs(explorer, at);
  for (const pair of second.cases) {
    const result = runChecked(explorer, pair, false);
    results.push(result);
    yield result;
  }
  return { point: at, place: at.hosted ?? explorer.name(at.pc), results, pairsDrawn: second.drawn };
}

/** The same at once. */
export function runPoint(explorer: Explorer, point: number): UnitResult {
  const steps = stepsOfPoint(explorer, point);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Schedules, with events at their boundaries when that is asked for. Whoever leaves them broke them off. */
export class ScheduleRuns {
  private readonly explorer: Explorer;
  private readonly schedules: Schedules;

  constructor(explorer: Explorer) {
    this.explorer = explorer;
    this.schedules = new Schedules(explorer, explorer.options.schedules!.preemptionsMax);
  }

  /** Each result once. */
  *all(): Generator<CaseResult> {
    const { explorer } = this;
    for (const { result, steps } of this.schedules.all()) {
      yield result;
      if (!explorer.options.schedules!.withEvents) continue;
      const { switches, id } = result.case;
      const from = switches.at(-1)?.step ?? 0;
      for (const { step, pe } of steps) {
        if (step < from) continue;
        for (const event of explorer.events.keys())
          yield explorer.run({ id: `${id}+${step}:${event}`, injections: [{ event, step, pe }], switches });
      }
    }
  }
  /** How far they were tried. */
  get coverage(): ScheduleCoverage {
    return this.schedules.coverage;
  }
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
    if (goOn && options.schedules) {
      const runs = new ScheduleRuns(explorer);
      for (const result of runs.all()) {
        scheduled.push(result);
        if (!hear(result)) break;
      }
      schedules = runs.coverage;
    }
    return reportOf(headOf(explorer, all.length), { units, wanted: wanted.length, scheduled, schedules });
  } finally {
    explorer.close();
  }
}
