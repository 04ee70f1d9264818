import { describe, expect, it } from 'vitest';
import { type FuncType, ModuleWriter, type ValType } from './binary.ts';
import { CodeWriter } from './code.ts';
import {
  EXTRACT,
  FLOAT,
  OP,
  REPLACE,
  SCALAR_BINARY,
  SCALAR_UNARY,
  SPLAT,
  VECTOR_BINARY,
  VECTOR_SHIFT,
  VECTOR_UNARY,
} from './opcodes.ts';

/** Whether the host takes an instruction with these operands (pushed by `push`) and this result. */
function valid(
  params: ValType[],
  result: ValType,
  write: (c: CodeWriter) => void,
  push: (c: CodeWriter, operand: number) => void = (c, operand) => void c.get(operand),
): boolean {
  const type: FuncType = { params, results: [result] };
  const code = new CodeWriter(params.length);
  for (let i = 0; i < params.length; i++) push(code, i);
  write(code);
  const module = new ModuleWriter();
  module.func('f', type, code.finish());
  return WebAssembly.validate(module.finish() as BufferSource);
}
const INTEGERS: readonly ValType[] = ['i32', 'i64'];
const COMPARISONS = new Set(['eq', 'ne', 'lts', 'ltu', 'gts', 'gtu', 'les', 'leu', 'ges', 'geu']);

// What each of them computes is compared with the oracle in `emit/operators.test.ts`.
describe('opcodes have the operands and results the emitter gives them', () => {
  it('of scalar operators', () => {
    for (const [op, codes] of Object.entries(SCALAR_BINARY))
      codes.forEach((code, i) => {
        const ty = INTEGERS[i];
        expect(
          valid([ty, ty], COMPARISONS.has(op) ? 'i32' : ty, (c) => c.op(code)),
          `${op} ${ty}`,
        ).toBe(true);
      });
    for (const [op, codes] of Object.entries(SCALAR_UNARY))
      codes.forEach((code, i) => {
        const ty = INTEGERS[i];
        if (code)
          expect(
            valid([ty], ty, (c) => c.op(code)),
            `${op} ${ty}`,
          ).toBe(true);
      });
  });

  it('of lane-wise operators', () => {
    const lanes = (table: object): [string, number][] =>
      Object.entries(table).flatMap(([op, byLane]) =>
        Object.entries(byLane as Record<string, number>).map(([lane, code]): [string, number] => [
          `${op} ${lane}`,
          code,
        ]),
      );
    for (const [what, code] of lanes(VECTOR_BINARY))
      expect(
        valid(['v128', 'v128'], 'v128', (c) => c.simd(code)),
        what,
      ).toBe(true);
    for (const [what, code] of lanes(VECTOR_UNARY))
      expect(
        valid(['v128'], 'v128', (c) => c.simd(code)),
        what,
      ).toBe(true);
    for (const [what, code] of lanes(VECTOR_SHIFT))
      expect(
        valid(['v128', 'i32'], 'v128', (c) => c.simd(code)),
        what,
      ).toBe(true);
  });

  it.each([8, 16, 32, 64] as const)('of lanes of %i bits', (lane) => {
    const ty = lane === 64 ? 'i64' : 'i32';
    expect(valid([ty], 'v128', (c) => c.simd(SPLAT[lane]!))).toBe(true);
    expect(valid(['v128'], ty, (c) => c.simd(EXTRACT[lane]!).op(128 / lane - 1))).toBe(true);
    expect(valid(['v128', ty], 'v128', (c) => c.simd(REPLACE[lane]!).op(128 / lane - 1))).toBe(true);
    expect(
      valid(['v128'], ty, (c) => c.simd(EXTRACT[lane]!).op(128 / lane)),
      'a lane too many',
    ).toBe(false);
  });

  it('of floating-point operators, between reinterpreted integers', () => {
    const into = [OP.f32_reinterpret_i32, OP.f64_reinterpret_i64];
    const outOf = [OP.i32_reinterpret_f32, OP.i64_reinterpret_f64];
    for (const [op, codes] of Object.entries(FLOAT))
      codes.forEach((code, i) => {
        const ty = INTEGERS[i];
        const operands = op === 'FPSqrt' ? [ty] : [ty, ty];
        const float = (c: CodeWriter, operand: number): void => void c.get(operand).op(into[i]);
        const ok = valid(operands, ty, (c) => c.op(code, outOf[i]), float);
        expect(ok, `${op} ${ty}`).toBe(true);
      });
  });
});
