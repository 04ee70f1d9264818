/**
 * Three registers of the same type: DDI 0487, "Advanced SIMD three same", "... scalar three same",
 * "... three same extra".
 */
import type { Val } from '../../ir/builder.ts';
import { type Clause, insn } from '../clause.ts';
import * as arithmetic from './arithmetic.ts';
import { arrangement, elementBits, type Sizes, scalar, sizeReserved } from './forms.ts';
import { Vec } from './vector.ts';

/** The meaning: Vn, Vm, and Vd where it is a source. */
type Meaning = (v: Vec, n: Val, m: Val, d: () => Val) => Val;
/** Mnemonic, U, opcode, element sizes of the vector and of the scalar form, meaning. */
type Row = readonly [mnemonic: string, u: 0 | 1, opcode: string, sizes: Sizes, scalarSizes: Sizes, meaning: Meaning];

type Signed = (signed: boolean) => Meaning;
const both = (name: string, opcode: string, sizes: Sizes, scalarSizes: Sizes, meaning: Signed): Row[] => [
  [`s${name}`, 0, opcode, sizes, scalarSizes, meaning(true)],
  [`u${name}`, 1, opcode, sizes, scalarSizes, meaning(false)],
];
const shift = (name: string, opcode: string, scalarSizes: Sizes, rounding: boolean, saturating: boolean): Row[] => {
  const meaning: Signed = (signed) => (v, n, m) =>
    arithmetic.shiftByRegister(v, { signed, rounding, saturating }, n, m);
  const [s, u] = saturating ? ['sq', 'uq'] : ['s', 'u'];
  return [
    [`${s}${name}`, 0, opcode, 'bhsd', scalarSizes, meaning(true)],
    [`${u}${name}`, 1, opcode, 'bhsd', scalarSizes, meaning(false)],
  ];
};

const ROWS: readonly Row[] = [
  ...both('hadd', '00000', 'bhs', '', (s) => (v, n, m) => arithmetic.halvingAdd(v, s, n, m)),
  ...both('qadd', '00001', 'bhsd', 'bhsd', (s) => (v, n, m) => arithmetic.saturatingAdd(v, s, n, m)),
  ...both('rhadd', '00010', 'bhs', '', (s) => (v, n, m) => arithmetic.roundingHalvingAdd(v, s, n, m)),
  ...both('hsub', '00100', 'bhs', '', (s) => (v, n, m) => arithmetic.halvingSub(v, s, n, m)),
  ...both('qsub', '00101', 'bhsd', 'bhsd', (s) => (v, n, m) => arithmetic.saturatingSub(v, s, n, m)),
  ['cmgt', 0, '00110', 'bhsd', 'd', (v, n, m) => v.gt(true, n, m)],
  ['cmhi', 1, '00110', 'bhsd', 'd', (v, n, m) => v.gt(false, n, m)],
  ['cmge', 0, '00111', 'bhsd', 'd', (v, n, m) => v.ge(true, n, m)],
  ['cmhs', 1, '00111', 'bhsd', 'd', (v, n, m) => v.ge(false, n, m)],
  ...shift('shl', '01000', 'd', false, false),
  ...shift('shl', '01001', 'bhsd', false, true),
  ...shift('rshl', '01010', 'd', true, false),
  ...shift('rshl', '01011', 'bhsd', true, true),
  ...both('max', '01100', 'bhs', '', (s) => (v, n, m) => v.max(s, n, m)),
  ...both('min', '01101', 'bhs', '', (s) => (v, n, m) => v.minimum(s, n, m)),
  ...both('abd', '01110', 'bhs', '', (s) => (v, n, m) => arithmetic.absoluteDifference(v, s, n, m)),
  ...both('aba', '01111', 'bhs', '', (s) => (v, n, m, d) => v.add(d(), arithmetic.absoluteDifference(v, s, n, m))),
  ['add', 0, '10000', 'bhsd', 'd', (v, n, m) => v.add(n, m)],
  ['sub', 1, '10000', 'bhsd', 'd', (v, n, m) => v.sub(n, m)],
  ['cmtst', 0, '10001', 'bhsd', 'd', (v, n, m) => v.not(v.eq(v.and(n, m), v.all(0)))],
  ['cmeq', 1, '10001', 'bhsd', 'd', (v, n, m) => v.eq(n, m)],
  ['mla', 0, '10010', 'bhs', '', (v, n, m, d) => v.add(d(), v.mul(n, m))],
  ['mls', 1, '10010', 'bhs', '', (v, n, m, d) => v.sub(d(), v.mul(n, m))],
  ['mul', 0, '10011', 'bhs', '', (v, n, m) => v.mul(n, m)],
  ['pmul', 1, '10011', 'b', '', (v, n, m) => arithmetic.polynomialMultiply(v, n, m)],
  ...both('maxp', '10100', 'bhs', '', (s) => (v, n, m) => v.pairs(n, m, (x, y) => v.max(s, x, y))),
  ...both('minp', '10101', 'bhs', '', (s) => (v, n, m) => v.pairs(n, m, (x, y) => v.minimum(s, x, y))),
  ['sqdmulh', 0, '10110', 'hs', 'hs', (v, n, m) => arithmetic.doublingMultiplyHigh(v, false, n, m)],
  ['sqrdmulh', 1, '10110', 'hs', 'hs', (v, n, m) => arithmetic.doublingMultiplyHigh(v, true, n, m)],
  ['addp', 0, '10111', 'bhsd', '', (v, n, m) => v.pairs(n, m, (x, y) => v.add(x, y))],
];

/** "Three same extra" of FEAT_RDM: bit 21 clear, bit 15 set, a four-bit opcode. */
const RDM_ROWS: readonly Row[] = [
  ['sqrdmlah', 1, '0000', 'hs', 'hs', (v, n, m, d) => arithmetic.doublingMultiplyAccumulateHigh(v, 1, d(), n, m)],
  ['sqrdmlsh', 1, '0001', 'hs', 'hs', (v, n, m, d) => arithmetic.doublingMultiplyAccumulateHigh(v, -1, d(), n, m)],
];

/** Mnemonics that an instruction on general registers has too take Arm's "(vector)". */
const title = (mnemonic: string): string => `${mnemonic.toUpperCase()} (vector)`;

function clauses(row: Row, rdm: boolean): Clause[] {
  const [mnemonic, u, opcode, sizes, scalarSizes, meaning] = row;
  const tail = rdm ? `0 Vm:5 1 ${opcode} 1 Vn:5 Vd:5` : `1 Vm:5 ${opcode} 1 Vn:5 Vd:5`;
  const feature = rdm ? ({ feature: 'FEAT_RDM' } as const) : {};
  const operands = (kind: string): string => `${mnemonic} {Vd:${kind}}, {Vn:${kind}}, {Vm:${kind}}`;
  const run = (v: Vec): void => v.write(meaning(v, v.b.v('Vn'), v.b.v('Vm'), () => v.b.v('Vd')));
  const vector = insn(title(mnemonic), `0 Q ${u} 01110 size:2 ${tail}`, {
    asm: operands(arrangement(sizes)),
    ...feature,
    fp: true,
    unless: (f) => sizeReserved(sizes, f),
    lift: (b, f) => run(new Vec(b, elementBits(f.size!), f.Q ? 128 : 64)),
  });
  if (scalarSizes === '') return [vector];
  const single = insn(`${title(mnemonic)}, scalar`, `01 ${u} 11110 size:2 ${tail}`, {
    asm: operands(scalar(scalarSizes)),
    ...feature,
    fp: true,
    unless: (f) => sizeReserved(scalarSizes, f),
    lift: (b, f) => run(new Vec(b, elementBits(f.size!), elementBits(f.size!))),
  });
  return [vector, single];
}

/** Bitwise operations: `size` is part of the opcode. */
function logical(mnemonic: string, u: 0 | 1, size: string, meaning: Meaning): Clause {
  const kind = 'v(Q=8b,16b)';
  return insn(title(mnemonic), `0 Q ${u} 01110 ${size} 1 Vm:5 00011 1 Vn:5 Vd:5`, {
    asm: `${mnemonic} {Vd:${kind}}, {Vn:${kind}}, {Vm:${kind}}`,
    fp: true,
    lift: (b, f) => {
      const v = new Vec(b, 64, f.Q ? 128 : 64);
      v.write(meaning(v, b.v('Vn'), b.v('Vm'), () => b.v('Vd')));
    },
  });
}

/** Clauses of this group. */
export const SIMD_THREE_SAME: readonly Clause[] = [
  ...ROWS.flatMap((row) => clauses(row, false)),
  ...RDM_ROWS.flatMap((row) => clauses(row, true)),
  logical('and', 0, '00', (v, n, m) => v.and(n, m)),
  logical('bic', 0, '01', (v, n, m) => v.andNot(n, m)),
  logical('orr', 0, '10', (v, n, m) => v.or(n, m)),
  logical('orn', 0, '11', (v, n, m) => v.or(n, v.not(m))),
  logical('eor', 1, '00', (v, n, m) => v.xor(n, m)),
  logical('bsl', 1, '01', (v, n, m, d) => v.b.vselect(d(), n, m)),
  logical('bit', 1, '10', (v, n, m, d) => v.b.vselect(m, n, d())),
  logical('bif', 1, '11', (v, n, m, d) => v.b.vselect(m, d(), n)),
];
