import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../src/cli/machine.ts';
import { main } from '../../src/cli/main.ts';
import { FakeHost } from '../support/fake-machine.ts';
import { guestPath, haveGuests } from './guest.ts';

/** `unmaskable run` on Debian's kernel with a busybox shell, in a process that exists only in memory. */
async function run(...more: readonly string[]): Promise<{ code: number; out: string; err: string; host: FakeHost }> {
  const host = new FakeHost(() => undefined);
  host.createMachine = createMachine;
  for (const name of ['Image', 'initramfs.cpio']) host.files.set(name, new Uint8Array(readFileSync(guestPath(name))));
  const files = ['--kernel', 'Image', '--initrd', 'initramfs.cpio', '--append', 'console=ttyAMA0'];
  const code = await main(['run', ...files, ...more], host, '1');
  return { code, out: host.out, err: host.err, host };
}
const digestOf = (err: string): string | undefined => /^digest (\w+)$/m.exec(err)?.[1];

describe.skipIf(!haveGuests)(
  "--on with Debian's kernel (needs scripts/guests.mjs to have run)",
  { timeout: 300_000 },
  () => {
    it('stops at a function of the kernel by its own name, at the arrival that is asked for', async () => {
      const first = await run('--on', 'pc:do_idle => stop');
      expect(first.code).toBe(0);
      expect(first.err).toMatch(/stopped by --on 'pc:do_idle => stop'; [\d,]+ steps/);
      const fifth = await run('--on', 'pc:do_idle#5 => stop');
      const steps = (text: string): number => Number(/; ([\d,]+) steps/.exec(text)![1]!.replaceAll(',', ''));
      expect(steps(fifth.err)).toBeGreaterThan(steps(first.err));
    });

    it('listening to a hot function, to registers, devices and calls changes nothing', async () => {
      const limit = ['--max-steps', '60M', '--digest'];
      const plain = await run(...limit);
      const watched = await run(
        ...limit,
        ...['pc:memset#100M', 'mmio:0x9000018#100M', 'call:PSCI_VERSION#9'].flatMap((t) => [
          '--on',
          `${t.replace('100M', '100000000')} => stop`,
        ]),
      );
      expect(watched.err).toContain('--max-steps');
      expect(digestOf(watched.err)).toBe(digestOf(plain.err));
      const registers = await run('--max-steps', '20M', '--digest', '--on', 'sysreg:TPIDR_EL1#100000000 => stop');
      expect(digestOf(registers.err)).toBe(digestOf((await run('--max-steps', '20M', '--digest')).err));
    });

    it('an SError at the shell is a panic; what nobody registered is refused with the reason', async () => {
      const { out, err } = await run(
        '--on',
        'console:/# $/ => sdei:0, serror',
        '--until',
        'Kernel panic - not syncing: .*Asynchronous SError',
      );
      expect(err).toContain('SDEI event 0 on PE 0 refused: nobody has registered a handler');
      expect(out).toContain('SError Interrupt on CPU0, code 0x00000000be000011');
      expect(err).toContain('--until seen');
    });

    it('an unknown symbol is refused before the run, with similar names', async () => {
      const { code, err, out } = await run('--on', 'pc:do_idel => stop');
      expect(code).toBe(2);
      expect(err).toMatch(/--on 'pc:do_idel => stop': column 4: 'do_idel': .* Similar: do_idle/);
      expect(out).toBe('');
    });
  },
);
