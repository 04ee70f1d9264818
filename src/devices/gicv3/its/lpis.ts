import type { PlainData } from '../../device.ts';
import { addressOf, type DeviceRam } from '../../virtio/ram.ts';
import { numbers, section } from '../bank.ts';
import type { GicCore } from '../core.ts';
import { fromNonSecurePriority, PRIORITY_IDLE } from '../groups.ts';
import { LPI_END, LPI_FIRST, LPI_INTID_BITS_MAX } from './limits.ts';
import { PriorityTree } from './priority-tree.ts';

/** A byte of the LPI configuration table: enable in bit 0, priority in bits 7:2. IHI 0069, "LPI Configuration tables". */
const CONFIG_ENABLE = 1;
const CONFIG_PRIORITY = 0xfc;
/** `configs` of an LPI whose byte is not cached. */
const UNKNOWN = -1;
/** The part of a pending table before the first LPI, which is left alone. */
const PENDING_SKIP_BYTES = LPI_FIRST / 8;

/** Fields of GICR_PROPBASER and GICR_PENDBASER that are kept, [31:0] and [63:32]; all others are RES0. */
const PROPBASER_KEPT = [0xffff_ff9f, 0x070f_ffff] as const;
const PENDBASER_KEPT = [0xffff_0f80, 0x470f_ffff] as const;
/** GICR_PENDBASER.PTZ in [63:32]; reads as zero. */
const PTZ = 0x4000_0000;

/** The LPIs of one redistributor. */
interface PeLpis {
  /** GICR_CTLR.EnableLPIs. */
  enabled: boolean;
  /** Halves of the registers, lower first. */
  readonly propbaser: [number, number];
  readonly pendbaser: [number, number];
  /** INTIDs from here on do not exist for this PE; LPI_FIRST when there are none. Follows from PROPBASER. */
  end: number;
  /** A bit for each INTID, enabled or not. */
  readonly pending: Int32Array;
  /** Bits set in `pending`: nobody looks for what is not there. */
  count: number;
  /** Priorities of those that are enabled; follows from `pending` and the configuration. */
  readonly wanted: PriorityTree;
}

/**
 * The LPIs of all redistributors: which are pending where, and how they are configured.
 *
 * While GICR_CTLR.EnableLPIs is 1 the pending state is inside; the pending table in RAM is read when the bit is set,
 * unless PTZ says that it is zero, and written when the bit is cleared. A byte of the configuration table is read when
 * it is needed first and is kept until INV or INVALL, so a change is not seen earlier, as IHI 0069, "LPI Configuration
 * tables", allows: software that forgets them is found out. All redistributors share the table (CommonLPIAff).
 */
export class Lpis {
  readonly #core: GicCore;
  readonly #ram: DeviceRam;
  readonly #pes: readonly PeLpis[];
  /** The cached byte of each INTID, or UNKNOWN. */
  readonly #configs = new Int16Array(LPI_END).fill(UNKNOWN);
  /** The INTIDs that have one. */
  readonly #cached = new Set<number>();

  constructor(core: GicCore, ram: DeviceRam) {
    this.#core = core;
    this.#ram = ram;
    this.#pes = Array.from({ length: core.pes }, () => ({
      enabled: false,
      propbaser: [0, 0],
      pendbaser: [0, 0],
      end: LPI_FIRST,
      pending: new Int32Array(LPI_END / 32),
      count: 0,
      wanted: new PriorityTree(),
    }));
  }

  // --- registers ---

  /** GICR_CTLR.EnableLPIs. */
  isEnabled(pe: number): boolean {
    return this.#pes[pe].enabled;
  }

  /** GICR_PROPBASER or GICR_PENDBASER; `half` 0 is [31:0]. */
  readBase(pe: number, which: 'propbaser' | 'pendbaser', half: 0 | 1): number {
    const value = this.#pes[pe][which][half];
    return (which === 'pendbaser' && half === 1 ? value & ~PTZ : value) >>> 0;
  }

  /** With LPIs enabled the write is UNPREDICTABLE: it has no effect here. IHI 0069, "GICR_PROPBASER". */
  writeBase(pe: number, which: 'propbaser' | 'pendbaser', half: 0 | 1, value: number): void {
    const lpis = this.#pes[pe];
    if (lpis.enabled) {
      this.#core.host.report(`GICR_${which.toUpperCase()} of PE ${pe}: written while EnableLPIs is 1; no effect`);
      return;
    }
    lpis[which][half] = (value & (which === 'propbaser' ? PROPBASER_KEPT : PENDBASER_KEPT)[half]) >>> 0;
    lpis.end = endOf(lpis);
  }

  /** Writes GICR_CTLR.EnableLPIs, which can be cleared: GICR_CTLR.CES is 1. */
  enable(pe: number, on: boolean): void {
    const lpis = this.#pes[pe];
    if (lpis.enabled === on) return;
    lpis.enabled = on;
    if (on) this.#readPendingTable(pe);
    else {
      this.#writePendingTable(pe);
      forget(lpis);
      if (this.#pes.every(({ enabled }) => !enabled)) this.#forgetConfigs();
    }
    this.#derive(pe);
    this.#publish(pe);
  }

  #pendingTable(pe: number): { readonly addrPa: number; readonly sizeBytes: number } | undefined {
    const { pendbaser, end } = this.#pes[pe];
    const addrPa = addressOf(pendbaser[0] & 0xffff_0000, pendbaser[1] & 0xf_ffff) + PENDING_SKIP_BYTES;
    const sizeBytes = end / 8 - PENDING_SKIP_BYTES;
    if (sizeBytes === 0) return undefined;
    if (this.#ram.contains(addrPa, sizeBytes)) return { addrPa, sizeBytes };
    this.#core.host.report(`GICR_PENDBASER of PE ${pe}: the LPI pending table is not in RAM; nothing was pending`);
    return undefined;
  }

  #readPendingTable(pe: number): void {
    const lpis = this.#pes[pe];
    const { pending, pendbaser } = lpis;
    const table = (pendbaser[1] & PTZ) !== 0 ? undefined : this.#pendingTable(pe);
    if (table === undefined) return;
    this.#ram.read(table.addrPa, table.sizeBytes).forEach((byte, n) => {
      const at = PENDING_SKIP_BYTES + n;
      pending[at >> 2] |= byte << (8 * (at & 3));
    });
    lpis.count = intidsOf(lpis.pending).length;
  }

  #writePendingTable(pe: number): void {
    const { pending } = this.#pes[pe];
    const table = this.#pendingTable(pe);
    if (table === undefined) return;
    const byte = (n: number) => pending[(PENDING_SKIP_BYTES + n) >> 2] >>> (8 * (n & 3));
    this.#ram.write(
      table.addrPa,
      Uint8Array.from({ length: table.sizeBytes }, (_, n) => byte(n)),
    );
  }

  // --- configuration ---

  #setConfig(intid: number, byte: number): void {
    this.#configs[intid] = byte;
    this.#cached.add(intid);
  }

  #forgetConfigs(): void {
    for (const intid of this.#cached) this.#configs[intid] = UNKNOWN;
    this.#cached.clear();
  }

  #configPa(pe: number, intid: number): number {
    const [low, high] = this.#pes[pe].propbaser;
    return addressOf(low & 0xffff_f000, high & 0xf_ffff) + intid - LPI_FIRST;
  }

  /** The byte in RAM now; 0, disabled, outside RAM. */
  #readConfig(pe: number, intid: number): number {
    const addrPa = this.#configPa(pe, intid);
    if (this.#ram.contains(addrPa, 1)) return this.#ram.read(addrPa, 1)[0];
    this.#core.host.report(`LPI ${intid}: its byte of the LPI configuration table is not in RAM; taken as disabled`);
    return 0;
  }

  /** Stored priority, PRIORITY_IDLE when disabled. With two security states the byte has the Non-secure view. */
  #priority(pe: number, intid: number): number {
    if (this.#configs[intid] === UNKNOWN) this.#setConfig(intid, this.#readConfig(pe, intid));
    const config = this.#configs[intid];
    if ((config & CONFIG_ENABLE) === 0) return PRIORITY_IDLE;
    const priority = config & CONFIG_PRIORITY;
    return (this.#core.ds ? priority : fromNonSecurePriority(priority)) & this.#core.priorityMask;
  }

  /** INV: the configuration of one LPI is read anew, from the table of the PE. */
  invalidate(pe: number, intid: number): void {
    if (!this.#reaches(pe, intid)) return;
    this.#setConfig(intid, this.#readConfig(pe, intid));
    this.#pes.forEach((lpis, n) => {
      if (!isPending(lpis, intid)) return;
      lpis.wanted.set(intid, this.#priority(n, intid));
      this.#publish(n);
    });
  }

  /** INVALL: the same for all LPIs whose configuration is cached. */
  invalidateAll(pe: number): void {
    const lpis = this.#pes[pe];
    if (!lpis.enabled || lpis.end === LPI_FIRST) return;
    const addrPa = this.#configPa(pe, LPI_FIRST);
    const there = this.#ram.contains(addrPa, lpis.end - LPI_FIRST);
    const table = there ? this.#ram.read(addrPa, lpis.end - LPI_FIRST) : undefined;
    if (!there)
      this.#core.host.report(`INVALL: the LPI configuration table of PE ${pe} is not all in RAM; LPIs disabled`);
    for (const intid of this.#cached) {
      if (intid < lpis.end) this.#configs[intid] = table?.[intid - LPI_FIRST] ?? 0;
    }
    for (let n = 0; n < this.#pes.length; n++) {
      this.#derive(n);
      this.#publish(n);
    }
  }

  // --- pending ---

  #reaches(pe: number, intid: number): boolean {
    return this.#pes[pe].enabled && intid >= LPI_FIRST && intid < this.#pes[pe].end;
  }

  /** Makes an LPI pending at a PE; returns why it was dropped. */
  pend(pe: number, intid: number): string | undefined {
    const lpis = this.#pes[pe];
    if (!lpis.enabled) return `GICR_CTLR.EnableLPIs of PE ${pe} is 0`;
    if (!this.#reaches(pe, intid)) return `LPI ${intid} is beyond GICR_PROPBASER.IDbits of PE ${pe}`;
    this.#core.observer?.(pe, 'raised', intid);
    if (!isPending(lpis, intid)) lpis.count++;
    lpis.pending[intid >> 5] |= 1 << (intid & 31);
    lpis.wanted.set(intid, this.#priority(pe, intid));
    this.#publish(pe);
    return undefined;
  }

  /** Takes the pending state of an LPI at a PE away. */
  clear(pe: number, intid: number): void {
    const lpis = this.#pes[pe];
    if (!isPending(lpis, intid)) return;
    lpis.count--;
    lpis.pending[intid >> 5] &= ~(1 << (intid & 31));
    lpis.wanted.set(intid, PRIORITY_IDLE);
    this.#publish(pe);
  }

  /** True while an LPI is pending at a PE. */
  isPending(pe: number, intid: number): boolean {
    return isPending(this.#pes[pe], intid);
  }

  /** MOVI: the pending state of one LPI goes from one PE to another; returns why it was dropped. */
  move(from: number, to: number, intid: number): string | undefined {
    if (from === to || !this.isPending(from, intid)) return undefined;
    this.clear(from, intid);
    return this.pend(to, intid);
  }

  /** MOVALL; returns why it was ignored, or that some were dropped. IHI 0069, "MOVALL". */
  moveAll(from: number, to: number): string | undefined {
    const [source, target] = [this.#pes[from], this.#pes[to]];
    if (!source.enabled) return `GICR_CTLR.EnableLPIs of PE ${from} is 0`;
    if (from === to) return undefined;
    let dropped: string | undefined;
    for (let word = LPI_FIRST >> 5; word < source.pending.length; word++) {
      const moved = source.pending[word];
      if (moved === 0) continue;
      source.pending[word] = 0;
      if (target.enabled && word << 5 < target.end) target.pending[word] |= moved;
      else dropped = `LPIs of PE ${from} were pending that PE ${to} does not take`;
    }
    for (const pe of [from, to]) {
      this.#pes[pe].count = intidsOf(this.#pes[pe].pending).length;
      this.#derive(pe);
      this.#publish(pe);
    }
    return dropped;
  }

  /** Works out anew what follows from pending state, configuration and GICD_CTLR.DS; tells nobody. */
  #derive(pe: number): void {
    const { pending, wanted, count } = this.#pes[pe];
    if (wanted.first().priority !== PRIORITY_IDLE) wanted.clear();
    for (let word = LPI_FIRST >> 5; count > 0 && word < pending.length; word++) {
      for (let left = pending[word]; left !== 0; left &= left - 1) {
        const intid = word * 32 + 31 - Math.clz32(left & -left);
        wanted.set(intid, this.#priority(pe, intid));
      }
    }
    this.#offer(pe);
  }

  #offer(pe: number): void {
    const { priority, intid } = this.#pes[pe].wanted.first();
    this.#core.lpiPriority[pe] = priority;
    this.#core.lpiIntid[pe] = intid;
  }

  #publish(pe: number): void {
    this.#offer(pe);
    this.#core.update(pe);
  }

  /** For after a change of GICD_CTLR.DS, which says how priorities are read; tells nobody. */
  deriveAll(): void {
    for (let pe = 0; pe < this.#pes.length; pe++) this.#derive(pe);
  }

  // --- state ---

  /** Registers, pending LPIs and cached configuration. */
  state(): PlainData {
    return {
      redistributors: this.#pes.map(({ enabled, propbaser, pendbaser, pending, count }) => ({
        EnableLPIs: enabled,
        PROPBASER: [...propbaser],
        PENDBASER: [...pendbaser],
        pending: count === 0 ? [] : intidsOf(pending),
      })),
      cached: [...this.#cached].sort((a, b) => a - b).map((intid) => intid * 256 + this.#configs[intid]),
    };
  }

  /** @throws Error when the data is not that of as many redistributors */
  load(state: PlainData): void {
    const from = section(state, 'LPIs');
    const { redistributors, cached } = from;
    if (!Array.isArray(redistributors) || redistributors.length !== this.#pes.length || !Array.isArray(cached)) {
      throw new Error(`GICv3 state: LPIs are not those of ${this.#pes.length} PEs`);
    }
    this.#forgetConfigs();
    for (const entry of cached as number[]) this.#setConfig(entry >> 8, entry & 0xff);
    redistributors.forEach((data: PlainData, pe) => {
      const one = section(data, 'LPIs of a PE');
      const lpis = this.#pes[pe];
      lpis.enabled = one.EnableLPIs === true;
      numbers(one, 'PROPBASER', 2).forEach((half, n) => void (lpis.propbaser[n] = half));
      numbers(one, 'PENDBASER', 2).forEach((half, n) => void (lpis.pendbaser[n] = half));
      lpis.end = endOf(lpis);
      forget(lpis);
      for (const intid of one.pending as number[]) {
        lpis.pending[intid >> 5] |= 1 << (intid & 31);
        lpis.count++;
      }
    });
    this.deriveAll();
  }

  /** Registers zero, nothing pending, nothing cached; tells nobody. */
  reset(): void {
    this.#forgetConfigs();
    for (const lpis of this.#pes) {
      lpis.enabled = false;
      lpis.propbaser.fill(0);
      lpis.pendbaser.fill(0);
      lpis.end = LPI_FIRST;
      forget(lpis);
    }
    this.deriveAll();
  }
}

function forget(lpis: PeLpis): void {
  if (lpis.count > 0) lpis.pending.fill(0);
  lpis.count = 0;
}

function isPending({ pending }: PeLpis, intid: number): boolean {
  return ((pending[intid >> 5] >>> (intid & 31)) & 1) === 1;
}

/** GICR_PROPBASER.IDbits: more than the GIC has is what it has, less than 14 bits is no LPI at all. */
function endOf({ propbaser }: PeLpis): number {
  return Math.max(LPI_FIRST, 2 ** Math.min((propbaser[0] & 0x1f) + 1, LPI_INTID_BITS_MAX));
}

function intidsOf(pending: Int32Array): number[] {
  const found: number[] = [];
  pending.forEach((word, n) => {
    for (let left = word; left !== 0; left &= left - 1) found.push(n * 32 + 31 - Math.clz32(left & -left));
  });
  return found;
}
