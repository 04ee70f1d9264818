/** The undisturbed run on its way to another thread, which need not look for the window again. */
import type { Explorer } from './explorer.ts';
import { singles } from './plan.ts';
import type { UnitResult } from './report.ts';
import type { CaseResult } from './types.ts';
import type { KnownRun } from './window.ts';

/** See the head of the file: everything in it can be posted, and the boundaries lie in memory that threads share. */
export interface HandedRun extends Omit<KnownRun, 'points'> {
  /** By boundary: steps since the start, PE, Exception level, PC. */
  readonly steps: Float64Array;
  readonly pes: Uint8Array;
  readonly els: Uint8Array;
  readonly pcs: BigUint64Array;
  /** Names of boundaries in hosted code, by boundary. */
  readonly hosted: ReadonlyMap<number, string>;
}

/** A run as data for other threads. */
export function handRun({ points, ...rest }: KnownRun): HandedRun {
  const room = (bytesEach: number): SharedArrayBuffer => new SharedArrayBuffer(points.length * bytesEach);
  const steps = new Float64Array(room(8));
  const pes = new Uint8Array(room(1));
  const els = new Uint8Array(room(1));
  const pcs = new BigUint64Array(room(8));
  const hosted = new Map<number, string>();
  for (const { index, step, pe, pc, el, hosted: name } of points) {
    steps[index] = step;
    pes[index] = pe;
    els[index] = el;
    pcs[index] = pc;
    if (name !== undefined) hosted.set(index, name);
  }
  return { ...rest, steps, pes, els, pcs, hosted };
}

/** The run that was handed over. */
export function runOfHanded({ steps, pes, els, pcs, hosted, ...rest }: HandedRun): KnownRun {
  const points = Array.from(steps, (step, index) => {
    const point = { index, step, pe: pes[index]!, pc: pcs[index]!, el: els[index]! };
    const name = hosted.get(index);
    return name === undefined ? point : { ...point, hosted: name };
  });
  return { ...rest, points };
}

/** What came of a boundary on its way back; what both sides know is left out. */
export interface SentUnit extends Omit<UnitResult, 'point' | 'results'> {
  /** Index of the boundary. */
  readonly point: number;
  /** The single events in their order, without the case; then pairs. */
  readonly results: readonly (CaseResult | Omit<CaseResult, 'case'>)[];
}

/** What came of a boundary, to be sent. */
export function sentUnit({ events }: Explorer, { point, results, ...rest }: UnitResult): SentUnit {
  const short = results.map((result, n) => {
    if (n >= events.length) return result;
    const { case: _, ...same } = result;
    return same;
  });
  return { ...rest, point: point.index, results: short };
}

/** What was sent, as the explorer here would have it. */
export function receivedUnit(explorer: Explorer, { point: index, place, results, pairsDrawn }: SentUnit): UnitResult {
  const point = explorer.baseline.points[index]!;
  const cases = singles(explorer, point);
  return {
    point,
    place,
    results: results.map((result, n) => ('case' in result ? result : { case: cases[n]!, ...result })),
    pairsDrawn,
  };
}
