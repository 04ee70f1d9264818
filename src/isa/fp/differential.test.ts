/**
 * Every function against QEMU's user-mode emulator, through the instructions that use it, in every rounding mode with
 * and without FZ, DN and AHP. The instruction texts come from the guest program, so each one it knows is compared.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FpEnv, FpWidth } from './index.ts';
import * as fp from './index.ts';

const SOURCE = new URL('../../../test/guest/fpcases.c', import.meta.url).pathname;
const COMPILER = 'aarch64-linux-gnu-gcc';
const EMULATOR = 'qemu-aarch64';
const missing = [COMPILER, EMULATOR].filter((tool) => spawnSync(tool, ['--version']).status !== 0);

type Width = 32 | 64;
type Operands = { a: bigint; b: bigint; c: bigint };
type Outcome = { d3: bigint; x3: bigint; nzcv: number };
type Instruction = { text: string; operandWidth: FpWidth; run: (env: FpEnv, o: Operands) => Partial<Outcome> };

const WIDTHS: Record<string, FpWidth> = { h: 16, s: 32, d: 64, w: 32, x: 64 };

type Binary = (env: FpEnv, width: Width, a: bigint, b: bigint) => bigint;
const neg = fp.FPNeg;
const mask =
  (test: (env: FpEnv, w: Width, a: bigint, b: bigint) => boolean): Binary =>
  (env, w, a, b) =>
    test(env, w, a, b) ? (1n << BigInt(w)) - 1n : 0n;
const absolute =
  (f: Binary): Binary =>
  (env, w, a, b) =>
    f(env, w, fp.FPAbs(w, a), fp.FPAbs(w, b));

const BINARY: Record<string, Binary> = {
  fadd: fp.FPAdd,
  fsub: fp.FPSub,
  fmul: fp.FPMul,
  fmulx: fp.FPMulX,
  fdiv: fp.FPDiv,
  fabd: (env, w, a, b) => fp.FPAbs(w, fp.FPSub(env, w, a, b)),
  fnmul: (env, w, a, b) => neg(w, fp.FPMul(env, w, a, b)),
  fmax: fp.FPMax,
  fmin: fp.FPMin,
  fmaxnm: fp.FPMaxNum,
  fminnm: fp.FPMinNum,
  frecps: fp.FPRecipStepFused,
  frsqrts: fp.FPRSqrtStepFused,
  fcmeq: mask(fp.FPCompareEQ),
  fcmge: mask(fp.FPCompareGE),
  fcmgt: mask(fp.FPCompareGT),
  facge: absolute(mask(fp.FPCompareGE)),
  facgt: absolute(mask(fp.FPCompareGT)),
};

const FUSED: Record<string, (env: FpEnv, w: Width, n: bigint, m: bigint, a: bigint) => bigint> = {
  fmadd: (env, w, n, m, a) => fp.FPMulAdd(env, w, a, n, m),
  fmsub: (env, w, n, m, a) => fp.FPMulAdd(env, w, a, neg(w, n), m),
  fnmadd: (env, w, n, m, a) => fp.FPMulAdd(env, w, neg(w, a), neg(w, n), m),
  fnmsub: (env, w, n, m, a) => fp.FPMulAdd(env, w, neg(w, a), n, m),
};

const LETTER: Record<string, fp.FPRoundingValue> = {
  n: fp.FPRounding.TIEEVEN,
  p: fp.FPRounding.POSINF,
  m: fp.FPRounding.NEGINF,
  z: fp.FPRounding.ZERO,
  a: fp.FPRounding.TIEAWAY,
};

const UNARY: Record<string, (env: FpEnv, w: Width, a: bigint) => bigint> = {
  fneg: (_env, w, a) => neg(w, a),
  fabs: (_env, w, a) => fp.FPAbs(w, a),
  fsqrt: fp.FPSqrt,
  frecpe: fp.FPRecipEstimate,
  frsqrte: fp.FPRSqrtEstimate,
  frecpx: fp.FPRecpX,
  frintx: (env, w, a) => fp.FPRoundInt(env, w, a, fp.FPRoundingMode(env), true),
  frinti: (env, w, a) => fp.FPRoundInt(env, w, a, fp.FPRoundingMode(env), false),
};

const pair = (f: (lane: number) => number, a: bigint): bigint =>
  (BigInt(f(Number(a >> 32n))) << 32n) | BigInt(f(Number(a & 0xffff_ffffn)));

/** Binds an instruction's text to the functions under test; a text it does not know is an error, not a skip. */
function bind(text: string): Instruction {
  const [mnemonic, ...registers] = text.replaceAll(',', '').split(' ');
  const width = (index: number): FpWidth => WIDTHS[registers[index][0]];
  const from = width(1);
  const w = from as Width;
  const read = (value: bigint): bigint => BigInt.asUintN(from, value);
  const make = (run: Instruction['run'], operandWidth: FpWidth = from): Instruction => ({ text, operandWidth, run });
  const fbits = registers.length === 3 && registers[2][0] === '#' ? Number(registers[2].slice(1)) : 0;
  if (mnemonic in BINARY) return make((env, o) => ({ d3: BINARY[mnemonic](env, w, read(o.a), read(o.b)) }));
  if (mnemonic in FUSED) return make((env, o) => ({ d3: FUSED[mnemonic](env, w, read(o.a), read(o.b), read(o.c)) }));
  if (mnemonic in UNARY) return make((env, o) => ({ d3: UNARY[mnemonic](env, w, read(o.a)) }));
  const rounds = /^(?:frint|fcvt)([npmza])([su]?)$/.exec(mnemonic);
  if (rounds && !rounds[2])
    return make((env, o) => ({ d3: fp.FPRoundInt(env, w, read(o.a), LETTER[rounds[1]], false) }));
  if (rounds) {
    const to = width(0) as Width;
    const unsigned = rounds[2] === 'u';
    return make((env, o) => ({ x3: fp.FPToFixed(env, from, to, read(o.a), fbits, unsigned, LETTER[rounds[1]]) }));
  }
  switch (mnemonic) {
    case 'fcmp':
    case 'fcmpe':
      return make((env, o) => ({ nzcv: fp.FPCompare(env, w, read(o.a), read(o.b), mnemonic === 'fcmpe') }));
    case 'scvtf':
    case 'ucvtf':
      return make((env, o) => ({ d3: fp.FixedToFP(env, w, width(0), read(o.a), fbits, mnemonic === 'ucvtf') }));
    case 'fcvt':
      return make((env, o) => ({ d3: fp.FPConvert(env, from, width(0), read(o.a)) }));
    case 'fcvtxn':
      return make((env, o) => ({ d3: fp.FPConvert(env, 64, 32, o.a, fp.FPRounding.ODD) }));
    case 'urecpe':
      return make((_env, o) => ({ d3: pair(fp.UnsignedRecipEstimate, o.a) }), 64);
    case 'ursqrte':
      return make((_env, o) => ({ d3: pair(fp.UnsignedRSqrtEstimate, o.a) }), 64);
    default:
      throw new Error(`fpcases.c knows '${text}', this test does not; add it to bind()`);
  }
}

/** Marsaglia's xorshift with a fixed start, so that a failure can be run again. */
function generator(seed: number): (below: number) => number {
  let x = seed;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

type Shape = { fraction: number; exponentMax: number };
const SHAPES: Record<FpWidth, Shape> = {
  16: { fraction: 10, exponentMax: 31 },
  32: { fraction: 23, exponentMax: 255 },
  64: { fraction: 52, exponentMax: 2047 },
};

function join2(width: FpWidth, sign: number, exponent: number, fraction: bigint): bigint {
  const { fraction: bits, exponentMax } = SHAPES[width];
  const field = BigInt(Math.min(Math.max(exponent, 0), exponentMax)) << BigInt(bits);
  return (BigInt(sign) << BigInt(width - 1)) | field | BigInt.asUintN(bits, fraction);
}

/** Operands weighted to the edges: special values, few-bit fractions, exponents whose combination nearly overflows. */
function operandSource(width: FpWidth, below: (n: number) => number): () => Operands {
  const { fraction: fractionBits, exponentMax } = SHAPES[width];
  const bias = (exponentMax - 1) / 2;
  const random = (): bigint => (BigInt(below(2 ** 32)) << 32n) | BigInt(below(2 ** 32));
  const fractionLike = (): bigint => {
    const bit = () => 1n << BigInt(below(fractionBits));
    return [0n, 1n, -1n, -2n, bit(), bit() | bit(), bit() - 1n, -bit(), bit() | 1n, random(), random()][below(11)];
  };
  const exponents = [0, 0, 1, 2, bias - 1, bias, bias + 1, exponentMax - 2, exponentMax - 1, exponentMax, exponentMax];
  const thresholds = [bias - fractionBits, bias + fractionBits, bias + 31, bias + 32, bias + 63, bias + 64];
  const one = (): bigint => {
    const kind = below(8);
    if (kind === 0) return BigInt.asUintN(width, random());
    if (kind === 1) return join2(width, below(2), bias - 70 + below(140), fractionLike());
    if (kind === 2) return join2(width, below(2), thresholds[below(thresholds.length)] - 2 + below(4), fractionLike());
    if (kind === 3) return join2(width, below(2), below(exponentMax + 1), fractionLike());
    return join2(width, below(2), exponents[below(exponents.length)], fractionLike());
  };
  const exponentOf = (bits: bigint): number => Number(bits >> BigInt(fractionBits)) & exponentMax;
  return () => {
    const a = one();
    const b = [
      one,
      one,
      () => BigInt.asUintN(width, a + BigInt(below(5) - 2)),
      () => BigInt.asUintN(width, a ^ (1n << BigInt(width - 1))) ^ BigInt(below(2)),
      // The product, then the quotient, falls near the smallest normal number or the overflow threshold.
      () => join2(width, below(2), bias - exponentOf(a) + below(5) - 2 - (below(2) ? 0 : fractionBits), fractionLike()),
      () => join2(width, below(2), bias + exponentMax - exponentOf(a) + below(3) - 1, fractionLike()),
      () => join2(width, below(2), bias + exponentOf(a) + below(5) - 2, fractionLike()),
      () => join2(width, below(2), exponentOf(a) - fractionBits - 3 + below(7), fractionLike()),
    ][below(8)]();
    const near = exponentOf(a) + exponentOf(b) - bias;
    const c = below(2) ? one() : join2(width, below(2), near - fractionBits * below(3) - 2 + below(5), fractionLike());
    return { a, b, c };
  };
}

type Case = Operands & { index: number; fpcr: number };

const FPCRS = [0, 1, 2, 3].flatMap((rMode) =>
  [0, fp.FPCR.FZ, fp.FPCR.DN, fp.FPCR.FZ | fp.FPCR.DN].map((bits) => (rMode << fp.FPCR.RModeShift) | bits),
);

function describeOutcome(outcome: Outcome, fpsr: number): string {
  return `d3=${outcome.d3.toString(16)} x3=${outcome.x3.toString(16)} nzcv=${outcome.nzcv} fpsr=${fpsr.toString(16)}`;
}

describe.skipIf(missing.length > 0)(`against ${EMULATOR} (skipped when missing: ${missing.join(', ')})`, () => {
  let folder = '';
  let program = '';
  let instructions: Instruction[] = [];

  const guest = (args: string[], input?: Uint8Array): Buffer => {
    const result = spawnSync(EMULATOR, ['-cpu', 'cortex-a57', program, ...args], { input, maxBuffer: 1 << 28 });
    if (result.status !== 0) throw new Error(`${EMULATOR} ${program}: ${result.stderr}`);
    return result.stdout;
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'fpcases-'));
    program = join(folder, 'fpcases');
    const built = spawnSync(COMPILER, ['-static', '-O1', SOURCE, '-o', program]);
    if (built.status !== 0) throw new Error(`${COMPILER} ${SOURCE}: ${built.stderr}`);
    instructions = guest(['list']).toString().trim().split('\n').map(bind);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs all cases in both and returns the first differences as text, `fpsr` being set beforehand in ours. */
  const differences = (cases: Case[], fpsrBefore = 0): string[] => {
    const input = new BigUint64Array(cases.flatMap((c) => [BigInt(c.index), BigInt(c.fpcr), c.a, c.b, c.c]));
    const output = guest([], new Uint8Array(input.buffer));
    const view = new DataView(output.buffer, output.byteOffset, output.byteLength);
    expect(output.byteLength).toBe(cases.length * 32);
    const found: string[] = [];
    cases.forEach((c, at) => {
      const word = (n: number): bigint => view.getBigUint64(at * 32 + n * 8, true);
      const theirs: Outcome = { d3: word(0), x3: word(1), nzcv: Number(word(2)) };
      const theirFpsr = Number(word(3)) | fpsrBefore;
      const env: FpEnv = { fpcr: c.fpcr, fpsr: fpsrBefore };
      const ours: Outcome = { d3: 0n, x3: 0n, nzcv: 0, ...instructions[c.index].run(env, c) };
      const want = describeOutcome(theirs, theirFpsr);
      const got = describeOutcome(ours, env.fpsr);
      const operands = [c.a, c.b, c.c].map((x) => x.toString(16)).join(' ');
      const where = `${instructions[c.index].text} (${operands}) FPCR ${c.fpcr.toString(16)}`;
      if (want !== got) found.push(`${where}: QEMU ${want}, here ${got}`);
    });
    return found.slice(0, 20);
  };

  const randomCases = (seed: number, perFpcr: number): Case[] => {
    const below = generator(seed);
    return instructions.flatMap(({ operandWidth, text }, index) => {
      const next = operandSource(operandWidth, below);
      const hasHalf = /\bh\d/.test(text);
      const fpcrs = hasHalf ? FPCRS.flatMap((x) => [x, x | fp.FPCR.AHP]) : FPCRS;
      return fpcrs.flatMap((fpcr) => Array.from({ length: perFpcr }, () => ({ index, fpcr, ...next() })));
    });
  };

  it('results, flags and FPSR are equal for every instruction in every FPCR mode', () => {
    expect(differences(randomCases(0x2545f491, 40))).toEqual([]);
  });

  it('results are equal when IXC was already set, which is what allows the fast path', () => {
    expect(differences(randomCases(0x1d872b41, 15), fp.FPSR.IXC)).toEqual([]);
  });

  it('every half-precision operand converts equally to single and double, with and without AHP', () => {
    const cases = ['fcvt s3, h0', 'fcvt d3, h0'].flatMap((text) => {
      const index = instructions.findIndex((i) => i.text === text);
      return [0, fp.FPCR.AHP].flatMap((fpcr) =>
        Array.from({ length: 0x10000 }, (_, a) => ({ index, fpcr, a: BigInt(a), b: 0n, c: 0n })),
      );
    });
    expect(differences(cases)).toEqual([]);
  });

  it('every table entry of the estimates is equal', () => {
    const cases = instructions.flatMap(({ text }, index) => {
      if (!/^(u|f)(recpe|rsqrte) /.test(text)) return [];
      const position = BigInt(/ s3/.test(text) ? 14 : / d3/.test(text) ? 43 : 23);
      return Array.from({ length: 2048 }, (_, a) => {
        const bits = BigInt(a) << position;
        return { index, fpcr: 0, a: / d3/.test(text) ? bits | (0x3fen << 52n) : bits, b: 0n, c: 0n };
      });
    });
    expect(cases.length).toBe(6 * 2048);
    expect(differences(cases)).toEqual([]);
  });
});
