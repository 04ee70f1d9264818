/**
 * Floating-point formats, FPCR and FPSR bits, rounding modes and constant values.
 * DDI 0487, "Floating-point data types" and "FPCR, Floating-point Control Register".
 */

/** Width of a floating-point operand in bits. */
export type FpWidth = 16 | 32 | 64;

/** Width of an arithmetic operand in bits: half precision is only converted, FEAT_FP16 is not in the profile. */
export type FpArithmeticWidth = 32 | 64;

/**
 * The floating-point control and status a function reads and updates.
 * Cumulative exception bits are ORed into `fpsr`; no exception is ever trapped.
 * DDI 0487, "FPCR" and "FPSR".
 */
export type FpEnv = { fpcr: number; fpsr: number };

/** FPCR bits read here, as masks. DDI 0487, "FPCR, Floating-point Control Register". */
export const FPCR = { AHP: 1 << 26, DN: 1 << 25, FZ: 1 << 24, FZ16: 1 << 19, RModeShift: 22 } as const;

/** FPSR cumulative exception bits, as masks. DDI 0487, "FPSR, Floating-point Status Register". */
export const FPSR = { IOC: 1 << 0, DZC: 1 << 1, OFC: 1 << 2, UFC: 1 << 3, IXC: 1 << 4, IDC: 1 << 7 } as const;

/**
 * Rounding modes. The first four have the values of FPCR.RMode; TIEAWAY and ODD are named only by instructions.
 * DDI 0487, "FPRounding" enumeration.
 */
export const FPRounding = { TIEEVEN: 0, POSINF: 1, NEGINF: 2, ZERO: 3, TIEAWAY: 4, ODD: 5 } as const;

/** One of the values of `FPRounding`. */
export type FPRoundingValue = (typeof FPRounding)[keyof typeof FPRounding];

/** The rounding mode FPCR.RMode selects. DDI 0487, FPRoundingMode(). */
export function FPRoundingMode(env: FpEnv): FPRoundingValue {
  return ((env.fpcr >>> FPCR.RModeShift) & 3) as FPRoundingValue;
}

/** Sizes and constant values of one binary format. Widths in bits, values as raw bits. */
export type Format = {
  width: FpWidth;
  /** Width of the stored fraction, and the same as a bigint shift count. */
  fractionBits: number;
  fractionShift: bigint;
  /** Largest biased exponent: infinities and NaNs, or the top binade of the alternative half-precision format. */
  exponentMax: number;
  /** Unbiased exponent of the smallest normal number. */
  exponentMin: number;
  signBit: bigint;
  implicitBit: bigint;
  fractionMask: bigint;
  /** The most significant fraction bit, set in a quiet NaN. */
  quietBit: bigint;
  infinity: bigint;
  maxNormal: bigint;
  defaultNaN: bigint;
  one: bigint;
  onePointFive: bigint;
  two: bigint;
};

function format(width: FpWidth, exponentBits: number): Format {
  const fractionBits = width - 1 - exponentBits;
  const fractionShift = BigInt(fractionBits);
  const exponentMax = 2 ** exponentBits - 1;
  const bias = 2 ** (exponentBits - 1) - 1;
  const implicitBit = 1n << fractionShift;
  const infinity = BigInt(exponentMax) << fractionShift;
  const quietBit = implicitBit >> 1n;
  const one = BigInt(bias) << fractionShift;
  return {
    width,
    fractionBits,
    fractionShift,
    exponentMax,
    exponentMin: 1 - bias,
    signBit: 1n << BigInt(width - 1),
    implicitBit,
    fractionMask: implicitBit - 1n,
    quietBit,
    infinity,
    maxNormal: infinity - 1n,
    defaultNaN: infinity | quietBit,
    one,
    onePointFive: one | quietBit,
    two: one + implicitBit,
  };
}

const HALF = format(16, 5);
const SINGLE = format(32, 8);
const DOUBLE = format(64, 11);

/** The format of a width. */
export function formatOf(width: FpWidth): Format {
  return width === 64 ? DOUBLE : width === 32 ? SINGLE : HALF;
}

/** Raw bits with the sign set when `sign` is 1. */
export function withSign(f: Format, sign: number, magnitude: bigint): bigint {
  return sign ? magnitude | f.signBit : magnitude;
}

const f64 = new Float64Array(1);
const u64 = new BigUint64Array(f64.buffer);
const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** The number whose binary64 or binary32 encoding is `bits`. NaN payloads are not preserved. */
export function numberOfBits(width: 32 | 64, bits: bigint): number {
  if (width === 64) {
    u64[0] = bits;
    return f64[0];
  }
  u32[0] = Number(bits);
  return f32[0];
}

/** The binary64 or binary32 encoding of `value`, which must not be a NaN; binary32 rounds to nearest, ties to even. */
export function bitsOfNumber(width: 32 | 64, value: number): bigint {
  if (width === 64) {
    f64[0] = value;
    return u64[0];
  }
  f32[0] = value;
  return BigInt(u32[0]);
}

/** Number of bits in `value`: 0 for 0n, else floor(log2(value)) + 1. Range 0n to 2^1023. */
export function bitLength(value: bigint): number {
  if (value === 0n) return 0;
  f64[0] = Number(value);
  const length = Number(u64[0] >> 52n) - 1022;
  // Number() rounds to nearest, so a long run of ones can read as the next power of two.
  return value >> BigInt(length - 1) === 0n ? length - 1 : length;
}
