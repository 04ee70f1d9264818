import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProfileName } from '../../src/arch/profiles.ts';
import type { RunReason, Snapshot } from '../../src/machine/machine.ts';
import { type Drive, haveGuests, LinuxGuest, TROUBLE } from './guest.ts';

/** Points at which a run is cut by snapshot and restore. */
const CUTS = 100;
/** Steps run and undone again at each cut. */
const DETOUR_STEPS_MAX = 150_000;
/** A boot takes seconds on a quiet machine; on a busy one it may take minutes. */
export const TIMEOUT_MS = 300_000;

/** Numbers that look random and are the same in every run. */
export function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    // Constants of Numerical Recipes' linear congruential generator; its high bits are good enough here.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Runs in slices of random size, with detours: at random steps a snapshot, some steps more, and back. */
export function cutUp(cuts: readonly number[], random: (below: number) => number): Drive {
  let next = 0;
  return (guest) => {
    const { machine } = guest;
    const toCut = (cuts[next] ?? Number.POSITIVE_INFINITY) - machine.steps;
    const slice = Math.min(toCut, 1 + random(2 ** random(26)));
    if (slice > 0) return machine.run({ steps: slice }).reason;
    next++;
    const snapshot = machine.snapshot();
    const { text, atPrompt } = guest;
    machine.run({ steps: 1 + random(DETOUR_STEPS_MAX) });
    machine.restore(snapshot);
    guest.text = text;
    guest.atPrompt = atPrompt;
    return 'limit';
  };
}

/** Runs with every hook set: all the time those of exceptions, devices and calls; that of steps in some stretches. */
export function traced(random: (below: number) => number): { drive: Drive; counts: Record<string, number> } {
  const counts = { step: 0, exception: 0, mmio: 0, call: 0 };
  const drive: Drive = ({ machine }) => {
    const names = ['step', 'exception', 'mmio', 'call'] as const;
    const [notStep, ...others] = names.map((name) => machine.on(name, () => void counts[name]++));
    const { reason } = machine.run({ steps: random(10_000) });
    notStep!();
    const end = reason === 'limit' ? machine.run({ steps: 1 + random(40_000_000) }).reason : reason;
    for (const deaf of others) deaf();
    return end;
  };
  return { drive, counts };
}

/** The tests of one profile: one machine boots once, the others must do exactly the same. */
export function linuxSuite(cpu: ProfileName): void {
  describe.skipIf(!haveGuests)(
    `Debian's kernel on '${cpu}' (needs scripts/guests.mjs to have run)`,
    { timeout: TIMEOUT_MS },
    () => {
      let guest: LinuxGuest;
      let shell: Snapshot;
      let bootText = '';
      let bootDigest = '';
      const backToShell = (): void => {
        guest.machine.restore(shell);
        guest.text = bootText;
      };

      beforeAll(() => {
        guest = new LinuxGuest({ cpu });
        expect(guest.untilPrompt()).toBe('stopped');
        shell = guest.machine.snapshot();
        bootText = guest.text;
        bootDigest = guest.machine.digest();
      }, TIMEOUT_MS);
      afterAll(() => {
        // Half a gigabyte of address space each.
        guest = undefined as unknown as LinuxGuest;
      });

      it('boots to a shell without a warning, and asks for nothing that is not modelled', () => {
        expect(bootText).toContain('Linux version 6.');
        expect(bootText).toContain('unmaskable: shell ready');
        expect(bootText).toContain('ITS [mem 0x08080000-0x0809ffff]');
        expect(bootText).toContain('GICv3: CPU0: using allocated LPI pending table');
        expect(bootText).not.toMatch(TROUBLE);
        expect(guest.reports).toEqual([]);
      });

      it('answers typed commands', () => {
        backToShell();
        expect(guest.command('echo $((6 * 7)) and "more"')).toBe('42 and more\n');
        expect(guest.command('uname -a')).toMatch(
          /^Linux \S+ 6\.\S+-arm64 #1 SMP Debian \S+ \(.*\) aarch64 GNU\/Linux\n$/,
        );
        expect(guest.command('ls /').split(/\s+/)).toEqual(
          expect.arrayContaining(['bin', 'dev', 'init', 'proc', 'sys', 'tmp']),
        );
        expect(guest.command('false; echo $?; true; echo $?')).toBe('1\n0\n');
        expect(guest.command('seq 1 1000 | md5sum')).toBe('53d025127ae99ab79e8502aae2d9bea6  -\n');
        expect(guest.text).not.toMatch(TROUBLE);
        expect(guest.reports).toEqual([]);
      });

      it('finds the processor of the profile', () => {
        backToShell();
        const info = guest.command('cat /proc/cpuinfo');
        const extensions = ['atomics', 'asimdrdm', 'lrcpc'];
        for (const name of ['fp', 'asimd', 'aes', 'pmull', 'sha1', 'sha2', 'crc32']) expect(info).toContain(` ${name}`);
        for (const name of extensions) expect(info.includes(name), name).toBe(cpu === 'full');
        expect(info).toMatch(cpu === 'full' ? /CPU implementer\t: 0x00/ : /CPU implementer\t: 0x41[\s\S]*0xd07/);
      });

      it('takes timer interrupts while it sleeps, and keeps time', () => {
        backToShell();
        const beforeNs = guest.machine.timeNs;
        const beforeSteps = guest.machine.steps;
        guest.command('sleep 5');
        const sleptMs = Number(guest.machine.timeNs - beforeNs) / 1e6;
        expect(sleptMs).toBeGreaterThan(5000);
        expect(sleptMs).toBeLessThan(5200);
        // Asleep it takes no steps.
        expect(guest.machine.steps - beforeSteps).toBeLessThan(100_000_000);
        expect(guest.command('date -u +%s').trim()).toMatch(/^17\d{8}$/);
      });

      it("'poweroff -f' powers off", () => {
        backToShell();
        expect(guest.lastCommand('poweroff -f')).toBe('poweroff');
        expect(guest.text).toContain('reboot: Power down');
        expect(guest.text).not.toMatch(TROUBLE);
        // Off is off: it stays so.
        expect(guest.machine.run({ steps: 10 })).toEqual({ reason: 'poweroff' });
      });

      it("'reboot -f' resets, and the machine boots again", () => {
        backToShell();
        expect(guest.lastCommand('reboot -f')).toBe('reset');
        const before = guest.text.length;
        guest.machine.reset();
        expect(guest.untilPrompt()).toBe('stopped');
        expect(guest.text.slice(before)).toContain('unmaskable: shell ready');
        expect(guest.text).not.toMatch(TROUBLE);
        expect(guest.command('echo again')).toBe('again\n');
        expect(guest.reports).toEqual([]);
      });

      /** A second machine must come to the same point in the same state, however it gets there. */
      function same(drive: Drive): LinuxGuest {
        const other = new LinuxGuest({ cpu });
        const reason: RunReason = other.untilPrompt(drive);
        expect(reason).toBe('stopped');
        expect(other.text).toBe(bootText);
        expect(other.machine.steps).toBe(shell.time.steps);
        expect(other.machine.digest()).toBe(bootDigest);
        return other;
      }

      it(`boots to the same state in random slices, cut by snapshot and restore at ${CUTS} random steps`, () => {
        const random = numbers(1);
        const cuts = Array.from({ length: CUTS }, () => random(shell.time.steps)).sort((a, b) => a - b);
        same(cutUp(cuts, random));
      });

      it('boots to the same state with a trace attached', () => {
        const { drive, counts } = traced(numbers(2));
        same(drive);
        for (const [name, count] of Object.entries(counts)) expect(count, name).toBeGreaterThan(3);
      });

      it('runs a command to the same state step by step, in slices, and cut up', () => {
        backToShell();
        const line = 'cat /proc/interrupts | md5sum; ls -l /bin | wc -l; sleep 0.05';
        const plain = { answer: guest.command(line), steps: guest.machine.steps, digest: guest.machine.digest() };
        expect(plain.steps - shell.time.steps).toBeGreaterThan(500_000);
        const window = (): number[] => {
          const random = numbers(3);
          const length = plain.steps - shell.time.steps;
          return Array.from({ length: CUTS }, () => shell.time.steps + random(length)).sort((a, b) => a - b);
        };
        for (const drive of [cutUp(window(), numbers(4)), traced(numbers(5)).drive]) {
          backToShell();
          expect({
            answer: guest.command(line, drive),
            steps: guest.machine.steps,
            digest: guest.machine.digest(),
          }).toEqual(plain);
        }
      });
    },
  );
}
