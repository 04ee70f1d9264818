/**
 * The pool from which everything comes that NMI-like code needs: a bitmap, changed by compare-and-swap alone, so that
 * whoever interrupts whom can allocate.
 */
import { atomic, compareAndSwap, type Hosted, load, store } from '../../engine/hosted/effects.ts';
import type { Ghes } from './ghes.ts';
import { ARENA, POOL } from './layout.ts';

const PAGE_GRANULES = Number(POOL.pageBytes / POOL.granuleBytes);
const granules = (bytes: bigint): number => Number((bytes + POOL.granuleBytes - 1n) / POOL.granuleBytes);
const ALL = 0xffff_ffff_ffff_ffffn;

/** Bytes of the pool for so many sources, those included that are not enabled. */
export function poolBytes(sources: bigint): bigint {
  if (sources === 0n) return 0n;
  const bytes = POOL.cacheBytes + sources * POOL.perSourceBytes;
  return ((bytes + POOL.pageBytes - 1n) / POOL.pageBytes) * POOL.pageBytes;
}

/** Makes the pool, empty. */
export function* makePool(ghes: Ghes, bytes: bigint): Hosted {
  const words = (granules(bytes) + 63) >> 6;
  for (let n = 0; n < words; n++) yield* store(ARENA.bitmapPa + BigInt(8 * n), 0n);
  yield* store(ghes.words.poolBytes, bytes);
}

/** Makes the pool larger: bytes behind those there are. */
export function* growPool(ghes: Ghes, bytes: bigint): Hosted {
  const before = yield* load(ghes.words.poolBytes);
  const words = (granules(bytes) + 63) >> 6;
  for (let n = 0; n < words; n++) yield* store(ARENA.bitmapPa + BigInt(8 * ((granules(before) >> 6) + n)), 0n);
  yield* store(ghes.words.poolBytes, before + bytes);
}

/** Bits `from` to `to` (exclusive) of a bitmap that lie in word `n`. */
function maskOf(n: number, from: number, to: number): bigint {
  const low = Math.max(from - 64 * n, 0);
  const high = Math.min(to - 64 * n, 64);
  return (ALL >> BigInt(64 - (high - low))) << BigInt(low);
}

/** First granule of the lowest run of so many that are free, or undefined. */
function* findRun(total: number, count: number, chunks: boolean): Hosted<number | undefined> {
  let start = 0;
  for (let n = 0; n * 64 < total; n++) {
    const word = yield* load(ARENA.bitmapPa + BigInt(8 * n));
    if (word === ALL) {
      start = 64 * (n + 1);
      continue;
    }
    for (let bit = 0; bit < 64 && 64 * n + bit < total; bit++) {
      const at = 64 * n + bit;
      if ((word >> BigInt(bit)) & 1n || (chunks && at % PAGE_GRANULES === 0)) start = at;
      if ((word >> BigInt(bit)) & 1n) start = at + 1;
      else if (at + 1 - start >= count) return start;
    }
  }
  return undefined;
}

/** Sets bits that must be clear; false, and nothing changed, when one of them was taken meanwhile. */
function* claimRun(from: number, to: number): Hosted<boolean> {
  for (let n = from >> 6; n * 64 < to; n++) {
    const at = ARENA.bitmapPa + BigInt(8 * n);
    const mask = maskOf(n, from, to);
    for (;;) {
      const word = yield* load(at);
      if (word & mask) {
        if (n * 64 > from) yield* releaseRun(from, n * 64);
        return false;
      }
      if ((yield* compareAndSwap(at, word, word | mask)) === word) break;
    }
  }
  return true;
}
function* releaseRun(from: number, to: number): Hosted {
  for (let n = from >> 6; n * 64 < to; n++) yield* atomic('clr', ARENA.bitmapPa + BigInt(8 * n), maskOf(n, from, to));
}

/** Bytes from the pool, by address; undefined when there are none. Any context may. */
export function* poolAlloc(ghes: Ghes, bytes: bigint): Hosted<bigint | undefined> {
  const total = granules(yield* load(ghes.words.poolBytes));
  const count = granules(bytes);
  for (;;) {
    const start = yield* findRun(total, count, ghes.variant('pageChunks'));
    if (start === undefined) return undefined;
    if (yield* claimRun(start, start + count)) return ARENA.poolPa + BigInt(start) * POOL.granuleBytes;
  }
}
/** Gives bytes back. */
export function* poolFree(pa: bigint, bytes: bigint): Hosted {
  const start = Number((pa - ARENA.poolPa) / POOL.granuleBytes);
  yield* releaseRun(start, start + granules(bytes));
}
/** Bytes that are taken, as multiples of a granule. */
export function* poolUsed(ghes: Ghes): Hosted<bigint> {
  const total = granules(yield* load(ghes.words.poolBytes));
  let used = 0n;
  for (let n = 0; n * 64 < total; n++)
    for (let word = yield* load(ARENA.bitmapPa + BigInt(8 * n)); word; word &= word - 1n) used += POOL.granuleBytes;
  return used;
}
