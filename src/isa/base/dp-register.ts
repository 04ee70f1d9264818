/** Data processing (register): DDI 0487, "Data Processing -- Register". */
import { PE_STATE } from '../../arch/pestate.ts';
import type { Builder, Val } from '../../ir/builder.ts';
import { type Clause, insn } from '../clause.ts';
import type { FieldValues } from '../encoding.ts';

type Binary = (b: Builder, x: Val, y: Val) => Val;

/** The carry flag as an `i32` 0 or 1. */
function carry(b: Builder): Val {
  return b.and(b.shru(b.get(PE_STATE.NZCV), 29), b.i32(1));
}

/** ShiftReg of DDI 0487; `type` is LSL, LSR, ASR, ROR by number. */
function shifted(b: Builder, x: Val, type: number, amount: Val): Val {
  if (type === 0) return b.shl(x, amount);
  if (type === 1) return b.shru(x, amount);
  return type === 2 ? b.shrs(x, amount) : b.rotr(x, amount);
}

function logical(name: string, mnemonic: string, opc: string, n: number, op: Binary): Clause {
  return insn(`${name} (shifted register)`, `sf ${opc} 01010 shift:2 ${n} Rm:5 imm6:6 Rn:5 Rd:5`, {
    asm: `${mnemonic} {Rd:r}, {Rn:r}, {Rm:r}{?, {shift:shift} {imm6:u}}`,
    imm: { amount: ['u8', (f) => f.imm6!] },
    dynamic: ['imm6'],
    unless: (f) => f.sf === 0 && f.imm6! > 31,
    lift: (b, f) => {
      const x = b.r('Rn', f.sf!);
      const y = shifted(b, b.r('Rm', f.sf!), f.shift!, b.imm('amount'));
      const result = op(b, x, n ? b.not(y) : y);
      if (opc === '11') b.set(PE_STATE.NZCV, b.logicNzcv(result));
      b.setR('Rd', f.sf!, result);
    },
  });
}

/** x + y or x - y, with the flags of AddWithCarry when `s` is 1. */
function sum(b: Builder, op: number, s: number, x: Val, y: Val): Val {
  const result = op ? b.sub(x, y) : b.add(x, y);
  if (s) b.set(PE_STATE.NZCV, op ? b.addsNzcv(x, b.not(y), b.i32(1)) : b.addsNzcv(x, y, b.i32(0)));
  return result;
}

function addSubShifted(name: string, mnemonic: string, op: number, s: number): Clause {
  return insn(`${name} (shifted register)`, `sf ${op} ${s} 01011 shift:2 0 Rm:5 imm6:6 Rn:5 Rd:5`, {
    asm: `${mnemonic} {Rd:r}, {Rn:r}, {Rm:r}{?, {shift:shift} {imm6:u}}`,
    imm: { amount: ['u8', (f) => f.imm6!] },
    dynamic: ['imm6'],
    unless: (f) => f.shift === 3 || (f.sf === 0 && f.imm6! > 31),
    lift: (b, f) => {
      const x = b.r('Rn', f.sf!);
      const y = shifted(b, b.r('Rm', f.sf!), f.shift!, b.imm('amount'));
      b.setR('Rd', f.sf!, sum(b, op, s, x, y));
    },
  });
}

/** ExtendReg of DDI 0487 without its shift, at the width of the instruction. */
function extended(b: Builder, option: number, sf: number): Val {
  const width = 8 << (option & 3);
  const x = b.r('Rm', sf);
  if (width >= (sf ? 64 : 32)) return x;
  return option & 4 ? b.exts(x, width as 8 | 16 | 32) : b.extu(x, width);
}

function addSubExtended(name: string, mnemonic: string, op: number, s: number): Clause {
  return insn(`${name} (extended register)`, `sf ${op} ${s} 01011 001 Rm:5 option:3 imm3:3 Rn:5 Rd:5`, {
    asm: `${mnemonic} {Rd:${s ? 'r' : 'rsp'}}, {Rn:rsp}, {Rm:extreg(sf.option)}{option.imm3:extsuffix}`,
    imm: { amount: ['u8', (f) => f.imm3!] },
    dynamic: ['imm3'],
    unless: (f) => f.imm3! > 4,
    lift: (b, f) => {
      const x = b.rsp('Rn', f.sf!);
      const y = b.shl(extended(b, f.option!, f.sf!), b.imm('amount'));
      const result = sum(b, op, s, x, y);
      if (s) b.setR('Rd', f.sf!, result);
      else b.setRsp('Rd', f.sf!, result);
    },
  });
}

function addSubCarry(name: string, mnemonic: string, op: number, s: number): Clause {
  return insn(name, `sf ${op} ${s} 11010000 Rm:5 000000 Rn:5 Rd:5`, {
    asm: `${mnemonic} {Rd:r}, {Rn:r}, {Rm:r}`,
    lift: (b, f) => {
      const x = b.r('Rn', f.sf!);
      const m = b.r('Rm', f.sf!);
      const y = op ? b.not(m) : m;
      const c = carry(b);
      const result = b.add(b.add(x, y), f.sf ? b.zext(c) : c);
      if (s) b.set(PE_STATE.NZCV, b.addsNzcv(x, y, c));
      b.setR('Rd', f.sf!, result);
    },
  });
}

function conditionalCompare(name: string, mnemonic: string, op: number, immediate: boolean): Clause {
  const second = immediate ? 'imm5:5' : 'Rm:5';
  return insn(
    `${name} (${immediate ? 'immediate' : 'register'})`,
    `sf ${op} 1 11010010 ${second} cond:4 ${immediate ? '1' : '0'} 0 Rn:5 0 nzcv:4`,
    {
      asm: `${mnemonic} {Rn:r}, ${immediate ? '{imm5:x}' : '{Rm:r}'}, {nzcv:x}, {cond:cond}`,
      imm: {
        nzcv: ['u8', (f) => f.nzcv!],
        ...(immediate ? { imm: ['u8', (f: FieldValues) => f.imm5!] as const } : {}),
      },
      dynamic: immediate ? ['imm5', 'nzcv'] : ['nzcv'],
      lift: (b, f) => {
        const flags = b.choose(
          b.condHolds(b.get(PE_STATE.NZCV), f.cond!),
          () => {
            const x = b.r('Rn', f.sf!);
            const imm = immediate ? b.imm('imm') : b.r('Rm', f.sf!);
            const y = immediate && f.sf ? b.zext(imm) : imm;
            return op ? b.addsNzcv(x, b.not(y), b.i32(1)) : b.addsNzcv(x, y, b.i32(0));
          },
          () => b.shl(b.imm('nzcv'), 28),
        );
        b.set(PE_STATE.NZCV, flags);
      },
    },
  );
}

function conditionalSelect(name: string, mnemonic: string, op: number, o2: number): Clause {
  return insn(name, `sf ${op} 0 11010100 Rm:5 cond:4 0 ${o2} Rn:5 Rd:5`, {
    asm: `${mnemonic} {Rd:r}, {Rn:r}, {Rm:r}, {cond:cond}`,
    lift: (b, f) => {
      const x = b.r('Rn', f.sf!);
      const m = b.r('Rm', f.sf!);
      const inverted = op ? b.not(m) : m;
      const y = o2 ? b.add(inverted, b.k(m.ty, 1)) : inverted;
      b.setR('Rd', f.sf!, b.select(b.condHolds(b.get(PE_STATE.NZCV), f.cond!), x, y));
    },
  });
}

/** Exchanges neighbouring groups of `bits` bits; `mask` has ones in the lower group of each pair. */
function swapGroups(b: Builder, x: Val, bits: number, mask: bigint): Val {
  const m = b.k(x.ty, x.ty === 'i64' ? mask : BigInt.asUintN(32, mask));
  return b.or(b.and(b.shru(x, bits), m), b.shl(b.and(x, m), bits));
}
function swapBytesInHalfwords(b: Builder, x: Val): Val {
  return swapGroups(b, x, 8, 0x00ff_00ff_00ff_00ffn);
}
function swapBytesInWords(b: Builder, x: Val): Val {
  const swapped = swapBytesInHalfwords(b, x);
  return x.ty === 'i32' ? b.rotr(swapped, 16) : swapGroups(b, swapped, 16, 0x0000_ffff_0000_ffffn);
}
function reverseBytes(b: Builder, x: Val): Val {
  return x.ty === 'i32' ? swapBytesInWords(b, x) : b.rotr(swapBytesInWords(b, x), 32);
}
function reverseBits(b: Builder, x: Val): Val {
  const pairs = swapGroups(b, x, 1, 0x5555_5555_5555_5555n);
  const nibbles = swapGroups(b, pairs, 2, 0x3333_3333_3333_3333n);
  return reverseBytes(b, swapGroups(b, nibbles, 4, 0x0f0f_0f0f_0f0f_0f0fn));
}

function oneSource(
  name: string,
  mnemonic: string,
  sf: string,
  opcode: string,
  op: (b: Builder, x: Val) => Val,
): Clause {
  const wide = (f: FieldValues): number => f.sf ?? Number(sf);
  return insn(name, `${sf} 1 0 11010110 00000 ${opcode} Rn:5 Rd:5`, {
    asm:
      sf === 'sf'
        ? `${mnemonic} {Rd:r}, {Rn:r}`
        : `${mnemonic} {Rd:${sf === '1' ? 'x' : 'w'}}, {Rn:${sf === '1' ? 'x' : 'w'}}`,
    lift: (b, f) => b.setR('Rd', wide(f), op(b, b.r('Rn', wide(f)))),
  });
}

function twoSource(name: string, mnemonic: string, opcode: string, op: Binary): Clause {
  return insn(name, `sf 0 0 11010110 Rm:5 ${opcode} Rn:5 Rd:5`, {
    asm: `${mnemonic} {Rd:r}, {Rn:r}, {Rm:r}`,
    lift: (b, f) => b.setR('Rd', f.sf!, op(b, b.r('Rn', f.sf!), b.r('Rm', f.sf!))),
  });
}

function multiplyAdd(name: string, mnemonic: string, o0: number): Clause {
  return insn(name, `sf 00 11011 000 Rm:5 ${o0} Ra:5 Rn:5 Rd:5`, {
    asm: `${mnemonic} {Rd:r}, {Rn:r}, {Rm:r}, {Ra:r}`,
    lift: (b, f) => {
      const product = b.mul(b.r('Rn', f.sf!), b.r('Rm', f.sf!));
      const a = b.r('Ra', f.sf!);
      b.setR('Rd', f.sf!, o0 ? b.sub(a, product) : b.add(a, product));
    },
  });
}

/** 64-bit sum with the product of two W registers, which `u` says are unsigned. */
function multiplyAddLong(name: string, mnemonic: string, u: number, o0: number): Clause {
  return insn(name, `1 00 11011 ${u}01 Rm:5 ${o0} Ra:5 Rn:5 Rd:5`, {
    asm: `${mnemonic} {Rd:x}, {Rn:w}, {Rm:w}, {Ra:x}`,
    lift: (b) => {
      const [n, m] = [b.w('Rn'), b.w('Rm')];
      const product = u ? b.mul(b.zext(n), b.zext(m)) : b.mul(b.sext(n), b.sext(m));
      const a = b.x('Ra');
      b.setX('Rd', o0 ? b.sub(a, product) : b.add(a, product));
    },
  });
}

function multiplyHigh(name: string, mnemonic: string, u: number): Clause {
  return insn(name, `1 00 11011 ${u}10 Rm:5 0 (11111) Rn:5 Rd:5`, {
    asm: `${mnemonic} {Rd:x}, {Rn:x}, {Rm:x}`,
    lift: (b) => {
      const [n, m] = [b.x('Rn'), b.x('Rm')];
      b.setX('Rd', u ? b.umulh(n, m) : b.smulh(n, m));
    },
  });
}

/** Clauses of this group. */
export const DP_REGISTER: readonly Clause[] = [
  logical('AND', 'and', '00', 0, (b, x, y) => b.and(x, y)),
  logical('BIC', 'bic', '00', 1, (b, x, y) => b.and(x, y)),
  logical('ORR', 'orr', '01', 0, (b, x, y) => b.or(x, y)),
  logical('ORN', 'orn', '01', 1, (b, x, y) => b.or(x, y)),
  logical('EOR', 'eor', '10', 0, (b, x, y) => b.xor(x, y)),
  logical('EON', 'eon', '10', 1, (b, x, y) => b.xor(x, y)),
  logical('ANDS', 'ands', '11', 0, (b, x, y) => b.and(x, y)),
  logical('BICS', 'bics', '11', 1, (b, x, y) => b.and(x, y)),
  addSubShifted('ADD', 'add', 0, 0),
  addSubShifted('ADDS', 'adds', 0, 1),
  addSubShifted('SUB', 'sub', 1, 0),
  addSubShifted('SUBS', 'subs', 1, 1),
  addSubExtended('ADD', 'add', 0, 0),
  addSubExtended('ADDS', 'adds', 0, 1),
  addSubExtended('SUB', 'sub', 1, 0),
  addSubExtended('SUBS', 'subs', 1, 1),
  addSubCarry('ADC', 'adc', 0, 0),
  addSubCarry('ADCS', 'adcs', 0, 1),
  addSubCarry('SBC', 'sbc', 1, 0),
  addSubCarry('SBCS', 'sbcs', 1, 1),
  conditionalCompare('CCMN', 'ccmn', 0, false),
  conditionalCompare('CCMN', 'ccmn', 0, true),
  conditionalCompare('CCMP', 'ccmp', 1, false),
  conditionalCompare('CCMP', 'ccmp', 1, true),
  conditionalSelect('CSEL', 'csel', 0, 0),
  conditionalSelect('CSINC', 'csinc', 0, 1),
  conditionalSelect('CSINV', 'csinv', 1, 0),
  conditionalSelect('CSNEG', 'csneg', 1, 1),
  oneSource('RBIT', 'rbit', 'sf', '000000', reverseBits),
  oneSource('REV16', 'rev16', 'sf', '000001', swapBytesInHalfwords),
  oneSource('REV (32-bit)', 'rev', '0', '000010', reverseBytes),
  oneSource('REV32', 'rev32', '1', '000010', swapBytesInWords),
  oneSource('REV (64-bit)', 'rev', '1', '000011', reverseBytes),
  oneSource('CLZ', 'clz', 'sf', '000100', (b, x) => b.clz(x)),
  // The bits that differ from the one below the sign show where the run of sign bits ends.
  oneSource('CLS', 'cls', 'sf', '000101', (b, x) => b.sub(b.clz(b.xor(x, b.shrs(x, 1))), b.k(x.ty, 1))),
  twoSource('UDIV', 'udiv', '000010', (b, x, y) => b.udiv(x, y)),
  twoSource('SDIV', 'sdiv', '000011', (b, x, y) => b.sdiv(x, y)),
  twoSource('LSLV', 'lslv', '001000', (b, x, y) => b.shl(x, y)),
  twoSource('LSRV', 'lsrv', '001001', (b, x, y) => b.shru(x, y)),
  twoSource('ASRV', 'asrv', '001010', (b, x, y) => b.shrs(x, y)),
  twoSource('RORV', 'rorv', '001011', (b, x, y) => b.rotr(x, y)),
  multiplyAdd('MADD', 'madd', 0),
  multiplyAdd('MSUB', 'msub', 1),
  multiplyAddLong('SMADDL', 'smaddl', 0, 0),
  multiplyAddLong('SMSUBL', 'smsubl', 0, 1),
  multiplyAddLong('UMADDL', 'umaddl', 1, 0),
  multiplyAddLong('UMSUBL', 'umsubl', 1, 1),
  multiplyHigh('SMULH', 'smulh', 0),
  multiplyHigh('UMULH', 'umulh', 1),
];
