/**
 * One virtio MMIO transport: registers, negotiation and queues in front of a `VirtioFunction`, or of nothing.
 * OASIS VIRTIO 1.2, "Virtio Over MMIO", "Device Initialization", "Reserved Feature Bits".
 *
 * Version 2 is the default; version 1, the legacy interface, is an option for old drivers. A slot without a device
 * answers with DeviceID 0.
 *
 * A notification only notes the queue and asks the board for a visit; the work is done at the boundary after the
 * notifying step, so whatever a device does lies between two instructions, and a snapshot taken before it repeats it.
 *
 * Not modelled: packed queues, reset of a single queue, shared memory regions, VIRTIO_F_ACCESS_PLATFORM.
 *
 * What a hostile guest can do, and what stops it: chains that are loops, descriptors outside RAM or table, an available
 * index that runs away, queues of impossible size or place (`QueueFault` or a refused write: reported, and the device
 * needs a reset; it does nothing until then); endless work (a visit is bounded, the next one comes in later virtual
 * time); buffers on top of the rings or of the device's own tables (each look at them is bounded and checked anew);
 * anything else in the page (the register map refuses and reports).
 */
import type { Access, Device, Line, PlainData, Report } from '../device.ts';
import type { Slot } from '../regmap.ts';
import type { QueuePort, VirtioFunction } from './function.ts';
import { QUEUE_SIZE_MAX, VISIT_BYTES_MAX, VISIT_CHAINS_MAX } from './limits.ts';
import { type Chain, QueueFault, type QueueFeatures, Virtqueue } from './queue.ts';
import { addressOf, type DeviceRam } from './ram.ts';
import { FEATURE, INTERRUPT, STATUS, VIRTIO_MMIO_LEGACY_REGS, VIRTIO_MMIO_REGS, type VirtioRegister } from './regs.ts';
import { copyState, isAddressRegister, resetState, type State } from './transport-state.ts';

/** What a transport is connected to. */
export interface VirtioMmioHost {
  readonly irq: Line;
  readonly ram: DeviceRam;
  /** `visit` is to be called at the next boundary. */
  needsVisit(): void;
  readonly report: Report;
}

/** Which interface the transport shows: version 2, or version 1 of before VIRTIO 1.0. */
export type VirtioInterface = 'modern' | 'legacy';

const isPowerOfTwo = (value: number): boolean => value > 0 && (value & (value - 1)) === 0;

/** See the head of the file. */
export class VirtioMmio implements Device {
  readonly name: string;
  readonly sizeBytes = VIRTIO_MMIO_REGS.sizeBytes;
  readonly fn: VirtioFunction | undefined;
  readonly #host: VirtioMmioHost;
  readonly #legacy: boolean;
  readonly #queues: readonly Virtqueue[];
  readonly #offered: readonly [number, number];
  #s: State;

  /** @param fn - the device behind the transport; undefined for a slot without one */
  constructor(host: VirtioMmioHost, fn: VirtioFunction | undefined, shows: VirtioInterface, name: string) {
    this.#host = host;
    this.fn = fn;
    this.#legacy = shows === 'legacy';
    this.name = fn ? `${fn.name}, ${name}` : name;
    this.#queues = Array.from({ length: fn?.queues ?? 0 }, () => new Virtqueue(host.ram));
    this.#offered = this.#offer(fn?.features ?? []);
    this.#s = resetState(this.#queues.length);
    fn?.attach({
      wake: (queue) => this.#note(queue),
      report: (message) => host.report(`${this.name}: ${message}`),
    });
  }

  #offer(ofFunction: readonly number[]): readonly [number, number] {
    const own = this.#legacy ? [FEATURE.ANY_LAYOUT] : [FEATURE.VERSION_1];
    const offered: [number, number] = [0, 0];
    for (const bit of [...ofFunction, FEATURE.RING_INDIRECT_DESC, FEATURE.RING_EVENT_IDX, ...own]) {
      offered[bit < 32 ? 0 : 1] |= 1 << (bit & 31);
    }
    return [offered[0] >>> 0, offered[1] >>> 0];
  }

  /** True when the driver accepted a feature, by bit number. */
  readonly accepted = (bit: number): boolean =>
    (this.#s.driverFeatures[bit < 32 ? 0 : 1] & this.#offered[bit < 32 ? 0 : 1] & (1 << (bit & 31))) !== 0;

  #queueFeatures(): QueueFeatures {
    return {
      indirect: this.accepted(FEATURE.RING_INDIRECT_DESC),
      eventIndex: this.accepted(FEATURE.RING_EVENT_IDX),
    };
  }

  // --- registers ---

  #admit(offset: number, access: Access, direction: 'read' | 'write'): Slot<VirtioRegister> | undefined {
    const map = this.#legacy ? VIRTIO_MMIO_LEGACY_REGS : VIRTIO_MMIO_REGS;
    return map.admit(offset, access.sizeBytes, direction, (message) => this.#report(message));
  }

  read(offset: number, access: Access): number {
    // "MMIO Device Register Layout": without a device only the first registers count, and drivers look no further.
    if (this.fn === undefined && offset >= 0x10) return 0;
    const slot = this.#admit(offset, access, 'read');
    if (slot === undefined) return 0;
    const { name } = slot.register;
    return name === 'Config' ? this.#readConfig(offset - 0x100, access.sizeBytes) : this.#readRegister(name);
  }

  write(offset: number, value: number, access: Access): undefined {
    if (this.fn === undefined) return;
    const slot = this.#admit(offset, access, 'write');
    if (slot === undefined) return;
    const { name } = slot.register;
    if (name === 'Config') this.#writeConfig(this.fn, offset - 0x100, value, access.sizeBytes);
    else this.#writeRegister(name, value >>> 0);
    this.#updateLine();
  }

  #readConfig(offset: number, sizeBytes: number): number {
    const config = this.fn!.config();
    let value = 0;
    for (let n = sizeBytes - 1; n >= 0; n--) value = value * 256 + (config[offset + n] ?? 0);
    return value;
  }

  #writeConfig(fn: VirtioFunction, offset: number, value: number, sizeBytes: number): void {
    if (fn.writeConfig) fn.writeConfig(offset, value, sizeBytes);
    else this.#report(`write to offset ${offset} of the configuration space, which is read-only`);
  }

  #readRegister(name: VirtioRegister): number {
    const s = this.#s;
    const queue = this.#queues[s.queueSel];
    switch (name) {
      case 'Version':
        return this.#legacy ? 1 : 2;
      case 'DeviceID':
        return this.fn?.deviceId ?? 0;
      case 'DeviceFeatures':
        return this.#offered[s.deviceFeaturesSel] ?? 0;
      case 'QueueNumMax':
        return queue && !(this.#legacy && s.legacy[s.queueSel]!.pfn !== 0) ? QUEUE_SIZE_MAX : 0;
      case 'QueueReady':
        return queue?.s.ready ? 1 : 0;
      case 'QueuePFN':
        return s.legacy[s.queueSel]?.pfn ?? 0;
      case 'InterruptStatus':
        return s.interruptStatus;
      case 'Status':
        return s.status;
      default:
        return VIRTIO_MMIO_REGS.registers[name].reset;
    }
  }

  #writeRegister(name: VirtioRegister, value: number): void {
    const s = this.#s;
    switch (name) {
      case 'DeviceFeaturesSel':
        s.deviceFeaturesSel = value;
        return;
      case 'DriverFeaturesSel':
        s.driverFeaturesSel = value;
        return;
      case 'DriverFeatures':
        this.#acceptFeatures(value);
        return;
      case 'QueueSel':
        s.queueSel = value;
        return;
      case 'QueueNotify':
        if (this.#queues[value]) this.#note(value);
        else this.#report(`QueueNotify: queue ${value}; this device has ${this.#queues.length}`);
        return;
      case 'InterruptACK':
        s.interruptStatus &= ~value;
        return;
      case 'Status':
        this.#writeStatus(value & 0xff);
        return;
      case 'SHMSel':
        return;
      case 'GuestPageSize':
        if (isPowerOfTwo(value)) s.guestPageBytes = value;
        else this.#report(`GuestPageSize: ${value} is no power of two`);
        return;
      default:
        this.#writeQueueRegister(name, value);
    }
  }

  #acceptFeatures(value: number): void {
    const s = this.#s;
    if (s.status & STATUS.FEATURES_OK) {
      this.#report('DriverFeatures: written after FEATURES_OK');
      return;
    }
    if (s.driverFeaturesSel < 2) s.driverFeatures[s.driverFeaturesSel] = value;
    else if (value !== 0) this.#report(`DriverFeatures: bits of word ${s.driverFeaturesSel}; there are 64`);
  }

  /** "Device Initialization", step 5: FEATURES_OK does not stay set when the device cannot work that way. */
  #writeStatus(value: number): void {
    const s = this.#s;
    if (value === 0) {
      this.#resetDevice(s.guestPageBytes);
      return;
    }
    const kept = s.status & STATUS.DEVICE_NEEDS_RESET;
    let status = value | kept;
    if (!this.#legacy && value & ~s.status & STATUS.FEATURES_OK && !this.#featuresFit()) {
      this.#report(`Status: FEATURES_OK refused, accepted ${s.driverFeatures.map((w) => `0x${w.toString(16)}`)}`);
      status &= ~STATUS.FEATURES_OK;
    }
    s.status = status;
    if (s.waiting !== 0 && this.#works()) this.#host.needsVisit();
  }

  #featuresFit(): boolean {
    const [low, high] = this.#s.driverFeatures;
    const extra = (low & ~this.#offered[0]) | (high & ~this.#offered[1]);
    return extra === 0 && this.accepted(FEATURE.VERSION_1);
  }

  #writeQueueRegister(name: VirtioRegister, value: number): void {
    const s = this.#s;
    const queue = this.#queues[s.queueSel];
    if (queue === undefined) {
      this.#report(`${name}: queue ${s.queueSel}; this device has ${this.#queues.length}`);
      return;
    }
    if (name === 'QueueReady') this.#writeReady(queue, value & 1);
    else if (name === 'QueuePFN') this.#writePfn(queue, value);
    else if (queue.s.ready) this.#report(`${name}: queue ${s.queueSel} is in use; reset the device first`);
    else if (name === 'QueueNum') {
      if (isPowerOfTwo(value) && value <= QUEUE_SIZE_MAX) queue.s.num = value;
      else this.#report(`QueueNum: ${value} entries; a power of two up to ${QUEUE_SIZE_MAX} is possible`);
    } else if (name === 'QueueAlign') {
      if (isPowerOfTwo(value)) s.legacy[s.queueSel]!.alignBytes = value;
      else this.#report(`QueueAlign: ${value} is no power of two`);
    } else if (isAddressRegister(name)) s.addresses[s.queueSel]![name] = value;
    else throw new Error(`assertion: the register map let a write to ${name} through`);
  }

  #writeReady(queue: Virtqueue, value: number): void {
    if (value === 0) {
      queue.s.ready = false;
      return;
    }
    const a = this.#s.addresses[this.#s.queueSel]!;
    queue.s.descPa = addressOf(a.QueueDescLow, a.QueueDescHigh);
    queue.s.driverPa = addressOf(a.QueueDriverLow, a.QueueDriverHigh);
    queue.s.devicePa = addressOf(a.QueueDeviceLow, a.QueueDeviceHigh);
    this.#enable(queue);
  }

  /** "Legacy Interfaces: A Note on Virtqueue Layout": one region, the used ring on the next aligned address. */
  #writePfn(queue: Virtqueue, pfn: number): void {
    const { legacy, queueSel, guestPageBytes } = this.#s;
    const place = legacy[queueSel]!;
    place.pfn = pfn;
    if (pfn === 0) {
      // A queue that is stopped starts anew.
      queue.s = { ...queue.s, ready: false, lastAvail: 0, usedIndex: 0, signalled: 0 };
      return;
    }
    const { num } = queue.s;
    queue.s.descPa = pfn * guestPageBytes;
    queue.s.driverPa = queue.s.descPa + 16 * num;
    const end = queue.s.driverPa + 6 + 2 * num;
    queue.s.devicePa = Math.ceil(end / place.alignBytes) * place.alignBytes;
    this.#enable(queue);
  }

  #enable(queue: Virtqueue): void {
    const why = queue.misplaced();
    queue.s.ready = why === undefined;
    if (why !== undefined) this.#break(`queue ${this.#s.queueSel} cannot be used: ${why}`);
  }

  // --- work ---

  /** The device may use its queues. Old legacy drivers use them before they say DRIVER_OK. */
  #works(): boolean {
    const { status, broken } = this.#s;
    return !broken && (this.#legacy || (status & STATUS.DRIVER_OK) !== 0);
  }

  #note(queue: number): void {
    this.#s.waiting |= 1 << queue;
    if (this.#works()) this.#host.needsVisit();
  }

  /** True when there is work for `visit`; the board asks after `load`. */
  get waits(): boolean {
    return this.#s.waiting !== 0 && this.#works();
  }

  /**
   * Serves the queues that were notified, lowest number first, as far as one visit goes.
   *
   * @returns true when another visit is needed
   */
  visit(): boolean {
    const { fn } = this;
    if (fn === undefined || !this.waits) return false;
    const budget = { chains: VISIT_CHAINS_MAX, bytes: VISIT_BYTES_MAX };
    for (let n = 0; n < this.#queues.length; n++) {
      if (!(this.#s.waiting & (1 << n)) || this.#s.broken) continue;
      const queue = this.#queues[n]!;
      if (!queue.s.ready) {
        this.#s.waiting &= ~(1 << n);
        continue;
      }
      this.#serve(fn, n, queue, budget);
    }
    this.#updateLine();
    return this.waits;
  }

  #serve(fn: VirtioFunction, n: number, queue: Virtqueue, budget: { chains: number; bytes: number }): void {
    const features = this.#queueFeatures();
    let exhausted = false;
    const port: QueuePort = {
      take: () => {
        if (this.#s.broken) return undefined;
        if (budget.chains <= 0 || budget.bytes <= 0) {
          exhausted = true;
          return undefined;
        }
        const chain = queue.take(features);
        if (chain === undefined) return undefined;
        budget.chains--;
        budget.bytes -= chain.readableBytes + chain.writableBytes;
        return chain;
      },
      putBack: () => queue.putBack(features),
      give: (chain: Chain, writtenBytes) => queue.give(chain, writtenBytes),
      fail: (message) => this.#break(`queue ${n}: ${message}`),
    };
    try {
      fn.serve(n, port, this.accepted);
    } catch (error) {
      if (!(error instanceof QueueFault)) throw error;
      this.#break(`queue ${n}: ${error.message}`);
    }
    if (!exhausted) this.#s.waiting &= ~(1 << n);
    if (queue.wantsInterrupt(features)) this.#s.interruptStatus |= INTERRUPT.USED;
  }

  /** "Device Status Field": an error that only a reset can end; the driver hears by a configuration change. */
  #break(message: string): void {
    const s = this.#s;
    this.#report(`${message}; the device needs a reset`);
    s.broken = true;
    s.waiting = 0;
    if (this.#legacy) return;
    s.status |= STATUS.DEVICE_NEEDS_RESET;
    if (s.status & STATUS.DRIVER_OK) s.interruptStatus |= INTERRUPT.CONFIG;
    this.#updateLine();
  }

  #report(message: string): void {
    this.#host.report(`${this.name}: ${message}`);
  }

  #updateLine(): void {
    this.#host.irq.set(this.#s.interruptStatus !== 0);
  }

  // --- state ---

  state(): PlainData {
    if (this.fn === undefined) return null;
    return {
      ...copyState(this.#s),
      queues: this.#queues.map((queue) => queue.state()),
      function: this.fn.state(),
    };
  }

  load(state: PlainData): void {
    if (this.fn === undefined) return;
    const {
      queues,
      function: ofFunction,
      ...own
    } = state as unknown as State & {
      queues: PlainData[];
      function: PlainData;
    };
    this.#s = copyState(own);
    for (const [n, queue] of this.#queues.entries()) queue.load(queues[n]!);
    this.fn.load(ofFunction);
    this.#updateLine();
  }

  reset(): void {
    this.#resetDevice(0);
  }

  /** Drivers of the legacy interface set the page size once, before their first reset of the device: it stays. */
  #resetDevice(guestPageBytes: number): void {
    this.#s = { ...resetState(this.#queues.length), guestPageBytes };
    for (const queue of this.#queues) queue.s = new Virtqueue(this.#host.ram).s;
    this.fn?.reset();
    this.#updateLine();
  }
}
