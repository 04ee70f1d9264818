import { describe, expect, it } from 'vitest';
import { ALL_FEATURES } from '../../test/support/features.ts';
import { Rng } from '../../test/support/rng.ts';
import { type Clause, insn } from './clause.ts';
import { Decoder } from './decoder.ts';
import { encodeFields, extractFields } from './encoding.ts';
import { A64 } from './table.ts';

const row = (name: string, pattern: string, rest: Partial<Clause> = {}): Clause =>
  insn(name, pattern, { lift: () => {}, ...rest });

describe('Decoder', () => {
  it('finds the most specific pattern, whatever the order of the rows', () => {
    const general = row('general', '0000 a:28');
    const special = row('special', '0000 0001 b:24');
    for (const rows of [
      [general, special],
      [special, general],
    ]) {
      const decoder = new Decoder(rows, ALL_FEATURES);
      expect(decoder.decode(0x0100_0005)).toEqual({ clause: special, fields: { b: 5 } });
      expect(decoder.decode(0x0200_0005)).toEqual({ clause: general, fields: { a: 0x200_0005 } });
    }
  });

  it('goes on when a row declines, and finds nothing when all do', () => {
    const special = row('special', '0000 0001 b:24', { unless: (f) => f.b === 7 });
    const general = row('general', '0000 a:28', { unless: (f) => f.a === 0x100_0007 && true });
    const decoder = new Decoder([special, general, row('other', '1111 a:28')], ALL_FEATURES);
    expect(decoder.decode(0x0100_0006)?.clause.name).toBe('special');
    expect(decoder.decode(0x0100_0007)).toBeUndefined();
    expect(decoder.decode(0x7000_0000)).toBeUndefined();
    expect(decoder.decode(0xf000_0000)?.clause.name).toBe('other');
  });

  it('leaves out rows whose feature the processor does not have', () => {
    const rows = [row('always', '0000 a:28'), row('atomics', '0001 a:28', { feature: 'FEAT_LSE' })];
    expect(new Decoder(rows, new Set()).decode(0x1000_0000)).toBeUndefined();
    expect(new Decoder(rows, new Set(['FEAT_LSE'])).decode(0x1000_0000)?.clause.name).toBe('atomics');
  });

  it('finds what a search through all rows finds, for random words and random encodings', () => {
    const decoder = new Decoder(A64, ALL_FEATURES);
    const bits = (mask: number): number => mask.toString(2).replaceAll('0', '').length;
    const rows = [...A64].sort((a, b) => bits(b.encoding.mask) - bits(a.encoding.mask));
    const slow = (word: number): string | undefined =>
      rows.find(
        ({ encoding, unless }) =>
          (word & encoding.mask) >>> 0 === encoding.value && unless?.(extractFields(encoding, word)) !== true,
      )?.name;
    const rng = new Rng('decode');
    for (let i = 0; i < 3000; i++) {
      const clause = rng.pick(A64);
      const places = Object.entries(clause.encoding.fields);
      const values = Object.fromEntries(places.map(([field, { width }]) => [field, rng.below(2 ** width)]));
      const word = rng.percent(50) ? rng.below(2 ** 32) : encodeFields(clause.encoding, values);
      expect(decoder.decode(word)?.clause.name, `0x${word.toString(16)}`).toBe(slow(word));
    }
  });
});
