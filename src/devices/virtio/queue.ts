/**
 * Split virtqueues, from the device's side. OASIS Virtual I/O Device (VIRTIO) 1.2, "Split Virtqueues".
 *
 * The rings are guest memory and can change between any two looks, so nothing read is looked at twice. What a driver
 * may not do (a chain that is a loop, a descriptor outside RAM or the table, more entries offered than there are) is a
 * `QueueFault`: the transport reports it and the device needs a reset.
 */
import type { PlainData } from '../device.ts';
import { CHAIN_BYTES_MAX, CHAIN_DESCRIPTORS_MAX } from './limits.ts';
import { type DeviceRam, le16, le32, le64, leBytes } from './ram.ts';

/** A driver did what the specification forbids; the message says what. */
export class QueueFault extends Error {}

/** One buffer of a chain, inside RAM. */
interface Segment {
  readonly addrPa: number;
  readonly sizeBytes: number;
}

const DESC_BYTES = 16;
const F_NEXT = 1;
const F_WRITE = 2;
const F_INDIRECT = 4;
/** Flag of the available ring: the driver wants no interrupt. Holds without VIRTIO_F_EVENT_IDX. */
const AVAIL_F_NO_INTERRUPT = 1;
const u16 = (value: number): number => value & 0xffff;
const hex = (value: number): string => `0x${value.toString(16)}`;

/** A descriptor chain: the bytes the device may read, then those it may write, whatever the descriptors' borders. */
export class Chain {
  readonly head: number;
  readonly readableBytes: number;
  readonly writableBytes: number;
  readonly #ram: DeviceRam;
  readonly #readable: readonly Segment[];
  readonly #writable: readonly Segment[];

  constructor(ram: DeviceRam, head: number, readable: readonly Segment[], writable: readonly Segment[]) {
    const sum = (segments: readonly Segment[]): number => segments.reduce((all, { sizeBytes }) => all + sizeBytes, 0);
    this.#ram = ram;
    this.head = head;
    this.#readable = readable;
    this.#writable = writable;
    this.readableBytes = sum(readable);
    this.writableBytes = sum(writable);
  }

  /** A copy of readable bytes, fewer at the end. */
  read(offset: number, sizeBytes: number): Uint8Array {
    const out = new Uint8Array(Math.max(0, Math.min(sizeBytes, this.readableBytes - offset)));
    overSegments(this.#readable, offset, out.length, (addrPa, at, size) => out.set(this.#ram.read(addrPa, size), at));
    return out;
  }

  /** Writes into the writable bytes; returns how many fitted. */
  write(offset: number, bytes: Uint8Array): number {
    const fits = Math.max(0, Math.min(bytes.length, this.writableBytes - offset));
    overSegments(this.#writable, offset, fits, (addrPa, at, size) =>
      this.#ram.write(addrPa, bytes.subarray(at, at + size)),
    );
    return fits;
  }
}

function overSegments(
  segments: readonly Segment[],
  offset: number,
  sizeBytes: number,
  act: (addrPa: number, at: number, sizeBytes: number) => void,
): void {
  let skip = offset;
  let done = 0;
  for (const segment of segments) {
    if (done >= sizeBytes) return;
    if (skip >= segment.sizeBytes) {
      skip -= segment.sizeBytes;
      continue;
    }
    const size = Math.min(segment.sizeBytes - skip, sizeBytes - done);
    act(segment.addrPa + skip, done, size);
    done += size;
    skip = 0;
  }
}

/** What the driver has set up and how far the device is. */
export interface QueueState {
  /** Entries, 0 while the driver has not said; a power of two. */
  num: number;
  ready: boolean;
  descPa: number;
  driverPa: number;
  devicePa: number;
  /** Entries of the available ring taken so far, modulo 2^16. */
  lastAvail: number;
  /** Entries put into the used ring so far, modulo 2^16. */
  usedIndex: number;
  /** `usedIndex` when the device last thought about an interrupt. */
  signalled: number;
}

/** What both sides agreed on that changes how a queue works. */
export interface QueueFeatures {
  /** VIRTIO_F_INDIRECT_DESC. */
  readonly indirect: boolean;
  /** VIRTIO_F_EVENT_IDX. */
  readonly eventIndex: boolean;
}

/** State of a queue after reset. */
export function resetQueue(): QueueState {
  const addresses = { descPa: 0, driverPa: 0, devicePa: 0 };
  return { num: 0, ready: false, ...addresses, lastAvail: 0, usedIndex: 0, signalled: 0 };
}

/** See the head of the file. */
export class Virtqueue {
  readonly ram: DeviceRam;
  s: QueueState = resetQueue();

  constructor(ram: DeviceRam) {
    this.ram = ram;
  }

  /** Why the rings cannot be where the driver put them, or undefined ("Virtqueues": alignments and sizes). */
  misplaced(): string | undefined {
    const { num, descPa, driverPa, devicePa } = this.s;
    const parts = [
      ['descriptor table', descPa, DESC_BYTES * num, 16],
      ['available ring', driverPa, 6 + 2 * num, 2],
      ['used ring', devicePa, 6 + 8 * num, 4],
    ] as const;
    if (num === 0) return 'its size is 0';
    for (const [what, addrPa, sizeBytes, align] of parts) {
      if (!this.ram.contains(addrPa, sizeBytes)) return `its ${what} at ${hex(addrPa)} is not in RAM`;
      if (addrPa % align !== 0) return `its ${what} at ${hex(addrPa)} is not aligned to ${align} bytes`;
    }
    return undefined;
  }

  /** Entries the driver offers that were not taken. @throws QueueFault when it says more than the ring can hold */
  available(): number {
    const { driverPa, lastAvail, num } = this.s;
    const index = le16(this.ram.read(driverPa + 2, 2));
    const count = u16(index - lastAvail);
    if (count > num)
      throw new QueueFault(`available index ${index} is ${count} past what was taken, the ring has ${num}`);
    return count;
  }

  /** The next chain, or undefined when the driver offers none. @throws QueueFault */
  take(features: QueueFeatures): Chain | undefined {
    const { s } = this;
    if (this.available() === 0) return undefined;
    const head = le16(this.ram.read(s.driverPa + 4 + 2 * (s.lastAvail % s.num), 2));
    const chain = this.#walk(head, features);
    s.lastAvail = u16(s.lastAvail + 1);
    if (features.eventIndex) this.#askForNotification();
    return chain;
  }

  /** Undoes the last `take`: the chain stays offered. */
  putBack(features: QueueFeatures): void {
    this.s.lastAvail = u16(this.s.lastAvail - 1);
    if (features.eventIndex) this.#askForNotification();
  }

  /** Gives a chain back with the number of bytes written into it. */
  give(chain: Chain, writtenBytes: number): void {
    const { s } = this;
    this.ram.write(s.devicePa + 4 + 8 * (s.usedIndex % s.num), leBytes([chain.head, 4], [writtenBytes, 4]));
    s.usedIndex = u16(s.usedIndex + 1);
    this.ram.write(s.devicePa + 2, leBytes([s.usedIndex, 2]));
  }

  /** True when the driver wants an interrupt for what was given since this was last asked. */
  wantsInterrupt(features: QueueFeatures): boolean {
    const { s } = this;
    if (s.signalled === s.usedIndex) return false;
    const before = s.signalled;
    s.signalled = s.usedIndex;
    if (!features.eventIndex) return (le16(this.ram.read(s.driverPa, 2)) & AVAIL_F_NO_INTERRUPT) === 0;
    // "Used Buffer Notification Suppression": due when the used index passes used_event.
    const usedEvent = le16(this.ram.read(s.driverPa + 4 + 2 * s.num, 2));
    return u16(s.usedIndex - usedEvent - 1) < u16(s.usedIndex - before);
  }

  /** avail_event: the driver is to notify for the very next entry. */
  #askForNotification(): void {
    const { s } = this;
    this.ram.write(s.devicePa + 4 + 8 * s.num, leBytes([s.lastAvail, 2]));
  }

  #walk(head: number, features: QueueFeatures): Chain {
    const { s } = this;
    const readable: Segment[] = [];
    const writable: Segment[] = [];
    let table = { addrPa: s.descPa, entries: s.num };
    let indirect = false;
    let index = head;
    let totalBytes = 0;
    // Counted per table, because any number of direct descriptors may come before one indirect one.
    for (let walked = 0; ; walked++) {
      if (walked >= table.entries || readable.length + writable.length >= CHAIN_DESCRIPTORS_MAX)
        throw new QueueFault(`chain ${head} has more descriptors than its table of ${table.entries}, or too many`);
      if (index >= table.entries)
        throw new QueueFault(`descriptor ${index} of chain ${head}: the table has ${table.entries}`);
      const bytes = this.ram.read(table.addrPa + DESC_BYTES * index, DESC_BYTES);
      const [addrPa, sizeBytes, flags, next] = [le64(bytes), le32(bytes, 8), le16(bytes, 12), le16(bytes, 14)];
      if (flags & F_INDIRECT) {
        if (!features.indirect) throw new QueueFault(`descriptor ${index} is indirect, which was not negotiated`);
        if (indirect || flags & F_NEXT)
          throw new QueueFault(`indirect descriptor ${index} inside a table or with NEXT`);
        table = this.#indirectTable(addrPa, sizeBytes);
        indirect = true;
        index = 0;
        walked = -1;
        continue;
      }
      totalBytes += sizeBytes;
      if (totalBytes > CHAIN_BYTES_MAX) throw new QueueFault(`chain ${head} has more than ${CHAIN_BYTES_MAX} bytes`);
      if (!this.ram.contains(addrPa, sizeBytes))
        throw new QueueFault(`descriptor ${index}: ${sizeBytes} bytes at ${hex(addrPa)} are not in RAM`);
      if (!(flags & F_WRITE) && writable.length > 0)
        throw new QueueFault(`descriptor ${index} is for reading but follows one for writing`);
      (flags & F_WRITE ? writable : readable).push({ addrPa, sizeBytes });
      if (!(flags & F_NEXT)) return new Chain(this.ram, head, readable, writable);
      index = next;
    }
  }

  #indirectTable(addrPa: number, sizeBytes: number): { addrPa: number; entries: number } {
    if (sizeBytes === 0 || sizeBytes % DESC_BYTES !== 0)
      throw new QueueFault(`indirect table of ${sizeBytes} bytes, not a multiple of ${DESC_BYTES}`);
    if (!this.ram.contains(addrPa, sizeBytes)) throw new QueueFault(`indirect table at ${hex(addrPa)} is not in RAM`);
    return { addrPa, entries: sizeBytes / DESC_BYTES };
  }

  state(): PlainData {
    return { ...this.s };
  }
  load(state: PlainData): void {
    this.s = { ...(state as unknown as QueueState) };
  }
}
