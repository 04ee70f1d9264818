/** Multiple APIC Description Table. Source: ACPI 6.5, "Multiple APIC Description Table (MADT)". */
import { constant, later, length, reserved, u8, u16, u32, u64, zero } from './fields.ts';
import { BYTE_HEAD, type EntryInputOf, EntryList, type EntryOf } from './lists.ts';
import { type Codec, concat, type Fields, type Input, type StructSizes, struct, type Value } from './struct.ts';
import { type DecodedTree, HEADER_BYTES, type InTable, type InTableInput, table } from './table.ts';

const MPS_FLAGS = { bits: { polarity: [1, 0], trigger: [3, 2] } } as const;
const PROCESSOR_FLAGS = { bits: { enabled: 0, 'online capable': 1 } } as const;

/** Bits of the flags of a GICC structure. */
export const GICC_FLAGS = {
  enabled: 0,
  'performance interrupt edge-triggered': 1,
  'VGIC maintenance interrupt edge-triggered': 2,
  'online capable': 3,
} as const;

/** Every structure of the MADT begins with type and length. */
const entry = <const F extends Fields>(type: number, heading: string, sizes: StructSizes, fields: F) =>
  struct(heading, `ACPI 6.5, "${heading}"`, sizes, {
    type: constant(u8('type of the structure'), type),
    length: length(u8('size of the structure in bytes')),
    ...fields,
  });

/** GIC CPU interface. Sizes: 76 bytes in ACPI 5.1, 80 from 6.0, 82 from 6.5; encoders write 80. */
export const GICC = entry(
  11,
  'GIC CPU Interface (GICC) Structure',
  { full: 82, base: 76, usual: 80 },
  {
    reserved: reserved(2),
    cpuInterfaceNumber: u32('number of the CPU interface; GICv2: bit in GICD_ITARGETSR'),
    acpiProcessorUid: u32('_UID of the processor object'),
    flags: zero(u32('flags', { bits: GICC_FLAGS })),
    parkingProtocolVersion: zero(u32('version of the parking protocol, 0 if unused')),
    performanceInterruptGsiv: zero(u32('performance monitor interrupt')),
    parkedAddress: zero(u64('mailbox of the parking protocol')),
    physicalBaseAddress: zero(u64('GICC base, with GICv2')),
    gicv: zero(u64('GICV base, with GICv2')),
    gich: zero(u64('GICH base, with GICv2')),
    vgicMaintenanceInterrupt: zero(u32('maintenance interrupt of the virtual interface')),
    gicrBaseAddress: zero(u64('redistributor, when no GICR structure covers it')),
    mpidr: u64('affinity fields of MPIDR_EL1'),
    processorPowerEfficiencyClass: later(u8('lower is more efficient')),
    reserved2: reserved(1),
    speOverflowInterrupt: later(u16('statistical profiling interrupt')),
    trbeInterrupt: later(u16('trace buffer interrupt')),
  },
);

/** GIC distributor. */
export const GICD = entry(
  12,
  'GIC Distributor (GICD) Structure',
  { full: 24 },
  {
    reserved: reserved(2),
    gicId: zero(u32('number of the distributor')),
    physicalBaseAddress: u64('GICD base'),
    systemVectorBase: zero(u32('reserved, 0')),
    gicVersion: u8('2 GICv2, 3 GICv3, 4 GICv4; 0 unknown'),
    reserved2: reserved(3),
  },
);

/** GIC MSI frame (GICv2m). */
export const GIC_MSI_FRAME = entry(
  13,
  'GIC MSI Frame Structure',
  { full: 24 },
  {
    reserved: reserved(2),
    gicMsiFrameId: zero(u32('number of the frame')),
    physicalBaseAddress: u64('base of the frame'),
    flags: zero(u32('flags', { bits: { 'SPI count/base select': 0 } })),
    spiCount: zero(u16('number of SPIs of the frame')),
    spiBase: zero(u16('first SPI of the frame')),
  },
);

/** GIC redistributors. */
export const GICR = entry(
  14,
  'GIC Redistributor (GICR) Structure',
  { full: 16 },
  {
    reserved: reserved(2),
    discoveryRangeBaseAddress: u64('first redistributor'),
    discoveryRangeLengthBytes: u32('size of the range'),
  },
);

/** GIC interrupt translation service. */
export const GIC_ITS = entry(
  15,
  'GIC Interrupt Translation Service (ITS) Structure',
  { full: 20 },
  {
    reserved: reserved(2),
    gicItsId: zero(u32('number of the ITS')),
    physicalBaseAddress: u64('ITS base'),
    reserved2: reserved(4),
  },
);

const LOCAL_APIC = entry(
  0,
  'Processor Local APIC Structure',
  { full: 8 },
  {
    acpiProcessorUid: u8('_UID of the processor object'),
    apicId: u8('local APIC'),
    flags: zero(u32('flags', PROCESSOR_FLAGS)),
  },
);
const IO_APIC = entry(
  1,
  'I/O APIC Structure',
  { full: 12 },
  {
    ioApicId: u8('I/O APIC'),
    reserved: reserved(1),
    ioApicAddress: u32('physical address'),
    globalSystemInterruptBase: u32('first interrupt'),
  },
);
const INTERRUPT_SOURCE_OVERRIDE = entry(
  2,
  'Interrupt Source Override Structure',
  { full: 10 },
  {
    bus: zero(u8('0, ISA')),
    source: u8('interrupt of the bus'),
    globalSystemInterrupt: u32('interrupt that it signals'),
    flags: zero(u16('MPS INTI flags', MPS_FLAGS)),
  },
);
const NMI_SOURCE = entry(
  3,
  'Non-Maskable Interrupt Source Structure',
  { full: 8 },
  {
    flags: zero(u16('MPS INTI flags', MPS_FLAGS)),
    globalSystemInterrupt: u32('interrupt that it signals'),
  },
);
const LOCAL_APIC_NMI = entry(
  4,
  'Local APIC NMI Structure',
  { full: 6 },
  {
    acpiProcessorUid: u8('_UID of the processor, 255 for all'),
    flags: zero(u16('MPS INTI flags', MPS_FLAGS)),
    localApicLint: u8('LINTn input'),
  },
);
const LOCAL_APIC_ADDRESS_OVERRIDE = entry(
  5,
  'Local APIC Address Override Structure',
  { full: 12 },
  {
    reserved: reserved(2),
    localApicAddress: u64('physical address'),
  },
);
const LOCAL_X2APIC = entry(
  9,
  'Processor Local x2APIC Structure',
  { full: 16 },
  {
    reserved: reserved(2),
    x2ApicId: u32('local x2APIC'),
    flags: zero(u32('flags', PROCESSOR_FLAGS)),
    acpiProcessorUid: u32('_UID of the processor object'),
  },
);
const LOCAL_X2APIC_NMI = entry(
  10,
  'Local x2APIC NMI Structure',
  { full: 12 },
  {
    flags: zero(u16('MPS INTI flags', MPS_FLAGS)),
    acpiProcessorUid: u32('_UID of the processor, all ones for all'),
    localX2ApicLint: u8('LINTn input'),
    reserved: reserved(3),
  },
);
const MULTIPROCESSOR_WAKEUP = entry(
  16,
  'Multiprocessor Wakeup Structure',
  { full: 16 },
  {
    mailboxVersion: zero(u16('0')),
    reserved: reserved(4),
    mailboxAddress: u64('physical address, multiple of 4096'),
  },
);

/** Structures of the MADT. */
export const MADT_ENTRIES = new EntryList('MADT structure', BYTE_HEAD, {
  GICC: { type: 11, codec: GICC },
  GICD: { type: 12, codec: GICD },
  'GIC MSI frame': { type: 13, codec: GIC_MSI_FRAME },
  GICR: { type: 14, codec: GICR },
  'GIC ITS': { type: 15, codec: GIC_ITS },
  'local APIC': { type: 0, codec: LOCAL_APIC },
  'I/O APIC': { type: 1, codec: IO_APIC },
  'interrupt source override': { type: 2, codec: INTERRUPT_SOURCE_OVERRIDE },
  'NMI source': { type: 3, codec: NMI_SOURCE },
  'local APIC NMI': { type: 4, codec: LOCAL_APIC_NMI },
  'local APIC address override': { type: 5, codec: LOCAL_APIC_ADDRESS_OVERRIDE },
  'local x2APIC': { type: 9, codec: LOCAL_X2APIC },
  'local x2APIC NMI': { type: 10, codec: LOCAL_X2APIC_NMI },
  'multiprocessor wakeup': { type: 16, codec: MULTIPROCESSOR_WAKEUP },
});

/** One decoded structure of the MADT; `kind` tells which. */
export type MadtEntry = EntryOf<typeof MADT_ENTRIES.kinds>;
/** One structure of the MADT as the encoder takes it. */
export type MadtEntryInput = EntryInputOf<typeof MADT_ENTRIES.kinds>;

/** Fields before the structures. */
export const MADT = struct(
  'Multiple APIC Description Table',
  'ACPI 6.5, "Multiple APIC Description Table (MADT)"',
  { full: 44, first: HEADER_BYTES },
  {
    localInterruptControllerAddress: zero(u32('local APIC address, on x86')),
    flags: zero(u32('flags', { bits: { PCAT_COMPAT: 0 } })),
  },
);

/** The structures of a MADT. */
export interface MadtEntries<E> {
  entries: readonly E[];
  /** Bytes after the last structure that could be read. */
  trailing?: Uint8Array;
}

const BODY: Codec<Value<typeof MADT> & MadtEntries<MadtEntry>, Input<typeof MADT> & MadtEntries<MadtEntryInput>> = {
  title: MADT.title,
  read: (reader, at, sizeBytes) => {
    const fixed = MADT.read(reader, at, Math.min(sizeBytes, MADT.fullBytes));
    if (fixed === undefined) return undefined;
    const { entries, next } = MADT_ENTRIES.read(reader, at + MADT.fullBytes, at + sizeBytes);
    const trailing = reader.rest(next, at + sizeBytes);
    return { ...fixed, entries, ...(trailing === undefined ? {} : { trailing }) };
  },
  bytes: ({ entries, trailing, ...fixed }) =>
    concat([MADT.bytes(fixed), MADT_ENTRIES.bytes(entries), trailing ?? new Uint8Array()]),
};

/** The MADT; its signature is `APIC`. Encoders write revision 5 (ACPI 6.3). */
export const MADT_TABLE = table({
  signature: 'APIC',
  title: MADT.title,
  source: MADT.source,
  revision: 5,
  body: BODY,
});

/** A decoded MADT. */
export type Madt = Value<typeof BODY> & InTable;
/** A MADT as its encoder takes it. */
export type MadtInput = Input<typeof BODY> & InTableInput;

/** The bytes of a MADT. Throws AcpiError when a value does not fit its field. */
export const encodeMadt = (input: MadtInput): Uint8Array => MADT_TABLE.encode(input);
/** Reads a MADT of any revision; never throws. */
export const decodeMadt = (bytes: Uint8Array): DecodedTree<Madt> => MADT_TABLE.decode(bytes);
