import { PE_STATE } from '../arch/pestate.ts';
import type { Pe } from '../cpu/pe.ts';
import { WAIT } from '../cpu/waiting.ts';
import type { PlainData } from '../devices/device.ts';
import { type GuestMemory, PAGE_BYTES } from '../engine/memory.ts';
import { MachineError } from './errors.ts';
import { type FrozenState, FrozenTime } from './frozen.ts';
import { type Schedule, TURN_STEPS, TurnChooser } from './schedule.ts';

/**
 * The step count at which a run of `steps` further steps ends; without a number it does not.
 *
 * @throws MachineError `E_STEPS` when that is no whole number of steps
 */
export function stepLimit(taken: number, steps: number | undefined): number {
  if (steps === undefined) return Number.POSITIVE_INFINITY;
  if (Number.isInteger(steps) && steps >= 0) return taken + steps;
  throw new MachineError('E_STEPS', `run: ${steps} steps is not a whole number of steps, 0 or more`);
}

/**
 * Who runs, and for how long: turns as the schedule says; a turn also ends at WFI, WFE and YIELD.
 *
 * When a turn ends while its PE holds an exclusive reservation, the others' writes to that page are watched, so that
 * the reservation is lost when one of them writes there.
 */
export class Scheduler {
  readonly frozen: FrozenTime;
  private readonly pes: readonly Pe[];
  private readonly memory: GuestMemory;
  private readonly ramBasePa: number;
  private current = 0;
  private left = 0;
  private steps: { step: number; action: () => void }[] = [];
  private watched: number[] = [];
  private chooser: TurnChooser;
  /** The only PE that may run, and its turn stands still. */
  private held: number | undefined;

  constructor(pes: readonly Pe[], memory: GuestMemory, ramBasePa: number, schedule: Schedule) {
    this.chooser = new TurnChooser(schedule);
    this.pes = pes;
    this.frozen = new FrozenTime(pes, this);
    this.memory = memory;
    this.ramBasePa = ramBasePa;
    memory.exclusiveObserver = (offset, sizeBytes) => this.observeWrite(offset, sizeBytes);
  }

  /** PE 0 has the turn; the schedule goes on where it is. */
  reset(): void {
    this.frozen.reset();
    this.current = 0;
    this.left = this.chooser.firstTurnSteps;
  }

  /** Another schedule from the next turn on, and the next turn is now. */
  use(schedule: Schedule): void {
    this.chooser = new TurnChooser(schedule);
    this.left = 0;
  }

  /** The PE whose turn it is. */
  get turn(): number {
    return this.current;
  }
  /** Steps left in the turn; with one PE turns have no end. */
  get turnLeft(): number {
    return this.pes.length === 1 || this.held !== undefined ? Number.POSITIVE_INFINITY : this.left;
  }
  took(steps: number): void {
    if (this.held === undefined) this.left = Math.max(this.left - steps, 0);
  }
  endTurn(): void {
    if (this.held === undefined) this.left = 0;
  }
  /** From now on only this PE runs, and its turn does not end; without one everything is as before. */
  hold(pe: number | undefined): void {
    this.held = pe;
  }

  private canRun(pe: Pe): boolean {
    const state = pe.s.get32(PE_STATE.waitState);
    if (state === WAIT.RUNNING || state === WAIT.STARTING) return true;
    return state !== WAIT.OFF && pe.wakes;
  }
  private resume(pe: Pe, woke: (index: number) => void): Pe {
    if (pe.s.get32(PE_STATE.waitState) !== WAIT.RUNNING) {
      pe.s.set32(PE_STATE.waitState, WAIT.RUNNING);
      woke(pe.s.index);
    }
    return pe;
  }

  /** The PE that runs now, or undefined when all wait or are off. `woke` hears of PEs that an interrupt woke. */
  next(woke: (index: number) => void): Pe | undefined {
    const holder = this.pes[this.held ?? this.current]!;
    if (this.held !== undefined) return this.canRun(holder) ? this.resume(holder, woke) : undefined;
    // With one PE there are no turns: a run that is cut up must not draw from the schedule each time.
    if ((this.left > 0 || this.pes.length === 1) && this.canRun(holder)) return this.resume(holder, woke);
    this.watchReservations();
    const turn = this.chooser.next(this.current, this.pes.length, (n) => this.canRun(this.pes[n]!));
    if (!turn) return undefined;
    this.current = turn.pe;
    this.left = turn.steps;
    return this.resume(this.pes[turn.pe]!, woke);
  }

  // --- exclusive reservations ---

  private watchReservations(): void {
    if (this.pes.length === 1) return;
    const pages = this.pes
      .filter((pe) => pe.s.get32(PE_STATE.exclusiveValid))
      .map((pe) => Math.floor((Number(pe.s.get64(PE_STATE.exclusivePa)) - this.ramBasePa) / PAGE_BYTES));
    for (const page of this.watched) if (!pages.includes(page)) this.memory.unmarkExclusive(page);
    for (const page of pages) this.memory.markExclusive(page);
    this.watched = pages;
  }
  private observeWrite(offset: number, sizeBytes: number): void {
    const from = this.ramBasePa + offset;
    for (const pe of this.pes) {
      if (pe.s.index === this.current) continue;
      if (pe.monitor.observeWrite(from) || pe.monitor.observeWrite(from + sizeBytes - 1)) pe.waiting.signal();
    }
  }

  // --- actions at steps ---

  /** @throws MachineError `E_STEPS` when `step` is not a whole number */
  atStep(step: number, action: () => void): void {
    if (!Number.isSafeInteger(step)) {
      const advice = 'Give the count of steps, as in steps + 1000.';
      throw new MachineError('E_STEPS', `at: step ${step} is not a whole number. ${advice}`);
    }
    const at = this.steps.findIndex((s) => s.step > step);
    this.steps.splice(at < 0 ? this.steps.length : at, 0, { step, action });
  }
  /** Step count of the next action, or undefined. */
  get nextStep(): number | undefined {
    return this.steps[0]?.step;
  }
  /** Runs the actions that are due; false when there were none. */
  fireSteps(now: number): boolean {
    const any = this.steps.length > 0 && this.steps[0]!.step <= now;
    while (this.steps.length > 0 && this.steps[0]!.step <= now) this.steps.shift()!.action();
    return any;
  }

  /** Whose turn it is and how much of it is left. */
  state(): PlainData {
    const left = this.pes.length === 1 ? 0 : this.left;
    return {
      current: this.current,
      left,
      turns: this.chooser.state(),
      frozen: { ...this.frozen.state() } as PlainData,
    };
  }
  load(state: PlainData): void {
    const { current, left, turns, frozen } = state as unknown as SchedulerState;
    this.frozen.load(frozen);
    this.chooser = TurnChooser.from(turns);
    this.current = current;
    this.left = this.pes.length === 1 ? TURN_STEPS : left;
    this.steps = [];
    this.watchReservations();
  }
}

interface SchedulerState {
  readonly current: number;
  readonly left: number;
  readonly turns: PlainData;
  readonly frozen: FrozenState;
}
