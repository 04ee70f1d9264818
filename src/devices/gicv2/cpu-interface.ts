import type { Access, Device, PlainData } from '../device.ts';
import { numbers, section } from '../gicv3/bank.ts';
import { type CpuState, NON_SECURE, SECURE } from '../gicv3/cpu-state.ts';
import {
  fromNonSecurePriority,
  G0,
  G1NS,
  INTID_NONE,
  INTID_SPECIAL_FIRST,
  toNonSecureRunning,
} from '../gicv3/groups.ts';
import type { Slot } from '../regmap.ts';
import { type Gicv2Core, type Gicv2Group, PRIORITY_MASK } from './core.ts';
import { GICC_CTLR, GICC_REGS } from './maps.ts';

/** A Group 1 interrupt is pending and GICC_CTLR.AckCtl does not let this register acknowledge it. */
const INTID_GROUP1 = 1022;
/** GICC_CTLR bits that have no place in `CpuState`. */
const KEPT =
  GICC_CTLR.AckCtl |
  GICC_CTLR.FIQEn |
  GICC_CTLR.FIQBypDisGrp0 |
  GICC_CTLR.IRQBypDisGrp0 |
  GICC_CTLR.FIQBypDisGrp1 |
  GICC_CTLR.IRQBypDisGrp1;
/** The bypass bits of Group 1, which the Non-secure view shows two places lower. */
const GROUP1_BYPASS = GICC_CTLR.FIQBypDisGrp1 | GICC_CTLR.IRQBypDisGrp1;
/** In the Non-secure view EOImodeNS is bit 9. */
const NS_EOIMODE = 1 << 9;
/** Active priorities that Non-secure software sees: the lower half of the table is the Secure one. */
const NS_LEVELS_SHIFT = 16;
const GROUP1_ONLY = ['GICC_ABPR', 'GICC_AIAR', 'GICC_AEOIR', 'GICC_AHPPIR', 'GICC_NSAPR'];

type GiccSlot = Slot<keyof typeof GICC_REGS.registers & string>;

/** Who accesses which PE's interface, and what the register may do. */
interface Side {
  readonly pe: number;
  readonly cpu: CpuState;
  /** A Non-secure access while there are two security states. */
  readonly nonSecure: boolean;
}

/** The CPU interfaces: one frame, in which each PE finds its own. IHI 0048, "CPU interface register descriptions". */
export class CpuInterfaces implements Device {
  readonly name = 'gicc';
  readonly sizeBytes = GICC_REGS.sizeBytes;
  readonly #core: Gicv2Core;

  constructor(core: Gicv2Core) {
    this.#core = core;
  }

  #side(access: Access): Side {
    const pe = Math.max(access.pe, 0);
    const nonSecure = access.nonSecure && this.#core.securityStates === 2;
    return { pe, cpu: this.#core.cpus[pe], nonSecure };
  }

  #admit(offset: number, access: Access, direction: 'read' | 'write', side: Side): GiccSlot | undefined {
    const slot = GICC_REGS.admit(offset, access.sizeBytes, direction, this.#core.host.report);
    // The aliases are Secure software's: to the other they are RAZ/WI.
    return slot && side.nonSecure && GROUP1_ONLY.includes(slot.register.name) ? undefined : slot;
  }

  read(offset: number, access: Access): number {
    const side = this.#side(access);
    const slot = this.#admit(offset, access, 'read', side);
    if (slot === undefined) return 0;
    const { cpu, nonSecure } = side;
    switch (slot.register.name) {
      case 'GICC_CTLR':
        return this.#readCtlr(side);
      case 'GICC_PMR':
        return nonSecure ? toNonSecureRunning(cpu.pmr) & PRIORITY_MASK : cpu.pmr;
      case 'GICC_BPR':
        if (!nonSecure) return cpu.bpr0;
        return cpu.cbpr[NON_SECURE] ? Math.min(cpu.bpr0 + 1, 7) : cpu.bpr1[NON_SECURE];
      case 'GICC_ABPR':
        return cpu.bpr1[NON_SECURE];
      case 'GICC_IAR':
        return this.#acknowledge(side, false);
      case 'GICC_AIAR':
        return this.#acknowledge(side, true);
      case 'GICC_HPPIR':
        return this.#visible(side, false);
      case 'GICC_AHPPIR':
        return this.#visible(side, true);
      case 'GICC_RPR':
        return nonSecure ? toNonSecureRunning(cpu.runningPriority()) : cpu.runningPriority();
      case 'GICC_APR':
        if (slot.index > 0) return 0;
        return nonSecure ? cpu.apr[G1NS][0] >>> NS_LEVELS_SHIFT : cpu.apr[G0][0] >>> 0;
      case 'GICC_NSAPR':
        return slot.index > 0 ? 0 : cpu.apr[G1NS][0] >>> 0;
      default:
        return slot.register.reset;
    }
  }

  write(offset: number, value: number, access: Access): undefined {
    const side = this.#side(access);
    const slot = this.#admit(offset, access, 'write', side);
    if (slot === undefined) return;
    this.#writeSlot(slot, value, side);
    this.#core.update(side.pe);
  }

  #writeSlot(slot: GiccSlot, value: number, side: Side): void {
    const { cpu, nonSecure } = side;
    switch (slot.register.name) {
      case 'GICC_CTLR':
        this.#writeCtlr(side, value);
        return;
      case 'GICC_PMR':
        this.#writePmr(side, value & 0xff);
        return;
      case 'GICC_BPR':
        if (!nonSecure) cpu.bpr0 = Math.max(value & 7, cpu.bprMin('BPR0'));
        else if (!cpu.cbpr[NON_SECURE]) cpu.bpr1[NON_SECURE] = Math.max(value & 7, cpu.bprMin('BPR1NS'));
        return;
      case 'GICC_ABPR':
        cpu.bpr1[NON_SECURE] = Math.max(value & 7, cpu.bprMin('BPR1NS'));
        return;
      case 'GICC_EOIR':
        this.#endOfInterrupt(side, value & 0x3ff, false);
        return;
      case 'GICC_AEOIR':
        this.#endOfInterrupt(side, value & 0x3ff, true);
        return;
      case 'GICC_DIR':
        this.#deactivate(side, value & 0x3ff);
        return;
      case 'GICC_APR':
        if (slot.index > 0) return;
        if (!nonSecure) cpu.apr[G0][0] = value | 0;
        else cpu.apr[G1NS][0] = (cpu.apr[G1NS][0] & 0xffff) | (value << NS_LEVELS_SHIFT);
        return;
      case 'GICC_NSAPR':
        if (slot.index === 0) cpu.apr[G1NS][0] = value | 0;
        return;
    }
  }

  #readCtlr({ pe, cpu, nonSecure }: Side): number {
    const kept = this.#core.control[pe];
    const enable1 = Number(cpu.igrpen[G1NS]);
    const modeNs = Number(cpu.eoiMode[NON_SECURE]);
    if (nonSecure) return enable1 | ((kept & GROUP1_BYPASS) >> 2) | (modeNs ? NS_EOIMODE : 0);
    const modes = (cpu.eoiMode[SECURE] ? GICC_CTLR.EOImodeS : 0) | (modeNs ? GICC_CTLR.EOImodeNS : 0);
    return Number(cpu.igrpen[G0]) | (enable1 << 1) | kept | (cpu.cbpr[NON_SECURE] ? GICC_CTLR.CBPR : 0) | modes;
  }

  #writeCtlr({ pe, cpu, nonSecure }: Side, value: number): void {
    const { control, securityStates } = this.#core;
    if (nonSecure) {
      cpu.igrpen[G1NS] = (value & 1) !== 0;
      control[pe] = (control[pe] & ~GROUP1_BYPASS) | ((value << 2) & GROUP1_BYPASS);
      cpu.eoiMode[NON_SECURE] = (value & NS_EOIMODE) !== 0;
      return;
    }
    cpu.igrpen[G0] = (value & GICC_CTLR.EnableGrp0) !== 0;
    cpu.igrpen[G1NS] = (value & GICC_CTLR.EnableGrp1) !== 0;
    cpu.cbpr[NON_SECURE] = (value & GICC_CTLR.CBPR) !== 0;
    cpu.eoiMode[SECURE] = (value & GICC_CTLR.EOImodeS) !== 0;
    if (securityStates === 2) cpu.eoiMode[NON_SECURE] = (value & GICC_CTLR.EOImodeNS) !== 0;
    control[pe] = value & KEPT;
  }

  #writePmr({ cpu, nonSecure }: Side, value: number): void {
    // A mask that Secure software put into its own half is not Non-secure software's to change.
    if (nonSecure && cpu.pmr < 0x80) return;
    cpu.pmr = (nonSecure ? fromNonSecurePriority(value) : value) & PRIORITY_MASK;
  }

  /** Whether a register reaches a group: IHI 0048, "The effect of interrupt grouping on interrupt acknowledgement". */
  #reaches({ pe, nonSecure }: Side, alias: boolean, group: Gicv2Group): boolean {
    if (nonSecure || alias) return group === G1NS;
    return group === G0 || (this.#core.control[pe] & GICC_CTLR.AckCtl) !== 0;
  }

  /** What HPPIR or AHPPIR shows: INTID, for SGIs with the PE that sent it, or a special INTID. */
  #visible(side: Side, alias: boolean): number {
    const core = this.#core;
    const intid = core.hppiIntid[side.pe];
    if (intid === INTID_NONE) return INTID_NONE;
    const group = core.hppiGroup[side.pe] as Gicv2Group;
    if (!this.#reaches(side, alias, group)) {
      return group === G1NS ? INTID_GROUP1 : INTID_NONE;
    }
    return intid | (core.sourceOf(intid, side.pe) << 10);
  }

  #acknowledge(side: Side, alias: boolean): number {
    const core = this.#core;
    const { pe, cpu } = side;
    if (core.hppiIntid[pe] === INTID_NONE || !core.canSignal(pe)) return INTID_NONE;
    const shown = this.#visible(side, alias);
    const intid = shown & 0x3ff;
    if (intid >= INTID_SPECIAL_FIRST) return intid;
    cpu.activate(core.hppiGroup[pe] as Gicv2Group, core.hppiPriority[pe]);
    core.acknowledge(intid, pe);
    return shown;
  }

  #splitsEoi({ cpu, nonSecure }: Side): boolean {
    return cpu.eoiMode[nonSecure ? NON_SECURE : SECURE];
  }

  /** Priority drop, and deactivation unless EOImode splits the two. The CPUID field is not looked at. */
  #endOfInterrupt(side: Side, intid: number, alias: boolean): void {
    const core = this.#core;
    const { pe, cpu } = side;
    const running = cpu.runningGroup() as Gicv2Group | undefined;
    if (intid >= INTID_SPECIAL_FIRST || running === undefined || !this.#reaches(side, alias, running)) return;
    cpu.drop(running);
    core.observer?.(pe, 'ended', intid);
    if (this.#splitsEoi(side) || !core.exists(intid)) return;
    if (this.#reaches(side, alias, core.groupOf(intid, pe))) core.deactivate(intid, pe);
  }

  /** GICC_DIR. With EOImode = 0 the write is ignored, one of the choices of IHI 0048. */
  #deactivate(side: Side, intid: number): void {
    const core = this.#core;
    if (!core.exists(intid) || !this.#splitsEoi(side)) return;
    if (side.nonSecure && core.groupOf(intid, side.pe) !== G1NS) return;
    core.deactivate(intid, side.pe);
    core.observer?.(side.pe, 'deactivated', intid);
  }

  /** The registers of all PEs. */
  state(): PlainData {
    const core = this.#core;
    return { GICC_CTLR: Array.from(core.control), cpus: core.cpus.map((cpu) => cpu.state()) };
  }

  /** @throws Error when the data is not that of as many interfaces */
  load(state: PlainData): void {
    const core = this.#core;
    const from = section(state, 'CPU interfaces');
    const { cpus } = from;
    if (!Array.isArray(cpus) || cpus.length !== core.pes) {
      throw new Error(`GICv2 state: CPU interfaces are not a list of ${core.pes}`);
    }
    core.control.set(numbers(from, 'GICC_CTLR', core.pes));
    cpus.forEach((data: PlainData, pe) => {
      core.cpus[pe].load(data);
    });
  }

  /** Resets the whole GIC: its parts cannot be reset one by one. */
  reset(): void {
    this.#core.resetRegisters();
    this.#core.updateAll();
  }
}
