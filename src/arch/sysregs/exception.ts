/**
 * Exception handling and special-purpose registers: PSTATE accessors, ELR, SPSR, ESR, FAR, VBAR, stack pointers.
 *
 * DDI 0487, "Special-purpose registers" and "AArch64 System Register Descriptions".
 */
import { SPSR_FIELDS } from '../pstate.ts';
import type { FieldMap, SysRegRow } from './row.ts';
import { bits } from './row.ts';

const ESR_FIELDS: FieldMap = { ISS: [24, 0], IL: [25, 25], EC: [31, 26], ISS2: [36, 32, 'FEAT_LS64_ACCDATA'] };

interface Level {
  readonly el: 1 | 2 | 3;
  readonly op1: 0 | 4 | 6;
  readonly needs?: 'EL2' | 'EL3';
}

const LEVELS: readonly Level[] = [
  { el: 1, op1: 0 },
  { el: 2, op1: 4, needs: 'EL2' },
  { el: 3, op1: 6, needs: 'EL3' },
];

/** The registers that EL1, EL2 and EL3 each have one of. */
const BANKED: readonly SysRegRow[] = LEVELS.flatMap(({ el, op1, needs }): SysRegRow[] => {
  const common = { access: 'RW', el, ...(needs ? { needs } : {}) } as const;
  return [
    {
      ...common,
      name: `SPSR_EL${el}`,
      at: [3, op1, 4, 0, 0],
      fields: SPSR_FIELDS,
      doc: `saved PSTATE of an exception taken to EL${el}`,
    },
    { ...common, name: `ELR_EL${el}`, at: [3, op1, 4, 0, 1], doc: `return address of an exception taken to EL${el}` },
    { ...common, name: `AFSR0_EL${el}`, at: [3, op1, 5, 1, 0], writable: 0n, doc: 'auxiliary fault status 0: RES0' },
    { ...common, name: `AFSR1_EL${el}`, at: [3, op1, 5, 1, 1], writable: 0n, doc: 'auxiliary fault status 1: RES0' },
    {
      ...common,
      name: `ESR_EL${el}`,
      at: [3, op1, 5, 2, 0],
      fields: ESR_FIELDS,
      doc: `syndrome of an exception taken to EL${el}`,
    },
    {
      ...common,
      name: `FAR_EL${el}`,
      at: [3, op1, 6, 0, 0],
      doc: `faulting virtual address of an exception taken to EL${el}`,
    },
    {
      ...common,
      name: `VBAR_EL${el}`,
      at: [3, op1, 12, 0, 0],
      writable: bits(63, 11),
      doc: `vector base address of EL${el}`,
    },
    {
      ...common,
      name: `RVBAR_EL${el}`,
      at: [3, op1, 12, 0, 1],
      access: 'RO',
      needs: 'highest',
      doc: 'reset address, of the highest implemented Exception level only',
    },
    {
      ...common,
      name: `RMR_EL${el}`,
      at: [3, op1, 12, 0, 2],
      model: 'absent',
      doc: 'reset management: not implemented, as AArch64-only processors may choose',
    },
  ];
});

const PSTATE_ACCESS: readonly SysRegRow[] = [
  {
    name: 'NZCV',
    at: [3, 3, 4, 2, 0],
    access: 'RW',
    el: 0,
    fields: { V: [28, 28], C: [29, 29], Z: [30, 30], N: [31, 31] },
    model: 'computed',
    doc: 'condition flags',
  },
  {
    name: 'DAIF',
    at: [3, 3, 4, 2, 1],
    access: 'RW',
    el: 0,
    fields: { F: [6, 6], I: [7, 7], A: [8, 8], D: [9, 9] },
    model: 'computed',
    doc: 'interrupt masks; EL0 access by SCTLR_EL1.UMA',
  },
  {
    name: 'CurrentEL',
    at: [3, 0, 4, 2, 2],
    access: 'RO',
    el: 1,
    fields: { EL: [3, 2] },
    model: 'computed',
    doc: 'current Exception level',
  },
  {
    name: 'SPSel',
    at: [3, 0, 4, 2, 0],
    access: 'RW',
    el: 1,
    fields: { SP: [0, 0] },
    model: 'computed',
    doc: 'stack pointer select',
  },
  {
    name: 'PAN',
    at: [3, 0, 4, 2, 3],
    access: 'RW',
    el: 1,
    feature: 'FEAT_PAN',
    fields: { PAN: [22, 22] },
    model: 'computed',
    doc: 'privileged access never',
  },
  {
    name: 'UAO',
    at: [3, 0, 4, 2, 4],
    access: 'RW',
    el: 1,
    feature: 'FEAT_UAO',
    fields: { UAO: [23, 23] },
    model: 'computed',
    doc: 'user access override',
  },
  {
    name: 'DIT',
    at: [3, 3, 4, 2, 5],
    access: 'RW',
    el: 0,
    feature: 'FEAT_DIT',
    fields: { DIT: [24, 24] },
    model: 'absent',
    doc: 'data independent timing',
  },
  {
    name: 'SSBS',
    at: [3, 3, 4, 2, 6],
    access: 'RW',
    el: 0,
    feature: 'FEAT_SSBS2',
    fields: { SSBS: [12, 12] },
    model: 'absent',
    doc: 'speculative store bypass safe',
  },
  {
    name: 'TCO',
    at: [3, 3, 4, 2, 7],
    access: 'RW',
    el: 0,
    feature: 'FEAT_MTE',
    fields: { TCO: [25, 25] },
    model: 'absent',
    doc: 'tag check override',
  },
  {
    name: 'ALLINT',
    at: [3, 0, 4, 3, 0],
    access: 'RW',
    el: 1,
    feature: 'FEAT_NMI',
    fields: { ALLINT: [13, 13] },
    model: 'absent',
    doc: 'mask of all interrupts',
  },
  {
    name: 'SVCR',
    at: [3, 3, 4, 2, 2],
    access: 'RW',
    el: 0,
    feature: 'FEAT_SME',
    model: 'absent',
    doc: 'streaming vector control',
  },
  {
    name: 'FPCR',
    at: [3, 3, 4, 4, 0],
    access: 'RW',
    el: 0,
    fields: {
      FZ16: [19, 19, 'FEAT_FP16'],
      Stride: [21, 20, 'RO'],
      RMode: [23, 22],
      FZ: [24, 24],
      DN: [25, 25],
      AHP: [26, 26],
    },
    model: 'computed',
    doc: 'floating-point control; no trapped exceptions, so IOE to IDE are RAZ/WI; Len and Stride are AArch32 only',
  },
  {
    name: 'FPSR',
    at: [3, 3, 4, 4, 1],
    access: 'RW',
    el: 0,
    fields: { IOC: [0, 0], DZC: [1, 1], OFC: [2, 2], UFC: [3, 3], IXC: [4, 4], IDC: [7, 7], QC: [27, 27] },
    model: 'computed',
    doc: 'floating-point status; the AArch32 flags N, Z, C, V are RES0',
  },
  {
    name: 'SP_EL0',
    at: [3, 0, 4, 1, 0],
    access: 'RW',
    el: 1,
    model: 'computed',
    doc: 'stack pointer of EL0; UNDEFINED while PSTATE.SP is 0',
  },
  { name: 'SP_EL1', at: [3, 4, 4, 1, 0], access: 'RW', el: 2, model: 'computed', doc: 'stack pointer of EL1' },
  {
    name: 'SP_EL2',
    at: [3, 6, 4, 1, 0],
    access: 'RW',
    el: 3,
    needs: 'EL2',
    model: 'computed',
    doc: 'stack pointer of EL2',
  },
  {
    name: 'DSPSR_EL0',
    at: [3, 3, 4, 5, 0],
    access: 'RW',
    el: 0,
    model: 'absent',
    doc: 'PSTATE saved for Debug state; UNDEFINED outside Debug state, which this machine never enters',
  },
  {
    name: 'DLR_EL0',
    at: [3, 3, 4, 5, 1],
    access: 'RW',
    el: 0,
    model: 'absent',
    doc: 'return address saved for Debug state; UNDEFINED outside Debug state',
  },
];

const AA32_SPSR = ['irq', 'abt', 'und', 'fiq'].map(
  (mode, op2): SysRegRow => ({
    name: `SPSR_${mode}`,
    at: [3, 4, 4, 3, op2],
    access: 'RW',
    el: 2,
    writable: 0n,
    doc: 'AArch32 banked SPSR: RES0, EL1 is AArch64 only',
  }),
);

const aa32 = (name: string, at: SysRegRow['at'], el: 2 | 3, doc: string): SysRegRow => ({
  name,
  at,
  access: 'RW',
  el,
  feature: 'FEAT_AA32EL1',
  model: 'absent',
  doc: `${doc}; UNDEFINED when EL1 is AArch64 only`,
});

const OTHER: readonly SysRegRow[] = [
  {
    name: 'PAR_EL1',
    at: [3, 0, 7, 4, 0],
    access: 'RW',
    el: 1,
    writable: bits(63, 0),
    fields: { F: [0, 0], SH: [8, 7], NS: [9, 9], PA: [47, 12], ATTR: [63, 56] },
    views: { 'F = 1': { F: [0, 0], FST: [6, 1], PTW: [8, 8], S: [9, 9] } },
    doc: 'result of an address translation instruction',
  },
  {
    name: 'ISR_EL1',
    at: [3, 0, 12, 1, 0],
    access: 'RO',
    el: 1,
    fields: { F: [6, 6], I: [7, 7], A: [8, 8] },
    model: 'computed',
    doc: 'pending interrupts and SError',
  },
  {
    name: 'HPFAR_EL2',
    at: [3, 4, 6, 0, 4],
    access: 'RW',
    el: 2,
    needs: 'EL2',
    fields: { FIPA: [39, 4], NS: [63, 63, 'FEAT_SEL2'] },
    doc: 'faulting IPA, bits 47:12',
  },
  ...AA32_SPSR,
  aa32('IFSR32_EL2', [3, 4, 5, 0, 1], 2, 'AArch32 instruction fault status'),
  aa32('FPEXC32_EL2', [3, 4, 5, 3, 0], 2, 'AArch32 FPEXC'),
  aa32('DACR32_EL2', [3, 4, 3, 0, 0], 2, 'AArch32 domain access control'),
  aa32('SDER32_EL2', [3, 4, 1, 3, 1], 2, 'AArch32 secure debug enable'),
  aa32('SDER32_EL3', [3, 6, 1, 1, 1], 3, 'AArch32 secure debug enable'),
];

/** The room of exception and special-purpose registers. */
export const EXCEPTION_REGISTERS: readonly SysRegRow[] = [...BANKED, ...PSTATE_ACCESS, ...OTHER];
