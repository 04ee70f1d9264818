/** CRC32 and CRC32C: DDI 0487, "CRC32" and "CRC32C". */
import type { HelperSignature } from '../../ir/types.ts';
import { type Clause, insn } from '../clause.ts';

/** The polynomials 0x04C11DB7 and 0x1EDC6F41 with their bits reversed, because the registers hold reversed values. */
const REVERSED_POLYNOMIAL = { CRC32: 0xedb8_8320, CRC32C: 0x82f6_3b78 } as const;

type Polynomial = keyof typeof REVERSED_POLYNOMIAL;

function remainders(reversed: number): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? reversed : 0);
    return remainder;
  });
}

/** What one byte leaves, by polynomial. */
const REMAINDERS: Readonly<Record<Polynomial, Int32Array>> = {
  CRC32: remainders(REVERSED_POLYNOMIAL.CRC32),
  CRC32C: remainders(REVERSED_POLYNOMIAL.CRC32C),
};

/** The checksum after the low `bytes` bytes (1 to 8) of `high`:`low`, least significant first. */
function update(table: Int32Array, accumulator: number, low: number, high: number, bytes: number): number {
  let crc = accumulator;
  for (let i = 0; i < bytes; i++) {
    const byte = ((i < 4 ? low : high) >>> (8 * (i & 3))) & 0xff;
    crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  }
  return crc | 0;
}

function signature(polynomial: Polynomial): HelperSignature {
  return { name: polynomial, params: ['i32', 'i32', 'i32', 'i32'], result: 'i32', effect: 'pure' };
}
const SIGNATURE = { CRC32: signature('CRC32'), CRC32C: signature('CRC32C') } as const;

/** Pure helpers of this group by name: accumulator, low, high, bytes to the new checksum, all `i32`. */
export const CRC32_FUNCTIONS: Readonly<
  Record<string, (accumulator: number, low: number, high: number, bytes: number) => number>
> = {
  CRC32: (accumulator, low, high, bytes) => update(REMAINDERS.CRC32, accumulator, low, high, bytes),
  CRC32C: (accumulator, low, high, bytes) => update(REMAINDERS.CRC32C, accumulator, low, high, bytes),
};

function checksum(polynomial: Polynomial, sizeLog2: number): Clause {
  const letter = 'BHWX'[sizeLog2]!;
  const wide = sizeLog2 === 3;
  const bits = `${wide ? 1 : 0} 0 0 11010110 Rm:5 010 ${polynomial === 'CRC32C' ? 1 : 0}`;
  return insn(`${polynomial}${letter}`, `${bits} ${sizeLog2 >> 1}${sizeLog2 & 1} Rn:5 Rd:5`, {
    asm: `${polynomial.toLowerCase()}${letter.toLowerCase()} {Rd:w}, {Rn:w}, {Rm:${wide ? 'x' : 'w'}}`,
    feature: 'FEAT_CRC32',
    lift: (b) => {
      const low = wide ? b.trunc(b.x('Rm')) : b.w('Rm');
      const high = wide ? b.trunc(b.shru(b.x('Rm'), 32)) : b.i32(0);
      b.setW('Rd', b.call(SIGNATURE[polynomial], b.w('Rn'), low, high, b.i32(1 << sizeLog2)));
    },
  });
}

/** Clauses of this group. */
export const CRC32: readonly Clause[] = (['CRC32', 'CRC32C'] as const).flatMap((polynomial) =>
  [0, 1, 2, 3].map((sizeLog2) => checksum(polynomial, sizeLog2)),
);
