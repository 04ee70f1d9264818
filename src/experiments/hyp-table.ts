/** Sweeps over the boundaries of hand-over as lines: counts, and where the boundaries begin and end that are lost. */
import { ExperimentError } from './experiment.ts';
import { type HypOutcome, type HypSpec, type HypSweep, type HypTry, sweepBoundaries } from './hyp-boundaries.ts';

/** Boundaries of one specification have numbers below this in a report of several. */
const SPEC_STRIDE = 10_000;
/** Outcomes that say that nothing was wrong. */
const FINE: ReadonlySet<HypOutcome> = new Set(['reached', 'not taken', 'no vectors', 'second fault']);
/** Hand-over failed, and a kernel that is right would not have. */
export const isLost = ({ outcome }: Pick<HypTry, 'outcome'>): boolean => !FINE.has(outcome);

/** What several sweeps have shown. */
export interface HypTable {
  /** A line for each specification: outcomes, and where those are that are bad. */
  readonly lines: readonly string[];
  /** Bad boundaries of all. */
  readonly bad: number;
  readonly tries: number;
  /** The first bad one, as a replay wants it. */
  readonly at: number | undefined;
}

/**
 * Tries a sample of the boundaries of each of several specifications, or the one that a replay names.
 *
 * @throws ExperimentError when there is no such boundary, or nothing can come there
 */
export function hypTable(
  specs: readonly HypSpec[],
  only?: number,
  isBad: (outcome: HypOutcome) => boolean = (outcome) => isLost({ outcome }),
): HypTable {
  const lines: string[] = [];
  let [bad, tries] = [0, 0];
  let at: number | undefined;
  const chosen = only === undefined ? [...specs.keys()] : [specOf(specs, only)];
  for (const n of chosen) {
    const spec = specs[n]!;
    const sweep = sweepBoundaries(spec, { only: only === undefined ? undefined : only % SPEC_STRIDE });
    if (only !== undefined && sweep.tries.length === 0) throw nothingAt(only, n * SPEC_STRIDE, spec, sweep);
    const wrong = sweep.tries.filter(({ outcome }) => isBad(outcome));
    tries += sweep.tries.length;
    bad += wrong.length;
    if (wrong[0] && at === undefined) at = n * SPEC_STRIDE + wrong[0].at;
    lines.push(rowLine(spec, sweep, wrong, only !== undefined));
  }
  return { lines, bad, tries, at };
}

/** Number of the specification that a boundary is of. */
function specOf(specs: readonly HypSpec[], only: number): number {
  const n = Math.floor(only / SPEC_STRIDE);
  if (n < specs.length) return n;
  const all = specs.map((spec, k) => `from ${k * SPEC_STRIDE} ${titleOf(spec)}`).join('; ');
  throw new ExperimentError(`--at ${only}: this run has no such boundary. There are: ${all}. Choose one of those.`);
}
function nothingAt(only: number, first: number, spec: HypSpec, { boundaries, quiet }: HypSweep): ExperimentError {
  const title = titleOf(spec);
  if (quiet > 0)
    return new ExperimentError(
      `--at ${only}: no ${spec.event} can come at that boundary of ${title}: the PE is off or waits, or an owner of EL2 ` +
        'runs, which does not fault. Choose one that the experiment prints.',
    );
  const range = `${first} to ${first + boundaries - 1}`;
  return new ExperimentError(`--at ${only}: ${title} has boundaries ${range}. Choose one of those.`);
}

/** What a sweep is of: `arm64 4.8 VHE, kexec, sdei`. */
export function titleOf({ abi, vhe, sequence, event, pe, cpus = 1 }: HypSpec): string {
  const name = typeof abi === 'string' ? abi : abi.name;
  const on = pe === undefined ? '' : ` on PE ${pe}`;
  const of = cpus > 1 ? `, ${cpus} CPUs` : '';
  return `${name}${vhe ? ' VHE' : ''}, ${sequence}, ${event}${on}${of}`;
}
/** Outcomes by how often they were seen, the first seen first: `22 reached, 8 dead`. */
export function countsText(tries: readonly Pick<HypTry, 'outcome'>[]): string {
  const counts = new Map<HypOutcome, number>();
  for (const { outcome } of tries) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return [...counts].map(([outcome, n]) => `${n} ${outcome}`).join(', ') || 'none tried';
}

function rowLine(spec: HypSpec, { tries, leftOut }: HypSweep, wrong: readonly HypTry[], alone: boolean): string {
  const [first, last] = [wrong[0], wrong.at(-1)];
  const where = first && last ? `; bad from ${first.at} (${first.where}) to ${last.at} (${last.where})` : '';
  const sample = leftOut > 0 && !alone ? `; ${leftOut} left out, npm run handover tries them` : '';
  return `${titleOf(spec)}: ${countsText(tries)}${where}${sample}`;
}

/** Neighbours that are lost in the same way. */
export interface HypRange {
  readonly outcome: HypOutcome;
  readonly first: HypTry;
  readonly last: HypTry;
  readonly count: number;
}
/** Lost boundaries as ranges; what lies between two of one range could not be tried, or is lost in the same way. */
export function lostRanges(tries: readonly HypTry[]): HypRange[] {
  const ranges: HypRange[] = [];
  let open: HypRange | undefined;
  for (const one of tries) {
    const { outcome } = one;
    if (isLost(one) && open?.outcome === outcome) {
      open = { ...open, last: one, count: open.count + 1 };
      ranges[ranges.length - 1] = open;
    } else if (isLost(one)) {
      open = { outcome, first: one, last: one, count: 1 };
      ranges.push(open);
    } else open = undefined;
  }
  return ranges;
}
