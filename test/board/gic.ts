import type { MachineOptions } from '../../src/machine/options.ts';
import { Board, type Place } from './rig.ts';

/** What may differ when an interrupt is armed. */
export interface Arming {
  readonly pe?: number;
  readonly group?: 'G0' | 'G1S' | 'G1NS';
  readonly edge?: boolean;
}

/** EL3, from where everything is set up; the bank is the Non-secure one. */
export const EL3: Place = { el: 3 };
/** Where kernels are. */
export const NS_EL1: Place = { el: 1 };
/** Where a Trusted OS is. */
export const S_EL1: Place = { el: 1, ns: false };
/** Where hypervisors are. */
export const NS_EL2: Place = { el: 2 };

/** A board with a GICv3 and words for what tests do with it. */
export class GicBoard extends Board {
  /** `states`: 2 with EL3 and EL2, 1 (GICD_CTLR.DS = 1) with EL1 alone. */
  constructor(states: 1 | 2 = 1, options: MachineOptions = {}) {
    super(states === 2 ? options : { el3: false, el2: false, ...options });
  }

  private get highest(): Place {
    return { el: this.machine.options.els.el3 ? 3 : 1 };
  }

  /**
   * All groups enabled at the distributor and at every PE, every PE awake, nothing masked; PEs stay at their highest
   * EL.
   */
  open(): this {
    const two = this.machine.options.els.el3;
    this.enter(this.highest);
    this.write('GICD_CTLR', two ? 7 : 3);
    for (let pe = 0; pe < this.machine.pes.length; pe++) {
      this.enter(this.highest, pe);
      this.write('GICR_WAKER', 0, { pe });
      this.msr('ICC_PMR_EL1', 0xff, pe);
      this.msr('ICC_IGRPEN0_EL1', 1, pe);
      if (two) this.msr('ICC_IGRPEN1_EL3', 3, pe);
      else this.msr('ICC_IGRPEN1_EL1', 1, pe);
    }
    return this;
  }

  /** Sets or clears one bit of a register that has one bit per interrupt. */
  bit(register: string, intid: number, on = true, pe = 0): void {
    const name = intid < 32 ? `GICR_${register}0` : `GICD_${register}${intid >> 5}`;
    const mask = (1 << (intid & 31)) >>> 0;
    const before = register.startsWith('IG') ? this.read(name, { pe }) : 0;
    this.write(name, on ? before | mask : before & ~mask, { pe });
  }

  /** The bit of an interrupt in a register. */
  has(register: string, intid: number, pe = 0): boolean {
    const name = intid < 32 ? `GICR_${register}0` : `GICD_${register}${intid >> 5}`;
    return ((this.read(name, { pe }) >>> (intid & 31)) & 1) === 1;
  }

  /** Gives an interrupt a group, a priority and a configuration, and enables it. From the highest EL. */
  arm(intid: number, priority: number, { pe = 0, group = 'G1NS', edge }: Arming = {}): void {
    this.bit('IGROUPR', intid, group === 'G1NS', pe);
    if (this.machine.options.els.el3) this.bit('IGRPMODR', intid, group === 'G1S', pe);
    const priorities = intid < 32 ? 'GICR_IPRIORITYR0' : 'GICD_IPRIORITYR0';
    this.write(priorities, priority, { pe, plus: intid, sizeBytes: 1 });
    if (edge !== undefined) {
      const config = intid < 32 ? 'GICR_ICFGR1' : `GICD_ICFGR${intid >> 4}`;
      const field = (2 << ((intid & 15) * 2)) >>> 0;
      const before = this.read(config, { pe });
      this.write(config, edge ? before | field : before & ~field, { pe });
    }
    this.bit('ISENABLER', intid, true, pe);
  }

  /** Sets (or clears) the pending state of an interrupt. */
  pend(intid: number, on = true, pe = 0): void {
    this.bit(on ? 'ISPENDR' : 'ICPENDR', intid, true, pe);
  }

  /** The level of the wire of a device that this board does not use otherwise. */
  wire(intid: number, level: boolean, pe = 0): void {
    this.machine.gic.setLine(intid, level, pe);
  }

  /** What ISR_EL1 shows of IRQ and FIQ. */
  signalled(pe = 0): string {
    const isr = this.get('ISR_EL1', pe);
    return `${isr & 0x80 ? 'IRQ' : ''}${isr & 0x40 ? 'FIQ' : ''}` || '-';
  }

  /** Acknowledges through IAR1. */
  ack(pe = 0): number {
    return this.get('ICC_IAR1_EL1', pe);
  }

  /** End of interrupt through EOIR1. */
  eoi(intid: number, pe = 0): void {
    this.msr('ICC_EOIR1_EL1', intid, pe);
  }
}
