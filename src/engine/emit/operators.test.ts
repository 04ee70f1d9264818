import { describe, expect, it } from 'vitest';
import { Fragments, type Meaning } from '../../../test/support/fragments.ts';
import { Rng } from '../../../test/support/rng.ts';
import type { Builder, Val } from '../../ir/builder.ts';
import {
  BINARY_OPS,
  COMPARE_OPS,
  UNARY_OPS,
  VECTOR_BINARY_LANES,
  VECTOR_SHIFT_LANES,
  VECTOR_UNARY_LANES,
} from '../../ir/operations.ts';
import type { LaneBits, VectorBinaryOp, VectorShiftOp, VectorUnaryOp } from '../../ir/types.ts';

const STATES_PER_OPERATOR = 60;

/** Puts an integer of either type, or a vector, into register d. */
function give(b: Builder, value: Val): void {
  if (value.ty === 'v128') b.setV('Rd', value);
  else if (value.ty === 'i64') b.setX('Rd', value);
  else b.setW('Rd', value);
}

function scalars(): Record<string, Meaning> {
  const table: Record<string, Meaning> = {};
  for (const sf of [0, 1]) {
    const bits = sf ? 64 : 32;
    for (const op of BINARY_OPS)
      table[`${op} ${bits}`] = (b) => {
        const [x, y] = [b.r('Rn', sf), b.r('Rm', sf)];
        const made =
          op === 'udiv'
            ? b.udiv(x, y)
            : op === 'sdiv'
              ? b.sdiv(x, y)
              : (b[op] as (x: Val, y: Val) => Val).call(b, x, y);
        give(b, made);
      };
    for (const op of COMPARE_OPS) table[`${op} ${bits}`] = (b) => give(b, b.cmp(op, b.r('Rn', sf), b.r('Rm', sf)));
    for (const op of UNARY_OPS) table[`${op} ${bits}`] = (b) => give(b, b.unary(op, b.r('Rn', sf)));
    table[`select ${bits}`] = (b) => give(b, b.select(b.cmp('eq', b.w('Ra'), b.i32(0)), b.r('Rn', sf), b.r('Rm', sf)));
  }
  table.zext = (b) => give(b, b.zext(b.w('Rn')));
  table.sext = (b) => give(b, b.sext(b.w('Rn')));
  table.trunc = (b) => give(b, b.trunc(b.x('Rn')));
  return table;
}

function lanes(): Record<string, Meaning> {
  const table: Record<string, Meaning> = {};
  for (const [op, widths] of Object.entries(VECTOR_BINARY_LANES))
    for (const lane of widths)
      table[`${op} ${lane}`] = (b) => give(b, b.vop(op as VectorBinaryOp, lane, b.v('Rn'), b.v('Rm')));
  for (const [op, widths] of Object.entries(VECTOR_UNARY_LANES))
    for (const lane of widths) table[`${op} ${lane}`] = (b) => give(b, b.vun(op as VectorUnaryOp, lane, b.v('Rn')));
  for (const [op, widths] of Object.entries(VECTOR_SHIFT_LANES))
    for (const lane of widths)
      table[`${op} ${lane}`] = (b) => give(b, b.vshift(op as VectorShiftOp, lane, b.v('Rn'), b.w('Rm')));
  for (const lane of [8, 16, 32, 64] as LaneBits[]) {
    const scalar = (b: Builder): Val => (lane === 64 ? b.x('Rm') : b.w('Rm'));
    table[`vsplat ${lane}`] = (b) => give(b, b.splat(lane, scalar(b)));
    for (const index of [0, 128 / lane - 1]) {
      table[`vlane ${lane} ${index}`] = (b) => give(b, b.lane(b.v('Rn'), lane, index));
      table[`vwith ${lane} ${index}`] = (b) => give(b, b.withLane(b.v('Rn'), lane, index, scalar(b)));
    }
  }
  const bytes = Array.from({ length: 16 }, (_, i) => (i * 7 + 3) % 32);
  table.vshuffle = (b) => give(b, b.shuffle(b.v('Rn'), b.v('Rm'), bytes));
  table.vselect = (b) => give(b, b.vselect(b.v('Ra'), b.v('Rn'), b.v('Rm')));
  table.constv = (b) => give(b, b.vconst(0x0123_4567_89ab_cdefn, 0xfedc_ba98_7654_3210n));
  return table;
}

const OPERATORS = { ...scalars(), ...lanes() };

describe('every operator, on random and special values', () => {
  const fragments = new Fragments(OPERATORS);
  it.each(Object.keys(OPERATORS))('%s: the handler leaves what the oracle leaves', (name) => {
    const rng = new Rng(name);
    for (let i = 0; i < STATES_PER_OPERATOR; i++) {
      fragments.randomise(rng);
      const { handler, oracle } = fragments.both(fragments.word(name));
      expect(handler).toEqual(oracle);
    }
  });
});

describe('division', () => {
  const fragments = new Fragments(OPERATORS);
  const divide = (name: string, x: bigint, y: bigint): bigint => {
    fragments.setX(1, x);
    fragments.setX(2, y);
    fragments.handler(fragments.word(name));
    return fragments.x(0);
  };
  const [min32, min64] = [1n << 31n, 1n << 63n];

  it('by zero gives zero (DDI 0487, UDIV, SDIV)', () => {
    for (const name of ['udiv 32', 'udiv 64', 'sdiv 32', 'sdiv 64']) expect(divide(name, 77n, 0n), name).toBe(0n);
  });

  it('of the most negative number by -1 gives that number', () => {
    expect(divide('sdiv 64', min64, -1n)).toBe(min64);
    expect(divide('sdiv 32', min32, -1n)).toBe(min32);
    expect(divide('udiv 64', min64, -1n)).toBe(0n);
  });

  it('of signed numbers rounds towards zero', () => {
    expect(BigInt.asIntN(64, divide('sdiv 64', -7n, 2n))).toBe(-3n);
    expect(BigInt.asIntN(32, divide('sdiv 32', 7n, -2n))).toBe(-3n);
  });
});
