/** Stage 2 translation: DDI 0487, "Stage 2 translations" of "The AArch64 Virtual Memory System Architecture". */
import { fsc } from '../arch/esr.ts';
import type { GuestMemory } from '../engine/memory.ts';
import { RAM_BASE } from '../engine/records.ts';
import { type PeState, sysregOffset } from './state.ts';
import {
  addressField,
  blockAllowed,
  implementedGranule,
  type Lookups,
  lookupsFrom,
  PA_BITS,
  paRange,
  TG0,
  TWO32,
} from './translation.ts';
import { effectiveHcr, el2Below, HCR, HCR_HIGH } from './vhe.ts';

const VTCR_EL2 = sysregOffset('VTCR_EL2');
const VTTBR_EL2 = sysregOffset('VTTBR_EL2');
const HCR_EL2 = sysregOffset('HCR_EL2');

/** Bits of a stage 2 leaf. */
const LEAF = { READ: 1 << 6, WRITE: 1 << 7, AF: 1 << 10 } as const;
/** XN[1:0] of a leaf are bits 54:53. */
const XN_HIGH_SHIFT = 21;
/** Exception levels that may execute, as bits, by XN[1:0]: with FEAT_XNX, and without, where XN[0] means nothing. */
const EXECUTABLE = { xnx: [0b11, 0b01, 0, 0b10], xn: [0b11, 0b11, 0, 0] } as const;
/** Tables that may be concatenated at the first level, as bits. */
const CONCATENATED_BITS_MAX = 4;
/** Fewest bits of an IPA: VTCR_EL2.T0SZ is at most 39 without FEAT_TTST. */
const IPA_BITS_MIN = 25;

/** What stage 2 says of a page, or why it refuses. */
export interface Stage2Result {
  /** Six bits of fault status, or -1. */
  fault: number;
  pa: number;
  readable: boolean;
  writable: boolean;
  /** At the Exception level that the walk was asked for. */
  executable: boolean;
  /** MemAttr of the descriptor, 4 bits, and SH. */
  memAttr: number;
  shareability: number;
}

interface Controls extends Lookups {
  /** VTCR_EL2 describes no walk: every translation is a Translation fault at level 0. */
  readonly wrong: boolean;
  readonly base: number;
}

/** A descriptor at which a walk ends. */
interface Leaf {
  readonly c: Controls;
  readonly level: number;
  readonly shift: number;
  readonly low: number;
  readonly high: number;
  readonly el: number;
}

/** Walks the tables that VTTBR_EL2 names. Like stage 1 it is a function of registers and memory alone. */
export class Stage2 {
  private readonly s: PeState;
  private readonly memory: GuestMemory;
  private readonly readPage: (pa: number) => number;
  private readonly executable: readonly number[];
  private known: Controls | undefined;
  private on: boolean | undefined;
  /** Level of the descriptor that the last walk ended at: for a Permission fault. */
  level = 0;
  private readonly result: Stage2Result = {
    fault: -1,
    pa: 0,
    readable: false,
    writable: false,
    executable: false,
    memAttr: 0,
    shareability: 0,
  };

  constructor(s: PeState, memory: GuestMemory, readPage: (pa: number) => number) {
    this.s = s;
    this.memory = memory;
    this.readPage = readPage;
    this.executable = EXECUTABLE[s.profile.features.has('FEAT_XNX') ? 'xnx' : 'xn'];
  }

  /** Forgets what was derived from HCR_EL2, VTCR_EL2 and VTTBR_EL2; to be called when one of them changed. */
  controlsChanged(): void {
    this.known = undefined;
    this.on = undefined;
  }

  /** The EL1&0 regime has a second stage now: HCR_EL2.VM, or DC. */
  get active(): boolean {
    return (this.on ??= isActive(this.s));
  }

  private fail(code: number): Stage2Result {
    this.result.fault = code;
    return this.result;
  }

  /**
   * Translates an IPA below 2^52 for EL0 or EL1; what is allowed there is the caller's to check. The result is reused
   * by the next call.
   */
  walk(ipa: number, el: number): Stage2Result {
    const c = (this.known ??= this.controls());
    const r = this.result;
    r.fault = -1;
    if (c.wrong || ipa >= 2 ** c.vaBits) return this.fail(fsc('Translation', 0));
    const hi = Math.floor(ipa / TWO32);
    const lo = ipa >>> 0;
    const g = c.granuleLog2;
    let table = c.base;
    if (table >= c.outputLimit) return this.fail(fsc('AddressSize', 0));
    for (let level = c.firstLevel, bits = c.firstBits; ; level++, bits = g - 3) {
      const shift = g + (g - 3) * (3 - level);
      const at = table + addressField(hi, lo, shift, bits) * 8;
      const page = this.readPage(at);
      if (page < 0) return this.fail(fsc('SyncExternalOnWalk', level));
      // What VAs a descriptor of stage 2 serves nobody knows: shift 0 drops everything when it changes.
      this.memory.markTable(page, 0, 0, 0);
      const host = (RAM_BASE + page * 4096 + (at % 4096)) >>> 2;
      const low = this.memory.i32[host]!;
      const high = this.memory.i32[host + 1]!;
      const isTable = (low & 2) !== 0 && level < 3;
      const isLeaf = level === 3 ? (low & 2) !== 0 : (low & 2) === 0 && blockAllowed(g, level);
      if (!(low & 1) || (!isTable && !isLeaf)) return this.fail(fsc('Translation', level));
      if (!isTable) return this.leaf({ c, level, shift, low, high, el }, lo);
      table = (high & 0xffff) * TWO32 + ((low & -(1 << g)) >>> 0);
      if (table >= c.outputLimit) return this.fail(fsc('AddressSize', level));
    }
  }

  private leaf({ c, level, shift, low, high, el }: Leaf, lo: number): Stage2Result {
    const r = this.result;
    const within = (1 << shift) - 1;
    r.pa = (high & 0xffff) * TWO32 + (((low & ~within) | (lo & within)) >>> 0);
    if (r.pa >= c.outputLimit) return this.fail(fsc('AddressSize', level));
    if (!(low & LEAF.AF)) return this.fail(fsc('AccessFlag', level));
    r.readable = (low & LEAF.READ) !== 0;
    r.writable = (low & LEAF.WRITE) !== 0;
    r.executable = ((this.executable[(high >>> XN_HIGH_SHIFT) & 3]! >> el) & 1) === 1;
    r.memAttr = (low >>> 2) & 15;
    r.shareability = (low >>> 8) & 3;
    this.level = level;
    return r;
  }

  /** DDI 0487, "VTCR_EL2" and "Supported IPA size, stage 2". */
  private controls(): Controls {
    const { s } = this;
    const vtcr = s.sysLow(VTCR_EL2);
    const granuleLog2 = implementedGranule(s.profile, TG0[(vtcr >>> 14) & 3]!);
    const ipaBits = 64 - (vtcr & 0x3f);
    const sl0 = (vtcr >>> 6) & 3;
    const firstLevel = (granuleLog2 === 12 ? 2 : 3) - sl0;
    const outputBits = PA_BITS[Math.min((vtcr >>> 16) & 7, paRange(s.profile))]!;
    const found = lookupsFrom(firstLevel, granuleLog2, ipaBits, outputBits);
    const stride = granuleLog2 - 3;
    const wrong =
      sl0 === 3 ||
      ipaBits < IPA_BITS_MIN ||
      ipaBits > s.profile.paBits ||
      found.firstBits < 1 ||
      found.firstBits > stride + CONCATENATED_BITS_MAX;
    const base = (s.sysHigh(VTTBR_EL2) & 0xffff) * TWO32 + ((s.sysLow(VTTBR_EL2) & ~1) >>> 0);
    return { ...found, wrong, base: wrong ? 0 : base - (base % found.firstBytes) };
  }
}

function isActive(s: PeState): boolean {
  return el2Below(s) && (effectiveHcr(s) & (HCR.VM | HCR.DC)) !== 0;
}

/** Everything of EL2 that a translation of the EL1&0 regime depends on, as text; '' where there is no stage 2. */
export function stage2Key(s: PeState): string {
  if (!s.els.el2 || !isActive(s)) return '';
  const hcr = effectiveHcr(s) & (HCR.VM | HCR.PTW | HCR.DC);
  const high = s.sysHigh(HCR_EL2) & HCR_HIGH.CD;
  return `${hcr}.${high}.${s.sysLow(VTCR_EL2)}.${s.sysHigh(VTTBR_EL2) & 0xffff}.${s.sysLow(VTTBR_EL2) & ~1}`;
}

// --- attributes: DDI 0487, "Combining stage 1 and stage 2 memory type attributes" ---

const NON_CACHEABLE = 4;
const ALLOCATE = 3;

/** One half of a MAIR byte for Normal memory, from two bits of MemAttr; what is reserved counts as Non-cacheable. */
function cacheability(bits: number): number {
  return bits <= 1 ? NON_CACHEABLE : (bits << 2) | ALLOCATE;
}
/** Bits 3:2 of a half: 0 and 2 are Write-Through, 1 and 3 Write-Back. */
function combineHalf(one: number, two: number): number {
  if (one === NON_CACHEABLE || two === NON_CACHEABLE) return NON_CACHEABLE;
  const kind = one >> 2;
  if (kind === 0 || kind === 2 || two >> 2 !== 2) return one;
  // Write-Through of stage 2; the allocation hints are stage 1's.
  return 8 | (one & 3);
}

/**
 * Memory attributes of both stages together, in the layout of MAIR_ELx.
 *
 * @param attributes - of stage 1
 * @param memAttr - of the stage 2 descriptor, 4 bits
 * @param cacheDisabled - HCR_EL2.CD: Normal memory of stage 2 is Non-cacheable for data
 */
export function combineAttributes(attributes: number, memAttr: number, cacheDisabled: boolean): number {
  const device2 = memAttr < 4;
  if ((attributes & 0xf0) === 0) return device2 ? Math.min(attributes & 0xc, memAttr << 2) : attributes & 0xc;
  if (device2) return memAttr << 2;
  const outer2 = cacheDisabled ? NON_CACHEABLE : cacheability(memAttr >> 2);
  const inner2 = cacheDisabled ? NON_CACHEABLE : cacheability(memAttr & 3);
  return (combineHalf(attributes >> 4, outer2) << 4) | combineHalf(attributes & 15, inner2);
}

/** Shareability of both stages together: 0 none, 2 Outer, 3 Inner; memory that nothing caches is Outer Shareable. */
export function combineShareability(one: number, two: number, attributes: number): number {
  if ((attributes & 0xf0) === 0 || attributes === 0x44) return 2;
  if (one === 2 || two === 2) return 2;
  return one === 3 || two === 3 ? 3 : 0;
}
