/**
 * The guest's accesses to distributor and redistributors. They are carried out on the physical ones, but for interrupts
 * that are not the guest's: those read as zero, and writes to them are ignored. IHI 0069.
 */
import { type AccessBytes, type Hosted, load, store } from '../../engine/hosted/effects.ts';
import { BITS, GIC_PA, OTHERS, SPI_FIRST } from './gic.ts';
import { areaAt, HYP_INTIDS, INTID_END, OWNED_AT, PE, TAKEN_SPIS_AT, WORD } from './layout.ts';

/** One access that a guest made. */
export interface GicAccess {
  readonly pa: bigint;
  readonly bytes: AccessBytes;
  /** What is written; undefined for a read. */
  readonly value?: bigint;
}

/** Where the registers of interrupts lie in a frame, and how many bits an interrupt has there. */
interface Registers {
  readonly from: bigint;
  readonly to: bigint;
  readonly bits: number;
  /** Ones act and zeros do nothing. */
  readonly sets?: true;
}
const REGISTERS: readonly Registers[] = [
  { from: BITS.IGROUPR, to: BITS.ISENABLER, bits: 1 },
  { from: BITS.ISENABLER, to: OTHERS.IPRIORITYR, bits: 1, sets: true },
  { from: OTHERS.IPRIORITYR, to: 0x800n, bits: 8 },
  { from: OTHERS.ICFGR, to: 0xd00n, bits: 2 },
  { from: OTHERS.IROUTER + 8n * BigInt(SPI_FIRST), to: 0x8000n, bits: 64 },
];
const GICD_CTLR = 0n;
const GICR_WAKER = 0x14n;
/** GICR_WAKER: ProcessorSleep, and ChildrenAsleep, which follows it. */
const WAKER = { SLEEP: 2n, ASLEEP: 4n } as const;
/** GICD_CTLR bits that software may change. */
const CTLR_GROUPS = 3n;
const FRAME_BYTES = 0x1_0000n;

/** Where an address lies: in the distributor, or in a frame of a PE's redistributor. */
function place(pa: bigint, cpus: number): { frame: 'gicd' | 'rd' | 'sgi'; pe: number; offset: bigint } | undefined {
  if (pa >= GIC_PA.gicd && pa < GIC_PA.gicd + FRAME_BYTES) return { frame: 'gicd', pe: 0, offset: pa - GIC_PA.gicd };
  const at = pa - GIC_PA.gicr;
  const pe = Number(at / GIC_PA.gicrStrideBytes);
  if (at < 0n || pe >= cpus) return undefined;
  const inside = at % GIC_PA.gicrStrideBytes;
  return { frame: inside < FRAME_BYTES ? 'rd' : 'sgi', pe, offset: inside % FRAME_BYTES };
}

/** Bits of 32 interrupts that are not the guest's, `word` being INTID / 32. */
function* withheld(basePa: bigint, word: number, pe: number): Hosted<bigint> {
  const owned = yield* load(basePa + OWNED_AT + BigInt(8 * word));
  const taken = basePa + (word === 0 ? areaAt(pe) + PE.taken : TAKEN_SPIS_AT + BigInt(8 * word));
  return owned | (yield* load(taken));
}

/**
 * Carries an access out.
 *
 * @returns what a read gives, 0n for a write; undefined when nothing answers there
 */
export function* guestAccess(basePa: bigint, cpus: number, access: GicAccess): Hosted<bigint | undefined> {
  const at = place(access.pa, cpus);
  if (!at) return undefined;
  const { frame, pe, offset } = at;
  const { value } = access;
  if (frame === 'gicd' && offset === GICD_CTLR) return yield* control(basePa, access);
  if (frame === 'rd' && offset === GICR_WAKER) return yield* waker(basePa + areaAt(pe) + PE.waker, value);
  const registers = frame === 'rd' ? undefined : REGISTERS.find(({ from, to }) => offset >= from && offset < to);
  if (!registers || (frame === 'sgi' && registers.bits === 64)) {
    // Identification, and what this guest has no use for: it reads what there is and changes nothing.
    return value === undefined ? yield* load(access.pa, access.bytes) : 0n;
  }
  const mask = yield* maskOf(basePa, registers, offset, access.bytes, pe);
  if (value === undefined) return (yield* load(access.pa, access.bytes)) & ~mask;
  const kept = registers.sets || mask === 0n ? 0n : (yield* load(access.pa, access.bytes)) & mask;
  yield* store(access.pa, (value & ~mask) | kept, access.bytes);
  return 0n;
}

/** Bits of an access that belong to interrupts that are not the guest's. */
function* maskOf(basePa: bigint, { from, bits }: Registers, offset: bigint, bytes: number, pe: number): Hosted<bigint> {
  const base = bits === 64 ? SPI_FIRST : 0;
  // Each of ISENABLER to ICACTIVER has 0x80 bytes, 32 words.
  const within = bits === 1 ? offset % 0x80n : offset - from;
  const first = base + Number((within * 8n) / BigInt(bits));
  const count = Math.max(1, (bytes * 8) / bits);
  let mask = 0n;
  let word = -1;
  let marks = 0n;
  for (let n = 0; n < count && first + n < INTID_END; n++) {
    const intid = first + n;
    if (intid >> 5 !== word) marks = yield* withheld(basePa, (word = intid >> 5), pe);
    if ((marks >> BigInt(intid & 31)) & 1n) mask |= ((1n << BigInt(bits)) - 1n) << BigInt(n * bits);
  }
  return BigInt.asUintN(bytes * 8, mask);
}

/** GICD_CTLR: the groups are the guest's own, in a word; the physical ones stay on. */
function* control(basePa: bigint, { pa, value }: GicAccess): Hosted<bigint> {
  const word = basePa + WORD.gicdCtlr;
  if (value === undefined) return ((yield* load(pa, 4)) & ~CTLR_GROUPS) | ((yield* load(word)) & CTLR_GROUPS);
  yield* store(word, value);
  return 0n;
}
/** GICR_WAKER: the guest's PE sleeps in a word alone. */
function* waker(word: bigint, value: bigint | undefined): Hosted<bigint> {
  if (value === undefined) return yield* load(word);
  yield* store(word, value & WAKER.SLEEP ? WAKER.SLEEP | WAKER.ASLEEP : 0n);
  return 0n;
}

/** Marks the interrupts that are the hypervisor's. */
export function* withholdOwn(basePa: bigint): Hosted {
  const words = new Map<number, bigint>();
  for (const intid of Object.values(HYP_INTIDS))
    words.set(intid >> 5, (words.get(intid >> 5) ?? 0n) | (1n << BigInt(intid & 31)));
  for (const [word, bits] of words) yield* store(basePa + OWNED_AT + BigInt(8 * word), bits);
}
