/** Register frames: what an exception interrupted, on a stack in guest memory. */
import {
  eret,
  type Hosted,
  load,
  loadPair,
  mrs,
  msr,
  readX,
  store,
  storePair,
  writeX,
} from '../../engine/hosted/effects.ts';
import { AREA, areaOf, insideStack, stackTop } from './layout.ts';

/** Places in a frame. X0 to X30 are at 8 times their number. */
export const FRAME = {
  x: 0n,
  sp: 0xf8n,
  pc: 0x100n,
  pstate: 0x108n,
  /** SP_EL0 of the interrupted EL0. */
  spEl0: 0x110n,
  /** ICC_PMR_EL1 at the entry, private to the kernel: where priorities mask. */
  pmr: 0x118n,
  /** X29 and X30 of the interrupted code, as a frame record. */
  record: 0x120n,
} as const;
/** Bytes of a frame. */
export const FRAME_BYTES = 0x130n;

/** What entry code has found, in locals; the same is in memory at `pa`. */
export interface Frame {
  readonly pa: bigint;
  readonly pc: bigint;
  readonly pstate: bigint;
  readonly fromEl0: boolean;
  /** The frame did not fit: it lies on the overflow stack, and the code that was interrupted cannot go on. */
  readonly overflow: boolean;
}

/** PSTATE.M[3:2], the Exception level, of an SPSR. */
export const levelOf = (pstate: bigint): number => Number((pstate >> 2n) & 3n);
/** PSTATE.I of an SPSR. */
export const PSTATE_I = 0x80n;

/** Saves everything; SP is at the frame afterwards. Interrupts and SErrors must be masked. `el` is the kernel's. */
export function* saveFrame(pe: number, el: 1 | 2): Hosted<Frame> {
  const sp = yield* readX(31);
  let pa = sp - FRAME_BYTES;
  const overflow = !insideStack(pa);
  if (overflow) pa = stackTop(areaOf(pe), 'overflow') - FRAME_BYTES;
  yield* writeX(31, pa);
  for (let n = 0; n < 30; n += 2) yield* storePair(n, pa + BigInt(8 * n));
  yield* store(pa + 240n, yield* readX(30));
  yield* store(pa + FRAME.sp, sp);
  const pc = yield* mrs(`ELR_EL${el}`);
  yield* store(pa + FRAME.pc, pc);
  const pstate = yield* mrs(`SPSR_EL${el}`);
  yield* store(pa + FRAME.pstate, pstate);
  const fromEl0 = levelOf(pstate) === 0;
  if (fromEl0) {
    yield* store(pa + FRAME.spEl0, yield* mrs('SP_EL0'));
    // SP_EL0 is the current task in the kernel.
    yield* msr('SP_EL0', areaOf(pe) + AREA.pe);
  }
  yield* storePair(29, pa + FRAME.record);
  return { pa, pc, pstate, fromEl0, overflow };
}

/** Restores everything from the frame, whatever was changed there, and returns from the exception. */
export function* restoreFrame(frame: Frame, el: 1 | 2): Hosted {
  const { pa } = frame;
  yield* msr(`ELR_EL${el}`, yield* load(pa + FRAME.pc));
  yield* msr(`SPSR_EL${el}`, yield* load(pa + FRAME.pstate));
  if (frame.fromEl0) yield* msr('SP_EL0', yield* load(pa + FRAME.spEl0));
  yield* writeX(30, yield* load(pa + 240n));
  for (let n = 0; n < 30; n += 2) yield* loadPair(n, pa + BigInt(8 * n));
  yield* writeX(31, pa + FRAME_BYTES);
  yield* eret();
}
