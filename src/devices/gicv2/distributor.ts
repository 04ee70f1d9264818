import type { Access, Device, PlainData } from '../device.ts';
import { numbers, section } from '../gicv3/bank.ts';
import {
  type BitRegister,
  mayRoute,
  readBits,
  readConfig,
  readNsacr,
  readPriorities,
  type View,
  writeBits,
  writeConfig,
  writeNsacr,
  writePriorities,
} from '../gicv3/fields.ts';
import { G1NS } from '../gicv3/groups.ts';
import type { Slot } from '../regmap.ts';
import { type Gicv2Core, PRIORITY_MASK, SGI_ENABLES, SGIS, SPI_FIRST } from './core.ts';
import { GICD_CTLR, GICD_REGS } from './maps.ts';

const TYPER_SECURITY_EXTN = 1 << 10;
/** The SGIs of GICD_ISPENDR0 and GICD_ICPENDR0 are read-only. */
const NOT_SGIS = 0xffff_0000;

type GicdSlot = Slot<keyof typeof GICD_REGS.registers & string>;

/** The bank that holds an INTID, and where in it: SGIs and PPIs are the accessing PE's own. */
interface Where {
  readonly bank: Gicv2Core['spis'];
  readonly first: number;
}

/** The distributor's frame. IHI 0048, "Distributor register descriptions". */
export class Distributor implements Device {
  readonly name = 'gicd';
  readonly sizeBytes = GICD_REGS.sizeBytes;
  readonly #core: Gicv2Core;

  constructor(core: Gicv2Core) {
    this.#core = core;
  }

  #view(access: Access): View {
    const one = this.#core.securityStates === 1;
    return { nonSecure: access.nonSecure && !one, ds: one, nsacr: true };
  }

  /** The PE that accesses; the debugger sees what PE 0 sees. */
  #pe(access: Access): number {
    return Math.max(access.pe, 0);
  }

  #where(intid: number, access: Access): Where | undefined {
    const core = this.#core;
    if (intid < SPI_FIRST) return { bank: core.privates[this.#pe(access)], first: intid };
    return core.exists(intid) ? { bank: core.spis, first: intid - SPI_FIRST } : undefined;
  }

  read(offset: number, access: Access): number {
    const slot = GICD_REGS.admit(offset, access.sizeBytes, 'read', this.#core.host.report);
    return slot === undefined ? 0 : this.#readSlot(slot, offset - slot.offset, access);
  }

  #readSlot(slot: GicdSlot, lane: number, access: Access): number {
    const core = this.#core;
    const view = this.#view(access);
    const { index } = slot;
    const { name } = slot.register;
    switch (name) {
      case 'GICD_CTLR':
        return view.nonSecure ? core.ctlr >> 1 : core.ctlr;
      case 'GICD_TYPER':
        return core.spis.words | ((core.pes - 1) << 5) | (core.securityStates === 2 ? TYPER_SECURITY_EXTN : 0);
      case 'GICD_IPRIORITYR': {
        const at = this.#where(index * 4 + lane, access);
        return at ? readPriorities(at.bank, at.first, access.sizeBytes, view) : 0;
      }
      case 'GICD_ITARGETSR':
        return this.#readTargets(index * 4 + lane, access, view);
      case 'GICD_ICFGR': {
        const at = this.#where(index * 16, access);
        return at ? readConfig(at.bank, at.first >> 5, (at.first >> 4) & 1, view) : 0;
      }
      case 'GICD_NSACR': {
        const at = this.#where(index * 16, access);
        return at ? readNsacr(at.bank, at.first >> 4, view) : 0;
      }
      case 'GICD_CPENDSGIR':
      case 'GICD_SPENDSGIR':
        return this.#readSgiSources(index * 4 + lane, access, view);
      default: {
        const register = bitRegister(name);
        if (register === undefined) return slot.register.reset;
        const at = this.#where(index * 32, access);
        return at ? readBits(register, at.bank, at.first >> 5, view) : 0;
      }
    }
  }

  #readTargets(intid: number, access: Access, view: View): number {
    const core = this.#core;
    if (core.pes === 1) return 0;
    let value = 0;
    for (let n = 0; n < access.sizeBytes; n++) {
      const at = this.#where(intid + n, access);
      if (at === undefined || !mayRoute(at.bank, at.first, view)) continue;
      value |= (at.bank === core.spis ? core.targets[at.first] : 1 << this.#pe(access)) << (8 * n);
    }
    return value >>> 0;
  }

  #readSgiSources(intid: number, access: Access, view: View): number {
    const core = this.#core;
    const pe = this.#pe(access);
    let value = 0;
    for (let n = 0; n < access.sizeBytes; n++) {
      if (view.nonSecure && core.groupOf(intid + n, pe) !== G1NS) continue;
      value |= core.sgiSources[pe * SGIS + intid + n] << (8 * n);
    }
    return value >>> 0;
  }

  write(offset: number, value: number, access: Access): undefined {
    const slot = GICD_REGS.admit(offset, access.sizeBytes, 'write', this.#core.host.report);
    if (slot === undefined) return;
    this.#writeSlot(slot, offset - slot.offset, value, access);
    this.#core.updateAll();
  }

  #writeSlot(slot: GicdSlot, lane: number, value: number, access: Access): void {
    const core = this.#core;
    const view = this.#view(access);
    const { index } = slot;
    const { name } = slot.register;
    switch (name) {
      case 'GICD_CTLR':
        if (view.nonSecure) core.ctlr = (core.ctlr & GICD_CTLR.EnableGrp0) | ((value & 1) << 1);
        else core.ctlr = value & (GICD_CTLR.EnableGrp0 | GICD_CTLR.EnableGrp1);
        return;
      case 'GICD_IPRIORITYR': {
        const at = this.#where(index * 4 + lane, access);
        const more = { count: access.sizeBytes, priorityMask: PRIORITY_MASK };
        if (at) writePriorities(at.bank, { first: at.first, ...more }, value, view);
        return;
      }
      case 'GICD_ITARGETSR':
        this.#writeTargets(index * 4 + lane, value, access, view);
        return;
      case 'GICD_ICFGR': {
        // GICD_ICFGR0, that of SGIs, is read-only.
        const at = index === 0 ? undefined : this.#where(index * 16, access);
        if (at) writeConfig(at.bank, { word: at.first >> 5, half: (at.first >> 4) & 1 }, value, view);
        return;
      }
      case 'GICD_NSACR': {
        const at = this.#where(index * 16, access);
        if (at) writeNsacr(at.bank, at.first >> 4, value, view);
        return;
      }
      case 'GICD_SGIR':
        this.#generateSgi(value, access, view);
        return;
      case 'GICD_CPENDSGIR':
      case 'GICD_SPENDSGIR':
        this.#writeSgiSources(name === 'GICD_SPENDSGIR', index * 4 + lane, value, access, view);
        return;
      default:
        this.#writeBits(bitRegister(name)!, index, value, access, view);
    }
  }

  #writeBits(register: BitRegister, index: number, value: number, access: Access, view: View): void {
    const at = this.#where(index * 32, access);
    if (at === undefined) return;
    const pends = register === 'ISPENDR' || register === 'ICPENDR';
    const mine = index === 0 && pends ? value & NOT_SGIS : value;
    writeBits(register, at.bank, at.first >> 5, mine, view);
    if (index === 0) at.bank.enabled[0] |= SGI_ENABLES;
  }

  #writeTargets(intid: number, value: number, access: Access, view: View): void {
    const core = this.#core;
    if (core.pes === 1) return;
    for (let n = 0; n < access.sizeBytes; n++) {
      const at = this.#where(intid + n, access);
      if (at === undefined || at.bank !== core.spis || !mayRoute(at.bank, at.first, view)) continue;
      core.targets[at.first] = (value >>> (8 * n)) & ((1 << core.pes) - 1);
    }
  }

  #writeSgiSources(set: boolean, intid: number, value: number, access: Access, view: View): void {
    const core = this.#core;
    const pe = this.#pe(access);
    for (let n = 0; n < access.sizeBytes; n++) {
      if (view.nonSecure && core.groupOf(intid + n, pe) !== G1NS) continue;
      const sources = (value >>> (8 * n)) & ((1 << core.pes) - 1);
      if (!set) core.unpendSgi(intid + n, pe, sources);
      else for (let from = 0; from < core.pes; from++) if ((sources >> from) & 1) core.pendSgi(intid + n, pe, from);
    }
  }

  /** IHI 0048, "GICD_SGIR, Software Generated Interrupt Register" and "SGI generation when the GIC implements...". */
  #generateSgi(value: number, access: Access, view: View): void {
    const core = this.#core;
    const self = this.#pe(access);
    const filter = (value >>> 24) & 3;
    const intid = value & 15;
    const list = [(value >>> 16) & 0xff, 0xff & ~(1 << self), 1 << self, 0][filter];
    for (let target = 0; target < core.pes; target++) {
      if (((list >> target) & 1) === 0 || !this.#forwards(intid, target, (value >>> 15) & 1, view)) continue;
      core.pendSgi(intid, target, self);
      core.observer?.(self, 'generated', intid, target);
    }
  }

  /** Secure software names the group it means by NSATT; Non-secure software means Group 1, or what NSACR lets it. */
  #forwards(intid: number, target: number, nsatt: number, view: View): boolean {
    const core = this.#core;
    if (core.securityStates === 1) return true;
    const group1 = core.groupOf(intid, target) === G1NS;
    if (!view.nonSecure) return group1 === (nsatt === 1);
    return group1 || ((core.privates[target].nsacr[0] >>> (intid * 2)) & 3) !== 0;
  }

  /** The distributor's part: GICD_CTLR, all interrupts, targets and sources of SGIs. */
  state(): PlainData {
    const core = this.#core;
    return {
      GICD_CTLR: core.ctlr,
      GICD_ITARGETSR: Array.from(core.targets),
      GICD_SPENDSGIR: Array.from(core.sgiSources),
      spis: core.spis.state(),
      privates: core.privates.map((bank) => bank.state()),
    };
  }

  /**
   * Loads without telling the host; the whole GIC's `load` ends with the signals.
   * @throws Error when the data is not that of a distributor built alike
   */
  load(state: PlainData): void {
    const core = this.#core;
    const from = section(state, 'distributor');
    const privates = from.privates;
    if (!Array.isArray(privates) || privates.length !== core.pes) {
      throw new Error(`GICv2 state: private interrupts are not a list of ${core.pes}`);
    }
    core.ctlr = Number(from.GICD_CTLR);
    core.targets.set(numbers(from, 'GICD_ITARGETSR', core.spiCount));
    core.sgiSources.set(numbers(from, 'GICD_SPENDSGIR', core.pes * SGIS));
    core.spis.load(from.spis);
    privates.forEach((data: PlainData, pe) => {
      core.privates[pe].load(data);
    });
  }

  /** Resets the whole GIC: its parts cannot be reset one by one. */
  reset(): void {
    this.#core.resetRegisters();
    this.#core.updateAll();
  }
}

const BIT_REGISTERS: Readonly<Record<string, BitRegister>> = {
  GICD_IGROUPR: 'IGROUPR',
  GICD_ISENABLER: 'ISENABLER',
  GICD_ICENABLER: 'ICENABLER',
  GICD_ISPENDR: 'ISPENDR',
  GICD_ICPENDR: 'ICPENDR',
  GICD_ISACTIVER: 'ISACTIVER',
  GICD_ICACTIVER: 'ICACTIVER',
};

function bitRegister(name: string): BitRegister | undefined {
  return BIT_REGISTERS[name];
}
