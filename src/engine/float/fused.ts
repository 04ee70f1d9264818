import type { CodeWriter } from '../wasm/code.ts';
import { OP } from '../wasm/opcodes.ts';

/**
 * Least exponent field of a product, and of a result, for which every error below is a number: the lowest bit of what
 * is lost lies above the smallest subnormal.
 */
const EXPONENT_MIN = 0x40;
/** First exponent field for which a sum on the way could overflow. */
const EXPONENT_END = 0x7fb;
/** Splits a significand of 53 bits into 26 and 26 and a sign: half of the unit of the upper part, and its mask. */
const SPLIT_HALF = 0x400_0000n;
const SPLIT_MASK = ~0x7ff_ffffn;
/** The least factor that makes every number larger. */
const LARGER = 1 + 2 ** -52;

/** Doubles, one or two at a time: type of their locals, and opcodes. */
export interface Doubles {
  readonly type: 'f64' | 'v128';
  /** Writes operations on what is on the stack. */
  op(c: CodeWriter, ...names: (keyof typeof OPCODES.f64)[]): CodeWriter;
}
const OPCODES = {
  f64: { add: OP.f64_add, sub: OP.f64_sub, mul: OP.f64_mul },
  v128: { add: 0xf0, sub: 0xf1, mul: 0xf2 },
} as const;
/** One double. */
export const ONE: Doubles = {
  type: 'f64',
  op: (c, ...names) => {
    for (const name of names) c.op(OPCODES.f64[name]);
    return c;
  },
};
/** Both lanes of a vector. */
export const TWO: Doubles = {
  type: 'v128',
  op: (c, ...names) => {
    for (const name of names) c.simd(OPCODES.v128[name]);
    return c;
  },
};

/** What `pushFused64` leaves in locals. */
export interface Fused64 {
  readonly product: number;
  readonly result: number;
  /** The exact sum is `result + rest + lost`, where `lost` is the error of adding `parts`. */
  readonly rest: number;
  readonly parts: readonly [number, number];
}

/** SIMD opcodes on 64-bit lanes. */
const LANES = { splat: 0x12, and: 0x4e, or: 0x50, add: 0xce, eq: 0xd6, lts: 0xd8, gts: 0xd9, feq: 0x47 } as const;

/** Leaves 1 when the exponent field of an f64 local is from `from` up to, but not, `end`. */
function exponentIn(c: CodeWriter, x: number, from: number, end: number): void {
  c.get(x).op(OP.i64_reinterpret_f64).i64(52n).op(OP.i64_shr_u, OP.i32_wrap_i64).i32(0x7ff).op(OP.i32_and);
  c.i32(from)
    .op(OP.i32_sub)
    .i32(end - from)
    .op(OP.i32_lt_u);
}
/** The same of both lanes of a vector: all ones in lanes where it is so. */
function exponentsIn(c: CodeWriter, x: number, from: number, end: number): void {
  const magnitude = c.local('v128');
  c.get(x)
    .i64((1n << 63n) - 1n)
    .simd(LANES.splat)
    .simd(LANES.and)
    .tee(magnitude);
  c.i64((BigInt(from) << 52n) - 1n)
    .simd(LANES.splat)
    .simd(LANES.gts);
  c.get(magnitude)
    .i64(BigInt(end) << 52n)
    .simd(LANES.splat)
    .simd(LANES.lts)
    .simd(LANES.and);
}

/** Leaves 1 when the error of a product (f64 local) is a number. */
export function pushFusedRange(c: CodeWriter, product: number): void {
  exponentIn(c, product, EXPONENT_MIN, EXPONENT_END);
}

/** Leaves the error of `sum` = `x` + `y`, whatever their sizes. Knuth's TwoSum. */
export function pushSumError(c: CodeWriter, x: number, y: number, sum: number, n: Doubles = ONE): void {
  const part = c.local(n.type);
  n.op(c.get(sum).get(x), 'sub').set(part);
  n.op(c.get(x).get(sum).get(part), 'sub', 'sub');
  n.op(c.get(y).get(part), 'sub', 'add');
}

/** The upper half of a significand, rounded to nearest, and the rest. */
function split(c: CodeWriter, x: number, n: Doubles): readonly [number, number] {
  const [high, low] = [c.local(n.type), c.local(n.type)];
  if (n === ONE) {
    c.get(x).op(OP.i64_reinterpret_f64).i64(SPLIT_HALF).op(OP.i64_add).i64(SPLIT_MASK).op(OP.i64_and);
    c.op(OP.f64_reinterpret_i64);
  } else {
    c.get(x).i64(SPLIT_HALF).simd(LANES.splat).simd(LANES.add);
    c.i64(SPLIT_MASK).simd(LANES.splat).simd(LANES.and);
  }
  n.op(c.set(high).get(x).get(high), 'sub').set(low);
  return [high, low];
}

/** Leaves the error of `product` = `a` * `b`. Dekker's product. */
function pushProductError(c: CodeWriter, a: number, b: number, product: number, n: Doubles): void {
  const [ah, al] = split(c, a, n);
  const [bh, bl] = split(c, b, n);
  n.op(n.op(c.get(ah).get(bh), 'mul').get(product), 'sub');
  n.op(c.get(ah).get(bl), 'mul', 'add');
  n.op(c.get(al).get(bh), 'mul', 'add');
  n.op(c.get(al).get(bl), 'mul', 'add');
}

/** `result` := addend + a * b as `pushFused64` has it, without the test of exponents. */
function fuse(c: CodeWriter, addend: number, a: number, b: number, result: number, n: Doubles): Fused64 {
  const [p, s, e] = [c.local(n.type), c.local(n.type), c.local(n.type)];
  const [t, d, w] = [c.local(n.type), c.local(n.type), c.local(n.type)];
  n.op(n.op(c.get(a).get(b), 'mul').tee(p).get(addend), 'add').set(s);
  pushProductError(c, a, b, p, n);
  c.set(e);
  pushSumError(c, p, addend, s, n);
  n.op(n.op(c.tee(t).get(e), 'add').tee(d).get(s), 'add').set(result);
  n.op(c.get(d).get(result).get(s), 'sub', 'sub').set(w);
  return { product: p, result, rest: w, parts: [t, e] };
}

/**
 * `result` := addend + a * b in double precision; leaves 1 on the stack when no exponent is near the ends of its range.
 *
 * Product and sum are kept with their errors, so the exact value is s + (t + e). The result is that value rounded to
 * nearest once, unless t + e is not exact and s + (t + e) then looks like a tie: rounding is monotonic, and the point
 * where a tie lies is a number itself. All arguments are f64 locals.
 */
export function pushFused64(c: CodeWriter, addend: number, a: number, b: number, result: number): Fused64 {
  const f = fuse(c, addend, a, b, result, ONE);
  pushFusedRange(c, f.product);
  exponentIn(c, result, EXPONENT_MIN, EXPONENT_END);
  c.op(OP.i32_and);
  return f;
}

/** Leaves 1 when what was rounded to give the result was no tie, nor the next thing to it, or the product is exact. */
export function pushNoTie64(c: CodeWriter, { result, rest, parts }: Fused64): void {
  c.get(rest).f64(LARGER).op(OP.f64_mul).get(result).op(OP.f64_add).get(result).op(OP.f64_eq);
  // An error of zero is +0: unequal numbers and equal ones alike give that when they cancel.
  c.get(parts[1]).op(OP.i64_reinterpret_f64, OP.i64_eqz, OP.i32_or);
}

/** `pushFused64` and `pushNoTie64` for both lanes of vectors (v128 locals): leaves all ones in lanes that are right. */
export function pushFusedLanes(c: CodeWriter, addend: number, a: number, b: number, result: number): void {
  const { product, rest, parts } = fuse(c, addend, a, b, result, TWO);
  exponentsIn(c, product, EXPONENT_MIN, EXPONENT_END);
  exponentsIn(c, result, EXPONENT_MIN, EXPONENT_END);
  c.simd(LANES.and);
  TWO.op(c.get(rest).f64(LARGER).simd(0x14), 'mul');
  TWO.op(c.get(result), 'add').get(result).simd(LANES.feq);
  c.get(parts[1]).i64(0n).simd(LANES.splat).simd(LANES.eq).simd(LANES.or).simd(LANES.and);
}

/**
 * `result` := addend + a * b in single precision; leaves 1 on the stack when the result is a normal
 * number above the smallest ones.
 *
 * In double precision the product is exact, and the sum can be rounded again unless it is inexact and looks like a tie.
 *
 * @returns the f64 locals of product, addend and sum
 */
export function pushFused32(
  c: CodeWriter,
  addend: number,
  a: number,
  b: number,
  result: number,
): { product: number; addend: number; sum: number } {
  const [p, x, s] = [c.local('f64'), c.local('f64'), c.local('f64')];
  c.get(a).op(OP.f64_promote_f32).get(b).op(OP.f64_promote_f32, OP.f64_mul).tee(p);
  c.get(addend).op(OP.f64_promote_f32).tee(x).op(OP.f64_add).tee(s).op(OP.f32_demote_f64).tee(result);
  c.op(OP.i32_reinterpret_f32).i32(23).op(OP.i32_shr_u).i32(0xff).op(OP.i32_and);
  c.i32(2).op(OP.i32_sub).i32(0xfd).op(OP.i32_lt_u);
  return { product: p, addend: x, sum: s };
}

/** Leaves 1 when a double does not lie half-way between two singles. */
export function pushNoTie32(c: CodeWriter, s: number): void {
  c.get(s).op(OP.i64_reinterpret_f64, OP.i32_wrap_i64).i32(0x1fff_ffff).op(OP.i32_and).i32(0x1000_0000).op(OP.i32_ne);
}
