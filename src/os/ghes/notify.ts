/**
 * Notifications that come whatever is masked: each kind has a lock and a window of its own, so that none waits for one
 * that it interrupted.
 */
import { atomic, type Hosted, load, lock, mrs, msr, msrImmediate, unlock } from '../../engine/hosted/effects.ts';
import type { Cpu } from '../kit/cpu.ts';
import { ERRNO } from '../kit/errno.ts';
import { type Frame, PSTATE_I } from '../kit/frame.ts';
import { AREA } from '../kit/layout.ts';
import { nmiEnter, nmiExit } from '../kit/nesting.ts';
import type { Ghes } from './ghes.ts';
import { NOTIFY, PROBE, SLOT, type SlotName, SOURCE } from './layout.ts';
import { ghesProc } from './process.ts';
import { queueOne, queueWork, runTaskWork, runWork } from './queue.ts';

/** The NMI-like kinds. */
export type NmiLike = Exclude<SlotName, 'IRQ' | 'NMI'>;

/** Holds the lock of a kind, which nothing but that kind takes. */
function* underLock(ghes: Ghes, cpu: Cpu, slot: SlotName, body: () => Hosted<bigint>): Hosted<bigint> {
  // The older design takes a lock inside the copy instead.
  if (ghes.variant('inNmi')) return yield* body();
  const va = ghes.words.locks + 8n * SLOT[slot];
  yield* lock(va, cpu.owner);
  const result = yield* body();
  yield* unlock(va);
  return result;
}

/** All live sources of a kind of notification. */
export function* sourcesOf(ghes: Ghes, ...kinds: readonly bigint[]): Hosted<bigint[]> {
  const found: bigint[] = [];
  for (const source of yield* ghes.sources())
    if ((yield* load(source + SOURCE.state)) === PROBE.live && kinds.includes(yield* load(source + SOURCE.notify)))
      found.push(source);
  return found;
}

/** Takes what the sources have: 0 when one of them had something, else ENOENT. Each is handled before the next. */
function* queueFrom(ghes: Ghes, cpu: Cpu, sources: readonly bigint[], slot: SlotName, sync: boolean): Hosted<bigint> {
  let result: bigint = ERRNO.ENOENT;
  for (const source of sources) if ((yield* queueOne(ghes, cpu, source, slot, sync)) === 0n) result = 0n;
  if (result === 0n) yield* queueWork(ghes, cpu);
  return result;
}

/** An SDEI event of one source, in its handler. 0, or ENOENT: then the event was for nothing. */
export function* notifySdei(ghes: Ghes, cpu: Cpu, source: bigint, slot: NmiLike): Hosted<bigint> {
  return yield* underLock(ghes, cpu, slot, () => queueFrom(ghes, cpu, [source], slot, false));
}
/** An SError, in its handler. 0, or ENOENT. */
export function* notifySei(ghes: Ghes, cpu: Cpu): Hosted<bigint> {
  const sources = yield* sourcesOf(ghes, NOTIFY.SEI);
  return yield* underLock(ghes, cpu, 'SEI', () => queueFrom(ghes, cpu, sources, 'SEI', false));
}
/** A synchronous External abort, in NMI context. 0, or ENOENT. */
function* notifySea(ghes: Ghes, cpu: Cpu): Hosted<bigint> {
  const sources = yield* sourcesOf(ghes, NOTIFY.SEA);
  if (!ghes.variant('directSea'))
    return yield* underLock(ghes, cpu, 'SEA', () => queueFrom(ghes, cpu, sources, 'SEA', true));
  // Before: all of the handler, with its locks, in what may have interrupted their holder.
  let result: bigint = ERRNO.ENOENT;
  for (const source of sources) {
    yield* lock(ghes.words.lockIrq, cpu.owner);
    if ((yield* ghesProc(ghes, cpu, source, 'SEA')) === 0n) result = 0n;
    yield* unlock(ghes.words.lockIrq);
  }
  return result;
}

/**
 * Whoever met a synchronous External abort offers it: 0 when firmware had told of it and everything that has to come
 * first was done; ENOENT when it had not; EINPROGRESS when that could not be done here.
 *
 * @param frame - what was interrupted; without one, who asks says what its interrupts are: a hypervisor for its guest
 */
export function* claimSea(ghes: Ghes, cpu: Cpu, frame?: Frame): Hosted<bigint> {
  const { irq } = cpu;
  const daif = yield* irq.daifSave();
  const enabled = frame
    ? !irq.wasDisabled(frame.pstate, irq.name === 'pmr' ? yield* ghes.framePmr(frame) : 0n)
    : (daif & PSTATE_I) === 0n;
  // SErrors out as well: the same record is not to be met twice at once.
  yield* irq.daifRestore(0x1c0n);
  const own = cpu.in('nmi');
  yield* nmiEnter(own);
  let result = yield* notifySea(ghes, own);
  yield* nmiExit(own);
  if (result === 0n && !ghes.variant('directSea') && !ghes.variant('noClaimWork')) {
    if (enabled) {
      yield* irq.daifRestore(0xc0n);
      yield* cpu.add(AREA.irqDepth, 1n);
      if ((yield* atomic('swp', cpu.at(ghes.words.workPending), 0n)) !== 0n) yield* runWork(ghes, cpu.in('irq'));
      yield* cpu.add(AREA.irqDepth, -1n);
    } else {
      yield* ghes.warn(own, 'APEI work queued but not completed');
      result = ERRNO.EINPROGRESS;
    }
  }
  yield* irq.daifRestore(daif);
  return result;
}

/** Fault status codes that are External aborts or parity errors. DDI 0487, "ISS encoding ... Data Abort". */
const isSea = (esr: bigint): boolean => {
  const ec = (esr >> 26n) & 0x3fn;
  const fsc = esr & 0x3fn;
  const abort = ec === 0x20n || ec === 0x21n || ec === 0x24n || ec === 0x25n;
  return abort && (fsc === 0x10n || (fsc >= 0x13n && fsc <= 0x18n) || (fsc >= 0x1bn && fsc <= 0x1fn));
};

/** The kernel's handler of synchronous exceptions: takes aborts that firmware told of. */
export function* handleSync(ghes: Ghes, cpu: Cpu, frame: Frame, esr: bigint): Hosted<boolean> {
  if (!isSea(esr)) return false;
  const { fixup } = ghes.options;
  // Code of the kernel that can go on after an abort says how; other kernel code cannot, and the record stays.
  if (!frame.fromEl0 && !fixup) return false;
  if ((yield* claimSea(ghes, cpu, frame)) !== 0n) return false;
  if (frame.fromEl0) {
    yield* runTaskWork(ghes, cpu);
    return ghes.options.afterUserSea ? yield* ghes.options.afterUserSea(cpu, frame) : true;
  }
  return yield* fixup!(cpu, frame);
}

/** What the ESR of an SError says: go on, or not. DDI 0487, "ISS encoding for ... an SError interrupt". */
const survivable = (esr: bigint): boolean => {
  const aet = (esr >> 10n) & 7n;
  return (esr & (1n << 24n)) === 0n && (esr & 0x3fn) === 0x11n && (aet === 2n || aet === 6n);
};
/** An SError: firmware may have told of it; one that nothing tells of and that is not harmless is the end. */
export function* handleSerror(ghes: Ghes, cpu: Cpu, frame: Frame): Hosted {
  const own = cpu.in('nmi');
  const esr = yield* mrs(cpu.reg('ESR'));
  yield* msr('DAIF', 0x1c0n);
  yield* nmiEnter(own);
  const told = yield* notifySei(ghes, own);
  yield* nmiExit(own);
  if (told !== 0n && !survivable(esr))
    yield* own.panic(`Asynchronous SError Interrupt at 0x${frame.pc.toString(16)}, ESR 0x${esr.toString(16)}`);
  yield* msrImmediate('DAIFSet', 15);
}
