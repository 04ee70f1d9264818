/**
 * Conversions between formats and to and from fixed point, and rounding to an integral value.
 * DDI 0487, shared pseudocode: FPConvert(), FPConvertNaN(), FPToFixed(), FixedToFP(), FPRoundInt().
 */
import {
  bitLength,
  bitsOfNumber,
  FPCR,
  FPRounding,
  FPRoundingMode,
  type FPRoundingValue,
  FPSR,
  type FpArithmeticWidth,
  type FpEnv,
  type FpWidth,
  formatOf,
  numberOfBits,
  withSign,
} from './format.ts';
import { fastAllowed, fastUsable } from './host.ts';
import { FPProcessNaN, FPRound, FPType, FPUnpack, isNaNType, newUnpacked, roundToInteger } from './unpack.ts';

const op = newUnpacked();

/** A NaN in another format: sign, quiet bit and the most significant payload bits. DDI 0487, FPConvertNaN(). */
function convertNaN(fromWidth: FpWidth, toWidth: FpWidth, bits: bigint, sign: number): bigint {
  const from = formatOf(fromWidth);
  const to = formatOf(toWidth);
  const fraction = bits & from.fractionMask;
  const distance = to.fractionShift - from.fractionShift;
  const moved = distance >= 0n ? fraction << distance : fraction >> -distance;
  return withSign(to, sign, to.infinity | to.quietBit | moved);
}

/**
 * `bits` of one format as the other. FPCR.AHP selects the alternative half-precision format on either side: it has no
 * NaN and no infinity, so those become zero or the largest magnitude with IOC. FPCR.FZ does not flush half precision.
 * @param rounding - FPCR.RMode by default; FPRounding.ODD for FCVTXN
 * DDI 0487, FPConvert().
 */
export function FPConvert(
  env: FpEnv,
  fromWidth: FpWidth,
  toWidth: FpWidth,
  bits: bigint,
  rounding: FPRoundingValue = FPRoundingMode(env),
): bigint {
  if (fromWidth === 32 && toWidth === 64) {
    // Widening a normal number is exact in every mode.
    const biased = Number(bits >> 23n) & 0xff;
    if (biased !== 0 && biased !== 0xff) return bitsOfNumber(64, numberOfBits(32, bits));
  } else if (fromWidth === 64 && toWidth === 32 && rounding === FPRounding.TIEEVEN && fastAllowed(env)) {
    const rounded = Math.fround(numberOfBits(64, bits));
    if (fastUsable(32, rounded)) return bitsOfNumber(32, rounded);
  }
  FPUnpack(op, env, fromWidth, bits);
  const f = formatOf(toWidth);
  const isAlternative = toWidth === 16 && (env.fpcr & FPCR.AHP) !== 0;
  switch (op.type) {
    case FPType.Zero:
      return withSign(f, op.sign, 0n);
    case FPType.Infinity:
      if (!isAlternative) return withSign(f, op.sign, f.infinity);
      env.fpsr |= FPSR.IOC;
      return withSign(f, op.sign, f.signBit - 1n);
    case FPType.Nonzero:
      return FPRound(env, toWidth, op.sign, op.mantissa, op.exponent, rounding);
    default:
      if (isAlternative || op.type === FPType.SNaN) env.fpsr |= FPSR.IOC;
      if (isAlternative) return withSign(f, op.sign, 0n);
      return env.fpcr & FPCR.DN ? f.defaultNaN : convertNaN(fromWidth, toWidth, bits, op.sign);
  }
}

function saturate(env: FpEnv, toWidth: 32 | 64, unsigned: boolean, sign: number): bigint {
  env.fpsr |= FPSR.IOC;
  if (unsigned) return sign ? 0n : (1n << BigInt(toWidth)) - 1n;
  const half = 1n << BigInt(toWidth - 1);
  return sign ? half : half - 1n;
}

/**
 * Converts to fixed point with `fbits` fraction bits, saturating with IOC; a NaN gives 0 and IOC.
 * @param fbits - 0 to 64
 * @returns the result's raw bits, 0 to 2^toWidth - 1
 * DDI 0487, FPToFixed().
 */
export function FPToFixed(
  env: FpEnv,
  fromWidth: FpWidth,
  toWidth: 32 | 64,
  bits: bigint,
  fbits: number,
  unsigned: boolean,
  rounding: FPRoundingValue,
): bigint {
  if (rounding === FPRounding.ZERO && fbits === 0 && fromWidth !== 16) {
    // A C cast. From 1.0 to below 2^31 nothing saturates, FZ does not matter, and IXC is the only flag.
    const value = numberOfBits(fromWidth, bits);
    if (value >= 1 && value < 2 ** 31) {
      const whole = Math.trunc(value);
      if (whole !== value) env.fpsr |= FPSR.IXC;
      return BigInt(whole);
    }
  }
  FPUnpack(op, env, fromWidth, bits);
  if (op.type === FPType.Zero) return 0n;
  if (op.type === FPType.Infinity) return saturate(env, toWidth, unsigned, op.sign);
  if (op.type !== FPType.Nonzero) {
    env.fpsr |= FPSR.IOC;
    return 0n;
  }
  const exponent = op.exponent + fbits;
  if (exponent + bitLength(op.mantissa) > toWidth + 1) return saturate(env, toWidth, unsigned, op.sign);
  const rounded = roundToInteger(op.sign, op.mantissa, exponent, rounding);
  const isInexact = rounded < 0n;
  const magnitude = isInexact ? -1n - rounded : rounded;
  const limit = unsigned
    ? op.sign
      ? 0n
      : (1n << BigInt(toWidth)) - 1n
    : (1n << BigInt(toWidth - 1)) - (op.sign ? 0n : 1n);
  if (magnitude > limit) return saturate(env, toWidth, unsigned, op.sign);
  if (isInexact) env.fpsr |= FPSR.IXC;
  return op.sign ? BigInt.asUintN(toWidth, -magnitude) : magnitude;
}

/**
 * Converts a fixed-point number of `fromWidth` bits with `fbits` fraction bits, 0 to 64; zero gives +0.0.
 * @param bits - the operand's raw bits, 0 to 2^fromWidth - 1
 * DDI 0487, FixedToFP().
 */
export function FixedToFP(
  env: FpEnv,
  fromWidth: 32 | 64,
  toWidth: FpWidth,
  bits: bigint,
  fbits: number,
  unsigned: boolean,
  rounding: FPRoundingValue = FPRoundingMode(env),
): bigint {
  const value = unsigned ? bits : BigInt.asIntN(fromWidth, bits);
  if (value === 0n) return 0n;
  const sign = value < 0n ? 1 : 0;
  return FPRound(env, toWidth, sign, sign ? -value : value, -fbits, rounding);
}

/**
 * Rounds to an integral value in the same format, keeping the operand's sign; `exact` (FRINTX) sets IXC when the value
 * changed. DDI 0487, FPRoundInt().
 */
export function FPRoundInt(
  env: FpEnv,
  width: FpArithmeticWidth,
  bits: bigint,
  rounding: FPRoundingValue,
  exact: boolean,
): bigint {
  FPUnpack(op, env, width, bits);
  if (isNaNType(op)) return FPProcessNaN(env, width, op);
  const f = formatOf(width);
  if (op.type === FPType.Zero) return withSign(f, op.sign, 0n);
  if (op.type === FPType.Infinity || op.exponent >= 0) return bits;
  const rounded = roundToInteger(op.sign, op.mantissa, op.exponent, rounding);
  const isInexact = rounded < 0n;
  const magnitude = isInexact ? -1n - rounded : rounded;
  if (isInexact && exact) env.fpsr |= FPSR.IXC;
  if (magnitude === 0n) return withSign(f, op.sign, 0n);
  return FPRound(env, width, op.sign, magnitude, 0, FPRounding.ZERO);
}
