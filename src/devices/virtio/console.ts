/**
 * virtio-console with one port. OASIS VIRTIO 1.2, "Console Device".
 *
 * Queue 0 receives, queue 1 transmits; there is no control queue, since VIRTIO_CONSOLE_F_MULTIPORT is not offered.
 * Emergency write (a byte written to the configuration space) works before the driver has set up anything.
 *
 * Not modelled: several ports, console size.
 *
 * What a hostile guest can do, and what stops it: transmit without end (bytes go to the host at once, each visit is
 * bounded); never offer receive buffers (`receive` takes only what fits the backlog, the rest stays with the host).
 */
import type { PlainData } from '../device.ts';
import type { FunctionHost, QueuePort, VirtioFunction } from './function.ts';
import { CONSOLE_BACKLOG_BYTES_MAX } from './limits.ts';
import { leBytes } from './ram.ts';

const F_EMERG_WRITE = 2;
const RECEIVEQ = 0;
const EMERG_WR_OFFSET = 8;

/** What the console is connected to. */
export interface VirtioConsoleHost {
  /** Bytes leave the guest, during the boundary after the notifying step. */
  transmit(bytes: Uint8Array): void;
}

/** See the head of the file. */
export class VirtioConsole implements VirtioFunction {
  readonly deviceId = 3;
  readonly name = 'virtio-console';
  readonly queues = 2;
  readonly features: readonly number[] = [F_EMERG_WRITE];
  readonly #outside: VirtioConsoleHost;
  #host: FunctionHost | undefined;
  #backlog = new Uint8Array(0);

  constructor(outside: VirtioConsoleHost) {
    this.#outside = outside;
  }

  attach(host: FunctionHost): void {
    this.#host = host;
  }

  /** cols, rows (both unknown), max_nr_ports, emerg_wr. */
  config(): Uint8Array {
    return leBytes([0, 2], [0, 2], [1, 4], [0, 4]);
  }

  writeConfig(offset: number, value: number): void {
    if (offset === EMERG_WR_OFFSET) this.#outside.transmit(Uint8Array.of(value & 0xff));
    else this.#host?.report(`write to offset ${offset} of the configuration space; only emerg_wr can be written`);
  }

  /** Bytes arrive from outside; returns how many were taken. */
  receive(bytes: Uint8Array): number {
    const fits = Math.min(bytes.length, CONSOLE_BACKLOG_BYTES_MAX - this.#backlog.length);
    if (fits === 0) return 0;
    const joined = new Uint8Array(this.#backlog.length + fits);
    joined.set(this.#backlog);
    joined.set(bytes.subarray(0, fits), this.#backlog.length);
    this.#backlog = joined;
    this.#host?.wake(RECEIVEQ);
    return fits;
  }

  serve(queue: number, port: QueuePort): void {
    if (queue === RECEIVEQ) {
      while (this.#backlog.length > 0) {
        const chain = port.take();
        if (chain === undefined) return;
        const written = chain.write(0, this.#backlog.subarray(0, chain.writableBytes));
        this.#backlog = this.#backlog.slice(written);
        port.give(chain, written);
      }
      return;
    }
    for (let chain = port.take(); chain !== undefined; chain = port.take()) {
      const bytes = chain.read(0, chain.readableBytes);
      port.give(chain, 0);
      if (bytes.length > 0) this.#outside.transmit(bytes);
    }
  }

  /** What waits stays: it is outside. */
  reset(): void {}

  state(): PlainData {
    return { backlog: this.#backlog };
  }
  load(state: PlainData): void {
    this.#backlog = (state as { backlog: Uint8Array<ArrayBuffer> }).backlog.slice();
  }
}
