/**
 * Atomic memory operations of FEAT_LSE: DDI 0487, "Atomic memory operations" and "Compare and swap".
 *
 * PEs run in turns on one thread, so a load and a store within one instruction are atomic. The load asks for write
 * permission, so the store cannot fault after it. The names without acquire and release stand for all four of a row.
 */
import type { Builder, Val } from '../../ir/builder.ts';
import type { MemAccess } from '../../ir/types.ts';
import { type Clause, insn } from '../clause.ts';
import type { FieldValues } from '../encoding.ts';
import { baseAddress } from './transfer.ts';

/** The sizes of a row; for 32 and 64 bits field `sz` selects. */
const SIZES = [
  { suffix: 'b', bits: '00', reg: 'w', bytes: () => 1 as const },
  { suffix: 'h', bits: '01', reg: 'w', bytes: () => 2 as const },
  { suffix: '', bits: '1 sz', reg: 'r(sz)', bytes: (f: FieldValues) => (f.sz ? 8 : 4) as 4 | 8 },
] as const;
type Size = (typeof SIZES)[number];

/** Combines the old value in memory with the operand; both have garbage above the size, and so may the result. */
type Operation = (b: Builder, old: Val, operand: Val, bytes: number) => Val;

function signedLess(b: Builder, x: Val, y: Val, bytes: number): Val {
  if (bytes >= 4) return b.lts(x, y);
  const bits = (8 * bytes) as 8 | 16;
  return b.lts(b.exts(x, bits), b.exts(y, bits));
}
function unsignedLess(b: Builder, x: Val, y: Val, bytes: number): Val {
  if (bytes >= 4) return b.ltu(x, y);
  return b.ltu(b.extu(x, 8 * bytes), b.extu(y, 8 * bytes));
}

/** Operations by mnemonic, with fields o3 and opc. */
const OPERATIONS: readonly (readonly [mnemonic: string, bits: string, operation: Operation])[] = [
  ['ldadd', '0 000', (b, old, x) => b.add(old, x)],
  ['ldclr', '0 001', (b, old, x) => b.and(old, b.not(x))],
  ['ldeor', '0 010', (b, old, x) => b.xor(old, x)],
  ['ldset', '0 011', (b, old, x) => b.or(old, x)],
  ['ldsmax', '0 100', (b, old, x, bytes) => b.select(signedLess(b, old, x, bytes), x, old)],
  ['ldsmin', '0 101', (b, old, x, bytes) => b.select(signedLess(b, old, x, bytes), old, x)],
  ['ldumax', '0 110', (b, old, x, bytes) => b.select(unsignedLess(b, old, x, bytes), x, old)],
  ['ldumin', '0 111', (b, old, x, bytes) => b.select(unsignedLess(b, old, x, bytes), old, x)],
  ['swp', '1 000', (_b, _old, x) => x],
];

function atomicLoad(b: Builder, address: Val, bytes: MemAccess['bytes']): Val {
  return b.load(address, { bytes, alwaysAligned: true, readForWrite: true });
}
function atomicStore(b: Builder, address: Val, value: Val, bytes: MemAccess['bytes']): void {
  b.store(address, value, { bytes, alwaysAligned: true });
}

function atomic(mnemonic: string, bits: string, operation: Operation, s: Size): Clause {
  return insn(`${mnemonic}${s.suffix}`.toUpperCase(), `${s.bits} 111000 A R 1 Rs:5 ${bits} 00 Rn:5 Rt:5`, {
    asm: `${mnemonic}{A.R:order}${s.suffix} {Rs:${s.reg}}, {Rt:${s.reg}}, [{Rn:xsp}]`,
    dynamic: ['A', 'R'],
    split31: ['Rn'],
    feature: 'FEAT_LSE',
    lift: (b, f) => {
      const bytes = s.bytes(f);
      const address = baseAddress(b, f);
      const operand = b.r('Rs', Number(bytes === 8));
      const old = atomicLoad(b, address, bytes);
      atomicStore(b, address, operation(b, old, operand, bytes), bytes);
      b.setR('Rt', Number(bytes === 8), old);
    },
  });
}

function compareAndSwap(s: Size): Clause {
  return insn(`CAS${s.suffix.toUpperCase()}`, `${s.bits} 001000 1 L 1 Rs:5 o0 (11111) Rn:5 Rt:5`, {
    asm: `cas{L.o0:order}${s.suffix} {Rs:${s.reg}}, {Rt:${s.reg}}, [{Rn:xsp}]`,
    dynamic: ['L', 'o0'],
    split31: ['Rn'],
    feature: 'FEAT_LSE',
    lift: (b, f) => {
      const bytes = s.bytes(f);
      const wide = Number(bytes === 8);
      const address = baseAddress(b, f);
      const whole = b.r('Rs', wide);
      const expected = bytes < 4 ? b.extu(whole, 8 * bytes) : whole;
      const value = b.r('Rt', wide);
      const old = atomicLoad(b, address, bytes);
      b.if(b.eq(old, expected), () => atomicStore(b, address, value, bytes));
      b.setR('Rs', wide, old);
    },
  });
}

const CASP = insn('CASP', '0 sz 001000 0 L 1 Rs:5 o0 (11111) Rn:5 Rt:5', {
  asm: 'casp{L.o0:order} {Rs:r(sz)}, {Rs:r+1(sz)}, {Rt:r(sz)}, {Rt:r+1(sz)}, [{Rn:xsp}]',
  dynamic: ['L', 'o0'],
  split31: ['Rn'],
  feature: 'FEAT_LSE',
  unless: (f) => (f.Rs! & 1) === 1 || (f.Rt! & 1) === 1,
  lift: (b, f) => {
    const sz = f.sz!;
    const bytes = sz ? 16 : 8;
    const address = baseAddress(b, f);
    const [expectedLow, expectedHigh] = [b.r('Rs', sz), b.r('Rs', sz, 1)];
    const [low, high] = [b.r('Rt', sz), b.r('Rt', sz, 1)];
    const old = atomicLoad(b, address, bytes);
    const oldLow = sz ? b.lane(old, 64, 0) : b.trunc(old);
    const oldHigh = sz ? b.lane(old, 64, 1) : b.trunc(b.shru(old, 32));
    b.if(b.and(b.eq(oldLow, expectedLow), b.eq(oldHigh, expectedHigh)), () => {
      const both = sz ? b.vec(low, high) : b.or(b.zext(low), b.shl(b.zext(high), 32));
      atomicStore(b, address, both, bytes);
    });
    b.setR('Rs', sz, oldLow);
    b.setR('Rs', sz, oldHigh, 1);
  },
});

/** Clauses of this group. */
export const ATOMIC: readonly Clause[] = [
  ...OPERATIONS.flatMap(([mnemonic, bits, operation]) => SIZES.map((s) => atomic(mnemonic, bits, operation, s))),
  ...SIZES.map(compareAndSwap),
  CASP,
];
