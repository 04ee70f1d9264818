/**
 * One block of ChaCha20 with a nonce of zero: 64 bytes that a key and a counter give. RFC 8439, "The ChaCha20 Block
 * Function".
 *
 * @param key - 32 bytes
 * @param counter - 0 to 2^53 - 1; above 2^32 it goes on in the first word of the nonce
 */
export function chacha20Block(key: Uint8Array, counter: number): Uint8Array {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  const keyWords = Array.from({ length: 8 }, (_, n) => view.getUint32(4 * n, true));
  const start = [...CONSTANTS, ...keyWords, counter >>> 0, Math.floor(counter / 2 ** 32), 0, 0];
  const x = Uint32Array.from(start);
  for (let round = 0; round < 20; round += 2) for (const [a, b, c, d] of QUARTERS) quarter(x, a, b, c, d);
  const out = new Uint8Array(64);
  const outView = new DataView(out.buffer);
  for (let n = 0; n < 16; n++) outView.setUint32(4 * n, x[n]! + start[n]!, true);
  return out;
}

/** "expand 32-byte k" as four little-endian words. */
const CONSTANTS = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/** Columns, then diagonals. */
const QUARTERS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;

function quarter(x: Uint32Array, a: number, b: number, c: number, d: number): void {
  const mix = (to: number, add: number, into: number, rotate: number): void => {
    x[to] = x[to]! + x[add]!;
    const word = x[into]! ^ x[to]!;
    x[into] = (word << rotate) | (word >>> (32 - rotate));
  };
  mix(a, b, d, 16);
  mix(c, d, b, 12);
  mix(a, b, d, 8);
  mix(c, d, b, 7);
}
