import type { IrNode } from '../../ir/types.ts';

/** A constant of a fragment, as an unsigned number of its width. */
export type Constant = bigint;

/** The value of a constant node, or undefined. */
export function constantOf(node: IrNode): Constant | undefined {
  if (node.op === 'const32') return BigInt.asUintN(32, BigInt(node.value));
  return node.op === 'const64' ? node.value : undefined;
}
/** Bits of an integer node's type. */
export function widthOf(node: IrNode): 32 | 64 {
  return node.ty === 'i32' ? 32 : 64;
}
/** The lowest `bits` bits. */
export function maskOf(bits: number): bigint {
  return (1n << BigInt(bits)) - 1n;
}

/** What an operation on two constants gives, modulo its width; see `BinaryOp`. */
export function foldBinary(op: IrNode['op'], a: Constant, b: Constant, width: 32 | 64): Constant {
  const n = b % BigInt(width);
  const cut = (value: bigint): Constant => BigInt.asUintN(width, value);
  switch (op) {
    case 'add':
      return cut(a + b);
    case 'sub':
      return cut(a - b);
    case 'and':
      return a & b;
    case 'or':
      return a | b;
    case 'xor':
      return a ^ b;
    case 'shl':
      return cut(a << n);
    case 'shru':
      return a >> n;
    case 'shrs':
      return cut(BigInt.asIntN(width, a) >> n);
    case 'rotr':
      return cut((a >> n) | (a << (BigInt(width) - n)));
    default:
      throw new Error(`foldBinary: '${op}' is not folded`);
  }
}

/** What a change of width gives. */
export function foldConvert(op: 'zext' | 'sext' | 'trunc', value: Constant): Constant {
  if (op === 'trunc') return BigInt.asUintN(32, value);
  return op === 'zext' ? value : BigInt.asUintN(64, BigInt.asIntN(32, value));
}

/** Whether two nodes read the same register; clauses write theirs last. */
export function sameRegister(a: IrNode, b: IrNode): boolean {
  if (a === b) return true;
  if ((a.op !== 'getx' && a.op !== 'getw') || a.op !== b.op) return false;
  const number = (n: typeof a): number => (n.reg.constant! + n.reg.plus) & 31;
  return number(a) === number(b as typeof a);
}
