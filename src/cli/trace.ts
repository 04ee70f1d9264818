/** The options `--trace` and `--trace-text`: where traces go, and what becomes of a file that cannot be written. */
import type { Command } from 'commander';
import { PerfettoTrace } from '../debug/trace/perfetto.ts';
import { type Symbolize, TRACE_KINDS, type TraceKind, type TraceSink } from '../debug/trace/records.ts';
import { TextTrace } from '../debug/trace/text.ts';
import { Tracer } from '../debug/trace/tracer.ts';
import { Machine } from '../machine/machine.ts';
import { UsageError } from './errors.ts';
import type { Host, TextFile } from './host.ts';
import { systemReason } from './inputs.ts';
import type { MachinePort } from './machine-port.ts';
import { grouped } from './report.ts';
import { parseCount } from './values.ts';

/** The options of traces as they were typed. */
export interface TraceFlags {
  readonly trace?: string;
  readonly traceText?: string;
  readonly traceOnly?: string;
  readonly traceFrom?: string;
}

/** Adds the options of traces to a command. */
export function addTraceOptions(command: Command): Command {
  return command
    .option('--trace <FILE>', 'exceptions, firmware calls, SDEI, interrupts, waiting, for ui.perfetto.dev')
    .option('--trace-text <FILE>', 'the same as lines to read; - is standard error')
    .option('--trace-only <KINDS>', `some kinds, with commas between: ${TRACE_KINDS.join(', ')}`)
    .option('--trace-from <STEP>', 'begin after that many steps, e.g. 120M');
}

/** What a run is to trace. */
export interface TraceRequest {
  /** Path of the trace for Perfetto. */
  readonly perfetto?: string;
  /** Path of the lines, `-` for standard error. */
  readonly text?: string;
  readonly kinds: readonly TraceKind[];
  readonly fromStep: number;
}

function parseKinds(text: string | undefined): readonly TraceKind[] {
  if (text === undefined) return TRACE_KINDS;
  return text.split(',').map((word) => {
    const kind = TRACE_KINDS.find((name) => name === word.trim());
    if (kind !== undefined) return kind;
    const known = TRACE_KINDS.join(', ');
    throw new UsageError('E_TRACE', `--trace-only '${text}': nothing is called '${word.trim()}'. Known: ${known}.`);
  });
}

/**
 * What the options ask for; undefined for no trace.
 *
 * @throws UsageError `E_TRACE` for options that do not go together, `E_COUNT` for what is no number of steps
 */
export function parseTrace(flags: TraceFlags): TraceRequest | undefined {
  const { trace: perfetto, traceText: text } = flags;
  const kinds = parseKinds(flags.traceOnly);
  const fromStep = flags.traceFrom === undefined ? 0 : parseCount('--trace-from', flags.traceFrom);
  if (perfetto === '-')
    throw new UsageError('E_TRACE', '--trace -: this trace goes to a file. Give a path, or use --trace-text -.');
  if (perfetto !== undefined && perfetto === text)
    throw new UsageError('E_TRACE', `--trace-text ${text}: --trace has the same path. Give each its own.`);
  if (perfetto !== undefined || text !== undefined) return { perfetto, text, kinds, fromStep };
  const alone = flags.traceOnly !== undefined ? '--trace-only' : '--trace-from';
  if (flags.traceOnly === undefined && flags.traceFrom === undefined) return undefined;
  throw new UsageError('E_TRACE', `${alone}: there is no trace. Add --trace FILE or --trace-text FILE.`);
}

interface TraceTarget {
  readonly host: Host;
  readonly option: string;
  readonly path: string;
  /** Where the run is, for messages. */
  step(): number;
}

/** A file of a trace; after the first failure nothing more is written to it, and the run goes on. */
class TraceFile {
  private readonly from: TraceTarget;
  private file: TextFile | undefined;

  /** @throws UsageError `E_TRACE` when it cannot be written */
  constructor(target: TraceTarget) {
    this.from = target;
    const { host, option, path } = target;
    try {
      this.file = host.openText(path);
    } catch (error) {
      const reason = systemReason(error);
      throw new UsageError('E_TRACE', `${option} ${path}: cannot be written: ${reason}. Give a writable path.`);
    }
  }
  write(text: string): void {
    this.attempt(() => this.file?.write(text));
  }
  close(): void {
    this.attempt(() => this.file?.close());
    this.file = undefined;
  }
  private attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.file = undefined;
      const { host, option, path, step } = this.from;
      const at = `at step ${grouped(step())}`;
      host.writeErr(
        `unmaskable: ${option} ${path}: cannot be written any more ${at}: ${systemReason(error)}; ` +
          'the run goes on and the trace ends there\n',
      );
    }
  }
}

/** The traces of one run, from before it to its end. */
export class Traces {
  private readonly sinks: TraceSink[] = [];
  private readonly files: TraceFile[] = [];
  private readonly request: TraceRequest;
  private tracer: Tracer | undefined;
  private step: () => number = () => 0;

  /** Opens what is to be written. @throws UsageError `E_TRACE` for a path that cannot be written */
  constructor(request: TraceRequest, host: Host, symbolize?: Symbolize) {
    this.request = request;
    const { perfetto, text } = request;
    const open = (option: string, path: string): ((text: string) => void) => {
      const file = new TraceFile({ host, option, path, step: () => this.step() });
      this.files.push(file);
      return (chunk) => file.write(chunk);
    };
    if (perfetto !== undefined) this.sinks.push(new PerfettoTrace(open('--trace', perfetto), symbolize));
    if (text === '-') this.sinks.push(new TextTrace((lines) => host.writeErr(lines), symbolize));
    else if (text !== undefined) this.sinks.push(new TextTrace(open('--trace-text', text), symbolize));
  }

  /** Begins at the step that was asked for. */
  attach(port: MachinePort): void {
    if (!(port instanceof Machine)) throw new Error('assertion: this machine cannot be traced');
    this.step = () => port.boundary.step;
    const begin = (): void => {
      this.tracer = new Tracer(port, this.sinks, this.request.kinds);
    };
    if (this.request.fromStep <= port.steps) begin();
    else port.at(this.request.fromStep, begin);
  }
  /** What happened so far is in the files. */
  flush(): void {
    this.tracer?.flush();
  }
  /** Ends the trace. */
  end(): { readonly records: number } {
    if (this.tracer) this.tracer.end();
    else for (const sink of this.sinks) sink.end(0n);
    for (const file of this.files) file.close();
    return { records: this.tracer?.records ?? 0 };
  }
}
