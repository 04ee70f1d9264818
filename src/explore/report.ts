/** What a campaign found, as plain data: outcomes by place and by kind, and what was not covered. */
import type { Explorer } from './explorer.ts';
import { type ExploreLimits, LIMITS } from './limits.ts';
import type { ScheduleCoverage } from './schedules.ts';
import { type CaseResult, GOOD_OUTCOMES, OUTCOMES, type OutcomeKind, type Point } from './types.ts';

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

/** What is the same for all parts of a campaign. */
export interface CampaignHead {
  readonly window: {
    readonly startSteps: number;
    readonly closeStep: number;
    readonly endStep: number;
    /** Why the undisturbed run ended there: `limit` for a number of steps. */
    readonly end: string;
    /** The limit that closed it. */
    readonly cut: keyof ExploreLimits | null;
  };
  readonly boundaries: number;
  readonly events: readonly string[];
  readonly frozen: boolean;
  readonly compared: boolean;
  /** Boundaries that are to be tried of those in the window, by all parts together. */
  readonly chosen: number;
  readonly limits: ExploreLimits;
  /** What the undisturbed run itself has to say: it counts as trouble nowhere. */
  readonly known: readonly string[];
}

/** What became of all cases of a point. */
export interface UnitResult {
  readonly point: Point;
  /** Name of the boundary. */
  readonly place: string;
  readonly results: readonly CaseResult[];
  /** Second events were drawn, not all tried. */
  readonly pairsDrawn: boolean;
}

/** What was run of a campaign. */
export interface CampaignParts {
  readonly units: readonly UnitResult[];
  /** Boundaries that this part, or these parts, were to try. */
  readonly wanted: number;
  readonly scheduled: readonly CaseResult[];
  readonly schedules: ScheduleCoverage | undefined;
}

/** What a campaign found. */
export interface ExploreReport extends CampaignHead {
  readonly coverage: Coverage;
  /** Failures first, the most frequent of an outcome first. */
  readonly kinds: readonly ResultKind[];
  /** Every result: by point, then schedules. */
  readonly results: readonly CaseResult[];
}

/** Whether the result is one that somebody has to look at. */
export const isFailure = ({ outcome }: Pick<CaseResult, 'outcome'>): boolean => !GOOD_OUTCOMES.has(outcome);

function notCoveredOf(head: CampaignHead, { units, wanted, schedules }: CampaignParts): NotCovered[] {
  const { limits, window, events, boundaries, chosen } = head;
  const found: NotCovered[] = [];
  const byLimit = (limit: keyof ExploreLimits, text: string): void =>
    void found.push({ limit, text: `${text} (${limit} ${limits[limit]}). ${LIMITS[limit].advice}` });
  if (window.cut) byLimit(window.cut, 'The window was closed by a limit');
  if (events.length > 0) {
    if (chosen < boundaries) found.push({ text: `${boundaries - chosen} of ${boundaries} boundaries were not drawn.` });
    if (wanted < chosen) found.push({ text: `${chosen - wanted} of ${chosen} boundaries belong to other shards.` });
    if (units.length < wanted)
      found.push({ text: `${wanted - units.length} boundaries were not reached: the campaign was broken off.` });
  }
  const pairsDrawn = units.filter((unit) => unit.pairsDrawn).length;
  if (pairsDrawn > 0) byLimit('pairsMax', `At ${pairsDrawn} boundaries not every second event was tried`);
  if (schedules?.brokenOff)
    found.push({ text: `${schedules.left} schedules and what follows from them: the campaign was broken off.` });
  else if (schedules && schedules.left > 0) byLimit('schedulesMax', `${schedules.left} schedules were not tried`);
  if (schedules && schedules.cut > 0)
    byLimit('scheduleStepsMax', `${schedules.cut} schedules were followed only for so many steps`);
  for (const text of head.known)
    found.push({ text: `The undisturbed run shows this itself, so it counts as trouble nowhere: ${text}` });
  if (!head.compared)
    found.push({ text: 'End states were not compared: only what the guest and the checks say counts.' });
  return found;
}

function coverageOf(head: CampaignHead, parts: CampaignParts, results: readonly CaseResult[]): Coverage {
  let [atOnce, later, undelivered] = [0, 0, 0];
  const elsewhere: number[] = [];
  for (const { point, results: ofPoint } of parts.units) {
    for (const { case: of, delivered, outcome } of ofPoint) {
      if (of.injections.length !== 1) continue;
      const [first] = delivered;
      if (!first) {
        if (outcome !== 'refused') undelivered++;
      } else if (first.step !== point.step) later++;
      else {
        atOnce++;
        if (first.pe === point.pe && first.pc !== point.pc) elsewhere.push(point.index);
      }
    }
  }
  return {
    boundaries: head.boundaries,
    wanted: parts.wanted,
    tried: parts.units.length,
    cases: results.length,
    atOnce,
    later,
    undelivered,
    elsewhere,
    converged: results.filter(({ converged }) => converged).length,
    schedules: parts.schedules,
    notCovered: notCoveredOf(head, parts),
  };
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

/** What is the same for all parts of the campaign of an explorer. */
export function headOf(explorer: Explorer, chosen: number): CampaignHead {
  const { baseline, events, limits, frozen, compared } = explorer;
  const { end, startSteps, closeStep, cut } = baseline;
  return {
    window: { startSteps, closeStep, endStep: end.step, end: end.reason, cut: cut ?? null },
    boundaries: baseline.points.length,
    events: events.map(({ name }) => name),
    frozen,
    compared,
    chosen,
    limits,
    known: [...explorer.watch.known],
  };
}

/** The whole report, from what was run in whatever order. */
export function reportOf(head: CampaignHead, parts: CampaignParts): ExploreReport {
  const units = [...parts.units].sort((a, b) => a.point.index - b.point.index);
  const results = [...units.flatMap((unit) => unit.results), ...parts.scheduled];
  const places = new Map(units.map(({ point, place }) => [point.index, place]));
  const place = ({ case: of }: CaseResult): string => places.get(of.point ?? -1) ?? 'schedules';
  const coverage = coverageOf(head, { ...parts, units }, results);
  return { ...head, coverage, kinds: kindsOf(results, place), results };
}
