import { describe, expect, it } from 'vitest';
import { type Before, OneInstruction } from '../../../test/support/one-instruction.ts';
import { assemble } from '../text/assemble.ts';

const m = new OneInstruction();
const AT = 0x8000;
const BASE = BigInt(AT);
const MEMORY = { [AT - 16]: 0x0f0f_0f0f_0e0e_0e0en, [AT]: 0x8899_aabb_ccdd_eeffn, [AT + 8]: 0x1122_3344_5566_7788n };

function run(text: string, before: Before = {}): typeof m {
  const { bytes } = assemble(text, { origin: 0x1000n });
  return m.word(new DataView(bytes.buffer).getUint32(0, true), { memory: MEMORY, ...before });
}
const at = (base: bigint, others: Record<number, bigint> = {}): Before => ({ x: { 1: base, ...others } });

describe('LDP', () => {
  it('loads two registers from one address after the other', () => {
    run('ldp x2, x3, [x1]', at(BASE));
    expect([m.x(2), m.x(3), m.x(1)]).toEqual([MEMORY[AT], MEMORY[AT + 8], BASE]);
    run('ldp w2, w3, [x1]', at(BASE));
    expect([m.x(2), m.x(3)]).toEqual([0xccdd_eeffn, 0x8899_aabbn]);
    run('ldpsw x2, x3, [x1]', at(BASE));
    expect([m.x(2), m.x(3)]).toEqual([0xffff_ffff_ccdd_eeffn, 0xffff_ffff_8899_aabbn]);
  });

  it('scales its offset and writes the base back before or after', () => {
    run('ldp x2, x3, [x1, #-16]', at(BASE + 16n));
    expect([m.x(2), m.x(1)]).toEqual([MEMORY[AT], BASE + 16n]);
    run('ldp x2, x3, [x1, #-16]!', at(BASE));
    expect([m.x(2), m.x(1)]).toEqual([MEMORY[AT - 16], BASE - 16n]);
    run('ldp w2, w3, [x1], #-256', at(BASE));
    expect([m.x(2), m.x(1)]).toEqual([0xccdd_eeffn, BASE - 256n]);
  });

  it('loads vectors of 32, 64 and 128 bits, with zeros above', () => {
    const ones = (1n << 128n) - 1n;
    const before = { ...at(BASE), v: { 2: ones, 3: ones } };
    run('ldp s2, s3, [x1]', before);
    expect([m.v(2), m.v(3)]).toEqual([0xccdd_eeffn, 0x8899_aabbn]);
    run('ldp d2, d3, [x1]', before);
    expect([m.v(2), m.v(3)]).toEqual([MEMORY[AT], MEMORY[AT + 8]]);
    run('ldp q2, q3, [x1, #-16]', { ...before, ...at(BASE + 16n) });
    expect(m.v(2)).toBe((MEMORY[AT + 8] << 64n) | MEMORY[AT]);
  });

  it('that faults changes neither registers nor base', () => {
    run('ldp x2, x3, [x1], #16', at(1n << 40n, { 2: 5n, 3: 6n }));
    expect(m.events).toEqual(['load']);
    expect([m.x(1), m.x(2), m.x(3)]).toEqual([1n << 40n, 5n, 6n]);
  });
});

describe('STP', () => {
  it('stores two registers, and nothing beside them', () => {
    run('stp x2, x3, [x1]', at(BASE, { 2: 5n, 3: 6n }));
    expect([m.memory(AT), m.memory(AT + 8), m.memory(AT - 16)]).toEqual([5n, 6n, MEMORY[AT - 16]]);
    run('stp w2, wzr, [x1]', at(BASE, { 2: (7n << 32n) | 8n }));
    expect([m.memory(AT), m.memory(AT + 8)]).toEqual([8n, MEMORY[AT + 8]]);
  });

  it('stores the base as it was when it is written back', () => {
    run('stp x1, x2, [x1, #16]!', at(BASE, { 2: 6n }));
    expect([m.memory(AT + 16), m.memory(AT + 24), m.x(1)]).toEqual([BASE, 6n, BASE + 16n]);
  });

  it('STNP and LDNP are the same without write-back', () => {
    run('stnp x2, x3, [x1, #8]', at(BASE, { 2: 5n, 3: 6n }));
    expect([m.memory(AT + 8), m.memory(AT + 16)]).toEqual([5n, 6n]);
    run('ldnp x2, x3, [x1]', at(BASE));
    expect([m.x(2), m.x(3)]).toEqual([MEMORY[AT], MEMORY[AT + 8]]);
  });
});

describe('the stack pointer as base', () => {
  it('is checked for alignment first, when that is on', () => {
    const before: Before = { x: { 31: BASE + 8n }, state: { spAlignMask: 15 } };
    expect(run('ldp x2, x3, [sp]', before).events).toEqual(['spAlignmentFault']);
    expect(run('ldp x2, x3, [sp]', { x: { 31: BASE + 8n } }).events).toEqual([]);
  });
});
