/** What a campaign found, as plain data: outcomes by place and by kind, and what was not covered. */
import type { Explorer } from './explorer.ts';
import { type ExploreLimits, LIMITS } from './limits.ts';
import type { ScheduleCoverage } from './schedules.ts';
import { type CaseResult, GOOD_OUTCOMES, OUTCOMES, type OutcomeKind } from './types.ts';

/** Results that have outcome and kind in common. */
export interface ResultKind {
  /** Number of the kind in the report, from 1: what a replay line names. */
  readonly number: number;
  readonly outcome: OutcomeKind;
  readonly kind: string;
  readonly failure: boolean;
  readonly count: number;
  /** Its places with their counts, the most frequent first. */
  readonly places: readonly { readonly place: string; readonly count: number }[];
  readonly first: CaseResult;
}

/** Something that was not tried, and why. */
export interface NotCovered {
  /** The limit that is behind it, where one is. */
  readonly limit?: keyof ExploreLimits;
  readonly text: string;
}

/** What was tried, in numbers. */
export interface Coverage {
  /** Boundaries in the window, and how many of them were to be tried, and were. */
  readonly boundaries: number;
  readonly wanted: number;
  readonly tried: number;
  /** Cases that were run. */
  readonly cases: number;
  /** Single events that were delivered at their own boundary. */
  readonly atOnce: number;
  /** Those that were delivered later, since the guest masked them. */
  readonly later: number;
  readonly undelivered: number;
  /** Points where the first delivery at once did not interrupt what the undisturbed run has there; must be none. */
  readonly elsewhere: readonly number[];
  /** Runs that ended before the end because the state was the undisturbed run's again. */
  readonly converged: number;
  readonly schedules: ScheduleCoverage | undefined;
  readonly notCovered: readonly NotCovered[];
}

/** What a campaign found. */
export interface ExploreReport {
  readonly window: {
    readonly startSteps: number;
    readonly closeStep: number;
    readonly endStep: number;
    readonly end: string;
  };
  readonly events: readonly string[];
  readonly coverage: Coverage;
  /** Failures first, the most frequent of an outcome first. */
  readonly kinds: readonly ResultKind[];
  readonly limits: ExploreLimits;
  /** Every result, in the order of points. */
  readonly results: readonly CaseResult[];
}

/** What was tried and what not. */
export interface TriedPoints {
  readonly tried: readonly number[];
  readonly wanted: readonly number[];
  readonly pairsDrawn: number;
  readonly schedules: ScheduleCoverage | undefined;
}

/** Whether the result is one that somebody has to look at. */
export const isFailure = ({ outcome }: Pick<CaseResult, 'outcome'>): boolean => !GOOD_OUTCOMES.has(outcome);

function notCoveredOf(explorer: Explorer, { tried, wanted, pairsDrawn, schedules }: TriedPoints): NotCovered[] {
  const { baseline, options, limits, events } = explorer;
  const found: NotCovered[] = [];
  const byLimit = (limit: keyof ExploreLimits, text: string): void =>
    void found.push({ limit, text: `${text} (${limit} ${limits[limit]}). ${LIMITS[limit].advice}` });
  if (baseline.cut) byLimit(baseline.cut, 'The window was closed by a limit');
  const total = baseline.points.length;
  if (events.length > 0 && wanted.length < total)
    found.push({
      text: `${total - wanted.length} of ${total} boundaries are left to ${options.sample ? 'other draws' : 'other shards'}.`,
    });
  if (events.length > 0 && tried.length < wanted.length)
    found.push({ text: `${wanted.length - tried.length} boundaries were not reached: the campaign was broken off.` });
  if (pairsDrawn > 0) byLimit('pairsMax', `At ${pairsDrawn} boundaries not every second event was tried`);
  if (schedules && schedules.left > 0) byLimit('schedulesMax', `${schedules.left} schedules were not tried`);
  if (schedules && schedules.cut > 0)
    byLimit('scheduleStepsMax', `${schedules.cut} schedules were followed only for so many steps`);
  if (!explorer.frozen) found.push({ text: 'Injected time is counted: end states were not compared.' });
  return found;
}

/** Numbers of what was tried. */
export function coverageOf(explorer: Explorer, results: readonly CaseResult[], tried: TriedPoints): Coverage {
  const { points } = explorer.baseline;
  let [atOnce, later, undelivered] = [0, 0, 0];
  const elsewhere: number[] = [];
  for (const { case: of, delivered, outcome } of results) {
    if (of.injections.length !== 1 || of.point === undefined) continue;
    const [injection] = of.injections;
    const [first] = delivered;
    if (!first) {
      if (outcome !== 'refused') undelivered++;
    } else if (first.step !== injection!.step) later++;
    else {
      atOnce++;
      const point = points[of.point]!;
      if (first.pe === point.pe && first.pc !== point.pc) elsewhere.push(of.point);
    }
  }
  return {
    boundaries: points.length,
    wanted: tried.wanted.length,
    tried: tried.tried.length,
    cases: results.length,
    atOnce,
    later,
    undelivered,
    elsewhere,
    converged: results.filter(({ converged }) => converged).length,
    schedules: tried.schedules,
    notCovered: notCoveredOf(explorer, tried),
  };
}

/** Where a case put its first event, by name: the function without its offset. */
export function placeOf(explorer: Explorer, { case: of }: CaseResult): string {
  const point = of.point === undefined ? undefined : explorer.baseline.points[of.point];
  if (!point) return of.switches.length > 0 ? 'schedules' : 'the machine';
  return explorer.name(point.pc);
}

/** Results grouped by outcome and kind, failures first. */
export function kindsOf(results: readonly CaseResult[], place: (result: CaseResult) => string): ResultKind[] {
  const groups = new Map<string, CaseResult[]>();
  for (const result of results) {
    const key = `${result.outcome}\n${result.kind}`;
    const group = groups.get(key);
    if (group) group.push(result);
    else groups.set(key, [result]);
  }
  const sorted = [...groups.values()].sort((a, b) => {
    const order = OUTCOMES.indexOf(b[0]!.outcome) - OUTCOMES.indexOf(a[0]!.outcome);
    return Number(isFailure(b[0]!)) - Number(isFailure(a[0]!)) || order || b.length - a.length;
  });
  return sorted.map((group, n) => {
    const counts = new Map<string, number>();
    for (const result of group) {
      const name = place(result);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    const places = [...counts].map(([name, count]) => ({ place: name, count })).sort((a, b) => b.count - a.count);
    const first = group[0]!;
    const { outcome, kind } = first;
    return { number: n + 1, outcome, kind, failure: isFailure(first), count: group.length, places, first };
  });
}

/** The whole report. */
export function reportOf(explorer: Explorer, results: readonly CaseResult[], coverage: Coverage): ExploreReport {
  const { baseline, events, limits } = explorer;
  const { end, startSteps, closeStep } = baseline;
  return {
    window: { startSteps, closeStep, endStep: end.step, end: end.reason },
    events: events.map(({ name }) => name),
    coverage,
    kinds: kindsOf(results, (result) => placeOf(explorer, result)),
    limits,
    results,
  };
}
