/** The physical interrupt controller, a GICv3, as the hypervisor drives it. */
import { type Hosted, load, msr, store } from '../../engine/hosted/effects.ts';

/** Frames of the board. */
export const GIC_PA = { gicd: 0x0800_0000n, gicr: 0x080a_0000n, gicrStrideBytes: 0x2_0000n } as const;
/** First SPI. */
export const SPI_FIRST = 32;

/** Registers with a bit for each interrupt: offsets in GICD and in the SGI frame. IHI 0069. */
export const BITS = {
  IGROUPR: 0x080n,
  ISENABLER: 0x100n,
  ICENABLER: 0x180n,
  ISPENDR: 0x200n,
  ICPENDR: 0x280n,
  ISACTIVER: 0x300n,
  ICACTIVER: 0x380n,
} as const;
/** A byte, and two bits, for each interrupt; eight bytes for each SPI. */
export const OTHERS = { IPRIORITYR: 0x400n, ICFGR: 0xc00n, IROUTER: 0x6000n } as const;

/** GICD_IROUTER.IRM: any PE. */
const IRM = 1n << 31n;
/** GICR_WAKER is in the first frame of a redistributor. */
const WAKER = 0x14n;
const SGI_FRAME = 0x1_0000n;
/** GICD_CTLR as Non-secure software writes it: ARE_NS, EnableGrp1A; with one state EnableGrp1 is bit 1 as well. */
const GICD_CTLR_ON = 0x12n;

/** The first frame of the redistributor of a PE. */
export function redistributor(pe: number): bigint {
  return GIC_PA.gicr + BigInt(pe) * GIC_PA.gicrStrideBytes;
}
/** The frame that has the registers of an interrupt. */
export function frameOf(intid: number, pe: number): bigint {
  return intid < SPI_FIRST ? redistributor(pe) + SGI_FRAME : GIC_PA.gicd;
}
const wordOf = (register: bigint, intid: number, pe: number): bigint =>
  frameOf(intid, pe) + register + BigInt((intid >> 5) * 4);

/** The bit of an interrupt. */
export function* readBit(register: keyof typeof BITS, intid: number, pe: number): Hosted<boolean> {
  return (((yield* load(wordOf(BITS[register], intid, pe), 4)) >> BigInt(intid & 31)) & 1n) === 1n;
}
/** Sets the bit of an interrupt in a register whose zeros do nothing. */
export function* writeBit(register: keyof typeof BITS, intid: number, pe: number): Hosted {
  yield* store(wordOf(BITS[register], intid, pe), 1n << BigInt(intid & 31), 4);
}
/** ICFGR: the interrupt is edge-triggered. */
export function* isEdge(intid: number, pe: number): Hosted<boolean> {
  const at = frameOf(intid, pe) + OTHERS.ICFGR + BigInt((intid >> 4) * 4);
  return (((yield* load(at, 4)) >> BigInt((intid & 15) * 2)) & 2n) !== 0n;
}
/** Priority, 8 bits as Non-secure software sees them. */
export function priorityOf(intid: number, pe: number): Hosted<bigint> {
  return load(frameOf(intid, pe) + OTHERS.IPRIORITYR + BigInt(intid), 1);
}
/** See `priorityOf`. */
export function setPriority(intid: number, pe: number, priority: bigint): Hosted {
  return store(frameOf(intid, pe) + OTHERS.IPRIORITYR + BigInt(intid), priority, 1);
}
const routerOf = (intid: number): bigint => GIC_PA.gicd + OTHERS.IROUTER + BigInt(8 * intid);
/** GICD_IROUTER of an SPI. */
export function readRoute(intid: number): Hosted<bigint> {
  return load(routerOf(intid));
}
/** Routes an SPI as a value of GICD_IROUTER says. */
export function writeRoute(intid: number, route: bigint): Hosted {
  return store(routerOf(intid), route);
}
/** The value that routes to an affinity, or to any PE. */
export function routeTo(affinity: bigint | undefined): bigint {
  return affinity ?? IRM;
}
/** ICC_SGI1R_EL1 that sends an SGI to a PE by its affinity. */
export function* sendSgi(sgi: number, affinity: bigint): Hosted {
  const [aff0, aff1, aff2, aff3] = [0n, 8n, 16n, 32n].map((lsb) => (affinity >> lsb) & 0xffn);
  const range = aff0! >> 4n;
  const list = 1n << (aff0! & 15n);
  const value = (aff3! << 48n) | (range << 44n) | (aff2! << 32n) | (BigInt(sgi) << 24n) | (aff1! << 16n) | list;
  yield* msr('ICC_SGI1R_EL1', value);
}

/** The distributor, once: affinity routing and Group 1. */
export function startDistributor(): Hosted {
  return store(GIC_PA.gicd, GICD_CTLR_ON, 4);
}
/** Redistributor and physical CPU interface of this PE: every interrupt comes here, and EOIR only drops the priority. */
export function* startInterface(pe: number, own: readonly number[]): Hosted {
  yield* store(redistributor(pe) + WAKER, 0n, 4);
  while ((yield* load(redistributor(pe) + WAKER, 4)) & 4n);
  yield* msr('ICC_SRE_EL2', 0xfn);
  for (const intid of own) {
    yield* setPriority(intid, pe, 0n);
    yield* writeBit('ISENABLER', intid, pe);
  }
  yield* msr('ICC_PMR_EL1', 0xffn);
  yield* msr('ICC_BPR1_EL1', 0n);
  yield* msr('ICC_CTLR_EL1', 2n);
  yield* msr('ICC_IGRPEN1_EL1', 1n);
}
