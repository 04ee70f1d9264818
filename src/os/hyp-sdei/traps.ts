/** What the guest does that the hypervisor does in its place, and exceptions that it gets instead. DDI 0487. */
import { EC, FSC } from '../../arch/esr.ts';
import { SPSR_MODES, VECTOR_OFFSETS } from '../../arch/pstate.ts';
import { type AccessBytes, type Hosted, mrs, msr, readX, writeX } from '../../engine/hosted/effects.ts';
import { handlerPstate } from '../../firmware/sdei/pstate.ts';
import { guestFeatures } from './features.ts';
import { guestAccess } from './gic-filter.ts';
import { HYP_INTIDS } from './layout.ts';
import type { GuestConfiguration } from './sdei-host.ts';

/** Fields of the ISS of a Data Abort. */
const ISS = { ISV: 1 << 24, SSE: 1 << 21, SF: 1 << 15, WNR: 1 << 6 } as const;
/** The ISS of a trapped MSR of ICC_SGI1R_EL1 but for Rt, and of the two that reach Secure Group 1 and Group 0. */
const SGI1R = sysregIss(3, 0, 12, 11, 5);
const OTHER_SGIS = [sysregIss(3, 0, 12, 11, 6), sysregIss(3, 0, 12, 11, 7)];
const RT = 0x1f << 5;
const XZR = 31;
const INTID_LSB = 24n;

function sysregIss(op0: number, op1: number, crn: number, crm: number, op2: number): number {
  return (op0 << 20) | (op2 << 17) | (op1 << 14) | (crn << 10) | (crm << 1);
}
function* register(n: number): Hosted<bigint> {
  return n === XZR ? 0n : yield* readX(n);
}
function* nextInstruction(): Hosted {
  yield* msr('ELR_EL2', (yield* mrs('ELR_EL2')) + 4n);
}

/** A load or store that stage 2 refused: the interrupt controller's, or nobody's. */
export function* dataAbort({ basePa, cpus }: GuestConfiguration, esr: number): Hosted {
  const far = yield* mrs('FAR_EL2');
  const pa = (((yield* mrs('HPFAR_EL2')) & 0xfff_ffff_fff0n) << 8n) | (far & 0xfffn);
  const bytes = (1 << ((esr >>> 22) & 3)) as AccessBytes;
  const rt = (esr >>> 16) & 31;
  const isWrite = (esr & ISS.WNR) !== 0;
  if (esr & ISS.ISV && pa % BigInt(bytes) === 0n) {
    const value = isWrite ? BigInt.asUintN(bytes * 8, yield* register(rt)) : undefined;
    const found = yield* guestAccess(basePa, cpus, { pa, bytes, ...(value === undefined ? {} : { value }) });
    if (found !== undefined) {
      if (!isWrite && rt !== XZR) yield* writeX(rt, extended(found, bytes, esr));
      return yield* nextInstruction();
    }
  }
  yield* inject(EC.DataAbortLowerEL, FSC.SyncExternal | (esr & ISS.WNR), far);
}
function extended(value: bigint, bytes: number, esr: number): bigint {
  const signed = esr & ISS.SSE ? BigInt.asIntN(bytes * 8, value) : value;
  return BigInt.asUintN(esr & ISS.SF ? 64 : 32, signed);
}

/** An MSR or MRS that trapped: software generated interrupts are sent in the guest's place. */
export function* trappedRegister(esr: number): Hosted {
  const which = esr & 0x3f_ffff & ~RT;
  if (OTHER_SGIS.includes(which)) return yield* nextInstruction();
  if (which !== SGI1R) return yield* injectUndefined();
  const value = yield* register((esr & RT) >> 5);
  if (Number((value >> INTID_LSB) & 15n) !== HYP_INTIDS.doorbell) yield* msr('ICC_SGI1R_EL1', value);
  yield* nextInstruction();
}

/** The instruction is UNDEFINED for the guest. */
export function injectUndefined(): Hosted {
  return inject(EC.Uncategorized, 0);
}
/** A fetch that stage 2 refused is an External abort for the guest. */
export function* instructionAbort(): Hosted {
  yield* inject(EC.InstructionAbortLowerEL, FSC.SyncExternal, yield* mrs('FAR_EL2'));
}
/** The guest takes a synchronous exception to EL1 at what it is at. */
function* inject(ec: number, iss: number, far?: bigint): Hosted {
  const spsr = Number(yield* mrs('SPSR_EL2'));
  const el = (spsr >> 2) & 3;
  const sameEl = el === 1 && ec !== EC.Uncategorized ? 1 : 0;
  yield* msr('SPSR_EL1', BigInt(spsr));
  yield* msr('ELR_EL1', yield* mrs('ELR_EL2'));
  yield* msr('ESR_EL1', BigInt((((ec + sameEl) << 26) | (1 << 25) | iss) >>> 0));
  if (far !== undefined) yield* msr('FAR_EL1', far);
  const sp0 = (spsr & 0xf) === SPSR_MODES.EL1t;
  const group = el === 0 ? 'Lower EL using AArch64' : sp0 ? 'Current EL with SP_EL0' : 'Current EL with SP_ELx';
  const features = yield* guestFeatures();
  const sctlr = yield* mrs('SCTLR_EL1');
  const pstate = handlerPstate(spsr, { clientEl: 1, features, sctlr, hostRegime: false });
  yield* msr('SPSR_EL2', BigInt(pstate));
  yield* msr('ELR_EL2', (yield* mrs('VBAR_EL1')) + BigInt(VECTOR_OFFSETS[group]));
}
