import { EC, FSC, fsc } from '../arch/esr.ts';
import { DATA_TLB_BASE, DATA_TLB_ENTRIES, PE_DERIVED, PE_STATE, type StateField } from '../arch/pestate.ts';
import { isHosted } from '../engine/hosted/program.ts';
import type { Interpreter } from '../engine/interpreter.ts';
import { type GuestMemory, PAGE_BYTES } from '../engine/memory.ts';
import { RAM_BASE } from '../engine/records.ts';
import { Aborts } from './aborts.ts';
import type { Debug } from './debug/debug.ts';
import type { Exceptions } from './exceptions.ts';
import type { Mmu, Translation } from './mmu.ts';
import type { BusPort } from './ports.ts';
import type { PeState } from './state.ts';
import { hasUnprivileged, obeysPan, sctlrOf } from './vhe.ts';

const SCTLR_A = 2;

/** Bits of the access word that generated code hands over; see `accessWord` of the engine. */
const ALWAYS_ALIGNED = 1 << 10;
const UNPRIVILEGED = 1 << 11;
const READ_FOR_WRITE = 1 << 13;

/** What DC IVAC acts on: CTR_EL0.DminLine. */
const LINE_BYTES = 64;

/** Loads, stores and fetches that generated code could not make by itself. */
export class MemoryAccess {
  private readonly s: PeState;
  private readonly memory: GuestMemory;
  private readonly mmu: Mmu;
  private readonly exceptions: Exceptions;
  private readonly bus: BusPort;
  private readonly ramBasePa: number;
  private readonly engine: () => Interpreter;
  private readonly debug: Debug;
  private readonly hosted: boolean;
  readonly aborts: Aborts;
  /** A fetch is ending in an exception: a step that the engine has not counted yet. */
  fetching = false;

  constructor(parts: {
    s: PeState;
    memory: GuestMemory;
    mmu: Mmu;
    exceptions: Exceptions;
    bus: BusPort;
    ramBasePa: number;
    engine: () => Interpreter;
    debug: Debug;
    /** The instruction at PC, or 0 when it cannot be read. */
    instructionWord: () => number;
    /** There is hosted code: its addresses are not fetched. */
    hosted: boolean;
  }) {
    this.s = parts.s;
    this.memory = parts.memory;
    this.mmu = parts.mmu;
    this.exceptions = parts.exceptions;
    this.bus = parts.bus;
    this.ramBasePa = parts.ramBasePa;
    this.engine = parts.engine;
    this.debug = parts.debug;
    this.hosted = parts.hosted;
    this.aborts = new Aborts({ ...parts, exceptions: () => parts.exceptions });
    this.s.set64(PE_DERIVED.ramPaOffset, BigInt(parts.ramBasePa - RAM_BASE));
  }

  // --- faults ---

  private far(hi: number, lo: number): bigint {
    return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
  }
  private dataAbort(hi: number, lo: number, code: number, write: boolean): 1 {
    this.aborts.data(hi, lo, code, { write });
    this.s.set32(PE_DERIVED.diverted, 0);
    return 1;
  }

  // --- slow path of loads and stores ---

  /** See `EngineHost.slowLoad`. */
  load(record: number, word: number): number {
    return this.access(record, word, false);
  }
  /** See `EngineHost.slowStore`. */
  store(record: number, word: number): number {
    return this.access(record, word, true);
  }

  private access(record: number, word: number, write: boolean): number {
    const { s } = this;
    const at = (s.base + PE_DERIVED.slowVa.offset) >> 2;
    const lo = s.i32[at]! >>> 0;
    const hi = s.i32[at + 1]! >>> 0;
    if (record) this.engine().setPcOfRecord(s.base, record);
    const bytes = word & 31;
    const align = (word >> 5) & 31;
    const el = word & UNPRIVILEGED && hasUnprivileged(s, s.el) && !s.get32(PE_STATE.UAO) ? 0 : s.el;
    const needsWrite = write || (word & READ_FOR_WRITE) !== 0;
    const misaligned = (lo & (align - 1)) !== 0;
    if (misaligned && (word & ALWAYS_ALIGNED || sctlrOf(s, el) & SCTLR_A)) {
      return this.dataAbort(hi, lo, FSC.Alignment, write);
    }
    const offset = lo & (PAGE_BYTES - 1);
    if (offset + bytes <= PAGE_BYTES)
      return this.within(hi, lo, bytes, 0, { write, needsWrite, el, misaligned, last: true });
    return this.crossing(hi, lo, bytes, { write, needsWrite, el, misaligned, last: false });
  }

  /** An access over a page border: both pages are translated before anything is written. */
  private crossing(hi: number, lo: number, bytes: number, how: How): number {
    const first = PAGE_BYTES - (lo & (PAGE_BYTES - 1));
    const lo2 = (lo + first) >>> 0;
    const hi2 = lo2 < lo ? (hi + 1) >>> 0 : hi;
    if (how.write) {
      const probe = this.translate(hi2, lo2, how);
      if (probe.fault >= 0) {
        const early = this.translate(hi, lo, how);
        return early.fault >= 0
          ? this.dataAbort(hi, lo, early.fault, true)
          : this.dataAbort(hi2, lo2, this.translate(hi2, lo2, how).fault, true);
      }
      if (probe.device && how.misaligned) return this.dataAbort(hi2, lo2, FSC.Alignment, true);
      // Nothing may be written when a watchpoint is on the second page; the first page's faults come first.
      if (this.debug.watching && this.translate(hi, lo, how).fault < 0 && this.watched(hi, lo, bytes, how)) return 1;
    }
    return this.within(hi, lo, first, 0, how) || this.within(hi2, lo2, bytes - first, first, how);
  }

  private translate(hi: number, lo: number, how: How): Translation {
    return this.mmu.translate(hi, lo, {
      kind: how.needsWrite ? 'write' : 'read',
      el: how.el,
      pan: this.s.get32(PE_STATE.PAN) !== 0 && obeysPan(this.s, how.el),
    });
  }

  /** WnR of an atomic access: 0 if a read of the address would have faulted too. */
  private onlyWriteFaults(hi: number, lo: number, code: number, how: How): boolean {
    if (!how.needsWrite || isExternal(code)) return false;
    return this.translate(hi, lo, { ...how, needsWrite: false }).fault < 0;
  }

  /** Bytes that lie in one page; `done` bytes of the value come before them. */
  private within(hi: number, lo: number, bytes: number, done: number, how: How): number {
    const t = this.translate(hi, lo, how);
    // What crosses a page without being misaligned is more than one access: a pair, or elements of a vector.
    const unaligned = how.misaligned;
    // An alignment fault by memory type comes before a permission fault: DDI 0487, "MMU fault prioritization".
    if (unaligned && t.device && (t.fault < 0 || isPermission(t.fault)))
      return this.dataAbort(hi, lo, FSC.Alignment, how.write);
    if (t.fault >= 0) return this.dataAbort(hi, lo, t.fault, how.write || this.onlyWriteFaults(hi, lo, t.fault, how));
    if (this.debug.watching && this.watched(hi, lo, bytes, how)) return 1;
    const page = this.mmu.ramPage(t.pa);
    if (page < 0) return this.device(hi, lo, t.pa, bytes, done, how);
    if (!how.write && this.meetsPoison(page, t.pa)) return this.dataAbort(hi, lo, FSC.SyncExternal, false);
    const value = this.s.base + PE_DERIVED.slowValue.offset + done;
    const ram = t.pa - this.ramBasePa;
    let stale = false;
    if (how.write) stale = this.writeRam(ram, value, bytes);
    else this.memory.u8.copyWithin(value, RAM_BASE + ram, RAM_BASE + ram + bytes);
    // A store that changed a descriptor may have changed the one it was translated by.
    if (how.last && !t.device && !stale) this.cache(hi, lo, page, t, how);
    return 0;
  }

  /** The page is poisoned, and what reads from it ends in an External abort. */
  private meetsPoison(page: number, pa: number): boolean {
    const { poisoned, poisonObserver } = this.memory;
    const kind = poisoned.size === 0 ? undefined : poisoned.get(page);
    return kind !== undefined && poisonObserver(this.s.index, pa - this.ramBasePa, kind);
  }

  /** True when a watchpoint exception was taken. */
  private watched(hi: number, lo: number, bytes: number, how: How): boolean {
    const kind = how.write ? 'write' : how.needsWrite ? 'atomic' : 'read';
    const hit = this.debug.access(this.far(hi, lo), bytes, how.el, kind);
    if (hit) this.s.set32(PE_DERIVED.diverted, 0);
    return hit;
  }

  /** True when a valid descriptor of a watched table changed. */
  private writeRam(ram: number, value: number, bytes: number): boolean {
    const { memory } = this;
    const watched = memory.beforeWrite(ram, bytes);
    if (!watched) {
      memory.u8.copyWithin(RAM_BASE + ram, value, value + bytes);
      return false;
    }
    if (memory.unwatchTable(ram >>> 12)) {
      memory.u8.copyWithin(RAM_BASE + ram, value, value + bytes);
      return true;
    }
    // A descriptor that was invalid was not cached; only one that was valid and changes makes translations stale.
    const first = (RAM_BASE + (ram & ~7)) >>> 2;
    const last = (RAM_BASE + ((ram + bytes - 1) & ~7)) >>> 2;
    const before: number[] = [];
    for (let i = first; i <= last + 1; i++) before.push(memory.i32[i]!);
    memory.u8.copyWithin(RAM_BASE + ram, value, value + bytes);
    let changed = false;
    for (let i = 0; i < before.length; i += 2) {
      const same = before[i] === memory.i32[first + i] && before[i + 1] === memory.i32[first + i + 1];
      if (same || !(before[i]! & 1)) continue;
      memory.descriptorChanged((first + i) * 4 - RAM_BASE);
      changed = true;
    }
    return changed;
  }

  /** Remembers a translation to Normal memory in RAM for generated code. */
  private cache(hi: number, lo: number, page: number, t: Translation, how: How): void {
    const { s, memory } = this;
    // The two halves of a VA space have contexts of their own; an address whose bit 63 does not say which is not
    // cached.
    if (hi >>> 31 !== ((hi >>> 23) & 1)) return;
    // Generated code does not check what SCTLR_ELx.A asks for.
    if (sctlrOf(s, how.el) & SCTLR_A) return;
    if (this.debug.watching && this.debug.watchesPage(this.far(hi, lo))) return;
    const unpriv = how.el !== s.el;
    const context = this.context(unpriv ? PE_DERIVED.unprivLow : PE_DERIVED.contextLow, hi);
    const tagLow = (lo & -PAGE_BYTES) | context;
    const entry = this.dataEntry(lo);
    memory.makeRoom(entry, tagLow, hi | 0);
    const writes = t.writable && memory.writesFreely(page, entry);
    this.tag(entry, tagLow, hi, t.readable && !memory.poisoned.has(page));
    this.tag(entry + 2, writes ? tagLow : 0, writes ? hi : 0, writes);
    memory.i32[entry + 4] = (RAM_BASE + page * PAGE_BYTES - (lo & -PAGE_BYTES)) | 0;
  }
  /** The data TLB's entry for a VA, by its low half. */
  private dataEntry(lo: number): number {
    return (this.s.base + DATA_TLB_BASE + (((lo >>> 12) & (DATA_TLB_ENTRIES - 1)) << 5)) >> 2;
  }
  /** The context number for a VA whose high half is given; `low` is the field for VAs with bit 63 clear. */
  private context(low: StateField, hi: number): number {
    return this.memory.i32[(this.s.base + low.offset + (hi >>> 31) * 8) >> 2]!;
  }
  private tag(at: number, low: number, hi: number, valid: boolean): void {
    this.memory.i32[at] = valid ? low : 0;
    this.memory.i32[at + 1] = valid ? hi | 0 : 0;
  }

  /** An access outside RAM: 1, 2, 4 bytes, or 8 and 16 in parts of 4, lowest address first. */
  private device(hi: number, lo: number, pa: number, bytes: number, done: number, how: How): number {
    const { s } = this;
    const nonSecure = !this.exceptions.secure;
    const value = s.base + PE_DERIVED.slowValue.offset + done;
    const whole = (bytes & (bytes - 1)) === 0 && pa % Math.min(bytes, 4) === 0;
    // Devices take whole registers only; what Normal memory attributes let through otherwise, only ROM answers.
    if (!whole && (how.write || this.mmu.readPage(pa) < 0)) return this.dataAbort(hi, lo, FSC.SyncExternal, how.write);
    const size = whole ? (Math.min(bytes, 4) as 1 | 2 | 4) : 1;
    for (let i = 0; i < bytes; i += size) {
      if (how.write) {
        const part =
          size === 4
            ? s.view.getUint32(value + i, true)
            : size === 2
              ? s.view.getUint16(value + i, true)
              : s.view.getUint8(value + i);
        if (this.bus.write(pa + i, size, part, s.index, nonSecure) === 'abort')
          return this.dataAbort(hi, lo, FSC.SyncExternal, true);
      } else {
        const part = this.bus.read(pa + i, size, s.index, nonSecure);
        if (part === 'abort') return this.dataAbort(hi, lo, FSC.SyncExternal, false);
        if (size === 4) s.view.setUint32(value + i, part, true);
        else if (size === 2) s.view.setUint16(value + i, part, true);
        else s.view.setUint8(value + i, part);
      }
    }
    return 0;
  }

  // --- fetch ---

  /** See `EngineHost.fetchMiss`. */
  fetch(): boolean {
    const { s } = this;
    const at = (s.base + PE_STATE.PC.offset) >> 2;
    const lo = s.i32[at]! >>> 0;
    const hi = s.i32[at + 1]! >>> 0;
    const canonical = this.mmu.branchAddressHigh(s.el, hi);
    if (canonical !== hi) {
      s.i32[at + 1] = canonical;
      return true;
    }
    if (this.hosted && isHosted(s.pc)) {
      this.engine().requestBoundary();
      return true;
    }
    if (lo & 3) return this.abandon(() => this.exceptions.fault(EC.PCAlignment, 0, hi, lo));
    const t = this.mmu.translate(hi, lo, { kind: 'fetch', el: s.el, pan: false });
    const page = t.fault >= 0 ? -1 : this.mmu.readPage(t.pa);
    if (page < 0) return this.fetchAbort(hi, lo, t.fault >= 0 ? t.fault : FSC.SyncExternal);
    if (this.meetsPoison(page, t.pa)) return this.fetchAbort(hi, lo, FSC.SyncExternal);
    if (this.debug.armed) {
      this.fetching = true;
      const found = this.debug.fetching(s.pc);
      this.fetching = false;
      if (found === 'exception') return this.abandon(() => {});
      if (found === 'boundary') {
        this.engine().requestBoundary();
        return true;
      }
    }
    if (s.get32(PE_STATE.IL)) return this.abandon(() => this.exceptions.sync(EC.IllegalState, 0));
    this.engine().mapExec(s.base, hi, (lo & -PAGE_BYTES) | this.context(PE_DERIVED.fetchLow, hi), page);
    return true;
  }
  private fetchAbort(hi: number, lo: number, code: number): false {
    return this.abandon(() => this.aborts.fetch(hi, lo, code));
  }
  private abandon(take: () => void): false {
    this.fetching = true;
    take();
    this.fetching = false;
    this.s.set32(PE_DERIVED.diverted, 0);
    return false;
  }

  // --- for helpers ---

  /**
   * Where generated code would find the bytes at a VA: an offset into the machine's memory, or -1 when its TLB does not
   * say. Alignment is the caller's.
   */
  cachedHost(va: bigint, write: boolean): number {
    const { memory } = this;
    const lo = Number(va & 0xffff_ffffn);
    const hi = Number((va >> 32n) & 0xffff_ffffn);
    const tagLow = (lo & -PAGE_BYTES) | this.context(PE_DERIVED.contextLow, hi);
    const way = memory.findEntry(this.dataEntry(lo), tagLow, hi | 0, write);
    return way < 0 ? -1 : (lo + memory.i32[way + 4]!) >>> 0;
  }

  /**
   * Translates a VA for a helper that then acts on physical memory; takes the Data Abort and gives undefined if it
   * faults.
   */
  probe(
    va: bigint,
    write: boolean,
    options: { alignBytes?: number; cacheMaintenance?: boolean; el?: number } = {},
  ): number | undefined {
    const hi = Number(va >> 32n);
    const lo = Number(va & 0xffff_ffffn);
    const fail = (code: number): undefined => {
      const maintenance = options.cacheMaintenance === true;
      this.aborts.data(hi, lo, code, { write: write || maintenance, maintenance });
      return undefined;
    };
    if (options.alignBytes && va % BigInt(options.alignBytes)) return fail(FSC.Alignment);
    const cached = options.el === undefined ? this.cachedHost(va, write) : -1;
    if (cached >= 0) return cached - RAM_BASE + this.ramBasePa;
    const el = options.el ?? this.s.el;
    const t = this.mmu.translate(hi, lo, {
      kind: write ? 'write' : 'read',
      el,
      // DDI 0487, "PSTATE.PAN": cache maintenance by VA is no privileged data access.
      pan: !options.cacheMaintenance && this.s.get32(PE_STATE.PAN) !== 0 && obeysPan(this.s, el),
    });
    if (t.fault >= 0) return fail(t.fault);
    const { pa } = t;
    const reads = !write && !options.cacheMaintenance;
    if (reads && this.memory.poisoned.size > 0 && this.meetsPoison(this.mmu.ramPage(pa), pa))
      return fail(FSC.SyncExternal);
    if (options.cacheMaintenance && write && this.debug.watching) {
      const line = va & ~BigInt(LINE_BYTES - 1);
      if (this.debug.access(line, LINE_BYTES, el, 'write', va)) return undefined;
    }
    return pa;
  }

  /**
   * Zeroes a block for DC ZVA; false when an exception was taken, which reports the address `va` the instruction was
   * given. Device memory gives an Alignment fault (DDI 0487, "DC ZVA").
   */
  zero(va: bigint, start: bigint, sizeBytes: number): boolean {
    const pa = this.probe(va, true);
    if (pa === undefined) return false;
    const device = this.mmu.lastWasDevice;
    if (device || this.mmu.ramPage(pa) < 0) {
      const code = device ? FSC.Alignment : FSC.SyncExternal;
      this.aborts.data(Number(va >> 32n), Number(va & 0xffff_ffffn), code, { write: true });
      return false;
    }
    if (this.debug.watching && this.debug.access(start, sizeBytes, this.s.el, 'write')) return false;
    const from = pa - Number(va - start) - this.ramBasePa;
    if (this.memory.beforeWrite(from, sizeBytes)) this.memory.unwatchTable(from >>> 12, true);
    this.memory.u8.fill(0, RAM_BASE + from, RAM_BASE + from + sizeBytes);
    const hi = Number(start >> 32n);
    const lo = Number(start & 0xffff_ffffn);
    const how: How = { write: true, needsWrite: true, el: this.s.el, misaligned: false, last: true };
    const t = this.translate(hi, lo, how);
    if (t.fault < 0) this.cache(hi, lo, this.mmu.ramPage(t.pa), t, how);
    return true;
  }
}

interface How {
  readonly write: boolean;
  readonly needsWrite: boolean;
  readonly el: number;
  readonly misaligned: boolean;
  /** False for the parts of an access that crosses a page. */
  readonly last: boolean;
}

function isPermission(code: number): boolean {
  return (code & ~3) === fsc('Permission', 0);
}
function isExternal(code: number): boolean {
  return (code & ~3) === fsc('SyncExternalOnWalk', 0);
}
