/**
 * AML as ASL: text that a compiler turns into the same bytes, in the classic form with operators as functions.
 *
 * Source: ACPI Specification 6.5, "ACPI Source Language (ASL) Reference".
 */
import type { AmlArg, AmlField, AmlFieldList, AmlNode, AmlOp } from './node.ts';
import { integerOf, isNode, isOp, isTerms } from './node.ts';
import { opRow } from './opcodes.ts';

const ACCESS = ['AnyAcc', 'ByteAcc', 'WordAcc', 'DWordAcc', 'QWordAcc', 'BufferAcc'];
const UPDATE = ['Preserve', 'WriteAsOnes', 'WriteAsZeros'];
const MATCH = ['MTR', 'MEQ', 'MLE', 'MLT', 'MGE', 'MGT'];
const SPACES = [
  'SystemMemory',
  'SystemIO',
  'PCI_Config',
  'EmbeddedControl',
  'SMBus',
  'SystemCMOS',
  'PciBarTarget',
  'IPMI',
  'GeneralPurposeIo',
  'GenericSerialBus',
  'PCC',
];
const OBJECT_TYPES = [
  'UnknownObj',
  'IntObj',
  'StrObj',
  'BuffObj',
  'PkgObj',
  'FieldUnitObj',
  'DeviceObj',
  'EventObj',
  'MethodObj',
  'MutexObj',
  'OpRegionObj',
  'PowerResObj',
  'ProcessorObj',
  'ThermalZoneObj',
  'BuffFieldObj',
];

/** Lines of text; each term of the block begins a line. */
export function printAml(terms: readonly AmlNode[]): string {
  return lines(terms, 0);
}

const indent = (depth: number): string => '    '.repeat(depth);
const hex = (value: number | bigint): string => `0x${value.toString(16).toUpperCase()}`;
const named = (list: readonly string[], value: number): string => list[value] ?? hex(value);

function lines(terms: readonly AmlNode[], depth: number): string {
  return terms
    .flatMap(withoutWrapper)
    .map((term) => `${indent(depth)}${text(term, depth)}\n`)
    .join('');
}

/** Compilers put External, which old interpreters do not know, into `If (Zero)`, and do so again with what is printed. */
function withoutWrapper(term: AmlNode): readonly AmlNode[] {
  if (!isOp(term, 'If') || !isOp(term.args[0], 'Zero')) return [term];
  const body = term.args[1];
  return isTerms(body) && body.length > 0 && body.every((inner) => isOp(inner, 'External')) ? body : [term];
}

/** The whole term, without the indentation of its first line. */
function text(term: AmlNode, depth: number): string {
  if (term.kind === 'raw') return `/* ${term.bytes.length} bytes that are no AML: ${bytesText(term.bytes)} */`;
  if (term.kind === 'reference') {
    const args = term.args.map((arg) => text(arg, depth)).join(', ');
    return term.args.length === 0 ? nameText(term.name) : `${nameText(term.name)} (${args})`;
  }
  return opText(term, depth);
}

/** The first line of a term: without what stands in braces. */
export function headText(term: AmlNode): string {
  if (term.kind !== 'op') return text(term, 0);
  const { args } = term;
  const special = SPECIAL[term.op];
  if (special !== undefined) return special(args, 0, term);
  const head = args.filter((arg) => !isTerms(arg) && !isFields(arg) && !(arg instanceof Uint8Array));
  return `${term.op} (${head.map((arg) => argText(arg, 0)).join(', ')})`;
}

function opText(term: AmlOp, depth: number): string {
  const { op, args } = term;
  const row = opRow(op);
  if (row.constant) return SPECIAL[op]?.(args, depth, term) ?? op;
  const special = SPECIAL[op];
  const head = special?.(args, depth, term) ?? headText(term);
  if (row.args.length === 0) return op;
  const last = args[args.length - 1];
  const open = `${head}\n${indent(depth)}{`;
  const close = `${indent(depth)}}`;
  if (last instanceof Uint8Array) return last.length === 0 ? `${head} {}` : `${head} { ${bytesText(last)} }`;
  if (isFields(last)) return `${open}\n${fieldLines(last, depth + 1)}\n${close}`;
  if (!isTerms(last)) return head;
  if (op === 'Package' || op === 'VarPackage') {
    return `${head} { ${last.map((element) => text(element, depth)).join(', ')} }`;
  }
  return `${open}\n${lines(last, depth + 1)}${close}`;
}

const isFields = (arg: AmlArg | undefined): arg is AmlFieldList =>
  typeof arg === 'object' && arg !== null && 'kind' in arg && arg.kind === 'fields';

function argText(arg: AmlArg, depth: number): string {
  if (arg === null) return '';
  if (typeof arg === 'string') return nameText(arg);
  if (typeof arg === 'number' || typeof arg === 'bigint') return hex(arg);
  return isNode(arg) ? text(arg, depth) : '';
}

type Special = (args: readonly AmlArg[], depth: number, term: AmlOp) => string;
const number: Special = ([value]) => hex(value as number | bigint);
const fieldFlags = (byte: number): string =>
  `${named(ACCESS, byte & 15)}, ${byte & 16 ? 'Lock' : 'NoLock'}, ${named(UPDATE, (byte >> 5) & 3)}`;

/** Operators whose operands are not written in ASL as they stand in AML: everything before the braces. */
const SPECIAL: Readonly<Partial<Record<string, Special>>> = {
  BytePrefix: number,
  WordPrefix: number,
  DWordPrefix: number,
  QWordPrefix: number,
  String: ([value]) => quoted(value as string),
  Else: () => 'Else',
  External: ([name, type, count]) => {
    const unknown = Array(count as number)
      .fill('UnknownObj')
      .join(', ');
    const types = unknown === '' ? '' : `, UnknownObj, {${unknown}}`;
    return `External (${nameText(name as string)}, ${named(OBJECT_TYPES, type as number)}${types})`;
  },
  Method: ([name, flags]) => {
    const byte = flags as number;
    const how = byte & 8 ? `Serialized, ${byte >> 4}` : 'NotSerialized';
    return `Method (${nameText(name as string)}, ${byte & 7}, ${how})`;
  },
  OperationRegion: ([name, space, offset, length], depth) => {
    const [at, size] = [argText(offset!, depth), argText(length!, depth)];
    return `OperationRegion (${nameText(name as string)}, ${named(SPACES, space as number)}, ${at}, ${size})`;
  },
  Field: ([name, flags]) => `Field (${nameText(name as string)}, ${fieldFlags(flags as number)})`,
  IndexField: ([index, data, flags]) =>
    `IndexField (${nameText(index as string)}, ${nameText(data as string)}, ${fieldFlags(flags as number)})`,
  BankField: ([region, bank, value, flags], depth) => {
    const names = `${nameText(region as string)}, ${nameText(bank as string)}`;
    return `BankField (${names}, ${argText(value!, depth)}, ${fieldFlags(flags as number)})`;
  },
  Match: ([list, op1, operand1, op2, operand2, start], depth) => {
    const [a, b, from] = [argText(operand1!, depth), argText(operand2!, depth), argText(start!, depth)];
    const [m, n] = [named(MATCH, op1 as number), named(MATCH, op2 as number)];
    return `Match (${argText(list!, depth)}, ${m}, ${a}, ${n}, ${b}, ${from})`;
  },
};

function quoted(value: string): string {
  const escaped = [...value].map((character) => {
    if (character === '"' || character === '\\') return `\\${character}`;
    const code = character.charCodeAt(0);
    return code >= 0x20 && code < 0x7f ? character : `\\x${code.toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return `"${escaped.join('')}"`;
}

/** A name as people write it: without the underscores that fill a segment up. */
export function nameText(name: string): string {
  return name
    .split('.')
    .map((part) => part.replace(/(?<=[A-Z0-9])_+$/, ''))
    .join('.');
}

function bytesText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `0x${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(', ');
}

function fieldLines({ elements }: AmlFieldList, depth: number): string {
  return elements.map((field) => `${indent(depth)}${fieldText(field, depth)}`).join(',\n');
}

function fieldText(field: AmlField, depth: number): string {
  switch (field.kind) {
    case 'named':
      return `${nameText(field.name)}, ${field.bits}`;
    case 'reserved':
      return `, ${field.bits}`;
    case 'connection':
      return `Connection (${typeof field.to === 'string' ? nameText(field.to) : text(field.to, depth)})`;
    default:
      return `AccessAs (${named(ACCESS, field.type & 15)}, ${hex(field.attrib)})`;
  }
}

/** A constant in as few words as possible, for a tree; undefined for any other term. */
export function constantText(term: AmlNode): string | undefined {
  const integer = integerOf(term);
  if (integer !== undefined) return integer < 10n ? `${integer}` : `${integer} (0x${integer.toString(16)})`;
  return term.kind === 'op' && term.op === 'String' ? quoted(term.args[0] as string) : undefined;
}
