/** Identification registers whose value depends on where or how they are read. */
import { sysregOffset } from '../state.ts';
import { sctlrOf } from '../vhe.ts';
import type { ComputedSysregs, SysregContext } from './computed.ts';

const CSSELR_EL1 = sysregOffset('CSSELR_EL1');
const DZE = 1 << 14;
const DZP = 1n << 4n;
const TDZ = 1 << 28;

/** MPIDR_EL1 of a PE: affinities as the board numbers them; bit 31 is RES1, bit 30 says "not the only one". */
export function mpidrOf(affinity: number): bigint {
  return 0x8000_0000n | BigInt(affinity);
}

function atEl1UnderEl2(c: SysregContext): boolean {
  return c.s.els.el2 && c.s.el === 1 && !c.exceptions.secure;
}

/** DC ZVA traps here: SCTLR_ELx.DZE for EL0, HCR_EL2.TDZ. */
function zvaProhibited(c: SysregContext): boolean {
  return (c.s.el === 0 && !(sctlrOf(c.s, 0) & DZE)) || (c.s.el <= 1 && (c.exceptions.hcr & TDZ) !== 0);
}

/**
 * The group for one PE.
 *
 * VPIDR_EL2 and VMPIDR_EL2 are kept by the caller, because they answer for MIDR_EL1 and MPIDR_EL1 at EL1.
 */
export function identification(affinity: number, virtual: { vpidr: bigint; vmpidr: bigint }): ComputedSysregs {
  return {
    MIDR_EL1: { read: (c) => (atEl1UnderEl2(c) ? virtual.vpidr : c.s.profile.midr) },
    MPIDR_EL1: { read: (c) => (atEl1UnderEl2(c) ? virtual.vmpidr : mpidrOf(affinity)) },
    VPIDR_EL2: {
      read: (c) => (c.s.els.el2 ? virtual.vpidr : c.s.profile.midr),
      write: (_c, value) => {
        virtual.vpidr = value & 0xffff_ffffn;
      },
    },
    VMPIDR_EL2: {
      read: (c) => (c.s.els.el2 ? virtual.vmpidr : mpidrOf(affinity)),
      write: (_c, value) => {
        virtual.vmpidr = (value & 0xff_41ff_ffffn) | 0x8000_0000n;
      },
    },
    CCSIDR_EL1: { read: (c) => c.s.profile.ccsidr.get(c.s.sysLow(CSSELR_EL1) & 0xf) ?? 0n },
    DCZID_EL0: { read: (c) => BigInt(c.s.profile.dczidBs) | (zvaProhibited(c) ? DZP : 0n) },
  };
}
