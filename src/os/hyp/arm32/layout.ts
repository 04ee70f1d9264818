/** Where a model kernel and KVM lie on the 32-bit machine, and the tables that map them. */
import type { Memory32 } from './memory.ts';

/** Physical addresses. Each lies in a block of 2 MiB of its own, so that it is mapped or not by itself. */
export const PA = {
  /** Text of the kernel: its vectors and the stub's. */
  kernel: 0x4020_0000,
  /** Text that is mapped at its physical address as well. */
  idmap: 0x4040_0000,
  /** Text that runs in HYP mode with the MMU of HYP on. */
  kvm: 0x4060_0000,
  data: 0x4080_0000,
  tables: 0x40a0_0000,
  /** Page that relocation code is copied to. */
  control: 0x40c0_0000,
  /** A new kernel as it was loaded, before it is copied to where it belongs. */
  loaded: 0x4400_0000,
  /** The crash kernel, in memory reserved for it. */
  crash: 0x4800_0000,
} as const;

/** Distance of kernel virtual addresses from physical ones; HYP uses the same virtual addresses. */
export const LINEAR_OFFSET = 0x8000_0000;
/** Kernel virtual address of a physical one. */
export const va = (pa: number): number => pa + LINEAR_OFFSET;

/** Words of the kernel's data. */
export const DATA = {
  /** Mode of the first processor at entry; bit 31: another one came in another mode. */
  bootMode: PA.data,
  /** What the stub's vectors were when KVM was loaded. */
  savedVectors: PA.data + 0x4,
  /** KVM is enabled on this CPU: one word each. */
  kvmEnabled: PA.data + 0x10,
  /** The next FIQ or IRQ is a reason to panic. */
  panicNext: PA.data + 0x30,
  /** Why other CPUs are to stop: 1 a crash, 2 they go offline; and how many have stopped for a crash. */
  stopOthers: PA.data + 0x34,
  stopped: PA.data + 0x38,
  /** Reboot notifiers that ran. */
  notified: PA.data + 0x3c,
  /** Table of HYP, and the top of each processor's stack there. */
  hypTable: PA.data + 0x40,
  hypStackTop: PA.data + 0x44,
  /** What a program of a test writes down. */
  notes: PA.data + 0x100,
  /** Stacks of HYP. */
  hypStacks: PA.data + 0x1_0000,
} as const;

/** Translation tables: a table of the first level each. */
export const TABLES = {
  /** The kernel's. */
  kernel: PA.tables,
  /** The kernel's, with the identity map. */
  identity: PA.tables + 0x1000,
  /** KVM's, for HYP. */
  hyp: PA.tables + 0x2000,
  /** Stage 2 of a hypervisor below the kernel. */
  stage2: PA.tables + 0x3000,
} as const;
const SECOND = { identityLow: PA.tables + 0x8000, hypLow: PA.tables + 0x9000, hypHigh: PA.tables + 0xa000 } as const;
const STAGE2_SECOND = PA.tables + 0xb000;

const TABLE = 3n;
/** Block: valid, AF, inner shareable, normal memory of attribute 0; AP[1] is RES1 for HYP and harmless for the kernel. */
const BLOCK = 0x701n | 0x40n;
/** Block of stage 2: read and write, AF, normal memory. */
const STAGE2_BLOCK = 0x7fdn;
const BLOCK_BYTES = 0x20_0000;
const GIB = 0x4000_0000;

/** Writes the tables; TTBCR and HTCR say that all of an address is translated, from level 1. */
export function writeTables(memory: Memory32): void {
  const entry = (table: number, index: number, value: bigint): void => memory.setDoubleword(table + 8 * index, value);
  const block = (table: number, at: number, pa: number): void =>
    entry(table, (at % GIB) / BLOCK_BYTES, BigInt(pa) | BLOCK);
  // Memory from 0xc0000000.
  for (const table of [TABLES.kernel, TABLES.identity]) entry(table, 3, BigInt(GIB) | BLOCK);
  entry(TABLES.identity, 1, BigInt(SECOND.identityLow) | TABLE);
  block(SECOND.identityLow, PA.idmap, PA.idmap);
  entry(TABLES.hyp, 1, BigInt(SECOND.hypLow) | TABLE);
  entry(TABLES.hyp, 3, BigInt(SECOND.hypHigh) | TABLE);
  block(SECOND.hypLow, PA.idmap, PA.idmap);
  for (const pa of [PA.kvm, PA.data, PA.kernel]) block(SECOND.hypHigh, va(pa), pa);
}

/** Writes a stage 2 in which two blocks of memory have changed places: `from` and `to` are multiples of 2 MiB. */
export function writeStage2(memory: Memory32, from: number, to: number): void {
  memory.setDoubleword(TABLES.stage2 + 8, BigInt(STAGE2_SECOND) | TABLE);
  for (let n = 0; n < 512; n++) {
    const ipa = GIB + n * BLOCK_BYTES;
    const pa = ipa === from ? to : ipa === to ? from : ipa;
    memory.setDoubleword(STAGE2_SECOND + 8 * n, BigInt(pa) | STAGE2_BLOCK);
  }
}
/** VTCR for `writeStage2`: 32 bits from level 1. */
export const STAGE2_VTCR = 0x8000_3540;
