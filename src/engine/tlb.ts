import {
  DATA_TLB_BASE,
  DATA_TLB_BYTES,
  DATA_TLB_ENTRIES,
  DATA_TLB_WAY_BYTES,
  EXEC_TLB_BASE,
  EXEC_TLB_ENTRIES,
  EXEC_TLB_WAY_BYTES,
  PE_STRIDE_BYTES,
} from '../arch/pestate.ts';

const PAGE_LOG2 = 12;
/** Words from an entry of the data TLB to the same of the other way. */
const DATA_WAY = DATA_TLB_WAY_BYTES / 4;
/** Bits 55:32 of an address, in its high half. */
const VA_HIGH_BITS = 0x00ff_ffff;

/** A part of the VA space of 2^`bits` bytes, 12 at least, by the halves of its first address. */
export interface VaRange {
  readonly high: number;
  readonly low: number;
  readonly bits: number;
}

/** The nth part of 2^`bits` bytes of what begins at an address; below 2^32 bytes all of it lies in one 4 GiB. */
export function nthPart(high: number, low: number, nth: number, bits: number): VaRange {
  if (bits >= 32) return { high: high + (nth << (bits - 32)), low: 0, bits };
  return { high: high + (nth >>> (32 - bits)), low: (low + (nth << bits)) | 0, bits };
}

/** Whether an address, given as its high half, lies in the lower half of the VA space. */
const isLower = (high: number): boolean => (high & 0x0080_0000) === 0;
/** Whether an address, by its halves, lies in a range; the top byte does not count, it may be a tag. */
export function inRange({ high, low, bits }: VaRange, vaHigh: number, vaLow: number): boolean {
  const lowMask = bits < 32 ? -(1 << bits) : 0;
  const highMask = VA_HIGH_BITS & (bits < 32 ? -1 : -(1 << (bits - 32)));
  return (((vaLow ^ low) & lowMask) | ((vaHigh ^ high) & highMask)) === 0;
}

/**
 * The TLBs as whoever drops translations sees them. An entry is an index of 32-bit words, and so is a tag.
 *
 * Kernels take address spaces of processes apart table by table, and what they drop of each is large and holds few
 * entries. So the data TLB entries for the lower half are listed.
 */
export class TlbEntries {
  private readonly i32: Int32Array;
  private readonly pes: number;
  /** By PE: the listed entries' numbers, of both ways at once, and for each number whether it is listed. */
  private readonly lists: readonly number[][];
  private readonly listed: readonly Uint8Array[];
  /** Entries that were filled since all write tags were dropped: no other has one. With a mark for each of them. */
  private readonly filled: number[] = [];
  private readonly isFilled: readonly Uint8Array[];

  constructor(i32: Int32Array, pes: number) {
    this.i32 = i32;
    this.pes = pes;
    this.lists = Array.from({ length: pes }, () => []);
    this.listed = Array.from({ length: pes }, () => new Uint8Array(DATA_TLB_ENTRIES));
    this.isFilled = Array.from({ length: pes }, () => new Uint8Array(DATA_TLB_ENTRIES));
  }

  /**
   * To be called before the first way of a data TLB entry is filled for a tag, by its halves: what it held goes to the
   * second way, unless it was for that tag already.
   */
  makeRoom(entry: number, low: number, high: number): void {
    const { i32 } = this;
    const pe = Math.floor((entry * 4) / PE_STRIDE_BYTES);
    const number = (entry - ((pe * PE_STRIDE_BYTES + DATA_TLB_BASE) >> 2)) >> 3;
    if (isLower(high)) this.list(pe, number);
    this.fills(entry, pe, number);
    if (this.hasTag(entry, low, high)) return;
    const second = entry + DATA_WAY;
    if (this.hasTag(second, low, high)) i32.fill(0, second, second + 4);
    if (i32[entry]! | i32[entry + 1]! | i32[entry + 2]! | i32[entry + 3]!) i32.copyWithin(second, entry, entry + 8);
  }
  private hasTag(way: number, low: number, high: number): boolean {
    const { i32 } = this;
    return (i32[way] === low && i32[way + 1] === high) || (i32[way + 2] === low && i32[way + 3] === high);
  }
  /** The way of a data TLB entry that has a tag for reads or for writes, -1 when none has. */
  find(entry: number, low: number, high: number, write: boolean): number {
    for (let way = entry; way <= entry + DATA_WAY; way += DATA_WAY) {
      const tag = way + (write ? 2 : 0);
      if (this.i32[tag] === low && this.i32[tag + 1] === high) return way;
    }
    return -1;
  }
  private fills(entry: number, pe: number, number: number): void {
    const isFilled = this.isFilled[pe]!;
    if (isFilled[number]) return;
    isFilled[number] = 1;
    this.filled.push(entry);
  }
  private list(pe: number, number: number): void {
    const listed = this.listed[pe]!;
    if (listed[number]) return;
    listed[number] = 1;
    this.lists[pe]!.push(number);
  }

  /** Empties every TLB. */
  dropAll(): void {
    for (let pe = 0; pe < this.pes; pe++) {
      const data = (pe * PE_STRIDE_BYTES + DATA_TLB_BASE) >> 2;
      this.i32.fill(0, data, data + DATA_TLB_BYTES / 4);
      this.dropExec(pe);
      this.lists[pe]!.length = 0;
      this.listed[pe]!.fill(0);
    }
    this.forgetFilled();
  }
  private forgetFilled(): void {
    this.filled.length = 0;
    for (const isFilled of this.isFilled) isFilled.fill(0);
  }
  /** Empties the exec TLB of a PE. */
  dropExec(pe: number): void {
    const exec = (pe * PE_STRIDE_BYTES + EXEC_TLB_BASE) >> 2;
    this.i32.fill(0, exec, exec + EXEC_TLB_ENTRIES * 8);
  }

  /** Drops what is held for a range, in whatever context. */
  dropRange(range: VaRange): void {
    // Entries are found by the lowest bits of the page number alone.
    const first = range.low >>> PAGE_LOG2;
    const pages = 2 ** (range.bits - PAGE_LOG2);
    for (let pe = 0; pe < this.pes; pe++) {
      const exec = (pe * PE_STRIDE_BYTES + EXEC_TLB_BASE) >> 2;
      for (let n = 0; n < Math.min(pages, EXEC_TLB_ENTRIES); n++) {
        const entry = exec + ((first + n) & (EXEC_TLB_ENTRIES - 1)) * 8;
        this.dropTag(entry, range);
        this.dropTag(entry + EXEC_TLB_WAY_BYTES / 4, range);
      }
      if (isLower(range.high) && pages > this.lists[pe]!.length) {
        this.dropListed(pe, range);
        continue;
      }
      const data = (pe * PE_STRIDE_BYTES + DATA_TLB_BASE) >> 2;
      for (let n = 0; n < Math.min(pages, DATA_TLB_ENTRIES); n++) {
        const entry = data + ((first + n) & (DATA_TLB_ENTRIES - 1)) * 8;
        this.dropEntry(entry, range);
      }
    }
  }
  /** Drops the write tags that an entry holds, in either way, for the page of RAM that lies at `host`. */
  dropWrite(entry: number, host: number): void {
    for (let way = entry; way <= entry + DATA_WAY; way += DATA_WAY) {
      const low = this.i32[way + 2]!;
      if ((((low & -4096) + this.i32[way + 4]!) | 0) === host) this.clearTag(way + 2);
    }
  }
  /** Drops all write tags for the page of RAM that lies at `host`. */
  dropWrites(host: number): void {
    for (const entry of this.filled) this.dropWrite(entry, host);
  }
  /** Drops all write tags. */
  dropAllWrites(): void {
    for (const entry of this.filled) {
      this.clearTag(entry + 2);
      this.clearTag(entry + DATA_WAY + 2);
    }
    this.forgetFilled();
  }
  private clearTag(tag: number): void {
    this.i32[tag] = 0;
    this.i32[tag + 1] = 0;
  }
  private dropListed(pe: number, range: VaRange): void {
    const list = this.lists[pe]!;
    const listed = this.listed[pe]!;
    const data = (pe * PE_STRIDE_BYTES + DATA_TLB_BASE) >> 2;
    let kept = 0;
    for (const number of list) {
      const entry = data + number * 8;
      this.dropEntry(entry, range);
      if (this.holdsLower(entry) || this.holdsLower(entry + DATA_WAY)) list[kept++] = number;
      else listed[number] = 0;
    }
    list.length = kept;
  }
  /** A way of an entry is for the lower half: by its tag for reads or for writes. */
  private holdsLower(way: number): boolean {
    return this.isLowerTag(way) || this.isLowerTag(way + 2);
  }
  private isLowerTag(tag: number): boolean {
    return (this.i32[tag]! | this.i32[tag + 1]!) !== 0 && isLower(this.i32[tag + 1]!);
  }
  private dropEntry(entry: number, range: VaRange): void {
    this.dropTag(entry, range);
    this.dropTag(entry + 2, range);
    this.dropTag(entry + DATA_WAY, range);
    this.dropTag(entry + DATA_WAY + 2, range);
  }
  private dropTag(tag: number, range: VaRange): void {
    if (inRange(range, this.i32[tag + 1]!, this.i32[tag]!)) this.clearTag(tag);
  }
}
