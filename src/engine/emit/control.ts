import { PE_DERIVED, PE_STATE } from '../../arch/pestate.ts';
import type { HelperSignature, IrNode } from '../../ir/types.ts';
import {
  HOT_COUNT,
  RECORD_BYTES,
  RECORD_COUNT,
  RECORD_PAGE_BYTES,
  RECORD_PAGE_USED,
  REGION_FIRST,
} from '../records.ts';
import type { ModuleWriter, ValType } from '../wasm/binary.ts';
import type { CodeWriter } from '../wasm/code.ts';
import { OP } from '../wasm/opcodes.ts';
import { CPU, diverted, type Emission, IP } from './emission.ts';
import { emitInline } from './inline.ts';
import { pushPc } from './registers.ts';

/** PC := target. Within the page the handler answers the record itself, else 0, so the run loop looks the page up. */
function branch(e: Emission, target: IrNode): void {
  const c = e.code;
  const [to, offset, next] = [c.local('i64'), c.local('i64'), c.local('i32')];
  e.value(target);
  c.tee(to).get(CPU).mem(OP.i64_load, PE_DERIVED.pageVa.offset).op(OP.i64_sub).tee(offset);
  // Rotated right by two, an offset that is misaligned or outside the page is at least 1024.
  c.i64(2n)
    .op(OP.i64_rotr)
    .i64(BigInt(RECORD_PAGE_USED / RECORD_BYTES))
    .op(OP.i64_lt_u)
    .if();
  c.get(IP).i32(-RECORD_PAGE_BYTES).op(OP.i32_and).get(offset).op(OP.i32_wrap_i64).i32(2).op(OP.i32_shl, OP.i32_add);
  c.set(next);
  countArrival(e, next);
  goOn(e, next);
  c.end();
  c.get(CPU).get(to).mem(OP.i64_store, PE_STATE.PC.offset);
  lookUp(e);
}

/** PC := address of this instruction + offset. Within the page the handler answers the record itself. */
function branchRelative(e: Emission, offset: IrNode): void {
  const c = e.code;
  const [off, next] = [c.local('i64'), c.local('i32')];
  e.value(offset);
  c.tee(off).op(OP.i32_wrap_i64).i32(2).op(OP.i32_shl).get(IP).op(OP.i32_add).tee(next);
  c.get(IP).i32(-RECORD_PAGE_BYTES).op(OP.i32_and, OP.i32_sub).i32(RECORD_PAGE_USED).op(OP.i32_lt_u).if();
  countArrival(e, next);
  goOn(e, next);
  c.end();
  c.get(CPU);
  pushPc(e);
  c.get(off).op(OP.i64_add).mem(OP.i64_store, PE_STATE.PC.offset);
  lookUp(e);
}

/** Ends the instruction: control goes on at the record in a local. */
function goOn(e: Emission, record: number): void {
  if (e.goOn) e.goOn(record);
  else e.code.get(record).op(OP.return);
}
/** Ends the instruction: control goes on at PC, which was stored. */
function lookUp(e: Emission): void {
  if (e.lookUp) e.lookUp();
  else e.code.i32(0).op(OP.return);
}

/** Counts that control came to a record by a branch; the host hears of every `HOT_COUNT`th. Regions do not count. */
export function countArrival(e: { readonly code: CodeWriter; readonly module: ModuleWriter }, record: number): void {
  const c = e.code;
  const count = c.local('i32');
  c.get(record).mem(OP.i32_load16_u, 0).i32(REGION_FIRST).op(OP.i32_lt_u).if();
  c.get(record)
    .get(record)
    .mem(OP.i32_load16_u, RECORD_COUNT)
    .i32(1)
    .op(OP.i32_add)
    .tee(count)
    .mem(OP.i32_store16, RECORD_COUNT);
  c.get(count)
    .i32(HOT_COUNT - 1)
    .op(OP.i32_and, OP.i32_eqz)
    .if();
  c.get(record).call(e.module.importFunc('hot', { params: ['i32'], results: [] }));
  c.end().end();
}

function conditional(e: Emission, node: IrNode & { readonly op: 'if' }): void {
  const c = e.code;
  e.value(node.args[0]!);
  c.if(node.ty === 'none' ? undefined : (node.ty as ValType));
  e.block(node.yes);
  if (node.yesValue) e.value(node.yesValue);
  if (node.no.length || node.noValue) {
    c.else();
    e.block(node.no);
    if (node.noValue) e.value(node.noValue);
  }
  c.end();
}

/** The handler ends here; the mark a helper left is taken back. */
function leave(e: Emission): void {
  e.code.get(CPU).i32(0).mem(OP.i32_store, PE_DERIVED.diverted.offset);
  diverted(e);
}

function call(e: Emission, helper: HelperSignature, args: readonly IrNode[]): void {
  const c = e.code;
  if (helper.effect !== 'pure') {
    e.observed?.();
    c.get(CPU);
    pushPc(e);
    c.mem(OP.i64_store, PE_STATE.PC.offset);
  }
  c.get(CPU);
  for (const a of args) e.value(a);
  const results: ValType[] = helper.result === 'none' ? [] : [helper.result as ValType];
  c.call(e.module.importFunc(helper.name, { params: ['i32', ...(helper.params as ValType[])], results }));
  if (helper.effect === 'pure') return;
  if (helper.effect === 'leave') {
    leave(e);
    return;
  }
  c.get(CPU).mem(OP.i32_load, PE_DERIVED.diverted.offset).if();
  leave(e);
  c.end();
  e.resumed?.();
}

/** Writes a branch, a conditional or a call; false when the node is something else. */
export function emitControl(e: Emission, node: IrNode): boolean {
  switch (node.op) {
    case 'call':
      emitInline(e, node.helper, node.args, () => call(e, node.helper, node.args));
      return true;
    case 'if':
      conditional(e, node);
      return true;
    case 'branch':
      branch(e, node.args[0]!);
      return true;
    case 'branchrel':
      branchRelative(e, node.args[0]!);
      return true;
    default:
      return false;
  }
}
