/**
 * Performance Monitors. DDI 0487, "The Performance Monitors Extension". UNDEFINED in a profile without FEAT_PMUv3.
 */
import type { FieldMap, SysRegEncoding, SysRegRow } from './row.ts';
import { rows } from './row.ts';

/** Event counters that have an encoding; PMCR_EL0.N says how many exist. */
export const PMU_COUNTER_NAMES = 31;
/** Event counters implemented: PMCR_EL0.N, and MDCR_EL2.HPMN after reset. */
export const PMU_EVENT_COUNTERS = 6;

const FILTER_FIELDS: FieldMap = {
  M: [26, 26, 'EL3'],
  NSH: [27, 27, 'EL2'],
  NSU: [28, 28, 'EL3'],
  NSK: [29, 29, 'EL3'],
  U: [30, 30],
  P: [31, 31],
};

const pmu = (name: string, at: SysRegEncoding, el: 0 | 1, rest: Partial<SysRegRow>, doc: string): SysRegRow => ({
  name,
  at,
  access: 'RW',
  el,
  feature: 'FEAT_PMUv3',
  model: 'computed',
  ...rest,
  doc,
});

const PMCR_FIELDS: FieldMap = {
  E: [0, 0],
  P: [1, 1],
  C: [2, 2],
  D: [3, 3],
  X: [4, 4],
  DP: [5, 5],
  LC: [6, 6],
  LP: [7, 7, 'FEAT_PMUv3p5'],
  N: [15, 11, 'RO'],
  IDCODE: [23, 16, 'RO'],
  IMP: [31, 24, 'RO'],
};

/** The room of the Performance Monitors. EL0 access is by PMUSERENR_EL0. */
export const PMU_REGISTERS: readonly SysRegRow[] = [
  pmu('PMCR_EL0', [3, 3, 9, 12, 0], 0, { fields: PMCR_FIELDS }, 'control'),
  pmu('PMCNTENSET_EL0', [3, 3, 9, 12, 1], 0, {}, 'counter enable, set'),
  pmu('PMCNTENCLR_EL0', [3, 3, 9, 12, 2], 0, {}, 'counter enable, clear'),
  pmu('PMOVSCLR_EL0', [3, 3, 9, 12, 3], 0, {}, 'overflow flags, clear'),
  pmu('PMSWINC_EL0', [3, 3, 9, 12, 4], 0, { access: 'WO' }, 'software increment'),
  pmu('PMSELR_EL0', [3, 3, 9, 12, 5], 0, { fields: { SEL: [4, 0] }, model: 'stored' }, 'counter select'),
  pmu('PMCEID0_EL0', [3, 3, 9, 12, 6], 0, { access: 'RO' }, 'common events implemented, low half'),
  pmu('PMCEID1_EL0', [3, 3, 9, 12, 7], 0, { access: 'RO' }, 'common events implemented, high half'),
  pmu('PMCCNTR_EL0', [3, 3, 9, 13, 0], 0, {}, 'cycle count'),
  pmu('PMXEVTYPER_EL0', [3, 3, 9, 13, 1], 0, {}, 'event type of the selected counter'),
  pmu('PMXEVCNTR_EL0', [3, 3, 9, 13, 2], 0, {}, 'count of the selected counter'),
  pmu(
    'PMUSERENR_EL0',
    [3, 3, 9, 14, 0],
    0,
    { writeEl: 1, fields: { EN: [0, 0], SW: [1, 1], CR: [2, 2], ER: [3, 3] }, model: 'stored' },
    'access from EL0',
  ),
  pmu('PMOVSSET_EL0', [3, 3, 9, 14, 3], 0, {}, 'overflow flags, set'),
  pmu('PMINTENSET_EL1', [3, 0, 9, 14, 1], 1, {}, 'overflow interrupt enable, set'),
  pmu('PMINTENCLR_EL1', [3, 0, 9, 14, 2], 1, {}, 'overflow interrupt enable, clear'),
  pmu('PMMIR_EL1', [3, 0, 9, 14, 6], 1, { access: 'RO', feature: 'FEAT_PMUv3p4' }, 'machine identification'),
  ...rows(PMU_COUNTER_NAMES, (n) =>
    pmu(`PMEVCNTR${n}_EL0`, [3, 3, 14, 8 + (n >> 3), n & 7], 0, {}, `event count ${n}`),
  ),
  ...rows(PMU_COUNTER_NAMES, (n) =>
    pmu(
      `PMEVTYPER${n}_EL0`,
      [3, 3, 14, 12 + (n >> 3), n & 7],
      0,
      { fields: { evtCount: [9, 0], ...FILTER_FIELDS } },
      `event type ${n}`,
    ),
  ),
  pmu('PMCCFILTR_EL0', [3, 3, 14, 15, 7], 0, { fields: FILTER_FIELDS }, 'cycle counter filter'),
];
