/** Hardware Error Source Table. Source: ACPI 6.5, "ACPI Error Source". */
import { derived, u32 } from './fields.ts';
import { HEST_SOURCES, type HestSource, type HestSourceInput } from './hest-sources.ts';
import type { Reader } from './reader.ts';
import { type Codec, concat, type Input, struct, type Value } from './struct.ts';
import { type DecodedTree, HEADER_BYTES, type InTable, type InTableInput, table } from './table.ts';

/** Fields before the error sources. */
export const HEST = struct(
  'Hardware Error Source Table',
  'ACPI 6.5, "ACPI Error Source"',
  { full: 40, first: HEADER_BYTES },
  { sourceCount: derived(u32('number of error sources')) },
);

/** A HEST without its header. */
export interface HestBody {
  sources: readonly HestSource[];
  /** Number of sources as the table says, when it is another. */
  sourceCount?: number;
  /** Bytes after the last source that the table counts and that could be read. */
  trailing?: Uint8Array;
}

/** The same as the encoder takes it. */
export interface HestBodyInput extends Omit<HestBody, 'sources'> {
  sources: readonly HestSourceInput[];
}

/** Two sources that are enabled must not have one number: operating systems name devices by it. */
function checkIds(reader: Reader, sources: readonly HestSource[], offsets: readonly number[]): void {
  const seen = new Map<number, number>();
  sources.forEach((source, n) => {
    if (source.kind === 'unknown' || ('enabled' in source && source.enabled === 0)) return;
    const before = seen.get(source.sourceId);
    if (before === undefined) seen.set(source.sourceId, n);
    else reader.find(offsets[n] + 2, 'source id', `${source.sourceId}, as of source ${before}`, 'one of its own');
  });
}

function read(reader: Reader, at: number, sizeBytes: number): HestBody | undefined {
  if (HEST.read(reader, at, Math.min(sizeBytes, HEST.fullBytes)) === undefined) return undefined;
  const end = at + sizeBytes;
  const countAt = at + HEST.offsetOf('sourceCount');
  const count = reader.view.getUint32(countAt, true);
  const first = at + HEST.fullBytes;
  const nodesBefore = reader.nodes.length;
  const { entries, next } = HEST_SOURCES.read(reader, first, end, count);
  const offsets = reader.nodes.slice(nodesBefore).map((node) => node.offset);
  checkIds(reader, entries, offsets);
  if (entries.length < count)
    reader.find(countAt, 'number of error sources', `${count}`, `${entries.length}, which could be read`);
  const trailing = reader.rest(next, end, 'bytes after the last source');
  return {
    sources: entries,
    ...(entries.length === count ? {} : { sourceCount: count }),
    ...(trailing === undefined ? {} : { trailing }),
  };
}

const BODY: Codec<HestBody, HestBodyInput> = {
  title: HEST.title,
  read,
  bytes: ({ sources, sourceCount = sources.length, trailing = new Uint8Array() }) =>
    concat([HEST.bytes({ sourceCount } as Input<typeof HEST>), HEST_SOURCES.bytes(sources), trailing]),
};

/** The HEST. Encoders write revision 1 (up to ACPI 6.4). */
export const HEST_TABLE = table({
  signature: 'HEST',
  title: HEST.title,
  source: HEST.source,
  revision: 1,
  body: BODY,
});

/** A decoded HEST. */
export type Hest = Value<typeof BODY> & InTable;
/** A HEST as its encoder takes it. */
export type HestInput = HestBodyInput & InTableInput;

/** The bytes of a HEST. Throws AcpiError when a value does not fit its field. */
export const encodeHest = (input: HestInput): Uint8Array => HEST_TABLE.encode(input);
/**
 * Reads a HEST; never throws. Sources lie one after the other without a length of their own, so nothing can be read
 * behind one of an unknown type.
 */
export const decodeHest = (bytes: Uint8Array): DecodedTree<Hest> => HEST_TABLE.decode(bytes);
