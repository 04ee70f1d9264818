/**
 * Self-hosted debug and the registers it shares with an external debugger.
 *
 * DDI 0487, "Debug registers". Six breakpoints (the last two context-aware) and four watchpoints, see ID_AA64DFR0_EL1.
 * Not modelled: Debug state and the debug communication channel (nothing is connected to it).
 */
import type { FieldMap, SysRegRow } from './row.ts';
import { ALL64, bits, rows } from './row.ts';

/** Breakpoints implemented: ID_AA64DFR0_EL1.BRPs + 1. */
export const BREAKPOINT_COUNT = 6;
/** Watchpoints implemented: ID_AA64DFR0_EL1.WRPs + 1. */
export const WATCHPOINT_COUNT = 4;
/** Context-aware breakpoints, the highest-numbered ones: ID_AA64DFR0_EL1.CTX_CMPs + 1. */
export const CONTEXT_BREAKPOINT_COUNT = 2;

const DBGBCR_FIELDS: FieldMap = {
  E: [0, 0],
  PMC: [2, 1],
  BAS: [8, 5, 'FEAT_AA32EL0'],
  HMC: [13, 13],
  SSC: [15, 14],
  LBN: [19, 16],
  BT: [23, 20],
};
const DBGWCR_FIELDS: FieldMap = {
  E: [0, 0],
  PAC: [2, 1],
  LSC: [4, 3],
  BAS: [12, 5],
  HMC: [13, 13],
  SSC: [15, 14],
  LBN: [19, 16],
  WT: [20, 20],
  MASK: [28, 24],
};

const absentAbove = (n: number, count: number): Partial<SysRegRow> => (n < count ? {} : { model: 'absent' });
const isContext = (n: number): boolean => n >= BREAKPOINT_COUNT - CONTEXT_BREAKPOINT_COUNT;

const COMPARATORS: readonly SysRegRow[] = [
  ...rows(16, (n) => ({
    name: `DBGBVR${n}_EL1`,
    at: [2, 0, 0, n, 4],
    access: 'RW',
    el: 1,
    writable: isContext(n) ? ALL64 : bits(63, 2),
    ...absentAbove(n, BREAKPOINT_COUNT),
    doc: 'breakpoint value: virtual address, or Context ID and VMID on a context-aware one',
  })),
  ...rows(16, (n) => ({
    name: `DBGBCR${n}_EL1`,
    at: [2, 0, 0, n, 5],
    access: 'RW',
    el: 1,
    fields: DBGBCR_FIELDS,
    res1: bits(8, 5),
    ...absentAbove(n, BREAKPOINT_COUNT),
    doc: 'breakpoint control; BAS is RES1 without AArch32',
  })),
  ...rows(16, (n) => ({
    name: `DBGWVR${n}_EL1`,
    at: [2, 0, 0, n, 6],
    access: 'RW',
    el: 1,
    fields: { VA: [63, 2] },
    ...absentAbove(n, WATCHPOINT_COUNT),
    doc: 'watchpoint value: virtual address',
  })),
  ...rows(16, (n) => ({
    name: `DBGWCR${n}_EL1`,
    at: [2, 0, 0, n, 7],
    access: 'RW',
    el: 1,
    fields: DBGWCR_FIELDS,
    ...absentAbove(n, WATCHPOINT_COUNT),
    doc: 'watchpoint control',
  })),
];

const MDSCR_FIELDS: FieldMap = {
  SS: [0, 0],
  ERR: [6, 6, 'RO'],
  TDCC: [12, 12],
  KDE: [13, 13],
  HDE: [14, 14, 'RO'],
  MDE: [15, 15],
  SC2: [19, 19, 'RO'],
  TDA: [21, 21, 'RO'],
  INTdis: [23, 22, 'RO'],
  TXU: [26, 26, 'RO'],
  RXO: [27, 27, 'RO'],
  TXfull: [29, 29, 'RO'],
  RXfull: [30, 30, 'RO'],
  TFO: [31, 31, 'FEAT_TRF'],
};

const CONTROL: readonly SysRegRow[] = [
  {
    name: 'MDSCR_EL1',
    at: [2, 0, 0, 2, 2],
    access: 'RW',
    el: 1,
    fields: MDSCR_FIELDS,
    doc: 'monitor debug control; the RO fields could be written only under the OS lock, with an external debugger',
  },
  {
    name: 'MDCCINT_EL1',
    at: [2, 0, 0, 2, 0],
    access: 'RW',
    el: 1,
    fields: { TX: [29, 29], RX: [30, 30] },
    doc: 'interrupt enables of the debug channel',
  },
  {
    name: 'MDCCSR_EL0',
    at: [2, 3, 0, 1, 0],
    access: 'RO',
    el: 0,
    fields: { TXfull: [29, 29], RXfull: [30, 30] },
    doc: 'debug channel status: always empty',
  },
  {
    name: 'DBGDTR_EL0',
    at: [2, 3, 0, 4, 0],
    access: 'RW',
    el: 0,
    writable: 0n,
    doc: 'debug channel, both halves: nothing is connected',
  },
  {
    name: 'DBGDTRRX_EL0',
    aliases: ['DBGDTRTX_EL0'],
    at: [2, 3, 0, 5, 0],
    access: 'RW',
    el: 0,
    writable: 0n,
    doc: 'debug channel: read DBGDTRRX_EL0, write DBGDTRTX_EL0; nothing is connected',
  },
  {
    name: 'OSDTRRX_EL1',
    at: [2, 0, 0, 0, 2],
    access: 'RW',
    el: 1,
    writable: 0n,
    doc: 'debug channel save and restore',
  },
  {
    name: 'OSDTRTX_EL1',
    at: [2, 0, 0, 3, 2],
    access: 'RW',
    el: 1,
    writable: 0n,
    doc: 'debug channel save and restore',
  },
  {
    name: 'OSECCR_EL1',
    at: [2, 0, 0, 6, 2],
    access: 'RW',
    el: 1,
    writable: 0n,
    doc: 'external debug exception catch: none',
  },
  { name: 'MDRAR_EL1', at: [2, 0, 1, 0, 0], access: 'RO', el: 1, doc: 'debug ROM address: zero, there is none' },
  {
    name: 'OSLAR_EL1',
    at: [2, 0, 1, 0, 4],
    access: 'WO',
    el: 1,
    fields: { OSLK: [0, 0] },
    model: 'computed',
    doc: 'OS lock: bit 0 goes to OSLSR_EL1.OSLK',
  },
  {
    name: 'OSLSR_EL1',
    at: [2, 0, 1, 1, 4],
    access: 'RO',
    el: 1,
    fields: { OSLM_0: [0, 0], OSLK: [1, 1], nTT: [2, 2], OSLM_1: [3, 3] },
    reset: 0b1010n,
    doc: 'OS lock status: implemented, locked after reset; changed through OSLAR_EL1',
  },
  {
    name: 'OSDLR_EL1',
    at: [2, 0, 1, 3, 4],
    access: 'RW',
    el: 1,
    feature: 'FEAT_DoubleLock',
    fields: { DLK: [0, 0] },
    doc: 'OS double lock',
  },
  {
    name: 'DBGPRCR_EL1',
    at: [2, 0, 1, 4, 4],
    access: 'RW',
    el: 1,
    fields: { CORENPDRQ: [0, 0] },
    doc: 'no power-down request',
  },
  {
    name: 'DBGCLAIMSET_EL1',
    at: [2, 0, 7, 8, 6],
    access: 'RW',
    el: 1,
    fields: { CLAIM: [7, 0] },
    model: 'computed',
    doc: 'claim tags: reads as ones, writing one sets',
  },
  {
    name: 'DBGCLAIMCLR_EL1',
    at: [2, 0, 7, 9, 6],
    access: 'RW',
    el: 1,
    fields: { CLAIM: [7, 0] },
    model: 'computed',
    doc: 'claim tags: reads the tags, writing one clears',
  },
  {
    name: 'DBGAUTHSTATUS_EL1',
    at: [2, 0, 7, 14, 6],
    access: 'RO',
    el: 1,
    fields: { NSID: [1, 0], NSNID: [3, 2], SID: [5, 4], SNID: [7, 6] },
    doc: 'external debug: implemented and disabled in every Security state',
  },
  {
    name: 'DBGVCR32_EL2',
    at: [2, 4, 0, 7, 0],
    access: 'RW',
    el: 2,
    feature: 'FEAT_AA32EL1',
    model: 'absent',
    doc: 'AArch32 vector catch; UNDEFINED when EL1 is AArch64 only',
  },
  {
    name: 'MDCR_EL2',
    at: [3, 4, 1, 1, 1],
    access: 'RW',
    el: 2,
    needs: 'EL2',
    fields: {
      HPMN: [4, 0, 'FEAT_PMUv3'],
      TPMCR: [5, 5, 'FEAT_PMUv3'],
      TPM: [6, 6, 'FEAT_PMUv3'],
      HPME: [7, 7, 'FEAT_PMUv3'],
      TDE: [8, 8],
      TDA: [9, 9],
      TDOSA: [10, 10],
      TDRA: [11, 11],
      E2PB: [13, 12, 'FEAT_SPE'],
      TPMS: [14, 14, 'FEAT_SPE'],
      HPMD: [17, 17, 'FEAT_PMUv3p1'],
      TTRF: [19, 19, 'FEAT_TRF'],
      HCCD: [23, 23, 'FEAT_PMUv3p5'],
      HLP: [26, 26, 'FEAT_PMUv3p5'],
      TDCC: [27, 27, 'FEAT_FGT'],
    },
    doc: 'traps of debug and performance monitors to EL2',
  },
  {
    name: 'MDCR_EL3',
    at: [3, 6, 1, 3, 1],
    access: 'RW',
    el: 3,
    needs: 'EL3',
    fields: {
      TPM: [6, 6, 'FEAT_PMUv3'],
      TDA: [9, 9],
      TDOSA: [10, 10],
      NSPB: [13, 12, 'FEAT_SPE'],
      SPD32: [15, 14, 'FEAT_AA32EL1'],
      SDD: [16, 16],
      SPME: [17, 17, 'FEAT_PMUv3'],
      STE: [18, 18, 'FEAT_TRF'],
      TTRF: [19, 19, 'FEAT_TRF'],
      EDAD: [20, 20],
      EPMAD: [21, 21, 'FEAT_PMUv3'],
      SCCD: [23, 23, 'FEAT_PMUv3p5'],
      TDCC: [27, 27, 'FEAT_FGT'],
    },
    doc: 'traps of debug and performance monitors to EL3, and Secure debug',
  },
];

/** The room of the debug registers. */
export const DEBUG_REGISTERS: readonly SysRegRow[] = [...COMPARATORS, ...CONTROL];
