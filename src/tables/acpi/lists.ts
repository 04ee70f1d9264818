/** Lists inside tables: structures that say their own type and length, and entries of fixed size with a count. */
import { AcpiError } from './error.ts';
import { bytesText } from './fields.ts';
import { ENTRIES_MAX, type Reader } from './reader.ts';
import { type Codec, concat, type Fields, type InputOf, type Struct, type ValueOf } from './struct.ts';

/** A structure of a type that is not known here, or that is too short for its type: its bytes, with type and length. */
export interface UnknownEntry {
  kind: 'unknown';
  type: number;
  bytes: Uint8Array;
}

/** Structures by the name of their kind. */
// biome-ignore lint/suspicious/noExplicitAny: a codec of any value; unknown would refuse all
export type Kinds = Readonly<Record<string, { readonly type: number; readonly codec: Codec<any, any> }>>;

/** One decoded entry; `kind` tells which. */
export type EntryOf<K extends Kinds> =
  | { [N in keyof K]: { kind: N } & (K[N]['codec'] extends Codec<infer V, infer _I> ? V : never) }[keyof K]
  | UnknownEntry;

/** One entry as an encoder takes it. */
export type EntryInputOf<K extends Kinds> =
  | { [N in keyof K]: { kind: N } & (K[N]['codec'] extends Codec<infer _V, infer I> ? I : never) }[keyof K]
  | UnknownEntry;

/** How the entries of a list say what they are. */
export interface EntryHead {
  /** Bytes of type and length together: an entry has at least these. */
  readonly sizeBytes: number;
  type(view: DataView, at: number): number;
  /**
   * Size of the entry at `at`, of which `room` bytes are there.
   *
   * @returns undefined when an entry of this type has no known size
   */
  length(view: DataView, at: number, room: number): number | undefined;
}

/** Type and length in a byte each, as in the MADT and PPTT. */
export const BYTE_HEAD: EntryHead = {
  sizeBytes: 2,
  type: (view, at) => view.getUint8(at),
  length: (view, at) => view.getUint8(at + 1),
};

/** A list of structures of several kinds. */
export class EntryList<const K extends Kinds> {
  readonly kinds: K;
  readonly #title: string;
  readonly #head: EntryHead;
  readonly #byType: ReadonlyMap<number, string>;

  /** @param title - what one entry is called in findings and trees */
  constructor(title: string, head: EntryHead, kinds: K) {
    this.kinds = kinds;
    this.#title = title;
    this.#head = head;
    this.#byType = new Map(Object.entries(kinds).map(([kind, { type }]) => [type, kind]));
  }

  /**
   * Reads entries from `at` to `end`, at most `countMax`; stops where one makes no sense.
   *
   * @returns the entries and the offset after the last one
   */
  read(reader: Reader, at: number, end: number, countMax = ENTRIES_MAX): { entries: EntryOf<K>[]; next: number } {
    const entries: EntryOf<K>[] = [];
    let next = at;
    while (next < end && entries.length < countMax) {
      if (entries.length === ENTRIES_MAX) {
        reader.find(next, `${this.#title}: number`, `more than ${ENTRIES_MAX}`, `at most ${ENTRIES_MAX} are read`);
        break;
      }
      const sizeBytes = this.#sizeAt(reader, next, end);
      if (sizeBytes === undefined) break;
      entries.push(this.#entry(reader, next, sizeBytes));
      next += sizeBytes;
    }
    return { entries, next };
  }

  #sizeAt(reader: Reader, at: number, end: number): number | undefined {
    const room = end - at;
    const head = this.#head;
    if (room < head.sizeBytes) {
      reader.find(at, `${this.#title}: type and length`, `${room} bytes`, `${head.sizeBytes} bytes`);
      return undefined;
    }
    const sizeBytes = head.length(reader.view, at, room);
    if (sizeBytes === undefined) {
      const known = [...this.#byType].map(([type, kind]) => `${type} ${kind}`).join(', ');
      reader.find(at, `${this.#title}: type`, `${head.type(reader.view, at)}`, `one of ${known}`);
      return undefined;
    }
    if (sizeBytes < head.sizeBytes) {
      reader.find(at, `${this.#title}: length`, `${sizeBytes}`, `at least ${head.sizeBytes}`);
      return undefined;
    }
    if (sizeBytes > room) {
      reader.find(at, `${this.#title}: length`, `${sizeBytes}`, `at most the ${room} bytes that are left`);
      return undefined;
    }
    return sizeBytes;
  }

  #entry(reader: Reader, at: number, sizeBytes: number): EntryOf<K> {
    const type = this.#head.type(reader.view, at);
    const kind = this.#byType.get(type);
    const bytes = () => reader.bytes.slice(at, at + sizeBytes);
    if (kind === undefined) {
      reader.leaf(
        `${this.#title} of unknown type ${type}`,
        at,
        sizeBytes,
        bytesText(reader.bytes.subarray(at, at + sizeBytes)),
      );
      return { kind: 'unknown', type, bytes: bytes() };
    }
    const { codec } = this.kinds[kind];
    const value = reader.group(codec.title, at, sizeBytes, () => codec.read(reader, at, sizeBytes));
    if (value !== undefined) return { kind, ...value };
    reader.find(at, `${codec.title}: length`, `${sizeBytes}`, 'room for all fields of the structure');
    return { kind: 'unknown', type, bytes: bytes() };
  }

  /**
   * The bytes of entries, one after the other.
   *
   * @throws AcpiError when a field's value does not fit it
   */
  bytes(entries: readonly EntryInputOf<K>[]): Uint8Array {
    return concat(
      entries.map((entry) => {
        if (entry.kind === 'unknown') return (entry as UnknownEntry).bytes;
        const known = this.kinds[entry.kind as string];
        if (known === undefined) {
          const kinds = [...Object.keys(this.kinds), 'unknown'].join(', ');
          throw new AcpiError('E_ACPI_KIND', `${this.#title}: kind '${String(entry.kind)}'; there are ${kinds}`);
        }
        return known.codec.bytes(entry);
      }),
    );
  }
}

/** Where entries of fixed size lie and how many are said to be there. */
export interface Counted {
  readonly at: number;
  readonly end: number;
  /** As the bytes say. */
  readonly count: number;
  /** Offset of the field that says so. */
  readonly countAt: number;
  /** Whether room that is left over is an error too. */
  readonly isExact?: boolean;
}

/**
 * Reads entries of one structure, as many as are said to be there and fit.
 *
 * @returns the entries, the offset after them, and whether their number is the one that was said
 */
export function readCounted<F extends Fields>(
  reader: Reader,
  entry: Struct<F>,
  { at, end, count, countAt, isExact = false }: Counted,
): { entries: ValueOf<F>[]; next: number; isAsSaid: boolean } {
  const size = entry.usualBytes;
  const room = Math.max(0, Math.floor((end - at) / size));
  if (count > room || (isExact && count !== room))
    reader.find(countAt, `${entry.title}: number`, `${count}`, `${room} of ${size} bytes each, as the length says`);
  const number = Math.min(count, room, ENTRIES_MAX);
  if (Math.min(count, room) > ENTRIES_MAX)
    reader.find(countAt, `${entry.title}: number`, `${count}`, `at most ${ENTRIES_MAX} are read`);
  const entries: ValueOf<F>[] = [];
  for (let n = 0; n < number; n++) {
    const here = at + n * size;
    entries.push(reader.group(`${entry.title} ${n}`, here, size, () => entry.read(reader, here, size)!));
  }
  return { entries, next: at + number * size, isAsSaid: number === count };
}

/** The bytes of entries of one structure. */
export const entriesBytes = <F extends Fields>(entry: Struct<F>, entries: readonly InputOf<F>[]): Uint8Array =>
  concat(entries.map((input) => entry.bytes(input)));
