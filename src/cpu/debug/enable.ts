/** Where debug exceptions are enabled and to which Exception level they go: DDI 0487, "Self-hosted debug". */
import { PE_STATE } from '../../arch/pestate.ts';
import { SPSR } from '../../arch/pstate.ts';
import { el2Enabled } from '../routing.ts';
import { type PeState, sysregOffset } from '../state.ts';

const MDSCR_EL1 = sysregOffset('MDSCR_EL1');
const MDCR_EL2 = sysregOffset('MDCR_EL2');
const MDCR_EL3 = sysregOffset('MDCR_EL3');
const HCR_EL2 = sysregOffset('HCR_EL2');
const OSLSR_EL1 = sysregOffset('OSLSR_EL1');
const OSDLR_EL1 = sysregOffset('OSDLR_EL1');
const DBGPRCR_EL1 = sysregOffset('DBGPRCR_EL1');
const SCR_EL3 = sysregOffset('SCR_EL3');
const TGE = 1 << 27;
const TDE = 1 << 8;
const SDD = 1 << 16;
const OSLK = 2;

/** Bits of MDSCR_EL1. */
export const MDSCR = { SS: 1, KDE: 1 << 13, MDE: 1 << 15 } as const;

/** MDSCR_EL1, low 32 bits. */
export function mdscr(s: PeState): number {
  return s.sysLow(MDSCR_EL1);
}

/** Below EL3 the PE is in Secure state. */
export function secureBelowEl3(s: PeState): boolean {
  return s.els.el3 && !(s.sysLow(SCR_EL3) & 1);
}
/** The PE is in Secure state at an Exception level. */
export function secureAt(s: PeState, el: number): boolean {
  return s.els.el3 && (el === 3 || secureBelowEl3(s));
}

/** ELd: where debug exceptions from the given Security state go. */
export function debugTarget(s: PeState, secure: boolean): 1 | 2 {
  if (!el2Enabled({ el2: s.els.el2, secure })) return 1;
  return s.sysLow(MDCR_EL2) & TDE || s.sysLow(HCR_EL2) & TGE ? 2 : 1;
}

/** The OS Lock or the OS Double Lock holds every debug exception but BRK back. */
export function debugLocked(s: PeState): boolean {
  const doubleLock = s.sysLow(OSDLR_EL1) & 1 && !(s.sysLow(DBGPRCR_EL1) & 1);
  return (s.sysLow(OSLSR_EL1) & OSLK) !== 0 || Boolean(doubleLock);
}

/**
 * Whether breakpoints, watchpoints and software step can cause exceptions at an Exception level. `masked` is PSTATE.D
 * there.
 */
export function debugEnabledFrom(s: PeState, el: number, masked: boolean): boolean {
  if (debugLocked(s)) return false;
  const secure = secureAt(s, el);
  if (secure && s.sysLow(MDCR_EL3) & SDD) return false;
  const target = debugTarget(s, secure);
  if (el === target) return (mdscr(s) & MDSCR.KDE) !== 0 && !masked;
  return target > el;
}

/** The same for where the PE is now. */
export function debugEnabled(s: PeState): boolean {
  return debugEnabledFrom(s, s.el, (s.get32(PE_STATE.DAIF) & SPSR.D) !== 0);
}
