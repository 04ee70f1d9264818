/**
 * Pages with errors: a queue for each CPU, filled out of interrupts, emptied by deferred work, or at once by who must
 * not go on before: a task that is about to meet the same error again.
 */
import { atomic, type Hosted, load, lock, store, unlock } from '../../engine/hosted/effects.ts';
import type { Cpu } from '../kit/cpu.ts';
import { areaOf } from '../kit/layout.ts';
import type { Ghes } from './ghes.ts';
import { GHES_SGI } from './layout.ts';

/** Entries of a CPU's queue. Linux, `mm/memory-failure.c`. */
export const MEMORY_FAILURE_FIFO = 16n;
/** Fields of a CPU's queue: places are counted on, entries are page frame numbers and flags. */
export const FIFO = { lock: 0n, head: 8n, tail: 16n, entries: 32n } as const;
/** Bytes of it. */
export const FIFO_BYTES = Number(FIFO.entries + MEMORY_FAILURE_FIFO * 16n);
/** What is to be done with a page. */
export const MF_FLAG = { ACTION_REQUIRED: 2n, SOFT_OFFLINE: 8n } as const;

const fifoOf = (ghes: Ghes, pe: number): bigint => areaOf(pe) + ghes.words.fifo;

/** Queues a page on this CPU, interrupts being out. Takes a lock that others take: not for NMI-like code. */
export function* queueMemoryFailure(ghes: Ghes, cpu: Cpu, pfn: bigint, flags: bigint): Hosted {
  const fifo = fifoOf(ghes, cpu.pe);
  const saved = yield* cpu.spinLock(fifo + FIFO.lock);
  const tail = yield* load(fifo + FIFO.tail);
  const full = tail - (yield* load(fifo + FIFO.head)) >= MEMORY_FAILURE_FIFO;
  if (!full) {
    const at = fifo + FIFO.entries + (tail % MEMORY_FAILURE_FIFO) * 16n;
    yield* store(at, pfn);
    yield* store(at + 8n, flags);
    yield* store(fifo + FIFO.tail, tail + 1n);
  }
  yield* cpu.spinUnlock(fifo + FIFO.lock, saved);
  if (full) yield* cpu.print(`Memory failure: buffer overflow when queuing memory failure at 0x${pfn.toString(16)}\n`);
  else if (ghes.options.pages !== 'kernel') yield* cpu.kernel.gic.send(GHES_SGI.MEMORY_FAILURE, 1 << cpu.pe);
}

/** Empties the queue of a CPU, now. */
export function* kickMemoryFailure(ghes: Ghes, cpu: Cpu, pe: number): Hosted {
  const fifo = fifoOf(ghes, pe);
  for (;;) {
    const saved = yield* cpu.irq.saveAndDisable();
    yield* lock(fifo + FIFO.lock, cpu.owner);
    const head = yield* load(fifo + FIFO.head);
    const empty = head === (yield* load(fifo + FIFO.tail));
    const at = fifo + FIFO.entries + (head % MEMORY_FAILURE_FIFO) * 16n;
    const pfn = empty ? 0n : yield* load(at);
    const flags = empty ? 0n : yield* load(at + 8n);
    if (!empty) yield* store(fifo + FIFO.head, head + 1n);
    yield* unlock(fifo + FIFO.lock);
    yield* cpu.irq.restore(saved);
    if (empty) return;
    yield* takeAway(ghes, cpu, pfn, flags);
  }
}

/** The page goes. What that means to its users is `options.memoryFailure`'s to say. */
function* takeAway(ghes: Ghes, cpu: Cpu, pfn: bigint, flags: bigint): Hosted {
  const count = yield* load(ghes.words.poisonedCount);
  for (let n = 0n; n < count; n++) {
    if ((yield* load(ghes.words.poisoned + 8n * n)) !== pfn) continue;
    if (!(flags & MF_FLAG.SOFT_OFFLINE))
      yield* cpu.print(`Memory failure: 0x${pfn.toString(16)}: already hardware poisoned\n`);
    return;
  }
  const n = yield* atomic('add', ghes.words.poisonedCount, 1n);
  if (n < POISONED_MAX) yield* store(ghes.words.poisoned + 8n * n, pfn);
  else yield* store(ghes.words.poisonedCount, POISONED_MAX);
  if (ghes.options.memoryFailure) return yield* ghes.options.memoryFailure(cpu, pfn, flags);
  if (!(flags & MF_FLAG.SOFT_OFFLINE))
    yield* cpu.print(`Memory failure: 0x${pfn.toString(16)}: recovery action for free buddy page: Recovered\n`);
}
/** Pages that are remembered as gone. */
export const POISONED_MAX = 64n;
