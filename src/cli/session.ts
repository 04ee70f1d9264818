import { ConsoleMatcher } from './console-match.ts';
import { isUserError } from './errors.ts';
import type { Host } from './host.ts';
import { KEY_HELP, KeyFilter } from './keyboard.ts';
import type { MachinePort } from './machine-port.ts';
import type { Inside } from './on/inside.ts';
import { armRules, type OnRule } from './on/rule.ts';
import { type EndReason, EXIT_CODES, grouped, type Outcome } from './report.ts';

/** Steps between two looks at keys, pipes and signals; fixed, so that input from a file arrives at one boundary. */
export const SLICE_STEPS = 2_000_000;

/** Steps of a slice with a terminal: short enough to echo a key at once. */
export const SLICE_STEPS_INTERACTIVE = 500_000;

/** Distinct messages kept of what is not modelled; a guest must not make the command allocate without bound. */
export const REPORTS_MAX = 1000;

/** Bytes of input held for the guest before the pipe is left to wait, here and again in the machine. */
export const INPUT_BYTES_MAX = 65_536;

/** How a run is watched and limited. */
export interface SessionOptions {
  readonly until?: RegExp;
  readonly failOn?: RegExp;
  readonly maxSteps?: number;
  readonly rules: readonly OnRule[];
  /** The machine from the inside, for rules that need it. */
  readonly inside?: Inside;
  readonly digest: boolean;
  /** Console output is matched but not printed. */
  readonly quiet: boolean;
  /** Called after every slice of the run; a user's mistake that it throws ends the run. */
  readonly afterSlice?: () => void | Promise<void>;
  /** Saves the machine as it is now; `rule` asked for it. */
  readonly save?: (path: string, rule: string) => void;
  /** Nobody types: a recording is played. */
  readonly noInput?: boolean;
  /** Why the machine stopped by itself, if it did: the end of a recording. */
  readonly stopped?: () => { readonly reason: EndReason; readonly why: string } | undefined;
}

const NOTHING_DUE = 'nothing can happen any more: every CPU waits, nothing is due and no input can come';

interface End {
  readonly reason: EndReason;
  readonly why: string;
  readonly matched: string | null;
}

/** One run of one machine: carries bytes, keys and signals between the host and the machine until something ends it. */
export class Session {
  readonly #machine: MachinePort;
  readonly #host: Host;
  readonly #options: SessionOptions;
  readonly #matcher = new ConsoleMatcher();
  readonly #keys = new KeyFilter();
  readonly #reports = new Map<string, number>();
  readonly #startMs: number;
  #output: Uint8Array[] = [];
  #typed: Uint8Array[] = [];
  #typedBytes = 0;
  #atLineStart = true;
  #inMachine = false;
  #end: End | undefined;
  #resets = 0;
  #idleUntilNs: bigint | undefined;

  constructor(machine: MachinePort, host: Host, options: SessionOptions) {
    this.#machine = machine;
    this.#host = host;
    this.#options = options;
    this.#startMs = host.nowMs();
  }

  /** Runs to the end. Whatever the machine throws becomes the outcome `internal-error`. */
  async run(): Promise<Outcome> {
    try {
      this.#connect();
      while (this.#end === undefined) await this.#slice();
    } catch (error) {
      this.#inMachine = false;
      this.#end = undefined;
      if (isUserError(error)) this.#finish('cannot-write', error.message.replace(/\.$/, ''));
      else {
        this.#finish('internal-error', `internal error at step ${grouped(this.#machine.steps)}`);
        this.#host.writeErr(describeFault(error, this.#machine.steps));
      }
    } finally {
      this.#host.input.close();
    }
    if ((this.#end as End | undefined)?.reason !== 'output-closed') {
      // The summary that follows belongs on a line of its own.
      if (this.#host.outputIsTerminal && !this.#atLineStart) this.#output.push(Uint8Array.of(0x0d, 0x0a));
      await this.#flush();
    }
    return this.#outcome();
  }

  #connect(): void {
    const { until, failOn, rules } = this.#options;
    // First in line, so that a byte that completes both patterns is a failure.
    if (failOn)
      this.#matcher.watch(failOn, false, (text) => this.#finish('fail-on', `--fail-on seen: '${text}'`, text));
    if (until) this.#matcher.watch(until, false, (text) => this.#finish('until', `--until seen: '${text}'`, text));
    this.#machine.console.onOutput((bytes) => {
      if (!this.#options.quiet && bytes.length > 0) {
        this.#output.push(bytes.slice());
        this.#atLineStart = bytes[bytes.length - 1] === 0x0a;
      }
      this.#matcher.feed(bytes);
    });
    this.#machine.log.onReport((message) => this.#report(message));
    armRules(rules, {
      machine: this.#machine,
      console: this.#matcher,
      stop: (why) => this.#finish('stopped', why),
      report: (message) => this.#host.writeErr(`unmaskable: ${message}\n`),
      save: (path, rule) => this.#options.save?.(path, rule),
      inside: this.#options.inside,
    });
    this.#host.onSignal((name) => this.#signal(name));
    this.#host.onOutputClosed(() => {
      this.#finish('output-closed', 'standard output was closed');
      this.#host.wake();
    });
    if (this.#options.noInput) return;
    this.#machine.inputPossible = true;
    this.#host.input.open(
      (bytes) => this.#take(bytes),
      () => {
        this.#machine.inputPossible = false;
        this.#host.wake();
      },
    );
    if (this.#host.input.interactive) this.#idleUntilNs = 0n;
  }

  async #slice(): Promise<void> {
    const left = (this.#options.maxSteps ?? Number.POSITIVE_INFINITY) - this.#machine.steps;
    if (left <= 0) {
      this.#finish('max-steps', `--max-steps ${grouped(this.#options.maxSteps ?? 0)} reached`);
      return;
    }
    const sliceSteps = this.#host.input.interactive ? SLICE_STEPS_INTERACTIVE : SLICE_STEPS;
    this.#inMachine = true;
    const { reason } = this.#machine.run({ steps: Math.min(sliceSteps, left), idleUntilNs: this.#idleUntilNs });
    this.#inMachine = false;
    await this.#options.afterSlice?.();
    await this.#flush();
    if (this.#end !== undefined) return;
    if (reason === 'poweroff') this.#finish('poweroff', 'the guest powered off');
    else if (reason === 'reset') this.#reset();
    else if (reason === 'idle' && !this.#deliverable()) this.#finish('nothing-due', NOTHING_DUE);
    else if (reason === 'stopped') this.#stoppedByItself();
    else if (reason === 'waiting-for-input') await this.#waitForInput(undefined);
    else if (reason === 'waiting-for-time') await this.#waitForTime();
    await this.#host.breathe();
    // A key that ended a wait belongs after the virtual time that passed meanwhile: the next run lets it pass.
    if ((this.#idleUntilNs ?? 0n) <= this.#machine.timeNs) this.#deliver();
  }

  #stoppedByItself(): void {
    const end = this.#options.stopped?.();
    if (!end) throw new Error('the machine stopped although nothing asked it to');
    this.#finish(end.reason, end.why);
  }

  #reset(): void {
    this.#resets++;
    this.#machine.reset();
  }

  async #waitForInput(ms: number | undefined): Promise<void> {
    if (this.#deliverable() || this.#end !== undefined || !this.#machine.inputPossible) return;
    await this.#host.wait(ms);
  }

  /** Lets as much virtual time pass as the host waited: until the next due event, or until a key. */
  async #waitForTime(): Promise<void> {
    const nowNs = this.#machine.timeNs;
    const dueNs = this.#machine.nextDueNs() ?? nowNs;
    if (!this.#machine.inputPossible) {
      this.#idleUntilNs = dueNs;
      return;
    }
    const startMs = this.#host.nowMs();
    await this.#waitForInput(Math.ceil(Number(dueNs - nowNs) / 1e6));
    const passedNs = BigInt(Math.floor((this.#host.nowMs() - startMs) * 1e6));
    this.#idleUntilNs = nowNs + passedNs < dueNs ? nowNs + passedNs : dueNs;
  }

  #take(bytes: Uint8Array): void {
    if (!this.#host.input.interactive) this.#type(bytes);
    else {
      const keys = this.#keys.next(bytes);
      if (keys.bytes.length > 0) this.#type(keys.bytes);
      if (keys.help) this.#host.writeErr(`\n${KEY_HELP.join('\n')}\n`);
      if (keys.leave) this.#finish('left', 'left with Ctrl-A X');
    }
    this.#host.wake();
  }

  #type(bytes: Uint8Array): void {
    this.#typed.push(bytes);
    this.#typedBytes += bytes.length;
    this.#host.input.hold(this.#typedBytes >= INPUT_BYTES_MAX);
  }

  /** Something was typed, and the guest is listening and not too far behind. */
  #deliverable(): boolean {
    const { acceptsInput, queuedBytes } = this.#machine.console;
    return this.#typed.length > 0 && acceptsInput !== false && (queuedBytes ?? 0) < INPUT_BYTES_MAX;
  }

  #deliver(): void {
    if (!this.#deliverable()) return;
    const typed = this.#typed;
    this.#typed = [];
    this.#typedBytes = 0;
    for (const bytes of typed) this.#machine.console.input(bytes);
    this.#host.input.hold(false);
  }

  #signal(name: string): void {
    if (name === 'SIGINT') this.#finish('interrupted', 'interrupted');
    else this.#finish('terminated', `ended by ${name}`);
    this.#host.wake();
  }

  #report(message: string): void {
    const count = this.#reports.get(message);
    if (count === undefined) {
      if (this.#reports.size >= REPORTS_MAX) return;
      this.#host.writeErr(`unmaskable: ${message}\n`);
    }
    this.#reports.set(message, (count ?? 0) + 1);
  }

  /** The first reason counts; later ones come from bytes of the same step. */
  #finish(reason: EndReason, why: string, matched: string | null = null): void {
    if (this.#end !== undefined) return;
    this.#end = { reason, why, matched };
    if (this.#inMachine) this.#machine.stop();
  }

  async #flush(): Promise<void> {
    if (this.#output.length === 0) return;
    const chunks = this.#output;
    this.#output = [];
    await this.#host.writeOut(Buffer.concat(chunks));
  }

  #outcome(): Outcome {
    const end = this.#end ?? { reason: 'internal-error' as const, why: 'ended without a reason', matched: null };
    return {
      reason: end.reason,
      why: end.why,
      exitCode: EXIT_CODES[end.reason],
      steps: this.#machine.steps,
      virtualTimeNs: this.#machine.timeNs,
      wallTimeMs: this.#host.nowMs() - this.#startMs,
      resets: this.#resets,
      digest: this.#options.digest && end.reason !== 'internal-error' ? this.#machine.digest() : null,
      matched: end.matched,
      notModelled: [...this.#reports].map(([message, count]) => ({ message, count })),
    };
  }
}

/** What is said when the fault is ours. */
function describeFault(error: unknown, steps: number): string {
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return [
    `unmaskable: internal error at step ${grouped(steps)}; this is a fault of unmaskable, not of the guest.`,
    'Please report it with the command line, the version and these lines:',
    detail,
    '',
  ].join('\n');
}
