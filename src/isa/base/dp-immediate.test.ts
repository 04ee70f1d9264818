import { describe, expect, it } from 'vitest';
import { type Before, OneInstruction } from '../../../test/support/one-instruction.ts';
import { assemble } from '../text/assemble.ts';

const m = new OneInstruction();

/** X0 after one instruction at 0x1000. */
function result(text: string, before: Before = {}): bigint {
  const { bytes } = assemble(text, { origin: 0x1000n });
  m.word(new DataView(bytes.buffer).getUint32(0, true), before);
  return m.x(0);
}
const ALL = (1n << 64n) - 1n;
const X1 = 0xfedc_ba98_7654_3210n;
const from = (value: bigint, x0 = 0n): Before => ({ x: { 0: x0, 1: value } });

describe('ADD and SUB (immediate)', () => {
  it('add 12 bits, shifted by 0 or 12; the 32-bit form keeps 32 bits', () => {
    expect(result('add x0, x1, #0xfff', from(1n))).toBe(0x1000n);
    expect(result('add x0, x1, #1, lsl #12', from(1n))).toBe(0x1001n);
    expect(result('sub x0, x1, #1', from(0n))).toBe(ALL);
    expect(result('sub w0, w1, #1', from(0n))).toBe(0xffff_ffffn);
  });

  it('take SP as base and, without flags, as destination', () => {
    expect(result('add x0, sp, #16', { x: { 31: 0x9000n } })).toBe(0x9010n);
    result('sub sp, x1, #16', from(0x9000n));
    expect(m.x(31)).toBe(0x8ff0n);
    result('cmp sp, #0', { x: { 31: 0n } });
    expect(m.flags).toBe(0b0110);
    expect(m.x(31), 'SUBS to register 31 writes nothing').toBe(0n);
  });

  it.each([
    ['adds x0, x1, #1', ALL, 0b0110],
    ['adds w0, w1, #1', 0x7fff_ffffn, 0b1001],
    ['subs x0, x1, #1', 0n, 0b1000],
    ['subs x0, x1, #1', 1n << 63n, 0b0011],
    ['subs w0, w1, #0', ALL << 32n, 0b0110],
  ])('%s of 0x%x gives NZCV %i', (text, x1, flags) => {
    result(text, from(x1));
    expect(m.flags).toBe(flags);
  });
});

describe('logical (immediate)', () => {
  it.each([
    ['and x0, x1, #0xff', 0x10n],
    ['orr x0, x1, #0xff', X1 | 0xffn],
    ['eor x0, x1, #0xffffffff00000000', X1 ^ (0xffff_ffffn << 32n)],
    ['and w0, w1, #0xf0f0f0f0', 0x7654_3210n & 0xf0f0_f0f0n],
  ])('%s', (text, expected) => expect(result(text, from(X1))).toBe(expected));

  it('ANDS sets N and Z and clears C and V', () => {
    result('ands x0, x1, #0x8000000000000000', { ...from(ALL), state: { NZCV: 0x3000_0000 } });
    expect([m.flags, m.x(0)]).toEqual([0b1000, 1n << 63n]);
    result('tst w1, #1', from(2n));
    expect(m.flags).toBe(0b0100);
  });
});

describe('MOVZ, MOVN, MOVK', () => {
  it.each([
    ['movz x0, #0xabcd, lsl #48', 0xabcdn << 48n],
    ['movz w0, #0xabcd, lsl #16', 0xabcd_0000n],
    ['movn x0, #0', ALL],
    ['movn w0, #0xffff', 0xffff_0000n],
    ['movk x0, #0xabcd, lsl #16', 0x1111_1111_abcd_1111n],
    ['movk w0, #0xabcd', 0x1111_abcdn],
  ])('%s', (text, expected) => expect(result(text, from(0n, 0x1111_1111_1111_1111n))).toBe(expected));
});

describe('bitfields', () => {
  it.each([
    ['ubfx x0, x1, #8, #12', 0x432n],
    ['sbfx x0, x1, #12, #12', BigInt.asUintN(64, 0x543n)],
    ['sbfx x0, x1, #52, #12', BigInt.asUintN(64, BigInt.asIntN(12, 0xfedn))],
    ['ubfiz x0, x1, #4, #8', 0x100n],
    ['sbfiz w0, w1, #4, #6', 0x100n],
    ['bfi x0, x1, #8, #8', 0x1111_1111_1111_1011n],
    ['bfxil x0, x1, #8, #8', 0x1111_1111_1111_1132n],
    ['lsl x0, x1, #4', BigInt.asUintN(64, X1 << 4n)],
    ['lsr w0, w1, #4', 0x0765_4321n],
    ['asr x0, x1, #60', ALL],
    ['sxtb x0, w1', 0x10n],
    ['uxth w0, w1', 0x3210n],
    ['ror x0, x1, #8', 0x10fe_dcba_9876_5432n],
    ['extr w0, w1, w1, #4', 0x0765_4321n],
  ])('%s', (text, expected) => expect(result(text, from(X1, 0x1111_1111_1111_1111n))).toBe(expected));

  it('EXTR takes the low part of one register above the high part of the other', () => {
    expect(result('extr x0, x1, x2, #16', { x: { 1: 0xaaaan, 2: 0xbbbb_0000n } })).toBe((0xaaaan << 48n) | 0xbbbbn);
  });
});

describe('ADR and ADRP', () => {
  it('give an address relative to PC, or to its 4 KiB page', () => {
    expect(result('adr x0, . + 3')).toBe(0x1003n);
    expect(result('adr x0, . - 0x2000')).toBe(ALL - 0xfffn);
    expect(result('adrp x0, 0x12345678')).toBe(0x1234_5000n);
  });
});
