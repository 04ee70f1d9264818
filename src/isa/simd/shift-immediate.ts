/**
 * Shifts by an immediate: DDI 0487, "Advanced SIMD shift by immediate", "... scalar shift by immediate". One row of the
 * table for each element size, which the leading one of `immh` gives. The fixed-point conversions are in `fpsimd/`.
 */
import type { Builder, Val } from '../../ir/builder.ts';
import { type Clause, type ClauseSpec, insn } from '../clause.ts';
import { arrangementByQ, arrangementName, letterBits, type Sizes, widerLetter } from './forms.ts';
import { Vec } from './vector.ts';

/** `immh:immb` by element size: the leading one and the rest as a field. */
const IMMEDIATE: Readonly<Record<string, string>> = {
  b: '0001 immb:3',
  h: '001 immb:4',
  s: '01 immb:5',
  d: '1 immb:6',
};

/** The meaning: Vn, the immediate (see `Direction`), and Vd where it is a source. */
type Meaning = (v: Vec, n: Val, amount: Val, d: () => Val) => Val;

/** Right shifts get their amount less one (0 to the width less one), left shifts their amount. */
type Direction = 'left' | 'right';

/** Immediate of the record and operand text of one direction and element size. */
function amount(direction: Direction, letter: string): { imm: NonNullable<ClauseSpec['imm']>; text: string } {
  const bits = letterBits(letter);
  if (direction === 'left') return { imm: { amount: ['u8', (f) => f.immb!] }, text: '{immb:u}' };
  return { imm: { amount: ['u8', (f) => bits - 1 - f.immb!] }, text: `{immb:rsub(${bits})}` };
}

/** Shift right by the amount plus one, in two steps because one of the whole width is possible. */
function right(v: Vec, signed: boolean, x: Val, n: Val): Val {
  return v.shr(signed, v.shr(signed, x, n), 1);
}
/** The same, rounded: the last bit shifted out is added. */
function rounded(v: Vec, signed: boolean, x: Val, n: Val): Val {
  const nearly = v.shr(signed, x, n);
  return v.add(v.shr(signed, nearly, 1), v.and(nearly, v.all(1)));
}
/** SQSHL, UQSHL: saturates where shifting back does not give the operand again. Sets FPSR.QC. */
function saturatingLeft(v: Vec, signed: boolean, x: Val, n: Val): Val {
  const shifted = v.shl(x, n);
  const lost = v.not(v.eq(v.shr(signed, shifted, n), x));
  v.noteSaturation(lost);
  if (!signed) return v.or(shifted, lost);
  return v.b.vselect(lost, v.xor(v.shr(true, x, v.esize - 1), v.all(v.min - 1n)), shifted);
}
/** SQSHLU: signed operand, unsigned result. Sets FPSR.QC. */
function saturatingLeftUnsigned(v: Vec, x: Val, n: Val): Val {
  const shifted = v.shl(x, n);
  const lost = v.not(v.eq(v.shr(false, shifted, n), x));
  const negative = v.shr(true, x, v.esize - 1);
  v.noteSaturation(v.or(lost, negative));
  return v.andNot(v.or(shifted, lost), negative);
}
/** SRI and SLI: the shifted operand, and Vd where zeros would have been shifted in. */
function insert(v: Vec, x: Val, d: Val, shifted: (x: Val) => Val): Val {
  return v.or(v.andNot(d, shifted(v.all(-1))), shifted(x));
}

type Row = readonly [
  mnemonic: string,
  u: 0 | 1,
  opcode: string,
  direction: Direction,
  scalarSizes: Sizes,
  meaning: Meaning,
];
const both = (name: string, opcode: string, meaning: (signed: boolean) => Meaning): Row[] => [
  [`s${name}`, 0, opcode, 'right', 'd', meaning(true)],
  [`u${name}`, 1, opcode, 'right', 'd', meaning(false)],
];
const ROWS: readonly Row[] = [
  ...both('shr', '00000', (s) => (v, x, n) => right(v, s, x, n)),
  ...both('sra', '00010', (s) => (v, x, n, d) => v.add(d(), right(v, s, x, n))),
  ...both('rshr', '00100', (s) => (v, x, n) => rounded(v, s, x, n)),
  ...both('rsra', '00110', (s) => (v, x, n, d) => v.add(d(), rounded(v, s, x, n))),
  ['sri', 1, '01000', 'right', 'd', (v, x, n, d) => insert(v, x, d(), (y) => right(v, false, y, n))],
  ['shl', 0, '01010', 'left', 'd', (v, x, n) => v.shl(x, n)],
  ['sli', 1, '01010', 'left', 'd', (v, x, n, d) => insert(v, x, d(), (y) => v.shl(y, n))],
  ['sqshlu', 1, '01100', 'left', 'bhsd', saturatingLeftUnsigned],
  ['sqshl', 0, '01110', 'left', 'bhsd', (v, x, n) => saturatingLeft(v, true, x, n)],
  ['uqshl', 1, '01110', 'left', 'bhsd', (v, x, n) => saturatingLeft(v, false, x, n)],
];

function clauses([mnemonic, u, opcode, direction, scalarSizes, meaning]: Row): Clause[] {
  const run = (v: Vec): void => v.write(meaning(v, v.b.v('Vn'), v.b.imm('amount'), () => v.b.v('Vd')));
  const title = (letter: string): string => `${mnemonic.toUpperCase()} (immediate, ${letter.toUpperCase()})`;
  const vectors = [...'bhsd'].map((letter) => {
    const { imm, text } = amount(direction, letter);
    const kind = arrangementByQ(letter);
    return insn(title(letter), `0 Q ${u} 011110 ${IMMEDIATE[letter]} ${opcode} 1 Vn:5 Vd:5`, {
      asm: `${mnemonic} {Vd:${kind}}, {Vn:${kind}}, ${text}`,
      imm,
      dynamic: ['immb'],
      fp: true,
      unless: (f) => letter === 'd' && f.Q === 0,
      lift: (b, f) => run(new Vec(b, letterBits(letter), f.Q ? 128 : 64)),
    });
  });
  const scalars = [...scalarSizes].map((letter) => {
    const { imm, text } = amount(direction, letter);
    return insn(`${title(letter)}, scalar`, `01 ${u} 111110 ${IMMEDIATE[letter]} ${opcode} 1 Vn:5 Vd:5`, {
      asm: `${mnemonic} {Vd:${letter}}, {Vn:${letter}}, ${text}`,
      imm,
      dynamic: ['immb'],
      fp: true,
      lift: (b) => run(new Vec(b, letterBits(letter), letterBits(letter))),
    });
  });
  return [...vectors, ...scalars];
}

/** The meaning of a narrowing shift on the wide lanes, whose low `bits` are the result. */
type Narrow = (w: Vec, bits: number, x: Val, n: Val) => Val;
type NarrowRow = readonly [mnemonic: string, u: 0 | 1, opcode: string, hasScalar: boolean, meaning: Narrow];
const NARROW: readonly NarrowRow[] = [
  ['shrn', 0, '10000', false, (w, _bits, x, n) => right(w, false, x, n)],
  ['rshrn', 0, '10001', false, (w, _bits, x, n) => rounded(w, false, x, n)],
  ['sqshrun', 1, '10000', true, (w, bits, x, n) => w.clampSigned(right(w, true, x, n), bits, true)],
  ['sqrshrun', 1, '10001', true, (w, bits, x, n) => w.clampSigned(rounded(w, true, x, n), bits, true)],
  ['sqshrn', 0, '10010', true, (w, bits, x, n) => w.clampSigned(right(w, true, x, n), bits)],
  ['uqshrn', 1, '10010', true, (w, bits, x, n) => w.clampUnsigned(right(w, false, x, n), bits)],
  ['sqrshrn', 0, '10011', true, (w, bits, x, n) => w.clampSigned(rounded(w, true, x, n), bits)],
  ['uqrshrn', 1, '10011', true, (w, bits, x, n) => w.clampUnsigned(rounded(w, false, x, n), bits)],
];

function narrowing([mnemonic, u, opcode, hasScalar, meaning]: NarrowRow, letter: string): Clause[] {
  const { imm, text } = amount('right', letter);
  const bits = letterBits(letter);
  const result = (v: Vec): Val => meaning(v.wide, bits, v.b.v('Vn'), v.b.imm('amount'));
  const common = { imm, dynamic: ['immb'], fp: true } as const;
  const size = letter.toUpperCase();
  const vectors = ([0, 1] as const).map((q) => {
    const name = q ? `${mnemonic}2` : mnemonic;
    const [narrow, wide] = [arrangementName(letter, q), arrangementName(widerLetter(letter), 1)];
    return insn(`${name.toUpperCase()} (${size})`, `0 ${q} ${u} 011110 ${IMMEDIATE[letter]} ${opcode} 1 Vn:5 Vd:5`, {
      asm: `${name} {Vd:v(${narrow})}, {Vn:v(${wide})}, ${text}`,
      ...common,
      lift: (b) => {
        const v = new Vec(b, bits, 64);
        const x = result(v);
        b.setV('Vd', q ? v.narrowOnto(b.v('Vd'), x) : v.narrow(x));
      },
    });
  });
  if (!hasScalar) return vectors;
  const single = insn(
    `${mnemonic.toUpperCase()} (${size}), scalar`,
    `01 ${u} 111110 ${IMMEDIATE[letter]} ${opcode} 1 Vn:5 Vd:5`,
    {
      asm: `${mnemonic} {Vd:${letter}}, {Vn:${widerLetter(letter)}}, ${text}`,
      ...common,
      lift: (b) => {
        const v = new Vec(b, bits, bits);
        v.write(result(v));
      },
    },
  );
  return [...vectors, single];
}

/** SSHLL, USHLL: lanes extended to twice the width, then shifted left. */
function long(u: 0 | 1, letter: string, q: 0 | 1): Clause {
  const name = `${u ? 'u' : 's'}shll${q ? '2' : ''}`;
  const [narrow, wide] = [arrangementName(letter, q), arrangementName(widerLetter(letter), 1)];
  const { imm, text } = amount('left', letter);
  return insn(
    `${name.toUpperCase()} (${letter.toUpperCase()})`,
    `0 ${q} ${u} 011110 ${IMMEDIATE[letter]} 10100 1 Vn:5 Vd:5`,
    {
      asm: `${name} {Vd:v(${wide})}, {Vn:v(${narrow})}, ${text}`,
      imm,
      dynamic: ['immb'],
      fp: true,
      lift: (b: Builder) => {
        const v = new Vec(b, letterBits(letter), 64);
        b.setV('Vd', v.wide.shl(v.widen(u === 0, b.v('Vn'), q), b.imm('amount')));
      },
    },
  );
}

/** Clauses of this group. */
export const SIMD_SHIFT_IMMEDIATE: readonly Clause[] = [
  ...ROWS.flatMap(clauses),
  ...NARROW.flatMap((row) => [...'bhs'].flatMap((letter) => narrowing(row, letter))),
  ...[...'bhs'].flatMap((letter) => [long(0, letter, 0), long(0, letter, 1), long(1, letter, 0), long(1, letter, 1)]),
];
