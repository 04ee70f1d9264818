import { describe, expect, it } from 'vitest';
import { CODE_VA, Fragments } from '../../../test/support/fragments.ts';
import { PE_STATE, SLOT_SP, SLOT_ZR, V_BASE } from '../../arch/pestate.ts';
import type { ImmSpec } from '../../isa/clause.ts';

const IMM: Readonly<Record<string, ImmSpec>> = {
  byte: ['u8', () => 0xfe],
  half: ['u16', () => 0xfffe],
};
const WIDE: Readonly<Record<string, ImmSpec>> = { word: ['s32', () => -2] };
const DOUBLE: Readonly<Record<string, ImmSpec>> = { double: ['i64', () => 0xfedc_ba98_7654_3210n] };

const fragments = new Fragments(
  {
    'copy X': (b) => b.setX('Rd', b.x('Rn')),
    'copy W': (b) => b.setW('Rd', b.w('Rn')),
    'copy X or SP': (b) => b.setXsp('Rd', b.xsp('Rn')),
    'copy from the next': (b) => b.setX('Rd', b.x('Rn', 1)),
    'copy to the next': (b) => b.setX('Rd', b.x('Rn'), 1),
    'copy V': (b) => b.setV('Rd', b.v('Rn')),
    'copy V from the third': (b) => b.setV('Rd', b.v('Rn', 3)),
    'swap fields': (b) => {
      const [nzcv, sp] = [b.get(PE_STATE.NZCV), b.get(PE_STATE.SP_EL1)];
      b.set(PE_STATE.NZCV, b.trunc(sp));
      b.set(PE_STATE.SP_EL1, b.zext(nzcv));
    },
    pc: (b) => b.setX('Rd', b.pc()),
    'bytes of the record': (b) => {
      b.setW('Rd', b.imm('byte'));
      b.setW('Rn', b.imm('half'));
    },
  },
  IMM,
);
const { view } = fragments.flat.memory;

function setSlot(slot: number, value: bigint): void {
  view.setBigUint64(slot * 8, value, true);
}
function slot(n: number): bigint {
  return view.getBigUint64(n * 8, true);
}
function setV(n: number, lo: bigint, hi: bigint): void {
  view.setBigUint64(V_BASE + 16 * n, lo, true);
  view.setBigUint64(V_BASE + 16 * n + 8, hi, true);
}

describe('general-purpose registers', () => {
  it('register 31 reads as zero and a write to it is lost', () => {
    setSlot(5, 99n);
    setSlot(SLOT_SP, 0x8000n);
    fragments.handler(fragments.word('copy X', { Rd: 5, Rn: 31 }));
    expect(slot(5)).toBe(0n);
    setSlot(5, 99n);
    fragments.handler(fragments.word('copy X', { Rd: 31, Rn: 5 }));
    expect([slot(SLOT_ZR), slot(SLOT_SP)]).toEqual([0n, 0x8000n]);
  });

  it('number 31 is the stack pointer where the instruction says so', () => {
    setSlot(SLOT_SP, 0x8000n);
    fragments.handler(fragments.word('copy X or SP', { Rd: 5, Rn: 31 }));
    expect(slot(5)).toBe(0x8000n);
    setSlot(5, 0x9000n);
    fragments.handler(fragments.word('copy X or SP', { Rd: 31, Rn: 5 }));
    expect([slot(SLOT_ZR), slot(SLOT_SP)]).toEqual([0n, 0x9000n]);
  });

  it('a write of W zeroes the upper half', () => {
    setSlot(1, 0x1111_2222_3333_4444n);
    setSlot(0, (1n << 64n) - 1n);
    fragments.handler(fragments.word('copy W'));
    expect(slot(0)).toBe(0x3333_4444n);
  });

  it('the register after 30 is the zero register, and that after 31 is X0', () => {
    setSlot(0, 7n);
    fragments.handler(fragments.word('copy from the next', { Rd: 4, Rn: 30 }));
    expect(slot(4)).toBe(0n);
    fragments.handler(fragments.word('copy from the next', { Rd: 4, Rn: 31 }));
    expect(slot(4)).toBe(7n);
    fragments.handler(fragments.word('copy to the next', { Rd: 30, Rn: 4 }));
    expect(slot(SLOT_ZR)).toBe(0n);
  });

  it.each([0, 1, 15, 29, 30, 31])('the oracle agrees about register %i', (n) => {
    for (const name of ['copy X', 'copy W', 'copy X or SP', 'copy from the next', 'copy to the next']) {
      for (let i = 0; i <= SLOT_SP; i++) if (i !== SLOT_ZR) setSlot(i, BigInt(i + 1) << 30n);
      const { handler, oracle } = fragments.both(fragments.word(name, { Rn: n, Rd: 31 - n }));
      expect(handler, name).toEqual(oracle);
    }
  });
});

describe('other state', () => {
  it('V registers are copied whole; after V31 comes V0', () => {
    setV(31, 1n, 2n);
    setV(2, 3n, 4n);
    fragments.handler(fragments.word('copy V', { Rd: 7, Rn: 31 }));
    expect([view.getBigUint64(V_BASE + 112, true), view.getBigUint64(V_BASE + 120, true)]).toEqual([1n, 2n]);
    fragments.handler(fragments.word('copy V from the third', { Rd: 7, Rn: 31 }));
    expect([view.getBigUint64(V_BASE + 112, true), view.getBigUint64(V_BASE + 120, true)]).toEqual([3n, 4n]);
  });

  it('fields are read and written at their width', () => {
    view.setUint32(PE_STATE.NZCV.offset, 0xa000_0000, true);
    view.setBigUint64(PE_STATE.SP_EL1.offset, 0x1234_5678_9000_0000n, true);
    const before = view.getInt32(PE_STATE.DAIF.offset, true);
    fragments.handler(fragments.word('swap fields'));
    expect(view.getUint32(PE_STATE.NZCV.offset, true)).toBe(0x9000_0000);
    expect(view.getBigUint64(PE_STATE.SP_EL1.offset, true)).toBe(0xa000_0000n);
    expect(view.getInt32(PE_STATE.DAIF.offset, true), 'the neighbour of NZCV').toBe(before);
  });

  it('the address of the instruction is that of the running page and record', () => {
    fragments.handler(fragments.word('pc'));
    expect(fragments.x(0)).toBe(BigInt(CODE_VA));
  });
});

describe('immediates', () => {
  it('of 8 and 16 bits are zero-extended', () => {
    fragments.handler(fragments.word('bytes of the record'));
    expect([fragments.x(0), fragments.x(1)]).toEqual([0xfen, 0xfffen]);
  });

  it('of 32 bits are sign-extended, of 64 bits whole', () => {
    const wide = new Fragments({ word: (b) => b.setX('Rd', b.imm('word')) }, WIDE);
    wide.handler(wide.word('word'));
    expect(wide.x(0)).toBe(0xffff_ffff_ffff_fffen);
    const double = new Fragments({ double: (b) => b.setX('Rd', b.imm('double')) }, DOUBLE);
    double.handler(double.word('double'));
    expect(double.x(0)).toBe(0xfedc_ba98_7654_3210n);
  });
});
