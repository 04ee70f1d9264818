import { FW_CFG_REGS } from '../../src/devices/fw-cfg.ts';
import { GED_REGS } from '../../src/devices/ged.ts';
import { GICC_REGS, GICD_REGS as GICV2_GICD_REGS } from '../../src/devices/gicv2/maps.ts';
import { GICH_REGS, GICV_REGS } from '../../src/devices/gicv2/virtual-maps.ts';
import { GITS_REGS } from '../../src/devices/gicv3/its/regs.ts';
import { GICD_REGS, GICR_REGS } from '../../src/devices/gicv3/maps.ts';
import { PL011_REGS } from '../../src/devices/pl011.regs.ts';
import { PL031_REGS } from '../../src/devices/pl031.ts';
import { PL061_REGS } from '../../src/devices/pl061.ts';
import type { Register, Regmap } from '../../src/devices/regmap.ts';
import { VIRTIO_MMIO_LEGACY_REGS, VIRTIO_MMIO_REGS } from '../../src/devices/virtio/regs.ts';
import { WATCHDOG_REFRESH_REGS, WATCHDOG_REGS } from '../../src/devices/watchdog.ts';
import { RAS_REGS } from '../../src/firmware/ras/registers.ts';
import { type Region, VIRT_INTIDS, VIRT_MEMORY_MAP } from '../../src/machine/board/virt.ts';
import { notModelled, sourceAt } from './comments.ts';
import { code, hex, page, table } from './markdown.ts';

/** One device of the board as the page shows it. */
interface Documented {
  readonly title: string;
  /** Source whose comment says what is not modelled. */
  readonly source: string;
  readonly region: Region;
  readonly irq?: string;
  readonly maps: readonly Regmap<string>[];
}

const MAP = VIRT_MEMORY_MAP;
const spi = (intid: number): string => `INTID ${intid} (SPI ${intid - 32})`;

/** Every device with registers, in the order of the memory map. */
export const DEVICES: readonly Documented[] = [
  {
    title: 'GICv3 distributor',
    source: 'src/devices/gicv3/gicv3.ts',
    region: MAP.gicd,
    maps: [GICD_REGS],
  },
  {
    title: 'GICv3 Interrupt Translation Service (without it: option `its: false`)',
    source: 'src/devices/gicv3/its/its.ts',
    region: MAP.gits,
    maps: [GITS_REGS],
  },
  {
    title: 'GICv3 redistributor, one for each PE',
    source: 'src/devices/gicv3/gicv3.ts',
    region: MAP.gicr,
    maps: [GICR_REGS],
  },
  {
    title: 'GICv2 distributor (option `gic: 2`)',
    source: 'src/devices/gicv2/gicv2.ts',
    region: MAP.gicd,
    maps: [GICV2_GICD_REGS],
  },
  {
    title: 'GICv2 CPU interface (option `gic: 2`)',
    source: 'src/devices/gicv2/gicv2.ts',
    region: MAP.gicc,
    maps: [GICC_REGS],
  },
  {
    title: 'GICv2 virtual interface control (options `gic: 2` and `el2: true`)',
    source: 'src/devices/gicv2/gicv2.ts',
    region: MAP.gich,
    maps: [GICH_REGS],
  },
  {
    title: 'GICv2 virtual CPU interface (options `gic: 2` and `el2: true`)',
    source: 'src/devices/gicv2/gicv2.ts',
    region: MAP.gicv,
    maps: [GICV_REGS],
  },
  {
    title: 'PL011 UART',
    source: 'src/devices/pl011.ts',
    region: MAP.pl011,
    irq: spi(VIRT_INTIDS.PL011),
    maps: [PL011_REGS],
  },
  {
    title: 'PL031 real time clock',
    source: 'src/devices/pl031.ts',
    region: MAP.pl031,
    irq: spi(VIRT_INTIDS.PL031),
    maps: [PL031_REGS],
  },
  { title: 'fw_cfg', source: 'src/devices/fw-cfg.ts', region: MAP.fwCfg, maps: [FW_CFG_REGS] },
  {
    title: 'PL061 general purpose input and output',
    source: 'src/devices/pl061.ts',
    region: MAP.pl061,
    irq: spi(VIRT_INTIDS.PL061),
    maps: [PL061_REGS],
  },
  {
    title: 'GED, the generic event device (only with ACPI tables)',
    source: 'src/devices/ged.ts',
    region: MAP.ged,
    irq: spi(VIRT_INTIDS.ACPI_GED),
    maps: [GED_REGS],
  },
  {
    title: 'Error interfaces of the firmware (only with ACPI tables)',
    source: 'src/firmware/ras/registers.ts',
    region: MAP.ras,
    maps: [RAS_REGS],
  },
  {
    title: 'Generic watchdog, control frame, where the options ask for one',
    source: 'src/devices/watchdog.ts',
    region: MAP.watchdogControl,
    irq: spi(VIRT_INTIDS.WATCHDOG),
    maps: [WATCHDOG_REGS],
  },
  {
    title: 'Generic watchdog, refresh frame',
    source: 'src/devices/watchdog.ts',
    region: MAP.watchdogRefresh,
    maps: [WATCHDOG_REFRESH_REGS],
  },
  {
    title: 'virtio-mmio transport, 32 slots',
    source: 'src/devices/virtio/transport.ts',
    region: MAP.virtioMmio,
    irq: `one each from ${spi(VIRT_INTIDS.VIRTIO_MMIO_0)} on`,
    maps: [VIRTIO_MMIO_REGS, VIRTIO_MMIO_LEGACY_REGS],
  },
];

/** Devices behind a virtio transport: they have a configuration space and no registers of their own. */
const VIRTIO_FUNCTIONS = ['blk', 'console', 'net', 'rng'] as const;

/** Offsets of a register; of an array the first and the last one and the distance. */
function place(register: Register): string {
  const { at, count } = register;
  if (count === undefined) return hex(at);
  const stride = register.strideBytes ?? register.sizeBytes;
  return `${hex(at)}..${hex(at + (count - 1) * stride)} step ${stride}`;
}

function named(register: Register): string {
  if (register.count === undefined) return register.name;
  const first = register.first ?? 0;
  return `${register.name}${first}..${first + register.count - 1}`;
}

function fields(register: Register): string {
  const one = ([name, [msb, lsb]]: readonly [string, readonly [number, number]]): string =>
    `${name} ${msb === lsb ? `[${msb}]` : `[${msb}:${lsb}]`}`;
  return Object.entries(register.fields ?? {})
    .map(one)
    .join(', ');
}

function registers(map: Regmap<string>): string {
  const rows = map
    .list()
    .filter((register) => register.notModelled === undefined)
    .map((register) => [
      place(register),
      named(register),
      register.access,
      register.widths.map((bytes) => bytes * 8).join(', '),
      register.access === 'RO' && !register.resetGiven ? 'computed' : hex(register.reset),
      fields(register),
      register.doc,
    ]);
  const without = map
    .list()
    .filter((register) => register.notModelled !== undefined)
    .map((register) => [place(register), named(register), register.access, register.doc, register.notModelled ?? '']);
  const heads = ['offset', 'register', 'access', 'widths', 'reset', 'fields', 'what it is'];
  const parts = [`### ${map.title} (${map.source})`, table(heads, rows)];
  if (without.length > 0)
    parts.push(
      'Named, but not modelled; these read as zero, ignore writes, and the access is reported:',
      table(['offset', 'register', 'access', 'what it is', 'why not'], without),
    );
  return parts.map((part) => part.trim()).join('\n\n');
}

function device({ title, source, region, irq, maps }: Documented): string {
  const facts = [`At ${code(hex(region.basePa))}${irq === undefined ? '' : `, ${irq}`}; ${code(source)}.`];
  const missing = notModelled(sourceAt(source));
  if (missing !== undefined) facts.push(`Not modelled: ${missing}`);
  return [`## ${title}`, ...facts, ...maps.map(registers)].join('\n\n');
}

function virtioFunction(name: (typeof VIRTIO_FUNCTIONS)[number]): string {
  const source = `src/devices/virtio/${name}.ts`;
  const missing = notModelled(sourceAt(source));
  const what = missing === undefined ? '' : `\n\nNot modelled: ${missing}`;
  return `## virtio-${name}\n\nBehind a virtio-mmio transport; ${code(source)}.${what}`;
}

/** `docs/reference/devices.md`. */
export function devicesPage(): string {
  const lead = [
    'Every device of the board and every register that it names. Widths are those of one access, in bits. Offsets that',
    'no row has are reserved: they read as zero, ignore writes, and the access is reported. Reset values are those of',
    'the register map; "computed" is what follows from the options, from other registers or from outside. Firmware at',
    'EL3, where it is ours, has set up the interrupt controller and the UART before a kernel starts.',
  ].join('\n');
  return page('Devices', lead, [...DEVICES.map(device), ...VIRTIO_FUNCTIONS.map(virtioFunction)]);
}
