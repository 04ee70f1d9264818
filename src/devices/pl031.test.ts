import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PL031_REGS, Pl031, RTC_BASE_DEFAULT_SECONDS } from './pl031.ts';

type Name = keyof typeof PL031_REGS.registers;

function rtc() {
  const seen = { irq: false, alarm: undefined as number | undefined, now: RTC_BASE_DEFAULT_SECONDS };
  const reports: string[] = [];
  const device = new Pl031({
    irq: { set: (level) => (seen.irq = level) },
    seconds: () => seen.now,
    nextAlarm: (at) => (seen.alarm = at),
    report: (message) => reports.push(message),
  });
  const access = { sizeBytes: 4, nonSecure: true, pe: 0 } as const;
  const read = (name: Name) => device.read(PL031_REGS.registers[name].at, access);
  const write = (name: Name, value: number) => device.write(PL031_REGS.registers[name].at, value, access);
  const pass = (seconds: number) => {
    seen.now += seconds;
    if (seen.alarm !== undefined && seen.alarm <= seen.now) device.alarm();
  };
  return { device, seen, reports, read, write, pass };
}

describe('PL031 (DDI 0224)', () => {
  it('shows 2024-01-01T00:00:00Z at the start and counts seconds', () => {
    const { read, pass } = rtc();
    expect(new Date(read('RTCDR') * 1000).toISOString()).toBe('2024-01-01T00:00:00.000Z');
    pass(90);
    expect(read('RTCDR')).toBe(RTC_BASE_DEFAULT_SECONDS + 90);
  });

  it('the identification registers say PrimeCell PL031', () => {
    const { device } = rtc();
    const ids = Array.from({ length: 8 }, (_, index) =>
      device.read(0xfe0 + 4 * index, { sizeBytes: 4, nonSecure: true, pe: 0 }),
    );
    expect(ids).toEqual([0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
  });

  it('runs after reset and cannot be stopped', () => {
    const { read, write, pass } = rtc();
    expect(read('RTCCR')).toBe(1);
    write('RTCCR', 0);
    expect(read('RTCCR')).toBe(1);
    pass(1);
    expect(read('RTCDR')).toBe(RTC_BASE_DEFAULT_SECONDS + 1);
  });

  it('counts on from what is written to RTCLR, modulo 2^32', () => {
    const { read, write, pass } = rtc();
    write('RTCLR', 0xffff_ffff);
    expect(read('RTCDR')).toBe(0xffff_ffff);
    expect(read('RTCLR')).toBe(0xffff_ffff);
    pass(2);
    expect(read('RTCDR')).toBe(1);
  });

  it('the interrupt rises in the second in which the counter reaches RTCMR, not before, until it is cleared', () => {
    const { seen, read, write, pass } = rtc();
    write('RTCMR', RTC_BASE_DEFAULT_SECONDS + 10);
    write('RTCIMSC', 1);
    expect(seen.alarm).toBe(RTC_BASE_DEFAULT_SECONDS + 10);
    pass(9);
    expect([seen.irq, read('RTCRIS')]).toEqual([false, 0]);
    pass(1);
    expect([seen.irq, read('RTCRIS'), read('RTCMIS')]).toEqual([true, 1, 1]);
    write('RTCICR', 1);
    expect([seen.irq, read('RTCRIS')]).toEqual([false, 0]);
  });

  it('a masked match asks for no alarm but is in RTCRIS, and interrupts when it is unmasked', () => {
    const { seen, read, write, pass } = rtc();
    write('RTCMR', RTC_BASE_DEFAULT_SECONDS + 10);
    expect(seen.alarm).toBeUndefined();
    pass(100);
    expect([seen.irq, read('RTCRIS'), read('RTCMIS')]).toEqual([false, 1, 0]);
    write('RTCIMSC', 1);
    expect(seen.irq).toBe(true);
  });

  it('setting RTCMR to the present second matches at once; one second past waits for the counter to wrap', () => {
    const { seen, write } = rtc();
    write('RTCIMSC', 1);
    write('RTCMR', RTC_BASE_DEFAULT_SECONDS);
    expect(seen.irq).toBe(true);
    write('RTCMR', RTC_BASE_DEFAULT_SECONDS - 1);
    write('RTCICR', 1);
    expect(seen.irq).toBe(false);
    expect(seen.alarm).toBe(RTC_BASE_DEFAULT_SECONDS - 1 + 2 ** 32);
  });

  it('setting the clock moves the alarm', () => {
    const { seen, write } = rtc();
    write('RTCMR', 1000);
    write('RTCIMSC', 1);
    write('RTCLR', 900);
    expect(seen.alarm).toBe(RTC_BASE_DEFAULT_SECONDS + 100);
  });

  it('reading changes no state', () => {
    const { device, read, write, pass } = rtc();
    write('RTCMR', RTC_BASE_DEFAULT_SECONDS + 1);
    pass(5);
    const before = device.state();
    for (const name of Object.keys(PL031_REGS.registers) as Name[]) if (name !== 'RTCICR') read(name);
    expect(device.state()).toEqual(before);
  });

  it('no access throws, and state and load are exact inverses, the alarm included', () => {
    const step = fc.record({
      offset: fc.oneof(fc.constantFrom(4, 8, 0xc, 0x10, 0x1c), fc.nat(0xfff)),
      value: fc.oneof(fc.constantFrom(0, 1, RTC_BASE_DEFAULT_SECONDS + 5, 0xffff_ffff), fc.nat()),
      sizeBytes: fc.constantFrom(1 as const, 2 as const, 4 as const),
      passes: fc.nat(10),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const one = rtc();
        for (const { offset, value, sizeBytes, passes } of steps) {
          const access = { sizeBytes, nonSecure: true, pe: 0 };
          one.device.write(offset & -sizeBytes, value, access);
          one.pass(passes);
          expect(one.device.read(offset & -sizeBytes, access)).toBeGreaterThanOrEqual(0);
          expect(one.seen.irq).toBe(one.read('RTCMIS') === 1);
        }
        const other = rtc();
        other.seen.now = one.seen.now;
        other.device.load(one.device.state());
        expect(other.device.state()).toEqual(one.device.state());
        expect(other.seen).toEqual(one.seen);
      }),
      { numRuns: 300 },
    );
  });
});
