/** Mutants that are no mistakes: what they change shows in no state that a program can see. */
import { describeMutant, type Verdict } from './mutants.ts';

/** A family of mutants and why nothing can catch them. */
interface Equivalent {
  /** Matches `describeMutant`: clause, static fields, call, method: mistake. */
  readonly mutant: RegExp;
  readonly reason: string;
}

const FAST_PATH = 'decides only between a fast path and the exact function, which agree';
const BELOW = 'signed lanes are widened by shifting them down from the top; what was below them is shifted out';
const CUT = 'the bits that differ are not part of the result';
const NON_NEGATIVE = 'the value has its sign bit clear';
const FLAG = 'the helper asks only whether the argument is zero';
const TIE = 'equal operands give the same value either way';
const TWICE = 'a number is added to itself, or signs are known, so that parts of the general formula say nothing new';
const ZERO_SHIFT = 'the operands differ only for amounts that are handled elsewhere or shift by nothing';

/** Every family, in order of method. */
export const EQUIVALENTS: readonly Equivalent[] = [
  { mutant: /^ADRP .*i64: constant \+ 1/, reason: 'bit 0 of the PC is zero' },
  {
    mutant: /^F(CM|AC|MAX|MIN|CCM)\w* .*(vop|i32|i64|k|vconst|lane|low64|and|eq|vshift|cmp|or|sub|xor|shrs): /,
    reason: FAST_PATH,
  },
  { mutant: /^FCVTZ[SU] .*(and|ltu|i64|sub|shru|or|eq|k): /, reason: FAST_PATH },
  { mutant: /^FCVTL2? .*(shru|shl|sub|i64|i32|ltu|and|or|zext)/, reason: FAST_PATH },
  { mutant: /^[SU]CVTF .*(sext|zext|cmp|shrs|ltu|lts|clz|sub|and|i64)/, reason: FAST_PATH },
  { mutant: /^(FCVT\w+|[SU]CVTF|FRINT\w+) .*i32: constant \+ 1/, reason: FLAG },
  { mutant: /^\w+ .*cond=1[45]:/, reason: 'the condition always holds, so the rest of the instruction is not used' },
  { mutant: /^CRC32C?[WX] .*call: first operands swapped/, reason: 'checksum and data are added up first' },
  { mutant: /^CRC32\w+ .*(shru: is shrs|i32: constant \+ 1)/, reason: CUT },
  { mutant: /^DUP \(element, [BHS]\), scalar .*shuffle: /, reason: CUT },
  { mutant: /^FCM\w+ .*call: first operands swapped/, reason: 'equality is the same both ways' },
  { mutant: /^FCVT \((half to|single to double).*/, reason: FAST_PATH },
  { mutant: /^LDA?X[RP]\w* .*i32: constant \+ 1/, reason: 'the marked size shows only at a later store-exclusive' },
  { mutant: /^(ADC|SBC)S? .*(shru: is shrs|zext: sign-extended)/, reason: CUT },
  { mutant: /^TBN?Z .*shru: is shrs/, reason: CUT },
  { mutant: /^PMULL?2? .*(vshift|shuffle|i64|shru|vconst): /, reason: CUT },
  { mutant: /^(SQSHLU|UQSHL \(imm).*vop: another operator/, reason: 'shifting back never gives more than the operand' },
  { mutant: /^[SU]Q?R?SHL \(vector\).* size=3.*shru: is shl/, reason: ZERO_SHIFT },
  { mutant: /^ST1 .*Q=0.*lane: next lane/, reason: 'both halves of the gathered block are the same' },
  {
    mutant: /^FM(AX|IN)NMV .*call 6, call: first operands swapped/,
    reason: 'the upper half gives its NaN only to lose against the lower half, which decides as a number or as a NaN',
  },
  { mutant: /^FC{1,2}MPE? .*lts: is les/, reason: TIE },
  { mutant: /^UCVTF .*shl: is shru/, reason: 'shifts the sign of an unsigned number, which is zero' },
  { mutant: /^[SU]Q?R?SHL \(vector\).*(zext: sign-extended|size=3.*shl: is shru)/, reason: ZERO_SHIFT },
  { mutant: /^EXT .*imm4=0.*v: next register/, reason: 'extracting from byte 0 uses the first operand only' },
  { mutant: /^SBFM .*rotr: is shru/, reason: 'only bit 0 of the rotated value is used' },
  { mutant: /^FCVTX?N\d? .*vconst: /, reason: 'all of the constant is overwritten' },
  { mutant: /^(S|U|SQ|SQR)\w+ .*(vconst: constant \+ 1|shuffle: another byte)/, reason: BELOW },
  { mutant: /^(SHRN|RSHRN|SHLL|XTN)\w* .*(vshift: another operator|vconst: constant \+ 1)/, reason: CUT },
  { mutant: /^(SQR?SHRU?N|UQR?SHRN|[SU]QXTU?N)\w*,? .*vop: another operator/, reason: TIE },
  { mutant: /^UQSHRN\w* .*vshift: another operator/, reason: 'saturates either way where it differs' },
  { mutant: /^SQR?DM(L|UL)\w+ .*(vop|vshift): another operator/, reason: TWICE },
  { mutant: /^[SU]AB[AD]L\w* .*vop: operands swapped/, reason: 'a distance is the same both ways' },
  { mutant: /^LD(NP|PSW|P|XP|AXP) .*shru: is shrs/, reason: CUT },
  { mutant: /^(LDR|LDUR|LDTR|LDX|LDAX|LDA|LDL|LDAP)\w*[BH] .*setW: sign-extended/, reason: NON_NEGATIVE },
  { mutant: /^STL?X\w+ .*setW: sign-extended/, reason: NON_NEGATIVE },
  { mutant: /^(MRS|CSINC|CSET|RBIT|REV\w*|CRC\w+|LDP|LDNP|LDR\w*) .*(zext|setW): sign-extended/, reason: NON_NEGATIVE },
  { mutant: /^ST(N|X|LX)?P .*zext: sign-extended/, reason: CUT },
  { mutant: /^MUL \(vector\) .*size=0.*vshift: another operator/, reason: CUT },
  { mutant: /^SMOV \(S\) .*exts: zero-extended/, reason: 'a 32-bit value is as wide as it is extended from' },
  { mutant: /^LD1 .*Q=0.*i64: constant \+ 1/, reason: CUT },
  { mutant: /^UQXTN, scalar size=2.*vconst: constant/, reason: TIE },
  { mutant: /^(RBIT|REV\w*) .*shru: is shrs/, reason: CUT },
  { mutant: /^LD[SU](MAX|MIN)\w* .*lt[us]: is le[us]/, reason: TIE },
  { mutant: /^LDU(MAX|MIN)[BH] .*ltu: is lts/, reason: NON_NEGATIVE },
  { mutant: /^LD\w+[BH] .*extu: one bit more/, reason: 'a loaded value is zero-extended already' },
  {
    mutant: /^(U|S)Q?R?SHL\b.*(lt[us]: is lt[us]|lt[us]: is le[us]|i64: constant \+ 1|shru: is shrs|shrs: is shru)/,
    reason: ZERO_SHIFT,
  },
];

/** Why a survivor is no gap of the comparison, or undefined when it is one. */
export function equivalence(v: Verdict): string | undefined {
  const text = describeMutant(v);
  return EQUIVALENTS.find((e) => e.mutant.test(text))?.reason;
}
