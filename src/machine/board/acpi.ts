/**
 * The board by ACPI: the tables that say what the device tree says, from the same map and numbers.
 *
 * Source: ACPI Specification 6.5, "ACPI Software Programming Model"; Arm DEN0044, "Arm Base Boot Requirements", ACPI
 * sections; Microsoft, "Serial Port Console Redirection Table (SPCR)".
 */
import type { AcpiHandover, AcpiTables } from '../../firmware/boot/acpi.ts';
import { encodeAml } from '../../tables/acpi/aml/encode.ts';
import { encodeFadt, FADT_ARM_BOOT_FLAGS, FADT_FLAGS } from '../../tables/acpi/fadt.ts';
import { memoryRegister } from '../../tables/acpi/gas.ts';
import { encodeGtdt, GTDT_TIMER_FLAGS, type PlatformTimerInput } from '../../tables/acpi/gtdt.ts';
import { encodeMadt, GICC_FLAGS, type MadtEntryInput } from '../../tables/acpi/madt.ts';
import { encodeDsdt, encodeSdei } from '../../tables/acpi/plain.ts';
import { encodeSpcr } from '../../tables/acpi/spcr.ts';
import { type FdtTree, fdtNode, fdtTree } from '../../tables/fdt/tree.ts';
import { virtDsdt } from './acpi-dsdt.ts';
import { virtPptt } from './acpi-pptt.ts';
import {
  KASLR_SEED_DEFAULT,
  RNG_SEED_DEFAULT,
  VIRT_INTIDS,
  VIRT_MEMORY_MAP,
  type VirtDeviceTreeOptions,
  virtAffinity,
} from './virt.ts';

/** Tables and memory that a part of the firmware adds. */
export interface AcpiContribution {
  /** Memory that stays the firmware's, as one piece; a multiple of 64 KiB is used. */
  readonly firmwareSizeBytes: number;
  /** Further tables, with their headers, when it is known where that memory begins. */
  tables(firmwarePa: bigint): readonly Uint8Array[];
}

/** What the tables depend on. */
export interface VirtAcpiOptions extends VirtDeviceTreeOptions {
  /** EL2 is implemented. */
  readonly el2: boolean;
  /** The only description: the device tree then has nothing but `/chosen`. */
  readonly alone: boolean;
  /** Error sources of the firmware, if it has any. */
  readonly errorSources?: AcpiContribution | undefined;
}

/** Bit 0 is the lowest. */
const bits = (...numbers: readonly number[]): number => numbers.reduce((sum, number) => sum | (1 << number), 0);

function fadt({ psciConduit }: VirtAcpiOptions, dsdtPa: bigint): Uint8Array {
  const { PSCI_COMPLIANT, PSCI_USE_HVC } = FADT_ARM_BOOT_FLAGS;
  const conduits = { smc: bits(PSCI_COMPLIANT), hvc: bits(PSCI_COMPLIANT, PSCI_USE_HVC) };
  return encodeFadt({
    flags: bits(FADT_FLAGS.HW_REDUCED_ACPI),
    armBootFlags: psciConduit === null ? 0 : conduits[psciConduit],
    xDsdtAddress: dsdtPa,
    // No fixed power button: the one there is a device, PNP0C0C.
    minorRevision: 3,
  });
}

function madt({ pes, gic = 3, its = true, el2 }: VirtAcpiOptions): Uint8Array {
  const { gicd, gicc, gich, gicv, gicr, gits } = VIRT_MEMORY_MAP;
  const processors = Array.from(
    { length: pes },
    (_, pe): MadtEntryInput => ({
      kind: 'GICC',
      cpuInterfaceNumber: pe,
      acpiProcessorUid: pe,
      flags: bits(GICC_FLAGS.enabled),
      performanceInterruptGsiv: VIRT_INTIDS.PMU,
      physicalBaseAddress: gic === 2 ? gicc.basePa : 0n,
      ...(el2 && gic === 2 ? { gicv: gicv.basePa, gich: gich.basePa } : {}),
      vgicMaintenanceInterrupt: el2 ? VIRT_INTIDS.GIC_MAINTENANCE : 0,
      mpidr: virtAffinity(pe),
    }),
  );
  const entries: MadtEntryInput[] = [
    { kind: 'GICD', physicalBaseAddress: gicd.basePa, gicVersion: gic },
    ...processors,
  ];
  if (gic === 3) {
    const redistributors = { discoveryRangeBaseAddress: gicr.basePa, discoveryRangeLengthBytes: gicr.sizeBytes };
    entries.push({ kind: 'GICR', ...redistributors });
    if (its) entries.push({ kind: 'GIC ITS', physicalBaseAddress: gits.basePa });
  }
  return encodeMadt({ entries });
}

/** Arm generic watchdog of the GTDT: its two frames, and the interrupt of its first signal. */
function watchdogTimer(signal: 'edge' | 'level'): PlatformTimerInput {
  const { watchdogControl, watchdogRefresh } = VIRT_MEMORY_MAP;
  return {
    kind: 'watchdog',
    refreshFrameAddress: watchdogRefresh.basePa,
    controlFrameAddress: watchdogControl.basePa,
    timerGsiv: VIRT_INTIDS.WATCHDOG,
    timerFlags: signal === 'edge' ? bits(GTDT_TIMER_FLAGS['edge-triggered']) : 0,
  };
}

function gtdt({ el2, cpu, watchdog }: VirtAcpiOptions): Uint8Array {
  const vhe = el2 && cpu === 'full';
  // Level, active high, and running whatever the processor sleeps in: `always-on` of the device tree.
  const flags = bits(GTDT_TIMER_FLAGS['always on']);
  return encodeGtdt({
    secureEl1TimerGsiv: VIRT_INTIDS.CNTPS,
    secureEl1TimerFlags: flags,
    nonSecureEl1TimerGsiv: VIRT_INTIDS.CNTP,
    nonSecureEl1TimerFlags: flags,
    virtualEl1TimerGsiv: VIRT_INTIDS.CNTV,
    virtualEl1TimerFlags: flags,
    el2TimerGsiv: VIRT_INTIDS.CNTHP,
    el2TimerFlags: flags,
    virtualEl2TimerGsiv: vhe ? VIRT_INTIDS.CNTHV : 0,
    virtualEl2TimerFlags: vhe ? flags : 0,
    platformTimers: watchdog === undefined ? [] : [watchdogTimer(watchdog)],
  });
}

function spcr(): Uint8Array {
  const ARM_PL011 = 3;
  const INTERRUPT_BY_GIC = 1 << 3;
  const BAUD_115200 = 7;
  const ANSI = 3;
  return encodeSpcr({
    interfaceType: ARM_PL011,
    baseAddress: memoryRegister(VIRT_MEMORY_MAP.pl011.basePa, 4),
    interruptType: INTERRUPT_BY_GIC,
    globalSystemInterrupt: VIRT_INTIDS.PL011,
    baudRate: BAUD_115200,
    stopBits: 1,
    terminalType: ANSI,
    pciDeviceId: 0xffff,
    pciVendorId: 0xffff,
  });
}

/** All tables, with those of the error sources. */
function virtAcpiTables(options: VirtAcpiOptions, firmwarePa: bigint): AcpiTables {
  const { pes, sdei, psciConduit, errorSources } = options;
  const dsdt = encodeAml(virtDsdt({ pes, firmwareFirst: errorSources !== undefined }));
  return {
    dsdt: encodeDsdt({ aml: dsdt }),
    fadt: (dsdtPa) => fadt(options, dsdtPa),
    others: [
      madt(options),
      gtdt(options),
      spcr(),
      virtPptt(pes, options.cpu),
      ...(sdei && psciConduit !== null ? [encodeSdei()] : []),
      ...(errorSources?.tables(firmwarePa) ?? []),
    ],
  };
}

/** What the boot code needs to hand the board over by ACPI. */
export function virtAcpi(options: VirtAcpiOptions): AcpiHandover {
  return {
    alone: options.alone,
    firmwareSizeBytes: options.errorSources?.firmwareSizeBytes ?? 0,
    tables: (firmwarePa) => virtAcpiTables(options, firmwarePa),
  };
}

/** The device tree beside ACPI tables that stand alone: only `/chosen`, from which a kernel learns where they are. */
export function chosenOnlyTree({ bootargs, rngSeed, kaslrSeed }: VirtDeviceTreeOptions): FdtTree {
  const chosen = fdtNode('chosen', {
    bootargs,
    'rng-seed': rngSeed === null ? undefined : (rngSeed ?? RNG_SEED_DEFAULT),
    'kaslr-seed': kaslrSeed === null ? undefined : (kaslrSeed ?? KASLR_SEED_DEFAULT),
  });
  return fdtTree(fdtNode('', { '#address-cells': 2, '#size-cells': 2 }, [chosen]));
}
