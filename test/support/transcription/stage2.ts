/**
 * Stage 2 of a translation in bigint, slow and plain: written from the architecture, not from `src/cpu`.
 *
 * DDI 0487, "The AArch64 Virtual Memory System Architecture": VMSAv8-64, stage 2, 48-bit addresses, without hardware
 * update of descriptors.
 */
import type { WalkFault } from './walker.ts';

/** Everything that a stage 2 translation is a function of. */
export interface Stage2Request {
  readonly ipa: bigint;
  readonly access: 'read' | 'write' | 'fetch';
  readonly el: 0 | 1;
  /** FEAT_XNX is implemented. */
  readonly xnx: boolean;
  readonly vtcr: bigint;
  readonly vttbr: bigint;
  readonly paBits: number;
  readonly granulesKib: readonly number[];
  /** The doubleword at a physical address, or undefined where nothing answers. */
  read(pa: bigint): bigint | undefined;
}

export type Stage2Answer =
  | { readonly fault: WalkFault; readonly level: number }
  | { readonly pa: bigint; readonly memAttr: number; readonly shareability: number };

const bits = (v: bigint, msb: number, lsb: number): bigint => (v >> BigInt(lsb)) & ((1n << BigInt(msb - lsb + 1)) - 1n);
const bit = (v: bigint, n: number): boolean => bits(v, n, n) === 1n;

/** VTCR_EL2.SL0 to the level of the first lookup. */
const START: Readonly<Record<number, readonly (number | undefined)[]>> = {
  4: [2, 1, 0, undefined],
  16: [3, 2, 1, undefined],
  64: [3, 2, 1, undefined],
};
/** Lowest bit that indexes the table of each level. */
const LSB: Readonly<Record<number, readonly number[]>> = {
  4: [39, 30, 21, 12],
  16: [47, 36, 25, 14],
  64: [55, 42, 29, 16],
};
/** Bits that index a whole table, by granule. */
const WIDTH: Readonly<Record<number, number>> = { 4: 9, 16: 11, 64: 13 };
const BLOCKS: Readonly<Record<number, readonly number[]>> = { 4: [1, 2], 16: [2], 64: [2] };
const GRANULES = [4, 64, 16, undefined];
const SIZES = [32, 36, 40, 42, 44, 48, 48, 48];

/** Translates an IPA, as DDI 0487 says step by step. */
export function walkStage2(r: Stage2Request): Stage2Answer {
  const asked = GRANULES[Number(bits(r.vtcr, 15, 14))];
  const granule = asked !== undefined && r.granulesKib.includes(asked) ? asked : 4;
  const ipaBits = 64 - Number(bits(r.vtcr, 5, 0));
  const outputBits = Math.min(SIZES[Number(bits(r.vtcr, 18, 16))]!, r.paBits);
  const start = START[granule]![Number(bits(r.vtcr, 7, 6))];
  if (start === undefined || ipaBits > r.paBits || ipaBits < 25) return { fault: 'Translation', level: 0 };
  // Up to 16 tables side by side at the first level.
  const firstWidth = ipaBits - LSB[granule]![start]!;
  if (firstWidth < 1 || firstWidth > WIDTH[granule]! + 4) return { fault: 'Translation', level: 0 };
  if (r.ipa >> BigInt(ipaBits) !== 0n) return { fault: 'Translation', level: 0 };
  const x = Math.max(firstWidth + 3, 6);
  let table = bits(r.vttbr, 47, x) << BigInt(x);
  if (table >> BigInt(outputBits) !== 0n) return { fault: 'AddressSize', level: 0 };
  for (let level = start; ; level++) {
    const lsb = LSB[granule]![level]!;
    const msb = level === start ? ipaBits - 1 : lsb + WIDTH[granule]! - 1;
    const descriptor = r.read(table + bits(r.ipa, msb, lsb) * 8n);
    if (descriptor === undefined) return { fault: 'SyncExternalOnWalk', level };
    const type = bits(descriptor, 1, 0);
    const block = type === 1n && level < 3 && BLOCKS[granule]!.includes(level);
    if (block || (type === 3n && level === 3)) return leaf(r, descriptor, level, lsb, outputBits);
    if (type !== 3n) return { fault: 'Translation', level };
    const low = Math.log2(granule * 1024);
    table = bits(descriptor, 47, low) << BigInt(low);
    if (table >> BigInt(outputBits) !== 0n) return { fault: 'AddressSize', level };
  }
}

/** What XN[1:0] permits: DDI 0487, "Stage 2 Execute-never". */
function executable({ xnx, el }: Stage2Request, xn: bigint): boolean {
  if (!xnx) return xn < 2n;
  return [true, el === 0, false, el === 1][Number(xn)]!;
}

function leaf(r: Stage2Request, descriptor: bigint, level: number, lsb: number, outputBits: number): Stage2Answer {
  const output = bits(descriptor, 47, lsb) << BigInt(lsb);
  if (output >> BigInt(outputBits) !== 0n) return { fault: 'AddressSize', level };
  if (!bit(descriptor, 10)) return { fault: 'AccessFlag', level };
  const allowed = {
    read: bit(descriptor, 6),
    write: bit(descriptor, 7),
    fetch: executable(r, bits(descriptor, 54, 53)),
  };
  if (!allowed[r.access]) return { fault: 'Permission', level };
  return {
    pa: output | bits(r.ipa, lsb - 1, 0),
    memAttr: Number(bits(descriptor, 5, 2)),
    shareability: Number(bits(descriptor, 9, 8)),
  };
}

type Cache = 'NC' | 'WT' | 'WB';

/** What one half of a MAIR byte for Normal memory says. */
function cacheOf(half: number): Cache {
  if (half === 0b0100) return 'NC';
  return (half >> 2) % 2 === 0 ? 'WT' : 'WB';
}
/** The same of two bits of MemAttr; 0b00 is reserved and counts as Non-cacheable. */
const STAGE2_CACHE: readonly Cache[] = ['NC', 'NC', 'WT', 'WB'];
const WEAKER: readonly Cache[] = ['NC', 'WT', 'WB'];

/** Device types from the strictest on: nGnRnE, nGnRE, nGRE, GRE. */
export type Combined = { readonly device: number } | { readonly outer: Cache; readonly inner: Cache };

/** The memory type of both stages: DDI 0487, "Combining stage 1 and stage 2 memory type attributes". */
export function combined(mair: number, memAttr: number): Combined {
  const device1 = mair >> 4 === 0 ? (mair >> 2) & 3 : undefined;
  const device2 = memAttr >> 2 === 0 ? memAttr & 3 : undefined;
  if (device1 !== undefined || device2 !== undefined) return { device: Math.min(device1 ?? 3, device2 ?? 3) };
  const weaker = (one: Cache, two: Cache): Cache => WEAKER.find((c) => c === one || c === two)!;
  return {
    outer: weaker(cacheOf(mair >> 4), STAGE2_CACHE[memAttr >> 2]!),
    inner: weaker(cacheOf(mair & 15), STAGE2_CACHE[memAttr & 3]!),
  };
}
/** A MAIR byte in the words of `combined`. */
export function typeOf(mair: number): Combined {
  if (mair >> 4 === 0) return { device: (mair >> 2) & 3 };
  return { outer: cacheOf(mair >> 4), inner: cacheOf(mair & 15) };
}
