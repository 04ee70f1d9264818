import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findKallsyms } from '../../src/debug/symbols/kallsyms.ts';
import { Symbols } from '../../src/debug/symbols/symbols.ts';
import { guestPath, haveGuests, haveRtKernel, LinuxGuest } from './guest.ts';

/** Symbols of a kernel as /proc/kallsyms writes them, at the addresses where it runs. */
function asProcFile(symbols: Symbols): string {
  const kernel = symbols.kernel()!;
  const found = findKallsyms(new Uint8Array(readFileSync(guestPath('Image'))))!;
  const textVa = kernel.textVa()!;
  const first = kernel.table.named(found.names[0]!.slice(1))[0]!.address;
  return found.names
    .map((name, n) => {
      const va = textVa + first + BigInt(found.offsets[n]! - found.offsets[0]!);
      return `${va.toString(16).padStart(16, '0')} ${name.charAt(0)} ${name.slice(1)}\n`;
    })
    .join('');
}

describe.skipIf(!haveGuests)(
  "the symbols of Debian's kernel (needs scripts/guests.mjs to have run)",
  { timeout: 300_000 },
  () => {
    it('are all those of /proc/kallsyms, at the addresses where KASLR put them', () => {
      const guest = new LinuxGuest({ cpu: 'full', machine: { append: 'console=ttyAMA0 quiet' } });
      const symbols = new Symbols(guest.machine);
      // Before the first step: where the Image lies.
      const [start] = symbols.lookup('start_kernel');
      expect(start!.space).toBe('physical');
      expect(symbols.symbolize(start!.address + 0x10n)).toBe('start_kernel+0x10');
      expect(symbols.kernel()!.textVa()).toBeUndefined();
      guest.untilPrompt();
      const text = asProcFile(symbols);
      const sum = createHash('md5').update(text).digest('hex');
      const lines = text.split('\n').length - 1;
      expect(lines).toBeGreaterThan(40_000);
      expect(guest.command("grep -v '\\[' /proc/kallsyms | md5sum")).toContain(sum);
      // The slide is there, or the test would show little.
      expect(symbols.kernel()!.textVa()! % 0x1000_0000n).not.toBe(0n);
    });

    it('are found in RAM as well, for a kernel that something else loaded', () => {
      const guest = new LinuxGuest({ cpu: 'full', machine: { memoryBytes: 2 ** 28, append: 'console=ttyAMA0 quiet' } });
      guest.machine.run({ steps: 60_000_000 });
      const { machine } = guest;
      const unknown = new Symbols({
        boot: undefined,
        options: machine.options,
        readMemory: (addrPa, sizeBytes) => machine.readMemory(addrPa, sizeBytes),
      });
      const known = new Symbols(machine);
      const [place] = unknown.lookup('do_idle+4');
      expect(place!.space).toBe('virtual');
      expect(known.symbolize(place!.address)).toBe('do_idle+0x4');
    });

    it('stop the machine at functions from the first instruction on', () => {
      const guest = new LinuxGuest({ cpu: 'full', cpus: 2, machine: { append: 'console=ttyAMA0' } });
      const { machine } = guest;
      const symbols = new Symbols(machine);
      const order: string[] = [];
      for (const name of ['primary_entry', 'start_kernel', 'rest_init', 'secondary_start_kernel']) {
        for (const place of symbols.lookup(name)) {
          const off = machine.breakAt(
            place.address,
            ({ pe, pc }) => {
              expect(Symbols.meant(place, pc)).toBe(true);
              order.push(`${name} on ${pe}: ${symbols.symbolize(pc)}`);
              off();
            },
            { space: place.space },
          );
        }
      }
      machine.run({ steps: 140_000_000 });
      expect(order).toEqual([
        'primary_entry on 0: primary_entry',
        'start_kernel on 0: start_kernel',
        'rest_init on 0: rest_init',
        'secondary_start_kernel on 1: secondary_start_kernel',
      ]);
    });

    it('an unknown name is answered with similar ones', () => {
      const guest = new LinuxGuest({ cpu: 'full' });
      const symbols = new Symbols(guest.machine);
      expect(() => symbols.lookup('do_idel')).toThrow(/the kernel has no symbol of that name. Similar: do_idle/);
    });

    it.skipIf(!haveRtKernel)('are found in the PREEMPT_RT kernel', () => {
      const found = findKallsyms(new Uint8Array(readFileSync(guestPath('Image-rt'))))!;
      expect(found.names.length).toBeGreaterThan(40_000);
      expect(found.names).toContain('Tstart_kernel');
    });
  },
);
