/**
 * virtio-blk. OASIS VIRTIO 1.2, "Block Device".
 *
 * One queue. Requests: read, write, flush, get-id; others are answered VIRTIO_BLK_S_UNSUPP. Every request completes at
 * the boundary at which it is seen; content and order are those of the requests.
 *
 * Not modelled: discard, write zeroes, several queues, geometry, write cache mode changes.
 *
 * What a hostile guest can do, and what stops it: read or write beyond the disk, lengths that are no sectors, writes to
 * a read-only disk (VIRTIO_BLK_S_IOERR, the content is as before); a request without room for its header or status (the
 * device needs a reset); a disk that the host refuses to read or write (VIRTIO_BLK_S_IOERR, reported); writing without
 * end (what is kept is bounded by the size of the disk).
 */
import type { PlainData } from '../device.ts';
import { type BlockBackend, BlockStore, SECTOR_BYTES } from './block-store.ts';
import type { FunctionHost, QueuePort, VirtioFunction } from './function.ts';
import { BLK_SEG_MAX, BLK_SIZE_MAX } from './limits.ts';
import type { Chain } from './queue.ts';
import { le32, le64, leBytes } from './ram.ts';

const F_SIZE_MAX = 1;
const F_SEG_MAX = 2;
const F_RO = 5;
const F_BLK_SIZE = 6;
const F_FLUSH = 9;

/** Request types, `struct virtio_blk_req`. */
const T = { IN: 0, OUT: 1, FLUSH: 4, GET_ID: 8 } as const;
/** Status byte of a request. */
const S = { OK: 0, IOERR: 1, UNSUPP: 2 } as const;
const HEADER_BYTES = 16;
const ID_BYTES = 20;

/** A disk behind a virtio transport. */
export interface VirtioBlkOptions {
  readonly backend: BlockBackend;
  /** Serial number, at most 20 bytes of ASCII. */
  readonly serial?: string;
}

/** See the head of the file. */
export class VirtioBlk implements VirtioFunction {
  readonly deviceId = 2;
  readonly name = 'virtio-blk';
  readonly queues = 1;
  readonly features: readonly number[];
  readonly store: BlockStore;
  readonly #serial: Uint8Array;
  #host: FunctionHost | undefined;

  constructor({ backend, serial = '' }: VirtioBlkOptions) {
    const { sizeBytes } = backend;
    if (!(Number.isSafeInteger(sizeBytes) && sizeBytes > 0 && sizeBytes % SECTOR_BYTES === 0))
      throw new Error(`assertion: a disk of ${sizeBytes} bytes; the machine checks its options`);
    this.store = new BlockStore(backend);
    this.features = [F_SIZE_MAX, F_SEG_MAX, F_BLK_SIZE, F_FLUSH, ...(backend.readOnly ? [F_RO] : [])];
    this.#serial = new Uint8Array(ID_BYTES);
    for (let n = 0; n < Math.min(serial.length, ID_BYTES); n++) this.#serial[n] = serial.charCodeAt(n) & 0x7f;
  }

  attach(host: FunctionHost): void {
    this.#host = host;
  }

  /** "Device configuration layout": capacity, size_max, seg_max, geometry (none), blk_size, then zeros. */
  config(): Uint8Array {
    return leBytes([this.store.sectors, 8], [BLK_SIZE_MAX, 4], [BLK_SEG_MAX, 4], [0, 4], [SECTOR_BYTES, 4], [0, 8]);
  }

  serve(_queue: number, port: QueuePort): void {
    for (let chain = port.take(); chain !== undefined; chain = port.take()) {
      if (chain.readableBytes < HEADER_BYTES || chain.writableBytes < 1) {
        port.fail(`request with ${chain.readableBytes} bytes to read and ${chain.writableBytes} to write`);
        return;
      }
      port.give(chain, this.#request(chain));
    }
  }

  /** Serves one request; returns the bytes written, the status among them. */
  #request(chain: Chain): number {
    const header = chain.read(0, HEADER_BYTES);
    const [type, sector] = [le32(header), le64(header, 8)];
    const room = chain.writableBytes - 1;
    let status: number = S.OK;
    let written = 0;
    try {
      if (type === T.IN) {
        status = this.#fits(sector, room, 'read');
        if (status === S.OK) written = chain.write(0, this.store.read(sector * SECTOR_BYTES, room));
      } else if (type === T.OUT) {
        status = this.#write(chain, sector);
      } else if (type === T.FLUSH) {
        this.store.backend.flush?.();
      } else if (type === T.GET_ID) {
        written = chain.write(0, this.#serial.subarray(0, Math.min(ID_BYTES, room)));
      } else {
        status = S.UNSUPP;
        this.#host?.report(`request of type ${type} is not modelled; answered VIRTIO_BLK_S_UNSUPP`);
      }
    } catch (error) {
      status = S.IOERR;
      this.#host?.report(`sector ${sector}: the host says: ${error instanceof Error ? error.message : String(error)}`);
    }
    chain.write(room, Uint8Array.of(status));
    // The used length counts bytes from the beginning, so the status counts only when all before it was written.
    return written === room ? room + 1 : written;
  }

  #write(chain: Chain, sector: number): number {
    const size = chain.readableBytes - HEADER_BYTES;
    if (this.store.backend.readOnly) {
      this.#host?.report(`write of ${size} bytes at sector ${sector} of a read-only disk`);
      return S.IOERR;
    }
    const status = this.#fits(sector, size, 'write');
    if (status === S.OK && size > 0) this.store.write(sector * SECTOR_BYTES, chain.read(HEADER_BYTES, size));
    return status;
  }

  #fits(sector: number, sizeBytes: number, what: string): number {
    if (sizeBytes % SECTOR_BYTES === 0 && sector + sizeBytes / SECTOR_BYTES <= this.store.sectors) return S.OK;
    this.#host?.report(`${what} of ${sizeBytes} bytes at sector ${sector}; the disk has ${this.store.sectors} sectors`);
    return S.IOERR;
  }

  /** The content stays: a disk is outside of what a reset reaches. */
  reset(): void {}

  state(): PlainData {
    return this.store.state();
  }
  load(state: PlainData): void {
    this.store.load(state);
  }
}
