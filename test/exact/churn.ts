/** Code that is overwritten as soon as it is compiled, for as long as one likes. */
import { RECORD_BYTES, REGION_FIRST, REGIONS_MAX } from '../../src/engine/records.ts';
import { PROGRAM_VA, ProgramMachine } from '../support/programs.ts';

const LINES = 60;
/** Regions that begin in the page each time. */
export const HEADS = 20;

/** Private parts of the engine. */
interface Engine {
  readonly regions: { hot(record: number): void };
  readonly table: WebAssembly.Table;
  readonly recordsOf: ReadonlyMap<number, number>;
}

/** A loop on a flat machine whose regions are dropped by a write to its page, and compiled again. */
export class Churn {
  readonly machine: ProgramMachine;
  /** One more than the highest place of the table that ever held a region. */
  slotsUsed = 0;
  private readonly engine: Engine;
  private round = 0;

  constructor() {
    const lines = Array.from({ length: LINES }, (_, n) => `add x${n % 8}, x${(n + 1) % 8}, #${n}`);
    this.machine = new ProgramMachine(`loop: ${lines.join('\n')}\n b loop\n`);
    this.engine = this.machine.engine as unknown as Engine;
    const { table } = this.engine;
    const set = table.set.bind(table);
    table.set = (index, f) => {
      if (index >= REGION_FIRST && f !== null) this.slotsUsed = Math.max(this.slotsUsed, index - REGION_FIRST + 1);
      return set(index, f);
    };
  }

  /** Regions compiled so far. */
  get compilations(): number {
    return this.machine.engine.compiledRegions;
  }
  /** Places of the table that hold a region now. */
  get slotsInUse(): number {
    const { table } = this.engine;
    return Array.from({ length: REGIONS_MAX }, (_, n) => table.get(REGION_FIRST + n)).filter((f) => f !== null).length;
  }

  /** Overwrites, runs, compiles and runs until there were so many compilations. */
  run(compilations: number): void {
    const { machine } = this;
    while (this.compilations < compilations) {
      this.overwrite();
      machine.run(2 * LINES);
      const records = this.engine.recordsOf.get(PROGRAM_VA >> 12)!;
      for (let n = 0; n < HEADS; n++) this.engine.regions.hot(records + n * RECORD_BYTES);
      machine.run(2 * LINES);
    }
  }

  /** Changes the constant of one instruction. */
  private overwrite(): void {
    const at = PROGRAM_VA + 4 * (this.round++ % LINES);
    const { memory } = this.machine;
    const bytes = memory.read(at, 4);
    bytes[1]! ^= 0x10;
    memory.write(at, bytes);
  }
}
