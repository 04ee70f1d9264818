/** What a dispatcher remembers, as plain data. */
import type { SdeiEvent } from './events.ts';
import type { EventContext } from './host.ts';
import type { HandlerState } from './states.ts';

/** A handler: of one PE for a private event, of the system for a shared one. */
export interface Handler {
  state: HandlerState;
  entryVa: bigint;
  argument: bigint;
  /** Affinity of the PE of RM_PE; null for RM_ANY and private events. */
  affinity: bigint | null;
  /** An edge, a signal or the firmware raised it. */
  latch: boolean;
  /** Level of the wire while the interrupt is taken. */
  line: boolean;
  /** The interrupt is edge-triggered: the wire counts only through `latch`. */
  edge: boolean;
}

/** An event with its handlers; a shared event has one, a private event one for each PE. */
export interface EventRecord {
  readonly event: SdeiEvent;
  intid: number | null;
  readonly handlers: Handler[];
}

/** A handler that runs, and what it interrupted. */
export interface Frame extends EventContext {
  readonly event: number;
}

/** What belongs to a PE. */
export interface PeRecord {
  masked: boolean;
  /** At most two: a normal event, and a critical one on top. */
  stack: Frame[];
}

/** Everything, as plain data. */
export interface SdeiState {
  readonly events: readonly {
    readonly number: number;
    readonly intid: number | null;
    readonly handlers: readonly Readonly<Handler>[];
  }[];
  readonly pes: readonly { readonly masked: boolean; readonly stack: readonly Frame[] }[];
}

/** Two handlers say the same. */
export function sameHandler(a: Readonly<Handler>, b: Readonly<Handler>): boolean {
  return (
    a.state === b.state &&
    a.entryVa === b.entryVa &&
    a.argument === b.argument &&
    a.affinity === b.affinity &&
    a.latch === b.latch &&
    a.line === b.line &&
    a.edge === b.edge
  );
}

/** A handler after reset. */
export function freshHandler(): Handler {
  return { state: 0, entryVa: 0n, argument: 0n, affinity: null, latch: false, line: false, edge: false };
}

/** An event after reset. */
export function freshEvent(event: SdeiEvent, peCount: number): EventRecord {
  const intid = typeof event.interrupt === 'number' ? event.interrupt : null;
  const count = event.type === 'private' ? peCount : 1;
  return { event, intid, handlers: Array.from({ length: count }, freshHandler) };
}

/** A PE after reset: masked. DEN0054, "PE mask". */
export function freshPe(): PeRecord {
  return { masked: true, stack: [] };
}
