import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryBackend } from '../../src/devices/virtio/block-store.ts';
import type { Snapshot } from '../../src/machine/machine.ts';
import type { MachineOptions } from '../../src/machine/options.ts';
import { type GuestOptions, guestPath, haveGuests, LinuxGuest, TROUBLE } from './guest.ts';
import { cutUp, numbers, TIMEOUT_MS } from './suite.ts';

const haveModules = haveGuests && existsSync(guestPath('modules.cpio'));

/** What a kernel says of tables, properties or devices that it does not like. */
const COMPLAINT =
  /ACPI (BIOS )?(Error|Warning|Exception)|ACPI: .*(fail|invalid)|Firmware Bug|AE_[A-Z_]+|UEFI not found/i;
/** Lines of the log at level warning or worse. */
const WARNINGS = 'dmesg -r | grep "^<[0-4]>"';

/** Lines that show from where the kernel knows what it knows. */
const BY_ACPI = [
  /efi: EFI v2\.70 by unmaskable/,
  /efi: ACPI 2\.0=0x\w+ /,
  /psci: probing for conduit method from ACPI\./,
  /psci: PSCIv1\.\d detected in firmware\./,
  /arch_timer: cp15 timer\(s\) running at 62\.50MHz \(virt\)\./,
  /ACPI: SPCR: console: pl011,mmio32,0x9000000,115200/,
  /ACPI: Using GIC for interrupt routing/,
  /sdei: SDEIv1\.0 \(0x0\) detected in firmware\./,
  /ARMH0011:00: ttyAMA0 at MMIO 0x9000000/,
  /printk: console \[ttyAMA0\] enabled/,
  /ACPI: button: Power Button \[PWRB\]/,
];

function boot(machine: MachineOptions, more: Partial<GuestOptions> = {}): LinuxGuest {
  const guest = new LinuxGuest({ cpu: 'full', machine, ...more });
  expect(guest.untilPrompt()).toBe('stopped');
  return guest;
}

/** No table, property or device about which the kernel said a word, and nothing that is not modelled. */
function expectNoComplaint(guest: LinuxGuest): void {
  expect(guest.text).not.toMatch(COMPLAINT);
  expect(guest.text).not.toMatch(TROUBLE);
  expect(guest.command(WARNINGS)).toBe('');
  expect(guest.reports).toEqual([]);
}

function expectByAcpi(guest: LinuxGuest): void {
  for (const line of BY_ACPI) expect(guest.text).toMatch(line);
}

describe.skipIf(!haveGuests)(
  "Debian's kernel with ACPI (needs scripts/guests.mjs to have run)",
  { timeout: TIMEOUT_MS },
  () => {
    it.each([1, 2, 4])(
      'finds everything by ACPI without an option, and has nothing to complain of: %i CPUs',
      (cpus) => {
        const guest = boot({ tables: 'acpi' }, { cpus });
        expectByAcpi(guest);
        expect(guest.text).toMatch(/GICv3: CPU0: found redistributor 0 region 0:0x00000000080a0000/);
        expect(guest.text).toContain('ITS [mem 0x08080000-0x0809ffff]');
        expect(guest.text).toMatch(/Kernel command line: *\r?\n/);
        expectNoComplaint(guest);
        expect(guest.command('nproc; ls -d /proc/device-tree 2>/dev/null')).toBe(`${cpus}\n`);
        const cache = '/sys/devices/system/cpu/cpu0/cache/index2';
        expect(guest.command(`cat ${cache}/size`)).toBe('2048K\n');
        expect(guest.command(`cat ${cache}/shared_cpu_list`)).toBe(cpus === 1 ? '0\n' : `0-${cpus - 1}\n`);
        guest.command('cd /sys/firmware/acpi/tables');
        for (const { what, bytes } of guest.machine.boot!.segments) {
          const name = /^acpi (?!XSDT|RSDP)(\w{4})$/.exec(what)?.[1];
          if (name === undefined) continue;
          const shown = guest.command(`sha256sum < ${name}`);
          expect(shown.slice(0, 64), name).toBe(createHash('sha256').update(bytes).digest('hex'));
        }
      },
    );

    const others: readonly (readonly [string, MachineOptions, string])[] = [
      ['GICv2', { tables: 'acpi', gic: 2 }, 'GIC-0  27 Level     arch_timer'],
      ['one security state, PSCI by HVC', { tables: 'acpi', el3: false }, 'GICv3  27 Level     arch_timer'],
      [
        'a device tree beside it, and a console that is asked for',
        { tables: 'both', append: 'acpi=on console=ttyAMA0 earlycon' },
        'GICv3',
      ],
    ];
    it.each(others)('is content with %s', (_, machine, interrupt) => {
      const guest = boot(machine, { cpus: 2 });
      expectByAcpi(guest);
      expectNoComplaint(guest);
      expect(guest.command('grep arch_timer /proc/interrupts')).toContain(interrupt);
      expect(guest.command('nproc')).toBe('2\n');
    });

    it('finds the watchdog', () => {
      const guest = boot({ tables: 'acpi', watchdog: true });
      expect(guest.text).toContain('ACPI GTDT: found 1 SBSA generic Watchdog(s).');
      expectNoComplaint(guest);
      expect(guest.command('ls -d /sys/devices/platform/sbsa-gwdt.*')).toBe('/sys/devices/platform/sbsa-gwdt.0\n');
    });

    it('takes the device tree of both when it is not told otherwise', () => {
      const guest = boot({ tables: 'both' });
      expect(guest.text).toContain('psci: probing for conduit method from DT.');
      expect(guest.text).not.toContain('ACPI: Using GIC');
      expectNoComplaint(guest);
    });

    it('with EL2 KVM finds its interrupt; SDEI that is off is not there', () => {
      const guest = boot({ tables: 'acpi', el2: true, sdei: false });
      expect(guest.text).toMatch(/kvm \[1\]: vgic interrupt IRQ\d+/);
      expect(guest.text).not.toContain('sdei');
      expectNoComplaint(guest);
    });
  },
);

describe.skipIf(!haveModules)(
  "Debian's drivers with ACPI (needs scripts/guests.mjs to have run)",
  { timeout: TIMEOUT_MS },
  () => {
    let guest: LinuxGuest;
    let shell: Snapshot;
    const backToShell = (): void => guest.machine.restore(shell);

    beforeAll(() => {
      const backend = memoryBackend(new Uint8Array(2 ** 20).fill(0x5a));
      const fwCfgFiles = { 'opt/test/answer': new TextEncoder().encode('forty-two\n') };
      guest = boot(
        { tables: 'acpi', drives: [{ backend, serial: 'by-acpi' }], fwCfgFiles },
        { cpus: 2, archives: [readFileSync(guestPath('modules.cpio'))] },
      );
      guest.command('for module in virtio_mmio virtio_blk evdev qemu_fw_cfg; do modprobe $module; done');
      shell = guest.machine.snapshot();
    }, TIMEOUT_MS);
    afterAll(() => {
      guest = undefined as unknown as LinuxGuest;
    });

    it('a disk behind virtio-mmio works, its interrupt is an edge', () => {
      backToShell();
      expect(guest.command('cat /sys/block/vda/serial; echo')).toBe('by-acpi\n');
      expect(guest.command('head -c 4 /dev/vda | hexdump -C | head -1')).toContain('5a 5a 5a 5a');
      expect(guest.command('grep virtio0 /proc/interrupts')).toMatch(/48 Edge/);
    });

    it('fw_cfg shows its files', () => {
      backToShell();
      expect(guest.command('cat /sys/firmware/qemu_fw_cfg/by_name/opt/test/answer/raw')).toBe('forty-two\n');
    });

    it('the power key is an event of the power button, each time it is pressed', () => {
      backToShell();
      guest.command('hexdump -v -n 192 /dev/input/event0 > /tmp/events & sleep 0.2');
      for (let n = 0; n < 2; n++) {
        guest.machine.powerKey(true);
        guest.command('sleep 0.2');
        guest.machine.powerKey(false);
        guest.command('sleep 0.2');
      }
      // An event is 12 halfwords; the last ones are type 1 (key), code 0x74 (KEY_POWER), value 1 or 0, or a report.
      const words = guest.command('cut -c 9-47 /tmp/events').trim().split(/\s+/);
      const events = Array.from({ length: words.length / 12 }, (_, n) =>
        words.slice(12 * n + 8, 12 * n + 11).join(' '),
      );
      const keys = events.filter((event) => event.startsWith('0001'));
      expect(keys).toEqual(['0001 0074 0001', '0001 0074 0000', '0001 0074 0001', '0001 0074 0000']);
      expect(guest.command('grep ACPI:Ged /proc/interrupts')).toMatch(/\b2\b.* 41 Edge/);
    });

    it('a CPU goes and comes back', () => {
      backToShell();
      guest.command('cd /sys/devices/system/cpu/cpu1; echo 0 > online');
      expect(guest.command('nproc')).toBe('1\n');
      guest.command('echo 1 > online');
      expect(guest.command('nproc')).toBe('2\n');
    });

    it('a run that is cut up comes to the same state', () => {
      const line = 'cat /proc/interrupts | md5sum; dd if=/dev/vda of=/dev/null bs=64k; sleep 0.02';
      const run = (cuts: number[]) => {
        backToShell();
        guest.command(line, cutUp(cuts, numbers(11)));
        return { steps: guest.machine.steps, digest: guest.machine.digest() };
      };
      const plain = run([]);
      const random = numbers(12);
      const length = plain.steps - shell.time.steps;
      const cuts = Array.from({ length: 30 }, () => shell.time.steps + random(length)).sort((a, b) => a - b);
      expect(run(cuts)).toEqual(plain);
    });

    it("'reboot -f' resets, and the kernel finds its tables again", () => {
      backToShell();
      const before = guest.text.length;
      expect(guest.lastCommand('reboot -f')).toBe('reset');
      guest.machine.reset();
      expect(guest.untilPrompt()).toBe('stopped');
      guest.text = guest.text.slice(before);
      expectByAcpi(guest);
      expectNoComplaint(guest);
    });

    it("'poweroff -f' powers off", () => {
      backToShell();
      expect(guest.lastCommand('poweroff -f')).toBe('poweroff');
      expect(guest.text).not.toMatch(TROUBLE);
    });
  },
);
