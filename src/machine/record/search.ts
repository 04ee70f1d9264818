/** Finds the first step at which two machines that play the same recording differ. */
import { collect } from '../snapshot-file/collect.ts';
import { type Difference, differences } from '../snapshot-file/diff.ts';
import type { Codec } from '../snapshot-file/sections.ts';
import type { Replay, ReplayPoint } from './replay.ts';

/** The first step at which two machines differ. */
export interface FirstDifference {
  /** They are equal after so many steps, and differ after the next. */
  readonly equalSteps: number;
  /** What differs after that step, at most `DIFFERENCES_MAX`. */
  readonly differences: readonly Difference[];
}

/** Differences that are listed. */
export const DIFFERENCES_MAX = 100;

/**
 * Finds the first step after which two machines differ, by halving: both play the same recording.
 *
 * @param to - a step count at which they differ
 * @returns undefined when they are equal at `to`, or differ where the replays are now
 */
export function firstDifference(a: Replay, b: Replay, to: number, codec: Codec): FirstDifference | undefined {
  const both = [a, b] as const;
  for (const replay of both) replay.blind = true;
  const same = (): boolean => a.machine.digest() === b.machine.digest();
  if (!same()) return undefined;
  const points = (): readonly ReplayPoint[] => both.map((replay) => replay.point());
  const back = (to: readonly ReplayPoint[]): void => both.forEach((replay, n) => void replay.goTo(to[n]!));
  const goEqual = (steps: number): boolean => {
    const came = both.map((replay) => replay.runTo(steps));
    return came[0] === came[1] && same();
  };
  let low = points();
  let lowSteps = a.machine.steps;
  let high = to;
  if (goEqual(high)) return undefined;
  while (high - lowSteps > 1) {
    back(low);
    const middle = lowSteps + Math.floor((high - lowSteps) / 2);
    if (goEqual(middle)) {
      low = points();
      lowSteps = middle;
    } else high = middle;
  }
  back(low);
  goEqual(high);
  const [x, y] = both.map(({ machine }) => collect(machine, machine.snapshot(), codec));
  const found: Difference[] = [];
  for (const difference of differences(x!, y!)) {
    if (difference.part === 'options') continue;
    if (found.push(difference) >= DIFFERENCES_MAX) break;
  }
  return { equalSteps: lowSteps, differences: found };
}
