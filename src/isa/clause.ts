import type { FeatureName } from '../arch/features.ts';
import { Builder, type ImmType } from '../ir/builder.ts';
import type { Fragment } from '../ir/types.ts';
import { assertVerified } from '../ir/verify.ts';
import type { FieldValues } from './encoding.ts';
import { type Encoding, parseEncoding } from './encoding.ts';
import { HELPERS } from './helpers.ts';

/** One immediate of an instruction: its type in the decoded record and how the encoding gives it. */
export type ImmSpec = readonly [type: ImmType, value: (f: FieldValues) => bigint | number];

/** What the author of a clause writes. */
export interface ClauseSpec {
  /**
   * Assembly text, lower case as the GNU assembler writes it without aliases. `{...}` are operands, see `isa/text`.
   * `undefined` for rows that have no text (undefined encodings).
   */
  readonly asm?: string;
  /** Immediates, at most 8 bytes together. Their fields are not visible in `lift`. */
  readonly imm?: Readonly<Record<string, ImmSpec>>;
  /** Fields that only `imm` uses: they do not specialise the meaning. */
  readonly dynamic?: readonly string[];
  /**
   * Register fields for which number 31 is a shape of its own: `lift` sees `<field>Is31` as 0 or 1. For base registers
   * (SP alignment) and wherever 31 means something else.
   */
  readonly split31?: readonly string[];
  /** Encodings within the pattern for which this holds are not this instruction (unallocated, or another row). */
  readonly unless?: (f: FieldValues) => boolean;
  /** Architecture feature that adds the instruction; without it the encoding is UNDEFINED. */
  readonly feature?: FeatureName;
  /** True for instructions that CPACR_EL1, CPTR_EL2 and CPTR_EL3 trap: the check is made first. */
  readonly fp?: boolean;
  /** The meaning. `f` holds the fields that specialise it; registers and immediates are operands of the builder. */
  readonly lift: (b: Builder, f: FieldValues) => void;
}

/** One instruction: name, encoding, text, meaning. */
export interface Clause extends ClauseSpec {
  readonly name: string;
  readonly encoding: Encoding;
  /** Register fields in encoding order, at most four. */
  readonly registerFields: readonly string[];
  /** Fields whose values select the shape. */
  readonly staticFields: readonly string[];
}

/** True for fields that hold a register number: `Rd`, `Rn`, `Vt2` and the like. */
export function isRegisterField(name: string): boolean {
  return /^[RV][a-z]{1,2}2?$/.test(name) || name === 'Rs' || name === 'Ra';
}

/** Every clause that was written, in order. */
export type ClauseTable = readonly Clause[];

/**
 * Makes one clause.
 *
 * @param name - Arm's name of the instruction with its variant, e.g. `ADD (immediate)`; unique
 * @param pattern - 32 bits from bit 31 down: `0`, `1`, `field` (one bit), `field:width`; blanks separate
 * @throws Error when the pattern is not 32 bits wide, or operands do not fit the decoded record
 */
export function insn(name: string, pattern: string, spec: ClauseSpec): Clause {
  const encoding = parseEncoding(name, pattern);
  const fields = Object.keys(encoding.fields);
  const dynamic = new Set(spec.dynamic ?? []);
  for (const d of dynamic) if (!fields.includes(d)) throw new Error(`${name}: no field '${d}'`);
  const registerFields = fields.filter((f) => isRegisterField(f) && !dynamic.has(f));
  if (registerFields.length > 4) throw new Error(`${name}: more than four register fields`);
  const staticFields = fields.filter((f) => !isRegisterField(f) && !dynamic.has(f));
  immLayout(name, spec.imm ?? {});
  return { name, encoding, registerFields, staticFields, ...spec };
}

const IMM_BYTES: Readonly<Record<ImmType, number>> = { u8: 1, u16: 2, s32: 4, i64: 8 };

/** Where each immediate lies in the 8 immediate bytes of a decoded record. */
export function immLayout(
  name: string,
  imm: Readonly<Record<string, ImmSpec>>,
): Record<string, { type: ImmType; at: number }> {
  const entries = Object.entries(imm).map(([key, [type]]) => ({ key, type }));
  entries.sort((a, b) => IMM_BYTES[b.type] - IMM_BYTES[a.type]);
  const placed: Record<string, { type: ImmType; at: number }> = {};
  let at = 0;
  for (const { key, type } of entries) {
    placed[key] = { type, at };
    at += IMM_BYTES[type];
  }
  if (at > 8) throw new Error(`${name}: immediates take ${at} bytes, a record holds 8`);
  return placed;
}

/** The immediates of one encoded instruction, as the record or the constants hold them. */
export function immValues(clause: Clause, f: FieldValues): Record<string, bigint> {
  const values: Record<string, bigint> = {};
  for (const [key, [, value]] of Object.entries(clause.imm ?? {})) values[key] = BigInt.asUintN(64, BigInt(value(f)));
  return values;
}

function immTypes(clause: Clause): Record<string, ImmType> {
  return Object.fromEntries(Object.entries(clause.imm ?? {}).map(([key, [type]]) => [key, type]));
}

/** The fields that select the shape, with `<field>Is31` for each split register. */
export function shapeFields(clause: Clause, f: FieldValues): Record<string, number> {
  const statics: Record<string, number> = {};
  for (const name of clause.staticFields) statics[name] = f[name]!;
  for (const name of clause.split31 ?? []) statics[`${name}Is31`] = Number(f[name] === 31);
  return statics;
}

function lift(clause: Clause, b: Builder, f: FieldValues, prologue: (b: Builder) => void, stop = false): Fragment {
  if (stop) b.call(HELPERS.stop);
  if (clause.fp) prologue(b);
  clause.lift(b, f);
  return b.finish();
}

/** Lifts with every operand known: what compiled code and the oracle run. */
export function liftConstant(clause: Clause, f: FieldValues, fpCheck: (b: Builder) => void): Fragment {
  const registers = Object.fromEntries(clause.registerFields.map((r) => [r, f[r]!]));
  return lift(
    clause,
    new Builder({ registers, immediates: immValues(clause, f), immTypes: immTypes(clause) }),
    shapeFields(clause, f),
    fpCheck,
  );
}

/**
 * Lifts one shape (values of the static fields) with register and immediate operands left open: an interpreter handler.
 *
 * @param stop - the helper `stop` is asked first
 * @throws Error when the clause's meaning is not well formed, see `verify`
 */
export function liftShape(clause: Clause, statics: FieldValues, fpCheck: (b: Builder) => void, stop = false): Fragment {
  const types = immTypes(clause);
  const b = new Builder({ registers: undefined, immediates: undefined, immTypes: types });
  const fragment = lift(clause, b, statics, fpCheck, stop);
  assertVerified(clause.name, fragment, { registers: clause.registerFields, immediates: types });
  return fragment;
}
