/**
 * PL031 real time clock. Arm DDI 0224, "Programmer's model".
 *
 * The clock counts seconds of virtual time from a fixed date, so a run can be repeated. It stands for one that a
 * battery keeps: after reset it runs (RTCCR reads 1) and shows the date. A write to RTCLR acts at once, not at the
 * next edge of the 1 Hz clock.
 *
 * Not modelled: the integration test registers.
 *
 * What a hostile guest can do, and what stops it: set an alarm again and again (there is one alarm, each replaces the
 * last, never more than 2^32 seconds ahead); touch anything else in the page (the register map refuses and reports).
 */
import type { Access, Device, Line, PlainData, Report } from './device.ts';
import { regmap } from './regmap.ts';

const TEST = 'integration test registers';
const id = (at: number, reset: number, doc: string) => ({ at, access: 'RO', reset, doc }) as const;

/** Registers of the PL031. Source: DDI 0224, "Summary of registers". */
export const PL031_REGS = regmap(
  'PL031',
  { sizeBytes: 0x1000, source: 'DDI 0224', widths: [1, 2, 4] },
  {
    RTCDR: { at: 0x000, access: 'RO', doc: 'data, seconds' },
    RTCMR: { at: 0x004, access: 'RW', doc: 'match: the alarm is due when the counter reaches it' },
    RTCLR: { at: 0x008, access: 'RW', doc: 'load: sets the counter' },
    RTCCR: { at: 0x00c, access: 'RW', reset: 1, fields: { EN: [0, 0] }, doc: 'control; the clock cannot be stopped' },
    RTCIMSC: { at: 0x010, access: 'RW', fields: { RTCIMSC: [0, 0] }, doc: 'interrupt mask; 1 lets it through' },
    RTCRIS: { at: 0x014, access: 'RO', fields: { RTCRIS: [0, 0] }, doc: 'raw interrupt status' },
    RTCMIS: { at: 0x018, access: 'RO', fields: { RTCMIS: [0, 0] }, doc: 'masked interrupt status' },
    RTCICR: { at: 0x01c, access: 'WO', fields: { RTCICR: [0, 0] }, doc: 'interrupt clear' },
    RTCITCR: { at: 0x080, access: 'RW', notModelled: TEST, doc: 'test control' },
    RTCITIP: { at: 0x084, access: 'RW', notModelled: TEST, doc: 'integration test input' },
    RTCITOP: { at: 0x088, access: 'RW', notModelled: TEST, doc: 'integration test output' },
    RTCTOFFSET: { at: 0x08c, access: 'RW', notModelled: TEST, doc: 'test offset' },
    RTCTCOUNT: { at: 0x090, access: 'RW', notModelled: TEST, doc: 'test count' },
    RTCPeriphID0: id(0xfe0, 0x31, 'part number 0x031'),
    RTCPeriphID1: id(0xfe4, 0x10, 'part number, designer 0x41'),
    RTCPeriphID2: id(0xfe8, 0x04, 'designer, revision 0'),
    RTCPeriphID3: id(0xfec, 0x00, 'configuration'),
    RTCPCellID0: id(0xff0, 0x0d, 'PrimeCell'),
    RTCPCellID1: id(0xff4, 0xf0, 'PrimeCell'),
    RTCPCellID2: id(0xff8, 0x05, 'PrimeCell'),
    RTCPCellID3: id(0xffc, 0xb1, 'PrimeCell'),
  },
);

type Name = keyof typeof PL031_REGS.registers;

/** 2024-01-01T00:00:00Z in seconds since 1970: what the clock shows when virtual time is zero. */
export const RTC_BASE_DEFAULT_SECONDS = 1_704_067_200;

/** What the clock is connected to. */
export interface Pl031Host {
  /** RTCINTR. */
  readonly irq: Line;
  /** Whole seconds since 1970-01-01T00:00:00Z: virtual time plus a fixed base; never falls. */
  seconds(): number;
  /** `alarm()` is to be called when `seconds()` reaches this number; undefined: not at all. Replaces the last one. */
  nextAlarm(atSeconds: number | undefined): void;
  readonly report: Report;
}

const COUNTER_MODULUS = 2 ** 32;
const modulo = (value: number): number => ((value % COUNTER_MODULUS) + COUNTER_MODULUS) % COUNTER_MODULUS;

interface State {
  /** What RTCLR added to the host's seconds, 0..2^32-1. */
  offsetSeconds: number;
  RTCMR: number;
  RTCLR: number;
  RTCIMSC: number;
  RTCRIS: number;
  /** Host's seconds up to which matches are in RTCRIS. */
  seenSeconds: number;
}

/** See the head of the file. */
export class Pl031 implements Device {
  readonly name: string;
  readonly sizeBytes = PL031_REGS.sizeBytes;
  readonly #host: Pl031Host;
  #state: State;

  constructor(host: Pl031Host, name = 'pl031') {
    this.#host = host;
    this.name = name;
    this.#state = this.#resetState();
  }

  /** Time has reached what `nextAlarm` was told. Harmless when it has not. */
  alarm(): void {
    this.#noticeMatch();
    this.#update();
  }

  read(offset: number, access: Access): number {
    const slot = PL031_REGS.admit(offset, access.sizeBytes, 'read', this.#host.report);
    if (slot === undefined) return 0;
    const value = this.#readRegister(slot.register.name) >>> (8 * (offset - slot.offset));
    return access.sizeBytes === 4 ? value : value & ((1 << (8 * access.sizeBytes)) - 1);
  }

  write(offset: number, value: number, access: Access): undefined {
    const slot = PL031_REGS.admit(offset, access.sizeBytes, 'write', this.#host.report);
    if (slot === undefined) return;
    if (offset !== slot.offset) {
      const which = `byte ${offset - slot.offset} of the register`;
      this.#host.report(`${slot.name}: write to ${which} ignored; the APB has no byte strobes (DDI 0224)`);
      return;
    }
    this.#noticeMatch();
    this.#writeRegister(slot.register.name, value);
    this.#update();
  }

  state(): PlainData {
    return { ...this.#state };
  }

  load(state: PlainData): void {
    this.#state = { ...(state as unknown as State) };
    this.#update();
  }

  reset(): void {
    this.#state = this.#resetState();
    this.#update();
  }

  #resetState(): State {
    return { offsetSeconds: 0, RTCMR: 0, RTCLR: 0, RTCIMSC: 0, RTCRIS: 0, seenSeconds: this.#host.seconds() };
  }

  #readRegister(name: Name): number {
    switch (name) {
      case 'RTCDR':
        return this.#counter();
      case 'RTCMR':
      case 'RTCLR':
      case 'RTCIMSC':
        return this.#state[name];
      case 'RTCRIS':
        return this.#rawStatus();
      case 'RTCMIS':
        return this.#rawStatus() & this.#state.RTCIMSC;
      default:
        return PL031_REGS.registers[name].reset;
    }
  }

  #writeRegister(name: Name, value: number): void {
    const state = this.#state;
    switch (name) {
      case 'RTCMR':
        state.RTCMR = value;
        break;
      case 'RTCLR':
        state.RTCLR = value;
        state.offsetSeconds = modulo(value - this.#host.seconds());
        break;
      case 'RTCCR':
        // "RTCCR": once the clock is enabled, writes have no effect until reset.
        return;
      case 'RTCIMSC':
        state.RTCIMSC = value & 1;
        return;
      case 'RTCICR':
        if (value & 1) state.RTCRIS = 0;
        return;
      default:
        throw new Error(`assertion: the register map let a write to ${name} through`);
    }
    // The comparator sees the new values at once: equal means match.
    if (this.#counter() === state.RTCMR) state.RTCRIS = 1;
  }

  #counter(): number {
    return modulo(this.#host.seconds() + this.#state.offsetSeconds);
  }

  /** Host's seconds at which the counter next becomes RTCMR, after `seenSeconds`. */
  #nextMatchSeconds(): number {
    const { RTCMR, offsetSeconds, seenSeconds } = this.#state;
    const ahead = modulo(RTCMR - seenSeconds - offsetSeconds);
    return seenSeconds + (ahead === 0 ? COUNTER_MODULUS : ahead);
  }

  /** Without a change of state, so that reading RTCRIS has none. */
  #rawStatus(): number {
    return this.#state.RTCRIS | (this.#host.seconds() >= this.#nextMatchSeconds() ? 1 : 0);
  }

  #noticeMatch(): void {
    this.#state.RTCRIS = this.#rawStatus();
    this.#state.seenSeconds = this.#host.seconds();
  }

  /** An alarm is asked for only when it would change the interrupt, so a masked match wakes nobody. */
  #update(): void {
    const { RTCRIS, RTCIMSC } = this.#state;
    this.#host.irq.set((RTCRIS & RTCIMSC) !== 0);
    this.#host.nextAlarm(RTCIMSC === 1 && RTCRIS === 0 ? this.#nextMatchSeconds() : undefined);
  }
}
