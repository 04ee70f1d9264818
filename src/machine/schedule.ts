import type { PlainData } from '../devices/device.ts';
import { MachineError } from './errors.ts';

/** One turn: this PE runs for so many steps, fewer when it waits, yields or is turned off. */
export interface Turn {
  /** 0 to the number of PEs - 1. */
  readonly pe: number;
  /** Whole number, 1 to 2^31 - 1. */
  readonly steps: number;
}

/**
 * Who runs, and for how long, as data: it can be printed, stored and given again.
 *
 * - `round-robin`: PEs in order, `turnSteps` each, 20,000 when not given.
 * - `list`: these turns, one after the other, without those of PEs that cannot run then; afterwards round-robin.
 * - `random`: at each turn any PE that can run, for 1 to `stepsMax` steps, short turns as likely as long ones; a
 *   function of `seed` and of who can run.
 */
export type Schedule =
  | { readonly kind: 'round-robin'; readonly turnSteps?: number }
  | { readonly kind: 'list'; readonly turns: readonly Turn[] }
  | { readonly kind: 'random'; readonly seed: number; readonly stepsMax: number };

/** Steps of one turn when nothing ends it earlier. */
export const TURN_STEPS = 20_000;
/** Longest turn: a step count that fits an i32 of generated code. */
const STEPS_MAX = 2 ** 31 - 1;

const isSteps = (steps: number): boolean => Number.isInteger(steps) && steps >= 1 && steps <= STEPS_MAX;

/**
 * Refuses what is no schedule for so many PEs.
 *
 * @throws MachineError `E_OPTION`
 */
export function checkSchedule(schedule: Schedule, pes: number): Schedule {
  const wrong = (what: string): never => {
    throw new MachineError('E_OPTION', `schedule: ${what}`);
  };
  const { kind } = schedule;
  if (kind === 'list') {
    schedule.turns.forEach(({ pe, steps }, n) => {
      if (!(Number.isInteger(pe) && pe >= 0 && pe < pes))
        wrong(`turn ${n} is of PE ${pe}; there are PEs 0 to ${pes - 1}`);
      if (!isSteps(steps)) wrong(`turn ${n} has ${steps} steps; give a whole number, 1 to ${STEPS_MAX}`);
    });
  } else if (kind === 'random') {
    if (!isSteps(schedule.stepsMax)) wrong(`stepsMax is ${schedule.stepsMax}; give a whole number, 1 to ${STEPS_MAX}`);
    if (!Number.isInteger(schedule.seed)) wrong(`seed is ${schedule.seed}; give a whole number`);
  } else if (kind !== 'round-robin') wrong(`kind '${String(kind)}'; known: round-robin, list, random`);
  else if (schedule.turnSteps !== undefined && !isSteps(schedule.turnSteps)) {
    wrong(`turnSteps is ${schedule.turnSteps}; give a whole number, 1 to ${STEPS_MAX}`);
  }
  return schedule;
}

/** Walks a schedule: says whose turn is next and how long it is. */
export class TurnChooser {
  readonly schedule: Schedule;
  /** Turns of a list that are over, or the state of the random sequence. */
  private position: number;

  constructor(schedule: Schedule) {
    this.schedule = schedule;
    this.position = startOf(schedule);
  }

  /** Length of the turn that PE 0 has after a reset without being chosen; 0 when it must be chosen. */
  get firstTurnSteps(): number {
    return this.schedule.kind === 'round-robin' ? (this.schedule.turnSteps ?? TURN_STEPS) : 0;
  }

  /**
   * The next turn.
   *
   * @param previous - PE of the turn that ended
   * @param canRun - whether a PE can run now
   * @returns undefined when no PE can run; the position in the schedule then stays
   */
  next(previous: number, pes: number, canRun: (pe: number) => boolean): Turn | undefined {
    const { schedule } = this;
    if (schedule.kind === 'random') return this.random(schedule.stepsMax, pes, canRun);
    if (schedule.kind === 'list') {
      let at = this.position;
      while (at < schedule.turns.length && !canRun(schedule.turns[at].pe)) at++;
      if (at < schedule.turns.length) {
        this.position = at + 1;
        return schedule.turns[at];
      }
    }
    const steps = this.firstTurnSteps || TURN_STEPS;
    for (let n = 1; n <= pes; n++) {
      const pe = (previous + n) % pes;
      if (canRun(pe)) return { pe, steps };
    }
    return undefined;
  }

  private random(stepsMax: number, pes: number, canRun: (pe: number) => boolean): Turn | undefined {
    const able: number[] = [];
    for (let pe = 0; pe < pes; pe++) if (canRun(pe)) able.push(pe);
    if (able.length === 0) return undefined;
    const pe = able[this.draw(able.length)];
    // The length is drawn below a bound that is itself drawn among the powers of two.
    const bound = 2 ** this.draw(Math.ceil(Math.log2(stepsMax)) + 1);
    return { pe, steps: 1 + this.draw(Math.min(bound, stepsMax)) };
  }

  /** A number 0..below-1, by Marsaglia's 32-bit xorshift: equal on every host. */
  private draw(below: number): number {
    let x = this.position;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.position = x;
    return (x >>> 0) % below;
  }

  /** The schedule and the place in it, as plain data. */
  state(): PlainData {
    return { schedule: this.schedule as unknown as PlainData, position: this.position };
  }

  /** A chooser as it was when `state` was called. */
  static from(state: PlainData): TurnChooser {
    const { schedule, position } = state as unknown as { schedule: Schedule; position: number };
    const chooser = new TurnChooser(schedule);
    chooser.position = position;
    return chooser;
  }
}

/** The sequence must not start at 0, from where it never leaves; nearby seeds must not start alike. */
function startOf(schedule: Schedule): number {
  if (schedule.kind !== 'random') return 0;
  return (Math.imul(schedule.seed ^ (schedule.seed >>> 16), 0x9e37_79b1) ^ 0x5bd1_e995) | 0 || 1;
}
