import { PE_DERIVED, PE_STATE } from '../arch/pestate.ts';
import type { ImplementedEls, Profile } from '../arch/profiles.ts';
import { SPSR } from '../arch/pstate.ts';
import { sysregByName } from '../arch/sysregs/index.ts';
import { isHosted } from '../engine/hosted/program.ts';
import type { Interpreter } from '../engine/interpreter.ts';
import type { GuestMemory } from '../engine/memory.ts';
import { RAM_BASE } from '../engine/records.ts';
import { MemoryAccess } from './access.ts';
import { type ContextNumbers, TranslationContexts } from './contexts.ts';
import { DEBUG_CONTROLS, Debug } from './debug/debug.ts';
import { Exceptions } from './exceptions.ts';
import { ExclusiveMonitor } from './exclusive.ts';
import { fpTrapTarget } from './fp-trap.ts';
import { PeHelpers } from './helpers.ts';
import type { HostedCode } from './hosted.ts';
import { Mmu } from './mmu.ts';
import { Pmu, type PmuState } from './pmu.ts';
import { pmuAccess } from './pmu-access.ts';
import type { BusPort, GicPort, MachinePort } from './ports.ts';
import { PeState } from './state.ts';
import { StepCount } from './step-count.ts';
import type { SysregContext } from './sysregs/computed.ts';
import { type ClaimTags, debugRegisters, type ErrorRecord, emptyRecord, rasRegisters } from './sysregs/debug-ras.ts';
import { identification, mpidrOf } from './sysregs/identification.ts';
import { SPECIAL } from './sysregs/special.ts';
import { Sysregs } from './sysregs/sysregs.ts';
import { SystemInstructions } from './system-instructions.ts';
import { Timers } from './timers.ts';
import { sctlrOf } from './vhe.ts';
import { interruptsSeen } from './virtual-interrupts.ts';
import { Waiting } from './waiting.ts';

/** What a PE is made of. */
export interface PeParts {
  readonly memory: GuestMemory;
  readonly index: number;
  readonly affinity: number;
  readonly profile: Profile;
  readonly els: ImplementedEls;
  readonly bus: BusPort;
  readonly machine: MachinePort;
  readonly ramBasePa: number;
  /** Read-only memory at physical address 0; default none. */
  readonly romBytes?: number;
  readonly contexts: ContextNumbers;
  readonly hosted: HostedCode | undefined;
  gic(): GicPort;
  engine(): Interpreter;
}

/** One processing element. */
export class Pe {
  readonly s: PeState;
  readonly mmu: Mmu;
  readonly exceptions: Exceptions;
  readonly access: MemoryAccess;
  readonly sysregs: Sysregs;
  readonly system: SystemInstructions;
  readonly timers: Timers;
  readonly pmu: Pmu;
  readonly debug: Debug;
  readonly monitor: ExclusiveMonitor;
  readonly waiting: Waiting;
  readonly affinity: number;
  /** Interrupt lines from the GIC. */
  irq = false;
  fiq = false;
  /** The firmware waits for this PE's next boundary; it wakes the PE as an interrupt does. */
  firmwareEvent = false;
  /** See `listenToMoves`. */
  moves: ((name: string, write: boolean) => void) | undefined;
  private readonly parts: PeParts;
  private readonly contexts: TranslationContexts;
  private readonly virtual: { vpidr: bigint; vmpidr: bigint };
  private readonly claim: ClaimTags = { value: 0n };
  private readonly records: ErrorRecord[];
  private readonly steps = new StepCount();

  constructor(parts: PeParts) {
    this.parts = parts;
    this.affinity = parts.affinity;
    this.s = new PeState(parts.memory, parts.index, parts.profile, parts.els);
    this.mmu = new Mmu(this.s, parts.memory, parts.ramBasePa, parts.romBytes);
    this.contexts = new TranslationContexts(this.s, parts.contexts);
    this.pmu = new Pmu({
      s: this.s,
      steps: {
        before: () => this.steps.earlier,
        through: () => this.steps.through,
      },
      secure: () => this.exceptions.secure,
      setLine: (level) => parts.machine.pmuLine(parts.index, level),
      requestBoundary: () => parts.machine.requestBoundary(),
    });
    this.debug = new Debug({
      s: this.s,
      memory: parts.memory,
      exceptions: () => this.exceptions,
      instructionWord: () => this.instructionWord(),
      requestBoundary: () => parts.machine.requestBoundary(),
    });
    this.exceptions = new Exceptions(
      this.s,
      parts.machine,
      () => parts.gic(),
      () => this.modeChanged(),
      {
        taking: (end) => {
          if (this.pmu.active && !this.steps.stopped) this.pmu.exceptionTaken(end);
          this.debug.exceptionTaken(end);
        },
        returning: () => {
          if (this.pmu.active && !this.steps.stopped) this.pmu.exceptionReturn();
        },
        returnedStepBit: (spsr, toEl) => this.debug.returnedStepBit(spsr, toEl),
      },
    );
    const { s, mmu, exceptions } = this;
    this.access = new MemoryAccess({
      s,
      mmu,
      exceptions,
      memory: parts.memory,
      bus: parts.bus,
      ramBasePa: parts.ramBasePa,
      engine: () => parts.engine(),
      debug: this.debug,
      instructionWord: () => this.instructionWord(),
      hosted: parts.hosted !== undefined,
    });
    this.monitor = new ExclusiveMonitor(s, this.access);
    this.timers = new Timers(
      s,
      () => parts.machine.count(),
      () => parts.machine.timersChanged(parts.index),
    );
    this.waiting = new Waiting(this, parts.machine);
    this.virtual = { vpidr: parts.profile.midr, vmpidr: mpidrOf(parts.affinity) };
    this.records = Array.from({ length: parts.profile.errorRecords }, emptyRecord);
    const context = this.sysregContext();
    this.sysregs = new Sysregs(
      context,
      {
        ...SPECIAL,
        ...identification(parts.affinity, this.virtual),
        ...this.timers.registers(),
        ...this.pmu.registers(),
        ...debugRegisters(this.claim, () => this.debug.controlsChanged()),
        ...rasRegisters(this.records),
      },
      this.effects(),
    );
    this.system = new SystemInstructions(context, mmu);
  }

  private sysregContext(): SysregContext {
    return {
      s: this.s,
      exceptions: this.exceptions,
      access: this.access,
      machine: this.parts.machine,
      gic: () => this.parts.gic(),
      lines: () => interruptsSeen(this.s, this.exceptions.hcr, this.exceptions.virtualPending(), this),
      transferRegister: () => this.instructionWord() & 31,
      modeChanged: () => this.modeChanged(),
      masksChanged: () => this.interruptsChanged(),
      pmuAccess: (name, write) => pmuAccess(name, write, this.s, (n) => this.pmu.reserved(n)),
    };
  }

  private effects(): Record<string, () => void> {
    const translation = (): void => {
      this.mmu.controlsChanged();
      this.contexts.controlsChanged();
      this.modeChanged();
    };
    const tables = (): void => this.contexts.tablesChanged();
    const table: Record<string, () => void> = {};
    for (const name of DEBUG_CONTROLS) table[name] = () => this.debug.controlsChanged();
    for (const name of ['MDCR_EL2', 'MDCR_EL3']) {
      table[name] = () => {
        this.debug.controlsChanged();
        this.pmu.controlsChanged();
      };
    }
    for (const el of [1, 2, 3]) for (const r of ['SCTLR', 'TCR', 'MAIR']) table[`${r}_EL${el}`] = translation;
    for (const r of ['TTBR0_EL1', 'TTBR1_EL1', 'TTBR0_EL2', 'TTBR1_EL2', 'TTBR0_EL3']) table[r] = tables;
    table.VTCR_EL2 = translation;
    table.VTTBR_EL2 = () => {
      translation();
      this.debug.controlsChanged();
    };
    for (const r of ['CPACR_EL1', 'CPTR_EL2', 'CPTR_EL3']) table[r] = () => this.modeChanged();
    for (const r of ['HCR_EL2', 'SCR_EL3']) {
      table[r] = () => {
        translation();
        this.parts.gic().update(this.parts.index);
        this.interruptsChanged();
      };
    }
    table.CNTVOFF_EL2 = () => {
      this.timers.streamChanged();
      this.parts.machine.timersChanged(this.parts.index);
    };
    table.CNTKCTL_EL1 = () => this.timers.streamChanged();
    table.CNTHCTL_EL2 = () => this.timers.streamChanged();
    return table;
  }

  // --- derived state ---

  /** Recomputes what follows from the Exception level, PSTATE and control registers. */
  modeChanged(): void {
    const { s } = this;
    this.contexts.modeChanged();
    if (this.pmu.active) this.pmu.modeChanged();
    this.debug.modeChanged();
    s.set32(PE_DERIVED.fpTrapped, fpTrapTarget(s, this.exceptions));
    if (s.els.el2) this.notePending();
    const control = sctlrOf(s, s.el);
    s.set32(PE_DERIVED.zeroBlockBytes, this.system.zeroesFreely ? 4 << s.profile.dczidBs : 0);
    s.set32(PE_DERIVED.spAlignMask, control & (s.el === 0 ? 1 << 4 : 1 << 3) ? 15 : 0);
  }
  /** Recomputes everything derived, after the state was written from outside. */
  stateReplaced(): void {
    this.mmu.controlsChanged();
    this.contexts.controlsChanged();
    this.debug.controlsChanged();
    this.modeChanged();
    this.interruptsChanged();
  }
  /** The GIC's outputs for this PE changed. */
  setInterruptLines(irq: boolean, fiq: boolean): void {
    this.irq = irq;
    this.fiq = fiq;
    this.interruptsChanged();
  }
  /** The outputs of the GIC's virtual CPU interface changed. */
  setVirtualLines(irq: boolean, fiq: boolean): void {
    Object.assign(this.exceptions.virtualLines, { irq, fiq });
    this.interruptsChanged();
  }
  private notePending(): boolean {
    const physical = this.irq || this.fiq || this.firmwareEvent || this.s.get32(PE_STATE.serrorPending) !== 0;
    const pending = physical || (this.s.els.el2 && this.exceptions.virtualPending() !== 0);
    this.s.set32(PE_DERIVED.interruptPending, pending ? 1 : 0);
    return pending;
  }
  /** Lines or masks changed: a PE that waits looks again, and the run comes back if something is pending. */
  interruptsChanged(): void {
    if (this.notePending()) this.parts.machine.requestBoundary();
    this.debug.modeChanged();
  }
  /** Something that ends WFI is pending, whatever the masks. */
  get wakes(): boolean {
    return this.s.get32(PE_DERIVED.interruptPending) !== 0;
  }
  /** An SError arrives with a syndrome (ISS, 25 bits). */
  raiseSError(syndrome: number): void {
    this.s.set32(PE_STATE.serrorPending, 1);
    this.s.set64(PE_STATE.serrorSyndrome, BigInt(syndrome));
    this.interruptsChanged();
  }

  /** Physical address of the instruction at PC, or undefined when it cannot be fetched. */
  instructionPa(): number | undefined {
    const { pc, el } = this.s;
    const request = { kind: 'fetch', el, pan: false } as const;
    const t = this.mmu.translate(Number(pc >> 32n), Number(pc & 0xffff_ffffn), request);
    return t.fault >= 0 || this.mmu.readPage(t.pa) < 0 ? undefined : t.pa;
  }
  /** The instruction at PC, or the one in whose place hosted code takes a step; 0 when it cannot be read. */
  instructionWord(): number {
    const { hosted } = this.parts;
    if (hosted && isHosted(this.s.pc)) return hosted.standsFor;
    const pa = this.instructionPa();
    return pa === undefined ? 0 : this.s.view.getUint32(RAM_BASE + this.mmu.readPage(pa) * 4096 + (pa % 4096), true);
  }
  /** Sets or, with undefined, removes who hears of every MRS and MSR before it acts. */
  listenToMoves(listener: ((name: string, write: boolean) => void) | undefined): void {
    this.moves = listener;
    this.parts.engine().helpMoves(listener !== undefined);
  }

  // --- steps ---

  /**
   * Takes at most `budget` steps and returns how many: fewer where an overflow of the Performance Monitors or a debug
   * exception asks for it.
   */
  run(budget: number): number {
    let taken = 0;
    const alone = this.debug.armed && this.debug.stepAlone(() => (taken = this.runSteps(1)));
    return alone ? taken : this.runSteps(budget);
  }
  private runSteps(budget: number): number {
    const steps = this.pmu.grant(budget);
    const { hosted, engine } = this.parts;
    const taken =
      hosted && isHosted(this.s.pc)
        ? this.steps.counting(
            () => hosted.step(this),
            () => 1,
          )
        : this.steps.counting(
            () => engine().run(this.s.index, steps),
            () => engine().taken + (this.access.fetching ? 1 : 0),
          );
    this.pmu.granted();
    return taken;
  }

  /** Whether what follows is seen by the Performance Monitors. Only at a boundary. */
  stopClock(stopped: boolean): void {
    this.pmu.settle();
    this.steps.stopped = stopped;
  }

  /** PC moves on to the next instruction. */
  nextInstruction(): void {
    this.s.nextInstruction();
  }
  /** The calls that generated code makes, for this PE. */
  helpers(): ReturnType<PeHelpers['table']> {
    return new PeHelpers(this, this.parts.machine, this.parts.memory).table();
  }

  // --- state outside the memory ---

  /** What is not in the PE's block of the memory, as plain data. */
  state(): PeExtraState {
    return {
      timers: this.timers.names.map((t) => ({ ...this.timers.state[t] })),
      streamSeen: [...this.timers.streamSeen],
      vpidr: this.virtual.vpidr,
      vmpidr: this.virtual.vmpidr,
      claim: this.claim.value,
      records: this.records.map((r) => ({ ...r })),
      pmu: this.pmu.state(),
      irq: this.irq,
      fiq: this.fiq,
    };
  }
  /** Inverse of `state`; the caller has restored the PE's block before. */
  load(state: PeExtraState): void {
    this.timers.names.forEach((t, i) => {
      this.timers.state[t] = { ...state.timers[i]! };
    });
    this.timers.streamSeen = [state.streamSeen[0]!, state.streamSeen[1]!];
    this.virtual.vpidr = state.vpidr;
    this.virtual.vmpidr = state.vmpidr;
    this.claim.value = state.claim;
    state.records.forEach((r, i) => {
      Object.assign(this.records[i]!, r);
    });
    this.irq = state.irq;
    this.fiq = state.fiq;
    this.pmu.load(state.pmu);
    this.stateReplaced();
  }

  /** Cold reset: highest Exception level, MMU off, everything masked; PC is the caller's. */
  reset(): void {
    this.s.reset();
    this.timers.reset();
    this.pmu.reset();
    this.virtual.vpidr = this.s.profile.midr;
    this.virtual.vmpidr = mpidrOf(this.affinity);
    this.claim.value = 0n;
    for (const r of this.records) Object.assign(r, emptyRecord());
    this.stateReplaced();
  }

  /** Sets PSTATE from the layout of SPSR_ELx, for the debugger: Exception levels that do not exist set PSTATE.IL. */
  setPstate(value: number): void {
    this.pmu.settle();
    this.exceptions.restorePstate(value, 3, value & SPSR.SS ? 1 : 0);
    this.stateReplaced();
    this.parts.gic().update(this.s.index);
  }

  /** A system register by Arm's name, past access checks. Undefined when there is none. */
  readRegister(name: string): bigint | undefined {
    const row = sysregByName(name);
    const r = row && this.s.sysregs.get(row.key);
    return r && r.presence === 'present' ? this.sysregs.value(r) : undefined;
  }
  /** Writes a system register by name with its effects, past access checks; false when there is none. */
  writeRegister(name: string, value: bigint): boolean {
    const row = sysregByName(name);
    const r = row && this.s.sysregs.get(row.key);
    if (r?.presence !== 'present') return false;
    this.sysregs.assign(r, value);
    return true;
  }
}

/** See `Pe.state`. */
export interface PeExtraState {
  readonly timers: readonly { ctl: number; cval: bigint }[];
  /** Events of the timer event stream that were seen. */
  readonly streamSeen: readonly bigint[];
  readonly vpidr: bigint;
  readonly vmpidr: bigint;
  readonly claim: bigint;
  readonly records: readonly ErrorRecord[];
  readonly pmu: PmuState;
  readonly irq: boolean;
  readonly fiq: boolean;
}
