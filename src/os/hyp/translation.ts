/** Translation tables of a hand-over: a few blocks, so that what is mapped nowhere can be run into. */
import { type Hosted, hint, msr, store, sys } from '../../engine/hosted/effects.ts';
import { BOARD } from '../kit/layout.ts';
import { IMAGE_PA, TABLES } from './layout.ts';

/** SCTLR_ELx with everything off: RES1 alone. DDI 0487, "SCTLR_EL1", "SCTLR_EL2". */
export const SCTLR_OFF = { EL1: 0x30d0_0800n, EL2: 0x30c5_0830n } as const;
/** M, A, C, SA, I: what a teardown clears. Linux, SCTLR_ELx_FLAGS. */
export const SCTLR_FLAGS = 0x100fn;
const SCTLR_M_C_I = 0x1005n;
/** Attr0 is Device-nGnRnE, Attr1 Normal write-back. */
const MAIR = 0xff00n;
/** 39 bits of VA in each half, 4 KiB granules, write-back tables, 40 bits of PA. DDI 0487, "TCR_EL1". */
const TCR_EL1 = (25n << 16n) | 25n | (0x35n << 24n) | (0x35n << 8n) | (2n << 30n) | (2n << 32n);
/** The same for one half; bits 31 and 23 are RES1. DDI 0487, "TCR_EL2". */
const TCR_EL2 = 25n | (0x35n << 8n) | (2n << 16n) | (1n << 31n) | (1n << 23n);

const VALID_BLOCK = 1n;
const VALID_TABLE = 3n;
const AF = 1n << 10n;
const INNER_SHAREABLE = 3n << 8n;
const NORMAL = 1n << 2n;
/** AP[1] is RES1 where there is no EL0. */
const EL2_AP = 1n << 6n;
const RAM_BLOCK = BOARD.ramPa | VALID_BLOCK | AF | INNER_SHAREABLE | NORMAL;
const DEVICE_BLOCK = VALID_BLOCK | AF;
const entry = (table: bigint, index: bigint): bigint => table + 8n * index;

/** Tables of EL1: devices and RAM as they are, and the kernel's linear map of RAM. */
export function* writeKernelTables(): Hosted {
  yield* store(entry(TABLES.el1Identity, 0n), DEVICE_BLOCK);
  yield* store(entry(TABLES.el1Identity, 1n), RAM_BLOCK);
  yield* store(entry(TABLES.el1Kernel, 1n), RAM_BLOCK);
}
/** Tables of KVM at EL2: its linear map, and of what is as it is the kernel's image alone. */
export function* writeHypTables(): Hosted {
  yield* store(entry(TABLES.el2, 1n), TABLES.el2Identity | VALID_TABLE);
  const block = (IMAGE_PA - BOARD.ramPa) >> 21n;
  yield* store(entry(TABLES.el2Identity, block), IMAGE_PA | EL2_AP | VALID_BLOCK | AF | INNER_SHAREABLE | NORMAL);
  yield* store(entry(TABLES.el2, 256n), RAM_BLOCK | EL2_AP);
}

/** Switches the MMU of EL1 on, at EL1. */
export function* kernelMmuOn(): Hosted {
  yield* msr('MAIR_EL1', MAIR);
  yield* msr('TCR_EL1', TCR_EL1);
  yield* msr('TTBR0_EL1', TABLES.el1Identity);
  yield* msr('TTBR1_EL1', TABLES.el1Kernel);
  yield* hint('isb');
  yield* sys('TLBI VMALLE1');
  yield* hint('dsb');
  yield* msr('SCTLR_EL1', SCTLR_OFF.EL1 | SCTLR_M_C_I);
  yield* hint('isb');
}
/** Switches the MMU of EL2 on, at EL2, with tables at an address. */
export function* hypMmuOn(pgdPa: bigint): Hosted {
  yield* msr('TTBR0_EL2', pgdPa);
  yield* msr('TCR_EL2', TCR_EL2);
  yield* msr('MAIR_EL2', MAIR);
  yield* hint('isb');
  yield* sys('TLBI ALLE2');
  yield* hint('dsb');
  yield* msr('SCTLR_EL2', SCTLR_OFF.EL2 | SCTLR_M_C_I);
  yield* hint('isb');
}
