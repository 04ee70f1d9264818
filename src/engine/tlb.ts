import {
  DATA_TLB_BASE,
  DATA_TLB_ENTRIES,
  EXEC_TLB_BASE,
  EXEC_TLB_ENTRIES,
  EXEC_TLB_WAY_BYTES,
  PE_STRIDE_BYTES,
} from '../arch/pestate.ts';

const PAGE_LOG2 = 12;
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

/**
 * Drops what the TLBs of `pes` PEs hold for a range, in whatever context. The top byte of an address does not count, it
 * may be a tag.
 */
export function dropRange(i32: Int32Array, pes: number, { high, low, bits }: VaRange): void {
  const lowMask = bits < 32 ? -(1 << bits) : 0;
  const highMask = VA_HIGH_BITS & (bits < 32 ? -1 : -(1 << (bits - 32)));
  const drop = (at: number): void => {
    if (((i32[at]! ^ low) & lowMask) | ((i32[at + 1]! ^ high) & highMask)) return;
    i32[at] = 0;
    i32[at + 1] = 0;
  };
  // Entries are found by the lowest bits of the page number alone.
  const first = low >>> PAGE_LOG2;
  const pages = 2 ** (bits - PAGE_LOG2);
  for (let pe = 0; pe < pes; pe++) {
    const data = (pe * PE_STRIDE_BYTES + DATA_TLB_BASE) >> 2;
    for (let n = 0; n < Math.min(pages, DATA_TLB_ENTRIES); n++) {
      const entry = data + ((first + n) & (DATA_TLB_ENTRIES - 1)) * 8;
      drop(entry);
      drop(entry + 2);
    }
    const exec = (pe * PE_STRIDE_BYTES + EXEC_TLB_BASE) >> 2;
    for (let n = 0; n < Math.min(pages, EXEC_TLB_ENTRIES); n++) {
      const entry = exec + ((first + n) & (EXEC_TLB_ENTRIES - 1)) * 8;
      drop(entry);
      drop(entry + EXEC_TLB_WAY_BYTES / 4);
    }
  }
}
