/** Interrupt controllers as a kernel drives them: GICv3 by System registers, GICv2 by its frames. */
import { type Hosted, hint, load, mrs, msr, store } from '../../engine/hosted/effects.ts';
import { BOARD } from './layout.ts';

/** What acknowledging gives when there was nothing. IHI 0069, "Special INTIDs". */
export const INTID_SPURIOUS = 1020n;
/** Priority of ordinary interrupts where priorities do not mask: in the middle. */
const PRIORITY_DEFAULT = 0xa0n;
/** GICD_CTLR.DS. */
const GICD_CTLR_DS = 0x40n;

/** A driver: what both versions do, in the words of the kernel. */
export interface GicDriver {
  readonly version: 2 | 3;
  /** The distributor, once, by the boot CPU. */
  initDistributor(priority?: bigint): Hosted;
  /** This CPU's part of it; the mask is left open for `pmr`. */
  initCpu(pe: number, options?: { readonly priority?: bigint; readonly pmr?: bigint }): Hosted;
  /** This CPU takes no more interrupts. */
  stopCpu(pe: number): Hosted;
  acknowledge(): Hosted<bigint>;
  end(intid: bigint): Hosted;
  enable(intid: number, pe: number): Hosted;
  disable(intid: number, pe: number): Hosted;
  enabled(intid: number, pe: number): Hosted<boolean>;
  setPriority(intid: number, pe: number, priority: bigint): Hosted;
  priority(intid: number, pe: number): Hosted<bigint>;
  /** Where an SPI goes. */
  route(intid: number, pe: number): Hosted;
  /** Sends a software generated interrupt to CPUs, a bit each. */
  send(sgi: number, cpus: number): Hosted;
}

const redistributor = (pe: number): bigint => BOARD.gicrPa + BigInt(pe) * BOARD.gicrStrideBytes;
const sgiFrame = (pe: number): bigint => redistributor(pe) + 0x1_0000n;
/** Frame of an interrupt: private ones are in the redistributor of a GICv3. */
const frameV3 = (intid: number, pe: number): bigint => (intid < 32 ? sgiFrame(pe) : BOARD.gicdPa);
const bitOf = (intid: number): bigint => 1n << BigInt(intid & 31);
const wordOf = (intid: number): bigint => BigInt((intid >> 5) * 4);
/** Behind the last SPI of the board. */
const INTID_END = 256;

/** Four priority bytes in one word. */
const four = (priority: bigint): bigint => priority * 0x0101_0101n;

/** What is the same of distributor and redistributor frames. */
function common(frame: (intid: number, pe: number) => bigint) {
  return {
    *enable(intid: number, pe: number): Hosted {
      yield* store(frame(intid, pe) + 0x100n + wordOf(intid), bitOf(intid), 4);
    },
    *disable(intid: number, pe: number): Hosted {
      yield* store(frame(intid, pe) + 0x180n + wordOf(intid), bitOf(intid), 4);
    },
    *enabled(intid: number, pe: number): Hosted<boolean> {
      return ((yield* load(frame(intid, pe) + 0x100n + wordOf(intid), 4)) & bitOf(intid)) !== 0n;
    },
    *setPriority(intid: number, pe: number, priority: bigint): Hosted {
      yield* store(frame(intid, pe) + 0x400n + BigInt(intid), priority, 1);
    },
    priority: (intid: number, pe: number): Hosted<bigint> => load(frame(intid, pe) + 0x400n + BigInt(intid), 1),
  };
}

/** SPIs disabled, inactive, at one priority. */
function* quietSpis(priority: bigint): Hosted {
  for (let intid = 32; intid < INTID_END; intid += 32) {
    yield* store(BOARD.gicdPa + 0x180n + wordOf(intid), 0xffff_ffffn, 4);
    yield* store(BOARD.gicdPa + 0x380n + wordOf(intid), 0xffff_ffffn, 4);
  }
  for (let intid = 32; intid < INTID_END; intid += 4)
    yield* store(BOARD.gicdPa + 0x400n + BigInt(intid), four(priority), 4);
}
function* quietPrivate(frame: bigint, priority: bigint): Hosted {
  yield* store(frame + 0x180n, 0xffff_ffffn, 4);
  yield* store(frame + 0x380n, 0xffff_ffffn, 4);
  for (let intid = 0n; intid < 32n; intid += 4n) yield* store(frame + 0x400n + intid, four(priority), 4);
  yield* store(frame + 0x100n, 0xffffn, 4);
}

/** GICv3, affinity routing, Group 1. IHI 0069, "Initialization". */
export const GICV3: GicDriver = {
  version: 3,
  ...common(frameV3),
  *initDistributor(priority = PRIORITY_DEFAULT) {
    yield* store(BOARD.gicdPa, 0n, 4);
    // With one security state groups are software's own.
    if ((yield* load(BOARD.gicdPa, 4)) & GICD_CTLR_DS)
      for (let intid = 32; intid < INTID_END; intid += 32)
        yield* store(BOARD.gicdPa + 0x80n + wordOf(intid), 0xffff_ffffn, 4);
    yield* quietSpis(priority);
    // ARE_NS, EnableGrp1A; with one state EnableGrp1 is bit 1 as well.
    yield* store(BOARD.gicdPa, 0x12n, 4);
  },
  *initCpu(pe, { priority = PRIORITY_DEFAULT, pmr = 0xf0n } = {}) {
    const waker = redistributor(pe) + 0x14n;
    yield* store(waker, 0n, 4);
    while ((yield* load(waker, 4)) & 4n) yield* hint('yield');
    if ((yield* load(BOARD.gicdPa, 4)) & GICD_CTLR_DS) yield* store(sgiFrame(pe) + 0x80n, 0xffff_ffffn, 4);
    yield* quietPrivate(sgiFrame(pe), priority);
    yield* msr('ICC_SRE_EL1', 7n);
    yield* msr('ICC_PMR_EL1', pmr);
    // BPR may be anything after firmware; 0 gives the finest preemption there is.
    yield* msr('ICC_BPR1_EL1', 0n);
    yield* msr('ICC_CTLR_EL1', 0n);
    yield* msr('ICC_IGRPEN1_EL1', 1n);
  },
  *stopCpu() {
    yield* msr('ICC_IGRPEN1_EL1', 0n);
  },
  acknowledge: () => mrs('ICC_IAR1_EL1'),
  end: (intid) => msr('ICC_EOIR1_EL1', intid),
  *route(intid, pe) {
    yield* store(BOARD.gicdPa + 0x6000n + BigInt(8 * intid), BigInt(pe));
  },
  *send(sgi, cpus) {
    yield* msr('ICC_SGI1R_EL1', (BigInt(sgi) << 24n) | BigInt(cpus));
  },
};

const GICC = { CTLR: 0n, PMR: 4n, BPR: 8n, IAR: 0xcn, EOIR: 0x10n } as const;

/** GICv2. Private interrupts are banked in the distributor, so only this CPU's can be reached. IHI 0048. */
export const GICV2: GicDriver = {
  version: 2,
  ...common(() => BOARD.gicdPa),
  *initDistributor(priority = PRIORITY_DEFAULT) {
    yield* store(BOARD.gicdPa, 0n, 4);
    yield* quietSpis(priority);
    yield* store(BOARD.gicdPa, 1n, 4);
  },
  *initCpu(_pe, { priority = PRIORITY_DEFAULT } = {}) {
    yield* quietPrivate(BOARD.gicdPa, priority);
    yield* store(BOARD.giccPa + GICC.PMR, 0xf0n, 4);
    yield* store(BOARD.giccPa + GICC.BPR, 0n, 4);
    yield* store(BOARD.giccPa + GICC.CTLR, 1n, 4);
  },
  *stopCpu() {
    yield* store(BOARD.giccPa + GICC.CTLR, 0n, 4);
  },
  // An SGI is ended with the CPU it came from, which is in [12:10].
  acknowledge: () => load(BOARD.giccPa + GICC.IAR, 4),
  end: (intid) => store(BOARD.giccPa + GICC.EOIR, intid, 4),
  *route(intid, pe) {
    yield* store(BOARD.gicdPa + 0x800n + BigInt(intid), 1n << BigInt(pe), 1);
  },
  *send(sgi, cpus) {
    yield* store(BOARD.gicdPa + 0xf00n, (BigInt(cpus) << 16n) | BigInt(sgi), 4);
  },
};
