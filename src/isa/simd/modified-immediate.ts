/** Constants: DDI 0487, "Advanced SIMD modified immediate" and the function AdvSIMDExpandImm. */
import type { Builder, Val } from '../../ir/builder.ts';
import { type Clause, insn } from '../clause.ts';
import type { FieldValues } from '../encoding.ts';
import { keepLow } from './vector.ts';

function repeated(value: bigint, bits: number): bigint {
  let all = 0n;
  for (let at = 0; at < 64; at += bits) all |= value << BigInt(at);
  return all;
}
const imm8 = (f: FieldValues): bigint => BigInt((f.abc! << 5) | f.defgh!);

/** Each bit of the immediate as a byte of ones or zeros. */
function byteMask(f: FieldValues): bigint {
  let value = 0n;
  for (let bit = 0n; bit < 8n; bit++) if ((imm8(f) >> bit) & 1n) value |= 0xffn << (8n * bit);
  return value;
}
/** VFPExpandImm: sign, exponent with its top bit inverted and spread, two more bits of it and four of the fraction. */
function expandFp(f: FieldValues, exponentBits: number, fractionBits: number): bigint {
  const [sign, b6, rest] = [imm8(f) >> 7n, (imm8(f) >> 6n) & 1n, imm8(f) & 0x3fn];
  const spread = (1n - b6) << BigInt(exponentBits - 1);
  const ones = b6 * (((1n << BigInt(exponentBits - 3)) - 1n) << 2n);
  const exponent = spread | ones | (rest >> 4n);
  return (
    (sign << BigInt(exponentBits + fractionBits)) |
    (exponent << BigInt(fractionBits)) |
    ((rest & 15n) << BigInt(fractionBits - 4))
  );
}

interface Form {
  /** Name of the variant. */
  readonly variant: string;
  readonly cmode: string;
  /** Arrangements by Q. */
  readonly kind: string;
  /** Text after the destination. */
  readonly text: string;
  readonly value: (f: FieldValues) => bigint;
}
const SHIFTED_32 = (last: 0 | 1): Form => ({
  variant: '32-bit shifted immediate',
  cmode: `0 cm:2 ${last}`,
  kind: 'v(Q=2s,4s)',
  text: '{abc.defgh:x}{?, lsl {cm:u*8}}',
  value: (f) => repeated(imm8(f) << BigInt(8 * f.cm!), 32),
});
const SHIFTED_16 = (last: 0 | 1): Form => ({
  variant: '16-bit shifted immediate',
  cmode: `10 cm ${last}`,
  kind: 'v(Q=4h,8h)',
  text: '{abc.defgh:x}{?, lsl {cm:u*8}}',
  value: (f) => repeated(imm8(f) << BigInt(8 * f.cm!), 16),
});
const ONES = (bits: 8 | 16): Form => ({
  variant: `32-bit shifting ones, ${bits}`,
  cmode: bits === 8 ? '1100' : '1101',
  kind: 'v(Q=2s,4s)',
  text: `{abc.defgh:x}, msl #${bits}`,
  value: (f) => repeated((imm8(f) << BigInt(bits)) | ((1n << BigInt(bits)) - 1n), 32),
});
const BYTES: Form = {
  variant: '8-bit',
  cmode: '1110',
  kind: 'v(Q=8b,16b)',
  text: '{abc.defgh:x}',
  value: (f) => repeated(imm8(f), 8),
};

/** The meaning: the immediate in both halves, and Vd where it is a source. */
type Meaning = (b: Builder, immediate: Val) => Val;

function clause(mnemonic: string, op: 0 | 1, form: Form, meaning: Meaning): Clause {
  const name = `${mnemonic.toUpperCase()} (vector, immediate, ${form.variant})`;
  return insn(name, `0 Q ${op} 0111100000 abc:3 ${form.cmode} 01 defgh:5 Vd:5`, {
    asm: `${mnemonic} {Vd:${form.kind}}, ${form.text}`,
    imm: { value: ['i64', form.value] },
    dynamic: ['abc', 'defgh', ...(form.cmode.includes('cm') ? ['cm'] : [])],
    fp: true,
    lift: (b, f) => b.setV('Vd', keepLow(b, f.Q ? 128 : 64, meaning(b, b.splat(64, b.imm('value'))))),
  });
}
/** Forms in which Q is fixed. */
function wholeClause(name: string, asm: string, q: 0 | 1, cmode: string, value: (f: FieldValues) => bigint): Clause {
  return insn(name, `0 ${q} 1 0111100000 abc:3 ${cmode} 01 defgh:5 Vd:5`, {
    asm,
    imm: { value: ['i64', value] },
    dynamic: ['abc', 'defgh'],
    fp: true,
    lift: (b) => b.setV('Vd', keepLow(b, q ? 128 : 64, b.splat(64, b.imm('value')))),
  });
}

const move: Meaning = (_b, immediate) => immediate;
const moveInverted: Meaning = (b, immediate) => b.vun('vnot', 64, immediate);
const orr: Meaning = (b, immediate) => b.vop('vor', 64, b.v('Vd'), immediate);
const bic: Meaning = (b, immediate) => b.vop('vandnot', 64, b.v('Vd'), immediate);

/** Clauses of this group. */
export const SIMD_MODIFIED_IMMEDIATE: readonly Clause[] = [
  ...[SHIFTED_32(0), SHIFTED_16(0), ONES(8), ONES(16), BYTES].map((form) => clause('movi', 0, form, move)),
  ...[SHIFTED_32(0), SHIFTED_16(0), ONES(8), ONES(16)].map((form) => clause('mvni', 1, form, moveInverted)),
  ...[SHIFTED_32(1), SHIFTED_16(1)].map((form) => clause('orr', 0, form, orr)),
  ...[SHIFTED_32(1), SHIFTED_16(1)].map((form) => clause('bic', 1, form, bic)),
  wholeClause('MOVI (64-bit scalar)', 'movi {Vd:d}, {abc.defgh:bytemask}', 0, '1110', byteMask),
  wholeClause('MOVI (64-bit vector)', 'movi {Vd:v(2d)}, {abc.defgh:bytemask}', 1, '1110', byteMask),
  clause(
    'fmov',
    0,
    {
      variant: 'single-precision',
      cmode: '1111',
      kind: 'v(Q=2s,4s)',
      text: '{abc.defgh:f8}',
      value: (f) => repeated(expandFp(f, 8, 23), 32),
    },
    move,
  ),
  wholeClause('FMOV (vector, immediate, double-precision)', 'fmov {Vd:v(2d)}, {abc.defgh:f8}', 1, '1111', (f) =>
    expandFp(f, 11, 52),
  ),
];
