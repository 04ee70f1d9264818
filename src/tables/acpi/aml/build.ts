/** Terms of AML from readable values: what a table's author writes. Source: ACPI Specification 6.5, "ASL Reference". */
import type { AmlArg, AmlField, AmlNode, AmlOp } from './node.ts';
import type { OpName } from './opcodes.ts';

/** An operator with its operands. */
export function amlOp(op: OpName, ...args: readonly AmlArg[]): AmlOp {
  return { kind: 'op', op, args };
}

/** The shortest constant for a number: Zero, One, or a prefix and 1, 2, 4 or 8 bytes. 0 to 2^64 - 1. */
export function amlInteger(value: number | bigint): AmlOp {
  const wide = BigInt(value);
  if (wide < 0n || wide >> 64n !== 0n) throw new Error(`assertion: ${value} is no integer of AML`);
  if (wide === 0n) return amlOp('Zero');
  if (wide === 1n) return amlOp('One');
  if (wide <= 0xffn) return amlOp('BytePrefix', Number(wide));
  if (wide <= 0xffffn) return amlOp('WordPrefix', Number(wide));
  if (wide <= 0xffff_ffffn) return amlOp('DWordPrefix', Number(wide));
  return amlOp('QWordPrefix', wide);
}

/** What {@link amlValue} takes for a term. */
export type AmlValue = number | bigint | string | Uint8Array | AmlNode;

/** A term from a value: a number is a constant, a string is text, bytes are a Buffer. */
export function amlValue(value: AmlValue): AmlNode {
  if (typeof value === 'number' || typeof value === 'bigint') return amlInteger(value);
  if (typeof value === 'string') return amlOp('String', value);
  if (value instanceof Uint8Array) return amlOp('Buffer', amlInteger(value.length), value);
  return value;
}

/** A named object where a term stands: a reference, or with arguments the call of a method. */
export function amlRef(name: string, ...args: readonly AmlValue[]): AmlNode {
  return { kind: 'reference', name: paddedName(name), args: args.map(amlValue) };
}

/** `Package () { ... }`, at most 255 elements. */
export function amlPackage(...elements: readonly AmlValue[]): AmlOp {
  return amlOp('Package', elements.length, elements.map(amlValue));
}

/** `Name (name, value)`. */
export function amlName(name: string, value: AmlValue): AmlOp {
  return amlOp('Name', paddedName(name), amlValue(value));
}

/** `Device (name) { ... }`. */
export function amlDevice(name: string, ...terms: readonly AmlNode[]): AmlOp {
  return amlOp('Device', paddedName(name), terms);
}

/** `Scope (name) { ... }`. */
export function amlScope(name: string, ...terms: readonly AmlNode[]): AmlOp {
  return amlOp('Scope', paddedName(name), terms);
}

/** A method's number of arguments (0 to 7), and whether only one caller at a time is in it. */
export interface AmlMethodFlags {
  readonly args?: number;
  readonly serialized?: boolean;
}

/** `Method (name, ...) { ... }`. */
export function amlMethod(name: string, flags: AmlMethodFlags, ...terms: readonly AmlNode[]): AmlOp {
  const { args = 0, serialized = false } = flags;
  return amlOp('Method', paddedName(name), args | (serialized ? 8 : 0), terms);
}

/** RegionSpace: system memory. */
const SYSTEM_MEMORY = 0;

/** `OperationRegion (name, SystemMemory, ...)`. */
export function amlMemoryRegion(name: string, addrPa: bigint, sizeBytes: number): AmlOp {
  return amlOp('OperationRegion', paddedName(name), SYSTEM_MEMORY, amlInteger(addrPa), amlInteger(sizeBytes));
}

/** AccessType of a Field: the width at which its registers are accessed. */
export const AML_ACCESS = { any: 0, byte: 1, word: 2, dword: 3, qword: 4 } as const;
/** UpdateRule of a Field: what is written to bits beside the field. */
export const AML_UPDATE = { preserve: 0, ones: 1, zeros: 2 } as const;

/** How the registers of a Field are accessed; not locked. */
export interface AmlFieldFlags {
  readonly access: keyof typeof AML_ACCESS;
  readonly update: keyof typeof AML_UPDATE;
}

/** `Field (region, ...) { ... }`: names with their bits, from the least significant on; a name of '' skips bits. */
export function amlField(region: string, flags: AmlFieldFlags, fields: readonly (readonly [string, number])[]): AmlOp {
  const elements = fields.map(
    ([name, bits]): AmlField => (name === '' ? { kind: 'reserved', bits } : { kind: 'named', name, bits }),
  );
  const byte = AML_ACCESS[flags.access] | (AML_UPDATE[flags.update] << 5);
  return amlOp('Field', paddedName(region), byte, { kind: 'fields', elements });
}

/** `If (condition) { ... }`. */
export function amlIf(condition: AmlNode, ...terms: readonly AmlNode[]): AmlOp {
  return amlOp('If', condition, terms);
}

/** `Else { ... }`, directly behind an If. */
export function amlElse(...terms: readonly AmlNode[]): AmlOp {
  return amlOp('Else', terms);
}

/** `Store (value, target)`. */
export function amlStore(value: AmlValue, target: AmlNode): AmlOp {
  return amlOp('Store', amlValue(value), target);
}

/** `And (a, b)` without a target. */
export function amlAnd(a: AmlValue, b: AmlValue): AmlOp {
  return amlOp('And', amlValue(a), amlValue(b), null);
}

/** `LEqual (a, b)`. */
export function amlEqual(a: AmlValue, b: AmlValue): AmlOp {
  return amlOp('LEqual', amlValue(a), amlValue(b));
}

/** `Notify (device, value)`. */
export function amlNotify(device: string, value: number): AmlOp {
  return amlOp('Notify', amlRef(device), amlInteger(value));
}

/** `Return (value)`. */
export function amlReturn(value: AmlValue): AmlOp {
  return amlOp('Return', amlValue(value));
}

/** The form in which names stand in a tree: every segment filled up to four characters. */
export function paddedName(name: string): string {
  const prefix = /^(\\|\^*)/.exec(name)![0];
  const rest = name.slice(prefix.length);
  const segments = rest === '' ? [] : rest.split('.').map((segment) => segment.padEnd(4, '_'));
  return prefix + segments.join('.');
}

/**
 * `EISAID (text)`: three letters of five bits each and four hexadecimal digits, most significant byte first. ACPI
 * Specification, "EISAID (EISA ID String To Integer Conversion Macro)".
 */
export function amlEisaId(text: string): AmlOp {
  const match = /^([A-Z]{3})([0-9A-F]{4})$/.exec(text);
  if (match === null) throw new Error(`assertion: '${text}' is no EISA id`);
  const [a, b, c] = [...match[1]!].map((letter) => letter.charCodeAt(0) - 0x40) as [number, number, number];
  const letters = (a << 10) | (b << 5) | c;
  const product = Number.parseInt(match[2]!, 16);
  const bytes = [letters >> 8, letters & 0xff, product >> 8, product & 0xff];
  return amlOp(
    'DWordPrefix',
    bytes.reduceRight((value, byte) => value * 256 + byte, 0),
  );
}

/** The text of an EISA id, or undefined when the integer is none. */
export function eisaIdText(value: bigint): string | undefined {
  if (value >> 32n !== 0n) return undefined;
  const bytes = [0, 8, 16, 24].map((shift) => Number((value >> BigInt(shift)) & 0xffn));
  const letters = (bytes[0]! << 8) | bytes[1]!;
  const codes = [letters >> 10, (letters >> 5) & 0x1f, letters & 0x1f];
  if (letters >> 15 || codes.some((code) => code < 1 || code > 26)) return undefined;
  const product = ((bytes[2]! << 8) | bytes[3]!).toString(16).toUpperCase().padStart(4, '0');
  return String.fromCharCode(...codes.map((code) => code + 0x40)) + product;
}

/**
 * `ToUUID (text)`: 16 bytes, the first three groups little-endian. ACPI Specification, "ToUUID (Convert String to UUID
 * Macro)".
 */
export function uuidBytes(text: string): Uint8Array {
  const digits = text.replaceAll('-', '');
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) throw new Error(`assertion: '${text}' is no UUID`);
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return Uint8Array.from(order, (n) => Number.parseInt(digits.slice(2 * n, 2 * n + 2), 16));
}
