/** Where a counter counts: by Exception level, Security state and the controls of EL2 and EL3. */
import type { ImplementedEls } from '../arch/profiles.ts';
import { type PeState, sysregOffset } from './state.ts';

/** What decides, besides a counter's own filter. */
export interface CountingMode {
  readonly el: number;
  readonly secure: boolean;
  readonly els: ImplementedEls;
  /** MDCR_EL3.SPME: event counting is allowed in Secure state. */
  readonly secureAllowed: boolean;
  /** PMCR_EL0.DP: the cycle counter stands still where event counting is prohibited. */
  readonly prohibitCycles: boolean;
}

const P = 1 << 31;
const U = 1 << 30;
const NSK = 1 << 29;
const NSU = 1 << 28;
const NSH = 1 << 27;
const M = 1 << 26;
const MDCR_EL3 = sysregOffset('MDCR_EL3');
const SPME = 1 << 17;
const CYCLE_COUNTER = 31;

/** The part of `CountingMode` that other registers give. */
export function countingControls(s: PeState): Pick<CountingMode, 'secureAllowed'> {
  return { secureAllowed: !s.els.el3 || (s.sysLow(MDCR_EL3) & SPME) !== 0 };
}

/**
 * Whether a counter with the given filter counts in a mode. DDI 0487, "Event filtering" and "Prohibiting event
 * counting"; without FEAT_PMUv3p1, so EL2 has no prohibition of its own.
 *
 * @param filter - PMEVTYPERn_EL0 or PMCCFILTR_EL0; only the filter bits count
 * @param n - 0 to 30, or 31 for the cycle counter
 */
export function countsIn(filter: number, mode: CountingMode, n: number): boolean {
  if (mode.secure && !mode.secureAllowed && (n !== CYCLE_COUNTER || mode.prohibitCycles)) return false;
  const set = (bit: number): boolean => (filter & bit) !== 0;
  switch (mode.el) {
    case 0:
      return mode.secure ? !set(U) : set(U) === set(NSU);
    case 1:
      return mode.secure ? !set(P) : set(P) === set(NSK);
    case 2:
      return set(NSH);
    default:
      return set(P) === set(M);
  }
}
