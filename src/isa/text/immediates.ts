/** Immediates whose encoding is not their value. */
import { decodeBitMask } from '../base/bitmask.ts';
import type { FieldValues } from '../encoding.ts';

type LogicalFields = { readonly N: number; readonly immr: number; readonly imms: number };

const logicalTables = new Map<32 | 64, Map<bigint, LogicalFields>>();

/** Every logical immediate of a width, by value; of several encodings the one with the smallest rotation. */
function logicalTable(width: 32 | 64): Map<bigint, LogicalFields> {
  const known = logicalTables.get(width);
  if (known) return known;
  const table = new Map<bigint, LogicalFields>();
  for (let N = 0; N <= (width === 64 ? 1 : 0); N++) {
    for (let imms = 0; imms < 64; imms++) {
      for (let immr = 0; immr < 64; immr++) {
        const value = decodeBitMask(N, immr, imms, width);
        if (value !== undefined && !table.has(value)) table.set(value, { N, immr, imms });
      }
    }
  }
  logicalTables.set(width, table);
  return table;
}

/** The value of N, immr and imms (DDI 0487, "DecodeBitMasks"); undefined when reserved. */
export function logicalValue(f: FieldValues, width: 32 | 64): bigint | undefined {
  return decodeBitMask(f.N!, f.immr!, f.imms!, width);
}

/** A value of -2^(width-1) to 2^width - 1 as the bits of a register; undefined when it does not fit. */
export function registerBits(value: bigint, width: 32 | 64): bigint | undefined {
  const limit = 1n << BigInt(width);
  return value >= -(limit >> 1n) && value < limit ? BigInt.asUintN(width, value) : undefined;
}

/** N, immr and imms of a value, or undefined when it is no logical immediate of the width. */
export function logicalImmediate(value: bigint, width: 32 | 64): LogicalFields | undefined {
  const bits = registerBits(value, width);
  return bits === undefined ? undefined : logicalTable(width).get(bits);
}

/** hw and imm16 such that imm16 shifted left by 16*hw is `bits`; undefined when more than one halfword is not zero. */
export function wideImmediate(bits: bigint, width: 32 | 64): { hw: number; imm16: number } | undefined {
  for (let hw = 0; hw < width / 16; hw++) {
    const shift = BigInt(16 * hw);
    if ((bits & ~(0xffffn << shift)) === 0n) return { hw, imm16: Number(bits >> shift) };
  }
  return undefined;
}

/** The number an 8-bit floating-point immediate stands for (DDI 0487, "VFPExpandImm"). */
export function floatValue(imm8: number): number {
  const exponent = ((imm8 >> 4) & 3) + (imm8 & 0x40 ? -3 : 1);
  const magnitude = ((16 + (imm8 & 15)) / 16) * 2 ** exponent;
  return imm8 & 0x80 ? -magnitude : magnitude;
}

/** The 8-bit immediate of a number, or undefined when it has none. */
export function floatImmediate(value: number): number | undefined {
  for (let imm8 = 0; imm8 < 256; imm8++) if (floatValue(imm8) === value) return imm8;
  return undefined;
}
