/**
 * Structures of bytes described once: the same fields decode, encode and print.
 *
 * Everything is little-endian and packed (UEFI Specification, "Calling Conventions": data in records is packed). A
 * decoded structure has a value for each field, reserved ones included, so that encoding gives the same bytes.
 */
import type { TreeNode } from '../tree-node.ts';
import { CperError } from './error.ts';
import { GUID_SIZE_BYTES, GUID_ZERO, type Guid, readGuid, writeGuid } from './guid.ts';

/** How a value of a field lies in bytes, and how it is printed when nothing else is said. */
export interface Codec<T> {
  readonly zero: T;
  read(bytes: Uint8Array, at: number, sizeBytes: number): T;
  /** Writes the value, or says why it cannot be held. */
  write(bytes: Uint8Array, at: number, sizeBytes: number, value: T): string | undefined;
  show(value: T, sizeBytes: number): string;
}

/** How a field is printed. */
export interface FieldStyle<T> {
  /** Number of the validation bit; a field whose bit is clear is not printed. */
  readonly valid?: number | readonly number[];
  /** The value in words. */
  readonly show?: (value: T) => string;
  /** Parts of the value, each printed below it. */
  readonly parts?: (value: T) => { name: string; value: string }[];
  /** Printed only when it is not zero. */
  readonly reserved?: boolean;
}

/** One field of a structure: where it lies, its name in the specification, its codec and how it is printed. */
export interface Field<T> extends FieldStyle<T> {
  readonly at: number;
  readonly sizeBytes: number;
  readonly name: string;
  readonly codec: Codec<T>;
}

/** The fields of a structure by the name of the property that holds each. */
// biome-ignore lint/suspicious/noExplicitAny: a list of fields of many types; each is used only with its own codec
export type Fields = Readonly<Record<string, Field<any>>>;

/** The value of a structure: one property for each field. */
export type ValueOf<F extends Fields> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** A structure: its name, its whole size and its fields in order of offset. */
export interface Layout<F extends Fields> {
  readonly name: string;
  readonly sizeBytes: number;
  readonly fields: F;
  /** The field whose bits say which other fields are valid. */
  readonly validation?: string;
}

/** Makes a layout; here so that its type is inferred. */
export const layout = <F extends Fields>(
  name: string,
  sizeBytes: number,
  fields: F,
  validation?: keyof F & string,
): Layout<F> => ({ name, sizeBytes, fields, validation });

/** A number as `0x` and as many digits as it has bytes. */
export const hex = (value: number | bigint, sizeBytes = 8): string =>
  `0x${value.toString(16).padStart(sizeBytes * 2, '0')}`;

const UINT: Codec<number> = {
  zero: 0,
  read(bytes, at, sizeBytes) {
    let value = 0;
    for (let i = sizeBytes - 1; i >= 0; i--) value = value * 256 + bytes[at + i];
    return value;
  },
  write(bytes, at, sizeBytes, value) {
    if (!Number.isInteger(value) || value < 0 || value >= 256 ** sizeBytes) {
      return `a whole number from 0 to ${hex(256 ** sizeBytes - 1, sizeBytes)}`;
    }
    for (let i = 0, rest = value; i < sizeBytes; i++, rest = Math.floor(rest / 256)) bytes[at + i] = rest % 256;
    return undefined;
  },
  show: String,
};

const UINT64: Codec<bigint> = {
  zero: 0n,
  read(bytes, at, sizeBytes) {
    let value = 0n;
    for (let i = sizeBytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i]);
    return value;
  },
  write(bytes, at, sizeBytes, value) {
    if (typeof value !== 'bigint' || value < 0n || value >> BigInt(sizeBytes * 8) !== 0n) {
      return `a bigint of ${sizeBytes * 8} bits`;
    }
    for (let i = 0; i < sizeBytes; i++) bytes[at + i] = Number((value >> BigInt(i * 8)) & 0xffn);
    return undefined;
  },
  show: hex,
};

const GUID: Codec<Guid> = {
  zero: GUID_ZERO,
  read: readGuid,
  write(bytes, at, _sizeBytes, value) {
    writeGuid(bytes, at, value);
    return undefined;
  },
  show: String,
};

/** Bytes for printing, at most 32 of them. */
export function showBytes(bytes: Uint8Array): string {
  const text = Array.from(bytes.subarray(0, 32), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return bytes.length > 32 ? `${text} ... (${bytes.length} bytes)` : text;
}

const BYTES: Codec<Uint8Array> = {
  zero: new Uint8Array(0),
  read: (bytes, at, sizeBytes) => bytes.slice(at, at + sizeBytes),
  write(bytes, at, sizeBytes, value) {
    if (value.length > sizeBytes) return `at most ${sizeBytes} bytes`;
    bytes.set(value, at);
    return undefined;
  },
  show: showBytes,
};

/** One character per byte (ISO 8859-1), without the NULs at the end: any bytes survive. */
const TEXT: Codec<string> = {
  zero: '',
  read: (bytes, at, sizeBytes) =>
    Array.from(bytes.subarray(at, at + sizeBytes), (byte) => String.fromCharCode(byte))
      .join('')
      .replace(/\0+$/, ''),
  write(bytes, at, sizeBytes, value) {
    const codes = Array.from(value, (character) => character.codePointAt(0) as number);
    if (codes.length > sizeBytes || codes.some((code) => code > 0xff)) return `at most ${sizeBytes} 8-bit characters`;
    bytes.set(codes, at);
    return undefined;
  },
  show: (value) => printable(value.split('\0')[0]),
};

/** Text that is safe to print: control characters and what is not ASCII become escapes. */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** An unsigned field of up to 32 bits. */
export const uint = (at: number, sizeBytes: 1 | 2 | 3 | 4, name: string, style: FieldStyle<number> = {}) =>
  ({ at, sizeBytes, name, codec: UINT, ...style }) satisfies Field<number>;

/** An unsigned field of more than 32 bits, 8 bytes unless told, printed in hexadecimal. */
export const uint64 = (at: number, name: string, style: FieldStyle<bigint> = {}, sizeBytes = 8) =>
  ({ at, sizeBytes, name, codec: UINT64, ...style }) satisfies Field<bigint>;

/** A field that is a GUID. */
export const guid = (at: number, name: string, style: FieldStyle<Guid> = {}) =>
  ({ at, sizeBytes: GUID_SIZE_BYTES, name, codec: GUID, ...style }) satisfies Field<Guid>;

/** A field of bytes without further structure here; shorter values are filled with zeros when written. */
export const raw = (at: number, sizeBytes: number, name: string, style: FieldStyle<Uint8Array> = {}) =>
  ({ at, sizeBytes, name, codec: BYTES, ...style }) satisfies Field<Uint8Array>;

/** A field of text, padded with NULs, which need not end with one. */
export const text = (at: number, sizeBytes: number, name: string, style: FieldStyle<string> = {}) =>
  ({ at, sizeBytes, name, codec: TEXT, ...style }) satisfies Field<string>;

/** A field that must be zero; printed only where it is not. */
export const reserved = (at: number, sizeBytes: number) => raw(at, sizeBytes, 'Reserved', { reserved: true });

/** Shows a number in hexadecimal with as many digits as its field has bytes. */
export const hexOf =
  (sizeBytes: number) =>
  (value: number): string =>
    hex(value, sizeBytes);

/** Shows a number with its name: `2 (single-bit ECC)`. */
export const named =
  (names: Readonly<Record<number, string>>) =>
  (value: number): string =>
    `${value} (${names[value] ?? 'unknown'})`;

/** Shows a number as flags by name: `0x05 (primary, reset)`; bits without a name as `bit n`. */
export const flags =
  (names: Readonly<Record<number, string>>, sizeBytes: number) =>
  (value: number | bigint): string => {
    const set: string[] = [];
    for (let bit = 0; bit < sizeBytes * 8; bit++) {
      if ((BigInt(value) >> BigInt(bit)) & 1n) set.push(names[bit] ?? `bit ${bit}`);
    }
    return `${hex(value, sizeBytes)}${set.length > 0 ? ` (${set.join(', ')})` : ''}`;
  };

const fieldsOf = <F extends Fields>({ fields }: Layout<F>) =>
  Object.entries(fields) as [keyof F & string, Field<unknown>][];

/**
 * Reads a structure; the caller has checked that its bytes are there.
 *
 * @param sizeBytes - less than the whole for an older, shorter form: fields beyond it read as zero
 */
export function decodeLayout<F extends Fields>(
  of: Layout<F>,
  bytes: Uint8Array,
  at = 0,
  sizeBytes = of.sizeBytes,
): ValueOf<F> {
  const value: Record<string, unknown> = {};
  for (const [key, field] of fieldsOf(of)) {
    const there = field.at + field.sizeBytes <= sizeBytes;
    value[key] = there ? field.codec.read(bytes, at + field.at, field.sizeBytes) : field.codec.zero;
  }
  return value as ValueOf<F>;
}

/** The validation bits of the fields that are given. */
function validationOf<F extends Fields>(of: Layout<F>, value: Partial<ValueOf<F>>): number | bigint {
  let bits = 0n;
  for (const [key, { valid }] of fieldsOf(of)) {
    if (valid !== undefined && value[key] !== undefined) bits |= 1n << BigInt([valid].flat()[0]);
  }
  const field = of.fields[of.validation as keyof F];
  return typeof field.codec.zero === 'bigint' ? bits : Number(bits);
}

/**
 * The bytes of a structure; what is left out is zero, validation bits left out are those of the fields given.
 *
 * @throws CperError `E_CPER_FIELD` when a value does not fit its field
 */
export function encodeLayout<F extends Fields>(
  of: Layout<F>,
  value: Partial<ValueOf<F>>,
  sizeBytes = of.sizeBytes,
): Uint8Array {
  const bytes = new Uint8Array(of.sizeBytes);
  for (const [key, field] of fieldsOf(of)) {
    const missing = key === of.validation ? validationOf(of, value) : field.codec.zero;
    const given = value[key] ?? missing;
    const wanted = field.codec.write(bytes, field.at, field.sizeBytes, given);
    if (wanted !== undefined) {
      throw new CperError('E_CPER_FIELD', `${of.name}: ${field.name} is ${String(given)}; it takes ${wanted}.`);
    }
  }
  return bytes.subarray(0, sizeBytes);
}

const isZero = (value: unknown): boolean =>
  value === 0 || value === 0n || (value instanceof Uint8Array && value.every((byte) => byte === 0));

/** True unless the field depends on validation bits of which none is set. */
function isValid<F extends Fields>(of: Layout<F>, value: ValueOf<F>, { valid }: Field<unknown>): boolean {
  if (valid === undefined || of.validation === undefined) return true;
  const bits = BigInt(value[of.validation] as number | bigint);
  return [valid].flat().some((bit) => (bits >> BigInt(bit)) & 1n);
}

/**
 * The fields of a structure for printing: those whose validation bits are set, reserved ones where they are not zero.
 *
 * @param at - where the structure begins, for the offsets of the nodes
 */
export function describeLayout<F extends Fields>(
  of: Layout<F>,
  value: ValueOf<F>,
  at: number,
  sizeBytes = of.sizeBytes,
): TreeNode[] {
  const nodes: TreeNode[] = [];
  for (const [key, field] of fieldsOf(of)) {
    const given: unknown = value[key];
    if (field.at + field.sizeBytes > sizeBytes || !isValid(of, value, field)) continue;
    if (field.reserved && isZero(given)) continue;
    const offset = at + field.at;
    const shown = field.show?.(given) ?? field.codec.show(given, field.sizeBytes);
    const node: TreeNode = { name: field.name, value: shown, offset, sizeBytes: field.sizeBytes };
    const parts = field.parts?.(given).map((part) => ({ ...part, offset, sizeBytes: field.sizeBytes }));
    if (parts !== undefined && parts.length > 0) node.children = parts;
    nodes.push(node);
  }
  return nodes;
}
