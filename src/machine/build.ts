/** Parts of a machine that follow from its options: engine, interrupt controller, where a kernel is put. */
import type { FeatureName } from '../arch/features.ts';
import { PE_STRIDE_BYTES } from '../arch/pestate.ts';
import type { Pe } from '../cpu/pe.ts';
import type { Gic } from '../devices/gic.ts';
import { Gicv2 } from '../devices/gicv2/gicv2.ts';
import { Gicv3 } from '../devices/gicv3/gicv3.ts';
import { Interpreter } from '../engine/interpreter.ts';
import type { GuestMemory } from '../engine/memory.ts';
import { planBios } from '../firmware/boot/bios.ts';
import { type BootPlan, isInRam, planBoot } from '../firmware/boot/boot.ts';
import { Decoder } from '../isa/decoder.ts';
import { A64, A64_MOVES_HELPED, fpCheck, UNALLOCATED } from '../isa/table.ts';
import { chosenOnlyTree, type VirtAcpiOptions, virtAcpi } from './board/acpi.ts';
import { GICR_STRIDE_BYTES, VIRT_MEMORY_MAP, virtAffinity, virtDeviceTree } from './board/virt.ts';
import type { Bus } from './bus.ts';
import { BusMasterRam, type DevicesHost } from './devices.ts';
import { MachineError } from './errors.ts';
import type { EventQueue } from './events.ts';
import { bindHelpers } from './helpers.ts';
import type { CheckedOptions } from './options.ts';
import type { Gate } from './outside.ts';
import { rasContribution } from './ras.ts';
import { DUE_MAX_NS } from './timer-events.ts';
import { watchdogSignal } from './watchdog.ts';

/** Decoders by the clauses and features that they are of: machines of one profile share theirs, and what hangs on it. */
const DECODERS = new Map<string, Decoder>();

function decoderOf(features: ReadonlySet<FeatureName>, movesHelped: boolean): Decoder {
  const key = `${movesHelped}:${[...features].sort().join()}`;
  let decoder = DECODERS.get(key);
  if (!decoder) {
    decoder = new Decoder(movesHelped ? A64_MOVES_HELPED : A64, features);
    DECODERS.set(key, decoder);
  }
  return decoder;
}

/** Makes the engine that runs the PEs. */
export function buildEngine(options: CheckedOptions, pes: readonly Pe[], memory: GuestMemory): Interpreter {
  const of = (cpu: number): Pe => pes[cpu / PE_STRIDE_BYTES]!;
  const { features } = options.profile;
  return new Interpreter({
    memory,
    decoder: decoderOf(features, false),
    movesHelped: () => decoderOf(features, true),
    unallocated: UNALLOCATED,
    fpCheck,
    regions: options.engine !== 'interpreter',
    host: {
      helpers: bindHelpers(pes, memory),
      slowLoad: (cpu, record, word) => of(cpu).access.load(record, word),
      slowStore: (cpu, record, word) => of(cpu).access.store(record, word),
      fetchMiss: (cpu) => of(cpu).access.fetch(),
    },
  });
}

/** Makes the interrupt controller that the options ask for and maps its frames. */
export function buildGic(options: CheckedOptions, pes: readonly Pe[], bus: Bus, host: DevicesHost): Gic {
  const { cpus, els } = options;
  const { report, instantNs, schedule, cancel } = host;
  const securityStates = els.el3 ? 2 : 1;
  const signal = (pe: number, irq: boolean, fiq: boolean): void => pes[pe]!.setInterruptLines(irq, fiq);
  if (options.gic === 2) {
    const signalVirtual = (pe: number, irq: boolean, fiq: boolean): void => pes[pe]!.setVirtualLines(irq, fiq);
    const gic = new Gicv2({ report, signal, signalVirtual }, { pes: cpus, securityStates, virtualization: els.el2 });
    bus.map(Number(VIRT_MEMORY_MAP.gicd.basePa), gic.distributor);
    bus.map(Number(VIRT_MEMORY_MAP.gicc.basePa), gic.cpuInterfaces);
    if (gic.virtual) {
      bus.map(Number(VIRT_MEMORY_MAP.gich.basePa), gic.virtual.gich);
      bus.map(Number(VIRT_MEMORY_MAP.gicv.basePa), gic.virtual.gicv);
    }
    return gic;
  }
  const gic = new Gicv3(
    {
      report,
      signal,
      signalVirtual: (pe, irq, fiq) => pes[pe]!.setVirtualLines(irq, fiq),
      context: (pe) => pes[pe]!.exceptions.iccContext(),
      its: options.its ? { ram: new BusMasterRam(host), instantNs, schedule, cancel } : undefined,
    },
    {
      pes: cpus,
      mpidrAffinities: pes.map((_, n) => Number(virtAffinity(n))),
      securityStates,
      virtualization: els.el2,
      priorityBits: options.gicPriorityBits,
    },
  );
  bus.map(Number(VIRT_MEMORY_MAP.gicd.basePa), gic.distributor);
  bus.map(Number(VIRT_MEMORY_MAP.gicr.basePa), gic.redistributors, GICR_STRIDE_BYTES * cpus);
  if (gic.its) bus.map(Number(VIRT_MEMORY_MAP.gits.basePa), gic.its);
  return gic;
}

/** The controller's own entrances for what comes from outside, behind a gate. */
export function gated(gic: Gic, gate: Gate): Gic {
  const [set, sendMsi] = [gic.set.bind(gic), gic.sendMsi.bind(gic)];
  gic.set = (intid, level, of) =>
    gate.enter('gic.set', { intid, level, pe: of?.pe ?? null }, () => set(intid, level, of));
  gic.sendMsi = (deviceId, eventId) =>
    gate.enter('gic.sendMsi', { deviceId, eventId }, () => sendMsi(deviceId, eventId));
  return gic;
}

/**
 * Places kernel, initrd, device tree and ACPI tables; undefined where there is nothing to boot.
 *
 * @throws BootError when one of them cannot be used
 */
export function bootPlan(options: CheckedOptions): BootPlan | undefined {
  const { boot, kernel, bios, initrd, append, cpus, memoryBytes, profile, els, tables } = options;
  if (boot) return boot;
  const conduit = options.firmware === 'guest' ? null : els.el3 || els.el2 ? 'smc' : 'hvc';
  const board: VirtAcpiOptions = {
    pes: cpus,
    ramSizeBytes: memoryBytes,
    cpu: profile.name,
    psciConduit: conduit,
    gic: options.gic,
    its: options.its,
    sdei: options.sdei !== false,
    watchdog: options.watchdog ? watchdogSignal(options.watchdog) : undefined,
    rngSeed: options.rngSeed,
    kaslrSeed: options.kaslrSeed,
    el2: els.el2,
    flash: bios !== undefined,
    alone: tables === 'acpi',
    errorSources: options.ras ? rasContribution(options.ras, memoryBytes) : undefined,
  };
  const tree = tables === 'acpi' ? chosenOnlyTree : virtDeviceTree;
  const ram = { addrPa: VIRT_MEMORY_MAP.ram.basePa, sizeBytes: memoryBytes };
  if (bios) return planBios({ bios, kernel, initrd, append, deviceTree: options.dtb ?? tree(board), ram });
  if (!kernel) return undefined;
  return planBoot({
    kernel,
    initrd,
    append,
    guest: options.guest,
    deviceTree: options.dtb ?? tree(board),
    acpi: tables === 'dt' ? undefined : virtAcpi(board),
    ram,
    pageSizesBytes: profile.granules.map((g) => Number.parseInt(g, 10) * 1024),
  });
}

/** @throws MachineError `E_ADDRESS` when a program lies where something else of the start does */
export function checkPrograms({ programs = [] }: CheckedOptions, boot: BootPlan | undefined): void {
  const hex = (pa: bigint): string => `0x${pa.toString(16)}`;
  const taken = (boot?.segments.filter(isInRam) ?? []).map(({ what, addrPa, bytes }) => {
    const sizeBytes = BigInt(bytes.length);
    const usesBytes = what === 'kernel' ? (boot?.image?.memorySizeBytes ?? sizeBytes) : sizeBytes;
    return { what, from: addrPa, end: addrPa + usesBytes };
  });
  for (const { addrPa, bytes } of programs) {
    const end = addrPa + BigInt(bytes.length);
    const clash = taken.find((range) => addrPa < range.end && range.from < end);
    if (!clash) continue;
    const there = `the ${clash.what} is at ${hex(clash.from)} to ${hex(clash.end - 1n)}`;
    const asked = `${bytes.length} bytes at ${hex(addrPa)}`;
    throw new MachineError('E_ADDRESS', `${asked}: ${there}. Choose another address.`);
  }
}

/** Address at which PE 0 starts: the kernel's, the hosted entry's, the first program's, else the start of RAM. */
export function entryPa(options: CheckedOptions, boot: BootPlan | undefined): bigint {
  if (!boot && options.entry !== undefined) return options.hosted!.address(options.entry);
  const first = options.programs?.[0];
  return boot?.entryPa ?? first?.entryPa ?? first?.addrPa ?? VIRT_MEMORY_MAP.ram.basePa;
}

/** What the board's devices need of a machine, from its parts. */
export function devicesHost(parts: {
  readonly memory: GuestMemory;
  readonly events: EventQueue;
  readonly romBytes: number;
  pes(): readonly Pe[];
  gic(): Gic;
  nowNs(): number;
  instantNs(): number;
  requestBoundary(): void;
  systemReset(): void;
  readonly gate: Gate;
  report(message: string): void;
}): DevicesHost {
  const { memory, events } = parts;
  return {
    memory,
    ramBasePa: Number(VIRT_MEMORY_MAP.ram.basePa),
    romBytes: parts.romBytes,
    pes: parts.pes,
    setLine: (intid, level) => parts.gic().setLine(intid, level),
    instantNs: parts.instantNs,
    schedule: (timeNs, key, action) => {
      if (timeNs > DUE_MAX_NS) return events.cancel(key);
      events.schedule(Math.max(timeNs, parts.nowNs()), action, { key });
      parts.requestBoundary();
    },
    cancel: (key) => events.cancel(key),
    systemReset: parts.systemReset,
    gate: parts.gate,
    report: parts.report,
  };
}
