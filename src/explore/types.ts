/** What an exploration is asked and what it answers, as plain data where it leaves the process. */
import type { Machine } from '../machine/machine.ts';
import type { InjectedEvent } from './events.ts';
import type { ExploreLimits } from './limits.ts';

/** A place in a run. */
export type Place =
  /** So many steps after the start. */
  | { readonly steps: number }
  /** A PE arrives at an instruction, the `hit`th time (default 1) on PE `pe` (default: any). */
  | { readonly pc: string; readonly hit?: number; readonly pe?: number }
  /** The console shows a text: the source of a regular expression. */
  | { readonly console: string };

/** The boundaries under test. */
export interface WindowSpec {
  /** Where it opens; default: at the start. */
  readonly from?: Place;
  /** Where it closes; default: after `limits.windowStepsMax` steps, or where the guest ends. */
  readonly to?: Place;
  /** Calls of a function, each from its first instruction until it has returned, with all that it calls. */
  readonly function?: { readonly name: string; readonly hits?: number; readonly pe?: number };
  /** Only boundaries before instructions of these functions or ranges: `el1h_64_irq`, `0x1000..0x2000`, `a..b`. */
  readonly only?: readonly string[];
  /** Only boundaries at which one of these PEs is about to take a step. */
  readonly pes?: readonly number[];
}

/** A boundary under test: PE `pe` is about to execute what lies at `pc`. */
export interface Point {
  /** Number in the window, from 0. */
  readonly index: number;
  /** Steps of the undisturbed run since the start. */
  readonly step: number;
  readonly pe: number;
  readonly pc: bigint;
  readonly el: number;
  /** Function and yield of hosted code, which can only be said while it runs. */
  readonly hosted?: string;
}

/** An event put in at a boundary. */
export interface Injection {
  /** Index in the list of events. */
  readonly event: number;
  /** Steps of this run since the start, those of handlers included. */
  readonly step: number;
  /** PE that was about to take a step. */
  readonly pe: number;
}

/** From the boundary after so many steps on, this PE has the turn. */
export interface Switch {
  readonly step: number;
  readonly pe: number;
}

/** One run to be tried, complete: with the scenario it is enough to have the run again. */
export interface Case {
  /** Name: `12:0` is event 0 at point 12; `12:0+7:1` has event 1 seven steps later; `s5>1,9>0` is a schedule. */
  readonly id: string;
  /** Index of the point of the first event. */
  readonly point?: number;
  readonly injections: readonly Injection[];
  /** Empty for the schedule of the machine. */
  readonly switches: readonly Switch[];
}

/** How a run ended. */
export const OUTCOMES = [
  /** The end state is that of the undisturbed run. */
  'same',
  /** Ended where it should; the state was not compared, and the checks found nothing. */
  'completed',
  /**
   * The event came between a load-exclusive and its store, or to a PE that waited: the guest went another way, as the
   * architecture has it, so that its state at the same time need not be that of the undisturbed run.
   */
  'shifted',
  /** The event waits at the end, masked or disabled. */
  'pending',
  /** The event was not accepted. */
  'refused',
  /** Ended where it should, with another state. */
  'different',
  /** One of the scenario's own checks found something. */
  'check',
  /** The guest warned on its console or by a symbol. */
  'warning',
  /** The guest gave up. */
  'panic',
  /** Nothing can run and nothing is due, or PEs wait for each other's locks. */
  'deadlock',
  /** The whole state comes again: it will never end. */
  'livelock',
  /** A loop that is not left within the limits, without a proof that it never is. */
  'suspected livelock',
  /** The event was accepted, and is neither delivered nor pending. */
  'lost',
  /** The guest ended otherwise than the undisturbed run. */
  'ended',
  /** Out of steps. */
  'limit',
  /** Hosted code of the guest is wrong, or the run was not the same twice. */
  'error',
] as const;
/** One of them. */
export type OutcomeKind = (typeof OUTCOMES)[number];

/** Outcomes that are no failure. */
export const GOOD_OUTCOMES: ReadonlySet<OutcomeKind> = new Set(['same', 'completed', 'shifted', 'pending', 'refused']);

/** That a handler was entered, or an interrupt acknowledged. */
export interface Delivered {
  /** Index in the list of events. */
  readonly event: number;
  readonly pe: number;
  /** Where the PE was interrupted. */
  readonly pc: bigint;
  /** Steps of this run since the start. */
  readonly step: number;
}

/** One thing in which two states differ. */
export interface StateDifference {
  /** `pe 0`, `time`, `gic`, a device, `ram`. */
  readonly part: string;
  /** Register, field, or symbol and address. */
  readonly what: string;
  /** Of the undisturbed run, and of this one. */
  readonly expected: string;
  readonly found: string;
}

/** What became of one case. */
export interface CaseResult {
  readonly case: Case;
  readonly outcome: OutcomeKind;
  /** One line: what the guest said, what differs, who waits for whom. */
  readonly detail: string;
  /** The same without what changes from boundary to boundary: results of one kind have it in common. */
  readonly kind: string;
  readonly differences: readonly StateDifference[];
  readonly delivered: readonly Delivered[];
  /** Steps of this run since the start. */
  readonly steps: number;
  /** The end was not reached: the state was that of the undisturbed run before. */
  readonly converged: boolean;
}

/** What one of the scenario's own checks looks at. */
export interface CheckedRun {
  readonly machine: Machine;
  readonly case: Case;
  readonly delivered: readonly Delivered[];
  /** What the guest wrote on its console since the start. */
  readonly console: string;
}

/** Parts of the state that may differ. */
export interface IgnoreSpec {
  /** RAM: physical addresses. */
  readonly memory?: readonly { readonly addrPa: bigint; readonly sizeBytes: number }[];
  /** Registers of every PE by name, e.g. `X3`, `SP_EL0`. */
  readonly registers?: readonly string[];
  /** Parts, or fields in them with everything below: `pl031`, `gic.cpus[0]`. */
  readonly fields?: readonly string[];
}

/** What is tried. */
export interface ExploreOptions {
  readonly window: WindowSpec;
  readonly events?: readonly InjectedEvent[];
  /** Where runs end: steps after the window has closed, or a place after the start; default 20,000 steps. */
  readonly end?: { readonly settleSteps: number } | Place;
  /** Injected time; default `frozen`. */
  readonly time?: 'frozen' | 'counted';
  /** Whether the end state is compared; default: with frozen time. */
  readonly compare?: boolean;
  /** Stop a run as soon as its state is that of the undisturbed run again; default: when there are no checks. */
  readonly converge?: boolean;
  readonly ignore?: IgnoreSpec;
  /** Two events in a run: the second while the first is handled, in the steps after that, or both. */
  readonly pairs?: { readonly inside?: boolean; readonly afterSteps?: number };
  /** Tries schedules: up to so many switches of PE where none was needed. */
  readonly schedules?: { readonly preemptionsMax: number; readonly withEvents?: boolean };
  /** Only so many boundaries, drawn with a seed. */
  readonly sample?: { readonly count: number; readonly seed: number };
  /** Texts on the console that mean trouble: sources of regular expressions. Default: those of Linux. */
  readonly trouble?: { readonly panic?: readonly string[]; readonly warning?: readonly string[] };
  /** Functions that are entered only when there is trouble. Default: those of Linux, where the guest has them. */
  readonly troubleSymbols?: { readonly panic?: readonly string[]; readonly warning?: readonly string[] };
  /** Looks at the end of each run that came there; a text, or what it throws, says what is wrong. */
  readonly checks?: readonly ((run: CheckedRun) => string | undefined)[];
  /** Says why a guest that ran out of steps is stuck, such as a ring of mutexes. */
  readonly stuck?: (machine: Machine) => string | undefined;
  readonly limits?: Partial<ExploreLimits>;
}
