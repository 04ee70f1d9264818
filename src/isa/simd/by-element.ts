/**
 * One operand is a single element: DDI 0487, "Advanced SIMD vector x indexed element",
 * "... scalar x indexed element".
 */
import type { Builder, Val } from '../../ir/builder.ts';
import { type Clause, insn } from '../clause.ts';
import type { FieldValues } from '../encoding.ts';
import { doublingMultiplyAccumulateHigh, doublingMultiplyHigh } from './arithmetic.ts';
import { arrangementByQ, arrangementName, letterBits, widerLetter } from './forms.ts';
import { LONG } from './three-different.ts';
import { Vec } from './vector.ts';

/** Bits 23 to 10 around the opcode: halfword elements have a three-bit index and V0 to V15 only. */
function pattern(letter: string, head: string, opcode: string): string {
  const [size, middle] = letter === 'h' ? ['01', 'L M Vm:4'] : ['10', 'L Vm:5'];
  return `${head} ${size} ${middle} ${opcode} H 0 Vn:5 Vd:5`;
}
function elementText(letter: string): string {
  return letter === 'h' ? '{Vm:e(h)[H.L.M]}' : '{Vm:e(s)[H.L]}';
}
/** The chosen element of Vm in every lane. */
function element(v: Vec, f: FieldValues): Val {
  const index = v.esize === 16 ? (f.H! << 2) | (f.L! << 1) | f.M! : (f.H! << 1) | f.L!;
  const m = v.b.v('Vm');
  return v.pick(m, m, () => index);
}

/** The meaning: Vn, the element in every lane, and Vd where it is a source. */
type Meaning = (v: Vec, n: Val, m: Val, d: () => Val) => Val;
interface Row {
  readonly mnemonic: string;
  readonly u: 0 | 1;
  readonly opcode: string;
  readonly meaning: Meaning;
  readonly hasScalar?: boolean;
  readonly rdm?: boolean;
}
const SAME: readonly Row[] = [
  { mnemonic: 'mla', u: 1, opcode: '0000', meaning: (v, n, m, d) => v.add(d(), v.mul(n, m)) },
  { mnemonic: 'mls', u: 1, opcode: '0100', meaning: (v, n, m, d) => v.sub(d(), v.mul(n, m)) },
  { mnemonic: 'mul', u: 0, opcode: '1000', meaning: (v, n, m) => v.mul(n, m) },
  {
    mnemonic: 'sqdmulh',
    u: 0,
    opcode: '1100',
    meaning: (v, n, m) => doublingMultiplyHigh(v, false, n, m),
    hasScalar: true,
  },
  {
    mnemonic: 'sqrdmulh',
    u: 0,
    opcode: '1101',
    meaning: (v, n, m) => doublingMultiplyHigh(v, true, n, m),
    hasScalar: true,
  },
  {
    mnemonic: 'sqrdmlah',
    u: 1,
    opcode: '1101',
    meaning: (v, n, m, d) => doublingMultiplyAccumulateHigh(v, 1, d(), n, m),
    hasScalar: true,
    rdm: true,
  },
  {
    mnemonic: 'sqrdmlsh',
    u: 1,
    opcode: '1111',
    meaning: (v, n, m, d) => doublingMultiplyAccumulateHigh(v, -1, d(), n, m),
    hasScalar: true,
    rdm: true,
  },
];

function same(row: Row, letter: string): Clause[] {
  const { mnemonic, u, opcode, meaning } = row;
  const title = `${mnemonic.toUpperCase()} (by element, ${letter.toUpperCase()})`;
  const feature = row.rdm ? ({ feature: 'FEAT_RDM' } as const) : {};
  const run = (b: Builder, f: FieldValues, bits: number): void => {
    const v = new Vec(b, letterBits(letter), bits);
    v.write(meaning(v, b.v('Vn'), element(v, f), () => b.v('Vd')));
  };
  const kind = arrangementByQ(letter);
  const vector = insn(title, pattern(letter, `0 Q ${u} 01111`, opcode), {
    asm: `${mnemonic} {Vd:${kind}}, {Vn:${kind}}, ${elementText(letter)}`,
    ...feature,
    fp: true,
    lift: (b, f) => run(b, f, f.Q ? 128 : 64),
  });
  if (!row.hasScalar) return [vector];
  const single = insn(`${title}, scalar`, pattern(letter, `01 ${u} 11111`, opcode), {
    asm: `${mnemonic} {Vd:${letter}}, {Vn:${letter}}, ${elementText(letter)}`,
    ...feature,
    fp: true,
    lift: (b, f) => run(b, f, letterBits(letter)),
  });
  return [vector, single];
}

type LongRow = readonly [name: keyof typeof LONG, signs: string, opcode: string];
const LONG_ROWS: readonly LongRow[] = [
  ['mlal', 'su', '0010'],
  ['mlsl', 'su', '0110'],
  ['mull', 'su', '1010'],
  ['qdmlal', 's', '0011'],
  ['qdmlsl', 's', '0111'],
  ['qdmull', 's', '1011'],
];

function long([name, signs, opcode]: LongRow, letter: string): Clause[] {
  const wider = widerLetter(letter);
  const size = letter.toUpperCase();
  const vectors = [...signs].flatMap((sign) =>
    ([0, 1] as const).map((q) => {
      const mnemonic = `${sign}${name}${q ? '2' : ''}`;
      const u = sign === 'u' ? 1 : 0;
      return insn(`${mnemonic.toUpperCase()} (by element, ${size})`, pattern(letter, `0 ${q} ${u} 01111`, opcode), {
        asm: `${mnemonic} {Vd:v(${arrangementName(wider, 1)})}, {Vn:v(${arrangementName(letter, q)})}, ${elementText(letter)}`,
        fp: true,
        lift: (b, f) => {
          const v = new Vec(b, letterBits(letter), 64);
          const [n, m] = [v.widen(u === 0, b.v('Vn'), q), v.widen(u === 0, element(v, f))];
          v.wide.write(LONG[name](v.wide, n, m, () => b.v('Vd')));
        },
      });
    }),
  );
  if (signs !== 's') return vectors;
  const mnemonic = `s${name}`;
  const single = insn(
    `${mnemonic.toUpperCase()} (by element, ${size}), scalar`,
    pattern(letter, '01 0 11111', opcode),
    {
      asm: `${mnemonic} {Vd:${wider}}, {Vn:${letter}}, ${elementText(letter)}`,
      fp: true,
      lift: (b, f) => {
        const v = new Vec(b, letterBits(letter), letterBits(letter));
        const [n, m] = [v.widen(true, b.v('Vn')), v.widen(true, element(v, f))];
        v.wide.write(LONG[name](v.wide, n, m, () => b.v('Vd')));
      },
    },
  );
  return [...vectors, single];
}

/** Clauses of this group. */
export const SIMD_BY_ELEMENT: readonly Clause[] = [...'hs'].flatMap((letter) => [
  ...SAME.flatMap((row) => same(row, letter)),
  ...LONG_ROWS.flatMap((row) => long(row, letter)),
]);
