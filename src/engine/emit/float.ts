import { PE_STATE } from '../../arch/pestate.ts';
import type { FpOp, IrNode } from '../../ir/types.ts';
import type { ValType } from '../wasm/binary.ts';
import { FLOAT, OP } from '../wasm/opcodes.ts';
import { CPU, type Emission } from './emission.ts';

/** Leaves 1 when FPCR is zero (round to nearest, no flush-to-zero, no default NaN) and FPSR.IXC is already set. */
function pushFastPossible({ code }: Emission): void {
  code.get(CPU).mem(OP.i32_load, PE_STATE.FPCR.offset).op(OP.i32_eqz);
  code.get(CPU).mem(OP.i32_load, PE_STATE.FPSR.offset).i32(4).op(OP.i32_shr_u).i32(1).op(OP.i32_and, OP.i32_and);
}

/**
 * Turns raw bits on the stack into 1 when the exponent field is from 2 up to all ones less one.
 *
 * A result with exponent 1 may have been tiny before rounding.
 */
function isOrdinary({ code }: Emission, wide: boolean): void {
  if (wide) code.i64(52n).op(OP.i64_shr_u, OP.i32_wrap_i64).i32(0x7ff);
  else code.i32(23).op(OP.i32_shr_u).i32(0xff);
  code
    .op(OP.i32_and)
    .i32(2)
    .op(OP.i32_sub)
    .i32(wide ? 0x7fd : 0xfd)
    .op(OP.i32_lt_u);
}

/**
 * Writes a floating-point operation.
 *
 * The host's operation is right when rounding is to nearest, flush-to-zero and default NaN are off, IXC is already set
 * and the result is a normal number above the smallest ones; everything else takes the exact helper.
 */
export function emitFloat(e: Emission, node: IrNode & { readonly op: FpOp }): void {
  const c = e.code;
  const wide = node.width === 64 ? 1 : 0;
  const ty: ValType = wide ? 'i64' : 'i32';
  const operands = node.args.map((a) => {
    const local = c.local(ty);
    e.value(a);
    c.set(local);
    return local;
  });
  const r = c.local(ty);
  const params: ValType[] = ['i32', ...operands.map(() => ty)];
  const helper = e.module.importFunc(`${node.op}${node.width}`, { params, results: [ty] });
  const slow = (): void => {
    c.get(CPU);
    for (const o of operands) c.get(o);
    c.call(helper);
  };
  pushFastPossible(e);
  c.if(ty);
  for (const o of operands) c.get(o).op(wide ? OP.f64_reinterpret_i64 : OP.f32_reinterpret_i32);
  c.op(FLOAT[node.op]![wide])
    .op(wide ? OP.i64_reinterpret_f64 : OP.i32_reinterpret_f32)
    .tee(r);
  isOrdinary(e, wide === 1);
  c.if(ty).get(r).else();
  slow();
  c.end().else();
  slow();
  c.end();
}
