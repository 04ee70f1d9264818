import type { Access, Device, PlainData, Report } from '../device.ts';
import { section } from '../gicv3/bank.ts';
import { VirtualInterface } from '../gicv3/virtual.ts';
import { GICH_REGS, GICV_CTLR, GICV_REGS } from './virtual-maps.ts';

/** What the virtual interfaces do to the GIC and the PEs around them. */
export interface Gicv2VirtualHost {
  readonly report: Report;
  /** Virtual IRQ and FIQ of a PE; called when they changed. */
  signalVirtual(pe: number, irq: boolean, fiq: boolean): void;
  /** Level of a PE's maintenance interrupt. */
  maintenance(pe: number, level: boolean): void;
  /** A list register with HW = 1 was deactivated: so is the physical interrupt. */
  deactivate(pe: number, intid: number): void;
}

/** Writable bits of GICH_HCR: those that only ICH_HCR_EL2 has are RES0. */
const HCR_WRITABLE = 0xf800_00ff;
/** What GICv3 with System registers has fixed, and GICv2 in registers. */
const KEPT = GICV_CTLR.AckCtl | GICV_CTLR.FIQEn;
const CTLR = GICV_CTLR.EnableGrp0 | GICV_CTLR.EnableGrp1 | GICV_CTLR.CBPR | GICV_CTLR.EOImode;
const PRIORITY_MASK = 0xf8;
const INTID_NONE = 1023;
/** The highest priority pending interrupt is of Group 1 and GICV_CTLR.AckCtl is 0. */
const INTID_GROUP1 = 1022;
/** INTID and, of an SGI, the CPU that it came from. */
const SHOWN = 0x1fff;
const SGI_END = 16;

/** Fields of GICH_LR and of the high word of ICH_LR_EL2: mask here, how far it moves up there. */
const LR_FIELDS: readonly (readonly [mask: number, up: number])[] = [
  [0x3 << 28, 2],
  [0x1 << 31, -2],
  [0x1 << 30, -2],
  [0x1f << 23, -4],
];
const LR = { HW: 1 << 31, EOI: 1 << 19, V3_EOI: 1 << 9, V3_HW: 1 << 29, ID: 0x3ff, PHYSICAL_LSB: 10 } as const;
/** Moves bits of a 32-bit word up, or down for a negative number. */
const moved = (word: number, up: number): number => (up >= 0 ? word << up : word >>> -up);

/** A GICH_LR as ICH_LR_EL2. The CPU of an SGI stays where IAR shows it, above the INTID. */
function toV3(lr: number): bigint {
  let high = LR_FIELDS.reduce((word, [mask, up]) => word | moved(lr & mask, up), 0);
  const physical = (lr >>> LR.PHYSICAL_LSB) & LR.ID;
  if (lr & LR.HW) high |= physical;
  else if (lr & LR.EOI) high |= LR.V3_EOI;
  const id = lr & LR.ID;
  const low = !(lr & LR.HW) && id < SGI_END ? lr & SHOWN : id;
  return (BigInt(high >>> 0) << 32n) | BigInt(low);
}
function fromV3(value: bigint): number {
  const high = Number(value >> 32n) | 0;
  const low = Number(value & 0xffff_ffffn);
  const fields = LR_FIELDS.reduce((word, [mask, up]) => word | (moved(high, -up) & mask), 0);
  const physical = high & LR.V3_HW ? (high & LR.ID) << LR.PHYSICAL_LSB : high & LR.V3_EOI ? LR.EOI : 0;
  return (fields | physical | (low & SHOWN)) >>> 0;
}

/** The virtual interface of one PE: the rules are those of GICv3, the registers those of GICv2. */
class PeVirtual {
  readonly rules: VirtualInterface;
  /** GICV_CTLR.AckCtl and FIQEn. */
  kept = 0;
  private group0 = false;
  private group1 = false;
  private readonly tell: (irq: boolean, fiq: boolean) => void;

  constructor(pe: number, host: Gicv2VirtualHost) {
    this.tell = (irq, fiq) => host.signalVirtual(pe, irq, fiq);
    this.rules = new VirtualInterface({
      // There IRQ is Group 1 and FIQ Group 0.
      signal: (irq, fiq) => {
        this.group1 = irq;
        this.group0 = fiq;
        this.signal();
      },
      maintenance: (level) => host.maintenance(pe, level),
      deactivate: (intid) => host.deactivate(pe, intid),
    });
  }
  private signal(): void {
    const fiq = this.group0 && (this.kept & GICV_CTLR.FIQEn) !== 0;
    this.tell(this.group1 || (this.group0 && !fiq), fiq);
  }
  setKept(value: number): void {
    this.kept = value & KEPT;
    this.signal();
  }
  private ich(name: string): number {
    return Number(this.rules.ichRead(name)) | 0;
  }

  get vmcr(): number {
    return ((this.ich('ICH_VMCR_EL2') & ~KEPT) | this.kept) >>> 0;
  }
  set vmcr(value: number) {
    this.rules.ichWrite('ICH_VMCR_EL2', BigInt(value >>> 0));
    this.setKept(value);
  }
  get apr(): number {
    return (this.ich('ICH_AP0R0_EL2') | this.ich('ICH_AP1R0_EL2')) >>> 0;
  }
  /** GICv2 does not say of which group the active priorities are. */
  set apr(value: number) {
    this.rules.ichWrite('ICH_AP0R0_EL2', BigInt(value >>> 0));
    this.rules.ichWrite('ICH_AP1R0_EL2', 0n);
  }
  get ctlr(): number {
    return (this.vmcr & (CTLR | KEPT)) >>> 0;
  }
  set ctlr(value: number) {
    this.vmcr = (this.vmcr & ~(CTLR | KEPT)) | (value & (CTLR | KEPT));
  }

  /** What HPPIR or AHPPIR shows. */
  pending(alias: boolean): number {
    const zero = this.rules.icvRead('ICC_HPPIR0_EL1');
    const one = this.rules.icvRead('ICC_HPPIR1_EL1');
    if (alias) return one;
    if (one === INTID_NONE) return zero;
    return this.kept & GICV_CTLR.AckCtl ? one : INTID_GROUP1;
  }
  /** IAR or AIAR: IHI 0048, "The effect of interrupt grouping on interrupt acknowledgement". */
  acknowledge(alias: boolean): number {
    if (!this.group0 && !this.group1) return INTID_NONE;
    if (this.group0) return alias ? INTID_NONE : this.rules.icvRead('ICC_IAR0_EL1');
    if (alias || this.kept & GICV_CTLR.AckCtl) return this.rules.icvRead('ICC_IAR1_EL1');
    return INTID_GROUP1;
  }
  /** EOIR reaches Group 1 with AckCtl alone, AEOIR nothing else. */
  end(value: number, alias: boolean): void {
    const both = !alias && (this.kept & GICV_CTLR.AckCtl) !== 0;
    const group1 = alias || (both && this.isGroup1(value));
    this.rules.icvWrite(group1 ? 'ICC_EOIR1_EL1' : 'ICC_EOIR0_EL1', value);
  }
  private isGroup1(shown: number): boolean {
    for (const slot of LR_SLOTS) {
      const lr = this.lr(slot);
      if ((lr & SHOWN) === shown && lr & (2 << 28)) return (lr & (1 << 30)) !== 0;
    }
    return false;
  }
  lr(n: number): number {
    return fromV3(this.rules.ichRead(`ICH_LR${n}_EL2`));
  }
  setLr(n: number, value: number): void {
    this.rules.ichWrite(`ICH_LR${n}_EL2`, toV3(value));
  }
  reset(): void {
    this.kept = 0;
    this.rules.reset();
    this.signal();
  }
  load(data: PlainData): void {
    const from = section(data, 'virtual interface');
    this.kept = Number(from.kept);
    this.rules.load(from.rules);
  }
  state(): PlainData {
    return { kept: this.kept, rules: this.rules.state() };
  }
}
const LR_SLOTS = Array.from({ length: GICH_REGS.registers.GICH_LR.count! }, (_, n) => n);

/** The two frames of all virtual interfaces: each PE finds its own there. IHI 0048, "GIC Virtualization". */
export class Gicv2Virtual {
  /** For the hypervisor. */
  readonly gich: Device;
  /** For its guest. */
  readonly gicv: Device;
  private readonly pes: readonly PeVirtual[];
  private readonly host: Gicv2VirtualHost;

  constructor(pes: number, host: Gicv2VirtualHost) {
    this.host = host;
    this.pes = Array.from({ length: pes }, (_, pe) => new PeVirtual(pe, host));
    const parts = { state: () => this.state(), load: (data: PlainData) => this.load(data), reset: () => this.reset() };
    this.gich = {
      name: 'gich',
      sizeBytes: GICH_REGS.sizeBytes,
      read: (offset, access) => this.readGich(offset, access),
      write: (offset, value, access) => this.writeGich(offset, value, access),
      ...parts,
    };
    this.gicv = {
      name: 'gicv',
      sizeBytes: GICV_REGS.sizeBytes,
      read: (offset, access) => this.readGicv(offset, access),
      write: (offset, value, access) => this.writeGicv(offset, value, access),
      ...parts,
    };
  }
  private of({ pe }: Access): PeVirtual {
    return this.pes[Math.max(pe, 0)]!;
  }

  private readGich(offset: number, access: Access): number {
    const slot = GICH_REGS.admit(offset, access.sizeBytes, 'read', this.host.report);
    if (!slot) return 0;
    const own = this.of(access);
    const { name, reset } = slot.register;
    switch (name) {
      case 'GICH_HCR':
      case 'GICH_MISR':
      case 'GICH_EISR':
      case 'GICH_ELRSR':
        return slot.index > 0 ? 0 : Number(own.rules.ichRead(`${name.replace('GICH', 'ICH')}_EL2`));
      case 'GICH_VMCR':
        return own.vmcr;
      case 'GICH_APR':
        return own.apr;
      case 'GICH_LR':
        return own.lr(slot.index);
      default:
        return reset;
    }
  }
  private writeGich(offset: number, value: number, access: Access): undefined {
    const slot = GICH_REGS.admit(offset, access.sizeBytes, 'write', this.host.report);
    if (!slot) return;
    const own = this.of(access);
    switch (slot.register.name) {
      case 'GICH_HCR':
        own.rules.ichWrite('ICH_HCR_EL2', BigInt((value & HCR_WRITABLE) >>> 0));
        return;
      case 'GICH_VMCR':
        own.vmcr = value;
        return;
      case 'GICH_APR':
        own.apr = value;
        return;
      case 'GICH_LR':
        own.setLr(slot.index, value);
        return;
    }
  }

  private readGicv(offset: number, access: Access): number {
    const slot = GICV_REGS.admit(offset, access.sizeBytes, 'read', this.host.report);
    if (!slot) return 0;
    const own = this.of(access);
    const { rules } = own;
    switch (slot.register.name) {
      case 'GICV_CTLR':
        return own.ctlr;
      case 'GICV_PMR':
        return rules.icvRead('ICC_PMR_EL1');
      case 'GICV_BPR':
        return rules.icvRead('ICC_BPR0_EL1');
      case 'GICV_ABPR':
        return rules.icvRead('ICC_BPR1_EL1');
      case 'GICV_RPR':
        return rules.icvRead('ICC_RPR_EL1');
      case 'GICV_IAR':
        return own.acknowledge(false);
      case 'GICV_AIAR':
        return own.acknowledge(true);
      case 'GICV_HPPIR':
        return own.pending(false);
      case 'GICV_AHPPIR':
        return own.pending(true);
      case 'GICV_APR':
        return slot.index > 0 ? 0 : own.apr;
      default:
        return slot.register.reset;
    }
  }
  private writeGicv(offset: number, value: number, access: Access): undefined {
    const slot = GICV_REGS.admit(offset, access.sizeBytes, 'write', this.host.report);
    if (!slot) return;
    const own = this.of(access);
    switch (slot.register.name) {
      case 'GICV_CTLR':
        own.ctlr = value;
        return;
      case 'GICV_PMR':
        own.rules.icvWrite('ICC_PMR_EL1', value & PRIORITY_MASK);
        return;
      case 'GICV_BPR':
        own.rules.icvWrite('ICC_BPR0_EL1', value & 7);
        return;
      case 'GICV_ABPR':
        own.rules.icvWrite('ICC_BPR1_EL1', value & 7);
        return;
      case 'GICV_EOIR':
        own.end(value & SHOWN, false);
        return;
      case 'GICV_AEOIR':
        own.end(value & SHOWN, true);
        return;
      case 'GICV_DIR':
        own.rules.icvWrite('ICC_DIR_EL1', value & SHOWN);
        return;
      case 'GICV_APR':
        if (slot.index === 0) own.apr = value;
        return;
    }
  }

  /** The interface of one PE, as at CPU_ON. */
  resetPe(pe: number): void {
    this.pes[pe]!.reset();
  }
  /** Power-on reset. */
  reset(): void {
    for (const pe of this.pes) pe.reset();
  }
  /** The interfaces of all PEs. */
  state(): PlainData {
    return this.pes.map((pe) => pe.state());
  }
  /** Inverse of `state`. @throws Error when the data is not that of as many interfaces */
  load(data: PlainData): void {
    if (!Array.isArray(data) || data.length !== this.pes.length)
      throw new Error(`GICv2 state: virtual interfaces are not a list of ${this.pes.length}`);
    data.forEach((one: PlainData, pe) => {
      this.pes[pe]!.load(one);
    });
  }
}
