import { describe, expect, it } from 'vitest';
import { OneInstruction } from '../../../test/support/one-instruction.ts';
import { Rng } from '../../../test/support/rng.ts';
import { assemble } from '../text/assemble.ts';

const m = new OneInstruction();

/** Checksum of bytes by the instruction, `size` bytes at a time, begun and ended with all ones inverted. */
function checksum(mnemonic: string, size: 1 | 2 | 4 | 8, bytes: Uint8Array): number {
  const letter = { 1: 'b', 2: 'h', 4: 'w', 8: 'x' }[size];
  const word = new DataView(assemble(`${mnemonic}${letter} w0, w0, ${size === 8 ? 'x' : 'w'}1`).bytes.buffer);
  let value = 0xffff_ffffn;
  for (let at = 0; at < bytes.length; at += size) {
    const data = bytes.slice(at, at + size).reduceRight((n, byte) => (n << 8n) | BigInt(byte), 0n);
    // What lies above the size must not count.
    m.word(word.getUint32(0, true), {
      x: { 0: value | (0xdeadn << 32n), 1: size === 8 ? data : data | (~0n << BigInt(8 * size)) },
    });
    value = m.x(0);
  }
  return Number(value ^ 0xffff_ffffn);
}
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('CRC32 and CRC32C (DDI 0487)', () => {
  it('of "123456789" are the published check values', () => {
    expect(checksum('crc32', 1, ascii('123456789'))).toBe(0xcbf4_3926);
    expect(checksum('crc32c', 1, ascii('123456789'))).toBe(0xe306_9283);
  });

  it.each(['crc32', 'crc32c'])('%s is the same by bytes, halfwords, words and doublewords', (mnemonic) => {
    const rng = new Rng(mnemonic);
    const bytes = Uint8Array.from({ length: 64 }, () => rng.below(256));
    const byBytes = checksum(mnemonic, 1, bytes);
    for (const size of [2, 4, 8] as const) expect(checksum(mnemonic, size, bytes)).toBe(byBytes);
  });

  it('of doublewords takes only X registers, of the others only W', () => {
    expect(() => assemble('crc32x w0, w0, w1')).toThrow();
    expect(() => assemble('crc32b w0, w0, x1')).toThrow();
  });
});
