/** What a trace consists of: one record for each thing that happened, as plain data under Arm's names. */
import type { EcName } from '../../arch/esr.ts';
import type { VECTOR_OFFSETS } from '../../arch/pstate.ts';
import type { WaitState } from '../../cpu/waiting.ts';
import type { GicHappening } from '../../devices/gic.ts';
import type { SdeiEvent } from '../../firmware/sdei/events.ts';
import type { Operation } from '../../firmware/sdei/states.ts';

/** What can be chosen to be traced. `exception` is entries and returns. */
export const TRACE_KINDS = ['exception', 'call', 'sdei', 'interrupt', 'power'] as const;
/** One of them. */
export type TraceKind = (typeof TRACE_KINDS)[number];

/** When and where something happened. */
export interface TracePlace {
  /** Steps that were taken before it, by all PEs. */
  readonly step: number;
  readonly timeNs: bigint;
  /** -1 where it belongs to no PE: the wire of an SPI, a reset. */
  readonly pe: number;
  /** Exception level the PE is at afterwards; -1 without a PE. */
  readonly el: number;
}

/** An exception was taken; `el` is its target. */
export interface ExceptionRecord extends TracePlace {
  readonly kind: 'exception';
  readonly exception: 'Synchronous' | 'IRQ' | 'FIQ' | 'SError';
  readonly fromEl: number;
  /** Which group of the vector table. */
  readonly vector: Exclude<keyof typeof VECTOR_OFFSETS, 'Synchronous' | 'IRQ' | 'FIQ' | 'SError'>;
  /** Address of the vector. */
  readonly PC: bigint;
  readonly ELR: bigint;
  readonly SPSR: bigint;
  /** Synchronous exceptions and SErrors. */
  readonly ESR?: bigint;
  /** Name of ESR.EC, or the number of a reserved one. */
  readonly EC?: EcName | `0x${string}`;
  /** Where the architecture says that FAR is valid. */
  readonly FAR?: bigint;
  /** Operand of SVC, HVC, SMC, BRK. */
  readonly immediate?: number;
  /** Fault status of an abort, with its level, e.g. `Translation level 3`. */
  readonly FSC?: string;
  /** Data Aborts: the access was a write. */
  readonly WnR?: boolean;
}

/** An exception return; `el` is where it went, and PC the address. */
export interface ReturnRecord extends TracePlace {
  readonly kind: 'return';
  readonly fromEl: number;
  readonly PC: bigint;
  /** PSTATE.IL is set afterwards: an illegal exception return, or SPSR.IL. */
  readonly IL: boolean;
}

/** A value of a call with its meaning, where it has one by name. */
export interface CallValue {
  readonly name: string;
  readonly value: bigint;
  readonly text?: string;
}

/** A call that the firmware answered; `el` is where its caller, or what it gave way to, goes on. */
export interface CallRecord extends TracePlace {
  readonly kind: 'call';
  /** As in its specification; `0x..` for what no table names. */
  readonly name: string;
  readonly args: readonly CallValue[];
  /** x0; nothing for a call that did not return. */
  readonly result?: bigint;
  /** What x0 means: `SUCCESS`, `DENIED`, a version, a state. */
  readonly resultText?: string;
  /** Where the PE goes on. */
  readonly PC: bigint;
}

/** The handler of an SDEI event changed its state. DEN0054, "Event handler states". */
export interface SdeiRecord extends TracePlace {
  readonly kind: 'sdei';
  readonly event: number;
  readonly type: SdeiEvent['type'];
  readonly priority: SdeiEvent['priority'];
  readonly operation: Operation;
  readonly before: string;
  readonly after: string;
  /** Interrupt that is bound to the event. */
  readonly INTID?: number;
  /** Exception level of handlers. */
  readonly clientEl: number;
  /** DISPATCH: the interrupted address; `el` is the interrupted Exception level. */
  readonly PC?: bigint;
  /** DISPATCH: entry of the handler. */
  readonly entry?: bigint;
}

/** Something happened to an interrupt. */
export interface InterruptRecord extends TracePlace {
  readonly kind: 'interrupt';
  readonly what: GicHappening;
  readonly INTID: number;
  /** What the interrupt is on this board, e.g. `CNTV`, `SGI 1`. */
  readonly name: string;
  /** The PE that an SGI was sent to. */
  readonly target?: number;
}

/** A PE began to wait, was turned on or off, or runs again. */
export interface PowerRecord extends TracePlace {
  readonly kind: 'power';
  readonly state: WaitState;
  readonly before: WaitState;
}

/** The machine was reset, or a snapshot put back: then time may go back. */
export interface CutRecord extends TracePlace {
  readonly kind: 'reset' | 'restore';
}

/** One record of a trace. */
export type TraceRecord =
  | ExceptionRecord
  | ReturnRecord
  | CallRecord
  | SdeiRecord
  | InterruptRecord
  | PowerRecord
  | CutRecord;

/** Takes the records of a trace, in the order in which they come. */
export interface TraceSink {
  record(record: TraceRecord): void;
  /** Hands on everything that it holds back. */
  flush(): void;
  /** The trace ends at a virtual time. */
  end(timeNs: bigint): void;
}

/** The name of an address, e.g. `do_idle+0x1c`; nothing for one without. */
export type Symbolize = (addrVa: bigint) => string | undefined;

/** Names of arguments of calls that are addresses of code. */
export const ADDRESS_ARGUMENTS: ReadonlySet<string> = new Set(['entry', 'address', 'entry_point_address']);

/** An address with its name, as traces print it. */
export function addressText(addrVa: bigint, symbolize: Symbolize | undefined): string {
  const name = symbolize?.(addrVa);
  return name === undefined ? `0x${addrVa.toString(16)}` : `0x${addrVa.toString(16)} <${name}>`;
}
