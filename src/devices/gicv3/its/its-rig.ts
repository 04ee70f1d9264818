import type { PlainData } from '../../device.ts';
import { leBytes } from '../../virtio/ram.ts';
import type { Gicv3Options } from '../core.ts';
import { Rig } from '../gicv3-rig.ts';

/** Where a rig's RAM begins. */
export const RAM_PA = 0x4000_0000;
const RAM_BYTES = 2 * 2 ** 20;
/** Places of tables relative to the start of RAM; 64 KiB are free from each one on, pending tables are one for each PE. */
export const PLACES = {
  config: 0x1_0000,
  queue: 0x2_0000,
  devices: 0x3_0000,
  collections: 0x4_0000,
  itts: 0x5_0000,
  pending: 0x8_0000,
} as const;

const command = (...doublewords: readonly [low: number, high: number][]): Uint8Array => {
  const four = [0, 1, 2, 3].flatMap((n) => [doublewords[n]?.[0] ?? 0, doublewords[n]?.[1] ?? 0]);
  return leBytes(...four.map((value) => [value, 4] as const));
};
const peAt = (pe: number): number => pe << 16;

/** ITS commands as bytes. IHI 0069, "ITS commands". */
export const COMMAND = {
  /** `size`: bits of EventID less one. */
  mapd: (device: number, ittPa: number, size = 4) => command([0x08, device], [size, 0], [ittPa, 0x8000_0000]),
  unmapd: (device: number) => command([0x08, device], [0, 0], [0, 0]),
  mapc: (icid: number, pe: number) => command([0x09, 0], [0, 0], [icid | peAt(pe), 0x8000_0000]),
  unmapc: (icid: number) => command([0x09, 0], [0, 0], [icid, 0]),
  mapti: (device: number, event: number, intid: number, icid: number) =>
    command([0x0a, device], [event, intid], [icid, 0]),
  mapi: (device: number, event: number, icid: number) => command([0x0b, device], [event, 0], [icid, 0]),
  movi: (device: number, event: number, icid: number) => command([0x01, device], [event, 0], [icid, 0]),
  movall: (from: number, to: number) => command([0x0e, 0], [0, 0], [peAt(from), 0], [peAt(to), 0]),
  int: (device: number, event: number) => command([0x03, device], [event, 0]),
  clear: (device: number, event: number) => command([0x04, device], [event, 0]),
  discard: (device: number, event: number) => command([0x0f, device], [event, 0]),
  inv: (device: number, event: number) => command([0x0c, device], [event, 0]),
  invall: (icid: number) => command([0x0d, 0], [0, 0], [icid, 0]),
  sync: (pe: number) => command([0x05, 0], [0, 0], [peAt(pe), 0]),
} as const;

/** A GIC with an ITS and memory, and a driver of it. */
export class ItsRig extends Rig {
  readonly ram: Uint8Array;
  /** Virtual time. */
  timeNs = 0;
  /** How often commands were taken. */
  visits = 0;
  readonly #pending: { due: { timeNs: number; action: () => void } | undefined };
  #next = 0;
  readonly #pes: number;

  constructor(options: Partial<Gicv3Options> = {}) {
    const ram = new Uint8Array(RAM_BYTES);
    const pending: { due: { timeNs: number; action: () => void } | undefined } = { due: undefined };
    super(options, {
      ram: {
        contains: (pa, size) => pa >= RAM_PA && pa + size <= RAM_PA + RAM_BYTES,
        read: (pa, size) => ram.slice(pa - RAM_PA, pa - RAM_PA + size),
        write: (pa, bytes) => ram.set(bytes, pa - RAM_PA),
      },
      instantNs: () => this.timeNs,
      schedule: (timeNs, _key, action) => {
        pending.due = { timeNs, action };
      },
      cancel: () => {
        pending.due = undefined;
      },
    });
    this.ram = ram;
    this.#pending = pending;
    this.#pes = options.pes ?? 1;
  }

  /** When commands are taken next. */
  get dueNs(): number | undefined {
    return this.#pending.due?.timeNs;
  }

  /** Lets time pass until no command is left to take. */
  settle(): void {
    for (let due = this.#pending.due; due !== undefined; due = this.#pending.due) {
      this.#pending.due = undefined;
      this.timeNs = Math.max(this.timeNs, due.timeNs);
      this.visits++;
      due.action();
    }
  }

  /** A 64-bit register, as two accesses. */
  write64(name: string, low: number, high = 0, pe = 0): void {
    this.write('NS', name, low, { pe });
    this.write('NS', name, high, { pe, plus: 4 });
  }

  /** See `write64`. */
  read64(name: string, pe = 0): [low: number, high: number] {
    return [this.read('NS', name, { pe }), this.read('NS', name, { pe, plus: 4 })];
  }

  /** Flat tables and a queue of 4 KiB, all enabled; collection n goes to PE n, device 1 has 32 events. */
  start(): this {
    this.open();
    this.write64('GITS_BASER0', (RAM_PA + PLACES.devices) | 0x200, 0x8000_0000);
    this.write64('GITS_BASER1', (RAM_PA + PLACES.collections) | 0x200, 0x8000_0000);
    this.write64('GITS_CBASER', RAM_PA + PLACES.queue, 0x8000_0000);
    this.write('NS', 'GITS_CTLR', 1);
    for (let pe = 0; pe < this.#pes; pe++) this.enableLpis(pe);
    this.send(...Array.from({ length: this.#pes }, (_, pe) => COMMAND.mapc(pe, pe)));
    this.send(COMMAND.mapd(1, RAM_PA + PLACES.itts));
    return this;
  }

  /** Tables of a redistributor, and LPIs on. */
  enableLpis(pe = 0): void {
    this.write64('GICR_PROPBASER', (RAM_PA + PLACES.config) | 15, 0, pe);
    this.write64('GICR_PENDBASER', RAM_PA + PLACES.pending + pe * 0x1_0000, 0, pe);
    this.write('NS', 'GICR_CTLR', 1, { pe });
  }

  /** Writes commands into the queue and shows them to the ITS, which takes them. */
  send(...commands: readonly Uint8Array[]): this {
    this.post(...commands);
    this.settle();
    return this;
  }

  /** Like `send`, but no time passes. */
  post(...commands: readonly Uint8Array[]): this {
    const bytes = ((this.read('NS', 'GITS_CBASER') & 0xff) + 1) * 0x1000;
    for (const one of commands) {
      this.ram.set(one, PLACES.queue + this.#next);
      this.#next = (this.#next + 32) % bytes;
    }
    this.write('NS', 'GITS_CWRITER', this.#next);
    return this;
  }

  /** The byte of an LPI in the configuration table: a priority and enable. */
  configure(intid: number, priority: number, enable = true): void {
    this.ram[PLACES.config + intid - 8192] = priority | Number(enable);
  }

  /** Event n of device 1 becomes LPI 8192 + n of a PE, enabled at a priority. */
  map(event: number, more: { pe?: number; priority?: number } = {}): this {
    this.configure(8192 + event, more.priority ?? 0x80);
    return this.send(COMMAND.mapti(1, event, 8192 + event, more.pe ?? 0), COMMAND.inv(1, event));
  }

  /** The bit of an LPI in the pending table of a PE. */
  inPendingTable(intid: number, pe = 0): boolean {
    return ((this.ram[PLACES.pending + pe * 0x1_0000 + (intid >> 3)] >> (intid & 7)) & 1) === 1;
  }

  /** Another rig with the same memory and time, not loaded. */
  twin(options: Partial<Gicv3Options>, saved: PlainData): ItsRig {
    const other = new ItsRig(options);
    other.ram.set(this.ram);
    other.timeNs = this.timeNs;
    other.contexts.splice(0, this.#pes, ...this.contexts);
    other.gic.load(saved);
    return other;
  }
}

/** An entry of a first-level table. */
export function levelOne(pagePa: number): Uint8Array {
  return leBytes([pagePa, 4], [0x8000_0000, 4]);
}
