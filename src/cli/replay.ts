/** `run --replay FILE`: the recording plays, the console shows, and what differs is told. */
import type { Machine } from '../machine/machine.ts';
import { type Recording, readRecording } from '../machine/record/recording.ts';
import { divergedBetween, Replay } from '../machine/record/replay.ts';
import { firstDifference } from '../machine/record/search.ts';
import { differenceLine } from '../machine/snapshot-file/diff.ts';
import { type LoadOptions, loadSnapshot } from '../machine/snapshot-file/files.ts';
import type { Host } from './host.ts';
import { readInput } from './inputs.ts';
import type { MachinePort, RunLimits, RunReason } from './machine-port.ts';
import { grouped } from './report.ts';
import { loadOptions, withPath } from './saves.ts';
import type { SessionOptions } from './session.ts';

/** Parts and registers that are listed. */
const LINES_MAX = 40;

type Engine = LoadOptions['engine'];

/** A machine that plays a recording, as the command runs it. */
export class ReplayRun {
  readonly machine: Machine;
  /** What a session runs. */
  readonly port: MachinePort;
  readonly #replay: Replay;
  readonly #recording: Recording;
  readonly #startSteps: number;
  readonly #host: Host;
  readonly #engine: Engine;

  private constructor(machine: Machine, recording: Recording, host: Host, engine: Engine) {
    this.machine = machine;
    this.#recording = recording;
    this.#host = host;
    this.#engine = engine;
    this.#startSteps = machine.steps;
    this.#replay = new Replay(machine, recording);
    this.port = portOf(machine, (limits) => this.#replay.run({ steps: limits.steps }));
  }

  /** @throws UsageError when the file cannot be read, is no recording or is damaged */
  static async open(host: Host, path: string, engine: Engine): Promise<ReplayRun> {
    const bytes = readInput(host, '--replay', path);
    try {
      const recording = readRecording(bytes);
      const machine = await loadSnapshot(recording.start, host.codec, loadOptions(host, engine));
      return new ReplayRun(machine, recording, host, engine);
    } catch (error) {
      throw withPath(`--replay ${path}`, error);
    }
  }

  /** How a session runs it. */
  get session(): Pick<SessionOptions, 'noInput' | 'stopped'> {
    return {
      noInput: true,
      stopped: () => {
        const why = this.why();
        return why === undefined ? undefined : { reason: this.#replay.divergence ? 'diverged' : 'stopped', why };
      },
    };
  }
  /** Why the machine stopped by itself, or undefined when something else stopped it. */
  why(): string | undefined {
    const { divergence, finished, checked } = this.#replay;
    if (divergence) {
      const at = grouped(divergence.place.steps);
      return `the replay diverged: at step ${at} of the recording the machine is not what was recorded`;
    }
    const checks = `${checked} checkpoint${checked === 1 ? '' : 's'} the same`;
    const end = this.#recording.complete ? 'the end' : 'where the recording was broken off';
    return finished ? `replayed to ${end}, ${checks}` : undefined;
  }

  /** What is known of a divergence, in lines: which parts differ, and the first step if another engine does it right. */
  async explain(): Promise<string[]> {
    const { divergence } = this.#replay;
    if (!divergence) return [];
    const { parts, place, found } = divergence;
    const { from, to } = divergedBetween(this.#replay, this.#startSteps);
    const lines = [`the last checkpoint that is the same is at step ${grouped(from)}`];
    if (parts.length > 0)
      lines.push(`parts that differ at step ${grouped(place.steps)}: ${parts.slice(0, LINES_MAX).join(', ')}`);
    else {
      const where = `step ${grouped(found.steps)}, ${found.timeNs} ns`;
      lines.push(`what entered at step ${grouped(place.steps)}, ${place.timeNs} ns, found the machine at ${where}`);
    }
    lines.push(...(await this.#search(to)));
    return lines;
  }

  async #search(to: number): Promise<string[]> {
    const other = this.#engine === 'interpreter' ? 'compiled' : 'interpreter';
    const fresh = async (engine: Engine): Promise<Replay> => {
      const machine = await loadSnapshot(this.#recording.start, this.#host.codec, loadOptions(this.#host, engine));
      return new Replay(machine, this.#recording);
    };
    const found = firstDifference(await fresh(this.#engine), await fresh(other), to, this.#host.codec);
    if (!found) {
      const advice = 'The recording is of another version or was changed; a smaller --record-every narrows it down.';
      return [`both engines, compiled and interpreter, come to the same state here. ${advice}`];
    }
    return [
      `the engines differ first after step ${grouped(found.equalSteps + 1)} (this engine | ${other}):`,
      ...found.differences.slice(0, LINES_MAX).map((difference) => `  ${differenceLine(difference)}`),
    ];
  }
}

/** The machine with another `run`: nobody types, and waiting takes no time. */
function portOf(machine: Machine, run: (limits: RunLimits) => { readonly reason: RunReason }): MachinePort {
  return {
    run,
    get steps() {
      return machine.steps;
    },
    get timeNs() {
      return machine.timeNs;
    },
    digest: () => machine.digest(),
    reset: () => machine.reset(),
    console: machine.console,
    at: (step, action) => machine.at(step, action),
    atTimeNs: (timeNs, action) => machine.atTimeNs(timeNs, action),
    stop: () => machine.stop(),
    inputPossible: false,
    nextDueNs: () => machine.nextDueNs(),
    log: machine.log,
  };
}
