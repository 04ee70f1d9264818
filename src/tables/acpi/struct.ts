/** Structures made of fields, and lists of structures. */
import { AcpiError } from './error.ts';
import type { Field, Presence } from './fields.ts';
import type { Reader } from './reader.ts';

/** Fields of a structure under the names they have in a value, in order. */
// biome-ignore lint/suspicious/noExplicitAny: a field of any value; unknown would refuse fields of numbers
export type Fields = Readonly<Record<string, Field<any, Presence>>>;

type NamesOf<F extends Fields, P extends Presence> = {
  [K in keyof F]: F[K] extends Field<infer _V, infer Q> ? (Q extends P ? K : never) : never;
}[keyof F];
type ValueAt<F extends Fields, K extends keyof F> = F[K] extends Field<infer V, Presence> ? V : never;

/** What structures of more than one size, or with bytes that no field explains, have besides their fields. */
export interface Extent {
  /** Size of the structure when it is not the usual one: fields that do not fit wholly are not there. */
  sizeBytes?: number;
  /** Bytes inside the structure after its last field. */
  trailing?: Uint8Array;
}

/** A decoded structure. */
export type ValueOf<F extends Fields> = { [K in NamesOf<F, 'required' | 'default'>]: ValueAt<F, K> } & {
  [K in NamesOf<F, 'optional'>]?: ValueAt<F, K>;
} & Extent;

/** What an encoder takes: the same, where fields with a default may be left out. */
export type InputOf<F extends Fields> = { [K in NamesOf<F, 'required'>]: ValueAt<F, K> } & {
  [K in NamesOf<F, 'default' | 'optional'>]?: ValueAt<F, K>;
} & Extent;

/** The decoded value of a structure or codec. */
// biome-ignore lint/suspicious/noExplicitAny: any input will do
export type Value<S> = S extends Codec<infer V, any> ? V : never;

/** What the encoder of a structure or codec takes. */
// biome-ignore lint/suspicious/noExplicitAny: any value will do
export type Input<S> = S extends Codec<any, infer I> ? I : never;

/** Something that can be read from a range of bytes and written. */
export interface Codec<V, I = V> {
  /** The specification's name of the structure. */
  readonly title: string;
  /**
   * Reads what lies in `sizeBytes` bytes from `at`.
   *
   * @returns undefined when the bytes are too few
   */
  read(reader: Reader, at: number, sizeBytes: number): V | undefined;
  /**
   * The bytes of a value.
   *
   * @throws AcpiError when a field's value does not fit it
   */
  bytes(input: I): Uint8Array;
}

/** One row of a {@link Struct}. */
export interface Row {
  readonly name: string;
  readonly at: number;
  readonly field: Field;
}

/** A structure whose fields lie one after the other; see {@link struct}. */
export class Struct<F extends Fields> implements Codec<ValueOf<F>, InputOf<F>> {
  readonly title: string;
  /** Document and heading. */
  readonly source: string;
  readonly rows: readonly Row[];
  /** All fields. */
  readonly fullBytes: number;
  /** The least a structure of this kind has. */
  readonly baseBytes: number;
  /** What an encoder writes unless told otherwise. */
  readonly usualBytes: number;

  constructor(title: string, source: string, fields: F, sizes: StructSizes) {
    let at = sizes.first ?? 0;
    this.title = title;
    this.source = source;
    this.rows = Object.entries(fields).map(([name, field]) => {
      const row: Row = { name, at, field };
      at += field.sizeBytes;
      return row;
    });
    this.fullBytes = at;
    this.usualBytes = sizes.usual ?? sizes.full;
    this.baseBytes = sizes.base ?? sizes.full;
    if (at !== sizes.full) throw new Error(`${title}: fields of ${at} bytes; the structure has ${sizes.full}`);
  }

  /** Offset of a field in bytes. */
  offsetOf(name: keyof F & string): number {
    return this.rows.find((row) => row.name === name)!.at;
  }

  read(reader: Reader, at: number, sizeBytes: number): ValueOf<F> | undefined {
    if (sizeBytes < this.baseBytes) {
      for (const row of this.rows) if (row.at + row.field.sizeBytes <= sizeBytes) readField(reader, row, at);
      return undefined;
    }
    const value: Record<string, unknown> = {};
    let used = this.rows[0].at;
    for (const row of this.rows) {
      if (row.at + row.field.sizeBytes > sizeBytes) break;
      used = row.at + row.field.sizeBytes;
      const read = readField(reader, row, at);
      if (row.field.presence === 'none') continue;
      if (row.field.presence === 'optional' && row.field.isBlank(read)) continue;
      value[row.name] = read;
    }
    if (sizeBytes !== this.usualBytes) value.sizeBytes = sizeBytes;
    const trailing = reader.rest(at + used, at + sizeBytes);
    if (trailing !== undefined) value.trailing = trailing;
    return value as ValueOf<F>;
  }

  bytes(input: InputOf<F>): Uint8Array {
    const { sizeBytes, trailing } = input as Extent;
    const size = sizeBytes ?? this.usualBytes + (trailing?.length ?? 0);
    if (!Number.isInteger(size) || size < this.baseBytes) {
      const least = `has at least ${this.baseBytes}`;
      throw new AcpiError('E_ACPI_SIZE', `${this.title}: sizeBytes ${size}; this structure ${least}`);
    }
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    let used = this.rows[0].at;
    for (const { name, at, field } of this.rows) {
      if (at + field.sizeBytes > size) break;
      used = at + field.sizeBytes;
      const isFixed = field.presence === 'none' && !field.isDerived;
      const given = isFixed ? undefined : (input as Record<string, unknown>)[name];
      const value = field.isLength ? size : (given ?? field.fallback);
      field.put(view, at, value, `${this.title}, ${name}`);
    }
    if (trailing !== undefined) {
      if (trailing.length > size - used)
        throw new AcpiError(
          'E_ACPI_SIZE',
          `${this.title}: ${trailing.length} trailing bytes; there is room for ${size - used}`,
        );
      bytes.set(trailing, used);
    }
    return bytes;
  }
}

function readField(reader: Reader, { name, at, field }: Row, base: number): unknown {
  const value = field.get(reader.view, base + at);
  const { rule, parts } = field;
  if (rule !== undefined && !rule.holds(value)) reader.find(base + at, rule.text, field.text(value), rule.expected);
  if (parts === undefined) reader.leaf(name, base + at, field.sizeBytes, field.text(value));
  else reader.group(name, base + at, field.sizeBytes, () => parts(reader, base + at), field.text(value));
  return value;
}

/** Sizes of a structure, from its document; all fields, the least, and what an encoder writes (both: all). */
export interface StructSizes {
  readonly full: number;
  readonly base?: number;
  readonly usual?: number;
  /** Offset of the first field: what comes before belongs to somebody else and is counted in all sizes. */
  readonly first?: number;
}

/**
 * Describes a structure by its fields.
 *
 * @param source - document and heading
 * @throws Error when the fields do not add up to `sizes.full`, which is our own mistake
 */
export function struct<const F extends Fields>(
  title: string,
  source: string,
  sizes: StructSizes,
  fields: F,
): Struct<F> {
  return new Struct(title, source, fields, sizes);
}

/** A structure as a field of another one. */
export function nested<F extends Fields>(
  inner: Struct<F>,
  doc: string,
  text: (value: ValueOf<F>) => string,
): Field<InputOf<F>, 'required'> {
  const read = (view: DataView, at: number): InputOf<F> => {
    const value: Record<string, unknown> = {};
    for (const row of inner.rows) {
      const part = row.field.get(view, at + row.at);
      if (row.field.presence !== 'optional' || !row.field.isBlank(part)) value[row.name] = part;
    }
    return value as InputOf<F>;
  };
  return {
    sizeBytes: inner.fullBytes,
    doc,
    presence: 'required',
    fallback: read(new DataView(new ArrayBuffer(inner.fullBytes)), 0),
    parts: (reader, at) => void inner.read(reader, at, inner.fullBytes),
    get: read,
    put: (view, at, value) => {
      new Uint8Array(view.buffer, view.byteOffset + at, inner.fullBytes).set(inner.bytes(value));
    },
    text: (value) => text(value as unknown as ValueOf<F>),
    isBlank: () => false,
  };
}

/** Concatenates. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
