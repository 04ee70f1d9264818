/**
 * Moving elements: DDI 0487, "Advanced SIMD copy", "... scalar copy", "... permute", "... extract",
 * "... table lookup".
 */
import type { Builder, Val } from '../../ir/builder.ts';
import { type Clause, insn } from '../clause.ts';
import { arrangement, arrangementByQ, elementBits, letterBits, sizeReserved } from './forms.ts';
import { allLanes, keepLow, pickLanes, Vec } from './vector.ts';

/** `imm5` by element size: the index as a field, then the lowest one. */
const INDEXED: Readonly<Record<string, string>> = { b: 'ix:4 1', h: 'ix:3 10', s: 'ix:2 100', d: 'ix 1000' };
/** The same where the index is ignored. */
const UNINDEXED: Readonly<Record<string, string>> = { b: 'xxxx1', h: 'xxx10', s: 'xx100', d: 'x1000' };
/** `imm4` of INS (element): the second index, then ignored bits. */
const SECOND_INDEX: Readonly<Record<string, string>> = { b: 'iy:4', h: 'iy:3 x', s: 'iy:2 xx', d: 'iy xxx' };

const width = (q: number): number => (q ? 128 : 64);

/** General register of an element: X for 64 bits, else W. */
function general(b: Builder, letter: string, field: string): Val {
  return letter === 'd' ? b.x(field) : b.w(field);
}

function copies(letter: string): Clause[] {
  const size = letter.toUpperCase();
  const bits = letterBits(letter);
  const kind = letter === 'd' ? 'x' : 'w';
  const ofOneDoubleword = (q: number): boolean => letter === 'd' && q === 0;
  return [
    insn(`DUP (element, ${size})`, `0 Q 0 01110000 ${INDEXED[letter]} 0 0000 1 Vn:5 Vd:5`, {
      asm: `dup {Vd:${arrangementByQ(letter)}}, {Vn:e(${letter})[ix]}`,
      fp: true,
      unless: (f) => ofOneDoubleword(f.Q!),
      lift: (b, f) => {
        const n = b.v('Vn');
        b.setV(
          'Vd',
          keepLow(
            b,
            width(f.Q!),
            pickLanes(b, bits, n, n, () => f.ix!),
          ),
        );
      },
    }),
    insn(`DUP (element, ${size}), scalar`, `01 0 11110000 ${INDEXED[letter]} 0 0000 1 Vn:5 Vd:5`, {
      asm: `dup {Vd:${letter}}, {Vn:e(${letter})[ix]}`,
      fp: true,
      lift: (b, f) => {
        const zero = b.vconst(0n, 0n);
        b.setV(
          'Vd',
          pickLanes(b, bits, b.v('Vn'), zero, (i) => (i === 0 ? f.ix! : 128 / bits)),
        );
      },
    }),
    insn(`DUP (general, ${size})`, `0 Q 0 01110000 ${UNINDEXED[letter]} 0 0001 1 Rn:5 Vd:5`, {
      asm: `dup {Vd:${arrangementByQ(letter)}}, {Rn:${kind}}`,
      fp: true,
      unless: (f) => ofOneDoubleword(f.Q!),
      lift: (b, f) => b.setV('Vd', keepLow(b, width(f.Q!), b.splat(bits, general(b, letter, 'Rn')))),
    }),
    insn(`INS (general, ${size})`, `0 1 0 01110000 ${INDEXED[letter]} 0 0011 1 Rn:5 Vd:5`, {
      asm: `ins {Vd:e(${letter})[ix]}, {Rn:${kind}}`,
      fp: true,
      lift: (b, f) => b.setV('Vd', b.withLane(b.v('Vd'), bits, f.ix!, general(b, letter, 'Rn'))),
    }),
    insn(`INS (element, ${size})`, `0 1 1 01110000 ${INDEXED[letter]} 0 ${SECOND_INDEX[letter]} 1 Vn:5 Vd:5`, {
      asm: `ins {Vd:e(${letter})[ix]}, {Vn:e(${letter})[iy]}`,
      fp: true,
      lift: (b, f) => {
        const lanes = 128 / bits;
        b.setV(
          'Vd',
          pickLanes(b, bits, b.v('Vd'), b.v('Vn'), (i) => (i === f.ix ? lanes + f.iy! : i)),
        );
      },
    }),
    ...toGeneral(letter),
  ];
}

/** SMOV and UMOV of one element size. */
function toGeneral(letter: string): Clause[] {
  const size = letter.toUpperCase();
  const bits = letterBits(letter);
  const unsigned = insn(
    `UMOV (${size})`,
    `0 ${letter === 'd' ? 1 : 0} 0 01110000 ${INDEXED[letter]} 0 0111 1 Vn:5 Rd:5`,
    {
      asm: `umov {Rd:${letter === 'd' ? 'x' : 'w'}}, {Vn:e(${letter})[ix]}`,
      fp: true,
      lift: (b, f) => b.setR('Rd', letter === 'd' ? 1 : 0, b.lane(b.v('Vn'), bits, f.ix!)),
    },
  );
  if (letter === 'd') return [unsigned];
  const signed = insn(`SMOV (${size})`, `0 Q 0 01110000 ${INDEXED[letter]} 0 0101 1 Vn:5 Rd:5`, {
    asm: `smov {Rd:r(Q)}, {Vn:e(${letter})[ix]}`,
    fp: true,
    unless: (f) => letter === 's' && f.Q === 0,
    lift: (b, f) => {
      const lane = b.exts(b.lane(b.v('Vn'), bits, f.ix!), bits as 8 | 16 | 32);
      if (f.Q) b.setX('Rd', b.sext(lane));
      else b.setW('Rd', lane);
    },
  });
  return [unsigned, signed];
}

/** ZIP, UZP, TRN: lane `i` of a result of `n` lanes comes from this lane of Vn, or, from `n` on, of Vm. */
type Source = (i: number, n: number) => number;
const PERMUTES: readonly (readonly [mnemonic: string, opcode: string, source: Source])[] = [
  ['uzp1', '001', (i) => 2 * i],
  ['uzp2', '101', (i) => 2 * i + 1],
  ['trn1', '010', (i, n) => (i & ~1) + (i & 1) * n],
  ['trn2', '110', (i, n) => (i | 1) + (i & 1) * n],
  ['zip1', '011', (i, n) => (i >> 1) + (i & 1) * n],
  ['zip2', '111', (i, n) => (i >> 1) + n / 2 + (i & 1) * n],
];
/** Operands of 64 bits: a lane of the second one lies beyond the whole first register. */
function twoSources(v: Vec, from: (i: number) => number): (i: number) => number {
  return (i) => {
    const lane = from(i % v.count);
    return lane < v.count ? lane : 128 / v.esize + lane - v.count;
  };
}

function permute([mnemonic, opcode, source]: (typeof PERMUTES)[number]): Clause {
  const kind = arrangement('bhsd');
  return insn(mnemonic.toUpperCase(), `0 Q 001110 size:2 0 Vm:5 0 ${opcode} 10 Vn:5 Vd:5`, {
    asm: `${mnemonic} {Vd:${kind}}, {Vn:${kind}}, {Vm:${kind}}`,
    fp: true,
    unless: (f) => sizeReserved('bhsd', f),
    lift: (b, f) => {
      const v = new Vec(b, elementBits(f.size!), width(f.Q!));
      v.write(
        v.pick(
          b.v('Vn'),
          b.v('Vm'),
          twoSources(v, (i) => source(i, v.count)),
        ),
      );
    },
  });
}

const EXT = insn('EXT', '0 Q 101110 00 0 Vm:5 0 imm4:4 0 Vn:5 Vd:5', {
  asm: 'ext {Vd:v(Q=8b,16b)}, {Vn:v(Q=8b,16b)}, {Vm:v(Q=8b,16b)}, {imm4:u}',
  fp: true,
  unless: (f) => f.Q === 0 && f.imm4! > 7,
  lift: (b, f) => {
    const v = new Vec(b, 8, width(f.Q!));
    v.write(
      v.pick(
        b.v('Vn'),
        b.v('Vm'),
        twoSources(v, (i) => i + f.imm4!),
      ),
    );
  },
});

/** TBL and TBX with a table of `len` + 1 registers; a byte beyond the table reads as zero (TBL) or is kept (TBX). */
function tableLookup(mnemonic: string, extend: 0 | 1, registers: number): Clause {
  const names = `${mnemonic.toUpperCase()} (${registers} register${registers > 1 ? 's' : ''})`;
  const len = (registers - 1).toString(2).padStart(2, '0');
  return insn(names, `0 Q 001110 00 0 Vm:5 0 ${len} ${extend} 00 Vn:5 Vd:5`, {
    asm: `${mnemonic} {Vd:v(Q=8b,16b)}, {Vn:list(${registers},16b)}, {Vm:v(Q=8b,16b)}`,
    fp: true,
    lift: (b, f) => {
      const indices = b.v('Vm');
      let found: Val | undefined;
      for (let r = 0; r < registers; r++) {
        const relative = r ? b.vop('vsub', 8, indices, allLanes(b, 8, 16 * r)) : indices;
        const part = b.vop('vswizzle', 8, b.v('Vn', r), relative);
        found = found ? b.vop('vor', 8, found, part) : part;
      }
      if (extend) found = b.vselect(b.vop('vgeu', 8, indices, allLanes(b, 8, 16 * registers)), b.v('Vd'), found!);
      b.setV('Vd', keepLow(b, width(f.Q!), found!));
    },
  });
}

/** Clauses of this group. */
export const SIMD_PERMUTE: readonly Clause[] = [
  ...[...'bhsd'].flatMap(copies),
  ...PERMUTES.map(permute),
  EXT,
  ...[1, 2, 3, 4].flatMap((n) => [tableLookup('tbl', 0, n), tableLookup('tbx', 1, n)]),
];
