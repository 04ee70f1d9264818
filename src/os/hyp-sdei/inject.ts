/** Interrupts of the guest: list registers of the virtual CPU interface, and what waits for one. IHI 0069. */
import { type Hosted, load, mrs, msr, store } from '../../engine/hosted/effects.ts';
import { priorityOf, SPI_FIRST } from './gic.ts';
import { areaAt, INTID_END, PE, WORD } from './layout.ts';

/** Bits of ICH_LR<n>_EL2. */
const LR = { PENDING: 1n << 62n, ACTIVE: 1n << 63n, HW: 1n << 61n, GROUP1: 1n << 60n } as const;
const LR_STATE = LR.PENDING | LR.ACTIVE;
const PRIORITY_LSB = 48n;
const PINTID_LSB = 32n;
const VINTID = 0xffff_ffffn;
/** ICH_HCR_EL2: the interface is on; a maintenance interrupt when less than two list registers are in use. */
const ICH_HCR = { En: 1n, UIE: 2n } as const;
/** ICH_VMCR_EL2 of a guest that starts: everything masked, both groups off. */
const VMCR_RESET = 0n;
/** First PPI: SGIs have no physical interrupt behind them once they have arrived. */
const PPI_FIRST = 16;
/** GICD_CTLR: either group is on. */
const GROUPS = 3n;
const WAITING_WORDS = 8;

const listRegister = (n: number): string => `ICH_LR${n}_EL2`;

/** How many list registers there are. */
export function* listRegisters(): Hosted<number> {
  return Number((yield* mrs('ICH_VTR_EL2')) & 31n) + 1;
}

/** The virtual CPU interface of this PE as the guest finds it at its start. */
export function* startVirtual(): Hosted {
  const count = yield* listRegisters();
  for (let n = 0; n < count; n++) yield* msr(listRegister(n), 0n);
  yield* msr('ICH_AP0R0_EL2', 0n);
  yield* msr('ICH_AP1R0_EL2', 0n);
  yield* msr('ICH_VMCR_EL2', VMCR_RESET);
  yield* msr('ICH_HCR_EL2', ICH_HCR.En);
}

/** An interrupt becomes pending for the guest on this PE. A PPI or SPI is active until the guest deactivates it. */
export function* inject(basePa: bigint, pe: number, intid: number): Hosted {
  if (intid < PPI_FIRST && (yield* again(intid))) return;
  const open = ((yield* load(basePa + WORD.gicdCtlr)) & GROUPS) !== 0n;
  const n = open ? lowest(yield* mrs('ICH_ELRSR_EL2')) : -1;
  if (n >= 0) return yield* list(n, pe, intid);
  const at = basePa + areaAt(pe) + PE.waiting + BigInt((intid >> 5) * 8);
  yield* store(at, (yield* load(at)) | (1n << BigInt(intid & 31)));
  yield* msr('ICH_HCR_EL2', (yield* mrs('ICH_HCR_EL2')) | ICH_HCR.UIE);
}
/** An SGI that is listed already is pending once more. */
function* again(intid: number): Hosted<boolean> {
  const count = yield* listRegisters();
  for (let n = 0; n < count; n++) {
    const before = yield* mrs(listRegister(n));
    if (!(before & LR_STATE) || (before & VINTID) !== BigInt(intid)) continue;
    yield* msr(listRegister(n), before | LR.PENDING);
    return true;
  }
  return false;
}
function* list(n: number, pe: number, intid: number): Hosted {
  const priority = yield* priorityOf(intid, pe);
  const physical = intid < PPI_FIRST ? 0n : LR.HW | (BigInt(intid) << PINTID_LSB);
  yield* msr(listRegister(n), LR.PENDING | LR.GROUP1 | physical | (priority << PRIORITY_LSB) | BigInt(intid));
}
function lowest(bits: bigint): number {
  for (let n = 0; n < 16; n++) if ((bits >> BigInt(n)) & 1n) return n;
  return -1;
}

/** Lists what waits, the most urgent first, as far as there is room. */
export function* refill(basePa: bigint, pe: number): Hosted {
  const open = ((yield* load(basePa + WORD.gicdCtlr)) & GROUPS) !== 0n;
  for (;;) {
    const n = lowest(yield* mrs('ICH_ELRSR_EL2'));
    const next = yield* mostUrgent(basePa, pe);
    const hcr = yield* mrs('ICH_HCR_EL2');
    if (next === undefined || !open) return yield* msr('ICH_HCR_EL2', hcr & ~ICH_HCR.UIE);
    if (n < 0) return yield* msr('ICH_HCR_EL2', hcr | ICH_HCR.UIE);
    const at = basePa + areaAt(pe) + PE.waiting + BigInt((next >> 5) * 8);
    yield* store(at, (yield* load(at)) & ~(1n << BigInt(next & 31)));
    yield* list(n, pe, next);
  }
}
function* mostUrgent(basePa: bigint, pe: number): Hosted<number | undefined> {
  let best: { readonly intid: number; readonly priority: bigint } | undefined;
  for (let w = 0; w < WAITING_WORDS; w++) {
    const bits = yield* load(basePa + areaAt(pe) + PE.waiting + BigInt(8 * w));
    for (let bit = 0; bits >> BigInt(bit) !== 0n; bit++) {
      if (!((bits >> BigInt(bit)) & 1n)) continue;
      const intid = w * SPI_FIRST + bit;
      const priority = yield* priorityOf(intid, pe);
      if (!best || priority < best.priority) best = { intid, priority };
    }
  }
  return best?.intid;
}

/** Registers of the virtual CPU interface besides the list registers, in the order in which they are kept. */
const INTERFACE = ['ICH_VMCR_EL2', 'ICH_AP0R0_EL2', 'ICH_AP1R0_EL2', 'ICH_HCR_EL2'] as const;

/** Keeps the virtual CPU interface of this PE in its area: before it loses its state. */
export function* keepVirtual(areaPa: bigint): Hosted {
  const count = yield* listRegisters();
  const names = [...Array.from({ length: count }, (_, n) => listRegister(n)), ...INTERFACE];
  for (const [n, name] of names.entries()) yield* store(areaPa + PE.interface + BigInt(8 * n), yield* mrs(name));
}
/** The inverse of `keepVirtual`. */
export function* takeVirtual(areaPa: bigint): Hosted {
  const count = yield* listRegisters();
  const names = [...Array.from({ length: count }, (_, n) => listRegister(n)), ...INTERFACE];
  for (const [n, name] of names.entries()) yield* msr(name, yield* load(areaPa + PE.interface + BigInt(8 * n)));
}

/** INTIDs that can wait. */
export const WAITING_END: number = Math.min(INTID_END, WAITING_WORDS * SPI_FIRST);
