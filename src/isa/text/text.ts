/** A template bound to an encoding: printing an instruction, and reading one. */
import type { Encoding, FieldValues } from '../encoding.ts';
import { skipBlanks } from './expression.ts';
import type { Match, OperandText, PrintContext, Reading } from './kind.ts';
import { ALIAS_KINDS } from './kinds-alias.ts';
import { GENERAL_KINDS } from './kinds-general.ts';
import { VECTOR_KINDS } from './kinds-vector.ts';
import { type OperandSpec, type Piece, parseTemplate } from './template.ts';

/** The text of one instruction, in both directions. */
export interface InstructionText {
  print(c: PrintContext): string;
  /** Every way to read a whole statement; `values` are fields that are given from the start. */
  read(r: Reading, values: FieldValues): readonly FieldValues[];
}

type BoundPiece =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'operand'; readonly operand: OperandText }
  | { readonly type: 'optional'; readonly pieces: readonly BoundPiece[]; readonly fields: readonly string[] };

function bindOperand(spec: OperandSpec, encoding: Encoding): OperandText {
  const tables = [GENERAL_KINDS, VECTOR_KINDS, ALIAS_KINDS];
  // `s` is a signed immediate of an ordinary field and a single-precision register of a V field.
  if (/^V/.test(spec.fields[0] ?? '')) tables.unshift(VECTOR_KINDS);
  const kind = tables.map((t) => t[spec.kind]).find((k) => k !== undefined);
  if (!kind) throw new Error(`operand '{${spec.source}}': no kind '${spec.kind}'`);
  try {
    return kind(spec, encoding);
  } catch (error) {
    throw new Error(`operand '{${spec.source}}': ${(error as Error).message}`);
  }
}

function bind(pieces: readonly Piece[], encoding: Encoding): BoundPiece[] {
  return pieces.map((p) => {
    if (p.type === 'text') return p;
    if (p.type === 'operand') return { type: 'operand', operand: bindOperand(p.spec, encoding) };
    return { type: 'optional', pieces: bind(p.pieces, encoding), fields: p.fields };
  });
}

function print(pieces: readonly BoundPiece[], c: PrintContext): string {
  let text = '';
  for (const p of pieces) {
    if (p.type === 'text') text += p.text;
    else if (p.type === 'operand') text += p.operand.print(c);
    else if (p.fields.some((name) => c.f[name] !== 0)) text += print(p.pieces, c);
  }
  return text;
}

/** Merges fields; undefined when one of them would need two values. */
function merge(a: FieldValues, b: FieldValues): FieldValues | undefined {
  for (const name in b) if (a[name] !== undefined && a[name] !== b[name]) return undefined;
  return { ...a, ...b };
}

/** Literal text: blanks in the source are free between operands, not inside a word. */
function readText(r: Reading, at: number, text: string): number | undefined {
  let here = at;
  for (const [part] of text.matchAll(/\w+|[^\w ]| +/g)) {
    // The first text continues at the very beginning; inside a mnemonic an operand may stand between two texts.
    if (part.startsWith(' ') || !/\w/.test(part)) here = skipBlanks(r.text, here);
    if (part.startsWith(' ')) continue;
    if (r.text.slice(here, here + part.length).toLowerCase() !== part.toLowerCase()) {
      r.fail(here, part === ',' ? "',' and another operand" : `'${part}'`);
      return undefined;
    }
    here += part.length;
  }
  return here;
}

function read(pieces: readonly BoundPiece[], r: Reading, from: Match): readonly Match[] {
  const [piece, ...rest] = pieces;
  if (!piece) return [from];
  const goOn = (matches: readonly Match[]): readonly Match[] =>
    matches.flatMap((m) => {
      const values = merge(from.values, m.values);
      return values ? read(rest, r, { at: m.at, values }) : r.fail(from.at, 'operands of matching size');
    });
  if (piece.type === 'text') {
    const at = readText(r, from.at, piece.text);
    return at === undefined ? [] : goOn([{ at, values: {} }]);
  }
  if (piece.type === 'operand') return goOn(piece.operand.read(r, from.at, from.values));
  const present = read([...piece.pieces, ...rest], r, from);
  if (present.length > 0) return present;
  const absent = Object.fromEntries(piece.fields.filter((n) => from.values[n] === undefined).map((n) => [n, 0]));
  return goOn([{ at: from.at, values: absent }]);
}

/**
 * Binds a template to an encoding.
 *
 * @throws Error when the template names a kind or field that does not exist: templates are our own
 */
export function instructionText(template: string, encoding: Encoding): InstructionText {
  const pieces = bind(parseTemplate(template), encoding);
  if (pieces[0]?.type !== 'text') throw new Error('does not begin with a mnemonic');
  return {
    print: (c) => print(pieces, c),
    read: (r, values) =>
      read(pieces, r, { at: 0, values }).flatMap((m) => {
        const end = skipBlanks(r.text, m.at);
        if (end < r.text.length) {
          r.fail(end, 'the end of the statement');
          return [];
        }
        return [m.values];
      }),
  };
}
