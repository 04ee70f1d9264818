/** Records that were printed lately: the same again within ten seconds is not printed. */
import { atomic, compareAndSwap, type Hosted, load, store } from '../../engine/hosted/effects.ts';
import type { Cpu } from '../kit/cpu.ts';
import { copyBytes } from './estatus.ts';
import type { Ghes } from './ghes.ts';
import { CACHE, CACHED, CACHED_BYTES } from './layout.ts';
import { poolAlloc, poolFree } from './pool.ts';

const slotAt = (ghes: Ghes, n: bigint): bigint => ghes.words.cache + 8n * n;
const bytesOf = function* (object: bigint): Hosted<bigint> {
  return CACHED_BYTES + (yield* load(object + CACHED.bytes));
};

function* same(a: bigint, b: bigint, bytes: bigint): Hosted<boolean> {
  let at = 0n;
  for (; at + 8n <= bytes; at += 8n) if ((yield* load(a + at)) !== (yield* load(b + at))) return false;
  for (; at < bytes; at++) if ((yield* load(a + at, 1)) !== (yield* load(b + at, 1))) return false;
  return true;
}

/** The same bytes were printed less than ten seconds ago. Any context may ask. */
export function* cached(ghes: Ghes, cpu: Cpu, block: bigint, bytes: bigint): Hosted<boolean> {
  yield* atomic('add', ghes.words.cacheReaders, 1n);
  let hit = false;
  for (let n = 0n; n < CACHE.slots && !hit; n++) {
    const object = yield* load(slotAt(ghes, n));
    if (object === 0n || (yield* load(object + CACHED.bytes)) !== bytes) continue;
    if (!(yield* same(object + CACHED_BYTES, block, bytes))) continue;
    yield* atomic('add', object + CACHED.count, 1n);
    hit = (yield* cpu.timeNs()) - (yield* load(object + CACHED.timeNs)) < CACHE.validNs;
    break;
  }
  yield* atomic('add', ghes.words.cacheReaders, -1n);
  return hit;
}

/** Which slot a new one takes: an empty one, one out of date, else the oldest for how often it was asked for. */
function* victim(ghes: Ghes, nowNs: bigint): Hosted<bigint> {
  let worst = 0n;
  let worstAge = -1n;
  for (let n = 0n; n < CACHE.slots; n++) {
    const object = yield* load(slotAt(ghes, n));
    if (object === 0n) return n;
    const age = nowNs - (yield* load(object + CACHED.timeNs));
    if (age >= CACHE.validNs) return n;
    const weighed = age / ((yield* load(object + CACHED.count)) + 1n);
    if (weighed > worstAge) [worst, worstAge] = [n, weighed];
  }
  return worst;
}

/** Remembers a block that was printed, if there is room. Not for NMI-like code. */
export function* remember(ghes: Ghes, cpu: Cpu, block: bigint, bytes: bigint): Hosted {
  yield* freeRetired(ghes);
  if ((yield* atomic('add', ghes.words.cacheObjects, 1n)) >= CACHE.objectsMax) {
    yield* atomic('add', ghes.words.cacheObjects, -1n);
    return;
  }
  const object = yield* poolAlloc(ghes, CACHED_BYTES + bytes);
  if (object === undefined) {
    yield* atomic('add', ghes.words.cacheObjects, -1n);
    return;
  }
  const nowNs = yield* cpu.timeNs();
  yield* store(object + CACHED.count, 0n);
  yield* store(object + CACHED.bytes, bytes);
  yield* store(object + CACHED.timeNs, nowNs);
  yield* copyBytes(object + CACHED_BYTES, block, bytes);
  const slot = slotAt(ghes, yield* victim(ghes, nowNs));
  const before = yield* load(slot);
  if ((yield* compareAndSwap(slot, before, object)) !== before) {
    yield* retire(ghes, object);
  } else if (before !== 0n) yield* retire(ghes, before);
  yield* freeRetired(ghes);
}

/** Nobody new finds it; whoever reads it still may. */
function* retire(ghes: Ghes, object: bigint): Hosted {
  for (;;) {
    const head = yield* load(ghes.words.cacheRetired);
    yield* store(object + CACHED.next, head);
    if ((yield* compareAndSwap(ghes.words.cacheRetired, head, object)) === head) return;
  }
}
/** Frees what was retired, when nobody reads. */
function* freeRetired(ghes: Ghes): Hosted {
  let list = yield* atomic('swp', ghes.words.cacheRetired, 0n);
  const unread = (yield* load(ghes.words.cacheReaders)) === 0n;
  while (list !== 0n) {
    const next = yield* load(list + CACHED.next);
    if (unread) {
      yield* poolFree(list, yield* bytesOf(list));
      yield* atomic('add', ghes.words.cacheObjects, -1n);
    } else yield* retire(ghes, list);
    list = next;
  }
}
