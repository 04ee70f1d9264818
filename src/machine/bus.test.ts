import { describe, expect, it } from 'vitest';
import type { Access, Device } from '../devices/device.ts';
import { Bus } from './bus.ts';

/** A device that notes what arrives. */
function recorder(name: string, sizeBytes = 0x100): { device: Device; seen: string[] } {
  const seen: string[] = [];
  const device: Device = {
    name,
    sizeBytes,
    read: (offset: number, { sizeBytes: bytes, nonSecure, pe }: Access) => {
      seen.push(`read ${bytes} at ${offset} by ${pe}${nonSecure ? ' NS' : ''}`);
      return offset === 0xf0 ? 'abort' : offset;
    },
    write: (offset: number, value: number) => {
      seen.push(`write ${value} at ${offset}`);
      return undefined;
    },
    state: () => null,
    load: () => {},
    reset: () => {},
  };
  return { device, seen };
}

describe('Bus', () => {
  it('sends an access to the device whose range holds all of it, with the offset in it', () => {
    const bus = new Bus();
    const [a, b] = [recorder('a'), recorder('b')];
    bus.map(0x1000, a.device);
    bus.map(0x2000, b.device);
    expect(bus.read(0x1004, 4, 2, true)).toBe(4);
    expect(bus.read(0x2008, 1, 0, false)).toBe(8);
    expect(bus.write(0x20fc, 4, 7, 0, false)).toBeUndefined();
    expect(a.seen).toEqual(['read 4 at 4 by 2 NS']);
    expect(b.seen).toEqual(['read 1 at 8 by 0', 'write 7 at 252']);
  });

  it('is an external abort where nothing is, over the end of a device, and where the device says so', () => {
    const bus = new Bus();
    bus.map(0x1000, recorder('a').device);
    for (const pa of [0xffc, 0x1100, 0x10fe, 0x10f0])
      expect(bus.read(pa, 4, 0, true), `0x${pa.toString(16)}`).toBe('abort');
    expect(bus.write(0x10fe, 4, 0, 0, true)).toBe('abort');
  });

  it('a device may have a larger range than its own size', () => {
    const bus = new Bus();
    bus.map(0x1000, recorder('a').device, 0x400);
    expect(bus.read(0x1300, 4, 0, true)).toBe(0x300);
    expect(bus.devices).toMatchObject([{ basePa: 0x1000, sizeBytes: 0x400 }]);
  });

  it('two devices in one place are our own mistake', () => {
    const bus = new Bus();
    bus.map(0x1000, recorder('a').device);
    expect(() => bus.map(0x10ff, recorder('b').device)).toThrow('b overlaps a');
  });

  it('tells the hook every access with its result', () => {
    const bus = new Bus();
    bus.map(0x1000, recorder('a').device);
    const seen: unknown[] = [];
    bus.hook = (access) => void seen.push(access);
    bus.read(0x1004, 2, 1, true);
    bus.write(0x5000, 4, 9, 0, true);
    expect(seen).toEqual([
      { device: 'a', pa: 0x1004, sizeBytes: 2, value: 4, write: false, pe: 1 },
      { device: '-', pa: 0x5000, sizeBytes: 4, value: 9, write: true, pe: 0 },
    ]);
  });
});
