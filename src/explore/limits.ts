/** How far an exploration goes before it says so. */
import { ExploreError } from './errors.ts';

/** Every limit of an exploration, by name. */
export interface ExploreLimits {
  /** Steps from the start until the window opens, and from there between calls of its function. */
  readonly findStepsMax: number;
  /** Steps with the window open. */
  readonly windowStepsMax: number;
  /** Boundaries in the window. */
  readonly pointsMax: number;
  /** Steps of one run, behind its first event. 0: four times those of the undisturbed run and 2,000,000. */
  readonly runStepsMax: number;
  /** Steps that a guest in trouble gets to say what it is. */
  readonly troubleStepsMax: number;
  /** Second events for each first one; more are drawn from. */
  readonly pairsMax: number;
  /** Steps of a handler within which a second event is put in. */
  readonly handlerStepsMax: number;
  /** Schedules. */
  readonly schedulesMax: number;
  /** Steps of one schedule's run, before which switches are tried and behind which it may end. */
  readonly scheduleStepsMax: number;
  /** Arrivals at one instruction, within which a state must come again to be found again. */
  readonly cycleArrivalsMax: number;
  /** Steps that such a search may take. */
  readonly cycleStepsMax: number;
  /** Differences of two states that are listed. */
  readonly differencesMax: number;
  /** Every so many points a run is made twice and must be the same; 0: never. */
  readonly recheckEvery: number;
}

/** What they are unless given, and what to do when one is reached. */
export const LIMITS: Readonly<Record<keyof ExploreLimits, { readonly value: number; readonly advice: string }>> = {
  findStepsMax: { value: 5_000_000_000, advice: 'The window never opened: is its beginning ever reached?' },
  windowStepsMax: { value: 2_000_000, advice: 'The window did not close. Give a nearer end, or raise it.' },
  pointsMax: { value: 1_000_000, advice: 'Boundaries behind it are not tried. Narrow the window, or raise it.' },
  runStepsMax: { value: 0, advice: 'Raise it when the guest only needs longer.' },
  troubleStepsMax: { value: 3_000_000, advice: 'The message of a panic may be missing.' },
  pairsMax: { value: 200, advice: 'Second events were drawn, not all tried. Raise it to try all.' },
  handlerStepsMax: { value: 100_000, advice: 'Second events behind it are not tried.' },
  schedulesMax: { value: 100_000, advice: 'Schedules are left. Raise it, or lower preemptionsMax.' },
  scheduleStepsMax: { value: 100_000, advice: 'Often a loop that waits for another PE without WFE or YIELD.' },
  cycleArrivalsMax: { value: 400, advice: 'A livelock is then only suspected.' },
  cycleStepsMax: { value: 400_000, advice: 'A livelock is then only suspected.' },
  differencesMax: { value: 20, advice: 'Further differences are not listed.' },
  recheckEvery: { value: 500, advice: '' },
};

/** All limits, with what was given in place of the defaults. @throws ExploreError `E_EXPLORE` for what is no whole number from 0 */
export function limitsOf(given: Partial<ExploreLimits> = {}): ExploreLimits {
  const all = Object.fromEntries(Object.entries(LIMITS).map(([name, { value }]) => [name, value]));
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(LIMITS, name))
      throw new ExploreError(
        'E_EXPLORE',
        `limits.${name}: there is no such limit. Known: ${Object.keys(LIMITS).join(', ')}.`,
      );
    if (!Number.isSafeInteger(value) || value < 0)
      throw new ExploreError('E_EXPLORE', `limits.${name}: ${value} is no whole number from 0.`);
    all[name] = value;
  }
  return all as unknown as ExploreLimits;
}
