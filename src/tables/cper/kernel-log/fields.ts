/** What a line of a report holds: fields, bytes of a dump, or a sentence. */
import type { LogField } from './types.ts';

const field = (name: string, value: string): LogField => ({ name: name.trim(), value: value.trim() });

/** Linux, lib/hexdump.c: an offset, then words of 32 bits or single bytes, then the bytes as text. */
const DUMP_ROW = /^[0-9a-f]{8}: ((?:[0-9a-f]{8}(?: |$)){1,4}|(?:[0-9a-f]{2}(?: |$)){1,16})/;

/** The bytes of a row of a dump, or undefined for another line. Words are taken as those of a little-endian machine. */
export function dumpRow(message: string): number[] | undefined {
  const found = DUMP_ROW.exec(message);
  if (found === null) return undefined;
  return found[1]
    .trim()
    .split(' ')
    .flatMap((group) => {
      const bytes = group.match(/../g) as string[];
      return bytes.map((byte) => Number.parseInt(byte, 16)).reverse();
    });
}

/** `node: 0 card: 1 module: 2` or `node:0 card:1`. */
const LOCATION = /^(?:[a-z_]+: ?(?:0x[0-9a-f]+|\d+)(?: +|$)){2,}$/;

/** Fields whose value may hold anything, so that it is not taken apart. */
const WHOLE_VALUES: ReadonlySet<string> = new Set(['fru_text', 'DIMM location', 'fru_id']);

const NAME_AND_VALUE = /^([A-Za-z][\w .()/+-]*?): ?(.*)$/;

/** The fields of a line, none when it is a sentence. */
export function fieldsIn(message: string): LogField[] {
  if (LOCATION.test(message)) {
    return [...message.matchAll(/([a-z_]+): ?(\S+)/g)].map(([, name, value]) => field(name, value));
  }
  // Newer kernels say again what kind of error it is: "cache error, operation type: Data read".
  const plain = message.replace(/^(?:cache|TLB|bus) error, (?=operation type: )/, '');
  const found = NAME_AND_VALUE.exec(plain);
  if (found === null) return [];
  const [, name, value] = found;
  if (WHOLE_VALUES.has(name)) return [field(name, value)];
  if (name === 'bridge') return fieldsIn(value).map((one) => field(`bridge ${one.name}`, one.value));
  const parts = plain.split(/, (?=[\w ]+: )/);
  return parts.flatMap((part) => {
    const [, partName, partValue] = NAME_AND_VALUE.exec(part) ?? [];
    return partName === undefined ? [] : [field(partName, partValue)];
  });
}
