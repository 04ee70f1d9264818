import type { IrNode } from '../../ir/types.ts';
import type { ValType } from '../wasm/binary.ts';
import { OP } from '../wasm/opcodes.ts';
import type { Emission } from './emission.ts';

/** N and Z of a value at its width, in bits 31 and 30. */
function pushNz(e: Emission, result: number, ty: ValType): void {
  const c = e.code;
  if (ty === 'i64') {
    c.get(result)
      .i64(32n)
      .op(OP.i64_shr_u, OP.i32_wrap_i64)
      .i32(0x8000_0000 | 0)
      .op(OP.i32_and);
    c.get(result).op(OP.i64_eqz).i32(30).op(OP.i32_shl, OP.i32_or);
  } else {
    c.get(result)
      .i32(0x8000_0000 | 0)
      .op(OP.i32_and);
    c.get(result).op(OP.i32_eqz).i32(30).op(OP.i32_shl, OP.i32_or);
  }
}

/** Leaves the flags of a logical result: N and Z from it, C and V zero. */
function logicNzcv(e: Emission, value: IrNode): void {
  const ty = value.ty as ValType;
  const local = e.code.local(ty);
  e.value(value);
  e.code.set(local);
  pushNz(e, local, ty);
}

/** Leaves the flags of x + y + carry. */
function addsNzcv(e: Emission, x: IrNode, y: IrNode, carry: IrNode): void {
  const c = e.code;
  const ty = x.ty as ValType;
  const wide = ty === 'i64';
  const [a, b, r, cin] = [c.local(ty), c.local(ty), c.local(ty), c.local('i32')];
  e.value(x);
  c.set(a);
  e.value(y);
  c.set(b);
  e.value(carry);
  c.set(cin);
  c.get(a)
    .get(b)
    .op(wide ? OP.i64_add : OP.i32_add)
    .get(cin);
  if (wide) c.op(OP.i64_extend_i32_u);
  c.op(wide ? OP.i64_add : OP.i32_add).set(r);
  pushNz(e, r, ty);
  // Carry out: the top bit of (a & b) | ((a | b) & ~r). Overflow: the top bit of (a ^ r) & (b ^ r).
  const [and, or, xor, shr] = wide
    ? [OP.i64_and, OP.i64_or, OP.i64_xor, OP.i64_shr_u]
    : [OP.i32_and, OP.i32_or, OP.i32_xor, OP.i32_shr_u];
  const k = (v: bigint): void => void (wide ? c.i64(v) : c.i32(Number(v)));
  const narrow = (): void => void (wide && c.op(OP.i32_wrap_i64));
  c.get(a).get(b).op(and).get(a).get(b).op(or).get(r);
  k(-1n);
  c.op(xor, and, or);
  k(wide ? 63n : 31n);
  c.op(shr);
  narrow();
  c.i32(29).op(OP.i32_shl, OP.i32_or);
  c.get(a).get(r).op(xor).get(b).get(r).op(xor, and);
  k(wide ? 63n : 31n);
  c.op(shr);
  narrow();
  c.i32(28).op(OP.i32_shl, OP.i32_or);
}

/** Bit `n` (31 to 28) of a local as 0 or 1. */
function pushFlag(e: Emission, local: number, n: number): void {
  e.code.get(local).i32(n).op(OP.i32_shr_u).i32(1).op(OP.i32_and);
}

/** Leaves 1 when a condition code holds for an NZCV value. */
function condition(e: Emission, nzcv: IrNode, cond: number): void {
  const c = e.code;
  const f = c.local('i32');
  e.value(nzcv);
  c.set(f);
  const [N, Z, C, V] = [31, 30, 29, 28];
  switch (cond >> 1) {
    case 0:
      pushFlag(e, f, Z);
      break;
    case 1:
      pushFlag(e, f, C);
      break;
    case 2:
      pushFlag(e, f, N);
      break;
    case 3:
      pushFlag(e, f, V);
      break;
    case 4: // HI: C set and Z clear
      pushFlag(e, f, C);
      pushFlag(e, f, Z);
      c.op(OP.i32_eqz, OP.i32_and);
      break;
    case 5: // GE: N equals V
      pushFlag(e, f, N);
      pushFlag(e, f, V);
      c.op(OP.i32_eq);
      break;
    case 6: // GT: N equals V and Z clear
      pushFlag(e, f, N);
      pushFlag(e, f, V);
      c.op(OP.i32_eq);
      pushFlag(e, f, Z);
      c.op(OP.i32_eqz, OP.i32_and);
      break;
    default:
      c.i32(1);
      return;
  }
  if (cond & 1) c.op(OP.i32_eqz);
}

/** Writes an operation that makes or tests NZCV; false when the node is something else. */
export function emitFlags(e: Emission, node: IrNode): boolean {
  switch (node.op) {
    case 'addsnzcv':
      addsNzcv(e, node.args[0]!, node.args[1]!, node.args[2]!);
      return true;
    case 'logicnzcv':
      logicNzcv(e, node.args[0]!);
      return true;
    case 'cond':
      condition(e, node.args[0]!, node.cond);
      return true;
    default:
      return false;
  }
}
