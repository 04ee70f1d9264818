/** Processor Properties Topology Table. Source: ACPI 6.5, "Processor Properties Topology Table (PPTT)". */
import { constant, derived, later, length, reserved, u8, u16, u32, u64, zero } from './fields.ts';
import { BYTE_HEAD, type EntryInputOf, EntryList, type EntryOf } from './lists.ts';
import { type Codec, concat, type Input, struct, type Value } from './struct.ts';
import { type DecodedTree, HEADER_BYTES, type InTable, type InTableInput, table } from './table.ts';

/** Beginning of a processor node. */
export const PPTT_PROCESSOR = struct(
  'Processor Hierarchy Node Structure',
  'ACPI 6.5, "Processor hierarchy node structure (Type 0)"',
  { full: 20 },
  {
    type: constant(u8('type of the structure'), 0),
    length: derived(u8('size of the structure in bytes')),
    reserved: reserved(2),
    flags: zero(
      u32('flags', {
        bits: {
          'physical package': 0,
          'ACPI processor id valid': 1,
          thread: 2,
          leaf: 3,
          'identical implementation': 4,
        },
      }),
    ),
    parent: zero(u32('offset of the parent from the table, 0 if there is none')),
    acpiProcessorId: zero(u32('_UID of the processor object')),
    privateResourceCount: derived(u32('number of resources')),
  },
);

/** Cache. Sizes: 24 bytes up to revision 2, 28 from revision 3. */
export const PPTT_CACHE = struct(
  'Cache Type Structure',
  'ACPI 6.5, "Cache Type Structure (Type 1)"',
  { full: 28, base: 24, usual: 24 },
  {
    type: constant(u8('type of the structure'), 1),
    length: length(u8('size of the structure in bytes')),
    reserved: reserved(2),
    flags: zero(
      u32('which fields are valid', {
        bits: {
          size: 0,
          'number of sets': 1,
          associativity: 2,
          'allocation type': 3,
          'cache type': 4,
          'write policy': 5,
          'line size': 6,
          'cache id': 7,
        },
      }),
    ),
    nextLevelOfCache: zero(u32('offset of the next level from the table, 0 if there is none')),
    cacheSizeBytes: zero(u32('size')),
    numberOfSets: zero(u32('sets')),
    associativity: zero(u8('ways')),
    attributes: zero(
      u8('attributes', { bits: { 'allocation type': [1, 0], 'cache type': [3, 2], 'write-through': 4 } }),
    ),
    lineSizeBytes: zero(u16('size of a line')),
    cacheId: later(u32('number of the cache')),
  },
);

/** Identity of a chip; no longer used since ACPI 6.3A. */
export const PPTT_ID = struct(
  'ID Structure',
  'ACPI 6.2, "ID structure (Type 2)"',
  { full: 30 },
  {
    type: constant(u8('type of the structure'), 2),
    length: length(u8('size of the structure in bytes')),
    reserved: reserved(2),
    vendorId: u32('four characters of the vendor'),
    level1Id: zero(u64("vendor's number of the family")),
    level2Id: zero(u64("vendor's number of the product")),
    majorRevision: zero(u16('revision')),
    minorRevision: zero(u16('revision')),
    spinRevision: zero(u16('revision')),
  },
);

/** The private resources of a processor node. */
export interface PpttResources {
  /** Offsets of private resources from the table. */
  privateResources: readonly number[];
  /** Number of resources as the structure says, when it is another. */
  privateResourceCount?: number;
  trailing?: Uint8Array;
}

const PROCESSOR: Codec<
  Value<typeof PPTT_PROCESSOR> & PpttResources,
  Input<typeof PPTT_PROCESSOR> & Partial<PpttResources>
> = {
  title: PPTT_PROCESSOR.title,
  read: (reader, at, sizeBytes) => {
    const fixedBytes = PPTT_PROCESSOR.fullBytes;
    const fixed = PPTT_PROCESSOR.read(reader, at, Math.min(sizeBytes, fixedBytes));
    if (fixed === undefined) return undefined;
    const countAt = at + PPTT_PROCESSOR.offsetOf('privateResourceCount');
    const count = reader.view.getUint32(countAt, true);
    const room = Math.floor((sizeBytes - fixedBytes) / 4);
    if (count > room) reader.find(countAt, 'number of private resources', `${count}`, `${room}, as the length says`);
    const number = Math.min(count, room);
    const privateResources = Array.from({ length: number }, (_, n) => {
      const here = at + fixedBytes + 4 * n;
      const offset = reader.view.getUint32(here, true);
      reader.leaf(`private resource ${n}`, here, 4, `0x${offset.toString(16)}`);
      return offset;
    });
    const trailing = reader.rest(at + fixedBytes + 4 * number, at + sizeBytes);
    return {
      ...fixed,
      privateResources,
      ...(number === count ? {} : { privateResourceCount: count }),
      ...(trailing === undefined ? {} : { trailing }),
    };
  },
  bytes: ({ privateResources = [], privateResourceCount, trailing = new Uint8Array(), ...fixed }) => {
    const resources = new Uint8Array(4 * privateResources.length);
    const view = new DataView(resources.buffer);
    privateResources.forEach((offset, n) => void view.setUint32(4 * n, offset, true));
    const head = {
      ...fixed,
      length: PPTT_PROCESSOR.fullBytes + resources.length + trailing.length,
      privateResourceCount: privateResourceCount ?? privateResources.length,
    };
    return concat([PPTT_PROCESSOR.bytes(head), resources, trailing]);
  },
};

/** Structures of the PPTT. */
export const PPTT_ENTRIES = new EntryList('PPTT structure', BYTE_HEAD, {
  processor: { type: 0, codec: PROCESSOR },
  cache: { type: 1, codec: PPTT_CACHE },
  id: { type: 2, codec: PPTT_ID },
});

/** One decoded structure of the PPTT; `kind` tells which. */
export type PpttEntry = EntryOf<typeof PPTT_ENTRIES.kinds>;
/** One structure of the PPTT as the encoder takes it. */
export type PpttEntryInput = EntryInputOf<typeof PPTT_ENTRIES.kinds>;

/** The structures of a PPTT. */
export interface PpttEntries<E> {
  entries: readonly E[];
  trailing?: Uint8Array;
}

const TITLE = 'Processor Properties Topology Table';
const BODY: Codec<PpttEntries<PpttEntry>, PpttEntries<PpttEntryInput>> = {
  title: TITLE,
  read: (reader, at, sizeBytes) => {
    const { entries, next } = PPTT_ENTRIES.read(reader, at + HEADER_BYTES, at + sizeBytes);
    const trailing = reader.rest(next, at + sizeBytes);
    return trailing === undefined ? { entries } : { entries, trailing };
  },
  bytes: ({ entries, trailing = new Uint8Array() }) =>
    concat([new Uint8Array(HEADER_BYTES), PPTT_ENTRIES.bytes(entries), trailing]),
};

/** The PPTT. Encoders write revision 2 (ACPI 6.3). */
export const PPTT_TABLE = table({
  signature: 'PPTT',
  title: TITLE,
  source: `ACPI 6.5, "${TITLE} (PPTT)"`,
  revision: 2,
  body: BODY,
});

/** A decoded PPTT. */
export type Pptt = Value<typeof BODY> & InTable;
/** A PPTT as its encoder takes it. */
export type PpttInput = Input<typeof BODY> & InTableInput;

/** The bytes of a PPTT. Throws AcpiError when a value does not fit its field. */
export const encodePptt = (input: PpttInput): Uint8Array => PPTT_TABLE.encode(input);
/** Reads a PPTT; never throws. */
export const decodePptt = (bytes: Uint8Array): DecodedTree<Pptt> => PPTT_TABLE.decode(bytes);
