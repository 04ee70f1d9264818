import type { PlainData } from '../device.ts';
import { numbers, section } from './bank.ts';
import { INTID_NONE, isSpecialIntid, PRIORITY_IDLE } from './groups.ts';
import { ICC_REGISTERS, type IccName } from './icc.ts';
import { ICH_HCR } from './ich.ts';

/** List registers, ICH_VTR_EL2.ListRegs + 1, as Arm's own processors have. */
export const LIST_REGISTERS = 4;
/** Implemented bits of virtual priority, all of which take part in preemption. */
const PRIORITY_BITS = 5;
const PRIORITY_MASK = 0xf8;
/** Smallest binary point of Group 0: finer than the implemented bits makes no sense. */
const BPR0_MIN = 7 - PRIORITY_BITS;
/** Smallest binary point of Group 1, which counts one more. */
const BPR1_MIN = BPR0_MIN + 1;
const LPI_FIRST = 8192;

/** ICH_VTR_EL2: PRIbits, PREbits, IDbits (24), A3V, nV4, TDS, ListRegs. */
const VTR = 0x90b8_0000 | (LIST_REGISTERS - 1);
/** ICV_CTLR_EL1 that does not change: A3V, 24-bit INTIDs, priority bits. */
const CTLR_FIXED = (1 << 15) | (1 << 11) | ((PRIORITY_BITS - 1) << 8);

/** TSEI (bit 13) is RES0: ICH_VTR_EL2.SEIS is 0. */
const HCR_WRITABLE = 0xf800_5cff;
const EOI_COUNT_LSB = 27;
/** ICH_HCR_EL2.EOIcount has 5 bits and begins again at 0. */
const EOI_COUNT_MAX = 31;

const VMCR = { VENG0: 1, VENG1: 2, VFIQEn: 8, VCBPR: 16, VEOIM: 1 << 9 } as const;
const VMCR_FLAGS = VMCR.VENG0 | VMCR.VENG1 | VMCR.VCBPR | VMCR.VEOIM;
/** Lowest bits of VBPR1, VBPR0 and VPMR. */
const VBPR1_LSB = 18;
const VBPR0_LSB = 21;
const VPMR_LSB = 24;

/** Bits of the high word of a list register. */
const LR = { PENDING: 1 << 30, ACTIVE: 1 << 31, HW: 1 << 29, GROUP1: 1 << 28, EOI: 1 << 9, WRITABLE: 0xf0f8_1fff };
const LR_STATE = LR.PENDING | LR.ACTIVE;
const PRIORITY_LSB = 16;
const PINTID_MASK = 0x1fff;

/** What a virtual CPU interface does to its surroundings. */
export interface VirtualHost {
  /** Virtual IRQ and FIQ of the PE; called when they changed. */
  signal(irq: boolean, fiq: boolean): void;
  /** Level of the maintenance interrupt. */
  maintenance(level: boolean): void;
  /** A list register with HW = 1 was deactivated: so is the physical interrupt. */
  deactivate(intid: number): void;
}

type Group = 0 | 1;

/**
 * The virtual CPU interface of one PE: list registers, ICH_* for the hypervisor and ICV_* for its guest.
 * IHI 0069, "Virtual interrupt handling and prioritization".
 */
export class VirtualInterface {
  /** ICH_HCR_EL2, unsigned 32 bits. */
  hcr = 0;
  private vmcr = 0;
  private readonly low = new Uint32Array(LIST_REGISTERS);
  private readonly high = new Int32Array(LIST_REGISTERS);
  /** ICH_AP0R0_EL2 and ICH_AP1R0_EL2. */
  private readonly active = new Int32Array(2);
  private readonly host: VirtualHost;
  private told = 0;

  constructor(host: VirtualHost) {
    this.host = host;
    this.clear();
  }

  private clear(): void {
    this.hcr = 0;
    this.vmcr = VMCR.VFIQEn | (BPR1_MIN << VBPR1_LSB) | (BPR0_MIN << VBPR0_LSB);
    this.low.fill(0);
    this.high.fill(0);
    this.active.fill(0);
  }
  /** Reset values: nothing pending, disabled. */
  reset(): void {
    this.clear();
    this.update();
  }

  // --- what follows from the registers ---

  private priority(n: number): number {
    return (this.high[n]! >>> PRIORITY_LSB) & 0xff;
  }
  private group(n: number): Group {
    return this.high[n]! & LR.GROUP1 ? 1 : 0;
  }
  private isEnabled(group: Group): boolean {
    return (this.vmcr & (group ? VMCR.VENG1 : VMCR.VENG0)) !== 0;
  }
  private bpr(group: Group): number {
    return (this.vmcr >>> (group ? VBPR1_LSB : VBPR0_LSB)) & 7;
  }
  private get vpmr(): number {
    return this.vmcr >>> VPMR_LSB;
  }
  /** Priority bits that decide about preemption. */
  private groupMask(group: Group): number {
    if (group === 0 || this.vmcr & VMCR.VCBPR) return (0xfe << this.bpr(0)) & 0xff;
    return (0xff << this.bpr(1)) & 0xff;
  }
  /** The most urgent active group priority. */
  private running(): number {
    const bits = this.active[0]! | this.active[1]!;
    return bits === 0 ? PRIORITY_IDLE : (31 - Math.clz32(bits & -bits)) << (8 - PRIORITY_BITS);
  }
  /** The list register of the highest priority pending virtual interrupt, lowest number first; -1 for none. */
  private highest(): number {
    let best = -1;
    if (!(this.hcr & ICH_HCR.En)) return best;
    for (let n = 0; n < LIST_REGISTERS; n++) {
      if ((this.high[n]! & LR_STATE) !== LR.PENDING || !this.isEnabled(this.group(n))) continue;
      if (best < 0 || this.priority(n) < this.priority(best)) best = n;
    }
    return best;
  }
  private canSignal(n: number): boolean {
    const priority = this.priority(n);
    if (priority >= this.vpmr) return false;
    const running = this.running();
    const mask = this.groupMask(this.group(n));
    return running === PRIORITY_IDLE || (priority & mask) < (running & mask);
  }
  private count(matches: (high: number) => boolean): number {
    return this.high.reduce((mask, high, n) => (matches(high) ? mask | (1 << n) : mask), 0);
  }
  private eisr(): number {
    return this.count((high) => (high & (LR_STATE | LR.HW | LR.EOI)) === LR.EOI);
  }
  private elrsr(): number {
    return this.count((high) => !(high & LR_STATE) && ((high & LR.HW) !== 0 || !(high & LR.EOI)));
  }
  /** ICH_MISR_EL2. */
  private misr(): number {
    const { hcr } = this;
    const valid = this.high.filter((high) => high & LR_STATE).length;
    const pending = this.high.some((high) => (high & LR_STATE) === LR.PENDING);
    const causes = [
      this.eisr() !== 0,
      (hcr & ICH_HCR.UIE) !== 0 && valid < 2,
      (hcr & ICH_HCR.LRENPIE) !== 0 && hcr >>> EOI_COUNT_LSB !== 0,
      (hcr & ICH_HCR.NPIE) !== 0 && !pending,
      (hcr & ICH_HCR.VGrp0EIE) !== 0 && this.isEnabled(0),
      (hcr & ICH_HCR.VGrp0DIE) !== 0 && !this.isEnabled(0),
      (hcr & ICH_HCR.VGrp1EIE) !== 0 && this.isEnabled(1),
      (hcr & ICH_HCR.VGrp1DIE) !== 0 && !this.isEnabled(1),
    ];
    return causes.reduce((mask, cause, n) => (cause ? mask | (1 << n) : mask), 0);
  }

  /** Tells the surroundings what changed. */
  private update(): void {
    const best = this.highest();
    const now = best >= 0 && this.canSignal(best) ? (this.group(best) ? 1 : 2) : 0;
    if (now !== this.told) {
      this.told = now;
      this.host.signal(now === 1, now === 2);
    }
    this.host.maintenance((this.hcr & ICH_HCR.En) !== 0 && this.misr() !== 0);
  }

  // --- the hypervisor's registers ---

  /** Reads an ICH register by Arm's name; what does not exist reads as 0. */
  ichRead(name: string): bigint {
    const lr = /^ICH_LR(\d+)_EL2$/.exec(name);
    if (lr) {
      const n = Number(lr[1]);
      return n < LIST_REGISTERS ? (BigInt(this.high[n]! >>> 0) << 32n) | BigInt(this.low[n]!) : 0n;
    }
    switch (name) {
      case 'ICH_HCR_EL2':
        return BigInt(this.hcr);
      case 'ICH_VTR_EL2':
        return BigInt(VTR >>> 0);
      case 'ICH_MISR_EL2':
        return BigInt(this.misr());
      case 'ICH_EISR_EL2':
        return BigInt(this.eisr());
      case 'ICH_ELRSR_EL2':
        return BigInt(this.elrsr());
      case 'ICH_VMCR_EL2':
        return BigInt(this.vmcr >>> 0);
      case 'ICH_AP0R0_EL2':
        return BigInt(this.active[0]! >>> 0);
      case 'ICH_AP1R0_EL2':
        return BigInt(this.active[1]! >>> 0);
      default:
        return 0n;
    }
  }

  /** Writes an ICH register; those that are read-only, or do not exist, do not come here. */
  ichWrite(name: string, value: bigint): void {
    const low = Number(value & 0xffff_ffffn);
    const lr = /^ICH_LR(\d+)_EL2$/.exec(name);
    if (lr && Number(lr[1]) < LIST_REGISTERS) {
      this.low[Number(lr[1])] = low;
      this.high[Number(lr[1])] = Number(value >> 32n) & LR.WRITABLE;
    } else if (name === 'ICH_HCR_EL2') this.hcr = (low & HCR_WRITABLE) >>> 0;
    else if (name === 'ICH_VMCR_EL2') this.writeVmcr(low);
    else if (name === 'ICH_AP0R0_EL2') this.active[0] = low;
    else if (name === 'ICH_AP1R0_EL2') this.active[1] = low;
    this.update();
  }
  private writeVmcr(value: number): void {
    const bpr1 = Math.max((value >>> VBPR1_LSB) & 7, BPR1_MIN);
    const bpr0 = Math.max((value >>> VBPR0_LSB) & 7, BPR0_MIN);
    const pmr = (value >>> VPMR_LSB) & PRIORITY_MASK;
    this.vmcr = (value & VMCR_FLAGS) | VMCR.VFIQEn | (bpr1 << VBPR1_LSB) | (bpr0 << VBPR0_LSB) | (pmr << VPMR_LSB);
  }
  private setVmcr(lsb: number, bits: number, value: number): void {
    const mask = ((1 << bits) - 1) << lsb;
    this.writeVmcr((this.vmcr & ~mask) | ((value << lsb) & mask));
  }

  // --- the guest's registers ---

  /** Reads what an ICC name means to a guest; reading an IAR acknowledges. */
  icvRead(name: IccName): number {
    switch (name) {
      case 'ICC_IAR0_EL1':
        return this.acknowledge(0);
      case 'ICC_IAR1_EL1':
        return this.acknowledge(1);
      case 'ICC_HPPIR0_EL1':
        return this.highestOf(0);
      case 'ICC_HPPIR1_EL1':
        return this.highestOf(1);
      case 'ICC_PMR_EL1':
        return this.vpmr;
      case 'ICC_RPR_EL1':
        return this.running();
      case 'ICC_BPR0_EL1':
        return this.bpr(0);
      case 'ICC_BPR1_EL1':
        return this.vmcr & VMCR.VCBPR ? Math.min(this.bpr(0) + 1, 7) : this.bpr(1);
      case 'ICC_CTLR_EL1':
        return CTLR_FIXED | (this.vmcr & VMCR.VCBPR ? 1 : 0) | (this.vmcr & VMCR.VEOIM ? 2 : 0);
      case 'ICC_IGRPEN0_EL1':
        return Number(this.isEnabled(0));
      case 'ICC_IGRPEN1_EL1':
        return Number(this.isEnabled(1));
      default:
        return this.active[ICC_REGISTERS[name].class === 'group0' ? 0 : 1]! >>> 0;
    }
  }

  /** Writes what an ICC name means to a guest. */
  icvWrite(name: IccName, value: number): void {
    switch (name) {
      case 'ICC_EOIR0_EL1':
        return this.endOfInterrupt(0, value & 0xff_ffff);
      case 'ICC_EOIR1_EL1':
        return this.endOfInterrupt(1, value & 0xff_ffff);
      case 'ICC_DIR_EL1':
        return this.deactivate(value & 0xff_ffff);
      case 'ICC_PMR_EL1':
        this.setVmcr(VPMR_LSB, 8, value);
        break;
      case 'ICC_BPR0_EL1':
        this.setVmcr(VBPR0_LSB, 3, value);
        break;
      case 'ICC_BPR1_EL1':
        if (!(this.vmcr & VMCR.VCBPR)) this.setVmcr(VBPR1_LSB, 3, value);
        break;
      case 'ICC_CTLR_EL1':
        this.writeVmcr(
          (this.vmcr & ~(VMCR.VCBPR | VMCR.VEOIM)) | (value & 1 ? VMCR.VCBPR : 0) | (value & 2 ? VMCR.VEOIM : 0),
        );
        break;
      case 'ICC_IGRPEN0_EL1':
        this.setVmcr(0, 1, value);
        break;
      case 'ICC_IGRPEN1_EL1':
        this.setVmcr(1, 1, value);
        break;
      default:
        this.active[ICC_REGISTERS[name].class === 'group0' ? 0 : 1] = value;
    }
    this.update();
  }

  private intid(n: number): number {
    return this.low[n]! & 0xff_ffff;
  }
  private highestOf(group: Group): number {
    const best = this.highest();
    return best >= 0 && this.group(best) === group ? this.intid(best) : INTID_NONE;
  }

  private acknowledge(group: Group): number {
    const n = this.highest();
    if (n < 0 || this.group(n) !== group || !this.canSignal(n)) return INTID_NONE;
    const intid = this.intid(n);
    this.high[n]! &= ~LR_STATE;
    // A special INTID is no interrupt, and an LPI has no active state.
    if (!isSpecialIntid(intid)) {
      if (intid < LPI_FIRST) this.high[n]! |= LR.ACTIVE;
      this.active[group]! |= 1 << ((this.priority(n) & this.groupMask(group)) >> (8 - PRIORITY_BITS));
    }
    this.update();
    return intid;
  }

  /** The list register with an active interrupt of an INTID, or -1. */
  private activeWith(intid: number): number {
    return this.high.findIndex((high, n) => (high & LR.ACTIVE) !== 0 && this.intid(n) === intid);
  }
  private notListed(): void {
    const count = ((this.hcr >>> EOI_COUNT_LSB) + 1) & EOI_COUNT_MAX;
    this.hcr = ((this.hcr & ~(EOI_COUNT_MAX << EOI_COUNT_LSB)) | (count << EOI_COUNT_LSB)) >>> 0;
  }

  /** Priority drop, and deactivation unless VEOIM splits the two. */
  private endOfInterrupt(group: Group, intid: number): void {
    if (isSpecialIntid(intid)) return;
    const dropped = this.running();
    if (dropped === PRIORITY_IDLE) return;
    const all = this.active[0]! | this.active[1]!;
    const bit = all & -all;
    this.active[this.active[1]! & bit ? 1 : 0]! &= ~bit;
    const n = this.activeWith(intid);
    const split = (this.vmcr & VMCR.VEOIM) !== 0;
    if (n < 0) {
      if (!split && intid < LPI_FIRST) this.notListed();
    } else if (this.group(n) === group && (this.priority(n) & this.groupMask(group)) === dropped && !split) {
      this.clearActive(n);
    }
    this.update();
  }
  /** ICV_DIR_EL1: ignored while VEOIM is 0. */
  private deactivate(intid: number): void {
    if (isSpecialIntid(intid) || !(this.vmcr & VMCR.VEOIM)) return;
    const n = this.activeWith(intid);
    if (n >= 0) this.clearActive(n);
    else if (intid < LPI_FIRST) this.notListed();
    this.update();
  }
  private clearActive(n: number): void {
    this.high[n]! &= ~LR.ACTIVE;
    const physical = this.high[n]! & PINTID_MASK;
    if (this.high[n]! & LR.HW && !isSpecialIntid(physical)) this.host.deactivate(physical);
  }

  // --- state ---

  /** Plain data under Arm's names. */
  state(): { readonly [name: string]: PlainData } {
    return {
      HCR: this.hcr,
      VMCR: this.vmcr >>> 0,
      LR: Array.from(this.low, (low, n) => [low, this.high[n]! >>> 0]).flat(),
      APR: Array.from(this.active, (word) => word >>> 0),
    };
  }
  /** Inverse of `state`; tells the PE its virtual interrupts, changed or not. */
  load(data: PlainData): void {
    const from = section(data, 'virtual CPU interface');
    this.hcr = Number(from.HCR);
    this.vmcr = Number(from.VMCR);
    numbers(from, 'LR', 2 * LIST_REGISTERS).forEach((word, n) => {
      if (n % 2) this.high[n >> 1] = word | 0;
      else this.low[n >> 1] = word;
    });
    numbers(from, 'APR', 2).forEach((word, n) => {
      this.active[n] = word | 0;
    });
    this.told = -1;
    this.update();
  }
}
