import { describe, expect, it } from 'vitest';
import type { SdeiVariants } from '../../src/os/sdei/variants.ts';
import { runStorm, stormOf } from './storm.ts';
import { runStorms, stormsCommand, tallyLines } from './storms-command.ts';

/** Storms of a run; `npm run os:storms` is the long form. */
const STORMS = 40;
/** Storms in which a wrong design must have been found. */
const STORMS_TO_FIND = 60;

describe('random schedules with events at random boundaries', () => {
  it(`the client stands ${STORMS} storms: nothing lost, nothing stuck, nothing left`, () => {
    const storms = runStorms(0, STORMS);
    expect(storms.failures).toEqual([]);
    const { tally } = storms;
    // What a storm is for did happen.
    for (const what of ['dispatched', 'nested', 'offs', 'ons', 'retries', 'sleeps', 'records'] as const)
      expect(tally[what], what).toBeGreaterThan(0);
    process.stdout.write(`${tallyLines(storms).join('\n')}\n`);
  }, 240_000);

  it.each<[keyof SdeiVariants, RegExp]>([
    ['hotplugTakesMutex', /^deadlock: CPU \d waits for/],
    ['savesFirmwareState', /status \d, not \d/],
    ['oneStack', /the stack of an SDEI handler was overwritten/],
    ['oneRecord', /the record of an SDEI handler was overwritten/],
    ['resumesAlways', /resumed twice/],
    ['forgetsPending', /unregister.*: -22/],
    ['retryFails', /slots are left/],
    ['downKeepsEvents', /is left with status|as it came up/],
    ['noHotplugLock', /(unregister|disable).*300\d.*: -1|status \d, not \d|is left with status/],
  ])(
    'finds what is wrong with %s, and the number of the storm finds it again',
    (variant, how) => {
      let found: string | undefined;
      let seed = 0;
      for (; seed < STORMS_TO_FIND && found === undefined; seed++) found = runStorm(stormOf(seed), { [variant]: true });
      expect(found).toMatch(how);
      expect(runStorm(stormOf(seed - 1), { [variant]: true })).toBe(found);
    },
    60_000,
  );
});

describe('npm run os:storms', () => {
  it('runs a range of storms, says what happened in them and how many failed', () => {
    const lines: string[] = [];
    expect(stormsCommand(['--from', '4', '--count', '3'], (line) => lines.push(line))).toBe(0);
    expect(lines[0]).toBe('storms 4 to 6: 0 of 3 failed');
    expect(lines.slice(1).join()).toMatch(/events handled: \d+ .*CPUs off: \d+/);
  });
  it('an argument that is no number makes no sense', () => {
    const lines: string[] = [];
    expect(stormsCommand(['--count', 'x'], (line) => lines.push(line))).toBe(2);
    expect(lines.join()).toMatch(/--count 'x': it takes a whole number/);
  });
});
