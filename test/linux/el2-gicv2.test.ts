import { describe, expect, it } from 'vitest';
import { buildVmm, GUEST_SAYS, haveCompiler } from '../support/kvm-vmm.ts';
import { archive, haveGuests, LinuxGuest, TROUBLE } from './guest.ts';
import { TIMEOUT_MS } from './suite.ts';

describe.skipIf(!haveGuests || !haveCompiler).each([
  ['full', 'VHE mode initialized successfully'],
  ['cortex-a57', 'Hyp mode initialized successfully'],
] as const)(
  "Debian's kernel at EL2 on '%s' with a GICv2 (needs scripts/guests.mjs to have run, and the cross compiler)",
  (cpu, line) => {
    it('KVM finds GICH and GICV, and its guests have a GICv2', { timeout: TIMEOUT_MS }, () => {
      const archives = [archive([{ path: 'bin/vmm', mode: 0o100755, bytes: buildVmm() }])];
      const machine = { el2: true, gic: 2, append: 'earlycon console=ttyAMA0' } as const;
      const guest = new LinuxGuest({ cpu, archives, machine });
      expect(guest.untilPrompt()).toBe('stopped');
      expect(guest.text).toContain(`kvm [1]: ${line}`);
      expect(guest.text).toMatch(/kvm \[1\]: vgic interrupt IRQ\d+/);
      expect(guest.text).not.toMatch(/no GICV resource|GIC system register CPU interface/);
      expect(guest.command('vmm; echo $?')).toBe(`${GUEST_SAYS}0\n`);
      expect(guest.command('vmm > /tmp/1 & vmm > /tmp/2; wait; cat /tmp/1 /tmp/2')).toContain(GUEST_SAYS.repeat(2));
      expect(guest.text).not.toMatch(TROUBLE);
      expect(guest.reports).toEqual([]);
    });
  },
);
