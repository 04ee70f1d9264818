/** Runs a whole machine on the bigint oracle instead of generated code. */
import { PE_STATE, PE_STRIDE_BYTES } from '../../src/arch/pestate.ts';
import type { EngineOptions } from '../../src/engine/interpreter.ts';
import { Oracle } from '../../src/engine/oracle.ts';
import { RAM_BASE } from '../../src/engine/records.ts';
import { liftConstant } from '../../src/isa/clause.ts';
import { extractFields } from '../../src/isa/encoding.ts';
import type { Machine } from '../../src/machine/machine.ts';

/** What the machine and its PEs use of an engine: see `Interpreter`, whose place this takes. */
export class OracleEngine {
  readonly handlers = 0;
  private readonly options: EngineOptions;
  private readonly oracles: readonly Oracle[];
  private granted = 0;
  private left = 0;
  private page = -1;

  constructor(options: EngineOptions) {
    this.options = options;
    const { memory, host } = options;
    this.oracles = Array.from({ length: memory.pes }, (_, pe) => new Oracle(memory.memory, host, pe * PE_STRIDE_BYTES));
  }

  /** Puts the oracle into a machine, for good. */
  static install(machine: Machine): void {
    const inside = machine as unknown as { engine: { options: EngineOptions } | OracleEngine };
    inside.engine = new OracleEngine((inside.engine as { options: EngineOptions }).options);
  }

  run(pe: number, steps: number): number {
    const { host, memory } = this.options;
    const cpu = pe * PE_STRIDE_BYTES;
    this.granted = this.left = steps;
    while (this.left > 0) {
      this.page = -1;
      const fetched = host.fetchMiss(cpu);
      if (fetched && this.page < 0) continue; // PC was made canonical: look again
      if (this.left > 0) this.left--;
      else this.granted++;
      if (!fetched) continue;
      const pc = memory.view.getUint32(cpu + PE_STATE.PC.offset, true);
      this.execute(pe, memory.view.getUint32(RAM_BASE + this.page * 4096 + (pc & 0xfff), true));
    }
    const taken = this.granted - this.left;
    this.granted = this.left = 0;
    return taken;
  }

  private execute(pe: number, word: number): void {
    const { decoder, unallocated, fpCheck } = this.options;
    const decoded = decoder.decode(word);
    const clause = decoded?.clause ?? unallocated;
    const fields = decoded?.fields ?? extractFields(clause.encoding, word);
    this.oracles[pe]!.run(liftConstant(clause, fields, fpCheck), 0);
  }

  get taken(): number {
    return this.granted - this.left;
  }
  requestBoundary(): void {
    this.granted -= this.left;
    this.left = 0;
  }
  mapExec(_cpu: number, _tagHigh: number, _tagLow: number, page: number): void {
    this.page = page;
  }
  setPcOfRecord(): void {
    throw new Error('the oracle has no records');
  }
}
