/** Data processing (immediate): DDI 0487, "Data Processing -- Immediate". */
import { PE_STATE } from '../../arch/pestate.ts';
import type { Builder, Val } from '../../ir/builder.ts';
import { type Clause, insn } from '../clause.ts';
import type { FieldValues } from '../encoding.ts';
import { decodeBitMask } from './bitmask.ts';

/** Low 32 bits of a 64-bit immediate when the instruction is a 32-bit one. */
function sized(b: Builder, sf: number, value: Val): Val {
  return sf ? value : b.trunc(value);
}

function addSub(name: string, mnemonic: string, op: number, s: number): Clause {
  return insn(name, `sf ${op} ${s} 100010 sh imm12:12 Rn:5 Rd:5`, {
    asm: `${mnemonic} {Rd:${s ? 'r' : 'rsp'}}, {Rn:rsp}, {imm12:u}{?, lsl {sh:u*12}}`,
    imm: { imm: ['i64', (f) => f.imm12! << (f.sh ? 12 : 0)] },
    dynamic: ['sh', 'imm12'],
    lift: (b, f) => {
      const x = b.rsp('Rn', f.sf!);
      const y = sized(b, f.sf!, b.imm('imm'));
      const result = op ? b.sub(x, y) : b.add(x, y);
      if (!s) return b.setRsp('Rd', f.sf!, result);
      b.set(PE_STATE.NZCV, op ? b.addsNzcv(x, b.not(y), b.i32(1)) : b.addsNzcv(x, y, b.i32(0)));
      b.setR('Rd', f.sf!, result);
    },
  });
}

function logical(
  name: string,
  mnemonic: string,
  opc: string,
  flags: boolean,
  f: (b: Builder, x: Val, y: Val) => Val,
): Clause {
  const value = (v: FieldValues): bigint | undefined => decodeBitMask(v.N!, v.immr!, v.imms!, v.sf ? 64 : 32);
  return insn(name, `sf ${opc} 100100 N immr:6 imms:6 Rn:5 Rd:5`, {
    asm: `${mnemonic} {Rd:${flags ? 'r' : 'rsp'}}, {Rn:r}, {N.immr.imms:bitmask}`,
    imm: { imm: ['i64', (v) => value(v)!] },
    dynamic: ['N', 'immr', 'imms'],
    unless: (v) => value(v) === undefined,
    lift: (b, v) => {
      const result = f(b, b.r('Rn', v.sf!), sized(b, v.sf!, b.imm('imm')));
      if (flags) b.set(PE_STATE.NZCV, b.logicNzcv(result));
      if (flags) b.setR('Rd', v.sf!, result);
      else b.setRsp('Rd', v.sf!, result);
    },
  });
}

/** MOVZ, MOVN, MOVK share the encoding but for opc. */
function moveWide(name: string, mnemonic: string, opc: string, lift: (b: Builder, f: FieldValues) => Val): Clause {
  return insn(name, `sf ${opc} 100101 hw:2 imm16:16 Rd:5`, {
    asm: `${mnemonic} {Rd:r}, {imm16:u}{?, lsl {hw:u*16}}`,
    imm: { imm: ['i64', (f) => BigInt(f.imm16!) << BigInt(16 * f.hw!)] },
    dynamic: ['imm16'],
    unless: (f) => f.sf === 0 && f.hw! > 1,
    lift: (b, f) => b.setX('Rd', lift(b, f)),
  });
}

/** What SBFM, BFM and UBFM have in common: the source rotated right by R, and the two masks of DecodeBitMasks. */
function bitfield(
  name: string,
  mnemonic: string,
  opc: string,
  finish: (b: Builder, f: FieldValues, field: BitfieldParts) => Val,
): Clause {
  return insn(name, `sf ${opc} 100110 N immr:6 imms:6 Rn:5 Rd:5`, {
    asm: `${mnemonic} {Rd:r}, {Rn:r}, {immr:u}, {imms:u}`,
    imm: { R: ['u8', (f) => f.immr!], S: ['u8', (f) => f.imms!] },
    dynamic: ['immr', 'imms'],
    unless: (f) => f.N !== f.sf || (f.sf === 0 && (f.immr! > 31 || f.imms! > 31)),
    lift: (b, f) => b.setR('Rd', f.sf!, finish(b, f, bitfieldParts(b, f))),
  });
}
interface BitfieldParts {
  /** The source rotated right by R. */
  readonly rotated: Val;
  /** Ones in bits S-R..0 modulo the width: the bits of the result that come from the field or its sign. */
  readonly topMask: Val;
  /** Ones in the bits of the result that come from the source. */
  readonly bottomMask: Val;
}
function bitfieldParts(b: Builder, f: FieldValues): BitfieldParts {
  const ty = f.sf ? 'i64' : 'i32';
  const width = f.sf ? 64 : 32;
  const [r, s] = [b.imm('R'), b.imm('S')];
  const ones = (count: Val): Val => {
    // count is 1 to width: all ones shifted right by width - count.
    const shift = b.sub(b.i32(width), count);
    return b.shru(b.k(ty, -1), shift);
  };
  const rotated = b.rotr(b.r('Rn', f.sf!), r);
  const bottomMask = b.rotr(ones(b.add(s, b.i32(1))), r);
  const diff = b.and(b.sub(s, r), b.i32(width - 1));
  return { rotated, topMask: ones(b.add(diff, b.i32(1))), bottomMask };
}

/** ADR and ADRP. */
function pcRelative(name: string, mnemonic: string, page: number): Clause {
  const imm = (f: FieldValues): bigint => BigInt.asIntN(21, BigInt((f.immhi! << 2) | f.immlo!)) << (page ? 12n : 0n);
  return insn(name, `${page} immlo:2 10000 immhi:19 Rd:5`, {
    asm: `${mnemonic} {Rd:x}, {immhi.immlo:${page ? 'pagelabel' : 'label*1'}}`,
    imm: { imm: ['i64', imm] },
    dynamic: ['immlo', 'immhi'],
    lift: (b) => b.setX('Rd', b.add(page ? b.and(b.pc(), b.i64(-4096)) : b.pc(), b.imm('imm'))),
  });
}

const EXTR = insn('EXTR', 'sf 00 100111 N 0 Rm:5 imms:6 Rn:5 Rd:5', {
  asm: 'extr {Rd:r}, {Rn:r}, {Rm:r}, {imms:u}',
  imm: { lsb: ['u8', (f) => f.imms!] },
  dynamic: ['imms'],
  unless: (f) => f.N !== f.sf || (f.sf === 0 && f.imms! > 31),
  lift: (b, f) => {
    const width = f.sf ? 64 : 32;
    const lsb = b.imm('lsb');
    const low = b.shru(b.r('Rm', f.sf!), lsb);
    // Shifting the high part left by width - lsb in two steps keeps lsb = 0 from shifting by the whole width.
    const high = b.shl(b.shl(b.r('Rn', f.sf!), 1), b.sub(b.i32(width - 1), lsb));
    b.setR('Rd', f.sf!, b.or(high, low));
  },
});

/** Clauses of this group. */
export const DP_IMMEDIATE: readonly Clause[] = [
  pcRelative('ADR', 'adr', 0),
  pcRelative('ADRP', 'adrp', 1),
  addSub('ADD (immediate)', 'add', 0, 0),
  addSub('ADDS (immediate)', 'adds', 0, 1),
  addSub('SUB (immediate)', 'sub', 1, 0),
  addSub('SUBS (immediate)', 'subs', 1, 1),
  logical('AND (immediate)', 'and', '00', false, (b, x, y) => b.and(x, y)),
  logical('ORR (immediate)', 'orr', '01', false, (b, x, y) => b.or(x, y)),
  logical('EOR (immediate)', 'eor', '10', false, (b, x, y) => b.xor(x, y)),
  logical('ANDS (immediate)', 'ands', '11', true, (b, x, y) => b.and(x, y)),
  moveWide('MOVN', 'movn', '00', (b, f) => (f.sf ? b.not(b.imm('imm')) : b.extu(b.not(b.imm('imm')), 32))),
  moveWide('MOVZ', 'movz', '10', (b) => b.imm('imm')),
  moveWide('MOVK', 'movk', '11', (b, f) => {
    const keep = b.and(b.x('Rd'), b.i64(~(0xffffn << BigInt(16 * f.hw!))));
    const value = b.or(keep, b.imm('imm'));
    return f.sf ? value : b.extu(value, 32);
  }),
  bitfield('SBFM', 'sbfm', '00', (b, f, p) => {
    const sign = b.rotr(b.r('Rn', f.sf!), b.imm('S'));
    const top = b.neg(b.and(sign, b.k(sign.ty, 1)));
    const field = b.and(p.rotated, p.bottomMask);
    return b.or(b.and(top, b.not(p.topMask)), b.and(field, p.topMask));
  }),
  bitfield('BFM', 'bfm', '01', (b, f, p) => {
    const old = b.r('Rd', f.sf!);
    const field = b.or(b.and(old, b.not(p.bottomMask)), b.and(p.rotated, p.bottomMask));
    return b.or(b.and(old, b.not(p.topMask)), b.and(field, p.topMask));
  }),
  bitfield('UBFM', 'ubfm', '10', (b, _f, p) => b.and(b.and(p.rotated, p.bottomMask), p.topMask)),
  EXTR,
];
