/** What can be done with a hypervisor and its guest from outside, as a VMM would: it is all in the machine's memory. */
import type { SdeiState } from '../../firmware/sdei/records.ts';
import { HYP_BYTES, HYP_INTIDS, OWNED_AT, RAM_PA, REQUEST, REQUESTS, WORD } from './layout.ts';
import { readLog } from './log.ts';
import type { GuestConfiguration } from './sdei-host.ts';
import { stateFrom } from './sdei-view.ts';

/** A machine, as far as that takes: `Machine` is one. */
export interface HypMachine {
  readonly gic: { set(intid: number, level: boolean): void };
  readMemory(addrPa: bigint, sizeBytes: number): Uint8Array;
  writeMemory(addrPa: bigint, bytes: Uint8Array): void;
  runUntil(reached: () => boolean, options: { readonly steps: number }): { readonly reason: string };
}

/** A guest that was saved, with its RAM and all that the hypervisor knows of it: plain data. */
export interface SavedGuest {
  readonly cpus: number;
  readonly ram: Uint8Array;
}

/** No guest takes as many steps to save itself. */
const SAVE_STEPS_MAX = 1_000_000;

/** See the head of the file. */
export class HypOutside {
  private readonly machine: HypMachine;
  private readonly config: GuestConfiguration;

  /** @param config - of the hypervisor that the machine runs */
  constructor(machine: HypMachine, config: GuestConfiguration) {
    this.machine = machine;
    this.config = config;
  }

  private word(offset: bigint): bigint {
    return this.at(this.config.basePa + offset);
  }
  private at(pa: bigint): bigint {
    const bytes = this.machine.readMemory(pa, 8);
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  }
  private write(offset: bigint, ...words: bigint[]): void {
    const bytes = new Uint8Array(8 * words.length);
    const view = new DataView(bytes.buffer);
    for (const [n, value] of words.entries()) view.setBigUint64(8 * n, value, true);
    this.machine.writeMemory(this.config.basePa + offset, bytes);
  }

  /** Asks the hypervisor for something: it hears of it at once, on the lowest PE that takes interrupts. */
  private ask(operation: bigint, operand: bigint): void {
    const asked = this.word(WORD.asked);
    if (asked - this.word(WORD.served) >= BigInt(REQUESTS.count))
      throw new RangeError(`hypervisor: ${REQUESTS.count} requests wait. Let the machine run before the next.`);
    this.write(REQUESTS.at + (asked % BigInt(REQUESTS.count)) * REQUESTS.bytes, operation, operand);
    this.write(WORD.asked, asked + 1n);
    this.machine.gic.set(HYP_INTIDS.management, true);
    this.machine.gic.set(HYP_INTIDS.management, false);
  }

  /**
   * Raises an explicit event of the guest, or signals event 0.
   *
   * @throws RangeError for an event that there is not, or that an interrupt raises, and a PE that there is not
   */
  raise(event: number, pe = 0): void {
    const known = this.config.events.filter(({ interrupt }) => interrupt === undefined).map(({ number }) => number);
    if (!known.includes(event))
      throw new RangeError(`hypervisor: event ${event} cannot be raised. Those that can: ${known.join(', ')}.`);
    if (!(pe >= 0 && pe < this.config.cpus))
      throw new RangeError(`hypervisor: PE ${pe}: the guest has PEs 0 to ${this.config.cpus - 1}.`);
    this.ask(REQUEST.RAISE, BigInt(event) | (BigInt(pe) << 32n));
  }

  /** An interrupt is not the guest's from here on: it can neither be bound nor registered. */
  withhold(intid: number): void {
    const at = OWNED_AT + BigInt((intid >> 5) * 8);
    this.write(at, this.word(at) | (1n << BigInt(intid & 31)));
  }

  /** What the hypervisor had to say: triggers that were dropped, handlers that failed; the last 64 lines. */
  log(): string[] {
    return readLog(this.config.basePa, (pa) => this.at(pa));
  }
  /** Handlers, bindings, masks and what is interrupted now, as plain data. */
  state(): SdeiState {
    return stateFrom(this.config, (offset) => this.word(offset));
  }

  /**
   * Runs the machine until every PE of the guest has saved itself, keeps that, and lets the guest go on.
   *
   * @throws RangeError when the guest does not get there: the hypervisor does not run
   */
  save(): SavedGuest {
    this.ask(REQUEST.SAVE, 0n);
    const saved = (): boolean => {
      const saving = this.word(WORD.saving);
      return saving !== 0n && this.word(WORD.saved) === saving;
    };
    this.machine.runUntil(saved, { steps: SAVE_STEPS_MAX });
    if (!saved()) throw new RangeError('hypervisor: the guest does not save itself. Start it before it is saved.');
    const ram = this.machine.readMemory(RAM_PA, Number(this.config.basePa + HYP_BYTES - RAM_PA)).slice();
    this.write(WORD.saving, 0n);
    return { cpus: this.config.cpus, ram };
  }

  /**
   * Puts a guest that was saved into a machine that has not started, with the same hypervisor: it goes on when the
   * machine runs. For the guest no virtual time has passed.
   *
   * @throws RangeError for a machine of another shape
   */
  restore({ cpus, ram }: SavedGuest): void {
    const bytes = Number(this.config.basePa + HYP_BYTES - RAM_PA);
    if (cpus !== this.config.cpus || ram.length !== bytes)
      throw new RangeError(
        `hypervisor: a guest of ${cpus} PEs and ${ram.length} bytes in a machine of ${this.config.cpus} and ${bytes}. ` +
          'Restore it in one of the same shape.',
      );
    this.machine.writeMemory(RAM_PA, ram);
    this.write(WORD.restoring, 1n);
  }
}
