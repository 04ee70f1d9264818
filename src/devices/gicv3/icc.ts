import type { IccContext } from '../../cpu/ports.ts';
import { ICH_HCR } from './ich.ts';

export type { IccContext };

/** What becomes of an access to an ICC register. */
export type IccOutcome = 'ok' | 'undefined' | 'trap-el2' | 'trap-el3';

/**
 * Which trap controls apply: group 0 and group 1 registers, those common to both, generation of SGIs, and the
 * System Register Enable registers. DDI 0487, "SCR_EL3", FIQ and IRQ.
 */
export type IccClass = 'group0' | 'group1' | 'common' | 'sgi' | 'sre';

/** One ICC register: lowest EL, direction and trap class; `apr` is the n of an active priorities register. */
export interface IccRegister {
  readonly el: 1 | 2 | 3;
  readonly access: 'RO' | 'WO' | 'RW';
  readonly class: IccClass;
  readonly apr?: 0 | 1 | 2 | 3;
  /** The feature that would bring the register; it is UNDEFINED here. */
  readonly absent?: string;
}

const row = (el: 1 | 2 | 3, access: 'RO' | 'WO' | 'RW', kind: IccClass): IccRegister => ({ el, access, class: kind });
const apr = (kind: IccClass, n: 0 | 1 | 2 | 3): IccRegister => ({ el: 1, access: 'RW', class: kind, apr: n });

/** Every ICC register of GICv3 in AArch64 state. IHI 0069, "AArch64 System register descriptions". */
export const ICC_REGISTERS = {
  ICC_PMR_EL1: row(1, 'RW', 'common'),
  ICC_IAR0_EL1: row(1, 'RO', 'group0'),
  ICC_EOIR0_EL1: row(1, 'WO', 'group0'),
  ICC_HPPIR0_EL1: row(1, 'RO', 'group0'),
  ICC_BPR0_EL1: row(1, 'RW', 'group0'),
  ICC_AP0R0_EL1: apr('group0', 0),
  ICC_AP0R1_EL1: apr('group0', 1),
  ICC_AP0R2_EL1: apr('group0', 2),
  ICC_AP0R3_EL1: apr('group0', 3),
  ICC_AP1R0_EL1: apr('group1', 0),
  ICC_AP1R1_EL1: apr('group1', 1),
  ICC_AP1R2_EL1: apr('group1', 2),
  ICC_AP1R3_EL1: apr('group1', 3),
  ICC_NMIAR1_EL1: { el: 1, access: 'RO', class: 'group1', absent: 'FEAT_GICv3_NMI' },
  ICC_DIR_EL1: row(1, 'WO', 'common'),
  ICC_RPR_EL1: row(1, 'RO', 'common'),
  ICC_SGI1R_EL1: row(1, 'WO', 'sgi'),
  ICC_ASGI1R_EL1: row(1, 'WO', 'sgi'),
  ICC_SGI0R_EL1: row(1, 'WO', 'sgi'),
  ICC_IAR1_EL1: row(1, 'RO', 'group1'),
  ICC_EOIR1_EL1: row(1, 'WO', 'group1'),
  ICC_HPPIR1_EL1: row(1, 'RO', 'group1'),
  ICC_BPR1_EL1: row(1, 'RW', 'group1'),
  ICC_CTLR_EL1: row(1, 'RW', 'common'),
  ICC_SRE_EL1: row(1, 'RW', 'sre'),
  ICC_IGRPEN0_EL1: row(1, 'RW', 'group0'),
  ICC_IGRPEN1_EL1: row(1, 'RW', 'group1'),
  ICC_SRE_EL2: row(2, 'RW', 'sre'),
  ICC_CTLR_EL3: row(3, 'RW', 'common'),
  ICC_SRE_EL3: row(3, 'RW', 'sre'),
  ICC_IGRPEN1_EL3: row(3, 'RW', 'group1'),
} as const satisfies Readonly<Record<string, IccRegister>>;

/** The ICC registers by Arm's spelling. */
export type IccName = keyof typeof ICC_REGISTERS;

/** What the access rules depend on besides the PE. */
export interface IccRules {
  /** Number of words in each set of active priorities registers, 1, 2 or 4. */
  readonly aprWords: number;
  /** ICC_SRE_EL2.Enable and ICC_SRE_EL3.Enable. */
  readonly sreEl2Enable: boolean;
  readonly sreEl3Enable: boolean;
  /** ICH_HCR_EL2, 0 where there is no virtual CPU interface. */
  readonly ichHcr: number;
}

/** Words of virtual active priorities: 5 bits of preemption. */
const VIRTUAL_APR_WORDS = 1;

/** ICH_HCR_EL2.TC, TALL0, TALL1 and TDIR: whether an access from EL1 traps to EL2. IHI 0069, "ICH_HCR_EL2". */
function hypervisorTraps(name: IccName, kind: IccClass, ichHcr: number): boolean {
  const bit = { common: ICH_HCR.TC, sgi: ICH_HCR.TC, group0: ICH_HCR.TALL0, group1: ICH_HCR.TALL1, sre: 0 }[kind];
  return (ichHcr & (name === 'ICC_DIR_EL1' ? bit | ICH_HCR.TDIR : bit)) !== 0;
}

/** True for accesses made in Non-secure state at EL1 on a PE with EL2, which HCR_EL2 can redirect or trap. */
export function isGuestAccess(ctx: IccContext): boolean {
  return ctx.el === 1 && ctx.el2 && (ctx.nonSecure || !ctx.el3);
}

/**
 * True when HCR_EL2.{FMO,IMO} redirect this access to the virtual CPU interface (ICV_*), which has the same
 * encodings. IHI 0069, "ICV_* System registers".
 */
export function isVirtualAccess(name: IccName, ctx: IccContext): boolean {
  if (!isGuestAccess(ctx)) return false;
  const kind: IccClass = ICC_REGISTERS[name].class;
  if (kind === 'group0') return ctx.hcrFmo;
  if (kind === 'group1') return ctx.hcrImo;
  return kind === 'common' && (ctx.hcrFmo || ctx.hcrImo);
}

/**
 * What the architecture does with an access to an ICC register: performs it, UNDEFINED, or a trap with EC 0x18.
 *
 * A register that does not exist with the implemented number of priority bits is UNDEFINED. ICC_SRE_ELx.SRE is
 * always 1 here, so only the Enable bits decide about the SRE registers.
 * @see DDI 0487, "SCR_EL3" FIQ and IRQ; IHI 0069, "ICC_SRE_EL3" and the accessibility section of each register
 */
export function iccAccess(name: IccName, direction: 'read' | 'write', ctx: IccContext, rules: IccRules): IccOutcome {
  const register: IccRegister = ICC_REGISTERS[name];
  if (ctx.el < register.el || register.absent !== undefined) return 'undefined';
  if (register.access === (direction === 'read' ? 'WO' : 'RO')) return 'undefined';
  const aprWords = isVirtualAccess(name, ctx) ? VIRTUAL_APR_WORDS : rules.aprWords;
  if (register.apr !== undefined && register.apr >= aprWords) return 'undefined';
  if (ctx.el === 3) return 'ok';
  if (register.class === 'sre') {
    if (isGuestAccess(ctx) && !rules.sreEl2Enable) return 'trap-el2';
    return ctx.el3 && !rules.sreEl3Enable ? 'trap-el3' : 'ok';
  }
  if (isGuestAccess(ctx)) {
    if (hypervisorTraps(name, register.class, rules.ichHcr)) return 'trap-el2';
    if (register.class === 'sgi' && (ctx.hcrFmo || ctx.hcrImo)) return 'trap-el2';
    if (isVirtualAccess(name, ctx)) return 'ok';
  }
  if (!ctx.el3) return 'ok';
  if (register.class === 'group0') return ctx.scrFiq ? 'trap-el3' : 'ok';
  if (register.class === 'group1') return ctx.scrIrq ? 'trap-el3' : 'ok';
  return ctx.scrFiq && ctx.scrIrq ? 'trap-el3' : 'ok';
}
