import type { IrNode } from '../../ir/types.ts';
import { CodeWriter } from '../wasm/code.ts';
import { OP } from '../wasm/opcodes.ts';

/**
 * Flags that are not worked out until somebody looks: what made them (a kind) and its two operands.
 *
 * 32-bit operands are kept zero-extended.
 */
export const FLAGS = { RAW: 0, SUB64: 1, SUB32: 2, ADD64: 3, ADD32: 4, LOGIC64: 5, LOGIC32: 6 } as const;
/** One of the kinds of operation that make flags. */
export type FlagsKind = (typeof FLAGS)[keyof typeof FLAGS];

/** How a node makes flags: kind and operands, or undefined when it must be worked out at once. */
export function lazyFlags(node: IrNode): { kind: FlagsKind; x: IrNode; y: IrNode | undefined } | undefined {
  const wide = node.args[0]?.ty === 'i64';
  if (node.op === 'logicnzcv') return { kind: wide ? FLAGS.LOGIC64 : FLAGS.LOGIC32, x: node.args[0]!, y: undefined };
  if (node.op !== 'addsnzcv') return undefined;
  const [x, y, carry] = node.args as readonly [IrNode, IrNode, IrNode];
  if (carry.op !== 'const32') return undefined;
  if (carry.value === 0) return { kind: wide ? FLAGS.ADD64 : FLAGS.ADD32, x, y };
  const inverted = y.op === 'xor' && isAllOnes(y.args[1]!) ? y.args[0]! : invertedConstant(y);
  return inverted && { kind: wide ? FLAGS.SUB64 : FLAGS.SUB32, x, y: inverted };
}

/** The constant whose complement a constant is. */
function invertedConstant(node: IrNode): IrNode | undefined {
  if (node.op === 'const32') return { ...node, value: ~node.value };
  return node.op === 'const64' ? { ...node, value: node.value ^ ((1n << 64n) - 1n) } : undefined;
}

function isAllOnes(node: IrNode): boolean {
  return (node.op === 'const32' && node.value === -1) || (node.op === 'const64' && node.value === (1n << 64n) - 1n);
}

/**
 * Opcode that compares the operands of a subtraction as a condition does: [32-bit, 64-bit], by condition code 0 to 13.
 */
const AFTER_SUB: Readonly<Record<number, readonly [number, number]>> = {
  0: [0x46, 0x51], // EQ
  1: [0x47, 0x52], // NE
  2: [0x4f, 0x5a], // CS: x >= y unsigned
  3: [0x49, 0x54], // CC
  8: [0x4b, 0x56], // HI
  9: [0x4d, 0x58], // LS
  10: [0x4e, 0x59], // GE
  11: [0x48, 0x53], // LT
  12: [0x4a, 0x55], // GT
  13: [0x4c, 0x57], // LE
};

/** Whether a condition can be told from the operands without working the flags out. */
export function hasShortForm(kind: FlagsKind, cond: number): boolean {
  if (kind === FLAGS.RAW) return false;
  if (cond >= 14) return true;
  if (kind === FLAGS.SUB64 || kind === FLAGS.SUB32) return AFTER_SUB[cond] !== undefined;
  // EQ, NE, MI, PL of a sum or a logical result.
  return cond <= 1 || cond === 4 || cond === 5;
}

/**
 * Writes a condition that `hasShortForm`: 1 or 0 on the stack.
 *
 * @param x - local (i64) of the first operand, `y` of the second
 */
export function emitShortForm(c: CodeWriter, kind: FlagsKind, cond: number, x: number, y: number): void {
  const wide = kind === FLAGS.SUB64 || kind === FLAGS.ADD64 || kind === FLAGS.LOGIC64 ? 1 : 0;
  const push = (local: number): CodeWriter => (wide ? c.get(local) : c.get(local).op(OP.i32_wrap_i64));
  if (cond >= 14) {
    c.i32(1);
    return;
  }
  push(x);
  if (kind === FLAGS.SUB64 || kind === FLAGS.SUB32) {
    push(y).op(AFTER_SUB[cond]![wide]);
    return;
  }
  if (kind === FLAGS.ADD64 || kind === FLAGS.ADD32) push(y).op(wide ? OP.i64_add : OP.i32_add);
  if (cond <= 1) {
    c.op(wide ? OP.i64_eqz : OP.i32_eqz);
    if (cond === 1) c.op(OP.i32_eqz);
  } else if (wide) c.i64(0n).op(cond === 4 ? 0x53 : 0x59);
  else c.i32(0).op(cond === 4 ? 0x48 : 0x4e);
}

/** The function `flags(kind, x, y)`: NZCV in bits 31:28. Part of the run loop's module. */
export function flagsFunction(): Uint8Array {
  const c = new CodeWriter(3);
  const [kind, x, y] = [0, 1, 2];
  const r = c.local('i64');
  const bit63 = (): CodeWriter => c.i64(63n).op(OP.i64_shr_u, OP.i32_wrap_i64);
  c.get(kind).op(OP.i32_eqz).if().get(x).op(OP.i32_wrap_i64, OP.return).end();
  // A 32-bit operation is the 64-bit one on operands moved to the upper half.
  c.get(kind).i32(1).op(OP.i32_and, OP.i32_eqz).if();
  c.get(x).i64(32n).op(OP.i64_shl).set(x).get(y).i64(32n).op(OP.i64_shl).set(y).end();
  // Subtraction: N and Z of x - y, C is x >= y, V is the sign of (x ^ y) & (x ^ r).
  c.get(kind).i32(2).op(0x4d).if();
  c.get(x).get(y).op(0x7d).set(r);
  nz(c, r);
  c.get(x).get(y).op(0x5a).i32(29).op(OP.i32_shl, OP.i32_or);
  c.get(x).get(y).op(OP.i64_xor).get(x).get(r).op(OP.i64_xor, OP.i64_and);
  bit63().i32(28).op(OP.i32_shl, OP.i32_or, OP.return).end();
  // Addition: C is r < x, V is the sign of (x ^ r) & (y ^ r).
  c.get(kind).i32(4).op(0x4d).if();
  c.get(x).get(y).op(OP.i64_add).set(r);
  nz(c, r);
  c.get(r).get(x).op(OP.i64_lt_u).i32(29).op(OP.i32_shl, OP.i32_or);
  c.get(x).get(r).op(OP.i64_xor).get(y).get(r).op(OP.i64_xor, OP.i64_and);
  bit63().i32(28).op(OP.i32_shl, OP.i32_or, OP.return).end();
  nz(c, x);
  return c.finish();
}

function nz(c: CodeWriter, value: number): void {
  c.get(value).i64(63n).op(OP.i64_shr_u, OP.i32_wrap_i64).i32(31).op(OP.i32_shl);
  c.get(value).op(OP.i64_eqz).i32(30).op(OP.i32_shl, OP.i32_or);
}
