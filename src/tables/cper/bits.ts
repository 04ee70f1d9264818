/** Values whose bits are fields of their own, described once for reading, making and printing. */
import { CperError } from './error.ts';
import { hex } from './layout.ts';

/** A run of bits of a value, and the bit of the same value that says whether it is valid. */
export interface BitField {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  /** Number of the bit that says that this one is valid; without it, it always is. */
  readonly valid?: number;
  readonly names?: Readonly<Record<number, string>>;
}

/** Bit fields by the name of the property that holds each. */
export type BitFields = Readonly<Record<string, BitField>>;

/** The valid fields of a value. */
export type BitValues<B extends BitFields> = { [K in keyof B]?: number };

const maskOf = ({ low, high }: BitField): bigint => (1n << BigInt(high - low + 1)) - 1n;

const extract = (value: bigint, field: BitField): number => Number((value >> BigInt(field.low)) & maskOf(field));

const isSet = (value: bigint, bit: number | undefined): boolean =>
  bit === undefined || ((value >> BigInt(bit)) & 1n) === 1n;

/** The fields of `value` whose validation bits are set. */
export function decodeBits<B extends BitFields>(table: B, value: bigint): BitValues<B> {
  const found: Record<string, number> = {};
  for (const [key, field] of Object.entries(table)) if (isSet(value, field.valid)) found[key] = extract(value, field);
  return found as BitValues<B>;
}

/**
 * The value that has these fields, with their validation bits set.
 *
 * @throws CperError `E_CPER_FIELD` when a number has more bits than its field
 */
export function encodeBits<B extends BitFields>(table: B, values: BitValues<B>): bigint {
  let value = 0n;
  for (const [key, field] of Object.entries(table)) {
    const given = values[key];
    if (given === undefined) continue;
    const max = Number(maskOf(field));
    if (!Number.isInteger(given) || given < 0 || given > max) {
      throw new CperError('E_CPER_FIELD', `${field.name} is ${given}; it takes a whole number from 0 to ${max}.`);
    }
    value |= BigInt(given) << BigInt(field.low);
    if (field.valid !== undefined) value |= 1n << BigInt(field.valid);
  }
  return value;
}

/** The valid fields of a value for printing, each by name. */
export function showBits(table: BitFields, value: bigint): { name: string; value: string }[] {
  return Object.values(table)
    .filter((field) => isSet(value, field.valid))
    .map((field) => {
      const given = extract(value, field);
      const name = field.names === undefined ? undefined : (field.names[given] ?? 'unknown');
      const plain = field.high - field.low >= 8 ? hex(given, 2) : String(given);
      return { name: field.name, value: name === undefined ? plain : `${given} (${name})` };
    });
}
