/** One written-out case for each rule of DDI 0487's floating-point pseudocode. Operands and results are raw bits. */
import { describe, expect, it } from 'vitest';
import type { FpEnv } from './index.ts';
import * as fp from './index.ts';

const { TIEEVEN, POSINF, NEGINF, ZERO, TIEAWAY, ODD } = fp.FPRounding;
const { IOC, DZC, OFC, UFC, IXC, IDC } = fp.FPSR;
const { AHP, DN, FZ, FZ16 } = fp.FPCR;

const S = {
  zero: 0n,
  negZero: 0x8000_0000n,
  minSubnormal: 1n,
  maxSubnormal: 0x007f_ffffn,
  minNormal: 0x0080_0000n,
  half: 0x3f00_0000n,
  one: 0x3f80_0000n,
  negOne: 0xbf80_0000n,
  onePointFive: 0x3fc0_0000n,
  two: 0x4000_0000n,
  max: 0x7f7f_ffffn,
  inf: 0x7f80_0000n,
  negInf: 0xff80_0000n,
  qNaN: 0x7fc0_0001n,
  negQNaN: 0xffc0_0002n,
  sNaN: 0x7f80_0001n,
  negSNaN: 0xff80_0002n,
  defaultNaN: 0x7fc0_0000n,
} as const;

const mode = (rounding: number, bits = 0): FpEnv => ({ fpcr: (rounding << 22) | bits, fpsr: 0 });

/** What a function gives in a fresh environment: its result and the flags it set. */
function run<T>(env: FpEnv, f: (env: FpEnv) => T): [T, number] {
  return [f(env), env.fpsr];
}

describe('NaN operands (DDI 0487, FPProcessNaNs)', () => {
  const add = (a: bigint, b: bigint, bits = 0) => run(mode(TIEEVEN, bits), (e) => fp.FPAdd(e, 32, a, b));

  it('a quiet NaN propagates with sign and payload and sets no flag', () => {
    expect(add(S.one, S.negQNaN)).toEqual([S.negQNaN, 0]);
  });
  it('of two quiet NaNs the first propagates', () => {
    expect(add(S.qNaN, S.negQNaN)).toEqual([S.qNaN, 0]);
    expect(add(S.negQNaN, S.qNaN)).toEqual([S.negQNaN, 0]);
  });
  it('a signalling NaN is made quiet, sets IOC, and comes before an earlier quiet one', () => {
    expect(add(S.sNaN, S.one)).toEqual([0x7fc0_0001n, IOC]);
    expect(add(S.qNaN, S.negSNaN)).toEqual([0xffc0_0002n, IOC]);
  });
  it('of two signalling NaNs the first propagates', () => {
    expect(add(S.negSNaN, S.sNaN)).toEqual([0xffc0_0002n, IOC]);
  });
  it('with FPCR.DN the result is the default NaN and the flags are the same', () => {
    expect(add(S.one, S.negQNaN, DN)).toEqual([S.defaultNaN, 0]);
    expect(add(S.negSNaN, S.one, DN)).toEqual([S.defaultNaN, IOC]);
  });
  it('a subnormal beside a NaN still sets IDC under FPCR.FZ', () => {
    expect(add(S.minSubnormal, S.qNaN, FZ)).toEqual([S.qNaN, IDC]);
  });
  it('FPSub does not negate a NaN second operand, FPRecipStepFused does negate a NaN first operand', () => {
    expect(fp.FPSub(mode(TIEEVEN), 32, S.one, S.qNaN)).toBe(S.qNaN);
    expect(fp.FPRecipStepFused(mode(TIEEVEN), 32, S.qNaN, S.one)).toBe(0xffc0_0001n);
  });
});

describe('rounding (DDI 0487, FPRound)', () => {
  // 1.0 + 2^-24 lies half way between 1.0 and the next number.
  const tie = (rounding: number, sign: bigint) =>
    run(mode(rounding), (e) => fp.FPAdd(e, 32, S.one | sign, 0x3380_0000n | sign));
  const negative = S.negZero;

  it.each([
    ['TIEEVEN', TIEEVEN, 0x3f80_0000n, 0xbf80_0000n],
    ['POSINF', POSINF, 0x3f80_0001n, 0xbf80_0000n],
    ['NEGINF', NEGINF, 0x3f80_0000n, 0xbf80_0001n],
    ['ZERO', ZERO, 0x3f80_0000n, 0xbf80_0000n],
  ])('%s rounds a tie of each sign to its side and sets IXC', (_name, rounding, ofPositive, ofNegative) => {
    expect(tie(rounding, 0n)).toEqual([ofPositive, IXC]);
    expect(tie(rounding, negative)).toEqual([ofNegative, IXC]);
  });

  it.each([
    ['TIEEVEN', TIEEVEN, S.inf, S.negInf],
    ['POSINF', POSINF, S.inf, 0xff7f_ffffn],
    ['NEGINF', NEGINF, S.max, S.negInf],
    ['ZERO', ZERO, S.max, 0xff7f_ffffn],
  ])(
    '%s overflows to infinity or the largest number and sets OFC and IXC',
    (_name, rounding, ofPositive, ofNegative) => {
      expect(run(mode(rounding), (e) => fp.FPMul(e, 32, S.max, S.two))).toEqual([ofPositive, OFC | IXC]);
      expect(run(mode(rounding), (e) => fp.FPMul(e, 32, S.max, S.two | negative))).toEqual([ofNegative, OFC | IXC]);
    },
  );

  it('an exact subnormal result sets no flag, an inexact one UFC and IXC', () => {
    expect(run(mode(TIEEVEN), (e) => fp.FPMul(e, 32, S.minNormal, S.half))).toEqual([0x0040_0000n, 0]);
    expect(run(mode(TIEEVEN), (e) => fp.FPMul(e, 32, 0x0080_0001n, S.half))).toEqual([0x0040_0000n, UFC | IXC]);
  });
  it('tininess is detected before rounding: a result rounded up to the smallest normal number sets UFC', () => {
    expect(run(mode(TIEEVEN), (e) => fp.FPMul(e, 32, 0x3f7f_ffffn, S.minNormal))).toEqual([S.minNormal, UFC | IXC]);
  });
  it('under FPCR.FZ that result is a zero of its sign and sets UFC without IXC', () => {
    expect(run(mode(TIEEVEN, FZ), (e) => fp.FPMul(e, 32, 0x3f7f_ffffn, S.minNormal))).toEqual([S.zero, UFC]);
    expect(run(mode(TIEEVEN, FZ), (e) => fp.FPMul(e, 32, 0xbf7f_ffffn, S.minNormal))).toEqual([S.negZero, UFC]);
  });
  it('under FPCR.FZ a subnormal operand is a zero of its sign and sets IDC', () => {
    expect(run(mode(TIEEVEN, FZ), (e) => fp.FPAdd(e, 32, S.maxSubnormal, S.one))).toEqual([S.one, IDC]);
    expect(run(mode(TIEEVEN, FZ), (e) => fp.FPDiv(e, 32, S.one, 0x8000_0001n))).toEqual([S.negInf, DZC | IDC]);
  });
  it('flags accumulate: one that was set stays set', () => {
    const env: FpEnv = { fpcr: 0, fpsr: IOC };
    fp.FPDiv(env, 32, S.one, S.zero);
    expect(env.fpsr).toBe(IOC | DZC);
  });
});

describe('zeros and infinities', () => {
  it('x - x is +0, and -0 when rounding towards minus infinity', () => {
    expect(fp.FPSub(mode(TIEEVEN), 32, S.one, S.one)).toBe(S.zero);
    expect(fp.FPSub(mode(NEGINF), 32, S.one, S.one)).toBe(S.negZero);
  });
  it('zeros of one sign keep it, whatever the rounding mode', () => {
    expect(fp.FPAdd(mode(TIEEVEN), 32, S.negZero, S.negZero)).toBe(S.negZero);
    expect(fp.FPAdd(mode(NEGINF), 32, S.zero, S.zero)).toBe(S.zero);
  });
  it.each([
    ['infinity minus infinity', (e: FpEnv) => fp.FPSub(e, 32, S.inf, S.inf)],
    ['infinity times zero', (e: FpEnv) => fp.FPMul(e, 32, S.zero, S.negInf)],
    ['zero over zero', (e: FpEnv) => fp.FPDiv(e, 32, S.negZero, S.zero)],
    ['infinity over infinity', (e: FpEnv) => fp.FPDiv(e, 32, S.inf, S.negInf)],
    ['the root of a negative number', (e: FpEnv) => fp.FPSqrt(e, 32, S.negOne)],
    ['infinity times zero plus a quiet NaN', (e: FpEnv) => fp.FPMulAdd(e, 32, S.negQNaN, S.inf, S.zero)],
    ['a product of infinity plus the other infinity', (e: FpEnv) => fp.FPMulAdd(e, 32, S.negInf, S.inf, S.one)],
  ])('%s is the default NaN and sets IOC', (_name, f) => {
    expect(run(mode(TIEEVEN), f)).toEqual([S.defaultNaN, IOC]);
  });
  it('infinity times zero beside a signalling NaN addend gives that NaN', () => {
    expect(run(mode(TIEEVEN), (e) => fp.FPMulAdd(e, 32, S.negSNaN, S.inf, S.zero))).toEqual([0xffc0_0002n, IOC]);
  });
  it('FPMulX, FPRecipStepFused, FPRSqrtStepFused answer infinity times zero with 2.0, 2.0, 1.5 and no flag', () => {
    expect(run(mode(TIEEVEN), (e) => fp.FPMulX(e, 32, S.negInf, S.zero))).toEqual([S.two | S.negZero, 0]);
    expect(run(mode(TIEEVEN), (e) => fp.FPRecipStepFused(e, 32, S.inf, S.zero))).toEqual([S.two, 0]);
    expect(run(mode(TIEEVEN), (e) => fp.FPRSqrtStepFused(e, 32, S.zero, S.inf))).toEqual([S.onePointFive, 0]);
  });
  it('the root of -0 is -0', () => {
    expect(run(mode(TIEEVEN), (e) => fp.FPSqrt(e, 32, S.negZero))).toEqual([S.negZero, 0]);
  });
  it('FPMulAdd rounds once: (1 + 2^-23)^2 - (1 + 2^-22) is exactly 2^-46', () => {
    const a = 0x3f80_0001n;
    expect(run(mode(TIEEVEN), (e) => fp.FPMulAdd(e, 32, 0xbf80_0002n, a, a))).toEqual([0x2880_0000n, 0]);
  });
});

describe('maximum, minimum, comparison', () => {
  it('+0 is more than -0 for FPMax and FPMin, in either order', () => {
    expect(fp.FPMax(mode(TIEEVEN), 32, S.negZero, S.zero)).toBe(S.zero);
    expect(fp.FPMin(mode(TIEEVEN), 32, S.zero, S.negZero)).toBe(S.negZero);
  });
  it('FPMax gives a quiet NaN, FPMaxNum and FPMinNum the number beside it', () => {
    expect(run(mode(TIEEVEN), (e) => fp.FPMax(e, 32, S.qNaN, S.one))).toEqual([S.qNaN, 0]);
    expect(run(mode(TIEEVEN), (e) => fp.FPMaxNum(e, 32, S.qNaN, S.one))).toEqual([S.one, 0]);
    expect(run(mode(TIEEVEN), (e) => fp.FPMinNum(e, 32, S.negInf, S.qNaN))).toEqual([S.negInf, 0]);
  });
  it('FPMaxNum gives a signalling NaN, made quiet, and of two quiet NaNs the first', () => {
    expect(run(mode(TIEEVEN), (e) => fp.FPMaxNum(e, 32, S.qNaN, S.negSNaN))).toEqual([0xffc0_0002n, IOC]);
    expect(run(mode(TIEEVEN), (e) => fp.FPMaxNum(e, 32, S.negQNaN, S.qNaN))).toEqual([S.negQNaN, 0]);
  });
  it('under FPCR.FZ FPMax of subnormals is a zero', () => {
    expect(run(mode(TIEEVEN, FZ), (e) => fp.FPMax(e, 32, 0x8000_0001n, 0x8000_0002n))).toEqual([S.negZero, IDC]);
  });
  it('FPCompare gives NZCV 0110, 1000, 0010, 0011 for equal, less, greater, unordered', () => {
    const compare = (a: bigint, b: bigint) => fp.FPCompare(mode(TIEEVEN), 32, a, b, false);
    expect([
      compare(S.zero, S.negZero),
      compare(S.negOne, S.zero),
      compare(S.inf, S.max),
      compare(S.one, S.qNaN),
    ]).toEqual([0b0110, 0b1000, 0b0010, 0b0011]);
  });
  it('a quiet NaN sets IOC in FPCompare only when asked to signal, a signalling one always', () => {
    expect(run(mode(TIEEVEN), (e) => fp.FPCompare(e, 32, S.qNaN, S.one, false))).toEqual([0b0011, 0]);
    expect(run(mode(TIEEVEN), (e) => fp.FPCompare(e, 32, S.qNaN, S.one, true))).toEqual([0b0011, IOC]);
    expect(run(mode(TIEEVEN), (e) => fp.FPCompare(e, 32, S.one, S.sNaN, false))).toEqual([0b0011, IOC]);
  });
  it('FPCompareEQ is silent for a quiet NaN, FPCompareGE and FPCompareGT are not', () => {
    expect(run(mode(TIEEVEN), (e) => fp.FPCompareEQ(e, 32, S.qNaN, S.qNaN))).toEqual([false, 0]);
    expect(run(mode(TIEEVEN), (e) => fp.FPCompareGE(e, 32, S.qNaN, S.qNaN))).toEqual([false, IOC]);
    expect(run(mode(TIEEVEN), (e) => fp.FPCompareGT(e, 32, S.one, S.qNaN))).toEqual([false, IOC]);
  });
  it('FPNeg and FPAbs change the sign of any NaN and nothing else', () => {
    expect(fp.FPNeg(32, S.sNaN)).toBe(0xff80_0001n);
    expect(fp.FPAbs(32, S.negSNaN)).toBe(0x7f80_0002n);
  });
});

describe('estimates (DDI 0487, FPRecipEstimate, FPRSqrtEstimate, FPRecpX)', () => {
  const recip = (a: bigint, rounding = TIEEVEN as number, bits = 0) =>
    run(mode(rounding, bits), (e) => fp.FPRecipEstimate(e, 32, a));

  it('the estimate of 1/1.0 is 511/512 and no flag is set', () => {
    expect(recip(S.one)).toEqual([0x3f7f_8000n, 0]);
  });
  it('zero gives infinity and DZC, infinity gives zero', () => {
    expect(recip(S.negZero)).toEqual([S.negInf, DZC]);
    expect(recip(S.negInf)).toEqual([S.negZero, 0]);
  });
  it('below 2^-128 it overflows as FPCR.RMode says, 2^-128 itself does not', () => {
    expect(recip(0x001f_ffffn)).toEqual([S.inf, OFC | IXC]);
    expect(recip(0x001f_ffffn, ZERO)).toEqual([S.max, OFC | IXC]);
    expect(recip(0x801f_ffffn, POSINF)).toEqual([0xff7f_ffffn, OFC | IXC]);
    expect(recip(0x0020_0000n)).toEqual([0x7f7f_8000n, 0]);
  });
  it('from 2^126 on the estimate is subnormal, and under FPCR.FZ a zero with UFC', () => {
    expect(recip(0x7e80_0000n)).toEqual([0x007f_c000n, 0]);
    expect(recip(0x7e80_0000n, TIEEVEN, FZ)).toEqual([S.zero, UFC]);
    expect(recip(0x7e7f_ffffn, TIEEVEN, FZ)).toEqual([S.minNormal, 0]);
  });
  it('FPRSqrtEstimate: 1.0, -0, negative, infinity', () => {
    const rsqrt = (a: bigint) => run(mode(TIEEVEN), (e) => fp.FPRSqrtEstimate(e, 32, a));
    expect(rsqrt(S.one)).toEqual([0x3f7f_8000n, 0]);
    expect(rsqrt(S.negZero)).toEqual([S.negInf, DZC]);
    expect(rsqrt(S.negOne)).toEqual([S.defaultNaN, IOC]);
    expect(rsqrt(S.inf)).toEqual([S.zero, 0]);
  });
  it('FPRecpX inverts the exponent, and gives zeros and subnormals the largest one', () => {
    expect(fp.FPRecpX(mode(TIEEVEN), 32, S.onePointFive)).toBe(0x4000_0000n);
    expect(fp.FPRecpX(mode(TIEEVEN), 32, S.negZero)).toBe(0xff00_0000n);
    expect(fp.FPRecpX(mode(TIEEVEN), 32, S.maxSubnormal)).toBe(0x7f00_0000n);
    expect(fp.FPRecpX(mode(TIEEVEN), 32, S.inf)).toBe(S.zero);
  });
  it('unsigned estimates are all ones below one half and one quarter', () => {
    expect(fp.UnsignedRecipEstimate(0x7fff_ffff)).toBe(0xffff_ffff);
    expect(fp.UnsignedRecipEstimate(0x8000_0000)).toBe(0xff80_0000);
    expect(fp.UnsignedRSqrtEstimate(0x3fff_ffff)).toBe(0xffff_ffff);
    expect(fp.UnsignedRSqrtEstimate(0x4000_0000)).toBe(0xff80_0000);
  });
});

describe('conversions', () => {
  const toInt = (a: bigint, rounding: fp.FPRoundingValue, unsigned = false, fbits = 0) =>
    run(mode(TIEEVEN), (e) => fp.FPToFixed(e, 32, 32, a, fbits, unsigned, rounding));

  it.each([
    ['TIEEVEN', TIEEVEN, 2n, 0xffff_fffen],
    ['POSINF', POSINF, 3n, 0xffff_fffen],
    ['NEGINF', NEGINF, 2n, 0xffff_fffdn],
    ['ZERO', ZERO, 2n, 0xffff_fffen],
    ['TIEAWAY', TIEAWAY, 3n, 0xffff_fffdn],
  ] as const)('FPToFixed %s of 2.5 and -2.5', (_name, rounding, ofPositive, ofNegative) => {
    expect(toInt(0x4020_0000n, rounding)).toEqual([ofPositive, IXC]);
    expect(toInt(0xc020_0000n, rounding)).toEqual([ofNegative, IXC]);
  });
  it('FPToFixed saturates with IOC and without IXC, and a NaN gives 0', () => {
    expect(toInt(0x4f00_0000n, ZERO)).toEqual([0x7fff_ffffn, IOC]);
    expect(toInt(0xcf00_0000n, ZERO)).toEqual([0x8000_0000n, 0]);
    expect(toInt(S.negInf, ZERO)).toEqual([0x8000_0000n, IOC]);
    expect(toInt(S.negOne, ZERO, true)).toEqual([0n, IOC]);
    expect(toInt(S.negQNaN, ZERO)).toEqual([0n, IOC]);
  });
  it('FPToFixed unsigned: a negative number that rounds to zero is inexact, not invalid', () => {
    expect(toInt(0xbf40_0000n, ZERO, true)).toEqual([0n, IXC]);
    expect(toInt(0xbf40_0000n, TIEEVEN, true)).toEqual([0n, IOC]);
  });
  it('FPToFixed scales by 2^fbits before it rounds', () => {
    expect(toInt(S.onePointFive, ZERO, false, 1)).toEqual([3n, 0]);
    expect(toInt(S.onePointFive, ZERO, false, 31)).toEqual([0x7fff_ffffn, IOC]);
  });
  it('FixedToFP rounds as asked and gives +0 for 0', () => {
    expect(run(mode(NEGINF), (e) => fp.FixedToFP(e, 64, 32, 0n, 0, false))).toEqual([S.zero, 0]);
    expect(run(mode(TIEEVEN), (e) => fp.FixedToFP(e, 32, 32, 0x0100_0001n, 0, false))).toEqual([0x4b80_0000n, IXC]);
    expect(run(mode(TIEEVEN), (e) => fp.FixedToFP(e, 32, 32, 0xffff_ffffn, 1, false))).toEqual([0xbf00_0000n, 0]);
  });
  it('FPRoundInt keeps the sign of a result of zero, and sets IXC only when exact', () => {
    expect(run(mode(TIEEVEN), (e) => fp.FPRoundInt(e, 32, 0xbe80_0000n, TIEEVEN, false))).toEqual([S.negZero, 0]);
    expect(run(mode(TIEEVEN), (e) => fp.FPRoundInt(e, 32, 0xbe80_0000n, NEGINF, true))).toEqual([S.negOne, IXC]);
    expect(run(mode(TIEEVEN), (e) => fp.FPRoundInt(e, 32, S.two, POSINF, true))).toEqual([S.two, 0]);
  });
  it('FPConvert keeps the top payload bits of a NaN and makes it quiet', () => {
    const convert = (from: 16 | 32 | 64, to: 16 | 32 | 64, a: bigint) =>
      run(mode(TIEEVEN), (e) => fp.FPConvert(e, from, to, a));
    expect(convert(64, 32, 0x7ff0_0000_2000_0000n)).toEqual([0x7fc0_0001n, IOC]);
    expect(convert(64, 32, 0xfff8_0000_0000_0001n)).toEqual([0xffc0_0000n, 0]);
    expect(convert(32, 64, 0x7fc0_0001n)).toEqual([0x7ff8_0000_2000_0000n, 0]);
    expect(convert(32, 16, 0x7fc0_2000n)).toEqual([0x7e01n, 0]);
  });
  it('FPCR.FZ and FZ16 do not flush half precision, FZ does flush a single operand', () => {
    expect(run(mode(TIEEVEN, FZ | FZ16), (e) => fp.FPConvert(e, 16, 32, 1n))).toEqual([0x3380_0000n, 0]);
    expect(run(mode(TIEEVEN, FZ | FZ16), (e) => fp.FPConvert(e, 32, 16, 0x3380_0000n))).toEqual([1n, 0]);
    expect(run(mode(TIEEVEN, FZ), (e) => fp.FPConvert(e, 32, 64, S.minSubnormal))).toEqual([0n, IDC]);
  });
  it('FPCR.AHP: exponent 31 is a number, and infinity, NaN and overflow set IOC alone', () => {
    const narrow = (a: bigint) => run(mode(TIEEVEN, AHP), (e) => fp.FPConvert(e, 32, 16, a));
    expect(run(mode(TIEEVEN, AHP), (e) => fp.FPConvert(e, 16, 32, 0x7c00n))).toEqual([0x4780_0000n, 0]);
    expect(narrow(0x4780_0000n)).toEqual([0x7c00n, 0]);
    expect(narrow(S.negInf)).toEqual([0xffffn, IOC]);
    expect(narrow(S.negQNaN)).toEqual([0x8000n, IOC]);
    expect(narrow(0x4800_0001n)).toEqual([0x7fffn, IOC]);
  });
  it('FPRounding.ODD sets the last bit of an inexact result and overflows to the largest number', () => {
    const odd = (a: bigint) => run(mode(TIEEVEN), (e) => fp.FPConvert(e, 64, 32, a, ODD));
    expect(odd(0x3ff0_0000_0000_0001n)).toEqual([0x3f80_0001n, IXC]);
    expect(odd(0x3ff0_0000_3fff_ffffn)).toEqual([0x3f80_0001n, IXC]);
    expect(odd(0x3ff0_0000_4000_0000n)).toEqual([0x3f80_0002n, 0]);
    expect(odd(0x7fe0_0000_0000_0000n)).toEqual([S.max, OFC | IXC]);
  });
});
