import { describe, expect, it } from 'vitest';
import {
  FLOAT,
  SCALAR_BINARY,
  SCALAR_UNARY,
  VECTOR_BINARY,
  VECTOR_SHIFT,
  VECTOR_UNARY,
} from '../engine/wasm/opcodes.ts';
import {
  BINARY_OPS,
  COMPARE_OPS,
  FP_OPERANDS,
  UNARY_OPS,
  VECTOR_BINARY_LANES,
  VECTOR_SHIFT_LANES,
  VECTOR_UNARY_LANES,
} from './operations.ts';

/** Lane widths per operator, ascending, of the generator's opcodes. */
function lanesOf(opcodes: Readonly<Record<string, object>>): Record<string, number[]> {
  return Object.fromEntries(Object.entries(opcodes).map(([op, byLane]) => [op, Object.keys(byLane).map(Number)]));
}

describe('the operations of the IR', () => {
  it.each([
    ['of two vectors', VECTOR_BINARY_LANES, VECTOR_BINARY],
    ['of one vector', VECTOR_UNARY_LANES, VECTOR_UNARY],
    ['that shift a vector', VECTOR_SHIFT_LANES, VECTOR_SHIFT],
  ])('%s exist for exactly the lane widths the generator has opcodes for', (_what, lanes, opcodes) => {
    expect(lanes).toEqual(lanesOf(opcodes));
  });

  it('on integers each have an opcode, and each opcode an operation', () => {
    expect([...BINARY_OPS, ...COMPARE_OPS].sort()).toEqual(Object.keys(SCALAR_BINARY).sort());
    expect([...UNARY_OPS].sort()).toEqual(Object.keys(SCALAR_UNARY).sort());
  });

  it('on floating-point numbers each have an opcode, and each opcode an operation', () => {
    expect(Object.keys(FP_OPERANDS).sort()).toEqual(Object.keys(FLOAT).sort());
  });
});
