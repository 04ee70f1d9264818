/** Values of the fields of one encoded instruction. */
export type FieldValues = Readonly<Record<string, number>>;

/** Where a field lies. */
export interface FieldPlace {
  /** Number of its lowest bit. */
  readonly lsb: number;
  readonly width: number;
}

/** A 32-bit pattern: fixed bits and fields. */
export interface Encoding {
  /** 1 for every fixed bit. */
  readonly mask: number;
  /** The fixed bits. */
  readonly value: number;
  /** Ones that are written when encoding but ignored when decoding: the bits Arm's diagrams show as `(1)`. */
  readonly ignoredOnes: number;
  readonly fields: Readonly<Record<string, FieldPlace>>;
}

/**
 * Reads a pattern such as `sf 0 0 100010 sh imm12:12 Rn:5 Rd:5`, from bit 31 down.
 *
 * Runs of `0` and `1` are fixed bits, `x` is a bit that is ignored, `name` a field of one bit, `name:width` a wider
 * one. A run in parentheses is ignored too but encoded as written: what Arm calls should-be-one and should-be-zero.
 *
 * @throws Error when the bits do not add up to 32 or a field is named twice
 */
export function parseEncoding(name: string, pattern: string): Encoding {
  let at = 32;
  let mask = 0;
  let value = 0;
  let ignoredOnes = 0;
  const fields: Record<string, FieldPlace> = {};
  for (const token of pattern.trim().split(/\s+/)) {
    if (/^[01x]+$/.test(token)) {
      for (const bit of token) {
        at--;
        if (bit === 'x') continue;
        mask |= 1 << at;
        if (bit === '1') value |= 1 << at;
      }
      continue;
    }
    if (/^\([01]+\)$/.test(token)) {
      at -= token.length - 2;
      ignoredOnes |= Number.parseInt(token.slice(1, -1), 2) << at;
      continue;
    }
    const [field, width] = token.split(':');
    const bits = width === undefined ? 1 : Number(width);
    at -= bits;
    if (!Number.isInteger(bits) || bits < 1 || fields[field!]) throw new Error(`${name}: bad field '${token}'`);
    fields[field!] = { lsb: at, width: bits };
  }
  if (at !== 0) throw new Error(`${name}: pattern has ${32 - at} bits, not 32`);
  return { mask: mask >>> 0, value: value >>> 0, ignoredOnes: ignoredOnes >>> 0, fields };
}

/** The fields of an instruction word. */
export function extractFields(encoding: Encoding, word: number): Record<string, number> {
  const values: Record<string, number> = {};
  for (const name in encoding.fields) {
    const { lsb, width } = encoding.fields[name]!;
    values[name] = width === 32 ? word | 0 : (word >>> lsb) & ((1 << width) - 1);
  }
  return values;
}

/** The word with these field values; fields that are missing are zero. */
export function encodeFields(encoding: Encoding, values: FieldValues): number {
  let word = encoding.value | encoding.ignoredOnes;
  for (const name in encoding.fields) {
    const { lsb, width } = encoding.fields[name]!;
    word |= ((values[name] ?? 0) & (2 ** width - 1)) << lsb;
  }
  return word >>> 0;
}
