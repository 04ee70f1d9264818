/** Where the kernels of a hand-over keep what hardware reads: text that can be overwritten, tables, pages of an image. */
import { BOARD, KIT_CPUS_MAX } from '../kit/layout.ts';

/** First byte of the running kernel's image. It is one 2 MiB block, so that one descriptor maps it. */
export const IMAGE_PA: bigint = BOARD.ramPa + 0x40_0000n;
/** Bytes of an image as far as it is copied by a kexec that relocates. */
export const IMAGE_BYTES = 0x2000n;

/** What lies where in an image: offsets. Vectors are at multiples of 2 KiB, as VBAR_EL2 wants them. */
export const TEXT = {
  /** Where a kernel is entered. */
  entry: 0x0000n,
  stub: 0x0800n,
  init: 0x1000n,
  hyp: 0x1800n,
  /** What KVM returns to when it panics. */
  panic: 0x2000n,
  /** Functions of KVM at EL2, for calls by pointer. */
  functions: 0x2400n,
  /** Vectors of EL1 as hardware finds them; see `Handover.restart`. */
  el1: 0x2800n,
} as const;

/** Tables and stacks, behind the text and in the same 2 MiB. */
const AT = (offset: bigint): bigint => IMAGE_PA + 0x1_0000n + offset;
/** Translation tables, a page each. */
export const TABLES = {
  el1Identity: AT(0x0000n),
  el1Kernel: AT(0x1000n),
  el2: AT(0x2000n),
  el2Identity: AT(0x3000n),
  /** Of stage 2, for experiments that have one. */
  stage2: AT(0x4000n),
} as const;
/** The two words that say at which Exception level CPUs arrived. */
export const BOOT_MODE_PA: bigint = AT(0x8000n);
/** What KVM is told at its initialisation, where that is a structure: 64 bytes a CPU. */
export const KVM_PARAMS_PA: bigint = AT(0x9000n);
/** Behind the stack of KVM's EL2 code on a CPU, a page each. */
export const hypStackTop = (pe: number): bigint => AT(0x1_0000n) + BigInt(pe + 1) * 0x1000n;
if (hypStackTop(KIT_CPUS_MAX - 1) > IMAGE_PA + 0x20_0000n) throw new Error('assertion: stacks lie in the image');

/** The crash kernel: memory that the first kernel leaves alone. */
export const CRASH_PA: bigint = BOARD.ramPa + 0x60_0000n;
/** Where a loaded kexec image waits, page by page. */
export const SOURCE_PA: bigint = BOARD.ramPa + 0x80_0000n;
/** Pages that no relocation overwrites: the list, the relocation code, the copied vectors. */
export const CONTROL = {
  list: BOARD.ramPa + 0xa0_0000n,
  code: BOARD.ramPa + 0xa0_1000n,
  vectors: BOARD.ramPa + 0xa0_2000n,
} as const;
/** What the next kernel found when it was entered: see `ARRIVAL`. */
export const ARRIVAL_PA: bigint = BOARD.ramPa + 0xb0_0000n;
/** Words of it. */
export const ARRIVAL = {
  /** 1 for the first entry, and more for each one after it. */
  count: 0x00n,
  el: 0x08n,
  x0: 0x10n,
  x1: 0x18n,
  x2: 0x20n,
  x3: 0x28n,
  daif: 0x30n,
  sctlr: 0x38n,
  /** Which image: `KERNEL`. */
  kernel: 0x40n,
  /** What EL2 answers afterwards: result of a RESET_VECTORS, or of installing a stub of its own. */
  el2: 0x48n,
} as const;
/** Kernels there are. */
export const KERNEL = { first: 1n, next: 2n, crash: 3n } as const;
/** Device tree that a kernel is given. */
export const DTB_PA: bigint = BOARD.ramPa + 0xc0_0000n;

/** First VA of the upper half with 39 bits. */
const KERNEL_VA_BASE = 0xffff_ff80_0000_0000n;
/** VA of RAM in EL2's half. */
const HYP_VA_BASE = 0x40_0000_0000n;
/** The kernel's linear map. */
export const kernelVa = (pa: bigint): bigint => KERNEL_VA_BASE + pa;
/** KVM's linear map at EL2. */
export const hypVa = (pa: bigint): bigint => HYP_VA_BASE + (pa - BOARD.ramPa);
/** Inverse of `hypVa`. */
export const hypPa = (va: bigint): bigint => va - HYP_VA_BASE + BOARD.ramPa;
