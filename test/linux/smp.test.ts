import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProfileName } from '../../src/arch/profiles.ts';
import type { Snapshot } from '../../src/machine/machine.ts';
import { haveGuests, LinuxGuest, TROUBLE } from './guest.ts';
import { cutUp, numbers, TIMEOUT_MS } from './suite.ts';

const MACHINES: readonly (readonly [cpus: number, cpu: ProfileName])[] = [
  [2, 'full'],
  [4, 'cortex-a57'],
];

describe.skipIf(!haveGuests).each(MACHINES)(
  "Debian's kernel on %i CPUs, '%s' (needs scripts/guests.mjs to have run)",
  { timeout: TIMEOUT_MS },
  (cpus, cpu) => {
    let guest: LinuxGuest;
    let shell: Snapshot;
    const last = cpus - 1;

    beforeAll(() => {
      guest = new LinuxGuest({ cpu, cpus });
      expect(guest.untilPrompt()).toBe('stopped');
      shell = guest.machine.snapshot();
    }, TIMEOUT_MS);
    afterAll(() => {
      guest = undefined as unknown as LinuxGuest;
    });

    it('brings all of them up', () => {
      expect(guest.text).toContain(`SMP: Total of ${cpus} processors activated.`);
      expect(guest.command('cat /sys/devices/system/cpu/online')).toBe(`0-${last}\n`);
      expect(guest.text).not.toMatch(TROUBLE);
      expect(guest.reports).toEqual([]);
    });

    it('finds the ITS, its tables, and gives each CPU a pending table for LPIs', () => {
      expect(guest.text).toContain('ITS [mem 0x08080000-0x0809ffff]');
      expect(guest.text).toContain('allocated 8192 Devices @');
      expect(guest.text).toContain('(indirect, esz 8, psz 64K, shr 1)');
      expect(guest.text).toContain('GICv3: using LPI property table @');
      const tables = guest.text.match(/GICv3: CPU\d: using allocated LPI pending table @/g);
      const expected = (pe: number) => `GICv3: CPU${pe}: using allocated LPI pending table @`;
      expect(tables).toEqual(Array.from({ length: cpus }, (_, pe) => expected(pe)));
    });

    it('works on all of them at once', () => {
      const loop = 'i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); done; echo $i';
      const jobs = Array.from({ length: 2 * cpus }, (_, n) => `(${loop}) > /tmp/${n} &`).join(' ');
      guest.command(`${jobs} wait`);
      expect(guest.command('cat /tmp/[0-9]*').trim().split('\n')).toEqual(new Array(2 * cpus).fill('3000'));
      const ticks = guest.command('grep arch_timer /proc/interrupts').trim().split(/ +/);
      for (const count of ticks.slice(1, 1 + cpus)) expect(Number(count)).toBeGreaterThan(20);
      expect(guest.text).not.toMatch(TROUBLE);
    });

    it('takes one away and back again: PSCI CPU_OFF and CPU_ON', () => {
      const online = `/sys/devices/system/cpu/cpu${last}/online`;
      guest.command(`echo 0 > ${online}`);
      expect(guest.command('grep -c ^processor /proc/cpuinfo')).toBe(`${last}\n`);
      expect(guest.text).toContain(`psci: CPU${last} killed`);
      guest.command(`echo 1 > ${online}`);
      expect(guest.command('grep -c ^processor /proc/cpuinfo')).toBe(`${cpus}\n`);
      expect(guest.text).not.toMatch(TROUBLE);
      expect(guest.reports).toEqual([]);
    });

    it('comes to the same state when its run is cut up', () => {
      const line = 'for i in 1 2 3; do (seq 1 200 | md5sum) & done; wait; sleep 0.02';
      const run = (cuts: number[]) => {
        guest.machine.restore(shell);
        guest.command(line, cutUp(cuts, numbers(7)));
        return { steps: guest.machine.steps, digest: guest.machine.digest() };
      };
      const plain = run([]);
      const length = plain.steps - shell.time.steps;
      expect(length).toBeGreaterThan(1_000_000);
      const random = numbers(6);
      const cuts = Array.from({ length: 60 }, () => shell.time.steps + random(length)).sort((a, b) => a - b);
      expect(run(cuts)).toEqual(plain);
    });

    it("'poweroff -f' powers off", () => {
      guest.machine.restore(shell);
      expect(guest.lastCommand('poweroff -f')).toBe('poweroff');
      expect(guest.text).not.toMatch(TROUBLE);
    });
  },
);
