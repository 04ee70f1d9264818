/**
 * GICv3 CPU interface (ICC_*), its virtual face (ICV_*, the same encodings) and its hypervisor control (ICH_*).
 *
 * IHI 0069, "AArch64 System register descriptions". Behaviour, banking and traps belong to the GIC model.
 */
import type { FieldMap, SysRegEncoding, SysRegRow } from './row.ts';
import { rows } from './row.ts';

const icc = (
  stem: string,
  at: SysRegEncoding,
  access: 'RW' | 'RO' | 'WO',
  fields: FieldMap,
  doc: string,
  hasIcv = true,
): SysRegRow => ({
  name: `ICC_${stem}_EL1`,
  at,
  access,
  el: 1,
  feature: 'FEAT_GICv3',
  fields,
  model: 'computed',
  ...(hasIcv ? { aliases: [`ICV_${stem}_EL1`] } : {}),
  doc,
});

const INTID: FieldMap = { INTID: [23, 0] };
const SGI_FIELDS: FieldMap = {
  TargetList: [15, 0],
  Aff1: [23, 16],
  INTID: [27, 24],
  Aff2: [39, 32],
  IRM: [40, 40],
  RS: [47, 44],
  Aff3: [55, 48],
};
const CTLR_EL1_FIELDS: FieldMap = {
  CBPR: [0, 0],
  EOImode: [1, 1],
  PMHE: [6, 6],
  PRIbits: [10, 8, 'RO'],
  IDbits: [13, 11, 'RO'],
  SEIS: [14, 14, 'RO'],
  A3V: [15, 15, 'RO'],
  RSS: [18, 18, 'RO'],
  ExtRange: [19, 19, 'RO'],
};
const CTLR_EL3_FIELDS: FieldMap = {
  CBPR_EL1S: [0, 0],
  CBPR_EL1NS: [1, 1],
  EOImode_EL3: [2, 2],
  EOImode_EL1S: [3, 3],
  EOImode_EL1NS: [4, 4],
  RM: [5, 5],
  PMHE: [6, 6],
  PRIbits: [10, 8, 'RO'],
  IDbits: [13, 11, 'RO'],
  SEIS: [14, 14, 'RO'],
  A3V: [15, 15, 'RO'],
  nDS: [17, 17, 'RO'],
  RSS: [18, 18, 'RO'],
  ExtRange: [19, 19, 'RO'],
};
const SRE_FIELDS: FieldMap = { SRE: [0, 0], DFB: [1, 1], DIB: [2, 2] };
const SRE_UPPER_FIELDS: FieldMap = { ...SRE_FIELDS, Enable: [3, 3] };

const ICC: readonly SysRegRow[] = [
  icc('PMR', [3, 0, 4, 6, 0], 'RW', { Priority: [7, 0] }, 'priority mask'),
  icc('IAR0', [3, 0, 12, 8, 0], 'RO', INTID, 'acknowledge Group 0'),
  icc('EOIR0', [3, 0, 12, 8, 1], 'WO', INTID, 'end of Group 0 interrupt'),
  icc('HPPIR0', [3, 0, 12, 8, 2], 'RO', INTID, 'highest priority pending Group 0'),
  icc('BPR0', [3, 0, 12, 8, 3], 'RW', { BinaryPoint: [2, 0] }, 'binary point, Group 0'),
  ...rows(4, (n) => icc(`AP0R${n}`, [3, 0, 12, 8, 4 + n], 'RW', {}, 'active priorities, Group 0')),
  ...rows(4, (n) => icc(`AP1R${n}`, [3, 0, 12, 9, n], 'RW', {}, 'active priorities, Group 1')),
  {
    ...icc('NMIAR1', [3, 0, 12, 9, 5], 'RO', INTID, 'acknowledge Group 1 non-maskable'),
    feature: 'FEAT_NMI',
    model: 'absent',
  },
  icc('DIR', [3, 0, 12, 11, 1], 'WO', INTID, 'deactivate'),
  icc('RPR', [3, 0, 12, 11, 3], 'RO', { Priority: [7, 0] }, 'running priority'),
  icc('SGI1R', [3, 0, 12, 11, 5], 'WO', SGI_FIELDS, 'generate SGI, Group 1 of this Security state', false),
  icc('ASGI1R', [3, 0, 12, 11, 6], 'WO', SGI_FIELDS, 'generate SGI, Group 1 of the other Security state', false),
  icc('SGI0R', [3, 0, 12, 11, 7], 'WO', SGI_FIELDS, 'generate SGI, Group 0', false),
  icc('IAR1', [3, 0, 12, 12, 0], 'RO', INTID, 'acknowledge Group 1'),
  icc('EOIR1', [3, 0, 12, 12, 1], 'WO', INTID, 'end of Group 1 interrupt'),
  icc('HPPIR1', [3, 0, 12, 12, 2], 'RO', INTID, 'highest priority pending Group 1'),
  icc('BPR1', [3, 0, 12, 12, 3], 'RW', { BinaryPoint: [2, 0] }, 'binary point, Group 1'),
  icc('CTLR', [3, 0, 12, 12, 4], 'RW', CTLR_EL1_FIELDS, 'CPU interface control'),
  icc('SRE', [3, 0, 12, 12, 5], 'RW', SRE_FIELDS, 'system register interface enable', false),
  icc('IGRPEN0', [3, 0, 12, 12, 6], 'RW', { Enable: [0, 0] }, 'Group 0 enable'),
  icc('IGRPEN1', [3, 0, 12, 12, 7], 'RW', { Enable: [0, 0] }, 'Group 1 enable'),
];

const upper = (name: string, el: 2 | 3, at: SysRegEncoding, fields: FieldMap, doc: string): SysRegRow => ({
  name,
  at,
  access: 'RW',
  el,
  needs: el === 3 ? 'EL3' : 'EL2',
  feature: 'FEAT_GICv3',
  fields,
  model: 'computed',
  doc,
});

const ICC_UPPER: readonly SysRegRow[] = [
  upper('ICC_SRE_EL2', 2, [3, 4, 12, 9, 5], SRE_UPPER_FIELDS, 'system register interface enable, EL2'),
  upper('ICC_CTLR_EL3', 3, [3, 6, 12, 12, 4], CTLR_EL3_FIELDS, 'CPU interface control, EL3'),
  upper('ICC_SRE_EL3', 3, [3, 6, 12, 12, 5], SRE_UPPER_FIELDS, 'system register interface enable, EL3'),
  upper(
    'ICC_IGRPEN1_EL3',
    3,
    [3, 6, 12, 12, 7],
    { EnableGrp1NS: [0, 0], EnableGrp1S: [1, 1] },
    'Group 1 enables of both Security states',
  ),
];

const LR_FIELDS: FieldMap = {
  vINTID: [31, 0],
  pINTID: [44, 32],
  Priority: [55, 48],
  NMI: [59, 59, 'FEAT_NMI'],
  Group: [60, 60],
  HW: [61, 61],
  State: [63, 62],
};
const HCR_FIELDS: FieldMap = {
  En: [0, 0],
  UIE: [1, 1],
  LRENPIE: [2, 2],
  NPIE: [3, 3],
  VGrp0EIE: [4, 4],
  VGrp0DIE: [5, 5],
  VGrp1EIE: [6, 6],
  VGrp1DIE: [7, 7],
  TC: [10, 10],
  TALL0: [11, 11],
  TALL1: [12, 12],
  TSEI: [13, 13],
  TDIR: [14, 14],
  EOIcount: [31, 27],
};
const VTR_FIELDS: FieldMap = {
  ListRegs: [4, 0],
  TDS: [19, 19],
  nV4: [20, 20],
  A3V: [21, 21],
  SEIS: [22, 22],
  IDbits: [25, 23],
  PREbits: [28, 26],
  PRIbits: [31, 29],
};
const MISR_FIELDS: FieldMap = {
  EOI: [0, 0],
  U: [1, 1],
  LRENP: [2, 2],
  NP: [3, 3],
  VGrp0E: [4, 4],
  VGrp0D: [5, 5],
  VGrp1E: [6, 6],
  VGrp1D: [7, 7],
};
const VMCR_FIELDS: FieldMap = {
  VENG0: [0, 0],
  VENG1: [1, 1],
  VAckCtl: [2, 2],
  VFIQEn: [3, 3],
  VCBPR: [4, 4],
  VEOIM: [9, 9],
  VBPR1: [20, 18],
  VBPR0: [23, 21],
  VPMR: [31, 24],
};

const ich = (stem: string, CRm: number, op2: number, fields: FieldMap, doc: string): SysRegRow =>
  upper(`ICH_${stem}_EL2`, 2, [3, 4, 12, CRm, op2], fields, doc);

/** List registers that exist, ICH_VTR_EL2.ListRegs + 1, as the processors modelled here have. */
const LIST_REGISTERS = 4;
/** Words of virtual active priorities, from 5 bits of preemption, ICH_VTR_EL2.PREbits + 1. */
const ACTIVE_PRIORITIES = 1;
/** A register of an array is UNDEFINED beyond what ICH_VTR_EL2 announces. IHI 0069, "ICH_LR<n>_EL2", "ICH_AP0R<n>_EL2". */
const upTo = (count: number, n: number, row: SysRegRow): SysRegRow => (n < count ? row : { ...row, model: 'absent' });
const ichApr = (group: 0 | 1, n: number): SysRegRow =>
  upTo(ACTIVE_PRIORITIES, n, ich(`AP${group}R${n}`, 8 + group, n, {}, `virtual active priorities, Group ${group}`));

const ICH: readonly SysRegRow[] = [
  ...rows(4, (n) => ichApr(0, n)),
  ...rows(4, (n) => ichApr(1, n)),
  ich('HCR', 11, 0, HCR_FIELDS, 'virtual CPU interface control'),
  { ...ich('VTR', 11, 1, VTR_FIELDS, 'what the virtual CPU interface implements'), access: 'RO' },
  { ...ich('MISR', 11, 2, MISR_FIELDS, 'maintenance interrupt state'), access: 'RO' },
  { ...ich('EISR', 11, 3, {}, 'list registers with an end of interrupt'), access: 'RO' },
  { ...ich('ELRSR', 11, 5, {}, 'empty list registers'), access: 'RO' },
  ich('VMCR', 11, 7, VMCR_FIELDS, 'the guest view of PMR, BPR, CTLR and enables'),
  ...rows(16, (n) => upTo(LIST_REGISTERS, n, ich(`LR${n}`, 12 + (n >> 3), n & 7, LR_FIELDS, 'list register'))),
];

/** The room of the GIC CPU interface. */
export const GIC_REGISTERS: readonly SysRegRow[] = [...ICC, ...ICC_UPPER, ...ICH];
