/**
 * What all tables share: header, length, checksum. A table decoded and encoded again gives the same bytes, whether it
 * is well formed or not.
 *
 * Source: ACPI 6.5, "System Description Table Header".
 */
import type { Decoded } from '../finding.ts';
import type { TreeNode } from '../tree-node.ts';
import { AcpiError } from './error.ts';
import { ascii, derived, preset, u8, u32, zero } from './fields.ts';
import { Reader } from './reader.ts';
import { type Codec, concat, type Input, struct, type Value } from './struct.ts';

/** Size of the header of every table but RSDP and FACS. */
export const HEADER_BYTES = 36;

/** Who made the tables of this machine, unless told otherwise. */
export const OEM = { oemId: 'UNMASK', oemTableId: 'UNMASKBL', creatorId: 'UNMK' } as const;

/** Fields of the header. */
export const HEADER = struct(
  'System Description Table Header',
  'ACPI 6.5, "System Description Table Header"',
  { full: HEADER_BYTES },
  {
    signature: zero(ascii(4, 'which table this is')),
    length: derived(u32('size of the table with this header, in bytes')),
    revision: zero(u8('revision of the table')),
    checksum: derived(u8('makes the sum of all bytes 0')),
    oemId: preset(ascii(6, 'who made it'), OEM.oemId),
    oemTableId: preset(ascii(8, "the maker's name for it"), OEM.oemTableId),
    oemRevision: preset(u32("the maker's revision"), 1),
    creatorId: preset(ascii(4, 'program that made it'), OEM.creatorId),
    creatorRevision: preset(u32('revision of that program'), 1),
  },
);

/** What a header can say that is not so; encoders write it as it is given, so that a wrong table stays as it was. */
export interface HeaderOverrides {
  /** Length field, when it is not the size of the table. */
  length?: number;
  /** Checksum field, when it is not the right one. */
  checksum?: number;
}

/** A decoded header. */
export type TableHeader = Omit<Value<typeof HEADER>, 'sizeBytes' | 'trailing'> & HeaderOverrides;

/** A header as encoders take it; what is not given is this project's own. */
export type HeaderInput = Partial<TableHeader>;

/** What every table has besides its fields. */
export interface InTable {
  header: TableHeader;
  /** Bytes after the end of the table that were decoded with it. */
  excess?: Uint8Array;
}

/** The same as encoders take it. */
export interface InTableInput {
  header?: HeaderInput;
  excess?: Uint8Array;
}

/** A decoding with the tree of what was read. */
export interface DecodedTree<T> extends Decoded<T> {
  tree: TreeNode;
}

/** Something that can be decoded from bytes and encoded again; see {@link table}. */
export interface Table<V, I> {
  /** Four characters; for the RSDP eight. */
  readonly signature: string;
  readonly title: string;
  /** Document and heading. */
  readonly source: string;
  /** Never throws. */
  decode(bytes: Uint8Array): DecodedTree<V & InTable>;
  /** @throws AcpiError when a value does not fit its field */
  encode(input: I & InTableInput): Uint8Array;
}

/** The byte that makes the sum of `bytes` 0, where the byte at `at` counts as 0. */
export function checksumOf(bytes: Uint8Array, at: number): number {
  let sum = 0;
  for (const byte of bytes) sum += byte;
  return -(sum - (bytes[at] ?? 0)) & 0xff;
}

/** The signature of a table, or of whatever it is; bytes that are no text become dots. */
export const signatureOf = (bytes: Uint8Array, sizeBytes = 4): string =>
  String.fromCharCode(...bytes.subarray(0, sizeBytes)).replace(/[^\x20-\x7e]/g, '.');

/** Describes a table with the common header by its body: a codec of the whole table that leaves the header empty. */
export interface TableSpec<V, I> {
  /** Undefined for a table of any signature. */
  readonly signature?: string;
  readonly title: string;
  readonly source: string;
  /** What encoders write into the header. */
  readonly revision: number;
  readonly body: Codec<V, I>;
}

const LENGTH_AT = HEADER.offsetOf('length');
const CHECKSUM_AT = HEADER.offsetOf('checksum');

/** A table with the common header. */
export function table<V extends object, I extends object>(spec: TableSpec<V, I>): Table<V, I> {
  return {
    signature: spec.signature ?? '',
    title: spec.title,
    source: spec.source,
    decode: (bytes) => decodeWithHeader(spec, bytes),
    encode: (input) => encodeWithHeader(spec, input),
  };
}

function decodeWithHeader<V extends object, I>(spec: TableSpec<V, I>, bytes: Uint8Array): DecodedTree<V & InTable> {
  const reader = new Reader(bytes);
  const value = readWithHeader(spec, reader);
  const signature = signatureOf(bytes);
  const tree: TreeNode = {
    name: spec.signature === undefined || spec.signature !== signature ? signature : `${signature}, ${spec.title}`,
    offset: 0,
    sizeBytes: bytes.length,
    children: reader.nodes,
  };
  return { value, findings: reader.findings, tree };
}

function readWithHeader<V extends object, I>(spec: TableSpec<V, I>, reader: Reader): (V & InTable) | undefined {
  const { bytes } = reader;
  const undone = (): undefined => void reader.rest(0, bytes.length, 'bytes');
  if (bytes.length < HEADER_BYTES) {
    reader.find(0, 'size of a table', `${bytes.length} bytes`, `at least the ${HEADER_BYTES} of its header`);
    return undone();
  }
  if (spec.signature !== undefined && signatureOf(bytes) !== spec.signature) {
    reader.find(0, 'signature', signatureOf(bytes), spec.signature);
    return undone();
  }
  const fields = reader.group('header', 0, HEADER_BYTES, () => HEADER.read(reader, 0, HEADER_BYTES)!);
  const header: TableHeader = fields;
  const stated = reader.view.getUint32(LENGTH_AT, true);
  if (stated < HEADER_BYTES) {
    reader.find(LENGTH_AT, 'length', `${stated}`, `at least ${HEADER_BYTES}`);
    reader.rest(HEADER_BYTES, bytes.length);
    return undefined;
  }
  const end = Math.min(stated, bytes.length);
  if (stated > end) {
    header.length = stated;
    reader.find(LENGTH_AT, 'length', `${stated}`, `at most the ${bytes.length} bytes that are there: truncated`);
  }
  const right = checksumOf(bytes.subarray(0, end), CHECKSUM_AT);
  const checksum = bytes[CHECKSUM_AT];
  if (checksum !== right) {
    header.checksum = checksum;
    const hex = (byte: number): string => `0x${byte.toString(16).padStart(2, '0')}`;
    if (stated === end) reader.find(CHECKSUM_AT, 'checksum', hex(checksum), hex(right));
  }
  const body = spec.body.read(reader, 0, end);
  if (body === undefined) {
    const found = `${end} bytes`;
    reader.find(LENGTH_AT, `${spec.title}: length`, found, 'room for the fields that every revision of the table has');
  }
  const excess = reader.rest(end, bytes.length, 'bytes after the table');
  if (excess !== undefined) reader.find(end, 'size of a table', `${bytes.length} bytes`, `${end}, as its length says`);
  if (body === undefined) return undefined;
  return { header, ...body, ...(excess === undefined ? {} : { excess }) };
}

function encodeWithHeader<V, I extends object>(spec: TableSpec<V, I>, input: I & InTableInput): Uint8Array {
  const bytes = spec.body.bytes(input);
  const { signature = spec.signature, length = bytes.length, ...given } = input.header ?? {};
  if (spec.signature !== undefined && signature !== spec.signature) {
    const asked = `header.signature '${signature}'`;
    throw new AcpiError('E_ACPI_TEXT', `${spec.title}: ${asked}; this table has '${spec.signature}'`);
  }
  const derivedFields = { length, checksum: 0 };
  const header = { revision: spec.revision, ...given, signature, ...derivedFields } as Input<typeof HEADER>;
  bytes.set(HEADER.bytes(header), 0);
  const { checksum = checksumOf(bytes, CHECKSUM_AT) } = given;
  if (!Number.isInteger(checksum) || checksum < 0 || checksum > 0xff)
    throw new AcpiError('E_ACPI_RANGE', `${spec.title}: header.checksum ${checksum}; this field takes 0 to 255`);
  bytes[CHECKSUM_AT] = checksum;
  return input.excess === undefined ? bytes : concat([bytes, input.excess]);
}
