/**
 * Times in binary-coded decimal.
 *
 * Source: UEFI Specification, appendix N.2.1, "Record Header", Timestamp; ACPI, "Generic Error Data Entry".
 */
import { type FieldStyle, uint64 } from './layout.ts';

/** A moment as records hold it; years are 0 to 9999. */
export interface CperTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
  /** The time is that of the error, not of its collection. */
  readonly precise: boolean;
}

const LIMITS: readonly (readonly [name: string, byte: number, min: number, max: number])[] = [
  ['seconds', 0, 0, 59],
  ['minutes', 1, 0, 59],
  ['hours', 2, 0, 23],
  ['day', 4, 1, 31],
  ['month', 5, 1, 12],
  ['year', 6, 0, 99],
  ['century', 7, 0, 99],
];

const byteOf = (value: bigint, byte: number): number => Number((value >> BigInt(byte * 8)) & 0xffn);
const fromBcd = (byte: number): number => (byte >> 4) * 10 + (byte & 15);
const toBcd = (value: number): bigint => BigInt(Math.floor(value / 10) * 16 + (value % 10));

/** What is wrong with a time, or undefined: a digit above 9 or a number that no clock shows. */
export function timeFault(value: bigint): string | undefined {
  for (const [name, at, min, max] of LIMITS) {
    const byte = byteOf(value, at);
    const bad = byte >> 4 > 9 || (byte & 15) > 9 || fromBcd(byte) < min || fromBcd(byte) > max;
    if (bad) return `${name} 0x${byte.toString(16).padStart(2, '0')}`;
  }
  return undefined;
}

/** The moment that 8 bytes name, or undefined when they name none. */
export function decodeTime(value: bigint): CperTime | undefined {
  if (timeFault(value) !== undefined) return undefined;
  const part = (at: number): number => fromBcd(byteOf(value, at));
  return {
    year: part(7) * 100 + part(6),
    month: part(5),
    day: part(4),
    hours: part(2),
    minutes: part(1),
    seconds: part(0),
    precise: (byteOf(value, 3) & 1) === 1,
  };
}

/** The 8 bytes of a moment as a number. */
export function encodeTime(time: CperTime): bigint {
  const bytes = [time.seconds, time.minutes, time.hours, 0, time.day, time.month, time.year % 100];
  bytes.push(Math.floor(time.year / 100));
  const value = bytes.reduce((sum, part, at) => sum | (toBcd(part) << BigInt(at * 8)), 0n);
  return time.precise ? value | (1n << 24n) : value;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** A time for printing, or the bytes where they are none. */
export function showTime(value: bigint): string {
  const time = decodeTime(value);
  const plain = `0x${value.toString(16).padStart(16, '0')}`;
  if (time === undefined) return `${plain} (invalid: ${timeFault(value)})`;
  const date = `${String(time.year).padStart(4, '0')}-${two(time.month)}-${two(time.day)}`;
  return `${date} ${two(time.hours)}:${two(time.minutes)}:${two(time.seconds)}${time.precise ? '' : ' (imprecise)'}`;
}

/** A field of 8 bytes that is a time. */
export const time = (at: number, name: string, style: FieldStyle<bigint> = {}) =>
  uint64(at, name, { show: showTime, ...style });
