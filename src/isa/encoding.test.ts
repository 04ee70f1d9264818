import { describe, expect, it } from 'vitest';
import { Rng } from '../../test/support/rng.ts';
import { encodeFields, extractFields, parseEncoding } from './encoding.ts';
import { A64 } from './table.ts';

describe('parseEncoding', () => {
  it('reads fixed bits and fields from bit 31 down', () => {
    const e = parseEncoding('ADD', 'sf 0 0 100010 sh imm12:12 Rn:5 Rd:5');
    expect(e.mask).toBe(0x7f80_0000);
    expect(e.value).toBe(0x1100_0000);
    expect(e.fields).toEqual({
      sf: { lsb: 31, width: 1 },
      sh: { lsb: 22, width: 1 },
      imm12: { lsb: 10, width: 12 },
      Rn: { lsb: 5, width: 5 },
      Rd: { lsb: 0, width: 5 },
    });
  });

  it('x is a bit that is ignored; bits in parentheses are ignored too but encoded as written', () => {
    const e = parseEncoding('STXR', '11 001000 000 Rs:5 0 (11111) Rn:5 xxxxx');
    expect(e.mask).toBe(0xffe0_8000);
    expect(e.ignoredOnes).toBe(0x7c00);
    expect(encodeFields(e, { Rs: 1, Rn: 2 })).toBe(0xc801_7c40);
  });

  it.each([
    ['0 1', /pattern has 2 bits, not 32/],
    ['x:33', /pattern has 33 bits/],
    ['Rd:5 Rd:27', /bad field 'Rd:27'/],
    ['Rd:0 x:32', /bad field 'Rd:0'/],
    ['Rd:a x:31', /bad field 'Rd:a'/],
  ])("refuses '%s'", (pattern, message) => {
    expect(() => parseEncoding('BAD', pattern)).toThrow(message);
  });
});

describe('fields of every row of the table', () => {
  const rng = new Rng('fields');
  it('are read back from the words that were made of them, and lie outside the fixed bits', () => {
    for (const { name, encoding } of A64) {
      for (let i = 0; i < 10; i++) {
        const entries = Object.entries(encoding.fields);
        const values = Object.fromEntries(entries.map(([field, { width }]) => [field, rng.below(2 ** width)]));
        const word = encodeFields(encoding, values);
        expect(extractFields(encoding, word), name).toEqual(values);
        expect((word & encoding.mask) >>> 0, name).toBe(encoding.value);
      }
    }
  });

  it('a field that is not given is zero, and bits above its width are lost', () => {
    const e = parseEncoding('X', '0000 a:4 b:4 00000000000000000000');
    expect(encodeFields(e, { a: 0x1f })).toBe(0x0f00_0000);
  });
});
