import type { Access, Device, PlainData, Report } from '../../device.ts';
import type { Slot } from '../../regmap.ts';
import { addressOf, type DeviceRam } from '../../virtio/ram.ts';
import { numbers, section } from '../bank.ts';
import { COMMAND_BYTES, type ItsParts, runCommand, target } from './commands.ts';
import { ITS_BOUNDARY_COMMANDS_MAX, ITS_PAUSE_NS } from './limits.ts';
import type { Lpis } from './lpis.ts';
import { BASER_FIXED, BASER_KEPT, BASER_RESET_LOW, CBASER_KEPT, GITS, GITS_REGS, GITS_TYPER } from './regs.ts';
import { ItsTables } from './tables.ts';

/*
 * What a hostile guest can do here, and what stops it.
 *
 * | attempt                                           | what happens                                              |
 * |---------------------------------------------------|-----------------------------------------------------------|
 * | queue, tables or configuration outside RAM        | every address is checked: stalled, ignored, or disabled   |
 * | a write offset that the queue does not have       | no command is taken until there is one                    |
 * | a queue without end, or rewritten as it is read   | 256 commands at a boundary, then the guest takes steps    |
 * | INVALL or MOVALL over and over                    | one at a boundary                                         |
 * | damaged or looping tables                         | two levels, no loop; each entry is checked when it is used|
 * | INTIDs, events, devices, PEs that do not exist    | the command is ignored, the event dropped, with a report  |
 * | tables over page tables or code                   | written as by any bus master: what is cached is dropped   |
 * | all LPIs pending at once                          | a tree of minima: a change looks at about a hundred bytes |
 * | registers written while enabled                   | GITS_BASER<n>, GITS_CBASER and GICR bases keep their value|
 *
 * Memory is fixed at construction.
 */

/** What LPIs and ITS need besides what the GIC needs. */
export interface ItsHost {
  readonly ram: DeviceRam;
  /** Virtual time, in a step the time at which it began. */
  readonly instantNs: () => number;
  /** Runs `action` at the first boundary at or after an instant; replaces what was scheduled under `key`. */
  readonly schedule: (timeNs: number, key: string, action: () => void) => void;
  readonly cancel: (key: string) => void;
}

/** What became of a message: the LPI that is pending now, or why it was dropped. */
export type MsiOutcome = { readonly intid: number; readonly pe: number } | { readonly dropped: string };

const KEY = 'its';

type GitsSlot = Slot<keyof typeof GITS_REGS.registers & string>;

/**
 * The Interrupt Translation Service: turns a DeviceID and an EventID into an LPI of a PE, by tables in guest memory
 * that commands in a queue in guest memory change. Commands are taken at the boundary after the write that shows them.
 * Not modelled: virtual LPIs and their commands (GICv4), reporting of errors by SError; neither is advertised.
 *
 * A command with an error is ignored; one that cannot be read stalls the queue, until GITS_CWRITER.Retry.
 *
 * @see IHI 0069, "Locality-specific Peripheral Interrupts and the ITS"
 */
export class Its implements Device {
  readonly name = 'gits';
  readonly sizeBytes = GITS_REGS.sizeBytes;
  readonly #host: ItsHost;
  readonly #report: Report;
  readonly #parts: ItsParts;
  readonly #basers: [number, number][] = BASER_FIXED.map((high) => [BASER_RESET_LOW, high]);
  readonly #cbaser: [number, number] = [0, 0];
  #enabled = false;
  #cwriter = 0;
  #creadr = 0;
  #stalled = false;
  /** When commands are to be taken next. */
  #dueNs: number | undefined;

  constructor(host: ItsHost, report: Report, lpis: Lpis, pes: number) {
    this.#host = host;
    this.#report = report;
    this.#parts = { lpis, tables: new ItsTables(host.ram, this.#basers, pes) };
  }

  // --- registers ---

  read(offset: number, access: Access): number {
    const slot = GITS_REGS.admit(offset, access.sizeBytes, 'read', this.#report);
    return slot === undefined ? 0 : this.#readSlot(slot, offset - slot.offset === 0 ? 0 : 1) >>> 0;
  }

  #readSlot(slot: GitsSlot, half: 0 | 1): number {
    switch (slot.register.name) {
      case 'GITS_CTLR':
        return (this.#enabled ? GITS.Enabled : 0) | (this.#outstanding() ? 0 : GITS.Quiescent);
      case 'GITS_TYPER':
        return GITS_TYPER[half];
      case 'GITS_CBASER':
        return this.#cbaser[half];
      case 'GITS_CWRITER':
        return half === 0 ? this.#cwriter : 0;
      case 'GITS_CREADR':
        return half === 0 ? this.#creadr | (this.#stalled ? GITS.Stalled : 0) : 0;
      case 'GITS_BASER':
        return this.#basers[slot.index]?.[half] ?? 0;
      default:
        return slot.register.reset;
    }
  }

  write(offset: number, value: number, access: Access): undefined {
    const slot = GITS_REGS.admit(offset, access.sizeBytes, 'write', this.#report);
    if (slot !== undefined) this.#writeSlot(slot, offset - slot.offset === 0 ? 0 : 1, value);
  }

  #writeSlot(slot: GitsSlot, half: 0 | 1, value: number): void {
    switch (slot.register.name) {
      case 'GITS_CTLR':
        this.#enabled = (value & GITS.Enabled) !== 0;
        this.#wake();
        return;
      case 'GITS_CBASER':
        if (this.#fixed(slot.name)) return;
        this.#cbaser[half] = (value & CBASER_KEPT[half]) >>> 0;
        this.#creadr = 0;
        this.#stalled = false;
        return;
      case 'GITS_CWRITER':
        if (half === 1) return;
        this.#cwriter = value & GITS.Offset;
        if ((value & GITS.Retry) !== 0) this.#stalled = false;
        this.#wake();
        return;
      case 'GITS_BASER':
        if (slot.index < this.#basers.length && !this.#fixed(slot.name)) this.#writeBaser(slot.index, half, value);
        return;
      case 'GITS_TRANSLATER':
        this.message(0, value);
        return;
      default:
        return;
    }
  }

  /** Queue and tables cannot be changed while the ITS uses them: UNPREDICTABLE, without effect here. */
  #fixed(name: string): boolean {
    if (this.#enabled) this.#report(`${name}: written while GITS_CTLR.Enabled is 1; no effect (IHI 0069)`);
    return this.#enabled;
  }

  #writeBaser(n: number, half: 0 | 1, value: number): void {
    let kept = (value & BASER_KEPT[half]) >>> 0;
    // Page_Size 3 is reserved and treated as 2.
    if (half === 0 && (kept & 0x300) === 0x300) kept -= 0x100;
    this.#basers[n][half] = half === 0 ? kept : (kept | BASER_FIXED[n]) >>> 0;
  }

  // --- messages ---

  /**
   * A device signals an event: what a write to GITS_TRANSLATER by that device does.
   *
   * @param deviceId - 0..2^32-1, @param eventId - 0..2^32-1
   */
  message(deviceId: number, eventId: number): MsiOutcome {
    const outcome = this.#translate(deviceId, eventId);
    if ('dropped' in outcome) {
      const event = `DeviceID 0x${deviceId.toString(16)} EventID 0x${eventId.toString(16)}`;
      this.#report(`GITS_TRANSLATER: ${event} dropped: ${outcome.dropped}`);
    }
    return outcome;
  }

  #translate(deviceId: number, eventId: number): MsiOutcome {
    if (!this.#enabled) return { dropped: 'GITS_CTLR.Enabled is 0' };
    const at = target(this.#parts, deviceId, eventId);
    if (typeof at === 'string') return { dropped: at };
    const dropped = this.#parts.lpis.pend(at.pe, at.intid);
    return dropped === undefined ? { intid: at.intid, pe: at.pe } : { dropped };
  }

  // --- commands ---

  #queueBytes(): number {
    return ((this.#cbaser[0] & 0xff) + 1) * 0x1000;
  }

  /** Commands wait and can be taken. */
  #outstanding(): boolean {
    const usable = this.#enabled && !this.#stalled && (this.#cbaser[1] & 0x8000_0000) !== 0;
    return usable && this.#creadr !== this.#cwriter && this.#cwriter < this.#queueBytes();
  }

  #wake(): void {
    if (this.#outstanding() && this.#dueNs === undefined) this.#scheduleAt(this.#host.instantNs());
    else if (this.#enabled && this.#cwriter >= this.#queueBytes()) {
      this.#report(`GITS_CWRITER: offset 0x${this.#cwriter.toString(16)} is beyond GITS_CBASER.Size; no command taken`);
    }
  }

  #scheduleAt(timeNs: number): void {
    this.#dueNs = timeNs;
    this.#host.schedule(timeNs, KEY, () => this.#takeCommands());
  }

  #takeCommands(): void {
    this.#dueNs = undefined;
    for (let taken = 0; taken < ITS_BOUNDARY_COMMANDS_MAX && this.#outstanding(); taken++) {
      const addrPa = addressOf(this.#cbaser[0] & 0xffff_f000, this.#cbaser[1] & 0xf_ffff) + this.#creadr;
      if (!this.#host.ram.contains(addrPa, COMMAND_BYTES)) {
        this.#stalled = true;
        this.#report(`ITS command at 0x${addrPa.toString(16)} is not in RAM: stalled`);
        return;
      }
      const done = runCommand(this.#host.ram.read(addrPa, COMMAND_BYTES), this.#parts);
      if (done.error !== undefined) this.#report(`ITS command ${done.name} ignored: ${done.error}`);
      this.#creadr = (this.#creadr + COMMAND_BYTES) % this.#queueBytes();
      if (done.long) break;
    }
    if (this.#outstanding()) this.#scheduleAt(this.#host.instantNs() + ITS_PAUSE_NS);
  }

  // --- state ---

  /** Registers, and when commands are taken next. Tables and queue are in RAM. */
  state(): PlainData {
    return {
      GITS_CTLR: this.#enabled,
      GITS_CBASER: [...this.#cbaser],
      GITS_CWRITER: this.#cwriter,
      GITS_CREADR: this.#creadr,
      Stalled: this.#stalled,
      GITS_BASER: this.#basers.flat(),
      dueNs: this.#dueNs ?? null,
    };
  }

  /**
   * To be called when nothing is scheduled.
   * @throws Error when the data is not that of an ITS
   */
  load(state: PlainData): void {
    const from = section(state, 'ITS');
    this.#enabled = from.GITS_CTLR === true;
    [this.#cbaser[0], this.#cbaser[1]] = numbers(from, 'GITS_CBASER', 2);
    this.#cwriter = Number(from.GITS_CWRITER);
    this.#creadr = Number(from.GITS_CREADR);
    this.#stalled = from.Stalled === true;
    numbers(from, 'GITS_BASER', 2 * this.#basers.length).forEach((half, n) => {
      this.#basers[n >> 1][n & 1] = half;
    });
    this.#dueNs = undefined;
    this.#host.cancel(KEY);
    if (from.dueNs !== null) this.#scheduleAt(Number(from.dueNs));
  }

  /** After power-on: disabled, no tables. */
  reset(): void {
    this.#enabled = false;
    this.#cbaser.fill(0);
    this.#cwriter = 0;
    this.#creadr = 0;
    this.#stalled = false;
    this.#basers.forEach((halves, n) => {
      halves[0] = BASER_RESET_LOW;
      halves[1] = BASER_FIXED[n];
    });
    this.#dueNs = undefined;
    this.#host.cancel(KEY);
  }
}
