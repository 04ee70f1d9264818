/** In the default mode the results are the host's own, as a second reference that needs no tool. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FpEnv } from './index.ts';
import * as fp from './index.ts';

const f64 = new Float64Array(1);
const u64 = new BigUint64Array(f64.buffer);
const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

const numberOf = (width: 32 | 64, bits: bigint): number => {
  u64[0] = bits;
  u32[0] = Number(bits & 0xffff_ffffn);
  return width === 64 ? f64[0] : f32[0];
};

const isNaNBits = (width: 32 | 64, bits: bigint): boolean => Number.isNaN(numberOf(width, bits));
const runs = { numRuns: 3000, seed: 1 };

/** Raw bits with every exponent equally likely, and often near zero, one, and the largest. */
const operand = (width: 32 | 64): fc.Arbitrary<bigint> =>
  fc.oneof(
    fc.bigInt(0n, (1n << BigInt(width)) - 1n),
    fc.double({ noNaN: true }).map((x) => {
      f64[0] = x;
      f32[0] = x;
      return width === 64 ? u64[0] : BigInt(u32[0]);
    }),
    fc.integer({ min: -9, max: 9 }).map((x) => {
      f64[0] = x / 4;
      f32[0] = x / 4;
      return width === 64 ? u64[0] : BigInt(u32[0]);
    }),
  );

const OPERATIONS: [string, (e: FpEnv, w: 32 | 64, a: bigint, b: bigint) => bigint, (a: number, b: number) => number][] =
  [
    ['FPAdd is +', fp.FPAdd, (a, b) => a + b],
    ['FPSub is -', fp.FPSub, (a, b) => a - b],
    ['FPMul is *', fp.FPMul, (a, b) => a * b],
    ['FPDiv is /', fp.FPDiv, (a, b) => a / b],
    ['FPSqrt is Math.sqrt', (e, w, a) => fp.FPSqrt(e, w, a), (a) => Math.sqrt(a)],
    ['FPMax is Math.max', fp.FPMax, Math.max],
    ['FPMin is Math.min', fp.FPMin, Math.min],
  ];

describe.each([32, 64] as const)('binary%i in the default mode', (width) => {
  const roundHost = (x: number): number => (width === 32 ? Math.fround(x) : x);

  it.each(OPERATIONS)('%s', (_name, ours, host) => {
    fc.assert(
      fc.property(operand(width), operand(width), fc.constantFrom(0, fp.FPSR.IXC), (a, b, fpsr) => {
        const result = ours({ fpcr: 0, fpsr }, width, a, b);
        expect(numberOf(width, result)).toBe(roundHost(host(numberOf(width, a), numberOf(width, b))));
      }),
      runs,
    );
  });

  it('the fast path, open when IXC is set, gives the result of the exact one and no further flag', () => {
    fc.assert(
      fc.property(operand(width), operand(width), fc.constantFrom(...OPERATIONS), (a, b, [, ours]) => {
        const exact: FpEnv = { fpcr: 0, fpsr: 0 };
        const fast: FpEnv = { fpcr: 0, fpsr: fp.FPSR.IXC };
        expect(ours(fast, width, a, b)).toBe(ours(exact, width, a, b));
        expect(fast.fpsr).toBe(exact.fpsr | fp.FPSR.IXC);
      }),
      runs,
    );
  });

  it('FPCompare orders as the host does', () => {
    fc.assert(
      fc.property(operand(width), operand(width), fc.constantFrom(0, fp.FPCR.FZ), (a, b, fpcr) => {
        // Subnormals are zeros under FZ, which the host cannot be told: give it the zeros.
        const seen = (bits: bigint): number => {
          const x = numberOf(width, bits);
          return fpcr && Math.abs(x) < (width === 32 ? 2 ** -126 : 2 ** -1022) ? 0 : x;
        };
        const [x, y] = [seen(a), seen(b)];
        const flags = x === y ? 0b0110 : x < y ? 0b1000 : x > y ? 0b0010 : 0b0011;
        expect(fp.FPCompare({ fpcr, fpsr: 0 }, width, a, b, false)).toBe(flags);
      }),
      runs,
    );
  });

  it('a directed result brackets the nearest one: NEGINF <= TIEEVEN <= POSINF, apart only when IXC is set', () => {
    fc.assert(
      fc.property(operand(width), operand(width), operand(width), (a, b, c) => {
        const results = [fp.FPRounding.NEGINF, fp.FPRounding.TIEEVEN, fp.FPRounding.POSINF].map((rounding) => {
          const env: FpEnv = { fpcr: rounding << 22, fpsr: 0 };
          return {
            value: numberOf(width, fp.FPMulAdd(env, width, c, a, b)),
            isInexact: (env.fpsr & fp.FPSR.IXC) !== 0,
          };
        });
        if (Number.isNaN(results[0].value)) return;
        expect(results[0].value).toBeLessThanOrEqual(results[1].value);
        expect(results[1].value).toBeLessThanOrEqual(results[2].value);
        expect(results[0].value !== results[2].value).toBe(results[0].isInexact);
      }),
      runs,
    );
  });

  it('FPRoundInt is Math.trunc, floor and ceil in their modes', () => {
    fc.assert(
      fc.property(operand(width), (a) => {
        fc.pre(!isNaNBits(width, a));
        const round = (rounding: fp.FPRoundingValue): number =>
          numberOf(width, fp.FPRoundInt({ fpcr: 0, fpsr: 0 }, width, a, rounding, true));
        const x = numberOf(width, a);
        expect(round(fp.FPRounding.ZERO)).toBe(Math.trunc(x));
        expect(round(fp.FPRounding.NEGINF)).toBe(Math.floor(x));
        expect(round(fp.FPRounding.POSINF)).toBe(Math.ceil(x));
      }),
      runs,
    );
  });

  it('FPToFixed and FixedToFP go both ways for every integer the fraction can hold', () => {
    const limit = width === 32 ? 2 ** 24 : Number.MAX_SAFE_INTEGER;
    fc.assert(
      fc.property(fc.integer({ min: -limit, max: limit }), fc.integer({ min: 0, max: 9 }), (n, fbits) => {
        const env: FpEnv = { fpcr: 0, fpsr: 0 };
        const bits = fp.FixedToFP(env, 64, width, BigInt.asUintN(64, BigInt(n)), fbits, false);
        const back = fp.FPToFixed(env, width, 64, bits, fbits, false, fp.FPRounding.ZERO);
        expect(numberOf(width, bits)).toBe(n / 2 ** fbits + 0);
        expect(BigInt.asIntN(64, back)).toBe(BigInt(n));
        expect(env.fpsr).toBe(0);
      }),
      runs,
    );
  });
});

it('FPConvert from double to single is Math.fround, and back it changes nothing', () => {
  fc.assert(
    fc.property(operand(64), (a) => {
      fc.pre(!isNaNBits(64, a));
      const single = fp.FPConvert({ fpcr: 0, fpsr: 0 }, 64, 32, a);
      expect(numberOf(32, single)).toBe(Math.fround(numberOf(64, a)));
      const env: FpEnv = { fpcr: 0, fpsr: 0 };
      expect(numberOf(64, fp.FPConvert(env, 32, 64, single))).toBe(numberOf(32, single));
      expect(env.fpsr).toBe(0);
    }),
    runs,
  );
});
