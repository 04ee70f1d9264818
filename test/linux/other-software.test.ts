import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Machine } from '../../src/machine/machine.ts';
import type { MachineOptions } from '../../src/machine/options.ts';
import { guestPath, haveOtherGuests, TROUBLE } from './guest.ts';
import { TIMEOUT_MS } from './suite.ts';

const file = (name: string): Uint8Array => readFileSync(guestPath(name));
/** Nothing here takes as many steps. */
const STEPS_MAX = 1_500_000_000;

/** A machine, and somebody who reads its console and types. */
class Screen {
  readonly machine: Machine;
  text = '';
  readonly reports: string[] = [];
  #awaited: RegExp | undefined;

  constructor(options: MachineOptions) {
    this.machine = Machine.create(options);
    this.machine.log.onReport((message) => void this.reports.push(message));
    this.machine.console.onOutput((bytes) => {
      this.text += String.fromCharCode(...bytes);
      if (this.#awaited?.test(this.text.slice(-200))) this.machine.stop();
    });
  }

  /** Runs until what was written since the last call matches; returns that. */
  until(pattern: RegExp): string {
    this.text = '';
    this.#awaited = pattern;
    const { reason } = this.machine.run({ steps: STEPS_MAX });
    if (reason !== 'stopped') throw new Error(`${reason} before ${pattern}:\n${this.text.slice(-2000)}`);
    return this.text;
  }
  type(text: string): void {
    this.machine.console.input(new TextEncoder().encode(text));
  }
}

const NEEDS = '(needs scripts/guests.mjs and scripts/other-guests.mjs to have run)';

describe.skipIf(!haveOtherGuests)(`Xen at EL2, Debian's kernel as its first guest ${NEEDS}`, () => {
  it.each([
    ['full', 3, 'GICv3: 256 lines', '48-bit IPA with 48-bit PA and 16-bit VMID'],
    ['cortex-a57', 2, 'GICv2: 256 lines, 2 cpus', '44-bit IPA with 44-bit PA and 8-bit VMID'],
  ] as const)(
    'on %s with a GICv%i brings up its CPUs and starts the kernel',
    { timeout: TIMEOUT_MS },
    (cpu, gic, ...says) => {
      const screen = new Screen({
        ...{ cpu, gic, cpus: 2, el2: true, memoryBytes: 2 ** 30 },
        kernel: file('xen'),
        append: 'console=dtuart dom0_mem=256M',
        guest: { kernel: file('Image'), initrd: file('initramfs.cpio'), append: 'console=hvc0 earlycon=xen' },
      });
      const text = screen.until(/Built 1 zonelists/);
      for (const line of [...says, '(XEN) Brought up 2 CPUs', '*** LOADING DOMAIN 0 ***']) expect(text).toContain(line);
      expect(text).toMatch(/\] Xen 4\.\d+ support found/);
      expect(text).toMatch(/psci: PSCIv1\.1 detected in firmware/);
      expect(text).not.toMatch(/Panic on CPU|Xen BUG|Unexpected|Unhandled/);
      expect(text.replaceAll(/^\(XEN\).*$/gm, '')).not.toMatch(TROUBLE);
      expect(screen.reports).toEqual([]);
    },
  );
});

describe.skipIf(!haveOtherGuests)(`U-Boot from flash ${NEEDS}`, () => {
  it('finds its flash, keeps its environment there over a reset, and starts a kernel', { timeout: TIMEOUT_MS }, () => {
    const screen = new Screen({
      ...{ cpu: 'cortex-a57', bios: file('u-boot.bin'), append: 'earlycon' },
      ...{ kernel: file('Image'), initrd: file('initramfs.cpio') },
    });
    const prompt = (): string => {
      const text = screen.until(/Hit any key/);
      screen.type('\n');
      screen.until(/\n=> $/);
      return text;
    };
    const first = prompt();
    expect(first).toMatch(/DRAM: {2}512 MiB/);
    expect(first).toMatch(/Flash: 64 MiB/);
    expect(first).toMatch(/bad CRC, using default environment/);
    screen.type('setenv answer 42; saveenv\n');
    expect(screen.until(/OK\r?\n=> $/)).toMatch(/Erasing Flash.*Writing to Flash/s);
    screen.type('reset\n');
    expect(screen.machine.run({ steps: STEPS_MAX }).reason).toBe('reset');
    screen.machine.reset();
    const again = prompt();
    expect(again).not.toContain('bad CRC');
    screen.type('echo it is $answer\n');
    expect(screen.until(/\n=> $/)).toContain('it is 42');
    screen.type('run bootcmd_qfw\n');
    const kernel = screen.until(/Built 1 zonelists/);
    expect(kernel).toMatch(/Starting kernel.*Booting Linux on physical CPU/s);
    expect(kernel).not.toMatch(TROUBLE);
  });
});

describe.skipIf(!haveOtherGuests)(`EDK2 from flash ${NEEDS}`, () => {
  it('starts a kernel by its EFI stub', { timeout: TIMEOUT_MS }, () => {
    const screen = new Screen({
      ...{ bios: file('QEMU_EFI.fd'), append: 'earlycon' },
      ...{ kernel: file('Image'), initrd: file('initramfs.cpio') },
    });
    const text = screen.until(/Built 1 zonelists/);
    expect(text).toContain('EFI stub: Loaded initrd from LINUX_EFI_INITRD_MEDIA_GUID device path');
    expect(text).toContain('EFI stub: Exiting boot services');
    expect(text).toMatch(/efi: EFI v2\.\d+ by EDK II/);
    expect(text).not.toMatch(TROUBLE);
  });
});
