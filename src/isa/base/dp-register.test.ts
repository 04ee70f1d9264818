import { describe, expect, it } from 'vitest';
import { OneInstruction } from '../../../test/support/one-instruction.ts';

const m = new OneInstruction();
const ONES = (1n << 64n) - 1n;
const MIN64 = 1n << 63n;
const [N, Z, C, V] = [8, 4, 2, 1];

describe('shifted and extended operands', () => {
  it('ADD W writes the low half and zeroes the upper half of Xd', () => {
    m.run('ADD (shifted register)', { Rd: 0, Rn: 1, Rm: 2 }, { x: { 0: ONES, 1: 0xffff_ffffn, 2: 0x1_0000_0002n } });
    expect(m.x(0)).toBe(1n);
  });

  it('SUBS of equal values gives Z and C, of a smaller minus a larger N', () => {
    m.run('SUBS (shifted register)', { sf: 1, Rd: 31, Rn: 1, Rm: 2 }, { x: { 1: 5n, 2: 5n } });
    expect(m.flags).toBe(Z | C);
    m.run('SUBS (shifted register)', { sf: 1, Rd: 31, Rn: 1, Rm: 2 }, { x: { 1: 5n, 2: 6n } });
    expect(m.flags).toBe(N);
    expect(m.x(31), 'SP is not the destination').toBe(0x9000n);
  });

  it('ASR of a W operand takes its sign from bit 31', () => {
    m.run('ORR (shifted register)', { shift: 2, imm6: 31, Rd: 0, Rn: 31, Rm: 2 }, { x: { 2: 0x8000_0000n } });
    expect(m.x(0)).toBe(0xffff_ffffn);
  });

  it('a shift by 32 or more of a W operand, and ROR of an addend, are unallocated', () => {
    for (const word of [0x0b02_8020, 0x8bc2_0020]) expect(m.word(word).events).toEqual(['undefinedInstruction']);
  });

  it('ADD (extended register) writes SP, and SXTB with a shift extends before it shifts', () => {
    m.run('ADD (extended register)', { sf: 1, option: 4, imm3: 4, Rd: 31, Rn: 31, Rm: 2 }, { x: { 2: 0x1ffn } });
    expect(m.x(31)).toBe(0x9000n - 16n);
  });

  it('ADDS (extended register) with Rd 31 writes the flags only', () => {
    m.run('ADDS (extended register)', { sf: 1, option: 3, Rd: 31, Rn: 31, Rm: 2 }, { x: { 2: ONES, 31: 0x100n } });
    expect([m.flags, m.x(31)]).toEqual([C, 0x100n]);
  });
});

describe('carry and conditions', () => {
  it('ADCS adds the carry and reports the carry of the whole sum', () => {
    m.run('ADCS', { sf: 1, Rn: 1, Rm: 2 }, { x: { 1: ONES, 2: 0n }, state: { NZCV: C << 28 } });
    expect([m.x(0), m.flags]).toEqual([0n, Z | C]);
  });

  it('SBC without carry subtracts one more', () => {
    m.run('SBC', { sf: 1, Rn: 1, Rm: 2 }, { x: { 1: 10n, 2: 3n } });
    expect(m.x(0)).toBe(6n);
    m.run('SBC', { sf: 1, Rn: 1, Rm: 2 }, { x: { 1: 10n, 2: 3n }, state: { NZCV: C << 28 } });
    expect(m.x(0)).toBe(7n);
  });

  it('CCMP compares when the condition holds and takes the immediate flags when it does not', () => {
    const fields = { sf: 1, Rn: 1, imm5: 31, cond: 0, nzcv: N | V };
    m.run('CCMP (immediate)', fields, { x: { 1: 31n }, state: { NZCV: Z << 28 } });
    expect(m.flags).toBe(Z | C);
    m.run('CCMP (immediate)', fields, { x: { 1: 31n }, state: { NZCV: 0 } });
    expect(m.flags).toBe(N | V);
  });

  it('CSNEG with XZR twice is zero, CSINV of XZR all ones', () => {
    m.run('CSNEG', { sf: 1, Rn: 31, Rm: 31, cond: 0 });
    expect(m.x(0)).toBe(0n);
    m.run('CSINV', { sf: 1, Rn: 31, Rm: 31, cond: 0 });
    expect(m.x(0)).toBe(ONES);
  });
});

describe('one and two sources', () => {
  it.each([
    ['RBIT', 1, 0x1n, MIN64],
    ['RBIT', 0, 0x1n, 0x8000_0000n],
    ['REV16', 1, 0x0102_0304_0506_0708n, 0x0201_0403_0605_0807n],
    ['REV16', 0, 0x0102_0304n, 0x0201_0403n],
    ['REV32', 1, 0x0102_0304_0506_0708n, 0x0403_0201_0807_0605n],
    ['REV (32-bit)', 0, 0xff_0102_0304n, 0x0403_0201n],
    ['REV (64-bit)', 1, 0x0102_0304_0506_0708n, 0x0807_0605_0403_0201n],
    ['CLZ', 1, 0n, 64n],
    ['CLZ', 0, 0n, 32n],
    ['CLS', 1, 0n, 63n],
    ['CLS', 1, ONES, 63n],
    ['CLS', 0, 0x8000_0000n, 0n],
    ['CLS', 0, 0xf000_0000n, 3n],
  ] as const)('%s (sf %i) of %x is %x', (name, sf, x, result) => {
    expect(m.run(name, { sf, Rn: 1 }, { x: { 1: x } }).x(0)).toBe(result);
  });

  it.each([
    ['SDIV', 1, MIN64, ONES, MIN64],
    ['SDIV', 1, ONES - 6n, 2n, ONES - 2n],
    ['SDIV', 0, 0x8000_0000n, 0xffff_ffffn, 0x8000_0000n],
    ['UDIV', 1, 7n, 0n, 0n],
    ['SDIV', 0, 7n, 0x1_0000_0000n, 0n],
    ['LSLV', 1, 1n, 65n, 2n],
    ['LSRV', 0, 0xffff_ffff_8000_0000n, 63n, 1n],
    ['ASRV', 0, 0x8000_0000n, 33n, 0xc000_0000n],
    ['RORV', 1, 1n, 1n, MIN64],
  ] as const)('%s (sf %i) of %x and %x is %x', (name, sf, x, y, result) => {
    expect(m.run(name, { sf, Rn: 1, Rm: 2 }, { x: { 1: x, 2: y } }).x(0)).toBe(result);
  });
});

describe('three sources', () => {
  it.each([
    ['SMULH', ONES, ONES, 0n],
    ['UMULH', ONES, ONES, ONES - 1n],
    ['SMULH', MIN64, MIN64, 1n << 62n],
    ['SMULH', MIN64, 2n, ONES],
    ['UMULH', MIN64, 2n, 1n],
  ] as const)('%s of %x and %x is %x', (name, x, y, result) => {
    expect(m.run(name, { Rn: 1, Rm: 2 }, { x: { 1: x, 2: y } }).x(0)).toBe(result);
  });

  it('SMSUBL subtracts the signed product of W registers, UMADDL adds the unsigned one', () => {
    const before = { x: { 1: 0xffff_ffffn, 2: 3n, 3: 10n } };
    expect(m.run('SMSUBL', { Rn: 1, Rm: 2, Ra: 3 }, before).x(0)).toBe(13n);
    expect(m.run('UMADDL', { Rn: 1, Rm: 2, Ra: 3 }, before).x(0)).toBe(0x2_ffff_fffdn + 10n);
  });
});

describe('CRC32', () => {
  /** The checksum of "123456789", the check value of both polynomials' catalogue entries. */
  it.each([
    ['CRC32', 0xcbf4_3926n],
    ['CRC32C', 0xe306_9283n],
  ] as const)('%s of the nine digits, by doubleword and byte, is the known check value', (name, check) => {
    const first = m.run(`${name}X`, { Rn: 1, Rm: 2 }, { x: { 1: 0xffff_ffffn, 2: 0x3837_3635_3433_3231n } }).x(0);
    const all = m.run(`${name}B`, { Rn: 1, Rm: 2 }, { x: { 1: first, 2: 0xff39n } }).x(0);
    expect(all ^ 0xffff_ffffn).toBe(check);
  });

  it('a word is two halfwords, low one first', () => {
    const whole = m.run('CRC32W', { Rn: 1, Rm: 2 }, { x: { 1: 77n, 2: 0x1234_5678n } }).x(0);
    const low = m.run('CRC32H', { Rn: 1, Rm: 2 }, { x: { 1: 77n, 2: 0x1234_5678n } }).x(0);
    expect(m.run('CRC32H', { Rn: 1, Rm: 2 }, { x: { 1: low, 2: 0x1234n } }).x(0)).toBe(whole);
  });
});
