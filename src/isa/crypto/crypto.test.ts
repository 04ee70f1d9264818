import { describe, expect, it } from 'vitest';
import { OneInstruction } from '../../../test/support/one-instruction.ts';
import { Rng } from '../../../test/support/rng.ts';

const run = new OneInstruction();
/** Vd after one instruction on V0 (Vd), V1 (Vn), V2 (Vm). */
function result(name: string, d: bigint, n: bigint, m = 0n): bigint {
  return run.run(name, { Vd: 0, Vn: 1, Vm: 2 }, { v: { 0: d, 1: n, 2: m } }).v(0);
}

/** Bytes of a hexadecimal string as the register that LD1 of bytes makes of them. */
function bytes(hex: string): bigint {
  const pairs = hex.match(/../g)!;
  return BigInt(`0x${pairs.reverse().join('')}`);
}

describe('AES (FIPS 197)', () => {
  // "Cipher Example": the state at the start of round 1, and the round key of round 1.
  const state = bytes('193de3bea0f4e22b9ac68d2ae9f84808');
  const shifted = bytes('d4bf5d30e0b452aeb84111f11e2798e5');
  const mixed = bytes('046681e5e0cb199a48f8d37a2806264c');

  it('AESE adds the key, substitutes and shifts rows', () => {
    expect(result('AESE', state, 0n)).toBe(shifted);
    expect(result('AESE', state ^ mixed, mixed)).toBe(shifted);
  });
  it('AESMC mixes columns', () => {
    expect(result('AESMC', 0n, shifted)).toBe(mixed);
  });
  it('AESD and AESIMC undo AESE and AESMC', () => {
    expect(result('AESD', shifted, 0n)).toBe(state);
    expect(result('AESIMC', 0n, mixed)).toBe(shifted);
  });
});

/** The one padded block of the message "abc", as big-endian words. */
const ABC: readonly bigint[] = [0x6162_6380n, ...Array<bigint>(14).fill(0n), 24n];
const vectorOf = (words: readonly bigint[]): bigint => words.reduce((v, w, i) => v | (w << BigInt(32 * i)), 0n);
const wordsOf = (v: bigint): bigint[] => [0n, 32n, 64n, 96n].map((at) => (v >> at) & 0xffff_ffffn);
const addWords = (x: bigint, y: bigint): bigint =>
  vectorOf(wordsOf(x).map((w, i) => (w + wordsOf(y)[i]!) & 0xffff_ffffn));
const schedule = (): bigint[] => [0, 4, 8, 12].map((i) => vectorOf(ABC.slice(i, i + 4)));

describe('SHA-1 (FIPS 180-4)', () => {
  it('the instructions hash "abc"', () => {
    const start = [0x6745_2301n, 0xefcd_ab89n, 0x98ba_dcfen, 0x1032_5476n];
    const kinds = [
      ['SHA1C', 0x5a82_7999n],
      ['SHA1P', 0x6ed9_eba1n],
      ['SHA1M', 0x8f1b_bcdcn],
      ['SHA1P', 0xca62_c1d6n],
    ] as const;
    const w = schedule();
    let abcd = vectorOf(start);
    let e = 0xc3d2_e1f0n;
    for (let i = 0; i < 20; i++) {
      const [name, constant] = kinds[Math.floor(i / 5)]!;
      if (i >= 4) {
        const partial = result('SHA1SU0', w[i - 4]!, w[i - 3]!, w[i - 2]!);
        w.push(result('SHA1SU1', partial, w[i - 1]!));
      }
      const next = result('SHA1H', 0n, abcd & 0xffff_ffffn);
      abcd = result(name, abcd, e, addWords(w[i]!, vectorOf(Array<bigint>(4).fill(constant))));
      e = next;
    }
    const digest = [...wordsOf(addWords(abcd, vectorOf(start))), (e + 0xc3d2_e1f0n) & 0xffff_ffffn];
    expect(digest.map((x) => x.toString(16).padStart(8, '0')).join('')).toBe(
      'a9993e364706816aba3e25717850c26c9cd0d89d',
    );
  });
});

describe('SHA-256 (FIPS 180-4)', () => {
  /** First 32 bits of the fractional part of the k-th root of a prime. */
  function fraction(prime: number, root: 2n | 3n): bigint {
    const scaled = BigInt(prime) << (32n * root);
    let low = 0n;
    let high = 1n << 40n;
    while (high - low > 1n) {
      const middle = (low + high) / 2n;
      if (middle ** root <= scaled) low = middle;
      else high = middle;
    }
    return low & 0xffff_ffffn;
  }
  const primes: number[] = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);

  it('the instructions hash "abc"', () => {
    const start = primes.slice(0, 8).map((p) => fraction(p, 2n));
    const [first, second] = [vectorOf(start.slice(0, 4)), vectorOf(start.slice(4))];
    const w = schedule();
    let [abcd, efgh] = [first, second];
    for (let i = 0; i < 16; i++) {
      if (i >= 4) {
        const partial = result('SHA256SU0', w[i - 4]!, w[i - 3]!);
        w.push(result('SHA256SU1', partial, w[i - 2]!, w[i - 1]!));
      }
      const keyed = addWords(w[i]!, vectorOf(primes.slice(4 * i, 4 * i + 4).map((p) => fraction(p, 3n))));
      [abcd, efgh] = [result('SHA256H', abcd, efgh, keyed), result('SHA256H2', efgh, abcd, keyed)];
    }
    const digest = [...wordsOf(addWords(abcd, first)), ...wordsOf(addWords(efgh, second))];
    expect(digest.map((x) => x.toString(16).padStart(8, '0')).join('')).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });
});

describe('polynomial multiplication', () => {
  function product(x: bigint, y: bigint): bigint {
    let sum = 0n;
    for (let i = 0n; i < 64n; i++) if ((y >> i) & 1n) sum ^= x << i;
    return sum;
  }
  it('PMULL of doublewords is the product without carries', () => {
    const rng = new Rng('pmull');
    const ones = (1n << 64n) - 1n;
    const pairs = [[ones, ones], [ones, 1n << 63n], ...Array.from({ length: 50 }, () => [rng.u64(), rng.u64()])];
    for (const [x, y] of pairs as [bigint, bigint][]) {
      expect(result('PMULL (1Q)', 0n, x, y)).toBe(product(x, y));
      expect(result('PMULL2 (1Q)', 0n, x << 64n, y << 64n)).toBe(product(x, y));
    }
  });
});
