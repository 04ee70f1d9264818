import { beforeEach, describe, expect, it } from 'vitest';
import { EXEC_TLB_BASE, EXEC_TLB_ENTRIES, PE_DERIVED, PE_STATE } from '../arch/pestate.ts';
import { HANDLER_TYPE } from './emit.ts';
import { HANDLER_PAGE_END, HANDLER_UNDECODED, HANDLERS_MAX, RECORD_PAGE_USED, REGIONS_MAX } from './records.ts';
import { LEFT_BUDGET, LEFT_DECODE, LEFT_FETCH, runLoopModule } from './runloop.ts';
import { sharedModule } from './shared.ts';
import { ModuleWriter } from './wasm/binary.ts';
import { CodeWriter } from './wasm/code.ts';
import { OP } from './wasm/opcodes.ts';

const RECORDS = 0x10_0000;
const NEXT = 2;
const BRANCH = 3;
const BOUNDARY = 4;
const PAGE_VA = 0x40_0000;

const memory = new WebAssembly.Memory({ initial: 64 });
const view = new DataView(memory.buffer);
const table = new WebAssembly.Table({ element: 'anyfunc', initial: HANDLERS_MAX + REGIONS_MAX });

/** A module of handlers: the next record; to PC; the next record after taking what is left of the grant. */
function handlers(): Uint8Array {
  const module = new ModuleWriter();
  const next = (c: CodeWriter): Uint8Array => c.get(1).i32(16).op(OP.i32_add).finish();
  module.func('next', HANDLER_TYPE, next(new CodeWriter(2)));
  module.func('branch', HANDLER_TYPE, new CodeWriter(2).i32(0).finish());
  const taking = new CodeWriter(2).get(0).i32(0).mem(OP.i32_store, PE_DERIVED.budget.offset);
  module.func('boundary', HANDLER_TYPE, next(taking));
  return module.finish();
}

/** An instance of a module with the memory and table of this test; functions it imports do nothing. */
function instance(bytes: Uint8Array): Record<string, WebAssembly.ExportValue> {
  const module = new WebAssembly.Module(bytes as BufferSource);
  const env: Record<string, WebAssembly.ImportValue> = { memory, table };
  for (const { name, kind } of WebAssembly.Module.imports(module)) if (kind === 'function') env[name] = () => 0;
  return new WebAssembly.Instance(module, { env }).exports;
}

const loop = instance(sharedModule());
const run = instance(runLoopModule([])).run as (cpu: number) => number;
const made = instance(handlers());
for (const [slot, handler] of [
  [HANDLER_UNDECODED, loop.undecoded],
  [HANDLER_PAGE_END, loop.pageEnd],
  [NEXT, made.next],
  [BRANCH, made.branch],
  [BOUNDARY, made.boundary],
] as const)
  table.set(slot, handler);

/** Runs from a VA with a grant; tells why the loop came back, where PC is and what is left. */
function outcome(pc: number, grant: number): { left: number; pc: number; budget: number } {
  view.setBigUint64(PE_STATE.PC.offset, BigInt(pc), true);
  view.setInt32(PE_DERIVED.budget.offset, grant, true);
  const left = run(0);
  return {
    left,
    pc: Number(view.getBigUint64(PE_STATE.PC.offset, true)),
    budget: view.getInt32(PE_DERIVED.budget.offset, true),
  };
}
function mapPage(va: number, context = 1n): void {
  const entry = EXEC_TLB_BASE + ((va >>> 12) & (EXEC_TLB_ENTRIES - 1)) * 32;
  view.setBigUint64(entry, BigInt(va) | context, true);
  view.setInt32(entry + 8, RECORDS, true);
}

beforeEach(() => {
  new Uint8Array(memory.buffer).fill(0);
  view.setBigUint64(PE_DERIVED.fetchLow.offset, 1n, true);
  view.setBigUint64(PE_DERIVED.fetchHigh.offset, 2n, true);
  for (let i = 0; i < 1024; i++) view.setUint16(RECORDS + i * 16, NEXT, true);
  view.setUint16(RECORDS + RECORD_PAGE_USED, HANDLER_PAGE_END, true);
});

describe('the run loop comes back', () => {
  it('when the grant is used up, with PC at the next instruction', () => {
    mapPage(PAGE_VA);
    expect(outcome(PAGE_VA + 8, 5)).toEqual({ left: LEFT_BUDGET, pc: PAGE_VA + 28, budget: 0 });
    expect(outcome(PAGE_VA + 8, 0)).toEqual({ left: LEFT_BUDGET, pc: PAGE_VA + 8, budget: 0 });
  });

  it('when a handler took what was left of the grant', () => {
    mapPage(PAGE_VA);
    view.setUint16(RECORDS + 2 * 16, BOUNDARY, true);
    expect(outcome(PAGE_VA, 100)).toEqual({ left: LEFT_BUDGET, pc: PAGE_VA + 12, budget: 0 });
  });

  it('when PC is not in the exec TLB, with no step taken for that', () => {
    expect(outcome(PAGE_VA, 5)).toEqual({ left: LEFT_FETCH, pc: PAGE_VA, budget: 5 });
    mapPage(PAGE_VA);
    expect(outcome(PAGE_VA + 4088, 5), 'behind the last instruction of a page').toEqual({
      left: LEFT_FETCH,
      pc: PAGE_VA + 4096,
      budget: 3,
    });
  });

  it('when the entry is of another page or another context', () => {
    mapPage(PAGE_VA + EXEC_TLB_ENTRIES * 4096);
    expect(outcome(PAGE_VA, 5).left).toBe(LEFT_FETCH);
    mapPage(PAGE_VA, 2n);
    expect(outcome(PAGE_VA, 5).left).toBe(LEFT_FETCH);
    mapPage(PAGE_VA, 1n);
    expect(outcome(PAGE_VA, 5).left).toBe(LEFT_BUDGET);
  });

  it('when PC is misaligned, whatever the context', () => {
    for (const context of [1n, 2n, 3n]) {
      view.setBigUint64(PE_DERIVED.fetchLow.offset, context, true);
      mapPage(PAGE_VA, context);
      for (const low of [1, 2, 3]) expect(outcome(PAGE_VA + low, 5).left, `PC + ${low}`).toBe(LEFT_FETCH);
      expect(outcome(PAGE_VA, 5).left).toBe(LEFT_BUDGET);
    }
  });

  it('when a record is not decoded, with PC there and the step given back', () => {
    mapPage(PAGE_VA);
    view.setUint16(RECORDS + 3 * 16, HANDLER_UNDECODED, true);
    expect(outcome(PAGE_VA, 10)).toEqual({ left: LEFT_DECODE, pc: PAGE_VA + 12, budget: 7 });
  });
});

describe('the run loop goes on', () => {
  it('at PC when a handler says so', () => {
    mapPage(PAGE_VA);
    view.setUint16(RECORDS + 16, BRANCH, true);
    // The handler left PC where it was: the two instructions run again and again.
    expect(outcome(PAGE_VA, 7)).toEqual({ left: LEFT_BUDGET, pc: PAGE_VA + 4, budget: 0 });
  });

  it('with the next page behind the last instruction of a page, when that is in the exec TLB', () => {
    mapPage(PAGE_VA);
    mapPage(PAGE_VA + 4096);
    expect(outcome(PAGE_VA + 4092, 3)).toEqual({ left: LEFT_BUDGET, pc: PAGE_VA + 4096 + 8, budget: 0 });
  });
});
