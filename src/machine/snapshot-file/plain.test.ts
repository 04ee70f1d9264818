import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PlainData } from '../../devices/device.ts';
import { crc32c } from './crc32c.ts';
import { decodePlain, encodePlain } from './plain.ts';
import { Sha256, sha256 } from './sha256.ts';

const text = (s: string): Uint8Array => new TextEncoder().encode(s);

const plainData = fc.letrec<{ value: PlainData }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, false, -0, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53 - 1, -(2 ** 53) + 1, 2 ** 51),
    fc.integer(),
    fc.double(),
    fc.string({ unit: 'binary' }),
    fc.bigInt(),
    fc.uint8Array(),
    fc.array(tie('value')),
    fc.dictionary(fc.string(), tie('value'), { noNullPrototype: true }),
  ),
})).value;

describe('plain data as bytes', () => {
  it('comes back as it was, whatever it is', () => {
    const same = (value: PlainData): void => expect(decodePlain(encodePlain(value))).toStrictEqual(value);
    fc.assert(fc.property(plainData, (value) => void same(value)));
  });

  it('keeps fields that are undefined, -0, and the order of fields', () => {
    const value = { b: undefined, a: -0, __proto__x: 1n } as unknown as PlainData;
    const back = decodePlain(encodePlain(value)) as object;
    expect(Object.keys(back)).toEqual(['b', 'a', '__proto__x']);
    expect(Object.is((back as { a: number }).a, -0)).toBe(true);
  });

  it('refuses what is no plain data', () => {
    for (const wrong of [new Map(), () => 0, new Uint16Array(1), Symbol('s')])
      expect(() => encodePlain(wrong as unknown as PlainData)).toThrow('no plain data');
  });

  it('any bytes are either read or refused with an Error; never a value that was not there', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          decodePlain(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
  });

  it('refuses bytes that end early, go on behind the end, or are nested without end', () => {
    const bytes = encodePlain({ a: [1, 2n, 'three'] });
    for (let n = 0; n < bytes.length; n++) expect(() => decodePlain(bytes.subarray(0, n))).toThrow(/within|too large/);
    expect(() => decodePlain(Uint8Array.of(...bytes, 0))).toThrow('1 bytes behind its end');
    expect(() => decodePlain(new Uint8Array(400).fill(8).map((b, n) => (n % 2 ? 1 : b)))).toThrow('nested deeper');
  });
});

describe('checksums', () => {
  it('CRC-32C of RFC 3720, "CRC Examples", and of the usual nine digits', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a91_36aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8_ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, n) => n))).toBe(0x46dd_794e);
    expect(crc32c(text('123456789'))).toBe(0xe306_9283);
  });

  it('SHA-256 of the examples of FIPS 180-4', () => {
    expect(sha256(text('abc'))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(sha256(text(''))).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(sha256(text('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'))).toBe(
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    );
    expect(sha256(new Uint8Array(1_000_000).fill(0x61))).toBe(
      'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0',
    );
  });

  it('SHA-256 does not depend on how the bytes are handed over', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 70 }), (bytes, size) => {
        const hash = new Sha256();
        for (let at = 0; at < bytes.length; at += size) hash.update(bytes.subarray(at, at + size));
        expect(hash.finish()).toBe(sha256(bytes));
      }),
    );
  });
});
