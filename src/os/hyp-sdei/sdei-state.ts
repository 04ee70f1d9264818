/** What a dispatcher remembers, in the hypervisor's memory: a few words are read each time, the rest when it counts. */
import { type Hosted, load, store } from '../../engine/hosted/effects.ts';
import type { SdeiDispatcher } from '../../firmware/sdei/dispatcher.ts';
import type { Frame, Handler } from '../../firmware/sdei/records.ts';
import type { HandlerState } from '../../firmware/sdei/states.ts';
import type { Facts } from './facts.ts';
import { areaAt, EVENTS, FRAME_WORDS, frameAt, handlerAt, PE } from './layout.ts';

/** One byte for each PE (for a shared event the first alone): state in bits 2:0, and flags. */
const FLAG = { latch: 8, line: 16, edge: 32, armed: 64 } as const;
const STATE = 7;
const INTID_NONE = 0xffff;
/** Place of the PE of RM_PE + 1, behind the INTID. */
const ROUTE_LSB = 16n;
/** The record of a PE: whether it is masked, how many events it handles, and their places. */
const PE_MASKED = 1n;
const STACKED_LSB = 8n;
const EVENT_LSB = [16n, 24n] as const;
/** Words of an event that are read each time. */
const EVENT_WORDS = 2;

/** The words that are read each time, as they are in memory. */
export interface SdeiWords {
  readonly events: readonly (readonly [handlers: bigint, interrupt: bigint])[];
  readonly pes: readonly bigint[];
  readonly power: bigint;
}

/** Reads the words that are read each time. */
export function* readWords(basePa: bigint, events: number, pes: number, powerAt: bigint): Hosted<SdeiWords> {
  const found: [bigint, bigint][] = [];
  for (let n = 0; n < events; n++) {
    const at = basePa + EVENTS.at + BigInt(n) * EVENTS.bytes;
    found.push([yield* load(at), yield* load(at + 8n)]);
  }
  const records: bigint[] = [];
  for (let pe = 0; pe < pes; pe++) records.push(yield* load(basePa + areaAt(pe) + PE.events));
  return { events: found, pes: records, power: yield* load(basePa + powerAt) };
}

/** A handler whose entry point and argument stay in memory until somebody wants them. */
class StoredHandler implements Handler {
  state: HandlerState;
  affinity: bigint | null;
  latch: boolean;
  line: boolean;
  edge: boolean;
  /** Entry point and argument that were written since. */
  written: [entryVa: bigint | undefined, argument: bigint | undefined] = [undefined, undefined];
  private readonly at: bigint;
  private readonly facts: Facts;

  constructor(packed: number, affinity: bigint | null, at: bigint, facts: Facts) {
    this.state = (packed & STATE) as HandlerState;
    this.latch = (packed & FLAG.latch) !== 0;
    this.line = (packed & FLAG.line) !== 0;
    this.edge = (packed & FLAG.edge) !== 0;
    this.affinity = affinity;
    this.at = at;
    this.facts = facts;
  }
  private word(n: 0 | 1): bigint {
    return this.written[n] ?? this.facts.ask(`handler ${this.at} ${n}`, () => load(this.at + BigInt(8 * n)));
  }
  get entryVa(): bigint {
    return this.word(0);
  }
  set entryVa(value: bigint) {
    this.written[0] = value;
  }
  get argument(): bigint {
    return this.word(1);
  }
  set argument(value: bigint) {
    this.written[1] = value;
  }
}

/** What an event interrupted, which stays in memory until somebody wants it. */
class StoredFrame implements Frame {
  readonly event: number;
  private readonly at: bigint;
  private readonly facts: Facts;

  constructor(event: number, at: bigint, facts: Facts) {
    this.event = event;
    this.at = at;
    this.facts = facts;
  }
  private get words(): readonly bigint[] {
    return this.facts.ask(`frame ${this.at}`, () => readFrame(this.at));
  }
  get x(): readonly bigint[] {
    return this.words.slice(0, FRAME_WORDS - 2);
  }
  get pc(): bigint {
    return this.words[FRAME_WORDS - 2]!;
  }
  get pstate(): number {
    return Number(this.words[FRAME_WORDS - 1]);
  }
}
function* readFrame(at: bigint): Hosted<bigint[]> {
  const words: bigint[] = [];
  for (let n = 0; n < FRAME_WORDS; n++) words.push(yield* load(at + BigInt(8 * n)));
  return words;
}
function* writeFrame(at: bigint, { x, pc, pstate }: Frame): Hosted {
  for (const [n, value] of [...x, pc, BigInt(pstate)].entries()) yield* store(at + BigInt(8 * n), value);
}

/** Gives a fresh dispatcher what is in memory. */
export function fill(d: SdeiDispatcher, words: SdeiWords, basePa: bigint, facts: Facts): void {
  const { host } = d;
  d.events.forEach((record, n) => {
    const [handlers, interrupt] = words.events[n]!;
    const intid = Number(interrupt & 0xffffn);
    record.intid = intid === INTID_NONE ? null : intid;
    const route = Number((interrupt >> ROUTE_LSB) & 0xffn);
    const affinity = route === 0 ? null : host.affinityOf(route - 1);
    record.handlers.forEach((_, pe) => {
      const packed = Number((handlers >> BigInt(8 * pe)) & 0xffn);
      record.handlers[pe] = new StoredHandler(packed, affinity, basePa + handlerAt(n, pe), facts);
    });
  });
  words.pes.forEach((word, pe) => {
    const depth = Number((word >> STACKED_LSB) & 3n);
    d.pes[pe] = {
      masked: (word & PE_MASKED) !== 0n,
      stack: Array.from({ length: depth }, (_, i) => {
        const n = Number((word >> EVENT_LSB[i]!) & 0xffn);
        return new StoredFrame(d.events[n]!.event.number, basePa + frameAt(pe, i), facts);
      }),
    };
  });
}

/** A handler can be raised by its interrupt now: the interrupt is let through. */
export function isArmed({ state, line, edge }: Handler): boolean {
  return state === 3 && (edge || !line);
}
/** Whether the interrupt of a handler was let through when the words were read. */
export function wasArmed(words: SdeiWords, n: number, pe: number): boolean {
  return ((words.events[n]![0] >> BigInt(8 * pe)) & BigInt(FLAG.armed)) !== 0n;
}

function packedHandler(h: Handler, bound: boolean): bigint {
  const flags = (h.latch ? FLAG.latch : 0) | (h.line ? FLAG.line : 0) | (h.edge ? FLAG.edge : 0);
  return BigInt(h.state | flags | (bound && isArmed(h) ? FLAG.armed : 0));
}
/** The words of a dispatcher as they belong into memory. */
function wordsOf(d: SdeiDispatcher): Pick<SdeiWords, 'events' | 'pes'> {
  const place = (event: number): bigint => BigInt(d.events.findIndex((r) => r.event.number === event));
  return {
    events: d.events.map(({ handlers, intid, event }) => {
      const packed = handlers.reduce((word, h, pe) => word | (packedHandler(h, intid !== null) << BigInt(8 * pe)), 0n);
      const { affinity } = handlers[0]!;
      const route = event.type === 'shared' && affinity !== null ? BigInt(d.peOf(affinity)! + 1) : 0n;
      return [packed, BigInt(intid ?? INTID_NONE) | (route << ROUTE_LSB)];
    }),
    pes: d.pes.map(({ masked, stack }) =>
      stack.reduce(
        (word, frame, i) => word | (place(frame.event) << EVENT_LSB[i]!),
        (masked ? PE_MASKED : 0n) | (BigInt(stack.length) << STACKED_LSB),
      ),
    ),
  };
}

/** Writes what a dispatcher changed since the words were read. */
export function* writeBack(d: SdeiDispatcher, before: SdeiWords, basePa: bigint): Hosted {
  const after = wordsOf(d);
  for (const [n, pair] of after.events.entries())
    for (let i = 0; i < EVENT_WORDS; i++)
      if (pair[i] !== before.events[n]![i])
        yield* store(basePa + EVENTS.at + BigInt(n) * EVENTS.bytes + BigInt(8 * i), pair[i]!);
  for (const [n, { handlers }] of d.events.entries())
    for (const [pe, h] of handlers.entries()) {
      if (!(h instanceof StoredHandler)) continue;
      for (const [i, value] of h.written.entries())
        if (value !== undefined) yield* store(basePa + handlerAt(n, pe) + BigInt(8 * i), value);
    }
  for (const [pe, { stack }] of d.pes.entries()) {
    for (const [i, frame] of stack.entries())
      if (!(frame instanceof StoredFrame)) yield* writeFrame(basePa + frameAt(pe, i), frame);
    if (after.pes[pe] !== before.pes[pe]) yield* store(basePa + areaAt(pe) + PE.events, after.pes[pe]!);
  }
}

/** What is in memory when the guest starts: nothing registered, nothing bound, every PE masked. */
export function* writeFresh(fresh: SdeiDispatcher, basePa: bigint): Hosted {
  const { events, pes } = wordsOf(fresh);
  for (const [n, pair] of events.entries())
    for (const [i, word] of pair.entries())
      yield* store(basePa + EVENTS.at + BigInt(n) * EVENTS.bytes + BigInt(8 * i), word);
  for (const [pe, word] of pes.entries()) yield* store(basePa + areaAt(pe) + PE.events, word);
}

/** Offset of the route that the guest had given to the interrupt of an event. */
export function guestRouteAt(n: number): bigint {
  return EVENTS.at + BigInt(n) * EVENTS.bytes + 16n;
}
