/** `run --replay FILE`: the recording plays, the console shows, and what differs is told. */
import type { PlainData } from '../devices/device.ts';
import { disassemble } from '../isa/text/disassemble.ts';
import type { Machine } from '../machine/machine.ts';
import { type Recording, readRecording } from '../machine/record/recording.ts';
import { type Divergence, divergedBetween, Replay } from '../machine/record/replay.ts';
import { firstDifference } from '../machine/record/search.ts';
import { type Difference, differenceLine } from '../machine/snapshot-file/diff.ts';
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

  readonly #path: string;

  private constructor(replay: Replay, host: Host, engine: Engine, path: string) {
    const { machine, recording } = replay;
    this.machine = machine;
    this.#recording = recording;
    this.#host = host;
    this.#engine = engine;
    this.#path = path;
    this.#startSteps = machine.steps;
    this.#replay = replay;
    this.port = portOf(machine, (limits) => this.#replay.run({ steps: limits.steps }));
  }

  /** @throws UsageError when the file cannot be read, is no recording or is damaged */
  static async open(host: Host, path: string, engine: Engine): Promise<ReplayRun> {
    const bytes = readInput(host, '--replay', path);
    try {
      const recording = readRecording(bytes);
      const machine = await loadSnapshot(recording.start, host.codec, loadOptions(host, engine));
      return new ReplayRun(await Replay.open(machine, recording, host.codec), host, engine, path);
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
    const { divergence, finished, checked, checkedSteps } = this.#replay;
    if (divergence) {
      const at = grouped(divergence.place.steps);
      if (divergence.entered) return `the replay diverged: at step ${at} something entered that was not recorded`;
      return `the replay diverged: at step ${at} of the recording the machine is not what was recorded`;
    }
    const steps = checkedSteps === 0 ? '' : ` and ${grouped(checkedSteps)} single steps`;
    const checks = `${checked} checkpoint${checked === 1 ? '' : 's'}${steps} the same`;
    const end = this.#recording.complete ? 'the end' : 'where the recording was broken off';
    return finished ? `replayed to ${end}, ${checks}` : undefined;
  }

  /**
   * What is known of a divergence, in lines: the first step that differs, or between which steps it lies and how it is
   * found; registers by name.
   *
   * @param name - names a place in the guest's code
   */
  async explain(name: (address: bigint) => string | undefined = () => undefined): Promise<string[]> {
    const { divergence } = this.#replay;
    if (!divergence) return [];
    const { step, entered, place, found, parts, differences } = divergence;
    if (entered) {
      const advice = 'What was recorded enters by itself: leave out the --on that does it.';
      return [`${entered.kind} ${shown(entered.data)}, at step ${grouped(found.steps)}. ${advice}`];
    }
    if (step) return this.#explainStep(divergence, name);
    const { from, to } = divergedBetween(this.#replay, this.#startSteps);
    const lines = [`the last checkpoint that is the same is at step ${grouped(from)}`];
    const { registersSame } = this.#replay;
    if (registersSame !== undefined && registersSame > from)
      lines.push(`all registers are the same up to step ${grouped(registersSame)}`);
    if (parts.length > 0)
      lines.push(`parts that differ at step ${grouped(place.steps)}: ${parts.slice(0, LINES_MAX).join(', ')}`);
    if (differences.length > 0)
      lines.push(`at step ${grouped(place.steps)} (recorded | found):`, ...listed(differences));
    if (parts.length + differences.length === 0) {
      const where = `step ${grouped(found.steps)}, ${found.timeNs} ns`;
      lines.push(`what entered at step ${grouped(place.steps)}, ${place.timeNs} ns, found the machine at ${where}`);
    }
    const first = differences.length > 0 ? Math.max(from, registersSame ?? 0) : from;
    lines.push(...(await this.#search(first, to)));
    return lines;
  }

  /** Every step was written down. */
  #explainStep({ step, place }: Divergence, name: (address: bigint) => string | undefined): string[] {
    const { step: taken, differences } = step!;
    const after = '(recorded | found):';
    if (!taken) return [`it differs where the steps that were written down begin ${after}`, ...listed(differences)];
    const { pe, pc } = taken;
    const symbol = name(pc);
    const where = `0x${pc.toString(16)}${symbol === undefined ? '' : ` (${symbol})`}`;
    return [
      `the first step that differs is step ${grouped(place.steps)}: PE ${pe} at ${where}${this.#instruction(pe, pc)}`,
      `behind it ${after}`,
      ...listed(differences),
    ];
  }
  #instruction(pe: number, pc: bigint): string {
    try {
      const bytes = this.machine.readVirtual(pe, pc, 4);
      return `: ${disassemble(new DataView(bytes.buffer).getUint32(0, true), { pc, aliases: true })}`;
    } catch {
      // Hosted code, or no longer mapped.
      return '';
    }
  }

  /** Plays the interval in both engines; when they agree, how the step is found where the recording was made. */
  async #search(from: number, to: number): Promise<string[]> {
    const other = this.#engine === 'interpreter' ? 'compiled' : 'interpreter';
    const fresh = async (engine: Engine): Promise<Replay> => {
      const machine = await loadSnapshot(this.#recording.start, this.#host.codec, loadOptions(this.#host, engine));
      return new Replay(machine, this.#recording);
    };
    const found = firstDifference(await fresh(this.#engine), await fresh(other), to, this.#host.codec);
    if (!found) {
      const [steps, fine] = [`--record-steps ${from}..${to}`, `${this.#path}.steps`];
      return [
        'both engines, compiled and interpreter, come to the same state here: the recording is of another version or host,',
        'or was changed. To have the step and its registers, play it with the version and host that made it:',
        `  unmaskable run --replay ${this.#path} --record ${fine} ${steps}`,
        `and here: unmaskable run --replay ${fine}`,
      ];
    }
    return [
      `the engines differ first after step ${grouped(found.equalSteps + 1)} (this engine | ${other}):`,
      ...listed(found.differences),
    ];
  }
}

const listed = (differences: readonly Difference[]): string[] => [
  ...differences.slice(0, LINES_MAX).map((difference) => `  ${differenceLine(difference)}`),
  ...(differences.length > LINES_MAX ? [`  ... and ${differences.length - LINES_MAX} more`] : []),
];

/** What was given to a method of a machine. */
function shown(data: PlainData): string {
  if (typeof data === 'bigint') return `0x${data.toString(16)}`;
  if (data instanceof Uint8Array) return JSON.stringify(new TextDecoder('latin1').decode(data.subarray(0, 40)));
  if (typeof data !== 'object' || data === null) return String(data);
  return Object.entries(data)
    .map(([name, value]) => `${name} ${shown(value as PlainData)}`)
    .join(', ');
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
