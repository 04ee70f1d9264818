import { DATA_TLB_BASE, DATA_TLB_BYTES, PE_DERIVED, PE_STATE } from '../../src/arch/pestate.ts';
import { type EngineHost, Interpreter } from '../../src/engine/interpreter.ts';
import { GuestMemory } from '../../src/engine/memory.ts';
import { Oracle } from '../../src/engine/oracle.ts';
import { RAM_BASE } from '../../src/engine/records.ts';
import { type Clause, liftConstant } from '../../src/isa/clause.ts';
import { Decoder } from '../../src/isa/decoder.ts';
import { extractFields } from '../../src/isa/encoding.ts';
import { HELPERS } from '../../src/isa/helpers.ts';
import { A64, fpCheck, UNALLOCATED } from '../../src/isa/table.ts';
import { ALL_FEATURES } from './features.ts';
import { pureHelpers } from './pure-helpers.ts';

/** What a flat machine noted instead of taking an exception. */
export interface FlatEvent {
  readonly helper: string;
  readonly args: readonly (number | bigint)[];
}

/**
 * A processing element without a system around it: VA equals offset into RAM, every exception is noted and ends the
 * run.
 *
 * For tests of instructions: the generated handlers and the bigint oracle run on it.
 */
export class FlatMachine implements EngineHost {
  readonly memory: GuestMemory;
  readonly engine: Interpreter;
  readonly oracle: Oracle;
  readonly decoder: Decoder;
  readonly events: FlatEvent[] = [];
  readonly helpers: EngineHost['helpers'];
  /** Virtual addresses of the memory accesses that were made, faults included; the test empties it. */
  readonly accesses: bigint[] = [];
  private readonly dataFromVa: bigint;
  private readonly dataToVa: bigint;

  /**
   * Loads and stores outside [dataFromVa, dataToVa) fault; by default all RAM is data.
   *
   * @param regions - whether hot code is compiled
   * @param frequent - words whose shapes are built into the run loop, by default those that run most
   */
  constructor(
    ramBytes = 1 << 20,
    dataFromVa = 0,
    dataToVa = ramBytes,
    clauses: readonly Clause[] = A64,
    regions = true,
    frequent?: readonly number[],
  ) {
    this.dataFromVa = BigInt(dataFromVa);
    this.dataToVa = BigInt(dataToVa);
    this.memory = new GuestMemory(ramBytes, 1);
    this.decoder = new Decoder(clauses, ALL_FEATURES);
    const view = this.memory.view;
    this.helpers = { ...this.systemHelpers(), ...pureHelpers(view) };
    this.engine = new Interpreter({
      memory: this.memory,
      decoder: this.decoder,
      unallocated: UNALLOCATED,
      fpCheck,
      host: this,
      regions,
      ...(frequent && { frequent }),
    });
    this.oracle = new Oracle(this.memory.memory, this, 0);
    view.setBigUint64(PE_DERIVED.contextLow.offset, 1n, true);
    view.setBigUint64(PE_DERIVED.contextHigh.offset, 2n, true);
    view.setBigUint64(PE_DERIVED.unprivLow.offset, 3n, true);
    view.setBigUint64(PE_DERIVED.unprivHigh.offset, 4n, true);
    view.setBigUint64(PE_DERIVED.fetchLow.offset, 1n, true);
    view.setBigUint64(PE_DERIVED.fetchHigh.offset, 2n, true);
  }

  protected divert(helper: string, args: readonly (number | bigint)[]): void {
    // Generated code passes 64-bit values as signed, the oracle as unsigned.
    const unsigned = args.map((a) => (typeof a === 'bigint' ? BigInt.asUintN(64, a) : a));
    this.events.push({ helper, args: unsigned });
    this.memory.view.setInt32(PE_DERIVED.diverted.offset, 1, true);
    this.engine.requestBoundary();
  }

  private systemHelpers(): EngineHost['helpers'] {
    const table: Record<string, EngineHost['helpers'][string]> = {};
    for (const { name, result } of Object.values(HELPERS))
      table[name] = (_cpu, ...args) => {
        this.divert(name, args);
        return result === 'i64' ? 0n : 0;
      };
    table.markExclusive = (_cpu, va, size) => {
      const { view } = this.memory;
      view.setInt32(PE_STATE.exclusiveValid.offset, 1, true);
      view.setInt32(PE_STATE.exclusiveSizeBytes.offset, Number(size), true);
      view.setBigUint64(PE_STATE.exclusiveVa.offset, BigInt.asUintN(64, BigInt(va!)), true);
      return undefined;
    };
    table.checkExclusive = (_cpu, va, size) => {
      const { view } = this.memory;
      const marked =
        view.getInt32(PE_STATE.exclusiveValid.offset, true) &&
        view.getInt32(PE_STATE.exclusiveSizeBytes.offset, true) === Number(size) &&
        view.getBigUint64(PE_STATE.exclusiveVa.offset, true) === BigInt.asUintN(64, BigInt(va!));
      view.setInt32(PE_STATE.exclusiveValid.offset, 0, true);
      return marked ? 1 : 0;
    };
    return table;
  }

  private place(access: number): number | undefined {
    const va = this.memory.view.getBigUint64(PE_DERIVED.slowVa.offset, true);
    const bytes = access & 31;
    const align = (access >> 5) & 31;
    this.accesses.push(va);
    if (va < this.dataFromVa || va + BigInt(bytes) > this.dataToVa) return undefined;
    if (access & (1 << 10) && va % BigInt(align) !== 0n) return undefined;
    return Number(va);
  }
  slowLoad(_cpu: number, _record: number, access: number): number {
    const at = this.place(access);
    if (at === undefined) return this.fault('load', access);
    const bytes = access & 31;
    this.memory.u8.copyWithin(PE_DERIVED.slowValue.offset, RAM_BASE + at, RAM_BASE + at + bytes);
    return 0;
  }
  slowStore(_cpu: number, _record: number, access: number): number {
    const at = this.place(access);
    if (at === undefined) return this.fault('store', access);
    const from = PE_DERIVED.slowValue.offset;
    this.memory.write(at, this.memory.u8.slice(from, from + (access & 31)));
    return 0;
  }
  protected fault(kind: string, access: number): number {
    this.events.push({ helper: kind, args: [access] });
    this.engine.requestBoundary();
    return 1;
  }
  fetchMiss(cpu: number): boolean {
    const pc = this.memory.view.getBigUint64(cpu + PE_STATE.PC.offset, true);
    if (pc % 4n || pc >= BigInt(this.memory.ramBytes)) {
      this.events.push({ helper: 'fetch', args: [pc] });
      this.engine.requestBoundary();
      return false;
    }
    this.engine.mapExec(cpu, 0, Number(pc & ~0xfffn) | 1, Number(pc >> 12n));
    return true;
  }

  /** Runs one instruction word at `pc` through the bigint oracle, on the state as it is. */
  oracleStep(word: number, pc: bigint): void {
    this.memory.view.setBigUint64(PE_STATE.PC.offset, pc, true);
    const decoded = this.decoder.decode(word);
    const clause = decoded?.clause ?? UNALLOCATED;
    const fields = decoded?.fields ?? extractFields(UNALLOCATED.encoding, word);
    this.oracle.run(liftConstant(clause, fields, fpCheck), 0);
  }
  /** Drops what the data TLB knows. */
  flush(): void {
    this.memory.u8.fill(0, DATA_TLB_BASE, DATA_TLB_BASE + DATA_TLB_BYTES);
  }
}
