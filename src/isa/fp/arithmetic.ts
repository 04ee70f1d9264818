/**
 * Addition, subtraction, multiplication, division, square root and the fused forms, each rounded once.
 * DDI 0487, shared pseudocode: FPAdd() to FPMulAdd(), FPRecipStepFused(), FPRSqrtStepFused().
 */
import {
  bitLength,
  bitsOfNumber,
  type Format,
  FPRounding,
  FPRoundingMode,
  type FPRoundingValue,
  FPSR,
  type FpArithmeticWidth,
  type FpEnv,
  formatOf,
  numberOfBits,
  withSign,
} from './format.ts';
import { fastAllowed, fastUsable, roundHost } from './host.ts';
import {
  FPProcessNaN,
  FPProcessNaNs,
  FPProcessNaNs3,
  FPRound,
  FPType,
  FPUnpack,
  invalidNaN,
  isNaNType,
  newUnpacked,
  type Unpacked,
} from './unpack.ts';

// Scratch operands: no function here calls another that unpacks into the same one while it is in use.
const op1 = newUnpacked();
const op2 = newUnpacked();
const op3 = newUnpacked();

/** The zero an exact cancellation gives: negative only when rounding towards minus infinity. */
function cancelledZero(f: Format, rounding: FPRoundingValue): bigint {
  return rounding === FPRounding.NEGINF ? f.signBit : 0n;
}

/** Bits by which the larger addend is extended when the smaller is only sticky: more than any precision here needs. */
const STICKY_BITS = 128;
/** Distance of exponents beyond which an addend of up to 106 bits lies wholly below those extension bits. */
const STICKY_DISTANCE = STICKY_BITS + 106;

/** Rounds a + b, where each addend is (-1)^sign * mantissa * 2^exponent and may be zero. */
function roundSum(
  env: FpEnv,
  width: FpArithmeticWidth,
  signA: number,
  mantissaA: bigint,
  exponentA: number,
  signB: number,
  mantissaB: bigint,
  exponentB: number,
): bigint {
  const rounding = FPRoundingMode(env);
  let a = mantissaA;
  let b = mantissaB;
  let exponent = exponentA;
  const distance = exponentA - exponentB;
  if (b === 0n || a === 0n) {
    if (a === 0n) exponent = exponentB;
  } else if (distance > STICKY_DISTANCE) {
    a <<= BigInt(STICKY_BITS);
    b = 1n;
    exponent = exponentA - STICKY_BITS;
  } else if (distance < -STICKY_DISTANCE) {
    b <<= BigInt(STICKY_BITS);
    a = 1n;
    exponent = exponentB - STICKY_BITS;
  } else if (distance > 0) {
    a <<= BigInt(distance);
    exponent = exponentB;
  } else {
    b <<= BigInt(-distance);
  }
  const sum = (signA ? -a : a) + (signB ? -b : b);
  if (sum === 0n) return cancelledZero(formatOf(width), rounding);
  const sign = sum < 0n ? 1 : 0;
  return FPRound(env, width, sign, sign ? -sum : sum, exponent, rounding);
}

function mantissaOf(op: Unpacked): bigint {
  return op.type === FPType.Zero ? 0n : op.mantissa;
}

function addUnpacked(env: FpEnv, width: FpArithmeticWidth, negate2: number): bigint {
  if (isNaNType(op1) || isNaNType(op2)) return FPProcessNaNs(env, width, op1, op2);
  const f = formatOf(width);
  const sign2 = op2.sign ^ negate2;
  if (op1.type === FPType.Infinity || op2.type === FPType.Infinity) {
    if (op1.type === op2.type && op1.sign !== sign2) return invalidNaN(env, f);
    return withSign(f, op1.type === FPType.Infinity ? op1.sign : sign2, f.infinity);
  }
  if (op1.type === FPType.Zero && op2.type === FPType.Zero && op1.sign === sign2) return withSign(f, sign2, 0n);
  return roundSum(env, width, op1.sign, mantissaOf(op1), op1.exponent, sign2, mantissaOf(op2), op2.exponent);
}

/** a + b. DDI 0487, FPAdd(). */
export function FPAdd(env: FpEnv, width: FpArithmeticWidth, a: bigint, b: bigint): bigint {
  if (fastAllowed(env)) {
    const sum = roundHost(width, numberOfBits(width, a) + numberOfBits(width, b));
    if (fastUsable(width, sum)) return bitsOfNumber(width, sum);
  }
  FPUnpack(op1, env, width, a);
  FPUnpack(op2, env, width, b);
  return addUnpacked(env, width, 0);
}

/** a - b; a NaN operand keeps its own sign. DDI 0487, FPSub(). */
export function FPSub(env: FpEnv, width: FpArithmeticWidth, a: bigint, b: bigint): bigint {
  if (fastAllowed(env)) {
    const difference = roundHost(width, numberOfBits(width, a) - numberOfBits(width, b));
    if (fastUsable(width, difference)) return bitsOfNumber(width, difference);
  }
  FPUnpack(op1, env, width, a);
  FPUnpack(op2, env, width, b);
  return addUnpacked(env, width, 1);
}

function multiply(env: FpEnv, width: FpArithmeticWidth, a: bigint, b: bigint, extended: boolean): bigint {
  if (fastAllowed(env)) {
    const product = roundHost(width, numberOfBits(width, a) * numberOfBits(width, b));
    if (fastUsable(width, product)) return bitsOfNumber(width, product);
  }
  FPUnpack(op1, env, width, a);
  FPUnpack(op2, env, width, b);
  if (isNaNType(op1) || isNaNType(op2)) return FPProcessNaNs(env, width, op1, op2);
  const f = formatOf(width);
  const sign = op1.sign ^ op2.sign;
  const hasInfinity = op1.type === FPType.Infinity || op2.type === FPType.Infinity;
  const hasZero = op1.type === FPType.Zero || op2.type === FPType.Zero;
  if (hasInfinity && hasZero) return extended ? withSign(f, sign, f.two) : invalidNaN(env, f);
  if (hasInfinity) return withSign(f, sign, f.infinity);
  if (hasZero) return withSign(f, sign, 0n);
  return FPRound(env, width, sign, op1.mantissa * op2.mantissa, op1.exponent + op2.exponent, FPRoundingMode(env));
}

/** a * b. DDI 0487, FPMul(). */
export function FPMul(env: FpEnv, width: FpArithmeticWidth, a: bigint, b: bigint): bigint {
  return multiply(env, width, a, b, false);
}

/** a * b, where infinity times zero is 2.0 with the product's sign and no exception (FMULX). DDI 0487, FPMulX(). */
export function FPMulX(env: FpEnv, width: FpArithmeticWidth, a: bigint, b: bigint): bigint {
  return multiply(env, width, a, b, true);
}

/** a / b. DDI 0487, FPDiv(). */
export function FPDiv(env: FpEnv, width: FpArithmeticWidth, a: bigint, b: bigint): bigint {
  if (fastAllowed(env)) {
    const quotient = roundHost(width, numberOfBits(width, a) / numberOfBits(width, b));
    if (fastUsable(width, quotient)) return bitsOfNumber(width, quotient);
  }
  FPUnpack(op1, env, width, a);
  FPUnpack(op2, env, width, b);
  if (isNaNType(op1) || isNaNType(op2)) return FPProcessNaNs(env, width, op1, op2);
  const f = formatOf(width);
  const sign = op1.sign ^ op2.sign;
  if (op1.type === op2.type && op1.type !== FPType.Nonzero) return invalidNaN(env, f);
  if (op1.type === FPType.Infinity || op2.type === FPType.Zero) {
    if (op1.type !== FPType.Infinity) env.fpsr |= FPSR.DZC;
    return withSign(f, sign, f.infinity);
  }
  if (op1.type === FPType.Zero || op2.type === FPType.Infinity) return withSign(f, sign, 0n);
  // Enough quotient bits to round, and below them one that says whether anything was left.
  const scale = f.fractionBits + 3 + Math.max(0, bitLength(op2.mantissa) - bitLength(op1.mantissa) + 1);
  const numerator = op1.mantissa << BigInt(scale);
  let quotient = numerator / op2.mantissa;
  const isExact = quotient * op2.mantissa === numerator;
  quotient = (quotient << 1n) | (isExact ? 0n : 1n);
  return FPRound(env, width, sign, quotient, op1.exponent - op2.exponent - scale - 1, FPRoundingMode(env));
}

/** Floor of the square root of `value`, 0n to 2^128 - 1. */
function integerSqrt(value: bigint): bigint {
  // The host's root of a rounded value is within one part in 2^52; Newton's step makes it at least the floor.
  let root = BigInt(Math.floor(Math.sqrt(Number(value))));
  root = (root + value / root) >> 1n;
  while (root * root > value) root -= 1n;
  while ((root + 1n) * (root + 1n) <= value) root += 1n;
  return root;
}

/**
 * Square root of a. There is no fast path: ECMAScript lets Math.sqrt be an approximation, so it only starts the search.
 * DDI 0487, FPSqrt().
 */
export function FPSqrt(env: FpEnv, width: FpArithmeticWidth, a: bigint): bigint {
  FPUnpack(op1, env, width, a);
  if (isNaNType(op1)) return FPProcessNaN(env, width, op1);
  const f = formatOf(width);
  if (op1.type === FPType.Zero) return withSign(f, op1.sign, 0n);
  if (op1.sign === 1) return invalidNaN(env, f);
  if (op1.type === FPType.Infinity) return f.infinity;
  // Widened until the root has fractionBits + 3 bits, and to an even exponent so that the exponent halves.
  let widen = Math.max(0, 2 * (f.fractionBits + 3) - bitLength(op1.mantissa));
  if ((op1.exponent - widen) & 1) widen += 1;
  const radicand = op1.mantissa << BigInt(widen);
  const root = integerSqrt(radicand);
  const sticky = root * root === radicand ? 0n : 1n;
  return FPRound(env, width, 0, (root << 1n) | sticky, (op1.exponent - widen) / 2 - 1, FPRoundingMode(env));
}

/**
 * addend + a * b, rounded once. Operands are looked at in that order when choosing a NaN; infinity times zero is
 * invalid even beside a quiet NaN addend. DDI 0487, FPMulAdd().
 */
export function FPMulAdd(env: FpEnv, width: FpArithmeticWidth, addend: bigint, a: bigint, b: bigint): bigint {
  FPUnpack(op3, env, width, addend);
  FPUnpack(op1, env, width, a);
  FPUnpack(op2, env, width, b);
  const f = formatOf(width);
  const hasInfinity = op1.type === FPType.Infinity || op2.type === FPType.Infinity;
  const hasZero = op1.type === FPType.Zero || op2.type === FPType.Zero;
  const isInvalidProduct = hasInfinity && hasZero;
  if (isNaNType(op3) || isNaNType(op1) || isNaNType(op2)) {
    if (op3.type === FPType.QNaN && isInvalidProduct) return invalidNaN(env, f);
    return FPProcessNaNs3(env, width, op3, op1, op2);
  }
  const sign = op1.sign ^ op2.sign;
  if (isInvalidProduct || (hasInfinity && op3.type === FPType.Infinity && op3.sign !== sign)) {
    return invalidNaN(env, f);
  }
  if (hasInfinity) return withSign(f, sign, f.infinity);
  if (op3.type === FPType.Infinity) return withSign(f, op3.sign, f.infinity);
  if (hasZero && op3.type === FPType.Zero && op3.sign === sign) return withSign(f, sign, 0n);
  const product = hasZero ? 0n : op1.mantissa * op2.mantissa;
  const exponent = op1.exponent + op2.exponent;
  return roundSum(env, width, op3.sign, mantissaOf(op3), op3.exponent, sign, product, exponent);
}

/** FPRecipStepFused() and FPRSqrtStepFused(): (constant - a * b) / 2^halvings, rounded once. */
function stepFused(
  env: FpEnv,
  width: FpArithmeticWidth,
  a: bigint,
  b: bigint,
  constant: bigint,
  halvings: number,
  ofInvalidProduct: bigint,
): bigint {
  const f = formatOf(width);
  // The first operand is negated before it is looked at, so a NaN in it propagates with the other sign.
  FPUnpack(op1, env, width, a ^ f.signBit);
  FPUnpack(op2, env, width, b);
  if (isNaNType(op1) || isNaNType(op2)) return FPProcessNaNs(env, width, op1, op2);
  const sign = op1.sign ^ op2.sign;
  const hasInfinity = op1.type === FPType.Infinity || op2.type === FPType.Infinity;
  const hasZero = op1.type === FPType.Zero || op2.type === FPType.Zero;
  if (hasInfinity) return hasZero ? ofInvalidProduct : withSign(f, sign, f.infinity);
  const product = hasZero ? 0n : op1.mantissa * op2.mantissa;
  const exponent = op1.exponent + op2.exponent - halvings;
  return roundSum(env, width, 0, constant, -halvings, sign, product, exponent);
}

/** 2.0 - a * b, rounded once; infinity times zero gives 2.0 (FRECPS). DDI 0487, FPRecipStepFused(). */
export function FPRecipStepFused(env: FpEnv, width: FpArithmeticWidth, a: bigint, b: bigint): bigint {
  return stepFused(env, width, a, b, 2n, 0, formatOf(width).two);
}

/** (3.0 - a * b) / 2.0, rounded once; infinity times zero gives 1.5 (FRSQRTS). DDI 0487, FPRSqrtStepFused(). */
export function FPRSqrtStepFused(env: FpEnv, width: FpArithmeticWidth, a: bigint, b: bigint): bigint {
  return stepFused(env, width, a, b, 3n, 1, formatOf(width).onePointFive);
}
