/**
 * virtio-net with one pair of queues. OASIS VIRTIO 1.2, "Network Device".
 *
 * No offloads: every frame is whole and its checksums are the driver's. The link is always up.
 *
 * Not modelled: checksum and segmentation offload, merged receive buffers, control queue, several queue pairs.
 *
 * What a hostile guest can do, and what stops it: frames that are too short or too long (dropped, reported); send
 * without end (each visit is bounded); never receive (a bounded number of frames waits, further ones are dropped);
 * receive buffers that are too small (the frame is dropped, reported, the buffer stays).
 */
import type { PlainData } from '../device.ts';
import type { FunctionHost, QueuePort, VirtioFunction } from './function.ts';
import { NET_BACKLOG_FRAMES_MAX, NET_FRAME_BYTES_MAX } from './limits.ts';
import type { Chain } from './queue.ts';
import { FEATURE } from './regs.ts';

const F_MAC = 5;
const F_STATUS = 16;
const S_LINK_UP = 1;
const RECEIVEQ = 0;
/** Destination, source, type. */
const FRAME_BYTES_MIN = 14;

/** The other end of the cable. What it answers depends on the frames it was given, and on its own state, alone. */
export interface NetBackend {
  readonly name: string;
  /** A frame leaves the guest; returns the frames that arrive because of it, in order. */
  send(frame: Uint8Array): readonly Uint8Array[];
  /** Absent: the back end has no state. */
  state?(): PlainData;
  load?(state: PlainData): void;
}

/** Nobody at the other end. */
export const NULL_NET: NetBackend = { name: 'null', send: () => [] };
/** A loopback plug: every frame comes back as it went. */
export const LOOPBACK_NET: NetBackend = { name: 'loopback', send: (frame) => [frame] };

/** Locally administered unicast address, as QEMU's first card has. */
export const VIRTIO_NET_MAC_DEFAULT: Uint8Array = Uint8Array.of(0x52, 0x54, 0x00, 0x12, 0x34, 0x56);

/** See the head of the file. */
export class VirtioNet implements VirtioFunction {
  readonly deviceId = 1;
  readonly name = 'virtio-net';
  readonly queues = 2;
  readonly features: readonly number[] = [F_MAC, F_STATUS];
  readonly #backend: NetBackend;
  readonly #mac: Uint8Array;
  #host: FunctionHost | undefined;
  #backlog: Uint8Array[] = [];

  /** @param mac - six bytes */
  constructor(backend: NetBackend, mac: Uint8Array = VIRTIO_NET_MAC_DEFAULT) {
    this.#backend = backend;
    this.#mac = mac.slice(0, 6);
  }

  attach(host: FunctionHost): void {
    this.#host = host;
  }

  /** mac, status. */
  config(): Uint8Array {
    return Uint8Array.of(...this.#mac, S_LINK_UP, 0);
  }

  /** A frame arrives from outside; false when it was dropped because too many wait. */
  receive(frame: Uint8Array): boolean {
    if (this.#backlog.length >= NET_BACKLOG_FRAMES_MAX) {
      this.#host?.report(`a frame of ${frame.length} bytes is dropped: ${NET_BACKLOG_FRAMES_MAX} frames wait`);
      return false;
    }
    this.#backlog.push(frame.slice());
    this.#host?.wake(RECEIVEQ);
    return true;
  }

  serve(queue: number, port: QueuePort, accepted: (feature: number) => boolean): void {
    // "Device Operation": with VIRTIO_F_VERSION_1 num_buffers is always part of the header.
    const headerBytes = accepted(FEATURE.VERSION_1) ? 12 : 10;
    if (queue === RECEIVEQ) this.#deliver(port, headerBytes);
    else {
      for (let chain = port.take(); chain !== undefined; chain = port.take()) {
        this.#send(chain, headerBytes);
        port.give(chain, 0);
      }
    }
  }

  #send(chain: Chain, headerBytes: number): void {
    const size = chain.readableBytes - headerBytes;
    if (size < FRAME_BYTES_MIN || size > NET_FRAME_BYTES_MAX) {
      this.#host?.report(`a frame of ${size} bytes is dropped; ${FRAME_BYTES_MIN} to ${NET_FRAME_BYTES_MAX} fit`);
      return;
    }
    for (const answer of this.#backend.send(chain.read(headerBytes, size))) this.receive(answer);
  }

  #deliver(port: QueuePort, headerBytes: number): void {
    while (this.#backlog.length > 0) {
      const chain = port.take();
      if (chain === undefined) return;
      const frame = this.#backlog.shift()!;
      const packet = new Uint8Array(headerBytes + frame.length);
      packet.set(frame, headerBytes);
      // num_buffers, the last field of the longer header.
      if (headerBytes === 12) packet[10] = 1;
      if (chain.writableBytes >= packet.length) port.give(chain, chain.write(0, packet));
      else {
        port.putBack();
        this.#host?.report(`a frame of ${frame.length} bytes is dropped: a receive buffer has ${chain.writableBytes}`);
      }
    }
  }

  /** Frames on their way are lost, as when a card is reset. */
  reset(): void {
    this.#backlog = [];
  }

  state(): PlainData {
    return { backlog: [...this.#backlog], backend: this.#backend.state?.() ?? null };
  }
  load(state: PlainData): void {
    const { backlog, backend } = state as { backlog: Uint8Array[]; backend: PlainData };
    this.#backlog = [...backlog];
    this.#backend.load?.(backend);
  }
}
