import type { Builder } from '../../ir/builder.ts';
import type { Fragment } from '../../ir/types.ts';
import { liftConstant } from '../../isa/clause.ts';
import type { Decoder } from '../../isa/decoder.ts';
import { HANDLER_TYPE } from '../emit.ts';
import { type GuestMemory, PAGE_BYTES } from '../memory.ts';
import type { HostPhases } from '../phases.ts';
import { RAM_BASE, RECORD_BYTES, RECORD_COUNT, RECORD_PAGE_BYTES, REGION_FIRST, REGIONS_MAX } from '../records.ts';
import { ModuleWriter } from '../wasm/binary.ts';
import { discover } from './discover.ts';
import { RegionEmitter } from './emit.ts';
import { Pace } from './pace.ts';
import { simplify } from './simplify.ts';

/** Regions compiled into one module at most: many small modules cost more than few large ones. */
const REGIONS_PER_MODULE = 64;
/** Most words whose meaning is kept. */
const LIFTED_MAX = 8192;
/** A region of fewer instructions gains nothing over its handlers. */
const REGION_INSTRUCTIONS_MIN = 3;

/** What the regions need of the interpreter. */
export interface RegionHost {
  readonly memory: GuestMemory;
  decoder(): Decoder;
  /** The instruction of a page of RAM is not to run in a region. */
  stopAt(page: number, instruction: number): boolean;
  readonly fpCheck: (b: Builder) => void;
  readonly table: WebAssembly.Table;
  readonly imports: WebAssembly.Imports;
  /** RAM page that a page of records stands for, or undefined. */
  ramPage(records: number): number | undefined;
  /** Hears what the host does, if somebody listens. */
  phases(): HostPhases | undefined;
}

/**
 * Hot code as WebAssembly: a region takes the place of the handler of its first instruction, and to the run loop it is
 * a handler that takes many steps.
 */
export class Regions {
  private readonly host: RegionHost;
  private readonly queue = new Set<number>();
  private readonly pace = new Pace();
  private readonly heads = new Map<number, Set<number>>();
  /** Meanings by instruction word, and the decoder that they are of: regions overlap, and words come again. */
  private readonly lifted = new Map<number, Fragment>();
  private liftedBy: Decoder | undefined;
  private free: number[] = [];
  private next = 0;
  /** Regions compiled since the machine was made. */
  compiled = 0;

  constructor(host: RegionHost) {
    this.host = host;
  }

  /** Control came to a record another `HOT_COUNT` times. */
  arrived(record: number): void {
    if (this.pace.arrived(record >>> 0)) this.hot(record);
  }
  /** A record is to be compiled. */
  hot(record: number): void {
    this.queue.add(record >>> 0);
  }

  /** Compiles what is hot. To be called between grants, with the steps of the last one. */
  compileQueued(steps: number): void {
    this.pace.took(steps);
    if (this.queue.size === 0) return;
    const records = [...this.queue];
    this.queue.clear();
    for (let n = 0; n < records.length; n += REGIONS_PER_MODULE) this.compile(records.slice(n, n + REGIONS_PER_MODULE));
  }

  private compile(records: readonly number[]): void {
    const phases = this.host.phases();
    phases?.begin('lift');
    const module = new ModuleWriter();
    const made: { record: number; name: string; code: Uint8Array }[] = [];
    for (const record of records) {
      const code = this.emit(module, record, records);
      if (code) made.push({ record, name: `r${made.length}`, code });
    }
    phases?.end();
    if (made.length === 0) return;
    if (this.next + made.length - this.free.length > REGIONS_MAX) this.dropAll();
    for (const { name, code } of made) module.func(name, HANDLER_TYPE, code);
    phases?.begin('compile');
    const { exports } = new WebAssembly.Instance(
      new WebAssembly.Module(module.finish() as BufferSource),
      this.host.imports,
    );
    phases?.end();
    for (const { record, name } of made) this.install(record, exports[name]);
    this.compiled += made.length;
  }

  private emit(module: ModuleWriter, record: number, batch: readonly number[]): Uint8Array | undefined {
    const records = record & -RECORD_PAGE_BYTES;
    const page = this.host.ramPage(records);
    const handler = this.host.memory.view.getUint16(record, true);
    if (page === undefined || handler < 2 || handler >= REGION_FIRST) return undefined;
    const head = (record - records) / RECORD_BYTES;
    const often = [...(this.heads.get(records) ?? []), ...batch]
      .filter((other) => (other & -RECORD_PAGE_BYTES) === records)
      .map((other) => (other - records) / RECORD_BYTES);
    const blocks = discover(head, (index) => this.lift(page, index), often);
    const size = [...blocks.values()].reduce((n, b) => n + b.instructions.length, 0);
    if (size < REGION_INSTRUCTIONS_MIN) return undefined;
    this.pace.compiled(size);
    return new RegionEmitter(module, records, head, blocks).emit();
  }
  private lift(page: number, index: number): Fragment | undefined {
    if (this.host.stopAt(page, index)) return undefined;
    if (this.liftedBy !== this.host.decoder()) {
      this.liftedBy = this.host.decoder();
      this.lifted.clear();
    }
    const word = this.host.memory.view.getUint32(RAM_BASE + page * PAGE_BYTES + index * 4, true);
    return this.lifted.get(word) ?? this.liftWord(word);
  }
  private liftWord(word: number): Fragment | undefined {
    const decoded = this.host.decoder().decode(word);
    const fragment = decoded && simplify(liftConstant(decoded.clause, decoded.fields, this.host.fpCheck));
    if (this.lifted.size >= LIFTED_MAX) this.lifted.clear();
    if (fragment) this.lifted.set(word, fragment);
    return fragment;
  }

  private install(record: number, region: WebAssembly.ExportValue | undefined): void {
    const { view } = this.host.memory;
    const slot = this.free.pop() ?? this.next++;
    this.host.table.set(REGION_FIRST + slot, region);
    view.setUint16(record + RECORD_COUNT, view.getUint16(record, true), true);
    view.setUint16(record, REGION_FIRST + slot, true);
    const records = record & -RECORD_PAGE_BYTES;
    let heads = this.heads.get(records);
    if (!heads) {
      heads = new Set();
      this.heads.set(records, heads);
    }
    heads.add(record);
  }

  /** Code of a page changed or its records are dropped: its regions are no longer right. True when there were any. */
  drop(records: number): boolean {
    const heads = this.heads.get(records);
    if (!heads) return false;
    this.heads.delete(records);
    const { view } = this.host.memory;
    for (const record of heads) {
      const handler = view.getUint16(record, true);
      if (handler < REGION_FIRST) continue;
      this.host.table.set(handler, null);
      this.free.push(handler - REGION_FIRST);
      view.setUint16(record, view.getUint16(record + RECORD_COUNT, true), true);
      view.setUint16(record + RECORD_COUNT, 0, true);
    }
    return true;
  }
  /** Drops every region. */
  dropAll(): void {
    this.pace.forget();
    for (const records of [...this.heads.keys()]) this.drop(records);
  }
}
