/** Runs cases on one machine: comes back to a boundary, puts the events in, runs to an outcome. */
import { PE_STATE } from '../arch/pestate.ts';
import { Symbols } from '../debug/symbols/symbols.ts';
import { HostedError } from '../engine/hosted/errors.ts';
import { isHosted } from '../engine/hosted/program.ts';
import { MachineError } from '../machine/errors.ts';
import type { Machine, RunReason, Snapshot } from '../machine/machine.ts';
import { Comparison } from './compare.ts';
import { Ends } from './ends.ts';
import { ExploreError } from './errors.ts';
import type { InjectedEvent } from './events.ts';
import { type ExploreLimits, limitsOf } from './limits.ts';
import { placeName, StuckAnalysis } from './stuck.ts';
import type {
  Case,
  CaseResult,
  CheckedRun,
  ExploreOptions,
  Injection,
  OutcomeKind,
  StateDifference,
  Switch,
} from './types.ts';
import { type Trouble, Watch } from './watch.ts';
import {
  type Baseline,
  baselineAgain,
  baselineOf,
  type Checkpoint,
  countBefore,
  heardBefore,
  type KnownRun,
} from './window.ts';

/**
 * Steps from a kept state to the next one that is kept on the way, where the guest's own code runs and where hosted
 * code does: to run fewer again costs less than to keep a state.
 */
const ANCHOR_STEPS = { guest: 128, hosted: 16 } as const;
/** A turn that does not end by itself. */
const ENDLESS_TURN = 2 ** 31 - 1;
/** Steps behind the undisturbed run's that a run has by default, and how many times its length. */
const RUN_STEPS = { times: 4, more: 2_000_000 } as const;
/** Differences that a kind of result is named for. */
const KIND_DIFFERENCES = 3;

/** How a run came to its end, before it is judged. */
export interface Ending {
  /** `end`: at the place where runs end; `converged`: state of the undisturbed run before; or why the machine stopped. */
  readonly reason: 'end' | 'converged' | 'trouble' | 'stuck' | RunReason;
}

/** One case that is under way. */
interface Attempt {
  readonly case: Case;
  /** The end state is compared. */
  readonly compared: boolean;
  /** Why an event was not accepted. */
  refused: string | undefined;
  /** The guest may go another way for reasons of the architecture. */
  shifted: boolean;
}

/** What a check finds: the text that it gives, or the first line of what it throws, as assertions do. */
function foundBy(check: (run: CheckedRun) => string | undefined, run: CheckedRun): string | undefined {
  try {
    return check(run);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return text.split('\n', 1)[0] || 'a check threw something without a message';
  }
}

/**
 * A machine with its window: every case can be run on it, in any order, with the same result each time.
 *
 * While it is in use nobody else runs the machine; `close` puts it back where it was.
 */
export class Explorer {
  readonly machine: Machine;
  readonly options: ExploreOptions;
  readonly limits: ExploreLimits;
  readonly events: readonly InjectedEvent[];
  readonly symbols: Symbols;
  readonly watch: Watch;
  readonly baseline: Baseline;
  readonly frozen: boolean;
  private readonly comparison: Comparison;
  readonly compared: boolean;
  private readonly ends: Ends;
  private readonly stuck: StuckAnalysis;
  private readonly start: Snapshot;
  /** Steps after which the run that is under way is no longer the undisturbed one. */
  enteredAt = 0;
  /** A run is over, and is being looked at. */
  judging = false;
  /** Where cases were last put in. */
  private anchor: Checkpoint | undefined;

  /**
   * Makes the undisturbed run.
   *
   * @param known - it was made already, on another machine in this one's state
   * @throws ExploreError when window, events or limits cannot be
   */
  constructor(machine: Machine, options: ExploreOptions, symbols: Symbols = new Symbols(machine), known?: KnownRun) {
    this.machine = machine;
    this.options = options;
    this.limits = limitsOf(options.limits);
    this.events = options.events ?? [];
    this.symbols = symbols;
    for (const event of this.events) event.check?.(machine);
    if (this.events.length === 0 && !options.schedules) {
      const advice = 'Give events, or schedules for a machine with several PEs.';
      throw new ExploreError('E_EXPLORE', `events: there is nothing to try. ${advice}`);
    }
    this.frozen = (options.time ?? 'frozen') === 'frozen';
    this.compared = options.compare ?? this.frozen;
    this.watch = new Watch(machine, symbols, options);
    this.start = machine.snapshot();
    const symbolize = (addr: bigint): string | undefined => symbols.symbolize(addr);
    this.comparison = new Comparison(machine, options.ignore ?? {}, { symbolize, most: this.limits.differencesMax });
    const around = { machine, symbols, watch: this.watch, limits: this.limits };
    this.baseline = known ? baselineAgain(around, known) : baselineOf(around, options);
    const converge = options.converge ?? (options.checks ?? []).length === 0;
    this.ends = new Ends(this, converge && this.frozen && this.compared);
    this.stuck = new StuckAnalysis(machine, symbols, { limits: this.limits, own: options.stuck });
  }

  /** Stops listening and puts the machine back where it was. */
  close(): void {
    this.watch.close();
    this.machine.restore(this.start);
  }

  /** Steps of this run since the start. */
  get step(): number {
    return this.machine.steps - this.baseline.startSteps;
  }
  /** Name of an address. */
  name(pc: bigint): string {
    return placeName(this.machine, this.symbols, pc);
  }

  // --- coming to a boundary ---

  /** Puts the machine at a boundary of the undisturbed run. */
  goTo(step: number): void {
    const { checkpoints, startSteps } = this.baseline;
    let from = checkpoints[Math.max(countBefore(checkpoints, (kept) => kept.step, step + 1) - 1, 0)]!;
    const { anchor } = this;
    if (anchor && anchor.step <= step && anchor.step >= from.step) from = anchor;
    this.machine.restore(from.snapshot);
    this.watch.begin(startSteps);
    this.watch.learning = true;
    if (step > from.step) this.machine.run({ steps: step - from.step });
    this.watch.learning = false;
    // Wherever it came from, a run has heard everything since the start.
    this.watch.begin(startSteps, heardBefore(this.baseline, step));
    const apart = this.machine.pes.some(({ s }) => isHosted(s.pc)) ? ANCHOR_STEPS.hosted : ANCHOR_STEPS.guest;
    if (step - from.step >= apart) this.anchor = { step, snapshot: this.machine.snapshot() };
  }

  /** @returns why it ended when it did not come there */
  private runToStep(step: number): Ending['reason'] | undefined {
    const left = step - this.step;
    if (left <= 0) return undefined;
    const { reason } = this.machine.run({ steps: left });
    if (this.watch.trouble) return 'trouble';
    return reason === 'limit' ? undefined : reason;
  }

  private inject(attempt: Attempt, { event: index, pe }: Injection): void {
    const { machine, frozen } = this;
    const event = this.events[index];
    if (!event) throw new ExploreError('E_CASE', `case ${attempt.case.id}: there is no event ${index}.`);
    const target = event.pe ?? pe;
    const { s } = machine.pes[target]!;
    if (s.get32(PE_STATE.exclusiveValid) !== 0 || s.get32(PE_STATE.waitState) !== 0) attempt.shifted = true;
    if (frozen && event.interrupts) machine.freezeNext(target);
    // What is pending already and comes again is delivered once.
    const waits = this.watch.undelivered.some((waiting) => waiting.event === index && waiting.pe === target);
    const merges = waits && event.pending?.(machine, target) === true;
    let refused: string | undefined;
    // What is delivered while it enters is heard as well.
    this.watch.accepted(index, target);
    try {
      refused = event.inject(machine, target);
    } catch (error) {
      if (!(error instanceof MachineError)) throw error;
      refused = error.message;
    }
    if (refused !== undefined || merges) this.watch.withdraw(index, target);
    attempt.refused ??= refused;
  }
  private switchTo({ pe }: Switch): void {
    this.machine.useSchedule({ kind: 'list', turns: [{ pe, steps: ENDLESS_TURN }] });
  }

  // --- one case ---

  /** Puts a case in, up to and with its last event or switch; gives why the run ended before, if it did. */
  private begin(attempt: Attempt, from = Number.POSITIVE_INFINITY): Ending['reason'] | undefined {
    const { injections, switches } = attempt.case;
    const actions = [
      ...switches.map((of) => ({ step: of.step, act: () => this.switchTo(of) })),
      ...injections.map((of) => ({ step: of.step, act: () => this.inject(attempt, of) })),
    ].sort((a, b) => a.step - b.step);
    const first = actions[0]?.step ?? 0;
    this.enteredAt = Math.min(first, this.baseline.end.step);
    this.goTo(Math.min(from, this.enteredAt));
    for (const { step, act } of actions) {
      const ended = this.runToStep(step);
      if (ended !== undefined) return ended;
      act();
    }
    return undefined;
  }

  /** Puts a case in and leaves the machine at the boundary of its last event. */
  enter(tried: Case): void {
    this.begin(this.attempt(tried));
  }
  private attempt(tried: Case): Attempt {
    // Another schedule leads to another time, and so to other states at the same time.
    const compared = tried.switches.length === 0 ? this.compared : this.options.compare === true;
    return { case: tried, compared, refused: undefined, shifted: false };
  }

  /**
   * Runs a case.
   *
   * @param from - steps of the undisturbed run from which on it is run, for those who want to see what was before
   */
  run(tried: Case, from?: number): CaseResult {
    const attempt = this.attempt(tried);
    this.judging = false;
    try {
      const before = this.begin(attempt, from);
      if (attempt.refused !== undefined && attempt.case.injections.length === 1)
        return this.result(attempt, 'refused', attempt.refused);
      const { runStepsMax, scheduleStepsMax } = this.limits;
      const often = RUN_STEPS.times * this.baseline.end.step;
      const stepsMax = runStepsMax || often + (tried.switches.length > 0 ? scheduleStepsMax : RUN_STEPS.more);
      const ending = before === undefined ? this.ends.run(stepsMax, tried.switches.length === 0) : { reason: before };
      this.judging = true;
      return this.judge(attempt, ending);
    } catch (error) {
      if (!(error instanceof HostedError)) throw error;
      // Room for so many yields is only used up by a loop.
      return this.result(attempt, error.code === 'E_HOSTED_YIELDS' ? 'suspected livelock' : 'error', error.message);
    }
  }

  private judge(attempt: Attempt, { reason }: Ending): CaseResult {
    const { watch, baseline } = this;
    if (reason === 'trouble') return this.trouble(attempt);
    if (reason === 'converged') return this.result(attempt, 'same', '', { converged: true });
    const there = reason === 'end' || (reason === baseline.end.reason && reason !== 'limit' && reason !== 'stopped');
    if (!there) return this.elsewhere(attempt, reason);
    const lost = watch.undelivered.find(({ event, pe }) => this.isLost(event, pe));
    if (lost) return this.result(attempt, 'lost', `${this.events[lost.event]!.name} on PE ${lost.pe}`);
    for (const check of this.options.checks ?? []) {
      const { machine } = this;
      const { delivered, console } = watch;
      const said = foundBy(check, { machine, case: attempt.case, delivered: [...delivered], console });
      if (said !== undefined) return this.result(attempt, 'check', said);
    }
    const differences = attempt.compared ? this.differences() : [];
    if (differences.length > 0 && reason === 'end' && this.isDead())
      return this.result(attempt, ...this.fromVerdict('idle'));
    if (watch.undelivered.length > 0) {
      const names = watch.undelivered.map(({ event, pe }) => `${this.events[event]!.name} on PE ${pe}`);
      return this.result(attempt, 'pending', `${names.join(', ')} at the end`, { differences });
    }
    if (differences.length === 0) return this.result(attempt, attempt.compared ? 'same' : 'completed', '');
    const detail = differences
      .slice(0, KIND_DIFFERENCES)
      .map(({ part, what, expected, found }) => `${part} ${what}: ${expected} became ${found}`)
      .join('; ');
    return this.result(attempt, attempt.shifted ? 'shifted' : 'different', detail, { differences });
  }

  private elsewhere(attempt: Attempt, reason: RunReason | 'end' | 'stuck'): CaseResult {
    if (reason === 'stuck') return this.result(attempt, ...this.fromVerdict('limit'));
    if (reason === 'limit' || reason === 'idle' || reason === 'waiting-for-input')
      return this.result(attempt, ...this.fromVerdict(reason === 'limit' ? 'limit' : 'idle'));
    const { end } = this.baseline;
    const usual = end.reason === 'limit' || end.reason === 'stopped' ? 'runs on' : `ends with ${end.reason}`;
    return this.result(attempt, 'ended', `${reason}; undisturbed it ${usual}`);
  }
  private fromVerdict(reason: 'limit' | 'idle'): [OutcomeKind, string] {
    const { outcome, detail } = this.stuck.verdict(reason);
    return [outcome, detail];
  }
  /** Every PE waits and nothing is due: nothing will ever happen. */
  private isDead(): boolean {
    const { machine } = this;
    if (machine.nextDueNs() !== undefined) return false;
    return machine.pes.every((pe) => pe.s.get32(PE_STATE.waitState) !== 0 && !pe.wakes);
  }
  private isLost(event: number, pe: number): boolean {
    const { pending } = this.events[event]!;
    return pending !== undefined && !pending(this.machine, pe);
  }

  /** Where the state now differs from that of the undisturbed run's end. */
  private differences(): readonly StateDifference[] {
    return this.comparison.differences(this.baseline.end.snapshot, this.frozen);
  }
  /** The state now is that of a checkpoint. */
  isAt({ snapshot }: Checkpoint): boolean {
    if (this.watch.undelivered.length > 0) return false;
    // Most runs that are not back yet are elsewhere: that is seen without looking at everything.
    const there = this.machine.pes.every(({ s }) => s.pc === pcOf(snapshot, s.index));
    return there && this.comparison.differences(snapshot, true).length === 0;
  }

  /** The guest has something to say: what it says is waited for. */
  private trouble(attempt: Attempt): CaseResult {
    const { watch, machine, limits } = this;
    const first = watch.trouble!;
    let text = first.text;
    // Other symbols may follow, such as panic() after die(); a line on the console says most.
    const end = machine.steps + limits.troubleStepsMax;
    for (let next: Trouble | undefined = first; next && machine.steps < end; next = watch.trouble) {
      watch.trouble = undefined;
      if (next.by === 'console') {
        watch.waitForLineEnd();
        machine.run({ steps: end - machine.steps });
        text = watch.lastLine() ?? next.text;
        break;
      }
      machine.run({ steps: end - machine.steps });
    }
    const kind = /panic|Internal error|Unable to handle/.test(text) ? 'panic' : first.kind;
    return this.result(attempt, kind, text.trim());
  }

  private result(
    attempt: Attempt,
    outcome: OutcomeKind,
    detail: string,
    more: { readonly differences?: readonly StateDifference[]; readonly converged?: boolean } = {},
  ): CaseResult {
    const { differences = [], converged = false } = more;
    const changed = [...new Set(differences.map(({ part, what }) => `${part} ${general(what)}`))];
    const kind =
      differences.length > 0
        ? changed.slice(0, KIND_DIFFERENCES).join(', ')
        : outcome === 'same'
          ? ''
          : general(detail);
    return {
      case: attempt.case,
      outcome,
      detail,
      kind: kind === '' ? outcome : `${outcome}: ${kind}`,
      differences,
      delivered: [...this.watch.delivered],
      steps: this.step,
      converged,
    };
  }
}

/** PC of a PE in a snapshot. */
function pcOf({ pes }: Snapshot, pe: number): bigint {
  const { block } = pes[pe]!;
  return new DataView(block.buffer, block.byteOffset).getBigUint64(PE_STATE.PC.offset, true);
}

/** A text without numbers that change from run to run; symbols keep theirs. */
function general(text: string): string {
  return text
    .replace(/^\[ *\d+\.\d+\] ?/, '')
    .replace(/0x[0-9a-f]+(?: <([^>+]+)[^>]*>)?/gi, (_all, name: string | undefined) => name ?? '0x..')
    .replace(/\b\d+\b/g, 'N')
    .replace(/\+0x\.\./g, '');
}
