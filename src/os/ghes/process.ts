/** What is done with a record once it is safe: actions by section, and the path of interrupts, timers and the probe. */
import { type Hosted, load } from '../../engine/hosted/effects.ts';
import { decodeStatusBlock } from '../../tables/cper/block.ts';
import type { ErrorDataEntry } from '../../tables/cper/entry.ts';
import type { Cpu } from '../kit/cpu.ts';
import { cached, remember } from './cache.ts';
import { check, clear, isError, type OrError, type Peeked, peek, read, totalBytes } from './estatus.ts';
import type { Ghes } from './ghes.ts';
import { ESTATUS_BYTES_MAX, type SlotName, SOURCE } from './layout.ts';
import { MF_FLAG, queueMemoryFailure } from './memory-failure.ts';
import { GHES_SEV, ghesSeverity, printAlways, printLimited } from './report.ts';

/** Section flag "error threshold exceeded". UEFI, "Section Flags". */
const THRESHOLD_EXCEEDED = 1 << 3;

/** The severity of a block as one of `GHES_SEV`. */
export function severityOf(block: Uint8Array): number {
  return ghesSeverity(new DataView(block.buffer, block.byteOffset, block.length).getUint32(16, true));
}

/** What a section asks for; true when pages were queued. */
function* section(ghes: Ghes, cpu: Cpu, entry: ErrorDataEntry, severity: number, sync: boolean): Hosted<boolean> {
  const own = ghesSeverity(entry.errorSeverity);
  const recoverable = severity === GHES_SEV.RECOVERABLE && own === GHES_SEV.RECOVERABLE;
  const required = sync ? MF_FLAG.ACTION_REQUIRED : 0n;
  if (entry.section.kind === 'memory') {
    const { physicalAddress } = entry.section.fields;
    if (physicalAddress === undefined) return false;
    const soft = own === GHES_SEV.CORRECTED && (entry.flags & THRESHOLD_EXCEEDED) !== 0;
    if (!soft && !recoverable) return false;
    return yield* page(ghes, cpu, physicalAddress, soft ? MF_FLAG.SOFT_OFFLINE : required);
  }
  if (entry.section.kind === 'armProcessor') {
    if (!recoverable) return false;
    let queued = false;
    for (const { physicalFaultAddress } of entry.section.fields.errorInfo)
      if (physicalFaultAddress !== undefined)
        queued = (yield* page(ghes, cpu, physicalFaultAddress, required)) || queued;
    return queued;
  }
  return false;
}
function* page(ghes: Ghes, cpu: Cpu, pa: bigint, flags: bigint): Hosted<boolean> {
  if (!ghes.isMemory(pa)) {
    yield* ghes.warn(cpu, `Invalid address in generic error data: 0x${pa.toString(16)}`);
    return false;
  }
  yield* queueMemoryFailure(ghes, cpu, pa >> 12n, flags);
  return true;
}

/** Acts on a record; true when pages were queued. Not for NMI-like code. */
export function* doProc(ghes: Ghes, cpu: Cpu, block: Uint8Array, sync: boolean): Hosted<boolean> {
  const { value } = decodeStatusBlock(block);
  let queued = false;
  for (const entry of value?.entries ?? [])
    queued = (yield* section(ghes, cpu, entry, severityOf(block), sync)) || queued;
  return queued;
}

/** The record is fatal: it is printed, the block given back, and the kernel stops. Does not come back. */
export function* panicOn(
  ghes: Ghes,
  cpu: Cpu,
  source: bigint,
  at: { readonly block: Uint8Array; readonly pa: bigint; readonly slot: SlotName },
): Hosted {
  const own = cpu.in('nmi');
  // The older path printed as an oops does, behind a lock that what was interrupted may hold.
  yield* printAlways(ghes, ghes.variant('oopsLock') ? cpu.in('irq') : own, source, at.block);
  yield* clear(ghes, own, source, { ...at, ack: true });
  yield* own.panic('GHES: Fatal hardware error');
}

/** Header and whole block into the buffer of a source. */
function* readEstatus(ghes: Ghes, cpu: Cpu, source: bigint, slot: SlotName): Hosted<OrError<Peeked & Block>> {
  const found = yield* peek(ghes, cpu, source, slot);
  if (isError(found)) return found;
  const { pa, header } = found as Peeked;
  const bytes = totalBytes(header);
  const wrong = yield* check(ghes, cpu, source, header);
  const to = yield* load(source + SOURCE.bufferPa);
  const room = bytes < ESTATUS_BYTES_MAX ? bytes : ESTATUS_BYTES_MAX;
  const block = wrong === 0n ? yield* read(ghes, cpu, source, { to, pa, bytes: room, slot }) : wrong;
  if (isError(block)) {
    yield* clear(ghes, cpu, source, { pa, slot, ack: true });
    return block;
  }
  return { pa, header, block: block as Uint8Array, bytes: room };
}
interface Block {
  readonly block: Uint8Array;
  readonly bytes: bigint;
}

/**
 * The path of interrupts, timers and the probe, under their lock: reads, prints, acts, gives back. 0, ENOENT, or EIO.
 */
export function* ghesProc(ghes: Ghes, cpu: Cpu, source: bigint, slot: SlotName = 'IRQ'): Hosted<bigint> {
  const found = yield* readEstatus(ghes, cpu, source, slot);
  if (isError(found)) return found;
  const { pa, block, bytes } = found as Peeked & Block;
  if (severityOf(block) >= GHES_SEV.PANIC) yield* panicOn(ghes, cpu, source, { block, pa, slot });
  const buffer = yield* load(source + SOURCE.bufferPa);
  if (!(yield* cached(ghes, cpu, buffer, bytes)) && (yield* printLimited(ghes, cpu, source, block)))
    yield* remember(ghes, cpu, buffer, bytes);
  yield* doProc(ghes, cpu, block, false);
  yield* clear(ghes, cpu, source, { pa, slot, ack: true });
  return 0n;
}
/** The same with the lock of interrupts. */
export function* ghesProcLocked(ghes: Ghes, cpu: Cpu, source: bigint): Hosted<bigint> {
  const flags = yield* cpu.spinLock(ghes.words.lockIrq);
  const result = yield* ghesProc(ghes, cpu.in('irq'), source);
  yield* cpu.spinUnlock(ghes.words.lockIrq, flags);
  return result;
}
