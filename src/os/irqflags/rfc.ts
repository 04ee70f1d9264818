/**
 * Masking by priority as it was first proposed for arm64, in 2015: for comparison, because it does not work.
 *
 * The mask of the interrupted code is kept in a reserved bit of SPSR_EL1 instead of in the frame. Bit 22 was reserved
 * then and is PAN since Armv8.1. And every interrupt takes the ordinary path: nothing tells an NMI from the others.
 */
import { type Hosted, load, mrs, msr, msrImmediate, store, wfi } from '../../engine/hosted/effects.ts';
import { FRAME } from '../kit/frame.ts';
import type { IrqFlags } from './flags.ts';

/** Bit of the saved PSTATE that says that the register was closed. */
export const RFC_SPSR_BIT: bigint = 1n << 22n;
/** Values of ICC_PMR_EL1: they differ in bit 6. */
export const RFC_PMR = { OPEN: 0xf0n, CLOSED: 0xb0n } as const;

const IF = 0xc0n;

function* close(): Hosted {
  yield* msr('ICC_PMR_EL1', RFC_PMR.CLOSED);
}

/** The proposal. */
export const RFC_FLAGS: IrqFlags = {
  name: 'rfc',
  priorities: true,
  enable: () => msr('ICC_PMR_EL1', RFC_PMR.OPEN),
  disable: close,
  save: () => mrs('ICC_PMR_EL1'),
  disabled: (flags) => flags === RFC_PMR.CLOSED,
  *saveAndDisable() {
    const flags = yield* mrs('ICC_PMR_EL1');
    yield* close();
    return flags;
  },
  restore: (flags) => msr('ICC_PMR_EL1', flags),
  daifMask: () => msrImmediate('DAIFSet', 15),
  *daifSave() {
    const daif = yield* mrs('DAIF');
    return (yield* mrs('ICC_PMR_EL1')) === RFC_PMR.OPEN ? daif : daif | IF;
  },
  *daifRestore(daif) {
    yield* msr('ICC_PMR_EL1', daif & 0x80n ? RFC_PMR.CLOSED : RFC_PMR.OPEN);
    yield* msr('DAIF', daif & ~IF);
  },
  daifInherit: (pstate) => msr('DAIF', pstate & 0x3c0n),
  *enter(framePa) {
    const pmr = yield* mrs('ICC_PMR_EL1');
    if (pmr === RFC_PMR.CLOSED) {
      const pstate = yield* load(framePa + FRAME.pstate);
      yield* store(framePa + FRAME.pstate, pstate | RFC_SPSR_BIT);
    }
    yield* close();
    return pmr;
  },
  *leave(framePa) {
    const pstate = yield* load(framePa + FRAME.pstate);
    yield* msrImmediate('DAIFSet', 3);
    yield* msr('ICC_PMR_EL1', pstate & RFC_SPSR_BIT ? RFC_PMR.CLOSED : RFC_PMR.OPEN);
  },
  wasDisabled: (pstate, pmr) => (pstate & 0x80n) !== 0n || pmr === RFC_PMR.CLOSED,
  *idle() {
    const pmr = yield* mrs('ICC_PMR_EL1');
    yield* msrImmediate('DAIFSet', 3);
    yield* msr('ICC_PMR_EL1', RFC_PMR.OPEN);
    yield* wfi();
    yield* msr('ICC_PMR_EL1', pmr);
    yield* msrImmediate('DAIFClr', 3);
  },
};
