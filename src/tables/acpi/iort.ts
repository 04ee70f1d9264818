/** I/O Remapping Table. Source: DEN0049 (issue E.e), "IORT table", one heading per node. */
import { bytesText, constant, derived, later, reserved, u8, u16, u32, u64, zero } from './fields.ts';
import { type EntryInputOf, EntryList, type EntryOf, entriesBytes, readCounted } from './lists.ts';
import {
  type Codec,
  concat,
  type Fields,
  type Input,
  type Struct,
  type StructSizes,
  struct,
  type Value,
} from './struct.ts';
import { type DecodedTree, HEADER_BYTES, type InTable, type InTableInput, table } from './table.ts';

const SOURCE = 'DEN0049, "IO Remapping Table"';
const NONE = new Uint8Array();

/** Every node begins so. */
const node = <const F extends Fields>(type: number, title: string, sizes: StructSizes, fields: F) =>
  struct(title, SOURCE, sizes, {
    type: constant(u8('type of the node'), type),
    length: derived(u16('size of the node in bytes')),
    revision: zero(u8('revision of the node')),
    identifier: zero(u32('number of the node; reserved before revision 3 of the table')),
    mappingCount: derived(u32('number of mappings')),
    mappingOffset: derived(u32('offset of the mappings from the node')),
    ...fields,
  });

const MEMORY_PROPERTIES = {
  cacheCoherency: zero(u32('1 if coherent')),
  allocationHints: zero(u8('hints', { bits: { transient: 0, 'write allocate': 1, 'read allocate': 2, override: 3 } })),
  memoryReserved: reserved(2),
  memoryFlags: zero(u8('flags', { bits: { CPM: 0, DACS: 1, CANWBS: 2 } })),
} as const;

/** Mapping of a range of identifiers. */
export const IORT_MAPPING = struct(
  'ID mapping',
  SOURCE,
  { full: 20 },
  {
    inputBase: zero(u32('first identifier')),
    idCount: zero(u32('number of identifiers, less 1')),
    outputBase: zero(u32('first identifier on the other side')),
    outputReference: zero(u32('offset of the node on the other side, from the table')),
    flags: zero(u32('flags', { bits: { 'single mapping': 0 } })),
  },
);

/** ITS group; the numbers of its ITSs are in `data`. */
export const IORT_ITS_GROUP = node(0, 'ITS group', { full: 20 }, { itsCount: u32('number of ITSs') });
/** Named component; its name is in `data`. */
export const IORT_NAMED_COMPONENT = node(
  1,
  'Named component',
  { full: 29 },
  {
    nodeFlags: zero(u32('flags', { bits: { 'stall supported': 0, 'substream id bits': [5, 1] } })),
    ...MEMORY_PROPERTIES,
    memoryAddressSizeLimit: zero(u8('bits of an address')),
  },
);
/** PCI root complex. Sizes: 32 bytes in revision 0, then 36, and 40 from revision 4. */
export const IORT_ROOT_COMPLEX = node(
  2,
  'Root complex',
  { full: 40, base: 32, usual: 36 },
  {
    ...MEMORY_PROPERTIES,
    atsAttribute: zero(u32('ATS', { bits: { ATS: 0, PRI: 1, 'PASID forwarding': 2 } })),
    pciSegmentNumber: zero(u32('PCI segment')),
    memoryAddressSizeLimit: later(u8('bits of an address')),
    pasidCapabilities: later(u16('bits of a PASID')),
    reserved: reserved(1),
    rootComplexFlags: later(u32('flags', { bits: { 'PASID supported': 0 } })),
  },
);
/** SMMU version 1 or 2; its interrupts are in `data`. */
export const IORT_SMMU = node(
  3,
  'SMMUv1 or SMMUv2',
  { full: 76 },
  {
    baseAddress: u64('physical address'),
    span: zero(u64('size')),
    model: zero(
      u32('model', {
        names: { 0: 'generic SMMUv1', 1: 'generic SMMUv2', 2: 'MMU-400', 3: 'MMU-500', 4: 'MMU-401', 5: 'Cavium' },
      }),
    ),
    flags: zero(u32('flags', { bits: { DVM: 0, 'coherent walk': 1 } })),
    globalInterruptOffset: zero(u32('from the node')),
    contextInterruptCount: zero(u32('number')),
    contextInterruptOffset: zero(u32('from the node')),
    pmuInterruptCount: zero(u32('number')),
    pmuInterruptOffset: zero(u32('from the node')),
    nsgIrpt: zero(u32('SMMU_NSgIrpt')),
    nsgIrptFlags: zero(u32('flags', { bits: { 'edge-triggered': 0 } })),
    nsgCfgIrpt: zero(u32('SMMU_NSgCfgIrpt')),
    nsgCfgIrptFlags: zero(u32('flags', { bits: { 'edge-triggered': 0 } })),
  },
);
/** SMMU version 3. Sizes: 60 bytes in revision 0, then 68. */
export const IORT_SMMU_V3 = node(
  4,
  'SMMUv3',
  { full: 68, base: 60 },
  {
    baseAddress: u64('physical address'),
    flags: zero(
      u32('flags', {
        bits: { COHACC: 0, HTTU: [2, 1], 'proximity domain valid': 3, 'device id mapping index valid': 4 },
      }),
    ),
    reserved: reserved(4),
    vatosAddress: zero(u64('VATOS page, 0 if there is none')),
    model: zero(u32('model', { names: { 0: 'generic SMMUv3', 1: 'HiSilicon Hi161x', 2: 'Cavium CN99xx' } })),
    eventGsiv: zero(u32('interrupt')),
    priGsiv: zero(u32('interrupt')),
    gerrGsiv: zero(u32('interrupt')),
    syncGsiv: zero(u32('interrupt')),
    proximityDomain: later(u32('domain')),
    deviceIdMappingIndex: later(u32('mapping of its own interrupts')),
  },
);
/** Performance monitors of an SMMU. Sizes: 32 bytes in revision 0, then 40. */
export const IORT_PMCG = node(
  5,
  'SMMUv3 PMCG',
  { full: 40, base: 32 },
  {
    page0BaseAddress: u64('physical address'),
    overflowInterruptGsiv: zero(u32('interrupt')),
    nodeReference: zero(u32('offset of the monitored node from the table')),
    page1BaseAddress: later(u64('physical address')),
  },
);
/** Reserved memory range; the ranges are in `data`. */
export const IORT_RMR = node(
  6,
  'Reserved memory range',
  { full: 28 },
  {
    flags: zero(u32('flags', { bits: { 'remapping permitted': 0, privileged: 1, 'access attributes': [9, 2] } })),
    descriptorCount: u32('number of ranges'),
    descriptorOffset: u32('of the ranges, from the node'),
  },
);

/** What a node has besides its fields. */
export interface IortNodeParts<M> {
  /** Bytes between the fields and the mappings. */
  data?: Uint8Array;
  mappings?: readonly M[];
  /** Number of mappings as the node says, when its mappings cannot be read. */
  mappingCount?: number;
  /** Offset of the mappings as the node says, when they are not the end of the node. */
  mappingOffset?: number;
}

type NodeCodec<F extends Fields> = Codec<
  Value<Struct<F>> & IortNodeParts<Value<typeof IORT_MAPPING>>,
  Input<Struct<F>> & IortNodeParts<Input<typeof IORT_MAPPING>>
>;

const COUNT_AT = 8;
const OFFSET_AT = 12;

/** A node whose mappings, if it has any, are its end. */
function withMappings<F extends Fields>(fixed: Struct<F>): NodeCodec<F> {
  const size = IORT_MAPPING.fullBytes;
  return {
    title: fixed.title,
    read: (reader, at, sizeBytes) => {
      if (sizeBytes < fixed.baseBytes) return undefined;
      const count = reader.view.getUint32(at + COUNT_AT, true);
      const offset = reader.view.getUint32(at + OFFSET_AT, true);
      const isAtEnd = count > 0 && offset >= fixed.baseBytes && offset + count * size === sizeBytes;
      const first = at + (isAtEnd ? offset : sizeBytes);
      const value = fixed.read(reader, at, Math.min(fixed.fullBytes, first - at))!;
      const dataAt = Math.min(at + fixed.fullBytes, first);
      if (dataAt < first) reader.leaf('data', dataAt, first - dataAt, bytesText(reader.bytes.subarray(dataAt, first)));
      const place = { at: first, end: at + sizeBytes, count: isAtEnd ? count : 0, countAt: at + COUNT_AT };
      const { entries } = readCounted(reader, IORT_MAPPING, place);
      if (count > 0 && offset + count * size > sizeBytes)
        reader.find(at + OFFSET_AT, 'mappings', `${count} at ${offset}`, `within the ${sizeBytes} bytes of the node`);
      return {
        ...(value as Value<Struct<F>>),
        ...(dataAt < first ? { data: reader.bytes.slice(dataAt, first) } : {}),
        mappings: entries,
        ...(isAtEnd || count === 0 ? {} : { mappingCount: count }),
        ...(isAtEnd || offset === 0 ? {} : { mappingOffset: offset }),
      };
    },
    bytes: ({ data = NONE, mappings = [], mappingCount = mappings.length, mappingOffset, ...input }) => {
      const fields = (sizes: object) =>
        fixed.bytes({ ...input, ...sizes } as unknown as Parameters<typeof fixed.bytes>[0]);
      const fixedBytes = fields({ length: 0, mappingCount, mappingOffset: 0 }).length;
      const usual = mappings.length === 0 ? 0 : fixedBytes + data.length;
      const length = fixedBytes + data.length + mappings.length * size;
      const head = fields({ length, mappingCount, mappingOffset: mappingOffset ?? usual });
      return concat([head, data, entriesBytes(IORT_MAPPING, mappings)]);
    },
  };
}

/** Nodes of the IORT. */
export const IORT_NODES = new EntryList(
  'IORT node',
  {
    // Up to the offset of the mappings, so that the fields all nodes have are there.
    sizeBytes: 16,
    type: (view, at) => view.getUint8(at),
    length: (view, at) => view.getUint16(at + 1, true),
  },
  {
    'ITS group': { type: 0, codec: withMappings(IORT_ITS_GROUP) },
    'named component': { type: 1, codec: withMappings(IORT_NAMED_COMPONENT) },
    'root complex': { type: 2, codec: withMappings(IORT_ROOT_COMPLEX) },
    SMMU: { type: 3, codec: withMappings(IORT_SMMU) },
    SMMUv3: { type: 4, codec: withMappings(IORT_SMMU_V3) },
    PMCG: { type: 5, codec: withMappings(IORT_PMCG) },
    'reserved memory range': { type: 6, codec: withMappings(IORT_RMR) },
  },
);

/** One decoded node of the IORT; `kind` tells which. */
export type IortNode = EntryOf<typeof IORT_NODES.kinds>;
/** One node of the IORT as the encoder takes it. */
export type IortNodeInput = EntryInputOf<typeof IORT_NODES.kinds>;

/** Fields before the nodes. */
export const IORT = struct(
  'I/O Remapping Table',
  SOURCE,
  { full: 48, first: HEADER_BYTES },
  {
    nodeCount: derived(u32('number of nodes')),
    nodeOffset: derived(u32('offset of the first node from the table')),
    reserved: reserved(4),
  },
);

/** The nodes of an IORT. */
export interface IortNodes<N> {
  nodes: readonly N[];
  /** Number of nodes as the table says, when it is another. */
  nodeCount?: number;
  /** Offset of the nodes as the table says, when they do not lie where they should. */
  nodeOffset?: number;
  /** Bytes before the nodes. */
  gap?: Uint8Array;
  trailing?: Uint8Array;
}

const BODY: Codec<Value<typeof IORT> & IortNodes<IortNode>, Input<typeof IORT> & IortNodes<IortNodeInput>> = {
  title: IORT.title,
  read: (reader, at, sizeBytes) => {
    const fixed = IORT.read(reader, at, Math.min(sizeBytes, IORT.fullBytes));
    if (fixed === undefined) return undefined;
    const end = at + sizeBytes;
    const countAt = at + IORT.offsetOf('nodeCount');
    const offsetAt = at + IORT.offsetOf('nodeOffset');
    const count = reader.view.getUint32(countAt, true);
    const offset = reader.view.getUint32(offsetAt, true);
    const isInside = offset >= IORT.fullBytes && offset <= sizeBytes;
    if (!isInside) reader.find(offsetAt, 'offset of the first node', `${offset}`, `${IORT.fullBytes} to ${sizeBytes}`);
    const first = at + (isInside ? offset : IORT.fullBytes);
    const gap = reader.rest(at + IORT.fullBytes, first, 'bytes before the nodes');
    const { entries, next } = IORT_NODES.read(reader, first, end, count);
    if (entries.length < count)
      reader.find(countAt, 'number of nodes', `${count}`, `${entries.length}, which are there`);
    const trailing = reader.rest(next, end);
    return {
      ...fixed,
      nodes: entries,
      ...(entries.length === count ? {} : { nodeCount: count }),
      ...(at + offset === first ? {} : { nodeOffset: offset }),
      ...(gap === undefined ? {} : { gap }),
      ...(trailing === undefined ? {} : { trailing }),
    };
  },
  bytes: ({ nodes, nodeCount = nodes.length, nodeOffset, gap = NONE, trailing = NONE, ...fixed }) => {
    const head = { ...fixed, nodeCount, nodeOffset: nodeOffset ?? IORT.fullBytes + gap.length };
    return concat([IORT.bytes(head), gap, IORT_NODES.bytes(nodes), trailing]);
  },
};

/** The IORT. */
export const IORT_TABLE = table({ signature: 'IORT', title: IORT.title, source: SOURCE, revision: 3, body: BODY });

/** A decoded IORT. */
export type Iort = Value<typeof BODY> & InTable;
/** An IORT as its encoder takes it. */
export type IortInput = Input<typeof BODY> & InTableInput;
/** The bytes of an IORT. Throws AcpiError when a value does not fit its field. */
export const encodeIort = (input: IortInput): Uint8Array => IORT_TABLE.encode(input);
/** Reads an IORT of any revision; never throws. */
export const decodeIort = (bytes: Uint8Array): DecodedTree<Iort> => IORT_TABLE.decode(bytes);
