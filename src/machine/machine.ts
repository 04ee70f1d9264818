import { PE_STATE } from '../arch/pestate.ts';
import { ContextNumbers } from '../cpu/contexts.ts';
import { Pe } from '../cpu/pe.ts';
import type { MachinePort } from '../cpu/ports.ts';
import { WAIT } from '../cpu/waiting.ts';
import type { Gic } from '../devices/gic.ts';
import type { Pl031 } from '../devices/pl031.ts';
import type { Interpreter } from '../engine/interpreter.ts';
import { GuestMemory } from '../engine/memory.ts';
import type { BootPlan } from '../firmware/boot/boot.ts';
import { VIRT_INTIDS, VIRT_MEMORY_MAP, virtAffinity } from './board/virt.ts';
import { bootPlan, buildEngine, buildGic, devicesHost, entryPa } from './build.ts';
import { Bus, type MmioHook } from './bus.ts';
import type { Console } from './console.ts';
import { BoardDevices } from './devices.ts';
import { Firmware, NS_PER_COUNT } from './el3.ts';
import { MachineError } from './errors.ts';
import { EventQueue, PRIORITY } from './events.ts';
import { type CheckedOptions, checkOptions, type MachineOptions } from './options.ts';
import { checkSchedule, type Schedule } from './schedule.ts';
import { Scheduler, stepLimit } from './scheduler.ts';
import { MachineSdei } from './sdei.ts';
import { TimerEvents } from './timer-events.ts';
import type { MachineHooks, RunLimits, RunReason, Snapshot } from './types.ts';
import { GuestView } from './view.ts';
import { type Moment, WholeState } from './whole.ts';

export type { MachineHooks, RunLimits, RunReason, Snapshot } from './types.ts';

const RAM_PA = Number(VIRT_MEMORY_MAP.ram.basePa);
/** Longest uninterrupted run of one PE, so that hosts' engines can replace code by faster code. */
const GRANT_MAX = 1_000_000;

/**
 * An arm64 machine as QEMU's `virt` board lays it out: exact, deterministic, stoppable at every instruction.
 *
 * State after N steps is a function of the options and of what was put in from outside; never of the host.
 *
 * @example
 * const machine = Machine.create({ kernel, initrd, append: 'console=ttyAMA0' });
 * machine.console.onOutput((bytes) => out.write(bytes));
 * machine.run({ steps: 1_000_000 });
 */
export class Machine extends GuestView {
  readonly options: CheckedOptions;
  readonly pes: readonly Pe[];
  readonly gic: Gic;
  /** The board's devices but the interrupt controller. */
  readonly devices: BoardDevices;
  readonly bus: Bus = new Bus();
  /** The firmware's SDEI dispatcher; without one, whatever needs it is an `E_SDEI`. */
  readonly sdei: MachineSdei;
  /** True while somebody may still type: a machine that waits with nothing due then waits for input. */
  inputPossible = false;
  readonly log: { onReport(listener: (message: string) => void): void };
  protected readonly memory: GuestMemory;
  private readonly engine: Interpreter;
  private readonly firmware: Firmware | undefined;
  private readonly events = new EventQueue();
  private readonly timers: TimerEvents;
  private readonly scheduler: Scheduler;
  private readonly whole: WholeState;
  private readonly boot: BootPlan | undefined;
  private readonly reporters: ((message: string) => void)[] = [];
  private readonly hooks: MachineHooks = {};
  private stepsTaken = 0;
  private nowNs = 0;
  private running = false;
  private stopRequested = false;
  private ended: 'poweroff' | 'reset' | undefined;

  private constructor(options: CheckedOptions) {
    super();
    this.options = options;
    this.log = { onReport: (listener) => void this.reporters.push(listener) };
    this.memory = new GuestMemory(options.memoryBytes, options.cpus);
    const report = (message: string): void => this.report(message);
    this.devices = new BoardDevices(
      devicesHost({
        memory: this.memory,
        events: this.events,
        pes: () => this.pes,
        gic: () => this.gic,
        nowNs: () => this.nowNs,
        instantNs: () => this.instantNs(),
        requestBoundary: () => this.requestBoundary(),
        report,
      }),
      options,
    );
    const contexts = new ContextNumbers(this.memory);
    this.pes = Array.from({ length: options.cpus }, (_, index) => this.makePe(index, contexts));
    const { pes, events } = this;
    this.timers = new TimerEvents({ pes, events, gic: () => this.gic, requestBoundary: () => this.requestBoundary() });
    this.gic = buildGic(options, this.pes, this.bus, report);
    this.devices.mapOn(this.bus);
    this.engine = buildEngine(options, this.pes, this.memory);
    this.scheduler = new Scheduler(this.pes, this.memory, RAM_PA, options.schedule);
    this.sdei = new MachineSdei(options.sdei, this.surroundings(), this.gic);
    this.firmware = options.firmware === 'typescript' ? new Firmware(this.surroundings(), this.sdei) : undefined;
    this.whole = new WholeState(this.memory, {
      pes,
      events,
      gic: this.gic,
      devices: this.devices,
      firmware: this.firmware,
      scheduler: this.scheduler,
      timers: this.timers,
    });
    this.boot = options.kernel ? bootPlan(options, options.kernel) : undefined;
    this.reset();
  }

  /**
   * Makes a machine and loads what it is to run.
   *
   * @throws MachineError when an option is impossible, BootError when the kernel, initrd or device tree cannot be used
   */
  static create(options: MachineOptions = {}): Machine {
    return new Machine(checkOptions(options));
  }

  private makePe(index: number, contexts: ContextNumbers): Pe {
    const { profile, els } = this.options;
    return new Pe({
      memory: this.memory,
      index,
      affinity: Number(virtAffinity(index)),
      profile,
      els,
      bus: this.bus,
      machine: this.machinePort(),
      ramBasePa: RAM_PA,
      contexts,
      gic: () => this.gic,
      engine: () => this.engine,
    });
  }

  private machinePort(): MachinePort {
    return {
      count: () => BigInt(Math.floor(this.instantNs() / NS_PER_COUNT)),
      timersChanged: (pe) => this.timers.timersChanged(pe),
      pmuLine: (pe, level) => this.gic.setLine(VIRT_INTIDS.PMU, level, pe),
      waitsForEvent: (pe) => this.timers.scheduleStreamEvent(pe),
      sendEventAll: () => {
        for (const pe of this.pes) pe.waiting.signal();
        this.requestBoundary();
      },
      requestBoundary: () => this.requestBoundary(),
      endTurn: () => this.endTurn(),
      el3Entered: (pe, vector) => this.firmware?.entered(pe, vector) ?? false,
      hvcConduit: (pe, imm) => {
        if (!this.firmware || this.options.els.el3) return false;
        this.firmware.hypervisorCall(pe, imm);
        return true;
      },
      report: (pe, message) => this.report(`PE ${pe}: ${message}`),
      exceptionTaken: (pe, el, vector) => this.hooks.exception?.(pe, el, vector),
    };
  }

  private surroundings(): ConstructorParameters<typeof Firmware>[0] {
    return {
      pes: this.pes,
      ramContains: (pa) => pa >= BigInt(RAM_PA) && pa < BigInt(RAM_PA + this.options.memoryBytes),
      initInterrupts: (pe) => this.gic.initNonSecure(pe),
      systemStop: (reason) => {
        this.ended = reason;
        this.requestBoundary();
      },
      endTurn: () => this.endTurn(),
      requestBoundary: () => this.requestBoundary(),
      report: (pe, message) => this.report(`PE ${pe}: ${message}`),
      callMade: (pe, name, args, result) => this.hooks.call?.(pe, name, args, result),
    };
  }

  // --- boot and reset ---

  /** Cold reset: every PE and device as after power-on, the same images loaded again. RAM is kept, time goes on. */
  reset(): void {
    this.ended = undefined;
    for (const pe of this.pes) {
      pe.reset();
      pe.s.set32(PE_STATE.waitState, WAIT.OFF);
    }
    this.gic.reset();
    this.devices.reset();
    this.scheduler.reset();
    for (const s of this.boot?.segments ?? []) this.writeMemory(s.addrPa, s.bytes);
    for (const p of this.options.programs ?? []) this.writeMemory(p.addrPa, p.bytes);
    const pe = this.pes[0]!;
    if (this.firmware) {
      this.gic.initNonSecure();
      this.console.uart.initAsFirmware();
      this.firmware.boot({ entryPa: entryPa(this.options, this.boot), contextId: this.boot?.x0 ?? 0n });
    } else {
      pe.s.set32(PE_STATE.waitState, WAIT.RUNNING);
      pe.s.pc = entryPa(this.options, this.boot);
      pe.stateReplaced();
    }
    for (const n of this.pes) this.timers.timersChanged(n.s.index);
  }

  /** The guest's console: the PL011. */
  get console(): Console {
    return this.devices.console;
  }
  get rtc(): Pl031 {
    return this.devices.rtc;
  }
  /** Holds the board's power key down, or lets it go. Linux takes a press as the wish to power off. */
  powerKey(pressed: boolean): void {
    this.devices.powerKey(pressed);
    this.requestBoundary();
  }

  // --- time ---

  /** Virtual time now, also in the middle of a step: the time at which the running step began. */
  private instantNs(): number {
    return this.running ? this.nowNs + Math.max(this.engine.taken - 1, 0) : this.nowNs;
  }
  /** Steps since the machine was made; a reset does not set it back. */
  get steps(): number {
    return this.stepsTaken;
  }
  /** Virtual time since the machine was made, in ns; a reset does not set it back. */
  get timeNs(): bigint {
    return BigInt(this.nowNs);
  }
  /** Virtual time of the next due event, or undefined when nothing is due. */
  nextDueNs(): bigint | undefined {
    const next = this.events.nextNs;
    return next === undefined ? undefined : BigInt(next);
  }

  /**
   * Runs `action` at the boundary after `step` steps; at the current boundary when that is past.
   *
   * @throws MachineError `E_STEPS` when `step` is not a whole number
   */
  at(step: number, action: () => void): void {
    this.scheduler.atStep(step, action);
    this.requestBoundary();
  }
  /** Runs `action` at the first boundary whose virtual time is `timeNs` or later. */
  atTimeNs(timeNs: bigint, action: () => void): void {
    this.events.schedule(Math.max(Number(timeNs), this.nowNs), action, { priority: PRIORITY.OUTSIDE });
    this.requestBoundary();
  }

  /**
   * Another schedule; the first turn of it begins at the current boundary, during a step at the boundary after it.
   *
   * @throws MachineError `E_OPTION` for what is no schedule of this machine
   */
  useSchedule(schedule: Schedule): void {
    this.scheduler.use(checkSchedule(schedule, this.pes.length));
    this.requestBoundary();
  }

  // --- running ---

  private endTurn(): void {
    this.scheduler.endTurn();
    this.requestBoundary();
  }
  private requestBoundary(): void {
    if (this.running) this.engine.requestBoundary();
  }
  protected changedFromOutside(): void {
    this.requestBoundary();
  }
  /** Ends `run` at the current boundary; during a step at the boundary after it. */
  stop(): void {
    this.stopRequested = true;
    this.requestBoundary();
  }

  /**
   * Runs until the limit, or until the machine ends, waits for something that cannot come, or is stopped.
   *
   * @throws MachineError `E_STEPS` when the limit is no whole number of steps
   */
  run(limits: RunLimits = {}): { readonly reason: RunReason } {
    const limit = stepLimit(this.stepsTaken, limits.steps);
    this.stopRequested = false;
    for (;;) {
      if (this.ended) return { reason: this.ended };
      this.scheduler.fireSteps(this.stepsTaken);
      this.events.fire(this.nowNs);
      if (this.stopRequested) return { reason: 'stopped' };
      if (this.ended) return { reason: this.ended };
      const pe = this.scheduler.next((n) => this.firmware?.woke(n));
      if (this.stepsTaken >= limit) return { reason: 'limit' };
      if (!pe) {
        const wait = this.idle(limits.idleUntilNs);
        if (wait) return { reason: wait };
        continue;
      }
      if (pe.wakes && (this.firmware?.interrupt(pe) || pe.exceptions.takeAsync(pe.irq, pe.fiq))) continue;
      if (pe.debug.armed && pe.debug.takePending()) continue;
      this.grant(pe, limit);
    }
  }

  /** Every PE waits: time jumps to the next due event. */
  private idle(untilNs: bigint | undefined): RunReason | undefined {
    // Time goes only where something waits for it: not to events for which a PE waited once.
    for (const { s } of this.pes) {
      if (s.get32(PE_STATE.waitState) !== WAIT.WFE) this.events.cancel(`event stream ${s.index}`);
    }
    const next = this.events.nextNs;
    if (next === undefined) return this.inputPossible ? 'waiting-for-input' : 'idle';
    if (untilNs !== undefined && next > Number(untilNs)) {
      this.nowNs = Math.max(this.nowNs, Number(untilNs));
      return 'waiting-for-time';
    }
    this.nowNs = Math.max(this.nowNs, next);
    return undefined;
  }

  private grant(pe: Pe, limit: number): void {
    const due = this.events.nextNs;
    const toStep = this.scheduler.nextStep;
    let budget = Math.min(GRANT_MAX, limit - this.stepsTaken, this.scheduler.turnLeft);
    if (due !== undefined) budget = Math.min(budget, due - this.nowNs);
    if (toStep !== undefined) budget = Math.min(budget, toStep - this.stepsTaken);
    if (this.hooks.step) {
      budget = 1;
      this.hooks.step(pe.s.index, pe.s.pc);
    }
    this.running = true;
    const taken = pe.run(budget);
    this.running = false;
    this.stepsTaken += taken;
    this.nowNs += taken;
    this.scheduler.took(taken);
  }

  /** Takes one step, if the machine can take one; returns why not otherwise. */
  step(): { readonly reason: RunReason } {
    return this.run({ steps: 1 });
  }

  /**
   * Runs until a condition holds at a boundary, looked at before every step.
   *
   * @returns `stopped` when it held
   */
  runUntil(condition: (machine: Machine) => boolean, limits: RunLimits = {}): { readonly reason: RunReason } {
    const limit = limits.steps ?? Number.MAX_SAFE_INTEGER;
    for (let n = 0; n < limit; n++) {
      if (condition(this)) return { reason: 'stopped' };
      const { reason } = this.run({ ...limits, steps: 1 });
      if (reason !== 'limit') return { reason };
    }
    return { reason: 'limit' };
  }

  /** Sets or, with undefined, removes a listener. */
  on<K extends keyof MachineHooks>(name: K, listener: MachineHooks[K]): void {
    this.hooks[name] = listener;
    if (name === 'mmio') this.bus.hook = listener as MmioHook | undefined;
  }

  private report(message: string): void {
    for (const r of this.reporters) r(message);
  }

  // --- snapshots and digest ---

  private now(): Moment {
    return { steps: this.stepsTaken, timeNs: this.nowNs, ended: this.ended };
  }

  /**
   * The machine as it is at this boundary. Costs what changed since the last snapshot.
   *
   * @throws MachineError `E_SNAPSHOT` during a step
   */
  snapshot(): Snapshot {
    if (this.running) {
      const advice = 'Take it from at(), or between calls of run().';
      throw new MachineError('E_SNAPSHOT', `snapshot: a step is running. ${advice}`);
    }
    return this.whole.capture(this.now());
  }

  /**
   * Puts the machine back. Costs what differs. Actions given to `at` and `atTimeNs` are dropped; hooks stay.
   *
   * @throws MachineError `E_SNAPSHOT` for a snapshot of another machine, or during a step
   */
  restore(snapshot: Snapshot): void {
    if (this.running) throw new MachineError('E_SNAPSHOT', 'restore: a step is running.');
    this.whole.check(snapshot);
    this.stepsTaken = snapshot.time.steps;
    this.nowNs = snapshot.time.timeNs;
    this.ended = snapshot.ended;
    this.whole.restore(snapshot);
  }

  /** Fingerprint of all PEs, devices, time and RAM: equal states give equal digests on every host. 32 hex digits. */
  digest(): string {
    return this.whole.digest(this.now());
  }

  /** Regions of hot code compiled so far. */
  get compiledRegions(): number {
    return this.engine.compiledRegions;
  }
  /** Handlers generated so far: how much of the instruction set the guest has used. */
  get handlers(): number {
    return this.engine.handlers;
  }
}
