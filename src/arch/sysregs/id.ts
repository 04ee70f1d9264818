/**
 * Identification registers, cache geometry and the identification space. Values come from the profile (`profiles.ts`).
 *
 * DDI 0487, "AArch64 System Register Descriptions": ID_AA64*_EL1, MIDR_EL1, MPIDR_EL1, CTR_EL0, CLIDR_EL1, CCSIDR_EL1.
 */
import type { FieldMap, SysRegEncoding, SysRegRow } from './row.ts';
import { genericName, sysregKey } from './row.ts';

/** Fields four bits wide by their lowest bit: how most ID registers are laid out. */
function nibbles(lows: Readonly<Record<string, number>>): FieldMap {
  return Object.fromEntries(Object.entries(lows).map(([name, low]) => [name, [low + 3, low] as const]));
}

const id = (name: string, at: SysRegEncoding, doc: string, fields: FieldMap = {}): SysRegRow => ({
  name,
  at,
  access: 'RO',
  el: 1,
  fields,
  doc,
});

const PFR0 = {
  ...{ EL0: 0, EL1: 4, EL2: 8, EL3: 12, FP: 16, AdvSIMD: 20, GIC: 24, RAS: 28, SVE: 32, SEL2: 36, MPAM: 40, AMU: 44 },
  ...{ DIT: 48, RME: 52, CSV2: 56, CSV3: 60 },
};
const PFR1 = {
  ...{ BT: 0, SSBS: 4, MTE: 8, RAS_frac: 12, MPAM_frac: 16, SME: 24, RNDR_trap: 28, CSV2_frac: 32, NMI: 36 },
};
const DFR0 = {
  ...{ DebugVer: 0, TraceVer: 4, PMUVer: 8, BRPs: 12, PMSS: 16, WRPs: 20, SEBEP: 24, CTX_CMPs: 28, PMSVer: 32 },
  ...{ DoubleLock: 36, TraceFilt: 40, TraceBuffer: 44, MTPMU: 48, BRBE: 52, ExtTrcBuff: 56, HPMN0: 60 },
};
const ISAR0 = {
  ...{ AES: 4, SHA1: 8, SHA2: 12, CRC32: 16, Atomic: 20, TME: 24, RDM: 28, SHA3: 32, SM3: 36, SM4: 40, DP: 44 },
  ...{ FHM: 48, TS: 52, TLB: 56, RNDR: 60 },
};
const ISAR1 = {
  ...{ DPB: 0, APA: 4, API: 8, JSCVT: 12, FCMA: 16, LRCPC: 20, GPA: 24, GPI: 28, FRINTTS: 32, SB: 36, SPECRES: 40 },
  ...{ BF16: 44, DGH: 48, I8MM: 52, XS: 56, LS64: 60 },
};
const ISAR2 = { WFxT: 0, RPRES: 4, GPA3: 8, APA3: 12, MOPS: 16, BC: 20, PAC_frac: 24, CLRBHB: 28 };
const MMFR0 = {
  ...{ PARange: 0, ASIDBits: 4, BigEnd: 8, SNSMem: 12, BigEndEL0: 16, TGran16: 20, TGran64: 24, TGran4: 28 },
  ...{ TGran16_2: 32, TGran64_2: 36, TGran4_2: 40, ExS: 44, FGT: 56, ECV: 60 },
};
const MMFR1 = {
  ...{ HAFDBS: 0, VMIDBits: 4, VH: 8, HPDS: 12, LO: 16, PAN: 20, SpecSEI: 24, XNX: 28, TWED: 32, ETS: 36, HCX: 40 },
  ...{ AFP: 44, nTLBPA: 48, TIDCP1: 52, CMOW: 56, ECBHB: 60 },
};
const MMFR2 = {
  ...{ CnP: 0, UAO: 4, LSM: 8, IESB: 12, VARange: 16, CCIDX: 20, NV: 24, ST: 28, AT: 32, IDS: 36, FWB: 40, TTL: 48 },
  ...{ BBM: 52, EVT: 56, E0PD: 60 },
};

const AA64: readonly SysRegRow[] = [
  id('ID_AA64PFR0_EL1', [3, 0, 0, 4, 0], 'AArch64 processor features 0', nibbles(PFR0)),
  id('ID_AA64PFR1_EL1', [3, 0, 0, 4, 1], 'AArch64 processor features 1', nibbles(PFR1)),
  id('ID_AA64ZFR0_EL1', [3, 0, 0, 4, 4], 'SVE features; zero without SVE'),
  id('ID_AA64SMFR0_EL1', [3, 0, 0, 4, 5], 'SME features; zero without SME'),
  id('ID_AA64DFR0_EL1', [3, 0, 0, 5, 0], 'AArch64 debug features 0', nibbles(DFR0)),
  id('ID_AA64DFR1_EL1', [3, 0, 0, 5, 1], 'AArch64 debug features 1'),
  id('ID_AA64AFR0_EL1', [3, 0, 0, 5, 4], 'IMPLEMENTATION DEFINED features 0: none'),
  id('ID_AA64AFR1_EL1', [3, 0, 0, 5, 5], 'IMPLEMENTATION DEFINED features 1: none'),
  id('ID_AA64ISAR0_EL1', [3, 0, 0, 6, 0], 'AArch64 instructions 0', nibbles(ISAR0)),
  id('ID_AA64ISAR1_EL1', [3, 0, 0, 6, 1], 'AArch64 instructions 1', nibbles(ISAR1)),
  id('ID_AA64ISAR2_EL1', [3, 0, 0, 6, 2], 'AArch64 instructions 2', nibbles(ISAR2)),
  id('ID_AA64MMFR0_EL1', [3, 0, 0, 7, 0], 'AArch64 memory model 0', nibbles(MMFR0)),
  id('ID_AA64MMFR1_EL1', [3, 0, 0, 7, 1], 'AArch64 memory model 1', nibbles(MMFR1)),
  id('ID_AA64MMFR2_EL1', [3, 0, 0, 7, 2], 'AArch64 memory model 2', nibbles(MMFR2)),
];

/** Names of the AArch32 ID registers by CRm and op2. UNKNOWN without AArch32; they read as zero here. */
const AA32_NAMES: Readonly<Record<number, readonly string[]>> = {
  1: ['ID_PFR0', 'ID_PFR1', 'ID_DFR0', 'ID_AFR0', 'ID_MMFR0', 'ID_MMFR1', 'ID_MMFR2', 'ID_MMFR3'],
  2: ['ID_ISAR0', 'ID_ISAR1', 'ID_ISAR2', 'ID_ISAR3', 'ID_ISAR4', 'ID_ISAR5', 'ID_MMFR4', 'ID_ISAR6'],
  3: ['MVFR0', 'MVFR1', 'MVFR2', '', 'ID_PFR2', 'ID_DFR1', 'ID_MMFR5'],
};

const AA32: readonly SysRegRow[] = Object.entries(AA32_NAMES).flatMap(([CRm, names]) =>
  names.flatMap((name, op2) =>
    name === ''
      ? []
      : [id(`${name}_EL1`, [3, 0, 0, Number(CRm), op2], 'AArch32 identification: no AArch32 here, zero')],
  ),
);

function reserved(): readonly SysRegRow[] {
  const named = new Set([...AA64, ...AA32].map((row) => sysregKey(...row.at)));
  const out: SysRegRow[] = [];
  for (let CRm = 1; CRm <= 7; CRm++) {
    for (let op2 = 0; op2 <= 7; op2++) {
      const key = sysregKey(3, 0, 0, CRm, op2);
      if (!named.has(key)) out.push(id(genericName(key), [3, 0, 0, CRm, op2], 'reserved identification space: RAZ'));
    }
  }
  return out;
}

const MIDR_FIELDS: FieldMap = {
  Revision: [3, 0],
  PartNum: [15, 4],
  Architecture: [19, 16],
  Variant: [23, 20],
  Implementer: [31, 24],
};
const MPIDR_FIELDS: FieldMap = {
  Aff0: [7, 0],
  Aff1: [15, 8],
  Aff2: [23, 16],
  MT: [24, 24],
  U: [30, 30],
  Aff3: [39, 32],
};

const MAIN: readonly SysRegRow[] = [
  {
    ...id('MIDR_EL1', [3, 0, 0, 0, 0], 'main ID; VPIDR_EL2 when read at EL1 with EL2 enabled', MIDR_FIELDS),
    model: 'computed',
  },
  {
    ...id(
      'MPIDR_EL1',
      [3, 0, 0, 0, 5],
      'multiprocessor affinity; VMPIDR_EL2 when read at EL1 with EL2 enabled',
      MPIDR_FIELDS,
    ),
    res1: 1n << 31n,
    model: 'computed',
  },
  id('REVIDR_EL1', [3, 0, 0, 0, 6], 'revision ID: IMPLEMENTATION DEFINED, zero'),
  id('AIDR_EL1', [3, 1, 0, 0, 7], 'auxiliary ID: IMPLEMENTATION DEFINED, zero'),
  {
    name: 'VPIDR_EL2',
    at: [3, 4, 0, 0, 0],
    access: 'RW',
    el: 2,
    fields: MIDR_FIELDS,
    model: 'computed',
    doc: 'what MIDR_EL1 reads as at EL1; resets to MIDR_EL1. Without EL2: reads MIDR_EL1 at EL3, writes ignored',
  },
  {
    name: 'VMPIDR_EL2',
    at: [3, 4, 0, 0, 5],
    access: 'RW',
    el: 2,
    fields: MPIDR_FIELDS,
    res1: 1n << 31n,
    model: 'computed',
    doc: 'what MPIDR_EL1 reads as at EL1; resets to MPIDR_EL1. Without EL2: reads MPIDR_EL1 at EL3, writes ignored',
  },
];

const CACHE: readonly SysRegRow[] = [
  {
    ...id('CTR_EL0', [3, 3, 0, 0, 1], 'cache type; EL0 access by SCTLR_EL1.UCT'),
    el: 0,
    res1: 1n << 31n,
    fields: {
      IminLine: [3, 0],
      L1Ip: [15, 14],
      DminLine: [19, 16],
      ERG: [23, 20],
      CWG: [27, 24],
      IDC: [28, 28],
      DIC: [29, 29],
      TminLine: [37, 32],
    },
  },
  {
    ...id('DCZID_EL0', [3, 3, 0, 0, 7], 'DC ZVA block size; DZP depends on SCTLR_EL1.DZE and HCR_EL2.TDZ'),
    el: 0,
    fields: { BS: [3, 0], DZP: [4, 4] },
    model: 'computed',
  },
  {
    ...id('CCSIDR_EL1', [3, 1, 0, 0, 0], 'geometry of the cache that CSSELR_EL1 selects'),
    fields: { LineSize: [2, 0], Associativity: [12, 3], NumSets: [27, 13] },
    model: 'computed',
  },
  { ...id('CCSIDR2_EL1', [3, 1, 0, 0, 2], 'geometry, second half'), feature: 'FEAT_CCIDX', model: 'absent' },
  {
    ...id('CLIDR_EL1', [3, 1, 0, 0, 1], 'cache levels'),
    fields: {
      Ctype1: [2, 0],
      Ctype2: [5, 3],
      Ctype3: [8, 6],
      Ctype4: [11, 9],
      Ctype5: [14, 12],
      Ctype6: [17, 15],
      Ctype7: [20, 18],
      LoUIS: [23, 21],
      LoC: [26, 24],
      LoUU: [29, 27],
      ICB: [32, 30],
    },
  },
  {
    name: 'CSSELR_EL1',
    at: [3, 2, 0, 0, 0],
    access: 'RW',
    el: 1,
    fields: { InD: [0, 0], Level: [3, 1] },
    doc: 'which cache CCSIDR_EL1 describes',
  },
];

/** The room of identification and cache registers. */
export const ID_REGISTERS: readonly SysRegRow[] = [...MAIN, ...AA64, ...AA32, ...reserved(), ...CACHE];
