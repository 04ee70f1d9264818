/** What a PE knows of the world outside it. */

/** Answer of the bus to a read: a value, or that nothing answers (external abort). */
export type BusRead = number | 'abort';

/** Physical memory outside RAM. */
export interface BusPort {
  /** Reads 1, 2 or 4 bytes at a physical address outside RAM. */
  read(pa: number, sizeBytes: 1 | 2 | 4, pe: number, nonSecure: boolean): BusRead;
  write(pa: number, sizeBytes: 1 | 2 | 4, value: number, pe: number, nonSecure: boolean): undefined | 'abort';
}

/** What the GIC's CPU interface needs to know of its PE at the moment of an access or of an evaluation. */
export interface IccContext {
  readonly el: 0 | 1 | 2 | 3;
  /** Security state of the PE below EL3; at EL3 the PE is Secure whatever this says. */
  readonly nonSecure: boolean;
  /** SCR_EL3.NS, which selects the bank of a banked register at EL3. */
  readonly scrNs: boolean;
  readonly scrIrq: boolean;
  readonly scrFiq: boolean;
  /** The PE implements EL3. Without it the SCR_EL3 fields here count as 0 and the PE as Non-secure. */
  readonly el3: boolean;
  readonly el2: boolean;
  readonly hcrFmo: boolean;
  readonly hcrImo: boolean;
}

/** The GIC's CPU interface: ICC registers by Arm's name. */
export interface GicPort {
  iccAccess(
    name: string,
    direction: 'read' | 'write',
    ctx: IccContext,
    pe: number,
  ): 'ok' | 'undefined' | 'trap-el2' | 'trap-el3';
  iccRead(pe: number, name: string, ctx: IccContext): bigint;
  iccWrite(pe: number, name: string, value: bigint, ctx: IccContext): void;
  /** The PE's Exception level or security state changed: IRQ and FIQ may swap. */
  update(pe: number): void;
}

/** Time and everything else the machine decides. */
export interface MachinePort {
  /** Count of the system counter now: a function of virtual time. */
  count(): bigint;
  /** A timer register of this PE changed: its lines and the next due time follow. */
  timersChanged(pe: number): void;
  /** The PE waits in WFE: an event of its timer event stream must wake it. */
  waitsForEvent(pe: number): void;
  /** Level of the PE's Performance Monitors overflow interrupt. */
  pmuLine(pe: number, level: boolean): void;
  /** SEV: every PE's event register. */
  sendEventAll(): void;
  /** The run must come back at the next boundary. */
  requestBoundary(): void;
  /** Ends the PE's turn at the next boundary. */
  endTurn(): void;
  /**
   * An exception was taken to EL3 and EL3's software is TypeScript: it acts and returns from the exception.
   * False when a guest image owns EL3.
   */
  el3Entered(pe: number, vectorOffset: number): boolean;
  /**
   * Without EL3, HVC where EL2 is absent and SMC where it is there: true when it is the conduit of firmware calls and
   * was answered. PC is behind the instruction.
   */
  hvcConduit(pe: number, immediate: number): boolean;
  /** Something a guest did that is not modelled, by its Arm name. */
  report(pe: number, message: string): void;
  /** Every exception taken, for hooks and traces; `vectorOffset` is from VBAR. */
  exceptionTaken(pe: number, targetEl: number, vectorOffset: number): void;
  /** A PE is about to execute an instruction at which somebody wants to be asked; true when the grant ended there. */
  stopReached(pe: number): boolean;
  /** Every exception return from an Exception level, after it. */
  exceptionReturned(pe: number, fromEl: number): void;
}
