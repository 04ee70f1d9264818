/** Floating point on one vector: DDI 0487, "Advanced SIMD two-register miscellaneous" and the fixed-point converts. */
import type { Builder, Val } from '../../ir/builder.ts';
import { type Clause, insn } from '../clause.ts';
import type { FieldValues } from '../encoding.ts';
import {
  absoluteVector,
  callFp,
  compareVector,
  exact,
  native,
  negateVector,
  perElement,
  setScalar,
  splatBits,
  type VectorOp,
  vectorShape,
  type Width,
  widthOf,
} from './common.ts';
import { convert, convertToOdd, fromFixed, type RoundingLetter, roundToIntegral, toFixed } from './convert.ts';

const ARRANGEMENT = 'v(sz.Q=2s,4s,-,2d)';
const SIZED = 'f(sz=s,d)';

function isReserved(f: FieldValues): boolean {
  return f.sz === 1 && f.Q === 0;
}

/** One row of the encoding tables: mnemonic, U, a (the upper bit of size), opcode, and text after the operands. */
type Row = readonly [mnemonic: string, u: number, a: number, opcode: string, variant?: string, tail?: string];

function named(mnemonic: string, ...variants: (string | undefined)[]): string {
  return `${mnemonic.toUpperCase()} (${variants.filter((v) => v !== undefined).join(', ')})`;
}

function vector([mnemonic, u, a, opcode, variant, tail = '']: Row, op: VectorOp): Clause {
  const pattern = `0 Q ${u} 01110 ${a} sz 10000 ${opcode} 10 Vn:5 Vd:5`;
  return insn(named(mnemonic, 'vector', variant), pattern, {
    asm: `${mnemonic} {Vd:${ARRANGEMENT}}, {Vn:${ARRANGEMENT}}${tail}`,
    unless: isReserved,
    fp: true,
    lift: (b, f) => {
      const { width, count } = vectorShape(f.Q, f.sz);
      b.setV('Vd', op(b, width, count, b.v('Vn')));
    },
  });
}

function single([mnemonic, u, a, opcode, variant, tail = '']: Row, op: VectorOp): Clause {
  const pattern = `01 ${u} 11110 ${a} sz 10000 ${opcode} 10 Vn:5 Vd:5`;
  return insn(named(mnemonic, 'vector, scalar', variant), pattern, {
    asm: `${mnemonic} {Vd:${SIZED}}, {Vn:${SIZED}}${tail}`,
    fp: true,
    lift: (b, f) => b.setV('Vd', op(b, widthOf(f.sz), 1, b.v('Vn'))),
  });
}

function both(row: Row, op: VectorOp): Clause[] {
  return [vector(row, op), single(row, op)];
}

/** Comparison with +0.0; FCMLE and FCMLT are GE and GT with the operands exchanged. */
function withZero(name: 'FPCompareEQ' | 'FPCompareGE' | 'FPCompareGT', exchanged = false): VectorOp {
  const compare = compareVector(name);
  return (b, width, count, x) => {
    const zero = splatBits(b, width, 0n);
    return exchanged ? compare(b, width, count, zero, x!) : compare(b, width, count, x!, zero);
  };
}

function toInteger(unsigned: boolean, rounding: RoundingLetter): VectorOp {
  return perElement((b, width, x) => toFixed(b, x!, { from: width, to: width, unsigned, rounding }));
}

function fromInteger(unsigned: boolean): VectorOp {
  return perElement((b, width, x) => fromFixed(b, x!, { from: width, to: width, unsigned }));
}

function estimate(mnemonic: string, u: number, helper: string): Clause {
  return insn(mnemonic.toUpperCase(), `0 Q ${u} 01110 1 0 10000 11100 10 Vn:5 Vd:5`, {
    asm: `${mnemonic} {Vd:v(Q=2s,4s)}, {Vn:v(Q=2s,4s)}`,
    fp: true,
    lift: (b, f) => {
      const n = b.v('Vn');
      b.setV(
        'Vd',
        b.lanes(32, f.Q ? 4 : 2, (i) => callFp(b, helper, b.lane(n, 32, i))),
      );
    },
  });
}

// --- lengthening and narrowing ---

const WIDE = 'v(sz=4s,2d)';

/** FCVTL and FCVTL2: the lower or upper half of Vn, each element in the next wider format. */
function lengthen(upper: number): Clause {
  return insn(upper ? 'FCVTL2' : 'FCVTL', `0 ${upper} 0 01110 0 sz 10000 10111 10 Vn:5 Vd:5`, {
    asm: `fcvtl${upper ? '2' : ''} {Vd:${WIDE}}, {Vn:${upper ? 'v(sz=8h,4s)' : 'v(sz=4h,2s)'}}`,
    fp: true,
    lift: (b, f) => {
      const n = b.v('Vn');
      const [from, to] = f.sz ? ([32, 64] as const) : ([16, 32] as const);
      const count = 128 / to;
      b.setV(
        'Vd',
        b.lanes(to, count, (i) => convert(b, from, to, b.lane(n, from, upper * count + i))),
      );
    },
  });
}

/** Writes narrowed elements to the lower half of Vd, zeroing the upper, or to the upper half, keeping the lower. */
function setNarrowed(b: Builder, upper: number, to: 16 | 32, element: (index: number) => Val): void {
  const count = 64 / to;
  const elements = Array.from({ length: count }, (_, i) => element(i));
  let v = upper ? b.v('Vd') : b.vconst(0n, 0n);
  elements.forEach((x, i) => {
    v = b.withLane(v, to, upper * count + i, x);
  });
  b.setV('Vd', v);
}

function narrow(upper: number): Clause {
  return insn(upper ? 'FCVTN2' : 'FCVTN', `0 ${upper} 0 01110 0 sz 10000 10110 10 Vn:5 Vd:5`, {
    asm: `fcvtn${upper ? '2' : ''} {Vd:${upper ? 'v(sz=8h,4s)' : 'v(sz=4h,2s)'}}, {Vn:${WIDE}}`,
    fp: true,
    lift: (b, f) => {
      const n = b.v('Vn');
      const [from, to] = f.sz ? ([64, 32] as const) : ([32, 16] as const);
      setNarrowed(b, upper, to, (i) => convert(b, from, to, b.lane(n, from, i)));
    },
  });
}

function narrowToOdd(upper: number): Clause {
  return insn(upper ? 'FCVTXN2' : 'FCVTXN', `0 ${upper} 1 01110 0 1 10000 10110 10 Vn:5 Vd:5`, {
    asm: `fcvtxn${upper ? '2' : ''} {Vd:${upper ? 'v(4s)' : 'v(2s)'}}, {Vn:v(2d)}`,
    fp: true,
    lift: (b) => {
      const n = b.v('Vn');
      setNarrowed(b, upper, 32, (i) => convertToOdd(b, b.lane(n, 64, i)));
    },
  });
}

const FCVTXN_SCALAR = insn('FCVTXN (scalar)', '01 1 11110 0 1 10000 10110 10 Vn:5 Vd:5', {
  asm: 'fcvtxn {Vd:s}, {Vn:d}',
  fp: true,
  lift: (b) => setScalar(b, 'Vd', 32, convertToOdd(b, b.lane(b.v('Vn'), 64, 0))),
});

// --- fixed point ---

type Fixed = (b: Builder, width: Width, x: Val, fbits: Val) => Val;

/** Both sizes, vector and scalar. immh:immb is twice the element width less fbits: its top bits give the size. */
function fixedPoint(mnemonic: string, u: number, opcode: string, op: Fixed): Clause[] {
  const rows = [
    { width: 32, head: '01 imm:5', q: 'Q', vd: 'v(Q=2s,4s)', letter: 's' },
    { width: 64, head: '1 imm:6', q: '1', vd: 'v(2d)', letter: 'd' },
  ] as const;
  return rows.flatMap(({ width, head, q, vd, letter }) => {
    const spec = {
      imm: { fbits: ['u8', (f: FieldValues) => width - f.imm!] },
      dynamic: ['imm'],
      fp: true,
    } as const;
    const lift = (b: Builder, count: number): void =>
      b.setV('Vd', perElement((c, w, x) => op(c, w, x!, c.imm('fbits')))(b, width, count, b.v('Vn')));
    const size = width === 64 ? 'double' : 'single';
    return [
      insn(named(mnemonic, 'vector', 'fixed-point', size), `0 ${q} ${u} 011110 ${head} ${opcode} 1 Vn:5 Vd:5`, {
        ...spec,
        asm: `${mnemonic} {Vd:${vd}}, {Vn:${vd}}, {imm:usub(${width})}`,
        lift: (b, f) => lift(b, width === 64 || !f.Q ? 2 : 4),
      }),
      insn(named(mnemonic, 'vector', 'scalar', 'fixed-point', size), `01 ${u} 111110 ${head} ${opcode} 1 Vn:5 Vd:5`, {
        ...spec,
        asm: `${mnemonic} {Vd:${letter}}, {Vn:${letter}}, {imm:usub(${width})}`,
        lift: (b) => lift(b, 1),
      }),
    ];
  });
}

function fixedTo(unsigned: boolean): Fixed {
  return (b, width, x, fbits) => toFixed(b, x, { from: width, to: width, unsigned, rounding: 'z', fbits });
}
function fixedFrom(unsigned: boolean): Fixed {
  return (b, width, x, fbits) => fromFixed(b, x, { from: width, to: width, unsigned, fbits });
}

const ZERO_TAIL = ', #0.0';

/** Clauses of this group. */
export const FP_TWO_REGISTER: readonly Clause[] = [
  narrow(0),
  narrow(1),
  lengthen(0),
  lengthen(1),
  narrowToOdd(0),
  narrowToOdd(1),
  FCVTXN_SCALAR,
  vector(['frintn', 0, 0, '11000'], perElement(roundToIntegral('n'))),
  vector(['frintm', 0, 0, '11001'], perElement(roundToIntegral('m'))),
  vector(['frintp', 0, 1, '11000'], perElement(roundToIntegral('p'))),
  vector(['frintz', 0, 1, '11001'], perElement(roundToIntegral('z'))),
  vector(['frinta', 1, 0, '11000'], perElement(roundToIntegral('a'))),
  vector(['frintx', 1, 0, '11001'], perElement(roundToIntegral('x'))),
  vector(['frinti', 1, 1, '11001'], perElement(roundToIntegral('i'))),
  ...both(['fcvtns', 0, 0, '11010'], toInteger(false, 'n')),
  ...both(['fcvtms', 0, 0, '11011'], toInteger(false, 'm')),
  ...both(['fcvtas', 0, 0, '11100'], toInteger(false, 'a')),
  ...both(['fcvtps', 0, 1, '11010'], toInteger(false, 'p')),
  ...both(['fcvtzs', 0, 1, '11011', 'integer'], toInteger(false, 'z')),
  ...both(['fcvtnu', 1, 0, '11010'], toInteger(true, 'n')),
  ...both(['fcvtmu', 1, 0, '11011'], toInteger(true, 'm')),
  ...both(['fcvtau', 1, 0, '11100'], toInteger(true, 'a')),
  ...both(['fcvtpu', 1, 1, '11010'], toInteger(true, 'p')),
  ...both(['fcvtzu', 1, 1, '11011', 'integer'], toInteger(true, 'z')),
  ...both(['scvtf', 0, 0, '11101', 'integer'], fromInteger(false)),
  ...both(['ucvtf', 1, 0, '11101', 'integer'], fromInteger(true)),
  ...both(['fcmgt', 0, 1, '01100', 'zero', ZERO_TAIL], withZero('FPCompareGT')),
  ...both(['fcmeq', 0, 1, '01101', 'zero', ZERO_TAIL], withZero('FPCompareEQ')),
  ...both(['fcmlt', 0, 1, '01110', 'zero', ZERO_TAIL], withZero('FPCompareGT', true)),
  ...both(['fcmge', 1, 1, '01100', 'zero', ZERO_TAIL], withZero('FPCompareGE')),
  ...both(['fcmle', 1, 1, '01101', 'zero', ZERO_TAIL], withZero('FPCompareGE', true)),
  vector(['fabs', 0, 1, '01111'], absoluteVector),
  vector(['fneg', 1, 1, '01111'], negateVector),
  vector(['fsqrt', 1, 1, '11111'], perElement(native('FPSqrt'))),
  estimate('urecpe', 0, 'UnsignedRecipEstimate'),
  estimate('ursqrte', 1, 'UnsignedRSqrtEstimate'),
  ...both(['frecpe', 0, 1, '11101'], perElement(exact('FPRecipEstimate'))),
  ...both(['frsqrte', 1, 1, '11101'], perElement(exact('FPRSqrtEstimate'))),
  single(['frecpx', 0, 1, '11111'], perElement(exact('FPRecpX'))),
  ...fixedPoint('scvtf', 0, '11100', fixedFrom(false)),
  ...fixedPoint('fcvtzs', 0, '11111', fixedTo(false)),
  ...fixedPoint('ucvtf', 1, '11100', fixedFrom(true)),
  ...fixedPoint('fcvtzu', 1, '11111', fixedTo(true)),
];
