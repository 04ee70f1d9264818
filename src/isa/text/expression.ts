/**
 * Expressions of the assembler, with the operators and precedence of the GNU assembler ("Using as", heading "Infix
 * Operators"): multiplication and shifts bind tightest, then `| & ^`, then `+ -`.
 */

/** Why a piece of text is no value: `at` is the offset in the text. */
export class ExpressionFailure extends Error {
  override readonly name = 'ExpressionFailure';
  readonly at: number;
  readonly undefinedSymbol: string | undefined;

  constructor(at: number, message: string, undefinedSymbol?: string) {
    super(message);
    this.at = at;
    this.undefinedSymbol = undefinedSymbol;
  }
}

/** Values of symbols where an expression stands. */
export interface Scope {
  /** Value of a symbol, `.`, or a numeric local label such as `1b`; undefined when there is none. */
  lookup(name: string): bigint | undefined;
}

/** A value and the offset after its text. */
export interface Parsed {
  readonly value: bigint;
  readonly at: number;
}

const LEVELS: readonly (readonly string[])[] = [
  ['+', '-'],
  ['|', '&', '^'],
  ['*', '/', '%', '<<', '>>'],
];

const ESCAPES: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, b: 8, f: 12, '\\': 92, '"': 34, "'": 39 };
const RESERVED = /^(?:[xwbhsdqv](?:[12]?[0-9]|3[01])|[xw]zr|w?sp)$/i;
const NUMBER = /0x[0-9a-f]+|0b[01]+|[0-9]+[bf](?![0-9a-z_])|[0-9]+/iy;
const SYMBOL = /[a-z_.$][\w.$]*/iy;

/** Offset of the first character at or after `at` that is no blank. */
export function skipBlanks(text: string, at: number): number {
  let i = at;
  while (text[i] === ' ' || text[i] === '\t') i++;
  return i;
}

/** The code of an escaped character and the offset after it; `at` is the offset after the backslash. */
export function parseEscape(text: string, at: number): { code: number; at: number } {
  const octal = /[0-7]{1,3}/y;
  octal.lastIndex = at;
  const digits = octal.exec(text)?.[0];
  if (digits) return { code: Number.parseInt(digits, 8) & 0xff, at: at + digits.length };
  const hex = /x([0-9a-f]+)/iy;
  hex.lastIndex = at;
  const hexDigits = hex.exec(text)?.[1];
  if (hexDigits) return { code: Number.parseInt(hexDigits, 16) & 0xff, at: at + 1 + hexDigits.length };
  const code = ESCAPES[text[at] ?? ''];
  if (code === undefined) throw new ExpressionFailure(at, `'\\${text[at] ?? ''}' is no escape`);
  return { code, at: at + 1 };
}

function apply(operator: string, x: bigint, y: bigint, at: number): bigint {
  switch (operator) {
    case '+':
      return x + y;
    case '-':
      return x - y;
    case '|':
      return x | y;
    case '&':
      return x & y;
    case '^':
      return x ^ y;
    case '*':
      return x * y;
    case '<<':
    case '>>':
      if (y < 0n || y > 63n) throw new ExpressionFailure(at, `shift by ${y}, expected 0 to 63`);
      return operator === '<<' ? x << y : x >> y;
    default:
      if (y === 0n) throw new ExpressionFailure(at, 'division by zero');
      return operator === '/' ? x / y : x % y;
  }
}

function character(text: string, at: number): Parsed {
  const escaped = text[at] === '\\';
  if (at >= text.length) throw new ExpressionFailure(at, 'expected a character');
  const parsed = escaped ? parseEscape(text, at + 1) : { code: text.charCodeAt(at), at: at + 1 };
  return { value: BigInt(parsed.code), at: text[parsed.at] === "'" ? parsed.at + 1 : parsed.at };
}

function number(literal: string, at: number, scope: Scope): bigint {
  if (!/^0[xb][0-9a-f]+$/i.test(literal) && /[bf]$/i.test(literal)) {
    const value = scope.lookup(literal.toLowerCase());
    if (value === undefined) throw new ExpressionFailure(at, `no local label for ${literal}`, literal);
    return value;
  }
  if (/^0[0-7]+$/.test(literal)) return BigInt(`0o${literal.slice(1)}`);
  if (/^0[0-9]+$/.test(literal)) throw new ExpressionFailure(at, `${literal} is no octal number`);
  return BigInt(literal);
}

function primary(text: string, start: number, scope: Scope): Parsed {
  const at = skipBlanks(text, start);
  const first = text[at];
  if (first === '-' || first === '~' || first === '+') {
    const operand = primary(text, at + 1, scope);
    const value = first === '-' ? -operand.value : first === '~' ? ~operand.value : operand.value;
    return { value, at: operand.at };
  }
  if (first === '(') {
    const inner = level(text, at + 1, scope, 0);
    const close = skipBlanks(text, inner.at);
    if (text[close] !== ')') throw new ExpressionFailure(close, "expected ')'");
    return { value: inner.value, at: close + 1 };
  }
  if (first === "'") return character(text, at + 1);
  NUMBER.lastIndex = at;
  const digits = NUMBER.exec(text)?.[0];
  if (digits) return { value: number(digits, at, scope), at: at + digits.length };
  SYMBOL.lastIndex = at;
  const name = SYMBOL.exec(text)?.[0];
  if (!name || RESERVED.test(name)) throw new ExpressionFailure(at, 'expected a value');
  const value = scope.lookup(name);
  if (value === undefined) throw new ExpressionFailure(at, `symbol '${name}' is not defined`, name);
  return { value, at: at + name.length };
}

function level(text: string, start: number, scope: Scope, depth: number): Parsed {
  const operators = LEVELS[depth];
  if (!operators) return primary(text, start, scope);
  let left = level(text, start, scope, depth + 1);
  for (;;) {
    const at = skipBlanks(text, left.at);
    const operator = operators.find((o) => text.startsWith(o, at));
    if (!operator) return left;
    const right = level(text, at + operator.length, scope, depth + 1);
    left = { value: apply(operator, left.value, right.value, at), at: right.at };
  }
}

/** `:lo12:` and the like take these bits of the value (ELF for the Arm 64-bit Architecture, "Relocation"). */
const RELOCATIONS: Readonly<Record<string, (value: bigint) => bigint>> = {
  lo12: (v) => v & 0xfffn,
  abs_g0: (v) => v & 0xffffn,
  abs_g0_nc: (v) => v & 0xffffn,
  abs_g1: (v) => (v >> 16n) & 0xffffn,
  abs_g1_nc: (v) => (v >> 16n) & 0xffffn,
  abs_g2: (v) => (v >> 32n) & 0xffffn,
  abs_g2_nc: (v) => (v >> 32n) & 0xffffn,
  abs_g3: (v) => (v >> 48n) & 0xffffn,
  pg_hi21: (v) => v,
};

/**
 * Reads the expression at `start`, optionally with a relocation operator such as `:lo12:` before it.
 *
 * @throws ExpressionFailure when there is none, or a symbol has no value
 */
export function parseExpression(text: string, start: number, scope: Scope): Parsed {
  const at = skipBlanks(text, start);
  const relocation = /:(\w+):/y;
  relocation.lastIndex = at;
  const match = relocation.exec(text);
  if (!match) return level(text, at, scope, 0);
  const take = RELOCATIONS[match[1]!.toLowerCase()];
  if (!take) throw new ExpressionFailure(at, `relocation ${match[0]} is not known`);
  const parsed = level(text, at + match[0].length, scope, 0);
  return { value: take(parsed.value), at: parsed.at };
}
