/**
 * Scalar floating point: DDI 0487, "Data Processing -- Scalar Floating-Point and Advanced SIMD". FEAT_FP16 is absent.
 */
import { PE_STATE } from '../../arch/pestate.ts';
import type { Builder, Val } from '../../ir/builder.ts';
import { type Clause, insn } from '../clause.ts';
import {
  absolute,
  bits,
  callFp,
  compareFlags,
  type ElementOp,
  extremumVector,
  native,
  negate,
  scalar,
  setScalar,
  type VectorOp,
  type Width,
  widthOf,
} from './common.ts';
import { convert, roundToIntegral } from './convert.ts';

const D = '{Vd:f(sz=s,d)}';
const N = '{Vn:f(sz=s,d)}';
const M = '{Vm:f(sz=s,d)}';
const A = '{Va:f(sz=s,d)}';

function oneSource(name: string, mnemonic: string, opcode: string, op: ElementOp): Clause {
  return insn(name, `000 11110 0 sz 1 ${opcode} 10000 Vn:5 Vd:5`, {
    asm: `${mnemonic} ${D}, ${N}`,
    fp: true,
    lift: (b, f) => {
      const width = widthOf(f.sz);
      setScalar(b, 'Vd', width, op(b, width, scalar(b, 'Vn', width)));
    },
  });
}

const FTYPE = { 16: '11', 32: '00', 64: '01' } as const;
const LETTER = { 16: 'h', 32: 's', 64: 'd' } as const;
const PRECISION = { 16: 'half', 32: 'single', 64: 'double' } as const;

function precision(from: 16 | Width, to: 16 | Width): Clause {
  const name = `FCVT (${PRECISION[from]} to ${PRECISION[to]})`;
  return insn(name, `000 11110 ${FTYPE[from]} 1 0001 ${FTYPE[to]} 10000 Vn:5 Vd:5`, {
    asm: `fcvt {Vd:${LETTER[to]}}, {Vn:${LETTER[from]}}`,
    fp: true,
    lift: (b) => setScalar(b, 'Vd', to, convert(b, from, to, b.lane(b.v('Vn'), from, 0))),
  });
}

const TWO_SOURCE = '000 11110 0 sz 1 Vm:5';

function twoSource(name: string, mnemonic: string, opcode: string, op: ElementOp): Clause {
  return insn(name, `${TWO_SOURCE} ${opcode} 10 Vn:5 Vd:5`, {
    asm: `${mnemonic} ${D}, ${N}, ${M}`,
    fp: true,
    lift: (b, f) => {
      const width = widthOf(f.sz);
      setScalar(b, 'Vd', width, op(b, width, scalar(b, 'Vn', width), scalar(b, 'Vm', width)));
    },
  });
}

function extremum(name: string, mnemonic: string, opcode: string, op: VectorOp): Clause {
  return insn(name, `${TWO_SOURCE} ${opcode} 10 Vn:5 Vd:5`, {
    asm: `${mnemonic} ${D}, ${N}, ${M}`,
    fp: true,
    lift: (b, f) => b.setV('Vd', op(b, widthOf(f.sz), 1, b.v('Vn'), b.v('Vm'))),
  });
}

/** FMADD and its like: the signs of product and addend are changed before the one rounding. */
function fused(name: string, mnemonic: string, o1: number, o0: number): Clause {
  return insn(name, `000 11111 0 sz ${o1} Vm:5 ${o0} Va:5 Vn:5 Vd:5`, {
    asm: `${mnemonic} ${D}, ${N}, ${M}, ${A}`,
    fp: true,
    lift: (b, f) => {
      const width = widthOf(f.sz);
      const [n, m, a] = [scalar(b, 'Vn', width), scalar(b, 'Vm', width), scalar(b, 'Va', width)];
      const addend = o1 ? negate(b, width, a) : a;
      const factor = o1 !== o0 ? negate(b, width, n) : n;
      setScalar(b, 'Vd', width, callFp(b, `FPMulAdd${width}`, addend, factor, m));
    },
  });
}

function compare(mnemonic: string, signalNaNs: boolean): Clause[] {
  const e = signalNaNs ? 1 : 0;
  const flags = (b: Builder, width: Width, y: Val): void =>
    b.set(PE_STATE.NZCV, compareFlags(b, width, scalar(b, 'Vn', width), y, signalNaNs));
  const name = mnemonic.toUpperCase();
  return [
    insn(name, `000 11110 0 sz 1 Vm:5 00 1000 Vn:5 ${e}0000`, {
      asm: `${mnemonic} ${N}, ${M}`,
      fp: true,
      lift: (b, f) => flags(b, widthOf(f.sz), scalar(b, 'Vm', widthOf(f.sz))),
    }),
    // The field of the absent second register should be zero; it is ignored (CONSTRAINED UNPREDICTABLE).
    insn(`${name} (zero)`, `000 11110 0 sz 1 xxxxx 00 1000 Vn:5 ${e}1000`, {
      asm: `${mnemonic} ${N}, #0.0`,
      fp: true,
      lift: (b, f) => flags(b, widthOf(f.sz), bits(b, widthOf(f.sz), 0n)),
    }),
  ];
}

function conditionalCompare(mnemonic: string, signalNaNs: boolean): Clause {
  const e = signalNaNs ? 1 : 0;
  return insn(mnemonic.toUpperCase(), `000 11110 0 sz 1 Vm:5 cond:4 01 Vn:5 ${e} nzcv:4`, {
    asm: `${mnemonic} ${N}, ${M}, {nzcv:x}, {cond:cond}`,
    imm: { nzcv: ['s32', (f) => f.nzcv! << 28] },
    dynamic: ['nzcv'],
    fp: true,
    lift: (b, f) => {
      const width = widthOf(f.sz);
      const result = b.choose(
        b.condHolds(b.get(PE_STATE.NZCV), f.cond!),
        () => compareFlags(b, width, scalar(b, 'Vn', width), scalar(b, 'Vm', width), signalNaNs),
        () => b.trunc(b.imm('nzcv')),
      );
      b.set(PE_STATE.NZCV, result);
    },
  });
}

const FCSEL = insn('FCSEL', '000 11110 0 sz 1 Vm:5 cond:4 11 Vn:5 Vd:5', {
  asm: `fcsel ${D}, ${N}, ${M}, {cond:cond}`,
  fp: true,
  lift: (b, f) => {
    const width = widthOf(f.sz);
    const holds = b.condHolds(b.get(PE_STATE.NZCV), f.cond!);
    setScalar(b, 'Vd', width, b.select(holds, scalar(b, 'Vn', width), scalar(b, 'Vm', width)));
  },
});

/**
 * The constant of FMOV (immediate) as raw bits. DDI 0487, VFPExpandImm().
 * @param imm8 - 0 to 255: sign, three exponent bits of which the first is inverted and repeated, four fraction bits
 */
export function expandFpImm(imm8: number, width: Width): bigint {
  const [exponentBits, fractionBits] = width === 64 ? [11, 52] : [8, 23];
  const top = (imm8 >> 6) & 1;
  const repeated = top ? 2 ** (exponentBits - 3) - 1 : 0;
  const exponent = ((top ? 0 : 1) << (exponentBits - 1)) | (repeated << 2) | ((imm8 >> 4) & 3);
  const magnitude = (BigInt(exponent) << BigInt(fractionBits)) | (BigInt(imm8 & 15) << BigInt(fractionBits - 4));
  return (BigInt(imm8 >> 7) << BigInt(width - 1)) | magnitude;
}

const FMOV_IMMEDIATE = insn('FMOV (scalar, immediate)', '000 11110 0 sz 1 imm8:8 100 00000 Vd:5', {
  asm: `fmov ${D}, {imm8:f8}`,
  imm: { value: ['i64', (f) => expandFpImm(f.imm8!, widthOf(f.sz))] },
  dynamic: ['imm8'],
  fp: true,
  lift: (b, f) => {
    const value = b.imm('value');
    setScalar(b, 'Vd', widthOf(f.sz), f.sz ? value : b.trunc(value));
  },
});

/** Clauses of this group. */
export const FP_SCALAR: readonly Clause[] = [
  oneSource('FMOV (register)', 'fmov', '000000', (_b, _width, x) => x!),
  oneSource('FABS (scalar)', 'fabs', '000001', absolute),
  oneSource('FNEG (scalar)', 'fneg', '000010', negate),
  oneSource('FSQRT (scalar)', 'fsqrt', '000011', native('FPSqrt')),
  precision(32, 64),
  precision(32, 16),
  precision(64, 32),
  precision(64, 16),
  precision(16, 32),
  precision(16, 64),
  oneSource('FRINTN (scalar)', 'frintn', '001000', roundToIntegral('n')),
  oneSource('FRINTP (scalar)', 'frintp', '001001', roundToIntegral('p')),
  oneSource('FRINTM (scalar)', 'frintm', '001010', roundToIntegral('m')),
  oneSource('FRINTZ (scalar)', 'frintz', '001011', roundToIntegral('z')),
  oneSource('FRINTA (scalar)', 'frinta', '001100', roundToIntegral('a')),
  oneSource('FRINTX (scalar)', 'frintx', '001110', roundToIntegral('x')),
  oneSource('FRINTI (scalar)', 'frinti', '001111', roundToIntegral('i')),
  twoSource('FMUL (scalar)', 'fmul', '0000', native('FPMul')),
  twoSource('FDIV (scalar)', 'fdiv', '0001', native('FPDiv')),
  twoSource('FADD (scalar)', 'fadd', '0010', native('FPAdd')),
  twoSource('FSUB (scalar)', 'fsub', '0011', native('FPSub')),
  extremum('FMAX (scalar)', 'fmax', '0100', extremumVector('FPMax')),
  extremum('FMIN (scalar)', 'fmin', '0101', extremumVector('FPMin')),
  extremum('FMAXNM (scalar)', 'fmaxnm', '0110', extremumVector('FPMaxNum')),
  extremum('FMINNM (scalar)', 'fminnm', '0111', extremumVector('FPMinNum')),
  twoSource('FNMUL (scalar)', 'fnmul', '1000', (b, width, x, y) => negate(b, width, b.fp('FPMul', width, x!, y!))),
  fused('FMADD', 'fmadd', 0, 0),
  fused('FMSUB', 'fmsub', 0, 1),
  fused('FNMADD', 'fnmadd', 1, 0),
  fused('FNMSUB', 'fnmsub', 1, 1),
  ...compare('fcmp', false),
  ...compare('fcmpe', true),
  conditionalCompare('fccmp', false),
  conditionalCompare('fccmpe', true),
  FCSEL,
  FMOV_IMMEDIATE,
];
