import { describe, expect, it } from 'vitest';
import type { SdeiVariants } from '../../src/os/sdei/variants.ts';
import { runStorm, stormOf } from './storm.ts';

/** Storms of a run; UNMASKABLE_STORMS=10000 for all of them. */
const STORMS = Number(process.env.UNMASKABLE_STORMS ?? 25);
const FIRST = Number(process.env.UNMASKABLE_STORM_FIRST ?? 0);
/** Say how far it is and what was found. */
const TALK = process.env.UNMASKABLE_STORM_TALK !== undefined;
/** Where the search for a mistake that shows in one storm of fifty begins, so that it takes less time here. */
const NARROW_WINDOW = 45;
/** Storms in which a wrong design must have been found. */
const STORMS_TO_FIND = 60;

describe('random schedules with events at random boundaries', () => {
  it(
    `the client stands ${STORMS} storms: nothing lost, nothing stuck, nothing left`,
    () => {
      const failures: string[] = [];
      for (let seed = FIRST; seed < FIRST + STORMS && failures.length < 5; seed++) {
        const failure = runStorm(stormOf(seed));
        if (failure !== undefined) failures.push(`storm ${seed}: ${failure}`);
        if (TALK && seed % 50 === 0) process.stdout.write(`storm ${seed}: ${failures.length} failures so far\n`);
      }
      expect(failures).toEqual([]);
    },
    Math.max(120_000, STORMS * 6000),
  );

  it.each<[keyof SdeiVariants, RegExp, number?]>([
    ['hotplugTakesMutex', /^deadlock: CPU \d waits for/],
    ['savesFirmwareState', /status \d, not \d/],
    ['oneStack', /the stack of an SDEI handler was overwritten/],
    ['oneRecord', /the record of an SDEI handler was overwritten/],
    ['resumesAlways', /resumed twice/],
    ['forgetsPending', /unregister.*: -22/],
    ['retryFails', /slots are left/],
    ['downKeepsEvents', /is left with status|as it came up/],
    ['noHotplugLock', /(unregister|disable).*3001.*: -1|status \d, not \d|is left with status/, NARROW_WINDOW],
  ])('finds what is wrong with %s, and the number of the storm finds it again', (variant, how, first = 0) => {
    let found: string | undefined;
    let seed = first;
    for (; seed < first + STORMS_TO_FIND && found === undefined; seed++)
      found = runStorm(stormOf(seed), { [variant]: true });
    if (TALK) process.stdout.write(`${variant}: storm ${seed - 1}: ${found}\n`);
    expect(found).toMatch(how);
    expect(runStorm(stormOf(seed - 1), { [variant]: true })).toBe(found);
  });
});
