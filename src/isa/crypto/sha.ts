/**
 * SHA-1 and SHA-256: DDI 0487, "Cryptographic three-register SHA", "Cryptographic two-register SHA" (FEAT_SHA1,
 * FEAT_SHA256); the hash functions are FIPS 180-4.
 */
import type { FeatureName } from '../../arch/features.ts';
import type { Builder, Val } from '../../ir/builder.ts';
import { type Clause, insn } from '../clause.ts';
import { pickLanes } from '../simd/vector.ts';

type Word3 = (b: Builder, x: Val, y: Val, z: Val) => Val;
const choose: Word3 = (b, x, y, z) => b.xor(b.and(b.xor(y, z), x), z);
const parity: Word3 = (b, x, y, z) => b.xor(b.xor(x, y), z);
const majority: Word3 = (b, x, y, z) => b.or(b.and(x, y), b.and(b.or(x, y), z));

const rotateLeft = (b: Builder, x: Val, n: number): Val => b.rotr(x, 32 - n);
const words = (b: Builder, v: Val): Val[] => [0, 1, 2, 3].map((i) => b.lane(v, 32, i));
const fromWords = (b: Builder, w: readonly Val[]): Val => b.lanes(32, 4, (i) => w[i]!);
/** Sum of words. */
const sum = (b: Builder, ...terms: Val[]): Val => terms.reduce((x, y) => b.add(x, y));

/** SHA1C, SHA1P, SHA1M: four rounds on (a, b, c, d) = Vd and e = Sn. */
function sha1Rounds(mix: Word3): (b: Builder) => Val {
  return (b) => {
    let [a, x, y, z] = words(b, b.v('Vd')) as [Val, Val, Val, Val];
    let e = b.lane(b.v('Vn'), 32, 0);
    for (const w of words(b, b.v('Vm'))) {
      const next = sum(b, e, rotateLeft(b, a, 5), mix(b, x, y, z), w);
      [a, x, y, z, e] = [next, a, rotateLeft(b, x, 30), y, z];
    }
    return fromWords(b, [a, x, y, z]);
  };
}

const bigSigma = (b: Builder, x: Val, turns: readonly [number, number, number]): Val =>
  parity(b, b.rotr(x, turns[0]), b.rotr(x, turns[1]), b.rotr(x, turns[2]));

/** Four rounds of SHA-256 on (a..d) and (e..h); the half that the instruction writes. */
function sha256Rounds(abcd: 'Vd' | 'Vn', efgh: 'Vd' | 'Vn', half: 0 | 1): (b: Builder) => Val {
  return (b) => {
    let x = words(b, b.v(abcd));
    let y = words(b, b.v(efgh));
    for (const w of words(b, b.v('Vm'))) {
      const t = sum(b, y[3]!, bigSigma(b, y[0]!, [6, 11, 25]), choose(b, y[0]!, y[1]!, y[2]!), w);
      const e = b.add(t, x[3]!);
      const a = sum(b, t, bigSigma(b, x[0]!, [2, 13, 22]), majority(b, x[0]!, x[1]!, x[2]!));
      [x, y] = [
        [a, x[0]!, x[1]!, x[2]!],
        [e, y[0]!, y[1]!, y[2]!],
      ];
    }
    return fromWords(b, half ? y : x);
  };
}

/** SHA1SU0: W[0..3] ^ W[2..5] ^ W[8..11]. */
function sha1Schedule0(b: Builder): Val {
  const d = b.v('Vd');
  const middle = b.shuffle(d, b.v('Vn'), [8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]);
  return b.vop('vxor', 32, b.vop('vxor', 32, middle, d), b.v('Vm'));
}
/** SHA1SU1: the last word depends on the first of the same four. */
function sha1Schedule1(b: Builder): Val {
  const later = pickLanes(b, 32, b.v('Vn'), b.vconst(0n, 0n), (i) => i + 1);
  const t = words(b, b.vop('vxor', 32, b.v('Vd'), later));
  const turned = t.map((x) => rotateLeft(b, x, 1));
  return fromWords(b, [turned[0]!, turned[1]!, turned[2]!, b.xor(turned[3]!, rotateLeft(b, t[0]!, 2))]);
}

/** The functions sigma0 and sigma1 of FIPS 180-4: two rotations and a shift. */
const smallSigma = (b: Builder, x: Val, turns: readonly [number, number], shift: number): Val =>
  parity(b, b.rotr(x, turns[0]), b.rotr(x, turns[1]), b.shru(x, shift));

function sha256Schedule0(b: Builder): Val {
  const w = words(b, b.v('Vd'));
  const following = [...w.slice(1), b.lane(b.v('Vn'), 32, 0)];
  return fromWords(
    b,
    w.map((x, i) => b.add(smallSigma(b, following[i]!, [7, 18], 3), x)),
  );
}
function sha256Schedule1(b: Builder): Val {
  const [d, n, m] = [words(b, b.v('Vd')), words(b, b.v('Vn')), words(b, b.v('Vm'))];
  const middle = [n[1]!, n[2]!, n[3]!, m[0]!];
  const result: Val[] = [];
  for (let i = 0; i < 4; i++) {
    const earlier = i < 2 ? m[2 + i]! : result[i - 2]!;
    result.push(sum(b, smallSigma(b, earlier, [17, 19], 10), d[i]!, middle[i]!));
  }
  return fromWords(b, result);
}

interface Row {
  readonly mnemonic: string;
  readonly feature: FeatureName;
  readonly opcode: string;
  readonly operands: string;
  readonly meaning: (b: Builder) => Val;
}
const HASH_S = '{Vd:q}, {Vn:s}, {Vm:v(4s)}';
const HASH_Q = '{Vd:q}, {Vn:q}, {Vm:v(4s)}';
const SCHEDULE = '{Vd:v(4s)}, {Vn:v(4s)}, {Vm:v(4s)}';
const [SHA1, SHA256] = ['FEAT_SHA1', 'FEAT_SHA256'] as const;

const THREE: readonly Row[] = [
  { mnemonic: 'sha1c', feature: SHA1, opcode: '000', operands: HASH_S, meaning: sha1Rounds(choose) },
  { mnemonic: 'sha1p', feature: SHA1, opcode: '001', operands: HASH_S, meaning: sha1Rounds(parity) },
  { mnemonic: 'sha1m', feature: SHA1, opcode: '010', operands: HASH_S, meaning: sha1Rounds(majority) },
  { mnemonic: 'sha1su0', feature: SHA1, opcode: '011', operands: SCHEDULE, meaning: sha1Schedule0 },
  { mnemonic: 'sha256h', feature: SHA256, opcode: '100', operands: HASH_Q, meaning: sha256Rounds('Vd', 'Vn', 0) },
  { mnemonic: 'sha256h2', feature: SHA256, opcode: '101', operands: HASH_Q, meaning: sha256Rounds('Vn', 'Vd', 1) },
  { mnemonic: 'sha256su1', feature: SHA256, opcode: '110', operands: SCHEDULE, meaning: sha256Schedule1 },
];
const TWO: readonly Row[] = [
  {
    mnemonic: 'sha1h',
    feature: SHA1,
    opcode: '00000',
    operands: '{Vd:s}, {Vn:s}',
    meaning: (b) => b.lanes(32, 1, () => rotateLeft(b, b.lane(b.v('Vn'), 32, 0), 30)),
  },
  { mnemonic: 'sha1su1', feature: SHA1, opcode: '00001', operands: '{Vd:v(4s)}, {Vn:v(4s)}', meaning: sha1Schedule1 },
  {
    mnemonic: 'sha256su0',
    feature: SHA256,
    opcode: '00010',
    operands: '{Vd:v(4s)}, {Vn:v(4s)}',
    meaning: sha256Schedule0,
  },
];

function clause(row: Row, pattern: string): Clause {
  return insn(row.mnemonic.toUpperCase(), pattern, {
    asm: `${row.mnemonic} ${row.operands}`,
    feature: row.feature,
    fp: true,
    lift: (b) => b.setV('Vd', row.meaning(b)),
  });
}

/** Clauses of this group. */
export const CRYPTO_SHA: readonly Clause[] = [
  ...THREE.map((row) => clause(row, `01011110 00 0 Vm:5 0 ${row.opcode} 00 Vn:5 Vd:5`)),
  ...TWO.map((row) => clause(row, `01011110 00 10100 ${row.opcode} 10 Vn:5 Vd:5`)),
];
