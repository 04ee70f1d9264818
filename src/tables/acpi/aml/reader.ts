/** Reads the lexical parts of AML: numbers, lengths, names. */
import { EXT_OP_PREFIX, isLeadChar, isNameChar, NAME_PREFIX } from './opcodes.ts';

/** Thrown inside the decoder where bytes break a rule; it becomes a finding, and the bytes are kept as they are. */
export class Malformed extends Error {
  readonly offset: number;
  readonly rule: string;
  readonly found: string;
  readonly expected: string;

  constructor(offset: number, rule: string, found: string, expected: string) {
    super(rule);
    this.offset = offset;
    this.rule = rule;
    this.found = found;
    this.expected = expected;
  }
}

const hex = (value: number): string => `0x${value.toString(16).padStart(2, '0')}`;

/** A PkgLength: its value, and its own size where that is more than the value needs. */
export interface PkgLength {
  readonly value: number;
  readonly longerBytes: number | undefined;
  readonly sizeBytes: number;
}

/** Bytes and a place in them. Each method moves the place, or throws {@link Malformed} and leaves it anywhere. */
export class AmlReader {
  readonly bytes: Uint8Array;
  at = 0;
  /** First byte that does not belong to what is being read. */
  end: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.end = bytes.length;
  }

  /** The next byte without moving, or undefined at the end. */
  peek(): number | undefined {
    return this.at < this.end ? this.bytes[this.at] : undefined;
  }

  byte(what: string): number {
    if (this.at >= this.end) throw new Malformed(this.at, what, 'the end of the package or table', 'another byte');
    return this.bytes[this.at++]!;
  }

  /** A little-endian number of up to 4 bytes. */
  number(sizeBytes: number, what: string): number {
    let value = 0;
    for (let n = 0; n < sizeBytes; n++) value += this.byte(what) * 2 ** (8 * n);
    return value;
  }

  /** A little-endian number of 8 bytes. */
  number64(what: string): bigint {
    const low = this.number(4, what);
    return (BigInt(this.number(4, what)) << 32n) | BigInt(low);
  }

  take(sizeBytes: number): Uint8Array {
    const bytes = this.bytes.slice(this.at, this.at + sizeBytes);
    this.at += sizeBytes;
    return bytes;
  }

  /** An opcode; a two-byte one has EXT_OP_PREFIX in bits 15:8. */
  opcode(): number {
    const first = this.byte('an opcode follows');
    return first === EXT_OP_PREFIX ? (first << 8) | this.byte('a second byte follows ExtOpPrefix') : first;
  }

  text(): string {
    let text = '';
    for (;;) {
      const code = this.byte('a String ends with a NUL');
      if (code === 0) return text;
      text += String.fromCharCode(code);
    }
  }

  /** A length that counts its own bytes too, or only what follows them. */
  pkgLength(includesSelf: boolean): PkgLength {
    const start = this.at;
    const lead = this.byte('PkgLength');
    const more = lead >> 6;
    if (more === 0) return { value: lead, longerBytes: undefined, sizeBytes: 1 };
    if (lead & 0x30) {
      throw new Malformed(start, 'PkgLength of several bytes: bits 5:4 of the first are zero', hex(lead), 'zero');
    }
    const value = (lead & 0xf) + 16 * this.number(more, 'PkgLength has as many bytes as its first one says');
    const shorter = includesSelf ? value - 1 : value;
    return { value, longerBytes: shorter < 2 ** lengthBits(more) ? more + 1 : undefined, sizeBytes: more + 1 };
  }

  segment(): string {
    const start = this.at;
    const codes = [0, 1, 2, 3].map(() => this.byte('a NameSeg has four characters'));
    if (!isLeadChar(codes[0]!) || !codes.every(isNameChar)) {
      throw new Malformed(start, 'NameSeg', codes.map(hex).join(' '), 'A-Z or _, then three of A-Z, 0-9 or _');
    }
    return String.fromCharCode(...codes);
  }

  /** A NameString as ASL writes it; the null name is the empty string. */
  name(): string {
    const start = this.at;
    let prefix = '';
    if (this.peek() === NAME_PREFIX.root) {
      this.at++;
      prefix = '\\';
    } else {
      while (this.peek() === NAME_PREFIX.parent) {
        this.at++;
        prefix += '^';
      }
    }
    const lead = this.byte('NamePath');
    if (lead === 0) return prefix;
    if (lead !== NAME_PREFIX.dual && lead !== NAME_PREFIX.multi) {
      this.at--;
      return prefix + this.segment();
    }
    const count = lead === NAME_PREFIX.dual ? 2 : this.byte('SegCount');
    if (lead === NAME_PREFIX.multi && count < 3) {
      throw new Malformed(start, 'MultiNamePath has more segments than DualNamePath', `${count}`, '3 to 255');
    }
    return prefix + Array.from({ length: count }, () => this.segment()).join('.');
  }
}

/** Bits that a PkgLength with one more byte less can hold. */
function lengthBits(more: number): number {
  return more === 1 ? 6 : 4 + 8 * (more - 1);
}
