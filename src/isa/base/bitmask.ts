/**
 * The 64-bit value of a logical immediate (DDI 0487, "DecodeBitMasks"): a rotated run of ones, replicated.
 *
 * @returns undefined when the encoding is reserved
 */
export function decodeBitMask(n: number, immr: number, imms: number, width: 32 | 64): bigint | undefined {
  const sizeLog2 = 31 - Math.clz32((n << 6) | (~imms & 0x3f));
  if (sizeLog2 < 1 || (width === 32 && n)) return undefined;
  const size = 1 << sizeLog2;
  const s = imms & (size - 1);
  const r = immr & (size - 1);
  if (s === size - 1) return undefined;
  const ones = (1n << BigInt(s + 1)) - 1n;
  const element = BigInt.asUintN(size, (ones >> BigInt(r)) | (ones << BigInt(size - r)));
  let value = 0n;
  for (let at = 0; at < 64; at += size) value |= element << BigInt(at);
  return BigInt.asUintN(width, value);
}

/** The fields N, immr and imms of a value, or undefined when it is no logical immediate. */
export function encodeBitMask(value: bigint, width: 32 | 64): { N: number; immr: number; imms: number } | undefined {
  for (let sizeLog2 = 1; sizeLog2 <= (width === 64 ? 6 : 5); sizeLog2++) {
    const size = 1 << sizeLog2;
    for (let s = 0; s < size - 1; s++) {
      for (let r = 0; r < size; r++) {
        const N = size === 64 ? 1 : 0;
        const imms = size === 64 ? s : ((0x3f << (sizeLog2 + 1)) & 0x3f) | s;
        if (decodeBitMask(N, r, imms, width) === value) return { N, immr: r, imms };
      }
    }
  }
  return undefined;
}
