/** PCI Express memory mapped configuration table. Source: PCI Firmware Specification 3.3, "MCFG Table Description". */
import { reserved, u8, u16, u64, zero } from './fields.ts';
import { entriesBytes, readCounted } from './lists.ts';
import { type Codec, concat, type Input, struct, type Value } from './struct.ts';
import { type DecodedTree, HEADER_BYTES, type InTable, type InTableInput, table } from './table.ts';

const SOURCE = 'PCI Firmware Specification 3.3, "MCFG Table Description"';

/** Configuration space of a range of buses. */
export const MCFG_ALLOCATION = struct(
  'Configuration Space Base Address Allocation Structure',
  SOURCE,
  { full: 16 },
  {
    baseAddress: u64('physical address of bus 0'),
    pciSegmentGroup: zero(u16('segment')),
    startBus: zero(u8('first bus')),
    endBus: u8('last bus'),
    reserved: reserved(4),
  },
);

/** Fields before the allocations. */
export const MCFG = struct(
  'PCI Express Memory Mapped Configuration Table',
  SOURCE,
  { full: 44, first: HEADER_BYTES },
  { reserved: reserved(8) },
);

/** The ranges of an MCFG table. */
export interface McfgAllocations<A> {
  allocations: readonly A[];
  trailing?: Uint8Array;
}

const BODY: Codec<
  Value<typeof MCFG> & McfgAllocations<Value<typeof MCFG_ALLOCATION>>,
  Input<typeof MCFG> & McfgAllocations<Input<typeof MCFG_ALLOCATION>>
> = {
  title: MCFG.title,
  read: (reader, at, sizeBytes) => {
    const fixed = MCFG.read(reader, at, Math.min(sizeBytes, MCFG.fullBytes));
    if (fixed === undefined) return undefined;
    const [first, end] = [at + MCFG.fullBytes, at + sizeBytes];
    const count = Math.floor((end - first) / MCFG_ALLOCATION.fullBytes);
    const { entries, next } = readCounted(reader, MCFG_ALLOCATION, { at: first, end, count, countAt: at + 4 });
    const trailing = reader.rest(next, end);
    if (trailing !== undefined && trailing.length < MCFG_ALLOCATION.fullBytes) {
      const found = `${trailing.length} bytes more`;
      reader.find(next, 'size of the allocations', found, `a multiple of ${MCFG_ALLOCATION.fullBytes}`);
    }
    return { ...fixed, allocations: entries, ...(trailing === undefined ? {} : { trailing }) };
  },
  bytes: ({ allocations, trailing = new Uint8Array(), ...fixed }) =>
    concat([MCFG.bytes(fixed), entriesBytes(MCFG_ALLOCATION, allocations), trailing]),
};

/** The MCFG table. */
export const MCFG_TABLE = table({
  signature: 'MCFG',
  title: MCFG.title,
  source: MCFG.source,
  revision: 1,
  body: BODY,
});

/** A decoded MCFG table. */
export type Mcfg = Value<typeof BODY> & InTable;
/** An MCFG table as its encoder takes it. */
export type McfgInput = Input<typeof BODY> & InTableInput;

/** The bytes of an MCFG table. Throws AcpiError when a value does not fit its field. */
export const encodeMcfg = (input: McfgInput): Uint8Array => MCFG_TABLE.encode(input);
/** Reads an MCFG table; never throws. */
export const decodeMcfg = (bytes: Uint8Array): DecodedTree<Mcfg> => MCFG_TABLE.decode(bytes);
