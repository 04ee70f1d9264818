import type { Report } from '../device.ts';
import { type GicObserver, NO_PE } from '../gic.ts';
import { InterruptBank } from './bank.ts';
import { CpuState } from './cpu-state.ts';
import { G0, G1NS, G1S, type Group, INTID_NONE, PRIORITY_IDLE } from './groups.ts';
import type { IccContext } from './icc.ts';
import type { ItsHost } from './its/its.ts';
import { LPI_END, LPI_FIRST } from './its/limits.ts';
import type { Lpis } from './its/lpis.ts';
import { GICD_CTLR } from './maps.ts';
import { VirtualInterface } from './virtual.ts';

/** What the GIC needs from its surroundings. */
export interface Gicv3Host {
  readonly report: Report;
  /** Called when, and only when, the IRQ or FIQ input of a PE changed. */
  readonly signal: (pe: number, irq: boolean, fiq: boolean) => void;
  /** Called when the virtual IRQ or FIQ of a PE changed. */
  readonly signalVirtual?: (pe: number, irq: boolean, fiq: boolean) => void;
  /** The state of a PE now. */
  readonly context: (pe: number) => IccContext;
  /** Memory and time for LPIs and the ITS; without it there are neither. */
  readonly its?: ItsHost;
}

/** How the GIC is built; see {@link Gicv3}. */
export interface Gicv3Options {
  /** Number of PEs, 1 to 8. */
  readonly pes: number;
  /** MPIDR_EL1 affinity fields of each PE: Aff0 [7:0], Aff1 [15:8], Aff2 [23:16], Aff3 [39:32]. */
  readonly mpidrAffinities: readonly number[];
  /** 2: Secure and Non-secure, GICD_CTLR.DS resets to 0. 1: GICD_CTLR.DS is always 1. */
  readonly securityStates: 1 | 2;
  /** Implemented bits of priority: 4 to 8, at least 5 with two security states. Default 5, as GIC-500 and later. */
  readonly priorityBits?: number;
  /** The PEs have EL2, and with it a virtual CPU interface each. Default false. */
  readonly virtualization?: boolean;
  /** Number of SPIs: a multiple of 32 up to 960, or 988. Default 224. */
  readonly spis?: number;
}

/** The SPI goes to whichever PE takes part (IROUTER.IRM = 1), or to no PE that exists. */
const ONE_OF_N = -1;
const NOWHERE = -2;

/** The maintenance interrupt of a virtual CPU interface: PPI 9, as SBSA (DEN0029) has it. */
const MAINTENANCE_INTID = 25;

/** First INTID of the SPIs. */
export const SPI_FIRST = 32;

/** MPIDR layout to the 32 bits of GICR_TYPER[63:32]: Aff3.Aff2.Aff1.Aff0. */
function affinityKey(mpidr: number): number {
  return (((Math.floor(mpidr / 2 ** 32) & 0xff) << 24) | (mpidr & 0xff_ffff)) >>> 0;
}

/**
 * State and rules shared by distributor, redistributors and CPU interfaces: who is pending, where it goes, and what
 * each PE is told. IHI 0069, "Physical interrupt handling and prioritization".
 */
export class GicCore {
  readonly host: Gicv3Host;
  readonly pes: number;
  readonly securityStates: 1 | 2;
  readonly priorityBits: number;
  /** Implemented bits of a priority byte. */
  readonly priorityMask: number;
  readonly spiCount: number;
  /** GICR_TYPER[63:32] of each PE. */
  readonly affinities: readonly number[];
  readonly spis: InterruptBank;
  /** SGIs and PPIs of each PE. */
  readonly privates: readonly InterruptBank[];
  readonly cpus: readonly CpuState[];
  /** The virtual CPU interface of each PE, where there is one. */
  readonly virtual: readonly VirtualInterface[];
  /** GICR_WAKER.ProcessorSleep of each PE. */
  readonly asleep: boolean[];
  /** GICD_CTLR enables and DS; ARE reads as one and is not kept. */
  ctlr = 0;
  /** GICD_IROUTER, lower and upper half, per SPI. */
  readonly routeLow: Int32Array;
  readonly routeHigh: Uint8Array;

  /** Derived from the routes: the PE of each SPI, and per PE and word the SPIs that go there. */
  readonly #target: Int8Array;
  readonly #targeted: readonly Int32Array[];
  readonly #oneOfN: Int32Array;
  #oneOfNCount = 0;
  readonly #peByAffinity: ReadonlyMap<number, number>;
  /** All ones where the group is enabled for the PE being scanned, else 0. */
  #open0 = 0;
  #open1S = 0;
  #open1NS = 0;

  /** Highest priority pending interrupt of each PE that reaches its CPU interface; INTID_NONE if there is none. */
  readonly hppiIntid: Int32Array;
  readonly hppiPriority: Uint8Array;
  readonly hppiGroup: Uint8Array;
  /** Bit 0 IRQ, bit 1 FIQ: what the host was last told. */
  readonly signalled: Uint8Array;
  /** Running priority that firmware holds a PE at, PRIORITY_IDLE for none; follows from the firmware's state. */
  readonly held: Uint8Array;
  /** Hears of every interrupt; no part of the state. */
  observer: GicObserver | undefined;
  /** Set where there are LPIs. */
  lpis: Lpis | undefined;
  /** The most urgent LPI of each PE that is pending and enabled, PRIORITY_IDLE for none; kept by `lpis`. */
  readonly lpiPriority: Uint8Array;
  readonly lpiIntid: Int32Array;

  constructor(host: Gicv3Host, options: Gicv3Options) {
    const { pes, mpidrAffinities, securityStates, priorityBits = 5, spis = 224 } = options;
    const wrong = (what: string): never => {
      throw new Error(`GICv3 options: ${what}`);
    };
    if (!Number.isInteger(pes) || pes < 1 || pes > 8) wrong(`pes is ${pes}, must be 1 to 8`);
    if (mpidrAffinities.length !== pes) wrong(`${mpidrAffinities.length} affinities for ${pes} PEs`);
    const priorityBitsMin = securityStates === 2 ? 5 : 4;
    if (!(priorityBits >= priorityBitsMin && priorityBits <= 8)) wrong(`priorityBits is ${priorityBits}`);
    if (!(spis >= 0 && (spis === 988 || (spis <= 960 && spis % 32 === 0)))) wrong(`spis is ${spis}`);
    this.host = host;
    this.pes = pes;
    this.securityStates = securityStates;
    this.priorityBits = priorityBits;
    this.priorityMask = (0xff << (8 - priorityBits)) & 0xff;
    this.spiCount = spis;
    this.affinities = mpidrAffinities.map(affinityKey);
    this.#peByAffinity = new Map(this.affinities.map((key, pe) => [key, pe]));
    if (this.#peByAffinity.size !== pes) wrong('two PEs have the same affinity');
    const each = <T>(make: (pe: number) => T): T[] => Array.from({ length: pes }, (_, pe) => make(pe));
    this.spis = new InterruptBank(spis);
    this.privates = each(() => new InterruptBank(32));
    this.cpus = each(() => new CpuState(priorityBits));
    const virtual = (pe: number): VirtualInterface =>
      new VirtualInterface({
        signal: (irq, fiq) => host.signalVirtual?.(pe, irq, fiq),
        maintenance: (level) => this.setLine(MAINTENANCE_INTID, level, pe),
        deactivate: (intid) => this.deactivate(intid, pe),
      });
    this.virtual = options.virtualization ? each(virtual) : [];
    this.asleep = each(() => true);
    this.routeLow = new Int32Array(spis);
    this.routeHigh = new Uint8Array(spis);
    this.#target = new Int8Array(spis);
    this.#targeted = each(() => new Int32Array(this.spis.words));
    this.#oneOfN = new Int32Array(this.spis.words);
    this.hppiIntid = new Int32Array(pes);
    this.hppiPriority = new Uint8Array(pes);
    this.hppiGroup = new Uint8Array(pes);
    this.signalled = new Uint8Array(pes);
    this.held = new Uint8Array(pes).fill(PRIORITY_IDLE);
    this.lpiPriority = new Uint8Array(pes).fill(PRIORITY_IDLE);
    this.lpiIntid = new Int32Array(pes);
    this.resetRegisters();
  }

  /** GICD_CTLR.DS: one security state. */
  get ds(): boolean {
    return (this.ctlr & GICD_CTLR.DS) !== 0;
  }

  /** All registers to their reset values; says nothing to the host. */
  resetRegisters(): void {
    this.ctlr = this.securityStates === 1 ? GICD_CTLR.DS : 0;
    this.spis.reset();
    this.routeLow.fill(0);
    this.routeHigh.fill(0);
    for (let pe = 0; pe < this.pes; pe++) {
      this.privates[pe].reset();
      this.privates[pe].edge[0] = 0xffff;
      this.cpus[pe].reset();
      this.virtual[pe]?.reset();
      this.asleep[pe] = true;
    }
    this.lpis?.reset();
    this.deriveRoutes();
    this.scanAll();
  }

  /** The bank of an INTID; `pe` says whose for SGIs and PPIs. */
  bankOf(intid: number, pe: number): InterruptBank {
    return intid < SPI_FIRST ? this.privates[pe] : this.spis;
  }

  /** Whether an INTID 0..1019 is implemented. */
  exists(intid: number): boolean {
    return intid < SPI_FIRST + this.spiCount;
  }

  /** Whether an INTID is that of an LPI that this GIC can have. */
  isLpi(intid: number): boolean {
    return this.lpis !== undefined && intid >= LPI_FIRST && intid < LPI_END;
  }

  /** The group of an interrupt; IGRPMODR counts only with two security states. */
  groupOf(bank: InterruptBank, word: number, bit: number): Group {
    if ((bank.group[word] & bit) !== 0) return G1NS;
    return !this.ds && (bank.groupModifier[word] & bit) !== 0 ? G1S : G0;
  }

  /** Takes over a written route. */
  setRoute(spi: number, low: number, high: number): void {
    this.routeLow[spi] = low & ~0x7f00_0000;
    this.routeHigh[spi] = high & 0xff;
    this.#deriveRoute(spi);
  }

  /** Rebuilds what is derived from the routes. */
  deriveRoutes(): void {
    this.#oneOfN.fill(0);
    this.#oneOfNCount = 0;
    for (const words of this.#targeted) words.fill(0);
    this.#target.fill(NOWHERE);
    for (let spi = 0; spi < this.spiCount; spi++) this.#deriveRoute(spi);
  }

  #deriveRoute(spi: number): void {
    const word = spi >> 5;
    const bit = 1 << (spi & 31);
    const before = this.#target[spi];
    if (before >= 0) this.#targeted[before][word] &= ~bit;
    if (before === ONE_OF_N) {
      this.#oneOfN[word] &= ~bit;
      this.#oneOfNCount--;
    }
    const low = this.routeLow[spi];
    const key = ((this.routeHigh[spi] << 24) | (low & 0xff_ffff)) >>> 0;
    const now = low < 0 ? ONE_OF_N : (this.#peByAffinity.get(key) ?? NOWHERE);
    this.#target[spi] = now;
    if (now >= 0) this.#targeted[now][word] |= bit;
    if (now === ONE_OF_N) {
      this.#oneOfN[word] |= bit;
      this.#oneOfNCount++;
    }
  }

  /**
   * The PE that an SPI with IROUTER.IRM = 1 goes to: the lowest-numbered one that is awake and has the group enabled;
   * with ICC_CTLR.PMHE a PE whose PMR masks the priority is passed over while another would take it.
   * IHI 0069, "Participating nodes", leaves the choice IMPLEMENTATION DEFINED. Returns -1 when no PE takes part.
   */
  #oneOfNTarget(group: Group, priority: number): number {
    let fallback = -1;
    for (let pe = 0; pe < this.pes; pe++) {
      const cpu = this.cpus[pe];
      if (this.asleep[pe] || !cpu.igrpen[group]) continue;
      if (!cpu.pmhe || priority < cpu.pmr) return pe;
      if (fallback < 0) fallback = pe;
    }
    return fallback;
  }

  /**
   * Finds the highest priority pending interrupt of a PE: enabled, not active, of a group enabled at the distributor
   * and at the CPU interface. Equal priorities: the lowest INTID, which IHI 0069 leaves IMPLEMENTATION DEFINED.
   */
  scan(pe: number): void {
    this.hppiIntid[pe] = INTID_NONE;
    this.hppiPriority[pe] = PRIORITY_IDLE;
    this.hppiGroup[pe] = G0;
    if (this.asleep[pe]) return;
    const { igrpen } = this.cpus[pe];
    this.#open0 = igrpen[G0] && (this.ctlr & GICD_CTLR.EnableGrp0) !== 0 ? -1 : 0;
    this.#open1S = igrpen[G1S] && (this.ctlr & GICD_CTLR.EnableGrp1S) !== 0 ? -1 : 0;
    this.#open1NS = igrpen[G1NS] && (this.ctlr & GICD_CTLR.EnableGrp1NS) !== 0 ? -1 : 0;
    if ((this.#open0 | this.#open1S | this.#open1NS) === 0) return;
    this.#scanWord(pe, this.privates[pe], 0, -1, 0);
    const targeted = this.#targeted[pe];
    for (let word = 0; word < targeted.length; word++) {
      const oneOfN = this.#oneOfN[word];
      this.#scanWord(pe, this.spis, word, targeted[word] | oneOfN, oneOfN);
    }
    // LPIs are Group 1, Non-secure where there are two security states. IHI 0069, "LPIs".
    if (this.lpiPriority[pe] < this.hppiPriority[pe] && this.#open1NS !== 0) {
      this.hppiIntid[pe] = this.lpiIntid[pe];
      this.hppiPriority[pe] = this.lpiPriority[pe];
      this.hppiGroup[pe] = G1NS;
    }
  }

  /** @param here - the interrupts of the word that may go to the PE; @param oneOfN - those that go to any one PE */
  #scanWord(pe: number, bank: InterruptBank, word: number, here: number, oneOfN: number): void {
    let left = bank.pending(word) & bank.enabled[word] & ~bank.active[word] & here;
    if (left === 0) return;
    const group1 = bank.group[word];
    const secure1 = this.ds ? 0 : ~group1 & bank.groupModifier[word];
    left &= (this.#open1NS & group1) | (this.#open1S & secure1) | (this.#open0 & ~group1 & ~secure1);
    while (left !== 0) {
      const bit = left & -left;
      left &= ~bit;
      const n = 31 - Math.clz32(bit);
      const priority = bank.priority[word * 32 + n];
      if (priority >= this.hppiPriority[pe]) continue;
      const group = this.groupOf(bank, word, bit);
      if ((oneOfN & bit) !== 0 && this.#oneOfNTarget(group, priority) !== pe) continue;
      this.hppiIntid[pe] = bank === this.spis ? SPI_FIRST + word * 32 + n : n;
      this.hppiPriority[pe] = priority;
      this.hppiGroup[pe] = group;
    }
  }

  /** Rebuilds what is derived from the registers, without telling the host. */
  scanAll(): void {
    for (let pe = 0; pe < this.pes; pe++) this.scan(pe);
  }

  /** Tells the host what a PE's inputs are now, if they changed. */
  signal(pe: number): void {
    let now = 0;
    if (this.hppiIntid[pe] !== INTID_NONE && this.canSignal(pe)) {
      now = this.#isIrq(this.hppiGroup[pe] as Group, this.host.context(pe)) ? 1 : 2;
    }
    if (now === this.signalled[pe]) return;
    this.signalled[pe] = now;
    this.host.signal(pe, now === 1, now === 2);
  }

  /**
   * Whether the highest priority pending interrupt passes PMR and would preempt what runs.
   * IHI 0069, "Interrupt prioritization": strictly more urgent than PMR and, in its group bits, than what is active.
   */
  canSignal(pe: number): boolean {
    if (this.held[pe] !== PRIORITY_IDLE) return false;
    const cpu = this.cpus[pe];
    const priority = this.hppiPriority[pe];
    if (priority >= cpu.pmr) return false;
    const running = cpu.runningPriority();
    if (running === PRIORITY_IDLE) return true;
    const mask = cpu.groupMask(this.hppiGroup[pe] as Group);
    return (priority & mask) < (running & mask);
  }

  /** IRQ or FIQ: IHI 0069, "Interrupt assignment to IRQ and FIQ signals". */
  #isIrq(group: Group, ctx: IccContext): boolean {
    if (group === G0) return false;
    if (this.ds) return true;
    if (ctx.el === 3) return false;
    const secure = ctx.el3 && !ctx.nonSecure;
    return secure === (group === G1S);
  }

  /** Looks again at one PE after something changed that only that PE can see. */
  update(pe: number): void {
    this.scan(pe);
    this.signal(pe);
  }

  /** Looks again at every PE. */
  updateAll(): void {
    for (let pe = 0; pe < this.pes; pe++) this.update(pe);
  }

  /** Looks again after an interrupt changed: at its PE, or at all where the choice of PE may change. */
  updateFor(intid: number, pe: number): void {
    if (intid < SPI_FIRST) this.update(pe);
    else if (this.#target[intid - SPI_FIRST] >= 0) this.update(this.#target[intid - SPI_FIRST]);
    else if (this.#target[intid - SPI_FIRST] === ONE_OF_N) this.updateAll();
  }

  /** Looks again after a PE's group enables, sleep or priority mask changed, which 1-of-N routing looks at. */
  updateParticipation(pe: number): void {
    if (this.#oneOfNCount === 0) this.update(pe);
    else this.updateAll();
  }

  /** A wire changed. IHI 0069, "Interrupt handling state machine". */
  setLine(intid: number, level: boolean, pe: number): void {
    const bank = this.bankOf(intid, pe);
    const word = intid < SPI_FIRST ? 0 : (intid - SPI_FIRST) >> 5;
    const bit = 1 << (intid & 31);
    if (((bank.line[word] & bit) !== 0) === level) return;
    this.observer?.(intid < SPI_FIRST ? pe : NO_PE, level ? 'raised' : 'lowered', intid);
    if (level) {
      bank.line[word] |= bit;
      bank.latch[word] |= bit & bank.edge[word];
    } else {
      bank.line[word] &= ~bit;
    }
    if ((bank.enabled[word] & bit) !== 0) this.updateFor(intid, pe);
  }

  /** The interrupt was acknowledged: no longer pending by itself, active, though an LPI is never active. */
  acknowledge(intid: number, pe: number): void {
    if (intid >= LPI_FIRST) {
      this.observer?.(pe, 'acknowledged', intid);
      this.lpis?.clear(pe, intid);
      return;
    }
    const bank = this.bankOf(intid, pe);
    const word = intid < SPI_FIRST ? 0 : (intid - SPI_FIRST) >> 5;
    const bit = 1 << (intid & 31);
    bank.latch[word] &= ~bit;
    bank.active[word] |= bit;
    this.observer?.(pe, 'acknowledged', intid);
    this.update(pe);
  }

  /** Group of an INTID as a PE sees it; undefined when the INTID is not implemented. */
  groupOfIntid(intid: number, pe: number): Group | undefined {
    if (!this.exists(intid)) return this.isLpi(intid) ? G1NS : undefined;
    const word = intid < SPI_FIRST ? 0 : (intid - SPI_FIRST) >> 5;
    return this.groupOf(this.bankOf(intid, pe), word, 1 << (intid & 31));
  }

  /** The interrupt is no longer active; an LPI never was. */
  deactivate(intid: number, pe: number): void {
    if (!this.exists(intid)) return;
    const bank = this.bankOf(intid, pe);
    const word = intid < SPI_FIRST ? 0 : (intid - SPI_FIRST) >> 5;
    bank.active[word] &= ~(1 << (intid & 31));
    this.updateFor(intid, pe);
  }
}
