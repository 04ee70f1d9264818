/** Writes AML. Source: ACPI Specification 6.5, "AML Grammar Definition". */
import type { AmlArg, AmlField, AmlFieldList, AmlNode, AmlOp } from './node.ts';
import { isTerms } from './node.ts';
import { type ArgKind, EXT_OP_PREFIX, isLeadChar, isNameChar, NAME_PREFIX, opRow } from './opcodes.ts';

/** Largest length that a PkgLength of four bytes holds: 28 bits. */
export const PKG_LENGTH_MAX = 2 ** 28 - 1;

const SCALAR_BYTES: Readonly<Partial<Record<ArgKind, number>>> = { byte: 1, word: 2, dword: 4, qword: 8 };

/** The bytes of terms, one behind the other. */
export function encodeAml(terms: readonly AmlNode[]): Uint8Array {
  return Uint8Array.from(encodeTerms(terms));
}

function encodeTerms(terms: readonly AmlNode[]): number[] {
  const out: number[] = [];
  for (const term of terms) append(out, encodeTerm(term));
  return out;
}

/** `push(...)` takes as many arguments as the stack has room for; a table may have more bytes. */
function append(out: number[], bytes: ArrayLike<number>): void {
  for (let n = 0; n < bytes.length; n++) out.push(bytes[n]!);
}

function encodeTerm(term: AmlNode): ArrayLike<number> {
  if (term.kind === 'raw') return term.bytes;
  if (term.kind === 'reference') return [...encodeName(term.name), ...encodeTerms(term.args)];
  return encodeOp(term);
}

function encodeOp({ op, args, pkgLengthBytes }: AmlOp): number[] {
  const row = opRow(op);
  const kinds = row.args.filter((kind) => kind !== 'pkg');
  if (kinds.length !== args.length)
    throw new Error(`assertion: ${op} has ${kinds.length} operands, not ${args.length}`);
  const out: number[] = row.code > 0xff ? [EXT_OP_PREFIX, row.code & 0xff] : [row.code];
  const body: number[] = [];
  kinds.forEach((kind, n) => {
    append(body, encodeArg(kind, args[n]!, op));
  });
  if (row.args[0] === 'pkg') append(out, encodePkgLength(body.length, { includesSelf: true, bytes: pkgLengthBytes }));
  append(out, body);
  return out;
}

function encodeArg(kind: ArgKind, arg: AmlArg, op: string): ArrayLike<number> {
  const wrong = (): never => {
    throw new Error(`assertion: operand of ${op} is no ${kind}`);
  };
  const bytes = SCALAR_BYTES[kind];
  if (bytes !== undefined) {
    return typeof arg === 'number' || typeof arg === 'bigint' ? littleEndian(BigInt(arg), bytes) : wrong();
  }
  switch (kind) {
    case 'name':
    case 'seg':
      return typeof arg === 'string' ? encodeName(arg) : wrong();
    case 'text':
      return typeof arg === 'string' ? encodeText(arg) : wrong();
    case 'target':
      if (arg === null) return [0];
      return typeof arg === 'object' && 'kind' in arg && arg.kind !== 'fields' ? encodeTerm(arg) : wrong();
    case 'term':
    case 'super':
      return typeof arg === 'object' && arg !== null && 'kind' in arg && arg.kind !== 'fields'
        ? encodeTerm(arg)
        : wrong();
    case 'terms':
    case 'elements':
      return isTerms(arg) ? encodeTerms(arg) : wrong();
    case 'bytes':
      return arg instanceof Uint8Array ? arg : wrong();
    default:
      return typeof arg === 'object' && arg !== null && 'kind' in arg && arg.kind === 'fields'
        ? encodeFields(arg)
        : wrong();
  }
}

function littleEndian(value: bigint, bytes: number): number[] {
  if (value < 0n || value >> BigInt(8 * bytes) !== 0n)
    throw new Error(`assertion: ${value} has more than ${bytes} bytes`);
  return Array.from({ length: bytes }, (_, n) => Number((value >> BigInt(8 * n)) & 0xffn));
}

/** One byte per character; a NUL would end the text early. */
function encodeText(text: string): number[] {
  const codes = [...text].map((character) => character.codePointAt(0)!);
  if (codes.some((code) => code === 0 || code > 0xff)) throw new Error(`assertion: '${text}' is not text of AML`);
  return [...codes, 0];
}

/**
 * PkgLength: up to 63 in one byte, else the low four bits in the first and the rest in up to three more.
 *
 * @param contentBytes - what is to be counted; with `includesSelf` its own bytes are counted too
 */
function encodePkgLength(
  contentBytes: number,
  { includesSelf, bytes }: { readonly includesSelf: boolean; readonly bytes?: number | undefined },
): number[] {
  for (let length = bytes ?? 1; length <= 4; length++) {
    const value = contentBytes + (includesSelf ? length : 0);
    const most = length === 1 ? 0x3f : 2 ** (4 + 8 * (length - 1)) - 1;
    if (value > most) continue;
    if (length === 1) return [value];
    const rest = Array.from({ length: length - 1 }, (_, n) => Math.floor(value / 2 ** (4 + 8 * n)) & 0xff);
    return [((length - 1) << 6) | (value & 0xf), ...rest];
  }
  throw new Error(`assertion: an AML package of ${contentBytes} bytes; the most is ${PKG_LENGTH_MAX}`);
}

/** The bytes of a NameString; segments may be given without the underscores that fill them up. */
function encodeName(name: string): number[] {
  const { prefix, segments } = splitName(name);
  const out: number[] = [...prefix].map((character) => (character === '\\' ? NAME_PREFIX.root : NAME_PREFIX.parent));
  if (segments.length === 0) out.push(0);
  if (segments.length === 2) out.push(NAME_PREFIX.dual);
  if (segments.length > 2) out.push(NAME_PREFIX.multi, segments.length);
  for (const segment of segments) append(out, encodeSegment(segment));
  return out;
}

/** A name in its parts: `\` or carets, and the segments with their underscores. */
export function splitName(name: string): { readonly prefix: string; readonly segments: readonly string[] } {
  const prefix = /^(\\|\^*)/.exec(name)![0];
  const rest = name.slice(prefix.length);
  const segments = rest === '' ? [] : rest.split('.');
  if (segments.length > 255) throw new Error(`assertion: AML name of ${segments.length} segments`);
  return { prefix, segments: segments.map((segment) => segment.padEnd(4, '_')) };
}

function encodeSegment(segment: string): number[] {
  const codes = [...segment].map((character) => character.charCodeAt(0));
  if (codes.length !== 4 || !isLeadChar(codes[0]!) || !codes.every(isNameChar))
    throw new Error(`assertion: '${segment}' is no segment of an AML name`);
  return codes;
}

function encodeFields({ elements }: AmlFieldList): number[] {
  const out: number[] = [];
  for (const element of elements) append(out, encodeField(element));
  return out;
}

function encodeField(field: AmlField): number[] {
  switch (field.kind) {
    case 'named': {
      const length = encodePkgLength(field.bits, { includesSelf: false, bytes: field.lengthBytes });
      return [...encodeSegment(field.name.padEnd(4, '_')), ...length];
    }
    case 'reserved':
      return [0, ...encodePkgLength(field.bits, { includesSelf: false, bytes: field.lengthBytes })];
    case 'access':
      return [1, field.type, field.attrib];
    case 'connection':
      return [2, ...(typeof field.to === 'string' ? encodeName(field.to) : Array.from(encodeTerm(field.to)))];
    default:
      return [3, field.type, field.attrib, field.length];
  }
}
