import {
  EXEC_TLB_BASE,
  EXEC_TLB_ENTRIES,
  EXEC_TLB_RECORDS,
  EXEC_TLB_WAY_BYTES,
  PE_DERIVED,
  PE_STATE,
  PE_STRIDE_BYTES,
} from '../arch/pestate.ts';
import type { Builder } from '../ir/builder.ts';
import type { Clause } from '../isa/clause.ts';
import type { Decoder } from '../isa/decoder.ts';
import { useHostFloat } from './float/module.ts';
import { FREQUENT_WORDS } from './frequent.ts';
import { type GuestMemory, PAGE_BYTES } from './memory.ts';
import type { HostPhases } from './phases.ts';
import {
  HANDLER_PAGE_END,
  HANDLER_UNDECODED,
  HANDLERS_MAX,
  RAM_BASE,
  RECORD_BYTES,
  RECORD_PAGE_BYTES,
  RECORD_PAGE_USED,
  RECORD_PAGES_MAX,
  RECORDS_BASE,
  REGIONS_MAX,
} from './records.ts';
import { Regions } from './region/regions.ts';
import { LEFT_BUDGET, LEFT_FETCH } from './runloop.ts';
import { Shapes } from './shapes.ts';
import { sharedModule } from './shared.ts';
import { EngineStops, type StopPlaces } from './stops.ts';
import { inRange, type VaRange } from './tlb.ts';

/** A call from generated code into TypeScript: (PE block, arguments) to result. */
export type HelperFunction = (cpu: number, ...args: never[]) => number | bigint | undefined;

/** What the engine needs from the processing element. */
export interface EngineHost {
  readonly helpers: Readonly<
    Record<string, (cpu: number, ...args: (number | bigint)[]) => number | bigint | undefined>
  >;
  /**
   * Reads memory at `slowVa` into `slowValue`; non-zero when an exception was taken. `record` names the instruction.
   */
  slowLoad(cpu: number, record: number, access: number): number;
  /** Writes `slowValue` to memory at `slowVa`; non-zero when an exception was taken. */
  slowStore(cpu: number, record: number, access: number): number;
  /** Makes the page of PC known to the exec TLB; false when an exception was taken instead. */
  fetchMiss(cpu: number): boolean;
}

/** What is fixed about an engine. */
export interface EngineOptions {
  readonly memory: GuestMemory;
  readonly decoder: Decoder;
  /** The same instructions with every MRS and MSR through its helper. */
  readonly movesHelped?: () => Decoder;
  /** The row for words no clause has; its immediate `word` is the word. */
  readonly unallocated: Clause;
  /** First nodes of every FP and SIMD instruction. */
  readonly fpCheck: (b: Builder) => void;
  readonly host: EngineHost;
  /**
   * False: every step through the interpreter's handlers, no compiled regions. Default true. The steps are the same.
   */
  readonly regions?: boolean;
  /** Words whose shapes are built into the run loop; by default those that run most. The steps are the same. */
  readonly frequent?: readonly number[];
}

/** Most instructions decoded at once. */
const DECODE_RUN_MAX = 32;
/**
 * Runs decoded code: one generated WebAssembly handler per shape of instruction, called once per step.
 *
 * A shape is a clause with the values of its static fields; handlers are made when an instruction of the shape is first
 * decoded.
 */
export class Interpreter {
  private readonly options: EngineOptions;
  private readonly memory: GuestMemory;
  private readonly table: WebAssembly.Table;
  private readonly imports: WebAssembly.Imports;
  private readonly runExport: (cpu: number) => number;
  private readonly shapes: Shapes;
  /** Record page by RAM page and back. */
  private readonly recordsOf = new Map<number, number>();
  private readonly pageOf: number[] = [];
  private readonly regions: Regions;
  private readonly stops = new EngineStops();
  /** Hears what the host does; set while somebody listens. */
  phases: HostPhases | undefined;
  private decoder: Decoder;
  private nextDecoder: Decoder | undefined;
  private granted = 0;
  private lastTaken = 0;
  private current = 0;

  constructor(options: EngineOptions) {
    this.options = options;
    this.decoder = options.decoder;
    this.memory = options.memory;
    this.table = new WebAssembly.Table({ element: 'anyfunc', initial: HANDLERS_MAX + REGIONS_MAX });
    const { host } = options;
    const env: Record<string, WebAssembly.ImportValue> = { memory: this.memory.memory, table: this.table };
    env.slowLoad = this.asAccess(host.slowLoad.bind(host)) as WebAssembly.ImportValue;
    env.slowStore = this.asAccess(host.slowStore.bind(host)) as WebAssembly.ImportValue;
    for (const [name, f] of Object.entries(host.helpers)) env[name] = f as WebAssembly.ImportValue;
    useHostFloat(env);
    env.hot = ((record: number) =>
      options.regions !== false && this.regions.arrived(record)) as WebAssembly.ImportValue;
    this.imports = { env };
    this.shapes = new Shapes({
      memory: this.memory,
      decoder: () => this.decoder,
      unallocated: options.unallocated,
      fpCheck: options.fpCheck,
      table: this.table,
      imports: this.imports,
    });
    const loop = new WebAssembly.Instance(new WebAssembly.Module(sharedModule() as BufferSource), this.imports).exports;
    env.fallback = loop.fallback as WebAssembly.ImportValue;
    env.flags = loop.flags as WebAssembly.ImportValue;
    env.load = loop.load as WebAssembly.ImportValue;
    env.store = loop.store as WebAssembly.ImportValue;
    env.hostFloat = loop.hostFloat as WebAssembly.ImportValue;
    env.otherWay = loop.otherWay as WebAssembly.ImportValue;
    this.regions = new Regions({
      memory: this.memory,
      decoder: () => this.decoder,
      stopAt: (page, instruction) => this.stops.at(page, instruction),
      fpCheck: options.fpCheck,
      table: this.table,
      imports: this.imports,
      ramPage: (records) => this.pageOf[(records - RECORDS_BASE) / RECORD_PAGE_BYTES],
      phases: () => this.phases,
    });
    this.table.set(HANDLER_UNDECODED, loop.undecoded);
    this.table.set(HANDLER_PAGE_END, loop.pageEnd);
    const dispatch = this.shapes.builtIn(options.frequent ?? FREQUENT_WORDS);
    this.runExport = new WebAssembly.Instance(dispatch, this.imports).exports.run as (cpu: number) => number;
    this.memory.observer = {
      codeChanged: (page, offset, size, all) => this.codeChanged(page, offset, size, all),
      // Whether the running page is still mapped must not depend on where grants end.
      translationsChanged: (range) => {
        if (range === undefined || this.runsIn(range)) this.requestBoundary();
      },
    };
  }

  /** The same function, its time reported as a slow access while somebody listens. */
  private asAccess(slow: EngineHost['slowLoad']): EngineHost['slowLoad'] {
    return (cpu, record, word) => {
      const { phases } = this;
      if (phases === undefined) return slow(cpu, record, word);
      phases.begin('access');
      try {
        return slow(cpu, record, word);
      } finally {
        phases.end();
      }
    };
  }

  /** Regions compiled so far. */
  get compiledRegions(): number {
    return this.regions.compiled;
  }
  /** Handlers made so far. */
  get handlers(): number {
    return this.shapes.count;
  }

  // --- running ---

  /** Runs PE `pe` for at most `steps` steps (up to 2^31 - 1); returns how many were taken. */
  run(pe: number, steps: number): number {
    const cpu = pe * PE_STRIDE_BYTES;
    const budget = (cpu + PE_DERIVED.budget.offset) >> 2;
    const { i32 } = this.memory;
    this.applyChanges();
    this.regions.compileQueued(this.lastTaken);
    this.current = cpu;
    this.granted = steps;
    i32[budget] = steps;
    for (;;) {
      const left = this.runExport(cpu);
      if (left === LEFT_BUDGET) break;
      if (left !== LEFT_FETCH) this.decodePhase(cpu);
      else if (i32[budget] === 0) break;
      else if (!this.options.host.fetchMiss(cpu)) {
        // The step is the fault. A listener may have ended the grant meanwhile: then it is one longer.
        if (i32[budget]! > 0) i32[budget]!--;
        else this.granted++;
      }
    }
    const taken = this.granted - i32[budget]!;
    this.lastTaken = taken;
    this.granted = 0;
    i32[budget] = 0;
    return taken;
  }

  /** The page that runs lies in a range of VAs. */
  private runsIn(range: VaRange): boolean {
    const page = (this.current + PE_DERIVED.pageVa.offset) >> 2;
    return inRange(range, this.memory.i32[page + 1]!, this.memory.i32[page]!);
  }

  /** Steps taken in the current grant, the running instruction included. */
  get taken(): number {
    return this.granted - this.memory.i32[(this.current + PE_DERIVED.budget.offset) >> 2]!;
  }

  /** Ends the current grant at the next boundary. */
  requestBoundary(): void {
    const budget = (this.current + PE_DERIVED.budget.offset) >> 2;
    this.granted -= this.memory.i32[budget]!;
    this.memory.i32[budget] = 0;
  }

  /** In the helper `stop`: ends the current grant before the instruction that asked. */
  endBefore(): void {
    this.requestBoundary();
    this.granted--;
  }

  // --- what may be changed while it runs, and counts from the next grant on ---

  /** Places before whose instructions the helper `stop` is asked. */
  stopAt(places: StopPlaces): void {
    this.stops.want(places);
  }
  /** Whether every MRS and MSR goes through its helper; the steps are the same. */
  helpMoves(on: boolean): void {
    this.nextDecoder = on ? this.options.movesHelped?.() : this.options.decoder;
  }
  private applyChanges(): void {
    if (this.nextDecoder && this.nextDecoder !== this.decoder) {
      this.decoder = this.nextDecoder;
      this.dropAllRecords();
    }
    this.nextDecoder = undefined;
    if (!this.stops.apply((page, instructions) => this.decodeAgain(page, instructions))) return;
    for (let pe = 0; pe < this.memory.pes; pe++) this.memory.flushExec(pe);
  }
  private decodeAgain(page: number, instructions: readonly number[]): void {
    const records = this.recordsOf.get(page);
    if (records === undefined || instructions.length === 0) return;
    this.regions.drop(records);
    for (const n of instructions) this.undecode(records, n, n);
  }

  /** PC of a PE becomes the address of the instruction that a record of its running page stands for. */
  setPcOfRecord(cpu: number, record: number): void {
    const { i32 } = this.memory;
    const page = (cpu + PE_DERIVED.pageVa.offset) >> 2;
    const pc = (cpu + PE_STATE.PC.offset) >> 2;
    // The record behind the last one of a page stands for the next page.
    const low = (i32[page]! >>> 0) + ((record & (RECORD_PAGE_BYTES - 1)) >> 2);
    i32[pc] = low;
    i32[pc + 1] = i32[page + 1]! + (low > 0xffff_ffff ? 1 : 0);
  }

  // --- decoded pages ---

  /** Lets PE block `cpu` run the RAM page `page` at the virtual page whose exec TLB tag (two halves) is given. */
  mapExec(cpu: number, tagHigh: number, tagLow: number, page: number): void {
    const records = this.recordPage(page);
    if (this.stops.inVirtualPages) {
      const pageVa = (BigInt(tagHigh >>> 0) << 32n) | BigInt((tagLow & -PAGE_BYTES) >>> 0);
      this.decodeAgain(page, this.stops.mapped(pageVa, page));
    }
    const { i32 } = this.memory;
    const first = (cpu + EXEC_TLB_BASE + ((tagLow >>> 12) & (EXEC_TLB_ENTRIES - 1)) * 32) >> 2;
    const second = first + EXEC_TLB_WAY_BYTES / 4;
    i32.copyWithin(second, first, second);
    i32[first] = tagLow;
    i32[first + 1] = tagHigh;
    i32[first + EXEC_TLB_RECORDS / 4] = records;
  }

  private recordPage(page: number): number {
    const known = this.recordsOf.get(page);
    if (known !== undefined) return known;
    if (this.pageOf.length >= RECORD_PAGES_MAX) this.dropAllRecords();
    const records = RECORDS_BASE + this.pageOf.length * RECORD_PAGE_BYTES;
    this.pageOf.push(page);
    this.recordsOf.set(page, records);
    this.memory.u8.fill(0, records, records + RECORD_PAGE_USED);
    this.memory.i32[(records + RECORD_PAGE_USED) >> 2] = HANDLER_PAGE_END;
    this.memory.markCode(page);
    return records;
  }

  private dropAllRecords(): void {
    this.regions.dropAll();
    for (const page of this.recordsOf.keys()) this.memory.unmarkCode(page);
    this.recordsOf.clear();
    this.pageOf.length = 0;
    for (let pe = 0; pe < this.memory.pes; pe++) this.memory.flushExec(pe);
  }

  private codeChanged(page: number, offset: number, sizeBytes: number, all: boolean): void {
    const records = this.recordsOf.get(page);
    if (records === undefined) return;
    // The region that makes the store must not go on with what it was compiled from.
    if (this.regions.drop(records)) this.requestBoundary();
    if (all) {
      // The records stay where they are (this page may be running) but are empty and no longer found.
      this.undecode(records, 0, PAGE_BYTES / 4 - 1);
      this.recordsOf.delete(page);
      for (let pe = 0; pe < this.memory.pes; pe++) this.memory.flushExec(pe);
      return;
    }
    this.undecode(records, offset >> 2, (offset + sizeBytes - 1) >> 2);
  }

  /** Operands stay in the record: the instruction that makes the store may be the one that it overwrites. */
  private undecode(records: number, first: number, last: number): void {
    for (let n = first; n <= last; n++) this.memory.view.setUint16(records + n * RECORD_BYTES, HANDLER_UNDECODED, true);
  }

  // --- decoding ---

  private decodePhase(cpu: number): void {
    this.phases?.begin('decode');
    this.decodeRun(cpu);
    this.phases?.end();
  }
  private decodeRun(cpu: number): void {
    const { view, i32, u8 } = this.memory;
    const pc = view.getUint32(cpu + PE_STATE.PC.offset, true);
    const records = i32[(cpu + PE_DERIVED.pageRecords.offset) >> 2]!;
    const page = this.pageOf[(records - RECORDS_BASE) / RECORD_PAGE_BYTES]!;
    if (this.recordsOf.get(page) !== records) {
      // The page's records were dropped while it ran: look the page up again.
      this.memory.flushExec(cpu / PE_STRIDE_BYTES);
      return;
    }
    let first = (pc & 0xfff) >> 2;
    for (let n = 0; n < DECODE_RUN_MAX && first < PAGE_BYTES / 4; n++, first++) {
      const record = records + first * RECORD_BYTES;
      if (u8[record] !== HANDLER_UNDECODED || u8[record + 1] !== 0) break;
      const word = view.getUint32(RAM_BASE + page * PAGE_BYTES + first * 4, true);
      if (this.shapes.decode(record, word, this.stops.at(page, first)).ends) break;
    }
    this.shapes.compileFresh();
  }
}
