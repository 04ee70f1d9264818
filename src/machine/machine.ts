import { ContextNumbers } from '../cpu/contexts.ts';
import { HostedCode } from '../cpu/hosted.ts';
import { Pe } from '../cpu/pe.ts';
import type { MachinePort } from '../cpu/ports.ts';
import type { PlainData } from '../devices/device.ts';
import type { Gic } from '../devices/gic.ts';
import type { Pl031 } from '../devices/pl031.ts';
import { isHosted } from '../engine/hosted/program.ts';
import type { Interpreter } from '../engine/interpreter.ts';
import { GuestMemory } from '../engine/memory.ts';
import type { BootPlan } from '../firmware/boot/boot.ts';
import { VIRT_INTIDS, VIRT_MEMORY_MAP, virtAffinity } from './board/virt.ts';
import { bootPlan, buildEngine, buildGic, devicesHost, gated } from './build.ts';
import { Bus } from './bus.ts';
import type { Console } from './console.ts';
import { BoardDevices } from './devices.ts';
import { Firmware, NS_PER_COUNT } from './el3.ts';
import { EventQueue, PRIORITY } from './events.ts';
import { connectHook } from './hooks.ts';
import { type CheckedOptions, checkOptions, type MachineOptions } from './options.ts';
import { checkSchedule, type Schedule } from './schedule.ts';
import { Scheduler, stepLimit } from './scheduler.ts';
import { MachineSdei } from './sdei.ts';
import { startGuest } from './start.ts';
import { MachineState } from './state.ts';
import { Stops } from './stops.ts';
import { TimerEvents } from './timer-events.ts';
import type { MachineHooks, RunLimits, RunReason } from './types.ts';
import { WholeState } from './whole.ts';

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
export class Machine extends MachineState {
  readonly options: CheckedOptions;
  readonly pes: readonly Pe[];
  readonly gic: Gic;
  /** The board's devices but the interrupt controller. */
  readonly devices: BoardDevices;
  readonly bus: Bus = new Bus();
  /** The firmware's SDEI dispatcher; without one, whatever needs it is an `E_SDEI`. */
  readonly sdei: MachineSdei;
  /** Code in TypeScript at virtual addresses, where the options have some. */
  readonly hosted: HostedCode | undefined;
  /** True while somebody may still type: a machine that waits with nothing due then waits for input. */
  inputPossible = false;
  readonly log: { onReport(listener: (message: string) => void): void };
  protected readonly memory: GuestMemory;
  protected readonly stops: Stops;
  private readonly engine: Interpreter;
  private readonly firmware: Firmware | undefined;
  private readonly events = new EventQueue();
  private readonly timers: TimerEvents;
  private readonly scheduler: Scheduler;
  readonly whole: WholeState;
  /** What a reset loads, and where it starts. */
  readonly boot: BootPlan | undefined;
  private readonly reporters: ((message: string) => void)[] = [];
  private stopRequested = false;

  private constructor(options: CheckedOptions) {
    super();
    this.options = options;
    this.log = { onReport: (listener) => void this.reporters.push(listener) };
    this.memory = new GuestMemory(options.memoryBytes, options.cpus);
    const report = (message: string): void => this.report(message);
    const host = devicesHost({
      memory: this.memory,
      events: this.events,
      pes: () => this.pes,
      gic: () => this.gic,
      nowNs: () => this.nowNs,
      instantNs: () => this.instantNs(),
      requestBoundary: () => this.requestBoundary(),
      systemReset: () => this.systemStop('reset'),
      gate: this.outside,
      report,
    });
    this.devices = new BoardDevices(host, options);
    this.hosted = options.hosted && new HostedCode(options.hosted);
    const contexts = new ContextNumbers(this.memory);
    this.pes = Array.from({ length: options.cpus }, (_, index) => this.makePe(index, contexts));
    const { pes, events } = this;
    this.timers = new TimerEvents({ pes, events, gic: () => this.gic, requestBoundary: () => this.requestBoundary() });
    this.gic = gated(buildGic(options, this.pes, this.bus, host), this.outside);
    this.devices.mapOn(this.bus);
    this.engine = buildEngine(options, this.pes, this.memory);
    this.stops = new Stops(pes, this.engine, { ramBytes: options.memoryBytes, changed: () => this.requestBoundary() });
    this.scheduler = new Scheduler(this.pes, this.memory, RAM_PA, options.schedule);
    this.sdei = new MachineSdei(options.sdei, this.surroundings(), this.gic, this.outside);
    this.firmware = options.firmware === 'typescript' ? new Firmware(this.surroundings(), this.sdei) : undefined;
    this.whole = new WholeState(this.memory, {
      pes,
      events,
      gic: this.gic,
      devices: this.devices,
      firmware: this.firmware,
      scheduler: this.scheduler,
      timers: this.timers,
      hosted: this.hosted,
    });
    this.boot = options.boot ?? (options.kernel && bootPlan(options, options.kernel));
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
      hosted: this.hosted,
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
      exceptionTaken: (pe, el, vector) => this.hooks.tell('exception', pe, el, vector),
      stopReached: (pe) => this.stops.reached(pe),
      exceptionReturned: (pe, el) => {
        if (this.scheduler.frozen.active) this.requestBoundary();
        this.hooks.tell('exceptionReturn', pe, el);
      },
    };
  }

  private surroundings(): ConstructorParameters<typeof Firmware>[0] {
    return {
      pes: this.pes,
      ramContains: (pa) => pa >= BigInt(RAM_PA) && pa < BigInt(RAM_PA + this.options.memoryBytes),
      isCode: (va) => this.hosted !== undefined && isHosted(va),
      initInterrupts: (pe) => this.gic.initNonSecure(pe),
      systemStop: (reason) => this.systemStop(reason),
      endTurn: () => this.endTurn(),
      requestBoundary: () => this.requestBoundary(),
      report: (pe, message) => this.report(`PE ${pe}: ${message}`),
      callMade: (pe, name, args, result) => this.hooks.tell('call', pe, name, args, result),
    };
  }

  // --- boot and reset ---

  /** Cold reset: every PE and device as after power-on, the same images loaded again. RAM is kept, time goes on. */
  reset(): void {
    this.entering('reset', null, () => this.coldReset());
  }
  private coldReset(): void {
    this.ended = undefined;
    this.stops.setArrivals([]);
    this.hosted?.reset();
    startGuest(this, this.scheduler, this.boot, this.firmware);
    for (const pe of this.pes) this.timers.timersChanged(pe.s.index);
    this.hooks.tell('reset');
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
    this.outside.later('powerKey', pressed, () => this.devices.powerKey(pressed));
  }

  // --- time ---

  /** Virtual time now, also in the middle of a step: the time at which the running step began. */
  private instantNs(): number {
    return this.running && !this.scheduler.frozen.active ? this.nowNs + Math.max(this.engine.taken - 1, 0) : this.nowNs;
  }
  /** Where the run is, exact in hooks as well: steps before the one that is being taken, and when that one began. */
  get boundary(): { readonly step: number; readonly timeNs: bigint } {
    const fetching = this.pes.some((pe) => pe.access.fetching);
    const ahead = this.running ? Math.max(this.engine.taken - (fetching ? 0 : 1), 0) : 0;
    return { step: this.stepsTaken + ahead, timeNs: BigInt(this.nowNs + ahead) };
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
    this.events.schedule(Math.max(Number(timeNs), this.nowNs), () => this.outside.put(action), {
      priority: PRIORITY.OUTSIDE,
    });
    this.requestBoundary();
  }

  /**
   * Another schedule; the first turn of it begins at the current boundary, during a step at the boundary after it.
   *
   * @throws MachineError `E_OPTION` for what is no schedule of this machine
   */
  useSchedule(schedule: Schedule): void {
    const checked = checkSchedule(schedule, this.pes.length);
    this.entering('useSchedule', checked as unknown as PlainData, () => this.scheduler.use(checked));
    this.requestBoundary();
  }

  /**
   * The next SDEI event, interrupt or SError that PE `pe` takes stops time: until the PE is back where it was
   * interrupted, virtual time, the turn and the Performance Monitors stand still, and what else is due waits. Steps
   * count as always.
   */
  freezeNext(pe = 0): void {
    this.pe(pe);
    this.entering('freezeNext', pe, () => this.scheduler.frozen.arm(pe));
  }

  // --- running ---

  private systemStop(reason: 'poweroff' | 'reset'): void {
    this.ended = reason;
    this.requestBoundary();
  }
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
    this.outside.busy = true;
    try {
      return { reason: this.loop(limit, limits.idleUntilNs) };
    } finally {
      this.outside.busy = false;
    }
  }

  private loop(limit: number, idleUntilNs: bigint | undefined): RunReason {
    for (;;) {
      if (this.ended) return this.ended;
      this.power.look();
      const { frozen } = this.scheduler;
      frozen.look();
      do if (!frozen.active) this.events.fire(this.nowNs);
      while (this.outside.fire(() => this.stops.tell() || this.scheduler.fireSteps(this.stepsTaken)));
      if (this.stopRequested) return 'stopped';
      if (this.ended) return this.ended;
      if (this.stepsTaken >= limit) return 'limit';
      const pe = this.scheduler.next((n) => this.firmware?.woke(n));
      this.power.look();
      if (!pe && frozen.active) continue;
      if (!pe) {
        const wait = this.idle(idleUntilNs);
        if (wait) return wait;
        continue;
      }
      if (frozen.around(pe, () => this.takes(pe))) {
        this.outside.took();
        this.stops.ran(pe, 0);
      } else if (!this.stops.arrives(pe)) this.grant(pe, limit);
    }
  }

  private takes(pe: Pe): boolean {
    if (pe.wakes && (this.firmware?.interrupt(pe) || pe.exceptions.takeAsync(pe.irq, pe.fiq))) return true;
    return pe.debug.armed && pe.debug.takePending();
  }

  /** Every PE waits: time jumps to the next due event. */
  private idle(untilNs: bigint | undefined): RunReason | undefined {
    this.timers.forgetStreams();
    const next = this.outside.soonerNs(this.events.nextNs);
    if (next === undefined) return this.inputPossible ? 'waiting-for-input' : 'idle';
    if (untilNs !== undefined && next > Number(untilNs)) {
      this.nowNs = Math.max(this.nowNs, Number(untilNs));
      return 'waiting-for-time';
    }
    this.nowNs = Math.max(this.nowNs, next);
    return undefined;
  }

  private grant(pe: Pe, limit: number): void {
    const still = this.scheduler.frozen.active;
    const due = still ? undefined : this.events.nextNs;
    const toStep = this.scheduler.nextStep;
    let budget = Math.min(GRANT_MAX, limit - this.stepsTaken, this.scheduler.turnLeft, this.outside.stepsToNext());
    if (due !== undefined) budget = Math.min(budget, due - this.nowNs);
    if (toStep !== undefined) budget = Math.min(budget, toStep - this.stepsTaken);
    if (this.hooks.has('step')) {
      budget = 1;
      this.hooks.tell('step', pe.s.index, pe.s.pc);
    }
    this.running = true;
    let taken = 0;
    try {
      taken = pe.run(budget);
    } finally {
      this.running = false;
    }
    this.stepsTaken += taken;
    if (!still) this.nowNs += taken;
    this.scheduler.took(taken);
    this.stops.ran(pe, taken);
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

  protected listening(name: keyof MachineHooks): void {
    connectHook(name, this.hooks, this);
    this.requestBoundary();
  }

  private report(message: string): void {
    for (const r of this.reporters) r(message);
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
