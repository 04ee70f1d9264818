/** The run loop: who runs for how long, what happens at the boundaries between, and when a run ends. */
import type { Pe } from '../cpu/pe.ts';
import type { PlainData } from '../devices/device.ts';
import type { Interpreter } from '../engine/interpreter.ts';
import type { HostPhases } from '../engine/phases.ts';
import type { Bus } from './bus.ts';
import type { Firmware } from './el3.ts';
import { type EventQueue, PRIORITY } from './events.ts';
import { checkSchedule, type Schedule } from './schedule.ts';
import { type Scheduler, stepLimit } from './scheduler.ts';
import { MachineState } from './state.ts';
import type { Stops } from './stops.ts';
import type { TimerEvents } from './timer-events.ts';
import type { RunLimits, RunReason } from './types.ts';

/** Longest uninterrupted run of one PE, so that hosts' engines can replace code by faster code. */
const GRANT_MAX = 1_000_000;

/** A machine as far as it runs: time, turns, boundaries. */
export abstract class RunningMachine extends MachineState {
  /** True while somebody may still type: a machine that waits with nothing due then waits for input. */
  inputPossible = false;
  protected abstract override readonly stops: Stops;
  protected abstract readonly engine: Interpreter;
  abstract readonly bus: Bus;
  protected abstract readonly firmware: Firmware | undefined;
  protected abstract readonly timers: TimerEvents;
  protected abstract readonly scheduler: Scheduler;
  protected abstract readonly events: EventQueue;
  private stopRequested = false;

  /** The PE whose turn it is: the one that took the last step. */
  get turn(): number {
    return this.scheduler.turn;
  }
  /** Tells a listener what the host's time goes into, from now on; undefined ends it. */
  watchHost(phases: HostPhases | undefined): void {
    this.engine.phases = phases;
    this.bus.phases = phases;
  }

  // --- time ---

  /** Virtual time now, also in the middle of a step: the time at which the running step began. */
  protected instantNs(): number {
    return this.running && !this.scheduler.frozen.active ? this.nowNs + Math.max(this.engine.taken - 1, 0) : this.nowNs;
  }
  /** Where the run is, exact in hooks as well: steps before the one that is being taken, and when that one began. */
  get boundary(): { readonly step: number; readonly timeNs: bigint } {
    const fetching = this.pes.some((pe) => pe.access.fetching);
    const ahead = this.running ? Math.max(this.engine.taken - (fetching ? 0 : 1), 0) : 0;
    const passed = this.scheduler.frozen.active ? 0 : ahead;
    return { step: this.stepsTaken + ahead, timeNs: BigInt(this.nowNs + passed) };
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

  protected systemStop(reason: 'poweroff' | 'reset'): void {
    this.ended = reason;
    this.requestBoundary();
  }
  protected endTurn(): void {
    this.scheduler.endTurn();
    this.requestBoundary();
  }
  protected requestBoundary(): void {
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
  runUntil(condition: (machine: this) => boolean, limits: RunLimits = {}): { readonly reason: RunReason } {
    const limit = limits.steps ?? Number.MAX_SAFE_INTEGER;
    for (let n = 0; n < limit; n++) {
      if (condition(this)) return { reason: 'stopped' };
      const { reason } = this.run({ ...limits, steps: 1 });
      if (reason !== 'limit') return { reason };
    }
    return { reason: 'limit' };
  }
}
