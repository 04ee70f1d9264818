/** Where FP and SIMD instructions trap: DDI 0487, "CPACR_EL1", "CPTR_EL2" and "CPTR_EL3". */
import type { Exceptions } from './exceptions.ts';
import { type PeState, sysregOffset } from './state.ts';
import { isE2h, isHost } from './vhe.ts';

const CPACR_EL1 = sysregOffset('CPACR_EL1');
const CPTR_EL2 = sysregOffset('CPTR_EL2');
const CPTR_EL3 = sysregOffset('CPTR_EL3');
const TFP = 1 << 10;

/** CPACR_EL1.FPEN, and CPTR_EL2.FPEN with HCR_EL2.E2H = 1. */
function fpen(control: number): number {
  return (control >>> 20) & 3;
}

/** The Exception level to which FP and SIMD instructions trap now, or 0. */
export function fpTrapTarget(s: PeState, exceptions: Exceptions): 0 | 1 | 2 | 3 {
  const enable = fpen(s.sysLow(CPACR_EL1));
  if (s.el <= 1 && (enable === 3 ? false : enable === 1 ? s.el === 0 : true) && !isHost(s))
    return exceptions.syncTarget() === 2 ? 2 : 1;
  if (s.el <= 2 && s.els.el2 && !exceptions.secure && trapsToEl2(s)) return 2;
  return s.els.el3 && s.sysLow(CPTR_EL3) & TFP ? 3 : 0;
}

/** CPTR_EL2: FPEN with HCR_EL2.E2H, else TFP. */
function trapsToEl2(s: PeState): boolean {
  const control = s.sysLow(CPTR_EL2);
  if (!isE2h(s)) return (control & TFP) !== 0;
  const enable = fpen(control);
  return enable === 1 ? s.el === 0 && isHost(s) : enable !== 3;
}
