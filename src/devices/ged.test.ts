import { describe, expect, it } from 'vitest';
import { GED_EVENT, Ged } from './ged.ts';

function rig() {
  const edges: boolean[] = [];
  const reports: string[] = [];
  const seen = { line: false };
  const irq = {
    set: (level: boolean) => {
      if (level !== seen.line) edges.push(level);
      seen.line = level;
    },
  };
  const device = new Ged({ irq, report: (message) => reports.push(message) });
  const access = { sizeBytes: 4, nonSecure: true, pe: 0 } as const;
  return { device, edges, reports, seen, access };
}

describe('GED', () => {
  it('an event raises the line and stands in the selector until it is read', () => {
    const { device, seen, access } = rig();
    expect(device.read(0, access)).toBe(0);
    device.raise(GED_EVENT.POWER);
    expect(seen.line).toBe(true);
    expect(device.read(0, access)).toBe(GED_EVENT.POWER);
    expect(seen.line).toBe(false);
    expect(device.read(0, access)).toBe(0);
  });

  it('two events before a read are both there, and each made an edge', () => {
    const { device, edges, access } = rig();
    device.raise(GED_EVENT.ERROR);
    device.raise(GED_EVENT.POWER);
    expect(edges).toEqual([true, false, true]);
    expect(device.read(0, access)).toBe(GED_EVENT.ERROR | GED_EVENT.POWER);
  });

  it('a debugger that reads takes nothing away', () => {
    const { device, access } = rig();
    device.raise(GED_EVENT.ERROR);
    expect(device.read(0, { ...access, pe: -1 })).toBe(GED_EVENT.ERROR);
    expect(device.read(0, access)).toBe(GED_EVENT.ERROR);
  });

  it('another width and a write are refused and reported', () => {
    const { device, reports, access } = rig();
    device.raise(GED_EVENT.ERROR);
    expect(device.read(0, { ...access, sizeBytes: 1 })).toBe(0);
    device.write(0, 0, access);
    expect(reports).toHaveLength(2);
    expect(device.read(0, access)).toBe(GED_EVENT.ERROR);
  });

  it('its state loaded into another one is the same device; a reset forgets', () => {
    const { device } = rig();
    device.raise(GED_EVENT.ERROR);
    const other = rig();
    other.device.load(device.state());
    expect(other.seen.line).toBe(true);
    expect(other.device.state()).toEqual(device.state());
    other.device.reset();
    expect(other.seen.line).toBe(false);
    expect(other.device.pending).toBe(0);
  });
});
