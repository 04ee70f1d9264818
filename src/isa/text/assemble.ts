/**
 * The assembler: GNU syntax, one section, absolute addresses. Meant for tests and for guests that live in this
 * repository.
 */
import { Assembly, bytesOf, further, type SourceText } from './assembly.ts';
import { DIRECTIVES } from './directives.ts';
import { AssemblerError } from './errors.ts';
import type { Scope } from './expression.ts';
import { a64Text } from './instructions.ts';
import { type Statement, splitOutsideLiterals, splitStatements } from './source.ts';

/** Where a program goes and what it may refer to. */
export interface AssembleOptions {
  /** Address of the first byte. Default 0. */
  readonly origin?: bigint;
  /** Symbols the source may use without defining them. */
  readonly symbols?: ReadonlyMap<string, bigint> | Readonly<Record<string, bigint>>;
}

/** An assembled program. */
export interface Assembled {
  /** From the origin on, little-endian. */
  readonly bytes: Uint8Array;
  /** Labels and constants that the source defines; numeric labels are not among them. */
  readonly symbols: Map<string, bigint>;
}

/** Bytes of a literal by the first letter of the register; 8 for `x`, `d`, `lr` and `fp`. */
const LITERAL_BYTES: Readonly<Record<string, number>> = { w: 4, s: 4, q: 16 };
const LOAD_LITERAL = /^ldr[ \t]+([xwsdq][0-9]+|[xw]zr|lr|fp)[ \t]*,[ \t]*=/i;
const ASSIGNMENT = /^([a-z_.$][\w.$]*)[ \t]*=(?!=)/i;

function instruction(a: Assembly, source: SourceText): void {
  if (a.here % 4n !== 0n) {
    const at = `0x${a.here.toString(16)}`;
    throw new AssemblerError(
      'OPERANDS',
      source.place,
      `instruction at ${at}, expected a multiple of 4: put '.align 2' before it`,
    );
  }
  const pc = a.here;
  a.add(4, (scope) => word(source, pc, scope));
}

function word(source: SourceText, pc: bigint, scope: Scope): Uint8Array {
  return bytesOf(BigInt(a64Text().encode(source.text, { scope, pc, place: source.place })), 4);
}

/** `ldr x0, =value`: a load from the literal pool. */
function loadLiteral(a: Assembly, source: SourceText, register: string, prefix: number): void {
  const value: SourceText = { text: source.text.slice(prefix), place: further(source.place, prefix) };
  const literal = a.literal(value, LITERAL_BYTES[register[0]!.toLowerCase()] ?? 8);
  const pc = a.here;
  a.add(4, (scope) => word({ text: `ldr ${register}, ${literal.address()}`, place: source.place }, pc, scope));
}

function directive(a: Assembly, source: SourceText): void {
  const name = /^\.[\w]*/.exec(source.text)![0];
  const handler = DIRECTIVES[name.toLowerCase()];
  if (!handler) {
    const known = Object.keys(DIRECTIVES).join(' ');
    throw new AssemblerError(
      'UNKNOWN_MNEMONIC',
      source.place,
      `'${name}' is no directive of this assembler. It has ${known}`,
    );
  }
  const rest = source.text.slice(name.length);
  const parts = rest.trim() === '' ? [] : splitOutsideLiterals(rest, ',', true);
  const operands = parts.map((p) => {
    const blanks = p.text.length - p.text.trimStart().length;
    return { text: p.text.trim(), place: further(source.place, name.length + p.at + blanks) };
  });
  handler(a, operands, source);
}

function statement(a: Assembly, s: Statement): void {
  a.next();
  for (const label of s.labels) a.label(label.name, label.place);
  const assignment = ASSIGNMENT.exec(s.text);
  const load = LOAD_LITERAL.exec(s.text);
  if (s.text === '') return;
  if (assignment) {
    const rest = assignment[0].length;
    a.constant(assignment[1]!, { text: s.text.slice(rest), place: further(s.place, rest) });
  } else if (s.text.startsWith('.')) directive(a, s);
  else if (load) loadLiteral(a, s, load[1]!, load[0].length);
  else if (/^[a-z]/i.test(s.text)) instruction(a, s);
  else {
    throw new AssemblerError('SYNTAX', s.place, `found '${s.text}', expected a label, an instruction or a directive`);
  }
}

/**
 * Assembles a program in the syntax of the GNU assembler for AArch64.
 *
 * Instructions and their aliases, labels, numeric local labels (`1:`, `1b`, `1f`), expressions, `:lo12:`, data and
 * alignment directives, constants, `ldr x0, =value` with literal pools. One section; no macros.
 *
 * @throws AssemblerError naming line, column, what was found and what was expected
 */
export function assemble(source: string, options: AssembleOptions = {}): Assembled {
  const symbols = options.symbols ?? {};
  const given = symbols instanceof Map ? symbols : new Map(Object.entries(symbols as Record<string, bigint>));
  const assembly = new Assembly(options.origin ?? 0n, given);
  for (const s of splitStatements(source)) statement(assembly, s);
  return assembly.finish();
}
