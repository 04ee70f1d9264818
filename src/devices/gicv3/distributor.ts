import type { Access, Device, PlainData } from '../device.ts';
import type { Slot } from '../regmap.ts';
import { numbers, section } from './bank.ts';
import { type GicCore, SPI_FIRST } from './core.ts';
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
} from './fields.ts';
import { LPI_INTID_BITS_MAX } from './its/limits.ts';
import { GICD_CTLR, GICD_REGS } from './maps.ts';

const GROUP_ENABLES = GICD_CTLR.EnableGrp0 | GICD_CTLR.EnableGrp1NS | GICD_CTLR.EnableGrp1S;
/** GICD_TYPER: Aff3 supported, 1 of N supported (No1N = 0). */
const TYPER_FIXED = 1 << 24;
/** 10 bits of INTID without LPIs; with them 16, and LPIS. */
const TYPER_IDBITS = 9 << 19;
const TYPER_LPIS = (1 << 17) | ((LPI_INTID_BITS_MAX - 1) << 19);
const TYPER_SECURITY_EXTN = 1 << 10;

type GicdSlot = Slot<keyof typeof GICD_REGS.registers & string>;

/**
 * The distributor's frame: SPIs, and the enables of the groups. Affinity routing is always on, so the fields of SGIs
 * and PPIs here are RAZ/WI. IHI 0069, "Distributor register descriptions".
 */
export class Distributor implements Device {
  readonly name = 'gicd';
  readonly sizeBytes = GICD_REGS.sizeBytes;
  readonly #core: GicCore;
  /** The routes that were saved or loaded last: while they are so, the same list is saved again. */
  #routes: readonly number[] = [];

  constructor(core: GicCore) {
    this.#core = core;
  }

  #view(access: Access): View {
    const { ds } = this.#core;
    return { nonSecure: access.nonSecure && !ds, ds, nsacr: true };
  }

  read(offset: number, access: Access): number {
    const slot = GICD_REGS.admit(offset, access.sizeBytes, 'read', this.#core.host.report);
    return slot === undefined ? 0 : this.#readSlot(slot, offset - slot.offset, access);
  }

  #readSlot(slot: GicdSlot, lane: number, access: Access): number {
    const core = this.#core;
    const view = this.#view(access);
    const { index } = slot;
    switch (slot.register.name) {
      case 'GICD_CTLR':
        return this.#readCtlr(view);
      case 'GICD_TYPER':
        return this.#typer();
      case 'GICD_IPRIORITYR': {
        const first = index * 4 + lane - SPI_FIRST;
        return this.#reaches(first) ? readPriorities(core.spis, first, access.sizeBytes, view) : 0;
      }
      case 'GICD_ICFGR':
        return this.#reaches((index - 2) * 16) ? readConfig(core.spis, (index - 2) >> 1, index & 1, view) : 0;
      case 'GICD_NSACR':
        return this.#reaches((index - 2) * 16) ? readNsacr(core.spis, index - 2, view) : 0;
      case 'GICD_IROUTER': {
        const spi = index - SPI_FIRST;
        if (spi >= core.spiCount || !mayRoute(core.spis, spi, view)) return 0;
        return lane === 0 ? core.routeLow[spi] >>> 0 : core.routeHigh[spi];
      }
      case 'GICD_IGROUPR':
      case 'GICD_IGRPMODR':
      case 'GICD_ISENABLER':
      case 'GICD_ICENABLER':
      case 'GICD_ISPENDR':
      case 'GICD_ICPENDR':
      case 'GICD_ISACTIVER':
      case 'GICD_ICACTIVER': {
        const register = slot.register.name.slice('GICD_'.length) as BitRegister;
        return this.#reaches((index - 1) * 32) ? readBits(register, core.spis, index - 1, view) : 0;
      }
      default:
        return slot.register.reset;
    }
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
    switch (slot.register.name) {
      case 'GICD_CTLR':
        this.#writeCtlr(value, view);
        return;
      case 'GICD_IPRIORITYR': {
        const place = { first: index * 4 + lane - SPI_FIRST, count: access.sizeBytes, priorityMask: core.priorityMask };
        if (this.#reaches(place.first)) writePriorities(core.spis, place, value, view);
        return;
      }
      case 'GICD_ICFGR': {
        const place = { word: (index - 2) >> 1, half: index & 1 };
        if (this.#reaches((index - 2) * 16)) writeConfig(core.spis, place, value, view);
        return;
      }
      case 'GICD_NSACR':
        if (this.#reaches((index - 2) * 16)) writeNsacr(core.spis, index - 2, value, view);
        return;
      case 'GICD_IROUTER': {
        const spi = index - SPI_FIRST;
        if (spi >= core.spiCount || !mayRoute(core.spis, spi, view)) return;
        if (lane === 0) core.setRoute(spi, value | 0, core.routeHigh[spi]);
        else core.setRoute(spi, core.routeLow[spi], value);
        return;
      }
      default: {
        const register = slot.register.name.slice('GICD_'.length) as BitRegister;
        if (this.#reaches((index - 1) * 32)) writeBits(register, core.spis, index - 1, value, view);
      }
    }
  }

  /** True when the SPI, numbered from 0, lies in an implemented word. */
  #reaches(spi: number): boolean {
    return spi >= 0 && spi < this.#core.spis.words * 32;
  }

  #typer(): number {
    const { ds, lpis, spis } = this.#core;
    const lines = Math.min(spis.words, 31);
    return TYPER_FIXED | (lpis ? TYPER_LPIS : TYPER_IDBITS) | (ds ? 0 : TYPER_SECURITY_EXTN) | lines;
  }

  /** The three views of GICD_CTLR; RWP is always 0 because writes take effect at once. */
  #readCtlr(view: View): number {
    const { ctlr } = this.#core;
    if (view.nonSecure) return (ctlr & GICD_CTLR.EnableGrp1NS) | GICD_CTLR.ARE;
    return ctlr | GICD_CTLR.ARE | (view.ds ? 0 : GICD_CTLR.ARE_NS);
  }

  #writeCtlr(value: number, view: View): void {
    const core = this.#core;
    let mine: number = GROUP_ENABLES;
    if (view.nonSecure) mine = GICD_CTLR.EnableGrp1NS;
    else if (view.ds) mine = GICD_CTLR.EnableGrp0 | GICD_CTLR.EnableGrp1NS;
    core.ctlr = (core.ctlr & ~mine) | (value & mine);
    // DS is one way: only a reset brings the second security state back.
    if (!view.nonSecure && (value & GICD_CTLR.DS) !== 0) {
      core.ctlr = (core.ctlr & ~GICD_CTLR.EnableGrp1S) | GICD_CTLR.DS;
      core.lpis?.deriveAll();
    }
  }

  /** The distributor's part only: GICD_CTLR, SPIs and routes. */
  state(): PlainData {
    const core = this.#core;
    const { routeLow, routeHigh } = core;
    if (!this.#routesAre(this.#routes))
      this.#routes = Array.from(routeLow, (low, spi) => (low >>> 0) + routeHigh[spi] * 2 ** 32);
    return { GICD_CTLR: core.ctlr, GICD_IROUTER: this.#routes, spis: core.spis.state() };
  }

  /**
   * Loads without telling the host; the whole GIC's `load` ends with the signals.
   * @throws Error when the data is not that of a distributor with as many SPIs
   */
  load(state: PlainData): void {
    const core = this.#core;
    const from = section(state, 'distributor');
    core.ctlr = Number(from.GICD_CTLR);
    core.spis.load(from.spis);
    const known = from.GICD_IROUTER === this.#routes;
    const routes = known ? this.#routes : numbers(from, 'GICD_IROUTER', core.spiCount);
    if (!this.#routesAre(routes)) {
      routes.forEach((route, spi) => {
        core.routeLow[spi] = route | 0;
        core.routeHigh[spi] = Math.floor(route / 2 ** 32);
      });
      core.deriveRoutes();
    }
    this.#routes = routes;
    core.scanAll();
  }
  #routesAre(routes: readonly number[]): boolean {
    const { routeLow, routeHigh } = this.#core;
    let spi = 0;
    while (spi < routeLow.length && routes[spi] === (routeLow[spi] >>> 0) + routeHigh[spi] * 2 ** 32) spi++;
    return spi === routeLow.length && spi === routes.length;
  }

  /** Resets the whole GIC: its parts cannot be reset one by one. */
  reset(): void {
    this.#core.resetRegisters();
    this.#core.updateAll();
  }
}
