/** External aborts and SErrors on their way through firmware that sees them first. */
import { PE_DERIVED, PE_STATE } from '../arch/pestate.ts';
import type { Pe } from '../cpu/pe.ts';

const ISS = 0x1ff_ffff;
/** HCR_EL2.TEA and HCR_EL2.AMO. */
const HCR = { AMO: 1n << 5n, TEA: 1n << 37n } as const;
const SCR_EA = 8n;
const DAIF_A = 0x100;

/** Where an abort or an SError goes that firmware hands on, from below EL3. DDI 0487, "Routing of aborts". */
function handedOnTo(pe: Pe, bit: bigint): 1 | 2 {
  const { s } = pe;
  const routed = s.els.el2 && s.el <= 1 && ((pe.readRegister('HCR_EL2') ?? 0n) & bit) !== 0n;
  return routed || s.el === 2 || pe.exceptions.syncTarget() === 2 ? 2 : 1;
}

/** A PE takes an abort that firmware hands on; without an address FAR stays as it is. */
export function takeAbort(pe: Pe, exceptionClass: number, iss: number, far?: bigint): void {
  const target = handedOnTo(pe, HCR.TEA);
  pe.exceptions.sync(exceptionClass, iss, { ...(far === undefined ? {} : { far }), target, end: 'none' });
  pe.s.set32(PE_DERIVED.diverted, 0);
}

/** A PE takes an SError that firmware hands on. */
export function takeSError(pe: Pe, syndrome: number): void {
  pe.exceptions.takeSErrorTo(handedOnTo(pe, HCR.AMO), syndrome);
}

/** An External abort came to EL3 because SCR_EL3.EA routes it there: it is taken again, where it belongs. */
export function handAbortOn(pe: Pe): void {
  const esr = Number(pe.readRegister('ESR_EL3')!);
  const far = pe.readRegister('FAR_EL3')!;
  pe.exceptions.exceptionReturn();
  takeAbort(pe, (esr >>> 26) & 0x3f, esr & ISS, far);
}

/**
 * The same for an SError. One that the operating system masks becomes pending again, and is not routed to EL3 until it
 * was taken: see `routeErrors`.
 */
export function handSErrorOn(pe: Pe): void {
  const syndrome = Number(pe.readRegister('ESR_EL3')!) & ISS;
  pe.exceptions.exceptionReturn();
  const target = handedOnTo(pe, HCR.AMO);
  if (pe.s.el === target && pe.s.get32(PE_STATE.DAIF) & DAIF_A) {
    pe.writeRegister('SCR_EL3', pe.readRegister('SCR_EL3')! & ~SCR_EA);
    pe.raiseSError(syndrome);
  } else pe.exceptions.takeSErrorTo(target, syndrome);
}

/** External aborts and SErrors go to EL3 from here on, unless an SError that was handed on is still pending. */
export function routeErrors(pe: Pe): void {
  const scr = pe.readRegister('SCR_EL3')!;
  if ((scr & SCR_EA) === 0n && pe.s.get32(PE_STATE.serrorPending) === 0) pe.writeRegister('SCR_EL3', scr | SCR_EA);
}
