/** What the client keeps in guest memory: a slot for each registered event, a record for each and each CPU. */
import { type Hosted, load } from '../../engine/hosted/effects.ts';
import type { Kernel } from '../kit/kernel.ts';

/** Most events at a time. */
export const SLOTS = 8;
const SLOT_BYTES = 0x40n;

/** Fields of a slot. */
export const SLOT = {
  /** Event number + 1; 0 is a free slot. */
  event: 0x00n,
  /** 1 for a shared event. */
  shared: 0x08n,
  critical: 0x10n,
  /** What the OS wants, whatever the firmware has: replayed when a CPU or the system comes back. */
  reregister: 0x18n,
  reenable: 0x20n,
  /** UNREGISTER was accepted while a handler ran. */
  leaving: 0x28n,
} as const;

/**
 * Fields of a record, whose address is the argument of the handler. Registers lie as in a frame of the kit.
 *
 * Nothing has to be looked up in a handler: what it needs is here.
 */
export const RECORD = {
  sp: 0xf8n,
  pc: 0x100n,
  pstate: 0x108n,
  spEl0: 0x110n,
  event: 0x118n,
  critical: 0x120n,
  /** Callback by number, and its argument. */
  callback: 0x128n,
  argument: 0x130n,
  /** KPTI: 0 when the kernel was not mapped at the entry, so that the exit unmaps it again. */
  mapped: 0x138n,
  /** Where the handler ends up: a status of COMPLETE, or a resume address. */
  exit: 0x140n,
} as const;
const RECORD_BYTES = 0x180n;
const RECORDS_PER_SLOT = 8n;

/** Addresses of the client's data. */
export class SdeiMemory {
  /** 0 before probe, then one of `INTERFACE`. */
  readonly state: bigint;
  /** Mutex of the API; taken first. */
  readonly events: bigint;
  /** Spin lock of the slots. */
  readonly list: bigint;
  /** What `savesFirmwareState` saved, a word for each slot and CPU. */
  readonly saved: bigint;
  private readonly slots: bigint;
  private readonly records: bigint;
  private readonly shareRecord: boolean;

  constructor(kernel: Kernel, shareRecord: boolean) {
    this.state = kernel.variable('sdei.state');
    this.events = kernel.variable('sdei.events');
    this.list = kernel.variable('sdei.list');
    this.slots = kernel.variable('sdei.slots', Number(SLOT_BYTES) * SLOTS);
    this.records = kernel.variable('sdei.records', Number(RECORD_BYTES * RECORDS_PER_SLOT) * SLOTS);
    this.saved = kernel.variable('sdei.saved', 8 * SLOTS * Number(RECORDS_PER_SLOT));
    this.shareRecord = shareRecord;
  }
  /** Address of a field of a slot. */
  slot(n: number, field: bigint): bigint {
    return this.slots + BigInt(n) * SLOT_BYTES + field;
  }
  /** Record of a slot on a CPU; a shared event has that of CPU 0. */
  record(n: number, pe: number): bigint {
    return this.records + (BigInt(n) * RECORDS_PER_SLOT + BigInt(this.shareRecord ? 0 : pe)) * RECORD_BYTES;
  }
  /** Slot of an event, or undefined. */
  *find(event: bigint): Hosted<number | undefined> {
    for (let n = 0; n < SLOTS; n++) if ((yield* load(this.slot(n, SLOT.event))) === event + 1n) return n;
    return undefined;
  }
}

/** Values of `SdeiMemory.state`. */
export const INTERFACE = { UNPROBED: 0n, WORKING: 1n, BROKEN: 2n } as const;
