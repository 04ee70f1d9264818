import { PE_DERIVED, PE_STATE } from '../arch/pestate.ts';
import { pushFastPossible } from './emit/float.ts';
import { OTHER_WAY_IMPORT, OTHER_WAY_TYPE, otherWayFunction, SLOW_TYPE } from './emit/memory.ts';
import { HANDLER_TYPE } from './emit.ts';
import { HANDLERS_MAX, RECORD_COUNT, RECORD_PAGE_BYTES, REGIONS_MAX } from './records.ts';
import { flagsFunction } from './region/flags.ts';
import { type FuncType, ModuleWriter } from './wasm/binary.ts';
import { CodeWriter } from './wasm/code.ts';
import { OP } from './wasm/opcodes.ts';

const CPU = 0;
/** Which function of the module works flags out, counted from 0. */
const FLAGS_NTH = 3;

/** A handler that takes no step: gives the step back, stores PC, and answers `next` to the loop. */
function stepless(next: number): Uint8Array {
  const c = new CodeWriter(2);
  c.get(CPU);
  c.get(CPU).mem(OP.i64_load, PE_DERIVED.pageVa.offset);
  c.get(1)
    .i32(RECORD_PAGE_BYTES - 1)
    .op(OP.i32_and)
    .i32(2)
    .op(OP.i32_shr_u, OP.i64_extend_i32_u, OP.i64_add);
  c.mem(OP.i64_store, PE_STATE.PC.offset);
  c.get(CPU)
    .get(CPU)
    .mem(OP.i32_load, PE_DERIVED.budget.offset)
    .i32(1)
    .op(OP.i32_add)
    .mem(OP.i32_store, PE_DERIVED.budget.offset);
  c.i32(next);
  return c.finish();
}

/** Runs the head of a region as the single instruction it replaced. */
function fallback(handlerType: number): Uint8Array {
  const c = new CodeWriter(2);
  c.get(CPU).get(1).get(1).mem(OP.i32_load16_u, RECORD_COUNT).op(OP.call_indirect);
  c.out.u32(handlerType);
  c.out.u8(0);
  return c.finish();
}

/** Type of `load` and `store`: PE block, record, access word, VA, budget, what makes the flags (see `flags`). */
export const ACCESS_TYPE: FuncType = {
  params: ['i32', 'i32', 'i32', 'i64', 'i32', 'i32', 'i64', 'i64'],
  results: ['i32'],
};
/** In place of a kind of flags: NZCV is as the PE's block has it. */
export const FLAGS_STORED = -1;

/**
 * A slow access of a region: puts what the region kept to itself where everybody finds it, then asks the host.
 *
 * The result is the budget that is left, or -1 when an exception was taken.
 */
function access(slow: number, flags: number): Uint8Array {
  const c = new CodeWriter(8);
  const [record, word, va, budget, kind, x, y] = [1, 2, 3, 4, 5, 6, 7];
  c.get(CPU).get(budget).mem(OP.i32_store, PE_DERIVED.budget.offset);
  c.get(kind).i32(FLAGS_STORED).op(OP.i32_ne).if();
  c.get(CPU).get(kind).get(x).get(y).call(flags).mem(OP.i32_store, PE_STATE.NZCV.offset).end();
  c.get(CPU).get(va).mem(OP.i64_store, PE_DERIVED.slowVa.offset);
  c.get(CPU).get(record).get(word).call(slow).if().i32(-1).op(OP.return).end();
  c.get(CPU).mem(OP.i32_load, PE_DERIVED.budget.offset);
  return c.finish();
}

/** Type of `hostFloat`: PE block to 0 or 1. */
export const HOST_FLOAT_TYPE: FuncType = { params: ['i32'], results: ['i32'] };

/** Whether the host's arithmetic may be used; see `pushFastPossible`. */
function hostFloatFunction(): Uint8Array {
  const code = new CodeWriter(1);
  pushFastPossible({ code });
  return code.finish();
}

/** The module with the run loop and the handlers that are not instructions. */
export function sharedModule(): Uint8Array {
  const module = new ModuleWriter({ tableEntries: HANDLERS_MAX + REGIONS_MAX });
  const handlerType = module.type(HANDLER_TYPE);
  const [slowLoad, slowStore] = [module.importFunc('slowLoad', SLOW_TYPE), module.importFunc('slowStore', SLOW_TYPE)];
  module.func('undecoded', HANDLER_TYPE, stepless(1));
  module.func('pageEnd', HANDLER_TYPE, stepless(0));
  module.func('fallback', HANDLER_TYPE, fallback(handlerType));
  module.func('flags', { params: ['i32', 'i64', 'i64'], results: ['i32'] }, flagsFunction());
  const flags = module.ownFunc(FLAGS_NTH);
  module.func('load', ACCESS_TYPE, access(slowLoad, flags));
  module.func('store', ACCESS_TYPE, access(slowStore, flags));
  module.func('hostFloat', HOST_FLOAT_TYPE, hostFloatFunction());
  module.func(OTHER_WAY_IMPORT, OTHER_WAY_TYPE, otherWayFunction());
  return module.finish();
}
