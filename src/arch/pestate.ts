/**
 * Where the state of one processing element lies in its block of the machine's memory.
 *
 * Generated code, interpreter and TypeScript all read and write these bytes; nothing is copied. The first part is
 * architectural (digested, saved), the part from `DERIVED_BASE` on can be recomputed and is neither.
 */

/** Width of a state field: a 32-bit or 64-bit integer, or a 128-bit vector. */
export type FieldType = 'i32' | 'i64' | 'v128';

/** One named place in the state block of a PE. */
export interface StateField {
  readonly name: string;
  /** Byte offset from the start of the PE's block. */
  readonly offset: number;
  readonly type: FieldType;
}

/** Bytes from one PE's block to the next: state, exec TLB, data TLB. */
export const PE_STRIDE_BYTES = 0x5_0000;
/**
 * General-purpose registers: X0 to X30 at slots 0 to 30; slot 31 always holds zero (XZR); slot 32 is the current SP.
 */
export const X_BASE = 0x000;
/** Register slot that always reads as zero. */
export const SLOT_ZR = 31;
/** Register slot of the stack pointer that `PSTATE.SP` selects. */
export const SLOT_SP = 32;
/** Advanced SIMD and floating-point registers V0 to V31, 16 bytes each. */
export const V_BASE = 0x200;
/** Scalar architectural fields. */
const SCALAR_BASE = 0x110;
/** Values of the system registers the table calls `stored`, 8 bytes each, in table order. */
export const SYSREG_BASE = 0x1000;
/** Room for stored system registers. */
export const SYSREG_CAPACITY = 1024;
/** End of what a snapshot and a digest contain. */
export const ARCHITECTURAL_BYTES = SYSREG_BASE + SYSREG_CAPACITY * 8;
/** Start of the fields that are recomputed, never saved. */
export const DERIVED_BASE = 0x4000;
/**
 * Exec TLB: 1024 entries of 32 bytes, each two ways of 16: tag (8), address of the page of records (4). Two, because
 * kernels change translation contexts in the middle of a page and back at each exception from EL0.
 */
export const EXEC_TLB_BASE = 0x8000;
/** Number of exec TLB entries. */
export const EXEC_TLB_ENTRIES = 1024;
/** Bytes of one way of an exec TLB entry; the way used last comes first. */
export const EXEC_TLB_WAY_BYTES = 16;
/** Where a way of an exec TLB entry holds the address of the page of records. */
export const EXEC_TLB_RECORDS = 8;
/**
 * Data TLB: two ways of 4096 entries of 32 bytes: read tag (8), write tag (8), addend (4). Two, because stack and heap
 * of a process may well lie at the same distance from a multiple of 16 MiB.
 */
export const DATA_TLB_BASE = 0x1_0000;
/** Number of entries of one way of the data TLB. */
export const DATA_TLB_ENTRIES = 4096;
/** Bytes from an entry of the data TLB to the same of the other way. */
export const DATA_TLB_WAY_BYTES: number = DATA_TLB_ENTRIES * 32;
/** Bytes of the data TLB. */
export const DATA_TLB_BYTES: number = 2 * DATA_TLB_WAY_BYTES;

function layout<T extends Record<string, FieldType>>(base: number, fields: T): { readonly [K in keyof T]: StateField } {
  const placed: Record<string, StateField> = {};
  let offset = base;
  for (const [name, type] of Object.entries(fields)) {
    const size = type === 'v128' ? 16 : type === 'i64' ? 8 : 4;
    offset = (offset + size - 1) & ~(size - 1);
    placed[name] = { name, offset, type };
    offset += size;
  }
  return placed as { readonly [K in keyof T]: StateField };
}

/**
 * The architectural scalar state of a PE, by Arm's names.
 *
 * `NZCV` holds the flags in bits 31:28, `DAIF` the masks in bits 9:6, as the registers of those names do.
 */
export const PE_STATE = layout(SCALAR_BASE, {
  PC: 'i64',
  SP_EL0: 'i64',
  SP_EL1: 'i64',
  SP_EL2: 'i64',
  SP_EL3: 'i64',
  NZCV: 'i32',
  DAIF: 'i32',
  EL: 'i32',
  SPSel: 'i32',
  PAN: 'i32',
  UAO: 'i32',
  IL: 'i32',
  SS: 'i32',
  FPCR: 'i32',
  FPSR: 'i32',
  /** 1 while the local exclusive monitor is in the Exclusive Access state. */
  exclusiveValid: 'i32',
  /** Size in bytes of the marked access. */
  exclusiveSizeBytes: 'i32',
  /** Physical address of the marked access. */
  exclusivePa: 'i64',
  /** Virtual address of the marked access. */
  exclusiveVa: 'i64',
  /** The event register that WFE consumes. */
  eventRegister: 'i32',
  /** 0 running, 1 in WFI, 2 in WFE, 3 powered off. */
  waitState: 'i32',
  /** 1 while a physical SError is pending at this PE. */
  serrorPending: 'i32',
  /** Syndrome of the pending SError. */
  serrorSyndrome: 'i64',
});

/** State that follows from other state: what the run loop and generated code look at. */
export const PE_DERIVED = layout(DERIVED_BASE, {
  /** Steps this PE may still take in the current grant. */
  budget: 'i32',
  /** Host offset of the decoded page that is running. */
  pageRecords: 'i32',
  /** Virtual address of the page that is running. */
  pageVa: 'i64',
  /** Set by a helper that took an exception or moved PC: the instruction must not go on. */
  diverted: 'i32',
  /** Non-zero when an FP or SIMD instruction traps at the current EL. */
  fpTrapped: 'i32',
  /** Non-zero when an interrupt or SError line is asserted, whatever the masks. */
  interruptPending: 'i32',
  /** 15 when SP must be aligned to 16 bytes for accesses at the current EL (SCTLR_ELx.SA, SA0), else 0. */
  spAlignMask: 'i32',
  /** Bytes that DC ZVA zeroes, or 0 when it traps at the current EL. */
  zeroBlockBytes: 'i32',
  /** PSTATE.D while clearing it can start a debug exception, else 0. */
  debugMask: 'i32',
  /** Added to an offset in the memory that lies in RAM it gives the physical address; 0: not told. */
  ramPaOffset: 'i64',
  /** Translation contexts of the current EL for VAs with bit 63 clear and set. */
  contextLow: 'i64',
  contextHigh: 'i64',
  /** The same for unprivileged accesses (LDTR, STTR). */
  unprivLow: 'i64',
  unprivHigh: 'i64',
  /** The same for instruction fetch. */
  fetchLow: 'i64',
  fetchHigh: 'i64',
  /** Address and data of an access that takes the slow path. */
  slowVa: 'i64',
  slowSpare: 'i64',
  slowValue: 'v128',
});
