/** The generic timers of all PEs on the machine's event queue: when lines rise and when WFE wakes. */
import { PE_STATE } from '../arch/pestate.ts';
import type { Pe } from '../cpu/pe.ts';
import type { TimerName } from '../cpu/timers.ts';
import { WAIT } from '../cpu/waiting.ts';
import type { Gic } from '../devices/gic.ts';
import { VIRT_INTIDS } from './board/virt.ts';
import { NS_PER_COUNT } from './el3.ts';
import { type EventQueue, PRIORITY } from './events.ts';

const TIMER_INTIDS: Readonly<Record<TimerName, number>> = {
  CNTP: VIRT_INTIDS.CNTP,
  CNTV: VIRT_INTIDS.CNTV,
  CNTHP: VIRT_INTIDS.CNTHP,
  CNTPS: VIRT_INTIDS.CNTPS,
  CNTHV: VIRT_INTIDS.CNTHV,
};
/**
 * Latest virtual time at which the guest's timers still do something, 52 days: a guest that sleeps until then leaves
 * room to count every later step exactly.
 */
export const DUE_MAX_NS = 2 ** 52;

/** What the timers need of the machine. */
export interface TimerSurroundings {
  readonly pes: readonly Pe[];
  readonly events: EventQueue;
  gic(): Gic;
  requestBoundary(): void;
}

/** Keeps one event per timer that will expire. */
export class TimerEvents {
  private readonly around: TimerSurroundings;

  constructor(around: TimerSurroundings) {
    this.around = around;
  }

  /** A timer register changed, or a timer is due: its line, and when to look again. */
  timersChanged(index: number): void {
    const pe = this.around.pes[index]!;
    for (const name of pe.timers.names) {
      this.around.gic().setLine(TIMER_INTIDS[name], pe.timers.line(name), index);
      const due = pe.timers.due(name);
      const key = `${name} ${index}`;
      const ns = due === undefined ? undefined : Number(due) * NS_PER_COUNT;
      if (ns === undefined || ns > DUE_MAX_NS) this.around.events.cancel(key);
      else {
        this.around.events.schedule(ns, () => this.timersChanged(index), { key, priority: PRIORITY.TIMER });
        this.around.requestBoundary();
      }
    }
  }
  /** A PE in WFE wakes at the next event of its timer event stream. */
  scheduleStreamEvent(index: number): void {
    const pe = this.around.pes[index]!;
    const next = pe.timers.nextStreamEvent();
    if (next === undefined || Number(next) * NS_PER_COUNT > DUE_MAX_NS) return;
    const wake = (): void => {
      if (pe.s.get32(PE_STATE.waitState) === WAIT.WFE) pe.waiting.signal();
    };
    this.around.events.schedule(Number(next) * NS_PER_COUNT, wake, {
      key: `event stream ${index}`,
      priority: PRIORITY.TIMER,
    });
  }

  /** Every PE waits: time goes only where something waits for it, not to events for which a PE waited once. */
  forgetStreams(): void {
    for (const { s } of this.around.pes) {
      if (s.get32(PE_STATE.waitState) !== WAIT.WFE) this.around.events.cancel(`event stream ${s.index}`);
    }
  }

  /** Puts the events of a PE back after its state was restored. */
  restored(pe: Pe): void {
    this.timersChanged(pe.s.index);
    if (pe.s.get32(PE_STATE.waitState) === WAIT.WFE) this.scheduleStreamEvent(pe.s.index);
  }
}
