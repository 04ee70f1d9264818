/**
 * Which Exception level's registers count while EL2 may be a host: DDI 0487, "Virtualization Host Extensions" and the
 * fields of HCR_EL2. Everything here answers at once where EL2 is absent.
 */
import { sysregByKey, sysregByName, sysregKeyOf } from '../arch/sysregs/index.ts';
import { type PeState, sysregOffset } from './state.ts';

const HCR_EL2 = sysregOffset('HCR_EL2');
const SCR_EL3 = sysregOffset('SCR_EL3');
const SCTLR = [0, sysregOffset('SCTLR_EL1'), sysregOffset('SCTLR_EL2'), sysregOffset('SCTLR_EL3')] as const;
const SCR_NS = 1;

/** Bits of the low word of HCR_EL2. */
export const HCR = {
  VM: 1,
  PTW: 1 << 2,
  FMO: 1 << 3,
  IMO: 1 << 4,
  AMO: 1 << 5,
  VF: 1 << 6,
  VI: 1 << 7,
  VSE: 1 << 8,
  DC: 1 << 12,
  TWI: 1 << 13,
  TWE: 1 << 14,
  TID2: 1 << 17,
  TSC: 1 << 19,
  TIDCP: 1 << 20,
  TPCP: 1 << 23,
  TPU: 1 << 24,
  TGE: 1 << 27,
  TDZ: 1 << 28,
  HCD: 1 << 29,
} as const;
/** Bits of the high word of HCR_EL2. */
export const HCR_HIGH = { CD: 1, E2H: 1 << 2, TERR: 1 << 4, TEA: 1 << 5 } as const;

/** SWIO, PTW, VF, VI, VSE, FB, TID1, TID3, TSC, TACR, TSW, TTLB, TVM, HCD, TRVM: 0 while TGE is 1. */
const CLEAR_BY_TGE = bitsOf(1, 2, 6, 7, 8, 9, 16, 18, 19, 21, 22, 25, 26, 29, 30);
/** VM, FMO, IMO, AMO, BSU, DC, TWI, TWE, TID2, TPCP, TPU, TDZ: 0 as well while E2H and TGE are 1. */
const CLEAR_BY_HOST = bitsOf(0, 3, 4, 5, 10, 11, 12, 13, 14, 17, 23, 24, 28);

function bitsOf(...positions: readonly number[]): number {
  return positions.reduce((mask, n) => mask | (1 << n), 0);
}

/** EL2 exists and is enabled in the Security state below EL3 (no FEAT_SEL2). */
export function el2Below(s: PeState): boolean {
  return s.els.el2 && (!s.els.el3 || (s.sysLow(SCR_EL3) & SCR_NS) !== 0);
}
/** HCR_EL2.E2H: the layouts and names of VHE apply at EL2. */
export function isE2h(s: PeState): boolean {
  return s.els.el2 && (s.sysHigh(HCR_EL2) & HCR_HIGH.E2H) !== 0;
}
/** HCR_EL2.{E2H, TGE} is {1, 1} and EL2 is enabled: EL0 belongs to EL2. */
export function isHost(s: PeState): boolean {
  return isE2h(s) && (s.sysLow(HCR_EL2) & HCR.TGE) !== 0 && el2Below(s);
}

/** Low word of HCR_EL2 as it acts while EL2 is enabled: fields that other fields make ineffective are 0. */
export function effectiveHcr(s: PeState): number {
  const low = s.sysLow(HCR_EL2);
  if (!(low & HCR.TGE)) return low;
  const without = low & ~CLEAR_BY_TGE;
  return isE2h(s) ? without & ~CLEAR_BY_HOST : without | HCR.FMO | HCR.IMO | HCR.AMO;
}

/** Translation regime of an Exception level: 1 for EL1&0, 2 for EL2 and EL2&0, 3 for EL3. */
export function regimeOf(s: PeState, el: number): 1 | 2 | 3 {
  return el === 0 ? (isHost(s) ? 2 : 1) : (el as 1 | 2 | 3);
}
/** The regime has two halves of VAs, and permissions for EL0. */
export function hasTwoHalves(s: PeState, regime: number): boolean {
  return regime === 1 || (regime === 2 && isE2h(s));
}
/** PSTATE.PAN applies to data accesses of an Exception level. */
export function obeysPan(s: PeState, el: number): boolean {
  return el === 1 || (el === 2 && isE2h(s));
}
/** LDTR and STTR act as EL0 at an Exception level, while PSTATE.UAO is 0. */
export function hasUnprivileged(s: PeState, el: number): boolean {
  return el === 1 || (el === 2 && isHost(s));
}

/** Offset of the SCTLR_ELx that controls an Exception level. */
export function sctlrOffset(s: PeState, el: number): number {
  return SCTLR[regimeOf(s, el)];
}
/** SCTLR_ELx that controls an Exception level, low 32 bits. */
export function sctlrOf(s: PeState, el: number): number {
  return s.sysLow(sctlrOffset(s, el));
}

// --- redirection ---

const STEMS = 'SCTLR TTBR0 TTBR1 TCR AFSR0 AFSR1 ESR FAR MAIR AMAIR VBAR CONTEXTIDR SPSR ELR'.split(' ');
const TIMER_PARTS = ['TVAL', 'CTL', 'CVAL'];

/** What the names of EL1 and EL0 reach at EL2 with E2H = 1. */
export const REDIRECTED: ReadonlyMap<string, string> = new Map([
  ...STEMS.map((stem) => [`${stem}_EL1`, `${stem}_EL2`] as const),
  ['CPACR_EL1', 'CPTR_EL2'],
  ['CNTKCTL_EL1', 'CNTHCTL_EL2'],
  ...TIMER_PARTS.flatMap((part) => [
    [`CNTP_${part}_EL0`, `CNTHP_${part}_EL2`] as const,
    [`CNTV_${part}_EL0`, `CNTHV_${part}_EL2`] as const,
  ]),
]);
const REDIRECTED_KEYS = new Map([...REDIRECTED].map(([from, to]) => [sysregKeyOf(from)!, sysregKeyOf(to)!]));
const OP1 = { mask: 7 << 11, aliases: 5 << 11 } as const;
/** What ESB deferred: to a guest, its virtual SErrors. */
const DISR_EL1 = sysregKeyOf('DISR_EL1')!;
const VDISR_EL2 = sysregKeyOf('VDISR_EL2')!;
const EL0_TIMERS = /^CNT[PV]_/;

/**
 * The encoding that an access by MRS or MSR reaches, or undefined when it is UNDEFINED because it is one of VHE's and
 * VHE is off.
 */
export function redirect(s: PeState, key: number): number | undefined {
  if (!s.els.el2) return key;
  const { el } = s;
  if ((key & OP1.mask) === OP1.aliases) {
    const target = sysregByKey(key)?.accesses;
    if (target === undefined) return key;
    return el >= 2 && isE2h(s) ? sysregByName(target)!.key : undefined;
  }
  if (key === DISR_EL1) return el === 1 && el2Below(s) && effectiveHcr(s) & HCR.AMO ? VDISR_EL2 : key;
  if (el === 2) return isE2h(s) ? (REDIRECTED_KEYS.get(key) ?? key) : key;
  // A host's EL0 has EL2's timers under the names of its own.
  if (el !== 0 || !isHost(s)) return key;
  const to = REDIRECTED_KEYS.get(key);
  return to !== undefined && EL0_TIMERS.test(sysregByKey(key)!.name) ? to : key;
}
