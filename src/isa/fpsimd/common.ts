/** What the floating-point clauses share: elements, signs, comparison and maximum on whole vectors. */
import { PE_STATE } from '../../arch/pestate.ts';
import type { Builder, Val } from '../../ir/builder.ts';
import { FPCR } from '../fp/index.ts';
import { FP_HELPERS } from '../fp-helpers.ts';

/** Width of a floating-point element in bits. */
export type Width = 32 | 64;

/** An operation on elements given as raw bits. */
export type ElementOp = (b: Builder, width: Width, ...operands: Val[]) => Val;

/** An operation on the low `count` elements of vectors; the rest of the result is zero. */
export type VectorOp = (b: Builder, width: Width, count: number, ...operands: Val[]) => Val;

/** Sizes of a vector operation. */
export interface Shape {
  readonly width: Width;
  readonly count: number;
}

/** Element width of an `sz` field. */
export function widthOf(sz: number | undefined): Width {
  return sz ? 64 : 32;
}

/** Elements of a vector instruction with fields `Q` and `sz`. */
export function vectorShape(q: number | undefined, sz: number | undefined): Shape {
  const width = widthOf(sz);
  return { width, count: (q ? 128 : 64) / width };
}

/** Constant of a width. */
export function bits(b: Builder, width: Width, value: bigint): Val {
  return b.k(width === 64 ? 'i64' : 'i32', value);
}

/** Vector with one constant in each element. */
export function splatBits(b: Builder, width: Width, value: bigint): Val {
  const half = width === 64 ? value : value | (value << 32n);
  return b.vconst(half, half);
}

/** Call of an exact function by its name without the width. */
export function callFp(b: Builder, name: string, ...args: Val[]): Val {
  const helper = FP_HELPERS[name];
  if (!helper) throw new Error(`FP helper '${name}' is not declared in isa/fp-helpers`);
  return b.call(helper, ...args);
}

/** The element operation that calls the exact function of this name and width. */
export function exact(name: string): ElementOp {
  return (b, width, ...operands) => callFp(b, `${name}${width}`, ...operands);
}

/** The element operation that the host's floating point can do. */
export function native(op: 'FPAdd' | 'FPSub' | 'FPMul' | 'FPDiv' | 'FPSqrt'): ElementOp {
  return (b, width, ...operands) => b.fp(op, width, ...operands);
}

/** The lowest element of a V register. */
export function scalar(b: Builder, field: string, width: Width): Val {
  return b.lane(b.v(field), width, 0);
}

/** Writes the lowest element of a V register; the rest becomes zero. */
export function setScalar(b: Builder, field: string, width: 16 | Width, value: Val): void {
  b.setV(
    field,
    b.lanes(width, 1, () => value),
  );
}

/** FPNeg() of raw bits. */
export const negate: ElementOp = (b, width, x) => b.xor(x!, bits(b, width, 1n << BigInt(width - 1)));

/** FPAbs() of raw bits. */
export const absolute: ElementOp = (b, width, x) => b.and(x!, bits(b, width, (1n << BigInt(width - 1)) - 1n));

/** The low `bitCount` bits of a vector, the rest zero. */
function keep(b: Builder, v: Val, bitCount: number): Val {
  if (bitCount === 128) return v;
  if (bitCount === 64) return b.low64(v);
  return b.lanes(32, 1, () => b.lane(v, 32, 0));
}

/** Applies an element operation to each element in turn, from the lowest. */
export function perElement(op: ElementOp): VectorOp {
  return (b, width, count, ...operands) =>
    b.lanes(width, count, (i) => op(b, width, ...operands.map((v) => b.lane(v, width, i))));
}

function signMask(width: Width): bigint {
  return 1n << BigInt(width - 1);
}

/** FPNeg() of every element. */
export const negateVector: VectorOp = (b, width, count, v) =>
  keep(b, b.vop('vxor', width, v!, splatBits(b, width, signMask(width))), count * width);

/** FPAbs() of every element. */
export const absoluteVector: VectorOp = (b, width, count, v) =>
  keep(b, b.vop('vand', width, v!, splatBits(b, width, signMask(width) - 1n)), count * width);

/** Magnitude bits of infinity. */
function infinity(width: Width): bigint {
  return width === 64 ? 0x7ffn << 52n : 0xffn << 23n;
}

/**
 * 1 when no element of the vectors is a NaN and FPCR.FZ is 0: then ordering elements is ordering integers, and no
 * FPSR bit is set. Elements the instruction does not use may only make it 0, which is slower but not wrong.
 */
function isPlain(b: Builder, width: Width, operands: readonly Val[]): Val {
  const limit = splatBits(b, width, infinity(width));
  const mask = splatBits(b, width, signMask(width) - 1n);
  const nans = operands
    .map((v) => b.vop('vgts', width, b.vop('vand', width, v, mask), limit))
    .reduce((a, c) => b.vop('vor', width, a, c));
  const any = b.or(b.lane(nans, 64, 0), b.lane(nans, 64, 1));
  const flush = b.and(b.get(PE_STATE.FPCR), b.i32(FPCR.FZ));
  return b.and(b.eq(any, b.i64(0)), b.eq(flush, b.i32(0)));
}

/** Elements as signed integers in the same order, zeros of both signs equal. */
function valueKey(b: Builder, width: Width, v: Val): Val {
  const sign = b.vshift('vshrs', width, v, width - 1);
  const magnitude = b.vop('vand', width, v, splatBits(b, width, signMask(width) - 1n));
  return b.vop('vsub', width, b.vop('vxor', width, magnitude, sign), sign);
}

/** Elements as signed integers in the same order, -0.0 before +0.0. */
function totalKey(b: Builder, width: Width, v: Val): Val {
  const sign = b.vshift('vshrs', width, v, width - 1);
  return b.vop('vxor', width, v, b.vshift('vshru', width, sign, 1));
}

/** All ones in each element for which the comparison holds: FPCompareEQ(), FPCompareGE() or FPCompareGT(). */
export function compareVector(name: 'FPCompareEQ' | 'FPCompareGE' | 'FPCompareGT'): VectorOp {
  const op = { FPCompareEQ: 'veq', FPCompareGE: 'vges', FPCompareGT: 'vgts' } as const;
  const slow = perElement((b, width, x, y) => {
    const mask = b.neg(callFp(b, `${name}${width}`, x!, y!));
    return width === 64 ? b.sext(mask) : mask;
  });
  return (b, width, count, x, y) =>
    b.choose(
      isPlain(b, width, [x!, y!]),
      () => keep(b, b.vop(op[name], width, valueKey(b, width, x!), valueKey(b, width, y!)), count * width),
      () => slow(b, width, count, x!, y!),
    );
}

/** FPMax(), FPMin(), FPMaxNum() or FPMinNum() of each pair of elements. */
export function extremumVector(name: 'FPMax' | 'FPMin' | 'FPMaxNum' | 'FPMinNum'): VectorOp {
  const slow = perElement(exact(name));
  const largest = name.startsWith('FPMax');
  return (b, width, count, x, y) =>
    b.choose(
      isPlain(b, width, [x!, y!]),
      () => {
        const greater = b.vop('vgts', width, totalKey(b, width, x!), totalKey(b, width, y!));
        const chosen = largest ? b.vselect(greater, x!, y!) : b.vselect(greater, y!, x!);
        return keep(b, chosen, count * width);
      },
      () => slow(b, width, count, x!, y!),
    );
}

/**
 * FPCompare() of two scalars as NZCV in bits 31:28. Two numbers are compared as integers when FPCR.FZ is 0; NaNs and
 * flushing take the exact function.
 */
export function compareFlags(b: Builder, width: Width, x: Val, y: Val, signalNaNs: boolean): Val {
  const [ax, ay] = [absolute(b, width, x), absolute(b, width, y)];
  const limit = bits(b, width, infinity(width));
  const numbers = b.and(b.cmp('leu', ax, limit), b.cmp('leu', ay, limit));
  const noFlush = b.eq(b.and(b.get(PE_STATE.FPCR), b.i32(FPCR.FZ)), b.i32(0));
  const key = (v: Val, magnitude: Val): Val => {
    const sign = b.shrs(v, width - 1);
    return b.sub(b.xor(magnitude, sign), sign);
  };
  return b.choose(
    b.and(numbers, noFlush),
    () => {
      const [kx, ky] = [key(x, ax), key(y, ay)];
      const unequal = b.select(b.lts(kx, ky), b.i32(0x8 << 28), b.i32(0x2 << 28));
      return b.select(b.eq(kx, ky), b.i32(0x6 << 28), unequal);
    },
    () => callFp(b, `FPCompare${width}`, x, y, b.i32(signalNaNs ? 1 : 0)),
  );
}
