/**
 * SYS instructions with names (IC, DC, AT, TLBI and predictions), MSR (immediate), barrier options and hints.
 *
 * DDI 0487, "A64 System instructions for cache maintenance", "... address translation", "... TLB maintenance",
 * "A64 instruction index by encoding: Hints, Barriers, PSTATE".
 */
import type { FeatureName } from '../features.ts';
import type { El } from './row.ts';
import { sysregKey } from './row.ts';

/** One SYS instruction: op0 is 1. */
export interface SysOp {
  /** Arm's spelling, e.g. `TLBI VAE1IS`. */
  readonly name: string;
  readonly op1: number;
  readonly CRn: number;
  readonly CRm: number;
  readonly op2: number;
  /** `sysregKey` with op0 = 1. */
  readonly key: number;
  /** Lowest Exception level that may execute it, before traps and enables (at EL0: SCTLR_EL1.UCI, DZE). */
  readonly el: El;
  /** True when Xt is an operand; false when the assembler takes none and Rt should be 31. */
  readonly takesXt: boolean;
  /** Without this Exception level the instruction is UNDEFINED. */
  readonly needs?: 'EL2' | 'EL3';
  /** Without this feature the instruction is UNDEFINED. */
  readonly feature?: FeatureName;
  readonly doc: string;
}

interface Options {
  readonly xt?: boolean;
  readonly needs?: 'EL2' | 'EL3';
  readonly feature?: FeatureName;
}

function op(
  name: string,
  at: readonly [number, number, number, number],
  el: El,
  doc: string,
  options: Options = {},
): SysOp {
  const [op1, CRn, CRm, op2] = at;
  const { xt = true, ...rest } = options;
  return { name, op1, CRn, CRm, op2, key: sysregKey(1, op1, CRn, CRm, op2), el, takesXt: xt, ...rest, doc };
}

const CACHE: readonly SysOp[] = [
  op('IC IALLUIS', [0, 7, 1, 0], 1, 'instruction cache invalidate all, Inner Shareable', { xt: false }),
  op('IC IALLU', [0, 7, 5, 0], 1, 'instruction cache invalidate all', { xt: false }),
  op('IC IVAU', [3, 7, 5, 1], 0, 'instruction cache invalidate by VA to PoU'),
  op('DC IVAC', [0, 7, 6, 1], 1, 'data cache invalidate by VA to PoC; needs write permission'),
  op('DC ISW', [0, 7, 6, 2], 1, 'data cache invalidate by set and way'),
  op('DC CSW', [0, 7, 10, 2], 1, 'data cache clean by set and way'),
  op('DC CISW', [0, 7, 14, 2], 1, 'data cache clean and invalidate by set and way'),
  op('DC ZVA', [3, 7, 4, 1], 0, 'zero a block of DCZID_EL0.BS words'),
  op('DC CVAC', [3, 7, 10, 1], 0, 'data cache clean by VA to PoC'),
  op('DC CVAU', [3, 7, 11, 1], 0, 'data cache clean by VA to PoU'),
  op('DC CIVAC', [3, 7, 14, 1], 0, 'data cache clean and invalidate by VA to PoC'),
  op('DC CVAP', [3, 7, 12, 1], 0, 'data cache clean by VA to point of persistence', { feature: 'FEAT_DPB' }),
  op('DC CVADP', [3, 7, 13, 1], 0, 'data cache clean by VA to point of deep persistence', { feature: 'FEAT_DPB2' }),
];

const TAG_CACHE: readonly SysOp[] = [
  op('DC IGVAC', [0, 7, 6, 3], 1, 'invalidate tags by VA', { feature: 'FEAT_MTE2' }),
  op('DC IGSW', [0, 7, 6, 4], 1, 'invalidate tags by set and way', { feature: 'FEAT_MTE2' }),
  op('DC IGDVAC', [0, 7, 6, 5], 1, 'invalidate tags and data by VA', { feature: 'FEAT_MTE2' }),
  op('DC IGDSW', [0, 7, 6, 6], 1, 'invalidate tags and data by set and way', { feature: 'FEAT_MTE2' }),
  op('DC CGSW', [0, 7, 10, 4], 1, 'clean tags by set and way', { feature: 'FEAT_MTE2' }),
  op('DC CGDSW', [0, 7, 10, 6], 1, 'clean tags and data by set and way', { feature: 'FEAT_MTE2' }),
  op('DC CIGSW', [0, 7, 14, 4], 1, 'clean and invalidate tags by set and way', { feature: 'FEAT_MTE2' }),
  op('DC CIGDSW', [0, 7, 14, 6], 1, 'clean and invalidate tags and data by set and way', { feature: 'FEAT_MTE2' }),
  op('DC GVA', [3, 7, 4, 3], 0, 'set tags of a block', { feature: 'FEAT_MTE' }),
  op('DC GZVA', [3, 7, 4, 4], 0, 'set tags of a block and zero it', { feature: 'FEAT_MTE' }),
  op('DC CGVAC', [3, 7, 10, 3], 0, 'clean tags to PoC', { feature: 'FEAT_MTE' }),
  op('DC CGDVAC', [3, 7, 10, 5], 0, 'clean tags and data to PoC', { feature: 'FEAT_MTE' }),
  op('DC CGVAP', [3, 7, 12, 3], 0, 'clean tags to PoP', { feature: 'FEAT_MTE' }),
  op('DC CGDVAP', [3, 7, 12, 5], 0, 'clean tags and data to PoP', { feature: 'FEAT_MTE' }),
  op('DC CGVADP', [3, 7, 13, 3], 0, 'clean tags to PoDP', { feature: 'FEAT_MTE' }),
  op('DC CGDVADP', [3, 7, 13, 5], 0, 'clean tags and data to PoDP', { feature: 'FEAT_MTE' }),
  op('DC CIGVAC', [3, 7, 14, 3], 0, 'clean and invalidate tags to PoC', { feature: 'FEAT_MTE' }),
  op('DC CIGDVAC', [3, 7, 14, 5], 0, 'clean and invalidate tags and data to PoC', { feature: 'FEAT_MTE' }),
];

const TRANSLATE: readonly SysOp[] = [
  op('AT S1E1R', [0, 7, 8, 0], 1, 'stage 1 as EL1 read'),
  op('AT S1E1W', [0, 7, 8, 1], 1, 'stage 1 as EL1 write'),
  op('AT S1E0R', [0, 7, 8, 2], 1, 'stage 1 as EL0 read'),
  op('AT S1E0W', [0, 7, 8, 3], 1, 'stage 1 as EL0 write'),
  op('AT S1E1RP', [0, 7, 9, 0], 1, 'stage 1 as EL1 read, PSTATE.PAN applies', { feature: 'FEAT_PAN2' }),
  op('AT S1E1WP', [0, 7, 9, 1], 1, 'stage 1 as EL1 write, PSTATE.PAN applies', { feature: 'FEAT_PAN2' }),
  op('AT S1E2R', [4, 7, 8, 0], 2, 'stage 1 as EL2 read', { needs: 'EL2' }),
  op('AT S1E2W', [4, 7, 8, 1], 2, 'stage 1 as EL2 write', { needs: 'EL2' }),
  op('AT S12E1R', [4, 7, 8, 4], 2, 'both stages as EL1 read; stage 1 alone at EL3 without EL2'),
  op('AT S12E1W', [4, 7, 8, 5], 2, 'both stages as EL1 write; stage 1 alone at EL3 without EL2'),
  op('AT S12E0R', [4, 7, 8, 6], 2, 'both stages as EL0 read; stage 1 alone at EL3 without EL2'),
  op('AT S12E0W', [4, 7, 8, 7], 2, 'both stages as EL0 write; stage 1 alone at EL3 without EL2'),
  op('AT S1E3R', [6, 7, 8, 0], 3, 'stage 1 as EL3 read', { needs: 'EL3' }),
  op('AT S1E3W', [6, 7, 8, 1], 3, 'stage 1 as EL3 write', { needs: 'EL3' }),
];

type TlbiPlace = readonly [stem: string, op1: 0 | 4 | 6, op2: number, doc: string, options?: Options];

const NO_XT: Options = { xt: false };
const EL2_ONLY: Options = { needs: 'EL2' };
const EL3_ONLY: Options = { needs: 'EL3' };

/** CRm is 7 for the local form, 3 for Inner Shareable, 1 for Outer Shareable (FEAT_TLBIOS). */
const TLBI_SHARED: readonly TlbiPlace[] = [
  ['VMALLE1', 0, 0, 'all stage 1 entries of the current VMID', NO_XT],
  ['VAE1', 0, 1, 'by VA and ASID'],
  ['ASIDE1', 0, 2, 'by ASID'],
  ['VAAE1', 0, 3, 'by VA, all ASIDs'],
  ['VALE1', 0, 5, 'by VA and ASID, last level'],
  ['VAALE1', 0, 7, 'by VA, all ASIDs, last level'],
  ['ALLE2', 4, 0, 'all EL2 entries', { ...EL2_ONLY, xt: false }],
  ['VAE2', 4, 1, 'EL2 entries by VA', EL2_ONLY],
  ['ALLE1', 4, 4, 'all EL1 and EL0 entries, both stages', NO_XT],
  ['VALE2', 4, 5, 'EL2 entries by VA, last level', EL2_ONLY],
  ['VMALLS12E1', 4, 6, 'all entries of the current VMID, both stages', NO_XT],
  ['ALLE3', 6, 0, 'all EL3 entries', { ...EL3_ONLY, xt: false }],
  ['VAE3', 6, 1, 'EL3 entries by VA', EL3_ONLY],
  ['VALE3', 6, 5, 'EL3 entries by VA, last level', EL3_ONLY],
];

const elOfOp1 = (op1: number): El => (op1 === 6 ? 3 : op1 === 4 ? 2 : 1);

const TLBI: readonly SysOp[] = TLBI_SHARED.flatMap(([stem, op1, op2, doc, options]) => {
  const el = elOfOp1(op1);
  return [
    op(`TLBI ${stem}IS`, [op1, 8, 3, op2], el, `${doc}, Inner Shareable`, options),
    op(`TLBI ${stem}`, [op1, 8, 7, op2], el, doc, options),
    op(`TLBI ${stem}OS`, [op1, 8, 1, op2], el, `${doc}, Outer Shareable`, { ...options, feature: 'FEAT_TLBIOS' }),
  ];
});

/** Stage 2 by IPA. At EL3 without EL2 these have no effect (they are not UNDEFINED). */
const TLBI_STAGE2: readonly SysOp[] = [
  op('TLBI IPAS2E1IS', [4, 8, 0, 1], 2, 'stage 2 by IPA, Inner Shareable'),
  op('TLBI IPAS2LE1IS', [4, 8, 0, 5], 2, 'stage 2 by IPA, last level, Inner Shareable'),
  op('TLBI IPAS2E1', [4, 8, 4, 1], 2, 'stage 2 by IPA'),
  op('TLBI IPAS2LE1', [4, 8, 4, 5], 2, 'stage 2 by IPA, last level'),
  op('TLBI IPAS2E1OS', [4, 8, 4, 0], 2, 'stage 2 by IPA, Outer Shareable', { feature: 'FEAT_TLBIOS' }),
  op('TLBI IPAS2LE1OS', [4, 8, 4, 4], 2, 'stage 2 by IPA, last level, Outer Shareable', { feature: 'FEAT_TLBIOS' }),
  op('TLBI RIPAS2E1IS', [4, 8, 0, 2], 2, 'stage 2 by IPA range, Inner Shareable', { feature: 'FEAT_TLBIRANGE' }),
  op('TLBI RIPAS2LE1IS', [4, 8, 0, 6], 2, 'stage 2 by IPA range, last level, Inner Shareable', {
    feature: 'FEAT_TLBIRANGE',
  }),
  op('TLBI RIPAS2E1', [4, 8, 4, 2], 2, 'stage 2 by IPA range', { feature: 'FEAT_TLBIRANGE' }),
  op('TLBI RIPAS2LE1', [4, 8, 4, 6], 2, 'stage 2 by IPA range, last level', { feature: 'FEAT_TLBIRANGE' }),
  op('TLBI RIPAS2E1OS', [4, 8, 4, 3], 2, 'stage 2 by IPA range, Outer Shareable', { feature: 'FEAT_TLBIRANGE' }),
  op('TLBI RIPAS2LE1OS', [4, 8, 4, 7], 2, 'stage 2 by IPA range, last level, Outer Shareable', {
    feature: 'FEAT_TLBIRANGE',
  }),
];

type RangePlace = readonly [stem: string, op1: 0 | 4 | 6, op2: number, needs?: 'EL2' | 'EL3'];

/** CRm is 6 for the local form, 2 for Inner Shareable, 5 for Outer Shareable. */
const TLBI_RANGES: readonly RangePlace[] = [
  ['RVAE1', 0, 1],
  ['RVAAE1', 0, 3],
  ['RVALE1', 0, 5],
  ['RVAALE1', 0, 7],
  ['RVAE2', 4, 1, 'EL2'],
  ['RVALE2', 4, 5, 'EL2'],
  ['RVAE3', 6, 1, 'EL3'],
  ['RVALE3', 6, 5, 'EL3'],
];

const TLBI_RANGE: readonly SysOp[] = TLBI_RANGES.flatMap(([stem, op1, op2, needs]) =>
  (
    [
      ['IS', 2],
      ['', 6],
      ['OS', 5],
    ] as const
  ).map(([suffix, CRm]) =>
    op(`TLBI ${stem}${suffix}`, [op1, 8, CRm, op2], elOfOp1(op1), 'by VA range', {
      ...(needs ? { needs } : {}),
      feature: 'FEAT_TLBIRANGE',
    }),
  ),
);

const REALM: readonly SysOp[] = [
  op('TLBI PAALLOS', [6, 8, 1, 4], 3, 'granule protection entries, all', { xt: false, feature: 'FEAT_RME' }),
  op('TLBI PAALL', [6, 8, 7, 4], 3, 'granule protection entries, all', { xt: false, feature: 'FEAT_RME' }),
  op('TLBI RPAOS', [6, 8, 4, 3], 3, 'granule protection entries by PA range', { feature: 'FEAT_RME' }),
  op('TLBI RPALOS', [6, 8, 4, 7], 3, 'granule protection entries by PA range, last level', { feature: 'FEAT_RME' }),
  op('DC CIPAPA', [6, 7, 14, 1], 3, 'clean and invalidate by PA to PoPA', { feature: 'FEAT_RME' }),
  op('DC CIGDPAPA', [6, 7, 14, 5], 3, 'clean and invalidate tags and data by PA to PoPA', { feature: 'FEAT_RME' }),
];

const PREDICTION: readonly SysOp[] = [
  op('CFP RCTX', [3, 7, 3, 4], 0, 'control flow prediction restriction by context', { feature: 'FEAT_SPECRES' }),
  op('DVP RCTX', [3, 7, 3, 5], 0, 'data value prediction restriction by context', { feature: 'FEAT_SPECRES' }),
  op('CPP RCTX', [3, 7, 3, 7], 0, 'cache prefetch prediction restriction by context', { feature: 'FEAT_SPECRES' }),
];

/** Every named SYS instruction. */
export const SYS_OPS: readonly SysOp[] = [
  ...CACHE,
  ...TAG_CACHE,
  ...TRANSLATE,
  ...TLBI,
  ...TLBI_STAGE2,
  ...TLBI_RANGE,
  ...REALM,
  ...PREDICTION,
];

const SYS_BY_KEY = new Map(SYS_OPS.map((row) => [row.key, row]));
const SYS_BY_NAME = new Map(SYS_OPS.map((row) => [row.name, row]));
if (SYS_BY_KEY.size !== SYS_OPS.length || SYS_BY_NAME.size !== SYS_OPS.length) {
  throw new Error('SYS_OPS: an encoding or a name is used twice');
}

/** The SYS instruction of an encoding, or undefined. */
export function sysOpByEncoding(op1: number, CRn: number, CRm: number, op2: number): SysOp | undefined {
  return SYS_BY_KEY.get(sysregKey(1, op1, CRn, CRm, op2));
}

/** The SYS instruction of a name such as `dc zva`, letters in either case, or undefined. */
export function sysOpByName(name: string): SysOp | undefined {
  return SYS_BY_NAME.get(name.toUpperCase());
}

/** Whether the instruction exists on an implementation; else it is UNDEFINED at every Exception level. */
export function sysOpPresent(
  row: SysOp,
  impl: { readonly features: ReadonlySet<FeatureName>; readonly el2: boolean; readonly el3: boolean },
): boolean {
  if (row.feature && !impl.features.has(row.feature)) return false;
  if (row.needs === 'EL2') return impl.el2;
  if (row.needs === 'EL3') return impl.el3;
  return row.el < 2 || impl.el2 || impl.el3;
}

/** One form of MSR (immediate): the PSTATE field it names and where it may be used. */
export interface PstateImmediate {
  readonly name: string;
  readonly op1: number;
  readonly op2: number;
  readonly el: 0 | 1;
  /** Mask of the immediate's bits that matter; the others are ignored. */
  readonly immMask: number;
  readonly feature?: FeatureName;
}

/** MSR (immediate), DDI 0487 "MSR (immediate)". DAIFSet and DAIFClr are at EL0 only with SCTLR_EL1.UMA. */
export const PSTATE_IMMEDIATES: readonly PstateImmediate[] = [
  { name: 'UAO', op1: 0, op2: 3, el: 1, immMask: 1, feature: 'FEAT_UAO' },
  { name: 'PAN', op1: 0, op2: 4, el: 1, immMask: 1, feature: 'FEAT_PAN' },
  { name: 'SPSel', op1: 0, op2: 5, el: 1, immMask: 1 },
  { name: 'SSBS', op1: 3, op2: 1, el: 0, immMask: 1, feature: 'FEAT_SSBS2' },
  { name: 'DIT', op1: 3, op2: 2, el: 0, immMask: 1, feature: 'FEAT_DIT' },
  { name: 'TCO', op1: 3, op2: 4, el: 0, immMask: 1, feature: 'FEAT_MTE' },
  { name: 'DAIFSet', op1: 3, op2: 6, el: 0, immMask: 15 },
  { name: 'DAIFClr', op1: 3, op2: 7, el: 0, immMask: 15 },
];

/** Names of the DMB and DSB options by CRm; a value without a name is written as a number and means SY. */
export const BARRIER_OPTIONS: Readonly<Record<number, string>> = {
  1: 'OSHLD',
  2: 'OSHST',
  3: 'OSH',
  5: 'NSHLD',
  6: 'NSHST',
  7: 'NSH',
  9: 'ISHLD',
  10: 'ISHST',
  11: 'ISH',
  13: 'LD',
  14: 'ST',
  15: 'SY',
};

/** One HINT by its number (CRm:op2); without its feature it is a NOP. */
export interface Hint {
  readonly imm: number;
  readonly name: string;
  readonly feature?: FeatureName;
}

/** HINT numbers with names, DDI 0487 "Hints". Every other number is a NOP. */
export const HINTS: readonly Hint[] = [
  { imm: 0, name: 'NOP' },
  { imm: 1, name: 'YIELD' },
  { imm: 2, name: 'WFE' },
  { imm: 3, name: 'WFI' },
  { imm: 4, name: 'SEV' },
  { imm: 5, name: 'SEVL' },
  { imm: 6, name: 'DGH' },
  { imm: 7, name: 'XPACLRI', feature: 'FEAT_PAuth' },
  { imm: 8, name: 'PACIA1716', feature: 'FEAT_PAuth' },
  { imm: 10, name: 'PACIB1716', feature: 'FEAT_PAuth' },
  { imm: 12, name: 'AUTIA1716', feature: 'FEAT_PAuth' },
  { imm: 14, name: 'AUTIB1716', feature: 'FEAT_PAuth' },
  { imm: 16, name: 'ESB', feature: 'FEAT_RAS' },
  { imm: 17, name: 'PSB CSYNC', feature: 'FEAT_SPE' },
  { imm: 18, name: 'TSB CSYNC', feature: 'FEAT_TRF' },
  { imm: 20, name: 'CSDB' },
  { imm: 24, name: 'PACIAZ', feature: 'FEAT_PAuth' },
  { imm: 25, name: 'PACIASP', feature: 'FEAT_PAuth' },
  { imm: 26, name: 'PACIBZ', feature: 'FEAT_PAuth' },
  { imm: 27, name: 'PACIBSP', feature: 'FEAT_PAuth' },
  { imm: 28, name: 'AUTIAZ', feature: 'FEAT_PAuth' },
  { imm: 29, name: 'AUTIASP', feature: 'FEAT_PAuth' },
  { imm: 30, name: 'AUTIBZ', feature: 'FEAT_PAuth' },
  { imm: 31, name: 'AUTIBSP', feature: 'FEAT_PAuth' },
  { imm: 32, name: 'BTI', feature: 'FEAT_BTI' },
  { imm: 34, name: 'BTI C', feature: 'FEAT_BTI' },
  { imm: 36, name: 'BTI J', feature: 'FEAT_BTI' },
  { imm: 38, name: 'BTI JC', feature: 'FEAT_BTI' },
];
