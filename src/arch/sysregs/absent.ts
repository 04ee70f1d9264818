/**
 * Registers of features that this machine does not model: named so that the log can say what a guest asked for.
 *
 * DDI 0487 (SVE, PAuth, MTE, LOR, RNG, SPE, AMU, MPAM, FGT, trace buffer and later). An access is UNDEFINED.
 */
import type { FeatureName } from '../features.ts';
import type { El, SysRegEncoding, SysRegRow } from './row.ts';
import { rows } from './row.ts';

type Place = readonly [name: string, at: SysRegEncoding, access?: 'RO' | 'WO'];

/** The Exception level in a register's name; EL0 for a name without one. _EL12 names need EL2. */
function elOf(name: string): El {
  const match = /_EL([0-3])2?$/.exec(name);
  return match ? (name.endsWith('_EL12') ? 2 : (Number(match[1]) as El)) : 0;
}

function absent(feature: FeatureName, places: readonly Place[]): SysRegRow[] {
  return places.map(
    ([name, at, access]): SysRegRow => ({
      name,
      at,
      access: access ?? 'RW',
      el: elOf(name),
      feature,
      model: 'absent',
      doc: `${feature} is not modelled`,
    }),
  );
}

const KEYS = ['APIA', 'APIB', 'APDA', 'APDB', 'APGA'];
const PAUTH: readonly Place[] = KEYS.flatMap((key, n): Place[] => [
  [`${key}KeyLo_EL1`, [3, 0, 2, 1 + (n >> 1), 2 * (n & 1)]],
  [`${key}KeyHi_EL1`, [3, 0, 2, 1 + (n >> 1), 2 * (n & 1) + 1]],
]);

const MTE: readonly Place[] = [
  ['RGSR_EL1', [3, 0, 1, 0, 5]],
  ['GCR_EL1', [3, 0, 1, 0, 6]],
  ['TFSR_EL1', [3, 0, 5, 6, 0]],
  ['TFSRE0_EL1', [3, 0, 5, 6, 1]],
  ['TFSR_EL2', [3, 4, 5, 6, 0]],
  ['TFSR_EL12', [3, 5, 5, 6, 0]],
  ['TFSR_EL3', [3, 6, 5, 6, 0]],
  ['GMID_EL1', [3, 1, 0, 0, 4], 'RO'],
];

const SVE: readonly Place[] = [
  ['ZCR_EL1', [3, 0, 1, 2, 0]],
  ['ZCR_EL2', [3, 4, 1, 2, 0]],
  ['ZCR_EL12', [3, 5, 1, 2, 0]],
  ['ZCR_EL3', [3, 6, 1, 2, 0]],
];

const SME: readonly Place[] = [
  ['SMPRI_EL1', [3, 0, 1, 2, 4]],
  ['SMCR_EL1', [3, 0, 1, 2, 6]],
  ['SMPRIMAP_EL2', [3, 4, 1, 2, 5]],
  ['SMCR_EL2', [3, 4, 1, 2, 6]],
  ['SMCR_EL12', [3, 5, 1, 2, 6]],
  ['SMCR_EL3', [3, 6, 1, 2, 6]],
  ['SMIDR_EL1', [3, 1, 0, 0, 6], 'RO'],
  ['TPIDR2_EL0', [3, 3, 13, 0, 5]],
];

const LOR: readonly Place[] = [
  ['LORSA_EL1', [3, 0, 10, 4, 0]],
  ['LOREA_EL1', [3, 0, 10, 4, 1]],
  ['LORN_EL1', [3, 0, 10, 4, 2]],
  ['LORC_EL1', [3, 0, 10, 4, 3]],
  ['LORID_EL1', [3, 0, 10, 4, 7], 'RO'],
];

const SPE: readonly Place[] = [
  ['PMSCR_EL1', [3, 0, 9, 9, 0]],
  ['PMSNEVFR_EL1', [3, 0, 9, 9, 1]],
  ['PMSICR_EL1', [3, 0, 9, 9, 2]],
  ['PMSIRR_EL1', [3, 0, 9, 9, 3]],
  ['PMSFCR_EL1', [3, 0, 9, 9, 4]],
  ['PMSEVFR_EL1', [3, 0, 9, 9, 5]],
  ['PMSLATFR_EL1', [3, 0, 9, 9, 6]],
  ['PMSIDR_EL1', [3, 0, 9, 9, 7], 'RO'],
  ['PMBLIMITR_EL1', [3, 0, 9, 10, 0]],
  ['PMBPTR_EL1', [3, 0, 9, 10, 1]],
  ['PMBSR_EL1', [3, 0, 9, 10, 3]],
  ['PMBIDR_EL1', [3, 0, 9, 10, 7], 'RO'],
  ['PMSCR_EL2', [3, 4, 9, 9, 0]],
  ['PMSCR_EL12', [3, 5, 9, 9, 0]],
];

const TRBE: readonly Place[] = [
  ['TRBLIMITR_EL1', [3, 0, 9, 11, 0]],
  ['TRBPTR_EL1', [3, 0, 9, 11, 1]],
  ['TRBBASER_EL1', [3, 0, 9, 11, 2]],
  ['TRBSR_EL1', [3, 0, 9, 11, 3]],
  ['TRBMAR_EL1', [3, 0, 9, 11, 4]],
  ['TRBTRG_EL1', [3, 0, 9, 11, 6]],
  ['TRBIDR_EL1', [3, 0, 9, 11, 7], 'RO'],
];

const MPAM: readonly Place[] = [
  ['MPAMIDR_EL1', [3, 0, 10, 4, 4], 'RO'],
  ['MPAM1_EL1', [3, 0, 10, 5, 0]],
  ['MPAM0_EL1', [3, 0, 10, 5, 1]],
  ['MPAMSM_EL1', [3, 0, 10, 5, 3]],
  ['MPAMHCR_EL2', [3, 4, 10, 4, 0]],
  ['MPAMVPMV_EL2', [3, 4, 10, 4, 1]],
  ['MPAM2_EL2', [3, 4, 10, 5, 0]],
  ['MPAM1_EL12', [3, 5, 10, 5, 0]],
  ['MPAM3_EL3', [3, 6, 10, 5, 0]],
  ...Array.from({ length: 8 }, (_, n): Place => [`MPAMVPM${n}_EL2`, [3, 4, 10, 6, n]]),
];

const AMU: readonly Place[] = [
  ['AMCR_EL0', [3, 3, 13, 2, 0]],
  ['AMCFGR_EL0', [3, 3, 13, 2, 1], 'RO'],
  ['AMCGCR_EL0', [3, 3, 13, 2, 2], 'RO'],
  ['AMUSERENR_EL0', [3, 3, 13, 2, 3]],
  ['AMCNTENCLR0_EL0', [3, 3, 13, 2, 4]],
  ['AMCNTENSET0_EL0', [3, 3, 13, 2, 5]],
  ['AMCG1IDR_EL0', [3, 3, 13, 2, 6], 'RO'],
  ['AMCNTENCLR1_EL0', [3, 3, 13, 3, 0]],
  ['AMCNTENSET1_EL0', [3, 3, 13, 3, 1]],
  ...Array.from({ length: 4 }, (_, n): Place => [`AMEVCNTR0${n}_EL0`, [3, 3, 13, 4, n]]),
  ...Array.from({ length: 4 }, (_, n): Place => [`AMEVTYPER0${n}_EL0`, [3, 3, 13, 6, n], 'RO']),
  ...Array.from({ length: 16 }, (_, n): Place => [`AMEVCNTR1${n}_EL0`, [3, 3, 13, 12 + (n >> 3), n & 7]]),
  ...Array.from({ length: 16 }, (_, n): Place => [`AMEVTYPER1${n}_EL0`, [3, 3, 13, 14 + (n >> 3), n & 7]]),
];

const AMU_V1P1: readonly Place[] = [0, 1].flatMap((group) =>
  Array.from(
    { length: 16 },
    (_, n): Place => [`AMEVCNTVOFF${group}${n}_EL2`, [3, 4, 13, 8 + 2 * group + (n >> 3), n & 7]],
  ),
);

const FGT: readonly Place[] = [
  ['HFGRTR_EL2', [3, 4, 1, 1, 4]],
  ['HFGWTR_EL2', [3, 4, 1, 1, 5]],
  ['HFGITR_EL2', [3, 4, 1, 1, 6]],
  ['HDFGRTR_EL2', [3, 4, 3, 1, 4]],
  ['HDFGWTR_EL2', [3, 4, 3, 1, 5]],
  ['HAFGRTR_EL2', [3, 4, 3, 1, 6]],
];

const SCXTNUM: readonly Place[] = [
  ['SCXTNUM_EL0', [3, 3, 13, 0, 7]],
  ['SCXTNUM_EL1', [3, 0, 13, 0, 7]],
  ['SCXTNUM_EL2', [3, 4, 13, 0, 7]],
  ['SCXTNUM_EL12', [3, 5, 13, 0, 7]],
  ['SCXTNUM_EL3', [3, 6, 13, 0, 7]],
];

const TRF: readonly Place[] = [
  ['TRFCR_EL1', [3, 0, 1, 2, 1]],
  ['TRFCR_EL2', [3, 4, 1, 2, 1]],
  ['TRFCR_EL12', [3, 5, 1, 2, 1]],
];

const RME: readonly Place[] = [
  ['GPTBR_EL3', [3, 6, 2, 1, 4]],
  ['GPCCR_EL3', [3, 6, 2, 1, 6]],
  ['MFAR_EL3', [3, 6, 6, 0, 5]],
];

const CSRE: readonly Place[] = [
  ['CSRCR_EL1', [2, 0, 8, 0, 0]],
  ['CSRPTR_EL1', [2, 0, 8, 0, 1]],
  ['CSRPTRIDX_EL1', [2, 0, 8, 0, 3], 'RO'],
  ['CSRCR_EL0', [2, 3, 8, 0, 0]],
  ['CSRPTR_EL0', [2, 3, 8, 0, 1]],
  ['CSRIDR_EL0', [2, 3, 8, 0, 2], 'RO'],
  ['CSRPTRIDX_EL0', [2, 3, 8, 0, 3], 'RO'],
  ['CSRCR_EL2', [2, 4, 8, 0, 0]],
  ['CSRPTR_EL2', [2, 4, 8, 0, 1]],
  ['CSRPTRIDX_EL2', [2, 4, 8, 0, 3], 'RO'],
  ['CSRCR_EL12', [2, 5, 8, 0, 0]],
  ['CSRPTR_EL12', [2, 5, 8, 0, 1]],
];

const BRBE: readonly SysRegRow[] = [
  ...absent('FEAT_BRBE', [
    ['BRBCR_EL1', [2, 1, 9, 0, 0]],
    ['BRBFCR_EL1', [2, 1, 9, 0, 1]],
    ['BRBTS_EL1', [2, 1, 9, 0, 2]],
    ['BRBINFINJ_EL1', [2, 1, 9, 1, 0]],
    ['BRBSRCINJ_EL1', [2, 1, 9, 1, 1]],
    ['BRBTGTINJ_EL1', [2, 1, 9, 1, 2]],
    ['BRBIDR0_EL1', [2, 1, 9, 2, 0], 'RO'],
    ['BRBCR_EL2', [2, 4, 9, 0, 0]],
    ['BRBCR_EL12', [2, 5, 9, 0, 0]],
  ]),
  ...['INF', 'SRC', 'TGT'].flatMap((part, op2) =>
    rows(32, (n) => absent('FEAT_BRBE', [[`BRB${part}${n}_EL1`, [2, 1, 8, n & 15, op2 + (n >> 4) * 4], 'RO']])[0]),
  ),
];

/** The room of the registers that are named but not modelled; trace has its own file. */
export const ABSENT_REGISTERS: readonly SysRegRow[] = [
  ...absent('FEAT_PAuth', PAUTH),
  ...absent('FEAT_MTE2', MTE),
  ...absent('FEAT_SVE', SVE),
  ...absent('FEAT_SME', SME),
  ...absent('FEAT_LOR', LOR),
  ...absent('FEAT_RNG', [
    ['RNDR', [3, 3, 2, 4, 0], 'RO'],
    ['RNDRRS', [3, 3, 2, 4, 1], 'RO'],
  ]),
  ...absent('FEAT_SPE', SPE),
  ...absent('FEAT_TRBE', TRBE),
  ...absent('FEAT_MPAM', MPAM),
  ...absent('FEAT_AMUv1', AMU),
  ...absent('FEAT_AMUv1p1', AMU_V1P1),
  ...absent('FEAT_FGT', FGT),
  ...absent('FEAT_CSV2_2', SCXTNUM),
  ...absent('FEAT_TRF', TRF),
  ...absent('FEAT_RME', RME),
  ...absent('FEAT_CSRE', CSRE),
  ...absent('FEAT_HCX', [['HCRX_EL2', [3, 4, 1, 2, 2]]]),
  ...absent('FEAT_NV2', [['VNCR_EL2', [3, 4, 2, 2, 0]]]),
  ...absent('FEAT_SEL2', [
    ['VSTTBR_EL2', [3, 4, 2, 6, 0]],
    ['VSTCR_EL2', [3, 4, 2, 6, 2]],
  ]),
  ...absent('FEAT_LS64_ACCDATA', [['ACCDATA_EL1', [3, 0, 13, 0, 5]]]),
  ...BRBE,
];
