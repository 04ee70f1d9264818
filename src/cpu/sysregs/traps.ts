/**
 * Controls that trap System register accesses to a higher Exception level: DDI 0487, "Configurable instruction
 * controls".
 */
import { sysregOffset } from '../state.ts';
import { HCR, isE2h, isHost } from '../vhe.ts';
import type { SysregContext } from './computed.ts';

/** One control: registers, from where, which bit. */
export interface SysregTrap {
  readonly registers: RegExp;
  /** Exception levels from which the control traps. */
  readonly from: readonly number[];
  readonly access: 'r' | 'w' | 'rw';
  /** Offset of the controlling register's value. */
  readonly control: number;
  readonly bit: number;
  /** The value of the bit that traps. */
  readonly when: 0 | 1;
  /** The bit that counts with HCR_EL2.E2H = 1, where it is another. */
  readonly bitE2h?: number;
  /** 2: only while EL2 is enabled; 3: only with EL3. 1 is EL1, or EL2 with HCR_EL2.TGE. */
  readonly target: 1 | 2 | 3;
}

const at = {
  MDSCR_EL1: sysregOffset('MDSCR_EL1'),
  SCTLR_EL1: sysregOffset('SCTLR_EL1'),
  CNTKCTL_EL1: sysregOffset('CNTKCTL_EL1'),
  HCR_EL2: sysregOffset('HCR_EL2'),
  CPTR_EL2: sysregOffset('CPTR_EL2'),
  CNTHCTL_EL2: sysregOffset('CNTHCTL_EL2'),
  CPTR_EL3: sysregOffset('CPTR_EL3'),
  SCR_EL3: sysregOffset('SCR_EL3'),
  MDCR_EL2: sysregOffset('MDCR_EL2'),
  MDCR_EL3: sysregOffset('MDCR_EL3'),
} as const;

const VM = /^(SCTLR|TTBR0|TTBR1|TCR|ESR|FAR|AFSR0|AFSR1|MAIR|AMAIR|CONTEXTIDR)_EL1$/;
const DEBUG =
  /^(DBG(BVR|BCR|WVR|WCR)\d+_EL1|MDSCR_EL1|MDCCINT_EL1|OSDTR[RT]X_EL1|OSECCR_EL1|DBGCLAIM\w+|DBGAUTHSTATUS_EL1|MDCCSR_EL0|DBGDTR\w*_EL0)$/;
const DEBUG_CHANNEL = /^(MDCCSR_EL0|DBGDTR\w*_EL0)$/;
const PMU = /^PM(CR|CNTEN|OVS|SWINC|SELR|CEID|CCNTR|XEV|USERENR|INTEN|EVCNTR|EVTYPER|CCFILTR)/;
const DEBUG_OS = /^(OSLAR_EL1|OSLSR_EL1|OSDLR_EL1|DBGPRCR_EL1)$/;

/** In the order of priority: EL1 controls, then EL2's, then EL3's. */
export const SYSREG_TRAPS: readonly SysregTrap[] = [
  { registers: /^CTR_EL0$/, from: [0], access: 'r', control: at.SCTLR_EL1, bit: 15, when: 0, target: 1 },
  { registers: /^DAIF$/, from: [0], access: 'rw', control: at.SCTLR_EL1, bit: 9, when: 0, target: 1 },
  { registers: /^CNTPCT_EL0$/, from: [0], access: 'r', control: at.CNTKCTL_EL1, bit: 0, when: 0, target: 1 },
  { registers: /^CNTVCT_EL0$/, from: [0], access: 'r', control: at.CNTKCTL_EL1, bit: 1, when: 0, target: 1 },
  { registers: /^CNTV_\w+_EL0$/, from: [0], access: 'rw', control: at.CNTKCTL_EL1, bit: 8, when: 0, target: 1 },
  { registers: /^CNTP_\w+_EL0$/, from: [0], access: 'rw', control: at.CNTKCTL_EL1, bit: 9, when: 0, target: 1 },
  { registers: DEBUG_CHANNEL, from: [0], access: 'rw', control: at.MDSCR_EL1, bit: 12, when: 1, target: 1 },
  { registers: VM, from: [1], access: 'w', control: at.HCR_EL2, bit: 26, when: 1, target: 2 },
  { registers: VM, from: [1], access: 'r', control: at.HCR_EL2, bit: 30, when: 1, target: 2 },
  { registers: /^(REVIDR|AIDR)_EL1$/, from: [1], access: 'r', control: at.HCR_EL2, bit: 16, when: 1, target: 2 },
  {
    registers: /^(CTR_EL0|CCSIDR_EL1|CLIDR_EL1)$/,
    from: [0, 1],
    access: 'r',
    control: at.HCR_EL2,
    bit: 17,
    when: 1,
    target: 2,
  },
  { registers: /^CSSELR_EL1$/, from: [1], access: 'rw', control: at.HCR_EL2, bit: 17, when: 1, target: 2 },
  { registers: /^(ID_|MVFR)/, from: [1], access: 'r', control: at.HCR_EL2, bit: 18, when: 1, target: 2 },
  { registers: /^ACTLR_EL1$/, from: [1], access: 'rw', control: at.HCR_EL2, bit: 21, when: 1, target: 2 },
  { registers: /^CPACR_EL1$/, from: [1], access: 'rw', control: at.CPTR_EL2, bit: 31, when: 1, target: 2 },
  { registers: /^(ERR|ERX)/, from: [1], access: 'rw', control: at.HCR_EL2, bit: 36, when: 1, target: 2 },
  {
    registers: /^CNTPCT_EL0$/,
    from: [0, 1],
    access: 'r',
    control: at.CNTHCTL_EL2,
    bit: 0,
    bitE2h: 10,
    when: 0,
    target: 2,
  },
  {
    registers: /^CNTP_\w+_EL0$/,
    from: [0, 1],
    access: 'rw',
    control: at.CNTHCTL_EL2,
    bit: 1,
    bitE2h: 11,
    when: 0,
    target: 2,
  },
  { registers: DEBUG, from: [0, 1], access: 'rw', control: at.MDCR_EL2, bit: 9, when: 1, target: 2 },
  { registers: DEBUG_OS, from: [1], access: 'rw', control: at.MDCR_EL2, bit: 10, when: 1, target: 2 },
  // MDCR_EL2.TDE traps what TDA, TDOSA and TDRA trap.
  { registers: DEBUG, from: [0, 1], access: 'rw', control: at.MDCR_EL2, bit: 8, when: 1, target: 2 },
  { registers: DEBUG_OS, from: [1], access: 'rw', control: at.MDCR_EL2, bit: 8, when: 1, target: 2 },
  { registers: /^MDRAR_EL1$/, from: [1], access: 'r', control: at.MDCR_EL2, bit: 8, when: 1, target: 2 },
  { registers: /^MDRAR_EL1$/, from: [1], access: 'r', control: at.MDCR_EL2, bit: 11, when: 1, target: 2 },
  { registers: PMU, from: [0, 1], access: 'rw', control: at.MDCR_EL2, bit: 6, when: 1, target: 2 },
  { registers: /^PMCR_EL0$/, from: [0, 1], access: 'rw', control: at.MDCR_EL2, bit: 5, when: 1, target: 2 },
  { registers: /^CPACR_EL1$/, from: [1], access: 'rw', control: at.CPTR_EL3, bit: 31, when: 1, target: 3 },
  { registers: /^CPTR_EL2$/, from: [2], access: 'rw', control: at.CPTR_EL3, bit: 31, when: 1, target: 3 },
  { registers: /^(ERR|ERX)/, from: [1, 2], access: 'rw', control: at.SCR_EL3, bit: 15, when: 1, target: 3 },
  { registers: PMU, from: [0, 1, 2], access: 'rw', control: at.MDCR_EL3, bit: 6, when: 1, target: 3 },
  { registers: DEBUG, from: [0, 1, 2], access: 'rw', control: at.MDCR_EL3, bit: 9, when: 1, target: 3 },
  { registers: DEBUG_OS, from: [1, 2], access: 'rw', control: at.MDCR_EL3, bit: 10, when: 1, target: 3 },
];

/** MDCR_EL2.TDE, which counts as 1 while HCR_EL2.TGE is 1. */
const TDE = 8;
/** What EL2's own EL0 is controlled by instead. */
const HOST_CONTROLS = new Map([
  [at.SCTLR_EL1, sysregOffset('SCTLR_EL2')],
  [at.CNTKCTL_EL1, at.CNTHCTL_EL2],
]);

/** Whether a control traps an access from the current Exception level. */
export function isTrapped(t: SysregTrap, write: boolean, { s, exceptions }: SysregContext): boolean {
  if (!t.from.includes(s.el) || (t.access === 'w' && !write) || (t.access === 'r' && write)) return false;
  if (t.target === 3 && !s.els.el3) return false;
  if (t.target === 2 && (!s.els.el2 || exceptions.secure)) return false;
  const host = s.el === 0 && isHost(s);
  if (host && t.target === 2 && t.control === at.CNTHCTL_EL2) return false;
  const control = (host ? HOST_CONTROLS.get(t.control) : undefined) ?? t.control;
  const bit = t.bitE2h !== undefined && isE2h(s) ? t.bitE2h : t.bit;
  if (control === at.MDCR_EL2 && bit === TDE && exceptions.hcr & HCR.TGE) return true;
  const low = control === at.HCR_EL2 ? exceptions.hcr : s.sysLow(control);
  return (((bit >= 32 ? s.sysHigh(control) : low) >>> (bit & 31)) & 1) === t.when;
}

/** The controls that concern one register, found once. */
export function trapsOf(name: string): readonly SysregTrap[] {
  return SYSREG_TRAPS.filter((t) => t.registers.test(name));
}
