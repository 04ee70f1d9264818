/** NMIs: interrupts of a better priority than the mask, told from the others, without a lock that others take. */
import { type Hosted, hint, load, mrs, msr, store } from '../../engine/hosted/effects.ts';
import type { Cpu } from '../kit/cpu.ts';
import { ERRNO } from '../kit/errno.ts';
import type { Frame } from '../kit/frame.ts';
import { INTID_SPURIOUS } from '../kit/gic.ts';
import { DESCRIPTOR_BYTES } from '../kit/kernel.ts';
import { nmiEnter, nmiExit } from '../kit/nesting.ts';
import { PMR } from './pmr.ts';

/** Fields of what is known of an interrupt, in its descriptor. */
export const DESCRIPTOR = {
  /** Lock of the descriptor; NMI code never takes it. */
  lock: 0x00n,
  /** See `IRQ_STATE`. */
  state: 0x08n,
  /** CPUs on which a private interrupt is prepared as an NMI. */
  prepared: 0x10n,
  /** NMIs taken. */
  taken: 0x18n,
} as const;
/** Bits of a descriptor's state. */
export const IRQ_STATE = { REQUESTED: 1n, NMI: 2n } as const;
/** Flags of a request, as Linux names them. */
export const IRQF = {
  SHARED: 0x80,
  PERCPU: 0x400,
  NOBALANCING: 0x800,
  IRQPOLL: 0x1000,
  NO_THREAD: 0x1_0000,
  COND_SUSPEND: 0x4_0000,
  NO_AUTOEN: 0x8_0000,
} as const;
/** First LPI: a message has no priority of its own in the distributor. */
const LPI_FIRST = 8192;

const at = (cpu: Cpu, intid: number, field: bigint): bigint =>
  cpu.kernel.words.descriptors + BigInt(intid) * DESCRIPTOR_BYTES + field;

// --- taking one ---

/** After an acknowledge: the running priority is that of NMIs. */
export function* nmiByPriority(): Hosted<boolean> {
  return (yield* mrs('ICC_RPR_EL1')) === PMR.NMI;
}

/** An interrupt out of code that had interrupts out: it can be nothing but an NMI. Others do not nest in it. */
export function* handleAsNmi(cpu: Cpu, frame: Frame): Hosted {
  // An NMI that went away must not have an ordinary interrupt acknowledged in its place.
  const pmr = yield* mrs('ICC_PMR_EL1');
  yield* msr('ICC_PMR_EL1', PMR.IRQOFF);
  yield* hint('isb');
  const intid = yield* cpu.kernel.gic.acknowledge();
  yield* msr('ICC_PMR_EL1', pmr);
  if (intid < INTID_SPURIOUS) yield* runNmi(cpu, frame, intid);
}

/** From an acknowledge to its end. No lock is taken, nothing of the ordinary accounting is touched. */
export function* runNmi(cpu: Cpu, frame: Frame, intid: bigint): Hosted {
  const own = cpu.in('nmi');
  yield* nmiEnter(own);
  yield* store(own.at(own.kernel.nmiFrame), frame.pa);
  const taken = at(own, Number(intid), DESCRIPTOR.taken);
  yield* store(taken, (yield* load(taken)) + 1n);
  const handler = own.kernel.nmiHandler(Number(intid));
  if (handler) yield* handler(own, Number(intid));
  yield* own.kernel.gic.end(intid);
  yield* nmiExit(own);
}

// --- having one ---

const forbidden = IRQF.SHARED | IRQF.COND_SUSPEND | IRQF.IRQPOLL;

function* setUp(cpu: Cpu, intid: number): Hosted<bigint> {
  if (cpu.irq.name !== 'pmr') return ERRNO.EINVAL;
  if (yield* cpu.kernel.gic.enabled(intid, cpu.pe)) return ERRNO.EINVAL;
  yield* cpu.kernel.gic.setPriority(intid, cpu.pe, yield* load(cpu.kernel.words.priorityNmi));
  return 0n;
}
function* tearDown(cpu: Cpu, intid: number): Hosted {
  yield* cpu.kernel.gic.setPriority(intid, cpu.pe, yield* load(cpu.kernel.words.priorityIrq));
}

function* claim(cpu: Cpu, intid: number, percpu: boolean): Hosted<bigint> {
  if (!cpu.kernel.nmiHandler(intid)) return ERRNO.EINVAL;
  if (intid >= LPI_FIRST || percpu !== intid < 32) return ERRNO.EINVAL;
  if (cpu.irq.name !== 'pmr') return ERRNO.EINVAL;
  const state = at(cpu, intid, DESCRIPTOR.state);
  if ((yield* load(state)) & IRQ_STATE.REQUESTED) return ERRNO.EINVAL;
  return 0n;
}

/**
 * Makes an SPI an NMI of one owner; it is not enabled yet. 0, EINVAL, or ENOTCONN for an interrupt there is not.
 *
 * @param flags - PERCPU and NO_AUTOEN must be among them; SHARED, COND_SUSPEND and IRQPOLL must not
 */
export function* requestNmi(cpu: Cpu, intid: number, flags: number): Hosted<bigint> {
  if (intid >= 256 && intid < LPI_FIRST) return ERRNO.ENOTCONN;
  if (!(flags & IRQF.PERCPU) || !(flags & IRQF.NO_AUTOEN) || flags & forbidden) return ERRNO.EINVAL;
  const error = yield* claim(cpu, intid, false);
  if (error !== 0n) return error;
  const lock = at(cpu, intid, DESCRIPTOR.lock);
  const saved = yield* cpu.spinLock(lock);
  // Another CPU may have asked since.
  const taken = ((yield* load(at(cpu, intid, DESCRIPTOR.state))) & IRQ_STATE.REQUESTED) !== 0n;
  const refused = taken ? ERRNO.EINVAL : yield* setUp(cpu, intid);
  if (refused === 0n) yield* store(at(cpu, intid, DESCRIPTOR.state), IRQ_STATE.REQUESTED | IRQ_STATE.NMI);
  yield* cpu.spinUnlock(lock, saved);
  return refused;
}
/** Enables an SPI that is an NMI. */
export function* enableNmi(cpu: Cpu, intid: number): Hosted {
  yield* cpu.kernel.gic.enable(intid, cpu.pe);
}
/** Disables it, without waiting for a handler that runs. */
export function* disableNmi(cpu: Cpu, intid: number): Hosted {
  yield* cpu.kernel.gic.disable(intid, cpu.pe);
}
/** Gives an SPI back: an ordinary interrupt again. */
export function* freeNmi(cpu: Cpu, intid: number): Hosted {
  yield* disableNmi(cpu, intid);
  yield* tearDown(cpu, intid);
  yield* store(at(cpu, intid, DESCRIPTOR.state), 0n);
}

/** Makes a PPI or SGI an NMI of one owner; each CPU then prepares and enables its own. 0 or EINVAL. */
export function* requestPercpuNmi(cpu: Cpu, intid: number): Hosted<bigint> {
  const error = yield* claim(cpu, intid, true);
  if (error === 0n) yield* store(at(cpu, intid, DESCRIPTOR.state), IRQ_STATE.REQUESTED | IRQ_STATE.NMI);
  return error;
}
/** Gives this CPU's copy of a private interrupt the priority of NMIs. 0 or EINVAL. */
export function* preparePercpuNmi(cpu: Cpu, intid: number): Hosted<bigint> {
  if (!((yield* load(at(cpu, intid, DESCRIPTOR.state))) & IRQ_STATE.NMI)) return ERRNO.EINVAL;
  const error = yield* setUp(cpu, intid);
  if (error !== 0n) return error;
  const lock = at(cpu, intid, DESCRIPTOR.lock);
  const saved = yield* cpu.spinLock(lock);
  const prepared = at(cpu, intid, DESCRIPTOR.prepared);
  yield* store(prepared, (yield* load(prepared)) | (1n << BigInt(cpu.pe)));
  yield* cpu.spinUnlock(lock, saved);
  return 0n;
}
/** Inverse of `preparePercpuNmi`. */
export function* teardownPercpuNmi(cpu: Cpu, intid: number): Hosted {
  const lock = at(cpu, intid, DESCRIPTOR.lock);
  const saved = yield* cpu.spinLock(lock);
  const prepared = at(cpu, intid, DESCRIPTOR.prepared);
  yield* store(prepared, (yield* load(prepared)) & ~(1n << BigInt(cpu.pe)));
  yield* cpu.spinUnlock(lock, saved);
  yield* tearDown(cpu, intid);
}
/** Gives a private NMI back; EINVAL while a CPU still has it prepared. */
export function* freePercpuNmi(cpu: Cpu, intid: number): Hosted<bigint> {
  if ((yield* load(at(cpu, intid, DESCRIPTOR.prepared))) !== 0n) return ERRNO.EINVAL;
  yield* store(at(cpu, intid, DESCRIPTOR.state), 0n);
  return 0n;
}
/** NMIs of an INTID taken so far. */
export function nmisTaken(cpu: Cpu, intid: number): Hosted<bigint> {
  return load(at(cpu, intid, DESCRIPTOR.taken));
}
