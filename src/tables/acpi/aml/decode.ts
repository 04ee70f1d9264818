/**
 * Reads AML. Never throws on bytes: what breaks a rule becomes a finding and stays in the tree as raw bytes, so that
 * encoding the tree gives the same bytes again, whatever they are.
 *
 * Source: ACPI Specification 6.5, "AML Grammar Definition". A name in the place of a term is followed by as many
 * arguments as the method has that it names, so names are resolved as "Namespace Search Rules" says.
 */
import { type Decoded, type Finding, MAX_FINDINGS } from '../../finding.ts';
import type { AmlArg, AmlField, AmlFieldList, AmlNode } from './node.ts';
import { AML_OPS, type ArgKind, type OpName, opByCode, opRow, startsName } from './opcodes.ts';
import { AmlReader, Malformed } from './reader.ts';
import { AmlScope, noteDeclaration } from './scope.ts';

/** Deepest nesting of packages, expressions and calls that is read; real tables stay below 20. */
export const AML_DEPTH_MAX = 64;

/** Where a term stands in what was decoded. */
export interface AmlPlace {
  readonly offset: number;
  readonly sizeBytes: number;
}

/** Terms, what is wrong with them, and where each stands. */
export interface DecodedAml extends Decoded<readonly AmlNode[]> {
  value: readonly AmlNode[];
  places: ReadonlyMap<AmlNode, AmlPlace>;
}

/** Reads the terms of a definition block, that is a DSDT or SSDT without its header. */
export function decodeAml(bytes: Uint8Array): DecodedAml {
  // Twice: a call may stand before the method that it names.
  const root = new AmlScope();
  new Decoder(bytes, false).terms(root);
  const decoder = new Decoder(bytes, true);
  const value = decoder.terms(root);
  return { value, findings: decoder.findings, places: decoder.places };
}

/** Operators whose first operand is the scope of what follows. */
const OPENS_SCOPE: ReadonlySet<OpName> = new Set([
  'Scope',
  'Device',
  'Processor',
  'PowerResource',
  'ThermalZone',
  'Method',
]);

class Decoder {
  readonly findings: Finding[] = [];
  readonly places = new Map<AmlNode, AmlPlace>();
  readonly #in: AmlReader;
  /** Bodies of methods are read, not only skipped. */
  readonly #bodies: boolean;
  #depth = 0;

  constructor(bytes: Uint8Array, bodies: boolean) {
    this.#in = new AmlReader(bytes);
    this.#bodies = bodies;
  }

  /** Terms up to the end of the package; from the first that cannot be read on, the rest as raw bytes. */
  terms(scope: AmlScope): AmlNode[] {
    return this.#list(() => this.#term(scope));
  }

  #list(one: () => AmlNode): AmlNode[] {
    const list: AmlNode[] = [];
    const reader = this.#in;
    while (reader.at < reader.end) {
      const start = reader.at;
      const { end } = reader;
      const depth = this.#depth;
      try {
        list.push(one());
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
        this.#depth = depth;
        reader.end = end;
        reader.at = start;
        this.#report(error);
        list.push(this.#placed(start, { kind: 'raw', bytes: reader.take(end - start) }));
      }
    }
    return list;
  }

  #report({ offset, rule, found, expected }: Malformed): void {
    if (this.findings.length < MAX_FINDINGS) this.findings.push({ offset, rule, found, expected });
  }

  #placed<T extends AmlNode>(start: number, node: T): T {
    this.places.set(node, { offset: start, sizeBytes: this.#in.at - start });
    return node;
  }

  #term(scope: AmlScope): AmlNode {
    const start = this.#in.at;
    if (++this.#depth > AML_DEPTH_MAX) {
      throw new Malformed(start, 'nesting', `more than ${AML_DEPTH_MAX} levels`, 'fewer');
    }
    const node = startsName(this.#in.peek() ?? 0) ? this.#call(scope) : this.#op(scope);
    this.#depth--;
    return this.#placed(start, node);
  }

  #call(scope: AmlScope): AmlNode {
    const name = this.#in.name();
    const argc = scope.argumentCount(name);
    return { kind: 'reference', name, args: Array.from({ length: argc }, () => this.#term(scope)) };
  }

  #op(scope: AmlScope): AmlNode {
    const reader = this.#in;
    const start = reader.at;
    const code = reader.opcode();
    const op = opByCode(code);
    if (op === undefined) {
      throw new Malformed(start, 'opcode', `0x${code.toString(16).padStart(2, '0')}`, 'an opcode of AML');
    }
    const row = opRow(op);
    if (row.args[0] !== 'pkg') return this.#declared(op, this.#args(row.args, op, scope), scope);
    const lengthAt = reader.at;
    const length = reader.pkgLength(true);
    const end = lengthAt + length.value;
    if (end > reader.end || end < reader.at) {
      const room = `${length.sizeBytes} to ${reader.end - lengthAt}`;
      throw new Malformed(lengthAt, `PkgLength of ${op}`, `${length.value}`, room);
    }
    const outerEnd = reader.end;
    reader.end = end;
    const args = this.#args(row.args.slice(1), op, scope);
    reader.end = outerEnd;
    const { longerBytes } = length;
    return { kind: 'op', op, args, ...(longerBytes === undefined ? {} : { pkgLengthBytes: longerBytes }) };
  }

  /** An operator without a package, after what it declares has been noted. */
  #declared(op: OpName, args: AmlArg[], scope: AmlScope): AmlNode {
    const node = { kind: 'op', op, args } as const;
    noteDeclaration(scope, node);
    return node;
  }

  #args(kinds: readonly ArgKind[], op: OpName, outer: AmlScope): AmlArg[] {
    const args: AmlArg[] = [];
    let scope = outer;
    kinds.forEach((kind, n) => {
      if (op === 'Method' && kind === 'terms') {
        outer.declare(args[0] as string, (args[1] as number) & 7);
        args.push(this.#methodBody(scope));
        return;
      }
      args.push(this.#arg(kind, scope));
      if (n !== 0 || !OPENS_SCOPE.has(op)) return;
      scope = outer.at(args[0] as string);
      if (op !== 'Scope') outer.declare(args[0] as string, 0);
    });
    return args;
  }

  #methodBody(scope: AmlScope): readonly AmlNode[] {
    if (this.#bodies) return this.terms(scope);
    this.#in.at = this.#in.end;
    return [];
  }

  #arg(kind: ArgKind, scope: AmlScope): AmlArg {
    const reader = this.#in;
    switch (kind) {
      case 'name':
        return reader.name();
      case 'seg':
        return reader.segment();
      case 'byte':
        return reader.number(1, 'ByteData');
      case 'word':
        return reader.number(2, 'WordData');
      case 'dword':
        return reader.number(4, 'DWordData');
      case 'qword':
        return reader.number64('QWordData');
      case 'text':
        return reader.text();
      case 'term':
        return this.#term(scope);
      case 'super':
        return this.#super(scope);
      case 'target':
        if (reader.peek() !== 0) return this.#super(scope);
        reader.at++;
        return null;
      case 'terms':
        return this.terms(scope);
      case 'elements':
        return this.#list(() => this.#super(scope));
      case 'bytes':
        return reader.take(reader.end - reader.at);
      default:
        return this.#fields(scope);
    }
  }

  /** A term in which a name is a reference, not a call. */
  #super(scope: AmlScope): AmlNode {
    if (!startsName(this.#in.peek() ?? 0)) return this.#term(scope);
    const start = this.#in.at;
    return this.#placed(start, { kind: 'reference', name: this.#in.name(), args: [] });
  }

  #fields(scope: AmlScope): AmlFieldList {
    const elements: AmlField[] = [];
    while (this.#in.at < this.#in.end) {
      const field = this.#field(scope);
      if (field.kind === 'named') scope.declare(field.name, 0);
      elements.push(field);
    }
    return { kind: 'fields', elements };
  }

  #field(scope: AmlScope): AmlField {
    const reader = this.#in;
    const lead = reader.peek();
    if (lead === undefined || lead > 3) {
      const name = reader.segment();
      return { kind: 'named', name, ...fieldLength(reader) };
    }
    reader.at++;
    if (lead === 0) return { kind: 'reserved', ...fieldLength(reader) };
    if (lead === 2) {
      return { kind: 'connection', to: reader.peek() === AML_OPS.Buffer.code ? this.#term(scope) : reader.name() };
    }
    const [type, attrib] = [reader.byte('AccessType'), reader.byte('AccessAttrib')];
    if (lead === 1) return { kind: 'access', type, attrib };
    return { kind: 'extended-access', type, attrib, length: reader.byte('AccessLength') };
  }
}

function fieldLength(reader: AmlReader): { bits: number; lengthBytes?: number } {
  const { value, longerBytes } = reader.pkgLength(false);
  return longerBytes === undefined ? { bits: value } : { bits: value, lengthBytes: longerBytes };
}
