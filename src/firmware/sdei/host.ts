/** What a dispatcher asks of the machine around it. */
import type { HandlerState, Operation } from './states.ts';

/** What the dispatcher saves of interrupted code: x0 to x17, and PSTATE in the layout of SPSR_ELx. */
export interface EventContext {
  readonly x: readonly bigint[];
  readonly pc: bigint;
  readonly pstate: number;
}

/** The interrupt controller as the dispatcher uses it; `pe` says whose for PPIs. */
export interface SdeiInterrupts {
  /** A PPI or SPI of that number is implemented. */
  exists(intid: number): boolean;
  /** The interrupt is the Non-secure world's (Non-secure Group 1; any with one security state). */
  nonSecure(intid: number, pe: number): boolean;
  active(intid: number, pe: number): boolean;
  edgeTriggered(intid: number, pe: number): boolean;
  /**
   * Takes the interrupt for the firmware: disabled, not pending; with two security states Group 0 with `priority`.
   *
   * @returns the level of its wire, of which the dispatcher hears from now on and the controller no more
   */
  take(intid: number, pe: number, priority: number): boolean;
  /** An event of the interrupt is being handled: it is active from here on, or no longer. */
  activate(intid: number, pe: number, active: boolean): void;
  /** Where a taken SPI is routed: to a PE, or to any. */
  route(intid: number, affinity: bigint | undefined): void;
  /** The inverse of `take`: Non-secure, disabled, not pending, lowest priority; `level` is that of its wire. */
  giveBack(intid: number, pe: number, level: boolean): void;
  /** While a running priority is given, no interrupt of the Non-secure world is signalled to the PE. */
  hold(pe: number, priority: number | undefined): void;
}

/** The machine as a dispatcher sees it. */
export interface SdeiHost {
  readonly peCount: number;
  readonly clientEl: 1 | 2;
  readonly interrupts: SdeiInterrupts;
  /** Affinity fields of MPIDR_EL1, at the places they have there. */
  affinityOf(pe: number): bigint;
  isOn(pe: number): boolean;
  /** Whether an address of the client translates to memory. */
  isClientMemory(pe: number, addrVa: bigint): boolean;
  /** What runs on the PE now. */
  context(pe: number): EventContext;
  /** Goes on in the client's world: x0 to x17, PC and PSTATE are replaced as by an exception return. */
  resume(pe: number, context: EventContext): void;
  /** PSTATE at the entry of a handler that interrupts `interrupted`. */
  handlerPstate(pe: number, interrupted: number): number;
  /** Writes ELR_ELx and SPSR_ELx of the client. */
  setExceptionReturn(pe: number, pc: bigint, pstate: number): void;
  /** Whether an event waits that the PE is to be interrupted for: `dispatch` is then called at its next boundary. */
  wanted(pe: number, wanted: boolean): void;
  /** Something worth a line in the log. */
  notice(pe: number, message: string): void;
  /** The handler state of an event changed, on a PE or by a call from it. */
  moved(pe: number, event: number, operation: Operation, state: HandlerState, before: HandlerState): void;
  /** The wire of an interrupt that the firmware has taken changed. */
  wireMoved?(intid: number, level: boolean, pe: number): void;
}
