import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../src/cli/machine.ts';
import { main } from '../../src/cli/main.ts';
import { FakeHost } from '../support/fake-machine.ts';
import { guestPath, haveGuests } from './guest.ts';
import { TIMEOUT_MS } from './suite.ts';

async function command(...args: string[]) {
  const host = new FakeHost(() => undefined);
  host.createMachine = createMachine;
  host.files.set('Image', readFileSync(guestPath('Image')));
  host.files.set('initramfs', readFileSync(guestPath('initramfs.cpio')));
  const [name, ...rest] = args;
  const code = await main([name!, '--kernel', 'Image', '--initrd', 'initramfs', '--quiet', ...rest], host, '1');
  return { code, out: host.out, err: host.err, host };
}

describe.skipIf(!haveGuests)(
  "the story of an error in Debian's kernel (needs scripts/guests.mjs to have run)",
  { timeout: TIMEOUT_MS },
  () => {
    it('unmaskable ras: what was injected, which event on which PE, the acknowledgement, the lines, the page', async () => {
      const { code, out } = await command('ras', '--cpus', '2', '--error', 'memory,addr=0x51234000,pe=1,fru=DIMM_A0');
      expect(code).toBe(0);
      for (const line of [
        /an error happened; firmware described it in 172 bytes:/,
        /Physical Address: 0x0000000051234000/,
        /FRU Text: DIMM_A0/,
        /It told the kernel by SDEI event 3000 on PE 1\./,
        /Its handler began on PE 1 at step [\d,]+, [\d.]+ s; it completed \d+ ns later\./,
        /The kernel acknowledged the block at step [\d,]+, [\d.]+ s, \d+ ns after it was told\./,
        /\{1\}\[Hardware Error\]: {3}physical_address: 0x0000000051234000/,
        /Memory failure: 0x51234: recovery action for free buddy page: Recovered/,
        /It took page 0x51234000 out of use \(free buddy page\): Recovered\./,
      ])
        expect(out).toMatch(line);
    });

    it('a fatal error: the panic, the reset, and that BERT has it; the panic is in the file of --erst', async () => {
      const { code, out, host } = await command('ras', '--error', 'memory,severity=fatal', '--erst', 'store');
      expect(code).toBe(0);
      const told = ['It panicked: GHES: Fatal hardware error.', 'The machine was reset at', 'it found 1 in BERT.'];
      const places = told.map((text) => out.lastIndexOf(text));
      expect(places).toEqual([...places].sort((a, b) => a - b));
      expect(places[0]).toBeGreaterThan(0);
      expect(out).toContain('Firmware kept it for the boot error record (BERT) of the next start.');
      const store = host.files.get('store') as Uint8Array;
      expect(new TextDecoder('latin1').decode(store.subarray(0, 4))).toBe('CPER');
    });

    it('run --on: an error by a rule, with ACPI', async () => {
      const { code, err } = await command(
        'run',
        '--tables=acpi',
        '--on=console:/shell ready/ => ras:processor,severity=corrected,notify=gsiv',
        '--until=error_type: 0x02: cache error',
        '--max-steps=3G',
      );
      expect([code, err]).toEqual([0, expect.stringContaining("--until seen: 'error_type: 0x02: cache error'")]);
    });
  },
);
