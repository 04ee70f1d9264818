import type { PlainData } from '../device.ts';

/**
 * Where the content of a disk comes from, and where it goes.
 *
 * What the guest writes is state of the machine in any case, so that snapshots, restore and digest cover it; a back end
 * with `write` follows: its content is that of the machine at every boundary. Without `write` it stays as it was, and
 * the disk is a copy-on-write overlay over it.
 */
export interface BlockBackend {
  /** What messages and snapshots call it, e.g. the path of its file; absent: it has no name and lives in memory. */
  readonly name?: string;
  /** A multiple of 512, at least 512. */
  readonly sizeBytes: number;
  /** The guest cannot write. */
  readonly readOnly: boolean;
  /** Bytes of the content; only ranges inside it are asked for. @throws what the host says when it cannot */
  read(offset: number, sizeBytes: number): Uint8Array;
  /** The content changes. @throws what the host says when it cannot */
  write?(offset: number, bytes: Uint8Array): void;
  /** What was written must survive the host. @throws what the host says when it cannot */
  flush?(): void;
}

/** Unit of a disk's addresses. */
export const SECTOR_BYTES = 512;
/** Unit in which changed content is kept. */
const CHUNK_BYTES = 4096;

/**
 * A disk in memory. The bytes given are not changed: what the guest writes is an overlay that lives in the machine.
 *
 * @throws Error when the size is no positive multiple of 512
 */
export function memoryBackend(bytes: Uint8Array, options: { readonly readOnly?: boolean } = {}): BlockBackend {
  if (bytes.length === 0 || bytes.length % SECTOR_BYTES !== 0)
    throw new Error(`memoryBackend: ${bytes.length} bytes; a disk has a multiple of ${SECTOR_BYTES}. Pad it.`);
  return {
    sizeBytes: bytes.length,
    readOnly: options.readOnly ?? false,
    read: (offset, sizeBytes) => bytes.subarray(offset, offset + sizeBytes),
  };
}

interface SavedChunks {
  readonly [name: string]: PlainData;
  readonly numbers: readonly number[];
  readonly chunks: readonly Uint8Array[];
}

/**
 * The content of a disk as the machine sees it: the back end's own, and chunks that the guest changed.
 *
 * A chunk is never changed in place, so snapshots share it. Memory grows with what the guest writes, up to the size of
 * the disk, and twice that when the back end follows.
 */
export class BlockStore {
  readonly backend: BlockBackend;
  #chunks = new Map<number, Uint8Array>();
  /** What the back end held where it has followed a write; needed when a snapshot from before is restored. */
  readonly #originals = new Map<number, Uint8Array>();
  #saved: SavedChunks | undefined;

  constructor(backend: BlockBackend) {
    this.backend = backend;
  }

  get sectors(): number {
    return Math.floor(this.backend.sizeBytes / SECTOR_BYTES);
  }

  /** @throws what the back end throws */
  read(offset: number, sizeBytes: number): Uint8Array {
    const out = new Uint8Array(sizeBytes);
    // Runs of unchanged chunks are read at once: a back end may be a file.
    let from = offset;
    const end = offset + sizeBytes;
    const copy = (to: number): void => {
      if (to > from) out.set(this.backend.read(from, to - from), from - offset);
    };
    for (let number = Math.floor(offset / CHUNK_BYTES); number * CHUNK_BYTES < end; number++) {
      const chunk = this.#chunks.get(number);
      if (chunk === undefined) continue;
      const start = number * CHUNK_BYTES;
      copy(Math.max(start, offset));
      const [first, last] = [Math.max(start, offset), Math.min(start + chunk.length, end)];
      out.set(chunk.subarray(first - start, last - start), first - offset);
      from = last;
    }
    copy(end);
    return out;
  }

  /** @throws what the back end throws; nothing has changed then but what it wrote itself */
  write(offset: number, bytes: Uint8Array): void {
    const { backend } = this;
    const last = Math.floor((offset + bytes.length - 1) / CHUNK_BYTES);
    const fresh = new Map<number, Uint8Array>();
    for (let number = Math.floor(offset / CHUNK_BYTES); number <= last; number++) {
      const start = number * CHUNK_BYTES;
      const size = Math.min(CHUNK_BYTES, backend.sizeBytes - start);
      const before = this.#chunks.get(number);
      if (backend.write && !this.#originals.has(number)) this.#originals.set(number, backend.read(start, size).slice());
      const chunk = (before ?? backend.read(start, size)).slice();
      const [from, to] = [Math.max(start, offset), Math.min(start + size, offset + bytes.length)];
      chunk.set(bytes.subarray(from - offset, to - offset), from - start);
      fresh.set(number, chunk);
    }
    backend.write?.(offset, bytes);
    for (const [number, chunk] of fresh) this.#chunks.set(number, chunk);
    this.#saved = undefined;
  }

  /** Changed chunks, ascending. Two states share the chunks that are equal. */
  state(): PlainData {
    if (this.#saved === undefined) {
      const numbers = [...this.#chunks.keys()].sort((a, b) => a - b);
      this.#saved = { numbers, chunks: numbers.map((number) => this.#chunks.get(number)!) };
    }
    return this.#saved;
  }

  /** @throws what the back end throws when it has to follow */
  load(state: PlainData): void {
    if (state === this.#saved) return;
    const { numbers, chunks } = state as SavedChunks;
    const now = this.#chunks;
    this.#chunks = new Map(numbers.map((number, index) => [number, chunks[index]!]));
    this.#saved = state as SavedChunks;
    if (!this.backend.write) return;
    for (const number of new Set([...now.keys(), ...numbers])) {
      const content = this.#chunks.get(number) ?? this.#originals.get(number);
      if (content !== undefined && content !== now.get(number)) this.backend.write(number * CHUNK_BYTES, content);
    }
  }
}
