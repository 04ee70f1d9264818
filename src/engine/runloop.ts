import {
  EXEC_TLB_BASE,
  EXEC_TLB_ENTRIES,
  EXEC_TLB_RECORDS,
  EXEC_TLB_WAY_BYTES,
  PE_DERIVED,
  PE_STATE,
} from '../arch/pestate.ts';
import type { Fragment } from '../ir/types.ts';
import { countArrival } from './emit/control.ts';
import { CPU, IP, type ShapeLayout } from './emit/emission.ts';
import { HANDLER_TYPE, HandlerEmitter } from './emit.ts';
import { HANDLERS_MAX, RECORD_BYTES, RECORD_PAGE_BYTES, REGIONS_MAX } from './records.ts';
import { RegionCode } from './region/code.ts';
import { ModuleWriter } from './wasm/binary.ts';
import { OP } from './wasm/opcodes.ts';

/** Why the run loop came back: the grant is used up. */
export const LEFT_BUDGET = 0;
/** Why the run loop came back: PC is not in the exec TLB (or is misaligned). */
export const LEFT_FETCH = 1;
/** Why the run loop came back: the record at PC is not decoded yet. */
export const LEFT_DECODE = 2;

/** A shape whose handler is written into the run loop as well. */
export interface BuiltIn {
  readonly layout: ShapeLayout;
  readonly fragment: Fragment;
  readonly handler: number;
}

/** Emits an instruction within the run loop, where the budget is a local and IP a variable. */
class BuiltInEmitter extends HandlerEmitter {
  private readonly loop: RunLoop;

  constructor(loop: RunLoop, { layout, fragment }: BuiltIn) {
    super(loop.module, layout, fragment, loop.code);
    this.loop = loop;
  }
  write(): void {
    const { code, next } = this.loop;
    code.nextInstruction();
    this.body();
    code.get(IP).i32(RECORD_BYTES).op(OP.i32_add).set(IP);
    code.br(next);
  }
  goOn(record: number): void {
    const { code, next } = this.loop;
    code.get(record).set(IP);
    code.br(next);
  }
  lookUp(): void {
    this.loop.storeBudget();
    this.loop.code.br(this.loop.again);
  }
  diverted(): void {
    this.loop.code.br(this.loop.again);
  }
  observed(): void {
    this.loop.storeBudget();
  }
  resumed(): void {
    this.loop.loadBudget();
  }
}

/**
 * Writes the run loop: it looks up the page of PC, then runs one instruction per step until the grant is used up.
 *
 * What runs most is built in; everything else is the handler in the table. The grant is a word of the PE's block, so
 * that anything that needs a boundary can end it by taking what is left. While nobody can see it, it is a local.
 */
class RunLoop {
  readonly code = new RegionCode(1);
  readonly module: ModuleWriter;
  /** Label: PC is looked up, the budget is in the PE's block. */
  again = 0;
  /** Label: the record at IP is next. */
  next = 0;
  private readonly budget: number;

  constructor(module: ModuleWriter) {
    this.module = module;
    if (this.code.lasting('i32') !== IP) throw new Error('RunLoop: the first local holds the record');
    this.budget = this.code.lasting('i32');
  }

  loadBudget(): void {
    this.code.get(CPU).mem(OP.i32_load, PE_DERIVED.budget.offset).set(this.budget);
  }
  storeBudget(): void {
    this.code.get(CPU).get(this.budget).mem(OP.i32_store, PE_DERIVED.budget.offset);
  }

  /** The function's code. */
  emit(builtIn: readonly BuiltIn[]): Uint8Array {
    const c = this.code;
    this.again = c.open('loop');
    this.lookUp();
    this.loadBudget();
    this.next = c.open('loop');
    c.get(this.budget).op(OP.i32_eqz).if();
    this.leave();
    c.end();
    c.get(this.budget).i32(1).op(OP.i32_sub).set(this.budget);
    this.step(builtIn);
    c.end();
    c.end();
    c.op(OP.unreachable);
    return c.finish();
  }

  /** IP becomes the record at PC, or the function ends. */
  private lookUp(): void {
    const c = this.code;
    const entry = c.local('i32');
    const [pc, tag] = [c.local('i64'), c.local('i64')];
    c.get(CPU).mem(OP.i64_load, PE_STATE.PC.offset).tee(pc);
    c.i64(12n)
      .op(OP.i64_shr_u, OP.i32_wrap_i64)
      .i32(EXEC_TLB_ENTRIES - 1)
      .op(OP.i32_and)
      .i32(5)
      .op(OP.i32_shl);
    c.get(CPU).op(OP.i32_add).tee(entry).mem(OP.i64_load, EXEC_TLB_BASE);
    c.get(pc).i64(-4096n).op(OP.i64_and);
    c.get(CPU).get(pc).i64(63n).op(OP.i64_shr_u, OP.i32_wrap_i64).i32(3).op(OP.i32_shl, OP.i32_add);
    c.mem(OP.i64_load, PE_DERIVED.fetchLow.offset).op(OP.i64_or).tee(tag).op(OP.i64_ne).if();
    c.get(entry).i32(EXEC_TLB_WAY_BYTES).op(OP.i32_add).tee(entry).mem(OP.i64_load, EXEC_TLB_BASE);
    c.get(tag).op(OP.i64_ne).if().i32(LEFT_FETCH).op(OP.return).end().end();
    c.get(pc).op(OP.i32_wrap_i64).i32(3).op(OP.i32_and).if(); // misaligned: in no page
    c.i32(LEFT_FETCH).op(OP.return).end();
    c.get(CPU).get(pc).i64(-4096n).op(OP.i64_and).mem(OP.i64_store, PE_DERIVED.pageVa.offset);
    c.get(CPU)
      .get(entry)
      .mem(OP.i32_load, EXEC_TLB_BASE + EXEC_TLB_RECORDS)
      .tee(IP)
      .mem(OP.i32_store, PE_DERIVED.pageRecords.offset);
    c.get(IP).get(pc).op(OP.i32_wrap_i64).i32(0xffc).op(OP.i32_and).i32(2).op(OP.i32_shl, OP.i32_add).set(IP);
    countArrival(this, IP);
  }

  /** The grant is used up: PC becomes the address that the record at IP stands for. */
  private leave(): void {
    const c = this.code;
    this.storeBudget();
    c.get(CPU);
    c.get(CPU).mem(OP.i64_load, PE_DERIVED.pageVa.offset);
    c.get(IP)
      .i32(RECORD_PAGE_BYTES - 1)
      .op(OP.i32_and)
      .i32(2)
      .op(OP.i32_shr_u, OP.i64_extend_i32_u, OP.i64_add);
    c.mem(OP.i64_store, PE_STATE.PC.offset).i32(LEFT_BUDGET).op(OP.return);
  }

  /** One step: the code that is built in for the handler of the record at IP, or a call of that handler. */
  private step(builtIn: readonly BuiltIn[]): void {
    const c = this.code;
    const first = Math.min(...builtIn.map(({ handler }) => handler));
    const other = c.open('block');
    const labels = builtIn.map(() => c.open('block'));
    if (builtIn.length > 0) {
      c.get(IP).mem(OP.i32_load16_u, 0).i32(first).op(OP.i32_sub);
      // The innermost block is the first shape's.
      c.brTable(labels.toReversed(), other);
    }
    for (const shape of builtIn) {
      c.end();
      new BuiltInEmitter(this, shape).write();
    }
    c.end();
    c.nextInstruction();
    this.storeBudget();
    c.get(CPU).get(IP).get(IP).mem(OP.i32_load16_u, 0).op(OP.call_indirect);
    c.out.u32(this.module.type(HANDLER_TYPE));
    c.out.u8(0);
    const answer = c.local('i32');
    c.tee(answer).i32(1).op(OP.i32_gt_u).if();
    c.get(answer).set(IP);
    this.loadBudget();
    c.br(this.next).end();
    c.get(answer).op(OP.i32_eqz).brIf(this.again);
    c.i32(LEFT_DECODE).op(OP.return);
  }
}

/** The module with the run loop, `run`: PE block to why it came back. */
export function runLoopModule(builtIn: readonly BuiltIn[]): Uint8Array {
  const module = new ModuleWriter({ tableEntries: HANDLERS_MAX + REGIONS_MAX });
  module.func('run', { params: ['i32'], results: ['i32'] }, new RunLoop(module).emit(builtIn));
  return module.finish();
}
