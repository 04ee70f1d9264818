import { fsc } from '../arch/esr.ts';
import type { GuestMemory } from '../engine/memory.ts';
import { RAM_BASE } from '../engine/records.ts';
import { combineAttributes, combineShareability, Stage2 } from './stage2.ts';
import { type PeState, sysregOffset } from './state.ts';
import {
  addressField,
  blockAllowed,
  implementedGranule,
  type Lookups,
  lookups,
  ON_WALK,
  PA_BITS,
  paRange,
  STAGE_2,
  TG0,
  TG1,
  type Translation,
  type TranslationRequest,
  TWO32,
} from './translation.ts';
import { effectiveHcr, el2Below, HCR, HCR_HIGH, hasTwoHalves, regimeOf } from './vhe.ts';

export type { Translation, TranslationRequest } from './translation.ts';

const AT = {
  TCR: [0, sysregOffset('TCR_EL1'), sysregOffset('TCR_EL2'), sysregOffset('TCR_EL3')],
  TTBR0: [0, sysregOffset('TTBR0_EL1'), sysregOffset('TTBR0_EL2'), sysregOffset('TTBR0_EL3')],
  TTBR1: [0, sysregOffset('TTBR1_EL1'), sysregOffset('TTBR1_EL2')],
  SCTLR: [0, sysregOffset('SCTLR_EL1'), sysregOffset('SCTLR_EL2'), sysregOffset('SCTLR_EL3')],
  HCR_EL2: sysregOffset('HCR_EL2'),
  MAIR: [0, sysregOffset('MAIR_EL1'), sysregOffset('MAIR_EL2'), sysregOffset('MAIR_EL3')],
} as const;

const SCTLR_M = 1;
const SCTLR_I = 1 << 12;
const SCTLR_WXN = 1 << 19;
/** What HCR_EL2.DC makes of stage 1: Normal, Inner and Outer Write-Back, not shareable. */
const DEFAULT_CACHEABLE = 0xff;

/** One half of a regime's address space, as the control registers describe it. */
interface Half extends Lookups {
  readonly disabled: boolean;
  readonly tbi: boolean;
  /** Offset of the table base register in the PE's block. */
  readonly base: number;
  /** The regime has permissions for EL0. */
  readonly users: boolean;
}

/**
 * Translation, stage 1 here and stage 2 in `Stage2`: DDI 0487, "The AArch64 Virtual Memory System Architecture".
 *
 * What a walk gives is a function of registers and memory alone; `GuestMemory` watches the tables it read. So ASIDs and
 * TLB maintenance have no effect that a guest could see.
 */
export class Mmu {
  private readonly s: PeState;
  private readonly memory: GuestMemory;
  private readonly ramBasePa: number;
  private readonly ramBytes: number;
  private readonly romBytes: number;
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
  /** What they were last, with what they follow from: a restored state has mostly the same controls. */
  private readonly halvesBefore: ({ two: boolean; low: number; high: number; half: Half } | undefined)[] = [];
  private readonly stage2: Stage2;
  /** The IPA that stage 2 refused last. */
  faultIpa = 0;

  /** @param romBytes - memory at physical address 0 that can only be read; its pages come after those of RAM */
  constructor(s: PeState, memory: GuestMemory, ramBasePa: number, romBytes = 0) {
    this.s = s;
    this.memory = memory;
    this.ramBasePa = ramBasePa;
    this.romBytes = romBytes;
    this.ramBytes = memory.ramBytes - romBytes;
    this.stage2 = new Stage2(s, memory, (pa) => this.readPage(pa));
  }

  /** Forgets what was derived from control registers of translation; to be called when one of them changed. */
  controlsChanged(): void {
    this.halves = [];
    this.stage2.controlsChanged();
  }

  /** True when stage 1 of a regime is on. */
  private enabled(regime: number): boolean {
    if (regime === 1 && stage1Suspended(this.s)) return false;
    return (this.s.sysLow(AT.SCTLR[regime]!) & SCTLR_M) !== 0;
  }

  /** Whether the last translation that succeeded was to Device memory. */
  get lastWasDevice(): boolean {
    return this.result.device;
  }

  /** Page number in RAM of a physical address, or -1 outside RAM. */
  ramPage(pa: number): number {
    const offset = pa - this.ramBasePa;
    return offset >= 0 && offset < this.ramBytes ? Math.floor(offset / 4096) : -1;
  }
  /** Page number of a physical address in RAM or ROM: from where code is fetched and tables are read. */
  readPage(pa: number): number {
    return pa < this.romBytes ? Math.floor((this.ramBytes + pa) / 4096) : this.ramPage(pa);
  }

  /** Translates a virtual address given as two unsigned 32-bit halves. The result is reused by the next call. */
  translate(hi: number, lo: number, request: TranslationRequest): Translation {
    const regime = regimeOf(this.s, request.el);
    const r = this.stage1(regime, hi, lo, request);
    if (regime !== 1 || r.fault >= 0 || request.stage1Only || !this.stage2.active) return r;
    return this.secondStage(request);
  }

  private stage1(regime: 1 | 2 | 3, hi: number, lo: number, request: TranslationRequest): Translation {
    const r = this.result;
    r.fault = -1;
    r.readable = r.writable = r.executable = true;
    if (!this.enabled(regime)) return this.flat(regime, hi, lo, request);
    const upper = hasTwoHalves(this.s, regime) && ((hi >>> 23) & 1) === 1;
    const half = this.half(regime, upper);
    if (half.disabled || !this.inRange(half, upper, hi, lo)) return this.fail(fsc('Translation', 0));
    return this.walk(regime, half, hi, lo, request);
  }

  /** The result of stage 1 is an IPA: what stage 2 makes of it. */
  private secondStage(request: TranslationRequest): Translation {
    const r = this.result;
    const ipa = r.pa;
    const t = this.stage2.walk(ipa, request.el);
    if (t.fault >= 0) return this.refuse(ipa, t.fault);
    r.pa = t.pa;
    r.readable &&= t.readable;
    r.writable &&= t.writable;
    r.executable &&= t.executable;
    const cacheDisabled = (this.s.sysHigh(AT.HCR_EL2) & HCR_HIGH.CD) !== 0 && request.kind !== 'fetch';
    r.attributes = combineAttributes(r.attributes, t.memAttr, cacheDisabled);
    r.device = (r.attributes & 0xf0) === 0;
    r.shareability = combineShareability(r.shareability, t.shareability, r.attributes);
    const allowed = request.kind === 'read' ? t.readable : request.kind === 'write' ? t.writable : t.executable;
    return allowed ? r : this.refuse(ipa, fsc('Permission', this.stage2.level));
  }
  private refuse(ipa: number, code: number): Translation {
    this.faultIpa = ipa;
    return this.fail(code | STAGE_2);
  }
  /**
   * Physical address of a descriptor of stage 1, which the walk reads at an IPA; -1 when stage 2 refused. HCR_EL2.PTW:
   * not from Device memory.
   */
  private descriptorPa(ipa: number): number {
    const t = this.stage2.walk(ipa, 1);
    const protectedWalk = t.fault < 0 && t.memAttr < 4 && (effectiveHcr(this.s) & HCR.PTW) !== 0;
    const code = t.fault >= 0 ? t.fault : !t.readable || protectedWalk ? fsc('Permission', this.stage2.level) : -1;
    if (code < 0) return t.pa;
    this.refuse(ipa, code | ON_WALK);
    return -1;
  }

  private fail(code: number): Translation {
    this.result.fault = code;
    return this.result;
  }

  /** Stage 1 off: VA is PA; data is Device-nGnRnE, instructions are Normal. */
  private flat(regime: 1 | 2 | 3, hi: number, lo: number, request: TranslationRequest): Translation {
    const r = this.result;
    const upper = hasTwoHalves(this.s, regime) && ((hi >>> 23) & 1) === 1;
    const tbi = this.half(regime, upper).tbi && request.kind !== 'fetch';
    const top = tbi ? hi & 0x00ff_ffff : hi >>> 0;
    if (top >= 2 ** (PA_BITS[paRange(this.s.profile)]! - 32)) return this.fail(fsc('AddressSize', 0));
    r.pa = top * TWO32 + (lo >>> 0);
    if (regime === 1 && defaultCacheable(this.s)) {
      r.device = false;
      r.attributes = DEFAULT_CACHEABLE;
      r.shareability = 0;
      return r;
    }
    r.device = request.kind !== 'fetch';
    r.attributes = r.device ? 0 : this.s.sysLow(AT.SCTLR[regime]!) & SCTLR_I ? 0xaa : 0x44;
    r.shareability = 2;
    return r;
  }

  private half(regime: 1 | 2 | 3, upper: boolean): Half {
    const key = regime * 2 + (upper ? 1 : 0);
    return (this.halves[key] ??= this.halfNow(key, regime, upper));
  }
  private halfNow(key: number, regime: 1 | 2 | 3, upper: boolean): Half {
    const two = hasTwoHalves(this.s, regime);
    const [low, high] = [this.s.sysLow(AT.TCR[regime]!), this.s.sysHigh(AT.TCR[regime]!)];
    const before = this.halvesBefore[key];
    if (before && before.two === two && before.low === low && before.high === high) return before.half;
    const half = two ? this.halfOfTwo(regime as 1 | 2, upper) : this.halfSingle(regime);
    this.halvesBefore[key] = { two, low, high, half };
    return half;
  }
  private granule(log2: number): number {
    return implementedGranule(this.s.profile, log2);
  }
  /** Where the first table begins: TTBRn_ELx.BADDR without the bits below the table's alignment. */
  private firstTable({ base, firstBytes }: Half): number {
    return (this.s.sysHigh(base) & 0xffff) * TWO32 + ((this.s.sysLow(base) & -firstBytes) >>> 0);
  }
  private halfOfTwo(regime: 1 | 2, upper: boolean): Half {
    const low = this.s.sysLow(AT.TCR[regime]!);
    const high = this.s.sysHigh(AT.TCR[regime]!);
    const granuleLog2 = this.granule(upper ? TG1[(low >>> 30) & 3]! : TG0[(low >>> 14) & 3]!);
    const txsz = (upper ? low >>> 16 : low) & 0x3f;
    const outputBits = PA_BITS[Math.min(high & 7, paRange(this.s.profile))]!;
    return {
      ...lookups(granuleLog2, 64 - txsz, outputBits),
      base: upper ? AT.TTBR1[regime]! : AT.TTBR0[regime]!,
      users: true,
      disabled: ((low >>> (upper ? 23 : 7)) & 1) === 1 || txsz < 16 || txsz > 39,
      tbi: ((high >>> (upper ? 6 : 5)) & 1) === 1,
    };
  }
  private halfSingle(regime: number): Half {
    const low = this.s.sysLow(AT.TCR[regime]!);
    const txsz = low & 0x3f;
    const outputBits = PA_BITS[Math.min((low >>> 16) & 7, paRange(this.s.profile))]!;
    return {
      ...lookups(this.granule(TG0[(low >>> 14) & 3]!), 64 - txsz, outputBits),
      base: AT.TTBR0[regime]!,
      users: false,
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
    const regime = regimeOf(this.s, el);
    const upper = hasTwoHalves(this.s, regime) && ((hi >>> 23) & 1) === 1;
    if (!this.half(regime, upper).tbi) return hi;
    return (upper ? hi | 0xff00_0000 : hi & 0x00ff_ffff) >>> 0;
  }
  /** As `branchAddressHigh`, of and to a whole address. */
  branchAddress(el: number, va: bigint): bigint {
    return (BigInt(this.branchAddressHigh(el, Number(va >> 32n))) << 32n) | (va & 0xffff_ffffn);
  }

  // --- walk ---

  private walk(regime: number, half: Half, hi: number, lo: number, request: TranslationRequest): Translation {
    const g = half.granuleLog2;
    const stride = g - 3;
    const nested = regime === 1 && this.stage2.active;
    let level = half.firstLevel;
    let table = this.firstTable(half);
    if (table >= half.outputLimit) return this.fail(fsc('AddressSize', 0));
    let tableFlags = 0;
    for (let bits = half.firstBits; ; level++, bits = stride) {
      const shift = g + stride * (3 - level);
      let at = table + addressField(hi, lo, shift, bits) * 8;
      if (nested && (at = this.descriptorPa(at)) < 0) return this.result;
      const page = this.readPage(at);
      if (page < 0) return this.fail(fsc('SyncExternalOnWalk', level));
      // Of a table that does not begin with its page, the place in the page says too little: shift 0 drops everything.
      this.memory.markTable(page, hi, lo, table % 4096 === 0 ? shift : 0);
      const host = (RAM_BASE + page * 4096 + (at % 4096)) >>> 2;
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
    if (!d.half.users) {
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

/** HCR_EL2.DC is 1 and EL2 enabled. */
function defaultCacheable(s: PeState): boolean {
  return s.els.el2 && (s.sysLow(AT.HCR_EL2) & HCR.DC) !== 0 && el2Below(s) && (effectiveHcr(s) & HCR.DC) !== 0;
}

/** HCR_EL2.TGE or DC: SCTLR_EL1.M counts as 0 while EL2 is enabled, whatever it reads as. DDI 0487, "HCR_EL2". */
export function stage1Suspended(s: PeState): boolean {
  return s.els.el2 && ((s.sysLow(AT.HCR_EL2) & HCR.TGE) !== 0 || defaultCacheable(s)) && el2Below(s);
}
