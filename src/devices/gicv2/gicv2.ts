import type { Device, PlainData } from '../device.ts';
import { checkLine, type Gic, GicError, type GicObserver } from '../gic.ts';
import { FirmwareInterrupts } from '../gic-firmware.ts';
import { numbers, section } from '../gicv3/bank.ts';
import { Gicv2Core, type Gicv2Host, type Gicv2Options, PRIORITY_MASK, SPI_FIRST } from './core.ts';
import { CpuInterfaces } from './cpu-interface.ts';
import { Distributor } from './distributor.ts';
import { GICC_CTLR } from './maps.ts';
import { Gicv2Virtual } from './virtual.ts';

/*
 * What a hostile guest can do here, and what stops it.
 *
 * | attempt                                          | what happens                                               |
 * |--------------------------------------------------|------------------------------------------------------------|
 * | any width at any offset of a frame               | the register map decides; else RAZ/WI and a report         |
 * | Non-secure access to Group 0                     | masked per bit; the aliases of Group 1 are RAZ/WI to it    |
 * | Non-secure priorities or PMR in the Secure half  | shifted into 0x80..0xFF; PMR below 0x80 is left alone      |
 * | EOI or DIR of a foreign group, or never seen     | group checked; a priority drop with nothing active is nil  |
 * | SGIs to PEs that do not exist                    | no target: dropped                                         |
 *
 * Memory is fixed at construction; every loop runs over PEs (at most 8), words (at most 31) or the bits of one word.
 */

/** The PPI that tells a hypervisor of its list registers, as Arm recommends. */
const MAINTENANCE_INTID = 25;

/**
 * A GICv2: distributor and CPU interfaces as two frames on the bus, with or without the Security Extensions; with the
 * Virtualization Extensions two frames more. Not modelled: the bypass signals, message-based interrupts, the alias
 * frames of GICH by which a PE reaches those of others.
 *
 * @see IHI 0048, "Arm Generic Interrupt Controller Architecture Specification, Architecture version 2.0"
 */
export class Gicv2 implements Gic {
  /** The distributor's frame, 4 KiB. */
  readonly distributor: Device;
  /** The CPU interfaces' frame, 8 KiB: each PE finds its own there. */
  readonly cpuInterfaces: Device;
  /** The frames of the virtual interfaces, where there are any. */
  readonly virtual: Gicv2Virtual | undefined;
  readonly firmware: FirmwareInterrupts;
  readonly #core: Gicv2Core;

  constructor(host: Gicv2Host, options: Gicv2Options) {
    this.#core = new Gicv2Core(host, options);
    this.distributor = new Distributor(this.#core);
    this.cpuInterfaces = new CpuInterfaces(this.#core);
    this.virtual = options.virtualization ? this.#virtual(host, this.#core) : undefined;
    this.firmware = this.#firmwareInterrupts(this.#core);
  }

  #virtual({ report, signalVirtual = () => {} }: Gicv2Host, core: Gicv2Core): Gicv2Virtual {
    return new Gicv2Virtual(core.pes, {
      report,
      signalVirtual,
      maintenance: (pe, level) => core.setLine(MAINTENANCE_INTID, level, pe),
      deactivate: (pe, intid) => {
        if (core.exists(intid)) core.deactivate(intid, pe);
      },
    });
  }

  /**
   * The level of an interrupt's input wire.
   *
   * @param intid - 16 to 31 for PPIs, 32 and up for SPIs
   * @param pe - whose PPI, default 0; SPIs do not look at it
   * @throws Error for an INTID without a wire or a PE that does not exist, which is our own mistake
   */
  setLine(intid: number, level: boolean, pe = 0): void {
    if (!(intid >= 16 && this.#core.exists(intid) && pe >= 0 && pe < this.#core.pes)) {
      throw new Error(`GICv2: no wire for INTID ${intid} of PE ${pe}`);
    }
    if (!this.firmware.intercept?.(intid, level, pe)) this.#core.setLine(intid, level, pe);
  }

  get observer(): GicObserver | undefined {
    return this.#core.observer;
  }
  /** Hears of every interrupt; no part of the state. */
  set observer(observer: GicObserver | undefined) {
    this.#core.observer = observer;
  }

  /** See `Gic`. */
  set(intid: number, level: boolean, { pe = 0 }: { readonly pe?: number } = {}): void {
    checkLine({ pes: this.#core.pes, exists: (n) => this.#core.exists(n) }, intid, pe);
    this.setLine(intid, level, pe);
  }

  /** See `Gic`. */
  sendMsi(deviceId: number, eventId: number): never {
    const message = `message DeviceID ${deviceId} EventID ${eventId}`;
    throw new GicError('E_MSI', `${message}: a GICv2 has no ITS. Use a machine with gic: 3.`);
  }

  #firmwareInterrupts(core: Gicv2Core): FirmwareInterrupts {
    return new FirmwareInterrupts({
      pes: core.pes,
      priorityMask: PRIORITY_MASK,
      held: core.held,
      exists: (intid) => core.exists(intid),
      twoStates: () => core.securityStates === 2,
      place: (intid, pe) => ({ ...core.place(intid, pe), n: intid < SPI_FIRST ? intid : intid - SPI_FIRST }),
      route: () => undefined,
      updateAll: () => core.updateAll(),
    });
  }

  /** There are no System registers in GICv2: they are UNDEFINED. */
  iccAccess(): 'undefined' {
    return 'undefined';
  }
  /** Never performed: see `iccAccess`. */
  iccRead(): bigint {
    return 0n;
  }
  /** Never performed: see `iccAccess`. */
  iccWrite(): void {}
  /** Which signal an interrupt uses does not depend on the state of the PE. */
  update(): void {}

  /**
   * Does what firmware does before it starts a Non-secure operating system. With two security states: all interrupts to
   * Group 1 at stored priority 0x80, PMR open, Group 0 as FIQ. With one there is nothing to hand over.
   *
   * @param only - does so only for the private interrupts and the CPU interface of this PE, which it resets first, as
   *   at CPU_ON; default the whole GIC
   */
  initNonSecure(only?: number): void {
    const core = this.#core;
    if (only !== undefined) {
      core.cpus[only].reset();
      core.control[only] = 0;
      this.virtual?.resetPe(only);
    }
    if (core.securityStates === 2) {
      const banks = only === undefined ? [core.spis, ...core.privates] : [core.privates[only]];
      for (const bank of banks) {
        bank.group.set(bank.implemented);
        bank.nsacr.fill(0);
        bank.priority.fill(0x80);
      }
      for (let pe = 0; pe < core.pes; pe++) {
        if (only !== undefined && pe !== only) continue;
        core.cpus[pe].pmr = PRIORITY_MASK;
        core.control[pe] = GICC_CTLR.FIQEn;
      }
    }
    core.updateAll();
  }

  /** Every register, the level of every wire, and what each PE was last told, as plain data. */
  state(): PlainData {
    return {
      distributor: this.distributor.state(),
      cpuInterfaces: this.cpuInterfaces.state(),
      ...(this.virtual ? { virtual: this.virtual.state() } : {}),
      signalled: Array.from(this.#core.signalled),
    };
  }

  /**
   * The exact inverse of `state`. Ends by telling the host the saved inputs of every PE, changed or not.
   *
   * @throws Error when the data is not that of a GIC built with the same options
   */
  load(state: PlainData): void {
    const core = this.#core;
    const from = section(state, 'gicv2');
    this.cpuInterfaces.load(from.cpuInterfaces);
    this.distributor.load(from.distributor);
    this.virtual?.load(from.virtual ?? null);
    numbers(from, 'signalled', core.pes).forEach((told, pe) => {
      core.scan(pe);
      core.signalled[pe] = told;
      core.host.signal(pe, told === 1, told === 2);
    });
  }

  /** Power-on reset: all registers, and all wires low until their devices say otherwise. */
  reset(): void {
    this.virtual?.reset();
    this.#core.resetRegisters();
    this.#core.updateAll();
  }
}

export type { Gicv2Host, Gicv2Options } from './core.ts';
