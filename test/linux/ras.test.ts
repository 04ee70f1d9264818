import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RasError, RasSeverity } from '../../src/firmware/ras/errors.ts';
import type { RasNotification } from '../../src/firmware/ras/sources.ts';
import type { Snapshot } from '../../src/machine/machine.ts';
import { MEMORY_ERROR_TYPES } from '../../src/tables/cper/names.ts';
import { haveGuests } from './guest.ts';
import { haveCompiler, RasGuest } from './ras-guest.ts';
import { numbers, TIMEOUT_MS } from './suite.ts';

const SOURCES: Partial<Record<RasNotification, number>> = { sdei: 1, 'sdei-critical': 2, gsiv: 4, gpio: 5, polled: 6 };
/** Nothing but the kernel itself is here, and pages above are free. */
const FREE_PA = 0x5000_0000n;
const FREE_PAGES = 0x8000;
/** The kernel's names of memory error types are those of UEFI; it writes some of them in another way. */
const NAMES: Readonly<Record<number, string>> = { 2: 'single-bit ECC', 3: 'multi-bit ECC', 8: 'parity error' };

/** What the kernel has to say about a memory error. */
function report(source: number, severity: RasSeverity, addr: bigint, type: number): RegExp {
  const name = NAMES[type] ?? '.+';
  return new RegExp(
    [
      `Hardware error from APEI Generic Hardware Error Source: ${source}\n`,
      ...(severity === 'corrected' ? ['It has been corrected by h/w and requires no further action\n'] : []),
      `event severity: ${severity}\n`,
      ` precise tstamp: 2024-01-01 00:00:\\d\\d\n`,
      ` Error 0, type: ${severity}\n`,
      '  section_type: memory error\n',
      `   error_status: Storage error in DRAM memory \\(0x0000000000000400\\)\n`,
      `  physical_address: 0x${addr.toString(16).padStart(16, '0')}\n`,
      '  physical_address_mask: 0xfffffffffffff000\n',
      `  error_type: ${type}, ${name}`,
    ].join(''),
  );
}

/** The text of lines behind `[Hardware Error]: `. */
const plain = (text: string): string =>
  text
    .split(/\r?\n/)
    .filter((line) => line.includes('[Hardware Error]: '))
    .map((line) => line.replace(/^.*\[Hardware Error\]: /, ''))
    .join('\n');

describe.skipIf(!haveGuests).each([1, 2, 4])(
  "hardware errors in Debian's kernel, %i CPUs (needs scripts/guests.mjs to have run)",
  { timeout: TIMEOUT_MS },
  (cpus) => {
    const random = numbers(500 + cpus);
    let guest: RasGuest;
    let shell: Snapshot;

    beforeAll(() => {
      guest = new RasGuest({}, cpus, { victim: haveCompiler }).boot();
      shell = guest.machine.snapshot();
    }, TIMEOUT_MS);
    afterAll(() => {
      guest = undefined as unknown as RasGuest;
    });

    const drawn = (severity: RasSeverity, notify: RasNotification): Extract<RasError, { kind: 'memory' }> => ({
      kind: 'memory',
      severity,
      notify,
      addr: FREE_PA + BigInt(random(FREE_PAGES)) * 0x1000n,
      type: random(Object.keys(MEMORY_ERROR_TYPES).length),
      pe: random(cpus),
    });
    const back = (): void => {
      guest.machine.restore(shell);
      guest.ways.length = 0;
    };

    it('finds the error interfaces without a word of complaint', () => {
      expect(guest.text).toContain('HEST: Table parsing has been initialized.');
      expect(guest.text).toContain('GHES: APEI firmware first mode is enabled by APEI bit and WHEA _OSC.');
      expect(guest.text).toContain('ERST: Error Record Serialization Table (ERST) support is initialized.');
      expect(guest.text).toContain('pstore: Registered erst as persistent store backend');
      expect(guest.text).toMatch(/sdei: SDEIv1\.0 \(0x0\) detected in firmware\./);
      expect(guest.text).not.toMatch(/Firmware (Bug|Warn)|GHES.*fail|APEI:.*(fail|Can not)/);
      back();
      const drivers = guest.command('ls /sys/bus/platform/drivers/GHES | grep GHES | sort');
      expect(drivers).toBe([1, 2, 3, 4, 5, 6].map((id) => `GHES.${id}\n`).join(''));
      expect(guest.machine.ras.counters.every(({ recorded }) => recorded === 0)).toBe(true);
    });

    const ways = Object.keys(SOURCES) as RasNotification[];
    it.each(ways)('%s: a corrected error is reported as it was described, and nothing else happens', (notify) => {
      back();
      const error = drawn('corrected', notify);
      guest.machine.ras.inject(error);
      guest.command('sleep 2.2');
      const lines = guest.kernelLines();
      expect(plain(lines)).toMatch(report(SOURCES[notify]!, 'corrected', error.addr!, error.type!));
      expect(lines).not.toContain('Memory failure');
      const known = ['1 recorded', ...(notify === 'polled' ? [] : ['1 notified']), '1 acknowledged'];
      expect(guest.ways).toEqual(known.map((what) => `${what} ${SOURCES[notify]}`));
    });

    it.each(ways)('%s: a recoverable error of a free page takes the page away', (notify) => {
      back();
      const error = drawn('recoverable', notify);
      guest.machine.ras.inject(error);
      guest.command('sleep 2.2');
      const lines = guest.kernelLines();
      expect(plain(lines)).toMatch(report(SOURCES[notify]!, 'recoverable', error.addr!, error.type!));
      const pfn = (error.addr! >> 12n).toString(16);
      expect(lines).toContain(`Memory failure: 0x${pfn}: recovery action for free buddy page: Recovered`);
      expect(guest.command('grep HardwareCorrupted /proc/meminfo')).toMatch(/ 4 kB/);
    });

    it.each(ways)('%s: a fatal error ends in a panic that says what it was', (notify) => {
      back();
      const error = drawn('fatal', notify);
      const from = guest.text.length;
      guest.machine.ras.inject(error);
      guest.untilText(/end Kernel panic/, from);
      const lines = guest.text.slice(from);
      expect(plain(lines)).toMatch(report(SOURCES[notify]!, 'fatal', error.addr!, error.type!));
      expect(lines).toContain('Kernel panic - not syncing: GHES: Fatal hardware error');
    });

    it.skipIf(!haveCompiler)(
      'sea: the process that runs is told with a corrected error, and goes on with a recoverable one elsewhere',
      () => {
        for (const severity of ['corrected', 'recoverable'] as const) {
          back();
          guest.startVictim('spin');
          const { pe: _, ...error } = drawn(severity, 'sea');
          guest.machine.ras.inject(error);
          guest.command('sleep 0.5');
          const lines = guest.kernelLines();
          expect(plain(lines)).toMatch(report(3, severity, error.addr!, error.type!));
          if (severity === 'corrected')
            expect(lines).toMatch(/GHES: \w+:\d+: synchronous unrecoverable error \(SIGBUS\)/);
          else expect(lines).toContain('recovery action for free buddy page: Recovered');
          expect(guest.ways).toEqual(['1 recorded 3', '1 notified 3', '1 acknowledged 3']);
        }
      },
    );

    it('a fatal error by sea panics', () => {
      back();
      const { pe: _, ...error } = drawn('fatal', 'sea');
      const from = guest.text.length;
      guest.machine.ras.inject(error);
      guest.machine.console.input(new TextEncoder().encode('ls\n'));
      guest.untilText(/end Kernel panic/, from);
      expect(plain(guest.text.slice(from))).toMatch(report(3, 'fatal', error.addr!, error.type!));
    });

    it('the state after an error is the same however the run is cut up', () => {
      const run = (steps: number): string => {
        back();
        guest.machine.ras.inject({ kind: 'memory', addr: FREE_PA, severity: 'recoverable', notify: 'sdei' });
        const end = shell.time.steps + 3_000_000;
        while (guest.machine.steps < end) {
          const { reason } = guest.machine.run({ steps: Math.min(steps, end - guest.machine.steps) });
          if (reason !== 'limit' && reason !== 'stopped') break;
        }
        return `${guest.machine.steps} ${guest.machine.digest()}`;
      };
      expect(run(7919)).toBe(run(3_000_000));
    });
  },
);
