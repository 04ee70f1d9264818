import type { Device, PlainData } from '../device.ts';
import { checkLine, GicError, type GicObserver } from '../gic.ts';
import { FirmwareInterrupts } from '../gic-firmware.ts';
import { numbers, section } from './bank.ts';
import { GicCore, type Gicv3Host, type Gicv3Options, SPI_FIRST } from './core.ts';
import { CpuInterfaces } from './cpu-interface.ts';
import { Distributor } from './distributor.ts';
import { type IccContext, type IccName, type IccOutcome, iccAccess } from './icc.ts';
import { Its, type MsiOutcome } from './its/its.ts';
import { Lpis } from './its/lpis.ts';
import { Redistributors } from './redistributor.ts';

/*
 * What a hostile guest can do here, and what stops it.
 *
 * | attempt                                           | what happens                                              |
 * |---------------------------------------------------|-----------------------------------------------------------|
 * | any width at any offset of a frame                | the register map decides; else RAZ/WI and a report        |
 * | Non-secure access to Secure interrupts            | masked per bit in `fields.ts`; holes only through NSACR   |
 * | Non-secure priorities or PMR in the Secure half   | shifted into 0x80..0xFF; PMR below 0x80 is left alone     |
 * | Non-secure forging of active priorities           | ICC_AP1Rn bits of the Secure half ignore its writes       |
 * | EOI or DIR of a foreign group, or never seen      | group checked; a priority drop with nothing active is nil |
 * | SGIs to PEs that do not exist, to foreign groups  | no target, or the forwarding table: dropped               |
 * | routes to PEs that do not exist                   | the SPI stays pending and goes nowhere                    |
 * | interrupts that are always pending                | no loop here: one evaluation per access or change         |
 * | reports without end                               | the receiver of reports counts and cuts; none are kept    |
 *
 * Memory is fixed at construction; every loop runs over PEs (at most 8), words (at most 31) or the bits of one word.
 */

/** Names of the hypervisor's registers come the same way as ICC names. */
function isIch(name: string): boolean {
  return name.startsWith('ICH_');
}

/**
 * A GICv3 with affinity routing, SGIs, PPIs and SPIs, one or two security states, 1-of-N routing and the CPU interface
 * as System registers; LPIs and an ITS where the host has memory for them. Not modelled: message-based SPIs, LPIs
 * without the ITS (GICR_SETLPIR), extended INTIDs, FEAT_GICv3_NMI, wake requests, GICv4; none of them is advertised.
 *
 * Save and load the GIC as a whole; `distributor`, `redistributors` and `its` are its frames on the bus.
 *
 * @throws Error when the options describe no GIC, which is our own mistake
 * @see IHI 0069, "Arm Generic Interrupt Controller Architecture Specification, GIC architecture version 3"
 * @example
 * const gic = new Gicv3(host, { pes: 1, mpidrAffinities: [0], securityStates: 1 });
 * gic.setLine(33, true);
 */
export class Gicv3 {
  /** The distributor's frame, 64 KiB. */
  readonly distributor: Device;
  /** The redistributors' frames, 128 KiB for each PE. */
  readonly redistributors: Device;
  /** The ITS's frames, 128 KiB, where there is one. */
  readonly its: Its | undefined;
  /** The controller as firmware uses it. */
  readonly firmware: FirmwareInterrupts;
  readonly #core: GicCore;
  readonly #cpuInterfaces: CpuInterfaces;

  constructor(host: Gicv3Host, options: Gicv3Options) {
    this.#core = new GicCore(host, options);
    this.#cpuInterfaces = new CpuInterfaces(this.#core);
    this.distributor = new Distributor(this.#core);
    this.redistributors = new Redistributors(this.#core);
    this.firmware = this.#firmwareInterrupts(this.#core);
    if (host.its !== undefined) {
      this.#core.lpis = new Lpis(this.#core, host.its.ram);
      this.its = new Its(host.its, host.report, this.#core.lpis, options.pes);
    }
  }

  /**
   * The level of an interrupt's input wire; an edge-triggered interrupt becomes pending when it rises.
   *
   * @param intid - 16 to 31 for PPIs, 32 and up for SPIs
   * @param pe - whose PPI, default 0; SPIs do not look at it
   * @throws Error for an INTID without a wire or a PE that does not exist, which is our own mistake
   */
  setLine(intid: number, level: boolean, pe = 0): void {
    if (!(intid >= 16 && this.#core.exists(intid) && pe >= 0 && pe < this.#core.pes)) {
      throw new Error(`GICv3: no wire for INTID ${intid} of PE ${pe}`);
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
  sendMsi(deviceId: number, eventId: number): MsiOutcome {
    const message = `message DeviceID ${deviceId} EventID ${eventId}`;
    const is32Bit = (value: number) => Number.isInteger(value) && value >= 0 && value < 2 ** 32;
    if (this.its === undefined) {
      throw new GicError('E_MSI', `${message}: this machine has no ITS. Make it without the option its: false.`);
    }
    if (is32Bit(deviceId) && is32Bit(eventId)) return this.its.message(deviceId, eventId);
    throw new GicError('E_MSI', `${message}: both are whole numbers from 0 to 2^32 - 1. Give such.`);
  }

  #firmwareInterrupts(core: GicCore): FirmwareInterrupts {
    return new FirmwareInterrupts({
      pes: core.pes,
      priorityMask: core.priorityMask,
      held: core.held,
      exists: (intid) => core.exists(intid),
      twoStates: () => !core.ds,
      place: (intid, pe) => {
        const n = intid < SPI_FIRST ? intid : intid - SPI_FIRST;
        return { bank: core.bankOf(intid, pe), word: n >> 5, bit: 1 << (n & 31), n };
      },
      route: (intid, low, high) => core.setRoute(intid - SPI_FIRST, low, high),
      updateAll: () => core.updateAll(),
    });
  }

  /**
   * Reads an ICC register; IAR reads acknowledge. Ask `iccAccess` first: what arrives here is performed.
   *
   * @param pe - 0 to pes - 1
   */
  iccRead(pe: number, name: IccName, ctx: IccContext): bigint {
    if (isIch(name)) return this.#core.virtual[pe].ichRead(name);
    return BigInt(this.#cpuInterfaces.read(pe, name, ctx));
  }

  /** Writes an ICC register. Ask `iccAccess` first: what arrives here is performed. */
  iccWrite(pe: number, name: IccName, value: bigint, ctx: IccContext): void {
    if (isIch(name)) this.#core.virtual[pe].ichWrite(name, value);
    else this.#cpuInterfaces.write(pe, name, value, ctx);
  }

  /**
   * What the architecture does with an access: performs it, UNDEFINED, or a trap with EC 0x18.
   *
   * @param pe - whose ICC_SRE_ELx.Enable counts, default 0
   */
  iccAccess(name: IccName, direction: 'read' | 'write', ctx: IccContext, pe = 0): IccOutcome {
    const { cpus, virtual } = this.#core;
    // What tables say of access to ICH registers is all there is: no control traps them here.
    if (isIch(name)) return virtual.length === 0 ? 'undefined' : 'ok';
    const { aprWords, sreEl2Enable, sreEl3Enable } = cpus[pe];
    return iccAccess(name, direction, ctx, { aprWords, sreEl2Enable, sreEl3Enable, ichHcr: virtual[pe]?.hcr ?? 0 });
  }

  /** Looks again at the inputs of one PE, or of all, after EL, security state, SCR_EL3 or HCR_EL2 changed. */
  update(pe?: number): void {
    if (pe !== undefined) this.#core.signal(pe);
    else for (let n = 0; n < this.#core.pes; n++) this.#core.signal(n);
  }

  /**
   * Does what firmware does before it starts a Non-secure operating system: wakes the redistributors, gives every
   * interrupt to Group 1 (Non-secure with two security states, then at priority 0x80 stored, the most urgent one
   * Non-secure software can have), opens PMR, and sets ICC_SRE_EL3.Enable and ICC_SRE_EL2.Enable. Group enables stay.
   *
   * @param only - does so only for the private interrupts and the CPU interface of this PE, which it resets first, as
   *   at CPU_ON; default the whole GIC
   */
  initNonSecure(only?: number): void {
    const core = this.#core;
    const banks = only === undefined ? [core.spis, ...core.privates] : [core.privates[only]];
    for (const bank of banks) {
      bank.group.set(bank.implemented);
      bank.groupModifier.fill(0);
      bank.nsacr.fill(0);
      if (!core.ds) bank.priority.fill(0x80);
    }
    for (let pe = 0; pe < core.pes; pe++) {
      if (only !== undefined && pe !== only) continue;
      const cpu = core.cpus[pe];
      if (only !== undefined) cpu.reset();
      if (only !== undefined) core.virtual[pe]?.reset();
      core.asleep[pe] = false;
      cpu.pmr = core.priorityMask;
      cpu.sreEl2Enable = true;
      cpu.sreEl3Enable = true;
    }
    core.updateAll();
  }

  /** Every register, the level of every wire, and what each PE was last told, as plain data. */
  state(): PlainData {
    const { lpis } = this.#core;
    return {
      distributor: this.distributor.state(),
      redistributors: this.redistributors.state(),
      ...(lpis && this.its ? { lpis: lpis.state(), its: this.its.state() } : {}),
      cpuInterfaces: this.#core.cpus.map((cpu) => cpu.state()),
      ...(this.#core.virtual.length > 0 ? { virtual: this.#core.virtual.map((v) => v.state()) } : {}),
      signalled: Array.from(this.#core.signalled),
    };
  }

  /**
   * The exact inverse of `state`. Ends by telling the host the saved inputs of every PE, changed or not, without
   * asking for contexts, which may not be loaded yet.
   *
   * @throws Error when the data is not that of a GIC built with the same options
   */
  load(state: PlainData): void {
    const core = this.#core;
    const from = section(state, 'gicv3');
    const cpus = from.cpuInterfaces;
    if (!Array.isArray(cpus) || cpus.length !== core.pes) {
      throw new Error(`GICv3 state: CPU interfaces are not a list of ${core.pes}`);
    }
    cpus.forEach((data: PlainData, pe) => {
      core.cpus[pe].load(data);
    });
    this.distributor.load(from.distributor);
    this.#core.lpis?.load(from.lpis);
    this.redistributors.load(from.redistributors);
    this.its?.load(from.its);
    if (core.virtual.length > 0) {
      const virtual = from.virtual as readonly PlainData[] | undefined;
      if (virtual?.length !== core.pes) throw new Error(`GICv3 state: virtual is not a list of ${core.pes}`);
      virtual.forEach((data, pe) => {
        core.virtual[pe].load(data);
      });
    }
    numbers(from, 'signalled', core.pes).forEach((told, pe) => {
      core.signalled[pe] = told;
      core.host.signal(pe, told === 1, told === 2);
    });
  }

  /** Power-on reset: all registers, and all wires low until their devices say otherwise. */
  reset(): void {
    this.its?.reset();
    this.#core.resetRegisters();
    this.#core.updateAll();
  }
}

export type { Gicv3Host, Gicv3Options } from './core.ts';
export type { IccContext, IccName, IccOutcome } from './icc.ts';
export { ICC_REGISTERS } from './icc.ts';
