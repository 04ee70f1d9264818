/**
 * Windows onto physical pages: firmware's memory is not mapped, so each read maps a page, copies, and unmaps it.
 *
 * A window is one page of virtual addresses that all CPUs share, so two that use one at the same time read each
 * other's page. DDI 0487, "VMSAv8-64 translation using the 4KB granule".
 */
import { type Hosted, hint, load, mrs, msr, store, sys } from '../../engine/hosted/effects.ts';
import type { Cpu } from '../kit/cpu.ts';
import { ARENA, SLOT, type SlotName } from './layout.ts';

/** First address of the windows. */
export const FIXMAP_VA = 0x40_0000_0000n;
const PAGE = 0x1000n;
const [L1, L2, L3] = [ARENA.tablesPa, ARENA.tablesPa + PAGE, ARENA.tablesPa + 2n * PAGE];

const VALID = 1n;
const TABLE = 3n;
/** Access flag, inner shareable; MAIR index 1 is normal memory, 0 is a device. */
const AF = 1n << 10n;
const NORMAL = AF | (3n << 8n) | (1n << 2n);
const MAIR = 0xff04n;
/** 39 bits of address through TTBR0 alone, write-back walks; an output of 40 bits. */
const TCR_COMMON = 25n | (1n << 8n) | (1n << 10n) | (3n << 12n);
const TCR = { 1: TCR_COMMON | (1n << 23n) | (2n << 32n), 2: TCR_COMMON | (2n << 16n) | (1n << 31n) | (1n << 23n) };
/** SCTLR.M, C, I. */
const SCTLR_ON = 0x1005n;
const GIB = 1n << 30n;

/** Address of a window. */
export const slotVa = (slot: SlotName): bigint => FIXMAP_VA + SLOT[slot] * PAGE;

/** Makes the tables: the board's devices, RAM, and windows that map nothing. */
export function* makeTables(): Hosted {
  for (let at = 0n; at < 3n * PAGE; at += 8n) yield* store(ARENA.tablesPa + at, 0n);
  yield* store(L1, AF | VALID);
  for (let gib = 1n; gib < 4n; gib++) yield* store(L1 + 8n * gib, (gib * GIB) | NORMAL | VALID);
  yield* store(L1 + 8n * (FIXMAP_VA / GIB), L2 | TABLE);
  yield* store(L2, L3 | TABLE);
}
/** Switches translation on, on this CPU; again is no harm. */
export function* enableMmu(cpu: Cpu): Hosted {
  const { el } = cpu.kernel.options;
  yield* msr(cpu.reg('MAIR'), MAIR);
  yield* msr(cpu.reg('TCR'), TCR[el]);
  yield* msr(cpu.reg('TTBR0'), L1);
  yield* hint('isb');
  yield* sys(el === 1 ? 'TLBI VMALLE1' : 'TLBI ALLE2');
  yield* msr(cpu.reg('SCTLR'), (yield* mrs(cpu.reg('SCTLR'))) | SCTLR_ON);
  yield* hint('isb');
}

/** Puts a physical page into a window. */
export function* mapSlot(cpu: Cpu, slot: SlotName, pa: bigint): Hosted<bigint> {
  yield* store(L3 + 8n * SLOT[slot], (pa & ~(PAGE - 1n)) | NORMAL | TABLE);
  yield* flush(cpu, slot);
  return slotVa(slot) + (pa & (PAGE - 1n));
}
/** Takes the page out again. */
export function* unmapSlot(cpu: Cpu, slot: SlotName): Hosted {
  yield* store(L3 + 8n * SLOT[slot], 0n);
  yield* flush(cpu, slot);
}
function* flush(cpu: Cpu, slot: SlotName): Hosted {
  yield* hint('dsb');
  yield* sys(cpu.kernel.options.el === 1 ? 'TLBI VAE1IS' : 'TLBI VAE2IS', slotVa(slot) >> 12n);
  yield* hint('dsb');
}
/** What a window maps, 0 for nothing: for a check that nothing is left behind. */
export function* slotMaps(slot: SlotName): Hosted<bigint> {
  return yield* load(L3 + 8n * SLOT[slot]);
}
