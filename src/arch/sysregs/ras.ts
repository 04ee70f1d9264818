/**
 * RAS Extension: error record access, deferred and virtual SErrors.
 *
 * DDI 0487, "The Reliability, Availability, and Serviceability Extension"; record layout: DDI 0587, "RAS registers".
 */
import type { FieldMap, SysRegEncoding, SysRegRow } from './row.ts';

const DISR_FIELDS: FieldMap = { DFSC: [5, 0], EA: [9, 9], AET: [12, 10], IDS: [24, 24], A: [31, 31] };
/** With IDS = 1 the low 24 bits are an IMPLEMENTATION DEFINED syndrome. */
const DISR_IDS_FIELDS: FieldMap = { ISS: [23, 0], IDS: [24, 24], A: [31, 31] };

const record = (name: string, at: SysRegEncoding, access: 'RW' | 'RO', fields: FieldMap, doc: string): SysRegRow => ({
  name,
  at,
  access,
  el: 1,
  feature: 'FEAT_RAS',
  fields,
  model: 'computed',
  doc: `selected error record: ${doc}`,
});

const FR_FIELDS: FieldMap = {
  ED: [1, 0],
  DE: [3, 2],
  UI: [5, 4],
  FI: [7, 6],
  UE: [9, 8],
  CFI: [11, 10],
  CEC: [14, 12],
  RP: [15, 15],
  DUI: [17, 16],
  CEO: [19, 18],
  INJ: [21, 20],
  CI: [23, 22],
  TS: [25, 24],
};
const CTLR_FIELDS: FieldMap = {
  ED: [0, 0],
  UI: [2, 2],
  FI: [3, 3],
  UE: [4, 4],
  WUI: [5, 5],
  WFI: [6, 6],
  WUE: [7, 7],
  CFI: [8, 8],
  WCFI: [9, 9],
  DUI: [10, 10],
  WDUI: [11, 11],
  CI: [13, 13],
};
const STATUS_FIELDS: FieldMap = {
  SERR: [7, 0],
  IERR: [15, 8],
  CI: [19, 19],
  UET: [21, 20],
  PN: [22, 22],
  DE: [23, 23],
  CE: [25, 24],
  MV: [26, 26],
  OF: [27, 27],
  ER: [28, 28],
  UE: [29, 29],
  V: [30, 30],
  AV: [31, 31],
};
const ADDR_FIELDS: FieldMap = { PADDR: [55, 0], VA: [60, 60], AI: [61, 61], SI: [62, 62], NS: [63, 63] };

/** The room of the RAS Extension. */
export const RAS_REGISTERS: readonly SysRegRow[] = [
  {
    name: 'ERRIDR_EL1',
    at: [3, 0, 5, 3, 0],
    access: 'RO',
    el: 1,
    feature: 'FEAT_RAS',
    fields: { NUM: [15, 0] },
    doc: 'number of error records',
  },
  {
    name: 'ERRSELR_EL1',
    at: [3, 0, 5, 3, 1],
    access: 'RW',
    el: 1,
    feature: 'FEAT_RAS',
    fields: { SEL: [15, 0] },
    doc: 'error record select',
  },
  record('ERXFR_EL1', [3, 0, 5, 4, 0], 'RO', FR_FIELDS, 'features'),
  record('ERXCTLR_EL1', [3, 0, 5, 4, 1], 'RW', CTLR_FIELDS, 'control'),
  record('ERXSTATUS_EL1', [3, 0, 5, 4, 2], 'RW', STATUS_FIELDS, 'status, mostly write one to clear'),
  record('ERXADDR_EL1', [3, 0, 5, 4, 3], 'RW', ADDR_FIELDS, 'address'),
  record('ERXMISC0_EL1', [3, 0, 5, 5, 0], 'RW', {}, 'syndrome 0'),
  record('ERXMISC1_EL1', [3, 0, 5, 5, 1], 'RW', {}, 'syndrome 1'),
  { ...record('ERXMISC2_EL1', [3, 0, 5, 5, 2], 'RW', {}, 'syndrome 2'), feature: 'FEAT_RASv1p1' },
  { ...record('ERXMISC3_EL1', [3, 0, 5, 5, 3], 'RW', {}, 'syndrome 3'), feature: 'FEAT_RASv1p1' },
  { ...record('ERXPFGF_EL1', [3, 0, 5, 4, 4], 'RO', {}, 'fault injection features'), feature: 'FEAT_RASv1p1' },
  { ...record('ERXPFGCTL_EL1', [3, 0, 5, 4, 5], 'RW', {}, 'fault injection control'), feature: 'FEAT_RASv1p1' },
  { ...record('ERXPFGCDN_EL1', [3, 0, 5, 4, 6], 'RW', {}, 'fault injection countdown'), feature: 'FEAT_RASv1p1' },
  {
    name: 'DISR_EL1',
    at: [3, 0, 12, 1, 1],
    access: 'RW',
    el: 1,
    feature: 'FEAT_RAS',
    fields: DISR_FIELDS,
    writable: 0x8100_0000n | 0x00ff_ffffn,
    views: { 'IDS = 1': DISR_IDS_FIELDS },
    doc: 'SError deferred by ESB; VDISR_EL2 when accessed at EL1 with HCR_EL2.AMO = 1',
  },
  {
    name: 'VDISR_EL2',
    at: [3, 4, 12, 1, 1],
    access: 'RW',
    el: 2,
    needs: 'EL2',
    feature: 'FEAT_RAS',
    fields: DISR_IDS_FIELDS,
    doc: 'virtual SError deferred by ESB at EL1',
  },
  {
    name: 'VSESR_EL2',
    at: [3, 4, 5, 2, 3],
    access: 'RW',
    el: 2,
    needs: 'EL2',
    feature: 'FEAT_RAS',
    fields: { ISS: [23, 0], IDS: [24, 24] },
    doc: 'syndrome that a virtual SError reports',
  },
];
