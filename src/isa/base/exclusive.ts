/**
 * Load-exclusive, store-exclusive, load-acquire and store-release: DDI 0487, "Load/store exclusive register",
 * "Load/store exclusive pair", "Load/store ordered".
 *
 * Acquire and release order nothing here: PEs run in turns on one thread and every access is done when it is made.
 *
 * CONSTRAINED UNPREDICTABLE: a store-exclusive with Rs the same as Rt, Rt2 or Rn stores the value and uses the address
 * that the register had; a load-exclusive pair with Rt the same as Rt2 leaves the second value. QEMU 7.2 does the same.
 */
import type { Builder, Val } from '../../ir/builder.ts';
import type { MemAccess } from '../../ir/types.ts';
import { type Clause, insn } from '../clause.ts';
import { HELPERS } from '../helpers.ts';
import { baseAddress } from './transfer.ts';

/** The sizes of one register, by field `size`. */
const SIZES = [
  { size: '00', suffix: 'b', variant: '', bytes: 1, reg: 'w' },
  { size: '01', suffix: 'h', variant: '', bytes: 2, reg: 'w' },
  { size: '10', suffix: '', variant: ' (32-bit)', bytes: 4, reg: 'w' },
  { size: '11', suffix: '', variant: ' (64-bit)', bytes: 8, reg: 'x' },
] as const;
type Size = (typeof SIZES)[number];

function ordered(bytes: MemAccess['bytes']): MemAccess {
  return { bytes, alwaysAligned: true };
}

function row(s: Size, mnemonic: string, bits: string, asm: string, lift: Parameters<typeof insn>[2]['lift']): Clause {
  return insn(`${mnemonic.toUpperCase()}${s.suffix.toUpperCase()}${s.variant}`, `${s.size} 001000 ${bits} Rn:5 Rt:5`, {
    asm: `${mnemonic}${s.suffix} ${asm}`,
    split31: ['Rn'],
    lift,
  });
}

function loadExclusive(s: Size, mnemonic: string, o0: number): Clause {
  return row(s, mnemonic, `0 1 0 (11111) ${o0} (11111)`, `{Rt:${s.reg}}, [{Rn:xsp}]`, (b, f) => {
    const address = baseAddress(b, f);
    const value = b.load(address, ordered(s.bytes));
    b.call(HELPERS.markExclusive, address, b.i32(s.bytes));
    b.setR('Rt', Number(s.bytes === 8), value);
  });
}

/** Writes memory if the monitors allow it, and the outcome to Ws. */
function storeIfMarked(b: Builder, address: Val, value: Val, bytes: MemAccess['bytes']): void {
  const failed = b.choose(
    b.call(HELPERS.checkExclusive, address, b.i32(bytes)),
    () => {
      b.store(address, value, ordered(bytes));
      return b.i32(0);
    },
    () => b.i32(1),
  );
  b.setW('Rs', failed);
}

function storeExclusive(s: Size, mnemonic: string, o0: number): Clause {
  return row(s, mnemonic, `0 0 0 Rs:5 ${o0} (11111)`, `{Rs:w}, {Rt:${s.reg}}, [{Rn:xsp}]`, (b, f) => {
    const address = baseAddress(b, f);
    storeIfMarked(b, address, b.r('Rt', Number(s.bytes === 8)), s.bytes);
  });
}

function loadOrdered(s: Size, mnemonic: string, o0: number): Clause {
  return row(s, mnemonic, `1 1 0 (11111) ${o0} (11111)`, `{Rt:${s.reg}}, [{Rn:xsp}]`, (b, f) => {
    b.setR('Rt', Number(s.bytes === 8), b.load(baseAddress(b, f), ordered(s.bytes)));
  });
}

function storeOrdered(s: Size, mnemonic: string, o0: number): Clause {
  return row(s, mnemonic, `1 0 0 (11111) ${o0} (11111)`, `{Rt:${s.reg}}, [{Rn:xsp}]`, (b, f) => {
    const address = baseAddress(b, f);
    b.store(address, b.r('Rt', Number(s.bytes === 8)), ordered(s.bytes));
  });
}

function loadExclusivePair(mnemonic: string, o0: number): Clause {
  return insn(mnemonic.toUpperCase(), `1 sz 001000 0 1 1 (11111) ${o0} Rt2:5 Rn:5 Rt:5`, {
    asm: `${mnemonic} {Rt:r(sz)}, {Rt2:r(sz)}, [{Rn:xsp}]`,
    split31: ['Rn'],
    lift: (b, f) => {
      const address = baseAddress(b, f);
      const both = b.load(address, ordered(f.sz ? 16 : 8));
      b.call(HELPERS.markExclusive, address, b.i32(f.sz ? 16 : 8));
      b.setR('Rt', f.sz!, f.sz ? b.lane(both, 64, 0) : b.trunc(both));
      b.setR('Rt2', f.sz!, f.sz ? b.lane(both, 64, 1) : b.trunc(b.shru(both, 32)));
    },
  });
}

function storeExclusivePair(mnemonic: string, o0: number): Clause {
  return insn(mnemonic.toUpperCase(), `1 sz 001000 0 0 1 Rs:5 ${o0} Rt2:5 Rn:5 Rt:5`, {
    asm: `${mnemonic} {Rs:w}, {Rt:r(sz)}, {Rt2:r(sz)}, [{Rn:xsp}]`,
    split31: ['Rn'],
    lift: (b, f) => {
      const address = baseAddress(b, f);
      const [low, high] = [b.r('Rt', f.sz!), b.r('Rt2', f.sz!)];
      const both = f.sz ? b.vec(low, high) : b.or(b.zext(low), b.shl(b.zext(high), 32));
      storeIfMarked(b, address, both, f.sz ? 16 : 8);
    },
  });
}

/** Load-acquire of FEAT_LRCPC: weaker ordering than LDAR, the same here. */
function loadAcquirePc(s: Size): Clause {
  return insn(`LDAPR${s.suffix.toUpperCase()}${s.variant}`, `${s.size} 111000 1 0 1 (11111) 1 100 00 Rn:5 Rt:5`, {
    asm: `ldapr${s.suffix} {Rt:${s.reg}}, [{Rn:xsp}]`,
    feature: 'FEAT_LRCPC',
    split31: ['Rn'],
    lift: (b, f) => b.setR('Rt', Number(s.bytes === 8), b.load(baseAddress(b, f), ordered(s.bytes))),
  });
}

/** Clauses of this group. */
export const EXCLUSIVE: readonly Clause[] = [
  ...SIZES.flatMap((s) => [
    loadExclusive(s, 'ldxr', 0),
    loadExclusive(s, 'ldaxr', 1),
    storeExclusive(s, 'stxr', 0),
    storeExclusive(s, 'stlxr', 1),
    { ...loadOrdered(s, 'ldlar', 0), feature: 'FEAT_LOR' as const },
    loadOrdered(s, 'ldar', 1),
    { ...storeOrdered(s, 'stllr', 0), feature: 'FEAT_LOR' as const },
    storeOrdered(s, 'stlr', 1),
    loadAcquirePc(s),
  ]),
  loadExclusivePair('ldxp', 0),
  loadExclusivePair('ldaxp', 1),
  storeExclusivePair('stxp', 0),
  storeExclusivePair('stlxp', 1),
];
