/**
 * Generic watchdog of server systems. Arm DEN0094 (BSA), "Generic Watchdog"; Linux knows it as `arm,sbsa-gwdt`.
 *
 * Two frames of one device: writes to the refresh frame keep it quiet, the control frame says the rest. It compares the
 * system counter with WCV: behind it signal WS0 rises and WCV moves on by WOR; when that passes without a refresh it is
 * the second stage. Then either WS1 rises, which resets the machine, or the device *repeats*: WS0 falls and rises, and
 * WCV moves on again, so that an edge-triggered interrupt comes once in a period whatever software does. In that form
 * firmware hands it over running, for an SDEI event or an interrupt.
 *
 * What a hostile guest can do, and what stops it: choose a period of no length (each write and each expiry is one event
 * of the queue; a repetition is at least `WATCHDOG_REPEAT_MIN_NS` behind the last); let it reset the machine (as it is
 * meant to); touch anything else in the frames (the register map refuses and reports).
 */
import type { Access, Device, Line, PlainData, Report } from './device.ts';
import { regmap } from './regmap.ts';

/** Registers of the control frame. Source: DEN0094, "Register summary" of the generic watchdog. */
export const WATCHDOG_REGS = regmap(
  'WATCHDOG',
  { sizeBytes: 0x1000, source: 'DEN0094' },
  {
    WCS: {
      at: 0x000,
      access: 'RW',
      fields: { EN: [0, 0], WS0: [1, 1], WS1: [2, 2] },
      doc: 'control and status; a write refreshes',
    },
    WOR: { at: 0x008, sizeBytes: 8, access: 'RW', doc: 'offset, 48 bits of counts; a write refreshes' },
    WCV: { at: 0x010, sizeBytes: 8, access: 'RW', doc: 'compare value, counts' },
    W_IIDR: { at: 0xfcc, access: 'RO', reset: 0x1_0000, doc: 'architecture revision 1' },
  },
);

/** Registers of the refresh frame. */
export const WATCHDOG_REFRESH_REGS = regmap(
  'WATCHDOG refresh',
  { sizeBytes: 0x1000, source: 'DEN0094' },
  {
    WRR: { at: 0x000, access: 'RW', doc: 'a write refreshes; reads as zero' },
    W_IIDR: { at: 0xfcc, access: 'RO', reset: 0x1_0000, doc: 'architecture revision 1' },
  },
);

/** Least time between two repetitions of WS0, in ns of virtual time. */
export const WATCHDOG_REPEAT_MIN_NS = 100_000_000;

/** What the watchdog is connected to. */
export interface WatchdogHost {
  readonly ws0: Line;
  /** WS1 rose. */
  ws1(): void;
  /** The system counter. */
  count(): bigint;
  /** `due()` is to be called when the counter reaches this; undefined: not at all. Replaces the last one. */
  wakeAt(count: bigint | undefined): void;
  readonly report: Report;
}

/** What is fixed about a watchdog. */
export interface WatchdogOptions {
  /** Counts of the system counter from reset to the first WS0, and on; 0: it is off after reset. */
  readonly startCounts: bigint;
  /** What the second stage is. */
  readonly second: 'repeat' | 'reset';
  readonly repeatMinCounts: bigint;
}

interface State {
  enabled: boolean;
  ws0: boolean;
  ws1: boolean;
  WOR: bigint;
  WCV: bigint;
}

const EN = 1;
const U32 = 0xffff_ffffn;
const WOR_MASK = (1n << 48n) - 1n;

/** See the head of the file. */
export class Watchdog implements Device {
  readonly name: string;
  readonly sizeBytes = WATCHDOG_REGS.sizeBytes;
  /** The other frame; what it does is state of this one. */
  readonly refreshFrame: Device;
  readonly #host: WatchdogHost;
  readonly #options: WatchdogOptions;
  #state: State;

  constructor(host: WatchdogHost, options: WatchdogOptions, name = 'watchdog') {
    this.#host = host;
    this.#options = options;
    this.name = name;
    this.#state = this.#resetState();
    this.refreshFrame = new RefreshFrame(() => this.#refresh(), host.report, `${name}-refresh`);
  }

  /** The counter has reached what `wakeAt` was told. Harmless when it has not. */
  due(): void {
    const state = this.#state;
    const now = this.#host.count();
    // "Watchdog behaviour": the counter is greater than the compare value.
    if (!state.enabled || state.ws1 || now <= state.WCV) return this.#update();
    if (state.ws0 && this.#options.second === 'reset') state.ws1 = true;
    else {
      const offset = state.ws0 && state.WOR < this.#options.repeatMinCounts ? this.#options.repeatMinCounts : state.WOR;
      if (state.ws0) this.#host.ws0.set(false);
      state.ws0 = true;
      state.WCV = BigInt.asUintN(64, now + offset);
    }
    this.#update();
    if (state.ws1) this.#host.ws1();
  }

  read(offset: number, access: Access): number {
    const slot = WATCHDOG_REGS.admit(offset, access.sizeBytes, 'read', this.#host.report);
    if (slot === undefined) return 0;
    const { enabled, ws0, ws1, WOR, WCV } = this.#state;
    const shift = BigInt(8 * (offset - slot.offset));
    switch (slot.register.name) {
      case 'WCS':
        return Number(enabled) | (Number(ws0) << 1) | (Number(ws1) << 2);
      case 'WOR':
        return Number((WOR >> shift) & U32);
      case 'WCV':
        return Number((WCV >> shift) & U32);
      case 'W_IIDR':
        return slot.register.reset;
    }
  }

  write(offset: number, value: number, access: Access): undefined {
    const slot = WATCHDOG_REGS.admit(offset, access.sizeBytes, 'write', this.#host.report);
    if (slot === undefined) return;
    const state = this.#state;
    const shift = BigInt(8 * (offset - slot.offset));
    const merged = (old: bigint): bigint => (old & ~(U32 << shift)) | (BigInt(value >>> 0) << shift);
    switch (slot.register.name) {
      case 'WCS':
        state.enabled = (value & EN) !== 0;
        return this.#refresh();
      case 'WOR':
        state.WOR = merged(state.WOR) & WOR_MASK;
        return this.#refresh();
      case 'WCV':
        state.WCV = merged(state.WCV);
        return this.#update();
      default:
        throw new Error(`assertion: the register map let a write to ${slot.name} through`);
    }
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
    const { startCounts } = this.#options;
    const now = this.#host.count();
    // A period is the offset and the one count by which the counter must be greater.
    const WOR = startCounts > 0n ? startCounts - 1n : 0n;
    return { enabled: startCounts > 0n, ws0: false, ws1: false, WOR, WCV: startCounts > 0n ? now + WOR : 0n };
  }

  #refresh(): undefined {
    const state = this.#state;
    state.ws0 = false;
    state.ws1 = false;
    state.WCV = BigInt.asUintN(64, this.#host.count() + state.WOR);
    return this.#update();
  }
  #update(): undefined {
    const { enabled, ws0, ws1, WCV } = this.#state;
    this.#host.ws0.set(enabled && ws0);
    this.#host.wakeAt(enabled && !ws1 ? WCV + 1n : undefined);
  }
}

/** The frame that anybody may be given: it can do nothing but refresh. */
class RefreshFrame implements Device {
  readonly name: string;
  readonly sizeBytes = WATCHDOG_REFRESH_REGS.sizeBytes;
  readonly #refresh: () => void;
  readonly #report: Report;

  constructor(refresh: () => void, report: Report, name: string) {
    this.#refresh = refresh;
    this.#report = report;
    this.name = name;
  }
  read(offset: number, access: Access): number {
    return WATCHDOG_REFRESH_REGS.admit(offset, access.sizeBytes, 'read', this.#report)?.register.reset ?? 0;
  }
  write(offset: number, _value: number, access: Access): undefined {
    if (WATCHDOG_REFRESH_REGS.admit(offset, access.sizeBytes, 'write', this.#report)) this.#refresh();
  }
  state(): PlainData {
    return null;
  }
  load(): void {}
  reset(): void {}
}
