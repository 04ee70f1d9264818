import { describe, expect, it } from 'vitest';
import type { Builder } from '../ir/builder.ts';
import { printFragment } from '../ir/print.ts';
import { immLayout, immValues, insn, isRegisterField, liftConstant, liftShape, shapeFields } from './clause.ts';
import { extractFields } from './encoding.ts';

const NO_CHECK = (): void => {};
const LIFT = (): void => {};

describe('isRegisterField', () => {
  it('knows registers by their names', () => {
    for (const name of ['Rd', 'Rn', 'Rm', 'Ra', 'Rs', 'Rt', 'Rt2', 'Vd', 'Vn', 'Vm', 'Va', 'Vt', 'Vt2'])
      expect(isRegisterField(name), name).toBe(true);
    for (const name of ['R', 'Q', 'imm12', 'option', 'sf', 'rmode', 'CRn', 'V'])
      expect(isRegisterField(name), name).toBe(false);
  });
});

describe('insn', () => {
  it('sorts fields into registers, what selects the shape, and what only immediates use', () => {
    const clause = insn('X', 'sf 0000000 imm:9 op:4 Rn:5 Rd:5 0', {
      imm: { offset: ['s32', (f) => f.imm!] },
      dynamic: ['imm'],
      lift: LIFT,
    });
    expect(clause.registerFields).toEqual(['Rn', 'Rd']);
    expect(clause.staticFields).toEqual(['sf', 'op']);
  });

  it('refuses a dynamic field the encoding does not have', () => {
    expect(() => insn('X', 'a:32', { dynamic: ['b'], lift: LIFT })).toThrow("X: no field 'b'");
  });

  it('refuses five registers and more than eight bytes of immediates', () => {
    const five = 'Ra:5 Rs:5 Rm:5 Rn:5 Rd:5 0000000';
    expect(() => insn('X', five, { lift: LIFT })).toThrow('X: more than four register fields');
    const imm = { a: ['i64', () => 0], b: ['u8', () => 0] } as const;
    expect(() => insn('X', 'a:32', { imm, lift: LIFT })).toThrow('X: immediates take 9 bytes, a record holds 8');
  });
});

describe('immediates', () => {
  it('lie in the record largest first, so that each is aligned', () => {
    const layout = immLayout('X', { a: ['u8', () => 0], b: ['s32', () => 0], c: ['u16', () => 0], d: ['u8', () => 0] });
    expect(layout).toEqual({
      b: { type: 's32', at: 0 },
      c: { type: 'u16', at: 4 },
      a: { type: 'u8', at: 6 },
      d: { type: 'u8', at: 7 },
    });
  });

  it('are given modulo 2^64', () => {
    const clause = insn('X', 'imm:8 000000000000000000000000', {
      imm: { offset: ['s32', (f) => -f.imm!] },
      dynamic: ['imm'],
      lift: LIFT,
    });
    expect(immValues(clause, { imm: 3 })).toEqual({ offset: (1n << 64n) - 3n });
  });
});

describe('lifting', () => {
  const clause = insn('X', 'sf 0000000 imm:8 000000 Rn:5 Rd:5', {
    imm: { offset: ['s32', (f) => f.imm!] },
    dynamic: ['imm'],
    split31: ['Rn'],
    fp: true,
    lift: (b: Builder, f) => b.setR('Rd', f.sf!, f.RnIs31 ? b.k(f.sf ? 'i64' : 'i32', 0) : b.r('Rn', f.sf!)),
  });
  const fields = extractFields(clause.encoding, 0x8001_0005);

  it('a shape is the static fields, and for split registers whether the number is 31', () => {
    expect(shapeFields(clause, fields)).toEqual({ sf: 1, RnIs31: 0 });
    expect(shapeFields(clause, { ...fields, Rn: 31 })).toEqual({ sf: 1, RnIs31: 1 });
  });

  it('leaves operands open for a handler and fills them in for one instruction', () => {
    expect(printFragment(liftShape(clause, { sf: 1, RnIs31: 0 }, NO_CHECK))).toBe('%0: i64 = getx Rn\nsetx Rd, %0');
    expect(printFragment(liftConstant(clause, fields, NO_CHECK))).toBe('%0: i64 = getx Rn=0\nsetx Rd=5, %0');
  });

  it('begins with the trap check for FP and SIMD', () => {
    const check = (b: Builder): void => void b.w('Rn');
    expect(printFragment(liftShape(clause, { sf: 0, RnIs31: 1 }, check))).toBe('%0: i32 = getw Rn\nsetw Rd, 0');
  });
});
