/** Hears during a run what the guest says, and what is delivered to it. */
import { Symbols } from '../debug/symbols/symbols.ts';
import type { ExceptionRecord, TraceRecord, TraceSink } from '../debug/trace/records.ts';
import { Tracer } from '../debug/trace/tracer.ts';
import { MachineError } from '../machine/errors.ts';
import type { Machine } from '../machine/machine.ts';
import { ExploreError } from './errors.ts';
import type { InjectedEvent } from './events.ts';
import type { Delivered, ExploreOptions } from './types.ts';

/** What Linux and the kernels of this project write when they give up, and when they only complain. */
export const TROUBLE_TEXTS = {
  panic: ['Kernel panic', 'Internal error: ', 'Unhandled exception', 'Unable to handle kernel'],
  warning: ['WARNING: ', 'BUG: ', 'rcu: INFO: ', 'possible deadlock', 'inconsistent lock state', 'Bad mode in '],
} as const;
/** Functions of Linux that are entered for no other reason. */
export const TROUBLE_SYMBOLS = {
  panic: ['panic', 'nmi_panic', 'die', 'arm64_serror_panic', 'panic_bad_stack', 'handle_bad_stack', '__bad_mode'],
  warning: ['__warn', 'warn_slowpath_fmt', 'bad_mode', 'bug_handler', '__report_bad_irq'],
} as const;

/** Characters of the console that are kept for one run. */
const CONSOLE_CHARS_MAX = 65_536;
/** Characters over which a pattern can lie. */
const LINE_CHARS_MAX = 4096;

/** Something that the guest has to say. */
export interface Trouble {
  readonly kind: 'panic' | 'warning';
  /** Line of the console, or symbol. */
  readonly text: string;
  readonly by: 'console' | 'symbol';
}

/** What there was to hear until some boundary. */
export interface Heard {
  readonly console: string;
  /** In the order in which they were taken. */
  readonly exceptions: readonly ExceptionRecord[];
}
const NOTHING_HEARD: Heard = { console: '', exceptions: [] };

/** Listens to one machine for all its runs; `begin` forgets what was. */
export class Watch implements TraceSink {
  /** What the guest wrote since `begin`, its end where it is long. */
  console = '';
  trouble: Trouble | undefined;
  readonly delivered: Delivered[] = [];
  /** Hears every record, for a timeline. */
  onRecord: ((record: TraceRecord) => void) | undefined;
  /** What is heard now belongs to the undisturbed run, and is no trouble in others. */
  learning = false;
  /** What was heard then. */
  readonly known = new Set<string>();
  /** Exceptions that are heard are kept here. */
  exceptions: ExceptionRecord[] | undefined;
  /** Hears every character of the console. */
  onText: ((text: string) => void) | undefined;
  private readonly machine: Machine;
  private readonly tracer: Tracer;
  private readonly events: readonly InjectedEvent[];
  private readonly patterns: readonly { readonly kind: Trouble['kind']; readonly regex: RegExp }[];
  private readonly removers: (() => void)[] = [];
  private readonly last: (ExceptionRecord | undefined)[] = [];
  /** Events that were accepted and not delivered yet, with their PE. */
  private waiting: { readonly event: number; readonly pe: number }[] = [];
  private line = '';
  private lineReported = false;
  private tail = '';
  private expected: { readonly regex: RegExp; readonly seen: () => void } | undefined;
  private startSteps = 0;
  private closed = false;

  /** @throws ExploreError `E_EXPLORE` for a pattern that is none */
  constructor(machine: Machine, symbols: Symbols, options: ExploreOptions) {
    this.machine = machine;
    this.events = options.events ?? [];
    const texts = { ...TROUBLE_TEXTS, ...options.trouble };
    this.patterns = (['panic', 'warning'] as const).flatMap((kind) =>
      (texts[kind] ?? []).map((source) => ({ kind, regex: pattern(source) })),
    );
    this.tracer = new Tracer(machine, [this], ['exception', 'sdei', 'interrupt']);
    machine.console.onOutput((bytes) => this.feed(bytes));
    const names = { ...TROUBLE_SYMBOLS, ...options.troubleSymbols };
    for (const kind of ['panic', 'warning'] as const)
      for (const name of names[kind] ?? [])
        this.stopAt(symbols, kind, name, options.troubleSymbols?.[kind] !== undefined);
  }

  private stopAt(symbols: Symbols, kind: Trouble['kind'], name: string, wanted: boolean): void {
    if (!wanted && !symbols.has(name)) return;
    let places: ReturnType<Symbols['lookup']>;
    try {
      places = symbols.lookup(name);
    } catch (error) {
      if (!(error instanceof MachineError)) throw error;
      if (!wanted) return;
      throw new ExploreError('E_EXPLORE', `troubleSymbols.${kind}: ${error.message}`);
    }
    for (const place of places)
      this.removers.push(
        this.machine.breakAt(
          place.address,
          ({ pe, pc }) => {
            if (this.closed || this.trouble || !Symbols.meant(place, pc)) return;
            const caller = symbols.symbolize(this.machine.readRegister(pe, 'X30') - 4n);
            this.report({ kind, text: `${name}${caller === undefined ? '' : ` called in ${caller}`}`, by: 'symbol' });
          },
          place,
        ),
      );
  }
  private report(trouble: Trouble): void {
    if (this.learning) this.known.add(trouble.text);
    if (this.known.has(trouble.text)) return;
    this.trouble = trouble;
    this.machine.stop();
  }

  /**
   * A run begins at the boundary at which the machine is.
   *
   * @param before - what the undisturbed run wrote until there, and the exceptions that it took
   */
  begin(startSteps: number, before: Heard = NOTHING_HEARD): void {
    this.console = before.console.slice(0, CONSOLE_CHARS_MAX);
    this.line = before.console.slice(before.console.lastIndexOf('\n') + 1).slice(0, LINE_CHARS_MAX);
    this.lineReported = false;
    this.expected = undefined;
    this.trouble = undefined;
    this.delivered.length = 0;
    this.waiting = [];
    this.last.length = 0;
    for (const record of before.exceptions) this.last[record.pe] = record;
    this.startSteps = startSteps;
  }
  /** An event was accepted for a PE. */
  accepted(event: number, pe: number): void {
    this.waiting.push({ event, pe });
  }
  /** The last one of its kind was not accepted after all, or is the same as one before it. */
  withdraw(event: number, pe: number): void {
    const at = this.waiting.findLastIndex((waiting) => waiting.event === event && waiting.pe === pe);
    if (at >= 0) this.waiting.splice(at, 1);
  }
  /** Accepted events that were not delivered so far. */
  get undelivered(): readonly { readonly event: number; readonly pe: number }[] {
    return this.waiting;
  }
  /**
   * Calls `seen` once, when the console shows a text.
   *
   * @param before - what was written on the line before
   */
  expect(regex: RegExp | undefined, before: string, seen: () => void): void {
    this.tail = before;
    this.expected = regex && { regex, seen };
  }
  /** Stops listening, for good. */
  close(): void {
    this.closed = true;
    this.tracer.detach();
    for (const remove of this.removers) remove();
  }

  record(record: TraceRecord): void {
    this.onRecord?.(record);
    if (record.kind === 'exception') {
      this.last[record.pe] = record;
      this.exceptions?.push(record);
    }
    for (const waiting of [...this.waiting]) {
      const pc = this.events[waiting.event]!.delivered?.(record, waiting.pe, this.last[record.pe]);
      if (pc === undefined) continue;
      this.waiting.splice(this.waiting.indexOf(waiting), 1);
      this.delivered.push({ event: waiting.event, pe: record.pe, pc, step: record.step - this.startSteps });
      break;
    }
  }
  flush(): void {}
  end(): void {}

  private feed(bytes: Uint8Array): void {
    if (this.closed) return;
    for (const byte of bytes) {
      const c = String.fromCharCode(byte);
      if (this.console.length < CONSOLE_CHARS_MAX) this.console += c;
      this.onText?.(c);
      this.look(c);
      if (c === '\n') {
        this.line = '';
        this.lineReported = false;
      } else if (this.line.length < LINE_CHARS_MAX) this.line += c;
      if (c === '\n' || this.trouble || this.lineReported) continue;
      const found = this.patterns.find(({ regex }) => regex.test(this.line));
      if (!found) continue;
      this.lineReported = true;
      this.report({ kind: found.kind, text: this.line, by: 'console' });
    }
  }
  private look(c: string): void {
    const { expected } = this;
    if (!expected) return;
    this.tail = (this.tail + c).slice(-LINE_CHARS_MAX);
    if (!expected.regex.test(this.tail)) return;
    this.expected = undefined;
    expected.seen();
  }
  /** Stops the machine at the end of the line that is being written. */
  waitForLineEnd(): void {
    if (this.line === '') return;
    this.expect(/[\r\n]$/, '', () => this.machine.stop());
  }
  /** The last line with text. */
  lastLine(): string | undefined {
    return this.console
      .trimEnd()
      .split(/[\r\n]+/)
      .at(-1);
  }
}

function pattern(source: string): RegExp {
  try {
    return new RegExp(source);
  } catch (error) {
    throw new ExploreError('E_EXPLORE', `trouble: /${source}/ is no regular expression: ${(error as Error).message}`);
  }
}
