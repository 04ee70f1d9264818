/**
 * Aliases: other texts of an instruction. DDI 0487, "Alias conditions" of each instruction.
 *
 * An alias is a template over the fields of the instruction it stands for, some of them fixed or equal to another.
 */
import type { FieldValues } from '../encoding.ts';
import { logicalValue, wideImmediate } from './immediates.ts';
import { widthOf } from './kinds-alias.ts';
import { SYS_OPERATIONS, sysKey } from './names.ts';

/** One alias of one instruction. */
export interface Alias {
  readonly asm: string;
  /** Name of the clause it stands for. */
  readonly of: string;
  /** Fields that always have this value. */
  readonly fixed?: FieldValues;
  /** Fields that equal another field: `{ Rm: 'Rn' }`. */
  readonly same?: Readonly<Record<string, string>>;
  /** Whether it is the preferred text, when `fixed` and `same` hold. Left out: always. */
  readonly when?: (f: FieldValues) => boolean;
  /** True for texts that are read and never printed. */
  readonly readOnly?: boolean;
}

const SHIFTED = '{?, {shift:shift} {imm6:u}}';
const EXTENDED = '{Rm:extreg(sf.option)}{option.imm3:extsuffix}';

function movWidePreferred(f: FieldValues): boolean {
  const width = widthOf(f);
  const bits = logicalValue(f, width) ?? 0n;
  return (wideImmediate(bits, width) ?? wideImmediate(BigInt.asUintN(width, ~bits), width)) !== undefined;
}

const MOVES: readonly Alias[] = [
  { asm: 'mov {Rd:r}, {hw.imm16:wide}', of: 'MOVZ', when: (f) => f.imm16 !== 0 || f.hw === 0 },
  {
    asm: 'mov {Rd:r}, {hw.imm16:wideinv}',
    of: 'MOVN',
    when: (f) => (f.imm16 !== 0 || f.hw === 0) && (f.sf === 1 || f.imm16 !== 0xffff),
  },
  {
    asm: 'mov {Rd:rsp}, {N.immr.imms:bitmask}',
    of: 'ORR (immediate)',
    fixed: { Rn: 31 },
    when: (f) => !movWidePreferred(f),
  },
  { asm: 'mov {Rd:r}, {Rm:r}', of: 'ORR (shifted register)', fixed: { Rn: 31, shift: 0, imm6: 0 } },
  {
    asm: 'mov {Rd:rsp}, {Rn:rsp}',
    of: 'ADD (immediate)',
    fixed: { sh: 0, imm12: 0 },
    when: (f) => f.Rd === 31 || f.Rn === 31,
  },
];

const ARITHMETIC: readonly Alias[] = [
  { asm: 'cmp {Rn:rsp}, {imm12:u}{?, lsl {sh:u*12}}', of: 'SUBS (immediate)', fixed: { Rd: 31 } },
  { asm: 'cmn {Rn:rsp}, {imm12:u}{?, lsl {sh:u*12}}', of: 'ADDS (immediate)', fixed: { Rd: 31 } },
  { asm: `cmp {Rn:r}, {Rm:r}${SHIFTED}`, of: 'SUBS (shifted register)', fixed: { Rd: 31 } },
  { asm: `cmn {Rn:r}, {Rm:r}${SHIFTED}`, of: 'ADDS (shifted register)', fixed: { Rd: 31 } },
  { asm: `cmp {Rn:rsp}, ${EXTENDED}`, of: 'SUBS (extended register)', fixed: { Rd: 31 } },
  { asm: `cmn {Rn:rsp}, ${EXTENDED}`, of: 'ADDS (extended register)', fixed: { Rd: 31 } },
  { asm: `neg {Rd:r}, {Rm:r}${SHIFTED}`, of: 'SUB (shifted register)', fixed: { Rn: 31 } },
  { asm: `negs {Rd:r}, {Rm:r}${SHIFTED}`, of: 'SUBS (shifted register)', fixed: { Rn: 31 }, when: (f) => f.Rd !== 31 },
  { asm: 'ngc {Rd:r}, {Rm:r}', of: 'SBC', fixed: { Rn: 31 } },
  { asm: 'ngcs {Rd:r}, {Rm:r}', of: 'SBCS', fixed: { Rn: 31 } },
  ...(
    [
      ['add', 'ADD', 'SUB'],
      ['adds', 'ADDS', 'SUBS'],
      ['sub', 'SUB', 'ADD'],
      ['subs', 'SUBS', 'ADDS'],
    ] as const
  ).flatMap(([mnemonic, of, opposite]): Alias[] => {
    const rd = mnemonic.endsWith('s') ? '{Rd:r}' : '{Rd:rsp}';
    return [
      { asm: `${mnemonic} ${rd}, {Rn:rsp}, {sh.imm12:addimm}`, of: `${of} (immediate)`, readOnly: true },
      { asm: `${mnemonic} ${rd}, {Rn:rsp}, {sh.imm12:negaddimm}`, of: `${opposite} (immediate)`, readOnly: true },
    ];
  }),
  ...(
    [
      ['cmp', 'SUBS', 'ADDS'],
      ['cmn', 'ADDS', 'SUBS'],
    ] as const
  ).flatMap(([mnemonic, of, opposite]): Alias[] => [
    { asm: `${mnemonic} {Rn:rsp}, {sh.imm12:addimm}`, of: `${of} (immediate)`, fixed: { Rd: 31 }, readOnly: true },
    {
      asm: `${mnemonic} {Rn:rsp}, {sh.imm12:negaddimm}`,
      of: `${opposite} (immediate)`,
      fixed: { Rd: 31 },
      readOnly: true,
    },
  ]),
];

const LOGICAL: readonly Alias[] = [
  { asm: 'tst {Rn:r}, {N.immr.imms:bitmask}', of: 'ANDS (immediate)', fixed: { Rd: 31 } },
  { asm: `tst {Rn:r}, {Rm:r}${SHIFTED}`, of: 'ANDS (shifted register)', fixed: { Rd: 31 } },
  { asm: `mvn {Rd:r}, {Rm:r}${SHIFTED}`, of: 'ORN (shifted register)', fixed: { Rn: 31 } },
  { asm: 'bic {Rd:rsp}, {Rn:r}, {N.immr.imms:bitmaskinv}', of: 'AND (immediate)', readOnly: true },
];

const isTop = (f: FieldValues): boolean => f.imms === widthOf(f) - 1;

const BITFIELDS: readonly Alias[] = [
  { asm: 'asr {Rd:r}, {Rn:r}, {immr.imms:shiftright}', of: 'SBFM', when: isTop },
  { asm: 'lsr {Rd:r}, {Rn:r}, {immr.imms:shiftright}', of: 'UBFM', when: isTop },
  { asm: 'lsl {Rd:r}, {Rn:r}, {immr.imms:shiftleft}', of: 'UBFM', when: (f) => !isTop(f) && f.immr === f.imms! + 1 },
  { asm: 'ror {Rd:r}, {Rn:r}, {imms:u}', of: 'EXTR', same: { Rm: 'Rn' } },
  { asm: 'sxtb {Rd:r}, {Rn:w}', of: 'SBFM', fixed: { immr: 0, imms: 7 } },
  { asm: 'sxth {Rd:r}, {Rn:w}', of: 'SBFM', fixed: { immr: 0, imms: 15 } },
  { asm: 'sxtw {Rd:x}, {Rn:w}', of: 'SBFM', fixed: { sf: 1, immr: 0, imms: 31 } },
  { asm: 'uxtb {Rd:w}, {Rn:w}', of: 'UBFM', fixed: { sf: 0, immr: 0, imms: 7 } },
  { asm: 'uxth {Rd:w}, {Rn:w}', of: 'UBFM', fixed: { sf: 0, immr: 0, imms: 15 } },
  { asm: 'bfc {Rd:r}, {immr.imms:bfi}', of: 'BFM', fixed: { Rn: 31 }, when: (f) => f.imms! < f.immr! },
  { asm: 'bfi {Rd:r}, {Rn:r}, {immr.imms:bfi}', of: 'BFM', when: (f) => f.imms! < f.immr! },
  { asm: 'bfxil {Rd:r}, {Rn:r}, {immr.imms:bfx}', of: 'BFM', when: (f) => f.imms! >= f.immr! },
  { asm: 'sbfiz {Rd:r}, {Rn:r}, {immr.imms:bfi}', of: 'SBFM', when: (f) => f.imms! < f.immr! },
  { asm: 'sbfx {Rd:r}, {Rn:r}, {immr.imms:bfx}', of: 'SBFM', when: (f) => f.imms! >= f.immr! },
  { asm: 'ubfiz {Rd:r}, {Rn:r}, {immr.imms:bfi}', of: 'UBFM', when: (f) => f.imms! < f.immr! },
  { asm: 'ubfx {Rd:r}, {Rn:r}, {immr.imms:bfx}', of: 'UBFM', when: (f) => f.imms! >= f.immr! },
  { asm: 'lsl {Rd:r}, {Rn:r}, {Rm:r}', of: 'LSLV' },
  { asm: 'lsr {Rd:r}, {Rn:r}, {Rm:r}', of: 'LSRV' },
  { asm: 'asr {Rd:r}, {Rn:r}, {Rm:r}', of: 'ASRV' },
  { asm: 'ror {Rd:r}, {Rn:r}, {Rm:r}', of: 'RORV' },
];

const hasInverse = (f: FieldValues): boolean => f.cond! < 14;
const selects = (f: FieldValues): boolean => hasInverse(f) && f.Rn !== 31;

const CONDITIONAL: readonly Alias[] = [
  { asm: 'cset {Rd:r}, {cond:invcond}', of: 'CSINC', fixed: { Rn: 31, Rm: 31 }, when: hasInverse },
  { asm: 'csetm {Rd:r}, {cond:invcond}', of: 'CSINV', fixed: { Rn: 31, Rm: 31 }, when: hasInverse },
  { asm: 'cinc {Rd:r}, {Rn:r}, {cond:invcond}', of: 'CSINC', same: { Rm: 'Rn' }, when: selects },
  { asm: 'cinv {Rd:r}, {Rn:r}, {cond:invcond}', of: 'CSINV', same: { Rm: 'Rn' }, when: selects },
  { asm: 'cneg {Rd:r}, {Rn:r}, {cond:invcond}', of: 'CSNEG', same: { Rm: 'Rn' }, when: hasInverse },
];

const MULTIPLY: readonly Alias[] = [
  { asm: 'mul {Rd:r}, {Rn:r}, {Rm:r}', of: 'MADD', fixed: { Ra: 31 } },
  { asm: 'mneg {Rd:r}, {Rn:r}, {Rm:r}', of: 'MSUB', fixed: { Ra: 31 } },
  { asm: 'smull {Rd:x}, {Rn:w}, {Rm:w}', of: 'SMADDL', fixed: { Ra: 31 } },
  { asm: 'smnegl {Rd:x}, {Rn:w}, {Rm:w}', of: 'SMSUBL', fixed: { Ra: 31 } },
  { asm: 'umull {Rd:x}, {Rn:w}, {Rm:w}', of: 'UMADDL', fixed: { Ra: 31 } },
  { asm: 'umnegl {Rd:x}, {Rn:w}, {Rm:w}', of: 'UMSUBL', fixed: { Ra: 31 } },
];

/** Hints that are NOPs here but have names; those of other features are NOPs wherever the feature is missing. */
const HINT_NAMES: readonly (readonly [number: number, name: string])[] = [
  [0, 'nop'],
  [6, 'dgh'],
  [7, 'xpaclri'],
  [8, 'pacia1716'],
  [10, 'pacib1716'],
  [12, 'autia1716'],
  [14, 'autib1716'],
  [17, 'psb csync'],
  [18, 'tsb csync'],
  [20, 'csdb'],
  [22, 'clearbhb'],
  [24, 'paciaz'],
  [25, 'paciasp'],
  [26, 'pacibz'],
  [27, 'pacibsp'],
  [28, 'autiaz'],
  [29, 'autiasp'],
  [30, 'autibz'],
  [31, 'autibsp'],
  [32, 'bti'],
  [34, 'bti c'],
  [36, 'bti j'],
  [38, 'bti jc'],
];

const SYSTEM: readonly Alias[] = [
  { asm: 'ret', of: 'RET', fixed: { Rn: 30 } },
  // A bit below 32 is printed with the W register and may be written with either.
  { asm: 'tbz {Rt:x}, {b40:u}, {imm14:label}', of: 'TBZ', fixed: { b5: 0 }, readOnly: true },
  { asm: 'tbnz {Rt:x}, {b40:u}, {imm14:label}', of: 'TBNZ', fixed: { b5: 0 }, readOnly: true },
  ...HINT_NAMES.map(([number, asm]): Alias => ({ asm, of: 'HINT', fixed: { CRm: number >> 3, op2: number & 7 } })),
  ...['YIELD', 'WFE', 'WFI', 'SEV', 'SEVL', 'ESB'].map((of) => ({ asm: of.toLowerCase(), of })),
  { asm: 'ssbb', of: 'DSB', fixed: { CRm: 0 } },
  { asm: 'pssbb', of: 'DSB', fixed: { CRm: 4 } },
  { asm: 'dc zva, {Rt:x}', of: 'DC ZVA' },
  ...['tlbi', 'dc', 'ic', 'at'].map(
    (name): Alias => ({
      asm: `${name} {op1.CRn.CRm.op2.Rt:sysop(${name})}`,
      of: 'SYS',
      when: (f) => isNamedOperation(name, f),
    }),
  ),
];

/**
 * Whether the SYS instruction is a named operation of `tlbi`, `dc`, `ic` or `at` with the operand that goes with it.
 */
function isNamedOperation(name: string, f: FieldValues): boolean {
  const key = sysKey(f.op1!, f.CRn!, f.CRm!, f.op2!);
  const operation = [...SYS_OPERATIONS[name]!.values()].find((o) => o.key === key);
  return operation !== undefined && (operation.register || f.Rt === 31);
}

/** Integer aliases, the preferred one of an instruction first. */
export const BASE_ALIASES: readonly Alias[] = [
  ...MOVES,
  ...ARITHMETIC,
  ...LOGICAL,
  ...BITFIELDS,
  ...CONDITIONAL,
  ...MULTIPLY,
  ...SYSTEM,
];
