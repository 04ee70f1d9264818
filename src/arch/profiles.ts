/**
 * The processors this machine can be: which features they have and what their ID registers say.
 *
 * What an ID register says is true of this machine. Neither profile has AArch32 at any Exception level.
 * DDI 0487, "Identification registers"; DDI 0488 (Cortex-A57) for the values of `cortex-a57`.
 */
import type { FeatureName } from './features.ts';
import { BREAKPOINT_COUNT, CONTEXT_BREAKPOINT_COUNT, WATCHPOINT_COUNT } from './sysregs/debug.ts';
import type { SysReg, SysRegLayout } from './sysregs/index.ts';
import { registerValue, SYSREGS, sysregByName, sysregLayout } from './sysregs/index.ts';
import { PMU_EVENT_COUNTERS } from './sysregs/pmu.ts';

/** Names of the profiles. */
export type ProfileName = 'full' | 'cortex-a57';

/** A translation granule. */
export type Granule = '4K' | '16K' | '64K';

/** Exception levels above EL1 that a machine's processors have. */
export interface ImplementedEls {
  readonly el2: boolean;
  readonly el3: boolean;
}

/** One processor type. */
export interface Profile {
  readonly name: ProfileName;
  readonly features: ReadonlySet<FeatureName>;
  /** MIDR_EL1. */
  readonly midr: bigint;
  /** Physical address width in bits, ID_AA64MMFR0_EL1.PARange. */
  readonly paBits: 44 | 48;
  /** ASID width in bits. */
  readonly asidBits: 8 | 16;
  readonly granules: readonly Granule[];
  readonly ctr: bigint;
  readonly clidr: bigint;
  /** CCSIDR_EL1 by CSSELR_EL1 (Level 3:1, InD 0). A selection without a cache reads as zero. */
  readonly ccsidr: ReadonlyMap<number, bigint>;
  /** DCZID_EL0.BS: log2 of the block of DC ZVA in words. */
  readonly dczidBs: number;
  /** Error records that ERRSELR_EL1 can select, ERRIDR_EL1.NUM. */
  readonly errorRecords: number;
  /** PMCR_EL0.IDCODE. */
  readonly pmuIdcode: number;
}

type Fields = Readonly<Record<string, number>>;

/** A register's value from its fields by Arm's names. Throws for an unknown field or a value that does not fit. */
export function idRegister(name: string, fields: Fields): bigint {
  return registerValue(name, fields);
}

const ARMV8_0: readonly FeatureName[] = ['FEAT_FP', 'FEAT_AdvSIMD', 'FEAT_DoubleLock', 'FEAT_GICv3', 'FEAT_PMUv3'];
const CRYPTO_AND_CRC: readonly FeatureName[] = ['FEAT_AES', 'FEAT_PMULL', 'FEAT_SHA1', 'FEAT_SHA256', 'FEAT_CRC32'];

/** L1 instruction 48 KiB 3-way, L1 data 32 KiB 2-way, L2 2 MiB 16-way, 64-byte lines: as a Cortex-A57 (DDI 0488). */
const A57_CACHES: ReadonlyMap<number, bigint> = new Map([
  [0, 0x701f_e00an],
  [1, 0x201f_e012n],
  [2, 0x70ff_e07an],
]);

/** 64-byte lines, physically tagged instruction cache, 64-byte exclusives granule and write-back granule. */
const CTR_BASE: Fields = { IminLine: 4, L1Ip: 3, DminLine: 4, ERG: 4, CWG: 4 };
const CTR_RES1 = 0x8000_0000n;

/** Separate L1, unified L2, as CLIDR_EL1 counts them. */
const CLIDR_LEVELS: Fields = { Ctype1: 3, Ctype2: 4, LoC: 2 };

const FULL: Profile = {
  name: 'full',
  features: new Set<FeatureName>([
    ...ARMV8_0,
    ...CRYPTO_AND_CRC,
    'FEAT_CSV2',
    'FEAT_CSV3',
    'FEAT_LSE',
    'FEAT_RDM',
    'FEAT_PAN',
    'FEAT_VHE',
    'FEAT_VMID16',
    'FEAT_PAN2',
    'FEAT_UAO',
    'FEAT_XNX',
    'FEAT_RAS',
    'FEAT_LRCPC',
  ]),
  // Implementer 0x00 is reserved for software use, so no erratum list of an operating system matches it.
  midr: idRegister('MIDR_EL1', { Implementer: 0x00, Variant: 0, Architecture: 0xf, PartNum: 0x055, Revision: 0 }),
  paBits: 48,
  asidBits: 16,
  granules: ['4K', '16K', '64K'],
  // Stores are seen by instruction fetch without maintenance: IDC and DIC, and so nothing to clean to the PoU.
  ctr: idRegister('CTR_EL0', { ...CTR_BASE, IDC: 1, DIC: 1 }) | CTR_RES1,
  clidr: idRegister('CLIDR_EL1', CLIDR_LEVELS),
  ccsidr: A57_CACHES,
  dczidBs: 4,
  errorRecords: 1,
  pmuIdcode: 0,
};

const CORTEX_A57: Profile = {
  name: 'cortex-a57',
  features: new Set<FeatureName>([...ARMV8_0, ...CRYPTO_AND_CRC, 'IMPDEF_CortexA57']),
  midr: idRegister('MIDR_EL1', { Implementer: 0x41, Variant: 1, Architecture: 0xf, PartNum: 0xd07, Revision: 0 }),
  paBits: 44,
  asidBits: 16,
  granules: ['4K', '64K'],
  ctr: idRegister('CTR_EL0', CTR_BASE) | CTR_RES1,
  clidr: idRegister('CLIDR_EL1', { ...CLIDR_LEVELS, LoUIS: 1, LoUU: 1 }),
  ccsidr: A57_CACHES,
  dczidBs: 4,
  errorRecords: 0,
  pmuIdcode: 1,
};

/** The profiles by name. */
export const PROFILES: Readonly<Record<ProfileName, Profile>> = { full: FULL, 'cortex-a57': CORTEX_A57 };

/** All profile names. */
export const PROFILE_NAMES = Object.keys(PROFILES) as readonly ProfileName[];

/** Features of EL2: a processor without EL2 does not have them. */
const EL2_FEATURES: readonly FeatureName[] = ['FEAT_VHE', 'FEAT_VMID16', 'FEAT_XNX'];

/** The features of a profile's processor that has certain Exception levels. */
export function implementedFeatures(profile: Profile, { el2 }: ImplementedEls): ReadonlySet<FeatureName> {
  if (el2) return profile.features;
  return new Set([...profile.features].filter((name) => !EL2_FEATURES.includes(name)));
}

const PA_RANGE = { 44: 4, 48: 5 } as const;

function pfr0({ features }: Profile, { el2, el3 }: ImplementedEls): Fields {
  return {
    EL0: 1,
    EL1: 1,
    EL2: el2 ? 1 : 0,
    EL3: el3 ? 1 : 0,
    FP: features.has('FEAT_FP') ? 0 : 0xf,
    AdvSIMD: features.has('FEAT_AdvSIMD') ? 0 : 0xf,
    GIC: features.has('FEAT_GICv3') ? 1 : 0,
    RAS: features.has('FEAT_RAS') ? 1 : 0,
    CSV2: features.has('FEAT_CSV2') ? 1 : 0,
    CSV3: features.has('FEAT_CSV3') ? 1 : 0,
  };
}

function isar0({ features }: Profile): Fields {
  return {
    AES: features.has('FEAT_PMULL') ? 2 : features.has('FEAT_AES') ? 1 : 0,
    SHA1: features.has('FEAT_SHA1') ? 1 : 0,
    SHA2: features.has('FEAT_SHA256') ? 1 : 0,
    CRC32: features.has('FEAT_CRC32') ? 1 : 0,
    Atomic: features.has('FEAT_LSE') ? 2 : 0,
    RDM: features.has('FEAT_RDM') ? 1 : 0,
  };
}

function mmfr0(profile: Profile, { el3 }: ImplementedEls): Fields {
  return {
    PARange: PA_RANGE[profile.paBits],
    ASIDBits: profile.asidBits === 16 ? 2 : 0,
    // Without EL3 there is one Security state, so nothing to tell apart.
    SNSMem: el3 ? 1 : 0,
    TGran16: profile.granules.includes('16K') ? 1 : 0,
    TGran64: profile.granules.includes('64K') ? 0 : 0xf,
    TGran4: profile.granules.includes('4K') ? 0 : 0xf,
  };
}

function mmfr1(features: ReadonlySet<FeatureName>): Fields {
  return {
    VMIDBits: features.has('FEAT_VMID16') ? 2 : 0,
    VH: features.has('FEAT_VHE') ? 1 : 0,
    XNX: features.has('FEAT_XNX') ? 1 : 0,
  };
}

function dfr0({ features }: Profile, implemented: ReadonlySet<FeatureName>): Fields {
  return {
    // 7: with the context breakpoints of FEAT_VHE.
    DebugVer: implemented.has('FEAT_VHE') ? 7 : 6,
    PMUVer: features.has('FEAT_PMUv3') ? 1 : 0,
    BRPs: BREAKPOINT_COUNT - 1,
    WRPs: WATCHPOINT_COUNT - 1,
    CTX_CMPs: CONTEXT_BREAKPOINT_COUNT - 1,
  };
}

/**
 * What the ID registers of a profile say, by register name; an ID register that is not in the map reads as zero.
 *
 * MIDR_EL1 and DCZID_EL0 (with DZP = 0) are included though their rows are computed; MPIDR_EL1 belongs to the machine.
 */
export function idRegisters(profile: Profile, els: ImplementedEls): ReadonlyMap<string, bigint> {
  const features = implementedFeatures(profile, els);
  const pan = features.has('FEAT_PAN2') ? 2 : features.has('FEAT_PAN') ? 1 : 0;
  const authenticated = { NSID: 2, NSNID: 2, ...(els.el3 ? { SID: 2, SNID: 2 } : {}) };
  return new Map<string, bigint>([
    ['MIDR_EL1', profile.midr],
    ['ID_AA64PFR0_EL1', idRegister('ID_AA64PFR0_EL1', pfr0(profile, els))],
    ['ID_AA64DFR0_EL1', idRegister('ID_AA64DFR0_EL1', dfr0(profile, features))],
    ['ID_AA64ISAR0_EL1', idRegister('ID_AA64ISAR0_EL1', isar0(profile))],
    ['ID_AA64ISAR1_EL1', idRegister('ID_AA64ISAR1_EL1', { LRCPC: features.has('FEAT_LRCPC') ? 1 : 0 })],
    ['ID_AA64MMFR0_EL1', idRegister('ID_AA64MMFR0_EL1', mmfr0(profile, els))],
    ['ID_AA64MMFR1_EL1', idRegister('ID_AA64MMFR1_EL1', { ...mmfr1(features), PAN: pan })],
    ['ID_AA64MMFR2_EL1', idRegister('ID_AA64MMFR2_EL1', { UAO: features.has('FEAT_UAO') ? 1 : 0 })],
    ['CTR_EL0', profile.ctr],
    ['CLIDR_EL1', profile.clidr],
    ['DCZID_EL0', BigInt(profile.dczidBs)],
    ['ERRIDR_EL1', BigInt(profile.errorRecords)],
    ['DBGAUTHSTATUS_EL1', idRegister('DBGAUTHSTATUS_EL1', authenticated)],
  ]);
}

/** One register as a machine's processors have it. */
export interface ImplementedSysReg extends SysRegLayout {
  readonly row: SysReg;
}

/**
 * The whole table for one processor: presence, write mask, fixed ones and reset value of each row, in table order.
 *
 * ID registers reset to the profile's values; VPIDR_EL2 to MIDR_EL1, MDCR_EL2.HPMN to the counters. What the machine
 * decides (MPIDR_EL1, RVBAR_ELx, CNTFRQ_EL0) is left at the row's reset value.
 */
export function implementedSysregs(profile: Profile, els: ImplementedEls): readonly ImplementedSysReg[] {
  const values = new Map(idRegisters(profile, els));
  const features = implementedFeatures(profile, els);
  values.set('VPIDR_EL2', profile.midr);
  // HPMN resets to the number of counters: all of them are EL1's.
  if (profile.features.has('FEAT_PMUv3')) values.set('MDCR_EL2', BigInt(PMU_EVENT_COUNTERS));
  for (const name of values.keys()) {
    if (!sysregByName(name)) throw new Error(`profiles: no register ${name}`);
  }
  return SYSREGS.map((row) => {
    const layout = sysregLayout(row, { features, ...els });
    const value = layout.presence === 'present' ? values.get(row.name) : undefined;
    return { row, ...layout, ...(value === undefined ? {} : { reset: value | layout.res1 }) };
  });
}
