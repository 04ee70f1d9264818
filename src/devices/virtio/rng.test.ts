import { createCipheriv } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { chacha20Block } from './chacha.ts';
import { RNG_CHAIN_BYTES_MAX } from './limits.ts';
import { VIRTIO_RNG_SEED_DEFAULT, VirtioRng } from './rng.ts';
import { VirtioRig } from './virtio-rig.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** The key stream as OpenSSL makes it. */
function keyStream(key: Uint8Array, sizeBytes: number): Uint8Array {
  return new Uint8Array(createCipheriv('chacha20', key, new Uint8Array(16)).update(new Uint8Array(sizeBytes)));
}

/** Takes bytes from the device in buffers of the given sizes. */
function draw(rig: VirtioRig, sizes: readonly number[]): string {
  return sizes
    .map((size) => {
      const { places } = rig.push(0, [size]);
      rig.notify(0);
      return hex(rig.bytesAt(places[0]!, size));
    })
    .join('');
}

describe('virtio-rng (VIRTIO 1.2, "Entropy Device")', () => {
  it('ChaCha20 gives the first test vector of RFC 8439, appendix A.1, and the stream of OpenSSL', () => {
    expect(hex(chacha20Block(new Uint8Array(32), 0)).slice(0, 32)).toBe('76b8e0ada0f13d90405d6ae55386bd28');
    const blocks = [0, 1, 2].map((n) => hex(chacha20Block(VIRTIO_RNG_SEED_DEFAULT, n))).join('');
    expect(blocks).toBe(hex(keyStream(VIRTIO_RNG_SEED_DEFAULT, 192)));
  });

  it('gives the stream of its seed, however it is cut into buffers', () => {
    const sizes = [1, 63, 64, 65, 100, 7];
    const rig = new VirtioRig(new VirtioRng()).start();
    expect(draw(rig, sizes)).toBe(hex(keyStream(VIRTIO_RNG_SEED_DEFAULT, 300)));
    const other = Uint8Array.from({ length: 32 }, (_, n) => n);
    expect(draw(new VirtioRig(new VirtioRng(other)).start(), [300])).toBe(hex(keyStream(other, 300)));
  });

  it('goes on after a reset of the device, and goes back with load', () => {
    const rig = new VirtioRig(new VirtioRng()).start();
    const first = draw(rig, [32]);
    rig.write('Status', 0);
    rig.ram.fill(0);
    rig.start();
    const state = rig.state();
    const second = draw(rig, [32]);
    expect(first + second).toBe(hex(keyStream(VIRTIO_RNG_SEED_DEFAULT, 64)));
    rig.device.load(state);
    rig.ram.fill(0);
    expect(draw(rig, [32])).toBe(second);
  });

  it('gives a bounded number of bytes for a large buffer, and the length says how many', () => {
    const rig = new VirtioRig(new VirtioRng()).start();
    rig.push(0, [100_000]);
    rig.notify(0);
    expect(rig.used(0)).toEqual([{ id: 0, len: RNG_CHAIN_BYTES_MAX }]);
  });

  it('a buffer it may not write comes back empty and is reported', () => {
    const rig = new VirtioRig(new VirtioRng()).start();
    rig.push(0, [new Uint8Array(8)]);
    rig.notify(0);
    expect([rig.used(0), rig.reports.length]).toEqual([[{ id: 0, len: 0 }], 1]);
  });

  it('the default seed has 32 bytes', () => {
    expect(VIRTIO_RNG_SEED_DEFAULT).toHaveLength(32);
  });
});
