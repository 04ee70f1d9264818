/**
 * Where the error handler keeps what it keeps, and what its numbers are.
 *
 * Numbers of sizes and times are those of Linux, `drivers/acpi/apei/ghes.c` and `include/acpi/ghes.h`.
 */
import { BOARD } from '../kit/layout.ts';

/** First byte of the handler's memory, and its parts: page tables, sources, buffers, the pool with its bitmap. */
const ARENA_PA = BOARD.ramPa + 0x60_0000n;
/** Addresses in the handler's memory. */
export const ARENA = {
  tablesPa: ARENA_PA,
  sourcesPa: ARENA_PA + 0x4000n,
  buffersPa: ARENA_PA + 0x1_0000n,
  bitmapPa: ARENA_PA + 0x12_0000n,
  poolPa: ARENA_PA + 0x13_0000n,
} as const;

/** Most sources; a HEST with more is refused. */
export const GHES_SOURCES_MAX = 16;
/** Most bytes of one status block that are taken. */
export const ESTATUS_BYTES_MAX = 0x1_0000n;
/** Bytes of the pool for each source, and for the cache. */
export const POOL = { perSourceBytes: 0x1_0000n, cacheBytes: 512n * 6n, granuleBytes: 8n, pageBytes: 0x1000n } as const;
/** Header of a status block. */
export const HEADER_BYTES = 20n;

/** Fields of what is known of one source, in guest memory. */
export const SOURCE = {
  id: 0x00n,
  /** 1 for GHES, 2 for GHESv2. */
  version: 0x08n,
  notify: 0x10n,
  vector: 0x18n,
  pollMs: 0x20n,
  /** Register that holds the address of the block, and its bytes. */
  statusPa: 0x28n,
  statusBytes: 0x30n,
  blockBytes: 0x38n,
  ackPa: 0x40n,
  ackBytes: 0x48n,
  ackPreserve: 0x50n,
  ackWrite: 0x58n,
  ackOffset: 0x60n,
  enabled: 0x68n,
  /** See `PROBE`. */
  state: 0x70n,
  /** Buffer of the interrupt-like path. */
  bufferPa: 0x78n,
  /** Address of the block that is being read, where a variant keeps it here. */
  sharedPa: 0x80n,
  /** Virtual time of the next poll. */
  nextPollNs: 0x88n,
} as const;
/** Bytes of one source. */
export const SOURCE_BYTES = 0x100n;
/** States of a source. */
export const PROBE = { none: 0n, live: 1n, failed: 2n } as const;

/** Fields before a status block in a node of the queue. */
export const NODE = { next: 0n, source: 8n, bytes: 16n, synchronous: 24n, cpu: 32n } as const;
/** Bytes of them. */
export const NODE_BYTES = 48n;
/** Fields before a status block in the cache. */
export const CACHED = { next: 0n, count: 8n, bytes: 16n, timeNs: 24n } as const;
/** Bytes of them. */
export const CACHED_BYTES = 40n;
/** Slots of the cache, most blocks of it at a time, and how long one counts. */
export const CACHE = { slots: 4n, objectsMax: 6n, validNs: 10_000_000_000n } as const;
/** Records printed in an interval, for corrected errors and for worse ones each. */
export const RATE = { burst: 2n, intervalNs: 5_000_000_000n } as const;

/** Windows through which blocks are read: one for each context that can interrupt another. */
export const SLOT = { IRQ: 0n, SEA: 1n, SDEI_NORMAL: 2n, SDEI_CRITICAL: 3n, SEI: 4n, NMI: 5n } as const;
/** Name of a window. */
export type SlotName = keyof typeof SLOT;

/** Notification types. ACPI 6.5, "Hardware Error Notification". */
export const NOTIFY = { polled: 0n, external: 1n, SCI: 3n, GPIO: 7n, SEA: 8n, SEI: 9n, GSIV: 10n, SDEI: 11n } as const;

/** Software generated interrupts of the handler: deferred work, and pages to be taken away. */
export const GHES_SGI = { WORK: 5, MEMORY_FAILURE: 6 } as const;

/**
 * Designs that came before, each by what was wrong with it. Numbers are those of docs/guide/ghes.md.
 *
 * `oopsLock` 1 · `pageChunks` 3 · `poolAtProbe` 4, 5 · `addressInSource` 6, 8 · `noQueueAck` 10 · `directSea` 11, 12 ·
 * `inNmi` 15, 16 · `sharedBuffer` 17, 19 · `onePage` 20 · `noKick` 21, 22 · `noClaimWork` 23
 */
export const GHES_VARIANTS = [
  'oopsLock',
  'pageChunks',
  'poolAtProbe',
  'addressInSource',
  'noQueueAck',
  'directSea',
  'inNmi',
  'sharedBuffer',
  'onePage',
  'noKick',
  'noClaimWork',
] as const;
/** One of them. */
export type GhesVariant = (typeof GHES_VARIANTS)[number];
