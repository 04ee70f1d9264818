/** Records on their way from NMI-like code to code that may take locks: a list without a lock, and deferred work. */
import { atomic, compareAndSwap, type Hosted, load, store } from '../../engine/hosted/effects.ts';
import type { Cpu } from '../kit/cpu.ts';
import { ERRNO } from '../kit/errno.ts';
import { cached, remember } from './cache.ts';
import { bytesAt, check, clear, copyBytes, isError, type Peeked, peek, read, totalBytes } from './estatus.ts';
import type { Ghes } from './ghes.ts';
import { GHES_SGI, NODE, NODE_BYTES, type SlotName, SOURCE } from './layout.ts';
import { kickMemoryFailure } from './memory-failure.ts';
import { poolAlloc, poolFree } from './pool.ts';
import { doProc, panicOn, severityOf } from './process.ts';
import { GHES_SEV, printLimited } from './report.ts';

/** Puts a node in front of a list; whoever interrupts here may do the same. */
function* push(head: bigint, node: bigint): Hosted {
  for (;;) {
    const next = yield* load(head);
    yield* store(node + NODE.next, next);
    if ((yield* compareAndSwap(head, next, node)) === next) return;
  }
}
/** Takes the whole list, oldest first. */
function* takeAll(head: bigint): Hosted<bigint> {
  let list = yield* atomic('swp', head, 0n);
  let reversed = 0n;
  while (list !== 0n) {
    const next = yield* load(list + NODE.next);
    yield* store(list + NODE.next, reversed);
    reversed = list;
    list = next;
  }
  return reversed;
}

/** Where the path of NMI-like code keeps a record: its own node, or, before, the buffer of the source. */
function* room(ghes: Ghes, source: bigint, bytes: bigint): Hosted<bigint | undefined> {
  const node = yield* poolAlloc(ghes, NODE_BYTES + bytes);
  if (node === undefined) return undefined;
  yield* store(node + NODE.source, source);
  yield* store(node + NODE.bytes, bytes);
  return node;
}

/**
 * Takes the record of one source into the queue, under the lock of its kind of notification. 0; ENOENT when there was
 * nothing usable; ENOMEM when there was no room, and then the block stays firmware's to repeat.
 */
export function* queueOne(ghes: Ghes, cpu: Cpu, source: bigint, slot: SlotName, sync = false): Hosted<bigint> {
  const ack = !ghes.variant('noQueueAck');
  const found = yield* peek(ghes, cpu, source, slot);
  if (isError(found)) return ERRNO.ENOENT;
  const { pa, header } = found as Peeked;
  if ((yield* check(ghes, cpu, source, header)) !== 0n) {
    yield* clear(ghes, cpu, source, { pa, slot, ack });
    return ERRNO.ENOENT;
  }
  const bytes = totalBytes(header);
  const node = yield* room(ghes, source, bytes);
  if (node === undefined) return ERRNO.ENOMEM;
  const into = ghes.variant('sharedBuffer') ? yield* load(source + SOURCE.bufferPa) : node + NODE_BYTES;
  const block = yield* read(ghes, cpu, source, { to: into, pa, bytes, slot });
  if (isError(block)) {
    yield* clear(ghes, cpu, source, { pa, slot, ack });
    yield* poolFree(node, NODE_BYTES + bytes);
    return ERRNO.ENOENT;
  }
  if (into !== node + NODE_BYTES) yield* copyBytes(node + NODE_BYTES, into, bytes);
  if (severityOf(block as Uint8Array) >= GHES_SEV.PANIC) {
    yield* printQueued(ghes, cpu);
    yield* panicOn(ghes, cpu, source, { block: block as Uint8Array, pa, slot });
  }
  yield* clear(ghes, cpu, source, { pa, slot, ack });
  if (yield* cached(ghes, cpu, node + NODE_BYTES, bytes)) {
    yield* poolFree(node, NODE_BYTES + bytes);
    return 0n;
  }
  yield* store(node + NODE.synchronous, sync ? 1n : 0n);
  yield* store(node + NODE.cpu, BigInt(cpu.pe));
  yield* push(ghes.words.queue, node);
  return 0n;
}

/** What waits is printed before a panic: nothing will come to it any more. */
function* printQueued(ghes: Ghes, cpu: Cpu): Hosted {
  for (let node = yield* takeAll(ghes.words.queue); node !== 0n; node = yield* load(node + NODE.next)) {
    const block = yield* bytesAt(node + NODE_BYTES, yield* load(node + NODE.bytes));
    yield* printLimited(ghes, cpu.in('nmi'), yield* load(node + NODE.source), block);
  }
}

/** Asks for `runWork` on this CPU, as soon as interrupts are in. */
export function* queueWork(ghes: Ghes, cpu: Cpu): Hosted {
  const before = yield* atomic('swp', cpu.at(ghes.words.workPending), 1n);
  if (before === 0n) yield* cpu.kernel.gic.send(GHES_SGI.WORK, 1 << cpu.pe);
}

/** Deferred work, in interrupt context: each record in the order of its arrival is acted on, printed, forgotten. */
export function* runWork(ghes: Ghes, cpu: Cpu): Hosted {
  yield* store(cpu.at(ghes.words.workPending), 0n);
  let node = yield* takeAll(ghes.words.queue);
  while (node !== 0n) {
    const next = yield* load(node + NODE.next);
    const bytes = yield* load(node + NODE.bytes);
    const source = yield* load(node + NODE.source);
    const sync = (yield* load(node + NODE.synchronous)) !== 0n;
    const block = yield* bytesAt(node + NODE_BYTES, bytes);
    const queued = yield* doProc(ghes, cpu, block, sync);
    if (!(yield* cached(ghes, cpu, node + NODE_BYTES, bytes)) && (yield* printLimited(ghes, cpu, source, block)))
      yield* remember(ghes, cpu, node + NODE_BYTES, bytes);
    if (queued && sync && !ghes.variant('noKick')) {
      yield* store(node + NODE.cpu, BigInt(cpu.pe));
      yield* push(cpu.at(ghes.words.taskWork), node);
    } else yield* poolFree(node, NODE_BYTES + bytes);
    node = next;
  }
}

/** Before a task goes on: pages that it is about to touch again are taken away first. */
export function* runTaskWork(ghes: Ghes, cpu: Cpu): Hosted {
  for (let node = yield* takeAll(cpu.at(ghes.words.taskWork)); node !== 0n; ) {
    const next = yield* load(node + NODE.next);
    yield* kickMemoryFailure(ghes, cpu, Number(yield* load(node + NODE.cpu)));
    yield* poolFree(node, NODE_BYTES + (yield* load(node + NODE.bytes)));
    node = next;
  }
}
