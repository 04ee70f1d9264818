/** How the hypervisor and the PEs of its guest start. */
import { eret, type Hosted, load, mrs, msr, store, writeX } from '../../engine/hosted/effects.ts';
import { GIC_PA, OTHERS, routeTo, setPriority, startDistributor, startInterface, writeBit, writeRoute } from './gic.ts';
import { withholdOwn } from './gic-filter.ts';
import { startVirtual, takeVirtual } from './inject.ts';
import { areaAt, HYP_INTIDS, OWNED_AT, PE, TAKEN_SPIS_AT, WORD } from './layout.ts';
import { writeCode } from './saved.ts';
import { freshSdei } from './sdei.ts';
import type { GuestConfiguration } from './sdei-host.ts';
import { useTables, writeTables } from './stage2-tables.ts';

/** HCR_EL2: EL1 is AArch64, stage 2 is on, IRQ and FIQ are EL2's, SMC of the guest traps. */
const HCR = (1n << 31n) | 1n | (3n << 3n) | (1n << 19n);
/** CPTR_EL2 that traps nothing: its RES1 bits. */
const CPTR = 0x33ffn;
/** CNTHCTL_EL2: the guest may use the physical counter and timer. */
const CNTHCTL = 3n;
const EL1H_MASKED = 0x3c5n;
/** Words with a bit for each of 32 interrupts. */
const MARK_WORDS = 8;
/** Nanoseconds of one count of the board's system counter. */
const COUNT_NS = 16n;
/** CNTHP_CTL_EL2.ENABLE. */
const TIMER_ON = 1n;

/** A watchdog: see `HypWatchdog`. */
interface Watchdog {
  readonly intid: number;
  readonly periodNs: bigint;
}

/** The hypervisor's memory and the interrupt controller, once; true when its memory has a guest that was saved. */
export function* startHypervisor(config: GuestConfiguration, watchdog: Watchdog | undefined): Hosted<boolean> {
  const { basePa } = config;
  const restoring = (yield* load(basePa + WORD.restoring)) !== 0n;
  for (const word of [WORD.lock, WORD.asked, WORD.served, WORD.saving, WORD.saved]) yield* store(basePa + word, 0n);
  if (!restoring) yield* freshMemory(config);
  else yield* shiftTime(basePa);
  yield* writeTables(basePa);
  yield* writeCode(basePa);
  yield* startDistributor();
  yield* makeEdge(HYP_INTIDS.management);
  yield* setPriority(HYP_INTIDS.management, 0, 0n);
  yield* writeRoute(HYP_INTIDS.management, routeTo(undefined));
  yield* writeBit('ISENABLER', HYP_INTIDS.management, 0);
  if (watchdog) yield* makeEdge(watchdog.intid);
  return restoring;
}
function* freshMemory(config: GuestConfiguration): Hosted {
  const { basePa } = config;
  yield* store(basePa + WORD.power, 1n);
  for (const word of [WORD.gicdCtlr, WORD.logged, WORD.watchdog, WORD.virtualOffset]) yield* store(basePa + word, 0n);
  for (let n = 0n; n < BigInt(MARK_WORDS); n++) {
    yield* store(basePa + TAKEN_SPIS_AT + 8n * n, 0n);
    yield* store(basePa + OWNED_AT + 8n * n, 0n);
  }
  yield* withholdOwn(basePa);
  for (let pe = 0; pe < config.cpus; pe++) yield* store(basePa + areaAt(pe) + PE.taken, 0n);
  yield* freshSdei(config);
}
/** For a guest that was saved no time has passed: its virtual counter goes on, and the watchdog is due as far ahead. */
function* shiftTime(basePa: bigint): Hosted {
  const passed = (yield* mrs('CNTPCT_EL0')) - (yield* load(basePa + WORD.savedAt));
  for (const word of [WORD.virtualOffset, WORD.watchdog])
    yield* store(basePa + word, BigInt.asUintN(64, (yield* load(basePa + word)) + passed));
}
function* makeEdge(intid: number): Hosted {
  const at = GIC_PA.gicd + OTHERS.ICFGR + BigInt((intid >> 4) * 4);
  yield* store(at, (yield* load(at, 4)) | (2n << BigInt((intid & 15) * 2)), 4);
}

/** What a PE at EL2 needs, whatever its guest is to do. */
export function* startPe(
  { basePa }: GuestConfiguration,
  pe: number,
  vectorsVa: bigint,
  watchdog: Watchdog | undefined,
): Hosted {
  yield* msr('VBAR_EL2', vectorsVa);
  yield* msr('CPTR_EL2', CPTR);
  yield* msr('CNTHCTL_EL2', CNTHCTL);
  yield* msr('CNTVOFF_EL2', yield* load(basePa + WORD.virtualOffset));
  yield* msr('HCR_EL2', HCR);
  yield* useTables(basePa);
  yield* startInterface(pe, [HYP_INTIDS.doorbell, HYP_INTIDS.maintenance, HYP_INTIDS.timer]);
  yield* startVirtual();
  if (pe === 0 && watchdog) yield* startWatchdog(basePa, watchdog.periodNs);
}

/** How a PE of the guest starts: at an address with X0, else where its area says; with its virtual interrupts, or none. */
export interface GuestStart {
  readonly pc?: bigint;
  readonly x0?: bigint;
  readonly virtual?: 'kept';
}
/** Enters the guest on this PE as PSCI has it: at EL1, everything masked. */
export function* startGuest({ basePa }: GuestConfiguration, pe: number, how: GuestStart = {}): Hosted {
  const area = basePa + areaAt(pe);
  if (how.virtual === 'kept') yield* takeVirtual(area);
  else {
    yield* store(area + PE.waker, 0n);
    for (let n = 0n; n < BigInt(MARK_WORDS); n++) yield* store(area + PE.waiting + 8n * n, 0n);
  }
  const pc = how.pc ?? (yield* load(area + PE.startPc));
  const x0 = how.x0 ?? (yield* load(area + PE.startX0));
  yield* msr('ELR_EL2', pc);
  yield* msr('SPSR_EL2', EL1H_MASKED);
  yield* writeX(0, x0);
  yield* eret();
}

/** Sets the timer of EL2 to when the watchdog is due. */
function* startWatchdog(basePa: bigint, periodNs: bigint): Hosted {
  let due = yield* load(basePa + WORD.watchdog);
  if (due === 0n) due = (yield* mrs('CNTPCT_EL0')) + periodNs / COUNT_NS;
  yield* store(basePa + WORD.watchdog, due);
  yield* msr('CNTHP_CVAL_EL2', due);
  yield* msr('CNTHP_CTL_EL2', TIMER_ON);
}
/** The timer of EL2 fired: the watchdog's interrupt is pending, as if a device had raised it, and the next is due. */
export function* watchdogFired(basePa: bigint, { intid, periodNs }: Watchdog): Hosted {
  const due = (yield* load(basePa + WORD.watchdog)) + periodNs / COUNT_NS;
  yield* store(basePa + WORD.watchdog, due);
  yield* msr('CNTHP_CVAL_EL2', due);
  yield* writeBit('ISPENDR', intid, 0);
}
