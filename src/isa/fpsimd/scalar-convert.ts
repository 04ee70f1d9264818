/** Between floating point and general-purpose registers: DDI 0487, "Conversion between floating-point and integer". */
import { type Clause, insn } from '../clause.ts';
import { scalar, setScalar, widthOf } from './common.ts';
import { fromFixed, type RoundingLetter, toFixed } from './convert.ts';

const D = '{Vd:f(sz=s,d)}';
const N = '{Vn:f(sz=s,d)}';

/** rmode and the first opcode bit by rounding letter. */
const TO_INTEGER: Readonly<Record<RoundingLetter, string>> = {
  n: '00 00',
  p: '01 00',
  m: '10 00',
  z: '11 00',
  a: '00 10',
};

function toInteger(letter: RoundingLetter, unsigned: boolean): Clause {
  const mnemonic = `fcvt${letter}${unsigned ? 'u' : 's'}`;
  const pattern = `sf 00 11110 0 sz 1 ${TO_INTEGER[letter]} ${unsigned ? 1 : 0} 000000 Vn:5 Rd:5`;
  return insn(`${mnemonic.toUpperCase()} (scalar${letter === 'z' ? ', integer' : ''})`, pattern, {
    asm: `${mnemonic} {Rd:r}, ${N}`,
    fp: true,
    lift: (b, f) => {
      const [from, to] = [widthOf(f.sz), widthOf(f.sf)];
      b.setR('Rd', f.sf!, toFixed(b, scalar(b, 'Vn', from), { from, to, unsigned, rounding: letter }));
    },
  });
}

function fromInteger(mnemonic: string, unsigned: boolean): Clause {
  const pattern = `sf 00 11110 0 sz 1 00 01 ${unsigned ? 1 : 0} 000000 Rn:5 Vd:5`;
  return insn(`${mnemonic.toUpperCase()} (scalar, integer)`, pattern, {
    asm: `${mnemonic} ${D}, {Rn:r}`,
    fp: true,
    lift: (b, f) => {
      const [from, to] = [widthOf(f.sf), widthOf(f.sz)];
      setScalar(b, 'Vd', to, fromFixed(b, b.r('Rn', f.sf!), { from, to, unsigned }));
    },
  });
}

function toFixedPoint(mnemonic: string, unsigned: boolean): Clause {
  const pattern = `sf 00 11110 0 sz 0 11 00 ${unsigned ? 1 : 0} scale:6 Vn:5 Rd:5`;
  return insn(`${mnemonic.toUpperCase()} (scalar, fixed-point)`, pattern, {
    asm: `${mnemonic} {Rd:r}, ${N}, {scale:usub(64)}`,
    imm: { fbits: ['u8', (f) => 64 - f.scale!] },
    dynamic: ['scale'],
    unless: (f) => f.sf === 0 && f.scale! < 32,
    fp: true,
    lift: (b, f) => {
      const [from, to] = [widthOf(f.sz), widthOf(f.sf)];
      const how = { from, to, unsigned, rounding: 'z', fbits: b.imm('fbits') } as const;
      b.setR('Rd', f.sf!, toFixed(b, scalar(b, 'Vn', from), how));
    },
  });
}

function fromFixedPoint(mnemonic: string, unsigned: boolean): Clause {
  const pattern = `sf 00 11110 0 sz 0 00 01 ${unsigned ? 1 : 0} scale:6 Rn:5 Vd:5`;
  return insn(`${mnemonic.toUpperCase()} (scalar, fixed-point)`, pattern, {
    asm: `${mnemonic} ${D}, {Rn:r}, {scale:usub(64)}`,
    imm: { fbits: ['u8', (f) => 64 - f.scale!] },
    dynamic: ['scale'],
    unless: (f) => f.sf === 0 && f.scale! < 32,
    fp: true,
    lift: (b, f) => {
      const [from, to] = [widthOf(f.sf), widthOf(f.sz)];
      const value = fromFixed(b, b.r('Rn', f.sf!), { from, to, unsigned, fbits: b.imm('fbits') });
      setScalar(b, 'Vd', to, value);
    },
  });
}

const LETTERS: readonly RoundingLetter[] = ['n', 'p', 'm', 'z', 'a'];

/** Clauses of this group. */
export const FP_SCALAR_CONVERT: readonly Clause[] = [
  ...LETTERS.flatMap((letter) => [toInteger(letter, false), toInteger(letter, true)]),
  fromInteger('scvtf', false),
  fromInteger('ucvtf', true),
  toFixedPoint('fcvtzs', false),
  toFixedPoint('fcvtzu', true),
  fromFixedPoint('scvtf', false),
  fromFixedPoint('ucvtf', true),
  insn('FMOV (general, single to 32-bit)', '0 00 11110 00 1 00 110 000000 Vn:5 Rd:5', {
    asm: 'fmov {Rd:w}, {Vn:s}',
    fp: true,
    lift: (b) => b.setW('Rd', scalar(b, 'Vn', 32)),
  }),
  insn('FMOV (general, 32-bit to single)', '0 00 11110 00 1 00 111 000000 Rn:5 Vd:5', {
    asm: 'fmov {Vd:s}, {Rn:w}',
    fp: true,
    lift: (b) => setScalar(b, 'Vd', 32, b.w('Rn')),
  }),
  insn('FMOV (general, double to 64-bit)', '1 00 11110 01 1 00 110 000000 Vn:5 Rd:5', {
    asm: 'fmov {Rd:x}, {Vn:d}',
    fp: true,
    lift: (b) => b.setX('Rd', scalar(b, 'Vn', 64)),
  }),
  insn('FMOV (general, 64-bit to double)', '1 00 11110 01 1 00 111 000000 Rn:5 Vd:5', {
    asm: 'fmov {Vd:d}, {Rn:x}',
    fp: true,
    lift: (b) => setScalar(b, 'Vd', 64, b.x('Rn')),
  }),
  insn('FMOV (general, top half to 64-bit)', '1 00 11110 10 1 01 110 000000 Vn:5 Rd:5', {
    asm: 'fmov {Rd:x}, {Vn:v(d)}[1]',
    fp: true,
    lift: (b) => b.setX('Rd', b.lane(b.v('Vn'), 64, 1)),
  }),
  insn('FMOV (general, 64-bit to top half)', '1 00 11110 10 1 01 111 000000 Rn:5 Vd:5', {
    asm: 'fmov {Vd:v(d)}[1], {Rn:x}',
    fp: true,
    lift: (b) => b.setV('Vd', b.withLane(b.v('Vd'), 64, 1, b.x('Rn'))),
  }),
];
