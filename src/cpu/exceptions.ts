import { EC, esrOf, FP_ACCESS_ISS, FSC } from '../arch/esr.ts';
import { PE_DERIVED, PE_STATE } from '../arch/pestate.ts';
import { SPSR, VECTOR_OFFSETS } from '../arch/pstate.ts';
import type { InstructionEnd } from './pmu-counters.ts';
import type { GicPort, IccContext, MachinePort } from './ports.ts';
import {
  ASYNC_KINDS,
  type AsyncKind,
  asyncMasked,
  asyncTarget,
  el2Enabled,
  type RoutingState,
  syncTarget,
} from './routing.ts';
import { type PeState, sysregOffset } from './state.ts';
import { effectiveHcr, HCR, HCR_HIGH, isE2h, isHost } from './vhe.ts';
import { deferVirtualSError, takeVirtualSError, type VirtualLines, virtualPending } from './virtual-interrupts.ts';

const AT = {
  SCR_EL3: sysregOffset('SCR_EL3'),
  HCR_EL2: sysregOffset('HCR_EL2'),
  SCTLR: [0, sysregOffset('SCTLR_EL1'), sysregOffset('SCTLR_EL2'), sysregOffset('SCTLR_EL3')],
  VBAR: [0, sysregOffset('VBAR_EL1'), sysregOffset('VBAR_EL2'), sysregOffset('VBAR_EL3')],
  ELR: [0, sysregOffset('ELR_EL1'), sysregOffset('ELR_EL2'), sysregOffset('ELR_EL3')],
  SPSR: [0, sysregOffset('SPSR_EL1'), sysregOffset('SPSR_EL2'), sysregOffset('SPSR_EL3')],
  ESR: [0, sysregOffset('ESR_EL1'), sysregOffset('ESR_EL2'), sysregOffset('ESR_EL3')],
  FAR: [0, sysregOffset('FAR_EL1'), sysregOffset('FAR_EL2'), sysregOffset('FAR_EL3')],
  CPACR_EL1: sysregOffset('CPACR_EL1'),
  DISR_EL1: sysregOffset('DISR_EL1'),
} as const;

const SCR = {
  NS: 1,
  IRQ: 2,
  FIQ: 4,
  EA: 8,
  SMD: 0x80,
  HCE: 0x100,
  RW: 0x400,
  ST: 0x800,
  TWI: 0x1000,
  TWE: 0x2000,
} as const;
/** SCR_EL3 and HCR_EL2 bits that route each kind. */
const ROUTE_BITS = { FIQ: [SCR.FIQ, HCR.FMO], IRQ: [SCR.IRQ, HCR.IMO], SError: [SCR.EA, HCR.AMO] } as const;
const NO_ROUTE_BITS = [0, 0] as const;
const SPAN = 1 << 23;
/** DISR_EL1.A, as a signed 32-bit number. */
const DISR_A = 1 << 31;
/** Bytes of an instruction. */
const INSTRUCTION = 4;

/** Called after EL, PSTATE.PAN or UAO changed: what follows from them is recomputed. */
export type ModeChanged = () => void;

/** Who hears of exceptions before anything changes: the Performance Monitors and software step. */
export interface ExceptionListener {
  taking(end: InstructionEnd): void;
  returning(): void;
  /** PSTATE.SS after an ERET to an Exception level with an SPSR whose SS is 1. */
  returnedStepBit(spsr: number, toEl: number): 0 | 1;
}

/** Takes exceptions and returns from them. */
export class Exceptions {
  private readonly s: PeState;
  private readonly machine: MachinePort;
  private readonly gic: () => GicPort;
  private readonly modeChanged: ModeChanged;
  private readonly listener: ExceptionListener;
  private readonly pan: boolean;
  private readonly uao: boolean;
  /** Virtual IRQ and FIQ as the GIC's virtual CPU interface drives them. */
  readonly virtualLines: VirtualLines = { irq: false, fiq: false };

  constructor(
    s: PeState,
    machine: MachinePort,
    gic: () => GicPort,
    modeChanged: ModeChanged,
    listener: ExceptionListener,
  ) {
    this.s = s;
    this.machine = machine;
    this.gic = gic;
    this.modeChanged = modeChanged;
    this.listener = listener;
    this.pan = s.profile.features.has('FEAT_PAN');
    this.uao = s.profile.features.has('FEAT_UAO');
  }

  /** SCR_EL3, or 0 without EL3. */
  get scr(): number {
    return this.s.els.el3 ? this.s.sysLow(AT.SCR_EL3) : 0;
  }
  /** Low word of HCR_EL2 as it acts, or 0 where EL2 is absent or not enabled. */
  get hcr(): number {
    return this.s.els.el2 && !this.secure ? effectiveHcr(this.s) : 0;
  }
  /** Secure state: at EL3, and below it while SCR_EL3.NS is 0. Without EL3 the PE is Non-secure. */
  get secure(): boolean {
    return this.s.els.el3 && (this.s.el === 3 || !(this.scr & SCR.NS));
  }

  /** Security state of the levels below EL3. */
  get secureBelowEl3(): boolean {
    return this.s.els.el3 && !(this.scr & SCR.NS);
  }

  /** What the GIC's CPU interface needs. */
  iccContext(): IccContext {
    const { scr, hcr } = this;
    return {
      el: this.s.el as 0 | 1 | 2 | 3,
      nonSecure: this.s.els.el3 ? (scr & SCR.NS) !== 0 : true,
      scrNs: (scr & SCR.NS) !== 0,
      scrIrq: (scr & SCR.IRQ) !== 0,
      scrFiq: (scr & SCR.FIQ) !== 0,
      el3: this.s.els.el3,
      el2: this.s.els.el2,
      hcrFmo: (hcr & HCR.FMO) !== 0,
      hcrImo: (hcr & HCR.IMO) !== 0,
    };
  }

  private routing(kind: AsyncKind | undefined): RoutingState {
    const { scr, hcr } = this;
    const [s, h] = kind ? ROUTE_BITS[kind] : NO_ROUTE_BITS;
    return {
      el: this.s.el,
      el2: this.s.els.el2,
      el3: this.s.els.el3,
      secure: this.secure,
      scrRoute: (scr & s) !== 0,
      hcrRoute: (hcr & h) !== 0,
      tge: (hcr & HCR.TGE) !== 0,
      e2h: isE2h(this.s),
    };
  }

  // --- synchronous ---

  /** Where a synchronous exception goes from the current Exception level. */
  syncTarget(): 1 | 2 | 3 {
    return syncTarget(this.routing(undefined));
  }

  /**
   * Where an abort goes: an External abort to EL3 by SCR_EL3.EA, to EL2 by HCR_EL2.TEA. DDI 0487, "Routing of aborts".
   */
  private abortTarget(code: number, stage2?: 2): 1 | 2 | 3 {
    if (code !== FSC.SyncExternal && (code & ~3) !== FSC.SyncExternalOnWalk) return stage2 ?? this.syncTarget();
    if (this.scr & SCR.EA) return 3;
    if (stage2) return stage2;
    const enabled = this.s.el <= 1 && el2Enabled({ el2: this.s.els.el2, secure: this.secure });
    return enabled && this.s.sysHigh(AT.HCR_EL2) & HCR_HIGH.TEA ? 2 : this.syncTarget();
  }

  /**
   * Takes a synchronous exception whose preferred return address is PC, which must be up to date.
   *
   * @param ec - exception class of a lower EL; the same-EL class is chosen for aborts and debug
   * @param options - `returnsBehind`: the preferred return address is that of the next instruction
   */
  sync(
    ec: number,
    iss: number,
    options: { far?: bigint; target?: 1 | 2 | 3; returnsBehind?: true; il?: 0 | 1; end?: InstructionEnd } = {},
  ): void {
    const target = options.target ?? (ABORTS.has(ec) ? this.abortTarget(iss & 0x3f) : this.syncTarget());
    const sameEl = target === this.s.el && SAME_EL_CLASSES.has(ec) ? 1 : 0;
    const esr = options.il === 0 ? (esrOf(ec + sameEl, iss) & ~0x0200_0000) >>> 0 : esrOf(ec + sameEl, iss);
    if (options.far !== undefined) this.s.setSys(AT.FAR[target]!, options.far);
    const end = options.end ?? (options.returnsBehind ? 'completed' : 'abandoned');
    this.enter(target, VECTOR_OFFSETS.Synchronous, options.returnsBehind ? INSTRUCTION : 0, esr, end);
  }
  /**
   * As `sync` for an Instruction Abort, Data Abort or PC alignment fault at an address given as two halves: these are
   * frequent, and a bigint is not cheap. Aborts of stage 2 say so.
   */
  fault(ec: number, iss: number, farHigh: number, farLow: number, stage2?: 2): void {
    const target = ABORTS.has(ec) ? this.abortTarget(iss & 0x3f, stage2) : this.syncTarget();
    const sameEl = target === this.s.el && SAME_EL_CLASSES.has(ec) ? 1 : 0;
    this.s.setSysHalves(AT.FAR[target]!, farHigh, farLow);
    this.enter(target, VECTOR_OFFSETS.Synchronous, 0, esrOf(ec + sameEl, iss), 'abandoned');
  }
  /** An encoding that is UNDEFINED here. */
  undefined(): void {
    this.sync(EC.Uncategorized, 0);
  }
  /**
   * An FP or SIMD instruction, or an access to FPCR or FPSR, that traps.
   *
   * DDI 0487, "HCR_EL2", TGE: CPACR_EL1's trap of EL0 arrives at EL2 as EC 0.
   */
  floatingPointTrap(target: 1 | 2 | 3): void {
    const { s } = this;
    const disabled = ((s.sysLow(AT.CPACR_EL1) >>> 20) & 3) !== 3;
    if (s.el === 0 && disabled && this.syncTarget() === 2 && !isHost(s)) return this.undefined();
    this.sync(EC.AdvSIMDFPAccessTrap, FP_ACCESS_ISS, { target });
  }

  // --- asynchronous ---

  /** Lines that are asserted, in the order exceptions are taken. */
  pending(irq: boolean, fiq: boolean): AsyncKind[] {
    const serror = this.s.get32(PE_STATE.serrorPending) !== 0;
    return ASYNC_KINDS.filter((k) => (k === 'IRQ' ? irq : k === 'FIQ' ? fiq : serror));
  }

  /** Takes the first asserted asynchronous exception that nothing holds back; false when there is none. */
  takeAsync(irq: boolean, fiq: boolean): boolean {
    const daif = this.s.get32(PE_STATE.DAIF);
    for (const kind of this.pending(irq, fiq)) {
      const routing = this.routing(kind);
      const target = asyncTarget(routing);
      const mask = kind === 'FIQ' ? SPSR.F : kind === 'IRQ' ? SPSR.I : SPSR.A;
      if (target === undefined || asyncMasked(routing, target, (daif & mask) !== 0)) continue;
      this.takeAsyncTo(kind, target);
      return true;
    }
    return this.s.els.el2 && this.takeVirtual(daif);
  }

  /** Virtual interrupts that are pending here, as bits of PSTATE.DAIF. */
  virtualPending(): number {
    return this.s.els.el2 && this.s.el <= 1 ? virtualPending(this.s, this.hcr, this.virtualLines) : 0;
  }
  private takeVirtual(daif: number): boolean {
    const due = this.virtualPending() & ~daif;
    if (due === 0) return false;
    const kind = due & SPSR.F ? 'FIQ' : due & SPSR.I ? 'IRQ' : 'SError';
    const esr = kind === 'SError' ? esrOf(EC.SError, takeVirtualSError(this.s)) : undefined;
    this.enter(1, VECTOR_OFFSETS[kind], 0, esr, 'none');
    this.s.set32(PE_DERIVED.diverted, 0);
    return true;
  }

  private takeAsyncTo(kind: AsyncKind, target: 1 | 2 | 3): void {
    let esr: number | undefined;
    if (kind === 'SError') {
      this.s.set32(PE_STATE.serrorPending, 0);
      esr = esrOf(EC.SError, this.s.get32(PE_STATE.serrorSyndrome));
    }
    this.enter(target, VECTOR_OFFSETS[kind], 0, esr, 'none');
    // No instruction was ended by this: the next one must not take the mark for its own.
    this.s.set32(PE_DERIVED.diverted, 0);
  }

  /** Firmware hands an SError on: it is taken to a level below EL3, whatever masks it there. */
  takeSErrorTo(target: 1 | 2, syndrome: number): void {
    this.enter(target, VECTOR_OFFSETS.SError, 0, esrOf(EC.SError, syndrome), 'none');
    this.s.set32(PE_DERIVED.diverted, 0);
  }

  /**
   * ESB: a pending SError that is masked is deferred to DISR_EL1; one that is not is taken by the caller's boundary.
   */
  errorBarrier(): void {
    const routing = this.routing('SError');
    const target = asyncTarget(routing);
    if (this.virtualPending() & this.s.get32(PE_STATE.DAIF) & SPSR.A) deferVirtualSError(this.s);
    if (!this.s.get32(PE_STATE.serrorPending)) return;
    if (target !== undefined && !asyncMasked(routing, target, (this.s.get32(PE_STATE.DAIF) & SPSR.A) !== 0)) return;
    const syndrome = this.s.get32(PE_STATE.serrorSyndrome) & 0x1ff_ffff;
    this.s.set32(PE_STATE.serrorPending, 0);
    this.s.setSysHalves(AT.DISR_EL1, 0, DISR_A | syndrome);
  }

  // --- entry and return ---

  private enter(target: 1 | 2 | 3, kind: number, ahead: 0 | 4, esr: number | undefined, end: InstructionEnd): void {
    const { s } = this;
    this.listener.taking(end);
    const from = s.el;
    const spsr = s.pstate();
    const group =
      target > from
        ? 'Lower EL using AArch64'
        : s.get32(PE_STATE.SPSel)
          ? 'Current EL with SP_ELx'
          : 'Current EL with SP_EL0';
    const offset = VECTOR_OFFSETS[group] + kind;
    s.setMode(target, 1);
    s.setSysHalves(AT.SPSR[target]!, 0, spsr);
    s.copySum(PE_STATE.PC.offset, ahead, AT.ELR[target]!);
    if (esr !== undefined) s.setSysHalves(AT.ESR[target]!, 0, esr);
    s.set32(PE_STATE.DAIF, SPSR.DAIF);
    s.set32(PE_STATE.SS, 0);
    s.set32(PE_STATE.IL, 0);
    s.set32(PE_STATE.UAO, 0);
    if (this.setsPan(target)) s.set32(PE_STATE.PAN, 1);
    s.copySum(AT.VBAR[target]!, offset, PE_STATE.PC.offset);
    s.set32(PE_DERIVED.diverted, 1);
    this.afterModeChange(from, target);
    this.machine.exceptionTaken(s.index, target, offset);
    if (target === 3) this.machine.el3Entered(s.index, offset);
  }

  /** PSTATE.PAN is set on entry to EL1, and to EL2 as a host, unless SCTLR_ELx.SPAN is 1. */
  private setsPan(target: 1 | 2 | 3): boolean {
    const obeyed = target === 1 || (target === 2 && isHost(this.s));
    return this.pan && obeyed && !(this.s.sysLow(AT.SCTLR[target]!) & SPAN);
  }

  private afterModeChange(from: number, to: number): void {
    this.modeChanged();
    if ((from === 3) !== (to === 3)) this.gic().update(this.s.index);
  }

  /**
   * ERET from the current Exception level.
   *
   * An illegal return sets PSTATE.IL and stays at the same Exception level, as DDI 0487 "Illegal return events" says.
   */
  exceptionReturn(): void {
    const { s } = this;
    const from = s.el;
    const spsr = s.sysLow(AT.SPSR[from]!);
    this.listener.returning();
    this.restorePstate(spsr, from, spsr & SPSR.SS ? this.returnedStepBit(spsr, from) : 0);
    s.copySum(AT.ELR[from]!, 0, PE_STATE.PC.offset);
    s.set32(PE_STATE.exclusiveValid, 0);
    s.set32(PE_STATE.eventRegister, 1);
    this.afterModeChange(from, s.el);
    this.machine.exceptionReturned(s.index, from);
    // What was masked may be let in now; the debug unit asks for its own boundary.
    if (s.get32(PE_DERIVED.interruptPending)) this.machine.requestBoundary();
  }

  private returnedStepBit(spsr: number, from: number): 0 | 1 {
    return this.listener.returnedStepBit(spsr, this.illegalReturn(spsr, from) ? from : (spsr >> 2) & 3);
  }

  /** PSTATE from a value in the layout of SPSR_ELx, as at an exception return from `from`; SS is given. */
  restorePstate(spsr: number, from: number, ss: 0 | 1): void {
    const { s } = this;
    const illegal = this.illegalReturn(spsr, from);
    s.set32(PE_STATE.NZCV, spsr & SPSR.NZCV);
    s.set32(PE_STATE.DAIF, spsr & SPSR.DAIF);
    s.set32(PE_STATE.PAN, this.pan && spsr & SPSR.PAN ? 1 : 0);
    s.set32(PE_STATE.UAO, this.uao && spsr & SPSR.UAO ? 1 : 0);
    s.set32(PE_STATE.SS, ss);
    s.set32(PE_STATE.IL, illegal || spsr & SPSR.IL ? 1 : 0);
    if (!illegal) s.setMode((spsr >> 2) & 3, spsr & 1);
  }

  private illegalReturn(spsr: number, from: number): boolean {
    const el = (spsr >> 2) & 3;
    if (spsr & SPSR.nRW || spsr & 2 || (el === 0 && spsr & 1)) return true;
    if (el > from) return true;
    if (el === 3 && !this.s.els.el3) return true;
    const secure = this.s.els.el3 && !(this.scr & SCR.NS);
    if (el === 2 && (!this.s.els.el2 || secure)) return true;
    return el === 1 && !secure && this.s.els.el2 && (this.s.sysLow(AT.HCR_EL2) & HCR.TGE) !== 0;
  }

  // --- calls ---

  supervisorCall(imm: number): void {
    this.sync(EC.SupervisorCall, imm & 0xffff, { returnsBehind: true });
  }
  /**
   * HVC: DDI 0487 "HVC"; UNDEFINED where EL2 is absent, at EL0, in Secure state, or disabled by SCR_EL3.HCE or
   * HCR_EL2.HCD.
   */
  hypervisorCall(imm: number): void {
    const { s } = this;
    if (!s.els.el2 && s.el === 1 && this.callConduit(imm)) return;
    const disabled = s.els.el3 ? !(this.scr & SCR.HCE) : (s.sysLow(AT.HCR_EL2) & HCR.HCD) !== 0;
    if (!s.els.el2 || s.el === 0 || (s.el === 1 && this.secure) || disabled) return this.undefined();
    this.sync(EC.HypervisorCall, imm & 0xffff, { target: s.el === 3 ? 3 : 2, returnsBehind: true });
  }
  /** Without EL3, firmware may be reached by HVC, or by SMC when HVC belongs to EL2. */
  private callConduit(imm: number): boolean {
    const at = this.s.pc;
    this.s.nextInstruction();
    if (this.machine.hvcConduit(this.s.index, imm & 0xffff)) return true;
    this.s.pc = at;
    return false;
  }
  /** SMC: UNDEFINED at EL0, without EL3, or with SCR_EL3.SMD; HCR_EL2.TSC traps it to EL2 even with SMD. */
  secureMonitorCall(imm: number): void {
    const { s } = this;
    if (s.el === 0) return this.undefined();
    if (s.els.el3 && s.el === 1 && this.hcr & HCR.TSC) return this.sync(EC.MonitorCall, imm & 0xffff, { target: 2 });
    const trapped = s.el === 1 && (this.hcr & HCR.TSC) !== 0;
    if (!s.els.el3 && s.els.el2 && !trapped && this.callConduit(imm)) return;
    if (!s.els.el3 || this.scr & SCR.SMD) return this.undefined();
    this.sync(EC.MonitorCall, imm & 0xffff, { target: 3, returnsBehind: true });
  }
}

const ABORTS = new Set<number>([EC.InstructionAbortLowerEL, EC.DataAbortLowerEL]);
/** Classes whose same-EL variant is the next number. */
const SAME_EL_CLASSES = new Set<number>([
  EC.InstructionAbortLowerEL,
  EC.DataAbortLowerEL,
  EC.BreakpointLowerEL,
  EC.SoftwareStepLowerEL,
  EC.WatchpointLowerEL,
]);
