import { describe, expect, it } from 'vitest';
import { decodeBitMask, encodeBitMask } from './bitmask.ts';

const WIDTHS = [32, 64] as const;

/** Every logical immediate by its definition: a run of ones in an element, rotated, repeated. */
function allBitMasks(width: 32 | 64): Set<bigint> {
  const values = new Set<bigint>();
  for (let size = 2; size <= width; size *= 2)
    for (let ones = 1; ones < size; ones++)
      for (let rotation = 0; rotation < size; rotation++) {
        const bits = '1'.repeat(ones).padStart(size, '0');
        const rotated = bits.slice(size - rotation) + bits.slice(0, size - rotation);
        values.add(BigInt(`0b${rotated.repeat(width / size)}`));
      }
  return values;
}

describe.each(WIDTHS)('logical immediates of %i bits (DDI 0487, "DecodeBitMasks")', (width) => {
  const expected = allBitMasks(width);

  it(`are ${width === 64 ? 5334 : 1302} values, and the encodings give exactly those`, () => {
    const found = new Set<bigint>();
    for (let n = 0; n < 2; n++)
      for (let immr = 0; immr < 64; immr++)
        for (let imms = 0; imms < 64; imms++) {
          const value = decodeBitMask(n, immr, imms, width);
          if (value !== undefined) found.add(value);
        }
    expect(expected.size).toBe(width === 64 ? 5334 : 1302);
    expect(found).toEqual(expected);
  });

  it('encode and decode back', () => {
    const sample = [...expected].filter((_, i) => i % 37 === 0);
    for (const value of sample) {
      const { N, immr, imms } = encodeBitMask(value, width)!;
      expect(decodeBitMask(N, immr, imms, width)).toBe(value);
    }
  });

  it('zero, all ones and 5 are none', () => {
    for (const value of [0n, (1n << BigInt(width)) - 1n, 5n]) expect(encodeBitMask(value, width)).toBeUndefined();
  });
});

describe('reserved encodings', () => {
  it('an element of ones only, N with 32 bits, and no element at all', () => {
    expect(decodeBitMask(1, 0, 63, 64)).toBeUndefined();
    expect(decodeBitMask(1, 0, 0, 32)).toBeUndefined();
    expect(decodeBitMask(0, 0, 0b111111, 64)).toBeUndefined();
    expect(decodeBitMask(0, 0, 0b111110, 64)).toBeUndefined();
    expect(decodeBitMask(0, 0, 0b111100, 64)).toBe(0x5555_5555_5555_5555n);
  });
});
