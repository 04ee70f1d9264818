/** Special-purpose registers that are views of PSTATE, the stack pointers and the floating-point registers. */
import { PE_STATE, type StateField } from '../../arch/pestate.ts';
import { SPSR } from '../../arch/pstate.ts';
import type { ComputedSysreg, ComputedSysregs, SysregContext } from './computed.ts';

function flags(field: StateField, mask: number, changed?: (c: SysregContext) => void): ComputedSysreg {
  return {
    read: (c) => BigInt((c.s.get32(field) & mask) >>> 0),
    write: (c, value) => {
      c.s.set32(field, Number(value & 0xffff_ffffn) & mask);
      changed?.(c);
    },
  };
}

function bit(field: StateField, at: number): ComputedSysreg {
  return {
    read: (c) => BigInt((c.s.get32(field) << at) >>> 0),
    write: (c, value) => {
      c.s.set32(field, Number((value >> BigInt(at)) & 1n));
      c.modeChanged();
    },
  };
}

function stackPointer(level: number): ComputedSysreg {
  return { read: (c) => c.s.stackPointer(level), write: (c, value) => c.s.setStackPointer(level, value) };
}

/** Bits of FPCR that exist without FEAT_FP16, FEAT_AFP and trapped exceptions: AHP, DN, FZ, RMode. */
export const FPCR_MASK = 0x07c0_0000;
/** Bits of FPSR in AArch64 state: QC and the cumulative flags. */
export const FPSR_MASK = 0x0800_009f;

/** DDI 0487, "Special-purpose registers". */
export const SPECIAL: ComputedSysregs = {
  NZCV: flags(PE_STATE.NZCV, SPSR.NZCV | 0),
  DAIF: flags(PE_STATE.DAIF, SPSR.DAIF, (c) => c.masksChanged()),
  CurrentEL: { read: (c) => BigInt(c.s.el << 2) },
  SPSel: {
    read: (c) => BigInt(c.s.get32(PE_STATE.SPSel)),
    write: (c, value) => c.s.setMode(c.s.el, Number(value & 1n)),
  },
  PAN: bit(PE_STATE.PAN, 22),
  UAO: bit(PE_STATE.UAO, 23),
  FPCR: flags(PE_STATE.FPCR, FPCR_MASK),
  FPSR: flags(PE_STATE.FPSR, FPSR_MASK),
  SP_EL0: stackPointer(0),
  SP_EL1: stackPointer(1),
  SP_EL2: stackPointer(2),
  ISR_EL1: {
    read: (c) => {
      const { irq, fiq, serror } = c.lines();
      return BigInt((serror ? SPSR.A : 0) | (irq ? SPSR.I : 0) | (fiq ? SPSR.F : 0));
    },
  },
};
