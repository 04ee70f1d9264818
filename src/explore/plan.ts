/** Which cases there are: events at boundaries, and pairs of them. */
import { ExploreError } from './errors.ts';
import type { Explorer } from './explorer.ts';
import { drawn } from './random.ts';
import type { Case, Injection, Point } from './types.ts';

/** The boundaries that are tried, in order: all of the window, or those that were drawn. */
export function pointsOf({ baseline, options }: Explorer): readonly number[] {
  const { sample } = options;
  const total = baseline.points.length;
  if (!sample) return baseline.points.map(({ index }) => index);
  if (!Number.isInteger(sample.count) || sample.count < 1)
    throw new ExploreError('E_EXPLORE', `sample.count: ${sample.count} is no whole number from 1.`);
  return drawn(total, sample.count, sample.seed);
}

/** One part of several: part `index` of `of`, from 1; each point belongs to exactly one. */
export function shardOf(points: readonly number[], index: number, of: number): readonly number[] {
  return points.filter((_, n) => n % of === index - 1);
}

/** The cases of a point with one event. */
export function singles({ events }: Explorer, { index, step, pe }: Point): Case[] {
  return events.map((_, event) => ({
    id: `${index}:${event}`,
    point: index,
    injections: [{ event, step, pe }],
    switches: [],
  }));
}

/** Steps of a run at which a second event can come: in the handler of the first one, and behind it. */
interface Extent {
  /** Step, and the PE that was about to take a step. */
  readonly inside: readonly { readonly step: number; readonly pe: number }[];
  readonly after: readonly { readonly step: number; readonly pe: number }[];
}

/** Follows a run with one event: which boundaries lie in the handler, which behind it. */
function extentOf(explorer: Explorer, single: Case, afterSteps: number): Extent {
  const { machine, watch, limits } = explorer;
  const [injection] = single.injections as [Injection];
  const inside: { step: number; pe: number }[] = [];
  const after: { step: number; pe: number }[] = [];
  let at: { pe: number; pc: bigint; sp: bigint; el: number } | undefined;
  let back = false;
  const target = explorer.events[injection.event]!.pe ?? injection.pe;
  explorer.enter(single);
  const { s } = machine.pes[target]!;
  const before = { sp: s.sp, el: s.el };
  const off = machine.on('step', (pe, pc) => {
    const step = explorer.step;
    const [delivered] = watch.delivered;
    if (delivered && !at) at = { pe: delivered.pe, pc: delivered.pc, ...before };
    if (at && pe === at.pe && pc === at.pc && s.el === at.el && s.sp === at.sp) back = true;
    if (!back) inside.push({ step, pe });
    else if (after.length < afterSteps) after.push({ step, pe });
    if (back && after.length >= afterSteps) machine.stop();
  });
  machine.run({ steps: limits.handlerStepsMax });
  off();
  // What never came back has no inside that could be told from the rest.
  return at ? { inside, after } : { inside: [], after };
}

/** The cases of a point with two events, and whether some were left out. */
export function pairs(explorer: Explorer, point: Point): { readonly cases: readonly Case[]; readonly drawn: boolean } {
  const { options, limits, events } = explorer;
  const wanted = options.pairs;
  if (!wanted) return { cases: [], drawn: false };
  const cases: Case[] = [];
  for (const single of singles(explorer, point)) {
    const [first] = single.injections as [Injection];
    const { inside, after } = extentOf(explorer, single, wanted.afterSteps ?? 0);
    for (const { step, pe } of [...(wanted.inside === false ? [] : inside), ...after]) {
      events.forEach((_, event) => {
        cases.push({
          id: `${single.id}+${step - first.step}:${event}`,
          point: point.index,
          injections: [first, { event, step, pe }],
          switches: [],
        });
      });
    }
  }
  const kept = drawn(cases.length, limits.pairsMax, point.index + 1);
  return { cases: kept.map((n) => cases[n]!), drawn: kept.length < cases.length };
}
