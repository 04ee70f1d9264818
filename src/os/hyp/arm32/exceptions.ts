/**
 * Exceptions of AArch32: where they go, what entry and return change, and which changes of mode are legal.
 *
 * DDI 0406, "Exception handling"; DDI 0487, pseudocode `AArch32.EnterMode`, `AArch32.EnterHypMode`,
 * `AArch32.EnterMonitorMode`, `AArch32.ExceptionReturn`. What ARMv7 leaves UNPREDICTABLE is done as ARMv8 does it.
 */
import { HSR_EC, SCTLR } from './cp15.ts';
import { MODE, type Mode, modeOf, PSR } from './psr.ts';
import { type Cpu32, elOfMode } from './state.ts';
import { FAULT, type Fault32 } from './translate.ts';

/** Kinds of exception. `hypTrap` is an instruction that HYP wanted to see. */
export type Exception32 =
  | 'undefined'
  | 'svc'
  | 'smc'
  | 'hvc'
  | 'hypTrap'
  | 'prefetchAbort'
  | 'dataAbort'
  | 'irq'
  | 'fiq'
  | 'serror'
  | 'virtualIrq'
  | 'virtualFiq'
  | 'virtualAbort';

/** How a kind of exception is entered. */
export interface ExceptionRow {
  /** Offset in VBAR, MVBAR, and HVBAR when taken from HYP itself. */
  readonly vector: number;
  /** Mode at PL1. */
  readonly mode: Mode;
  /** What is added to the preferred return address to give LR: A32, T32. */
  readonly lr: readonly [number, number];
  /** Returns behind the instruction. */
  readonly returnsAfter: boolean;
  /** Masks that entry at PL1 sets, beside I. */
  readonly masks: number;
  /** Bit of SCR that sends it to Monitor, and of HCR that sends it to HYP. */
  readonly scr?: 'IRQ' | 'FIQ' | 'EA';
  readonly hcr?: 'IMO' | 'FMO' | 'AMO';
}

const NONE = [0, 0] as const;
const irq: ExceptionRow = {
  vector: 0x18,
  mode: 'IRQ',
  lr: [4, 4],
  returnsAfter: false,
  masks: PSR.A,
  scr: 'IRQ',
  hcr: 'IMO',
};
const fiq: ExceptionRow = { ...irq, vector: 0x1c, mode: 'FIQ', masks: PSR.A | PSR.F, scr: 'FIQ', hcr: 'FMO' };
const dataAbort: ExceptionRow = { vector: 0x10, mode: 'ABT', lr: [8, 8], returnsAfter: false, masks: PSR.A };

/** All kinds. DDI 0406, table "Offsets from exception base addresses" and "Link value". */
export const EXCEPTIONS: Readonly<Record<Exception32, ExceptionRow>> = {
  undefined: { vector: 0x04, mode: 'UND', lr: [4, 2], returnsAfter: false, masks: 0 },
  svc: { vector: 0x08, mode: 'SVC', lr: NONE, returnsAfter: true, masks: 0 },
  smc: { vector: 0x08, mode: 'MON', lr: NONE, returnsAfter: true, masks: 0 },
  hvc: { vector: 0x08, mode: 'HYP', lr: NONE, returnsAfter: true, masks: 0 },
  hypTrap: { vector: 0x04, mode: 'HYP', lr: NONE, returnsAfter: false, masks: 0 },
  prefetchAbort: { vector: 0x0c, mode: 'ABT', lr: [4, 4], returnsAfter: false, masks: PSR.A },
  dataAbort,
  irq,
  fiq,
  serror: { ...dataAbort, scr: 'EA', hcr: 'AMO' },
  virtualIrq: { ...irq, scr: undefined, hcr: undefined },
  virtualFiq: { ...fiq, scr: undefined, hcr: undefined },
  virtualAbort: dataAbort,
};

/** What came with an exception. */
export interface Cause {
  /** HSR.EC and ISS as HYP would see them; IL is set for 32-bit instructions. */
  readonly ec?: number;
  readonly iss?: number;
  /** Address of a fault and why. */
  readonly va?: number;
  readonly fault?: Fault32;
  readonly write?: boolean;
  /** Size of the instruction, for a return behind it; default 4. */
  readonly bytes?: 2 | 4;
}

/** Vector of HVBAR for everything that comes from lower modes, but IRQ and FIQ. */
const HYP_TRAP_VECTOR = 0x14;

/** Where an exception of this kind would go now. */
export function targetMode(cpu: Cpu32, kind: Exception32, { fault }: Cause = {}): Mode {
  const { mode, scr, hcr } = EXCEPTIONS[kind];
  if (kind === 'smc') return 'MON';
  if (kind === 'hvc' || kind === 'hypTrap') return 'HYP';
  const external = (fault && (fault.status & 0b110000) === FAULT.external) || kind === 'serror';
  const aborts = kind === 'prefetchAbort' || kind === 'dataAbort';
  if ((scr && cpu.scr(scr)) || (aborts && external && cpu.scr('EA'))) return 'MON';
  if (cpu.mode.name === 'HYP') return 'HYP';
  if (!cpu.el2Enabled) return mode;
  if (hcr && (cpu.hcr(hcr) || cpu.hcr('TGE'))) return 'HYP';
  if (aborts && (fault?.stage2 || cpu.hcr('TGE'))) return 'HYP';
  if ((kind === 'undefined' || kind === 'svc') && cpu.mode.privilege === 0 && cpu.hcr('TGE')) return 'HYP';
  return mode;
}

/** Takes an exception: mode, banked registers, masks, vector. */
export function takeException(cpu: Cpu32, kind: Exception32, cause: Cause = {}): void {
  const row = EXCEPTIONS[kind];
  const target = targetMode(cpu, kind, cause);
  const returnAddress = (cpu.pc + (row.returnsAfter ? (cause.bytes ?? 4) : 0)) >>> 0;
  const spsr = cpu.cpsr;
  const thumb = (spsr & PSR.T) !== 0;
  cpu.state.waiting = undefined;
  cpu.state.exceptionsInARow++;
  if (target === 'HYP') {
    enterHyp(cpu, kind, cause, returnAddress);
    cpu.onException?.(kind, spsr, returnAddress);
    return;
  }
  // From Monitor mode an exception is taken to Secure state. DDI 0406, "Security Extensions ... exceptions".
  if (cpu.mode.name === 'MON') cpu.setCp('SCR', cpu.cp32('SCR') & ~1, false);
  const fromSecure = cpu.secure;
  const bank = target === 'MON' || fromSecure;
  const sctlr = cpu.cp32('SCTLR', bank && cpu.features.el3);
  const masks = target === 'MON' ? PSR.AIF : PSR.I | row.masks;
  enterPsr(cpu, target, masks, sctlr);
  cpu.spsr = spsr;
  cpu.setR(14, returnAddress + row.lr[thumb ? 1 : 0]);
  if (target === 'ABT') recordFault(cpu, kind, cause, bank);
  const high = target !== 'MON' && (sctlr & SCTLR.V) !== 0;
  const base = target === 'MON' ? cpu.cp32('MVBAR', false) : high ? 0xffff_0000 : cpu.cp32('VBAR', bank);
  cpu.pc = base + row.vector;
  cpu.onException?.(kind, spsr, returnAddress);
}

/** CPSR at entry: mode, masks, instruction set and byte order of SCTLR or HSCTLR; IT, J and IL cleared. */
function enterPsr(cpu: Cpu32, mode: Mode, masks: number, sctlr: number): void {
  const kept = cpu.cpsr & ~(PSR.M | PSR.T | PSR.E | PSR.IT | PSR.J | PSR.IL);
  const set = (sctlr & SCTLR.TE ? PSR.T : 0) | (sctlr & SCTLR.EE ? PSR.E : 0);
  cpu.cpsr = kept | MODE[mode] | masks | set;
}

function enterHyp(cpu: Cpu32, kind: Exception32, cause: Cause, returnAddress: number): void {
  const fromHyp = cpu.mode.name === 'HYP';
  const spsr = cpu.cpsr;
  const { vector } = EXCEPTIONS[kind];
  const interrupt = kind === 'irq' || kind === 'fiq';
  if (!interrupt) cpu.setCp('HSR', hsr(kind, cause, fromHyp));
  if (cause.va !== undefined && kind === 'prefetchAbort') cpu.setCp('HIFAR', cause.va);
  if (cause.va !== undefined && kind === 'dataAbort') cpu.setCp('HDFAR', cause.va);
  const { stage2 } = cause.fault ?? {};
  if (stage2) cpu.setCp('HPFAR', Math.floor(stage2.ipa / 4096) * 16);
  // A mask is set only where SCR leaves the exception to HYP.
  const masks = (cpu.scr('EA') ? 0 : PSR.A) | (cpu.scr('IRQ') ? 0 : PSR.I) | (cpu.scr('FIQ') ? 0 : PSR.F);
  enterPsr(cpu, 'HYP', masks, cpu.cp32('HSCTLR'));
  cpu.spsr = spsr;
  cpu.setNamed('ELR_hyp', returnAddress);
  cpu.pc = cpu.cp32('HVBAR') + (fromHyp || interrupt ? vector : HYP_TRAP_VECTOR);
}

/** HSR of an exception. DDI 0406, "HSR exception class encodings". */
function hsr(kind: Exception32, { ec, iss = 0, fault, write, bytes = 4 }: Cause, fromHyp: boolean): number {
  const lower = { prefetchAbort: HSR_EC.PrefetchAbortLower, dataAbort: HSR_EC.DataAbortLower };
  const own = { prefetchAbort: HSR_EC.PrefetchAbortHyp, dataAbort: HSR_EC.DataAbortHyp };
  const make = (cls: number, syndrome: number, il = bytes === 4 ? 1 : 0): number =>
    ((cls << 26) | (il << 25) | syndrome) >>> 0;
  if (ec !== undefined) return make(ec, iss);
  if (kind === 'svc') return make(HSR_EC.SVC, iss & 0xffff);
  if (kind === 'hvc') return make(HSR_EC.HVC, iss & 0xffff);
  if (kind === 'prefetchAbort' || kind === 'dataAbort' || kind === 'serror') {
    const name = kind === 'prefetchAbort' ? kind : 'dataAbort';
    const status = kind === 'serror' ? FAULT.asynchronousExternal : (fault?.status ?? 0);
    const walkFault = fault?.stage2?.duringStage1Walk ? 0x80 : 0;
    return make(fromHyp ? own[name] : lower[name], status | walkFault | (write ? 0x40 : 0), 1);
  }
  return make(HSR_EC.Unknown, 0, 1);
}

function recordFault(cpu: Cpu32, kind: Exception32, { va, fault, write }: Cause, secure: boolean): void {
  const status = fault?.status ?? FAULT.asynchronousExternal;
  // Bit 9: this is the long-descriptor format.
  if (kind === 'prefetchAbort') {
    cpu.setCp('IFSR', 0x200 | status, secure);
    if (va !== undefined) cpu.setCp('IFAR', va, secure);
    return;
  }
  cpu.setCp('DFSR', 0x200 | status | (write ? 0x800 : 0), secure);
  if (va !== undefined) cpu.setCp('DFAR', va, secure);
}

// --- interrupts at a boundary ---

/** Whether CPSR masks an asynchronous exception now. DDI 0406, "Asynchronous exception masking". */
export function masked(cpu: Cpu32, kind: 'irq' | 'fiq' | 'serror'): boolean {
  const bit = { irq: PSR.I, fiq: PSR.F, serror: PSR.A }[kind];
  if (!(cpu.cpsr & bit)) return false;
  if (cpu.secure || cpu.mode.name === 'HYP') return true;
  const { hcr } = EXCEPTIONS[kind];
  if (cpu.hcr('TGE') || (hcr && cpu.hcr(hcr))) return false;
  // Routed to Monitor, FIQ and asynchronous aborts ignore the mask of Non-secure state unless SCR.FW or SCR.AW is set.
  if (kind === 'fiq') return !(cpu.scr('FIQ') && !cpu.scr('FW'));
  if (kind === 'serror') return !(cpu.scr('EA') && !cpu.scr('AW'));
  return true;
}

/** Virtual interrupts reach Non-secure PL1 and PL0 while HCR has the routing bit set. DDI 0406, "Virtual exceptions". */
export function pendingVirtual(cpu: Cpu32): Exception32 | undefined {
  if (!cpu.el2Enabled || cpu.mode.name === 'HYP' || cpu.hcr('TGE')) return undefined;
  if (cpu.hcr('VA') && cpu.hcr('AMO') && !(cpu.cpsr & PSR.A)) return 'virtualAbort';
  if (cpu.hcr('VF') && cpu.hcr('FMO') && !(cpu.cpsr & PSR.F)) return 'virtualFiq';
  if (cpu.hcr('VI') && cpu.hcr('IMO') && !(cpu.cpsr & PSR.I)) return 'virtualIrq';
  return undefined;
}

// --- return and changes of mode ---

/** Whether the mode in an SPSR cannot be returned to now. DDI 0487, "Illegal return events from AArch32 state". */
export function illegalReturn(cpu: Cpu32, spsr: number): boolean {
  const mode = modeOf(spsr);
  if (!mode) return true;
  const { el2, el3 } = cpu.features;
  const ns = !el3 || cpu.scr('NS');
  const el = elOfMode(mode.name, { el2, el3, ns });
  if (el === undefined || el > cpu.el) return true;
  // HYP is above PL1 of its own Security state, and Secure PL1 is Monitor's level.
  return el === 1 && el2 && ns && (cpu.cp32('HCR') & 0x800_0000) !== 0;
}

/** CPSR and PC from a saved pair; an illegal one sets IL and leaves the mode. */
export function exceptionReturn(cpu: Cpu32, pc: number, spsr: number): void {
  const illegal = illegalReturn(cpu, spsr);
  const mode = illegal ? cpu.cpsr & PSR.M : spsr & PSR.M;
  cpu.cpsr = (spsr & ~(PSR.M | PSR.J)) | mode | (illegal ? PSR.IL : 0);
  cpu.state.event = true;
  cpu.pc = illegal ? pc : cpu.cpsr & PSR.T ? pc & ~1 : pc & ~3;
}

/** CPS or MSR to CPSR: what a privileged instruction may change, with IL for a change of mode that is not legal. */
export function writeCpsr(cpu: Cpu32, value: number, mask: number): void {
  const { privilege } = cpu.mode;
  const flags = PSR.N | PSR.Z | PSR.C | PSR.V | PSR.Q | PSR.GE;
  let writable = flags | PSR.E;
  if (privilege > 0) {
    writable |= PSR.I;
    const owns = cpu.secure || cpu.features.el2;
    if (owns || cpu.scr('AW')) writable |= PSR.A;
    if (owns || cpu.scr('FW')) writable |= PSR.F;
  }
  const bits = writable & mask;
  cpu.cpsr = (cpu.cpsr & ~bits) | (value & bits);
  if (privilege > 0 && mask & PSR.M) changeMode(cpu, value & PSR.M);
}

/** DDI 0487, `AArch32.WriteModeByInstr`. */
function changeMode(cpu: Cpu32, value: number): void {
  const now = cpu.mode.name;
  if (value === MODE[now]) return;
  const { el2, el3 } = cpu.features;
  const target = modeOf(value);
  const ns = !el3 || cpu.scr('NS');
  const el = target && elOfMode(target.name, { el2, el3, ns });
  const withHyp = now === 'HYP' || target?.name === 'HYP';
  const underTge = now === 'MON' && el === 1 && el2 && (cpu.cp32('HCR') & 0x800_0000) !== 0;
  if (el === undefined || el > cpu.el || withHyp || underTge) cpu.cpsr |= PSR.IL;
  else cpu.cpsr = (cpu.cpsr & ~PSR.M) | value;
}
