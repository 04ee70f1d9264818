/** Scenarios of `unmaskable explore`: read, checked, and made into a machine and what is tried on it. */
import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { isScalar, LineCounter, parseDocument } from 'yaml';
import { Symbols } from '../debug/symbols/symbols.ts';
import type { HostedProgram } from '../engine/hosted/program.ts';
import { HANDLER_PROGRAM, registerHandler } from '../explore/handler.ts';
import { runTo } from '../explore/places.ts';
import type { CheckedRun, ExploreOptions } from '../explore/types.ts';
import { Watch } from '../explore/watch.ts';
import { Machine } from '../machine/machine.ts';
import type { MachineOptions } from '../machine/options.ts';
import { messageOf, UsageError } from './errors.ts';
import { eventOf } from './explore-events.ts';
import { openModule } from './explore-module.ts';
import { SCENARIO_SCHEMA, type ScenarioText } from './explore-schema.ts';
import type { Host } from './host.ts';
import { readInput, unpackKernel } from './inputs.ts';
import { restoreMachine } from './saves.ts';
import { parseSize } from './values.ts';

/** Steps of the undisturbed run in which a place of `prepare` must be reached. */
const PREPARE_STEPS_MAX = 20_000_000_000;

/** Which scenario, and which of its variants. */
export interface ScenarioChoice {
  readonly path: string;
  readonly variant?: string | undefined;
}

/** A machine and what is to be tried on it. */
export interface Scenario extends ScenarioChoice {
  readonly title: string;
  /** Of everything that is written in it. */
  readonly sha256: string;
  /** Makes the machine before `prepare`. */
  create(engine: MachineOptions['engine']): Promise<Machine>;
  /** TypeScript code of the machine, for the file of a snapshot of it. */
  hosted(): Promise<HostedProgram | undefined>;
  /** Takes the machine to the start. */
  prepare(machine: Machine, symbols: Symbols): void;
  symbols(machine: Machine): Symbols;
  options(machine: Machine, symbols: Symbols): ExploreOptions;
}

const wrong = (path: string, what: string): UsageError => new UsageError('E_SCENARIO', `${path}: ${what}`);

// --- YAML and JSON ---

const keyText = (path: readonly PropertyKey[]): string =>
  path.map((key, n) => (typeof key === 'number' ? `[${key}]` : `${n === 0 ? '' : '.'}${String(key)}`)).join('');

/** Reads a scenario in YAML or JSON. @throws UsageError `E_SCENARIO` with the line and what is known there */
export function parseScenario(path: string, text: string): ScenarioText {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error) throw wrong(`${path}:${lines.linePos(error.pos[0]).line}`, `is no YAML: ${error.message}`);
  const written: unknown = document.toJS();
  if (typeof written !== 'object' || written === null || Array.isArray(written))
    throw wrong(path, 'is no scenario: it has no keys such as machine, window, events. See docs/guide/explore.md.');
  const read = SCENARIO_SCHEMA.safeParse(written);
  if (read.success) return read.data;
  const lineOf = (at: readonly PropertyKey[]): string => {
    for (let n = at.length; n > 0; n--) {
      const node = document.getIn(at.slice(0, n) as unknown[], true) as { range?: readonly number[] } | undefined;
      if (node?.range) return `:${lines.linePos(node.range[0]!).line}`;
    }
    return '';
  };
  const found = read.error.issues.slice(0, 5).map((issue) => {
    const node = document.getIn(issue.path as unknown[], true);
    const value = isScalar(node) ? ` ${shown(String(node.value))}` : '';
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
    const line = lineOf(unknown === undefined ? issue.path : [...issue.path, unknown]);
    return `${path}${line}: ${keyText(issue.path) || 'the scenario'}${value}: ${issue.message}`;
  });
  throw new UsageError('E_SCENARIO', `${found.join('\n')}\nSee docs/guide/explore.md for what can be written.`);
}

/** What was written, on one line and not too long. */
const shown = (text: string): string =>
  `'${JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text)
    .slice(1, -1)
    .replaceAll('\\"', '"')}'`;

/** A path in a scenario: `~/`, `${NAME}`, `${NAME:-otherwise}`, and relative to the scenario. */
function pathIn(scenario: string, written: string, env: NodeJS.ProcessEnv): string {
  const filled = written.replace(/\$\{(\w+)(?::-([^}]*))?\}/g, (_all, name: string, otherwise?: string) => {
    const value = env[name] || otherwise;
    if (value === undefined) throw wrong(scenario, `'${written}': the environment has no ${name}.`);
    return value;
  });
  const home = filled.startsWith('~/') ? join(homedir(), filled.slice(2)) : filled;
  return isAbsolute(home) ? home : resolve(dirname(scenario), home);
}

class TextScenario implements Scenario {
  readonly path: string;
  readonly title: string;
  readonly sha256: string;
  private readonly text: ScenarioText;
  private readonly host: Host;

  constructor(path: string, source: string, host: Host) {
    this.path = path;
    this.host = host;
    this.text = parseScenario(path, source);
    this.title = this.text.title ?? path;
    this.sha256 = createHash('sha256').update(source).digest('hex');
    const { kernel, restore } = this.text.machine;
    if ((kernel === undefined) === (restore === undefined))
      throw wrong(path, 'machine: give either kernel or restore.');
    if (this.text.machine.memory !== undefined) parseSize('machine.memory', this.text.machine.memory);
  }

  private file(what: string, written: string): Uint8Array {
    return readInput(this.host, `${this.path}: ${what}`, this.at(written));
  }
  private at(written: string): string {
    return pathIn(this.path, written, process.env);
  }
  async hosted(): Promise<HostedProgram | undefined> {
    return this.text.prepare?.some((one) => 'handler' in one) ? HANDLER_PROGRAM : undefined;
  }
  async create(engine: MachineOptions['engine']): Promise<Machine> {
    const { kernel, restore, initrd, dtb, memory, ...more } = this.text.machine;
    if (restore !== undefined) return restoreMachine(this.host, this.at(restore), engine);
    const path = this.at(kernel!);
    return Machine.create({
      ...more,
      engine,
      hosted: await this.hosted(),
      kernel: unpackKernel(`machine.kernel ${path}`, this.file('machine.kernel', kernel!)),
      initrd: initrd === undefined ? undefined : this.file('machine.initrd', initrd),
      dtb: dtb === undefined ? undefined : this.file('machine.dtb', dtb),
      memoryBytes: memory === undefined ? undefined : parseSize('machine.memory', memory),
    });
  }
  symbols(machine: Machine): Symbols {
    const { symbols } = this.text;
    if (symbols === undefined) return new Symbols(machine);
    return new Symbols(machine, { what: `${this.path}: symbols`, bytes: this.file('symbols', symbols) });
  }

  prepare(machine: Machine, symbols: Symbols): void {
    const nothing = { panic: [], warning: [] };
    const watch = new Watch(machine, symbols, { window: {}, trouble: nothing, troubleSymbols: nothing });
    this.text.prepare?.forEach((one, n) => {
      const where = `${this.path}: prepare[${n}]`;
      if ('until' in one) runTo(machine, one.until, { symbols, watch, where, stepsMax: PREPARE_STEPS_MAX });
      else if ('type' in one) machine.console.input(new TextEncoder().encode(one.type));
      else if ('handler' in one) registerHandler(machine, one.handler);
      else eventOf(one.on, where).inject(machine, 0);
    });
    watch.close();
  }

  options(machineNow: Machine, _symbols: Symbols): ExploreOptions {
    const { events, ignore, expect, title, machine, symbols, prepare, ...same } = this.text;
    return {
      ...same,
      events: events?.map((written, n) => eventOf(written, `${this.path}: events[${n}]`)),
      ignore: {
        registers: ignore?.registers,
        fields: ignore?.fields,
        memory: ignore?.memory?.map(({ address, bytes }) => ({ addrPa: BigInt(address), sizeBytes: bytes })),
      },
      checks: expect?.map((written, n) => {
        tryOut(written, machineNow, `${this.path}: expect[${n}]`);
        return checkOf(written);
      }),
    };
  }
}

type WrittenCheck = NonNullable<ScenarioText['expect']>[number];

/** What a check looks at is there. @throws UsageError `E_SCENARIO` */
function tryOut(written: WrittenCheck, machine: Machine, where: string): void {
  if ('console' in written) return;
  try {
    if ('register' in written) machine.readRegister(written.pe ?? 0, written.register);
    else machine.readMemory(BigInt(written.memory), written.bytes ?? 8);
  } catch (error) {
    throw wrong(where, messageOf(error));
  }
}

function checkOf(written: WrittenCheck): (run: CheckedRun) => string | undefined {
  if ('console' in written) {
    const regex = new RegExp(written.console, 'm');
    return ({ console }) => (regex.test(console) ? undefined : `the console does not show /${written.console}/`);
  }
  const expected = BigInt(written.equals);
  const differs = (what: string, found: bigint): string | undefined =>
    found === expected ? undefined : `${what} is 0x${found.toString(16)} and not 0x${expected.toString(16)}`;
  if ('register' in written) {
    const { register, pe = 0 } = written;
    return ({ machine }) => differs(`${register} of PE ${pe}`, machine.readRegister(pe, register));
  }
  const { memory, bytes = 8 } = written;
  return ({ machine }) => {
    const read = machine.readMemory(BigInt(memory), bytes);
    return differs(
      `the ${bytes} bytes at ${String(memory)}`,
      read.reduceRight((v, b) => (v << 8n) | BigInt(b), 0n),
    );
  };
}

/**
 * Reads a scenario: `.yaml`, `.yml`, `.json`, or a module that exports one.
 *
 * @throws UsageError `E_FILE` or `E_SCENARIO`
 */
export async function openScenario(choice: ScenarioChoice, host: Host): Promise<Scenario> {
  const { path, variant } = choice;
  const bytes = readInput(host, 'explore', path);
  if (/\.(m?ts|[cm]?js)$/.test(path)) return openModule(choice, bytes);
  if (!/\.(ya?ml|json)$/i.test(path))
    throw wrong(path, 'not a scenario by its name. Give a .yaml, .json, .mjs or .ts file.');
  if (variant !== undefined) throw wrong(path, `--variant ${variant}: only scenarios that are modules have variants.`);
  return new TextScenario(path, new TextDecoder().decode(bytes), host);
}
