/**
 * virtio-rng. OASIS VIRTIO 1.2, "Entropy Device".
 *
 * The bytes are the ChaCha20 key stream of a seed, from its beginning after power-on: the same machine gives the same
 * bytes in the same order. They are no secret and no entropy; that is the point of a machine that can be repeated.
 *
 * What a hostile guest can do, and what stops it: offer enormous buffers (at most `RNG_CHAIN_BYTES_MAX` bytes are given
 * for each); offer buffers that the device cannot write (given back with length 0, reported).
 */
import type { PlainData } from '../device.ts';
import { chacha20Block } from './chacha.ts';
import type { FunctionHost, QueuePort, VirtioFunction } from './function.ts';
import { RNG_CHAIN_BYTES_MAX } from './limits.ts';

/** Seed of the entropy device when none is given, 32 bytes. */
export const VIRTIO_RNG_SEED_DEFAULT: Uint8Array = new TextEncoder().encode('unmaskable: virtio-rng seed, 32B');

const BLOCK_BYTES = 64;

/** See the head of the file. */
export class VirtioRng implements VirtioFunction {
  readonly deviceId = 4;
  readonly name = 'virtio-rng';
  readonly queues = 1;
  readonly features: readonly number[] = [];
  readonly #seed: Uint8Array;
  #host: FunctionHost | undefined;
  /** Bytes given so far. */
  #givenBytes = 0;

  /** @param seed - 32 bytes */
  constructor(seed: Uint8Array = VIRTIO_RNG_SEED_DEFAULT) {
    if (seed.length !== 32)
      throw new Error(`assertion: a seed of ${seed.length} bytes; the machine checks its options`);
    this.#seed = seed.slice();
  }

  attach(host: FunctionHost): void {
    this.#host = host;
  }

  config(): Uint8Array {
    return new Uint8Array(0);
  }

  serve(_queue: number, port: QueuePort): void {
    for (let chain = port.take(); chain !== undefined; chain = port.take()) {
      if (chain.writableBytes === 0) this.#host?.report('a buffer that the device may not write');
      port.give(chain, chain.write(0, this.#bytes(Math.min(chain.writableBytes, RNG_CHAIN_BYTES_MAX))));
    }
  }

  #bytes(sizeBytes: number): Uint8Array {
    const out = new Uint8Array(sizeBytes);
    for (let done = 0; done < sizeBytes; ) {
      const at = this.#givenBytes % BLOCK_BYTES;
      const block = chacha20Block(this.#seed, Math.floor(this.#givenBytes / BLOCK_BYTES));
      const part = block.subarray(at, at + Math.min(BLOCK_BYTES - at, sizeBytes - done));
      out.set(part, done);
      done += part.length;
      this.#givenBytes += part.length;
    }
    return out;
  }

  /** The stream goes on: a guest that resets the device must not get the same bytes again. */
  reset(): void {}

  state(): PlainData {
    return { givenBytes: this.#givenBytes };
  }
  load(state: PlainData): void {
    this.#givenBytes = (state as { givenBytes: number }).givenBytes;
  }
}
