/**
 * Plain data as bytes and back, without loss: big integers, byte strings, -0 and fields that are undefined included.
 *
 * A value is one byte that says its kind, then its content; numbers of bytes and elements are LEB128. Fields keep their
 * order. Lists and fields may be nested to a depth of 64.
 */
import type { PlainData } from '../../devices/device.ts';

const TAG = {
  null: 0,
  false: 1,
  true: 2,
  /** A whole number of up to 53 bits: LEB128 of its double, plus one when negative. */
  whole: 3,
  /** Any other number: 8 bytes, little endian. */
  double: 4,
  string: 5,
  /** A byte for the sign (1: negative), number of bytes, magnitude in little endian. */
  bigint: 6,
  bytes: 7,
  list: 8,
  fields: 9,
  undefined: 10,
} as const;
/** Levels of nesting that are read; what is written has fewer. */
const DEPTH_MAX = 64;

/** Collects bytes. */
export class Writer {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  #room(sizeBytes: number): number {
    const at = this.#length;
    if (at + sizeBytes > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, at + sizeBytes));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length += sizeBytes;
    return at;
  }
  /** One byte. */
  u8(value: number): void {
    const at = this.#room(1);
    this.#bytes[at] = value;
  }
  /** 16, 32 or 64 bits, little endian. */
  le(value: number, sizeBytes: 2 | 4 | 8): void {
    const at = this.#room(sizeBytes);
    if (sizeBytes === 2) this.#view.setUint16(at, value, true);
    else if (sizeBytes === 4) this.#view.setUint32(at, value, true);
    else this.#view.setBigUint64(at, BigInt(value), true);
  }
  double(value: number): void {
    const at = this.#room(8);
    this.#view.setFloat64(at, value, true);
  }
  /** A whole number from 0, LEB128. */
  count(value: number): void {
    let rest = BigInt(value);
    while (rest >= 128n) {
      this.u8(Number(rest & 127n) | 128);
      rest >>= 7n;
    }
    this.u8(Number(rest));
  }
  raw(bytes: Uint8Array): void {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
  }
  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }
  /** What was written; a copy. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

/** Reads what a Writer wrote. Every method throws an Error that says what is wrong where the bytes are not such. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
  }
  /** Offset of the next byte. */
  get at(): number {
    return this.#at;
  }
  get left(): number {
    return this.#bytes.length - this.#at;
  }
  #take(sizeBytes: number): number {
    if (sizeBytes > this.left) throw new Error(`ends at byte ${this.#bytes.length}, within a value`);
    const at = this.#at;
    this.#at += sizeBytes;
    return at;
  }
  u8(): number {
    const at = this.#take(1);
    return this.#bytes[at]!;
  }
  le(sizeBytes: 2 | 4 | 8): number {
    const at = this.#take(sizeBytes);
    if (sizeBytes === 2) return this.#view.getUint16(at, true);
    if (sizeBytes === 4) return this.#view.getUint32(at, true);
    return Number(this.#view.getBigUint64(at, true));
  }
  double(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }
  count(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.u8();
      value += (byte & 127) * factor;
      if (value > Number.MAX_SAFE_INTEGER) throw new Error('has a number that is too large');
      if (byte < 128) return value;
    }
  }
  /** Shares the memory. */
  raw(sizeBytes: number): Uint8Array {
    const at = this.#take(sizeBytes);
    return this.#bytes.subarray(at, at + sizeBytes);
  }
}

function writeString(w: Writer, text: string): void {
  const bytes = new TextEncoder().encode(text);
  w.count(bytes.length);
  w.raw(bytes);
}

function writeBigint(w: Writer, value: bigint): void {
  const bytes: number[] = [];
  for (let rest = value < 0n ? -value : value; rest > 0n; rest >>= 8n) bytes.push(Number(rest & 255n));
  w.u8(value < 0n ? 1 : 0);
  w.count(bytes.length);
  w.raw(Uint8Array.from(bytes));
}

function write(w: Writer, value: PlainData | undefined): void {
  if (value === null || value === undefined || typeof value === 'boolean') {
    w.u8(TAG[String(value) as 'null' | 'undefined' | 'true' | 'false']);
  } else if (typeof value === 'number') {
    const whole = Number.isSafeInteger(value) && Math.abs(value) < 2 ** 51 && !Object.is(value, -0);
    w.u8(whole ? TAG.whole : TAG.double);
    if (whole) w.count(value < 0 ? -value * 2 - 1 : value * 2);
    else w.double(value);
  } else if (typeof value === 'string') {
    w.u8(TAG.string);
    writeString(w, value);
  } else if (typeof value === 'bigint') {
    w.u8(TAG.bigint);
    writeBigint(w, value);
  } else if (value instanceof Uint8Array) {
    w.u8(TAG.bytes);
    w.count(value.length);
    w.raw(value);
  } else if (Array.isArray(value)) {
    w.u8(TAG.list);
    w.count(value.length);
    for (let i = 0; i < value.length; i++) write(w, value[i] as PlainData);
  } else {
    const proto = typeof value === 'object' ? Object.getPrototypeOf(value) : undefined;
    if (proto !== Object.prototype && proto !== null)
      throw new Error(`assertion: ${String(value)} is no plain data and has no place in a file`);
    w.u8(TAG.fields);
    const fields = Object.entries(value);
    w.count(fields.length);
    for (const [name, field] of fields) {
      writeString(w, name);
      write(w, field as PlainData);
    }
  }
}

function readString(r: Reader): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(r.raw(r.count()));
}

function readBigint(r: Reader): bigint {
  const negative = r.u8() === 1;
  let value = 0n;
  for (const byte of r.raw(r.count()).toReversed()) value = (value << 8n) | BigInt(byte);
  return negative ? -value : value;
}

function read(r: Reader, depth: number): PlainData {
  if (depth > DEPTH_MAX) throw new Error(`is nested deeper than ${DEPTH_MAX}`);
  const tag = r.u8();
  switch (tag) {
    case TAG.null:
      return null;
    case TAG.undefined:
      return undefined as unknown as PlainData;
    case TAG.false:
    case TAG.true:
      return tag === TAG.true;
    case TAG.whole: {
      const value = r.count();
      return value % 2 ? -(value + 1) / 2 : value / 2;
    }
    case TAG.double:
      return r.double();
    case TAG.string:
      return readString(r);
    case TAG.bigint:
      return readBigint(r);
    case TAG.bytes:
      return r.raw(r.count()).slice();
    case TAG.list: {
      const list: PlainData[] = [];
      for (let n = r.count(); n > 0; n--) list.push(read(r, depth + 1));
      return list;
    }
    case TAG.fields: {
      const fields: [string, PlainData][] = [];
      for (let n = r.count(); n > 0; n--) fields.push([readString(r), read(r, depth + 1)]);
      return Object.fromEntries(fields);
    }
    default:
      throw new Error(`has a value of an unknown kind, ${tag}`);
  }
}

/** Plain data as bytes. */
export function encodePlain(value: PlainData): Uint8Array {
  const w = new Writer();
  write(w, value);
  return w.finish();
}

/** The inverse of `encodePlain`. @throws Error, what is wrong, for bytes that are not of it */
export function decodePlain(bytes: Uint8Array): PlainData {
  const r = new Reader(bytes);
  const value = read(r, 0);
  if (r.left > 0) throw new Error(`has ${r.left} bytes behind its end`);
  return value;
}
