/**
 * System registers in coprocessor 15: names, encodings, bits that can be written, who may access them.
 *
 * DDI 0406, "System control registers in a VMSA implementation"; DDI 0487, "AArch32 System register descriptions".
 */

/** Who may access a register. */
export type Cp15Access =
  /** PL1 and above; the copy of the current Security state where there are two. */
  | 'pl1'
  /** HYP, and Monitor mode while SCR.NS is 1. */
  | 'hyp'
  /** Secure PL1 alone. */
  | 'secure';

/** One register, or an operation that is written to. */
export interface Cp15Register {
  readonly name: string;
  /** opc1, CRn, CRm, opc2 of MRC and MCR; opc1, CRm of MRRC and MCRR. */
  readonly encoding: readonly [number, number, number, number] | readonly [number, number];
  readonly access: Cp15Access;
  /** Bits that a write changes. */
  readonly writable: bigint;
  /** Bits that read as one whatever is written. */
  readonly res1: bigint;
  readonly reset: bigint;
  /** Secure and Non-secure copies. */
  readonly banked: boolean;
  /** A read-only register refuses writes: UNDEFINED. */
  readonly readOnly: boolean;
  /** Maintenance: a write is done at once, for nothing is cached here. */
  readonly operation: boolean;
  /** Trapped by HCR.TVM and HCR.TRVM. */
  readonly virtualMemory: boolean;
  /** There only with a GIC that has System registers. */
  readonly gicv3: boolean;
  /** Virtual interrupt state and timers are there only with the Virtualization Extensions. */
  readonly el2: boolean;
}

type Options = Partial<Omit<Cp15Register, 'name' | 'encoding' | 'access'>>;

const ALL32 = 0xffff_ffffn;
const ALL64 = 0xffff_ffff_ffff_ffffn;

function register(
  name: string,
  encoding: Cp15Register['encoding'],
  access: Cp15Access,
  options: Options = {},
): Cp15Register {
  const { res1 = 0n, readOnly = false, operation = false, ...rest } = options;
  const writable = readOnly || operation ? 0n : (rest.writable ?? (encoding.length === 2 ? ALL64 : ALL32));
  return {
    banked: false,
    virtualMemory: false,
    gicv3: false,
    el2: access === 'hyp',
    reset: 0n,
    ...rest,
    name,
    encoding,
    access,
    res1,
    writable,
    readOnly,
    operation,
  };
}
const vm: Options = { banked: true, virtualMemory: true };
const readOnly: Options = { readOnly: true };
const operation: Options = { operation: true };
/** Vector bases are aligned to 32 bytes: bits 4:0 are RES0. */
const vectorBase: Options = { writable: 0xffff_ffe0n };

/** SCTLR: M, A, C, CP15BEN, bits 8:7, Z, I, V, bits 20:19, EE, TRE, AFE, TE. */
const SCTLR_WRITABLE = 0x7218_39a7n;
const SCTLR_RES1 = 0x00c5_0058n;
/** HSCTLR: M, A, C, I, WXN, FI, EE, TE. */
const HSCTLR_WRITABLE = 0x4228_1007n;
/** SCR: NS, IRQ, FIQ, EA, FW, AW, nET, SCD, HCE, SIF. */
const SCR_WRITABLE = 0x3ffn;

/** All registers there are. */
export const CP15: readonly Cp15Register[] = [
  register('MIDR', [0, 0, 0, 0], 'pl1', { ...readOnly, reset: 0x412f_c0f1n }),
  register('MPIDR', [0, 0, 0, 5], 'pl1', readOnly),
  register('ID_PFR1', [0, 0, 1, 1], 'pl1', readOnly),
  register('SCTLR', [0, 1, 0, 0], 'pl1', {
    ...vm,
    writable: SCTLR_WRITABLE,
    res1: SCTLR_RES1,
    reset: 0x20n,
  }),
  register('ACTLR', [0, 1, 0, 1], 'pl1'),
  register('CPACR', [0, 1, 0, 2], 'pl1'),
  register('SCR', [0, 1, 1, 0], 'secure', { writable: SCR_WRITABLE }),
  register('TTBR0', [0, 2], 'pl1', vm),
  register('TTBR1', [1, 2], 'pl1', vm),
  // The short-descriptor format is not modelled: EAE is one.
  register('TTBCR', [0, 2, 0, 2], 'pl1', { ...vm, res1: 0x8000_0000n }),
  register('DFSR', [0, 5, 0, 0], 'pl1', vm),
  register('IFSR', [0, 5, 0, 1], 'pl1', vm),
  register('DFAR', [0, 6, 0, 0], 'pl1', vm),
  register('IFAR', [0, 6, 0, 2], 'pl1', vm),
  register('ICIALLU', [0, 7, 5, 0], 'pl1', operation),
  register('BPIALL', [0, 7, 5, 6], 'pl1', operation),
  register('DCCMVAC', [0, 7, 10, 1], 'pl1', operation),
  register('DCCIMVAC', [0, 7, 14, 1], 'pl1', operation),
  register('DCCISW', [0, 7, 14, 2], 'pl1', operation),
  register('TLBIALLIS', [0, 8, 3, 0], 'pl1', operation),
  register('TLBIALL', [0, 8, 7, 0], 'pl1', operation),
  register('MAIR0', [0, 10, 2, 0], 'pl1', vm),
  register('MAIR1', [0, 10, 2, 1], 'pl1', vm),
  register('VBAR', [0, 12, 0, 0], 'pl1', { banked: true, ...vectorBase }),
  register('MVBAR', [0, 12, 0, 1], 'secure', vectorBase),
  register('ICC_IAR0', [0, 12, 8, 0], 'pl1', readOnly),
  register('ICC_IAR1', [0, 12, 12, 0], 'pl1', readOnly),
  register('ICC_SGI1R', [0, 12], 'pl1'),
  register('ICC_SRE', [0, 12, 12, 5], 'pl1', { gicv3: true, res1: 7n, writable: 0n }),
  register('CONTEXTIDR', [0, 13, 0, 1], 'pl1', vm),
  register('TPIDRPRW', [0, 13, 0, 4], 'pl1', { banked: true }),
  register('CNTFRQ', [0, 14, 0, 0], 'pl1', { reset: 62_500_000n }),
  register('CNTKCTL', [0, 14, 1, 0], 'pl1'),
  register('CNTV_CTL', [0, 14, 3, 1], 'pl1', { writable: 3n }),
  register('VPIDR', [4, 0, 0, 0], 'hyp', { reset: 0x412f_c0f1n }),
  register('VMPIDR', [4, 0, 0, 5], 'hyp'),
  register('HSCTLR', [4, 1, 0, 0], 'hyp', { writable: HSCTLR_WRITABLE, res1: 0x30c5_0830n }),
  register('HACTLR', [4, 1, 0, 1], 'hyp'),
  register('HCR', [4, 1, 1, 0], 'hyp', { writable: 0x6fff_ffffn }),
  register('HDCR', [4, 1, 1, 1], 'hyp', { reset: 6n, writable: 0xfffn }),
  register('HCPTR', [4, 1, 1, 2], 'hyp', { writable: 0x8010_8c00n, res1: 0x33ffn }),
  register('HSTR', [4, 1, 1, 3], 'hyp', { writable: 0xbfefn }),
  register('HTTBR', [4, 2], 'hyp'),
  register('VTTBR', [6, 2], 'hyp'),
  register('HTCR', [4, 2, 0, 2], 'hyp', { res1: 0x8080_0000n }),
  register('VTCR', [4, 2, 1, 2], 'hyp', { res1: 0x8000_0000n }),
  register('HSR', [4, 5, 2, 0], 'hyp'),
  register('HDFAR', [4, 6, 0, 0], 'hyp'),
  register('HIFAR', [4, 6, 0, 2], 'hyp'),
  register('HPFAR', [4, 6, 0, 4], 'hyp', { writable: 0xffff_fff0n }),
  register('TLBIALLH', [4, 8, 7, 0], 'hyp', operation),
  register('TLBIALLNSNH', [4, 8, 7, 4], 'hyp', operation),
  register('HMAIR0', [4, 10, 2, 0], 'hyp'),
  register('HMAIR1', [4, 10, 2, 1], 'hyp'),
  register('HVBAR', [4, 12, 0, 0], 'hyp', vectorBase),
  register('ICC_HSRE', [4, 12, 9, 5], 'hyp', { gicv3: true, res1: 6n, writable: 9n }),
  register('ICH_HCR', [4, 12, 11, 0], 'hyp', { gicv3: true }),
  register('HTPIDR', [4, 13, 0, 2], 'hyp'),
  register('CNTHCTL', [4, 14, 1, 0], 'hyp', { reset: 3n, writable: 0xffn }),
  register('CNTVOFF', [4, 14], 'hyp'),
];
const BY_NAME: ReadonlyMap<string, Cp15Register> = new Map(CP15.map((one) => [one.name, one]));

/** A register by Arm's name, or undefined. */
export function cp15ByName(name: string): Cp15Register | undefined {
  return BY_NAME.get(name);
}

/** Bits of SCTLR and HSCTLR that have the same place in both. */
export const SCTLR = {
  M: 1,
  A: 2,
  C: 4,
  CP15BEN: 0x20,
  I: 0x1000,
  /** SCTLR alone: vectors at 0xffff0000. */
  V: 0x2000,
  WXN: 0x8_0000,
  EE: 0x0200_0000,
  TE: 0x4000_0000,
} as const;

/** Bits of HCR. */
export const HCR = {
  VM: 1,
  FMO: 8,
  IMO: 0x10,
  AMO: 0x20,
  VF: 0x40,
  VI: 0x80,
  VA: 0x100,
  TWI: 0x2000,
  TWE: 0x4000,
  TSC: 0x8_0000,
  TVM: 0x400_0000,
  TGE: 0x800_0000,
  /** HVC disabled: counts only without EL3. */
  HCD: 0x2000_0000,
  TRVM: 0x4000_0000,
} as const;

/** Bits of SCR. */
export const SCR = { NS: 1, IRQ: 2, FIQ: 4, EA: 8, FW: 0x10, AW: 0x20, SCD: 0x80, HCE: 0x100 } as const;

/** HSR.EC. DDI 0406, "Use of the HSR". */
export const HSR_EC = {
  Unknown: 0x00,
  WFx: 0x01,
  CP15: 0x03,
  CP15_64: 0x04,
  IllegalState: 0x0e,
  SVC: 0x11,
  HVC: 0x12,
  SMC: 0x13,
  PrefetchAbortLower: 0x20,
  PrefetchAbortHyp: 0x21,
  DataAbortLower: 0x24,
  DataAbortHyp: 0x25,
} as const;
