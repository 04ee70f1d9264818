import { describe, expect, it } from 'vitest';
import { A64 } from '../table.ts';
import { BASE_ALIASES } from './aliases.ts';
import { derivedAliases } from './aliases-derived.ts';
import { assemble, disassemble } from './index.ts';
import { a64Text, Form } from './instructions.ts';
import { samples } from './testing.ts';

const SET = a64Text();
const SAMPLES = samples(A64, SET, 8);
const ORIGIN = 0x10_0000n;

/** The word a text assembles to. */
function reassembled(text: string): number {
  const { bytes } = assemble(text, { origin: ORIGIN });
  expect(bytes.length, text).toBe(4);
  return new DataView(bytes.buffer).getUint32(0, true);
}

/** Samples that come back as another word; immr of a logical immediate has spare bits, so there the text must agree. */
function mismatches(aliases: boolean): string[] {
  return SAMPLES.flatMap(({ word, clause }) => {
    const text = disassemble(word, { pc: ORIGIN, aliases });
    const again = reassembled(text);
    if (again === word) return [];
    const sameText = disassemble(again, { pc: ORIGIN, aliases }) === text;
    return sameText && clause.asm!.includes(':bitmask')
      ? []
      : [`${clause.name}: ${text}: ${word.toString(16)} ${again.toString(16)}`];
  });
}

describe('the text of every clause', () => {
  it('names only kinds and fields that exist', () => {
    for (const clause of A64) if (clause.asm !== undefined) expect(new Form(clause, clause.asm).text).toBeDefined();
  });

  it('is reached by sample words', () => {
    const reached = new Set(SAMPLES.map((s) => s.clause));
    const missed = A64.filter((c) => c.asm !== undefined && !reached.has(c)).map((c) => c.name);
    expect(missed).toEqual([]);
    expect(SAMPLES.length).toBeGreaterThan(A64.length * 4);
  });

  it('assembles to the word it was printed from', () => {
    expect(mismatches(false)).toEqual([]);
  });

  it('assembles to the word it was printed from when it is an alias', () => {
    expect(mismatches(true)).toEqual([]);
  });
});

describe('aliases', () => {
  it('stand for clauses that exist, in templates that name only kinds and fields that exist', () => {
    const byName = new Map(A64.map((c) => [c.name, c]));
    for (const alias of [...BASE_ALIASES, ...derivedAliases(A64)]) {
      const clause = byName.get(alias.of);
      expect(clause, alias.of).toBeDefined();
      expect(new Form(clause!, alias.asm, alias).text).toBeDefined();
      for (const field of [...Object.keys(alias.fixed ?? {}), ...Object.keys(alias.same ?? {})]) {
        expect(clause!.encoding.fields[field], `${alias.asm}: ${field}`).toBeDefined();
      }
    }
  });

  it.each([
    [0xaa0103e0, 'orr x0, xzr, x1', 'mov x0, x1'],
    [0x910003fd, 'add x29, sp, #0', 'mov x29, sp'],
    [0xd28000a0, 'movz x0, #5', 'mov x0, #0x5'],
    [0x92800000, 'movn x0, #0', 'mov x0, #0xffffffffffffffff'],
    [0xf100041f, 'subs xzr, x0, #1', 'cmp x0, #1'],
    [0xd37cec20, 'ubfm x0, x1, #60, #59', 'lsl x0, x1, #4'],
    [0x53001c20, 'ubfm w0, w1, #0, #7', 'uxtb w0, w1'],
    [0x1a9f17e0, 'csinc w0, wzr, wzr, ne', 'cset w0, eq'],
    [0x9b027c20, 'madd x0, x1, x2, xzr', 'mul x0, x1, x2'],
    [0xd65f03c0, 'ret x30', 'ret'],
    [0xd503201f, 'hint #0x0', 'nop'],
    [0xd503207f, 'hint #0x3', 'wfi'],
    [0xd5087620, 'sys #0, C7, C6, #1, x0', 'dc ivac, x0'],
    [0xd508871f, 'sys #0, C8, C7, #0', 'tlbi vmalle1'],
    [0xb8340052, 'ldadd w20, w18, [x2]', 'ldadd w20, w18, [x2]'],
    [0xb834005f, 'ldadd w20, wzr, [x2]', 'stadd w20, [x2]'],
    [0x4ea01c01, 'orr v1.16b, v0.16b, v0.16b', 'mov v1.16b, v0.16b'],
  ])('%#: %s and %s', (word, own, alias) => {
    expect(disassemble(word)).toBe(own);
    expect(disassemble(word, { aliases: true })).toBe(alias);
  });
});

describe('TBZ and TBNZ of a bit below 32', () => {
  it('are printed with the W register and read with either', () => {
    expect(disassemble(0x36200000, { pc: ORIGIN })).toBe(`tbz w0, #4, 0x${ORIGIN.toString(16)}`);
    expect([reassembled('tbz w0, #4, .'), reassembled('tbz x0, #4, .')]).toEqual([0x36200000, 0x36200000]);
    expect([reassembled('tbnz x3, #31, .'), reassembled('tbnz x3, #32, .')]).toEqual([0x37f80003, 0xb7000003]);
    expect(() => assemble('tbnz w3, #32, .')).toThrow();
  });
});

describe('a word that is no instruction', () => {
  it('is printed as .inst, which assembles to the same word', () => {
    expect(disassemble(0xffffffff)).toBe('.inst 0xffffffff // undefined');
    expect(reassembled(disassemble(0xffffffff))).toBe(0xffffffff);
  });
});
