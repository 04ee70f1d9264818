/**
 * One source: DDI 0487, "Advanced SIMD two-register miscellaneous", "... scalar two-register miscellaneous",
 * "... across lanes", "... scalar pairwise". The floating-point rows of these groups are in `fpsimd/`.
 */
import type { Val } from '../../ir/builder.ts';
import { type Clause, insn } from '../clause.ts';
import { addSignedToUnsigned, addUnsignedToSigned, saturatingUnary } from './arithmetic.ts';
import { arrangement, elementBits, type Sizes, scalar, sizeReserved } from './forms.ts';
import { Vec } from './vector.ts';

/** The meaning: Vn, and Vd where it is a source. */
type Meaning = (v: Vec, n: Val, d: () => Val) => Val;
type Row = readonly [
  mnemonic: string,
  u: 0 | 1,
  opcode: string,
  sizes: Sizes,
  scalarSizes: Sizes,
  meaning: Meaning,
  /** Text after the operands. */
  rest?: string,
];

/** Bytes, halfwords or words in opposite order within containers of `bits`. */
function reverse(v: Vec, bits: number, n: Val): Val {
  const last = bits / v.esize - 1;
  return v.pick(n, n, (i) => i ^ last);
}
/** Leading zeros of each lane, of which WebAssembly counts in 32 bits. */
function leadingZeros(v: Vec, n: Val): Val {
  const { b } = v;
  return b.lanes(v.esize, v.count, (i) => {
    const zeros = b.clz(b.lane(n, v.esize, i));
    return v.esize === 32 ? zeros : b.sub(zeros, b.i32(32 - v.esize));
  });
}
/** Leading bits equal to the sign, itself not counted: where neighbouring bits first differ. */
function leadingSigns(v: Vec, n: Val): Val {
  return v.sub(leadingZeros(v, v.xor(n, v.shr(true, n, 1))), v.all(1));
}
/** The bits of each byte in opposite order, four at a time from a table. */
function reverseBits(v: Vec, n: Val): Val {
  const table = v.b.vconst(0x0e06_0a02_0c04_0800n, 0x0f07_0b03_0d05_0901n);
  const nibble = (x: Val): Val => v.op('vswizzle', table, x);
  return v.or(v.shl(nibble(v.and(n, v.all(15))), 4), nibble(v.shr(false, n, 4)));
}
const zero = (v: Vec): Val => v.all(0);

const ROWS: readonly Row[] = [
  ['rev64', 0, '00000', 'bhs', '', (v, n) => reverse(v, 64, n)],
  ['rev32', 1, '00000', 'bh', '', (v, n) => reverse(v, 32, n)],
  ['rev16', 0, '00001', 'b', '', (v, n) => reverse(v, 16, n)],
  ['suqadd', 0, '00011', 'bhsd', 'bhsd', (v, n, d) => addUnsignedToSigned(v, n, d())],
  ['usqadd', 1, '00011', 'bhsd', 'bhsd', (v, n, d) => addSignedToUnsigned(v, n, d())],
  ['cls', 0, '00100', 'bhs', '', leadingSigns],
  ['clz', 1, '00100', 'bhs', '', leadingZeros],
  ['cnt', 0, '00101', 'b', '', (v, n) => v.b.vun('vpopcnt', 8, n)],
  ['sqabs', 0, '00111', 'bhsd', 'bhsd', (v, n) => saturatingUnary(v, 'vabs', n)],
  ['sqneg', 1, '00111', 'bhsd', 'bhsd', (v, n) => saturatingUnary(v, 'vneg', n)],
  ['cmgt', 0, '01000', 'bhsd', 'd', (v, n) => v.gt(true, n, zero(v)), ', #0'],
  ['cmge', 1, '01000', 'bhsd', 'd', (v, n) => v.ge(true, n, zero(v)), ', #0'],
  ['cmeq', 0, '01001', 'bhsd', 'd', (v, n) => v.eq(n, zero(v)), ', #0'],
  ['cmle', 1, '01001', 'bhsd', 'd', (v, n) => v.ge(true, zero(v), n), ', #0'],
  ['cmlt', 0, '01010', 'bhsd', 'd', (v, n) => v.gt(true, zero(v), n), ', #0'],
  ['abs', 0, '01011', 'bhsd', 'd', (v, n) => v.b.vun('vabs', v.esize, n)],
  ['neg', 1, '01011', 'bhsd', 'd', (v, n) => v.b.vun('vneg', v.esize, n)],
];

function title(row: Row): string {
  return `${row[0].toUpperCase()} (${row[6] ? 'zero' : 'vector'})`;
}

function clauses(row: Row): Clause[] {
  const [mnemonic, u, opcode, sizes, scalarSizes, meaning, rest = ''] = row;
  const run = (v: Vec): void => v.write(meaning(v, v.b.v('Vn'), () => v.b.v('Vd')));
  const vector = insn(title(row), `0 Q ${u} 01110 size:2 10000 ${opcode} 10 Vn:5 Vd:5`, {
    asm: `${mnemonic} {Vd:${arrangement(sizes)}}, {Vn:${arrangement(sizes)}}${rest}`,
    fp: true,
    unless: (f) => sizeReserved(sizes, f),
    lift: (b, f) => run(new Vec(b, elementBits(f.size!), f.Q ? 128 : 64)),
  });
  if (scalarSizes === '') return [vector];
  const single = insn(`${title(row)}, scalar`, `01 ${u} 11110 size:2 10000 ${opcode} 10 Vn:5 Vd:5`, {
    asm: `${mnemonic} {Vd:${scalar(scalarSizes)}}, {Vn:${scalar(scalarSizes)}}${rest}`,
    fp: true,
    unless: (f) => sizeReserved(scalarSizes, f),
    lift: (b, f) => run(new Vec(b, elementBits(f.size!), elementBits(f.size!))),
  });
  return [vector, single];
}

/** NOT and RBIT: bytes, told apart by `size`. */
function byBytes(mnemonic: string, size: string, meaning: Meaning): Clause {
  const kind = 'v(Q=8b,16b)';
  return insn(`${mnemonic.toUpperCase()} (vector)`, `0 Q 1 01110 ${size} 10000 00101 10 Vn:5 Vd:5`, {
    asm: `${mnemonic} {Vd:${kind}}, {Vn:${kind}}`,
    fp: true,
    lift: (b, f) => {
      const v = new Vec(b, 8, f.Q ? 128 : 64);
      v.write(meaning(v, b.v('Vn'), () => b.v('Vd')));
    },
  });
}

/** SADDLP, UADDLP, SADALP, UADALP: sums of pairs in elements of twice the width. */
function pairwiseLong(mnemonic: string, u: 0 | 1, opcode: string, accumulate: boolean): Clause {
  return insn(mnemonic.toUpperCase(), `0 Q ${u} 01110 size:2 10000 ${opcode} 10 Vn:5 Vd:5`, {
    asm: `${mnemonic} {Vd:v(size.Q=4h,8h,2s,4s,1d,2d,-,-)}, {Vn:${arrangement('bhs')}}`,
    fp: true,
    unless: (f) => sizeReserved('bhs', f),
    lift: (b, f) => {
      const v = new Vec(b, elementBits(f.size!), f.Q ? 128 : 64);
      const sums = v.addPairsLong(u === 0, b.v('Vn'));
      v.write(accumulate ? v.paired.add(b.v('Vd'), sums) : sums);
    },
  });
}

type Narrow = (w: Vec, bits: number, n: Val) => Val;
const NARROW: readonly (readonly [mnemonic: string, u: 0 | 1, opcode: string, scalarSizes: Sizes, meaning: Narrow])[] =
  [
    ['xtn', 0, '10010', '', (_w, _bits, n) => n],
    ['sqxtun', 1, '10010', 'bhs', (w, bits, n) => w.clampSigned(n, bits, true)],
    ['sqxtn', 0, '10100', 'bhs', (w, bits, n) => w.clampSigned(n, bits)],
    ['uqxtn', 1, '10100', 'bhs', (w, bits, n) => w.clampUnsigned(n, bits)],
  ];

function narrowing([mnemonic, u, opcode, scalarSizes, meaning]: (typeof NARROW)[number]): Clause[] {
  const vector = ([0, 1] as const).map((q) => {
    const name = q ? `${mnemonic}2` : mnemonic;
    return insn(name.toUpperCase(), `0 ${q} ${u} 01110 size:2 10000 ${opcode} 10 Vn:5 Vd:5`, {
      asm: `${name} {Vd:${arrangement('bhs', q)}}, {Vn:${arrangement('bhs', 1, 1)}}`,
      fp: true,
      unless: (f) => sizeReserved('bhs', f),
      lift: (b, f) => {
        const v = new Vec(b, elementBits(f.size!), 64);
        const result = meaning(v.wide, v.esize, b.v('Vn'));
        b.setV('Vd', q ? v.narrowOnto(b.v('Vd'), result) : v.narrow(result));
      },
    });
  });
  if (scalarSizes === '') return vector;
  const single = insn(`${mnemonic.toUpperCase()}, scalar`, `01 ${u} 11110 size:2 10000 ${opcode} 10 Vn:5 Vd:5`, {
    asm: `${mnemonic} {Vd:${scalar(scalarSizes)}}, {Vn:${scalar(scalarSizes, 1)}}`,
    fp: true,
    unless: (f) => sizeReserved(scalarSizes, f),
    lift: (b, f) => {
      const v = new Vec(b, elementBits(f.size!), elementBits(f.size!));
      v.write(meaning(v.wide, v.esize, b.v('Vn')));
    },
  });
  return [...vector, single];
}

/** SHLL, SHLL2: shifted left by the element size, so the lanes become the upper halves. */
function shiftLeftLong(q: 0 | 1): Clause {
  const name = q ? 'shll2' : 'shll';
  return insn(name.toUpperCase(), `0 ${q} 1 01110 size:2 10000 10011 10 Vn:5 Vd:5`, {
    asm: `${name} {Vd:${arrangement('bhs', 1, 1)}}, {Vn:${arrangement('bhs', q)}}, {size:oneof(8,16,32,-)}`,
    fp: true,
    unless: (f) => sizeReserved('bhs', f),
    lift: (b, f) => {
      const v = new Vec(b, elementBits(f.size!), 64);
      b.setV('Vd', v.wide.shl(v.widen(false, b.v('Vn'), q), v.esize));
    },
  });
}

type Across = (v: Vec, n: Val) => Val;
const ACROSS: readonly (readonly [mnemonic: string, u: 0 | 1, opcode: string, long: boolean, meaning: Across])[] = [
  ['saddlv', 0, '00011', true, (v, n) => v.reduce(n, (x, y) => v.add(x, y))],
  ['uaddlv', 1, '00011', true, (v, n) => v.reduce(n, (x, y) => v.add(x, y))],
  ['smaxv', 0, '01010', false, (v, n) => v.reduce(n, (x, y) => v.max(true, x, y))],
  ['umaxv', 1, '01010', false, (v, n) => v.reduce(n, (x, y) => v.max(false, x, y))],
  ['sminv', 0, '11010', false, (v, n) => v.reduce(n, (x, y) => v.minimum(true, x, y))],
  ['uminv', 1, '11010', false, (v, n) => v.reduce(n, (x, y) => v.minimum(false, x, y))],
  ['addv', 0, '11011', false, (v, n) => v.reduce(n, (x, y) => v.add(x, y))],
];

/** One result of all lanes; two words (4S with Q clear) are too few. */
function across([mnemonic, u, opcode, long, meaning]: (typeof ACROSS)[number]): Clause {
  return insn(mnemonic.toUpperCase(), `0 Q ${u} 01110 size:2 11000 ${opcode} 10 Vn:5 Vd:5`, {
    asm: `${mnemonic} {Vd:${scalar('bhs', long ? 1 : 0)}}, {Vn:v(size.Q=8b,16b,4h,8h,-,4s,-,-)}`,
    fp: true,
    unless: (f) => f.size === 3 || (f.size === 2 && f.Q === 0),
    lift: (b, f) => {
      const v = new Vec(b, elementBits(f.size!), f.Q ? 128 : 64);
      const n = b.v('Vn');
      const lanes = long ? v.paired : v;
      const all = meaning(lanes, long ? v.addPairsLong(u === 0, n) : n);
      new Vec(b, lanes.esize, lanes.esize).write(all);
    },
  });
}

/** ADDP (scalar): the two halves of a register. */
const ADDP_SCALAR = insn('ADDP (scalar)', '01 0 11110 11 11000 11011 10 Vn:5 Vd:5', {
  asm: 'addp {Vd:d}, {Vn:v(2d)}',
  fp: true,
  lift: (b) => {
    const n = b.v('Vn');
    b.setV('Vd', b.vec(b.add(b.lane(n, 64, 0), b.lane(n, 64, 1)), b.i64(0)));
  },
});

/** Clauses of this group. */
export const SIMD_TWO_REGISTER: readonly Clause[] = [
  ...ROWS.flatMap(clauses),
  byBytes('not', '00', (v, n) => v.not(n)),
  byBytes('rbit', '01', reverseBits),
  pairwiseLong('saddlp', 0, '00010', false),
  pairwiseLong('uaddlp', 1, '00010', false),
  pairwiseLong('sadalp', 0, '00110', true),
  pairwiseLong('uadalp', 1, '00110', true),
  ...NARROW.flatMap(narrowing),
  shiftLeftLong(0),
  shiftLeftLong(1),
  ...ACROSS.map(across),
  ADDP_SCALAR,
];
