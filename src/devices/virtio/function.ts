import type { PlainData } from '../device.ts';
import type { Chain } from './queue.ts';

/** One queue while its function serves it. */
export interface QueuePort {
  /** The next chain the driver offers; undefined when there is none, or when this visit has done enough. */
  take(): Chain | undefined;
  /** Undoes the last `take`. */
  putBack(): void;
  /** Gives the chain back to the driver. */
  give(chain: Chain, writtenBytes: number): void;
  /** The driver did what this kind of device cannot answer: reported, and the device needs a reset. */
  fail(message: string): void;
}

/** What the function may ask of the transport. */
export interface FunctionHost {
  /** A queue is to be served although the driver did not notify: something came from outside. */
  wake(queue: number): void;
  /** Something the driver did that the device refuses; the name of the device is put before it. */
  report(message: string): void;
}

/** What a virtio device is, apart from transport and queues: disk, console, entropy, network. */
export interface VirtioFunction {
  /** Device id of VIRTIO 1.2, "Device Types". */
  readonly deviceId: number;
  /** Name in log, trace and snapshot, e.g. `virtio-blk`. */
  readonly name: string;
  /** Bit numbers of the features the kind of device offers; those of transport and queues are added. */
  readonly features: readonly number[];
  readonly queues: number;
  /** Called once, before anything else. */
  attach(host: FunctionHost): void;
  /** The configuration space as it is now. */
  config(): Uint8Array;
  /** The driver wrote to the configuration space. Absent: it cannot. */
  writeConfig?(offset: number, value: number, sizeBytes: number): void;
  /** Serves a queue at a boundary. `accepted(bit)` says whether a feature was negotiated. */
  serve(queue: number, port: QueuePort, accepted: (feature: number) => boolean): void;
  /** The driver or the machine reset the device. What is outside (a disk's content) stays. */
  reset(): void;
  state(): PlainData;
  load(state: PlainData): void;
}
