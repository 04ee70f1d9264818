/** The assembler: GNU syntax, one section, absolute addresses. Meant for tests and for guests that live in this repository. */
import { Assembly, bytesOf, further, type SourceText } from './assembly.ts';
import { DIRECTIVES } from './directives.ts';
import { AssemblerError } from './errors.ts';
import type { Scope } from './expression.ts';
import { registerBits, wideImmediate } from './immediates.ts';
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

const LOAD_LITERAL = /^ldr[ \t]+([xwsd][0-9]+|[xw]zr|lr|fp)[ \t]*,[ \t]*=/i;
const ASSIGNMENT = /^([a-z_.$][\w.$]*)[ \t]*=(?!=)/i;

function instruction(a: Assembly, source: SourceText): void {
  if (a.here % 4n !== 0n) {
    const at = `0x${a.here.toString(16)}`;
    throw new AssemblerError('OPERANDS', source.place, `instruction at ${at}, expected a multiple of 4: put '.align 2' before it`);
  }
  const pc = a.here;
  a.add(4, (scope) => word(source, pc, scope));
}

function word(source: SourceText, pc: bigint, scope: Scope): Uint8Array {
  return bytesOf(BigInt(a64Text().encode(source.text, { scope, pc, place: source.place })), 4);
}

/** `ldr x0, =value`: one MOVZ or MOVN when the value is known and fits, else a load from the literal pool. */
function loadLiteral(a: Assembly, source: SourceText, register: string, prefix: number): void {
  const value: SourceText = { text: source.text.slice(prefix), place: further(source.place, prefix) };
  const sizeBytes = /^[ws]/i.test(register) ? 4 : 8;
  const known = /^[xwlf]/i.test(register) ? a.tryNow(value) : undefined;
  if (known && !known.usesLabel && fitsMove(known.value, sizeBytes)) {
    return instruction(a, { text: `mov ${register}, ${known.value}`, place: source.place });
  }
  const literal = a.literal(value, sizeBytes);
  const pc = a.here;
  a.add(4, (scope) => word({ text: `ldr ${register}, ${literal.address()}`, place: source.place }, pc, scope));
}

function fitsMove(value: bigint, sizeBytes: 4 | 8): boolean {
  const width = sizeBytes === 4 ? 32 : 64;
  const bits = registerBits(value, width);
  if (bits === undefined) return false;
  return (wideImmediate(bits, width) ?? wideImmediate(BigInt.asUintN(width, ~bits), width)) !== undefined;
}

function directive(a: Assembly, source: SourceText): void {
  const name = /^\.[\w]*/.exec(source.text)![0];
  const handler = DIRECTIVES[name.toLowerCase()];
  if (!handler) {
    const known = Object.keys(DIRECTIVES).join(' ');
    throw new AssemblerError('UNKNOWN_MNEMONIC', source.place, `'${name}' is no directive of this assembler. It has ${known}`);
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
  if (s.text === '') return;
  const assignment = ASSIGNMENT.exec(s.text);
  if (assignment) {
    const rest = assignment[0].length;
    return a.constant(assignment[1]!, { text: s.text.slice(rest), place: further(s.place, rest) });
  }
  if (s.text.startsWith('.')) return directive(a, s);
  if (!/^[a-z]/i.test(s.text)) {
    throw new AssemblerError('SYNTAX', s.place, `found '${s.text}', expected a label, an instruction or a directive`);
  }
  const load = LOAD_LITERAL.exec(s.text);
  if (load) return loadLiteral(a, s, load[1]!, load[0].length);
  instruction(a, s);
}

/**
 * Assembles a program in the syntax of the GNU assembler for AArch64.
 *
 * Instructions and their aliases, labels, numeric local labels (`1:`, `1b`, `1f`), expressions, `:lo12:`, data and alignment
 * directives, constants, `ldr x0, =value` with literal pools. One section; no macros.
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
