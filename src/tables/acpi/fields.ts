/**
 * Fields of ACPI structures as data: one description gives decoding, encoding, printing and the reference text.
 *
 * All integers are little-endian and structures are packed (ACPI 6.5, "Programming Interface conventions").
 */
import { AcpiError } from './error.ts';
import type { Reader } from './reader.ts';

/**
 * What a field is in a value: `required` there and to be given; `default` there, and need not be given; `optional`
 * there only if it says something (reserved bytes that are not zero, fields of a later revision); `none` not there,
 * because it follows from the rest.
 */
export type Presence = 'required' | 'default' | 'optional' | 'none';

/** One field of a structure. */
export interface Field<V = unknown, P extends Presence = Presence> {
  readonly sizeBytes: number;
  /** One line for the reference page. */
  readonly doc: string;
  readonly presence: P;
  /** What an encoder writes when nothing is given. */
  readonly fallback: V;
  /** The field holds the length of its structure. */
  readonly isLength?: boolean;
  /** Whoever encodes the structure works the value out, such as the number of entries that follow. */
  readonly isDerived?: boolean;
  /** What the field must say, for a finding. */
  readonly rule?: { readonly text: string; readonly expected: string; holds(value: V): boolean };
  /** A structure in place, for printing. */
  readonly parts?: (reader: Reader, at: number) => void;
  get(view: DataView, at: number): V;
  put(view: DataView, at: number, value: V, where: string): void;
  /** Names of values and bits. */
  readonly style?: NumberStyle;
  /** The value for people. */
  text(value: V): string;
  /** The value says nothing: an optional field with it is left out. */
  isBlank(value: V): boolean;
}

/** Names of a number's values. */
export type Names = Readonly<Record<number, string>>;
/** Names of bits: a bit number, or [most significant, least significant]. */
export type Bits = Readonly<Record<string, number | readonly [number, number]>>;

/** How a number is printed: decimal with the hexadecimal beside it where they differ, values and bits by name. */
export interface NumberStyle {
  readonly names?: Names;
  readonly bits?: Bits;
}

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

function bitNames(value: bigint, bits: Bits): string {
  const set = Object.entries(bits).flatMap(([name, place]) => {
    if (typeof place === 'number') return ((value >> BigInt(place)) & 1n) === 1n ? [name] : [];
    const [msb, lsb] = place;
    const part = (value >> BigInt(lsb)) & ((1n << BigInt(msb - lsb + 1)) - 1n);
    return part === 0n ? [] : [`${name}=${part}`];
  });
  return set.length === 0 ? '' : ` (${set.join(', ')})`;
}

function numberText(value: number, { names, bits }: NumberStyle): string {
  if (names !== undefined) return `${value} (${names[value] ?? 'not a known value'})`;
  if (bits !== undefined) return `${hex(value)}${bitNames(BigInt(value), bits)}`;
  return value < 10 ? `${value}` : `${value} (${hex(value)})`;
}

function checkRange(value: number, sizeBytes: number, where: string): void {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** (8 * sizeBytes)) return;
  const limit = hex(2 ** (8 * sizeBytes) - 1);
  throw new AcpiError('E_ACPI_RANGE', `${where}: ${value}; this field takes whole numbers from 0 to ${limit}`);
}

function unsigned(sizeBytes: 1 | 2 | 4, doc: string, style: NumberStyle): Field<number, 'required'> {
  return {
    sizeBytes,
    doc,
    style,
    presence: 'required',
    fallback: 0,
    get: (view, at) => {
      if (sizeBytes === 1) return view.getUint8(at);
      return sizeBytes === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
    },
    put: (view, at, value, where) => {
      checkRange(value, sizeBytes, where);
      if (sizeBytes === 1) view.setUint8(at, value);
      else if (sizeBytes === 2) view.setUint16(at, value, true);
      else view.setUint32(at, value, true);
    },
    text: (value) => numberText(value, style),
    isBlank: (value) => value === 0,
  };
}

/** A byte. */
export const u8 = (doc: string, style: NumberStyle = {}): Field<number, 'required'> => unsigned(1, doc, style);
/** A number of 16 bits. */
export const u16 = (doc: string, style: NumberStyle = {}): Field<number, 'required'> => unsigned(2, doc, style);
/** A number of 32 bits. */
export const u32 = (doc: string, style: NumberStyle = {}): Field<number, 'required'> => unsigned(4, doc, style);

/** A number of 64 bits, mostly an address: a `bigint`, printed in hexadecimal. */
export function u64(doc: string): Field<bigint, 'required'> {
  return {
    sizeBytes: 8,
    doc,
    presence: 'required',
    fallback: 0n,
    get: (view, at) => view.getBigUint64(at, true),
    put: (view, at, value, where) => {
      if (value < 0n || value > 0xffff_ffff_ffff_ffffn)
        throw new AcpiError('E_ACPI_RANGE', `${where}: ${value}; this field takes 0 to 2^64 - 1`);
      view.setBigUint64(at, value, true);
    },
    text: hex,
    isBlank: (value) => value === 0n,
  };
}

/**
 * Text of one byte per character in a field of fixed size, filled up with `pad`; the padding is not part of the value.
 *
 * @param pad - a space, as headers have it, or NUL
 */
export function ascii(sizeBytes: number, doc: string, pad: ' ' | '\0' = ' '): Field<string, 'required'> {
  const padding = pad === ' ' ? / +$/ : /\0+$/;
  return {
    sizeBytes,
    doc,
    presence: 'required',
    fallback: '',
    get: (view, at) => {
      let text = '';
      for (let n = 0; n < sizeBytes; n++) text += String.fromCharCode(view.getUint8(at + n));
      return text.replace(padding, '');
    },
    put: (view, at, value, where) => {
      const isNarrow = [...value].every((char) => char.charCodeAt(0) <= 0xff);
      if (value.length > sizeBytes || !isNarrow) {
        const found = `${where}: ${JSON.stringify(value)}`;
        throw new AcpiError('E_ACPI_TEXT', `${found}; this field takes up to ${sizeBytes} characters of one byte`);
      }
      const padded = value.padEnd(sizeBytes, pad);
      for (let n = 0; n < sizeBytes; n++) view.setUint8(at + n, padded.charCodeAt(n));
    },
    text: (value) => JSON.stringify(value),
    isBlank: (value) => value === '',
  };
}

/** Most bytes of a field or of unknown contents that are printed; the rest is counted. */
export const BYTES_SHOWN_MAX = 64;

/** Bytes for people. */
export function bytesText(bytes: Uint8Array): string {
  const shown = [...bytes.subarray(0, BYTES_SHOWN_MAX)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return bytes.length > BYTES_SHOWN_MAX ? `${shown} ... (${bytes.length} bytes)` : shown;
}

/** Bytes without a meaning of their own. */
export function bytes(sizeBytes: number, doc: string): Field<Uint8Array, 'required'> {
  return {
    sizeBytes,
    doc,
    presence: 'required',
    fallback: new Uint8Array(sizeBytes),
    get: (view, at) => new Uint8Array(view.buffer, view.byteOffset + at, sizeBytes).slice(),
    put: (view, at, value, where) => {
      if (value.length !== sizeBytes)
        throw new AcpiError('E_ACPI_SIZE', `${where}: ${value.length} bytes; this field takes ${sizeBytes}`);
      new Uint8Array(view.buffer, view.byteOffset + at, sizeBytes).set(value);
    },
    text: bytesText,
    isBlank: (value) => value.every((byte) => byte === 0),
  };
}

/** Reserved bytes: written as zeros, and in a decoded value only if they are not. */
export const reserved = (sizeBytes: number): Field<Uint8Array, 'optional'> => ({
  ...bytes(sizeBytes, 'reserved'),
  presence: 'optional',
});

/** The same field with a value for encoders that are given none. */
export const preset = <V>(field: Field<V>, fallback: V): Field<V, 'default'> => ({
  ...field,
  presence: 'default',
  fallback,
});

/** A number or address that is 0 unless given. */
export const zero = <V>(field: Field<V>): Field<V, 'default'> => preset(field, field.fallback);

/** A field that structures of an earlier revision do not have; which those are follows from their size. */
export const later = <V>(field: Field<V>): Field<V, 'optional'> => ({
  ...field,
  presence: 'optional',
  isBlank: () => false,
});

/** A constant, such as the type of a structure: whoever decodes has looked at it, so it is not part of the value. */
export const constant = <V>(field: Field<V>, value: V): Field<V, 'none'> => ({
  ...field,
  presence: 'none',
  fallback: value,
});

/** The length of the structure it stands in, in bytes. */
export const length = (field: Field<number>): Field<number, 'none'> => ({
  ...field,
  presence: 'none',
  isLength: true,
});

/** A field that follows from other parts of the value, such as a count of what comes after. */
export const derived = <V>(field: Field<V>): Field<V, 'none'> => ({ ...field, presence: 'none', isDerived: true });

/** The same field with a rule; a value that breaks it is read all the same and reported. */
export const must = <V, P extends Presence>(
  field: Field<V, P>,
  text: string,
  expected: string,
  holds: (value: V) => boolean,
): Field<V, P> => ({ ...field, rule: { text, expected, holds } });
