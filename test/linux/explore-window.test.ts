import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { haveGuests } from './guest.ts';
import { TIMEOUT_MS } from './suite.ts';

const SCRIPT = fileURLToPath(new URL('../../scripts/explore-window.mjs', import.meta.url));
/** A sample of the 20,000 that the command has unless told otherwise. */
const BOUNDARIES = 300;

const command = (...args: string[]) => spawnSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8' });

describe.skipIf(!haveGuests)(
  "a window of Debian's kernel (needs scripts/guests.mjs to have run)",
  { timeout: TIMEOUT_MS },
  () => {
    it('has the same report with 1 and 2 workers, and with both engines', () => {
      const { status, stdout, stderr } = command('--boundaries', `${BOUNDARIES}`);
      expect(stdout, stderr).toMatch(/the same report each time\n$/);
      expect(stdout.match(new RegExp(`: ${BOUNDARIES} boundaries, \\d+ at once`, 'g'))).toHaveLength(4);
      expect(new Set(stdout.match(/\d+ boundaries.*/g)).size).toBe(1);
      expect(status).toBe(0);
    });
  },
);

it('a mistake in the arguments ends with 2 and says what there is', () => {
  const { status, stderr } = command('--boundaries', 'many');
  expect([status, stderr]).toEqual([2, expect.stringMatching(/^--boundaries many: give a number[\s\S]*--cpus N/)]);
});
