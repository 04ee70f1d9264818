/**
 * Operations on lanes that several groups of instructions share: saturating, halving, doubling and polynomial
 * arithmetic. DDI 0487, "SIMD and Floating-point Instructions"; the names are those of the instructions.
 */
import type { Builder, Val } from '../../ir/builder.ts';
import type { Vec } from './vector.ts';

/** A result of two vectors, lane by lane. */
export type LaneOp = (v: Vec, x: Val, y: Val) => Val;

/** SQADD, UQADD. Sets FPSR.QC. */
export function saturatingAdd(v: Vec, signed: boolean, x: Val, y: Val): Val {
  const sum = v.add(x, y);
  if (v.esize < 32) {
    const result = v.op(signed ? 'vaddsats' : 'vaddsatu', x, y);
    v.noteSaturation(v.xor(result, sum));
    return result;
  }
  if (!signed) {
    const carry = v.gt(false, x, sum);
    v.noteSaturation(carry);
    return v.or(sum, carry);
  }
  // Overflow where the sum's sign differs from both operands'.
  return overflowing(v, x, sum, v.and(v.xor(x, sum), v.xor(y, sum)));
}

/** SQSUB, UQSUB. Sets FPSR.QC. */
export function saturatingSub(v: Vec, signed: boolean, x: Val, y: Val): Val {
  const difference = v.sub(x, y);
  if (v.esize < 32) {
    const result = v.op(signed ? 'vsubsats' : 'vsubsatu', x, y);
    v.noteSaturation(v.xor(result, difference));
    return result;
  }
  if (!signed) {
    const borrow = v.gt(false, y, x);
    v.noteSaturation(borrow);
    return v.andNot(difference, borrow);
  }
  return overflowing(v, x, difference, v.and(v.xor(x, y), v.xor(x, difference)));
}

/** `result`, or the extreme value of the sign of `x` in lanes where the top bit of `overflow` is set. */
function overflowing(v: Vec, x: Val, result: Val, overflow: Val): Val {
  const where = v.shr(true, overflow, v.esize - 1);
  v.noteSaturation(where);
  return v.b.vselect(where, extremeOfSign(v, x), result);
}
/** The greatest value for lanes that are not negative, the least for those that are. */
function extremeOfSign(v: Vec, x: Val): Val {
  return v.xor(v.shr(true, x, v.esize - 1), v.all(v.min - 1n));
}

/** SUQADD: unsigned `x` added to signed `d`. With the sign bit of `d` inverted both are unsigned. */
export function addUnsignedToSigned(v: Vec, x: Val, d: Val): Val {
  return v.xor(saturatingAdd(v, false, v.xor(d, v.all(v.min)), x), v.all(v.min));
}
/** USQADD: signed `x` added to unsigned `d`. With the top bit of `d` inverted both are signed. */
export function addSignedToUnsigned(v: Vec, x: Val, d: Val): Val {
  return v.xor(saturatingAdd(v, true, v.xor(d, v.all(v.min)), x), v.all(v.min));
}

/** SQABS and SQNEG: only the least value saturates, and the plain operation leaves it unchanged. */
export function saturatingUnary(v: Vec, op: 'vabs' | 'vneg', x: Val): Val {
  const least = v.eq(x, v.all(v.min));
  v.noteSaturation(least);
  return v.add(v.b.vun(op, v.esize, x), least);
}

/** SHADD, UHADD: half the sum, without its carry lost. */
export function halvingAdd(v: Vec, signed: boolean, x: Val, y: Val): Val {
  return v.add(v.and(x, y), v.shr(signed, v.xor(x, y), 1));
}
/** SRHADD, URHADD. */
export function roundingHalvingAdd(v: Vec, signed: boolean, x: Val, y: Val): Val {
  if (!signed && v.esize < 32) return v.op('vavgru', x, y);
  return v.sub(v.or(x, y), v.shr(signed, v.xor(x, y), 1));
}
/** SHSUB, UHSUB. */
export function halvingSub(v: Vec, signed: boolean, x: Val, y: Val): Val {
  return v.sub(v.shr(signed, v.xor(x, y), 1), v.andNot(y, x));
}

/** SABD, UABD. */
export function absoluteDifference(v: Vec, signed: boolean, x: Val, y: Val): Val {
  return v.sub(v.max(signed, x, y), v.minimum(signed, x, y));
}

/** SQDMULH, SQRDMULH: the high half of twice the product. Sets FPSR.QC. */
export function doublingMultiplyHigh(v: Vec, rounding: boolean, x: Val, y: Val): Val {
  return v.viaWide(true, [x, y], (w, n, m) => highHalf(v, w, rounding, w.op('vmul', n, m)));
}
/** SQRDMLAH (`sign` 1) and SQRDMLSH (-1). Sets FPSR.QC. */
export function doublingMultiplyAccumulateHigh(v: Vec, sign: 1 | -1, d: Val, x: Val, y: Val): Val {
  return v.viaWide(true, [d, x, y], (w, a, n, m) => {
    const product = w.op('vmul', n, m);
    const accumulator = w.shl(a, v.esize - 1);
    return highHalf(v, w, true, sign > 0 ? w.add(accumulator, product) : w.sub(accumulator, product));
  });
}
/** Twice `x` shifted right by the element size; the doubling is left out, so nothing overflows. */
function highHalf(v: Vec, w: Vec, rounding: boolean, x: Val): Val {
  const rounded = rounding ? w.add(x, w.all(1n << BigInt(v.esize - 2))) : x;
  return w.clampSigned(w.shr(true, rounded, v.esize - 1), v.esize);
}

/**
 * SSHL, USHL and their rounding and saturating forms: each lane shifted by the signed low byte of the lane of `y`,
 * to the right if negative. Saturating forms set FPSR.QC.
 */
export function shiftByRegister(v: Vec, o: ShiftOptions, x: Val, y: Val): Val {
  const { b } = v;
  let saturated: Val = b.i32(0);
  const result = v.each64((i) => {
    const value = v.lane64(o.signed, x, i);
    const amount = b.exts(v.lane64(false, y, i), 8);
    const right = b.lts(amount, b.i64(0));
    const { left, over } = shiftLeft(v, o, value, amount);
    saturated = b.or(saturated, b.select(right, b.i32(0), over));
    return b.select(right, shiftRight(b, o, value, b.neg(amount)), left);
  });
  if (o.saturating) v.noteSaturated(saturated);
  return result;
}
/** Which of the shifts by register. */
export interface ShiftOptions {
  readonly signed: boolean;
  readonly rounding: boolean;
  readonly saturating: boolean;
}
/** By 0 to 127. The lane is held at the top of 64 bits, where what is lost overflows for every lane width. */
function shiftLeft(v: Vec, o: ShiftOptions, value: Val, amount: Val): { left: Val; over: Val } {
  const { b } = v;
  const shr = (x: Val, n: Val | number): Val => (o.signed ? b.shrs(x, n) : b.shru(x, n));
  const top = b.shl(value, 64 - v.esize);
  const shifted = b.select(b.ltu(amount, b.i64(64)), b.shl(top, amount), b.i64(0));
  if (!o.saturating) return { left: shr(shifted, 64 - v.esize), over: b.i32(0) };
  const over = b.ne(shr(shifted, amount), top);
  const extreme = o.signed ? b.xor(b.shrs(top, 63), b.i64((1n << 63n) - 1n)) : b.i64(-1);
  return { left: shr(b.select(over, extreme, shifted), 64 - v.esize), over };
}
/** By 1 to 128; rounding adds the last bit that was shifted out. */
function shiftRight(b: Builder, o: ShiftOptions, value: Val, amount: Val): Val {
  const by = (n: Val): Val => {
    const inRange = b.ltu(n, b.i64(64));
    if (o.signed) return b.shrs(value, b.select(inRange, n, b.i64(63)));
    return b.select(inRange, b.shru(value, n), b.i64(0));
  };
  if (!o.rounding) return by(amount);
  return b.add(by(amount), b.and(by(b.sub(amount, b.i64(1))), b.i64(1)));
}

/** PMUL, and PMULL of bytes when `v` has 16-bit lanes: products of 8-bit polynomials over {0, 1}. */
export function polynomialMultiply(v: Vec, x: Val, y: Val): Val {
  let product: Val | undefined;
  for (let bit = 0; bit < 8; bit++) {
    const selected = v.shr(true, v.shl(y, v.esize - 1 - bit), v.esize - 1);
    const term = v.and(v.shl(x, bit), selected);
    product = product ? v.xor(product, term) : term;
  }
  return product!;
}

/** Every fourth bit, from bit 0. */
const FOURTHS = 0x1111_1111_1111_1111n;

/**
 * Low 64 bits of the product of two 64-bit polynomials over {0, 1}. With only every fourth bit set, the columns of an
 * integer product hold at most 16 ones, whose carries leave the lowest bit of each column right.
 */
function carrylessLow(b: Builder, x: Val, y: Val): Val {
  const parts = (value: Val): Val[] => [0n, 1n, 2n, 3n].map((i) => b.and(value, b.i64(FOURTHS << i)));
  const [xs, ys] = [parts(x), parts(y)];
  let result: Val | undefined;
  for (let k = 0; k < 4; k++) {
    let column: Val | undefined;
    for (let i = 0; i < 4; i++) {
      const product = b.mul(xs[i]!, ys[(k - i) & 3]!);
      column = column ? b.xor(column, product) : product;
    }
    const kept = b.and(column!, b.i64(FOURTHS << BigInt(k)));
    result = result ? b.or(result, kept) : kept;
  }
  return result!;
}

/** A 64-bit value with its bits in the opposite order. */
function reverseBits(b: Builder, x: Val): Val {
  const swaps: readonly (readonly [number, bigint])[] = [
    [1, 0x5555_5555_5555_5555n],
    [2, 0x3333_3333_3333_3333n],
    [4, 0x0f0f_0f0f_0f0f_0f0fn],
    [8, 0x00ff_00ff_00ff_00ffn],
    [16, 0x0000_ffff_0000_ffffn],
  ];
  let value = x;
  for (const [n, mask] of swaps) {
    value = b.or(b.and(b.shru(value, n), b.i64(mask)), b.shl(b.and(value, b.i64(mask)), n));
  }
  return b.rotr(value, 32);
}

/** PMULL of doublewords: the 128-bit product of two 64-bit polynomials over {0, 1}. */
export function polynomialMultiply64(b: Builder, x: Val, y: Val): Val {
  const reversed = carrylessLow(b, reverseBits(b, x), reverseBits(b, y));
  return b.vec(carrylessLow(b, x, y), b.shru(reverseBits(b, reversed), 1));
}
