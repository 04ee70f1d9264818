/**
 * The board: where everything is, which interrupt it raises, and the device tree that says so.
 *
 * Addresses, interrupt numbers and tree are those of QEMU's `virt` machine with `gic-version=3`, so that kernels,
 * firmware and habits made for it fit. A device that is not here is not in the tree either.
 */
import { cells, type FdtNode, type FdtTree, fdtNode, fdtTree, sizedCells } from '../../tables/fdt/tree.ts';

/** One range of physical addresses. */
export interface Region {
  readonly basePa: bigint;
  readonly sizeBytes: number;
}

const region = (basePa: bigint, sizeBytes: number): Region => ({ basePa, sizeBytes });

/** Physical address map. `gicr` and `virtioMmio` have room for all their parts; see the strides below. */
export const VIRT_MEMORY_MAP = {
  flash0: region(0x0000_0000n, 0x0400_0000),
  flash1: region(0x0400_0000n, 0x0400_0000),
  gicd: region(0x0800_0000n, 0x0001_0000),
  gicc: region(0x0801_0000n, 0x0001_0000),
  gich: region(0x0803_0000n, 0x1_0000),
  gicv: region(0x0804_0000n, 0x1_0000),
  gits: region(0x0808_0000n, 0x0002_0000),
  gicr: region(0x080a_0000n, 0x00f6_0000),
  pl011: region(0x0900_0000n, 0x1000),
  pl031: region(0x0901_0000n, 0x1000),
  fwCfg: region(0x0902_0000n, 0x18),
  pl061: region(0x0903_0000n, 0x1000),
  securePl011: region(0x0904_0000n, 0x1000),
  ged: region(0x0908_0000n, 4),
  watchdogControl: region(0x090d_0000n, 0x1000),
  watchdogRefresh: region(0x090e_0000n, 0x1000),
  ras: region(0x090f_0000n, 0x1000),
  virtioMmio: region(0x0a00_0000n, 32 * 0x200),
  platformBus: region(0x0c00_0000n, 0x0200_0000),
  secureRam: region(0x0e00_0000n, 0x0100_0000),
  ram: region(0x4000_0000n, 3 * 2 ** 30),
} as const satisfies Record<string, Region>;

/** One redistributor (RD_base and SGI_base frames) per PE; only those of the PEs that exist answer. */
export const GICR_STRIDE_BYTES = 0x2_0000;
/** One virtio-mmio transport. */
export const VIRTIO_MMIO_STRIDE_BYTES = 0x200;
/** Number of virtio-mmio transports; each answers, whether there is a device behind it or not. */
export const VIRTIO_MMIO_SLOTS = 32;

/** Interrupt ids (INTID): 16..31 are PPIs, one per PE; from 32 on SPIs. Level-sensitive all but virtio's and GED's. */
export const VIRT_INTIDS = {
  PMU: 23,
  GIC_MAINTENANCE: 25,
  CNTHP: 26,
  CNTV: 27,
  CNTHV: 28,
  CNTPS: 29,
  CNTP: 30,
  PL011: 33,
  PL031: 34,
  PL061: 39,
  ACPI_GED: 41,
  WATCHDOG: 44,
  VIRTIO_MMIO_0: 48,
} as const;

/** Most PEs this board takes. */
export const VIRT_PES_MAX = 8;
/** Least RAM: a small kernel 2 MiB in, its initrd, and 2 MiB of device tree. */
export const VIRT_RAM_MIN_BYTES = 16 * 2 ** 20;
/** Most RAM: all of `ram` above. */
export const VIRT_RAM_MAX_BYTES = VIRT_MEMORY_MAP.ram.sizeBytes;
/** Frequency of the clock that PL011 and PL031 name in the tree. */
export const APB_PCLK_HZ = 24_000_000;

/** MPIDR_EL1.{Aff3,Aff2,Aff1,Aff0} of a PE, as bits of MPIDR_EL1: 16 PEs per Aff1, as with any GICv3. */
export function virtAffinity(pe: number): bigint {
  return BigInt(((pe >> 4) << 8) | (pe & 15));
}

const PHANDLE_CLOCK = 0x8000;
const PHANDLE_GIC = 0x8001;
const PHANDLE_GPIO = 0x8002;
const PHANDLE_ITS = 0x8003;
const PHANDLE_CPU_0 = 0x8100;

/** Flags of an interrupt specifier (third cell of `interrupts`). */
export const DT_IRQ_EDGE_RISING = 1;
/** Flags of an interrupt specifier: level, active high. */
export const DT_IRQ_LEVEL_HIGH = 4;

/** The three cells that name an INTID below the GIC node: 1 and n for a PPI, 0 and n for an SPI, and the flags. */
export function dtInterrupt(intid: number, flags = DT_IRQ_LEVEL_HIGH): [number, number, number] {
  if (intid < 16 || intid > 1019) throw new Error(`assertion: INTID ${intid} is neither a PPI nor an SPI`);
  return intid < 32 ? [1, intid - 16, flags] : [0, intid - 32, flags];
}

/** `reg` of a device: base and size, two cells each. */
export function dtReg(...regions: readonly Region[]): Uint8Array {
  return sizedCells(
    ...regions.flatMap(({ basePa, sizeBytes }) => [[basePa, 2] as const, [BigInt(sizeBytes), 2] as const]),
  );
}

/** Linux's KEY_POWER (include/uapi/linux/input-event-codes.h). */
const KEY_POWER = 116;
/** Pin of the power key. */
const POWER_KEY_PIN = 3;

/** What the tree depends on. */
export interface VirtDeviceTreeOptions {
  /** Number of PEs, 1 to 8. */
  readonly pes: number;
  readonly ramSizeBytes: number;
  readonly cpu: 'full' | 'cortex-a57';
  /** Instruction that reaches PSCI; null leaves the node out, as when the guest's own EL3 firmware answers. */
  readonly psciConduit: 'smc' | 'hvc' | null;
  /** How the watchdog signals, if there is one: see `MachineOptions.watchdog`. */
  readonly watchdog?: 'edge' | 'level';
  /** The firmware offers SDEI, by the instruction that reaches PSCI; default false. */
  readonly sdei?: boolean;
  /** Architecture version of the GIC; default 3. */
  readonly gic?: 2 | 3;
  /** A GICv3 has its ITS; default true. */
  readonly its?: boolean;
  /** The PEs have EL2: its virtual timer, on `full`, and the maintenance interrupt of a GICv3. Default false. */
  readonly el2?: boolean;
  /** There is flash; default false. */
  readonly flash?: boolean;
  /** Kernel command line. */
  readonly bootargs?: string;
  /** `/chosen/rng-seed`; null leaves it out, undefined is `RNG_SEED_DEFAULT`. */
  readonly rngSeed?: Uint8Array | null;
  /** `/chosen/kaslr-seed`; null leaves it out, undefined is `KASLR_SEED_DEFAULT`. */
  readonly kaslrSeed?: bigint | null;
  /** Nodes of further devices, appended to the root. */
  readonly extraNodes?: readonly FdtNode[];
}

/** The seed that Linux mixes into its random numbers: fixed, so that a run can be repeated. 32 bytes. */
export const RNG_SEED_DEFAULT = new TextEncoder().encode('unmaskable: a fixed seed of 32 B');
/** The seed from which Linux chooses where it runs: fixed, for the same reason. */
export const KASLR_SEED_DEFAULT = 0x756e_6d61_736b_6162n;

function cpusNode({ pes, cpu }: VirtDeviceTreeOptions): FdtNode {
  const compatible = cpu === 'cortex-a57' ? 'arm,cortex-a57' : 'arm,armv8';
  const all = Array.from({ length: pes }, (_, pe) => pe);
  const cpuNode = (pe: number) =>
    fdtNode(`cpu@${virtAffinity(pe).toString(16)}`, {
      device_type: 'cpu',
      compatible,
      reg: Number(virtAffinity(pe)),
      'enable-method': pes > 1 ? 'psci' : undefined,
      phandle: PHANDLE_CPU_0 + pe,
    });
  const core = (pe: number) => fdtNode(`core${pe}`, { cpu: PHANDLE_CPU_0 + pe });
  const map = fdtNode('cpu-map', {}, [fdtNode('socket0', {}, [fdtNode('cluster0', {}, all.map(core))])]);
  return fdtNode('cpus', { '#address-cells': 1, '#size-cells': 0 }, [map, ...all.map(cpuNode)]);
}

/** PSCI function ids in the node are for the oldest clients; newer ones know them (psci.yaml of the DT bindings). */
function psciNode(method: 'smc' | 'hvc'): FdtNode {
  return fdtNode('psci', {
    compatible: ['arm,psci-1.0', 'arm,psci-0.2', 'arm,psci'],
    method,
    cpu_suspend: 0xc400_0001,
    cpu_off: 0x8400_0002,
    cpu_on: 0xc400_0003,
  });
}

/** The client learns that SDEI is there, not which events are (arm,sdei.txt of the DT bindings). */
function sdeiNode(method: 'smc' | 'hvc'): FdtNode {
  return fdtNode('firmware', {}, [fdtNode('sdei', { compatible: 'arm,sdei-1.0', method })]);
}

/** Below the GIC's node, so that a device can name it in `msi-parent` (arm,gic-v3.yaml of the DT bindings). */
function itsNode(): FdtNode {
  return fdtNode('its@8080000', {
    compatible: 'arm,gic-v3-its',
    'msi-controller': true,
    '#msi-cells': 1,
    reg: dtReg(VIRT_MEMORY_MAP.gits),
    phandle: PHANDLE_ITS,
  });
}

function gicNode({ gic = 3, its = true, el2 = false }: VirtDeviceTreeOptions): FdtNode {
  const { gicd, gicc, gich, gicv } = VIRT_MEMORY_MAP;
  if (gic === 2) {
    return fdtNode('intc@8000000', {
      compatible: 'arm,cortex-a15-gic',
      reg: el2 ? dtReg(gicd, gicc, gich, gicv) : dtReg(gicd, gicc),
      'interrupt-controller': true,
      '#interrupt-cells': 3,
      ...(el2 ? { interrupts: cells(...dtInterrupt(VIRT_INTIDS.GIC_MAINTENANCE)) } : {}),
      '#address-cells': 2,
      '#size-cells': 2,
      ranges: true,
      phandle: PHANDLE_GIC,
    });
  }
  const properties: Parameters<typeof fdtNode>[1] = {
    compatible: 'arm,gic-v3',
    reg: dtReg(VIRT_MEMORY_MAP.gicd, VIRT_MEMORY_MAP.gicr),
    'interrupt-controller': true,
    '#interrupt-cells': 3,
    '#redistributor-regions': 1,
    ...(el2 ? { interrupts: cells(...dtInterrupt(VIRT_INTIDS.GIC_MAINTENANCE)) } : {}),
    '#address-cells': 2,
    '#size-cells': 2,
    ranges: true,
    phandle: PHANDLE_GIC,
  };
  return fdtNode('intc@8000000', properties, its ? [itsNode()] : []);
}

/** Flags of a PPI: with a GICv2 bits 15:8 name the PEs that have it (arm,gic.yaml of the DT bindings). */
function ppiFlags({ gic, pes }: VirtDeviceTreeOptions): number {
  return gic === 2 ? DT_IRQ_LEVEL_HIGH | (((1 << pes) - 1) << 8) : DT_IRQ_LEVEL_HIGH;
}

function timerNode(options: VirtDeviceTreeOptions): FdtNode {
  const { CNTPS, CNTP, CNTV, CNTHP, CNTHV } = VIRT_INTIDS;
  const flags = ppiFlags(options);
  const hypVirt = options.el2 && options.cpu === 'full' ? [CNTHV] : [];
  return fdtNode('timer', {
    compatible: ['arm,armv8-timer', 'arm,armv7-timer'],
    interrupts: cells(...[CNTPS, CNTP, CNTV, CNTHP, ...hypVirt].flatMap((intid) => dtInterrupt(intid, flags))),
    'always-on': true,
  });
}

function pmuNode(options: VirtDeviceTreeOptions): FdtNode {
  return fdtNode('pmu', {
    compatible: 'arm,armv8-pmuv3',
    interrupts: cells(...dtInterrupt(VIRT_INTIDS.PMU, ppiFlags(options))),
  });
}

function peripheralNodes(): FdtNode[] {
  return [
    fdtNode('apb-pclk', {
      compatible: 'fixed-clock',
      '#clock-cells': 0,
      'clock-frequency': APB_PCLK_HZ,
      'clock-output-names': 'clk24mhz',
      phandle: PHANDLE_CLOCK,
    }),
    fdtNode('pl011@9000000', {
      compatible: ['arm,pl011', 'arm,primecell'],
      reg: dtReg(VIRT_MEMORY_MAP.pl011),
      interrupts: cells(...dtInterrupt(VIRT_INTIDS.PL011)),
      clocks: cells(PHANDLE_CLOCK, PHANDLE_CLOCK),
      'clock-names': ['uartclk', 'apb_pclk'],
    }),
    fdtNode('pl031@9010000', {
      compatible: ['arm,pl031', 'arm,primecell'],
      reg: dtReg(VIRT_MEMORY_MAP.pl031),
      interrupts: cells(...dtInterrupt(VIRT_INTIDS.PL031)),
      clocks: PHANDLE_CLOCK,
      'clock-names': 'apb_pclk',
    }),
  ];
}

function gpioNodes(): FdtNode[] {
  return [
    fdtNode('pl061@9030000', {
      compatible: ['arm,pl061', 'arm,primecell'],
      reg: dtReg(VIRT_MEMORY_MAP.pl061),
      interrupts: cells(...dtInterrupt(VIRT_INTIDS.PL061)),
      '#gpio-cells': 2,
      'gpio-controller': true,
      clocks: PHANDLE_CLOCK,
      'clock-names': 'apb_pclk',
      phandle: PHANDLE_GPIO,
    }),
    fdtNode('gpio-keys', { compatible: 'gpio-keys' }, [
      fdtNode('poweroff', {
        label: 'GPIO Key Poweroff',
        'linux,code': KEY_POWER,
        gpios: cells(PHANDLE_GPIO, POWER_KEY_PIN, 0),
      }),
    ]),
  ];
}

/** arm,sbsa-gwdt.yaml of the DT bindings: the control frame first. QEMU's `virt` has none. */
function watchdogNode(signal: 'edge' | 'level'): FdtNode {
  const flags = signal === 'edge' ? DT_IRQ_EDGE_RISING : DT_IRQ_LEVEL_HIGH;
  return fdtNode('watchdog@90d0000', {
    compatible: 'arm,sbsa-gwdt',
    reg: dtReg(VIRT_MEMORY_MAP.watchdogControl, VIRT_MEMORY_MAP.watchdogRefresh),
    interrupts: cells(...dtInterrupt(VIRT_INTIDS.WATCHDOG, flags)),
  });
}

/** cfi-flash of the DT bindings (mtd-physmap.yaml): two banks, each of two chips side by side. */
function flashNode(): FdtNode {
  return fdtNode('flash@0', {
    compatible: 'cfi-flash',
    reg: dtReg(VIRT_MEMORY_MAP.flash0, VIRT_MEMORY_MAP.flash1),
    'bank-width': 4,
  });
}

function fwCfgNode(): FdtNode {
  return fdtNode('fw-cfg@9020000', {
    compatible: 'qemu,fw-cfg-mmio',
    reg: dtReg(VIRT_MEMORY_MAP.fwCfg),
    'dma-coherent': true,
  });
}

/** Registers and INTID of a virtio-mmio slot. */
export function virtioMmioSlot(slot: number): { readonly region: Region; readonly intid: number } {
  const basePa = VIRT_MEMORY_MAP.virtioMmio.basePa + BigInt(slot * VIRTIO_MMIO_STRIDE_BYTES);
  return { region: region(basePa, VIRTIO_MMIO_STRIDE_BYTES), intid: VIRT_INTIDS.VIRTIO_MMIO_0 + slot };
}

function virtioNodes(): FdtNode[] {
  return Array.from({ length: VIRTIO_MMIO_SLOTS }, (_, slot) => {
    const { region, intid } = virtioMmioSlot(slot);
    return fdtNode(`virtio_mmio@${region.basePa.toString(16)}`, {
      compatible: 'virtio,mmio',
      reg: dtReg(region),
      interrupts: cells(...dtInterrupt(intid, DT_IRQ_EDGE_RISING)),
      'dma-coherent': true,
    });
  });
}

function chosenNode({ bootargs, rngSeed, kaslrSeed }: VirtDeviceTreeOptions): FdtNode {
  return fdtNode('chosen', {
    bootargs,
    'stdout-path': '/pl011@9000000',
    'rng-seed': rngSeed === null ? undefined : (rngSeed ?? RNG_SEED_DEFAULT),
    'kaslr-seed': kaslrSeed === null ? undefined : (kaslrSeed ?? KASLR_SEED_DEFAULT),
  });
}

/**
 * The device tree of the board as a guest of the given options sees it.
 *
 * The range of the initrd is not in it: the boot code adds it to `/chosen` when it has placed it.
 * @throws Error (assertion) when the number of PEs or the RAM size is out of range; the machine checks its options
 */
export function virtDeviceTree(options: VirtDeviceTreeOptions): FdtTree {
  const { pes, ramSizeBytes, psciConduit, extraNodes = [] } = options;
  if (!(pes >= 1 && pes <= VIRT_PES_MAX)) throw new Error(`assertion: ${pes} PEs, not 1 to ${VIRT_PES_MAX}`);
  if (!(ramSizeBytes > 0 && ramSizeBytes <= VIRT_RAM_MAX_BYTES)) throw new Error(`assertion: RAM of ${ramSizeBytes} B`);
  const root = fdtNode(
    '',
    {
      compatible: 'linux,dummy-virt',
      model: 'linux,dummy-virt',
      '#address-cells': 2,
      '#size-cells': 2,
      'interrupt-parent': PHANDLE_GIC,
    },
    [
      ...(psciConduit === null ? [] : [psciNode(psciConduit)]),
      ...(psciConduit !== null && options.sdei ? [sdeiNode(psciConduit)] : []),
      fdtNode('memory@40000000', {
        device_type: 'memory',
        reg: dtReg({ basePa: VIRT_MEMORY_MAP.ram.basePa, sizeBytes: ramSizeBytes }),
      }),
      cpusNode(options),
      gicNode(options),
      timerNode(options),
      pmuNode(options),
      ...peripheralNodes(),
      ...gpioNodes(),
      fwCfgNode(),
      ...(options.flash ? [flashNode()] : []),
      ...(options.watchdog ? [watchdogNode(options.watchdog)] : []),
      ...virtioNodes(),
      ...extraNodes,
      chosenNode(options),
    ],
  );
  return fdtTree(root);
}
