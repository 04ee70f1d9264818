/**
 * Sign operations, maximum, minimum and comparison.
 * DDI 0487, shared pseudocode: FPNeg(), FPAbs(), FPMax() to FPMinNum(), FPCompare() to FPCompareGT().
 */
import {
  FPCR,
  FPSR,
  type FpArithmeticWidth,
  type FpEnv,
  type FpWidth,
  formatOf,
  numberOfBits,
  withSign,
} from './format.ts';
import { FPProcessNaNs, FPType, FPUnpack, isNaNType, newUnpacked, type Unpacked } from './unpack.ts';

const op1 = newUnpacked();
const op2 = newUnpacked();

/** `bits` with its sign inverted, NaNs included; no flag is set. DDI 0487, FPNeg(). */
export function FPNeg(width: FpWidth, bits: bigint): bigint {
  return bits ^ formatOf(width).signBit;
}

/** `bits` with its sign clear, NaNs included; no flag is set. DDI 0487, FPAbs(). */
export function FPAbs(width: FpWidth, bits: bigint): bigint {
  return bits & (formatOf(width).signBit - 1n);
}

/**
 * A key that orders operands of one width other than NaNs as their values are ordered, both zeros equal.
 * Encodings without their sign are ordered as the magnitudes they stand for.
 */
function orderKey(width: FpWidth, op: Unpacked): bigint {
  if (op.type === FPType.Zero) return 0n;
  return op.sign ? -FPAbs(width, op.bits) : op.bits;
}

function select(env: FpEnv, width: FpArithmeticWidth, a: bigint, b: bigint, largest: boolean): bigint {
  FPUnpack(op1, env, width, a);
  FPUnpack(op2, env, width, b);
  if (isNaNType(op1) || isNaNType(op2)) return FPProcessNaNs(env, width, op1, op2);
  const key1 = orderKey(width, op1);
  const key2 = orderKey(width, op2);
  if (key1 === 0n && key2 === 0n) {
    // Zeros of both signs: the positive one is the larger. A subnormal flushed by FZ is one of them.
    return withSign(formatOf(width), largest ? op1.sign & op2.sign : op1.sign | op2.sign, 0n);
  }
  const chosen = key1 > key2 === largest ? op1 : op2;
  return chosen.type === FPType.Zero ? withSign(formatOf(width), chosen.sign, 0n) : chosen.bits;
}

/** The larger of a and b; a NaN operand wins. DDI 0487, FPMax(). */
export function FPMax(env: FpEnv, width: FpArithmeticWidth, a: bigint, b: bigint): bigint {
  return select(env, width, a, b, true);
}

/** The smaller of a and b; a NaN operand wins. DDI 0487, FPMin(). */
export function FPMin(env: FpEnv, width: FpArithmeticWidth, a: bigint, b: bigint): bigint {
  return select(env, width, a, b, false);
}

function isQuietNaN(width: FpWidth, bits: bigint): boolean {
  const f = formatOf(width);
  const mask = f.infinity | f.quietBit;
  return (bits & mask) === mask;
}

/** FPMaxNum() and FPMinNum(): a single quiet NaN counts as the infinity that loses. */
function selectNum(env: FpEnv, width: FpArithmeticWidth, a: bigint, b: bigint, largest: boolean): bigint {
  const isQuiet1 = isQuietNaN(width, a);
  const isQuiet2 = isQuietNaN(width, b);
  if (isQuiet1 === isQuiet2) return select(env, width, a, b, largest);
  const f = formatOf(width);
  const loser = withSign(f, largest ? 1 : 0, f.infinity);
  return isQuiet1 ? select(env, width, loser, b, largest) : select(env, width, a, loser, largest);
}

/** The larger of a and b, where one quiet NaN gives way to a number (FMAXNM). DDI 0487, FPMaxNum(). */
export function FPMaxNum(env: FpEnv, width: FpArithmeticWidth, a: bigint, b: bigint): bigint {
  return selectNum(env, width, a, b, true);
}

/** The smaller of a and b, where one quiet NaN gives way to a number (FMINNM). DDI 0487, FPMinNum(). */
export function FPMinNum(env: FpEnv, width: FpArithmeticWidth, a: bigint, b: bigint): bigint {
  return selectNum(env, width, a, b, false);
}

/** Condition flags of a comparison, PSTATE.N in bit 3 to PSTATE.V in bit 0. */
const NZCV = { UNORDERED: 0b0011, EQUAL: 0b0110, LESS: 0b1000, GREATER: 0b0010 } as const;

/**
 * The flags NZCV, 0 to 15 with N in bit 3, of comparing a with b. A signalling NaN sets IOC, and so does a quiet one
 * when `signalNaNs` (FCMPE). DDI 0487, FPCompare().
 */
export function FPCompare(env: FpEnv, width: FpArithmeticWidth, a: bigint, b: bigint, signalNaNs: boolean): number {
  if (!(env.fpcr & FPCR.FZ)) {
    // Without FZ only a NaN can set a flag, and the host orders all other numbers as the architecture does.
    const x = numberOfBits(width, a);
    const y = numberOfBits(width, b);
    if (x === y) return NZCV.EQUAL;
    if (x < y) return NZCV.LESS;
    if (x > y) return NZCV.GREATER;
  }
  FPUnpack(op1, env, width, a);
  FPUnpack(op2, env, width, b);
  if (isNaNType(op1) || isNaNType(op2)) {
    if (signalNaNs || op1.type === FPType.SNaN || op2.type === FPType.SNaN) env.fpsr |= FPSR.IOC;
    return NZCV.UNORDERED;
  }
  const key1 = orderKey(width, op1);
  const key2 = orderKey(width, op2);
  return key1 === key2 ? NZCV.EQUAL : key1 < key2 ? NZCV.LESS : NZCV.GREATER;
}

/** a equals b; false for a NaN, and only a signalling one sets IOC. DDI 0487, FPCompareEQ(). */
export function FPCompareEQ(env: FpEnv, width: FpArithmeticWidth, a: bigint, b: bigint): boolean {
  return FPCompare(env, width, a, b, false) === NZCV.EQUAL;
}

/** a is at least b; false and IOC for any NaN. DDI 0487, FPCompareGE(). */
export function FPCompareGE(env: FpEnv, width: FpArithmeticWidth, a: bigint, b: bigint): boolean {
  const flags = FPCompare(env, width, a, b, true);
  return flags === NZCV.EQUAL || flags === NZCV.GREATER;
}

/** a is more than b; false and IOC for any NaN. DDI 0487, FPCompareGT(). */
export function FPCompareGT(env: FpEnv, width: FpArithmeticWidth, a: bigint, b: bigint): boolean {
  return FPCompare(env, width, a, b, true) === NZCV.GREATER;
}
