/**
 * A dispatcher that is as simple as the rules themselves: sets instead of bits, one rule after the other instead of a
 * table.
 */
import type { SdeiProfile } from '../../src/firmware/sdei/choices.ts';

/** PEs of a sequence. */
export const PES = 4;
/** Events of critical priority. */
const CRITICAL = new Set([3001, 3003]);
/** Events with a handler on each PE. */
export const PRIVATE = new Set([0, 1000, 3000, 3001]);
/** Events that steps name; 77 does not exist. */
export const EVENTS: readonly number[] = [0, 1000, 2000, 3000, 3001, 3002, 3003, 77];

interface ModelHandler {
  registered: boolean;
  enabled: boolean;
  running: boolean;
  waiting: boolean;
  /** PE of RM_PE. */
  only: number | undefined;
}

/** See the head of the file. */
export class Model {
  readonly handlers = new Map<string, ModelHandler>();
  readonly masked = Array.from({ length: PES }, () => true);
  readonly stacks: number[][] = Array.from({ length: PES }, () => []);
  readonly bound = new Set<number>();
  readonly entered: string[] = [];
  /** Triggers that were accepted while none waited, and those of them that were dropped before they were delivered. */
  readonly triggers = { accepted: 0, dropped: 0 };
  readonly profile: SdeiProfile;
  constructor(profile: SdeiProfile) {
    this.profile = profile;
  }

  h(event: number, pe: number): ModelHandler {
    const key = PRIVATE.has(event) ? `${event}@${pe}` : `${event}`;
    const fresh = { registered: false, enabled: false, running: false, waiting: false, only: undefined };
    if (!this.handlers.has(key)) this.handlers.set(key, fresh);
    return this.handlers.get(key)!;
  }
  /** A trigger is accepted; while one waits already, the two are one. */
  private trigger(h: ModelHandler): void {
    if (!h.waiting) this.triggers.accepted++;
    h.waiting = true;
  }
  private drop(h: ModelHandler): void {
    if (h.waiting) this.triggers.dropped++;
    h.waiting = false;
  }
  /** Triggers that wait. */
  get waiting(): number {
    return [...this.handlers.values()].filter(({ waiting }) => waiting).length;
  }
  private known(event: number): boolean {
    if (event === 77) return false;
    return !isSlot(event) || this.bound.has(event) || this.profile === 'tf-a';
  }
  private room(event: number, pe: number): boolean {
    if (this.masked[pe]) return false;
    return CRITICAL.has(event) ? !this.stacks[pe]!.some((e) => CRITICAL.has(e)) : this.stacks[pe]!.length === 0;
  }

  everything(): object {
    return {
      states: this.masked.map((_, pe) => EVENTS.map((event) => this.status(pe, event))),
      stacks: this.stacks,
      entered: this.entered.toSorted(),
      intact: this.masked.map(() => true),
    };
  }

  /** Everything that can be delivered, is. */
  settle(): void {
    for (;;) {
      const next = this.next();
      if (!next) return;
      const h = this.h(next.event, next.pe);
      h.waiting = false;
      h.running = true;
      this.stacks[next.pe]!.push(next.event);
      this.entered.push(`${next.pe}:${next.event}`);
    }
  }
  private next(): { event: number; pe: number } | undefined {
    const inOrder = [...EVENTS].sort((a, b) => Number(CRITICAL.has(b)) - Number(CRITICAL.has(a)) || a - b);
    for (const event of inOrder) {
      for (let pe = 0; pe < PES; pe++) {
        const h = this.h(event, pe);
        if (!h.waiting || !h.registered || !h.enabled || h.running) continue;
        if (h.only !== undefined && h.only !== pe) continue;
        if (this.room(event, pe)) return { event, pe };
      }
    }
    return undefined;
  }

  register(pe: number, event: number, only: number | undefined): number {
    if (!this.known(event)) return -2;
    const h = this.h(event, pe);
    if (h.registered || h.running) return -3;
    if (isSlot(event) && !this.bound.has(event)) return -3;
    h.registered = true;
    h.only = PRIVATE.has(event) ? undefined : only;
    if (event !== 0) this.drop(h);
    return 0;
  }
  enable(pe: number, event: number, enabled: boolean): number {
    if (!this.known(event)) return -2;
    const h = this.h(event, pe);
    if (!h.registered) return -3;
    h.enabled = enabled;
    return 0;
  }
  unregister(pe: number, event: number): number {
    if (!this.known(event)) return -2;
    const h = this.h(event, pe);
    if (!h.registered && !h.running) return -3;
    h.registered = false;
    h.enabled = false;
    if (event !== 0 || this.profile === 'spec') this.drop(h);
    return h.running ? -5 : 0;
  }
  status(pe: number, event: number): number {
    if (!this.known(event)) return -2;
    const h = this.h(event, pe);
    return Number(h.registered) + 2 * Number(h.enabled) + 4 * Number(h.running);
  }
  info(event: number, id: number): number {
    if (!this.known(event)) return -2;
    if (id === 1) return event === 0 ? 0 : 1;
    if (id === 2) return CRITICAL.has(event) ? 1 : 0;
    if (PRIVATE.has(event)) return -2;
    const { registered, only } = this.h(event, 0);
    if (!registered) return -3;
    if (id === 3) return only === undefined ? 0 : 1;
    return only === undefined ? -2 : only << 8;
  }
  complete(pe: number): number | undefined {
    const event = this.stacks[pe]!.pop();
    if (event === undefined) return -3;
    this.h(event, pe).running = false;
    return undefined;
  }
  route(pe: number, event: number, only: number | undefined): number {
    if (!this.known(event) || PRIVATE.has(event)) return -2;
    if (isSlot(event) && !this.bound.has(event)) return -2;
    if (this.status(pe, event) !== 1) return -3;
    this.h(event, pe).only = only;
    return 0;
  }
  signal(target: number): number {
    const h = this.h(0, target);
    if (!h.registered) return -2;
    if (this.profile === 'tf-a' && (this.masked[target] || !h.enabled)) return -2;
    this.trigger(h);
    return 0;
  }
  raise(pe: number, event: number): string {
    const h = this.h(event, pe);
    if (!h.registered) return 'refused';
    const had = h.waiting;
    this.trigger(h);
    if (this.profile === 'spec' || had) return 'accepted';
    const next = this.next();
    const pes = h.only === undefined ? [...this.masked.keys()] : [h.only];
    const fits = (PRIVATE.has(event) ? [pe] : pes).some((p) => this.room(event, p));
    if (next && fits && h.enabled && !h.running) return 'accepted';
    // Refused, and so never accepted.
    h.waiting = false;
    this.triggers.accepted--;
    return 'refused';
  }
  /** A pulse on the wire of a slot; false when the interrupt is not the dispatcher's. */
  pulse(pe: number, event: number): boolean {
    const h = this.h(event, pe);
    if (!this.bound.has(event) || !h.registered) return false;
    this.trigger(h);
    return true;
  }
  release(event: number): number {
    if (!this.known(event) || !isSlot(event)) return -2;
    for (let pe = 0; pe < PES; pe++) if (this.status(pe, event) !== 0) return -3;
    return this.bound.delete(event) ? 0 : -2;
  }
  privateReset(pe: number): number {
    return [...PRIVATE].map((event) => this.unregister(pe, event)).includes(-5) ? -3 : 0;
  }
  sharedReset(): number {
    const shared = EVENTS.filter((event) => !PRIVATE.has(event));
    if (shared.map((event) => this.unregister(0, event)).includes(-5)) return -3;
    return [1000, 2000]
      .filter((event) => this.bound.has(event))
      .map((event) => this.release(event))
      .includes(-3)
      ? -3
      : 0;
  }
}

/** The event is one to which an interrupt is bound at run time. */
export const isSlot = (event: number): boolean => event === 1000 || event === 2000;
