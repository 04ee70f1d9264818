/** Virtual interrupts of one PE: DDI 0487, "Virtual interrupts" and HCR_EL2.{VF, VI, VSE}. */
import { PE_STATE } from '../arch/pestate.ts';
import { SPSR } from '../arch/pstate.ts';
import { type PeState, sysregOffset } from './state.ts';
import { HCR } from './vhe.ts';

const HCR_EL2 = sysregOffset('HCR_EL2');
const VSESR_EL2 = sysregOffset('VSESR_EL2');
const VDISR_EL2 = sysregOffset('VDISR_EL2');
/** VDISR_EL2.A, as a signed 32-bit number. */
const VDISR_A = 1 << 31;
const ISS = 0x1ff_ffff;

/** Levels of the two virtual interrupts that the GIC drives. */
export interface VirtualLines {
  irq: boolean;
  fiq: boolean;
}

/**
 * The virtual interrupts that are pending at EL1 and EL0, as bits of PSTATE.DAIF.
 *
 * @param hcr - low word of HCR_EL2 as it acts, 0 where EL2 is not enabled
 */
export function virtualPending(s: PeState, hcr: number, lines: VirtualLines): number {
  if (hcr & HCR.TGE) return 0;
  const serror = hcr & HCR.AMO && hcr & HCR.VSE ? SPSR.A : 0;
  const irq = hcr & HCR.IMO && (hcr & HCR.VI || lines.irq) ? SPSR.I : 0;
  const fiq = hcr & HCR.FMO && (hcr & HCR.VF || lines.fiq) ? SPSR.F : 0;
  return s.el <= 1 ? serror | irq | fiq : 0;
}

/** The virtual SError is pending no longer; its syndrome, 25 bits of ISS: VSESR_EL2, which reads as 0 without RAS. */
export function takeVirtualSError(s: PeState): number {
  s.setSysHalves(HCR_EL2, s.sysHigh(HCR_EL2), s.sysLow(HCR_EL2) & ~HCR.VSE);
  return s.sysLow(VSESR_EL2) & ISS;
}
/** ESB with a pending virtual SError that is masked: it is deferred to VDISR_EL2. */
export function deferVirtualSError(s: PeState): void {
  s.setSysHalves(VDISR_EL2, 0, VDISR_A | takeVirtualSError(s));
}

/** What ISR_EL1 shows: at EL1 the virtual interrupts of each kind that HCR_EL2 routes to EL2. */
export function interruptsSeen(
  s: PeState,
  hcr: number,
  virtual: number,
  { irq, fiq }: Readonly<VirtualLines>,
): Readonly<VirtualLines> & { readonly serror: boolean } {
  const serror = s.get32(PE_STATE.serrorPending) !== 0;
  if (s.el !== 1) return { irq, fiq, serror };
  return {
    irq: hcr & HCR.IMO ? (virtual & SPSR.I) !== 0 : irq,
    fiq: hcr & HCR.FMO ? (virtual & SPSR.F) !== 0 : fiq,
    serror: hcr & HCR.AMO ? (virtual & SPSR.A) !== 0 : serror,
  };
}
