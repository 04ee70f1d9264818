import type { Access, Device, PlainData } from '../device.ts';
import type { Slot } from '../regmap.ts';
import { section } from './bank.ts';
import type { GicCore } from './core.ts';
import {
  type BitRegister,
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
import { GICR_REGS, GICR_STRIDE_BYTES, GICR_WAKER } from './maps.ts';

const TYPER_LAST = 1 << 4;
/** GICR_TYPER.PLPIS, and CommonLPIAff = 1: all redistributors here share the LPI configuration table. */
const TYPER_LPIS = (1 << 24) | 1;
/** GICR_CTLR: EnableLPIs, and that it can be cleared. */
const CTLR_ENABLE_LPIS = 1 << 0;
const CTLR_CES = 1 << 1;

type GicrSlot = Slot<keyof typeof GICR_REGS.registers & string>;

/**
 * The frames of all redistributors, one after the other: SGIs, PPIs and the wake-up of each PE, and where its LPIs are.
 * IHI 0069, "Redistributor register descriptions".
 */
export class Redistributors implements Device {
  readonly name = 'gicr';
  readonly sizeBytes: number;
  readonly #core: GicCore;

  constructor(core: GicCore) {
    this.#core = core;
    this.sizeBytes = core.pes * GICR_STRIDE_BYTES;
  }

  #view(access: Access): View {
    const { ds } = this.#core;
    return { nonSecure: access.nonSecure && !ds, ds, nsacr: false };
  }

  read(offset: number, access: Access): number {
    const pe = Math.floor(offset / GICR_STRIDE_BYTES);
    const at = offset % GICR_STRIDE_BYTES;
    const slot = GICR_REGS.admit(at, access.sizeBytes, 'read', this.#core.host.report);
    return slot === undefined ? 0 : this.#readSlot(pe, slot, at - slot.offset, access);
  }

  #readSlot(pe: number, slot: GicrSlot, lane: number, access: Access): number {
    const core = this.#core;
    const bank = core.privates[pe];
    const view = this.#view(access);
    switch (slot.register.name) {
      case 'GICR_TYPER':
        if (lane === 4) return core.affinities[pe];
        return (pe << 8) | (pe === core.pes - 1 ? TYPER_LAST : 0) | (core.lpis ? TYPER_LPIS : 0);
      case 'GICR_CTLR':
        if (core.lpis === undefined) return 0;
        return CTLR_CES | (core.lpis.isEnabled(pe) ? CTLR_ENABLE_LPIS : 0);
      case 'GICR_PROPBASER':
        return core.lpis?.readBase(pe, 'propbaser', lane === 0 ? 0 : 1) ?? 0;
      case 'GICR_PENDBASER':
        return core.lpis?.readBase(pe, 'pendbaser', lane === 0 ? 0 : 1) ?? 0;
      case 'GICR_WAKER':
        return core.asleep[pe] && !view.nonSecure ? GICR_WAKER.ProcessorSleep | GICR_WAKER.ChildrenAsleep : 0;
      case 'GICR_IPRIORITYR':
        return readPriorities(bank, slot.index * 4 + lane, access.sizeBytes, view);
      case 'GICR_ICFGR0':
        return readConfig(bank, 0, 0, view);
      case 'GICR_ICFGR1':
        return readConfig(bank, 0, 1, view);
      case 'GICR_NSACR':
        return readNsacr(bank, 0, view);
      case 'GICR_IGROUPR0':
      case 'GICR_IGRPMODR0':
      case 'GICR_ISENABLER0':
      case 'GICR_ICENABLER0':
      case 'GICR_ISPENDR0':
      case 'GICR_ICPENDR0':
      case 'GICR_ISACTIVER0':
      case 'GICR_ICACTIVER0':
        return readBits(slot.register.name.slice('GICR_'.length, -1) as BitRegister, bank, 0, view);
      default:
        return slot.register.reset;
    }
  }

  write(offset: number, value: number, access: Access): undefined {
    const pe = Math.floor(offset / GICR_STRIDE_BYTES);
    const at = offset % GICR_STRIDE_BYTES;
    const slot = GICR_REGS.admit(at, access.sizeBytes, 'write', this.#core.host.report);
    if (slot === undefined) return;
    this.#writeSlot(pe, slot, at - slot.offset, value, access);
  }

  #writeSlot(pe: number, slot: GicrSlot, lane: number, value: number, access: Access): void {
    const core = this.#core;
    const bank = core.privates[pe];
    const view = this.#view(access);
    switch (slot.register.name) {
      case 'GICR_ICFGR0':
        return;
      case 'GICR_CTLR':
        core.lpis?.enable(pe, (value & CTLR_ENABLE_LPIS) !== 0);
        return;
      case 'GICR_PROPBASER':
        core.lpis?.writeBase(pe, 'propbaser', lane === 0 ? 0 : 1, value);
        return;
      case 'GICR_PENDBASER':
        core.lpis?.writeBase(pe, 'pendbaser', lane === 0 ? 0 : 1, value);
        return;
      case 'GICR_WAKER':
        if (view.nonSecure) return;
        core.asleep[pe] = (value & GICR_WAKER.ProcessorSleep) !== 0;
        core.updateParticipation(pe);
        return;
      case 'GICR_IPRIORITYR': {
        const first = slot.index * 4 + lane;
        writePriorities(bank, { first, count: access.sizeBytes, priorityMask: core.priorityMask }, value, view);
        break;
      }
      case 'GICR_ICFGR1':
        writeConfig(bank, { word: 0, half: 1 }, value, view);
        break;
      case 'GICR_NSACR':
        writeNsacr(bank, 0, value, view);
        break;
      default:
        writeBits(slot.register.name.slice('GICR_'.length, -1) as BitRegister, bank, 0, value, view);
    }
    core.update(pe);
  }

  /** The redistributors' part only: SGIs, PPIs and sleep of each PE. */
  state(): PlainData {
    const core = this.#core;
    return core.privates.map((bank, pe) => ({ ...bank.state(), ProcessorSleep: core.asleep[pe] }));
  }

  /**
   * Loads without telling the host; the whole GIC's `load` ends with the signals.
   * @throws Error when the data is not that of as many redistributors
   */
  load(state: PlainData): void {
    const core = this.#core;
    if (!Array.isArray(state) || state.length !== core.pes) {
      throw new Error(`GICv3 state: redistributors are not a list of ${core.pes}`);
    }
    state.forEach((data: PlainData, pe) => {
      core.privates[pe].load(data);
      core.asleep[pe] = section(data, 'redistributor').ProcessorSleep === true;
    });
    core.scanAll();
  }

  /** Resets the whole GIC: its parts cannot be reset one by one. */
  reset(): void {
    this.#core.resetRegisters();
    this.#core.updateAll();
  }
}
