/** Floating point on three vectors, on pairs and by element: DDI 0487, "Advanced SIMD three same" and neighbours. */
import type { Builder, Val } from '../../ir/builder.ts';
import { type Clause, insn } from '../clause.ts';
import type { FieldValues } from '../encoding.ts';
import {
  absolute,
  absoluteVector,
  callFp,
  compareVector,
  type ElementOp,
  exact,
  extremumVector,
  native,
  negate,
  perElement,
  type Shape,
  setScalar,
  type VectorOp,
  vectorShape,
  type Width,
  widthOf,
} from './common.ts';

const ARRANGEMENT = 'v(sz.Q=2s,4s,-,2d)';
const SIZED = 'f(sz=s,d)';

function isReserved(f: FieldValues): boolean {
  return f.sz === 1 && f.Q === 0;
}

/** One row of the encoding tables: mnemonic, U, a (the upper bit of size), opcode. */
type Row = readonly [mnemonic: string, u: number, a: number, opcode: string];

function vector([mnemonic, u, a, opcode]: Row, op: VectorOp): Clause {
  return insn(`${mnemonic.toUpperCase()} (vector)`, `0 Q ${u} 01110 ${a} sz 1 Vm:5 ${opcode} 1 Vn:5 Vd:5`, {
    asm: `${mnemonic} {Vd:${ARRANGEMENT}}, {Vn:${ARRANGEMENT}}, {Vm:${ARRANGEMENT}}`,
    unless: isReserved,
    fp: true,
    lift: (b, f) => {
      const { width, count } = vectorShape(f.Q, f.sz);
      b.setV('Vd', op(b, width, count, b.v('Vn'), b.v('Vm')));
    },
  });
}

/** The scalar form of the same row. */
function single([mnemonic, u, a, opcode]: Row, op: VectorOp): Clause {
  const name = `${mnemonic.toUpperCase()} (vector, scalar)`;
  return insn(name, `01 ${u} 11110 ${a} sz 1 Vm:5 ${opcode} 1 Vn:5 Vd:5`, {
    asm: `${mnemonic} {Vd:${SIZED}}, {Vn:${SIZED}}, {Vm:${SIZED}}`,
    fp: true,
    lift: (b, f) => b.setV('Vd', op(b, widthOf(f.sz), 1, b.v('Vn'), b.v('Vm'))),
  });
}

function both(row: Row, op: VectorOp): Clause[] {
  return [vector(row, op), single(row, op)];
}

/** FPMulAdd() of accumulator, n and m, with n negated for FMLS. */
function accumulate(b: Builder, { width, count }: Shape, minus: boolean, m: (index: number) => Val): Val {
  const [d, n] = [b.v('Vd'), b.v('Vn')];
  return b.lanes(width, count, (i) => {
    const factor = b.lane(n, width, i);
    return callFp(b, `FPMulAdd${width}`, b.lane(d, width, i), minus ? negate(b, width, factor) : factor, m(i));
  });
}

function multiplyAccumulate(mnemonic: string, a: number): Clause {
  return insn(`${mnemonic.toUpperCase()} (vector)`, `0 Q 0 01110 ${a} sz 1 Vm:5 11001 1 Vn:5 Vd:5`, {
    asm: `${mnemonic} {Vd:${ARRANGEMENT}}, {Vn:${ARRANGEMENT}}, {Vm:${ARRANGEMENT}}`,
    unless: isReserved,
    fp: true,
    lift: (b, f) => {
      const shape = vectorShape(f.Q, f.sz);
      const m = b.v('Vm');
      b.setV(
        'Vd',
        accumulate(b, shape, a === 1, (i) => b.lane(m, shape.width, i)),
      );
    },
  });
}

// --- pairs ---

/** Byte numbers of every second element of Vn then Vm, from element `first`. */
function everySecond({ width, count }: Shape, first: number): number[] {
  const bytes = width / 8;
  return Array.from({ length: 16 }, (_, byte) => {
    const element = 2 * Math.floor(byte / bytes) + first;
    const wrapped = element % (2 * count);
    const start = wrapped < count ? wrapped * bytes : 16 + (wrapped - count) * bytes;
    return start + (byte % bytes);
  });
}

function pairwise([mnemonic, u, a, opcode]: Row, op: VectorOp): Clause {
  return insn(`${mnemonic.toUpperCase()} (vector)`, `0 Q ${u} 01110 ${a} sz 1 Vm:5 ${opcode} 1 Vn:5 Vd:5`, {
    asm: `${mnemonic} {Vd:${ARRANGEMENT}}, {Vn:${ARRANGEMENT}}, {Vm:${ARRANGEMENT}}`,
    unless: isReserved,
    fp: true,
    lift: (b, f) => {
      const shape = vectorShape(f.Q, f.sz);
      const [n, m] = [b.v('Vn'), b.v('Vm')];
      const [even, odd] = [b.shuffle(n, m, everySecond(shape, 0)), b.shuffle(n, m, everySecond(shape, 1))];
      b.setV('Vd', op(b, shape.width, shape.count, even, odd));
    },
  });
}

function pairwiseScalar([mnemonic, u, a, opcode]: Row, op: ElementOp): Clause {
  return insn(`${mnemonic.toUpperCase()} (scalar)`, `01 ${u} 11110 ${a} sz 11000 ${opcode} 10 Vn:5 Vd:5`, {
    asm: `${mnemonic} {Vd:${SIZED}}, {Vn:v(sz=2s,2d)}`,
    fp: true,
    lift: (b, f) => {
      const width = widthOf(f.sz);
      const n = b.v('Vn');
      setScalar(b, 'Vd', width, op(b, width, b.lane(n, width, 0), b.lane(n, width, 1)));
    },
  });
}

/** FMAXV and its like reduce both halves first. DDI 0487, Reduce(). Only the form on four singles exists. */
function across(mnemonic: string, a: number, opcode: string, op: ElementOp): Clause {
  return insn(mnemonic.toUpperCase(), `0 1 1 01110 ${a} 0 11000 ${opcode} 10 Vn:5 Vd:5`, {
    asm: `${mnemonic} {Vd:s}, {Vn:v(4s)}`,
    fp: true,
    lift: (b) => {
      const n = b.v('Vn');
      const low = op(b, 32, b.lane(n, 32, 0), b.lane(n, 32, 1));
      const high = op(b, 32, b.lane(n, 32, 2), b.lane(n, 32, 3));
      setScalar(b, 'Vd', 32, op(b, 32, low, high));
    },
  });
}

// --- by element ---

/** The element of Vm that H and L select; L is zero in valid doubles. */
function element(b: Builder, f: FieldValues, width: Width): Val {
  return b.lane(b.v('Vm'), width, width === 64 ? f.H! : 2 * f.H! + f.L!);
}

interface ByElement {
  readonly mnemonic: string;
  readonly u: number;
  readonly opcode: string;
  readonly lift: (b: Builder, shape: Shape, m: Val) => Val;
}

function byElement({ mnemonic, u, opcode, lift }: ByElement): Clause[] {
  const name = `${mnemonic.toUpperCase()} (by element`;
  const clauses: Clause[] = [];
  // Singles are indexed by H:L, doubles by H alone.
  for (const [sz, suffix, L, text] of [
    [0, 'single', 'L', '{Vm:e(s)[H.L]}'],
    [1, 'double', '0', '{Vm:e(d)[H]}'],
  ] as const) {
    const width = widthOf(sz);
    const letter = sz ? 'd' : 's';
    const q = sz ? '1' : 'Q';
    const arrangement = sz ? 'v(2d)' : 'v(Q=2s,4s)';
    clauses.push(
      insn(`${name}, ${suffix})`, `0 ${q} ${u} 01111 1 ${sz} ${L} Vm:5 ${opcode} H 0 Vn:5 Vd:5`, {
        asm: `${mnemonic} {Vd:${arrangement}}, {Vn:${arrangement}}, ${text}`,
        fp: true,
        lift: (b, f) => b.setV('Vd', lift(b, vectorShape(sz || f.Q, sz), element(b, f, width))),
      }),
      insn(`${name}, scalar, ${suffix})`, `01 ${u} 11111 1 ${sz} ${L} Vm:5 ${opcode} H 0 Vn:5 Vd:5`, {
        asm: `${mnemonic} {Vd:${letter}}, {Vn:${letter}}, ${text}`,
        fp: true,
        lift: (b, f) => b.setV('Vd', lift(b, { width, count: 1 }, element(b, f, width))),
      }),
    );
  }
  return clauses;
}

function timesElement(op: ElementOp): ByElement['lift'] {
  return (b, { width, count }, m) => {
    const n = b.v('Vn');
    return b.lanes(width, count, (i) => op(b, width, b.lane(n, width, i), m));
  };
}

const difference: ElementOp = (b, width, x, y) => absolute(b, width, b.fp('FPSub', width, x!, y!));

function absoluteCompare(name: 'FPCompareGE' | 'FPCompareGT'): VectorOp {
  const compare = compareVector(name);
  return (b, width, count, x, y) =>
    compare(b, width, count, absoluteVector(b, width, count, x!), absoluteVector(b, width, count, y!));
}

/** Clauses of this group. */
export const FP_THREE_SAME: readonly Clause[] = [
  vector(['fmaxnm', 0, 0, '11000'], extremumVector('FPMaxNum')),
  multiplyAccumulate('fmla', 0),
  vector(['fadd', 0, 0, '11010'], perElement(native('FPAdd'))),
  ...both(['fmulx', 0, 0, '11011'], perElement(exact('FPMulX'))),
  ...both(['fcmeq', 0, 0, '11100'], compareVector('FPCompareEQ')),
  vector(['fmax', 0, 0, '11110'], extremumVector('FPMax')),
  ...both(['frecps', 0, 0, '11111'], perElement(exact('FPRecipStepFused'))),
  vector(['fminnm', 0, 1, '11000'], extremumVector('FPMinNum')),
  multiplyAccumulate('fmls', 1),
  vector(['fsub', 0, 1, '11010'], perElement(native('FPSub'))),
  vector(['fmin', 0, 1, '11110'], extremumVector('FPMin')),
  ...both(['frsqrts', 0, 1, '11111'], perElement(exact('FPRSqrtStepFused'))),
  pairwise(['fmaxnmp', 1, 0, '11000'], extremumVector('FPMaxNum')),
  pairwise(['faddp', 1, 0, '11010'], perElement(native('FPAdd'))),
  vector(['fmul', 1, 0, '11011'], perElement(native('FPMul'))),
  ...both(['fcmge', 1, 0, '11100'], compareVector('FPCompareGE')),
  ...both(['facge', 1, 0, '11101'], absoluteCompare('FPCompareGE')),
  pairwise(['fmaxp', 1, 0, '11110'], extremumVector('FPMax')),
  vector(['fdiv', 1, 0, '11111'], perElement(native('FPDiv'))),
  pairwise(['fminnmp', 1, 1, '11000'], extremumVector('FPMinNum')),
  ...both(['fabd', 1, 1, '11010'], perElement(difference)),
  ...both(['fcmgt', 1, 1, '11100'], compareVector('FPCompareGT')),
  ...both(['facgt', 1, 1, '11101'], absoluteCompare('FPCompareGT')),
  pairwise(['fminp', 1, 1, '11110'], extremumVector('FPMin')),
  pairwiseScalar(['fmaxnmp', 1, 0, '01100'], exact('FPMaxNum')),
  pairwiseScalar(['faddp', 1, 0, '01101'], native('FPAdd')),
  pairwiseScalar(['fmaxp', 1, 0, '01111'], exact('FPMax')),
  pairwiseScalar(['fminnmp', 1, 1, '01100'], exact('FPMinNum')),
  pairwiseScalar(['fminp', 1, 1, '01111'], exact('FPMin')),
  across('fmaxnmv', 0, '01100', exact('FPMaxNum')),
  across('fmaxv', 0, '01111', exact('FPMax')),
  across('fminnmv', 1, '01100', exact('FPMinNum')),
  across('fminv', 1, '01111', exact('FPMin')),
  ...byElement({
    mnemonic: 'fmla',
    u: 0,
    opcode: '0001',
    lift: (b, shape, m) => accumulate(b, shape, false, () => m),
  }),
  ...byElement({
    mnemonic: 'fmls',
    u: 0,
    opcode: '0101',
    lift: (b, shape, m) => accumulate(b, shape, true, () => m),
  }),
  ...byElement({ mnemonic: 'fmul', u: 0, opcode: '1001', lift: timesElement(native('FPMul')) }),
  ...byElement({ mnemonic: 'fmulx', u: 1, opcode: '1001', lift: timesElement(exact('FPMulX')) }),
];
