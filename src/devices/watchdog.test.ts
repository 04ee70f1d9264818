import { describe, expect, it } from 'vitest';
import { WATCHDOG_REGS, Watchdog } from './watchdog.ts';

const ACCESS = { sizeBytes: 4, nonSecure: true, pe: 0 } as const;

function rig(options: { startCounts?: bigint; second?: 'repeat' | 'reset' } = {}) {
  const seen = { now: 0n, line: false, rises: [] as bigint[], wake: undefined as bigint | undefined, ws1: 0 };
  const reports: string[] = [];
  const device: Watchdog = new Watchdog(
    {
      ws0: {
        set: (level) => {
          if (level && !seen.line) seen.rises.push(seen.now);
          seen.line = level;
        },
      },
      ws1: () => void seen.ws1++,
      count: () => seen.now,
      wakeAt: (count) => {
        seen.wake = count;
      },
      report: (message) => void reports.push(message),
    },
    { startCounts: 0n, second: 'reset', repeatMinCounts: 50n, ...options },
  );
  device.reset();
  /** Lets counts pass, with every expiry at its count. */
  const pass = (counts: bigint): void => {
    const end = seen.now + counts;
    while (seen.wake !== undefined && seen.wake <= end) {
      seen.now = seen.wake > seen.now ? seen.wake : seen.now;
      device.due();
    }
    seen.now = end;
  };
  const at = (name: keyof typeof WATCHDOG_REGS.registers): number => WATCHDOG_REGS.registers[name].at;
  return {
    device,
    seen,
    reports,
    pass,
    read: (name: keyof typeof WATCHDOG_REGS.registers, high = 0) => device.read(at(name) + high, ACCESS),
    write: (name: keyof typeof WATCHDOG_REGS.registers, value: number, high = 0) =>
      device.write(at(name) + high, value, ACCESS),
    refresh: () => device.refreshFrame.write(0, 1, ACCESS),
  };
}

describe('generic watchdog (DEN0094)', () => {
  it('is off after reset: nothing is due', () => {
    const { read, seen, pass } = rig();
    expect([read('WCS'), read('WOR'), read('WCV'), seen.wake]).toEqual([0, 0, 0, undefined]);
    pass(1000n);
    expect(seen.rises).toEqual([]);
  });

  it('WS0 rises when the counter is greater than WCV, WS1 a period later', () => {
    const { read, write, seen, pass } = rig();
    write('WOR', 100);
    write('WCS', 1);
    expect(read('WCV')).toBe(100);
    pass(100n);
    expect(read('WCS')).toBe(1);
    pass(1n);
    expect([read('WCS'), read('WCV'), seen.line, seen.ws1]).toEqual([3, 201, true, 0]);
    pass(100n);
    expect([read('WCS'), seen.ws1]).toEqual([3, 0]);
    pass(1n);
    expect([read('WCS'), seen.ws1, seen.wake]).toEqual([7, 1, undefined]);
  });

  it.each(['WRR', 'WCS', 'WOR'] as const)(
    'a write to %s refreshes: WS0 falls and WCV is a period ahead',
    (register) => {
      const { read, write, refresh, seen, pass } = rig();
      write('WOR', 100);
      write('WCS', 1);
      pass(150n);
      expect(seen.line).toBe(true);
      if (register === 'WRR') refresh();
      else write(register, register === 'WOR' ? 100 : 1);
      expect([read('WCS'), read('WCV'), seen.line]).toEqual([1, 250, false]);
    },
  );

  it('a write to WCV does not refresh', () => {
    const { read, write, seen, pass } = rig();
    write('WOR', 100);
    write('WCS', 1);
    pass(101n);
    write('WCV', 1000);
    expect([read('WCS'), read('WCV'), seen.line]).toEqual([3, 1000, true]);
  });

  it('WOR has 48 bits, WCV 64, each as two words', () => {
    const { read, write } = rig();
    write('WOR', 0xffff_ffff, 4);
    write('WOR', 0x1234_5678);
    expect([read('WOR'), read('WOR', 4)]).toEqual([0x1234_5678, 0xffff]);
    write('WCV', 0xffff_ffff, 4);
    expect([read('WCV'), read('WCV', 4)]).toEqual([0x1234_5678, 0xffff_ffff]);
  });

  it('started by firmware and repeating, it signals once in each period, refreshed or not', () => {
    const { seen, pass, refresh } = rig({ startCounts: 1000n, second: 'repeat' });
    pass(3500n);
    expect(seen.rises).toEqual([1000n, 2000n, 3000n]);
    refresh();
    pass(2000n);
    expect(seen.rises.slice(3)).toEqual([4500n, 5500n].map((n) => n));
    expect(seen.ws1).toBe(0);
  });

  it('a period of no length repeats no faster than it may', () => {
    const { write, seen, pass } = rig({ second: 'repeat' });
    write('WCS', 1);
    pass(1000n);
    expect(seen.rises.length).toBeLessThanOrEqual(1000 / 50 + 1);
    expect(seen.rises.length).toBeGreaterThan(10);
  });

  it('its state is plain data: the same device goes on in the same way', () => {
    const { device, seen, pass, write } = rig();
    write('WOR', 100);
    write('WCS', 1);
    pass(150n);
    const other = rig();
    other.seen.now = 150n;
    other.device.load(device.state());
    expect([other.device.state(), other.seen.line, other.seen.wake]).toEqual([device.state(), true, seen.wake]);
  });

  it('what is not there reads as zero and is reported by name', () => {
    const { device, reports } = rig();
    expect(device.read(0x100, ACCESS)).toBe(0);
    device.write(0xfcc, 1, ACCESS);
    device.refreshFrame.write(8, 1, ACCESS);
    expect(reports.join('\n')).toMatch(/reserved offset 0x100[\s\S]*W_IIDR: .*read-only[\s\S]*WATCHDOG refresh: .*0x8/);
  });
});
