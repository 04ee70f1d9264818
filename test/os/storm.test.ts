import { describe, expect, it } from 'vitest';
import type { SdeiVariants } from '../../src/os/sdei/variants.ts';
import { runStorm, stormOf } from './storm.ts';

/** Storms of a run; UNMASKABLE_STORMS=10000 for all of them. */
const STORMS = Number(process.env.UNMASKABLE_STORMS ?? 60);
const FIRST = Number(process.env.UNMASKABLE_STORM_FIRST ?? 0);
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
      }
      expect(failures).toEqual([]);
    },
    Math.max(60_000, STORMS * 2000),
  );

  it.each<[keyof SdeiVariants, RegExp]>([
    ['hotplugTakesMutex', /./],
    ['savesFirmwareState', /./],
    ['oneStack', /./],
    ['oneRecord', /./],
    ['resumesAlways', /./],
    ['forgetsPending', /./],
    ['retryFails', /./],
    ['downKeepsEvents', /./],
    ['noHotplugLock', /./],
  ])('finds what is wrong with %s, and the number of the storm finds it again', (variant, how) => {
    let found: string | undefined;
    let seed = 0;
    for (; seed < STORMS_TO_FIND && found === undefined; seed++) found = runStorm(stormOf(seed), { [variant]: true });
    if (process.env.UNMASKABLE_STORM_TALK) process.stdout.write(`${variant}: storm ${seed - 1}: ${found}\n`);
    expect(found).toMatch(how);
    expect(runStorm(stormOf(seed - 1), { [variant]: true })).toBe(found);
  });
});
