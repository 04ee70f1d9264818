import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtioBlk } from './blk.ts';
import { memoryBackend } from './block-store.ts';
import { VirtioConsole } from './console.ts';
import type { VirtioFunction } from './function.ts';
import { QUEUE_SIZE_MAX, VISIT_BYTES_MAX } from './limits.ts';
import { LOOPBACK_NET, VirtioNet } from './net.ts';
import { FEATURE, STATUS } from './regs.ts';
import { VirtioRng } from './rng.ts';
import { DESC, RIG_RAM_PA, VirtioRig } from './virtio-rig.ts';

const rng = (shows: 'modern' | 'legacy' = 'modern') => new VirtioRig(new VirtioRng(), shows);

describe('virtio-mmio registers (VIRTIO 1.2, "MMIO Device Register Layout")', () => {
  it('a slot without a device says so with DeviceID 0, reads zero beyond, and takes writes without a report', () => {
    const rig = new VirtioRig(undefined);
    expect(['MagicValue', 'Version', 'DeviceID', 'VendorID'].map((name) => rig.read(name as 'Version'))).toEqual([
      0x7472_6976, 2, 0, 0x554d_4551,
    ]);
    rig.write('Status', 0xff);
    expect([rig.read('Status'), rig.state(), rig.reports]).toEqual([0, null, []]);
  });

  it.each([
    ['modern', 2],
    ['legacy', 1],
  ] as const)('the %s interface is version %i', (shows, version) => {
    expect([rng(shows).read('Version'), rng(shows).read('DeviceID')]).toEqual([version, 4]);
  });

  it('VERSION_1 is offered by version 2 alone; both offer indirect descriptors and the event index', () => {
    const rings = (1 << FEATURE.RING_INDIRECT_DESC) | (1 << FEATURE.RING_EVENT_IDX);
    expect([rng().offered(0) & rings, rng().offered(1)]).toEqual([rings, 1]);
    expect([rng('legacy').offered(0) & rings, rng('legacy').offered(1)]).toEqual([rings, 0]);
  });

  it('FEATURES_OK stays only with VERSION_1 and nothing that was not offered', () => {
    const accept = (low: number, high: number) => {
      const rig = rng();
      rig.write('Status', 3);
      for (const [word, bits] of [low, high].entries()) {
        rig.write('DriverFeaturesSel', word);
        rig.write('DriverFeatures', bits);
      }
      rig.write('Status', 3 | STATUS.FEATURES_OK);
      return (rig.read('Status') & STATUS.FEATURES_OK) !== 0;
    };
    expect([accept(0, 1), accept(0, 0), accept(1, 1), accept(0, 3)]).toEqual([true, false, false, false]);
  });

  it.each([0, 3, 65_535, 512, 0xffff_ffff])('a queue size of %i is refused and reported', (size) => {
    const rig = rng();
    rig.negotiate();
    rig.setupQueue(0, size);
    expect(rig.reports[0]).toContain('QueueNum');
    expect(rig.read('QueueReady')).toBe(0);
    expect(rig.needsReset).toBe(true);
  });

  it('a queue that does not exist has no size, and touching it is reported', () => {
    const rig = rng();
    rig.write('QueueSel', 1);
    expect(rig.read('QueueNumMax')).toBe(0);
    rig.write('QueueNum', 8);
    rig.write('QueueNotify', 7);
    expect(rig.reports.map((text) => /Queue\w+: queue \d/.exec(text)?.[0])).toEqual([
      'QueueNum: queue 1',
      'QueueNotify: queue 7',
    ]);
    rig.write('QueueSel', 0);
    expect(rig.read('QueueNumMax')).toBe(QUEUE_SIZE_MAX);
  });

  it.each([
    ['outside RAM', 'QueueDescHigh', 1],
    ['across the end of RAM', 'QueueDeviceLow', RIG_RAM_PA + 2 * 2 ** 20 - 8],
    ['beyond 2^53', 'QueueDriverHigh', 0xffff_ffff],
    ['not aligned', 'QueueDescLow', RIG_RAM_PA + 8],
  ] as const)('a ring %s is refused when the queue is made ready', (_, name, value) => {
    const rig = rng();
    rig.negotiate();
    rig.setupQueue(0);
    rig.write('QueueReady', 0);
    rig.write(name, value);
    rig.write('QueueReady', 1);
    expect([rig.read('QueueReady'), rig.needsReset]).toEqual([0, true]);
  });

  it('writing 0 to Status resets everything, also after the device asked for it', () => {
    const rig = rng().start();
    const fresh = rng().state();
    rig.offer(0, 99);
    rig.notify(0);
    expect(rig.needsReset).toBe(true);
    rig.write('Status', 0xf);
    expect(rig.needsReset).toBe(true);
    rig.write('Status', 0);
    expect(rig.state()).toEqual(fresh);
  });

  it('work notified before DRIVER_OK is done after it', () => {
    const rig = rng();
    rig.negotiate();
    rig.setupQueue(0);
    rig.push(0, [16]);
    expect([rig.notify(0), rig.used(0).length]).toEqual([0, 0]);
    rig.driverOk();
    expect([rig.run(), rig.used(0).length]).toEqual([1, 1]);
  });

  it('a notification changes nothing in memory until the visit', () => {
    const rig = rng().start();
    const { places } = rig.push(0, [16]);
    const before = rig.ram.slice();
    rig.write('QueueNotify', 0);
    expect(Buffer.compare(rig.ram, before)).toBe(0);
    rig.run();
    expect(rig.bytesAt(places[0]!, 16)).not.toEqual(new Uint8Array(16));
  });

  it.each(['modern', 'legacy'] as const)(
    'the %s interface serves chains, used entries name head and length',
    (shows) => {
      const rig = rng(shows).start();
      rig.push(0, [16, 3]);
      rig.push(0, [5]);
      rig.notify(0);
      expect(rig.used(0)).toEqual([
        { id: 0, len: 19 },
        { id: 2, len: 5 },
      ]);
      expect([rig.irq, rig.read('InterruptStatus')]).toEqual([true, 1]);
      rig.write('InterruptACK', 1);
      expect([rig.irq, rig.read('InterruptStatus')]).toEqual([false, 0]);
    },
  );

  it('direct descriptors may come before an indirect one', () => {
    const rig = rng().start();
    const table = rig.allocate(32);
    const [a, b, c] = [rig.allocate(16), rig.allocate(16), rig.allocate(16)];
    rig.writeDescriptor(rig.descPa(0), 0, { addrPa: a, sizeBytes: 4, flags: DESC.WRITE | DESC.NEXT, next: 5 });
    rig.writeDescriptor(rig.descPa(0), 5, { addrPa: table, sizeBytes: 32, flags: DESC.INDIRECT });
    rig.writeDescriptor(table, 0, { addrPa: b, sizeBytes: 5, flags: DESC.WRITE | DESC.NEXT, next: 1 });
    rig.writeDescriptor(table, 1, { addrPa: c, sizeBytes: 6, flags: DESC.WRITE });
    rig.offer(0, 0);
    rig.notify(0);
    expect(rig.used(0)).toEqual([{ id: 0, len: 15 }]);
  });
});

describe('interrupts (VIRTIO 1.2, "Used Buffer Notification Suppression")', () => {
  it('without the event index the flag of the available ring suppresses them', () => {
    const rig = rng().start();
    rig.view.setUint16(rig.driverPa(0) - RIG_RAM_PA, 1, true);
    rig.push(0, [16]);
    rig.notify(0);
    expect([rig.used(0).length, rig.irq]).toEqual([1, false]);
  });

  it('with the event index one comes when used_event is passed, and avail_event asks for the next entry', () => {
    const rig = rng().start({ leftOut: [] });
    const usedEvent = rig.driverPa(0) - RIG_RAM_PA + 4 + 2 * rig.size;
    const seen: boolean[] = [];
    for (const event of [0, 2, 2, 2]) {
      rig.view.setUint16(usedEvent, event, true);
      rig.push(0, [16]);
      rig.notify(0);
      seen.push(rig.irq);
      rig.write('InterruptACK', 1);
    }
    expect(seen).toEqual([true, false, true, false]);
    expect(rig.view.getUint16(rig.devicePa(0) - RIG_RAM_PA + 4 + 8 * rig.size, true)).toBe(4);
  });
});

describe('hostile drivers', () => {
  const endless = (rig: VirtioRig, raw: Parameters<VirtioRig['writeDescriptor']>[2]) => {
    rig.writeDescriptor(rig.descPa(0), 0, raw);
    rig.offer(0, 0);
  };
  const ok = { addrPa: RIG_RAM_PA + 0x10_0000, sizeBytes: 16, flags: DESC.WRITE };

  it.each<[string, (rig: VirtioRig) => void]>([
    ['a chain that is a loop', (rig) => endless(rig, { ...ok, flags: DESC.WRITE | DESC.NEXT, next: 0 })],
    ['a head beyond the table', (rig) => rig.offer(0, 8)],
    ['a next beyond the table', (rig) => endless(rig, { ...ok, flags: DESC.WRITE | DESC.NEXT, next: 0xffff })],
    ['a buffer below RAM', (rig) => endless(rig, { ...ok, addrPa: 0 })],
    ['a buffer across the end of RAM', (rig) => endless(rig, { ...ok, addrPa: RIG_RAM_PA + 2 * 2 ** 20 - 8 })],
    ['a length beyond RAM', (rig) => endless(rig, { ...ok, sizeBytes: 0xffff_ffff })],
    ['an address that wraps', (rig) => endless(rig, { ...ok, addrPa: 0xffff_ffff_ffff_fff0n })],
    ['an available index that runs away', (rig) => rig.view.setUint16(rig.driverPa(0) - RIG_RAM_PA + 2, 9, true)],
    ['an indirect table of 15 bytes', (rig) => endless(rig, { ...ok, sizeBytes: 15, flags: DESC.INDIRECT })],
    ['an empty indirect table', (rig) => endless(rig, { ...ok, sizeBytes: 0, flags: DESC.INDIRECT })],
    ['an indirect table outside RAM', (rig) => endless(rig, { addrPa: 64, sizeBytes: 16, flags: DESC.INDIRECT })],
    ['an indirect descriptor with NEXT', (rig) => endless(rig, { ...ok, flags: DESC.INDIRECT | DESC.NEXT })],
    [
      'an indirect table inside an indirect table',
      (rig) => {
        rig.writeDescriptor(ok.addrPa, 0, { ...ok, flags: DESC.INDIRECT });
        endless(rig, { ...ok, flags: DESC.INDIRECT });
      },
    ],
    [
      'a buffer to read behind one to write',
      (rig) => {
        rig.writeDescriptor(rig.descPa(0), 1, { ...ok, flags: 0 });
        endless(rig, { ...ok, flags: DESC.WRITE | DESC.NEXT, next: 1 });
      },
    ],
  ])('%s: nothing is served, the device needs a reset, the driver hears of it, and it is reported', (_, act) => {
    const rig = rng().start();
    act(rig);
    expect(rig.notify(0)).toBe(1);
    expect([rig.used(0).length, rig.needsReset, rig.read('InterruptStatus')]).toEqual([0, true, 2]);
    expect(rig.reports).toEqual([expect.stringContaining('the device needs a reset')]);
    rig.push(0, [16]);
    expect([rig.notify(0), rig.used(0).length]).toEqual([0, 0]);
  });

  it('indirect descriptors that were not negotiated are refused', () => {
    const rig = rng().start({ leftOut: [FEATURE.RING_INDIRECT_DESC, FEATURE.RING_EVENT_IDX] });
    rig.push(0, [16], true);
    rig.notify(0);
    expect([rig.used(0).length, rig.needsReset]).toEqual([0, true]);
  });

  it('a visit moves a bounded number of bytes; the rest is done by further visits', () => {
    const rig = rng().start();
    const sizeBytes = 2 ** 20;
    for (let n = 0; n < 7; n++)
      rig.writeDescriptor(rig.descPa(0), n, { ...ok, sizeBytes, flags: DESC.WRITE | DESC.NEXT, next: n + 1 });
    rig.writeDescriptor(rig.descPa(0), 7, { ...ok, sizeBytes });
    for (let n = 0; n < 8; n++) rig.offer(0, 0);
    const chainsOfVisit = Math.ceil(VISIT_BYTES_MAX / (8 * sizeBytes));
    expect(rig.notify(0)).toBe(Math.ceil(8 / chainsOfVisit));
    expect(rig.used(0)).toHaveLength(8);
  });

  it('a device that overwrites its own available ring does a bounded number of chains in a visit', () => {
    const rig = rng().start();
    // The entropy lands on the available ring, index and all.
    rig.writeDescriptor(rig.descPa(0), 0, { addrPa: rig.driverPa(0), sizeBytes: 64, flags: DESC.WRITE });
    rig.offer(0, 0);
    expect(rig.notify(0)).toBeLessThanOrEqual(2);
  });

  const functions: Record<string, () => VirtioFunction> = {
    blk: () => new VirtioBlk({ backend: memoryBackend(new Uint8Array(8192)) }),
    rng: () => new VirtioRng(),
    console: () => new VirtioConsole({ transmit: () => {} }),
    net: () => new VirtioNet(LOOPBACK_NET),
  };
  const word = fc.oneof(fc.nat(0x1ff), fc.constantFrom(0xffff_ffff, 0x8000_0000, RIG_RAM_PA), fc.nat());
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('access' as const),
      offset: fc.oneof(fc.nat(0x1ff), fc.constantFrom(0x30, 0x38, 0x44, 0x50, 0x70, 0x80, 0x90, 0xa0, 0x40, 0x28)),
      value: word,
      sizeBytes: fc.constantFrom(1 as const, 2 as const, 4 as const, 4 as const),
    }),
    fc.record({ kind: fc.constant('memory' as const), offset: fc.nat(0xffff), value: word }),
    fc.record({ kind: fc.constant('notify' as const), queue: fc.nat(1) }),
  );
  for (const [name, make] of Object.entries(functions)) {
    it.each(['modern', 'legacy'] as const)(
      `virtio-${name}: no access and no memory content throws or does not end, and load is the inverse of state (%s)`,
      (shows) => {
        fc.assert(
          fc.property(fc.boolean(), fc.array(step, { maxLength: 60 }), (started, steps) => {
            const rig = new VirtioRig(make(), shows);
            if (started) {
              rig.start({ leftOut: [] });
              rig.push(0, [new Uint8Array(16), 600]);
            }
            for (const s of steps) {
              if (s.kind === 'memory') rig.view.setUint32(s.offset & -4, s.value, true);
              else if (s.kind === 'notify') rig.write('QueueNotify', s.queue);
              else {
                const access = { sizeBytes: s.sizeBytes, nonSecure: true, pe: 0 };
                rig.device.write(s.offset & -s.sizeBytes, s.value, access);
                expect(rig.device.read(s.offset & -s.sizeBytes, access)).toBeGreaterThanOrEqual(0);
              }
              if (rig.visitWanted) rig.visitWanted = rig.device.visit();
            }
            const other = new VirtioRig(make(), shows);
            rig.copyInto(other);
            expect(other.state()).toEqual(rig.state());
            expect(other.irq).toBe(rig.irq);
            // The same future.
            for (const one of [rig, other]) if (one.device.waits) one.device.visit();
            expect(other.state()).toEqual(rig.state());
            expect(Buffer.compare(other.ram, rig.ram)).toBe(0);
          }),
          { numRuns: 100 },
        );
      },
    );
  }
});
