/** What every kind of operand has in common: printing from field values, and reading text into field values. */
import type { Encoding, FieldValues } from '../encoding.ts';
import { ExpressionFailure, parseExpression, type Scope, skipBlanks } from './expression.ts';
import type { OperandSpec } from './template.ts';

/** What an operand is printed from. */
export interface PrintContext {
  readonly f: FieldValues;
  /** Address of the instruction. */
  readonly pc: bigint;
}

/** The statement that is being read, and why readings of it failed. */
export interface Reading {
  readonly text: string;
  readonly scope: Scope;
  /** Address of the instruction. */
  readonly pc: bigint;
  /** Notes that at offset `at` something else was expected; the furthest place wins. */
  fail(at: number, expected: string, undefinedSymbol?: string): readonly Match[];
}

/** One way to read an operand: the offset after it and the fields it gives. */
export interface Match {
  readonly at: number;
  readonly values: FieldValues;
}

/** One operand of one clause. */
export interface OperandText {
  print(c: PrintContext): string;
  /** Every way to read the text at `at`; `values` holds what operands before it gave. Empty when it cannot be read. */
  read(r: Reading, at: number, values: FieldValues): readonly Match[];
}

/** Makes the operand from its template and the encoding whose fields it uses; throws Error on a template mistake. */
export type Kind = (spec: OperandSpec, encoding: Encoding) => OperandText;

/** Fields joined from the highest bits down, as one number. */
export interface Joined {
  readonly width: number;
  get(f: FieldValues): number;
  put(value: number): Record<string, number>;
}

/** Joins fields of an encoding; throws Error when the encoding has no such field. */
export function join(fields: readonly string[], encoding: Encoding): Joined {
  const parts = fields.map((name) => {
    const place = encoding.fields[name];
    if (!place) throw new Error(`no field '${name}' in the encoding`);
    return { name, size: 2 ** place.width, width: place.width };
  });
  return {
    width: parts.reduce((sum, p) => sum + p.width, 0),
    get: (f) => parts.reduce((value, p) => value * p.size + f[p.name]!, 0),
    put: (value) => {
      let rest = value;
      const values: Record<string, number> = {};
      for (const p of [...parts].reverse()) {
        values[p.name] = rest % p.size;
        rest = Math.floor(rest / p.size);
      }
      return values;
    },
  };
}

/** The word (letters, digits, `_`) at or after `at`, lower case, with its offsets; '' when there is none. */
export function wordAt(text: string, at: number): { word: string; start: number; end: number } {
  const start = skipBlanks(text, at);
  const pattern = /[\w]*/y;
  pattern.lastIndex = start;
  const word = pattern.exec(text)![0];
  return { word: word.toLowerCase(), start, end: start + word.length };
}

/** The value of an expression at `at`, after an optional `#`; undefined (and noted) when there is none. */
export function readValue(
  r: Reading,
  at: number,
  expected: string,
): { value: bigint; start: number; end: number } | undefined {
  let start = skipBlanks(r.text, at);
  if (r.text[start] === '#') start = skipBlanks(r.text, start + 1);
  try {
    const parsed = parseExpression(r.text, start, r.scope);
    return { value: parsed.value, start, end: parsed.at };
  } catch (error) {
    if (!(error instanceof ExpressionFailure)) throw error;
    if (error.undefinedSymbol) r.fail(error.at, error.message, error.undefinedSymbol);
    else r.fail(start, expected);
    return undefined;
  }
}

/** An immediate: printed by `show`, read through an expression and `encode`, which says what is wrong with a value. */
export function valueOperand(options: {
  readonly expected: string;
  show(c: PrintContext): string;
  /** Fields of a value, or the text of what was expected. */
  encode(value: bigint, r: Reading, values: FieldValues): FieldValues | string;
}): OperandText {
  return {
    print: options.show,
    read: (r, at, values) => {
      const found = readValue(r, at, options.expected);
      if (!found) return [];
      const fields = options.encode(found.value, r, values);
      if (typeof fields === 'string') return r.fail(found.start, `${fields}, found ${found.value}`);
      return [{ at: found.end, values: fields }];
    },
  };
}

/** An operand that is one of a list of names, by its number; '' has no name and is printed by `unnamed`. */
export function nameOperand(
  spec: OperandSpec,
  encoding: Encoding,
  names: readonly (readonly string[])[],
  unnamed?: OperandText,
): OperandText {
  const field = join(spec.fields, encoding);
  const listed = names.flat().filter((n) => n !== '');
  return {
    print: (c) => names[field.get(c.f)]?.[0] || (unnamed ? unnamed.print(c) : `#${field.get(c.f)}`),
    read: (r, at, values) => {
      const { word, start, end } = wordAt(r.text, at);
      const matches = names.flatMap((n, number) =>
        word && n.includes(word) ? [{ at: end, values: field.put(number) }] : [],
      );
      if (matches.length > 0) return matches;
      if (unnamed && !/^[a-z_]/.test(word)) return unnamed.read(r, at, values);
      return r.fail(start, `one of ${listed.join(', ')}`);
    },
  };
}
