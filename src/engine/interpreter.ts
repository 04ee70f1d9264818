import { EXEC_TLB_BASE, EXEC_TLB_ENTRIES, PE_DERIVED, PE_STATE, PE_STRIDE_BYTES, SLOT_SP } from '../arch/pestate.ts';
import type { Builder } from '../ir/builder.ts';
import type { Fragment } from '../ir/types.ts';
import { type Clause, immLayout, immValues, liftShape, shapeFields } from '../isa/clause.ts';
import type { Decoder } from '../isa/decoder.ts';
import { extractFields, type FieldValues } from '../isa/encoding.ts';
import { HANDLER_TYPE, HandlerEmitter, type ShapeLayout } from './emit.ts';
import { type GuestMemory, PAGE_BYTES } from './memory.ts';
import {
  HANDLER_PAGE_END,
  HANDLER_UNDECODED,
  HANDLERS_MAX,
  RAM_BASE,
  RECORD_BYTES,
  RECORD_IMM,
  RECORD_PAGE_BYTES,
  RECORD_PAGE_USED,
  RECORD_PAGES_MAX,
  RECORD_REGS,
  RECORDS_BASE,
  REGIONS_MAX,
} from './records.ts';
import { Regions } from './region/regions.ts';
import { LEFT_BUDGET, LEFT_FETCH, runLoopModule } from './runloop.ts';
import { ModuleWriter } from './wasm/binary.ts';

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
  /** The row for words no clause has; its immediate `word` is the word. */
  readonly unallocated: Clause;
  /** First nodes of every FP and SIMD instruction. */
  readonly fpCheck: (b: Builder) => void;
  readonly host: EngineHost;
  /**
   * False: every step through the interpreter's handlers, no compiled regions. Default true. The steps are the same.
   */
  readonly regions?: boolean;
}

interface Shape {
  readonly clause: Clause;
  readonly layout: ShapeLayout;
  readonly fragment: Fragment;
  /** True when nothing after the instruction runs in sequence. */
  readonly ends: boolean;
  handler: number;
}

/** Most instructions decoded at once. */
const DECODE_RUN_MAX = 32;

function endsSequence(fragment: Fragment): boolean {
  const last = fragment.body.at(-1);
  return last !== undefined && (last.op === 'branch' || last.op === 'branchrel');
}

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
  private readonly shapes = new Map<Clause, Map<number, Shape>>();
  private readonly staticMasks = new Map<Clause, number>();
  private nextHandler = 2;
  /** Record page by RAM page and back. */
  private readonly recordsOf = new Map<number, number>();
  private readonly pageOf: number[] = [];
  private readonly regions: Regions;
  private granted = 0;
  private current = 0;

  constructor(options: EngineOptions) {
    this.options = options;
    this.memory = options.memory;
    this.table = new WebAssembly.Table({ element: 'anyfunc', initial: HANDLERS_MAX + REGIONS_MAX });
    const { host } = options;
    const env: Record<string, WebAssembly.ImportValue> = { memory: this.memory.memory, table: this.table };
    env.slowLoad = host.slowLoad.bind(host) as WebAssembly.ImportValue;
    env.slowStore = host.slowStore.bind(host) as WebAssembly.ImportValue;
    for (const [name, f] of Object.entries(host.helpers)) env[name] = f as WebAssembly.ImportValue;
    env.hot = ((record: number) => options.regions !== false && this.regions.hot(record)) as WebAssembly.ImportValue;
    this.imports = { env };
    const loop = new WebAssembly.Instance(new WebAssembly.Module(runLoopModule() as BufferSource), this.imports)
      .exports;
    env.fallback = loop.fallback as WebAssembly.ImportValue;
    env.flags = loop.flags as WebAssembly.ImportValue;
    this.regions = new Regions({
      memory: this.memory,
      decoder: options.decoder,
      fpCheck: options.fpCheck,
      table: this.table,
      imports: this.imports,
      ramPage: (records) => this.pageOf[(records - RECORDS_BASE) / RECORD_PAGE_BYTES],
    });
    this.table.set(HANDLER_UNDECODED, loop.undecoded);
    this.table.set(HANDLER_PAGE_END, loop.pageEnd);
    this.runExport = loop.run as (cpu: number) => number;
    this.memory.observer = {
      codeChanged: (page, offset, size, all) => this.codeChanged(page, offset, size, all),
      // Whether the running page is still mapped must not depend on where grants end.
      translationsChanged: () => this.requestBoundary(),
    };
  }

  /** Regions compiled so far. */
  get compiledRegions(): number {
    return this.regions.compiled;
  }
  /** Handlers made so far. */
  get handlers(): number {
    return this.nextHandler - 2;
  }

  // --- running ---

  /** Runs PE `pe` for at most `steps` steps (up to 2^31 - 1); returns how many were taken. */
  run(pe: number, steps: number): number {
    const cpu = pe * PE_STRIDE_BYTES;
    const budget = (cpu + PE_DERIVED.budget.offset) >> 2;
    const { i32 } = this.memory;
    this.regions.compileQueued();
    this.current = cpu;
    this.granted = steps;
    i32[budget] = steps;
    for (;;) {
      const left = this.runExport(cpu);
      if (left === LEFT_BUDGET) break;
      if (left !== LEFT_FETCH) this.decodeRun(cpu);
      else if (i32[budget] === 0) break;
      else if (!this.options.host.fetchMiss(cpu)) {
        // The step is the fault. A listener may have ended the grant meanwhile: then it is one longer.
        if (i32[budget]! > 0) i32[budget]!--;
        else this.granted++;
      }
    }
    const taken = this.granted - i32[budget]!;
    this.granted = 0;
    i32[budget] = 0;
    return taken;
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

  /** Address of the instruction that a record stands for, given the PE that runs it. */
  pcOfRecord(cpu: number, record: number): bigint {
    return (
      this.memory.view.getBigUint64(cpu + PE_DERIVED.pageVa.offset, true) +
      BigInt((record & (RECORD_PAGE_BYTES - 1)) >> 2)
    );
  }

  // --- decoded pages ---

  /** Lets PE block `cpu` run the RAM page `page` at the virtual page whose exec TLB tag is given. */
  mapExec(cpu: number, tag: bigint, index: number, page: number): void {
    const records = this.recordPage(page);
    const entry = cpu + EXEC_TLB_BASE + (index & (EXEC_TLB_ENTRIES - 1)) * 32;
    this.memory.view.setBigUint64(entry, tag, true);
    this.memory.i32[(entry + 8) >> 2] = records;
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

  private decodeRun(cpu: number): void {
    const { view, i32, u8 } = this.memory;
    const pc = view.getUint32(cpu + PE_STATE.PC.offset, true);
    const entry =
      cpu + EXEC_TLB_BASE + ((view.getUint32(cpu + PE_STATE.PC.offset, true) >>> 12) & (EXEC_TLB_ENTRIES - 1)) * 32;
    const records = i32[(entry + 8) >> 2]!;
    const page = this.pageOf[(records - RECORDS_BASE) / RECORD_PAGE_BYTES]!;
    if (this.recordsOf.get(page) !== records) {
      // The page's records were dropped while it ran: look the page up again.
      this.memory.flushExec(cpu / PE_STRIDE_BYTES);
      return;
    }
    const fresh: Shape[] = [];
    let first = (pc & 0xfff) >> 2;
    for (let n = 0; n < DECODE_RUN_MAX && first < PAGE_BYTES / 4; n++, first++) {
      const record = records + first * RECORD_BYTES;
      if (u8[record] !== HANDLER_UNDECODED || u8[record + 1] !== 0) break;
      const shape = this.decodeOne(record, view.getUint32(RAM_BASE + page * PAGE_BYTES + first * 4, true), fresh);
      if (shape.ends) break;
    }
    if (fresh.length) this.compile(fresh);
  }

  private decodeOne(record: number, word: number, fresh: Shape[]): Shape {
    const decoded = this.options.decoder.decode(word);
    const clause = decoded?.clause ?? this.options.unallocated;
    const fields = decoded?.fields ?? extractFields(clause.encoding, word);
    const shape = this.shapeOf(clause, word, fields, fresh);
    const { view, u8 } = this.memory;
    view.setUint16(record, shape.handler, true);
    clause.registerFields.forEach((name, i) => {
      const n = fields[name]!;
      u8[record + RECORD_REGS + i] = n === 31 && shape.fragment.spFields.has(name) ? SLOT_SP : n;
    });
    const values = immValues(clause, fields);
    for (const [name, { type, at }] of Object.entries(shape.layout.immediates)) {
      const where = record + RECORD_IMM + at;
      const value = values[name]!;
      if (type === 'u8') u8[where] = Number(value);
      else if (type === 'u16') view.setUint16(where, Number(value), true);
      else if (type === 's32') view.setUint32(where, Number(value & 0xffff_ffffn), true);
      else view.setBigUint64(where, value, true);
    }
    return shape;
  }

  private shapeOf(clause: Clause, word: number, fields: FieldValues, fresh: Shape[]): Shape {
    let mask = this.staticMasks.get(clause);
    if (mask === undefined) {
      mask = 0;
      for (const f of clause.staticFields) {
        const { lsb, width } = clause.encoding.fields[f]!;
        mask |= (2 ** width - 1) << lsb;
      }
      this.staticMasks.set(clause, mask);
      this.shapes.set(clause, new Map());
    }
    let key = (word & mask) >>> 0;
    clause.split31?.forEach((name, i) => {
      if (fields[name] === 31) key += 2 ** (32 + i);
    });
    const known = this.shapes.get(clause)!.get(key);
    if (known) return known;
    const fragment = liftShape(clause, shapeFields(clause, fields), this.options.fpCheck);
    const layout = { registers: clause.registerFields, immediates: immLayout(clause.name, clause.imm ?? {}) };
    if (this.nextHandler >= HANDLERS_MAX) throw new Error('Interpreter: more shapes of instructions than handlers');
    const shape: Shape = { clause, layout, fragment, ends: endsSequence(fragment), handler: this.nextHandler++ };
    this.shapes.get(clause)!.set(key, shape);
    fresh.push(shape);
    return shape;
  }

  private compile(shapes: readonly Shape[]): void {
    const module = new ModuleWriter();
    const bodies = shapes.map((s) => {
      try {
        return new HandlerEmitter(module, s.layout, s.fragment).emit();
      } catch (e) {
        throw new Error(`${s.clause.name}: ${(e as Error).message}`);
      }
    });
    shapes.forEach((s, i) => {
      module.func(`h${s.handler}`, HANDLER_TYPE, bodies[i]!);
    });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.finish() as BufferSource), this.imports);
    for (const s of shapes) this.table.set(s.handler, exports[`h${s.handler}`]);
  }
}
