import { describe, expect, it } from 'vitest';
import { OneInstruction } from '../../../test/support/one-instruction.ts';

const m = new OneInstruction();
const AT = 0x8000;
const base = BigInt(AT);
const WORD = 0x8899_aabb_ccdd_eeffn;
const marked = { exclusiveValid: 1, exclusiveVa: base, exclusiveSizeBytes: 8 };

describe('exclusives', () => {
  it('LDXR marks address and size and zero-extends', () => {
    m.run('LDXRH', { Rn: 1 }, { x: { 1: base }, memory: { [AT]: WORD } });
    expect(m.x(0)).toBe(0xeeffn);
    expect([m.state('exclusiveValid'), m.state('exclusiveVa'), m.state('exclusiveSizeBytes')]).toEqual([1n, base, 2n]);
  });

  it('STXR with the monitor marked stores and writes 0; again without it writes 1 and does not store', () => {
    const before = { x: { 0: 5n, 1: base, 2: 9n }, memory: { [AT]: WORD } };
    m.run('STXR (64-bit)', { Rs: 2, Rt: 0, Rn: 1 }, { ...before, state: marked });
    expect([m.x(2), m.memory(AT), m.state('exclusiveValid')]).toEqual([0n, 5n, 0n]);
    m.run('STXR (64-bit)', { Rs: 2, Rt: 0, Rn: 1 }, before);
    expect([m.x(2), m.memory(AT)]).toEqual([1n, WORD]);
  });

  it('STLXR with Rs the same as Rt stores what the register held', () => {
    m.run('STLXR (64-bit)', { Rs: 0, Rt: 0, Rn: 1 }, { x: { 0: 5n, 1: base }, state: marked });
    expect([m.x(0), m.memory(AT)]).toEqual([0n, 5n]);
  });

  it('LDXP and STXP move 16 or 8 bytes as one', () => {
    m.run('LDXP', { sz: 1, Rt: 0, Rt2: 2, Rn: 1 }, { x: { 1: base }, memory: { [AT]: 1n, [AT + 8]: 2n } });
    expect([m.x(0), m.x(2), m.state('exclusiveSizeBytes')]).toEqual([1n, 2n, 16n]);
    m.run('LDAXP', { sz: 0, Rt: 0, Rt2: 2, Rn: 1 }, { x: { 1: base }, memory: { [AT]: WORD } });
    expect([m.x(0), m.x(2), m.state('exclusiveSizeBytes')]).toEqual([0xccdd_eeffn, 0x8899_aabbn, 8n]);
    const pair = { sz: 1, Rs: 3, Rt: 0, Rt2: 2, Rn: 1 };
    const before = { x: { 0: 7n, 1: base, 2: 8n } };
    m.run('STXP', pair, { ...before, state: { ...marked, exclusiveSizeBytes: 16 } });
    expect([m.x(3), m.memory(AT), m.memory(AT + 8)]).toEqual([0n, 7n, 8n]);
    m.run('STXP', pair, { ...before, state: marked });
    expect(m.x(3), 'the mark of another size').toBe(1n);
  });

  it.each(['LDXR (64-bit)', 'LDAR (64-bit)', 'LDAPR (64-bit)', 'LDADD', 'CAS'])(
    '%s faults on an unaligned address',
    (name) => {
      expect(m.run(name, { sz: 1, Rn: 1 }, { x: { 1: base + 4n } }).events).toEqual(['load']);
    },
  );

  it('ignores the should-be-one fields that the encoding does not use', () => {
    // LDXR X0, [X1] with Rs and Rt2 zero.
    m.word(0xc840_0020, { x: { 1: base }, memory: { [AT]: WORD } });
    expect([m.events, m.x(0)]).toEqual([[], WORD]);
  });
});

describe('atomics', () => {
  it.each([
    ['LDADDB', 0x01n, 0x00n],
    ['LDCLRB', 0x0fn, 0xf0n],
    ['LDEORB', 0x0fn, 0xf0n],
    ['LDSETB', 0x00n, 0xffn],
    ['LDSMAXB', 0x7fn, 0x7fn],
    ['LDSMINB', 0x7fn, 0xffn],
    ['LDUMAXB', 0x7fn, 0xffn],
    ['LDUMINB', 0x7fn, 0x7fn],
    ['SWPB', 0x12n, 0x12n],
  ] as const)('%s of 0xff in memory with %x leaves %x and returns the old byte', (name, operand, after) => {
    // Bits above the byte must not matter.
    const before = { x: { 1: base, 2: operand | 0xabcd_ef00n }, memory: { [AT]: WORD } };
    m.run(name, { Rs: 2, Rt: 0, Rn: 1 }, before);
    expect([m.x(0), m.memory(AT)]).toEqual([0xffn, (WORD & ~0xffn) | after]);
  });

  it('LDADD with Rt 31 (STADD) only changes memory', () => {
    m.run('LDADD', { sz: 1, Rs: 2, Rt: 31, Rn: 1 }, { x: { 1: base, 2: 3n }, memory: { [AT]: 4n } });
    expect([m.memory(AT), m.events]).toEqual([7n, []]);
  });

  it('SWP with Rs the same as Rt exchanges', () => {
    m.run('SWP', { sz: 1, Rs: 2, Rt: 2, Rn: 1 }, { x: { 1: base, 2: 3n }, memory: { [AT]: 4n } });
    expect([m.memory(AT), m.x(2)]).toEqual([3n, 4n]);
  });

  it('CASB compares the byte only and returns the old byte either way', () => {
    const fields = { Rs: 2, Rt: 0, Rn: 1 };
    m.run('CASB', fields, { x: { 0: 1n, 1: base, 2: 0x55ffn }, memory: { [AT]: WORD } });
    expect([m.x(2), m.memory(AT)]).toEqual([0xffn, (WORD & ~0xffn) | 1n]);
    m.run('CASB', fields, { x: { 0: 1n, 1: base, 2: 0xfen }, memory: { [AT]: WORD } });
    expect([m.x(2), m.memory(AT)]).toEqual([0xffn, WORD]);
  });

  it('CASP compares both halves, and wants even registers', () => {
    const memory = { [AT]: 1n, [AT + 8]: 2n };
    const x = { 0: 1n, 1: 2n, 2: 3n, 3: 4n, 4: base };
    m.run('CASP', { sz: 1, Rs: 0, Rt: 2, Rn: 4 }, { x, memory });
    expect([m.memory(AT), m.memory(AT + 8), m.x(0), m.x(1)]).toEqual([3n, 4n, 1n, 2n]);
    m.run('CASP', { sz: 1, Rs: 0, Rt: 2, Rn: 4 }, { x: { ...x, 1: 0n }, memory });
    expect([m.memory(AT), m.memory(AT + 8), m.x(0), m.x(1)]).toEqual([1n, 2n, 1n, 2n]);
    expect(m.run('CASP', { sz: 1, Rs: 1, Rt: 2, Rn: 4 }, { x }).events).toEqual(['undefinedInstruction']);
  });

  it('an atomic asks for write permission when it reads', () => {
    m.run('LDADD', { sz: 1, Rs: 2, Rt: 0, Rn: 1 }, { x: { 1: 1n << 40n } });
    expect(Number(m.flat.events[0]!.args[0]) & (1 << 13)).not.toBe(0);
  });
});
