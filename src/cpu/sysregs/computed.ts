import type { MemoryAccess } from '../access.ts';
import type { Exceptions } from '../exceptions.ts';
import type { GicPort, MachinePort } from '../ports.ts';
import type { PeState } from '../state.ts';

/** What the behaviour of a system register may use. */
export interface SysregContext {
  readonly s: PeState;
  readonly exceptions: Exceptions;
  readonly access: MemoryAccess;
  readonly machine: MachinePort;
  gic(): GicPort;
  /** Rt of the instruction at PC, for the syndrome of a trap. */
  transferRegister(): number;
  /** Pending interrupts and SError as software sees them now. */
  lines(): { readonly irq: boolean; readonly fiq: boolean; readonly serror: boolean };
  /** PSTATE.PAN, UAO or SPSel changed. */
  modeChanged(): void;
  /** Whether a Performance Monitors register can be reached, before the traps of EL2 and EL3. */
  pmuAccess(name: string, write: boolean): 'ok' | 'undefined' | 'trap-el1' | 'trap-el2';
  /** PSTATE.DAIF or something else that holds interrupts back changed. */
  masksChanged(): void;
}

/** Behaviour of one computed register; a direction that is missing does not exist in the table either. */
export interface ComputedSysreg {
  read?(c: SysregContext): bigint;
  write?(c: SysregContext, value: bigint): void;
}

/** Computed registers by Arm's name. */
export type ComputedSysregs = Readonly<Record<string, ComputedSysreg>>;
