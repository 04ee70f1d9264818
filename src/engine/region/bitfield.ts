import type { IrNode } from '../../ir/types.ts';
import { constantOf, maskOf, sameRegister, widthOf } from './fold.ts';

/** A signed bit field: the source shifted left by `up`, arithmetically right by `down`, and left by `left`. */
export interface SignedField {
  readonly source: IrNode;
  readonly up: number;
  readonly down: number;
  readonly left: number;
}

/** Operand and constant of an operation whose second operand is known. */
function parts(node: IrNode | undefined, op: string): { of: IrNode; by: bigint } | undefined {
  if (node?.op !== op) return undefined;
  const by = constantOf(node.args[1]!);
  return by === undefined ? undefined : { of: node.args[0]!, by };
}

/** The bit of a register that is copied to many: a register rotated right and that bit alone negated. */
function signOf(node: IrNode): { of: IrNode; bit: number } | undefined {
  if (node.op !== 'sub' || constantOf(node.args[0]!) !== 0n) return undefined;
  const highest = parts(node.args[1], 'shru');
  if (highest?.by === BigInt(widthOf(node) - 1)) return { of: highest.of, bit: widthOf(node) - 1 };
  const one = parts(node.args[1], 'and');
  if (one?.by !== 1n) return undefined;
  const moved = parts(one.of, 'rotr') ?? parts(one.of, 'shru') ?? { of: one.of, by: 0n };
  return { of: moved.of, bit: Number(moved.by) };
}

/**
 * Reads a signed bit field off how SBFM says it: copies of the sign above, the field below (DDI 0487, "SBFM").
 *
 * @param above - the sign and a mask
 * @param below - the source, shifted or rotated, and a mask
 */
export function bitfieldOf(above: IrNode, below: IrNode): SignedField | undefined {
  const width = widthOf(above);
  const top = parts(above, 'and');
  const sign = top && signOf(top.of);
  if (!sign) return undefined;
  const all = maskOf(width);
  const field = parts(below, 'and') ?? { of: below, by: undefined };
  const [left, right] = [parts(field.of, 'shl'), parts(field.of, 'shru')];
  const source = left?.of ?? right?.of ?? field.of;
  const by = Number(left?.by ?? 0n) - Number(right?.by ?? 0n);
  const kept = (field.by ?? all) & (by < 0 ? maskOf(width + by) : all & ~maskOf(by));
  // The field is all from the sign down to the source's bit that is lowest in it.
  const up = width - 1 - sign.bit;
  const size = sign.bit + 1 + by;
  if (size <= 0 || size > width || !sameRegister(source, sign.of)) return undefined;
  if ((kept | top.by) !== (by > 0 ? all & ~maskOf(by) : all)) return undefined;
  if ((top.by & maskOf(size)) !== 0n || (kept & ~maskOf(size)) !== 0n) return undefined;
  return by > 0 ? { source, up, down: up, left: by } : { source, up, down: up - by, left: 0 };
}
