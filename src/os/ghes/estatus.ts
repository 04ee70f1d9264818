/** Status blocks where firmware has put them: looking, checking, reading, giving back. */
import { type Hosted, load, lock, store, unlock } from '../../engine/hosted/effects.ts';
import type { Cpu } from '../kit/cpu.ts';
import { ERRNO } from '../kit/errno.ts';
import { inNmi } from '../kit/nesting.ts';
import { mapSlot, unmapSlot } from './fixmap.ts';
import type { Ghes } from './ghes.ts';
import { HEADER_BYTES, POOL, type SlotName, SOURCE } from './layout.ts';

/** Header of a block, in locals. ACPI 6.5, "Generic Error Status Block". */
export interface Header {
  readonly status: bigint;
  readonly rawOffset: bigint;
  readonly rawBytes: bigint;
  readonly dataBytes: bigint;
  readonly severity: bigint;
}
/** What looking found: the block's address, and its header. */
export interface Peeked {
  readonly pa: bigint;
  readonly header: Header;
}
/** An error number (negative) instead of a value. */
export type OrError<T> = T | bigint;
/** A value is an error number. */
export const isError = (value: unknown): value is bigint => typeof value === 'bigint' && value < 0n;

/** Bytes of the header of an entry without a timestamp. ACPI 6.5, "Generic Error Data Entry". */
const ENTRY_BYTES_MIN = 64n;
const U32 = 0xffff_ffffn;

/** Copies bytes between memory of any alignment, as far as both are mapped. */
export function* copyBytes(to: bigint, from: bigint, bytes: bigint): Hosted {
  let at = 0n;
  for (; at + 8n <= bytes; at += 8n) yield* store(to + at, yield* load(from + at));
  for (; at < bytes; at++) yield* store(to + at, yield* load(from + at, 1), 1);
}
/** Bytes of memory, in a local. */
export function* bytesAt(pa: bigint, bytes: bigint): Hosted<Uint8Array> {
  const out = new Uint8Array(Number(bytes));
  const view = new DataView(out.buffer);
  let at = 0;
  for (; at + 8 <= out.length; at += 8) view.setBigUint64(at, yield* load(pa + BigInt(at)), true);
  for (; at < out.length; at++) out[at] = Number(yield* load(pa + BigInt(at), 1));
  return out;
}

/** The older designs chose lock and window here, by whether the CPU is in an NMI. */
function* enterCopy(ghes: Ghes, cpu: Cpu, slot: SlotName): Hosted<{ slot: SlotName; lockVa?: bigint }> {
  if (ghes.variant('inNmi')) {
    const nmi = yield* inNmi(cpu);
    const lockVa = nmi ? ghes.words.lockNmi : ghes.words.lockCopyIrq;
    yield* lock(lockVa, cpu.owner);
    return { slot: nmi ? 'NMI' : 'IRQ', lockVa };
  }
  return { slot: ghes.variant('onePage') && slot !== 'IRQ' ? 'NMI' : slot };
}

/** Reads physical memory of the firmware through a window, page by page. */
export function* copyFromPhys(ghes: Ghes, cpu: Cpu, to: bigint, pa: bigint, bytes: bigint, slot: SlotName): Hosted {
  const chosen = yield* enterCopy(ghes, cpu, slot);
  for (let done = 0n; done < bytes; ) {
    const here = pa + done;
    const rest = POOL.pageBytes - (here % POOL.pageBytes);
    const part = bytes - done < rest ? bytes - done : rest;
    const va = yield* mapSlot(cpu, chosen.slot, here);
    yield* copyBytes(to + done, va, part);
    yield* unmapSlot(cpu, chosen.slot);
    done += part;
  }
  if (chosen.lockVa !== undefined) yield* unlock(chosen.lockVa);
}
/** Header through a window, in locals; one that crosses a page is read from both. */
function* readHeader(ghes: Ghes, cpu: Cpu, pa: bigint, slot: SlotName): Hosted<Header> {
  const chosen = yield* enterCopy(ghes, cpu, slot);
  const words: bigint[] = [];
  let mapped = -1n;
  let va = 0n;
  for (let n = 0n; n < HEADER_BYTES / 4n; n++) {
    let word = 0n;
    const at = pa + 4n * n;
    const steps = at % 4n === 0n ? [[0n, 4]] : [0n, 1n, 2n, 3n].map((byte) => [byte, 1]);
    for (const [byte, size] of steps as [bigint, 1 | 4][]) {
      const here = at + byte;
      if (here / POOL.pageBytes !== mapped) {
        va = (yield* mapSlot(cpu, chosen.slot, here)) - (here % POOL.pageBytes);
        mapped = here / POOL.pageBytes;
      }
      word |= (yield* load(va + (here % POOL.pageBytes), size)) << (8n * byte);
    }
    words.push(word);
  }
  yield* unmapSlot(cpu, chosen.slot);
  if (chosen.lockVa !== undefined) yield* unlock(chosen.lockVa);
  const [status, rawOffset, rawBytes, dataBytes, severity] = words as [bigint, bigint, bigint, bigint, bigint];
  return { status, rawOffset, rawBytes, dataBytes, severity };
}

/** Bytes of a block by its header. */
export const totalBytes = ({ rawOffset, rawBytes, dataBytes }: Header): bigint =>
  (rawBytes !== 0n ? rawOffset + rawBytes : HEADER_BYTES + dataBytes) & U32;

/** Looks whether a source has something: ENOENT when not, EIO when its register leads nowhere. */
export function* peek(ghes: Ghes, cpu: Cpu, source: bigint, slot: SlotName): Hosted<OrError<Peeked>> {
  const bytes = Number(yield* load(source + SOURCE.statusBytes)) as 4 | 8;
  const pa = yield* load(yield* load(source + SOURCE.statusPa), bytes);
  if (ghes.variant('addressInSource')) yield* store(source + SOURCE.sharedPa, pa);
  if (pa === 0n) return ERRNO.ENOENT;
  if (!ghes.isMemory(pa)) {
    yield* ghes.warn(cpu, `Failed to read error status block address for source ${yield* load(source + SOURCE.id)}`);
    return ERRNO.EIO;
  }
  const header = yield* readHeader(ghes, cpu, pa, slot);
  if (header.status === 0n) {
    if (ghes.variant('addressInSource')) yield* store(source + SOURCE.sharedPa, 0n);
    return ERRNO.ENOENT;
  }
  return { pa, header };
}

/** Checks the lengths in a header; 0 or EIO. */
export function* check(ghes: Ghes, cpu: Cpu, source: bigint, header: Header): Hosted<bigint> {
  const bytes = totalBytes(header);
  const limit = yield* load(source + SOURCE.blockBytes);
  let wrong: string | undefined;
  if (bytes < HEADER_BYTES) wrong = 'Truncated error status block!';
  else if (bytes > limit) wrong = 'Invalid error status block length!';
  else if (header.dataBytes !== 0n && header.dataBytes < ENTRY_BYTES_MIN) wrong = 'Invalid CPER header!';
  else if (header.rawBytes !== 0n && header.rawOffset < HEADER_BYTES + header.dataBytes) wrong = 'Invalid CPER header!';
  if (wrong === undefined) return 0n;
  yield* ghes.warn(cpu, wrong);
  return ERRNO.EIO;
}

/** Entries fill their data exactly. ACPI 6.5, "Generic Error Data Entry". */
export function entriesFit(block: Uint8Array): boolean {
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  let left = view.getUint32(12, true);
  let at = Number(HEADER_BYTES);
  while (left > 0) {
    if (left < Number(ENTRY_BYTES_MIN) || at + 64 > block.length) return false;
    const header = view.getUint16(at + 20, true) >> 8 >= 3 ? 72 : 64;
    const size = header + view.getUint32(at + 24, true);
    if (size > left) return false;
    at += size;
    left -= size;
  }
  return true;
}

/** Reads a whole block into memory of the handler; its bytes, or EIO. */
export function* read(
  ghes: Ghes,
  cpu: Cpu,
  source: bigint,
  at: { readonly to: bigint; readonly pa: bigint; readonly bytes: bigint; readonly slot: SlotName },
): Hosted<OrError<Uint8Array>> {
  const pa = ghes.variant('addressInSource') ? yield* load(source + SOURCE.sharedPa) : at.pa;
  yield* copyFromPhys(ghes, cpu, at.to, pa, at.bytes, at.slot);
  const block = yield* bytesAt(at.to, at.bytes);
  if (entriesFit(block)) return block;
  yield* ghes.warn(cpu, 'Failed to read error status block!');
  return ERRNO.EIO;
}

/** Gives a block back: no error in it, and for version 2 the acknowledgement. An address of 0 is nothing to clear. */
export function* clear(
  ghes: Ghes,
  cpu: Cpu,
  source: bigint,
  at: { readonly pa: bigint; readonly slot: SlotName; readonly ack: boolean },
): Hosted {
  const pa = ghes.variant('addressInSource') ? yield* load(source + SOURCE.sharedPa) : at.pa;
  if (pa === 0n) return;
  const chosen = yield* enterCopy(ghes, cpu, at.slot);
  for (let n = 0n; n < 4n; n++) {
    const whole = pa % 4n === 0n;
    const va = yield* mapSlot(cpu, chosen.slot, pa + n);
    yield* store(va, 0n, whole ? 4 : 1);
    yield* unmapSlot(cpu, chosen.slot);
    if (whole) break;
  }
  if (chosen.lockVa !== undefined) yield* unlock(chosen.lockVa);
  if (at.ack && (yield* load(source + SOURCE.version)) === 2n) yield* acknowledge(source);
}
/** GHESv2: what is to be kept is kept, what is to be written is written. */
function* acknowledge(source: bigint): Hosted {
  const pa = yield* load(source + SOURCE.ackPa);
  const bytes = Number(yield* load(source + SOURCE.ackBytes)) as 4 | 8;
  const offset = yield* load(source + SOURCE.ackOffset);
  const preserve = yield* load(source + SOURCE.ackPreserve);
  const write = yield* load(source + SOURCE.ackWrite);
  const value = yield* load(pa, bytes);
  yield* store(pa, (value & (preserve << offset)) | (write << offset), bytes);
}
