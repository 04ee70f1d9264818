import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Snapshot } from '../../src/machine/machine.ts';
import { buildVmm, GUEST_SAYS, haveCompiler } from '../support/kvm-vmm.ts';
import { archive, haveGuests, LinuxGuest, TROUBLE } from './guest.ts';
import { cutUp, numbers, TIMEOUT_MS } from './suite.ts';

const CUTS = 40;

describe.skipIf(!haveGuests || !haveCompiler).each([
  [
    'full',
    2,
    'VHE mode initialized successfully',
    'detected: Virtualization Host Extensions',
    'sdei: SDEIv1.0 (0x0) detected in firmware.',
  ],
  [
    'cortex-a57',
    1,
    'Hyp mode initialized successfully',
    'All CPU(s) started at EL2',
    'sdei: Failed to get SDEI version',
  ],
] as const)(
  "Debian's kernel at EL2 on '%s' with %i CPUs (needs scripts/guests.mjs to have run, and the cross compiler)",
  (cpu, cpus, kvm, line, sdei) => {
    let guest: LinuxGuest;
    let shell: Snapshot;
    let bootText = '';
    const backToShell = (): void => {
      guest.machine.restore(shell);
      guest.text = bootText;
    };

    beforeAll(() => {
      const archives = [archive([{ path: 'bin/vmm', mode: 0o100755, bytes: buildVmm() }])];
      guest = new LinuxGuest({ cpu, cpus, archives, machine: { el2: true, append: 'earlycon console=ttyAMA0' } });
      expect(guest.untilPrompt()).toBe('stopped');
      shell = guest.machine.snapshot();
      bootText = guest.text;
    }, TIMEOUT_MS);
    afterAll(() => {
      guest = undefined as unknown as LinuxGuest;
    });

    it('boots to a shell without a warning, and KVM says which mode it is in', { timeout: TIMEOUT_MS }, () => {
      expect(bootText).toContain('CPU: All CPU(s) started at EL2');
      expect(bootText).toContain(line);
      expect(bootText).toContain(`kvm [1]: ${kvm}`);
      expect(bootText).not.toMatch(TROUBLE);
      expect(guest.reports).toEqual([]);
    });

    it('is the client of SDEI as a host; without VHE, at EL1, it is refused, says so and gives up', () => {
      expect(bootText).toContain(sdei);
      const { pes } = guest.machine.sdei.state();
      expect(pes.map(({ masked }) => masked)).toEqual(pes.map(() => cpu !== 'full'));
    });

    it('runs at EL2 as a host, or at EL1 with a stub above', { timeout: TIMEOUT_MS }, () => {
      backToShell();
      const levels = new Set<number>();
      const deaf = guest.machine.on('exception', (_pe, el) => void levels.add(el));
      guest.command('ls / > /dev/null');
      deaf();
      // Interrupts, system calls and faults go to the kernel; EL3 is the firmware.
      levels.delete(3);
      expect([...levels]).toEqual([cpu === 'full' ? 2 : 1]);
    });

    it('runs virtual machines: stage 2, MMIO, virtual timer, SGI, PSCI', { timeout: TIMEOUT_MS }, () => {
      backToShell();
      expect(guest.command('vmm; echo $?')).toBe(`${GUEST_SAYS}0\n`);
      expect(guest.command('vmm 3')).toBe(GUEST_SAYS.repeat(3));
      expect(guest.command('vmm > /tmp/1 & vmm > /tmp/2; wait; cat /tmp/1 /tmp/2')).toContain(GUEST_SAYS.repeat(2));
      expect(guest.text).not.toMatch(TROUBLE);
      expect(guest.reports).toEqual([]);
    });

    it('and does so to the same state when cut up by snapshots and detours', { timeout: TIMEOUT_MS }, () => {
      backToShell();
      const plain = { answer: guest.command('vmm'), steps: guest.machine.steps, digest: guest.machine.digest() };
      expect(plain.answer).toBe(GUEST_SAYS);
      backToShell();
      const random = numbers(7);
      const length = plain.steps - shell.time.steps;
      const cuts = Array.from({ length: CUTS }, () => shell.time.steps + random(length)).sort((a, b) => a - b);
      const drive = cutUp(cuts, random);
      expect({
        answer: guest.command('vmm', drive),
        steps: guest.machine.steps,
        digest: guest.machine.digest(),
      }).toEqual(plain);
    });

    it("'poweroff -f' powers off", () => {
      backToShell();
      expect(guest.lastCommand('poweroff -f')).toBe('poweroff');
      expect(guest.text).not.toMatch(TROUBLE);
    });
  },
);
