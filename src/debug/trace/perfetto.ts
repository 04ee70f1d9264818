/**
 * A trace for ui.perfetto.dev: a process for each PE with a lane for each Exception level, in which exceptions are
 * slices from entry to return and SDEI handlers from dispatch to completion; interrupts from acknowledge to end of
 * interrupt, times of waiting, and instants for firmware calls, each in a lane of its own.
 */
import { type EventArgs, JsonEvents } from './json-events.ts';
import { Lanes, laneOf } from './lanes.ts';
import {
  ADDRESS_ARGUMENTS,
  addressText,
  type CallRecord,
  type ExceptionRecord,
  type InterruptRecord,
  type PowerRecord,
  type ReturnRecord,
  type SdeiRecord,
  type Symbolize,
  type TraceRecord,
  type TraceSink,
} from './records.ts';

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** Lanes in which nothing is open while a PE is off, or was reset. */
const PROGRAM_LANES = ['EL0', 'EL1', 'EL2', 'EL3', 'interrupts'] as const;

/** Writes a trace as JSON for Perfetto. */
export class PerfettoTrace implements TraceSink {
  private readonly events: JsonEvents;
  private readonly symbolize: Symbolize | undefined;
  private readonly pes = new Map<number, Lanes>();
  private readonly waiting = new Map<number, boolean>();
  private lastNs = 0n;

  /**
   * @param write - takes text in pieces; what was written is a readable trace after each of them
   * @param symbolize - names addresses
   */
  constructor(write: (text: string) => void, symbolize?: Symbolize) {
    this.events = new JsonEvents(write);
    this.symbolize = symbolize;
  }

  record(record: TraceRecord): void {
    if (record.kind === 'restore') this.nextPass();
    this.lastNs = record.timeNs;
    switch (record.kind) {
      case 'exception':
        return this.exception(record);
      case 'return':
        return this.returned(record);
      case 'call':
        return this.call(record);
      case 'sdei':
        return this.sdei(record);
      case 'interrupt':
        return this.interrupt(record);
      case 'power':
        return this.power(record);
      case 'reset':
        for (const lanes of this.pes.values()) lanes.endAll(record.timeNs, PROGRAM_LANES);
        return this.events.instant(-1, 'firmware', record.timeNs, 'reset', { step: record.step });
      case 'restore':
        return this.events.instant(-1, 'firmware', record.timeNs, 'restore', { step: record.step });
    }
  }
  flush(): void {
    this.events.flush();
  }
  end(timeNs: bigint): void {
    if (timeNs > this.lastNs) this.lastNs = timeNs;
    this.endAll();
    this.events.close();
  }

  /** A snapshot was put back: viewers take time for something that only grows. */
  private nextPass(): void {
    this.endAll();
    this.pes.clear();
    this.waiting.clear();
    this.events.nextPass();
  }
  private lanes(pe: number): Lanes {
    let lanes = this.pes.get(pe);
    if (!lanes) {
      lanes = new Lanes(this.events, pe);
      this.pes.set(pe, lanes);
    }
    return lanes;
  }
  private endAll(): void {
    for (const lanes of this.pes.values()) lanes.endAll(this.lastNs);
  }
  private address(addrVa: bigint): string {
    return addressText(addrVa, this.symbolize);
  }

  private exception(r: ExceptionRecord): void {
    const lanes = this.lanes(r.pe);
    this.leaveBelow(lanes, r.fromEl, r.el, r.timeNs);
    const name = r.exception === 'Synchronous' ? r.EC! : r.exception;
    const args: Record<string, string | number | boolean> = {
      step: r.step,
      from: `EL${r.fromEl}`,
      ELR: this.address(r.ELR),
      SPSR: hex(r.SPSR),
      vector: this.address(r.PC),
    };
    if (r.ESR !== undefined) args.ESR = hex(r.ESR);
    if (r.FAR !== undefined) args.FAR = this.address(r.FAR);
    if (r.FSC !== undefined) args.FSC = r.FSC;
    if (r.WnR !== undefined) args.WnR = r.WnR;
    if (r.immediate !== undefined) args.immediate = r.immediate;
    const slice = { kind: 'exception', fromEl: r.fromEl, returnPc: r.ELR } as const;
    lanes.begin(laneOf(r.el), r.timeNs, slice, name, args);
  }
  /** A level is entered from below: EL0 stops, and what an earlier entry left open there is over. */
  private leaveBelow(lanes: Lanes, fromEl: number, toEl: number, timeNs: bigint): void {
    if (fromEl === 0) lanes.leave(0, timeNs);
    if (fromEl < toEl) lanes.leave(toEl, timeNs);
  }

  private returned(r: ReturnRecord): void {
    const lanes = this.lanes(r.pe);
    if (r.el < r.fromEl) lanes.leave(r.fromEl, r.timeNs);
    else if (!lanes.returned(r.el, r.timeNs, r.PC)) {
      const args = { step: r.step, PC: this.address(r.PC), IL: r.IL };
      this.events.instant(r.pe, laneOf(r.el), r.timeNs, 'return of an entry that was not seen', args);
    }
    this.arrive(lanes, r);
  }
  /** The PE is at EL0: a slice until something takes it from there. */
  private arrive(lanes: Lanes, r: ReturnRecord | CallRecord): void {
    if (r.el !== 0 || lanes.isOpen('EL0')) return;
    lanes.begin('EL0', r.timeNs, { kind: 'other' }, 'EL0', { step: r.step, PC: this.address(r.PC) });
  }

  private call(r: CallRecord): void {
    const args: Record<string, string | number> = { step: r.step };
    for (const { name, value, text } of r.args) {
      if (ADDRESS_ARGUMENTS.has(name)) args[name] = this.address(value);
      else args[name] = text === undefined ? hex(value) : `${text} (${hex(value)})`;
    }
    if (r.result !== undefined) args.result = r.resultText ? `${r.resultText} (${hex(r.result)})` : hex(r.result);
    this.events.instant(r.pe, 'firmware', r.timeNs, r.name, args);
    const lanes = this.lanes(r.pe);
    if (r.result === undefined && r.name === 'SDEI_EVENT_COMPLETE_AND_RESUME' && r.el > 0) {
      // The client goes on as if it had taken an exception, from which it returns to the interrupted code.
      const slice = { kind: 'exception', fromEl: this.completed?.fromEl, returnPc: this.completed?.returnPc } as const;
      lanes.begin(laneOf(r.el), r.timeNs, slice, 'resumed', { step: r.step, PC: this.address(r.PC) });
    }
    if (r.result === undefined) this.arrive(lanes, r);
  }
  /** What the handler that completed last had interrupted. */
  private completed: { readonly fromEl?: number; readonly returnPc?: bigint } | undefined;

  private sdei(r: SdeiRecord): void {
    const lanes = this.lanes(r.pe);
    const args: EventArgs = {
      step: r.step,
      type: r.type,
      priority: r.priority,
      before: r.before,
      after: r.after,
      ...(r.INTID === undefined ? {} : { INTID: r.INTID }),
      ...(r.PC === undefined ? {} : { interrupted: this.address(r.PC) }),
      ...(r.entry === undefined ? {} : { entry: this.address(r.entry) }),
    };
    const lane = laneOf(r.clientEl);
    if (r.operation === 'DISPATCH') {
      this.leaveBelow(lanes, r.el, r.clientEl, r.timeNs);
      const slice = { kind: 'handler', number: r.event, fromEl: r.el, returnPc: r.PC } as const;
      return lanes.begin(lane, r.timeNs, slice, `SDEI event ${r.event} (${r.priority})`, args);
    }
    if (r.operation === 'COMPLETE') {
      this.completed = lanes.end(lane, r.timeNs, (s) => s.kind === 'handler' && s.number === r.event);
      if (this.completed) return;
    }
    this.events.instant(r.pe, 'firmware', r.timeNs, `event ${r.event} ${r.operation}`, args);
  }

  private interrupt(r: InterruptRecord): void {
    const name = `${r.INTID} ${r.name}`;
    const args = { step: r.step, INTID: r.INTID, ...(r.target === undefined ? {} : { target: `PE ${r.target}` }) };
    if (r.what === 'acknowledged') {
      const slice = { kind: 'other', number: r.INTID } as const;
      return this.lanes(r.pe).begin('interrupts', r.timeNs, slice, name, args);
    }
    const isIts = (s: { readonly number?: number }): boolean => s.number === r.INTID;
    if (r.what === 'ended' && this.lanes(r.pe).end('interrupts', r.timeNs, isIts)) return;
    this.events.instant(r.pe, 'interrupts', r.timeNs, `${name} ${r.what}`, args);
  }

  private power(r: PowerRecord): void {
    const lanes = this.lanes(r.pe);
    lanes.endAll(r.timeNs, ['power']);
    if (r.state === 'OFF') lanes.endAll(r.timeNs, PROGRAM_LANES);
    if (r.state !== 'RUNNING') lanes.begin('power', r.timeNs, { kind: 'other' }, r.state, { step: r.step });
    this.waiting.set(r.pe, r.state !== 'RUNNING');
    const running = [...this.waiting.values()].filter((waits) => !waits).length;
    this.events.counter(r.timeNs, 'PEs running', running);
  }
}
