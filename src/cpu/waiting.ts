/** WFI, WFE and SEV: DDI 0487, "Wait for Interrupt", "Wait for Event and Send Event". */
import { EC, WFX_ISS } from '../arch/esr.ts';
import { PE_STATE } from '../arch/pestate.ts';
import type { Exceptions } from './exceptions.ts';
import type { MachinePort } from './ports.ts';
import { type PeState, sysregOffset } from './state.ts';
import type { Timers } from './timers.ts';
import { sctlrOf } from './vhe.ts';

/** Values of `PE_STATE.waitState`; STARTING is turned on and has taken no turn yet. */
export const WAIT = { RUNNING: 0, WFI: 1, WFE: 2, OFF: 3, STARTING: 4 } as const;
/** Name of one of them. */
export type WaitState = keyof typeof WAIT;

const SCR_EL3 = sysregOffset('SCR_EL3');
/** WFI and WFE traps: SCTLR_ELx.nTWI and nTWE, HCR_EL2.TWI and TWE, SCR_EL3.TWI and TWE, WFI first. */
const WFX = { sctlr: [16, 18], hcr: [13, 14], scr: [12, 13] } as const;

/** What waiting needs of the PE that waits. */
export interface Waiter {
  readonly s: PeState;
  readonly exceptions: Exceptions;
  readonly timers: Timers;
  /** Something that ends WFI is pending. */
  readonly wakes: boolean;
  nextInstruction(): void;
}

/** How one PE waits and is woken. */
export class Waiting {
  private readonly pe: Waiter;
  private readonly machine: MachinePort;

  constructor(pe: Waiter, machine: MachinePort) {
    this.pe = pe;
    this.machine = machine;
  }

  private trapped(event: 0 | 1): boolean {
    const { s } = this.pe;
    const iss = event ? WFX_ISS.WFE : WFX_ISS.WFI;
    if (s.el === 0 && !(sctlrOf(s, 0) & (1 << WFX.sctlr[event]))) {
      this.pe.exceptions.sync(EC.WFxTrap, iss);
      return true;
    }
    if (s.el <= 1 && this.pe.exceptions.hcr & (1 << WFX.hcr[event])) {
      this.pe.exceptions.sync(EC.WFxTrap, iss, { target: 2 });
      return true;
    }
    if (s.el <= 2 && s.els.el3 && s.sysLow(SCR_EL3) & (1 << WFX.scr[event])) {
      this.pe.exceptions.sync(EC.WFxTrap, iss, { target: 3 });
      return true;
    }
    return false;
  }
  /** WFI. */
  interrupt(): void {
    if (!this.pe.wakes && this.trapped(0)) return;
    this.pe.nextInstruction();
    if (this.pe.wakes) return;
    this.pe.s.set32(PE_STATE.waitState, WAIT.WFI);
    this.machine.endTurn();
  }
  /** WFE. */
  event(): void {
    const { s } = this.pe;
    if (this.pe.timers.takeStreamEvent()) s.set32(PE_STATE.eventRegister, 1);
    if (s.get32(PE_STATE.eventRegister)) {
      s.set32(PE_STATE.eventRegister, 0);
      return this.pe.nextInstruction();
    }
    if (!this.pe.wakes && this.trapped(1)) return;
    this.pe.nextInstruction();
    if (!this.pe.wakes) {
      s.set32(PE_STATE.waitState, WAIT.WFE);
      this.machine.waitsForEvent(s.index);
    }
    this.machine.endTurn();
  }
  /** SEV from any PE, or a cleared global monitor. */
  signal(): void {
    const waits = this.pe.s.get32(PE_STATE.waitState) === WAIT.WFE;
    if (waits) {
      this.pe.s.set32(PE_STATE.waitState, WAIT.RUNNING);
      this.pe.timers.takeStreamEvent();
    } else this.pe.s.set32(PE_STATE.eventRegister, 1);
  }
}
