/** One rich value of each table, for tests that need tables of every kind. */
import { type AcpiTable, decodeTable } from '../../src/tables/acpi/any.ts';
import { encodeDbg2 } from '../../src/tables/acpi/dbg2.ts';
import { EINJ_ACTION, encodeEinj } from '../../src/tables/acpi/einj.ts';
import { ERST_ACTION, encodeErst } from '../../src/tables/acpi/erst.ts';
import { encodeFacs } from '../../src/tables/acpi/facs.ts';
import { encodeFadt } from '../../src/tables/acpi/fadt.ts';
import { memoryRegister } from '../../src/tables/acpi/gas.ts';
import { encodeGtdt } from '../../src/tables/acpi/gtdt.ts';
import { encodeHest } from '../../src/tables/acpi/hest.ts';
import type { HestSourceInput } from '../../src/tables/acpi/hest-sources.ts';
import { INSTRUCTION } from '../../src/tables/acpi/instructions.ts';
import { encodeIort } from '../../src/tables/acpi/iort.ts';
import { encodeMadt } from '../../src/tables/acpi/madt.ts';
import { encodeMcfg } from '../../src/tables/acpi/mcfg.ts';
import { NOTIFICATION } from '../../src/tables/acpi/notification.ts';
import { encodeSlit, encodeSrat } from '../../src/tables/acpi/numa.ts';
import { encodeAgdi, encodeBert, encodeDsdt, encodeSdei, encodeSsdt } from '../../src/tables/acpi/plain.ts';
import { encodePptt } from '../../src/tables/acpi/pptt.ts';
import { encodeRsdp } from '../../src/tables/acpi/rsdp.ts';
import { encodeSpcr } from '../../src/tables/acpi/spcr.ts';
import { encodeRsdt, encodeXsdt } from '../../src/tables/acpi/xsdt.ts';

const register = memoryRegister(0x7c12_0000n, 4);
const entry = (action: number, instruction: number, value = 0n) => ({
  action,
  instruction,
  registerRegion: register,
  value,
  mask: 0xffff_ffffn,
});

const bank = (bankNumber: number) => ({ bankNumber, controlInitData: 0x1234_5678_9abc_def0n, statusRegister: 0x401 });

/** A generic source of either version. */
const generic = { errorStatusAddress: memoryRegister(0x7c10_0000n, 8), errorStatusBlockLengthBytes: 4096 };

/** One error source of each kind. */
export const SOURCES: readonly HestSourceInput[] = [
  { kind: 'IA-32 machine check', sourceId: 0, globalControlInitData: 0xffn, banks: [bank(0), bank(1)] },
  { kind: 'IA-32 corrected machine check', sourceId: 1, notification: { type: NOTIFICATION.CMCI }, banks: [bank(4)] },
  { kind: 'IA-32 NMI', sourceId: 2, maxRawDataLengthBytes: 64 },
  { kind: 'PCIe root port AER', sourceId: 6, flags: 1, bus: 0x0102, device: 3, rootErrorCommand: 7 },
  { kind: 'PCIe endpoint AER', sourceId: 7, uncorrectableErrorMask: 0x0040_0000 },
  { kind: 'PCIe bridge AER', sourceId: 8, secondaryUncorrectableErrorSeverity: 0x1340 },
  { kind: 'GHES', sourceId: 9, ...generic, notification: { type: NOTIFICATION.polled, pollIntervalMs: 500 } },
  {
    kind: 'GHESv2',
    sourceId: 10,
    ...generic,
    notification: { type: NOTIFICATION.SDEI, vector: 804 },
    readAckRegister: memoryRegister(0x7c10_0008n, 8),
    readAckPreserve: 0xffff_ffff_ffff_fffen,
    readAckWrite: 1n,
  },
  { kind: 'IA-32 deferred machine check', sourceId: 11, notification: { type: NOTIFICATION.CMCI }, banks: [] },
];

/** Bytes of a table of each kind by a name. */
export const SAMPLES: Readonly<Record<string, Uint8Array>> = {
  RSDP: encodeRsdp({ xsdtAddress: 0x7c00_0b00n }),
  XSDT: encodeXsdt({ addresses: [0x7c00_0100n, 0x1_0000_0000n] }),
  RSDT: encodeRsdt({ addresses: [0x7c00_0100n, 0xffff_0000n] }),
  FACP: encodeFadt({ flags: 1 << 20, armBootFlags: 3, xDsdtAddress: 0x7c00_0100n, hypervisorVendorId: 'UNMASK' }),
  FACS: encodeFacs({ globalLock: 1 }),
  DSDT: encodeDsdt({ aml: Uint8Array.of(0x08, 0x41, 0x42, 0x43, 0x44, 0x01) }),
  SSDT: encodeSsdt({ aml: Uint8Array.of(0x08, 0x45, 0x46, 0x47, 0x48, 0x00) }),
  APIC: encodeMadt({
    entries: [
      { kind: 'GICD', physicalBaseAddress: 0x0800_0000n, gicVersion: 3 },
      { kind: 'GICC', cpuInterfaceNumber: 0, acpiProcessorUid: 0, flags: 1, performanceInterruptGsiv: 23, mpidr: 0n },
      {
        kind: 'GICC',
        cpuInterfaceNumber: 1,
        acpiProcessorUid: 1,
        flags: 1,
        mpidr: 0x1_0000_0001n,
        speOverflowInterrupt: 21,
      },
      { kind: 'GICR', discoveryRangeBaseAddress: 0x080a_0000n, discoveryRangeLengthBytes: 0x00f6_0000 },
      { kind: 'GIC ITS', physicalBaseAddress: 0x0808_0000n },
      { kind: 'GIC MSI frame', physicalBaseAddress: 0x0802_0000n, flags: 1, spiCount: 64, spiBase: 80 },
      { kind: 'local APIC', acpiProcessorUid: 0, apicId: 0, flags: 1 },
      { kind: 'I/O APIC', ioApicId: 0, ioApicAddress: 0xfec0_0000, globalSystemInterruptBase: 0 },
      { kind: 'interrupt source override', source: 9, globalSystemInterrupt: 9, flags: 0xd },
      { kind: 'NMI source', globalSystemInterrupt: 2 },
      { kind: 'local APIC NMI', acpiProcessorUid: 255, localApicLint: 1 },
      { kind: 'local APIC address override', localApicAddress: 0xfee0_0000n },
      { kind: 'local x2APIC', x2ApicId: 300, acpiProcessorUid: 300, flags: 1 },
      { kind: 'local x2APIC NMI', acpiProcessorUid: 0xffff_ffff, localX2ApicLint: 1 },
    ],
  }),
  GTDT: encodeGtdt({
    secureEl1TimerGsiv: 29,
    nonSecureEl1TimerGsiv: 30,
    nonSecureEl1TimerFlags: 4,
    virtualEl1TimerGsiv: 27,
    el2TimerGsiv: 26,
    virtualEl2TimerGsiv: 28,
    platformTimers: [
      {
        kind: 'GT block',
        cntCtlBaseAddress: 0x2a81_0000n,
        frames: [{ gtFrameNumber: 0, cntBaseAddress: 0x2a83_0000n, physicalTimerGsiv: 60 }],
      },
      { kind: 'watchdog', refreshFrameAddress: 0x2a45_0000n, controlFrameAddress: 0x2a44_0000n, timerGsiv: 59 },
    ],
  }),
  'GTDT without platform timers': encodeGtdt({ nonSecureEl1TimerGsiv: 30, virtualEl1TimerGsiv: 27 }),
  'GTDT revision 2': encodeGtdt({
    header: { revision: 2 },
    sizeBytes: 96,
    nonSecureEl1TimerGsiv: 30,
    virtualEl1TimerGsiv: 27,
  }),
  SPCR: encodeSpcr({
    interfaceType: 3,
    baseAddress: { ...memoryRegister(0x0900_0000n, 4) },
    interruptType: 8,
    globalSystemInterrupt: 33,
    baudRate: 7,
    stopBits: 1,
    terminalType: 3,
    pciDeviceId: 0xffff,
    pciVendorId: 0xffff,
  }),
  DBG2: encodeDbg2({
    devices: [
      {
        kind: 'device',
        revision: 0,
        registerCount: 1,
        namespaceStringLengthBytes: 5,
        namespaceStringOffset: 38,
        oemDataLengthBytes: 0,
        oemDataOffset: 0,
        portType: 0x8000,
        portSubtype: 3,
        baseAddressRegisterOffset: 22,
        addressSizeOffset: 34,
        // A register at 0x09000000, its size of 0x1000 and the name COM0.
        data: Uint8Array.from(Buffer.from(`${'002000030000000900000000'}${'00100000'}${'434f4d3000'}`, 'hex')),
      },
    ],
  }),
  MCFG: encodeMcfg({ allocations: [{ baseAddress: 0x40_1000_0000n, endBus: 255 }] }),
  PPTT: encodePptt({
    entries: [
      { kind: 'processor', flags: 0x11 },
      { kind: 'cache', flags: 0x7f, cacheSizeBytes: 0x8000, numberOfSets: 256, associativity: 2, lineSizeBytes: 64 },
      { kind: 'processor', flags: 0xa, parent: 36, acpiProcessorId: 1, privateResources: [56] },
    ],
  }),
  // Identifiers of nodes are 0: Debian 12's iasl knows them as reserved and compiles them to that.
  IORT: encodeIort({
    nodes: [
      { kind: 'ITS group', itsCount: 1, data: new Uint8Array(4) },
      {
        kind: 'SMMUv3',
        revision: 1,
        baseAddress: 0x0905_0000n,
        eventGsiv: 106,
        mappings: [{ idCount: 0xffff }],
      },
      {
        kind: 'root complex',
        revision: 1,
        cacheCoherency: 1,
        memoryAddressSizeLimit: 64,
        mappings: [
          { idCount: 255, outputReference: 72 },
          { inputBase: 256, idCount: 0xfeff, outputReference: 48 },
        ],
      },
    ],
  }),
  SRAT: encodeSrat({
    entries: [
      { kind: 'GICC', proximityDomain: 0, acpiProcessorUid: 0, flags: 1 },
      { kind: 'memory', proximityDomain: 1, baseAddress: 0x4000_0000n, lengthBytes: 0x2000_0000n, flags: 1 },
      { kind: 'GIC ITS', proximityDomain: 0, itsId: 0 },
      { kind: 'local x2APIC', proximityDomain: 0, x2ApicId: 300, flags: 1 },
      { kind: 'local APIC', proximityDomainLow: 0, apicId: 1, flags: 1 },
      {
        kind: 'generic initiator',
        deviceHandleType: 1,
        proximityDomain: 2,
        deviceHandle: new Uint8Array(16),
        flags: 1,
      },
    ],
  }),
  SLIT: encodeSlit({ distances: Uint8Array.of(10, 20, 20, 10) }),
  HEST: encodeHest({ sources: [...SOURCES] }),
  BERT: encodeBert({ bootErrorRegionLengthBytes: 4096, bootErrorRegionAddress: 0x7c11_0000n }),
  ERST: encodeErst({
    entries: [
      entry(ERST_ACTION.BEGIN_WRITE_OPERATION, INSTRUCTION.WRITE_REGISTER_VALUE, 1n),
      entry(ERST_ACTION.CHECK_BUSY_STATUS, INSTRUCTION.READ_REGISTER_VALUE, 1n),
      entry(ERST_ACTION.GET_EXECUTE_OPERATION_TIMINGS, INSTRUCTION.MOVE_DATA),
    ],
  }),
  EINJ: encodeEinj({
    entries: [
      entry(EINJ_ACTION.BEGIN_INJECTION_OPERATION, INSTRUCTION.WRITE_REGISTER_VALUE, 1n),
      { ...entry(EINJ_ACTION.GET_ERROR_TYPE, INSTRUCTION.READ_REGISTER), flags: 1 },
    ],
  }),
  SDEI: encodeSdei(),
  AGDI: encodeAgdi({ sdeiEvent: 850 }),
};

/** The table of some bytes, of which it must be one without a finding. */
export function sound(bytes: Uint8Array): AcpiTable {
  const { value, findings } = decodeTable(bytes);
  if (value === undefined || findings.length > 0) throw new Error(`not sound: ${JSON.stringify(findings)}`);
  return value;
}
