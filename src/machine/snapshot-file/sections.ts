/**
 * A file of named sections, each with its own version and checksums.
 *
 * All numbers are little endian. The file begins with 8 bytes of magic, the version of this layout (4) and the CRC-32C
 * of these 12 bytes (4). A section is: length of its name (2), the name in UTF-8, its version (2), flags (2), length
 * of its content (8), length of its content as it stands in the file (8), CRC-32C of the latter (4), CRC-32C of all of
 * this (4); then the content. Flags: bit 0: a reader that does not know the section leaves it out, else it must refuse
 * the file; bit 1: the content is compressed as "deflate-raw" (RFC 1951). The section `end` is the last: its content
 * is the number of sections before it (4).
 */
import { MachineError, type MachineErrorCode } from '../errors.ts';
import { crc32c } from './crc32c.ts';
import { Reader, Writer } from './plain.ts';
import type { Hash } from './sha256.ts';

/** What the host lends: compression, at once or later (node:zlib, CompressionStream), and a faster hash if it has one. */
export interface Codec {
  /** RFC 1951, without a header. */
  deflate(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** @throws when the bytes are no such data or more than `sizeBytes` come out */
  inflate(bytes: Uint8Array, sizeBytes: number): Uint8Array | Promise<Uint8Array>;
  /** A new SHA-256. */
  sha256?(): Hash;
}

/** One section to be written. */
export interface Section {
  readonly name: string;
  readonly version: number;
  /** A reader that does not know it may leave it out. */
  readonly optional?: boolean;
  readonly bytes: Uint8Array;
}

/** A section as it stands in a file; its checksums are right. */
export interface StoredSection {
  readonly name: string;
  readonly version: number;
  readonly optional: boolean;
  readonly compressed: boolean;
  readonly sizeBytes: number;
  readonly stored: Uint8Array;
}

/** Which kind of file, for messages and its beginning. */
export interface FileKind {
  /** 8 characters. */
  readonly magic: string;
  /** As in "this is no ...". */
  readonly what: string;
  readonly code: MachineErrorCode;
}

/** Version of the layout above. */
export const FORMAT_VERSION = 1;
const HEAD_BYTES = 16;
const FLAG_OPTIONAL = 1;
const FLAG_DEFLATE = 2;
const FLAGS_KNOWN = FLAG_OPTIONAL | FLAG_DEFLATE;
/** Largest content of a section: a file cannot make its reader take more at once. */
const SECTION_BYTES_MAX = 2 ** 31;
/** What is smaller is not compressed. */
const DEFLATE_BYTES_MIN = 128;

/** The first bytes of a file. */
export function fileHead({ magic }: FileKind): Uint8Array {
  const w = new Writer();
  w.raw(new TextEncoder().encode(magic));
  w.le(FORMAT_VERSION, 4);
  w.le(crc32c(w.finish()), 4);
  return w.finish();
}

function sectionHead(section: Section, stored: Uint8Array, compressed: boolean): Uint8Array {
  const w = new Writer();
  const name = new TextEncoder().encode(section.name);
  w.le(name.length, 2);
  w.raw(name);
  w.le(section.version, 2);
  w.le((section.optional ? FLAG_OPTIONAL : 0) | (compressed ? FLAG_DEFLATE : 0), 2);
  w.le(section.bytes.length, 8);
  w.le(stored.length, 8);
  w.le(crc32c(stored), 4);
  w.le(crc32c(w.finish()), 4);
  return w.finish();
}

/** A section as bytes, not compressed: for what must be written at once. */
export function plainSection(section: Section): Uint8Array[] {
  return [sectionHead(section, section.bytes, false), section.bytes];
}

/** A section as bytes, compressed where that makes it shorter. */
export async function encodeSection(section: Section, codec: Codec): Promise<Uint8Array[]> {
  if (section.bytes.length >= DEFLATE_BYTES_MIN) {
    const deflated = await codec.deflate(section.bytes);
    if (deflated.length < section.bytes.length) return [sectionHead(section, deflated, true), deflated];
  }
  return plainSection(section);
}

/** A section as bytes, compressed where that can be done at once and makes it shorter: for what cannot wait. */
export function sectionNow(section: Section, codec: Codec): Uint8Array[] {
  const deflated = codec.deflate(section.bytes);
  if (deflated instanceof Uint8Array) {
    if (deflated.length < section.bytes.length) return [sectionHead(section, deflated, true), deflated];
  } else void deflated.catch(() => undefined);
  return plainSection(section);
}

/** The last section of a file with `count` sections before it. */
export function endSection(count: number): Uint8Array[] {
  const w = new Writer();
  w.le(count, 4);
  return plainSection({ name: 'end', version: 1, bytes: w.finish() });
}

/** All pieces one after the other. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

/** Reads the sections of a file one after the other. */
export class SectionReader {
  readonly #bytes: Uint8Array;
  readonly #kind: FileKind;
  #at = HEAD_BYTES;
  #last = 'its beginning';

  /** @throws MachineError of the kind's code when the file is of another kind or a later version */
  constructor(bytes: Uint8Array, kind: FileKind) {
    this.#bytes = bytes;
    this.#kind = kind;
    const magic = new TextEncoder().encode(kind.magic);
    if (!magic.every((byte, n) => n >= bytes.length || bytes[n] === byte) || bytes.length === 0)
      throw this.fail(`this is no ${kind.what}: it does not begin with '${kind.magic.trim()}'. Is it the right file?`);
    if (bytes.length < HEAD_BYTES) throw this.fail(`ends at byte ${bytes.length}, within its beginning.`);
    const r = new Reader(bytes, magic.length);
    const version = r.le(4);
    if (r.le(4) !== crc32c(bytes.subarray(0, HEAD_BYTES - 4))) throw this.fail('its first 16 bytes are damaged.');
    if (version !== FORMAT_VERSION)
      throw this.fail(
        `has layout version ${version}; this program reads ${FORMAT_VERSION}. Use a later version of it.`,
      );
  }

  /** An error of this kind of file. */
  fail(message: string): MachineError {
    return new MachineError(this.#kind.code, `${this.#kind.what}: ${message}`);
  }
  /** Offset of the next section. */
  get at(): number {
    return this.#at;
  }

  /**
   * The next section, its checksums tested; undefined at the end of the file.
   *
   * @throws MachineError, with the name of the section where that can be read
   */
  next(): StoredSection | undefined {
    if (this.#at === this.#bytes.length) return undefined;
    const begin = this.#at;
    const r = new Reader(this.#bytes, begin);
    const place = `the section behind ${this.#last}, at byte ${begin}`;
    try {
      const name = new TextDecoder().decode(r.raw(r.le(2)));
      const [version, flags, sizeBytes, storedBytes, crc] = [r.le(2), r.le(2), r.le(8), r.le(8), r.le(4)];
      const sum = crc32c(this.#bytes.subarray(begin, r.at));
      if (r.le(4) !== sum) throw this.fail(`${place} is damaged: the checksum of its head is wrong.`);
      const section = { name, version, optional: (flags & FLAG_OPTIONAL) !== 0, sizeBytes };
      if (flags & ~FLAGS_KNOWN) throw this.fail(`section '${name}' has unknown flags, ${flags}.`);
      if (storedBytes > r.left || sizeBytes > SECTION_BYTES_MAX)
        throw this.fail(`section '${name}' is cut off: ${r.left} of its ${storedBytes} bytes are there.`);
      const stored = r.raw(storedBytes);
      if (crc32c(stored) !== crc) throw this.fail(`section '${name}' is damaged: its checksum is wrong.`);
      this.#at = r.at;
      this.#last = `'${name}'`;
      return { ...section, compressed: (flags & FLAG_DEFLATE) !== 0, stored };
    } catch (error) {
      if (error instanceof MachineError) throw error;
      throw this.fail(`${place} is cut off: the file ends at byte ${this.#bytes.length}.`);
    }
  }

  /**
   * All sections up to `end`, without it.
   *
   * @throws MachineError when one is damaged or `end` is missing or not the last
   */
  all(): StoredSection[] {
    const found: StoredSection[] = [];
    for (let section = this.next(); section; section = this.next()) {
      if (section.name !== 'end') {
        found.push(section);
        continue;
      }
      if (section.stored.length !== 4 || new Reader(section.stored).le(4) !== found.length)
        throw this.fail(`section 'end' does not count ${found.length} sections. Were parts put together?`);
      if (this.#at !== this.#bytes.length)
        throw this.fail(`${this.#bytes.length - this.#at} bytes follow section 'end'. Was something appended?`);
      return found;
    }
    throw this.fail(`section 'end' is missing: the file is cut off behind ${this.#last}.`);
  }

  /** The content of a section. @throws MachineError when it does not unpack */
  async content(section: StoredSection, codec: Codec): Promise<Uint8Array> {
    const { name, stored, sizeBytes, compressed } = section;
    let bytes = stored;
    if (compressed) {
      try {
        bytes = await codec.inflate(stored, sizeBytes);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw this.fail(`section '${name}' does not unpack: ${reason}.`);
      }
    }
    if (bytes.length === sizeBytes) return bytes;
    throw this.fail(`section '${name}' has ${bytes.length} bytes where its head says ${sizeBytes}.`);
  }
}
