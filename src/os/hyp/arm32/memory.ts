/** Memory of the 32-bit machine: words in pages that snapshots share. */

const PAGE_WORDS = 1024;
const PAGE_SHIFT = 12;

/** Pages by number; what is absent is zero. A page that a snapshot holds is never written. */
export type MemoryImage = ReadonlyMap<number, Uint32Array>;

/** A stretch of physical addresses that answers. */
export interface RamRange {
  readonly basePa: number;
  readonly sizeBytes: number;
}

/** Little-endian RAM at some physical addresses; all other addresses answer with an external abort. */
export class Memory32 {
  readonly ranges: readonly RamRange[];
  private pages = new Map<number, Uint32Array>();
  private shared = new Set<number>();

  constructor(ranges: readonly RamRange[]) {
    this.ranges = ranges;
  }

  /** Whether RAM answers at a physical address. */
  has(pa: number): boolean {
    return this.ranges.some(({ basePa, sizeBytes }) => pa >= basePa && pa < basePa + sizeBytes);
  }
  /** The word at a physical address, a multiple of 4. */
  word(pa: number): number {
    return this.pages.get(pa >>> PAGE_SHIFT)?.[(pa >>> 2) & (PAGE_WORDS - 1)] ?? 0;
  }
  /** Writes a word at a physical address, a multiple of 4. */
  setWord(pa: number, value: number): void {
    const number = pa >>> PAGE_SHIFT;
    let page = this.pages.get(number);
    if (!page || this.shared.has(number)) {
      page = page ? page.slice() : new Uint32Array(PAGE_WORDS);
      this.pages.set(number, page);
      this.shared.delete(number);
    }
    page[(pa >>> 2) & (PAGE_WORDS - 1)] = value >>> 0;
  }
  /** One byte. */
  byte(pa: number): number {
    return (this.word(pa & ~3) >>> (8 * (pa & 3))) & 0xff;
  }
  /** Writes one byte. */
  setByte(pa: number, value: number): void {
    const shift = 8 * (pa & 3);
    this.setWord((pa & ~3) >>> 0, (this.word((pa & ~3) >>> 0) & ~(0xff << shift)) | ((value & 0xff) << shift));
  }
  /** The doubleword at a physical address, a multiple of 8. */
  doubleword(pa: number): bigint {
    return BigInt(this.word(pa)) | (BigInt(this.word(pa + 4)) << 32n);
  }
  /** Writes a doubleword at a physical address, a multiple of 8. */
  setDoubleword(pa: number, value: bigint): void {
    this.setWord(pa, Number(value & 0xffff_ffffn));
    this.setWord(pa + 4, Number((value >> 32n) & 0xffff_ffffn));
  }

  /** All pages; they are copied when they are written next. */
  image(): MemoryImage {
    this.shared = new Set(this.pages.keys());
    return new Map(this.pages);
  }
  /** Inverse of `image`. */
  load(image: MemoryImage): void {
    this.pages = new Map(image);
    this.shared = new Set(image.keys());
  }
}
