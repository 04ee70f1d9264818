/** Conversions and rounding that scalar and vector clauses share. */
import { PE_STATE } from '../../arch/pestate.ts';
import type { Builder, Val } from '../../ir/builder.ts';
import { FPRounding, FPSR } from '../fp/index.ts';
import { ROUNDING_FROM_FPCR } from '../fp-helpers.ts';
import { callFp, type ElementOp, type Width } from './common.ts';

/** Rounding named by the letter in the mnemonic. */
export const ROUNDING = {
  n: FPRounding.TIEEVEN,
  p: FPRounding.POSINF,
  m: FPRounding.NEGINF,
  z: FPRounding.ZERO,
  a: FPRounding.TIEAWAY,
} as const;

/** A rounding letter of a mnemonic. */
export type RoundingLetter = keyof typeof ROUNDING;

/** FRINTN to FRINTA by letter; `x` and `i` round as FPCR.RMode says, `x` sets FPSR.IXC. */
export function roundToIntegral(letter: RoundingLetter | 'x' | 'i'): ElementOp {
  const mode = letter === 'x' || letter === 'i' ? ROUNDING_FROM_FPCR : ROUNDING[letter];
  return (b, width, x) => callFp(b, `FPRoundInt${width}`, x!, b.i32(mode), b.i32(letter === 'x' ? 1 : 0));
}

/** What a conversion to an integer or fixed-point number needs to know. */
export interface ToFixed {
  readonly from: Width;
  readonly to: Width;
  readonly unsigned: boolean;
  readonly rounding: RoundingLetter;
  /** Fraction bits as an `i32`; absent for an integer. */
  readonly fbits?: Val | undefined;
}

/** FPToFixed(). Truncation of a normal number whose integer fits is done on the bits; it can only set FPSR.IXC. */
export function toFixed(b: Builder, x: Val, how: ToFixed): Val {
  const slow = (): Val =>
    callFp(
      b,
      `FPToFixed${how.from}To${how.to}`,
      x,
      how.fbits ?? b.i32(0),
      b.i32(how.unsigned ? 1 : 0),
      b.i32(ROUNDING[how.rounding]),
    );
  if (how.rounding !== 'z' || how.fbits) return slow();
  const wide = how.from === 64 ? x : b.zext(x);
  const [fraction, bias, mask] = how.from === 64 ? [52, 1023, 0x7ff] : [23, 127, 0xff];
  const exponent = b.sub(b.and(b.shru(wide, fraction), b.i64(mask)), b.i64(bias));
  // Exponents 0 to width - 2 keep a signed result below its limit, 0 to width - 1 an unsigned one.
  const inRange = b.ltu(exponent, b.i64(how.unsigned ? how.to : how.to - 1));
  const negative = b.and(b.shru(wide, how.from - 1), b.i64(1));
  const usable = how.unsigned ? b.and(inRange, b.eq(negative, b.i64(0))) : inRange;
  return b.choose(
    usable,
    () => {
      // The mantissa with its leading one at bit 63; the integer is its first exponent + 1 bits.
      const mantissa = b.or(b.shl(wide, 63 - fraction), b.i64(1n << 63n));
      const lost = b.shl(b.shl(mantissa, 1), exponent);
      const inexact = b.select(b.ne(lost, b.i64(0)), b.i32(FPSR.IXC), b.i32(0));
      b.set(PE_STATE.FPSR, b.or(b.get(PE_STATE.FPSR), inexact));
      const magnitude = b.shru(mantissa, b.sub(b.i64(63), exponent));
      const minus = b.neg(negative);
      const value = how.unsigned ? magnitude : b.sub(b.xor(magnitude, minus), minus);
      return how.to === 64 ? value : b.trunc(value);
    },
    slow,
  );
}

/** What a conversion from an integer or fixed-point number needs to know. */
export interface FromFixed {
  readonly from: Width;
  readonly to: Width;
  readonly unsigned: boolean;
  /** Fraction bits as an `i32`; absent for an integer. */
  readonly fbits?: Val | undefined;
}

/** FixedToFP() with the rounding of FPCR. Integers that the format holds exactly are converted on the bits. */
export function fromFixed(b: Builder, x: Val, how: FromFixed): Val {
  const slow = (): Val =>
    callFp(b, `FixedToFP${how.from}To${how.to}`, x, how.fbits ?? b.i32(0), b.i32(how.unsigned ? 1 : 0));
  if (how.fbits) return slow();
  const value = how.from === 64 ? x : how.unsigned ? b.zext(x) : b.sext(x);
  const minus = how.unsigned ? b.i64(0) : b.shrs(value, 63);
  const magnitude = b.sub(b.xor(value, minus), minus);
  const fraction = how.to === 64 ? 52 : 23;
  const fast = (): Val => {
    const zeros = b.clz(magnitude);
    // Shifting out the leading one leaves the fraction at the top.
    const field = b.shru(b.shl(b.shl(magnitude, zeros), 1), 64 - fraction);
    const biased = b.sub(b.i64((how.to === 64 ? 1023 : 127) + 63), zeros);
    const sign = b.shl(minus, how.to - 1);
    const packed = b.or(b.or(b.shl(biased, fraction), field), sign);
    const result = b.select(b.eq(value, b.i64(0)), b.i64(0), packed);
    return how.to === 64 ? result : b.trunc(result);
  };
  if (how.from === 32 && how.to === 64) return fast();
  return b.choose(b.cmp('leu', magnitude, b.i64(1n << BigInt(fraction + 1))), fast, slow);
}

/** FPConvert() with the rounding of FPCR. Widening a normal single is moving its fields. */
export function convert(b: Builder, from: 16 | Width, to: 16 | Width, x: Val): Val {
  const slow = (): Val => callFp(b, `FPConvert${from}To${to}`, x, b.i32(ROUNDING_FROM_FPCR));
  if (from !== 32 || to !== 64) return slow();
  const biased = b.and(b.shru(x, 23), b.i32(0xff));
  return b.choose(
    b.ltu(b.sub(biased, b.i32(1)), b.i32(0xfe)),
    () => {
      const wide = b.zext(x);
      const magnitude = b.add(b.shl(b.extu(wide, 31), 29), b.i64(BigInt(1023 - 127) << 52n));
      return b.or(magnitude, b.shl(b.shru(wide, 31), 63));
    },
    slow,
  );
}

/** FPConvert() of a double to a single with round to odd (FCVTXN). */
export function convertToOdd(b: Builder, x: Val): Val {
  return callFp(b, 'FPConvert64To32', x, b.i32(FPRounding.ODD));
}
