import { Gicv3, type Gicv3Options, type IccContext, type IccName } from './gicv3.ts';
import type { ItsHost } from './its/its.ts';
import { GITS_REGS } from './its/regs.ts';
import { GICD_REGS, GICR_REGS, GICR_STRIDE_BYTES } from './maps.ts';

/** Security state of an access on the bus. */
export type World = 'S' | 'NS';

/** EL3. Here and below SCR_EL3 and HCR_EL2 are clear but for SCR_EL3.NS. */
export const EL3: IccContext = at(3, { nonSecure: false, scrNs: false });
/** Secure EL1. */
export const S_EL1: IccContext = at(1, { nonSecure: false, scrNs: false });
/** Non-secure EL1, SCR_EL3.NS set. */
export const NS_EL1: IccContext = at(1, {});
/** Non-secure EL2. */
export const NS_EL2: IccContext = at(2, {});
/** The only state of a PE without EL2 and EL3. */
export const LONE_EL1: IccContext = at(1, { el3: false, el2: false });

function at(el: 0 | 1 | 2 | 3, more: Partial<IccContext>): IccContext {
  const scr = { scrNs: true, scrIrq: false, scrFiq: false };
  return { el, nonSecure: true, el3: true, el2: true, hcrFmo: false, hcrImo: false, ...scr, ...more };
}

/** A GIC with fake PEs, driven as a guest drives it: registers by name, wires, and what each PE's inputs say. */
export class Rig {
  readonly gic: Gicv3;
  /** What each PE was last told: '-', 'IRQ' or 'FIQ'. */
  readonly inputs: string[];
  /** How often the host was told something. */
  signals = 0;
  readonly reports: string[] = [];
  readonly contexts: IccContext[];

  /** @param its - with it there are LPIs and an ITS */
  constructor(options: Partial<Gicv3Options> = {}, its?: ItsHost) {
    const pes = options.pes ?? 1;
    const securityStates = options.securityStates ?? 1;
    this.inputs = new Array(pes).fill('-');
    this.contexts = new Array(pes).fill(securityStates === 1 ? LONE_EL1 : NS_EL1);
    const host = {
      report: (message: string) => this.reports.push(message),
      signal: (pe: number, irq: boolean, fiq: boolean) => {
        this.signals++;
        this.inputs[pe] = `${irq ? 'IRQ' : ''}${fiq ? 'FIQ' : ''}` || '-';
      },
      context: (pe: number) => this.contexts[pe],
      its,
    };
    const mpidrAffinities = Array.from({ length: pes }, (_, pe) => pe);
    this.gic = new Gicv3(host, { mpidrAffinities, ...options, pes, securityStates });
  }

  /** Offset in its frame of a register by name, e.g. `GICD_IROUTER33`. */
  static offsetOf(name: string): number {
    const map = { GICD: GICD_REGS, GICR: GICR_REGS, GITS: GITS_REGS }[name.slice(0, 4)] ?? GICR_REGS;
    const rows = map.registers as Record<
      string,
      { at: number; first?: number; strideBytes?: number; sizeBytes: number }
    >;
    if (rows[name] !== undefined) return rows[name].at;
    const [, base, number] = /^(.*?)(\d+)$/.exec(name) ?? ['', name, '0'];
    const row = rows[base];
    if (row === undefined) throw new Error(`no register ${name}`);
    return row.at + (Number(number) - (row.first ?? 0)) * (row.strideBytes ?? row.sizeBytes);
  }

  /** Reads a GICD or GICR register; `pe` says whose GICR, `plus` adds to the offset. */
  read(world: World, name: string, more: { pe?: number; plus?: number; sizeBytes?: 1 | 2 | 4 } = {}): number {
    const { pe = 0, plus = 0, sizeBytes = 4 } = more;
    const access = { sizeBytes, nonSecure: world === 'NS', pe };
    const offset = Rig.offsetOf(name) + plus;
    if (name.startsWith('GICD')) return this.gic.distributor.read(offset, access) as number;
    if (name.startsWith('GITS')) return this.gic.its!.read(offset, access);
    return this.gic.redistributors.read(offset + pe * GICR_STRIDE_BYTES, access) as number;
  }

  /** Writes a GICD or GICR register; see `read`. */
  write(
    world: World,
    name: string,
    value: number,
    more: { pe?: number; plus?: number; sizeBytes?: 1 | 2 | 4 } = {},
  ): void {
    const { pe = 0, plus = 0, sizeBytes = 4 } = more;
    const access = { sizeBytes, nonSecure: world === 'NS', pe };
    const offset = Rig.offsetOf(name) + plus;
    if (name.startsWith('GICD')) this.gic.distributor.write(offset, value >>> 0, access);
    else if (name.startsWith('GITS')) this.gic.its!.write(offset, value >>> 0, access);
    else this.gic.redistributors.write(offset + pe * GICR_STRIDE_BYTES, value >>> 0, access);
  }

  /** Reads an ICC register as the PE, or as another context says. */
  get(name: IccName, pe = 0, ctx: IccContext = this.contexts[pe]): number {
    return Number(this.gic.iccRead(pe, name, ctx));
  }

  /** Writes an ICC register as the PE, or as another context says. */
  set(name: IccName, value: number | bigint, pe = 0, ctx: IccContext = this.contexts[pe]): void {
    this.gic.iccWrite(pe, name, BigInt(value), ctx);
  }

  /** The PE goes elsewhere: EL, security state or routing bits change. */
  enter(pe: number, ctx: IccContext): void {
    this.contexts[pe] = ctx;
    this.gic.update(pe);
  }

  /** An SPI, or a PPI or SGI of `pe`, of Group 1, enabled, at a priority; edge or level as it is after reset. */
  arm(
    intid: number,
    priority: number,
    more: { pe?: number; group?: 0 | 1; modifier?: 0 | 1; edge?: boolean } = {},
  ): void {
    const { pe = 0, group = 1, modifier = 0, edge } = more;
    const word = intid >> 5;
    const bit = (1 << (intid & 31)) >>> 0;
    const name = (register: string) => (intid < 32 ? `GICR_${register}0` : `GICD_${register}${word}`);
    const change = (register: string, on: number) => {
      const before = this.read('S', name(register), { pe });
      this.write('S', name(register), on === 1 ? before | bit : before & ~bit, { pe });
    };
    change('IGROUPR', group);
    change('IGRPMODR', modifier);
    const priorities = intid < 32 ? 'GICR_IPRIORITYR0' : 'GICD_IPRIORITYR0';
    this.write('S', priorities, priority, { pe, plus: intid, sizeBytes: 1 });
    if (edge !== undefined) {
      const config = intid < 32 ? 'GICR_ICFGR1' : `GICD_ICFGR${intid >> 4}`;
      const field = 2 << ((intid & 15) * 2);
      const before = this.read('S', config, { pe });
      this.write('S', config, edge ? before | field : before & ~field, { pe });
    }
    this.write('S', name('ISENABLER'), bit, { pe });
  }

  /** All groups enabled at the distributor and at every PE, every PE awake, nothing masked. */
  open(): this {
    this.write('S', 'GICD_CTLR', 7);
    this.contexts.forEach((ctx, pe) => {
      this.write('S', 'GICR_WAKER', 0, { pe });
      const most = ctx.el3 ? EL3 : ctx;
      this.set('ICC_PMR_EL1', 0xff, pe, most);
      this.set('ICC_IGRPEN0_EL1', 1, pe, most);
      if (ctx.el3) this.set('ICC_IGRPEN1_EL3', 3, pe, most);
      else this.set('ICC_IGRPEN1_EL1', 1, pe, most);
    });
    return this;
  }

  /** Sets or clears the pending bit of an interrupt. */
  pend(intid: number, on = true, pe = 0): void {
    const register = on ? 'ISPENDR' : 'ICPENDR';
    const name = intid < 32 ? `GICR_${register}0` : `GICD_${register}${intid >> 5}`;
    this.write('S', name, 1 << (intid & 31), { pe });
  }
}
