import { FPRounding } from '../../isa/fp/index.ts';
import { ROUNDING_FROM_FPCR } from '../../isa/fp-helpers.ts';
import type { CodeWriter } from '../wasm/code.ts';
import { OP } from '../wasm/opcodes.ts';

/** Opcodes of f64 by FPRounding: nearest, up, down, to zero. */
const ROUND = [OP.f64_nearest, OP.f64_ceil, OP.f64_floor, OP.f64_trunc] as const;

/** A rounding being written: FPRounding values up to TIEAWAY, and that of FPCR, which is 0. */
export interface Rounding {
  readonly c: CodeWriter;
  /** Local with the operand, and one for it as an integral number. */
  readonly value: number;
  readonly whole: number;
  /** Parameter with the FPRounding. */
  readonly rounding: number;
}

/** Writes how a number becomes an integral one. What is cut off is told exactly, so no rounding is done twice. */
export function writeRounding({ c, value, whole, rounding }: Rounding): void {
  c.get(rounding).i32(ROUNDING_FROM_FPCR).op(OP.i32_eq).if().i32(0).set(rounding).end();
  c.get(value).op(OP.f64_nearest).set(whole);
  for (const mode of [1, 2, 3] as const)
    c.get(rounding).i32(mode).op(OP.i32_eq).if().get(value).op(ROUND[mode]).set(whole).end();
  c.get(rounding).i32(FPRounding.TIEAWAY).op(OP.i32_eq).if();
  c.get(value).op(OP.f64_trunc).tee(whole).get(value).op(OP.f64_sub, OP.f64_abs).f64(0.5).op(OP.f64_ge).if();
  c.get(whole).f64(1).get(value).op(OP.f64_copysign, OP.f64_add).set(whole);
  c.end().end();
}

/** Leaves 1 when the integral number can be told in so many bits. A NaN cannot, as it is not less than anything. */
function pushFits({ c, whole }: Rounding, bits: 32 | 64, signed: boolean): void {
  c.get(whole)
    .f64(signed ? -(2 ** (bits - 1)) : 0)
    .op(OP.f64_ge);
  c.get(whole)
    .f64(2 ** (signed ? bits - 1 : bits))
    .op(OP.f64_lt, OP.i32_and);
}

/**
 * FPToFixed(operand, fbits, unsigned, rounding) for FPCR 0: returns where the operand rounds to an integer that fits.
 *
 * @param noteInexact - sets FPSR.IXC if the i32 on the stack is 1
 */
export function writeToFixed(c: CodeWriter, wide: boolean, bits: 32 | 64, noteInexact: (c: CodeWriter) => void): void {
  const [fbits, unsigned, rounding] = [2, 3, 4];
  const [value, whole] = [c.local('f64'), c.local('f64')];
  const how = { c, value, whole, rounding };
  c.get(1);
  if (wide) c.op(OP.f64_reinterpret_i64);
  else c.op(OP.f32_reinterpret_i32, OP.f64_promote_f32);
  c.set(value);
  c.get(fbits).op(OP.i32_eqz).get(rounding).i32(ROUNDING_FROM_FPCR).op(OP.i32_eq);
  c.get(rounding)
    .i32(FPRounding.TIEAWAY + 1)
    .op(OP.i32_lt_u, OP.i32_or, OP.i32_and)
    .if();
  writeRounding(how);
  for (const signed of [true, false]) {
    pushFits(how, bits, signed);
    c.get(unsigned);
    if (signed) c.op(OP.i32_eqz);
    c.op(OP.i32_and).if();
    c.get(whole).get(value).op(OP.f64_ne);
    noteInexact(c);
    c.get(whole).op(signed ? OP.i64_trunc_f64_s : OP.i64_trunc_f64_u);
    if (bits === 32) c.op(OP.i32_wrap_i64);
    c.op(OP.return).end();
  }
  c.end();
}
