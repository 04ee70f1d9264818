/** What conformance cases are written with: calls, handlers, other PEs, interrupt lines. All of it is hosted code. */
import {
  callAt,
  eret,
  finalCall,
  type Hosted,
  hint,
  hvc,
  load,
  mrs,
  msr,
  msrImmediate,
  readX,
  smc,
  store,
} from '../engine/hosted/effects.ts';
import type { HostedEntry, HostedFunction } from '../engine/hosted/program.ts';
import { SDEI_FUNCTIONS, SDEI_RETURN, type SdeiFunction } from '../firmware/sdei/functions.ts';
import { assemble } from '../isa/text/index.ts';
import { CaseFailure, type Policy } from './case.ts';
import { CODE_PA, HOST_PA, HOST_REQUEST, NOTES_PA, SERVANT_BYTES, SERVANT_PA } from './layout.ts';

/** What a handler gets at its entry. */
export interface HandlerEntry {
  readonly pe: number;
  /** X0 to X3: event, registered argument, interrupted PC and PSTATE. */
  readonly event: bigint;
  readonly argument: bigint;
  readonly pc: bigint;
  readonly pstate: bigint;
}

/** What a dispatcher under test is known to be, out of band. */
export interface Target {
  readonly clientEl: 1 | 2;
  readonly conduit: 'smc' | 'hvc';
  /** What SDEI_VERSION must report. */
  readonly version: bigint;
  readonly policy: Policy;
  /** Numbers of events by kind; none where the target has none. */
  readonly events: {
    readonly privateNormal?: number;
    readonly privateCritical?: number;
    readonly sharedNormal?: number;
    readonly sharedCritical?: number;
  };
  /** Critical events with interrupts of their own. */
  readonly staticEvents?: {
    readonly private: { readonly event: number; readonly intid: number };
    readonly shared: { readonly event: number; readonly intid: number };
  };
  /** PPI and SPI INTIDs of the board that nobody uses. */
  readonly freePpis: readonly number[];
  readonly freeSpis: readonly number[];
}

/** Argument of a call: a number is converted. */
type Argument = bigint | number;

/** Facilities of one case; without state of its own. */
export class Guest {
  readonly target: Target;
  /** Address of a function of the case. */
  readonly at: (name: string) => bigint;
  /** Address of the vectors of the case. */
  vectors = 0n;

  constructor(target: Target, at: (name: string) => bigint) {
    this.target = target;
    this.at = at;
  }

  /** A System register of the client's Exception level, such as `ELR`. */
  reg(name: string): string {
    return `${name}_EL${this.target.clientEl}`;
  }

  // --- calls ---

  /** Calls a function; gives X0 as a signed number. */
  *call(name: SdeiFunction, ...args: Argument[]): Hosted<bigint> {
    return yield* this.callId(BigInt(SDEI_FUNCTIONS[name]), ...args);
  }
  /** Calls a function by identifier. */
  *callId(id: bigint, ...args: Argument[]): Hosted<bigint> {
    const x = [id, ...args.map(BigInt)];
    const result = this.target.conduit === 'smc' ? yield* smc(...x) : yield* hvc(...x);
    return BigInt.asIntN(64, result[0]!);
  }
  /** Calls a function and expects a value or a return code by name. */
  *expect(expected: Expected, name: SdeiFunction, ...args: Argument[]): Hosted {
    const found = yield* this.call(name, ...args);
    const shown = args.map((v) => (BigInt(v) > 0xffffn ? `0x${BigInt(v).toString(16)}` : `${v}`)).join(', ');
    check(found, expected, `${name}(${shown})`);
  }
  /** Ends a handler. */
  *complete(status = 0n): Hosted {
    const x = yield* finalCall(this.target.conduit, BigInt(SDEI_FUNCTIONS.SDEI_EVENT_COMPLETE), status);
    check(BigInt.asIntN(64, x[0]!), 'no return', 'SDEI_EVENT_COMPLETE in a handler');
  }
  /** Ends a handler at an address. */
  *completeAndResume(va: bigint): Hosted<bigint> {
    const x = yield* finalCall(this.target.conduit, BigInt(SDEI_FUNCTIONS.SDEI_EVENT_COMPLETE_AND_RESUME), va);
    return BigInt.asIntN(64, x[0]!);
  }

  // --- what cases do often ---

  /** Registers an event with a handler of the case, enables it. Flags and affinity are RM_ANY unless given. */
  *ready(event: Argument, handler: string, argument: Argument = 0, flags = 0, affinity: Argument = 0): Hosted {
    yield* this.expect(0, 'SDEI_EVENT_REGISTER', event, this.at(handler), argument, flags, affinity);
    yield* this.expect(0, 'SDEI_EVENT_ENABLE', event);
  }
  /** Unmasks this PE. */
  *unmask(): Hosted {
    yield* this.expect(0, 'SDEI_PE_UNMASK');
  }
  /** Signals event 0 to a PE. */
  *signal(pe: Argument = 0): Hosted {
    yield* this.expect(0, 'SDEI_EVENT_SIGNAL', 0, pe);
  }
  /** Binds an interrupt and gives the event. */
  *bind(intid: Argument): Hosted<bigint> {
    const event = yield* this.call('SDEI_INTERRUPT_BIND', intid);
    if (event <= 0n) throw new CaseFailure(`SDEI_INTERRUPT_BIND(${intid}): expected an event number, found ${event}`);
    return event;
  }
  /** Some boundaries at which something may arrive. */
  *settle(steps = 8): Hosted {
    for (let n = 0; n < steps; n++) yield* hint('nop');
  }

  /** Time for the other PEs: as many of their turns. */
  *others(turns = 60): Hosted {
    for (let n = 0; n < turns; n++) yield* hint('yield');
  }
  /** Waits until so many notes were written down, by whatever PE. */
  *noted(count = 1): Hosted {
    while ((yield* this.notes()).length < count) yield* hint('yield');
  }

  /** The case holds; for those that do not come back to `main`. */
  *passed(): Hosted {
    yield* store(HOST_PA, HOST_REQUEST.PASSED);
    for (;;) yield* hint('nop');
  }

  // --- notes ---

  /** Writes down a tag and a value, from whatever PE. */
  *note(tag: Argument, value: Argument = 0): Hosted {
    const count = yield* load(NOTES_PA);
    yield* store(NOTES_PA + 16n + count * 16n, BigInt(tag));
    yield* store(NOTES_PA + 24n + count * 16n, BigInt(value));
    yield* store(NOTES_PA, count + 1n);
  }
  /** What was written down, oldest first. */
  *notes(): Hosted<{ readonly tag: bigint; readonly value: bigint }[]> {
    const count = yield* load(NOTES_PA);
    const all: { tag: bigint; value: bigint }[] = [];
    for (let n = 0n; n < count; n++) {
      all.push({ tag: yield* load(NOTES_PA + 16n + n * 16n), value: yield* load(NOTES_PA + 24n + n * 16n) });
    }
    return all;
  }
  /** Expects the tags that were written down. */
  *expectTags(expected: readonly Argument[], what = 'handlers that ran'): Hosted {
    const found = (yield* this.notes()).map(({ tag }) => tag);
    check(found.join(','), expected.join(','), what);
  }

  /** A handler that writes down its event with a value and completes. */
  noting(value: (entry: HandlerEntry) => Argument = () => 0): HostedFunction {
    const guest = this;
    return function* (entry) {
      const e = handlerEntry(entry);
      yield* guest.note(e.event, value(e));
      yield* guest.complete();
    };
  }
  /** A handler with a body; it completes at the end of it. */
  handler(body: (entry: HandlerEntry) => Hosted): HostedFunction {
    const guest = this;
    return function* (entry) {
      yield* body(handlerEntry(entry));
      yield* guest.complete();
    };
  }

  // --- other PEs ---

  private word(pe: number, n: number): bigint {
    return SERVANT_PA + BigInt(pe) * SERVANT_BYTES + BigInt(8 * n);
  }
  /** Runs a function of the case on another PE, which waits for such; gives its result. */
  *on(pe: number, name: string, ...args: Argument[]): Hosted<bigint> {
    yield* this.start(pe, name, ...args);
    return yield* this.join(pe);
  }
  /** Begins a function on another PE. */
  *start(pe: number, name: string, ...args: Argument[]): Hosted {
    for (let n = 0; n < args.length; n++) yield* store(this.word(pe, 1 + n), BigInt(args[n]!));
    yield* store(this.word(pe, 0), this.at(name));
  }
  /** Waits until the function that was begun on another PE has ended. */
  *join(pe: number): Hosted<bigint> {
    while ((yield* load(this.word(pe, 0))) !== 0n) yield* hint('yield');
    return BigInt.asIntN(64, yield* load(this.word(pe, 6)));
  }
  /** One round of a PE that does what PE 0 asks. */
  *serve(pe: number): Hosted {
    const va = yield* load(this.word(pe, 0));
    if (va === 0n) return yield* hint('yield');
    const args: bigint[] = [];
    for (let n = 1; n <= 4; n++) args.push(yield* load(this.word(pe, n)));
    const [result] = yield* callAt(va, ...args);
    yield* store(this.word(pe, 6), result!);
    yield* store(this.word(pe, 0), 0n);
  }

  // --- interrupts ---

  private *host(request: bigint, args: readonly Argument[], delaySteps = 0): Hosted {
    for (let n = 0; n < args.length; n++) yield* store(HOST_PA + BigInt(8 + 8 * n), BigInt(args[n]!));
    yield* store(HOST_PA + 32n, BigInt(delaySteps));
    yield* store(HOST_PA, request);
    while ((yield* load(HOST_PA)) !== HOST_REQUEST.NONE) yield* hint('nop');
  }
  /** The level of an interrupt line, from outside. */
  *line(intid: number, level: boolean, pe = 0): Hosted {
    yield* this.host(HOST_REQUEST.LINE, [intid, level ? 1 : 0, pe]);
  }
  /** The line of an interrupt rises so many steps from now, 3 or more: this takes two. */
  *lineAfter(delaySteps: number, intid: number, pe = 0): Hosted {
    yield* this.host(HOST_REQUEST.LINE, [intid, 1, pe], delaySteps);
  }
  /** A pulse on a line. */
  *pulse(intid: number, pe = 0): Hosted {
    yield* this.line(intid, true, pe);
    yield* this.line(intid, false, pe);
  }
  /** The firmware raises an explicit event. */
  *raise(event: Argument, pe = 0): Hosted {
    yield* this.host(HOST_REQUEST.RAISE, [event, pe]);
  }
  /** An interrupt becomes Secure software's. */
  *makeSecure(intid: number, pe = 0): Hosted {
    yield* this.host(HOST_REQUEST.SECURE, [intid, pe]);
  }
  /** Brings machine code into memory; gives the addresses of its labels. */
  *code(source: string): Hosted<ReadonlyMap<string, bigint>> {
    const { bytes, symbols } = assemble(source, { origin: CODE_PA });
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += 4)
      yield* store(CODE_PA + BigInt(at), BigInt(view.getUint32(at, true)), 4);
    return symbols;
  }
  /** Makes an SPI or PPI edge-triggered or level-sensitive; Non-secure software may while it owns it. */
  *trigger(intid: number, edge: boolean, pe = 0): Hosted {
    const at = (intid < 32 ? GICR_SGI_PA(pe) : GICD_PA) + 0xc00n + BigInt((intid >> 4) * 4);
    const bit = 2n << BigInt((intid & 15) * 2);
    const before = yield* load(at, 4);
    yield* store(at, edge ? before | bit : before & ~bit, 4);
  }
  /** Non-secure software enables an interrupt of its own, at a priority it can take. */
  *enableInterrupt(intid: number, pe = 0): Hosted {
    const frame = intid < 32 ? GICR_SGI_PA(pe) : GICD_PA;
    yield* store(frame + 0x400n + BigInt(intid), 0x80n, 1);
    yield* store(frame + 0x100n + BigInt((intid >> 5) * 4), 1n << BigInt(intid & 31), 4);
  }
  /** A word of the register of an interrupt, such as 0x100 for GICD_ISENABLER: the interrupt's bit. */
  *interruptBit(register: number, intid: number, pe = 0): Hosted<bigint> {
    const frame = intid < 32 ? GICR_SGI_PA(pe) : GICD_PA;
    return ((yield* load(frame + BigInt(register + (intid >> 5) * 4), 4)) >> BigInt(intid & 31)) & 1n;
  }
  /** Interrupts are let in on this PE; a function `irq` of the case takes them. */
  *interruptsOn(): Hosted {
    yield* msr('ICC_PMR_EL1', 0xf0n);
    yield* msr('ICC_IGRPEN1_EL1', 1n);
    // HCR_EL2.FMO, IMO, AMO: EL2 takes them.
    if (this.target.clientEl === 2) yield* msr('HCR_EL2', (yield* mrs('HCR_EL2')) | 0x38n);
    yield* msrImmediate('DAIFClr', 2);
  }
  /** For a function `irq`: acknowledges, writes down 10000 + INTID, ends. */
  *takeInterrupt(): Hosted {
    const intid = yield* mrs('ICC_IAR1_EL1');
    yield* this.note(10_000n + intid);
    yield* msr('ICC_EOIR1_EL1', intid);
    yield* eret();
  }
  /** All of X0 to X30 as they are. */
  *registers(from: number, to: number): Hosted<bigint[]> {
    const all: bigint[] = [];
    for (let n = from; n <= to; n++) all.push(yield* readX(n));
    return all;
  }
}

/** The distributor. */
export const GICD_PA = 0x0800_0000n;
/** The SGI frame of a PE's redistributor. */
export const GICR_SGI_PA = (pe: number): bigint => 0x080b_0000n + BigInt(pe) * 0x2_0000n;

/** X0 to X3 of a handler by name. */
export function handlerEntry({ pe, x }: HostedEntry): HandlerEntry {
  return { pe, event: x[0]!, argument: x[1]!, pc: x[2]!, pstate: x[3]! };
}

/** A return code by name, a number, or `no return`. */
export type Expected = keyof typeof SDEI_RETURN | Argument | 'no return' | readonly Argument[];

const NAMES: ReadonlyMap<bigint, string> = new Map(Object.entries(SDEI_RETURN).map(([name, v]) => [v, name]));

function shown(value: bigint | string): string {
  if (typeof value === 'string') return value;
  const hex = value > 0xffffn ? ` (0x${value.toString(16)})` : '';
  return value < 0n && NAMES.has(value) ? `${value} (${NAMES.get(value)})` : `${value}${hex}`;
}

/** @throws CaseFailure when what was found is not what was expected; a list is of allowed values */
export function check(found: bigint | string, expected: Expected | string, what: string): void {
  if (Array.isArray(expected)) {
    if (expected.some((e) => BigInt(e) === found)) return;
    const list = expected.map((e) => shown(BigInt(e))).join(' or ');
    throw new CaseFailure(`${what}: expected ${list}, found ${shown(found)}`);
  }
  const one = expected as string | Argument;
  const code = typeof one === 'string' ? (SDEI_RETURN as Record<string, bigint>)[one] : undefined;
  const wanted = typeof one === 'number' ? BigInt(one) : (code ?? one);
  if (found === wanted) return;
  throw new CaseFailure(`${what}: expected ${shown(wanted)}, found ${shown(found)}`);
}
