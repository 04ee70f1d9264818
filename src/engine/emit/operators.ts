import type { IrNode } from '../../ir/types.ts';
import type { ValType } from '../wasm/binary.ts';
import type { CodeWriter } from '../wasm/code.ts';
import {
  EXTRACT,
  OP,
  REPLACE,
  SCALAR_BINARY,
  SCALAR_UNARY,
  SPLAT,
  VECTOR_BINARY,
  VECTOR_SHIFT,
  VECTOR_UNARY,
} from '../wasm/opcodes.ts';
import type { Emission } from './emission.ts';

const SCALAR: Readonly<Record<string, readonly [i32: number, i64: number]>> = { ...SCALAR_BINARY, ...SCALAR_UNARY };
const LANE_WISE: Readonly<Record<string, Partial<Record<number, number>>>> = {
  ...VECTOR_BINARY,
  ...VECTOR_UNARY,
  ...VECTOR_SHIFT,
};

/** Leaves the quotient; where WebAssembly would trap (zero, the most negative number by -1) what UDIV and SDIV give. */
function divide(e: Emission, op: 'udiv' | 'sdiv', x: IrNode, y: IrNode): void {
  const c = e.code;
  const ty = x.ty as ValType;
  const wide = ty === 'i64' ? 1 : 0;
  const [a, b] = [c.local(ty), c.local(ty)];
  const k = (v: bigint): CodeWriter => (wide ? c.i64(v) : c.i32(Number(v)));
  e.value(x);
  c.set(a);
  e.value(y);
  c.tee(b)
    .op(wide ? OP.i64_eqz : OP.i32_eqz)
    .if(ty);
  k(0n);
  c.else();
  if (op === 'sdiv') {
    c.get(b);
    k(-1n)
      .op(wide ? OP.i64_eq : OP.i32_eq)
      .if(ty);
    k(0n).get(a).op(SCALAR_BINARY.sub[wide]).else();
    c.get(a).get(b).op(SCALAR_BINARY.sdiv[wide]).end();
  } else c.get(a).get(b).op(SCALAR_BINARY.udiv[wide]);
  c.end();
}

/** Wasm's select wants (a, b, cond); the node has (cond, a, b). */
function select(c: CodeWriter, ty: ValType): void {
  const [b, a, cond] = [c.local(ty), c.local(ty), c.local('i32')];
  c.set(b).set(a).set(cond).get(a).get(b).get(cond).op(OP.select);
}

/** Wasm's bitselect wants (a, b, mask); the node has (mask, a, b), so the mask waits in a local. */
function bitselect(c: CodeWriter): void {
  const [b, a, mask] = [c.local('v128'), c.local('v128'), c.local('v128')];
  c.set(b).set(a).set(mask).get(a).get(b).get(mask).simd(0x52);
}

/** Opcode of an operator that acts on what is on the stack. */
function plainOperator(c: CodeWriter, node: IrNode): void {
  const scalar = SCALAR[node.op];
  if (scalar) {
    const code = scalar[node.args[0]!.ty === 'i64' ? 1 : 0];
    if (code) c.op(code);
    return;
  }
  const code = 'lane' in node ? LANE_WISE[node.op]?.[node.lane] : undefined;
  if (code === undefined) throw new Error(`emit: no opcode for '${node.op}' ${'lane' in node ? node.lane : ''}`);
  c.simd(code);
}

function applyOperator(c: CodeWriter, node: IrNode): void {
  switch (node.op) {
    case 'zext':
      c.op(OP.i64_extend_i32_u);
      return;
    case 'sext':
      c.op(OP.i64_extend_i32_s);
      return;
    case 'trunc':
      c.op(OP.i32_wrap_i64);
      return;
    case 'select':
      select(c, node.ty as ValType);
      return;
    case 'vlane':
      c.simd(EXTRACT[node.lane]!).op(node.index);
      return;
    case 'vwith':
      c.simd(REPLACE[node.lane]!).op(node.index);
      return;
    case 'vsplat':
      c.simd(SPLAT[node.lane]!);
      return;
    case 'vshuffle':
      c.simd(0x0d).out.raw(node.bytes);
      return;
    case 'vselect':
      bitselect(c);
      return;
    default:
      plainOperator(c, node);
  }
}

/** Writes an operator that depends on its operands alone. */
export function emitOperator(e: Emission, node: IrNode): void {
  if (node.op === 'udiv' || node.op === 'sdiv') {
    divide(e, node.op, node.args[0]!, node.args[1]!);
    return;
  }
  for (const a of node.args) e.value(a);
  applyOperator(e.code, node);
}
