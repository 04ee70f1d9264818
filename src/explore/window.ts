/** The undisturbed run: the boundaries in the window, where runs are to end, and states to come back to. */
import type { Symbols } from '../debug/symbols/symbols.ts';
import type { ExceptionRecord, TraceRecord } from '../debug/trace/records.ts';
import { isHosted } from '../engine/hosted/program.ts';
import type { Machine, RunReason, Snapshot } from '../machine/machine.ts';
import { ExploreError } from './errors.ts';
import type { ExploreLimits } from './limits.ts';
import { type CodeRange, codeRanges, consolePattern, onArrival, placeText, runTo, runToArrival } from './places.ts';
import type { ExploreOptions, Place, Point } from './types.ts';
import type { Heard, Watch } from './watch.ts';

/** Steps behind the window at which runs end when nothing else is said. */
export const SETTLE_STEPS = 20_000;
/** States of the undisturbed run that are kept. */
const CHECKPOINTS_MAX = 256;
/** Least steps from one to the next. */
const CHECKPOINT_STEPS_MIN = 64;

/** A state of the undisturbed run. */
export interface Checkpoint {
  /** Steps since the start. */
  readonly step: number;
  readonly snapshot: Snapshot;
}

/** The run without any event. */
export interface Baseline {
  readonly startSteps: number;
  readonly points: readonly Point[];
  /** Steps at which the window closed. */
  readonly closeStep: number;
  /** Why it closed there: a limit, or undefined when it closed as it should. */
  readonly cut: keyof ExploreLimits | undefined;
  /** The end, and why the run ended there: `limit` for a number of steps, `stopped` for another place. */
  readonly end: Checkpoint & { readonly reason: RunReason };
  /** Steps of the arrivals at the end's instruction, where the end is one. */
  readonly arrivals: readonly number[];
  /** What the console showed, byte by byte, with the steps. */
  readonly console: readonly { readonly step: number; readonly text: string }[];
  /** Exceptions that were taken, with the steps of the machine. */
  readonly exceptions: readonly ExceptionRecord[];
  /** By ascending step; the start is the first. */
  readonly checkpoints: readonly Checkpoint[];
}

/** What finding a window needs. */
export interface Surroundings {
  readonly machine: Machine;
  readonly symbols: Symbols;
  readonly watch: Watch;
  readonly limits: ExploreLimits;
}

/** The end of runs as a place, undefined when it is a number of steps behind the window. */
export function endPlace({ end }: ExploreOptions): Place | undefined {
  return end && !('settleSteps' in end) ? end : undefined;
}

/** Notes the boundaries before steps while it listens. */
class Boundaries {
  readonly points: Point[] = [];
  readonly ranges: readonly CodeRange[] | undefined;
  full = false;
  private readonly around: Surroundings;
  private readonly options: ExploreOptions;
  private readonly startSteps: number;
  /** Where a PE was when it took an asynchronous exception at a boundary: that is what its boundary shows. */
  private readonly before = new Map<number, { step: number; pc: bigint; el: number }>();
  private off: (() => void) | undefined;

  constructor(around: Surroundings, options: ExploreOptions, startSteps: number) {
    this.around = around;
    this.options = options;
    this.startSteps = startSteps;
    const { only } = options.window;
    this.ranges = only && codeRanges(around.machine, around.symbols, only);
  }

  /** From now on; `hear` is told of each step before it is taken. */
  open(hear: (pe: number, pc: bigint) => void = () => {}): void {
    const { machine, watch, limits } = this.around;
    watch.onRecord = (record) => this.record(record);
    this.off = machine.on('step', (pe, pc) => {
      hear(pe, pc);
      if (this.off === undefined) return;
      if (this.points.length >= limits.pointsMax) {
        this.full = true;
        machine.stop();
      } else this.note(pe, pc);
    });
  }
  close(): void {
    this.off?.();
    this.off = undefined;
    this.around.watch.onRecord = undefined;
  }
  private record(record: TraceRecord): void {
    const { pe, step } = record;
    const at =
      record.kind === 'exception' && record.exception !== 'Synchronous'
        ? { step, pc: record.ELR, el: record.fromEl }
        : record.kind === 'sdei' && record.PC !== undefined
          ? { step, pc: record.PC, el: record.el }
          : undefined;
    if (at && this.before.get(pe)?.step !== step) this.before.set(pe, at);
  }
  private note(pe: number, pcNow: bigint): void {
    const { machine } = this.around;
    const { pes } = this.options.window;
    const before = this.before.get(pe);
    const moved = before?.step === machine.steps ? before : undefined;
    const pc = moved?.pc ?? pcNow;
    if (pes && !pes.includes(pe)) return;
    if (this.ranges && !this.ranges.some(({ from, to }) => pc >= from && pc < to)) return;
    const el = moved?.el ?? machine.pes[pe]!.s.el;
    const hosted = isHosted(pc) ? machine.hosted?.describe(pc) : undefined;
    const step = machine.steps - this.startSteps;
    this.points.push({ index: this.points.length, step, pe, pc, el, ...(hosted === undefined ? {} : { hosted }) });
  }
}

/** Notes every boundary from here to the place where the window closes; the limit that closed it before, if one did. */
function throughPlace(around: Surroundings, options: ExploreOptions, found: Boundaries): Baseline['cut'] {
  const { machine, symbols, watch, limits } = around;
  const { to } = options.window;
  let closed = false;
  const close = (): void => {
    closed = true;
    machine.stop();
  };
  let remove = (): void => {};
  if (to && 'pc' in to) {
    let left = to.hit ?? 1;
    remove = onArrival(machine, symbols, { ...to, where: 'window.to' }, () => void (--left === 0 && close()));
  } else if (to && 'console' in to) watch.expect(consolePattern(to.console, 'window.to'), '', close);
  const wanted = to && 'steps' in to ? to.steps : Number.POSITIVE_INFINITY;
  found.open();
  const { reason } = machine.run({ steps: Math.min(wanted, limits.windowStepsMax) });
  found.close();
  remove();
  if (found.full) return 'pointsMax';
  if (closed || (reason === 'limit' && wanted <= limits.windowStepsMax)) return undefined;
  if (reason === 'limit') return 'windowStepsMax';
  if (!to || 'steps' in to) return undefined;
  throw new ExploreError('E_WINDOW', `window.to: ${placeText(to)} is not reached: the guest ended before: ${reason}.`);
}

/** Notes every boundary in calls of a function. */
function throughCalls(around: Surroundings, options: ExploreOptions, found: Boundaries): Baseline['cut'] {
  const { machine, symbols, limits } = around;
  const { name, hits = 1, pe } = options.window.function!;
  const where = 'window.function';
  let open = limits.windowStepsMax;
  let cut: Baseline['cut'];
  for (let left = hits; left > 0 && !cut; left--) {
    const entry = { pc: name, where, ...(pe === undefined ? {} : { pe }) };
    const { pe: inside, reason } = runToArrival(machine, symbols, entry, limits.findStepsMax);
    if (inside === undefined) {
      if (left < hits) break;
      const how = reason === 'limit' ? `not within ${limits.findStepsMax} steps (findStepsMax)` : `it ended: ${reason}`;
      throw new ExploreError('E_WINDOW', `${where}: '${name}' is not called: ${how}.`);
    }
    const { s } = machine.pes[inside]!;
    const [back, sp] = [s.x(30), s.sp];
    let returned = false;
    found.open((at, pc) => {
      if (at !== inside || pc !== back || machine.pes[at]!.s.sp !== sp) return;
      returned = true;
      found.close();
      machine.stop();
    });
    const before = machine.steps;
    const ended = machine.run({ steps: open }).reason;
    found.close();
    open -= machine.steps - before;
    if (found.full) cut = 'pointsMax';
    else if (!returned && ended === 'limit') cut = 'windowStepsMax';
    else if (!returned) break;
  }
  return cut;
}

/** Runs from the close of the window to the end; gives why it ended, and notes arrivals at the end's instruction. */
function toEnd(around: Surroundings, options: ExploreOptions, startSteps: number, arrivals: number[]): RunReason {
  const { machine, limits } = around;
  const { end } = options;
  const place = endPlace(options);
  if (!place) {
    const settle = end && 'settleSteps' in end ? end.settleSteps : SETTLE_STEPS;
    return machine.run({ steps: settle }).reason;
  }
  if ('steps' in place) {
    const left = startSteps + place.steps - machine.steps;
    if (left < 0) throw new ExploreError('E_WINDOW', `end: ${placeText(place)} lies before the end of the window.`);
    return machine.run({ steps: left }).reason;
  }
  if ('pc' in place) {
    const wanted = place.hit ?? 1;
    if (arrivals.length >= wanted)
      throw new ExploreError('E_WINDOW', `end: ${placeText(place)} lies in the window. Give a later arrival as hit.`);
    const hit = wanted - arrivals.length;
    runTo(machine, { ...place, hit }, { ...around, where: 'end', stepsMax: limits.findStepsMax });
  } else runTo(machine, place, { ...around, where: 'end', stepsMax: limits.findStepsMax });
  return 'stopped';
}

/** Runs undisturbed from where the machine is. @throws ExploreError `E_WINDOW` when window or end are not there */
export function baselineOf(around: Surroundings, options: ExploreOptions): Baseline {
  const { machine, symbols, watch, limits } = around;
  const start = machine.snapshot();
  const startSteps = machine.steps;
  watch.begin(startSteps);
  watch.learning = true;
  const console: { step: number; text: string }[] = [];
  const exceptions: ExceptionRecord[] = [];
  watch.exceptions = exceptions;
  watch.onText = (text) => void console.push({ step: machine.boundary.step - startSteps, text });
  const arrivals: number[] = [];
  const place = endPlace(options);
  const pc = place && 'pc' in place ? place : undefined;
  const remove = pc
    ? onArrival(machine, symbols, { ...pc, where: 'end' }, () => void arrivals.push(machine.steps - startSteps))
    : (): void => {};
  const { window } = options;
  if (window.from) runTo(machine, window.from, { ...around, where: 'window.from', stepsMax: limits.findStepsMax });
  const found = new Boundaries(around, options, startSteps);
  const cut = window.function ? throughCalls(around, options, found) : throughPlace(around, options, found);
  const closeStep = machine.steps - startSteps;
  if (found.points.length === 0)
    throw new ExploreError('E_WINDOW', 'window: there is no boundary in it. Look at from, only and pes.');
  const reason = toEnd(around, options, startSteps, arrivals);
  remove();
  watch.onText = undefined;
  watch.exceptions = undefined;
  watch.learning = false;
  const end = { step: machine.steps - startSteps, snapshot: machine.snapshot(), reason };
  const { points } = found;
  const checkpoints = keep(machine, start, points[0]!.step, end.step);
  return { startSteps, points, closeStep, cut, end, arrivals, console, exceptions, checkpoints };
}

/** How many of a list in ascending order lie before a limit. */
export function countBefore<T>(list: readonly T[], stepOf: (one: T) => number, limit: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (stepOf(list[middle]!) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What the undisturbed run had said before a boundary, given by its steps since the start. */
export function heardBefore({ startSteps, console, exceptions }: Baseline, step: number): Heard {
  const texts = console.slice(
    0,
    countBefore(console, (text) => text.step, step),
  );
  return {
    console: texts.map(({ text }) => text).join(''),
    exceptions: exceptions.slice(
      0,
      countBefore(exceptions, (record) => record.step - startSteps, step),
    ),
  };
}

/** The undisturbed run as somebody knows it who made it on another machine in the same state. */
export interface KnownRun extends Omit<Baseline, 'checkpoints' | 'end'> {
  readonly end: { readonly step: number; readonly timeNs: number; readonly reason: RunReason };
  /** Registers of the PEs at the end. */
  readonly endBlocks: readonly Uint8Array[];
  /** What the guest had to say. */
  readonly heard: readonly string[];
}

/** What somebody else needs to know of the undisturbed run. */
export function knownRun({ checkpoints: _, end, ...rest }: Baseline, watch: Watch): KnownRun {
  const { step, reason, snapshot } = end;
  return {
    ...rest,
    end: { step, reason, timeNs: snapshot.time.timeNs },
    endBlocks: snapshot.pes.map(({ block }) => block),
    heard: [...watch.known],
  };
}

/** Follows a run that is known from where the machine is: only states are kept, nothing is looked for. */
export function baselineAgain({ machine, watch }: Surroundings, known: KnownRun): Baseline {
  const { end, endBlocks, heard, ...rest } = known;
  for (const text of heard) watch.known.add(text);
  const start = machine.snapshot();
  watch.begin(rest.startSteps);
  const checkpoints = keep(machine, start, rest.points[0]!.step, end.step);
  const left = rest.startSteps + end.step - machine.steps;
  // Where the guest ended by itself it is that end which is run to, and not the boundary before it.
  const byItself = end.reason !== 'limit' && end.reason !== 'stopped';
  machine.run({ steps: byItself ? left + 1 : left });
  const snapshot = machine.snapshot();
  const same = snapshot.pes.every(({ block }, pe) => endBlocks[pe]!.every((byte, n) => byte === block[n]));
  if (!same || snapshot.time.timeNs !== end.timeNs || machine.steps !== rest.startSteps + end.step)
    throw new Error('assertion: the undisturbed run ends in another state than on the machine it is known of');
  return { ...rest, end: { step: end.step, reason: end.reason, snapshot }, checkpoints };
}

/** Runs again and keeps states on the way. */
function keep(machine: Machine, start: Snapshot, firstStep: number, endStep: number): Checkpoint[] {
  const every = Math.max(CHECKPOINT_STEPS_MIN, Math.ceil((endStep - firstStep) / CHECKPOINTS_MAX));
  const kept: Checkpoint[] = [{ step: 0, snapshot: start }];
  machine.restore(start);
  for (let step = firstStep, at = 0; step < endStep; step += every) {
    if (step > at && machine.run({ steps: step - at }).reason !== 'limit') break;
    if (step > 0) kept.push({ step, snapshot: machine.snapshot() });
    at = step;
  }
  return kept;
}
