/**
 * Taking operands apart, rounding an exact value into a format, and NaN propagation.
 * DDI 0487, shared pseudocode: FPUnpack(), FPUnpackCV(), FPRound(), FPRoundCV(), FPProcessNaN(), FPProcessNaNs().
 */
import {
  bitLength,
  type Format,
  FPCR,
  FPRounding,
  type FPRoundingValue,
  FPSR,
  type FpEnv,
  type FpWidth,
  formatOf,
  withSign,
} from './format.ts';

/** What an operand is. DDI 0487, "FPType" enumeration; Nonzero is a finite number other than zero. */
export const FPType = { Zero: 0, Nonzero: 1, Infinity: 2, QNaN: 3, SNaN: 4 } as const;

/** One of the values of `FPType`. */
export type FPTypeValue = (typeof FPType)[keyof typeof FPType];

/** An operand taken apart. When `type` is Nonzero its value is exactly (-1)^sign * mantissa * 2^exponent. */
export type Unpacked = { type: FPTypeValue; sign: number; mantissa: bigint; exponent: number; bits: bigint };

/** A place for FPUnpack() to write, made once and used again so that arithmetic does not allocate. */
export function newUnpacked(): Unpacked {
  return { type: FPType.Zero, sign: 0, mantissa: 0n, exponent: 0, bits: 0n };
}

/**
 * Takes `bits` apart into `out`; with FPCR.FZ a subnormal of 32 or 64 bits becomes a zero and sets IDC.
 * Half-precision operands exist only in conversions, which ignore FPCR.FZ16 and read FPCR.AHP. DDI 0487, FPUnpackCV().
 */
export function FPUnpack(out: Unpacked, env: FpEnv, width: FpWidth, bits: bigint): void {
  const f = formatOf(width);
  const biased = Number(bits >> f.fractionShift) & f.exponentMax;
  const fraction = bits & f.fractionMask;
  out.bits = bits;
  out.sign = bits & f.signBit ? 1 : 0;
  out.type = FPType.Nonzero;
  if (biased === 0) {
    if (fraction === 0n) {
      out.type = FPType.Zero;
    } else if (width !== 16 && env.fpcr & FPCR.FZ) {
      out.type = FPType.Zero;
      env.fpsr |= FPSR.IDC;
    } else {
      out.mantissa = fraction;
      out.exponent = f.exponentMin - f.fractionBits;
    }
  } else if (biased === f.exponentMax && !(width === 16 && env.fpcr & FPCR.AHP)) {
    if (fraction === 0n) out.type = FPType.Infinity;
    else out.type = fraction & f.quietBit ? FPType.QNaN : FPType.SNaN;
  } else {
    out.mantissa = fraction | f.implicitBit;
    out.exponent = biased - 1 + f.exponentMin - f.fractionBits;
  }
}

/** Whether an unpacked operand is a NaN of either kind. */
export function isNaNType(op: Unpacked): boolean {
  return op.type >= FPType.QNaN;
}

/** The result for a NaN operand: quietened, or the default NaN; a signalling NaN sets IOC. DDI 0487, FPProcessNaN(). */
export function FPProcessNaN(env: FpEnv, width: FpWidth, op: Unpacked): bigint {
  const f = formatOf(width);
  if (op.type === FPType.SNaN) env.fpsr |= FPSR.IOC;
  return env.fpcr & FPCR.DN ? f.defaultNaN : op.bits | f.quietBit;
}

/**
 * The result when one of two operands is a NaN: the first signalling one, else the first quiet one.
 * Call only when at least one is a NaN. DDI 0487, FPProcessNaNs().
 */
export function FPProcessNaNs(env: FpEnv, width: FpWidth, op1: Unpacked, op2: Unpacked): bigint {
  if (op1.type === FPType.SNaN) return FPProcessNaN(env, width, op1);
  if (op2.type === FPType.SNaN) return FPProcessNaN(env, width, op2);
  return FPProcessNaN(env, width, op1.type === FPType.QNaN ? op1 : op2);
}

/** FPProcessNaNs() for three operands. DDI 0487, FPProcessNaNs3(). */
export function FPProcessNaNs3(env: FpEnv, width: FpWidth, op1: Unpacked, op2: Unpacked, op3: Unpacked): bigint {
  if (op1.type === FPType.SNaN) return FPProcessNaN(env, width, op1);
  if (op2.type === FPType.SNaN || op3.type === FPType.SNaN) return FPProcessNaNs(env, width, op2, op3);
  return op1.type === FPType.QNaN ? FPProcessNaN(env, width, op1) : FPProcessNaNs(env, width, op2, op3);
}

/** The result of an invalid operation: IOC and the default NaN. DDI 0487, FPDefaultNaN(). */
export function invalidNaN(env: FpEnv, f: Format): bigint {
  env.fpsr |= FPSR.IOC;
  return f.defaultNaN;
}

/** What is lost below the last kept bit, in the order of its size. */
const EXACT = 0;
const BELOW_HALF = 1;
const HALF_WAY = 2;

function lostPart(remainder: bigint, shift: bigint): number {
  if (remainder === 0n) return EXACT;
  const half = 1n << (shift - 1n);
  return remainder < half ? BELOW_HALF : remainder === half ? HALF_WAY : HALF_WAY + 1;
}

/**
 * Whether a magnitude that lost `lost` (see lostPart) is increased by one unit.
 * TIEAWAY here rounds the magnitude away from zero on a tie. ODD is not an increment and answers false.
 */
function roundsUp(rounding: FPRoundingValue, sign: number, isOdd: boolean, lost: number): boolean {
  switch (rounding) {
    case FPRounding.TIEEVEN:
      return lost > HALF_WAY || (lost === HALF_WAY && isOdd);
    case FPRounding.TIEAWAY:
      return lost >= HALF_WAY;
    case FPRounding.POSINF:
      return lost !== EXACT && sign === 0;
    case FPRounding.NEGINF:
      return lost !== EXACT && sign === 1;
    default:
      return false;
  }
}

/** Whether an overflow in this rounding mode gives an infinity rather than the largest number. DDI 0487, FPRound(). */
export function overflowsToInfinity(rounding: FPRoundingValue, sign: number): boolean {
  if (rounding === FPRounding.POSINF) return sign === 0;
  if (rounding === FPRounding.NEGINF) return sign === 1;
  return rounding === FPRounding.TIEEVEN || rounding === FPRounding.TIEAWAY;
}

/**
 * Rounds the exact value (-1)^sign * mantissa * 2^exponent into a format, setting OFC, UFC and IXC (IOC when the
 * alternative half-precision format cannot hold it). Tininess is detected before rounding; with FPCR.FZ a tiny
 * result of 32 or 64 bits becomes a zero and sets UFC alone.
 * @param mantissa - 1n to 2^1023 - 1
 * DDI 0487, FPRound() and FPRoundCV(); half precision is a conversion's result, so FPCR.FZ16 is not read.
 */
export function FPRound(
  env: FpEnv,
  width: FpWidth,
  sign: number,
  mantissa: bigint,
  exponent: number,
  rounding: FPRoundingValue,
): bigint {
  const f = formatOf(width);
  const top = exponent + bitLength(mantissa) - 1;
  const isTiny = top < f.exponentMin;
  if (isTiny && width !== 16 && env.fpcr & FPCR.FZ) {
    env.fpsr |= FPSR.UFC;
    return withSign(f, sign, 0n);
  }
  const shift = (isTiny ? f.exponentMin : top) - f.fractionBits - exponent;
  let kept: bigint;
  let lost = EXACT;
  if (shift <= 0) {
    kept = mantissa << BigInt(-shift);
  } else {
    const shiftBig = BigInt(shift);
    kept = mantissa >> shiftBig;
    lost = lostPart(BigInt.asUintN(shift, mantissa), shiftBig);
  }
  if (lost !== EXACT) {
    if (rounding === FPRounding.ODD) kept |= 1n;
    else if (roundsUp(rounding, sign, (kept & 1n) === 1n, lost)) kept += 1n;
  }
  // The implicit bit of a normal number adds one to the exponent field, and so does a carry out of the fraction.
  const binade = isTiny ? 0 : top - f.exponentMin;
  const limit = width === 16 && env.fpcr & FPCR.AHP ? f.signBit : f.infinity;
  const packed = (BigInt(binade) << f.fractionShift) + kept;
  if (packed < limit) {
    if (lost !== EXACT) env.fpsr |= isTiny ? FPSR.UFC | FPSR.IXC : FPSR.IXC;
    return withSign(f, sign, packed);
  }
  return overflow(env, f, sign, rounding);
}

function overflow(env: FpEnv, f: Format, sign: number, rounding: FPRoundingValue): bigint {
  if (f.width === 16 && env.fpcr & FPCR.AHP) {
    // The alternative format has no infinity: the largest magnitude and Invalid Operation, and no other exception.
    env.fpsr |= FPSR.IOC;
    return withSign(f, sign, f.signBit - 1n);
  }
  env.fpsr |= FPSR.OFC | FPSR.IXC;
  return withSign(f, sign, overflowsToInfinity(rounding, sign) ? f.infinity : f.maxNormal);
}

/**
 * Rounds mantissa * 2^exponent to an integer magnitude.
 * @returns the magnitude, negative (-1n - magnitude) when the result was inexact, so that no object is made
 */
export function roundToInteger(sign: number, mantissa: bigint, exponent: number, rounding: FPRoundingValue): bigint {
  if (exponent >= 0) return mantissa << BigInt(exponent);
  const shiftBig = BigInt(-exponent);
  let kept = mantissa >> shiftBig;
  const lost = lostPart(BigInt.asUintN(-exponent, mantissa), shiftBig);
  if (lost === EXACT) return kept;
  if (roundsUp(rounding, sign, (kept & 1n) === 1n, lost)) kept += 1n;
  return -1n - kept;
}
