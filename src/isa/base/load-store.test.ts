import { describe, expect, it } from 'vitest';
import { OneInstruction } from '../../../test/support/one-instruction.ts';

const m = new OneInstruction();
const AT = 0x8000;
const WORD = 0x8899_aabb_ccdd_eeffn;
const NEXT = 0x0011_2233_4455_6677n;
const ONES = (1n << 64n) - 1n;
const memory = { [AT]: WORD, [AT + 8]: NEXT };
const x = { 0: ONES, 1: BigInt(AT) };

describe('loads of one register', () => {
  it.each([
    ['LDRB (immediate, unsigned offset)', 0xffn],
    ['LDRSB (immediate, unsigned offset, 64-bit)', ONES],
    ['LDRSB (immediate, unsigned offset, 32-bit)', 0xffff_ffffn],
    ['LDRH (immediate, unsigned offset)', 0xeeffn],
    ['LDRSH (immediate, unsigned offset, 64-bit)', 0xffff_ffff_ffff_eeffn],
    ['LDRSH (immediate, unsigned offset, 32-bit)', 0xffff_eeffn],
    ['LDR (immediate, unsigned offset, 32-bit)', 0xccdd_eeffn],
    ['LDRSW (immediate, unsigned offset)', 0xffff_ffff_ccdd_eeffn],
    ['LDR (immediate, unsigned offset, 64-bit)', WORD],
  ] as const)('%s extends to %x', (name, value) => {
    expect(m.run(name, { Rn: 1 }, { x, memory }).x(0)).toBe(value);
  });

  it.each([
    ['8-bit', 0xffn],
    ['16-bit', 0xeeffn],
    ['32-bit', 0xccdd_eeffn],
    ['64-bit', WORD],
    ['128-bit', WORD | (NEXT << 64n)],
  ] as const)('LDR of %s of a V register zeroes the rest of it', (width, value) => {
    const before = { x, memory, v: { 0: (1n << 128n) - 1n } };
    expect(m.run(`LDR (immediate, unsigned offset, SIMD&FP, ${width})`, { Rn: 1 }, before).v(0)).toBe(value);
  });

  it('scales an unsigned offset by the size, takes a signed one as it is', () => {
    expect(m.run('LDR (immediate, unsigned offset, 64-bit)', { Rn: 1, imm12: 1 }, { x, memory }).x(0)).toBe(NEXT);
    const before = { x: { 1: BigInt(AT + 1) }, memory };
    expect(m.run('LDUR (64-bit)', { Rn: 1, imm9: 0x1ff }, before).x(0)).toBe(WORD);
  });

  it('LDR (literal) is relative to the instruction', () => {
    const before = { memory: { 4088: WORD } };
    expect(m.run('LDR (literal, 64-bit)', { imm19: 0x7fffe }, before).x(0)).toBe(WORD);
  });

  it('a register offset is extended as its option says and shifted by the size', () => {
    const base = { 1: BigInt(AT + 16), 2: 0xffff_ffff_ffff_ffffn };
    const sxtw = m.run('LDR (register, 64-bit)', { Rn: 1, Rm: 2, option: 6, S: 1 }, { x: base, memory });
    expect(sxtw.x(0)).toBe(NEXT);
    const uxtw = m.run(
      'LDRB (register)',
      { Rn: 1, Rm: 2, option: 2 },
      { x: { 1: BigInt(AT), 2: 0x5_0000_0001n }, memory },
    );
    expect(uxtw.x(0)).toBe(0xeen);
  });

  it('LDTR asks for an unprivileged access', () => {
    m.run('LDTR (64-bit)', { Rn: 1 }, { x: { 1: 1n << 40n } });
    expect(m.flat.events).toHaveLength(1);
    expect(Number(m.flat.events[0]!.args[0]) & (1 << 11)).not.toBe(0);
  });
});

describe('write-back', () => {
  it('post-index uses the base and then moves it, pre-index the other way round', () => {
    const post = m.run('LDR (immediate, post-index, 64-bit)', { Rn: 1, imm9: 8 }, { x, memory });
    expect([post.x(0), post.x(1)]).toEqual([WORD, BigInt(AT + 8)]);
    const pre = m.run('LDR (immediate, pre-index, 64-bit)', { Rn: 1, imm9: 8 }, { x, memory });
    expect([pre.x(0), pre.x(1)]).toEqual([NEXT, BigInt(AT + 8)]);
  });

  it('leaves base and destination alone when the access faults', () => {
    const before = { x: { 0: 7n, 1: 1n << 40n } };
    m.run('LDR (immediate, pre-index, 64-bit)', { Rn: 1, imm9: 8 }, before);
    expect([m.events, m.x(0), m.x(1)]).toEqual([['load'], 7n, 1n << 40n]);
  });

  it('with Rt the same as Rn: a load ends with the moved base, a store writes the old base', () => {
    expect(m.run('LDR (immediate, post-index, 64-bit)', { Rt: 1, Rn: 1, imm9: 8 }, { x, memory }).x(1)).toBe(
      BigInt(AT + 8),
    );
    m.run('STR (immediate, pre-index, 64-bit)', { Rt: 1, Rn: 1, imm9: 8 }, { x, memory });
    expect([m.memory(AT + 8), m.x(1)]).toEqual([BigInt(AT), BigInt(AT + 8)]);
  });

  it('moves SP when the base is SP', () => {
    m.run('STR (immediate, pre-index, 64-bit)', { Rt: 0, Rn: 31, imm9: 0x1f0 }, { x });
    expect([m.x(31), m.memory(0x8ff0)]).toEqual([0x8ff0n, ONES]);
  });
});

describe('the SP alignment check', () => {
  const misaligned = { x: { 31: BigInt(AT + 8) }, memory };
  it('faults before the access when SP is misaligned and the check is on', () => {
    m.run('LDR (immediate, unsigned offset, 64-bit)', { Rn: 31 }, { ...misaligned, state: { spAlignMask: 15 } });
    expect([m.events, m.x(0)]).toEqual([['spAlignmentFault'], 0n]);
  });
  it('does not fault with the check off, nor for another base with the same value, nor for a prefetch', () => {
    expect(m.run('LDR (immediate, unsigned offset, 64-bit)', { Rn: 31 }, misaligned).events).toEqual([]);
    const other = { x: { 1: BigInt(AT + 8) }, memory, state: { spAlignMask: 15 } };
    expect(m.run('LDR (immediate, unsigned offset, 64-bit)', { Rn: 1 }, other).events).toEqual([]);
    expect(m.run('PRFM (immediate)', { Rn: 31 }, { ...misaligned, state: { spAlignMask: 15 } }).events).toEqual([]);
  });
  it('comes after the trap of SIMD and floating-point registers', () => {
    const state = { spAlignMask: 15, fpTrapped: 1 };
    m.run('LDR (immediate, unsigned offset, SIMD&FP, 64-bit)', { Rn: 31 }, { ...misaligned, state });
    expect(m.events).toEqual(['fpAccessTrap']);
  });
});

describe('pairs', () => {
  it('LDP and LDPSW give the lower address to Rt', () => {
    m.run('LDP (signed offset, 64-bit)', { Rt: 0, Rt2: 2, Rn: 1 }, { x, memory });
    expect([m.x(0), m.x(2)]).toEqual([WORD, NEXT]);
    m.run('LDP (signed offset, 32-bit)', { Rt: 0, Rt2: 2, Rn: 1 }, { x, memory });
    expect([m.x(0), m.x(2)]).toEqual([0xccdd_eeffn, 0x8899_aabbn]);
    m.run('LDPSW (signed offset)', { Rt: 0, Rt2: 2, Rn: 1 }, { x, memory });
    expect([m.x(0), m.x(2)]).toEqual([0xffff_ffff_ccdd_eeffn, 0xffff_ffff_8899_aabbn]);
  });

  it('STP pre-index below SP stores both and moves SP', () => {
    m.run('STP (pre-index, 64-bit)', { Rt: 0, Rt2: 1, Rn: 31, imm7: 0x7e }, { x: { 0: 1n, 1: 2n } });
    expect([m.memory(0x8ff0), m.memory(0x8ff8), m.x(31)]).toEqual([1n, 2n, 0x8ff0n]);
  });

  it('STP of W and S registers stores 4 bytes of each', () => {
    m.run(
      'STP (signed offset, 32-bit)',
      { Rt: 0, Rt2: 2, Rn: 1 },
      { x: { ...x, 0: 0x1_0000_0001n, 2: 0x2_0000_0002n } },
    );
    expect(m.memory(AT)).toBe(0x0000_0002_0000_0001n);
    m.run(
      'STP (signed offset, SIMD&FP, 32-bit)',
      { Vt: 0, Vt2: 2, Rn: 1 },
      { x, v: { 0: 0x1_0000_0003n, 2: 0x2_0000_0004n } },
    );
    expect(m.memory(AT)).toBe(0x0000_0004_0000_0003n);
  });

  it('LDP of Q registers takes 32 bytes, of D and S registers zeroes the rest', () => {
    const v = { 0: (1n << 128n) - 1n, 2: (1n << 128n) - 1n };
    const more = { ...memory, [AT + 16]: 5n, [AT + 24]: 6n };
    m.run('LDP (signed offset, SIMD&FP, 128-bit)', { Vt: 0, Vt2: 2, Rn: 1 }, { x, v, memory: more });
    expect([m.v(0), m.v(2)]).toEqual([WORD | (NEXT << 64n), 5n | (6n << 64n)]);
    m.run('LDP (signed offset, SIMD&FP, 64-bit)', { Vt: 0, Vt2: 2, Rn: 1 }, { x, v, memory });
    expect([m.v(0), m.v(2)]).toEqual([WORD, NEXT]);
    m.run('LDP (signed offset, SIMD&FP, 32-bit)', { Vt: 0, Vt2: 2, Rn: 1 }, { x, v, memory });
    expect([m.v(0), m.v(2)]).toEqual([0xccdd_eeffn, 0x8899_aabbn]);
  });

  it('a pair with its base among the destinations ends with the moved base', () => {
    m.run('LDP (post-index, 64-bit)', { Rt: 1, Rt2: 2, Rn: 1, imm7: 2 }, { x, memory });
    expect([m.x(1), m.x(2)]).toEqual([BigInt(AT + 16), NEXT]);
  });

  it('a load of one register twice leaves the first value of an X register and the second of a V register', () => {
    expect(m.run('LDP (signed offset, 64-bit)', { Rt: 2, Rt2: 2, Rn: 1 }, { x, memory }).x(2)).toBe(WORD);
    expect(m.run('LDP (signed offset, SIMD&FP, 64-bit)', { Vt: 2, Vt2: 2, Rn: 1 }, { x, memory }).v(2)).toBe(NEXT);
  });

  it('requires the alignment of one register, not of the pair', () => {
    m.run('LDP (signed offset, 64-bit)', { Rn: 1 }, { x: { 1: 1n << 40n } });
    expect((Number(m.flat.events[0]!.args[0]) >> 5) & 31).toBe(8);
  });
});
