import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProfileName } from '../../src/arch/profiles.ts';
import { archive, haveGuests, LinuxGuest, TROUBLE } from './guest.ts';
import { TIMEOUT_MS } from './suite.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SOURCES = join(ROOT, 'test', 'guest', 'programs');
/** The programs of test/guest/programs, by name. */
const NAMES = readdirSync(SOURCES)
  .filter((file) => file.endsWith('.c'))
  .map((file) => file.slice(0, -2));

const installed = (tool: string): boolean => spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0;
const haveTools = installed('aarch64-linux-gnu-gcc') && installed('qemu-aarch64');

const MACHINES: readonly (readonly [cpu: ProfileName, cpus: number])[] = [
  ['full', 1],
  ['cortex-a57', 2],
];

// Static programs, so that the same bytes run in our guest and under QEMU's user-mode emulation.
describe.skipIf(!haveGuests || !haveTools)(
  'C programs (needs scripts/guests.mjs to have run, aarch64-linux-gnu-gcc, qemu-aarch64)',
  { timeout: TIMEOUT_MS },
  () => {
    let folder = '';

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'guest-programs-'));
      const script = join(ROOT, 'scripts', 'guest-programs.mjs');
      const built = spawnSync(process.execPath, [script, folder], { encoding: 'utf8' });
      if (built.status !== 0) throw new Error(`${script}: ${built.stderr}`);
    }, TIMEOUT_MS);
    afterAll(() => rmSync(folder, { recursive: true }));

    it('there is one for each kind of work', () => {
      expect(NAMES).toEqual(
        expect.arrayContaining(['atomics', 'fp', 'integer', 'neon', 'signals', 'strings', 'threads']),
      );
    });

    describe.each(MACHINES)("in Debian's kernel on '%s' with %i CPUs", (cpu, cpus) => {
      let guest: LinuxGuest;

      beforeAll(() => {
        const files = NAMES.map((name) => ({
          path: `programs/${name}`,
          mode: 0o100755,
          bytes: readFileSync(join(folder, name)),
        }));
        guest = new LinuxGuest({ cpu, cpus, archives: [archive([{ path: 'programs', mode: 0o040755 }, ...files])] });
        expect(guest.untilPrompt()).toBe('stopped');
      }, TIMEOUT_MS);
      afterAll(() => {
        guest = undefined as unknown as LinuxGuest;
      });

      it.each(NAMES)('%s prints and returns what it does under QEMU', (name) => {
        const shown = guest.command(`/programs/${name}; echo exit $?`);
        expect(shown).toBe(readFileSync(join(folder, `${name}.expected`), 'utf8'));
        expect(guest.text).not.toMatch(TROUBLE);
        expect(guest.reports).toEqual([]);
      });
    });
  },
);
