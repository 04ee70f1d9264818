import type { Report } from '../device.ts';
import { type GicObserver, NO_PE } from '../gic.ts';
import { InterruptBank } from '../gicv3/bank.ts';
import { CpuState } from '../gicv3/cpu-state.ts';
import { G0, G1NS, INTID_NONE, PRIORITY_IDLE } from '../gicv3/groups.ts';
import { GICC_CTLR, GICD_CTLR } from './maps.ts';

/** What the GIC needs from its surroundings. */
export interface Gicv2Host {
  readonly report: Report;
  /** Called when, and only when, the IRQ or FIQ input of a PE changed. */
  readonly signal: (pe: number, irq: boolean, fiq: boolean) => void;
  /** The same of the virtual IRQ and FIQ; never called without virtualization. */
  readonly signalVirtual?: (pe: number, irq: boolean, fiq: boolean) => void;
}

/** How the GIC is built. */
export interface Gicv2Options {
  /** Number of PEs, 1 to 8: the most that GICv2 addresses. */
  readonly pes: number;
  /** 2: with the Security Extensions. 1: one view, both groups for everybody. */
  readonly securityStates: 1 | 2;
  /** Number of SPIs, a multiple of 32 up to 960. Default 224. */
  readonly spis?: number;
  /** With GICH and GICV: list registers for a hypervisor at EL2. Default false. */
  readonly virtualization?: boolean;
}

/** First INTID of the SPIs. */
export const SPI_FIRST = 32;
/** SGIs of one PE. */
export const SGIS = 16;
/** Bits of priority: 32 levels, 16 of them Non-secure. */
export const PRIORITY_BITS = 5;
/** Implemented bits of a priority byte. */
export const PRIORITY_MASK = 0xf8;
/** SGIs cannot be disabled: one of the choices of IHI 0048, "GICD_ISENABLERn". */
export const SGI_ENABLES = 0xffff;

/** A Group of GICv2: 0, and 1 under the name its registers have in GICv3. */
export type Gicv2Group = typeof G0 | typeof G1NS;

/**
 * State and rules of a GICv2: who is pending, where it goes, and what each PE is told.
 * IHI 0048, "Interrupt Handling and Prioritization".
 */
export class Gicv2Core {
  readonly host: Gicv2Host;
  readonly pes: number;
  readonly securityStates: 1 | 2;
  readonly spiCount: number;
  readonly spis: InterruptBank;
  /** SGIs and PPIs of each PE. */
  readonly privates: readonly InterruptBank[];
  readonly cpus: readonly CpuState[];
  /** GICC_CTLR bits of each PE that are not in its `CpuState`: AckCtl, FIQEn and the bypass bits. */
  readonly control: Uint16Array;
  /** GICD_CTLR, Secure view. */
  ctlr = 0;
  /** GICD_ITARGETSR of SPIs. */
  readonly targets: Uint8Array;
  /** Of each PE and SGI, the PEs that sent it, a bit each. */
  readonly sgiSources: Uint8Array;
  readonly hppiIntid: Int32Array;
  readonly hppiPriority: Uint8Array;
  readonly hppiGroup: Uint8Array;
  /** Bit 0 IRQ, bit 1 FIQ: what the host was last told. */
  readonly signalled: Uint8Array;
  /** Running priority that firmware holds a PE at, PRIORITY_IDLE for none; follows from the firmware's state. */
  readonly held: Uint8Array;
  /** Hears of every interrupt; no part of the state. */
  observer: GicObserver | undefined;

  constructor(host: Gicv2Host, options: Gicv2Options) {
    const { pes, securityStates, spis = 224 } = options;
    if (!Number.isInteger(pes) || pes < 1 || pes > 8) throw new Error(`GICv2 options: pes is ${pes}, must be 1 to 8`);
    if (!(spis >= 0 && spis <= 960 && spis % 32 === 0)) throw new Error(`GICv2 options: spis is ${spis}`);
    this.host = host;
    this.pes = pes;
    this.securityStates = securityStates;
    this.spiCount = spis;
    const each = <T>(make: () => T): T[] => Array.from({ length: pes }, make);
    this.spis = new InterruptBank(spis);
    this.privates = each(() => new InterruptBank(32));
    this.cpus = each(() => new CpuState(PRIORITY_BITS));
    this.control = new Uint16Array(pes);
    this.targets = new Uint8Array(spis);
    this.sgiSources = new Uint8Array(pes * SGIS);
    this.hppiIntid = new Int32Array(pes);
    this.hppiPriority = new Uint8Array(pes);
    this.hppiGroup = new Uint8Array(pes);
    this.signalled = new Uint8Array(pes);
    this.held = new Uint8Array(pes).fill(PRIORITY_IDLE);
    this.resetRegisters();
  }

  /** All registers to their reset values; says nothing to the host. */
  resetRegisters(): void {
    this.ctlr = 0;
    this.spis.reset();
    this.targets.fill(this.pes === 1 ? 1 : 0);
    this.sgiSources.fill(0);
    this.control.fill(0);
    for (let pe = 0; pe < this.pes; pe++) {
      this.privates[pe].reset();
      this.privates[pe].edge[0] = SGI_ENABLES;
      this.privates[pe].enabled[0] = SGI_ENABLES;
      this.cpus[pe].reset();
      this.scan(pe);
    }
  }

  /** Whether an INTID is implemented. */
  exists(intid: number): boolean {
    return intid < SPI_FIRST + this.spiCount;
  }

  /** The bank and the place in it of an INTID; `pe` says whose for SGIs and PPIs. */
  place(intid: number, pe: number): { readonly bank: InterruptBank; readonly word: number; readonly bit: number } {
    if (intid < SPI_FIRST) return { bank: this.privates[pe], word: 0, bit: 1 << intid };
    return { bank: this.spis, word: (intid - SPI_FIRST) >> 5, bit: 1 << (intid & 31) };
  }

  /** Group of an implemented INTID as a PE sees it. */
  groupOf(intid: number, pe: number): Gicv2Group {
    const { bank, word, bit } = this.place(intid, pe);
    return (bank.group[word] & bit) !== 0 ? G1NS : G0;
  }

  /**
   * Finds the highest priority pending interrupt of a PE: enabled, not active, of a group enabled at the distributor
   * and at the CPU interface. An SPI with several targets is offered to each until one acknowledges it. Equal
   * priorities: the lowest INTID.
   */
  scan(pe: number): void {
    this.hppiIntid[pe] = INTID_NONE;
    this.hppiPriority[pe] = PRIORITY_IDLE;
    this.hppiGroup[pe] = G0;
    const { igrpen } = this.cpus[pe];
    const open0 = igrpen[G0] && (this.ctlr & GICD_CTLR.EnableGrp0) !== 0 ? -1 : 0;
    const open1 = igrpen[G1NS] && (this.ctlr & GICD_CTLR.EnableGrp1) !== 0 ? -1 : 0;
    if ((open0 | open1) === 0) return;
    this.#scanWord(pe, this.privates[pe], 0, open0, open1);
    for (let word = 0; word < this.spis.words; word++) this.#scanWord(pe, this.spis, word, open0, open1);
  }

  #scanWord(pe: number, bank: InterruptBank, word: number, open0: number, open1: number): void {
    const group = bank.group[word];
    let left = bank.pending(word) & bank.enabled[word] & ~bank.active[word];
    left &= (open1 & group) | (open0 & ~group);
    while (left !== 0) {
      const bit = left & -left;
      left &= ~bit;
      const n = word * 32 + 31 - Math.clz32(bit);
      if (bank === this.spis && ((this.targets[n] >> pe) & 1) === 0) continue;
      if (bank.priority[n] >= this.hppiPriority[pe]) continue;
      this.hppiIntid[pe] = bank === this.spis ? SPI_FIRST + n : n;
      this.hppiPriority[pe] = bank.priority[n];
      this.hppiGroup[pe] = (group & bit) !== 0 ? G1NS : G0;
    }
  }

  /** Whether the highest priority pending interrupt passes GICC_PMR and would preempt what runs. */
  canSignal(pe: number): boolean {
    if (this.held[pe] !== PRIORITY_IDLE) return false;
    const cpu = this.cpus[pe];
    const priority = this.hppiPriority[pe];
    if (priority >= cpu.pmr) return false;
    const running = cpu.runningPriority();
    if (running === PRIORITY_IDLE) return true;
    const mask = cpu.groupMask(this.hppiGroup[pe] as Gicv2Group);
    return (priority & mask) < (running & mask);
  }

  /** Tells the host what a PE's inputs are now, if they changed: FIQ is for Group 0 while GICC_CTLR.FIQEn is set. */
  signal(pe: number): void {
    let now = 0;
    if (this.hppiIntid[pe] !== INTID_NONE && this.canSignal(pe)) {
      now = this.hppiGroup[pe] === G0 && (this.control[pe] & GICC_CTLR.FIQEn) !== 0 ? 2 : 1;
    }
    if (now === this.signalled[pe]) return;
    this.signalled[pe] = now;
    this.host.signal(pe, now === 1, now === 2);
  }

  /** Looks again at one PE. */
  update(pe: number): void {
    this.scan(pe);
    this.signal(pe);
  }

  /** Looks again at every PE. */
  updateAll(): void {
    for (let pe = 0; pe < this.pes; pe++) this.update(pe);
  }

  /** A wire changed. IHI 0048, "Interrupt handling state machine". */
  setLine(intid: number, level: boolean, pe: number): void {
    const { bank, word, bit } = this.place(intid, pe);
    if (((bank.line[word] & bit) !== 0) === level) return;
    this.observer?.(intid < SPI_FIRST ? pe : NO_PE, level ? 'raised' : 'lowered', intid);
    if (level) {
      bank.line[word] |= bit;
      bank.latch[word] |= bit & bank.edge[word];
    } else {
      bank.line[word] &= ~bit;
    }
    if ((bank.enabled[word] & bit) !== 0) this.#changed(intid, pe);
  }

  #changed(intid: number, pe: number): void {
    if (intid < SPI_FIRST) this.update(pe);
    else this.updateAll();
  }

  /** An SGI arrives from `source`. */
  pendSgi(intid: number, target: number, source: number): void {
    const at = target * SGIS + intid;
    this.sgiSources[at] |= 1 << source;
    this.privates[target].latch[0] |= 1 << intid;
  }

  /** Takes back an SGI of some sources, a bit each. */
  unpendSgi(intid: number, target: number, sources: number): void {
    const at = target * SGIS + intid;
    this.sgiSources[at] &= ~sources;
    const bank = this.privates[target];
    if (this.sgiSources[at] === 0) bank.latch[0] &= ~(1 << intid);
  }

  /** Lowest-numbered PE that sent a pending SGI; 0 for anything else. */
  sourceOf(intid: number, pe: number): number {
    if (intid >= SGIS) return 0;
    const sources = this.sgiSources[pe * SGIS + intid];
    return sources === 0 ? 0 : 31 - Math.clz32(sources & -sources);
  }

  /** The interrupt was acknowledged: no longer pending by itself (an SGI: from this source), active. */
  acknowledge(intid: number, pe: number): void {
    const { bank, word, bit } = this.place(intid, pe);
    if (intid < SGIS) this.unpendSgi(intid, pe, 1 << this.sourceOf(intid, pe));
    else bank.latch[word] &= ~bit;
    bank.active[word] |= bit;
    this.observer?.(pe, 'acknowledged', intid);
    this.#changed(intid, pe);
  }

  /** The interrupt is no longer active. */
  deactivate(intid: number, pe: number): void {
    const { bank, word, bit } = this.place(intid, pe);
    bank.active[word] &= ~bit;
    this.#changed(intid, pe);
  }
}
