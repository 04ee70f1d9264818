import type {
  BinaryOp,
  CompareOp,
  FpOp,
  LaneBits,
  UnaryOp,
  VectorBinaryOp,
  VectorShiftOp,
  VectorUnaryOp,
} from './types.ts';

/** Operators of two integers of one type that give the same type. */
export const BINARY_OPS: readonly BinaryOp[] = [
  ...(['add', 'sub', 'mul', 'and', 'or', 'xor'] as const),
  ...(['shl', 'shru', 'shrs', 'rotr', 'udiv', 'sdiv'] as const),
];

/** Comparisons of two integers of one type. */
export const COMPARE_OPS: readonly CompareOp[] = [
  ...(['eq', 'ne', 'ltu', 'lts', 'leu', 'les', 'gtu', 'gts', 'geu', 'ges'] as const),
];

/** Operators of one integer that keep its type. */
export const UNARY_OPS: readonly UnaryOp[] = ['clz', 'ctz', 'popcnt', 'ext8s', 'ext16s', 'ext32s'];

/** Floating-point operators, and how many operands each takes. */
export const FP_OPERANDS: Readonly<Record<FpOp, number>> = { FPAdd: 2, FPSub: 2, FPMul: 2, FPDiv: 2, FPSqrt: 1 };

const ALL: readonly LaneBits[] = [8, 16, 32, 64];
const TO_32: readonly LaneBits[] = [8, 16, 32];
const TO_16: readonly LaneBits[] = [8, 16];

/** Lane-wise operators of two vectors, and the lane widths they exist for (those WebAssembly has). */
export const VECTOR_BINARY_LANES: Readonly<Record<VectorBinaryOp, readonly LaneBits[]>> = {
  vadd: ALL,
  vsub: ALL,
  vmul: [16, 32, 64],
  vmins: TO_32,
  vminu: TO_32,
  vmaxs: TO_32,
  vmaxu: TO_32,
  vavgru: TO_16,
  veq: ALL,
  vgts: ALL,
  vgtu: TO_32,
  vges: ALL,
  vgeu: TO_32,
  vaddsats: TO_16,
  vaddsatu: TO_16,
  vsubsats: TO_16,
  vsubsatu: TO_16,
  vand: ALL,
  vor: ALL,
  vxor: ALL,
  vandnot: ALL,
  vswizzle: [8],
};

/** Lane-wise operators of one vector, and the lane widths they exist for. */
export const VECTOR_UNARY_LANES: Readonly<Record<VectorUnaryOp, readonly LaneBits[]>> = {
  vneg: ALL,
  vabs: ALL,
  vnot: ALL,
  vpopcnt: [8],
};

/** Lane-wise shifts by one amount, and the lane widths they exist for. */
export const VECTOR_SHIFT_LANES: Readonly<Record<VectorShiftOp, readonly LaneBits[]>> = {
  vshl: ALL,
  vshrs: ALL,
  vshru: ALL,
};
