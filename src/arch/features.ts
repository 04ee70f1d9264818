/**
 * Names of the architecture's optional features, and the ID register field in which software finds each one.
 *
 * DDI 0487, "Armv8-A Architecture Extensions" (feature names) and the descriptions of the ID registers (fields).
 */

/** Where a feature is announced: the field holds at least `value` when the feature is implemented. */
export interface FeatureId {
  readonly register: string;
  readonly field: string;
  readonly value: number;
}

interface FeatureRow {
  /** The architecture version in which the feature became available. */
  readonly since: string;
  /** Absent for a feature that has no field of its own. */
  readonly id?: FeatureId;
}

const at = (register: string, field: string, value = 1): FeatureId => ({
  register: `ID_AA64${register}_EL1`,
  field,
  value,
});

const row = (since: string, id?: FeatureId): FeatureRow => (id ? { since, id } : { since });

/** Every feature that a row of this project's tables names. Features whose "none" value is 0b1111 have no `id` here. */
export const FEATURES = {
  FEAT_AA32EL0: row('8.0', at('PFR0', 'EL0', 2)),
  FEAT_AA32EL1: row('8.0', at('PFR0', 'EL1', 2)),
  FEAT_FP: row('8.0'),
  FEAT_AdvSIMD: row('8.0'),
  FEAT_MixedEnd: row('8.0', at('MMFR0', 'BigEnd')),
  FEAT_MixedEndEL0: row('8.0'),
  FEAT_DoubleLock: row('8.0'),
  FEAT_AES: row('8.0', at('ISAR0', 'AES')),
  FEAT_PMULL: row('8.0', at('ISAR0', 'AES', 2)),
  FEAT_SHA1: row('8.0', at('ISAR0', 'SHA1')),
  FEAT_SHA256: row('8.0', at('ISAR0', 'SHA2')),
  FEAT_CRC32: row('8.0', at('ISAR0', 'CRC32')),
  FEAT_CSV2: row('8.0', at('PFR0', 'CSV2')),
  FEAT_CSV2_2: row('8.0', at('PFR0', 'CSV2', 2)),
  FEAT_CSV3: row('8.0', at('PFR0', 'CSV3')),
  FEAT_SPECRES: row('8.0', at('ISAR1', 'SPECRES')),
  FEAT_SSBS: row('8.0', at('PFR1', 'SSBS')),
  FEAT_SSBS2: row('8.0', at('PFR1', 'SSBS', 2)),
  FEAT_SB: row('8.0', at('ISAR1', 'SB')),
  FEAT_PMUv3: row('8.0', at('DFR0', 'PMUVer')),
  FEAT_ETMv4: row('8.0', at('DFR0', 'TraceVer')),
  FEAT_GICv3: row('8.0', at('PFR0', 'GIC')),
  FEAT_LSE: row('8.1', at('ISAR0', 'Atomic', 2)),
  FEAT_RDM: row('8.1', at('ISAR0', 'RDM')),
  FEAT_HAFDBS: row('8.1', at('MMFR1', 'HAFDBS', 2)),
  FEAT_HPDS: row('8.1', at('MMFR1', 'HPDS')),
  FEAT_LOR: row('8.1', at('MMFR1', 'LO')),
  FEAT_PAN: row('8.1', at('MMFR1', 'PAN')),
  FEAT_VHE: row('8.1', at('MMFR1', 'VH')),
  FEAT_VMID16: row('8.1', at('MMFR1', 'VMIDBits', 2)),
  FEAT_PMUv3p1: row('8.1', at('DFR0', 'PMUVer', 4)),
  FEAT_PAN2: row('8.2', at('MMFR1', 'PAN', 2)),
  FEAT_HPDS2: row('8.2', at('MMFR1', 'HPDS', 2)),
  FEAT_XNX: row('8.2', at('MMFR1', 'XNX')),
  FEAT_TTCNP: row('8.2', at('MMFR2', 'CnP')),
  FEAT_UAO: row('8.2', at('MMFR2', 'UAO')),
  FEAT_LSMAOC: row('8.2', at('MMFR2', 'LSM')),
  FEAT_IESB: row('8.2', at('MMFR2', 'IESB')),
  FEAT_LVA: row('8.2', at('MMFR2', 'VARange')),
  FEAT_LPA: row('8.2', at('MMFR0', 'PARange', 6)),
  FEAT_DPB: row('8.2', at('ISAR1', 'DPB')),
  FEAT_DPB2: row('8.2', at('ISAR1', 'DPB', 2)),
  FEAT_FP16: row('8.2'),
  FEAT_RAS: row('8.2', at('PFR0', 'RAS')),
  FEAT_SVE: row('8.2', at('PFR0', 'SVE')),
  FEAT_SPE: row('8.2', at('DFR0', 'PMSVer')),
  FEAT_PCSRv8p2: row('8.2'),
  FEAT_LRCPC: row('8.3', at('ISAR1', 'LRCPC')),
  FEAT_PAuth: row('8.3'),
  FEAT_CCIDX: row('8.3', at('MMFR2', 'CCIDX')),
  FEAT_NV: row('8.3', at('MMFR2', 'NV')),
  FEAT_NV2: row('8.4', at('MMFR2', 'NV', 2)),
  FEAT_AMUv1: row('8.4', at('PFR0', 'AMU')),
  FEAT_AMUv1p1: row('8.6', at('PFR0', 'AMU', 2)),
  FEAT_DIT: row('8.4', at('PFR0', 'DIT')),
  FEAT_DoubleFault: row('8.4', at('PFR0', 'RAS', 2)),
  FEAT_RASv1p1: row('8.4', at('PFR0', 'RAS', 2)),
  FEAT_LSE2: row('8.4', at('MMFR2', 'AT')),
  FEAT_MPAM: row('8.4', at('PFR0', 'MPAM')),
  FEAT_SEL2: row('8.4', at('PFR0', 'SEL2')),
  FEAT_S2FWB: row('8.4', at('MMFR2', 'FWB')),
  FEAT_TLBIOS: row('8.4', at('ISAR0', 'TLB')),
  FEAT_TLBIRANGE: row('8.4', at('ISAR0', 'TLB', 2)),
  FEAT_TRF: row('8.4', at('DFR0', 'TraceFilt')),
  FEAT_FlagM: row('8.4', at('ISAR0', 'TS')),
  FEAT_TTST: row('8.4', at('MMFR2', 'ST')),
  FEAT_PMUv3p4: row('8.4', at('DFR0', 'PMUVer', 5)),
  FEAT_PMUv3p5: row('8.5', at('DFR0', 'PMUVer', 6)),
  FEAT_BTI: row('8.5', at('PFR1', 'BT')),
  FEAT_E0PD: row('8.5', at('MMFR2', 'E0PD')),
  FEAT_EVT: row('8.5', at('MMFR2', 'EVT')),
  FEAT_ExS: row('8.5', at('MMFR0', 'ExS')),
  FEAT_MTE: row('8.5', at('PFR1', 'MTE')),
  FEAT_MTE2: row('8.5', at('PFR1', 'MTE', 2)),
  FEAT_RNG: row('8.5', at('ISAR0', 'RNDR')),
  FEAT_ECV: row('8.6', at('MMFR0', 'ECV')),
  FEAT_FGT: row('8.6', at('MMFR0', 'FGT')),
  FEAT_TWED: row('8.6', at('MMFR1', 'TWED')),
  FEAT_HCX: row('8.7', at('MMFR1', 'HCX')),
  FEAT_LS64_ACCDATA: row('8.7', at('ISAR1', 'LS64', 3)),
  FEAT_LPA2: row('8.7'),
  FEAT_NMI: row('8.8', at('PFR1', 'NMI')),
  FEAT_SME: row('9.2', at('PFR1', 'SME')),
  FEAT_TRBE: row('9.0', at('DFR0', 'TraceBuffer')),
  FEAT_BRBE: row('9.2', at('DFR0', 'BRBE')),
  FEAT_RME: row('9.2', at('PFR0', 'RME')),
  FEAT_CSRE: row('9.0'),
  /** Not an architecture feature: the IMPLEMENTATION DEFINED registers of Cortex-A57 (DDI 0488). */
  IMPDEF_CortexA57: row('8.0'),
} as const satisfies Record<string, FeatureRow>;

/** Arm's name of a feature, e.g. `FEAT_LSE`. */
export type FeatureName = keyof typeof FEATURES;

/** All feature names of the table. */
export const FEATURE_NAMES = Object.keys(FEATURES) as readonly FeatureName[];

/** Where software finds the feature, or undefined when it has no simple field of its own. */
export function featureId(name: FeatureName): FeatureId | undefined {
  return (FEATURES[name] as FeatureRow).id;
}
