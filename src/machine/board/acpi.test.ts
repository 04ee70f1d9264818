import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AcpiTables } from '../../firmware/boot/acpi.ts';
import { decodeAml } from '../../tables/acpi/aml/decode.ts';
import { type AmlDevice, amlDevices } from '../../tables/acpi/aml/namespace.ts';
import { printAml } from '../../tables/acpi/aml/print.ts';
import { decodeFadt } from '../../tables/acpi/fadt.ts';
import { decodeGtdt } from '../../tables/acpi/gtdt.ts';
import { decodeMadt, type MadtEntry } from '../../tables/acpi/madt.ts';
import { decodeDsdt } from '../../tables/acpi/plain.ts';
import { decodePptt } from '../../tables/acpi/pptt.ts';
import { decodeSpcr } from '../../tables/acpi/spcr.ts';
import { signatureOf } from '../../tables/acpi/table.ts';
import { type FdtNode, findNode, readCells, readStrings, readU32 } from '../../tables/fdt/tree.ts';
import { chosenOnlyTree, type VirtAcpiOptions, virtAcpi } from './acpi.ts';
import { virtDeviceTree } from './virt.ts';

const OPTIONS: VirtAcpiOptions = {
  pes: 4,
  ramSizeBytes: 2 ** 29,
  cpu: 'full',
  psciConduit: 'smc',
  sdei: true,
  el2: false,
  alone: true,
};
const DSDT_PA = 0x1_2345_6780n;

const tablesOf = (options: Partial<VirtAcpiOptions> = {}): AcpiTables =>
  virtAcpi({ ...OPTIONS, ...options }).tables(0x5000_0000n);

function all(options: Partial<VirtAcpiOptions> = {}): Map<string, Uint8Array> {
  const { dsdt, fadt, others } = tablesOf(options);
  return new Map([dsdt, fadt(DSDT_PA), ...others].map((bytes) => [signatureOf(bytes), bytes]));
}

const get = (signature: string, options: Partial<VirtAcpiOptions> = {}): Uint8Array => all(options).get(signature)!;
const entries = (options: Partial<VirtAcpiOptions> = {}): readonly MadtEntry[] =>
  decodeMadt(get('APIC', options)).value!.entries;
const kinds = (options: Partial<VirtAcpiOptions> = {}): string[] => entries(options).map(({ kind }) => kind);
const devices = (options: Partial<VirtAcpiOptions> = {}): AmlDevice[] =>
  amlDevices(decodeAml(decodeDsdt(get('DSDT', options)).value!.aml).value);

/** The ACPI id of what a node of the device tree is compatible with. */
const HIDS: Readonly<Record<string, string>> = {
  'arm,pl011': 'ARMH0011',
  'arm,pl061': 'ARMH0061',
  'virtio,mmio': 'LNRO0005',
  'qemu,fw-cfg-mmio': 'QEMU0002',
};

/** Registers and interrupts of a node: addresses, sizes, INTIDs with their trigger. */
function resourcesOfNode(node: FdtNode): unknown {
  const reg = readCells(node.properties.get('reg')!)!;
  const cells = node.properties.get('interrupts');
  const [, spi, flags] = (cells && readCells(cells)) ?? [];
  return { addrPa: reg[1], sizeBytes: reg[3], intid: spi === undefined ? undefined : spi + 32, edge: flags === 1 };
}

function resourcesOfDevice({ crs = [] }: AmlDevice): unknown {
  const memory = crs.find((resource) => resource.kind === 'memory32-fixed');
  const interrupt = crs.find((resource) => resource.kind === 'interrupt');
  return {
    addrPa: memory?.addrPa,
    sizeBytes: memory?.sizeBytes,
    intid: interrupt?.interrupts[0],
    edge: interrupt?.edge ?? false,
  };
}

describe('the board by ACPI and by device tree', () => {
  const tree = virtDeviceTree(OPTIONS);

  it('has the same devices with the same registers and interrupts', () => {
    const known = tree.root.children.flatMap((node) => {
      const hid = readStrings(node.properties.get('compatible'))?.map((name) => HIDS[name]);
      const id = hid?.find((name) => name !== undefined);
      return id === undefined ? [] : [[id, resourcesOfNode(node)]];
    });
    const ours = devices().flatMap((device) =>
      Object.values(HIDS).includes(device.hid!) ? [[device.hid, resourcesOfDevice(device)]] : [],
    );
    expect(known).toHaveLength(35);
    expect(ours.sort()).toEqual(known.sort());
  });

  it('has no device with registers in the tree that ACPI does not know, but the RTC, for which ACPI has no id', () => {
    const unknown = tree.root.children.filter((node) => {
      const names = readStrings(node.properties.get('compatible')) ?? [];
      return node.properties.has('reg') && !names.some((name) => HIDS[name]) && !names.includes('arm,gic-v3');
    });
    expect(unknown.map(({ name }) => name).sort()).toEqual(['memory@40000000', 'pl031@9010000']);
  });

  it('has the same processors, with their affinities', () => {
    const cpus = findNode(tree, '/cpus')!.children.filter(({ name }) => name.startsWith('cpu@'));
    const gicc = entries().filter((entry) => entry.kind === 'GICC');
    expect(gicc.map(({ mpidr }) => Number(mpidr))).toEqual(cpus.map((cpu) => readU32(cpu.properties.get('reg'))));
    const uids = devices().filter(({ hid }) => hid === 'ACPI0007');
    expect(uids.map(({ uid }) => Number(uid))).toEqual(gicc.map(({ acpiProcessorUid }) => acpiProcessorUid));
  });

  it('has the same timers, running always', () => {
    const timers = readCells(findNode(tree, '/timer')!.properties.get('interrupts')!)!;
    const ppis = [1, 4, 7, 10].map((at) => timers[at]! + 16);
    const gtdt = decodeGtdt(get('GTDT')).value!;
    const { secureEl1TimerGsiv, nonSecureEl1TimerGsiv, virtualEl1TimerGsiv, el2TimerGsiv } = gtdt;
    expect([secureEl1TimerGsiv, nonSecureEl1TimerGsiv, virtualEl1TimerGsiv, el2TimerGsiv]).toEqual(ppis);
    expect([gtdt.nonSecureEl1TimerFlags, gtdt.virtualEl1TimerFlags]).toEqual([4, 4]);
  });

  it('has its interrupt controller at the same place', () => {
    const reg = readCells(findNode(tree, '/intc')!.properties.get('reg')!)!;
    const [distributor] = entries().filter((entry) => entry.kind === 'GICD');
    const [range] = entries().filter((entry) => entry.kind === 'GICR');
    expect(Number(distributor!.physicalBaseAddress)).toBe(reg[1]);
    expect(Number(range!.discoveryRangeBaseAddress)).toBe(reg[5]);
    expect(range!.discoveryRangeLengthBytes).toBe(reg[7]);
  });

  it('has its console at the same place', () => {
    const [uart] = devices().filter(({ hid }) => hid === 'ARMH0011');
    const { baseAddress, globalSystemInterrupt } = decodeSpcr(get('SPCR')).value!;
    const expected = { addrPa: Number(baseAddress.address), intid: globalSystemInterrupt };
    expect(resourcesOfDevice(uart!)).toMatchObject(expected);
  });
});

describe('the tables', () => {
  it.each([
    ['smc', 1],
    ['hvc', 3],
    [null, 0],
  ] as const)('PSCI by %s is ARM_BOOT_ARCH %i', (psciConduit, flags) => {
    const { value } = decodeFadt(get('FACP', { psciConduit }));
    expect(value).toMatchObject({ armBootFlags: flags, flags: 1 << 20, xDsdtAddress: DSDT_PA });
    expect(all({ psciConduit }).has('SDEI')).toBe(psciConduit !== null);
  });

  it('an SDEI table says that the firmware has SDEI; without it there is none', () => {
    expect(all().has('SDEI')).toBe(true);
    expect(all({ sdei: false }).has('SDEI')).toBe(false);
  });

  it('GICv3: redistributors and ITS; without ITS no ITS; GICv2: a CPU interface each', () => {
    const processors = ['GICC', 'GICC', 'GICC', 'GICC'];
    expect(kinds()).toEqual(['GICD', ...processors, 'GICR', 'GIC ITS']);
    expect(kinds({ its: false })).toEqual(['GICD', ...processors, 'GICR']);
    expect(kinds({ gic: 2 })).toEqual(['GICD', ...processors]);
    const gicc = entries({ gic: 2 }).filter((entry) => entry.kind === 'GICC');
    expect(gicc.map(({ physicalBaseAddress }) => physicalBaseAddress)).toEqual(Array(4).fill(0x801_0000n));
  });

  it('with EL2 the virtual CPU interface has its maintenance interrupt, and EL2 its virtual timer', () => {
    const maintenance = (el2: boolean) =>
      entries({ el2 })
        .filter((entry) => entry.kind === 'GICC')
        .map(({ vgicMaintenanceInterrupt }) => vgicMaintenanceInterrupt);
    expect([maintenance(false), maintenance(true)]).toEqual([Array(4).fill(0), Array(4).fill(25)]);
    const timer = (el2: boolean) => decodeGtdt(get('GTDT', { el2 })).value!.virtualEl2TimerGsiv;
    expect([timer(false), timer(true)]).toEqual([0, 28]);
  });

  it.each(['edge', 'level'] as const)('a watchdog that signals by %s is a platform timer of the GTDT', (watchdog) => {
    expect(decodeGtdt(get('GTDT')).value!.platformTimers).toEqual([]);
    const node = findNode(virtDeviceTree({ ...OPTIONS, watchdog }), '/watchdog')!;
    const reg = readCells(node.properties.get('reg')!)!;
    const [, spi, flags] = readCells(node.properties.get('interrupts')!)!;
    const { platformTimers } = decodeGtdt(get('GTDT', { watchdog })).value!;
    expect(platformTimers).toMatchObject([
      {
        kind: 'watchdog',
        controlFrameAddress: BigInt(reg[1]!),
        refreshFrameAddress: BigInt(reg[5]!),
        timerGsiv: spi! + 32,
        timerFlags: flags === 1 ? 1 : 0,
      },
    ]);
  });

  it('the PPTT has a socket, in it a cluster with the level 2 cache, in it the cores with two caches each', () => {
    const { value, findings } = decodePptt(get('PPTT', { pes: 2 }));
    expect(findings).toEqual([]);
    let offset = 36;
    const at = new Map<number, string>();
    const shown = value!.entries.map((entry) => {
      if (entry.kind === 'cache') {
        at.set(offset, `${entry.cacheSizeBytes / 1024}K`);
        offset += 24;
        return at.get(offset - 24);
      }
      if (entry.kind !== 'processor') throw new Error(entry.kind);
      const name = `${entry.flags}:${entry.acpiProcessorId}`;
      const above = entry.parent === 0 ? '' : ` in ${at.get(entry.parent)}`;
      const has = entry.privateResources.map((resource) => ` ${at.get(resource)}`).join('');
      at.set(offset, name);
      offset += 20 + 4 * entry.privateResources.length;
      return `${name}${above}${has}`;
    });
    expect(shown).toEqual([
      '3:0',
      '2048K',
      '2:1 in 3:0 2048K',
      '32K',
      '48K',
      '10:0 in 2:1 32K 48K',
      '32K',
      '48K',
      '10:1 in 2:1 32K 48K',
    ]);
  });

  it('every table decodes without a finding', () => {
    expect(decodeFadt(get('FACP')).findings).toEqual([]);
    expect(decodeMadt(get('APIC')).findings).toEqual([]);
    expect(decodeGtdt(get('GTDT')).findings).toEqual([]);
    expect(decodeSpcr(get('SPCR')).findings).toEqual([]);
    const dsdt = decodeDsdt(get('DSDT'));
    expect(dsdt.findings).toEqual([]);
    expect(decodeAml(dsdt.value!.aml).findings).toEqual([]);
  });

  it('tables of error sources come last, made when their memory has its place', () => {
    const errorSources = {
      firmwareSizeBytes: 0x2000,
      tables: (firmwarePa: bigint) => [new TextEncoder().encode(`HEST${firmwarePa}`)],
    };
    expect(virtAcpi({ ...OPTIONS, errorSources }).firmwareSizeBytes).toBe(0x2000);
    const { others } = tablesOf({ errorSources });
    expect(new TextDecoder().decode(others.at(-1))).toBe(`HEST${0x5000_0000}`);
  });

  it('the device tree beside them has nothing but /chosen, so that Linux takes ACPI unasked', () => {
    const { root } = chosenOnlyTree({ ...OPTIONS, bootargs: 'quiet' });
    expect(root.children.map(({ name }) => name)).toEqual(['chosen']);
    expect([...root.children[0]!.properties.keys()]).toEqual(['bootargs', 'rng-seed', 'kaslr-seed']);
    expect([...root.properties.keys()]).toEqual(['#address-cells', '#size-cells']);
  });
});

describe('events', () => {
  const source = (firmwareFirst: boolean): string => {
    const errorSources = firmwareFirst ? { firmwareSizeBytes: 0, tables: () => [] } : undefined;
    return printAml(decodeAml(decodeDsdt(get('DSDT', { errorSources })).value!.aml).value);
  };

  it('_EVT reads the selector once and tells the power button and the error device', () => {
    const method = /Method \(_EVT[\s\S]*?\n {8}\}/.exec(source(false))![0];
    expect(method.match(/ESEL/g)).toHaveLength(1);
    expect(method.replaceAll(/\s+/g, ' ')).toContain(
      'If (LEqual (And (Local0, 0x2, ), 0x2)) { Notify (\\_SB.PWRB, 0x80) }' +
        ' If (LEqual (And (Local0, 0x20, ), 0x20)) { Notify (\\_SB.ERRD, 0x80) }',
    );
  });

  it('_OSC grants APEI, and knows WHEA, only where firmware sees errors first', () => {
    expect(source(true)).toContain('And (SUPP, 0x10, Local0)');
    expect(source(false)).toContain('And (SUPP, Zero, Local0)');
    // The two UUIDs begin with their first group, little-endian.
    expect(source(true)).toContain('0x0C, 0x5E, 0x85, 0xED');
    expect(source(false)).not.toContain('0x0C, 0x5E, 0x85, 0xED');
  });
});

const haveIasl = spawnSync('iasl', ['-v']).status === 0;

describe.skipIf(!haveIasl)('against iasl (skipped when it is not installed)', () => {
  const iasl = (folder: string, ...args: string[]): string => {
    const { stdout, stderr } = spawnSync('iasl', args, { cwd: folder, encoding: 'utf8' });
    return stdout + stderr;
  };
  const folders: string[] = [];
  const folder = (): string => {
    const made = mkdtempSync(join(tmpdir(), 'unmaskable-board-'));
    folders.push(made);
    return made;
  };

  it.each([{}, { gic: 2, pes: 1 }, { el2: true, pes: 8, cpu: 'cortex-a57', watchdog: 'edge' }] as const)(
    'every table is taken apart without a warning, and compiles to the same bytes again: %j',
    (options) => {
      const place = folder();
      try {
        for (const [signature, bytes] of all(options)) {
          writeFileSync(join(place, `${signature}.dat`), bytes);
          const taken = iasl(place, '-d', `${signature}.dat`);
          expect(taken, signature).not.toMatch(/warning|error/i);
          // -oa: as it is written, without another optimization than ours.
          const made = iasl(place, '-oa', '-p', `again-${signature}`, `${signature}.dsl`);
          expect(made, signature).toMatch(/ 0 Errors|Compilation successful|Table Input/);
          expect(made, signature).not.toMatch(/[1-9]\d* Errors|[1-9]\d* Warnings/);
          const again = new Uint8Array(readFileSync(join(place, `again-${signature}.aml`)));
          // iasl writes itself into the header as the creator, and so another checksum.
          expect(again.slice(36), signature).toEqual(bytes.slice(36));
        }
      } finally {
        rmSync(place, { recursive: true });
      }
    },
  );
});
