/** A dispatcher with PEs and interrupts made of paper, for its tests. */
import { CHOICES, type SdeiProfile } from './choices.ts';
import { SdeiDispatcher } from './dispatcher.ts';
import { checkSdeiEvents, SDEI_EVENTS_DEFAULT, type SdeiEvent } from './events.ts';
import { CONTEXT_REGISTERS, SDEI_FUNCTIONS, type SdeiFunction, type SdeiVersion } from './functions.ts';
import type { EventContext, SdeiHost } from './host.ts';

interface PaperPe {
  x: bigint[];
  pc: bigint;
  pstate: number;
  elr: bigint;
  spsr: number;
  on: boolean;
  wanted: boolean;
  held: number | undefined;
}

interface PaperInterrupt {
  owner: 'non-secure' | 'secure' | 'firmware';
  active: boolean;
  edge: boolean;
  line: boolean;
  priority: number | undefined;
  affinity: bigint | undefined;
}

/** PSTATE at the entry of every handler here. */
export const HANDLER_PSTATE = 0x3c5;
/** Addresses from here on are not memory. */
export const NOT_MEMORY = 0x8000_0000n;
/** Where handlers are registered by `register`. */
export const ENTRY = 0x4000n;
const INTID_END = 256;

/** Options of a rig. */
export interface RigOptions {
  readonly pes?: number;
  readonly profile?: SdeiProfile;
  readonly version?: SdeiVersion;
  readonly events?: readonly SdeiEvent[];
}

/** See the file's head. */
export class SdeiRig {
  readonly pes: PaperPe[];
  readonly d: SdeiDispatcher;
  readonly notices: string[] = [];
  /** Events whose handlers were entered, as `pe:event`. */
  readonly entered: string[] = [];
  private readonly paper = new Map<string, PaperInterrupt>();

  constructor({ pes = 1, profile = 'spec', version = '1.0', events = SDEI_EVENTS_DEFAULT }: RigOptions = {}) {
    this.pes = Array.from({ length: pes }, (_, n) => ({
      x: Array.from({ length: CONTEXT_REGISTERS }, (_, i) => BigInt(n * 0x1000 + i)),
      pc: BigInt(0x1000 * (n + 1)),
      pstate: 0x6000_0005,
      elr: 0n,
      spsr: 0,
      on: true,
      wanted: false,
      held: undefined,
    }));
    const refuse = (message: string): never => {
      throw new Error(message);
    };
    const checked = checkSdeiEvents(events, { intidEnd: INTID_END, taken: new Map() }, refuse);
    this.d = new SdeiDispatcher(this.host(), { version, choices: CHOICES[profile], events: checked });
  }

  interrupt(intid: number, pe = 0): PaperInterrupt {
    const key = intid < 32 ? `${intid}@${pe}` : `${intid}`;
    const fresh: PaperInterrupt = {
      owner: 'non-secure',
      active: false,
      edge: true,
      line: false,
      priority: undefined,
      affinity: undefined,
    };
    if (!this.paper.has(key)) this.paper.set(key, fresh);
    return this.paper.get(key)!;
  }

  private host(): SdeiHost {
    return {
      peCount: this.pes.length,
      clientEl: 1,
      affinityOf: (pe) => BigInt(pe) << 8n,
      isOn: (pe) => this.pes[pe]!.on,
      isClientMemory: (_pe, va) => va < NOT_MEMORY,
      context: (pe) => ({ ...this.pes[pe]! }),
      resume: (pe, { x, pc, pstate }: EventContext) => void Object.assign(this.pes[pe]!, { x: [...x], pc, pstate }),
      handlerPstate: () => HANDLER_PSTATE,
      setExceptionReturn: (pe, elr, spsr) => void Object.assign(this.pes[pe]!, { elr, spsr }),
      wanted: (pe, wanted) => {
        this.pes[pe]!.wanted = wanted;
      },
      notice: (_pe, message) => void this.notices.push(message),
      moved: (pe, event, operation) => {
        if (operation === 'DISPATCH') this.entered.push(`${pe}:${event}`);
      },
      interrupts: {
        exists: (intid) => intid >= 16 && intid < INTID_END,
        nonSecure: (intid, pe) => this.interrupt(intid, pe).owner === 'non-secure',
        active: (intid, pe) => this.interrupt(intid, pe).active,
        edgeTriggered: (intid, pe) => this.interrupt(intid, pe).edge,
        take: (intid, pe, priority) => {
          Object.assign(this.interrupt(intid, pe), { owner: 'firmware', priority });
          return this.interrupt(intid, pe).line;
        },
        activate: (intid, pe, active) => {
          this.interrupt(intid, pe).active = active;
        },
        route: (intid, affinity) => {
          this.interrupt(intid).affinity = affinity;
        },
        giveBack: (intid, pe, line) =>
          void Object.assign(this.interrupt(intid, pe), { owner: 'non-secure', priority: 0xff, line }),
        hold: (pe, priority) => {
          this.pes[pe]!.held = priority;
        },
      },
    };
  }

  /** Calls without the boundary behind it: nothing is dispatched yet. Gives x0 as a signed number. */
  callOnly(pe: number, name: SdeiFunction, ...args: bigint[]): bigint | undefined {
    const padded = [...args, 0n, 0n, 0n, 0n, 0n].slice(0, 5);
    const x0 = this.d.call(pe, SDEI_FUNCTIONS[name], padded, true);
    return x0 === undefined ? undefined : BigInt.asIntN(64, x0);
  }
  /** Calls, and lets events interrupt the PEs they wait for. */
  call(pe: number, name: SdeiFunction, ...args: bigint[]): bigint | undefined {
    const x0 = this.callOnly(pe, name, ...args);
    this.settle();
    return x0;
  }
  /** The boundaries of all PEs, until nothing waits. */
  settle(): void {
    for (let again = true; again; ) {
      again = false;
      this.pes.forEach((pe, n) => {
        while (pe.wanted && this.d.dispatch(n)) again = true;
      });
    }
  }
  /** An interrupt's wire. True when the dispatcher keeps it. */
  line(intid: number, level: boolean, pe = 0): boolean {
    const mine = this.d.lineChanged(intid, level, pe);
    if (!mine) this.interrupt(intid, pe).line = level;
    this.settle();
    return mine;
  }
  /** Rise and fall of a wire. */
  pulse(intid: number, pe = 0): void {
    this.line(intid, true, pe);
    this.line(intid, false, pe);
  }
  /** Raises an event as the firmware does. */
  raise(event: number, pe = 0): string {
    const result = this.d.raise(this.d.event(event)!, pe);
    this.settle();
    return result;
  }
  /** Registers with ENTRY and the event number as the argument. */
  register(pe: number, event: bigint, flags = 0n, affinity = 0n): bigint | undefined {
    return this.call(pe, 'SDEI_EVENT_REGISTER', event, ENTRY, event, flags, affinity);
  }
  /** Registered, enabled, and the PE unmasked. */
  ready(pe: number, ...events: bigint[]): this {
    for (const event of events) {
      this.register(pe, event);
      this.call(pe, 'SDEI_EVENT_ENABLE', event);
    }
    this.call(pe, 'SDEI_PE_UNMASK');
    return this;
  }
  status(pe: number, event: bigint): bigint | undefined {
    return this.call(pe, 'SDEI_EVENT_STATUS', event);
  }
  /** Events whose handlers run on a PE, outermost first. */
  stack(pe: number): number[] {
    return this.d.pes[pe]!.stack.map((frame) => frame.event);
  }
}
