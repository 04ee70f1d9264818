/**
 * Where processors and memory lie in a machine with several nodes: SRAT and SLIT.
 *
 * Source: ACPI 6.5, "System Resource Affinity Table (SRAT)", "System Locality Information Table (SLIT)".
 */
import { AcpiError } from './error.ts';
import { bytes, constant, derived, length, preset, reserved, u8, u32, u64, zero } from './fields.ts';
import { BYTE_HEAD, type EntryInputOf, EntryList, type EntryOf } from './lists.ts';
import { type Codec, concat, type Fields, type Input, struct, type Value } from './struct.ts';
import { type DecodedTree, HEADER_BYTES, type InTable, type InTableInput, table } from './table.ts';

const ENABLED = { bits: { enabled: 0 } } as const;

const affinity = <const F extends Fields>(type: number, heading: string, full: number, fields: F) =>
  struct(
    heading,
    `ACPI 6.5, "${heading}"`,
    { full },
    {
      type: constant(u8('type of the structure'), type),
      length: length(u8('size of the structure in bytes')),
      ...fields,
    },
  );

const APIC_AFFINITY = affinity(0, 'Processor Local APIC/SAPIC Affinity Structure', 16, {
  proximityDomainLow: u8('bits 7:0 of the domain'),
  apicId: u8('local APIC'),
  flags: zero(u32('flags', ENABLED)),
  localSapicEid: zero(u8('local SAPIC')),
  proximityDomainHigh: preset(bytes(3, 'bits 31:8 of the domain'), new Uint8Array(3)),
  clockDomain: zero(u32('domain of the clock')),
});
const MEMORY_AFFINITY = affinity(1, 'Memory Affinity Structure', 40, {
  proximityDomain: u32('domain'),
  reserved: reserved(2),
  baseAddress: u64('physical address'),
  lengthBytes: u64('size of the range'),
  reserved2: reserved(4),
  flags: zero(u32('flags', { bits: { enabled: 0, 'hot pluggable': 1, 'non-volatile': 2 } })),
  reserved3: reserved(8),
});
const X2APIC_AFFINITY = affinity(2, 'Processor Local x2APIC Affinity Structure', 24, {
  reserved: reserved(2),
  proximityDomain: u32('domain'),
  x2ApicId: u32('local x2APIC'),
  flags: zero(u32('flags', ENABLED)),
  clockDomain: zero(u32('domain of the clock')),
  reserved2: reserved(4),
});
const GICC_AFFINITY = affinity(3, 'GICC Affinity Structure', 18, {
  proximityDomain: u32('domain'),
  acpiProcessorUid: u32('_UID of the processor object'),
  flags: zero(u32('flags', ENABLED)),
  clockDomain: zero(u32('domain of the clock')),
});
const ITS_AFFINITY = affinity(4, 'GIC Interrupt Translation Service (ITS) Affinity Structure', 12, {
  proximityDomain: u32('domain'),
  reserved: reserved(2),
  itsId: u32('number of the ITS'),
});
const INITIATOR_AFFINITY = affinity(5, 'Generic Initiator Affinity Structure', 32, {
  reserved: reserved(1),
  deviceHandleType: u8('kind of handle', { names: { 0: 'ACPI', 1: 'PCI' } }),
  proximityDomain: u32('domain'),
  deviceHandle: bytes(16, 'the device'),
  flags: zero(u32('flags', { bits: { enabled: 0, 'architectural transactions': 1 } })),
  reserved2: reserved(4),
});

/** Structures of the SRAT. */
export const SRAT_ENTRIES = new EntryList('SRAT structure', BYTE_HEAD, {
  'local APIC': { type: 0, codec: APIC_AFFINITY },
  memory: { type: 1, codec: MEMORY_AFFINITY },
  'local x2APIC': { type: 2, codec: X2APIC_AFFINITY },
  GICC: { type: 3, codec: GICC_AFFINITY },
  'GIC ITS': { type: 4, codec: ITS_AFFINITY },
  'generic initiator': { type: 5, codec: INITIATOR_AFFINITY },
});

/** One decoded structure of the SRAT; `kind` tells which. */
export type SratEntry = EntryOf<typeof SRAT_ENTRIES.kinds>;
/** One structure of the SRAT as the encoder takes it. */
export type SratEntryInput = EntryInputOf<typeof SRAT_ENTRIES.kinds>;

/** Fields of the SRAT before its structures. */
export const SRAT = struct(
  'System Resource Affinity Table',
  'ACPI 6.5, "System Resource Affinity Table (SRAT)"',
  { full: 48, first: HEADER_BYTES },
  { reserved1: preset(u32('1, for compatibility'), 1), reserved2: reserved(8) },
);

/** The structures of a SRAT. */
export interface SratEntries<E> {
  entries: readonly E[];
  /** Bytes after the last structure that could be read. */
  trailing?: Uint8Array;
}

const SRAT_BODY: Codec<Value<typeof SRAT> & SratEntries<SratEntry>, Input<typeof SRAT> & SratEntries<SratEntryInput>> =
  {
    title: SRAT.title,
    read: (reader, at, sizeBytes) => {
      const fixed = SRAT.read(reader, at, Math.min(sizeBytes, SRAT.fullBytes));
      if (fixed === undefined) return undefined;
      const { entries, next } = SRAT_ENTRIES.read(reader, at + SRAT.fullBytes, at + sizeBytes);
      const trailing = reader.rest(next, at + sizeBytes);
      return { ...fixed, entries, ...(trailing === undefined ? {} : { trailing }) };
    },
    bytes: ({ entries, trailing = new Uint8Array(), ...fixed }) =>
      concat([SRAT.bytes(fixed), SRAT_ENTRIES.bytes(entries), trailing]),
  };

/** The SRAT. */
export const SRAT_TABLE = table({
  signature: 'SRAT',
  title: SRAT.title,
  source: SRAT.source,
  revision: 3,
  body: SRAT_BODY,
});

/** A decoded SRAT. */
export type Srat = Value<typeof SRAT_BODY> & InTable;
/** A SRAT as its encoder takes it. */
export type SratInput = Input<typeof SRAT_BODY> & InTableInput;
/** The bytes of a SRAT. Throws AcpiError when a value does not fit its field. */
export const encodeSrat = (input: SratInput): Uint8Array => SRAT_TABLE.encode(input);
/** Reads a SRAT; never throws. */
export const decodeSrat = (bytes: Uint8Array): DecodedTree<Srat> => SRAT_TABLE.decode(bytes);

/** Fields of the SLIT before its distances. */
export const SLIT = struct(
  'System Locality Information Table',
  'ACPI 6.5, "System Locality Information Table (SLIT)"',
  { full: 44, first: HEADER_BYTES },
  { localityCount: derived(u64('number of localities')) },
);

/** A SLIT without its header. */
export interface SlitBody {
  /** Distances from each locality to each, row by row; 10 is the distance to itself. */
  distances: Uint8Array;
  /** Number of localities as the table says, when it is not that of the distances. */
  localityCount?: bigint;
  trailing?: Uint8Array;
}

const SLIT_BODY: Codec<SlitBody> = {
  title: SLIT.title,
  read: (reader, at, sizeBytes) => {
    if (SLIT.read(reader, at, Math.min(sizeBytes, SLIT.fullBytes)) === undefined) return undefined;
    const [first, end] = [at + SLIT.fullBytes, at + sizeBytes];
    const countAt = at + SLIT.offsetOf('localityCount');
    const stated = reader.view.getBigUint64(countAt, true);
    const room = Math.floor(Math.sqrt(end - first));
    const count = stated > room ? room : Number(stated);
    if (count * count !== end - first || stated !== BigInt(count))
      reader.find(countAt, 'number of localities', `${stated}`, `one whose square is ${end - first}, the distances`);
    for (let n = 0; n < count; n++) {
      const here = first + n * count;
      const row = reader.bytes.subarray(here, here + Math.min(count, 64));
      reader.leaf(`from ${n}`, here, count, `${row.join(' ')}${count > row.length ? ' ...' : ''}`);
    }
    const next = first + count * count;
    const trailing = reader.rest(next, end);
    return {
      distances: reader.bytes.slice(first, next),
      ...(stated === BigInt(count) ? {} : { localityCount: stated }),
      ...(trailing === undefined ? {} : { trailing }),
    };
  },
  bytes: ({ distances, localityCount, trailing = new Uint8Array() }) => {
    const count = Math.round(Math.sqrt(distances.length));
    if (count * count !== distances.length)
      throw new AcpiError(
        'E_ACPI_SIZE',
        `SLIT: ${distances.length} distances; their number is that of localities, squared`,
      );
    const head = { localityCount: localityCount ?? BigInt(count) } as Input<typeof SLIT>;
    return concat([SLIT.bytes(head), distances, trailing]);
  },
};

/** The SLIT. */
export const SLIT_TABLE = table({
  signature: 'SLIT',
  title: SLIT.title,
  source: SLIT.source,
  revision: 1,
  body: SLIT_BODY,
});

/** A decoded SLIT. */
export type Slit = SlitBody & InTable;
/** A SLIT as its encoder takes it. */
export type SlitInput = SlitBody & InTableInput;
/** The bytes of a SLIT. Throws AcpiError when a value does not fit its field. */
export const encodeSlit = (input: SlitInput): Uint8Array => SLIT_TABLE.encode(input);
/** Reads a SLIT; never throws. */
export const decodeSlit = (bytes: Uint8Array): DecodedTree<Slit> => SLIT_TABLE.decode(bytes);
