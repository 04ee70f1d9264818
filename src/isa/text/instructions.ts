/** The instruction set as text: every way to write each instruction, and the search for the one that a statement is. */
import { FEATURE_NAMES } from '../../arch/features.ts';
import type { Clause } from '../clause.ts';
import { Decoder } from '../decoder.ts';
import { encodeFields, type FieldValues } from '../encoding.ts';
import { A64 } from '../table.ts';
import type { Alias } from './aliases.ts';
import { BASE_ALIASES } from './aliases.ts';
import { derivedAliases } from './aliases-derived.ts';
import { AssemblerError, type SourcePlace } from './errors.ts';
import type { Scope } from './expression.ts';
import type { Reading } from './kind.ts';
import { type InstructionText, instructionText } from './text.ts';

/** One way to write one instruction. Its template is bound to the encoding when it is first used. */
export class Form {
  readonly clause: Clause;
  /** Absent for the instruction's own text. */
  readonly alias: Alias | undefined;
  readonly template: string;
  /** The mnemonic up to its first operand: `add`, or `b.` where the condition is an operand. */
  readonly mnemonic: string;
  /** True when the mnemonic goes on with an operand. */
  readonly openMnemonic: boolean;
  private bound: InstructionText | undefined;

  constructor(clause: Clause, template: string, alias?: Alias) {
    this.clause = clause;
    this.alias = alias;
    this.template = template;
    this.mnemonic = /^[^ {]*/.exec(template)![0];
    this.openMnemonic = template[this.mnemonic.length] === '{';
  }

  /** The text in both directions; throws Error when the template is wrong. */
  get text(): InstructionText {
    try {
      this.bound ??= instructionText(this.template, this.clause.encoding);
    } catch (error) {
      throw new Error(`${this.clause.name}: '${this.template}': ${(error as Error).message}`);
    }
    return this.bound;
  }
}

/** What a statement is assembled with. */
export interface StatementContext {
  readonly scope: Scope;
  /** Address of the instruction. */
  readonly pc: bigint;
  readonly place: SourcePlace;
}

function aliasForms(clauses: readonly Clause[], aliases: readonly Alias[]): Form[] {
  const byName = new Map(clauses.map((c) => [c.name, c]));
  return aliases.flatMap((alias) => {
    const clause = byName.get(alias.of);
    return clause ? [new Form(clause, alias.asm, alias)] : [];
  });
}

/** Texts of a set of clauses, indexed for both directions. */
export class InstructionSet {
  private readonly own = new Map<Clause, Form>();
  private readonly aliases = new Map<Clause, Form[]>();
  private readonly byMnemonic = new Map<string, Form[]>();
  private readonly openForms: Form[] = [];
  private readonly decoder: Decoder;

  constructor(clauses: readonly Clause[]) {
    this.decoder = new Decoder(clauses, new Set(FEATURE_NAMES));
    const own = clauses.flatMap((c) => (c.asm === undefined ? [] : [new Form(c, c.asm)]));
    const aliases = aliasForms(clauses, [...BASE_ALIASES, ...derivedAliases(clauses)]);
    for (const form of own) this.own.set(form.clause, form);
    for (const form of aliases) this.aliases.set(form.clause, [...(this.aliases.get(form.clause) ?? []), form]);
    for (const form of [...own, ...aliases]) {
      if (form.openMnemonic) this.openForms.push(form);
      else this.byMnemonic.set(form.mnemonic, [...(this.byMnemonic.get(form.mnemonic) ?? []), form]);
    }
  }

  /** The text of a decoded instruction; with `aliases`, the preferred one. Undefined when its clause has no text. */
  print(clause: Clause, f: FieldValues, pc: bigint, aliases: boolean): string | undefined {
    if (aliases) {
      const preferred = this.aliases.get(clause)?.find(({ alias }) => alias && isPreferred(alias, f));
      if (preferred) return preferred.text.print({ f, pc });
    }
    return this.own.get(clause)?.text.print({ f, pc });
  }

  /** The word a decoder for all features finds, with its fields. */
  decode(word: number): ReturnType<Decoder['decode']> {
    return this.decoder.decode(word);
  }

  /**
   * The word of one statement, e.g. `add x0, x1, #1`.
   *
   * @throws AssemblerError when no form of the instruction takes it
   */
  encode(statement: string, context: StatementContext): number {
    const mnemonic = /^[\w.]*/.exec(statement)![0].toLowerCase();
    const forms = this.candidates(mnemonic);
    if (forms.length === 0) throw this.unknownMnemonic(mnemonic, context.place);
    const failure = new Failure();
    const reading: Reading = {
      text: statement,
      scope: context.scope,
      pc: context.pc,
      fail: (at, expected, symbol) => failure.note(at, expected, symbol),
    };
    for (const form of forms) {
      const readings = form.text.read(reading, form.alias?.fixed ?? {});
      for (const values of readings) {
        const word = this.complete(form, values);
        if (word !== undefined) return word;
      }
      if (readings.length > 0) failure.note(statement.length, `operands that ${form.clause.name} allows together`);
    }
    throw failure.error(statement, forms, context.place);
  }

  private candidates(mnemonic: string): readonly Form[] {
    const exact = this.byMnemonic.get(mnemonic) ?? [];
    const open = this.openForms.filter((f) => mnemonic.startsWith(f.mnemonic));
    return [...exact, ...open];
  }

  /** The word of the fields that were read: fields the text does not show are tried as zeros, then as ones. */
  private complete(form: Form, read: FieldValues): number | undefined {
    const { clause, alias } = form;
    const values: Record<string, number> = { ...read };
    for (const [field, other] of Object.entries(alias?.same ?? {})) values[field] = values[other]!;
    const hidden = Object.keys(clause.encoding.fields).filter((name) => values[name] === undefined);
    for (const fill of [0, -1]) {
      for (const name of hidden) values[name] = fill & (2 ** clause.encoding.fields[name]!.width - 1);
      const word = encodeFields(clause.encoding, values);
      const found = this.decoder.decode(word)?.clause.encoding;
      // A row for some words of this instruction alone is the same instruction to a reader of its text.
      if (found && (found.mask & clause.encoding.mask) >>> 0 === clause.encoding.mask) return word;
    }
    return undefined;
  }

  private unknownMnemonic(mnemonic: string, place: SourcePlace): AssemblerError {
    const names = new Set([...this.byMnemonic.keys(), ...this.openForms.map((f) => f.mnemonic)]);
    const near = [...names].filter(
      (n) => distance(n, mnemonic) <= 1 || (mnemonic.length > 2 && n.startsWith(mnemonic)),
    );
    const hint = near.length > 0 ? `; did you mean ${near.sort().slice(0, 8).join(', ')}?` : '';
    return new AssemblerError('UNKNOWN_MNEMONIC', place, `'${mnemonic}' is no instruction of this assembler${hint}`);
  }
}

function isPreferred(alias: Alias, f: FieldValues): boolean {
  if (alias.readOnly) return false;
  const fixed = Object.entries(alias.fixed ?? {}).every(([name, value]) => f[name] === value);
  const same = Object.entries(alias.same ?? {}).every(([name, other]) => f[name] === f[other]);
  return fixed && same && (alias.when?.(f) ?? true);
}

/** Number of letters to change, insert or delete. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}

/** The furthest place that any form was read to, and what the forms expected there. */
class Failure {
  private at = -1;
  private readonly expected = new Set<string>();
  private symbol: string | undefined;

  note(at: number, expected: string, symbol?: string): readonly [] {
    if (at > this.at) {
      this.at = at;
      this.expected.clear();
      this.symbol = undefined;
    }
    if (at === this.at) {
      if (symbol === undefined) this.expected.add(expected);
      else this.symbol = symbol;
    }
    return [];
  }

  error(statement: string, forms: readonly Form[], place: SourcePlace): AssemblerError {
    const at = { line: place.line, column: place.column + Math.max(this.at, 0) };
    const found = statement.slice(this.at).trim() || 'the end of the statement';
    if (this.symbol !== undefined) {
      const expected = this.expected.size > 0 ? ` (or expected ${[...this.expected].join('; or ')})` : '';
      return new AssemblerError('UNDEFINED_SYMBOL', at, `symbol '${this.symbol}' is not defined${expected}`);
    }
    const texts = forms.slice(0, 6).map((f) => `  ${describe(f.template)}`);
    if (forms.length > 6) texts.push(`  and ${forms.length - 6} more`);
    const expected = [...this.expected].join('; or ');
    return new AssemblerError('OPERANDS', at, `found '${found}', expected ${expected}. Forms:\n${texts.join('\n')}`);
  }
}

/** A template as it is shown to a person: `add <Rd>, <Rn>, <imm12>[, lsl <sh>]`. */
function describe(template: string): string {
  return template
    .replace(/\{([\w.]+):[^{}]*\}/g, (_, fields: string) => `<${fields}>`)
    .replace(/\{\?([^{}]*)\}/g, '[$1]');
}

let shared: InstructionSet | undefined;

/** The texts of every A64 instruction that is modelled. */
export function a64Text(): InstructionSet {
  shared ??= new InstructionSet(A64);
  return shared;
}
