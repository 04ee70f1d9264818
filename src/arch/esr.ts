/**
 * Exception classes, syndromes and fault status codes of ESR_ELx, and builders for them.
 *
 * DDI 0487, "ESR_EL1, Exception Syndrome Register (EL1)". Unsigned 32 bits: EC 31:26, IL 25, ISS 24:0.
 * Class names are those of the pseudocode's exception types.
 */

/** Exception classes, ESR_ELx.EC. Those for AArch32 state are here so that a dump from elsewhere can be read. */
export const EC = {
  Uncategorized: 0x00,
  WFxTrap: 0x01,
  CP15RTTrap: 0x03,
  CP15RRTTrap: 0x04,
  CP14RTTrap: 0x05,
  CP14DTTrap: 0x06,
  AdvSIMDFPAccessTrap: 0x07,
  FPIDTrap: 0x08,
  PACTrap: 0x09,
  LDST64BTrap: 0x0a,
  CP14RRTTrap: 0x0c,
  BranchTarget: 0x0d,
  IllegalState: 0x0e,
  SupervisorCallAArch32: 0x11,
  HypervisorCallAArch32: 0x12,
  MonitorCallAArch32: 0x13,
  SupervisorCall: 0x15,
  HypervisorCall: 0x16,
  MonitorCall: 0x17,
  SystemRegisterTrap: 0x18,
  SVEAccessTrap: 0x19,
  ERetTrap: 0x1a,
  PACFail: 0x1c,
  SMEAccessTrap: 0x1d,
  InstructionAbortLowerEL: 0x20,
  InstructionAbortSameEL: 0x21,
  PCAlignment: 0x22,
  DataAbortLowerEL: 0x24,
  DataAbortSameEL: 0x25,
  SPAlignment: 0x26,
  FPTrappedExceptionAArch32: 0x28,
  FPTrappedException: 0x2c,
  SError: 0x2f,
  BreakpointLowerEL: 0x30,
  BreakpointSameEL: 0x31,
  SoftwareStepLowerEL: 0x32,
  SoftwareStepSameEL: 0x33,
  WatchpointLowerEL: 0x34,
  WatchpointSameEL: 0x35,
  SoftwareBreakpointAArch32: 0x38,
  VectorCatch: 0x3a,
  SoftwareBreakpoint: 0x3c,
} as const;

/** Arm's name of an exception class. */
export type EcName = keyof typeof EC;

const EC_NAMES = new Map<number, EcName>((Object.keys(EC) as EcName[]).map((name) => [EC[name], name]));

/** The name of an exception class 0 to 63, or undefined for a reserved one. */
export function ecName(ec: number): EcName | undefined {
  return EC_NAMES.get(ec);
}

/** ESR_ELx.IL: set for a 32-bit instruction, so for everything that AArch64 state reports. */
export const ESR_IL = 0x0200_0000;

/** ESR_ELx from a class 0 to 63 and an ISS of 25 bits, with IL set. Unsigned 32 bits. */
export function esrOf(ec: number, iss: number): number {
  return ((ec << 26) | ESR_IL | (iss & 0x01ff_ffff)) >>> 0;
}

/** Fields of an ESR_ELx value. */
export function decodeEsr(esr: number): { ec: number; name: EcName | undefined; il: number; iss: number } {
  const ec = esr >>> 26;
  return { ec, name: ecName(ec), il: (esr >>> 25) & 1, iss: esr & 0x01ff_ffff };
}

/** ISS of EC WFxTrap: CV and COND = 0b1110 as for every A64 instruction, TI in bits 1:0. */
export const WFX_ISS = { WFI: 0x1e0_0000, WFE: 0x1e0_0001, WFIT: 0x1e0_0002, WFET: 0x1e0_0003 } as const;

/** ISS of EC AdvSIMDFPAccessTrap from AArch64 state: CV = 1, COND = 0b1110. */
export const FP_ACCESS_ISS = 0x1e0_0000;

/** A trapped System register access or SYS instruction. */
export interface SysregAccess {
  readonly op0: number;
  readonly op1: number;
  readonly CRn: number;
  readonly CRm: number;
  readonly op2: number;
  /** General-purpose register number, 0 to 31. */
  readonly Rt: number;
  /** True for MRS and SYSL, false for MSR and SYS. */
  readonly read: boolean;
}

/** ISS of EC SystemRegisterTrap. */
export function issForSysreg({ op0, op1, CRn, CRm, op2, Rt, read }: SysregAccess): number {
  return (op0 << 20) | (op2 << 17) | (op1 << 14) | (CRn << 10) | (Rt << 5) | (CRm << 1) | (read ? 1 : 0);
}

/** ISS of EC SystemRegisterTrap from a packed encoding (op0:op1:CRn:CRm:op2, 16 bits). */
export function issForSysregKey(key: number, Rt: number, read: boolean): number {
  const op0 = (key >> 14) & 3;
  const op1 = (key >> 11) & 7;
  return issForSysreg({ op0, op1, CRn: (key >> 7) & 15, CRm: (key >> 3) & 15, op2: key & 7, Rt, read });
}

/** ISS of SVC, HVC, SMC and BRK: the 16-bit immediate. */
export function issForImm16(imm16: number): number {
  return imm16 & 0xffff;
}

/** ISS of EC ERetTrap: only plain ERET exists without FEAT_PAuth. */
export const ERET_ISS = 0;

/**
 * Fault status codes (IFSC, DFSC). Those with a level are bases: add the level 0 to 3 of the table lookup.
 *
 * Access flag and permission faults at level 0 exist only with FEAT_LPA2.
 */
export const FSC = {
  AddressSize: 0x00,
  Translation: 0x04,
  AccessFlag: 0x08,
  Permission: 0x0c,
  SyncExternal: 0x10,
  SyncTagCheck: 0x11,
  SyncExternalOnWalk: 0x14,
  SyncParity: 0x18,
  SyncParityOnWalk: 0x1c,
  Alignment: 0x21,
  Debug: 0x22,
  TLBConflict: 0x30,
  HWUpdateAccessFlag: 0x31,
  Lockdown: 0x34,
  Exclusive: 0x35,
} as const;

/** Name of a fault status code. */
export type FscName = keyof typeof FSC;

const LEVELLED: readonly FscName[] = [
  'AddressSize',
  'Translation',
  'AccessFlag',
  'Permission',
  'SyncExternalOnWalk',
  'SyncParityOnWalk',
];

/** True when the code's low two bits are a lookup level. */
export function fscHasLevel(name: FscName): boolean {
  return LEVELLED.includes(name);
}

/** The six bits of a fault status code; `level` is 0 to 3 and ignored for codes without one. */
export function fsc(name: FscName, level = 0): number {
  return fscHasLevel(name) ? FSC[name] | (level & 3) : FSC[name];
}

/** Name and level of six bits of fault status, or undefined for a reserved code. */
export function decodeFsc(code: number): { name: FscName; level?: number } | undefined {
  for (const name of Object.keys(FSC) as FscName[]) {
    if (fscHasLevel(name) ? (code & ~3) === FSC[name] : code === FSC[name]) {
      return fscHasLevel(name) ? { name, level: code & 3 } : { name };
    }
  }
  return undefined;
}

/** What an Instruction Abort reports. Every flag is false unless given. */
export interface InstructionAbortSyndrome {
  readonly fsc: number;
  readonly s1ptw?: boolean;
  readonly ea?: boolean;
  readonly fnv?: boolean;
  /** SET, 2 bits, with FEAT_RAS and a synchronous External abort: 0 recoverable, 2 uncontainable, 3 restartable. */
  readonly set?: number;
}

/** ISS of EC InstructionAbortLowerEL and InstructionAbortSameEL. */
export function issForInstructionAbort({ fsc: code, s1ptw, ea, fnv, set = 0 }: InstructionAbortSyndrome): number {
  return (set << 11) | (fnv ? 1 << 10 : 0) | (ea ? 1 << 9 : 0) | (s1ptw ? 1 << 7 : 0) | (code & 0x3f);
}

/** The access that a valid instruction syndrome (ISV) describes; only for stage 2 faults taken to EL2. */
export interface InstructionSyndrome {
  /** Access size as log2 of bytes, 0 to 3. */
  readonly sas: number;
  /** Sign-extended load. */
  readonly sse: boolean;
  /** General-purpose register number, 0 to 31. */
  readonly srt: number;
  /** 64-bit register. */
  readonly sf: boolean;
  /** Acquire or release. */
  readonly ar: boolean;
}

/** What a Data Abort reports. Every flag is false unless given. */
export interface DataAbortSyndrome extends InstructionAbortSyndrome {
  readonly wnr?: boolean;
  /** Cache maintenance or address translation instruction; then WnR is 1 for cache maintenance. */
  readonly cm?: boolean;
  readonly instruction?: InstructionSyndrome;
}

/** ISS of EC DataAbortLowerEL and DataAbortSameEL. */
export function issForDataAbort(abort: DataAbortSyndrome): number {
  const common = issForInstructionAbort(abort) | (abort.wnr ? 1 << 6 : 0) | (abort.cm ? 1 << 8 : 0);
  const isv = abort.instruction;
  if (!isv) return common;
  const flags = (isv.sse ? 1 << 21 : 0) | (isv.sf ? 1 << 15 : 0) | (isv.ar ? 1 << 14 : 0);
  return (1 << 24) | (isv.sas << 22) | (isv.srt << 16) | flags | common;
}

/** ISS of EC SoftwareStep*: ISV says the stepped instruction is known, EX that it was a Load-Exclusive. */
export function issForSoftwareStep(isv: boolean, ex: boolean): number {
  return (isv ? 1 << 24 : 0) | (isv && ex ? 1 << 6 : 0) | FSC.Debug;
}

/** ISS of EC Breakpoint*. */
export const BREAKPOINT_ISS: number = FSC.Debug;

/** ISS of EC Watchpoint*. */
export function issForWatchpoint({ wnr, cm }: { readonly wnr: boolean; readonly cm: boolean }): number {
  return (cm ? 1 << 8 : 0) | (wnr ? 1 << 6 : 0) | FSC.Debug;
}

/** Severity of an asynchronous SError, ISS.AET with DFSC = 0b010001 (FEAT_RAS). */
export const AET = { UC: 0, UEU: 1, UEO: 2, UER: 3, CE: 6 } as const;

/** DFSC of an SError that carries AET. */
export const SERROR_DFSC_ASYNC = 0x11;

/** ISS of EC SError in the architected format (IDS = 0); an IMPLEMENTATION DEFINED one is `1 << 24` and 24 bits. */
export function issForSError({ aet, ea = false, iesb = false }: { aet: number; ea?: boolean; iesb?: boolean }): number {
  return (iesb ? 1 << 13 : 0) | (aet << 10) | (ea ? 1 << 9 : 0) | SERROR_DFSC_ASYNC;
}
