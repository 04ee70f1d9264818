/**
 * Reciprocal and reciprocal square root estimates, and the reciprocal exponent.
 * DDI 0487, shared pseudocode: FPRecipEstimate(), FPRSqrtEstimate(), FPRecpX(), RecipEstimate(), RecipSqrtEstimate(),
 * UnsignedRecipEstimate(), UnsignedRSqrtEstimate(). FEAT_RPRES is not in the profile: estimates have 8 bits.
 */
import {
  bitLength,
  FPCR,
  FPRoundingMode,
  FPSR,
  type FpArithmeticWidth,
  type FpEnv,
  formatOf,
  withSign,
} from './format.ts';
import { FPProcessNaN, FPType, FPUnpack, invalidNaN, isNaNType, newUnpacked, overflowsToInfinity } from './unpack.ts';

const op = newUnpacked();

/** Estimate of 2^17 / (a + 1/2): `a` is 256 to 511 for 0.5 to 1.0, the result 256 to 511 for 1.0 to 2.0. */
function recipEstimate(a: number): number {
  return (Math.floor(2 ** 19 / (2 * a + 1)) + 1) >> 1;
}

/** Estimate of the reciprocal square root: `a` is 128 to 511 for 0.25 to 1.0, the result 256 to 511 for 1.0 to 2.0. */
function recipSqrtEstimate(a: number): number {
  // The middle of the operand's interval in units of 2^-10; above 0.5 the operand's lowest bit is ignored.
  const middle = a < 256 ? 2 * a + 1 : 2 * (a | 1);
  // The largest b whose square times the middle is still below 1.0, in units of 2^-9.
  let b = Math.floor(Math.sqrt(2 ** 28 / middle));
  while (middle * (b + 1) * (b + 1) < 2 ** 28) b += 1;
  while (middle * b * b >= 2 ** 28) b -= 1;
  return (b + 1) >> 1;
}

/** The first `count` bits of a mantissa, counted from its leading one, as a number. */
function leadingBits(mantissa: bigint, count: number): number {
  const shift = bitLength(mantissa) - count;
  return Number(shift >= 0 ? mantissa >> BigInt(shift) : mantissa << BigInt(-shift));
}

/** Estimate of 1 / a with 8 bits (FRECPE). DDI 0487, FPRecipEstimate(). */
export function FPRecipEstimate(env: FpEnv, width: FpArithmeticWidth, a: bigint): bigint {
  FPUnpack(op, env, width, a);
  const f = formatOf(width);
  if (isNaNType(op)) return FPProcessNaN(env, width, op);
  if (op.type === FPType.Infinity) return withSign(f, op.sign, 0n);
  if (op.type === FPType.Zero) {
    env.fpsr |= FPSR.DZC;
    return withSign(f, op.sign, f.infinity);
  }
  const top = op.exponent + bitLength(op.mantissa) - 1;
  const exponentLargest = 1 - f.exponentMin;
  if (top < -exponentLargest - 1) {
    // Less than 2^-(bias + 1): the reciprocal is out of range.
    env.fpsr |= FPSR.OFC | FPSR.IXC;
    return withSign(f, op.sign, overflowsToInfinity(FPRoundingMode(env), op.sign) ? f.infinity : f.maxNormal);
  }
  if (env.fpcr & FPCR.FZ && top >= exponentLargest - 1) {
    env.fpsr |= FPSR.UFC;
    return withSign(f, op.sign, 0n);
  }
  // The estimate is 1.0 to 2.0 with 8 fraction bits; its weight is 2^(-top - 1).
  const estimate = BigInt(recipEstimate(leadingBits(op.mantissa, 9)));
  const biased = exponentLargest - top - 1;
  const fraction = f.fractionShift - 8n;
  if (biased > 0) {
    return withSign(f, op.sign, (BigInt(biased) << f.fractionShift) | ((estimate & 0xffn) << fraction));
  }
  // A subnormal result is exact: the estimate has far fewer bits than the fraction.
  return withSign(f, op.sign, (estimate << fraction) >> BigInt(1 - biased));
}

/** Estimate of 1 / sqrt(a) with 8 bits (FRSQRTE). DDI 0487, FPRSqrtEstimate(). */
export function FPRSqrtEstimate(env: FpEnv, width: FpArithmeticWidth, a: bigint): bigint {
  FPUnpack(op, env, width, a);
  const f = formatOf(width);
  if (isNaNType(op)) return FPProcessNaN(env, width, op);
  if (op.type === FPType.Zero) {
    env.fpsr |= FPSR.DZC;
    return withSign(f, op.sign, f.infinity);
  }
  if (op.sign === 1) return invalidNaN(env, f);
  if (op.type === FPType.Infinity) return 0n;
  // a is scaled by an even power of two into 0.25 to 1.0: with an odd exponent it falls in the upper half.
  const top = op.exponent + bitLength(op.mantissa) - 1;
  const isUpperHalf = (top & 1) !== 0;
  const estimate = BigInt(recipSqrtEstimate(leadingBits(op.mantissa, isUpperHalf ? 9 : 8)));
  const bias = 1 - f.exponentMin;
  const biased = bias - (isUpperHalf ? top + 1 : top + 2) / 2;
  return (BigInt(biased) << f.fractionShift) | ((estimate & 0xffn) << (f.fractionShift - 8n));
}

/** The exponent of a inverted and its fraction cleared (FRECPX). DDI 0487, FPRecpX(). */
export function FPRecpX(env: FpEnv, width: FpArithmeticWidth, a: bigint): bigint {
  FPUnpack(op, env, width, a);
  if (isNaNType(op)) return FPProcessNaN(env, width, op);
  const f = formatOf(width);
  const biased = a & f.infinity;
  const inverted = biased === 0n ? BigInt(f.exponentMax - 1) << f.fractionShift : biased ^ f.infinity;
  return withSign(f, op.sign, inverted);
}

/**
 * Estimate of 1 / a (URECPE): a is 0.0 to 1.0 as 0 to 2^32 - 1, the result 1.0 to 2.0 with its unit in bit 31; all ones
 * below 0.5.
 * DDI 0487, UnsignedRecipEstimate().
 */
export function UnsignedRecipEstimate(a: number): number {
  if (a >>> 31 === 0) return 0xffff_ffff;
  return (recipEstimate(a >>> 23) << 23) >>> 0;
}

/**
 * Estimate of 1 / sqrt(a) (URSQRTE), in the formats of UnsignedRecipEstimate(); all ones below 0.25.
 * DDI 0487, UnsignedRSqrtEstimate().
 */
export function UnsignedRSqrtEstimate(a: number): number {
  if (a >>> 30 === 0) return 0xffff_ffff;
  return (recipSqrtEstimate(a >>> 23) << 23) >>> 0;
}
