import { ROUNDING_FROM_FPCR } from '../../isa/fp-helpers.ts';
import type { CodeWriter } from '../wasm/code.ts';
import { OP } from '../wasm/opcodes.ts';

/** What is added to the exponent of a half to get that of the same single. */
const EXPONENTS_APART = 127 - 15;
/** Fraction bits that a single has more than a half. */
const FRACTION_APART = 23 - 10;
/** The smallest normal half, and the single from which all are above the largest half when they are rounded. */
const [NORMAL_FIRST, TOO_LARGE] = [0x3880_0000, 0x477f_f000];

/** Leaves the sign of an operand (parameter 1) of so many bits, at its place in a result of others. */
function pushSign(c: CodeWriter, from: 16 | 32, to: 16 | 32): void {
  c.get(1)
    .i32(from - 1)
    .op(OP.i32_shr_u)
    .i32(to - 1)
    .op(OP.i32_shl);
}

/** FPConvert(operand, rounding) of a half to a single, which is exact: returns where the operand is a number. */
export function writeWidened(c: CodeWriter): void {
  const magnitude = c.local('i32');
  c.get(1).i32(0x7fff).op(OP.i32_and).tee(magnitude).i32(0x7c00).op(OP.i32_lt_u).if();
  pushSign(c, 16, 32);
  c.get(magnitude).i32(0x400).op(OP.i32_lt_u).if('i32');
  // A subnormal half is a normal single.
  c.get(magnitude)
    .op(OP.f64_convert_i32_u)
    .f64(2 ** -24)
    .op(OP.f64_mul, OP.f32_demote_f64, OP.i32_reinterpret_f32);
  c.else();
  c.get(magnitude)
    .i32(FRACTION_APART)
    .op(OP.i32_shl)
    .i32(EXPONENTS_APART << 23)
    .op(OP.i32_add);
  c.end();
  c.op(OP.i32_or, OP.return).end();
}

/**
 * FPConvert(operand, rounding) of a single to a half with the rounding of FPCR, which is 0: returns where the result is
 * zero or a normal number.
 *
 * @param noteInexact - sets FPSR.IXC if the i32 on the stack is 1
 */
export function writeNarrowed(c: CodeWriter, noteInexact: (c: CodeWriter) => void): void {
  const magnitude = c.local('i32');
  const lost = (1 << FRACTION_APART) - 1;
  c.get(1).i32(0x7fff_ffff).op(OP.i32_and).set(magnitude);
  c.get(2).i32(ROUNDING_FROM_FPCR).op(OP.i32_eq).if();
  c.get(magnitude).op(OP.i32_eqz).if();
  pushSign(c, 32, 16);
  c.op(OP.return).end();
  c.get(magnitude)
    .i32(NORMAL_FIRST)
    .op(OP.i32_sub)
    .i32(TOO_LARGE - NORMAL_FIRST)
    .op(OP.i32_lt_u)
    .if();
  c.get(magnitude).i32(lost).op(OP.i32_and, OP.i32_eqz, OP.i32_eqz);
  noteInexact(c);
  pushSign(c, 32, 16);
  // Half of what is lost, less one unless the result would be odd, carries as rounding to nearest even does.
  c.get(magnitude)
    .get(magnitude)
    .i32(FRACTION_APART)
    .op(OP.i32_shr_u)
    .i32(1)
    .op(OP.i32_and, OP.i32_add)
    .i32(lost >> 1)
    .op(OP.i32_add)
    .i32(FRACTION_APART)
    .op(OP.i32_shr_u)
    .i32(EXPONENTS_APART << 10)
    .op(OP.i32_sub);
  c.op(OP.i32_or, OP.return).end();
  c.end();
}
