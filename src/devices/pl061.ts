/**
 * PL061 general purpose input and output, eight pins. Arm DDI 0190, "Programmer's model".
 *
 * On this board pin 3 is the power key, high while it is pressed; the other pins are not connected and read low as
 * inputs. Outputs go nowhere but can be read back.
 *
 * Not modelled: hardware control of pins (GPIOAFSEL keeps its value and has no effect), the integration test registers.
 *
 * What a hostile guest can do, and what stops it: ask for a level interrupt that never ends (the line stays high, as on
 * hardware, and the guest's own PE takes it); touch anything else in the page (the register map refuses and reports).
 */
import type { Access, Device, Line, PlainData, Report } from './device.ts';
import { regmap } from './regmap.ts';

const TEST = 'integration test registers';
const PINS = { PINS: [7, 0] } as const;
const id = (at: number, reset: number, doc: string) => ({ at, access: 'RO', reset, doc }) as const;

/** Registers of the PL061. Source: DDI 0190, "Summary of registers". */
export const PL061_REGS = regmap(
  'PL061',
  { sizeBytes: 0x1000, source: 'DDI 0190', widths: [1, 2, 4] },
  {
    GPIODATA: { at: 0x000, count: 256, access: 'RW', fields: PINS, doc: 'data; address bits [9:2] select the pins' },
    GPIODIR: { at: 0x400, access: 'RW', fields: PINS, doc: 'direction; 1 is output' },
    GPIOIS: { at: 0x404, access: 'RW', fields: PINS, doc: 'interrupt sense; 1 is level' },
    GPIOIBE: { at: 0x408, access: 'RW', fields: PINS, doc: 'interrupt on both edges' },
    GPIOIEV: { at: 0x40c, access: 'RW', fields: PINS, doc: 'interrupt event; 1 is rising or high' },
    GPIOIE: { at: 0x410, access: 'RW', fields: PINS, doc: 'interrupt mask; 1 lets it through' },
    GPIORIS: { at: 0x414, access: 'RO', fields: PINS, doc: 'raw interrupt status' },
    GPIOMIS: { at: 0x418, access: 'RO', fields: PINS, doc: 'masked interrupt status' },
    GPIOIC: { at: 0x41c, access: 'WO', fields: PINS, doc: 'interrupt clear, edges only' },
    GPIOAFSEL: { at: 0x420, access: 'RW', fields: PINS, doc: 'hardware control of pins, kept without effect' },
    GPIOITCR: { at: 0x600, access: 'RW', notModelled: TEST, doc: 'test control' },
    GPIOITIP1: { at: 0x604, access: 'RW', notModelled: TEST, doc: 'integration test input 1' },
    GPIOITIP2: { at: 0x608, access: 'RW', notModelled: TEST, doc: 'integration test input 2' },
    GPIOITOP1: { at: 0x60c, access: 'RO', notModelled: TEST, doc: 'integration test output 1' },
    GPIOITOP2: { at: 0x610, access: 'RO', notModelled: TEST, doc: 'integration test output 2' },
    GPIOITOP3: { at: 0x614, access: 'RO', notModelled: TEST, doc: 'integration test output 3' },
    GPIOPeriphID0: id(0xfe0, 0x61, 'part number 0x061'),
    GPIOPeriphID1: id(0xfe4, 0x10, 'part number, designer 0x41'),
    GPIOPeriphID2: id(0xfe8, 0x04, 'designer, revision 0'),
    GPIOPeriphID3: id(0xfec, 0x00, 'configuration'),
    GPIOPCellID0: id(0xff0, 0x0d, 'PrimeCell'),
    GPIOPCellID1: id(0xff4, 0xf0, 'PrimeCell'),
    GPIOPCellID2: id(0xff8, 0x05, 'PrimeCell'),
    GPIOPCellID3: id(0xffc, 0xb1, 'PrimeCell'),
  },
);

type Name = keyof typeof PL061_REGS.registers;

/** Pin of the power key on this board. */
export const PL061_POWER_KEY_PIN = 3;

/** What the PL061 is connected to. */
export interface Pl061Host {
  /** GPIOINTR, the combined interrupt. */
  readonly irq: Line;
  readonly report: Report;
}

/** Registers that keep what is written to their eight bits. */
const KEPT = ['GPIODIR', 'GPIOIS', 'GPIOIBE', 'GPIOIEV', 'GPIOIE', 'GPIOAFSEL'] as const;
type Kept = (typeof KEPT)[number];

interface State {
  regs: Record<Kept, number>;
  /** What was written to GPIODATA. */
  data: number;
  /** Levels that come from outside. */
  pins: number;
  /** Edges seen and not cleared. */
  edges: number;
}

function resetState(pins: number): State {
  const regs = {} as Record<Kept, number>;
  for (const name of KEPT) regs[name] = 0;
  return { regs, data: 0, pins, edges: 0 };
}

/** See the head of the file. */
export class Pl061 implements Device {
  readonly name: string;
  readonly sizeBytes = PL061_REGS.sizeBytes;
  readonly #host: Pl061Host;
  #state = resetState(0);

  constructor(host: Pl061Host, name = 'pl061') {
    this.#host = host;
    this.name = name;
  }

  /** The level of a pin, 0 to 7, from outside. */
  setPin(pin: number, level: boolean): void {
    if (!(Number.isInteger(pin) && pin >= 0 && pin < 8)) throw new Error(`assertion: PL061 has no pin ${pin}`);
    const state = this.#state;
    const { GPIODIR, GPIOIBE, GPIOIEV } = state.regs;
    const bit = 1 << pin;
    if (((state.pins & bit) !== 0) === level) return;
    state.pins ^= bit;
    const watched = GPIOIBE | (level ? GPIOIEV : ~GPIOIEV);
    state.edges |= bit & watched & ~GPIODIR;
    this.#updateLine();
  }

  read(offset: number, access: Access): number {
    const slot = PL061_REGS.admit(offset, access.sizeBytes, 'read', this.#host.report);
    if (slot === undefined) return 0;
    return (this.#readRegister(slot.register.name, slot.index) >>> (8 * (offset - slot.offset))) & 0xff;
  }

  write(offset: number, value: number, access: Access): undefined {
    const slot = PL061_REGS.admit(offset, access.sizeBytes, 'write', this.#host.report);
    if (slot === undefined) return;
    if (offset !== slot.offset) {
      const which = `byte ${offset - slot.offset} of the register`;
      this.#host.report(`${slot.name}: write to ${which} ignored; the APB has no byte strobes (DDI 0190)`);
      return;
    }
    this.#writeRegister(slot.register.name, slot.index, value & 0xff);
    this.#updateLine();
  }

  state(): PlainData {
    return { ...this.#state, regs: { ...this.#state.regs } };
  }

  load(state: PlainData): void {
    const from = state as unknown as State;
    this.#state = { ...from, regs: { ...from.regs } };
    this.#updateLine();
  }

  /** Pins keep their levels: they are outside. */
  reset(): void {
    this.#state = resetState(this.#state.pins);
    this.#updateLine();
  }

  #readRegister(name: Name, index: number): number {
    const { regs, data, pins } = this.#state;
    switch (name) {
      case 'GPIODATA':
        return ((data & regs.GPIODIR) | (pins & ~regs.GPIODIR)) & index;
      case 'GPIORIS':
        return this.#rawStatus();
      case 'GPIOMIS':
        return this.#rawStatus() & regs.GPIOIE;
      default:
        return isKept(name) ? regs[name] : PL061_REGS.registers[name].reset;
    }
  }

  #writeRegister(name: Name, index: number, value: number): void {
    const state = this.#state;
    switch (name) {
      case 'GPIODATA':
        state.data = (state.data & ~index) | (value & index);
        return;
      case 'GPIOIC':
        state.edges &= ~value;
        return;
      default:
        if (!isKept(name)) throw new Error(`assertion: the register map let a write to ${name} through`);
        state.regs[name] = value;
    }
  }

  /** An edge is kept until it is cleared, a level lasts as long as it lasts ("GPIOIC", "GPIOIS"). */
  #rawStatus(): number {
    const { regs, pins, edges } = this.#state;
    const active = ~(pins ^ regs.GPIOIEV) & ~regs.GPIODIR;
    return ((edges & ~regs.GPIOIS) | (active & regs.GPIOIS)) & 0xff;
  }

  #updateLine(): void {
    this.#host.irq.set((this.#rawStatus() & this.#state.regs.GPIOIE) !== 0);
  }
}

function isKept(name: Name): name is Kept {
  return (KEPT as readonly string[]).includes(name);
}
