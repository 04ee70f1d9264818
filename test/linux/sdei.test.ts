import { describe, expect, it } from 'vitest';
import type { MachineOptions } from '../../src/machine/options.ts';
import { haveGuests, LinuxGuest, TROUBLE } from './guest.ts';

/** The driver's probe is over long before. */
const PROBED_STEPS = 120_000_000;

/** A guest on two CPUs with the SDEI calls that it made, as `PE function = result`. */
function observed(sdei: MachineOptions['sdei']): { guest: LinuxGuest; calls: string[] } {
  const guest = new LinuxGuest({ cpu: 'full', cpus: 2, machine: { sdei, append: 'earlycon console=ttyAMA0' } });
  const calls: string[] = [];
  guest.machine.on('call', (pe, name, _args, result) => {
    if (name.startsWith('SDEI')) calls.push(`${pe} ${name} = ${result}`);
  });
  return { guest, calls };
}

/** What the driver does when it finds the interface: DEN0054, "Client initialization". */
const probe = (version: bigint): string[] => [
  `0 SDEI_VERSION = ${version}`,
  '0 SDEI_PRIVATE_RESET = 0',
  '1 SDEI_PRIVATE_RESET = 0',
  '0 SDEI_SHARED_RESET = 0',
  '0 SDEI_PE_UNMASK = 0',
  '1 SDEI_PE_UNMASK = 0',
];

describe.skipIf(!haveGuests)(
  "SDEI on Debian's kernel (needs scripts/guests.mjs to have run)",
  { timeout: 300_000 },
  () => {
    it('is detected in version 1.0; a CPU that goes is masked, one that comes back unmasked', () => {
      const { guest, calls } = observed({});
      guest.untilPrompt();
      expect(guest.text).toContain('sdei: SDEIv1.0 (0x0) detected in firmware.');
      expect(calls).toEqual(probe(0x1_0000_0000_0000n));
      calls.length = 0;
      const online = '/sys/devices/system/cpu/cpu1/online';
      guest.command(`echo 0 > ${online}; echo 1 > ${online}`);
      expect(calls).toEqual(['1 SDEI_PE_MASK = 1', '1 SDEI_PE_UNMASK = 0']);
      expect(guest.text).not.toMatch(TROUBLE);
      expect(guest.reports).toEqual([]);
    });

    it('is detected in version 1.1', () => {
      const { guest, calls } = observed({ version: '1.1' });
      guest.machine.run({ steps: PROBED_STEPS });
      expect(guest.text).toContain('sdei: SDEIv1.1 (0x0) detected in firmware.');
      expect(calls).toEqual(probe(0x1_0001_0000_0000n));
    });

    it('is not there with sdei: false', () => {
      const { guest, calls } = observed(false);
      guest.machine.run({ steps: PROBED_STEPS });
      expect(guest.text).toContain('Brought up 1 node, 2 CPUs');
      expect(guest.text).not.toContain('sdei');
      expect(calls).toEqual([]);
    });
  },
);
