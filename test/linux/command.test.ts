import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { guestPath, haveGuests, TROUBLE } from './guest.ts';
import { TIMEOUT_MS } from './suite.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COMMAND = `${ROOT}bin/unmaskable.mjs`;
const BUILT = existsSync(`${ROOT}dist/cli/start.js`);

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command on Debian's kernel. */
function boot(...args: string[]): Promise<Ended> {
  const all = [COMMAND, 'run', '--kernel', guestPath('Image'), '--initrd', guestPath('initramfs.cpio'), ...args];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, all, { maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      resolve({ status: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
    child.stdin?.end();
  });
}

describe.skipIf(!haveGuests || !BUILT)(
  'the command boots Debian (needs scripts/guests.mjs to have run, and dist/)',
  { timeout: TIMEOUT_MS },
  () => {
    it('is typed at, reboots, powers off: exit 0, and the same in two processes at once', async () => {
      const script = [
        '--append=quiet',
        '--on=console:/shell ready/ => type:"uname -m; reboot -f\\n"',
        '--on=console:/Restarting system[^]*shell ready/ => type:"echo once more; poweroff -f\\n"',
        '--fail-on=Kernel panic|Oops',
        '--max-steps=8G',
        '--digest',
      ];
      // Each is the other's load.
      const [one, two] = await Promise.all([boot(...script), boot(...script)]);
      expect(one.stderr).toMatch(/^digest [0-9a-f]{32}\nunmaskable: the guest powered off; [\d,]+ steps, .*\n$/);
      expect(one.status).toBe(0);
      expect(one.stdout).toContain('aarch64\r\n');
      expect(one.stdout.match(/unmaskable: shell ready/g)).toHaveLength(2);
      expect(one.stdout).toContain('\r\nonce more\r\n');
      expect(one.stdout).not.toMatch(TROUBLE);
      expect(two.stdout).toBe(one.stdout);
      expect(two.stderr.split('\n')[0]).toBe(one.stderr.split('\n')[0]);
    });

    it('--fail-on sees what the kernel says: exit 1', async () => {
      const { status, stdout } = await boot('--fail-on', 'Linux version \\d', '--quiet');
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    });
  },
);
