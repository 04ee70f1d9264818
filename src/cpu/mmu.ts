import { fsc } from '../arch/esr.ts';
import type { GuestMemory } from '../engine/memory.ts';
import { RAM_BASE } from '../engine/records.ts';
import { type PeState, sysregOffset } from './state.ts';

/** What a translation is asked for. */
export interface TranslationRequest {
  readonly kind: 'read' | 'write' | 'fetch';
  /** Exception level whose regime and permissions count: 0 for unprivileged accesses from EL1. */
  readonly el: number;
  /** PSTATE.PAN as it applies to this access. */
  readonly pan: boolean;
}

/** A translation, or why there is none. */
export interface Translation {
  /** Six bits of fault status, or -1 when the translation succeeded. */
  fault: number;
  /** Physical address, below 2^52. */
  pa: number;
  /** Device memory: unaligned accesses fault. */
  device: boolean;
  readable: boolean;
  writable: boolean;
  executable: boolean;
  /** Attributes as PAR_EL1.ATTR reports them. */
  attributes: number;
  /** Shareability as PAR_EL1.SH reports it. */
  shareability: number;
}

const AT = {
  TCR: [0, sysregOffset('TCR_EL1'), sysregOffset('TCR_EL2'), sysregOffset('TCR_EL3')],
  TTBR0: [0, sysregOffset('TTBR0_EL1'), sysregOffset('TTBR0_EL2'), sysregOffset('TTBR0_EL3')],
  TTBR1_EL1: sysregOffset('TTBR1_EL1'),
  SCTLR: [0, sysregOffset('SCTLR_EL1'), sysregOffset('SCTLR_EL2'), sysregOffset('SCTLR_EL3')],
  HCR_EL2: sysregOffset('HCR_EL2'),
  SCR_EL3: sysregOffset('SCR_EL3'),
  MAIR: [0, sysregOffset('MAIR_EL1'), sysregOffset('MAIR_EL2'), sysregOffset('MAIR_EL3')],
} as const;

const SCTLR_M = 1;
const HCR_TGE = 1 << 27;
const SCR_NS = 1;
const SCTLR_I = 1 << 12;
const SCTLR_WXN = 1 << 19;
/** log2 of the granule by TCR_EL1.TG0; 0 is reserved. TG1 has its own encoding. */
const TG0 = [12, 16, 14, 0] as const;
const TG1 = [0, 14, 12, 16] as const;
/** Physical address bits by TCR.IPS or PS and ID_AA64MMFR0_EL1.PARange. */
const PA_BITS = [32, 36, 40, 42, 44, 48, 48, 48] as const;
const TWO32 = 0x1_0000_0000;

/** One half of a regime's address space, as the control registers describe it. */
interface Half {
  readonly granuleLog2: number;
  readonly vaBits: number;
  readonly disabled: boolean;
  readonly tbi: boolean;
  /** Offset of the table base register in the PE's block. */
  readonly base: number;
  /** Level of the first lookup, how many bits of the VA it takes, and to what its table is aligned. */
  readonly firstLevel: number;
  readonly firstBits: number;
  readonly firstBytes: number;
  /** Addresses of tables and pages lie below. */
  readonly outputLimit: number;
}

/** What follows from the granule, the size of the half and the output size in bits. */
function lookups(
  granuleLog2: number,
  vaBits: number,
  outputBits: number,
): Pick<Half, 'granuleLog2' | 'vaBits' | 'firstLevel' | 'firstBits' | 'firstBytes' | 'outputLimit'> {
  const stride = granuleLog2 - 3;
  const firstLevel = 4 - Math.ceil((vaBits - granuleLog2) / stride);
  const firstBits = vaBits - granuleLog2 - stride * (3 - firstLevel);
  const firstBytes = Math.max(2 ** (firstBits + 3), 64);
  return { granuleLog2, vaBits, firstLevel, firstBits, firstBytes, outputLimit: 2 ** outputBits };
}

/**
 * Stage 1 translation: DDI 0487, "The AArch64 Virtual Memory System Architecture".
 *
 * What a walk gives is a function of registers and memory alone; `GuestMemory` watches the tables it read. So ASIDs and
 * TLB maintenance have no effect that a guest could see.
 */
export class Mmu {
  private readonly s: PeState;
  private readonly memory: GuestMemory;
  private readonly ramBasePa: number;
  private readonly result: Translation = {
    fault: -1,
    pa: 0,
    device: false,
    readable: true,
    writable: true,
    executable: true,
    attributes: 0,
    shareability: 0,
  };
  private halves: (Half | undefined)[] = [];

  constructor(s: PeState, memory: GuestMemory, ramBasePa: number) {
    this.s = s;
    this.memory = memory;
    this.ramBasePa = ramBasePa;
  }

  /** Forgets what was derived from SCTLR_ELx, TCR_ELx and MAIR_ELx; to be called when one of them changed. */
  controlsChanged(): void {
    this.halves = [];
  }

  /** True when stage 1 of the regime of an Exception level is on. */
  enabled(el: number): boolean {
    if (el <= 1 && stage1Suspended(this.s)) return false;
    return (this.s.sysLow(AT.SCTLR[el === 0 ? 1 : el]!) & SCTLR_M) !== 0;
  }

  /** Whether the last translation that succeeded was to Device memory. */
  get lastWasDevice(): boolean {
    return this.result.device;
  }

  /** Page number in RAM of a physical address, or -1 outside RAM. */
  ramPage(pa: number): number {
    const offset = pa - this.ramBasePa;
    return offset >= 0 && offset < this.memory.ramBytes ? Math.floor(offset / 4096) : -1;
  }

  /** Translates a virtual address given as two unsigned 32-bit halves. The result is reused by the next call. */
  translate(hi: number, lo: number, request: TranslationRequest): Translation {
    const regime = request.el === 0 ? 1 : request.el;
    const r = this.result;
    r.fault = -1;
    r.readable = r.writable = r.executable = true;
    if (!this.enabled(regime)) return this.flat(regime, hi, lo, request);
    const upper = regime === 1 && ((hi >>> 23) & 1) === 1;
    const half = this.half(regime, upper);
    if (half.disabled || !this.inRange(half, upper, hi, lo)) return this.fail(fsc('Translation', 0));
    return this.walk(regime, half, hi, lo, request);
  }

  private fail(code: number): Translation {
    this.result.fault = code;
    return this.result;
  }

  /** Stage 1 off: VA is PA; data is Device-nGnRnE, instructions are Normal. */
  private flat(regime: number, hi: number, lo: number, request: TranslationRequest): Translation {
    const r = this.result;
    const tbi = this.half(regime, regime === 1 && ((hi >>> 23) & 1) === 1).tbi && request.kind !== 'fetch';
    const top = tbi ? hi & 0x00ff_ffff : hi >>> 0;
    if (top >= 2 ** (PA_BITS[this.paRange()]! - 32)) return this.fail(fsc('AddressSize', 0));
    r.pa = top * TWO32 + (lo >>> 0);
    r.device = request.kind !== 'fetch';
    r.attributes = r.device ? 0 : this.s.sysLow(AT.SCTLR[regime]!) & SCTLR_I ? 0xaa : 0x44;
    r.shareability = 2;
    return r;
  }

  private paRange(): number {
    return this.s.profile.paBits === 48 ? 5 : 4;
  }

  private half(regime: number, upper: boolean): Half {
    const key = regime * 2 + (upper ? 1 : 0);
    return (this.halves[key] ??= regime === 1 ? this.halfEl1(upper) : this.halfSingle(regime));
  }
  private granule(log2: number): number {
    const name = { 12: '4K', 14: '16K', 16: '64K' }[log2] as '4K' | '16K' | '64K' | undefined;
    if (name && this.s.profile.granules.includes(name)) return log2;
    // A reserved or unsupported granule is treated as an implemented one: IMPLEMENTATION DEFINED, we choose 4K.
    return 12;
  }
  /** Where the first table begins: TTBRn_ELx.BADDR without the bits below the table's alignment. */
  private firstTable({ base, firstBytes }: Half): number {
    return (this.s.sysHigh(base) & 0xffff) * TWO32 + ((this.s.sysLow(base) & -firstBytes) >>> 0);
  }
  private halfEl1(upper: boolean): Half {
    const low = this.s.sysLow(AT.TCR[1]!);
    const high = this.s.sysHigh(AT.TCR[1]!);
    const granuleLog2 = this.granule(upper ? TG1[(low >>> 30) & 3]! : TG0[(low >>> 14) & 3]!);
    const txsz = (upper ? low >>> 16 : low) & 0x3f;
    const outputBits = PA_BITS[Math.min(high & 7, this.paRange())]!;
    return {
      ...lookups(granuleLog2, 64 - txsz, outputBits),
      base: upper ? AT.TTBR1_EL1 : AT.TTBR0[1]!,
      disabled: ((low >>> (upper ? 23 : 7)) & 1) === 1 || txsz < 16 || txsz > 39,
      tbi: ((high >>> (upper ? 6 : 5)) & 1) === 1,
    };
  }
  private halfSingle(regime: number): Half {
    const low = this.s.sysLow(AT.TCR[regime]!);
    const txsz = low & 0x3f;
    const outputBits = PA_BITS[Math.min((low >>> 16) & 7, this.paRange())]!;
    return {
      ...lookups(this.granule(TG0[(low >>> 14) & 3]!), 64 - txsz, outputBits),
      base: AT.TTBR0[regime]!,
      disabled: txsz < 16 || txsz > 39,
      tbi: ((low >>> 20) & 1) === 1,
    };
  }

  /**
   * The bits above the input size are all zeros (lower half) or all ones (upper half), the top byte excepted with TBI.
   */
  private inRange(half: Half, upper: boolean, hi: number, lo: number): boolean {
    const top = half.tbi ? (hi << 8) >> 8 : hi | 0;
    const wanted = upper ? -1 : 0;
    if (half.vaBits >= 32) return top >> (half.vaBits - 32) === wanted;
    return top === wanted && (lo | 0) >> half.vaBits === wanted;
  }

  /**
   * The high half of the address that a branch gives: with TBI the top byte becomes bit 55's (EL0, EL1) or zero.
   *
   * DDI 0487, "BranchAddr".
   */
  branchAddressHigh(el: number, hi: number): number {
    const regime = el === 0 ? 1 : el;
    const upper = regime === 1 && ((hi >>> 23) & 1) === 1;
    if (!this.half(regime, upper).tbi) return hi;
    return (upper ? hi | 0xff00_0000 : hi & 0x00ff_ffff) >>> 0;
  }
  /** As `branchAddressHigh`, of and to a whole address. */
  branchAddress(el: number, va: bigint): bigint {
    return (BigInt(this.branchAddressHigh(el, Number(va >> 32n))) << 32n) | (va & 0xffff_ffffn);
  }

  // --- walk ---

  /** `bits` bits of the address from bit `lsb` up. */
  private field(hi: number, lo: number, lsb: number, count: number): number {
    const value = lsb >= 32 ? hi >>> (lsb - 32) : lsb === 0 ? lo >>> 0 : (lo >>> lsb) | (hi << (32 - lsb));
    return value & ((1 << count) - 1);
  }

  private walk(regime: number, half: Half, hi: number, lo: number, request: TranslationRequest): Translation {
    const g = half.granuleLog2;
    const stride = g - 3;
    let level = half.firstLevel;
    let table = this.firstTable(half);
    if (table >= half.outputLimit) return this.fail(fsc('AddressSize', 0));
    let tableFlags = 0;
    for (let bits = half.firstBits; ; level++, bits = stride) {
      const shift = g + stride * (3 - level);
      const at = table + this.field(hi, lo, shift, bits) * 8;
      const page = this.ramPage(at);
      if (page < 0) return this.fail(fsc('SyncExternalOnWalk', level));
      // Of a table that does not begin with its page, the place in the page says too little: shift 0 drops everything.
      this.memory.markTable(page, hi, lo, table % 4096 === 0 ? shift : 0);
      const host = (RAM_BASE + (at - this.ramBasePa)) >>> 2;
      const low = this.memory.i32[host]!;
      const high = this.memory.i32[host + 1]!;
      const isTable = (low & 2) !== 0 && level < 3;
      const validLeaf = level === 3 ? (low & 2) !== 0 : (low & 2) === 0 && blockAllowed(g, level);
      if (!(low & 1) || (!isTable && !validLeaf)) return this.fail(fsc('Translation', level));
      if (!isTable) return this.leaf({ regime, half, level, shift, low, high, tableFlags }, lo, request);
      table = (high & 0xffff) * TWO32 + ((low & -(1 << g)) >>> 0);
      if (table >= half.outputLimit) return this.fail(fsc('AddressSize', level));
      tableFlags |= high >>> 27; // NSTable, APTable, UXNTable, PXNTable in bits 4:0
    }
  }

  private leaf(d: Leaf, lo: number, request: TranslationRequest): Translation {
    const r = this.result;
    // A leaf maps 1 GiB at most, so the offset lies in the low half.
    const within = (1 << d.shift) - 1;
    r.pa = (d.high & 0xffff) * TWO32 + (((d.low & ~within) | (lo & within)) >>> 0);
    if (r.pa >= d.half.outputLimit) return this.fail(fsc('AddressSize', d.level));
    if (!(d.low & (1 << 10))) return this.fail(fsc('AccessFlag', d.level));
    this.permissions(d, request);
    this.memoryType(d);
    const allowed = request.kind === 'read' ? r.readable : request.kind === 'write' ? r.writable : r.executable;
    if (!allowed) return this.fail(fsc('Permission', d.level));
    return r;
  }

  /** DDI 0487, "Memory access control": AP, APTable, UXN, PXN, WXN, PAN. */
  private permissions(d: Leaf, request: TranslationRequest): void {
    const r = this.result;
    const wxn = (this.s.sysLow(AT.SCTLR[d.regime]!) & SCTLR_WXN) !== 0;
    const ro = (d.low & (1 << 7)) !== 0 || (d.tableFlags & 8) !== 0;
    if (d.regime !== 1) {
      r.readable = true;
      r.writable = !ro;
      r.executable = (d.high & (1 << 22)) === 0 && (d.tableFlags & 2) === 0 && !(wxn && r.writable);
      return;
    }
    const user = (d.low & (1 << 6)) !== 0 && (d.tableFlags & 4) === 0;
    const uxn = (d.high & (1 << 22)) !== 0 || (d.tableFlags & 2) !== 0;
    const pxn = (d.high & (1 << 21)) !== 0 || (d.tableFlags & 1) !== 0;
    if (request.el === 0) {
      r.readable = user;
      r.writable = user && !ro;
      r.executable = !uxn && !(wxn && r.writable);
    } else {
      const denied = user && request.pan;
      r.readable = !denied;
      r.writable = !ro && !denied;
      // Memory that EL0 may write is never executable at EL1.
      r.executable = !pxn && !(user && !ro) && !(wxn && !ro);
    }
  }

  private memoryType(d: Leaf): void {
    const r = this.result;
    const index = (d.low >>> 2) & 7;
    const mair = index < 4 ? this.s.sysLow(AT.MAIR[d.regime]!) : this.s.sysHigh(AT.MAIR[d.regime]!);
    r.attributes = (mair >>> ((index & 3) * 8)) & 0xff;
    r.device = (r.attributes & 0xf0) === 0;
    // PAR_EL1.SH is Outer Shareable for Device memory and for Normal memory that no cache holds.
    r.shareability = r.device || r.attributes === 0x44 ? 2 : (d.low >>> 8) & 3;
  }
}

interface Leaf {
  readonly regime: number;
  readonly half: Half;
  readonly level: number;
  readonly shift: number;
  readonly low: number;
  readonly high: number;
  readonly tableFlags: number;
}

/** HCR_EL2.TGE: SCTLR_EL1.M counts as 0 while EL2 is enabled, whatever it reads as. DDI 0487, "HCR_EL2". */
export function stage1Suspended(s: PeState): boolean {
  if (!s.els.el2 || !(s.sysLow(AT.HCR_EL2) & HCR_TGE)) return false;
  return !s.els.el3 || (s.sysLow(AT.SCR_EL3) & SCR_NS) !== 0;
}

/** Whether a block descriptor exists at a level: 4 KiB granule levels 1 and 2, 16 and 64 KiB level 2 (no FEAT_LPA). */
function blockAllowed(granuleLog2: number, level: number): boolean {
  return granuleLog2 === 12 ? level === 1 || level === 2 : level === 2;
}
