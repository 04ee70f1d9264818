import {
  CHUNK_PAGES,
  changedWords,
  differingPages,
  type ImagePage,
  imagePage,
  PAGE_BYTES,
  type PageContent,
  type RamImage,
  ZERO_PAGE,
} from './pages.ts';
import { RAM_BASE, RAM_BYTES_MAX } from './records.ts';
import { nthPart, TlbEntries, type VaRange } from './tlb.ts';

export { PAGE_BYTES, type RamImage } from './pages.ts';

/** The page has decoded instructions: a write must undo them. */
const FLAG_CODE = 1;
/** A translation table walk read this page: a write may change a cached translation. */
const FLAG_TABLE = 2;
/** The page equals its saved content: the first write must note that. */
const FLAG_CLEAN = 4;
/** Another PE holds an exclusive reservation in the page. */
const FLAG_EXCLUSIVE = 8;
/** Loads from the page meet an error. */
const FLAG_POISON = 16;
/** Writes into a page of decoded code after which its records are dropped: it is data by now. */
const CODE_WRITES_MAX = 64;

/** In place of a TLB entry: more than two. */
const MANY = -1;
/** Writes into a watched table page after which it is watched no longer. */
const TABLE_WRITES_MAX = 32;

/** How poison shows when it is read: at once, or later. */
export type PoisonKind = 'sea' | 'serror';

/** What must happen elsewhere when RAM changes. */
export interface MemoryObserver {
  /** Decoded instructions of [offset, offset + size) of a page are stale; `all` drops the page's records. */
  codeChanged(page: number, offset: number, sizeBytes: number, all: boolean): void;
  /** Cached translations were dropped, of a range or all: whoever runs there must look its own page up again. */
  translationsChanged(range?: VaRange): void;
}

const NONE: readonly number[] = [];

/**
 * The one memory of a machine and what is known of each page of guest RAM.
 *
 * Generated code writes RAM directly only through write tags of the data TLB. A page that needs attention (decoded
 * code, a translation table, unchanged since the last snapshot) has no write tag, so its writes come here.
 *
 * Translations never go stale: a write that changes a valid descriptor of a walked table drops what was cached. So the
 * TLB cannot be observed by the guest, and what a translation gives is a function of registers and memory alone.
 */
export class GuestMemory {
  readonly memory: WebAssembly.Memory;
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly view: DataView;
  readonly ramBytes: number;
  readonly pes: number;
  /** Hears of writes to pages marked exclusive. */
  exclusiveObserver: (offset: number, sizeBytes: number) => void = () => {};
  /** While there is one it hears of every write, before it; translations must have been flushed when it comes. */
  writeObserver: ((offset: number, sizeBytes: number) => void) | undefined;
  /** Pages that hold poison: a load from one is `poisonObserver`'s. */
  readonly poisoned: Map<number, PoisonKind> = new Map();
  /** A PE loads from, or fetches, poison at an offset into RAM: true when the access ends in an External abort. */
  poisonObserver: (pe: number, offset: number, kind: PoisonKind) => boolean = () => true;
  observer: MemoryObserver = { codeChanged: () => {}, translationsChanged: () => {} };
  private readonly flags: Uint8Array;
  private readonly codeWrites: Uint8Array;
  /** `tagEpoch` at which a write tag for the page was last installed: older means no TLB has one. */
  private readonly tagged: Uint32Array;
  private readonly entries: TlbEntries;
  /** The TLB entries (as indices of 32-bit words) with that tag, the second one or 0; `MANY` in the first: any. */
  private readonly taggedFirst: Int32Array;
  private readonly taggedSecond: Int32Array;
  private tagEpoch = 1;
  /** For a watched table page: VA of what its first descriptor maps (two halves), and log2 of what each one maps. */
  private readonly tableVaHigh: Int32Array;
  private readonly tableVaLow: Int32Array;
  private readonly tableShift: Uint8Array;
  /** Writes into a watched table page since it is watched. */
  private readonly tableWrites: Uint8Array;
  private chunks: PageContent[][];
  private frozen: boolean[];
  private dirty: number[] = [];
  private tablePages: number[] = [];

  /** @param ramBytes - guest RAM, a multiple of 4 KiB up to 3 GiB */
  constructor(ramBytes: number, pes: number) {
    if (ramBytes <= 0 || ramBytes > RAM_BYTES_MAX || ramBytes % PAGE_BYTES)
      throw new Error(`GuestMemory: ${ramBytes} bytes of RAM`);
    this.ramBytes = ramBytes;
    this.pes = pes;
    const wasmPages = Math.ceil((RAM_BASE + ramBytes) / 65536);
    this.memory = new WebAssembly.Memory({ initial: wasmPages, maximum: wasmPages });
    this.u8 = new Uint8Array(this.memory.buffer);
    this.i32 = new Int32Array(this.memory.buffer);
    this.view = new DataView(this.memory.buffer);
    this.entries = new TlbEntries(this.i32, pes);
    const pages = ramBytes / PAGE_BYTES;
    this.flags = new Uint8Array(pages).fill(FLAG_CLEAN);
    this.codeWrites = new Uint8Array(pages);
    this.tagged = new Uint32Array(pages);
    this.taggedFirst = new Int32Array(pages);
    this.taggedSecond = new Int32Array(pages);
    this.tableVaHigh = new Int32Array(pages);
    this.tableVaLow = new Int32Array(pages);
    this.tableShift = new Uint8Array(pages);
    this.tableWrites = new Uint8Array(pages);
    this.chunks = Array.from({ length: Math.ceil(pages / CHUNK_PAGES) }, () =>
      new Array<PageContent>(CHUNK_PAGES).fill(ZERO_PAGE),
    );
    this.frozen = this.chunks.map(() => false);
  }

  // --- translations ---

  /** Drops every cached translation of every PE. */
  flushTranslations(): void {
    this.tagEpoch++;
    this.entries.dropAll();
    this.observer.translationsChanged();
    // Nothing cached depends on a table any more, so no page needs watching until it is walked again.
    for (const page of this.tablePages) {
      this.flags[page]! &= ~FLAG_TABLE;
      this.tableShift[page] = 0;
    }
    this.tablePages = [];
  }
  /** Drops the exec TLB of one PE. */
  flushExec(pe: number): void {
    this.entries.dropExec(pe);
  }
  private dropWriteTags(page: number): void {
    if (this.tagged[page] !== this.tagEpoch) return;
    this.tagged[page] = 0;
    const host = (RAM_BASE + page * PAGE_BYTES) | 0;
    const [first, second] = [this.taggedFirst[page]!, this.taggedSecond[page]!];
    if (first === MANY) return this.entries.dropWrites(host);
    this.entries.dropWrite(first, host);
    if (second) this.entries.dropWrite(second, host);
  }
  private dropAllWriteTags(): void {
    this.tagEpoch++;
    this.entries.dropAllWrites();
  }

  /** Notes that instructions of this page of RAM are decoded. */
  markCode(page: number): void {
    if (this.flags[page]! & FLAG_CODE) return;
    this.flags[page]! |= FLAG_CODE;
    this.codeWrites[page] = 0;
    this.dropWriteTags(page);
  }
  /** Forgets that instructions of this page are decoded. */
  unmarkCode(page: number): void {
    this.flags[page]! &= ~FLAG_CODE;
  }
  /**
   * Notes that a walk for the VA (two halves) read a descriptor in this page, each of which maps 2^`shift` bytes.
   *
   * A page found to map several places can only be answered by dropping everything.
   */
  markTable(page: number, hi: number, lo: number, shift: number): void {
    const span = shift + 9;
    const low = span >= 32 ? 0 : (lo >>> span) << span;
    const high = span >= 32 ? (hi >>> (span - 32)) << (span - 32) : hi | 0;
    if (this.flags[page]! & FLAG_TABLE) {
      if (this.tableShift[page] !== shift || this.tableVaLow[page] !== low || this.tableVaHigh[page] !== high)
        this.tableShift[page] = 0;
      return;
    }
    this.flags[page]! |= FLAG_TABLE;
    this.tableWrites[page] = 0;
    this.tableShift[page] = shift;
    this.tableVaLow[page] = low;
    this.tableVaHigh[page] = high;
    this.tablePages.push(page);
    this.dropWriteTags(page);
  }
  /**
   * To be called before a write to a watched table page. True when the page is watched no longer: it is written so
   * often that it is data by now, or gets so many new descriptors that to walk it again is cheaper. All that was
   * translated through it is dropped then, and the write that is being made must not be cached as allowed.
   *
   * @param cleared - the page is being cleared, so it is something new
   */
  unwatchTable(page: number, cleared = false): boolean {
    if (++this.tableWrites[page]! < TABLE_WRITES_MAX && !cleared) return false;
    const shift = this.tableShift[page]!;
    if (shift < 12) this.flushTranslations();
    else {
      this.dropMapped(page, 0, shift + 9);
      this.flags[page]! &= ~FLAG_TABLE;
      this.tableShift[page] = 0;
      const at = this.tablePages.indexOf(page);
      const last = this.tablePages.pop()!;
      if (at < this.tablePages.length) this.tablePages[at] = last;
    }
    return true;
  }
  /** A descriptor that was valid changed: drops what was translated through it. `offset` is its place in RAM. */
  descriptorChanged(offset: number): void {
    const page = Math.floor(offset / PAGE_BYTES);
    const shift = this.tableShift[page]!;
    if (shift < 12) return this.flushTranslations();
    this.dropMapped(page, (offset % PAGE_BYTES) >> 3, shift);
  }
  /** Drops what is cached for the 2^`bits` bytes that are the nth of those that a table page maps. */
  private dropMapped(page: number, nth: number, bits: number): void {
    const range = nthPart(this.tableVaHigh[page]!, this.tableVaLow[page]!, nth, bits);
    this.observer.translationsChanged(range);
    this.entries.dropRange(range);
  }
  /** Notes that a PE that does not run now holds an exclusive reservation in this page. */
  markExclusive(page: number): void {
    if (page < 0 || this.flags[page]! & FLAG_EXCLUSIVE) return;
    this.flags[page]! |= FLAG_EXCLUSIVE;
    this.dropWriteTags(page);
  }
  /** Loads from the page, and fetches, come to `poisonObserver` from now on; no TLB has the page. */
  poison(page: number, kind: PoisonKind): void {
    this.poisoned.set(page, kind);
    this.flags[page] = (this.flags[page]! | FLAG_POISON) & ~FLAG_CODE;
    this.observer.codeChanged(page, 0, PAGE_BYTES, true);
    this.flushTranslations();
    for (let pe = 0; pe < this.pes; pe++) this.flushExec(pe);
  }
  /** Nothing is poisoned any more. */
  healAll(): void {
    for (const page of this.poisoned.keys()) this.flags[page]! &= ~FLAG_POISON;
    this.poisoned.clear();
  }
  /** No reservation is left in the page. */
  unmarkExclusive(page: number): void {
    if (page >= 0) this.flags[page]! &= ~FLAG_EXCLUSIVE;
  }
  /**
   * True when stores to the page may go straight to RAM from now on; the caller then installs a write tag.
   *
   * @param entry - the TLB entry that gets the tag, as index of a 32-bit word
   */
  writesFreely(page: number, entry: number): boolean {
    if (this.flags[page] !== 0 || this.writeObserver) return false;
    if (this.tagged[page] !== this.tagEpoch) {
      this.tagged[page] = this.tagEpoch;
      this.taggedFirst[page] = entry;
      this.taggedSecond[page] = 0;
    } else if (this.taggedFirst[page] !== entry && this.taggedSecond[page] !== entry) {
      if (this.taggedSecond[page] === 0) this.taggedSecond[page] = entry;
      else this.taggedFirst[page] = MANY;
    }
    return true;
  }

  /** To be called before a data TLB entry is filled, see `TlbEntries.makeRoom`. */
  makeRoom(entry: number, low: number, high: number): void {
    this.entries.makeRoom(entry, low, high);
  }
  /** The way of a data TLB entry that has a tag, see `TlbEntries.find`. */
  findEntry(entry: number, low: number, high: number, write: boolean): number {
    return this.entries.find(entry, low, high, write);
  }

  // --- access by offset into RAM ---

  /**
   * To be called before `sizeBytes` bytes at an offset into RAM change, within one page, by whatever means.
   *
   * Afterwards `afterWrite` must be called if it returned true: the page is a watched table.
   */
  beforeWrite(offset: number, sizeBytes: number): boolean {
    const page = Math.floor(offset / PAGE_BYTES);
    const flags = this.flags[page]!;
    this.writeObserver?.(offset, sizeBytes);
    if (flags === 0) return false;
    if (flags & FLAG_CLEAN) this.touch(page);
    if (flags & FLAG_EXCLUSIVE) this.exclusiveObserver(offset, sizeBytes);
    if (flags & FLAG_CODE) {
      const all = ++this.codeWrites[page]! >= CODE_WRITES_MAX;
      if (all) this.flags[page]! &= ~FLAG_CODE;
      this.observer.codeChanged(page, offset % PAGE_BYTES, sizeBytes, all);
    }
    return (flags & FLAG_TABLE) !== 0;
  }

  private touch(page: number): void {
    const content = this.chunks[Math.floor(page / CHUNK_PAGES)]![page % CHUNK_PAGES]!;
    if (content.bytes === undefined) content.bytes = this.pageBytes(page).slice();
    this.flags[page]! &= ~FLAG_CLEAN;
    this.dirty.push(page);
  }

  /** The bytes of a page of RAM as they are, shared: read only. */
  pageBytes(page: number): Uint8Array {
    const at = RAM_BASE + page * PAGE_BYTES;
    return this.u8.subarray(at, at + PAGE_BYTES);
  }

  /** Copies bytes out of RAM. */
  read(offset: number, sizeBytes: number): Uint8Array {
    return this.u8.slice(RAM_BASE + offset, RAM_BASE + offset + sizeBytes);
  }
  /** Writes bytes into RAM from outside the PEs (loader, device, debugger). */
  write(offset: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const at = offset + done;
      const size = Math.min(PAGE_BYTES - (at % PAGE_BYTES), bytes.length - done);
      const table = this.beforeWrite(at, size);
      this.u8.set(bytes.subarray(done, done + size), RAM_BASE + at);
      if (table) this.flushTranslations();
      done += size;
    }
  }

  // --- images ---

  /** RAM as it is now; costs what changed since the last image was taken. */
  capture(): RamImage {
    for (const page of this.dirty) {
      const index = Math.floor(page / CHUNK_PAGES);
      // Chunks are shared with the images that have them.
      if (this.frozen[index]) {
        this.chunks[index] = this.chunks[index]!.slice();
        this.frozen[index] = false;
      }
      this.chunks[index]![page % CHUNK_PAGES] = { bytes: undefined };
      this.flags[page]! |= FLAG_CLEAN;
    }
    this.dirty = [];
    this.dropAllWriteTags();
    this.frozen.fill(true);
    return this.chunks.slice();
  }

  /**
   * Puts RAM back to an image of this memory; costs what differs. What was cached of code and translations stays,
   * unless it was made from words that change.
   */
  restore(image: RamImage): void {
    const dirty = new Set(this.dirty);
    for (const { page, bytes } of this.changedSince(image)) this.putBack(page, bytes, dirty.has(page));
    for (let index = 0; index < image.length; index++) {
      if (image[index] === this.chunks[index]) continue;
      this.chunks[index] = image[index] as PageContent[];
      this.frozen[index] = true;
    }
    this.dirty = [];
    // Every page is as its saved content now, so no first write may go past `beforeWrite`.
    this.dropAllWriteTags();
  }

  private putBack(page: number, then: Uint8Array, isDirty: boolean): void {
    const now = this.chunks[Math.floor(page / CHUNK_PAGES)]![page % CHUNK_PAGES]!;
    if (!isDirty) now.bytes ??= this.pageBytes(page).slice();
    const flags = this.flags[page]!;
    const changed = flags & (FLAG_CODE | FLAG_TABLE) ? changedWords(this.pageBytes(page), then) : NONE;
    this.u8.set(then, RAM_BASE + page * PAGE_BYTES);
    this.flags[page]! |= FLAG_CLEAN;
    if (flags & FLAG_CODE && changed.length > 0) {
      const all = changed.length >= CODE_WRITES_MAX;
      if (all) this.flags[page]! &= ~FLAG_CODE;
      if (all) this.observer.codeChanged(page, 0, PAGE_BYTES, true);
      else for (const word of changed) this.observer.codeChanged(page, word * 4, 4, false);
    }
    if (changed.length >= TABLE_WRITES_MAX && flags & FLAG_TABLE) this.flushTranslations();
    for (const word of changed) {
      if (!(this.flags[page]! & FLAG_TABLE)) break;
      this.descriptorChanged(page * PAGE_BYTES + (word & ~1) * 4);
    }
  }

  /** Pages of an image of this memory that are not known to be all zero, ascending; shared bytes: read only. */
  *imagePages(image: RamImage): Generator<ImagePage> {
    for (const [index, chunk] of image.entries()) {
      for (const [i, content] of chunk.entries()) {
        if (content === ZERO_PAGE) continue;
        const page = index * CHUNK_PAGES + i;
        yield { page, bytes: content.bytes ?? this.pageBytes(page) };
      }
    }
  }

  /** Pages that may differ from those of an image of this memory, with the bytes that they have there: read only. */
  changedSince(image: RamImage): readonly ImagePage[] {
    const dirty = new Set(this.dirty);
    const others = differingPages(image, this.chunks).filter((page) => !dirty.has(page));
    return [...this.dirty, ...others].map((page) => imagePage(image, page));
  }

  /** Pages that are not known to be all zero, ascending. */
  touchedPages(): number[] {
    const pages = new Set(this.dirty);
    this.chunks.forEach((chunk, index) => {
      for (let i = 0; i < CHUNK_PAGES; i++) if (chunk[i] !== ZERO_PAGE) pages.add(index * CHUNK_PAGES + i);
    });
    return [...pages].sort((a, b) => a - b);
  }
}
