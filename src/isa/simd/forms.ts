/** What the encodings of the Advanced SIMD groups have in common: element sizes and their text. */
import type { LaneBits } from '../../ir/types.ts';
import type { FieldValues } from '../encoding.ts';

/** Element sizes of an instruction as letters of `bhsd`. */
export type Sizes = string;

const LETTERS = 'bhsd';
const ARRANGEMENTS = [
  ['8b', '16b'],
  ['4h', '8h'],
  ['2s', '4s'],
  ['1d', '2d'],
  ['1q', '1q'],
] as const;

/** Element width in bits by the value of `size`. */
export function elementBits(size: number): LaneBits {
  return (8 << size) as LaneBits;
}

/** True for values of `size` (and `Q`) that are not in `sizes`; one 64-bit element is no vector. */
export function sizeReserved(sizes: Sizes, f: FieldValues): boolean {
  return !sizes.includes(LETTERS[f.size!]!) || (f.size === 3 && f.Q === 0);
}

/**
 * Arrangement operand kind by `size` and, if it is a field, `Q`.
 *
 * @param q - the fixed value of Q, or undefined when it is a field
 * @param scale - 1 for elements of twice the width in the same number of bits
 */
export function arrangement(sizes: Sizes, q?: number, scale = 0): string {
  const names = [0, 1, 2, 3].flatMap((size) => {
    const listed = sizes.includes(LETTERS[size]!);
    const pair = ARRANGEMENTS[size + scale] ?? ['-', '-'];
    if (q !== undefined) return [listed ? pair[q]! : '-'];
    return listed && size < 3 ? [...pair] : ['-', listed ? pair[1] : '-'];
  });
  return `v(${q === undefined ? 'size.Q' : 'size'}=${names.join(',')})`;
}

/** Scalar operand kind by `size`, or with elements of 2^`scale` times that width. */
export function scalar(sizes: Sizes, scale = 0): string {
  const names = [0, 1, 2, 3].map((size) =>
    sizes.includes(LETTERS[size]!) ? (`${LETTERS}q`[size + scale] ?? '-') : '-',
  );
  return `f(size=${names.join(',')})`;
}

/** Arrangement operand kind of one fixed element size by the field `Q`. */
export function arrangementByQ(letter: string): string {
  const [half, full] = ARRANGEMENTS[LETTERS.indexOf(letter)]!;
  return `v(Q=${letter === 'd' ? '-' : half},${full})`;
}

/** The name of one arrangement, such as `8h`. */
export function arrangementName(letter: string, q: number): string {
  return ARRANGEMENTS['bhsdq'.indexOf(letter)]![q as 0 | 1];
}

/** Letter of the elements of twice the width. */
export function widerLetter(letter: string): string {
  return 'bhsdq'['bhsd'.indexOf(letter) + 1]!;
}

/** Element width in bits of a letter of `bhsd`. */
export function letterBits(letter: string): LaneBits {
  return elementBits(LETTERS.indexOf(letter));
}
