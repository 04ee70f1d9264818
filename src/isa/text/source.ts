/** Source text into statements: comments, separators and labels. Syntax of the GNU assembler for AArch64. */
import { AssemblerError, type SourcePlace } from './errors.ts';

/** A label before a statement: a name, or a number that may be defined again. */
export interface LabelDefinition {
  readonly name: string;
  readonly place: SourcePlace;
}

/** One statement with the labels before it; `text` may be empty. */
export interface Statement {
  readonly labels: readonly LabelDefinition[];
  readonly text: string;
  /** Of the first character of `text`. */
  readonly place: SourcePlace;
}

/** Length of the string or character literal at `at`, quotes included; 0 when there is none. */
function literalLength(line: string, at: number): number {
  if (line[at] === "'") {
    const end = at + (line[at + 1] === '\\' ? 3 : 2);
    return Math.min(line[end] === "'" ? end + 1 : end, line.length) - at;
  }
  if (line[at] !== '"') return 0;
  for (let i = at + 1; i < line.length; i++) {
    if (line[i] === '\\') i++;
    else if (line[i] === '"') return i + 1 - at;
  }
  return line.length - at;
}

/** A line with its comments blanked out; `inside` says that a block comment goes on from the line before. */
function withoutComments(line: string, inside: boolean): { text: string; inside: boolean } {
  let text = '';
  let at = 0;
  let open = inside;
  while (at < line.length) {
    if (open) {
      const end = line.indexOf('*/', at);
      const next = end < 0 ? line.length : end + 2;
      text += ' '.repeat(next - at);
      at = next;
      open = end < 0;
    } else if (line.startsWith('//', at) || (line[at] === '#' && text.trim() === '')) {
      break;
    } else if (line.startsWith('/*', at)) {
      open = true;
      text += '  ';
      at += 2;
    } else {
      const length = literalLength(line, at) || 1;
      text += line.slice(at, at + length);
      at += length;
    }
  }
  return { text, inside: open };
}

/** Splits at a separator outside literals and, with `nested`, outside brackets; offsets are those in `text`. */
export function splitOutsideLiterals(text: string, separator: string, nested: boolean): { text: string; at: number }[] {
  const parts: { text: string; at: number }[] = [];
  let start = 0;
  let depth = 0;
  for (let at = 0; at <= text.length; ) {
    const ch = text[at];
    if (at === text.length || (ch === separator && depth === 0)) {
      parts.push({ text: text.slice(start, at), at: start });
      start = at + 1;
    } else if (nested && (ch === '(' || ch === '[')) depth++;
    else if (nested && (ch === ')' || ch === ']')) depth--;
    at += literalLength(text, at) || 1;
  }
  return parts;
}

const LABEL = /^[ \t]*([a-z_.$][\w.$]*|[0-9]+)[ \t]*:(?!:)/i;

function statementOf(part: { text: string; at: number }, line: number): Statement {
  const labels: LabelDefinition[] = [];
  let rest = part.text;
  let at = part.at;
  for (let match = LABEL.exec(rest); match; match = LABEL.exec(rest)) {
    labels.push({ name: match[1]!, place: { line, column: at + match[0].indexOf(match[1]!) + 1 } });
    rest = rest.slice(match[0].length);
    at += match[0].length;
  }
  const blanks = rest.length - rest.trimStart().length;
  return { labels, text: rest.trim(), place: { line, column: at + blanks + 1 } };
}

/**
 * The statements of a source text in order, one per line or separated by `;`.
 *
 * @throws AssemblerError when a block comment is not closed
 */
export function splitStatements(source: string): Statement[] {
  const statements: Statement[] = [];
  let inside = false;
  const lines = source.split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    const stripped = withoutComments(line, inside);
    inside = stripped.inside;
    for (const part of splitOutsideLiterals(stripped.text, ';', false)) {
      const statement = statementOf(part, index + 1);
      if (statement.text !== '' || statement.labels.length > 0) statements.push(statement);
    }
  }
  if (inside) throw new AssemblerError('SYNTAX', { line: lines.length, column: 1 }, "'/*' is not closed by '*/'");
  return statements;
}
