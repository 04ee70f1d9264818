/**
 * The firmware half of the Software Delegated Exception Interface: which event interrupts which PE, and the way into
 * a handler and out of it. What the calls do is in `calls.ts`.
 *
 * Source: DEN0054, "Event dispatch", "Event handler entry", "Event completion".
 */
import { callFunction } from './calls.ts';
import type { Choices } from './choices.ts';
import type { SdeiEvent } from './events.ts';
import { AFFINITY_FIELDS, type SdeiVersion } from './functions.ts';
import type { EventContext, SdeiHost } from './host.ts';
import { bareHandlerPstate } from './pstate.ts';
import {
  type EventRecord,
  type Frame,
  freshEvent,
  freshHandler,
  freshPe,
  type Handler,
  type PeRecord,
  type SdeiState,
  sameHandler,
} from './records.ts';
import { type Operation, type Transition, transition } from './states.ts';

/** What a dispatcher is made of. */
export interface SdeiConfiguration {
  readonly version: SdeiVersion;
  readonly choices: Choices;
  /** Checked, by ascending number. */
  readonly events: readonly SdeiEvent[];
}

/** Priorities of the classes at the interrupt controller: both above all Non-secure ones. */
export const CLASS_PRIORITY = { normal: 0x70, critical: 0x60 } as const;

/** What became of an event that the firmware raised. */
export type Raised = 'accepted' | 'refused';

/** One dispatcher for all PEs. All state is in `events` and `pes`; `claims` and `watched` follow from it. */
export class SdeiDispatcher {
  readonly host: SdeiHost;
  readonly config: SdeiConfiguration;
  readonly events: EventRecord[];
  readonly pes: PeRecord[];
  private readonly byNumber: ReadonlyMap<number, EventRecord>;
  /** Critical before normal, then by number: the order in which events are offered to PEs. */
  private readonly order: readonly EventRecord[];
  /** The event each PE is to take next. */
  private readonly claims: (EventRecord | undefined)[] = [];
  /** Interrupts of registered events; follows from the records. */
  private readonly watched = new Set<number>();
  /** What was saved or loaded last, by event: what is still so is saved as the same object, and compared at once. */
  private kept: readonly SdeiState['events'][number][] = [];

  constructor(host: SdeiHost, config: SdeiConfiguration) {
    this.host = host;
    this.config = config;
    this.events = config.events.map((event) => freshEvent(event, host.peCount));
    this.pes = Array.from({ length: host.peCount }, freshPe);
    this.byNumber = new Map(this.events.map((record) => [record.event.number, record]));
    const rank = ({ event }: EventRecord): number => (event.priority === 'critical' ? 0 : 1);
    this.order = [...this.events].sort((a, b) => rank(a) - rank(b) || a.event.number - b.event.number);
  }

  // --- lookup ---

  /** An event by number; undefined when there is none. */
  event(number: number): EventRecord | undefined {
    return this.byNumber.get(number);
  }
  /** The handler that a call from a PE is about. */
  handlerOf(record: EventRecord, pe: number): Handler {
    return record.handlers[record.event.type === 'private' ? pe : 0]!;
  }
  /** The PE with an affinity, whatever the bits that are no affinity fields. */
  peOf(affinity: bigint): number | undefined {
    for (let pe = 0; pe < this.pes.length; pe++) {
      if (this.host.affinityOf(pe) === (affinity & AFFINITY_FIELDS)) return pe;
    }
    return undefined;
  }
  /** The event whose handler runs innermost on a PE. */
  running(pe: number): Frame | undefined {
    return this.pes[pe]!.stack.at(-1);
  }

  // --- calls ---

  /**
   * Answers a call of the interface.
   *
   * @param args - x1 to x5
   * @param entitled - the caller is the client: Non-secure, at the client's Exception level, immediate 0
   * @returns x0, or undefined when the call does not return to its caller
   */
  call(pe: number, id: number, args: readonly bigint[], entitled: boolean): bigint | undefined {
    const result = callFunction(this, pe, entitled ? id : 0, args);
    this.evaluate();
    return result === undefined ? undefined : BigInt.asUintN(64, result);
  }

  /** Applies an operation to a handler. */
  apply(operation: Operation, record: EventRecord, pe: number): Transition {
    const handler = this.handlerOf(record, pe);
    const made = transition(operation, handler.state);
    const before = handler.state;
    handler.state = made.next;
    if (before !== made.next) this.host.moved(pe, record.event.number, operation, made.next, before);
    return made;
  }

  // --- ownership of interrupts ---

  /** The interrupt of an event that becomes registered moves to the firmware. */
  takeInterrupt(record: EventRecord, pe: number): void {
    const handler = this.handlerOf(record, pe);
    if (record.event.signalable) return;
    handler.latch = false;
    if (record.intid === null) return;
    const { interrupts } = this.host;
    handler.edge = interrupts.edgeTriggered(record.intid, pe);
    handler.line = interrupts.take(record.intid, pe, CLASS_PRIORITY[record.event.priority]);
    this.route(record, handler);
  }
  /** The interrupt of an event that is no longer registered moves back. */
  giveInterrupt(record: EventRecord, pe: number): void {
    const handler = this.handlerOf(record, pe);
    if (!record.event.signalable || this.config.choices.signalAtUnregister === 'cleared')
      this.drop(record, handler, pe, 'it was unregistered');
    if (record.intid === null) return;
    this.host.interrupts.giveBack(record.intid, pe, handler.line);
    handler.line = false;
  }
  /** What was accepted and can no longer be delivered is said, not lost in silence. */
  private drop({ event }: EventRecord, handler: Handler, pe: number, why: string): void {
    if (handler.latch) this.host.notice(pe, `SDEI event ${event.number}: a trigger that waited is dropped: ${why}`);
    handler.latch = false;
  }
  route(record: EventRecord, handler: Handler): void {
    if (record.intid === null || record.event.type === 'private') return;
    this.host.interrupts.route(record.intid, handler.affinity ?? undefined);
  }

  /** The wire of an interrupt changed. True when it is the firmware's, and so not the interrupt controller's. */
  lineChanged(intid: number, level: boolean, pe: number): boolean {
    if (!this.watched.has(intid)) return false;
    const record = this.events.find((r) => r.intid === intid)!;
    const handler = this.handlerOf(record, pe);
    if (!(handler.state & 1)) return false;
    if (handler.line === level) return true;
    handler.line = level;
    this.host.wireMoved?.(intid, level, pe);
    if (level && handler.edge) handler.latch = true;
    this.evaluate();
    return true;
  }

  // --- dispatch ---

  private canTake(pe: number, { event }: EventRecord): boolean {
    const { masked, stack } = this.pes[pe]!;
    if (masked || !this.host.isOn(pe)) return false;
    if (event.priority === 'normal') return stack.length === 0;
    return !stack.some((frame) => this.event(frame.event)!.event.priority === 'critical');
  }
  /** PEs that a handler may run on. */
  private *targets(record: EventRecord, n: number): Generator<number> {
    if (record.event.type === 'private') return yield n;
    const { affinity } = record.handlers[0]!;
    for (let pe = 0; pe < this.pes.length; pe++) {
      if (affinity === null || this.host.affinityOf(pe) === affinity) yield pe;
    }
  }

  /**
   * Works out which PE takes which event next. Critical before normal, then by number; RM_ANY goes to the
   * lowest-numbered PE that can take it. DEN0054, "Event dispatch", leaves both to the implementation.
   */
  evaluate(): void {
    const before = [...this.claims];
    this.claims.length = 0;
    this.watched.clear();
    for (const record of this.order) {
      const { handlers, intid } = record;
      for (let n = 0; n < handlers.length; n++) {
        const handler = handlers[n]!;
        if (intid !== null && handler.state & 1) this.watched.add(intid);
        const triggered = handler.latch || (handler.line && !handler.edge);
        if (handler.state !== 3 || !triggered) continue;
        for (const pe of this.targets(record, n)) {
          if (this.claims[pe] || !this.canTake(pe, record)) continue;
          this.claims[pe] = record;
          break;
        }
      }
    }
    for (let pe = 0; pe < this.pes.length; pe++) {
      if ((this.claims[pe] !== undefined) !== (before[pe] !== undefined)) {
        this.host.wanted(pe, this.claims[pe] !== undefined);
      }
    }
  }

  /** Enters the handler of the event that waits for a PE; false when none does. */
  dispatch(pe: number): boolean {
    const record = this.claims[pe];
    if (!record) return false;
    const handler = this.handlerOf(record, pe);
    const { number } = record.event;
    const context = this.host.context(pe);
    this.apply('DISPATCH', record, pe);
    handler.latch = false;
    this.pes[pe]!.stack.push({ event: number, x: [...context.x], pc: context.pc, pstate: context.pstate });
    if (record.intid !== null) this.host.interrupts.activate(record.intid, pe, true);
    this.holdInterrupts(pe);
    this.host.resume(pe, {
      x: [BigInt(number), handler.argument, context.pc, BigInt(context.pstate), ...context.x.slice(4)],
      pc: handler.entryVa,
      pstate: this.host.handlerPstate(pe, context.pstate),
    });
    this.evaluate();
    return true;
  }

  /**
   * Ends the innermost handler of a PE, which must run one.
   *
   * @param resumeVa - where the client goes on as after an exception; without it, in the interrupted code
   */
  complete(pe: number, resumeVa?: bigint): void {
    const frame = this.leave(pe);
    if (resumeVa === undefined) return this.host.resume(pe, frame);
    const bare = this.config.choices.resumePstate === 'mode-and-daif';
    this.host.setExceptionReturn(pe, frame.pc, frame.pstate);
    this.host.resume(pe, {
      x: frame.x,
      pc: resumeVa,
      pstate: bare ? bareHandlerPstate(this.host.clientEl) : this.host.handlerPstate(pe, frame.pstate),
    });
  }
  private leave(pe: number): EventContext {
    const frame = this.pes[pe]!.stack.pop()!;
    const record = this.event(frame.event)!;
    this.apply('COMPLETE', record, pe);
    if (record.intid !== null) this.host.interrupts.activate(record.intid, pe, false);
    this.holdInterrupts(pe);
    return frame;
  }
  private holdInterrupts(pe: number): void {
    const frame = this.running(pe);
    this.host.interrupts.hold(pe, frame && CLASS_PRIORITY[this.event(frame.event)!.event.priority]);
  }

  // --- raised by the firmware ---

  /**
   * Raises a signalable or explicit event on a PE (shared: where its routing says).
   *
   * @returns `refused` when nobody registered it, or by the profile's choices
   * @throws Error (assertion) for an event that an interrupt raises
   */
  raise(record: EventRecord, pe: number): Raised {
    const { event } = record;
    if (event.interrupt !== undefined) throw new Error(`assertion: event ${event.number} has an interrupt`);
    const handler = this.handlerOf(record, pe);
    const { signalUnready, explicitUnready } = this.config.choices;
    if (!(handler.state & 1)) return 'refused';
    if (event.signalable) {
      if (signalUnready === 'invalid' && (this.pes[pe]!.masked || !(handler.state & 2))) return 'refused';
      handler.latch = true;
      this.evaluate();
      return 'accepted';
    }
    const latched = handler.latch;
    handler.latch = true;
    this.evaluate();
    if (explicitUnready === 'pending' || latched || this.claims.includes(record)) return 'accepted';
    handler.latch = false;
    this.evaluate();
    return 'refused';
  }

  // --- power ---

  /** The PE comes up by CPU_ON: masked, its private events unregistered. DEN0054, "Power state management". */
  peTurnedOn(pe: number): void {
    this.abandon(pe);
    for (const record of this.events) {
      if (record.event.type === 'shared') continue;
      const { state } = record.handlers[pe]!;
      this.drop(record, record.handlers[pe]!, pe, 'its PE was turned on, with nothing registered');
      if (state !== 0) this.giveInterrupt(record, pe);
      record.handlers[pe] = freshHandler();
      if (state !== 0) this.host.moved(pe, record.event.number, 'UNREGISTER', 0, state);
    }
    this.pes[pe] = freshPe();
    this.evaluate();
  }
  /** The PE goes off. */
  peTurnedOff(pe: number): void {
    this.abandon(pe);
    this.evaluate();
  }
  /** The PE comes back from a suspend in which it lost its state: masked, registrations kept. */
  peRestarted(pe: number): void {
    this.abandon(pe);
    this.pes[pe]!.masked = true;
    this.evaluate();
  }
  /** Handlers that can no longer complete end; a client that powers down in a handler made a mistake. */
  private abandon(pe: number): void {
    while (this.pes[pe]!.stack.length > 0) {
      this.host.notice(pe, `SDEI event ${this.running(pe)!.event}: the PE powered down in its handler`);
      this.leave(pe);
    }
  }
  /** Reset of the system: nothing registered, nothing bound, every PE masked. */
  reset(): void {
    this.events.forEach((record, n) => {
      this.events[n]!.handlers.splice(0, record.handlers.length, ...record.handlers.map(freshHandler));
      if (record.event.interrupt === 'dynamic') record.intid = null;
    });
    this.pes.forEach((_, pe) => {
      this.pes[pe] = freshPe();
      this.host.interrupts.hold(pe, undefined);
    });
    this.evaluate();
  }

  // --- state ---

  /** Everything, as plain data. */
  state(): SdeiState {
    this.kept = this.events.map(({ event, intid, handlers }, n) => {
      const kept = this.kept[n];
      if (kept && kept.intid === intid && handlers.every((handler, i) => sameHandler(handler, kept.handlers[i]!)))
        return kept;
      return { number: event.number, intid, handlers: handlers.map((handler) => ({ ...handler })) };
    });
    return {
      events: this.kept,
      pes: this.pes.map(({ masked, stack }) => ({ masked, stack: stack.map((f) => ({ ...f, x: [...f.x] })) })),
    };
  }
  /** The inverse of `state`; the interrupt controller is the caller's, but for what it holds back. */
  load(state: SdeiState): void {
    state.events.forEach(({ intid, handlers }, n) => {
      const record = this.events[n]!;
      record.intid = intid;
      handlers.forEach((handler, i) => {
        if (!sameHandler(handler, record.handlers[i]!)) record.handlers[i] = { ...handler };
      });
    });
    this.kept = state.events;
    state.pes.forEach(({ masked, stack }, pe) => {
      this.pes[pe] = { masked, stack: stack.map((frame) => ({ ...frame, x: [...frame.x] })) };
      this.holdInterrupts(pe);
    });
    this.evaluate();
    this.pes.forEach((_, pe) => {
      this.host.wanted(pe, this.claims[pe] !== undefined);
    });
  }
}
