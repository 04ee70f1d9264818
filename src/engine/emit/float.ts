import { PE_STATE } from '../../arch/pestate.ts';
import type { FpOp, IrNode } from '../../ir/types.ts';
import { pushFused32, pushFusedLanes, pushNoTie32 } from '../float/fused.ts';
import type { ValType } from '../wasm/binary.ts';
import type { CodeWriter } from '../wasm/code.ts';
import { EXTRACT, FLOAT, FLOAT_LANE, OP } from '../wasm/opcodes.ts';
import { CPU, type Emission } from './emission.ts';

/** Leaves 1 when FPCR is zero (round to nearest, no flush-to-zero, no default NaN) and FPSR.IXC is already set. */
export function pushFastPossible({ code }: { readonly code: CodeWriter }): void {
  code.get(CPU).mem(OP.i32_load, PE_STATE.FPCR.offset).op(OP.i32_eqz);
  code.get(CPU).mem(OP.i32_load, PE_STATE.FPSR.offset).i32(4).op(OP.i32_shr_u).i32(1).op(OP.i32_and, OP.i32_and);
}

/**
 * Leaves 1 when the exponent field of a local (f32 or f64) is from `from` up to all ones less one.
 *
 * Products and quotients need 2: a result with exponent 1 may have been tiny before rounding. Tiny sums are exact, so
 * for them any number will do.
 */
function isOrdinary({ code }: Emission, wide: boolean, result: number, from: 0 | 2): void {
  code.get(result);
  if (wide) code.op(OP.i64_reinterpret_f64).i64(52n).op(OP.i64_shr_u, OP.i32_wrap_i64).i32(0x7ff);
  else code.op(OP.i32_reinterpret_f32).i32(23).op(OP.i32_shr_u).i32(0xff);
  code.op(OP.i32_and);
  if (from) code.i32(from).op(OP.i32_sub);
  code.i32((wide ? 0x7ff : 0xff) - from).op(OP.i32_lt_u);
}

/** Whether a node is a constant with this bit pattern. */
function isConstant(node: IrNode | undefined, value: bigint): boolean {
  if (node?.op === 'const64') return node.value === value;
  return node?.op === 'const32' && BigInt.asUintN(32, BigInt(node.value)) === value;
}

/** Leaves raw bits as a number of the host, without the way by an integer register where there is one. */
export function pushFloat(e: Emission, node: IrNode): void {
  const c = e.code;
  const wide = node.ty === 'i64';
  const local = e.floatLocal(node);
  if (local !== undefined) {
    c.get(local);
    return;
  }
  if (e.isLazy(node)) {
    if (node.op === 'vlane' && node.lane === (wide ? 64 : 32)) {
      e.value(node.args[0]!);
      c.simd(FLOAT_LANE.extract[wide ? 64 : 32]).op(node.index);
      return;
    }
    const sign = wide ? 1n << 63n : 1n << 31n;
    const negates = node.op === 'xor' && isConstant(node.args[1], sign);
    const strips = node.op === 'and' && isConstant(node.args[1], sign - 1n);
    if (negates || strips) {
      pushFloat(e, node.args[0]!);
      if (negates) c.op(wide ? OP.f64_neg : OP.f32_neg);
      else c.op(wide ? OP.f64_abs : OP.f32_abs);
      return;
    }
  }
  e.value(node);
  c.op(wide ? OP.f64_reinterpret_i64 : OP.f32_reinterpret_i32);
}

/** Writes the replacement of a lane by the result of a floating-point operation; false when it is something else. */
export function emitFloatLane(e: Emission, node: IrNode): boolean {
  if (node.op !== 'vwith' || (node.lane !== 32 && node.lane !== 64)) return false;
  const local = e.floatLocal(node.args[1]!);
  if (local === undefined) return false;
  e.value(node.args[0]!);
  e.code.get(local).simd(FLOAT_LANE.replace[node.lane]).op(node.index);
  return true;
}

function floatLocals(e: Emission, node: IrNode): number[] {
  return node.args.map((a) => {
    const local = e.code.local(node.ty === 'i64' ? 'f64' : 'f32');
    pushFloat(e, a);
    e.code.set(local);
    return local;
  });
}

/**
 * With 1 on the stack if `result` is right for its operands: if it is not, or the host's arithmetic may not be used at
 * all, the helper's takes its place.
 */
function orHelper(e: Emission, node: IrNode, name: string, result: number): void {
  const c = e.code;
  const ty = node.ty as ValType;
  const helper = e.module.importFunc(name, { params: ['i32', ...node.args.map(() => ty)], results: [ty] });
  if (e.hostFloat) e.hostFloat();
  else pushFastPossible(e);
  c.op(OP.i32_and, OP.i32_eqz).if().get(CPU);
  for (const a of node.args) e.value(a);
  c.call(helper)
    .op(ty === 'i64' ? OP.f64_reinterpret_i64 : OP.f32_reinterpret_i32)
    .set(result);
  e.floatCalled?.();
  c.end();
  e.setFloatLocal(node, result);
}

/**
 * Writes a floating-point operation.
 *
 * The host's operation is right when rounding is to nearest, flush-to-zero and default NaN are off, IXC is already set
 * and the result is a normal number above the smallest ones; everything else takes the exact helper.
 */
export function emitFloat(e: Emission, node: IrNode & { readonly op: FpOp }): void {
  const c = e.code;
  const wide = node.width === 64;
  const result = c.local(wide ? 'f64' : 'f32');
  for (const a of node.args) pushFloat(e, a);
  c.op(FLOAT[node.op]![wide ? 1 : 0]).set(result);
  isOrdinary(e, wide, result, node.op === 'FPMul' || node.op === 'FPDiv' ? 2 : 0);
  orHelper(e, node, `${node.op}${node.width}`, result);
}

/** A call of FPMulAdd(). */
export type FusedCall = IrNode & { readonly op: 'call' };

/** Whether a call is one of FPMulAdd(), for `emitFused`. */
export function isFused(node: IrNode): node is FusedCall {
  return node.op === 'call' && node.helper.name.startsWith('FPMulAdd');
}

/** Leaves raw bits of a double as the lower lane of a vector; the other lane holds anything. */
function pushLowLane(e: Emission, node: IrNode): void {
  const lazy = e.isLazy(node);
  if (lazy && node.op === 'vlane' && node.lane === 64 && node.index === 0) {
    e.value(node.args[0]!);
  } else if (lazy && node.op === 'xor' && isConstant(node.args[1], 1n << 63n)) {
    pushLowLane(e, node.args[0]!);
    e.code.simd(FLOAT_LANE.negate[64]);
  } else {
    pushFloat(e, node);
    e.code.simd(FLOAT_LANE.splat[64]);
  }
}

/** Writes FPMulAdd() with the host's arithmetic. */
export function emitFused(e: Emission, node: FusedCall): void {
  const c = e.code;
  const wide = node.ty === 'i64';
  const result = c.local(wide ? 'f64' : 'f32');
  if (wide) {
    // In vectors, though one lane is wanted: significands are split without a way by integer registers.
    const [addend, a, b] = node.args.map((arg) => {
      const local = c.local('v128');
      pushLowLane(e, arg);
      c.set(local);
      return local;
    }) as [number, number, number];
    const both = c.local('v128');
    pushFusedLanes(c, addend, a, b, both);
    c.simd(EXTRACT[64]!).op(0, OP.i32_wrap_i64).get(both).simd(FLOAT_LANE.extract[64]).op(0).set(result);
  } else {
    const [addend, a, b] = floatLocals(e, node) as [number, number, number];
    pushNoTie32(c, pushFused32(c, addend, a, b, result).sum);
    c.op(OP.i32_and);
  }
  orHelper(e, node, node.helper.name, result);
}
