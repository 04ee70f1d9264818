/**
 * Loads and stores of one register: DDI 0487, "Loads and Stores".
 *
 * CONSTRAINED UNPREDICTABLE, write-back with Rt the same as Rn: a load is made and then the base is written over it; a
 * store stores the base as it was. QEMU 7.2 does the same.
 */
import type { Builder, Val } from '../../ir/builder.ts';
import { type Clause, type ClauseSpec, insn } from '../clause.ts';
import type { FieldValues } from '../encoding.ts';
import { baseAddress, GENERAL_TRANSFERS, type Transfer, transfer, VECTOR_TRANSFERS } from './transfer.ts';

function simm9(f: FieldValues): bigint {
  return BigInt.asIntN(9, BigInt(f.imm9!));
}

/** `ldr`, `ldtr` and so on with the suffix of the transfer. */
function mnemonic(t: Transfer, stem: string): string {
  return `${t.load ? 'ld' : 'st'}${stem}${t.suffix}`;
}

function clause(t: Transfer, stem: string, mode: string, bits: string, spec: ClauseSpec): Clause {
  const qualifiers = [mode, t.variant].filter((q) => q !== '').join(', ');
  const name = `${mnemonic(t, stem).toUpperCase()}${qualifiers && ` (${qualifiers})`}`;
  const pattern = `${t.size} 111 ${t.V} ${bits} Rn:5 ${t.V ? 'Vt' : 'Rt'}:5`.replace('opc', t.opc);
  return insn(name, pattern, { split31: ['Rn'], ...(t.V ? { fp: true } : {}), ...spec });
}

/** `{Rt:x}` or `{Vt:d}`. */
function target(t: Transfer): string {
  return `{${t.V ? 'Vt' : 'Rt'}:${t.reg}}`;
}

function unsignedOffset(t: Transfer): Clause {
  return clause(t, 'r', 'immediate, unsigned offset', '01 opc imm12:12', {
    asm: `${mnemonic(t, 'r')} ${target(t)}, [{Rn:xsp}{?, {imm12:u*${t.bytes}}}]`,
    imm: { offset: ['s32', (f) => f.imm12! * t.bytes] },
    dynamic: ['imm12'],
    lift: (b, f) => transfer(b, t, b.add(baseAddress(b, f), b.imm('offset'))),
  });
}

function unscaled(t: Transfer, unprivileged: boolean): Clause {
  const stem = unprivileged ? 'tr' : 'ur';
  return clause(t, stem, '', `00 opc 0 imm9:9 ${unprivileged ? '10' : '00'}`, {
    asm: `${mnemonic(t, stem)} ${target(t)}, [{Rn:xsp}{?, {imm9:s}}]`,
    imm: { offset: ['s32', simm9] },
    dynamic: ['imm9'],
    lift: (b, f) => transfer(b, t, b.add(baseAddress(b, f), b.imm('offset')), unprivileged ? { unprivileged } : {}),
  });
}

function writeBack(t: Transfer, pre: boolean): Clause {
  const text = pre ? '[{Rn:xsp}, {imm9:s}]!' : '[{Rn:xsp}], {imm9:s}';
  return clause(t, 'r', `immediate, ${pre ? 'pre' : 'post'}-index`, `00 opc 0 imm9:9 ${pre ? '11' : '01'}`, {
    asm: `${mnemonic(t, 'r')} ${target(t)}, ${text}`,
    imm: { offset: ['s32', simm9] },
    dynamic: ['imm9'],
    lift: (b, f) => {
      const base = baseAddress(b, f);
      const moved = b.add(base, b.imm('offset'));
      transfer(b, t, pre ? moved : base);
      b.setXsp('Rn', moved);
    },
  });
}

/** Index register extended by `option` (UXTW, LSL, SXTW, SXTX) and shifted. */
function indexOffset(b: Builder, f: FieldValues, scale: number): Val {
  const index = f.option! & 1 ? b.x('Rm') : f.option! & 4 ? b.sext(b.w('Rm')) : b.zext(b.w('Rm'));
  return f.S && scale ? b.shl(index, scale) : index;
}

function registerOffset(t: Transfer): Clause {
  const scale = Math.log2(t.bytes);
  return clause(t, 'r', 'register', '00 opc 1 Rm:5 option:3 S 10', {
    asm: `${mnemonic(t, 'r')} ${target(t)}, [{Rn:xsp}, {Rm:extreg(option)}{option.S:memext(${scale})}]`,
    unless: (f) => (f.option! & 2) === 0,
    lift: (b, f) => transfer(b, t, b.add(baseAddress(b, f), indexOffset(b, f, scale))),
  });
}

function literal(t: Transfer, opc: string): Clause {
  const name = `${mnemonic(t, 'r').toUpperCase()} (literal${t.variant && `, ${t.variant}`})`;
  return insn(name, `${opc} 011 ${t.V} 00 imm19:19 ${t.V ? 'Vt' : 'Rt'}:5`, {
    asm: `${mnemonic(t, 'r')} ${target(t)}, {imm19:label}`,
    imm: { offset: ['s32', (f) => BigInt.asIntN(19, BigInt(f.imm19!)) << 2n] },
    dynamic: ['imm19'],
    ...(t.V ? { fp: true } : {}),
    lift: (b) => transfer(b, t, b.add(b.pc(), b.imm('offset'))),
  });
}

/** Prefetches move nothing and do not check SP. */
const PREFETCH: readonly Clause[] = [
  insn('PRFM (immediate)', '11 111 0 01 10 imm12:12 Rn:5 prfop:5', {
    asm: 'prfm {prfop:prfop}, [{Rn:xsp}{?, {imm12:u*8}}]',
    dynamic: ['imm12', 'prfop'],
    lift: () => {},
  }),
  insn('PRFM (literal)', '11 011 0 00 imm19:19 prfop:5', {
    asm: 'prfm {prfop:prfop}, {imm19:label}',
    dynamic: ['imm19', 'prfop'],
    lift: () => {},
  }),
  insn('PRFM (register)', '11 111 0 00 10 1 Rm:5 option:3 S 10 Rn:5 prfop:5', {
    asm: 'prfm {prfop:prfop}, [{Rn:xsp}, {Rm:extreg(option)}{option.S:memext(3)}]',
    dynamic: ['option', 'S', 'prfop'],
    unless: (f) => (f.option! & 2) === 0,
    lift: () => {},
  }),
  insn('PRFUM', '11 111 0 00 10 0 imm9:9 00 Rn:5 prfop:5', {
    asm: 'prfum {prfop:prfop}, [{Rn:xsp}{?, {imm9:s}}]',
    dynamic: ['imm9', 'prfop'],
    lift: () => {},
  }),
];

function isLoad(t: Transfer, bytes: number, signed: boolean): boolean {
  return t.load && t.bytes === bytes && (t.signTo !== undefined) === signed;
}

/** Literal loads: opc selects what is loaded, by register file. */
const LITERAL: readonly Clause[] = [
  ...GENERAL_TRANSFERS.filter((t) => isLoad(t, 4, false)).map((t) => literal(t, '00')),
  ...GENERAL_TRANSFERS.filter((t) => isLoad(t, 8, false)).map((t) => literal(t, '01')),
  ...GENERAL_TRANSFERS.filter((t) => isLoad(t, 4, true)).map((t) => literal(t, '10')),
  ...VECTOR_TRANSFERS.filter((t) => t.load && t.bytes >= 4).map((t) =>
    literal(t, ['00', '01', '10'][Math.log2(t.bytes) - 2]!),
  ),
];

const TRANSFERS: readonly Transfer[] = [...GENERAL_TRANSFERS, ...VECTOR_TRANSFERS];

/** Clauses of this group. */
export const LOAD_STORE: readonly Clause[] = [
  ...TRANSFERS.map(unsignedOffset),
  ...TRANSFERS.map((t) => unscaled(t, false)),
  ...GENERAL_TRANSFERS.map((t) => unscaled(t, true)),
  ...TRANSFERS.map((t) => writeBack(t, false)),
  ...TRANSFERS.map((t) => writeBack(t, true)),
  ...TRANSFERS.map(registerOffset),
  ...LITERAL,
  ...PREFETCH,
];
