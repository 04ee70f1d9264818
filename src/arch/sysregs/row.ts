/**
 * The shape of one row of the system register table, and what follows from a row alone.
 *
 * DDI 0487, "The A64 System instruction class" (encoding space) and "AArch64 System Register Descriptions".
 */
import type { FeatureName } from '../features.ts';

/** An Exception level. */
export type El = 0 | 1 | 2 | 3;

/** op0, op1, CRn, CRm, op2. */
export type SysRegEncoding = readonly [op0: number, op1: number, CRn: number, CRm: number, op2: number];

/**
 * Why a field may be fixed: 'RO' software cannot change it; a feature name: RES0 (RES1 by `res1`) without it;
 * 'EL2', 'EL3': RES0 unless that Exception level is implemented; '!EL3': RES0 when EL3 is implemented.
 */
export type FieldCondition = 'RO' | 'EL2' | 'EL3' | '!EL3' | FeatureName;

/** Highest bit, lowest bit (0 to 63), and the condition under which software may change the field. */
export type FieldRange = readonly [msb: number, lsb: number, condition?: FieldCondition];

/** Fields by Arm's name. */
export type FieldMap = Readonly<Record<string, FieldRange>>;

/** A row as it is written in the rooms of this folder; everything with a default may be left out. */
export interface SysRegRow {
  /** Arm's own spelling, e.g. `SCTLR_EL1`. */
  readonly name: string;
  readonly at: SysRegEncoding;
  readonly access: 'RW' | 'RO' | 'WO';
  /** Lowest Exception level with architectural access, before any trap or enable is considered. */
  readonly el: El;
  /** Lowest Exception level that may write, where it differs; 'highest' is the highest implemented one. */
  readonly writeEl?: El | 'highest';
  /**
   * The register exists only with this Exception level. Without EL2, an EL2 register is RES0 at EL3 and UNDEFINED below
   * (DDI 0487, "Behavior when EL2 is not implemented"). 'highest': only when `el` is the highest implemented level.
   */
  readonly needs?: 'EL2' | 'EL3' | 'highest';
  /** Without this feature the encoding is UNDEFINED. */
  readonly feature?: FeatureName;
  /** Value after reset; where the architecture says UNKNOWN it is our choice. Default: `res1`. */
  readonly reset?: bigint;
  /** Bits software may change. Default: the fields that no condition fixes; all 64 bits without fields; none if RO. */
  readonly writable?: bigint;
  /** Bits that read as one unless a field with a satisfied condition covers them. */
  readonly res1?: bigint;
  readonly fields?: FieldMap;
  /**
   * The layout while HCR_EL2.E2H is 1. A bit that means something in only one of the two layouts is storage, with
   * FEAT_VHE, in both: DDI 0487, "RES0" and "RES1" of a bit in only some contexts.
   */
  readonly e2h?: FieldMap;
  /** With `e2h`: bits that are RES1 while HCR_EL2.E2H is 1. */
  readonly e2hRes1?: bigint;
  /** Other layouts of the same bits, e.g. PAR_EL1 after a failed translation. */
  readonly views?: Readonly<Record<string, FieldMap>>;
  /** 'stored': a value under a mask. 'computed': behaviour is the PE's. 'absent': named, not modelled, UNDEFINED. */
  readonly model?: 'stored' | 'computed' | 'absent';
  /** Other Arm names of the same encoding, e.g. the ICV_* name of an ICC_* register. */
  readonly aliases?: readonly string[];
  /** The register this encoding reaches, for the _EL12 and _EL02 names of FEAT_VHE. */
  readonly accesses?: string;
  readonly doc: string;
}

/** A complete row: what `SysRegRow` leaves out is filled in. */
export interface SysReg extends Omit<SysRegRow, 'at'> {
  readonly op0: number;
  readonly op1: number;
  readonly CRn: number;
  readonly CRm: number;
  readonly op2: number;
  /** `sysregKey` of the encoding. */
  readonly key: number;
  readonly fields: FieldMap;
  readonly res1: bigint;
  readonly model: 'stored' | 'computed' | 'absent';
}

/** All 64 bits. */
export const ALL64 = (1n << 64n) - 1n;

/** The mask of bits `msb` to `lsb`. */
export function bits(msb: number, lsb: number): bigint {
  return ((1n << BigInt(msb - lsb + 1)) - 1n) << BigInt(lsb);
}

/** The mask with the given single bits set. */
export function bitMask(...positions: readonly number[]): bigint {
  return positions.reduce((mask, position) => mask | (1n << BigInt(position)), 0n);
}

/** The 16-bit packed encoding (op0:op1:CRn:CRm:op2), as it stands in bits 20:5 of MRS, MSR and SYS. */
export function sysregKey(op0: number, op1: number, CRn: number, CRm: number, op2: number): number {
  return (op0 << 14) | (op1 << 11) | (CRn << 7) | (CRm << 3) | op2;
}

/** Undoes `sysregKey`. */
export function sysregEncoding(key: number): SysRegEncoding {
  return [(key >> 14) & 3, (key >> 11) & 7, (key >> 7) & 15, (key >> 3) & 15, key & 7];
}

/** The generic name of an encoding, e.g. `S3_0_C1_C0_0`. */
export function genericName(key: number): string {
  const [op0, op1, CRn, CRm, op2] = sysregEncoding(key);
  return `S${op0}_${op1}_C${CRn}_C${CRm}_${op2}`;
}

const GENERIC = /^S([23])_([0-7])_C(1[0-5]|[0-9])_C(1[0-5]|[0-9])_([0-7])$/i;

/** The key of a generic name, letters in either case; undefined when the text is not one. */
export function genericKey(name: string): number | undefined {
  const match = GENERIC.exec(name);
  if (!match) return undefined;
  const [op0, op1, CRn, CRm, op2] = match.slice(1).map(Number);
  return sysregKey(op0, op1, CRn, CRm, op2);
}

/** A row with its defaults filled in. */
export function buildRow(row: SysRegRow): SysReg {
  const { at, ...rest } = row;
  const [op0, op1, CRn, CRm, op2] = at;
  const key = sysregKey(op0, op1, CRn, CRm, op2);
  const defaults = { fields: {}, res1: 0n, model: 'stored' as const };
  return { ...defaults, ...rest, op0, op1, CRn, CRm, op2, key };
}

/** Same row for registers 0 to `count` - 1 of an array; `make` gives what differs. */
export function rows(count: number, make: (n: number) => SysRegRow): readonly SysRegRow[] {
  return Array.from({ length: count }, (_, n) => make(n));
}

/** What a processor implements, as far as the presence and layout of its system registers depend on it. */
export interface Implementation {
  readonly features: ReadonlySet<FeatureName>;
  readonly el2: boolean;
  readonly el3: boolean;
}

/** A row as one implementation has it. */
export interface SysRegLayout {
  /** 'res0': reads as zero, writes ignored, from EL3 only (an EL2 register without EL2). */
  readonly presence: 'present' | 'res0' | 'undefined';
  readonly writable: bigint;
  readonly res1: bigint;
  readonly reset: bigint;
}

function holds(condition: FieldCondition, impl: Implementation): boolean {
  switch (condition) {
    case 'RO':
      return false;
    case 'EL2':
      return impl.el2;
    case 'EL3':
      return impl.el3;
    case '!EL3':
      return !impl.el3;
    default:
      return impl.features.has(condition);
  }
}

function presenceOf(row: SysReg, impl: Implementation): SysRegLayout['presence'] {
  if (row.model === 'absent' || (row.feature && !impl.features.has(row.feature))) return 'undefined';
  const highest = impl.el3 ? 3 : impl.el2 ? 2 : 1;
  if (row.needs === 'highest') return row.el === highest ? 'present' : 'undefined';
  if (row.needs === 'EL3') return impl.el3 ? 'present' : 'undefined';
  if (row.needs === 'EL2' && !impl.el2) return impl.el3 ? 'res0' : 'undefined';
  return 'present';
}

/** Whether `row` exists on this implementation, which bits can be changed, which read as one. A pure function. */
export function sysregLayout(row: SysReg, impl: Implementation): SysRegLayout {
  const presence = presenceOf(row, impl);
  if (presence !== 'present') return { presence, writable: 0n, res1: 0n, reset: 0n };
  let live = 0n;
  let freed = 0n;
  let fixed = 0n;
  for (const [msb, lsb, condition] of Object.values(row.fields)) {
    const mask = bits(msb, lsb);
    if (!condition) live |= mask;
    else if (holds(condition, impl)) freed |= mask;
    else fixed |= mask;
  }
  if (row.e2h && impl.features.has('FEAT_VHE')) {
    const host = Object.values(row.e2h).filter(([, , condition]) => !condition || holds(condition, impl));
    for (const [msb, lsb] of host) freed |= bits(msb, lsb);
    freed |= row.res1 ^ (row.e2hRes1 ?? 0n);
    fixed &= ~freed;
  }
  const hasFields = Object.keys(row.fields).length > 0;
  const byFields = hasFields ? live | freed : ALL64;
  const res1 = row.res1 & ~freed;
  const readOnly = row.access === 'RO' ? 0n : (row.writable ?? byFields) & ~fixed;
  // What is RES1 in one of two layouts begins as 1, so that software that knows only that one finds what it expects.
  return { presence, writable: readOnly & ~res1, res1, reset: (row.reset ?? 0n) | (row.e2h ? row.res1 : res1) };
}

/** What a stored register becomes when software writes `value` to it: fixed bits keep what they hold. */
export function storedAfterWrite(layout: SysRegLayout, old: bigint, value: bigint): bigint {
  return (old & ~layout.writable) | (value & layout.writable) | layout.res1;
}
