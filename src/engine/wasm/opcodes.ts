import type { BinaryOp, CompareOp, UnaryOp, VectorBinaryOp, VectorShiftOp, VectorUnaryOp } from '../../ir/types.ts';

/** Opcodes (WebAssembly Core Specification, "Instructions") that the emitter names. */
export const OP = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  br_if: 0x0d,
  br_table: 0x0e,
  return: 0x0f,
  call: 0x10,
  call_indirect: 0x11,
  drop: 0x1a,
  select: 0x1b,
  local_get: 0x20,
  local_set: 0x21,
  local_tee: 0x22,
  i32_load: 0x28,
  i64_load: 0x29,
  i32_load8_u: 0x2d,
  i32_load16_u: 0x2f,
  i64_load32_s: 0x34,
  i32_store: 0x36,
  i64_store: 0x37,
  i32_store8: 0x3a,
  i32_store16: 0x3b,
  i32_const: 0x41,
  i64_const: 0x42,
  i32_eqz: 0x45,
  i32_eq: 0x46,
  i32_ne: 0x47,
  i32_lt_s: 0x48,
  i32_gt_u: 0x4b,
  i32_lt_u: 0x49,
  i32_gt_s: 0x4a,
  i64_eqz: 0x50,
  i64_eq: 0x51,
  i64_ne: 0x52,
  i64_lt_s: 0x53,
  i64_lt_u: 0x54,
  i64_ge_s: 0x59,
  f32_eq: 0x5b,
  f32_ne: 0x5c,
  f64_eq: 0x61,
  f64_ne: 0x62,
  f64_lt: 0x63,
  f64_ge: 0x66,
  i32_add: 0x6a,
  i32_sub: 0x6b,
  i32_and: 0x71,
  i32_or: 0x72,
  i32_xor: 0x73,
  i32_shl: 0x74,
  i32_shr_u: 0x76,
  i64_add: 0x7c,
  i64_sub: 0x7d,
  i64_ctz: 0x7a,
  i64_mul: 0x7e,
  i64_rotr: 0x8a,
  i64_and: 0x83,
  i64_or: 0x84,
  i64_xor: 0x85,
  i64_shl: 0x86,
  i64_shr_u: 0x88,
  i32_wrap_i64: 0xa7,
  i64_extend_i32_s: 0xac,
  i64_extend_i32_u: 0xad,
  f32_abs: 0x8b,
  f32_neg: 0x8c,
  f64_abs: 0x99,
  f64_neg: 0x9a,
  f64_ceil: 0x9b,
  f64_floor: 0x9c,
  f64_trunc: 0x9d,
  f64_nearest: 0x9e,
  f64_add: 0xa0,
  f64_sub: 0xa1,
  f64_mul: 0xa2,
  f64_copysign: 0xa6,
  i64_trunc_f64_s: 0xb0,
  i64_trunc_f64_u: 0xb1,
  f32_demote_f64: 0xb6,
  f64_convert_i32_u: 0xb8,
  f64_promote_f32: 0xbb,
  i32_reinterpret_f32: 0xbc,
  i64_reinterpret_f64: 0xbd,
  f32_reinterpret_i32: 0xbe,
  f64_reinterpret_i64: 0xbf,
} as const;

/** Opcodes of scalar operators, for `i32` and `i64`. Division is guarded by the emitter. */
export const SCALAR_BINARY: Readonly<Record<BinaryOp | CompareOp, readonly [i32: number, i64: number]>> = {
  add: [0x6a, 0x7c],
  sub: [0x6b, 0x7d],
  mul: [0x6c, 0x7e],
  sdiv: [0x6d, 0x7f],
  udiv: [0x6e, 0x80],
  and: [0x71, 0x83],
  or: [0x72, 0x84],
  xor: [0x73, 0x85],
  shl: [0x74, 0x86],
  shrs: [0x75, 0x87],
  shru: [0x76, 0x88],
  rotr: [0x78, 0x8a],
  eq: [0x46, 0x51],
  ne: [0x47, 0x52],
  lts: [0x48, 0x53],
  ltu: [0x49, 0x54],
  gts: [0x4a, 0x55],
  gtu: [0x4b, 0x56],
  les: [0x4c, 0x57],
  leu: [0x4d, 0x58],
  ges: [0x4e, 0x59],
  geu: [0x4f, 0x5a],
};

/** Opcodes of unary operators; 0 where the operator changes nothing. */
export const SCALAR_UNARY: Readonly<Record<UnaryOp, readonly [i32: number, i64: number]>> = {
  clz: [0x67, 0x79],
  ctz: [0x68, 0x7a],
  popcnt: [0x69, 0x7b],
  ext8s: [0xc0, 0xc2],
  ext16s: [0xc1, 0xc3],
  ext32s: [0, 0xc4],
};

/** Host floating-point opcodes behind the fast paths, f32 and f64. */
export const FLOAT: Readonly<Record<string, readonly [f32: number, f64: number]>> = {
  FPAdd: [0x92, 0xa0],
  FPSub: [0x93, 0xa1],
  FPMul: [0x94, 0xa2],
  FPDiv: [0x95, 0xa3],
  FPSqrt: [0x91, 0x9f],
};

type ByLane = Readonly<Partial<Record<8 | 16 | 32 | 64, number>>>;
const all = (code: number): ByLane => ({ 8: code, 16: code, 32: code, 64: code });

/** SIMD opcodes (prefix 0xfd) of lane-wise operators; a lane width that is missing does not exist. */
export const VECTOR_BINARY: Readonly<Record<VectorBinaryOp, ByLane>> = {
  vadd: { 8: 0x6e, 16: 0x8e, 32: 0xae, 64: 0xce },
  vsub: { 8: 0x71, 16: 0x91, 32: 0xb1, 64: 0xd1 },
  vmul: { 16: 0x95, 32: 0xb5, 64: 0xd5 },
  vmins: { 8: 0x76, 16: 0x96, 32: 0xb6 },
  vminu: { 8: 0x77, 16: 0x97, 32: 0xb7 },
  vmaxs: { 8: 0x78, 16: 0x98, 32: 0xb8 },
  vmaxu: { 8: 0x79, 16: 0x99, 32: 0xb9 },
  vavgru: { 8: 0x7b, 16: 0x9b },
  veq: { 8: 0x23, 16: 0x2d, 32: 0x37, 64: 0xd6 },
  vgts: { 8: 0x27, 16: 0x31, 32: 0x3b, 64: 0xd9 },
  vgtu: { 8: 0x28, 16: 0x32, 32: 0x3c },
  vges: { 8: 0x2b, 16: 0x35, 32: 0x3f, 64: 0xdb },
  vgeu: { 8: 0x2c, 16: 0x36, 32: 0x40 },
  vaddsats: { 8: 0x6f, 16: 0x8f },
  vaddsatu: { 8: 0x70, 16: 0x90 },
  vsubsats: { 8: 0x72, 16: 0x92 },
  vsubsatu: { 8: 0x73, 16: 0x93 },
  vand: all(0x4e),
  vor: all(0x50),
  vxor: all(0x51),
  vandnot: all(0x4f),
  vswizzle: { 8: 0x0e },
};
/** SIMD opcodes of operators on one vector. */
export const VECTOR_UNARY: Readonly<Record<VectorUnaryOp, ByLane>> = {
  vneg: { 8: 0x61, 16: 0x81, 32: 0xa1, 64: 0xc1 },
  vabs: { 8: 0x60, 16: 0x80, 32: 0xa0, 64: 0xc0 },
  vnot: all(0x4d),
  vpopcnt: { 8: 0x62 },
};
/** SIMD opcodes of shifts by one amount. */
export const VECTOR_SHIFT: Readonly<Record<VectorShiftOp, ByLane>> = {
  vshl: { 8: 0x6b, 16: 0x8b, 32: 0xab, 64: 0xcb },
  vshrs: { 8: 0x6c, 16: 0x8c, 32: 0xac, 64: 0xcc },
  vshru: { 8: 0x6d, 16: 0x8d, 32: 0xad, 64: 0xcd },
};
/** SIMD opcodes that put one scalar into every lane, by lane width. */
export const SPLAT: ByLane = { 8: 0x0f, 16: 0x10, 32: 0x11, 64: 0x12 };
/** SIMD opcodes that take one lane out, zero-extended. */
export const EXTRACT: ByLane = { 8: 0x16, 16: 0x19, 32: 0x1b, 64: 0x1d };
/** SIMD opcodes that take one lane out, or replace one, as a number: f32, f64. */
export const FLOAT_LANE = {
  extract: { 32: 0x1f, 64: 0x21 },
  replace: { 32: 0x20, 64: 0x22 },
  /** One number in every lane, and every lane negated. */
  splat: { 32: 0x13, 64: 0x14 },
  negate: { 32: 0xe1, 64: 0xed },
} as const;
/** SIMD opcodes that replace one lane. */
export const REPLACE: ByLane = { 8: 0x17, 16: 0x1a, 32: 0x1c, 64: 0x1e };
