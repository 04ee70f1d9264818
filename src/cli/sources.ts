/** Where the machine of `run` comes from: images, the file of a snapshot, or a recording. And where it is recorded. */
import type { Command } from 'commander';
import type { StepRange } from '../machine/record/steps.ts';
import { UsageError } from './errors.ts';
import type { Host } from './host.ts';
import type { MachinePort } from './machine-port.ts';
import { ReplayRun } from './replay.ts';
import { machineBehind, RecordingFile, restoreMachine, Saves } from './saves.ts';
import type { SessionOptions } from './session.ts';
import { parseCount } from './values.ts';

/** The options of this file as they were typed. */
export interface SourceFlags {
  readonly kernel?: string;
  readonly restore?: string;
  readonly replay?: string;
  readonly record?: string;
  readonly recordEvery?: string;
  readonly recordSteps?: true | string;
  readonly engine?: string;
}

/** What goes with `--restore`, and with `--replay`: the rest is in the file. */
const WITH_FILE: ReadonlySet<string> = new Set([
  '--engine',
  '--until',
  '--fail-on',
  '--max-steps',
  '--on',
  '--symbols',
  '--digest',
  '--json',
  '--quiet',
  '--trace',
  '--trace-text',
  '--trace-only',
  '--trace-from',
]);

/** Adds the options to `run`. */
export function addSourceOptions(command: Command): void {
  command
    .option('--restore <FILE>', "go on where a snapshot was saved with --on '... => save:FILE'; steps count on")
    .option('--record <FILE>', 'record everything that enters the machine, for --replay')
    .option('--record-every <N>', 'steps from one checkpoint of a recording to the next (default: 100M)')
    .option(
      '--record-steps [FROM..TO]',
      'write down every step as well (about 500,000 a second), or those of a stretch',
    )
    .option('--replay <FILE>', 'play a recording and compare the machine at each checkpoint')
    .option('--engine <NAME>', 'compiled or interpreter: the same steps, the latter slower (default: compiled)');
}

/**
 * Tests that the options go together.
 *
 * @throws UsageError `E_SOURCE` naming those that do not, `E_ENGINE`
 */
export function checkSource(flags: SourceFlags, command: Command): void {
  const given = command.options
    .filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
    .map(({ long }) => long!);
  const sources = ['--kernel', '--restore', '--replay'].filter((name) => given.includes(name));
  const [source] = sources.toReversed();
  if (source !== undefined && source !== '--kernel') {
    const wrong = given.filter((name) => name !== source && !WITH_FILE.has(name) && !name.startsWith('--record'));
    if (wrong.length > 0) {
      const why = `${source}: the file says what the machine is, so there is no ${wrong.join(', ')} with it`;
      throw new UsageError('E_SOURCE', `${why}. With it go ${[...WITH_FILE].join(', ')}, --record.`);
    }
  }
  const [about] = given.filter((name) => name.startsWith('--record-'));
  if (about !== undefined && flags.record === undefined)
    throw new UsageError('E_SOURCE', `${about}: there is no recording. Add --record FILE.`);
  if (flags.record !== undefined && flags.record === flags.replay)
    throw new UsageError(
      'E_SOURCE',
      `--record ${flags.record}: it is the recording that is played. Give another path.`,
    );
  stepRange(flags);
  engineOf(flags);
}

/** Steps that are written down one by one. @throws UsageError `E_SOURCE`, `E_COUNT` for what is no stretch */
function stepRange({ recordSteps: text }: SourceFlags): StepRange | undefined {
  if (text === undefined) return undefined;
  if (text === true) return { from: 0, to: Number.POSITIVE_INFINITY };
  const [, from, to] = /^(.+?)\.\.(.*)$/.exec(text) ?? [];
  if (from === undefined || to === undefined)
    throw new UsageError('E_SOURCE', `--record-steps '${text}': write FROM..TO or FROM.., e.g. 37M..38M.`);
  const count = (written: string): number => parseCount('--record-steps', written);
  const range = { from: count(from), to: to === '' ? Number.POSITIVE_INFINITY : count(to) };
  if (range.to > range.from) return range;
  throw new UsageError('E_SOURCE', `--record-steps '${text}': it ends before it begins.`);
}

/** @throws UsageError `E_ENGINE` */
export function engineOf({ engine }: SourceFlags): 'compiled' | 'interpreter' | undefined {
  if (engine === undefined || engine === 'compiled' || engine === 'interpreter') return engine;
  throw new UsageError('E_ENGINE', `--engine '${engine}': no such engine. Known: compiled, interpreter.`);
}

/** A machine that is about to run, and what of the session belongs to where it comes from. */
export interface Source {
  readonly machine: MachinePort;
  /** What runs: the machine, or what plays on it. */
  readonly port: MachinePort;
  readonly replay: ReplayRun | undefined;
}

/**
 * Makes the machine.
 *
 * @param create - makes it from images
 * @throws UsageError for a file that cannot be used, and whatever `create` throws
 */
export async function openSource(flags: SourceFlags, host: Host, create: () => MachinePort): Promise<Source> {
  const engine = engineOf(flags);
  if (flags.replay !== undefined) {
    const replay = await ReplayRun.open(host, flags.replay, engine);
    return { machine: replay.machine, port: replay.port, replay };
  }
  const machine = flags.restore === undefined ? create() : await restoreMachine(host, flags.restore, engine);
  return { machine, port: machine, replay: undefined };
}

/** What a run saves and records. */
export class Keeping {
  readonly #host: Host;
  readonly #port: MachinePort;
  readonly #recording: RecordingFile | undefined;
  #saves: Saves | undefined;

  private constructor(host: Host, port: MachinePort, recording: RecordingFile | undefined) {
    this.#host = host;
    this.#port = port;
    this.#recording = recording;
  }

  /** Begins what the options ask for. @throws UsageError for a file that cannot be written */
  static async begin(flags: SourceFlags, host: Host, port: MachinePort): Promise<Keeping> {
    const { record, recordEvery } = flags;
    const every = recordEvery === undefined ? undefined : parseCount('--record-every', recordEvery);
    if (record === undefined) return new Keeping(host, port, undefined);
    const how = { everySteps: every, steps: stepRange(flags) };
    return new Keeping(host, port, await RecordingFile.begin(machineBehind(port), host, record, how));
  }

  /** For the session. */
  get save(): SessionOptions['save'] {
    return (path, rule) => {
      this.#saves ??= new Saves(machineBehind(this.#port), this.#host);
      this.#saves.save(path, rule);
    };
  }
  /** After every slice. @throws UsageError `E_SAVE` when a file could not be written */
  async settled(): Promise<void> {
    this.#recording?.flush();
    await this.#saves?.settled();
  }
  /** After the run. @throws UsageError `E_SAVE` */
  end(): void {
    this.#recording?.end();
  }
}
