import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PL011_REGS, type Pl011Name } from './pl011.regs.ts';
import { PL011_FIFO_DEPTH, Pl011 } from './pl011.ts';

const CR_ON = 0x301;
const LBE = 0x80;
const RX = 1 << 4;
const TX = 1 << 5;
const RT = 1 << 6;
const BE = 1 << 9;
const OE = 1 << 10;
const RXFE = 1 << 4;
const TXFF = 1 << 5;
const RXFF = 1 << 6;
const TXFE = 1 << 7;
const BUSY = 1 << 3;

function uart({ initialised = true } = {}) {
  const sent: number[] = [];
  const reports: string[] = [];
  const seen = { irq: false, rooms: 0 };
  const onRoom: (() => void)[] = [];
  const device = new Pl011({
    irq: { set: (level) => (seen.irq = level) },
    transmit: (byte) => sent.push(byte),
    roomToReceive: () => {
      seen.rooms++;
      onRoom.pop()?.();
    },
    report: (message) => reports.push(message),
  });
  if (initialised) device.initAsFirmware();
  const at = (name: Pl011Name) => PL011_REGS.registers[name].at;
  const read = (name: Pl011Name) => device.read(at(name), { sizeBytes: 4, nonSecure: true, pe: 0 });
  const write = (name: Pl011Name, value: number) =>
    device.write(at(name), value, { sizeBytes: 4, nonSecure: true, pe: 0 });
  const type = (text: string) => device.receive(new TextEncoder().encode(text));
  return { device, sent, reports, seen, onRoom, read, write, type };
}

describe('PL011: identification and reset (DDI 0183)', () => {
  it('the identification registers say PrimeCell PL011 r1p5', () => {
    const { device } = uart();
    const ids = Array.from({ length: 8 }, (_, index) =>
      device.read(0xfe0 + 4 * index, { sizeBytes: 4, nonSecure: true, pe: 0 }),
    );
    expect(ids).toEqual([0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
  });

  it('after reset the UART is off, its FIFOs are off and empty, and the modem inputs of the far end are there', () => {
    const { read } = uart({ initialised: false });
    expect(read('UARTCR')).toBe(0x300);
    expect(read('UARTLCR_H')).toBe(0);
    expect(read('UARTIFLS')).toBe(0x12);
    expect(read('UARTFR')).toBe(TXFE | RXFE | 7);
    expect(read('UARTRIS')).toBe(0);
  });

  it('registers keep only the bits they have', () => {
    const { read, write } = uart();
    for (const [name, kept] of [
      ['UARTIBRD', 0xffff],
      ['UARTFBRD', 0x3f],
      ['UARTILPR', 0xff],
      ['UARTIMSC', 0x7ff],
      ['UARTIFLS', 0x3f],
      ['UARTLCR_H', 0xff],
      ['UARTCR', 0xff87],
    ] as const) {
      write(name, 0xffff_ffff);
      expect(read(name), name).toBe(kept);
    }
  });
});

describe('PL011: sending', () => {
  it('a character written to UARTDR leaves at once, and the FIFO is empty again', () => {
    const { sent, read, write } = uart();
    write('UARTDR', 0x41);
    expect(sent).toEqual([0x41]);
    expect(read('UARTFR') & (TXFE | TXFF | BUSY)).toBe(TXFE);
  });

  it('the transmit interrupt is pending after a character was sent, not when it is only unmasked', () => {
    const { seen, write } = uart();
    write('UARTIMSC', TX);
    expect(seen.irq).toBe(false);
    write('UARTDR', 0x41);
    expect(seen.irq).toBe(true);
    write('UARTICR', TX);
    expect(seen.irq).toBe(false);
  });

  it('while transmission is disabled 32 characters wait, the next is lost and reported, enabling sends them', () => {
    const { sent, reports, read, write } = uart();
    write('UARTCR', CR_ON & ~0x100);
    for (let index = 0; index < PL011_FIFO_DEPTH; index++) write('UARTDR', index);
    expect(sent).toEqual([]);
    expect(read('UARTFR') & (TXFE | TXFF | BUSY)).toBe(TXFF | BUSY);
    expect(reports).toEqual([]);
    write('UARTDR', 0x99);
    expect(reports).toEqual([
      'UARTDR: written while the transmit FIFO is full and not being sent; the character is lost',
    ]);
    write('UARTCR', CR_ON);
    expect(sent).toEqual(Array.from({ length: 32 }, (_, index) => index));
    expect(read('UARTFR') & (TXFE | TXFF | BUSY)).toBe(TXFE);
  });

  it('the transmit interrupt falls when the waiting characters exceed the level and rises when they are sent', () => {
    const { read, write } = uart();
    write('UARTDR', 0);
    expect(read('UARTRIS') & TX).toBe(TX);
    write('UARTCR', CR_ON & ~0x100);
    for (let index = 0; index < 16; index++) write('UARTDR', index);
    expect(read('UARTRIS') & TX).toBe(TX);
    write('UARTDR', 16);
    expect(read('UARTRIS') & TX).toBe(0);
    write('UARTCR', CR_ON);
    expect(read('UARTRIS') & TX).toBe(TX);
  });

  it('a word length of five bits sends five bits', () => {
    const { sent, write } = uart();
    write('UARTLCR_H', 0x10);
    write('UARTDR', 0xff);
    expect(sent).toEqual([0x1f]);
  });
});

describe('PL011: receiving', () => {
  it('what was received is read in order, and the FIFO is then empty', () => {
    const { read, type } = uart();
    expect(type('ab')).toBe(2);
    expect(read('UARTFR') & (RXFE | RXFF)).toBe(0);
    expect([read('UARTDR'), read('UARTDR')]).toEqual([0x61, 0x62]);
    expect(read('UARTFR') & RXFE).toBe(RXFE);
    expect(read('UARTDR')).toBe(0);
  });

  it('what does not fit stays with the host, which is told when there is room, and no character is lost', () => {
    const { device, seen, onRoom, read } = uart();
    let waiting = new TextEncoder().encode(`${'x'.repeat(32)}yz`);
    const feed = () => {
      waiting = waiting.slice(device.receive(waiting));
    };
    feed();
    expect(waiting).toHaveLength(2);
    expect(read('UARTFR') & RXFF).toBe(RXFF);
    expect(seen.rooms).toBe(0);
    onRoom.push(feed, feed);
    const got = Array.from({ length: 34 }, () => read('UARTDR'));
    expect(String.fromCharCode(...got)).toBe(`${'x'.repeat(32)}yz`);
    expect(seen.rooms).toBe(2);
    expect(read('UARTRIS') & OE).toBe(0);
  });

  it('a UART that is off takes nothing, and tells the host when it is turned on', () => {
    const { seen, write, type, read } = uart({ initialised: false });
    expect(type('a')).toBe(0);
    expect(read('UARTFR') & RXFE).toBe(RXFE);
    write('UARTCR', CR_ON);
    expect(seen.rooms).toBe(1);
    expect(type('a')).toBe(1);
  });

  it('the receive interrupt is pending from the trigger level until the FIFO is below it', () => {
    const { read, write, type } = uart();
    write('UARTIFLS', 0);
    type('abc');
    expect(read('UARTRIS') & RX).toBe(0);
    type('d');
    expect(read('UARTRIS') & RX).toBe(RX);
    read('UARTDR');
    expect(read('UARTRIS') & RX).toBe(0);
  });

  it('the timeout interrupt is pending below the level, until nothing is left', () => {
    const { seen, read, write, type } = uart();
    write('UARTIMSC', RT);
    type('ab');
    expect(seen.irq).toBe(true);
    read('UARTDR');
    expect(seen.irq).toBe(true);
    read('UARTDR');
    expect(seen.irq).toBe(false);
  });

  it('without FIFOs one character fills the holding register and interrupts', () => {
    const { read, write, type } = uart();
    write('UARTLCR_H', 0x60);
    expect(type('ab')).toBe(1);
    expect(read('UARTFR') & RXFF).toBe(RXFF);
    expect(read('UARTRIS') & (RX | RT)).toBe(RX);
    expect(read('UARTDR')).toBe(0x61);
    expect(read('UARTRIS') & RX).toBe(0);
  });

  it('turning the FIFOs off empties them', () => {
    const { read, write, type } = uart();
    type('abc');
    write('UARTLCR_H', 0x60);
    expect(read('UARTFR') & RXFE).toBe(RXFE);
    expect(read('UARTRIS') & (RX | RT)).toBe(0);
  });

  it('a break arrives as a zero with BE, whose interrupt can be cleared, and UARTECR clears the status', () => {
    const { device, read, write } = uart();
    expect(device.receiveBreak()).toBe(true);
    expect(read('UARTRIS') & BE).toBe(BE);
    expect(read('UARTDR')).toBe(1 << 10);
    expect(read('UARTRSR')).toBe(4);
    write('UARTRSR', 0);
    expect(read('UARTRSR')).toBe(0);
    write('UARTICR', BE);
    expect(read('UARTRIS') & BE).toBe(0);
  });

  it('a debugger that reads UARTDR changes nothing', () => {
    const { device, read, type } = uart();
    type('a');
    expect(device.read(0, { sizeBytes: 4, nonSecure: true, pe: -1 })).toBe(0x61);
    expect(read('UARTDR')).toBe(0x61);
  });
});

describe('PL011: loopback (UARTCR.LBE)', () => {
  it('what is sent is received and nothing goes out or comes in', () => {
    const { sent, read, write, type } = uart();
    write('UARTCR', CR_ON | LBE);
    write('UARTDR', 0x55);
    expect(sent).toEqual([]);
    expect(type('x')).toBe(0);
    expect(read('UARTDR')).toBe(0x55);
  });

  it('more than 32 characters overrun: OE is raised, the last is lost, and the next one carries OE', () => {
    const { read, write } = uart();
    write('UARTCR', CR_ON | LBE);
    for (let index = 0; index < 33; index++) write('UARTDR', index);
    expect(read('UARTRIS') & OE).toBe(OE);
    expect(read('UARTRSR')).toBe(8);
    read('UARTDR');
    write('UARTDR', 0x77);
    const rest = Array.from({ length: 32 }, () => read('UARTDR'));
    expect(rest.at(-2)).toBe(31);
    expect(rest.at(-1)).toBe(0x877);
  });

  it('modem outputs come back as inputs, and a change raises its interrupt', () => {
    const { read, write } = uart();
    write('UARTCR', CR_ON | LBE);
    write('UARTICR', 0x7ff);
    expect(read('UARTFR') & 0x107).toBe(0);
    write('UARTCR', CR_ON | LBE | (1 << 11));
    expect(read('UARTFR') & 0x107).toBe(1);
    expect(read('UARTRIS')).toBe(1 << 1);
  });
});

describe('PL011: what a guest should not do', () => {
  it('is reported by name and answers zero', () => {
    const { device, reports } = uart();
    const access = { sizeBytes: 4, nonSecure: true, pe: 0 } as const;
    expect(device.read(0x80, access)).toBe(0);
    expect(device.read(0x100, access)).toBe(0);
    device.write(0x18, 1, access);
    device.write(0x01, 1, { ...access, sizeBytes: 1 });
    device.write(0x48, 1, access);
    expect(reports.map((report) => report.split(':')[0])).toEqual([
      'UARTTCR',
      'PL011',
      'UARTFR',
      'UARTDR',
      'UARTDMACR',
    ]);
  });

  it('no access of any width to any offset throws, and state and load are exact inverses', () => {
    const step = fc.oneof(
      fc.record({
        offset: fc.oneof(fc.constantFrom(0, 4, 0x18, 0x2c, 0x30, 0x34, 0x38, 0x44), fc.nat(0xfff)),
        value: fc.oneof(fc.constantFrom(0x301, 0x381, 0x70, 0xffff_ffff, 0), fc.nat()),
        sizeBytes: fc.constantFrom(1 as const, 2 as const, 4 as const),
        read: fc.boolean(),
      }),
      fc.record({ typed: fc.uint8Array({ maxLength: 40 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { device, read } = uart();
        for (const one of steps) {
          if ('typed' in one) device.receive(one.typed);
          else {
            const access = { sizeBytes: one.sizeBytes, nonSecure: true, pe: 0 };
            const offset = one.offset & -one.sizeBytes;
            if (one.read) {
              const value = device.read(offset, access);
              expect(value >= 0 && value < 2 ** (8 * one.sizeBytes) && Number.isInteger(value)).toBe(true);
            } else device.write(offset, one.value, access);
          }
        }
        const other = uart({ initialised: false });
        other.device.load(device.state());
        expect(other.device.state()).toEqual(device.state());
        expect(other.seen.irq).toBe(read('UARTMIS') !== 0);
        expect(other.read('UARTDR')).toBe(read('UARTDR'));
        expect(other.device.state()).toEqual(device.state());
      }),
      { numRuns: 300 },
    );
  });
});
