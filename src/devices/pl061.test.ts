import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PL061_POWER_KEY_PIN, PL061_REGS, Pl061 } from './pl061.ts';

type Name = keyof typeof PL061_REGS.registers;
const ACCESS = { sizeBytes: 4, nonSecure: true, pe: 0 } as const;

function gpio() {
  const seen = { irq: false };
  const reports: string[] = [];
  const device = new Pl061({
    irq: { set: (level) => (seen.irq = level) },
    report: (message) => reports.push(message),
  });
  const read = (name: Name) => device.read(PL061_REGS.registers[name].at, ACCESS);
  const write = (name: Name, value: number) => device.write(PL061_REGS.registers[name].at, value, ACCESS);
  return { device, seen, reports, read, write };
}

describe('PL061 (DDI 0190)', () => {
  it('the identification registers say PrimeCell PL061', () => {
    const { device } = gpio();
    const ids = Array.from({ length: 8 }, (_, index) => device.read(0xfe0 + 4 * index, ACCESS));
    expect(ids).toEqual([0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
  });

  it('address bits [9:2] select which pins a data access reads and writes', () => {
    const { device, write } = gpio();
    write('GPIODIR', 0xff);
    device.write(0xff << 2, 0xa5, ACCESS);
    device.write(0x0f << 2, 0x0a, ACCESS);
    expect(device.read(0xff << 2, ACCESS)).toBe(0xaa);
    expect(device.read(0xf0 << 2, ACCESS)).toBe(0xa0);
    expect(device.read(0, ACCESS)).toBe(0);
  });

  it('an input shows the pin, an output what was written', () => {
    const { device, write } = gpio();
    device.write(0xff << 2, 0x01, ACCESS);
    device.setPin(1, true);
    expect(device.read(0xff << 2, ACCESS)).toBe(0x02);
    write('GPIODIR', 0x01);
    expect(device.read(0xff << 2, ACCESS)).toBe(0x03);
  });

  it('the power key on both edges interrupts when pressed and when released, until cleared', () => {
    const { device, seen, read, write } = gpio();
    write('GPIOIBE', 1 << PL061_POWER_KEY_PIN);
    write('GPIOIE', 1 << PL061_POWER_KEY_PIN);
    for (const level of [true, false]) {
      device.setPin(PL061_POWER_KEY_PIN, level);
      expect([seen.irq, read('GPIORIS'), read('GPIOMIS')]).toEqual([true, 8, 8]);
      write('GPIOIC', 8);
      expect([seen.irq, read('GPIORIS')]).toEqual([false, 0]);
    }
  });

  it.each([
    ['rising', 1, [true, false]],
    ['falling', 0, [false, true]],
  ] as const)('a %s edge alone interrupts with GPIOIEV %i', (_, event, expected) => {
    const { device, read, write } = gpio();
    write('GPIOIEV', event);
    const seen = [true, false].map((level) => {
      device.setPin(0, level);
      const status = read('GPIORIS') === 1;
      write('GPIOIC', 1);
      return status;
    });
    expect(seen).toEqual(expected);
  });

  it('a masked edge is in GPIORIS, not in GPIOMIS, and interrupts when it is unmasked', () => {
    const { device, seen, read, write } = gpio();
    write('GPIOIEV', 1);
    device.setPin(0, true);
    expect([seen.irq, read('GPIORIS'), read('GPIOMIS')]).toEqual([false, 1, 0]);
    write('GPIOIE', 1);
    expect(seen.irq).toBe(true);
  });

  it('a level lasts as long as the pin has it and cannot be cleared', () => {
    const { device, seen, read, write } = gpio();
    write('GPIOIS', 1);
    write('GPIOIEV', 1);
    write('GPIOIE', 1);
    device.setPin(0, true);
    write('GPIOIC', 1);
    expect(seen.irq).toBe(true);
    device.setPin(0, false);
    expect([seen.irq, read('GPIORIS')]).toEqual([false, 0]);
  });

  it('an output pin raises no interrupt', () => {
    const { device, read, write } = gpio();
    write('GPIODIR', 1);
    write('GPIOIBE', 1);
    device.setPin(0, true);
    expect(read('GPIORIS')).toBe(0);
  });

  it('test registers, read-only registers and holes are reported by name', () => {
    const { reports, write, device } = gpio();
    write('GPIOITCR', 1);
    write('GPIORIS', 1);
    device.read(0x500, ACCESS);
    expect(reports.map((text) => text.split(':')[0])).toEqual(['GPIOITCR', 'GPIORIS', 'PL061']);
  });

  it('no access throws, and state and load are exact inverses', () => {
    const step = fc.record({
      offset: fc.oneof(fc.constantFrom(0x20, 0x3fc, 0x400, 0x404, 0x408, 0x40c, 0x410, 0x41c), fc.nat(0xfff)),
      value: fc.nat(0xffff_ffff),
      sizeBytes: fc.constantFrom(1 as const, 2 as const, 4 as const),
      pin: fc.nat(7),
      level: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const one = gpio();
        for (const { offset, value, sizeBytes, pin, level } of steps) {
          const access = { sizeBytes, nonSecure: true, pe: 0 };
          one.device.write(offset & -sizeBytes, value, access);
          one.device.setPin(pin, level);
          expect(one.device.read(offset & -sizeBytes, access)).toBeLessThan(256);
          expect(one.seen.irq).toBe(one.read('GPIOMIS') !== 0);
        }
        const other = gpio();
        other.device.load(one.device.state());
        expect(other.device.state()).toEqual(one.device.state());
        expect(other.seen).toEqual(one.seen);
      }),
      { numRuns: 200 },
    );
  });
});
