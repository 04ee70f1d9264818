/** Operands and result of different widths: DDI 0487, "Advanced SIMD three different", "... scalar three different". */
import type { Val } from '../../ir/builder.ts';
import { type Clause, insn } from '../clause.ts';
import { polynomialMultiply, polynomialMultiply64, saturatingAdd, saturatingSub } from './arithmetic.ts';
import { arrangement, elementBits, type Sizes, scalar, sizeReserved } from './forms.ts';
import { Vec } from './vector.ts';

/** The meaning on lanes of the result's width: extended Vn and Vm, and Vd where it is a source. */
export type LongMeaning = (w: Vec, n: Val, m: Val, d: () => Val) => Val;

/** SQDMULL: twice the product; only the square of the least value saturates. */
const doublingProduct = (w: Vec, n: Val, m: Val): Val => {
  const product = w.op('vmul', n, m);
  return saturatingAdd(w, true, product, product);
};
const distance = (w: Vec, n: Val, m: Val): Val => w.b.vun('vabs', w.esize, w.sub(n, m));

/** Long operations that also exist by element, by mnemonic less the sign. */
export const LONG = {
  mlal: (w, n, m, d) => w.add(d(), w.op('vmul', n, m)),
  mlsl: (w, n, m, d) => w.sub(d(), w.op('vmul', n, m)),
  mull: (w, n, m) => w.op('vmul', n, m),
  qdmlal: (w, n, m, d) => saturatingAdd(w, true, d(), doublingProduct(w, n, m)),
  qdmlsl: (w, n, m, d) => saturatingSub(w, true, d(), doublingProduct(w, n, m)),
  qdmull: (w, n, m) => doublingProduct(w, n, m),
} as const satisfies Record<string, LongMeaning>;

interface Row {
  readonly mnemonic: string;
  readonly u: 0 | 1;
  readonly opcode: string;
  readonly sizes: Sizes;
  readonly meaning: LongMeaning;
  /** True when Vn has lanes of the result's width already. */
  readonly wide?: boolean;
  /** Sizes of the scalar form. */
  readonly scalarSizes?: Sizes;
}

const signedPair = (name: string, opcode: string, meaning: LongMeaning, wide = false): Row[] => [
  { mnemonic: `s${name}`, u: 0, opcode, sizes: 'bhs', meaning, wide },
  { mnemonic: `u${name}`, u: 1, opcode, sizes: 'bhs', meaning, wide },
];
const doubling = (name: 'qdmlal' | 'qdmlsl' | 'qdmull', opcode: string): Row => {
  return { mnemonic: `s${name}`, u: 0, opcode, sizes: 'hs', scalarSizes: 'hs', meaning: LONG[name] };
};

const ROWS: readonly Row[] = [
  ...signedPair('addl', '0000', (w, n, m) => w.add(n, m)),
  ...signedPair('addw', '0001', (w, n, m) => w.add(n, m), true),
  ...signedPair('subl', '0010', (w, n, m) => w.sub(n, m)),
  ...signedPair('subw', '0011', (w, n, m) => w.sub(n, m), true),
  ...signedPair('abal', '0101', (w, n, m, d) => w.add(d(), distance(w, n, m))),
  ...signedPair('abdl', '0111', distance),
  ...signedPair('mlal', '1000', LONG.mlal),
  ...signedPair('mlsl', '1010', LONG.mlsl),
  ...signedPair('mull', '1100', LONG.mull),
  doubling('qdmlal', '1001'),
  doubling('qdmlsl', '1011'),
  doubling('qdmull', '1101'),
];

function long(row: Row, q: 0 | 1): Clause {
  const { mnemonic, sizes, wide } = row;
  const name = q ? `${mnemonic}2` : mnemonic;
  const [result, source] = [arrangement(sizes, 1, 1), arrangement(sizes, q)];
  return insn(`${name.toUpperCase()} (vector)`, `0 ${q} ${row.u} 01110 size:2 1 Vm:5 ${row.opcode} 00 Vn:5 Vd:5`, {
    asm: `${name} {Vd:${result}}, {Vn:${wide ? result : source}}, {Vm:${source}}`,
    fp: true,
    unless: (f) => sizeReserved(sizes, f),
    lift: (b, f) => {
      const v = new Vec(b, elementBits(f.size!), 64);
      const signed = row.u === 0;
      const n = wide ? b.v('Vn') : v.widen(signed, b.v('Vn'), q);
      const m = v.widen(signed, b.v('Vm'), q);
      v.wide.write(row.meaning(v.wide, n, m, () => b.v('Vd')));
    },
  });
}

function longScalar(row: Row): Clause {
  const sizes = row.scalarSizes!;
  const [result, source] = [scalar(sizes, 1), scalar(sizes)];
  return insn(
    `${row.mnemonic.toUpperCase()} (vector), scalar`,
    `01 ${row.u} 11110 size:2 1 Vm:5 ${row.opcode} 00 Vn:5 Vd:5`,
    {
      asm: `${row.mnemonic} {Vd:${result}}, {Vn:${source}}, {Vm:${source}}`,
      fp: true,
      unless: (f) => sizeReserved(sizes, f),
      lift: (b, f) => {
        const v = new Vec(b, elementBits(f.size!), elementBits(f.size!));
        const [n, m] = [v.widen(true, b.v('Vn')), v.widen(true, b.v('Vm'))];
        v.wide.write(row.meaning(v.wide, n, m, () => b.v('Vd')));
      },
    },
  );
}

/** ADDHN, SUBHN and their rounding forms: the high halves of sums and differences. */
function narrowing(mnemonic: string, u: 0 | 1, opcode: string, q: 0 | 1): Clause {
  const name = q ? `${mnemonic}2` : mnemonic;
  const source = arrangement('bhs', 1, 1);
  return insn(name.toUpperCase(), `0 ${q} ${u} 01110 size:2 1 Vm:5 ${opcode} 00 Vn:5 Vd:5`, {
    asm: `${name} {Vd:${arrangement('bhs', q)}}, {Vn:${source}}, {Vm:${source}}`,
    fp: true,
    unless: (f) => sizeReserved('bhs', f),
    lift: (b, f) => {
      const v = new Vec(b, elementBits(f.size!), 64);
      const w = v.wide;
      const [n, m] = [b.v('Vn'), b.v('Vm')];
      const exact = opcode === '0100' ? w.add(n, m) : w.sub(n, m);
      const result = u ? w.add(exact, w.all(v.min)) : exact;
      b.setV('Vd', q ? v.narrowOnto(b.v('Vd'), result, 1) : v.narrow(result, 1));
    },
  });
}

/** PMULL, PMULL2 of bytes. */
function polynomialLong(q: 0 | 1): Clause {
  const name = q ? 'pmull2' : 'pmull';
  const source = q ? 'v(16b)' : 'v(8b)';
  return insn(name.toUpperCase(), `0 ${q} 0 01110 00 1 Vm:5 1110 00 Vn:5 Vd:5`, {
    asm: `${name} {Vd:v(8h)}, {Vn:${source}}, {Vm:${source}}`,
    fp: true,
    lift: (b) => {
      const v = new Vec(b, 8, 64);
      const [n, m] = [v.widen(false, b.v('Vn'), q), v.widen(false, b.v('Vm'), q)];
      b.setV('Vd', polynomialMultiply(v.wide, n, m));
    },
  });
}

/** PMULL, PMULL2 of doublewords: FEAT_PMULL. */
function polynomialLong64(q: 0 | 1): Clause {
  const name = q ? 'pmull2' : 'pmull';
  const source = q ? 'v(2d)' : 'v(1d)';
  return insn(`${name.toUpperCase()} (1Q)`, `0 ${q} 0 01110 11 1 Vm:5 1110 00 Vn:5 Vd:5`, {
    asm: `${name} {Vd:v(1q)}, {Vn:${source}}, {Vm:${source}}`,
    feature: 'FEAT_PMULL',
    fp: true,
    lift: (b) => b.setV('Vd', polynomialMultiply64(b, b.lane(b.v('Vn'), 64, q), b.lane(b.v('Vm'), 64, q))),
  });
}

/** Clauses of this group. */
export const SIMD_THREE_DIFFERENT: readonly Clause[] = [
  ...ROWS.flatMap((row) => [long(row, 0), long(row, 1)]),
  ...ROWS.filter((row) => row.scalarSizes).map(longScalar),
  ...([0, 1] as const).flatMap((q) => [
    narrowing('addhn', 0, '0100', q),
    narrowing('raddhn', 1, '0100', q),
    narrowing('subhn', 0, '0110', q),
    narrowing('rsubhn', 1, '0110', q),
    polynomialLong(q),
    polynomialLong64(q),
  ]),
];
