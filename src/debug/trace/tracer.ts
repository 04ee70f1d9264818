/** Listens to a machine and makes records of what happens: exceptions, calls, SDEI, interrupts, waiting. */
import { PE_STATE } from '../../arch/pestate.ts';
import { WAIT, type WaitState } from '../../cpu/waiting.ts';
import { NO_PE } from '../../devices/gic.ts';
import { VIRT_INTIDS, VIRTIO_MMIO_SLOTS } from '../../machine/board/virt.ts';
import type { Machine } from '../../machine/machine.ts';
import { describeCall, handlerStateText } from './calls.ts';
import { exceptionRecord } from './exceptions.ts';
import {
  type SdeiRecord,
  TRACE_KINDS,
  type TraceKind,
  type TracePlace,
  type TraceRecord,
  type TraceSink,
} from './records.ts';

/** The part of a machine that a tracer needs. */
export type Traceable = Pick<Machine, 'on' | 'pes' | 'sdei' | 'boundary'>;

const WAIT_NAMES = Object.fromEntries(Object.entries(WAIT).map(([name, value]) => [value, name as WaitState]));

const SPI_FIRST = 32;
const SGI_END = 16;
const LPI_FIRST = 8192;
const BOARD_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(VIRT_INTIDS).map(([name, intid]) => [intid, name]),
);

/** What an INTID is on this board, e.g. `CNTV`; `SGI 1`, `PPI 20`, `SPI 200` or `LPI 8192` where it is nothing else. */
export function intidName(intid: number): string {
  if (intid < SGI_END) return `SGI ${intid}`;
  const slot = intid - VIRT_INTIDS.VIRTIO_MMIO_0;
  if (slot >= 0 && slot < VIRTIO_MMIO_SLOTS) return `VIRTIO_MMIO_${slot}`;
  const known = BOARD_NAMES.get(intid);
  if (known !== undefined) return known;
  return `${intid < SPI_FIRST ? 'PPI' : intid < LPI_FIRST ? 'SPI' : 'LPI'} ${intid}`;
}

/**
 * A trace of a machine, from its making until `end`. It reads and changes nothing: the run is the same with it.
 *
 * @example
 * const machine = Machine.create({ kernel, initrd });
 * let text = '';
 * const tracer = new Tracer(machine, [new TextTrace((lines) => (text += lines))]);
 * machine.run({ steps: 1_000_000 });
 * tracer.end();
 */
export class Tracer {
  /** Records made so far. */
  records = 0;
  private readonly machine: Traceable;
  private readonly sinks: readonly TraceSink[];
  private readonly removers: (() => void)[] = [];

  /**
   * @param sinks - take every record; what one throws comes out of `machine.run`
   * @param kinds - what is to be traced, default everything; resets always are
   */
  constructor(machine: Traceable, sinks: readonly TraceSink[], kinds: readonly TraceKind[] = TRACE_KINDS) {
    this.machine = machine;
    this.sinks = sinks;
    const listen: Readonly<Record<TraceKind, () => void>> = {
      exception: () => this.listenExceptions(),
      call: () => this.listenCalls(),
      sdei: () => this.listenSdei(),
      interrupt: () => this.listenInterrupts(),
      power: () => this.listenPower(),
    };
    for (const kind of TRACE_KINDS) if (kinds.includes(kind)) listen[kind]();
    this.removers.push(
      machine.on('reset', () => this.tell({ ...this.place(NO_PE), kind: 'reset' })),
      machine.on('restore', () => {
        this.tell({ ...this.place(NO_PE), kind: 'restore' });
        if (kinds.includes('power')) this.tellPower();
      }),
    );
  }

  /** Hands on what the sinks hold back. */
  flush(): void {
    for (const sink of this.sinks) sink.flush();
  }
  /** Stops listening and ends the sinks. */
  end(): void {
    this.detach();
    const { timeNs } = this.machine.boundary;
    for (const sink of this.sinks) sink.end(timeNs);
  }
  /** Stops listening and leaves the sinks as they are. */
  detach(): void {
    for (const remove of this.removers.splice(0)) remove();
  }

  private tell(record: TraceRecord): void {
    this.records++;
    for (const sink of this.sinks) sink.record(record);
  }
  private place(pe: number): TracePlace {
    const { step, timeNs } = this.machine.boundary;
    return { step, timeNs, pe, el: pe === NO_PE ? -1 : this.machine.pes[pe]!.s.el };
  }

  private listenExceptions(): void {
    const { machine, removers } = this;
    removers.push(
      machine.on('exception', (pe, targetEl, vectorOffset) => {
        this.tell(exceptionRecord(this.place(pe), machine.pes[pe]!, targetEl, vectorOffset));
      }),
      machine.on('exceptionReturn', (pe, fromEl) => {
        const { s } = machine.pes[pe]!;
        const IL = s.get32(PE_STATE.IL) !== 0;
        const { step, timeNs, el } = this.place(pe);
        this.tell({ step, timeNs, pe, el, kind: 'return', fromEl, PC: s.pc, IL });
      }),
    );
  }

  private listenCalls(): void {
    const { machine } = this;
    this.removers.push(
      machine.on('call', (pe, name, x, result) => {
        const PC = machine.pes[pe]!.s.pc;
        const meaning = describeCall(name, x, result);
        this.tell({
          ...this.place(pe),
          kind: 'call',
          name,
          ...meaning,
          ...(result === undefined ? {} : { result }),
          PC,
        });
      }),
    );
  }

  private listenSdei(): void {
    const { pes, sdei } = this.machine;
    const { dispatcher } = sdei;
    if (!dispatcher) return;
    const remove = sdei.onMove((pe, number, operation, state, before) => {
      const record = dispatcher.event(number)!;
      const { type, priority } = record.event;
      const dispatched = operation === 'DISPATCH';
      const { step, timeNs, el } = this.place(pe);
      // Explorations hear several in each run: no object is made to be spread into another.
      const told: { -readonly [K in keyof SdeiRecord]?: SdeiRecord[K] } = {
        step,
        timeNs,
        pe,
        el,
        kind: 'sdei',
        event: number,
        type,
        priority,
        operation,
        before: handlerStateText(before),
        after: handlerStateText(state),
      };
      if (record.intid !== null) told.INTID = record.intid;
      told.clientEl = dispatcher.host.clientEl;
      if (dispatched) {
        told.PC = pes[pe]!.s.pc;
        told.entry = dispatcher.handlerOf(record, pe).entryVa;
      }
      this.tell(told as SdeiRecord);
    });
    this.removers.push(remove);
  }

  private listenInterrupts(): void {
    this.removers.push(
      this.machine.on('interrupt', (pe, what, intid, target) => {
        const sent = target === undefined ? {} : { target };
        this.tell({ ...this.place(pe), kind: 'interrupt', what, INTID: intid, name: intidName(intid), ...sent });
      }),
    );
  }

  /** How every PE is now, as a beginning. */
  private tellPower(): void {
    for (const { s } of this.machine.pes) {
      const state = WAIT_NAMES[s.get32(PE_STATE.waitState)]!;
      this.tell({ ...this.place(s.index), kind: 'power', state, before: state });
    }
  }
  private listenPower(): void {
    this.tellPower();
    this.removers.push(
      this.machine.on('power', (pe, state, before) => {
        this.tell({ ...this.place(pe), kind: 'power', state, before });
      }),
    );
  }
}
