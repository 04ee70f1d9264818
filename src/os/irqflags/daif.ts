/** Masking by PSTATE.DAIF alone: I and F together. */
import { hint, mrs, msr, msrImmediate, wfi } from '../../engine/hosted/effects.ts';
import type { IrqFlags } from './flags.ts';

const I = 0x80n;

/** The way of every arm64 kernel without priorities; it never touches ICC_PMR_EL1. */
export const DAIF_FLAGS: IrqFlags = {
  name: 'daif',
  priorities: false,
  enable: () => msrImmediate('DAIFClr', 3),
  disable: () => msrImmediate('DAIFSet', 3),
  save: () => mrs('DAIF'),
  disabled: (flags) => (flags & I) !== 0n,
  *saveAndDisable() {
    const flags = yield* mrs('DAIF');
    yield* msrImmediate('DAIFSet', 3);
    return flags;
  },
  restore: (flags) => msr('DAIF', flags),
  daifMask: () => msrImmediate('DAIFSet', 15),
  daifSave: () => mrs('DAIF'),
  daifRestore: (daif) => msr('DAIF', daif),
  daifInherit: (pstate) => msr('DAIF', pstate & 0x3c0n),
  // biome-ignore lint/correctness/useYield: nothing of this PE is to be saved.
  *enter() {
    return 0n;
  },
  *leave() {},
  wasDisabled: (pstate) => (pstate & I) !== 0n,
  *idle() {
    yield* hint('dsb');
    yield* wfi();
  },
};
