import type { PlainData } from '../device.ts';
import type { VirtioFunction } from './function.ts';
import type { DeviceRam } from './ram.ts';
import { FEATURE, STATUS, VIRTIO_MMIO_LEGACY_REGS, VIRTIO_MMIO_REGS, type VirtioRegister } from './regs.ts';
import { type VirtioInterface, VirtioMmio } from './transport.ts';

/** Where the rig's RAM begins. */
export const RIG_RAM_PA = 0x4000_0000;
const RAM_BYTES = 2 * 2 ** 20;
const ACCESS = { sizeBytes: 4, nonSecure: true, pe: 0 } as const;
/** Each queue of a rig has its rings in a region of this size; buffers follow behind all of them. */
const REGION_BYTES = 0x4000;
const BUFFERS_PA = RIG_RAM_PA + 8 * REGION_BYTES;

/** One buffer of a chain: bytes the device reads, or a number of bytes it may write. */
export type Buffer = Uint8Array | number;

/** A descriptor as it lies in memory. */
export interface RawDescriptor {
  readonly addrPa: number | bigint;
  readonly sizeBytes: number;
  readonly flags: number;
  readonly next?: number;
}

/** Flags of a descriptor. */
export const DESC = { NEXT: 1, WRITE: 2, INDIRECT: 4 } as const;

/** A transport with a device behind it and a driver in front, for tests. */
export class VirtioRig {
  readonly ram = new Uint8Array(RAM_BYTES);
  readonly view = new DataView(this.ram.buffer);
  readonly reports: string[] = [];
  readonly device: VirtioMmio;
  readonly legacy: boolean;
  irq = false;
  irqRises = 0;
  visitWanted = false;
  size = 8;
  /** The next descriptor to use, per queue: round and round, since requests here are done before the next. */
  #nextDescriptor: number[] = [];
  #nextBufferPa = BUFFERS_PA;

  constructor(fn: VirtioFunction | undefined, shows: VirtioInterface = 'modern') {
    this.legacy = shows === 'legacy';
    const ram: DeviceRam = {
      contains: (pa, size) => pa >= RIG_RAM_PA && pa + size <= RIG_RAM_PA + RAM_BYTES,
      read: (pa, size) => this.ram.slice(pa - RIG_RAM_PA, pa - RIG_RAM_PA + size),
      write: (pa, bytes) => this.ram.set(bytes, pa - RIG_RAM_PA),
    };
    const irq = {
      set: (level: boolean) => {
        if (level && !this.irq) this.irqRises++;
        this.irq = level;
      },
    };
    const needsVisit = (): void => {
      this.visitWanted = true;
    };
    this.device = new VirtioMmio(
      { irq, ram, needsVisit, report: (text) => this.reports.push(text) },
      fn,
      shows,
      'virtio-mmio@0',
    );
  }

  #at(name: VirtioRegister): number {
    const map = this.legacy ? VIRTIO_MMIO_LEGACY_REGS : VIRTIO_MMIO_REGS;
    return (map.registers as Record<string, { at: number }>)[name]!.at;
  }
  read(name: VirtioRegister): number {
    return this.device.read(this.#at(name), ACCESS);
  }
  write(name: VirtioRegister, value: number): void {
    this.device.write(this.#at(name), value, ACCESS);
  }
  config(offset: number, sizeBytes: 1 | 2 | 4): number {
    return this.device.read(0x100 + offset, { ...ACCESS, sizeBytes });
  }

  /** Word `word` of what the device offers. */
  offered(word: 0 | 1): number {
    this.write('DeviceFeaturesSel', word);
    return this.read('DeviceFeatures');
  }

  /** Negotiates: what is offered, without the bits left out. */
  negotiate(leftOut: readonly number[] = []): void {
    this.write('Status', STATUS.ACKNOWLEDGE | STATUS.DRIVER);
    for (const word of [0, 1] as const) {
      const without = leftOut.filter((bit) => bit >> 5 === word).reduce((mask, bit) => mask | (1 << (bit & 31)), 0);
      this.write('DriverFeaturesSel', word);
      this.write('DriverFeatures', (this.offered(word) & ~without) >>> 0);
    }
    this.write('Status', STATUS.ACKNOWLEDGE | STATUS.DRIVER | STATUS.FEATURES_OK);
  }

  descPa(queue: number): number {
    return RIG_RAM_PA + queue * REGION_BYTES;
  }
  driverPa(queue: number): number {
    return this.legacy ? this.descPa(queue) + 16 * this.size : this.descPa(queue) + 0x2000;
  }
  devicePa(queue: number): number {
    return this.legacy ? this.descPa(queue) + 0x1000 : this.descPa(queue) + 0x3000;
  }

  setupQueue(queue: number, size = this.size): void {
    this.write('QueueSel', queue);
    this.write('QueueNum', size);
    this.#nextDescriptor[queue] = 0;
    if (this.legacy) {
      this.write('GuestPageSize', 4096);
      this.write('QueueAlign', 4096);
      this.write('QueuePFN', this.descPa(queue) / 4096);
      return;
    }
    this.write('QueueDescLow', this.descPa(queue));
    this.write('QueueDriverLow', this.driverPa(queue));
    this.write('QueueDeviceLow', this.devicePa(queue));
    this.write('QueueReady', 1);
  }

  driverOk(): void {
    this.write('Status', this.read('Status') | STATUS.DRIVER_OK);
  }

  /** All of the above for every queue of the device. */
  start(options: { readonly leftOut?: readonly number[]; readonly size?: number } = {}): this {
    this.size = options.size ?? this.size;
    this.negotiate(options.leftOut ?? [FEATURE.RING_EVENT_IDX]);
    for (let queue = 0; queue < (this.device.fn?.queues ?? 0); queue++) this.setupQueue(queue);
    this.driverOk();
    return this;
  }

  writeDescriptor(tablePa: number, index: number, { addrPa, sizeBytes, flags, next = 0 }: RawDescriptor): void {
    const at = tablePa - RIG_RAM_PA + 16 * index;
    this.view.setBigUint64(at, BigInt(addrPa), true);
    this.view.setUint32(at + 8, sizeBytes, true);
    this.view.setUint16(at + 12, flags, true);
    this.view.setUint16(at + 14, next, true);
  }

  /** Puts a head into the available ring. */
  offer(queue: number, head: number): void {
    const at = this.driverPa(queue) - RIG_RAM_PA;
    const index = this.view.getUint16(at + 2, true);
    this.view.setUint16(at + 4 + 2 * (index % this.size), head, true);
    this.view.setUint16(at + 2, index + 1, true);
  }

  allocate(sizeBytes: number): number {
    const at = this.#nextBufferPa;
    this.#nextBufferPa += (sizeBytes + 15) & -16;
    return at;
  }

  /** Offers a chain of buffers; returns where each is, and its head. */
  push(queue: number, buffers: readonly Buffer[], indirect = false): { head: number; places: number[] } {
    const places = buffers.map((buffer) => this.allocate(typeof buffer === 'number' ? buffer : buffer.length));
    const table = indirect ? this.allocate(16 * buffers.length) : this.descPa(queue);
    const at = (n: number): number => (indirect ? n : (this.#nextDescriptor[queue]! + n) % this.size);
    buffers.forEach((buffer, n) => {
      const sizeBytes = typeof buffer === 'number' ? buffer : buffer.length;
      if (typeof buffer !== 'number') this.ram.set(buffer, places[n]! - RIG_RAM_PA);
      const last = n === buffers.length - 1;
      const flags = (typeof buffer === 'number' ? DESC.WRITE : 0) | (last ? 0 : DESC.NEXT);
      this.writeDescriptor(table, at(n), { addrPa: places[n]!, sizeBytes, flags, next: last ? 0 : at(n + 1) });
    });
    const head = this.#nextDescriptor[queue]!;
    if (indirect)
      this.writeDescriptor(this.descPa(queue), head, {
        addrPa: table,
        sizeBytes: 16 * buffers.length,
        flags: DESC.INDIRECT,
      });
    this.#nextDescriptor[queue] = (head + (indirect ? 1 : buffers.length)) % this.size;
    this.offer(queue, head);
    return { head, places };
  }

  /** Notifies and lets the board visit the device until nothing is left; returns the number of visits. */
  notify(queue: number): number {
    this.write('QueueNotify', queue);
    return this.run();
  }
  run(): number {
    let visits = 0;
    while (this.visitWanted) {
      visits++;
      this.visitWanted = this.device.visit();
    }
    return visits;
  }

  bytesAt(addrPa: number, sizeBytes: number): Uint8Array {
    return this.ram.slice(addrPa - RIG_RAM_PA, addrPa - RIG_RAM_PA + sizeBytes);
  }

  /** Entries of the used ring: head and length. */
  used(queue: number): { id: number; len: number }[] {
    const at = this.devicePa(queue) - RIG_RAM_PA;
    return Array.from({ length: this.view.getUint16(at + 2, true) }, (_, n) => ({
      id: this.view.getUint32(at + 4 + 8 * (n % this.size), true),
      len: this.view.getUint32(at + 8 + 8 * (n % this.size), true),
    }));
  }

  get needsReset(): boolean {
    return (this.read('Status') & STATUS.DEVICE_NEEDS_RESET) !== 0;
  }

  /** The same device in a new rig with the same RAM. */
  copyInto(other: VirtioRig): void {
    other.ram.set(this.ram);
    other.size = this.size;
    other.device.load(this.device.state());
    other.visitWanted = other.device.waits;
  }
  state(): PlainData {
    return this.device.state();
  }
}
