import { describe, expect, it } from 'vitest';
import { findByChosen } from '../../test/support/acpi-walk.ts';
import { bareKernel } from '../../test/support/bare-kernel.ts';
import { GED_EVENT } from '../devices/ged.ts';
import { decodeFdt } from '../tables/fdt/decode.ts';
import { findNode, readU64 } from '../tables/fdt/tree.ts';
import { VIRT_MEMORY_MAP } from './board/virt.ts';
import { MachineError } from './errors.ts';
import { Machine } from './machine.ts';
import type { MachineOptions } from './options.ts';

const KERNEL = bareKernel('1: wfi\n b 1b');
const MEMORY = 32 * 2 ** 20;

function machine(options: MachineOptions): Machine {
  return Machine.create({ kernel: KERNEL, memoryBytes: MEMORY, ...options });
}

/** The tree that the kernel is given. */
function treeOf(guest: Machine) {
  const segment = guest.boot!.segments.find(({ what }) => what === 'dtb')!;
  return decodeFdt(guest.readMemory(segment.addrPa, segment.bytes.length)).tree!;
}

/** What the guest finds when it follows `/chosen`. */
function found(guest: Machine) {
  const chosen = findNode(treeOf(guest), '/chosen')!.properties;
  return findByChosen(
    (addrPa, sizeBytes) => guest.readMemory(addrPa, sizeBytes),
    (name) => readU64(chosen.get(name))!,
  );
}

function refusal(options: MachineOptions): string {
  try {
    Machine.create({ memoryBytes: MEMORY, ...options });
  } catch (error) {
    if (error instanceof MachineError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'nothing was refused';
}

describe('tables', () => {
  it("'dt': a device tree and no word of EFI; there is no GED", () => {
    const guest = machine({});
    expect(findNode(treeOf(guest), '/chosen')!.properties.has('linux,uefi-system-table')).toBe(false);
    expect(guest.boot!.segments.map(({ what }) => what)).toEqual(['kernel', 'dtb']);
    expect(guest.devices.ged).toBeUndefined();
  });

  it("'acpi': tables in memory, and a tree with nothing but the way to them", () => {
    const guest = machine({ tables: 'acpi', cpus: 2 });
    expect(treeOf(guest).root.children.map(({ name }) => name)).toEqual(['chosen']);
    const { tables, memory } = found(guest);
    const errors = ['BERT', 'EINJ', 'ERST', 'HEST'];
    const all = ['APIC', 'DSDT', 'FACP', 'GTDT', 'PPTT', 'SDEI', 'SPCR', 'XSDT', ...errors].sort();
    expect([...tables.keys()].sort()).toEqual(all);
    expect(memory.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0n)).toBe(BigInt(MEMORY));
  });

  it("'both': the whole tree, and the same tables", () => {
    const guest = machine({ tables: 'both' });
    expect(findNode(treeOf(guest), '/pl011@9000000')).toBeDefined();
    expect(findNode(treeOf(guest), '/memory@40000000')).toBeDefined();
    expect(found(guest).tables.get('DSDT')!.bytes).toEqual(
      found(machine({ tables: 'acpi' })).tables.get('DSDT')!.bytes,
    );
  });

  it('kernel, initrd and tree stay below the tables', () => {
    const guest = machine({ tables: 'acpi', initrd: new Uint8Array(12 * 2 ** 20) });
    const [free] = found(guest).memory;
    for (const { what, addrPa, bytes } of guest.boot!.segments) {
      if (/^(acpi|efi) /.test(what)) continue;
      expect(addrPa + BigInt(bytes.length), what).toBeLessThanOrEqual(free!.addrPa + free!.sizeBytes);
    }
  });

  it('a reset puts back what the guest has overwritten', () => {
    const guest = machine({ tables: 'acpi' });
    const before = found(guest);
    for (const { addrPa, bytes } of before.tables.values()) guest.writeMemory(addrPa, new Uint8Array(bytes.length));
    guest.reset();
    expect(found(guest)).toEqual(before);
  });

  it('what cannot be is refused with the reason', () => {
    expect(refusal({ kernel: KERNEL, tables: 'uefi' as 'acpi' })).toMatch(/^E_OPTION .*'uefi'.* dt, acpi, both/);
    expect(refusal({ kernel: KERNEL, tables: 'acpi', dtb: new Uint8Array(8) })).toMatch(/^E_OPTION .*a dtb was given/);
    expect(refusal({ tables: 'acpi' })).toMatch(/^E_OPTION .*handed to a kernel, and there is none/);
    expect(refusal({ tables: 'both' })).toMatch(/^E_OPTION .*handed to a kernel, and there is none/);
  });
});

describe('the power key with ACPI', () => {
  const select = Number(VIRT_MEMORY_MAP.ged.basePa);

  it('is an event of the GED when it goes down, not when it comes up', () => {
    const guest = machine({ tables: 'acpi' });
    guest.powerKey(true);
    guest.run({ steps: 10 });
    expect(guest.devices.ged!.pending).toBe(GED_EVENT.POWER);
    expect(guest.bus.read(select, 4, 0, true)).toBe(GED_EVENT.POWER);
    guest.powerKey(false);
    guest.run({ steps: 10 });
    expect(guest.devices.ged!.pending).toBe(0);
  });

  it('an event that was not read yet is part of a snapshot and of the digest', () => {
    const guest = machine({ tables: 'acpi' });
    const before = guest.snapshot();
    const calm = guest.digest();
    guest.powerKey(true);
    guest.run({ steps: 0 });
    const pressed = guest.snapshot();
    const digest = guest.digest();
    expect(digest).not.toBe(calm);
    guest.restore(before);
    expect(guest.digest()).toBe(calm);
    guest.restore(pressed);
    expect(guest.digest()).toBe(digest);
    expect(guest.devices.ged!.pending).toBe(GED_EVENT.POWER);
  });
});
