/** Compiled regions and the interpreter side by side: the same programs, the same states. */
import { HANDLER_TYPE } from '../../src/engine/emit.ts';
import {
  RECORD_BYTES,
  RECORD_PAGE_BYTES,
  RECORD_PAGE_USED,
  RECORDS_BASE,
  REGION_FIRST,
} from '../../src/engine/records.ts';
import { ModuleWriter } from '../../src/engine/wasm/binary.ts';
import { CodeWriter } from '../../src/engine/wasm/code.ts';
import { assemble } from '../../src/isa/text/assemble.ts';
import { Machine, type Snapshot } from '../../src/machine/machine.ts';
import { Rng } from '../support/rng.ts';
import { type LockstepProgram, lockstepProgram } from './lockstep-programs.ts';
import { SYSTEM, SYSTEM_PA, TABLES_PA, tables } from './lockstep-system.ts';

const MEMORY_BYTES = 16 * 2 ** 20;
const { bytes: SYSTEM_BYTES, symbols: SYSTEM_SYMBOLS } = assemble(SYSTEM, { origin: SYSTEM_PA });

/** Private parts of a machine that the comparison looks into. */
interface Engine {
  readonly memory: { readonly memory: WebAssembly.Memory; readonly view: DataView };
  readonly regions: { hot(record: number): void };
  readonly table: WebAssembly.Table;
  readonly pageOf: readonly number[];
  readonly recordsOf: ReadonlyMap<number, number>;
  readonly taken: number;
}
/** The engine of a machine, for tests of it. */
export function engineOf(machine: Machine): Engine {
  return (machine as unknown as { engine: Engine }).engine;
}

/** A function with the type of a handler that calls `note`, the handler `region`, and `note` again. */
function wrapper(): WebAssembly.Module {
  const module = new ModuleWriter();
  const region = module.importFunc('region', HANDLER_TYPE);
  const note = module.importFunc('note', { params: ['i32'], results: [] });
  const c = new CodeWriter(2);
  c.i32(0).call(note).get(0).get(1).call(region).i32(1).call(note);
  module.func('wrapped', HANDLER_TYPE, c.finish());
  return new WebAssembly.Module(module.finish() as BufferSource);
}

/** Counts the steps that a machine takes inside compiled regions; every entry costs two calls. */
export class RegionSteps {
  /** Steps taken in regions, single ones at their heads left out. */
  steps = 0;
  private before = 0;

  constructor(machine: Machine) {
    const engine = engineOf(machine);
    const { table } = engine;
    const module = wrapper();
    const note = (after: number): void => {
      const { taken } = engine;
      // The step that the run loop charged before the call is one of the region's.
      const steps = taken - this.before + 1;
      if (after === 0) this.before = taken;
      else if (steps > 1) this.steps += steps;
    };
    const set = table.set.bind(table);
    table.set = (index, region) => {
      if (index < REGION_FIRST || region === null) return set(index, region);
      const env = { memory: engine.memory.memory, region: region as WebAssembly.ImportValue, note };
      return set(index, new WebAssembly.Instance(module, { env }).exports.wrapped);
    };
  }
}

/** Makes heads of regions of some decoded instructions, as if control had come to them often. */
export function heat(machine: Machine, rng: Rng, percent: number): void {
  const { memory, pageOf, recordsOf, regions } = engineOf(machine);
  pageOf.forEach((page, n) => {
    const records = RECORDS_BASE + n * RECORD_PAGE_BYTES;
    if (recordsOf.get(page) !== records) return;
    for (let at = records; at < records + RECORD_PAGE_USED; at += RECORD_BYTES) {
      const handler = memory.view.getUint16(at, true);
      if (handler >= 2 && handler < REGION_FIRST && rng.percent(percent)) regions.hot(at);
    }
  });
}

/** How a program is run. */
export interface LockstepOptions {
  readonly steps: number;
  /** Share of instructions that become heads of regions, every so often; 0 waits until they are hot by themselves. */
  readonly heatPercent: number;
  /** Whether programs overwrite their code and change their translations. */
  readonly changes: boolean;
}

/** What a comparison did. */
export interface LockstepTally {
  programs: number;
  comparisons: number;
  steps: number;
}

/** Two machines that differ in nothing but the engine. */
export class Lockstep {
  readonly compiled: Machine;
  readonly plain: Machine;
  readonly inside: RegionSteps;
  readonly tally: LockstepTally = { programs: 0, comparisons: 0, steps: 0 };
  private readonly starts: ReadonlyMap<Machine, Snapshot>;

  constructor() {
    const programs = [{ bytes: SYSTEM_BYTES, addrPa: SYSTEM_PA }];
    this.compiled = Machine.create({ memoryBytes: MEMORY_BYTES, programs });
    this.plain = Machine.create({ memoryBytes: MEMORY_BYTES, programs, engine: 'interpreter' });
    this.inside = new RegionSteps(this.compiled);
    this.starts = new Map(
      [this.compiled, this.plain].map((machine): [Machine, Snapshot] => {
        for (const [at, descriptor] of tables(false)) machine.writeMemory(TABLES_PA + BigInt(at), word(descriptor));
        machine.runUntil((m) => m.readRegister(0, 'PC') === SYSTEM_SYMBOLS.get('ready'), { steps: 1000 });
        return [machine, machine.snapshot()];
      }),
    );
  }

  /**
   * Runs the random program of a seed on both machines; compares them after random numbers of steps.
   *
   * @throws Error that says where they differ
   */
  run(seed: string, options: LockstepOptions): void {
    const program = lockstepProgram(new Rng(`program ${seed}`), options.changes);
    for (const machine of [this.compiled, this.plain]) this.load(machine, program);
    const rng = new Rng(`slices ${seed}`);
    const first = this.plain.steps;
    const halfway = options.steps / 2;
    let kept: Snapshot | undefined;
    for (let done = 0; done < options.steps; ) {
      const to = Math.min(options.steps, done + 1 + rng.below(rng.percent(30) ? 30 : options.steps >> 4));
      const ended = this.plain.run({ steps: to - done }).reason !== 'limit';
      this.slices(rng, first + to, options.heatPercent);
      this.compare(`program ${seed}: after ${done} to ${to} steps`);
      done = to;
      if (ended) break;
      if (done > halfway && kept === undefined) kept = this.compiled.snapshot();
    }
    if (kept) {
      this.compiled.restore(kept);
      this.slices(rng, this.plain.steps, options.heatPercent);
      this.compare(`program ${seed}: second run from a snapshot`);
    }
    this.tally.programs++;
    this.tally.steps += this.plain.steps - first;
  }

  private load(machine: Machine, program: LockstepProgram): void {
    machine.restore(this.starts.get(machine)!);
    for (const [pa, bytes] of program.memory) machine.writeMemory(pa, bytes);
    for (const [name, value] of program.registers) machine.writeRegister(0, name, value);
  }

  private slices(rng: Rng, to: number, heatPercent: number): void {
    const m = this.compiled;
    while (m.steps < to) {
      if (heatPercent > 0 && rng.percent(30)) heat(this.compiled, rng, heatPercent);
      const slice = rng.percent(40) ? 1 + rng.below(12) : 1 + rng.below(2000);
      if (m.run({ steps: Math.min(slice, to - m.steps) }).reason !== 'limit') return;
    }
  }

  private compare(where: string): void {
    this.tally.comparisons++;
    if (this.compiled.digest() === this.plain.digest()) return;
    const names = ['PC', 'SP', 'PSTATE', ...Array.from({ length: 31 }, (_, n) => `X${n}`), 'V0', 'V1', 'V2', 'V3'];
    const lines = names
      .map((name) => ({ name, a: this.compiled.readRegister(0, name), b: this.plain.readRegister(0, name) }))
      .filter(({ a, b }) => a !== b)
      .map(({ name, a, b }) => `  ${name}: compiled 0x${a.toString(16)}, interpreted 0x${b.toString(16)}`);
    const steps = `  steps: compiled ${this.compiled.steps}, interpreted ${this.plain.steps}`;
    throw new Error(`${where}: the engines differ\n${[steps, ...lines].join('\n')}`);
  }
}

function word(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}
