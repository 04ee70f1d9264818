/**
 * The one place through which everything passes that enters a machine from outside while it exists: keys, the power
 * key, injected events, writes of a debugger, actions given to `at` and `atTimeNs`.
 *
 * All of it happens between boundaries' own events and the next step, so that three numbers say exactly when: the
 * steps taken, virtual time, and how many exceptions were taken since without a step. A recording is the list of what
 * entered, each with those three.
 */
import type { PlainData } from '../devices/device.ts';
import { MachineError } from './errors.ts';

/** A boundary of a run, and where in it. */
export interface Place {
  /** Steps since the machine was made. */
  readonly steps: number;
  /** Virtual time in ns. */
  readonly timeNs: number;
  /** Asynchronous exceptions taken at this boundary before. */
  readonly takes: number;
}

/** Something that entered: the method of the machine, and what it was given. */
export interface OutsideAction {
  readonly kind: string;
  readonly data: PlainData;
}

/** Hears of everything that has entered. */
export type OutsideListener = (place: Place, action: OutsideAction) => void;

/** What is to enter, in order, instead of keys and hands: a recording that is played. */
export interface OutsideSource {
  /** Where the next action belongs, or undefined when there is none. */
  readonly next: Place | undefined;
  /** Does what `next` stands for, and goes on to the one behind it. */
  apply(): void;
  /** The machine passed the place of `next`, or cannot reach it: what runs is not what was recorded. */
  missed(): void;
  /** Something entered; it may be what `apply` does, or come from somebody else. */
  entered(place: Place, action: OutsideAction): void;
}

/** Order of two places: negative when `a` comes first, 0 when they are the same. */
export function comparePlaces(a: Place, b: Place): number {
  return a.steps - b.steps || a.timeNs - b.timeNs || a.takes - b.takes;
}

/** How methods of a machine let something in. */
export interface Gate {
  /**
   * Lets an action in now.
   *
   * @throws MachineError `E_RECORD` in a hook of a machine that is recorded: there it could not be repeated
   */
  enter<T>(kind: string, data: PlainData, action: () => T): T;
  /** Lets an action in now, or in a hook at the boundary that follows. */
  later(kind: string, data: PlainData, action: () => void): void;
}

/** A gate without a wall, for parts that are used without a machine. */
export const OPEN_GATE: Gate = {
  enter: (_kind, _data, action) => action(),
  later: (_kind, _data, action) => action(),
};

/** See the head of the file. */
export class Outside implements Gate {
  listener: OutsideListener | undefined;
  source: OutsideSource | undefined;
  /** The run loop is at work, so that only hooks of its steps and boundaries can call. */
  busy = false;
  private depth = 0;
  private due: (() => void)[] = [];
  private taken: Place = { steps: -1, timeNs: -1, takes: 0 };
  private readonly moment: () => { readonly steps: number; readonly timeNs: number };
  private readonly requestBoundary: () => void;

  constructor(moment: () => { readonly steps: number; readonly timeNs: number }, requestBoundary: () => void) {
    this.moment = moment;
    this.requestBoundary = requestBoundary;
  }

  /** Where the machine is. */
  get place(): Place {
    const { steps, timeNs } = this.moment();
    const { taken } = this;
    const takes = taken.steps === steps && taken.timeNs === timeNs ? taken.takes : 0;
    return { steps, timeNs, takes };
  }
  /** An asynchronous exception was taken at this boundary. */
  took(): void {
    const { steps, timeNs, takes } = this.place;
    this.taken = { steps, timeNs, takes: takes + 1 };
  }
  /** Places are counted from here: a recording begins, or another state was put in. */
  begin(): void {
    this.taken = { steps: -1, timeNs: -1, takes: 0 };
    this.due = [];
  }

  enter<T>(kind: string, data: PlainData, action: () => T): T {
    const listener = this.depth === 0 ? this.listener : undefined;
    if (listener && this.busy) {
      const advice = 'Do it in an action given to at(): at(0, ...) runs at the boundary that follows.';
      throw new MachineError('E_RECORD', `${kind}: called in a hook, and the machine is recorded. ${advice}`);
    }
    const { place } = this;
    const source = this.depth === 0 ? this.source : undefined;
    this.depth++;
    try {
      const result = action();
      // What was refused did not enter.
      listener?.(place, { kind, data });
      source?.entered(place, { kind, data });
      return result;
    } finally {
      this.depth--;
    }
  }
  later(kind: string, data: PlainData, action: () => void): void {
    if (this.busy || this.depth > 0) this.put(() => this.enter(kind, data, action));
    else this.enter(kind, data, action);
    this.requestBoundary();
  }
  /** Runs `action` when `fire` comes. */
  put(action: () => void): void {
    this.due.push(action);
  }

  /**
   * Lets in all that is due; to be called when the boundary's own events have happened.
   *
   * @param steps - runs the actions given to `at`; false when there were none
   * @returns false when there was nothing, so that nothing new can be due
   */
  fire(steps: () => boolean): boolean {
    const { busy } = this;
    this.busy = false;
    let any = steps();
    for (let action = this.due.shift(); action; action = this.due.shift()) {
      any = true;
      action();
    }
    for (let next = this.source?.next; next; next = this.source?.next) {
      const order = comparePlaces(next, this.place);
      if (order > 0) break;
      any = true;
      if (order < 0) this.source!.missed();
      else this.source!.apply();
    }
    this.busy = busy;
    return any;
  }

  /** Steps to the next action of the source, from a boundary that is about to be left by steps. */
  stepsToNext(): number {
    const next = this.source?.next;
    if (!next) return Number.POSITIVE_INFINITY;
    const left = next.steps - this.moment().steps;
    if (left > 0) return left;
    this.source!.missed();
    return this.stepsToNext();
  }
  /** When every PE waits: the next instant at which something happens, given that of the machine's own events. */
  soonerNs(dueNs: number | undefined): number | undefined {
    const next = this.source?.next;
    const { steps, timeNs } = this.moment();
    if (!next || next.steps !== steps || next.timeNs <= timeNs) return dueNs;
    return dueNs === undefined ? next.timeNs : Math.min(next.timeNs, dueNs);
  }
}
