import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtioBlk } from './blk.ts';
import { type BlockBackend, BlockStore, memoryBackend } from './block-store.ts';
import { leBytes } from './ram.ts';
import { VirtioRig } from './virtio-rig.ts';

const DISK_BYTES = 64 * 1024;
const [IN, OUT, FLUSH, GET_ID] = [0, 1, 4, 8];
const [OK, IOERR, UNSUPP] = [0, 1, 2];

const pattern = (sizeBytes: number, seed = 0) =>
  Uint8Array.from({ length: sizeBytes }, (_, n) => (n * 7 + seed) & 0xff);
const header = (type: number, sector: number) => leBytes([type, 4], [0, 4], [sector, 8]);

function disk(backend: BlockBackend = memoryBackend(pattern(DISK_BYTES)), shows: 'modern' | 'legacy' = 'modern') {
  const fn = new VirtioBlk({ backend, serial: 'serial-1' });
  const rig = new VirtioRig(fn, shows).start();
  /** One request; `data` is what is written, or how many bytes are read. */
  const request = (type: number, sector: number, data: Uint8Array | number = 0, indirect = false) => {
    const middle = typeof data === 'number' && data === 0 ? [] : [data];
    const { places } = rig.push(0, [header(type, sector), ...middle, 1], indirect);
    rig.bytesAt(places.at(-1)!, 1);
    rig.ram[places.at(-1)! - 0x4000_0000] = 0xee;
    rig.notify(0);
    const bytes = typeof data === 'number' ? rig.bytesAt(places[1]!, data) : undefined;
    return { status: rig.bytesAt(places.at(-1)!, 1)[0], bytes, len: rig.used(0).at(-1)?.len };
  };
  return { fn, rig, request };
}

describe('virtio-blk (VIRTIO 1.2, "Block Device")', () => {
  it('says capacity in sectors, sector size, and that it is read-only only when it is', () => {
    const { rig } = disk();
    expect([rig.config(0, 4), rig.config(4, 4), rig.config(20, 4)]).toEqual([DISK_BYTES / 512, 0, 512]);
    expect(rig.offered(0) & (1 << 5)).toBe(0);
    expect(disk(memoryBackend(new Uint8Array(512), { readOnly: true })).rig.offered(0) & (1 << 5)).toBe(1 << 5);
  });

  it.each([
    ['modern', false],
    ['modern', true],
    ['legacy', false],
    ['legacy', true],
  ] as const)('reads what was written and leaves the neighbours (%s, indirect %s)', (shows, indirect) => {
    const { request } = disk(undefined, shows);
    const bytes = pattern(1024, 99);
    expect(request(OUT, 3, bytes, indirect)).toMatchObject({ status: OK, len: 1 });
    expect(request(IN, 3, 1024, indirect)).toEqual({ status: OK, bytes, len: 1025 });
    expect(request(IN, 2, 512).bytes).toEqual(pattern(DISK_BYTES).slice(1024, 1536));
    expect(request(IN, 5, 512).bytes).toEqual(pattern(DISK_BYTES).slice(2560, 3072));
  });

  it('header, data and status may lie in any descriptors', () => {
    const { rig } = disk();
    const all = new Uint8Array([...header(OUT, 1), ...pattern(512, 1)]);
    rig.push(0, [all.subarray(0, 5), all.subarray(5, 300), all.subarray(300), 1]);
    const { places } = rig.push(0, [header(IN, 1), 100, 413]);
    rig.notify(0);
    expect([...rig.bytesAt(places[1]!, 100), ...rig.bytesAt(places[2]!, 412)]).toEqual([...pattern(512, 1)]);
    expect(rig.bytesAt(places[2]! + 412, 1)).toEqual(Uint8Array.of(OK));
  });

  it.each([
    ['a read', IN, DISK_BYTES / 512 - 1, 1024],
    ['a read far beyond', IN, 2 ** 52, 512],
    ['a write', OUT, DISK_BYTES / 512, pattern(512)],
    ['a read of half a sector', IN, 0, 256],
    ['a write of half a sector', OUT, 0, pattern(256)],
  ] as const)('%s that does not fit the disk is an I/O error and reported', (_, type, sector, data) => {
    const { rig, request, fn } = disk();
    expect(request(type, sector, data as Uint8Array | number).status).toBe(IOERR);
    expect(rig.reports).toHaveLength(1);
    expect(fn.store.read(0, DISK_BYTES)).toEqual(pattern(DISK_BYTES));
  });

  it('a read-only disk refuses writes and keeps its content', () => {
    const { request } = disk(memoryBackend(pattern(DISK_BYTES), { readOnly: true }));
    expect(request(OUT, 0, pattern(512, 3)).status).toBe(IOERR);
    expect(request(IN, 0, 512).bytes).toEqual(pattern(512));
  });

  it('gives its serial number, flushes, and answers what it does not know as unsupported', () => {
    let flushes = 0;
    const { request } = disk({ ...memoryBackend(pattern(DISK_BYTES)), flush: () => flushes++ });
    expect(new TextDecoder().decode(request(GET_ID, 0, 20).bytes)).toBe(`serial-1${'\0'.repeat(12)}`);
    expect([request(FLUSH, 0).status, flushes]).toEqual([OK, 1]);
    expect(request(11, 0, pattern(16)).status).toBe(UNSUPP);
  });

  it('a host that refuses is an I/O error for the guest, with the reason in the report', () => {
    const refuse = () => {
      throw new Error('no space left');
    };
    const { rig, request } = disk({ ...memoryBackend(pattern(DISK_BYTES)), write: refuse, flush: refuse });
    expect([request(OUT, 0, pattern(512)).status, request(FLUSH, 0).status]).toEqual([IOERR, IOERR]);
    expect(request(IN, 0, 512).bytes).toEqual(pattern(512));
    expect(rig.reports[0]).toContain('no space left');
  });

  it.each([
    ['no header', [new Uint8Array(8), 1]],
    ['nowhere to put the status', [header(IN, 0)]],
  ])('a request with %s needs a reset', (_, buffers) => {
    const { rig } = disk();
    rig.push(0, buffers);
    rig.notify(0);
    expect([rig.needsReset, rig.used(0).length]).toEqual([true, 0]);
  });

  it('a reset of the device keeps the content', () => {
    const { rig, request, fn } = disk();
    request(OUT, 0, pattern(512, 5));
    rig.write('Status', 0);
    expect(fn.store.read(0, 512)).toEqual(pattern(512, 5));
  });
});

describe('content of a disk', () => {
  const write = fc.record({
    sector: fc.nat(DISK_BYTES / 512 - 1),
    sectors: fc.integer({ min: 1, max: 20 }),
    seed: fc.nat(255),
  });
  const writes = fc.array(write, { maxLength: 12 });

  it('is what was written over what was there, comes back with load, and a back end that follows has it too', () => {
    fc.assert(
      fc.property(writes, writes, (first, second) => {
        const file = pattern(DISK_BYTES);
        const follows = new BlockStore({
          sizeBytes: DISK_BYTES,
          readOnly: false,
          read: (offset, size) => file.slice(offset, offset + size),
          write: (offset, bytes) => file.set(bytes, offset),
        });
        const original = pattern(DISK_BYTES);
        const overlay = new BlockStore(memoryBackend(original));
        const model = pattern(DISK_BYTES);
        const apply = (all: typeof first) => {
          for (const { sector, sectors, seed } of all) {
            const size = Math.min(sectors * 512, DISK_BYTES - sector * 512);
            for (const store of [follows, overlay]) store.write(sector * 512, pattern(size, seed));
            model.set(pattern(size, seed), sector * 512);
            expect(Buffer.compare(follows.read(sector * 512, size), pattern(size, seed))).toBe(0);
          }
        };
        const same = (content: Uint8Array) => {
          for (const bytes of [follows.read(0, DISK_BYTES), overlay.read(0, DISK_BYTES), file])
            expect(Buffer.compare(bytes, content)).toBe(0);
        };
        const start = [follows.state(), overlay.state()];
        apply(first);
        same(model);
        const [middle, states] = [model.slice(), [follows.state(), overlay.state()]];
        apply(second);
        same(model);
        follows.load(states[0]!);
        overlay.load(states[1]!);
        same(middle);
        expect(follows.state()).toBe(states[0]);
        follows.load(start[0]!);
        overlay.load(start[1]!);
        same(pattern(DISK_BYTES));
        expect(Buffer.compare(original, pattern(DISK_BYTES))).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it('a state costs nothing while nothing is written, and shares what two states have in common', () => {
    const store = new BlockStore(memoryBackend(new Uint8Array(DISK_BYTES)));
    store.write(0, pattern(512));
    const one = store.state() as { chunks: Uint8Array[] };
    expect(store.state()).toBe(one);
    store.write(8192, pattern(512));
    const other = store.state() as { chunks: Uint8Array[] };
    expect(other.chunks[0]).toBe(one.chunks[0]);
    expect([one.chunks.length, other.chunks.length]).toEqual([1, 2]);
  });

  it('a disk that ends inside a chunk can be written to its last sector', () => {
    const store = new BlockStore(memoryBackend(new Uint8Array(512 * 3)));
    store.write(1024, pattern(512));
    expect(store.read(512, 1024)).toEqual(Uint8Array.from([...new Uint8Array(512), ...pattern(512)]));
  });

  it.each([0, 100, 513])('%i bytes are no disk', (sizeBytes) => {
    expect(() => memoryBackend(new Uint8Array(sizeBytes))).toThrow('multiple of 512');
  });
});
