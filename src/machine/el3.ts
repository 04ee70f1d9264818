import { EC } from '../arch/esr.ts';
import { PE_STATE } from '../arch/pestate.ts';
import { VECTOR_OFFSETS } from '../arch/pstate.ts';
import type { Pe } from '../cpu/pe.ts';
import { WAIT } from '../cpu/waiting.ts';
import { callName, handleCall } from '../firmware/firmware.ts';
import type { RasFirmware } from '../firmware/ras/ras.ts';
import type { SdeiDispatcher } from '../firmware/sdei/dispatcher.ts';
import { isSdeiFunction } from '../firmware/sdei/functions.ts';
import type { SdeiState } from '../firmware/sdei/records.ts';
import {
  type Caller,
  type FirmwareHost,
  type PowerState,
  SMCCC_REGISTERS,
  type StartPoint,
} from '../firmware/smccc.ts';
import { virtAffinity } from './board/virt.ts';
import { handAbortOn, handSErrorOn, routeErrors } from './ras-aborts.ts';

/**
 * SCR_EL3 as this firmware runs the Non-secure world: NS, FIQ to EL3, RW, HCE when there is an EL2, and EA when it sees
 * hardware errors first.
 */
const SCR_EL3 = { NS: 1n, FIQ: 4n, EA: 8n, HCE: 0x100n, RW: 0x400n } as const;
/** SCTLR_ELx with everything off: the RES1 bits come from the register's layout. */
const SCTLR_OFF = 0n;
const MASKED_EL1H = 0x3c5n;
const MASKED_EL2H = 0x3c9n;

/** What the firmware needs of the machine around it. */
export interface Surroundings {
  readonly pes: readonly Pe[];
  ramContains(addrPa: bigint): boolean;
  /** An address is one of code outside memory. */
  isCode(addrVa: bigint): boolean;
  /** Puts the PE's part of the GIC into the state in which an OS expects it. */
  initInterrupts(pe: number): void;
  /** The run ends at this boundary: PSCI SYSTEM_OFF, SYSTEM_RESET, SYSTEM_RESET2. */
  systemStop(reason: 'poweroff' | 'reset'): void;
  endTurn(): void;
  requestBoundary(): void;
  report(pe: number, message: string): void;
  /** Every call answered, for hooks and traces. */
  callMade(pe: number, name: string, args: readonly bigint[], result: bigint | undefined): void;
}

/**
 * The firmware in TypeScript: what answers SMC at EL3 (or HVC when there is no EL3), and how a PE starts.
 *
 * It lives outside guest memory and takes no steps: it acts in the boundary at which the exception to EL3 was taken.
 */
export class Firmware implements FirmwareHost {
  private readonly around: Surroundings;
  private readonly sdei: SdeiDispatcher | undefined;
  private readonly ras: RasFirmware | undefined;
  private readonly restart: (StartPoint | undefined)[] = [];

  /**
   * @param sdei - what has the dispatcher, where there is one
   * @param ras - what has the firmware that handles hardware errors, where there is one
   */
  constructor(
    around: Surroundings,
    sdei?: { readonly dispatcher: SdeiDispatcher | undefined },
    ras?: { readonly firmware: RasFirmware | undefined },
  ) {
    this.around = around;
    this.sdei = sdei?.dispatcher;
    this.ras = ras?.firmware;
  }

  /** Cold reset: nothing is remembered, and PE 0 starts. */
  boot(at: StartPoint): void {
    this.restart.length = 0;
    this.sdei?.reset();
    this.start(0, at);
  }

  get peCount(): number {
    return this.around.pes.length;
  }
  affinityOf(pe: number): bigint {
    return virtAffinity(pe);
  }
  ramContains(addrPa: bigint): boolean {
    return this.around.ramContains(addrPa) || this.around.isCode(addrPa);
  }
  powerState(pe: number): PowerState {
    const state = this.around.pes[pe]!.s.get32(PE_STATE.waitState);
    if (state === WAIT.STARTING) return 'ON_PENDING';
    return state === WAIT.OFF ? 'OFF' : 'ON';
  }
  /** ON_PENDING until the PE's first turn. */
  powerOn(pe: number, start: StartPoint): void {
    this.sdei?.peTurnedOn(pe);
    this.start(pe, start);
    this.around.pes[pe]!.s.set32(PE_STATE.waitState, WAIT.STARTING);
  }
  powerOff(pe: number): void {
    this.around.pes[pe]!.s.set32(PE_STATE.waitState, WAIT.OFF);
    this.sdei?.peTurnedOff(pe);
    this.around.endTurn();
  }
  suspend(pe: number, restart: StartPoint | undefined): void {
    const { s, wakes } = this.around.pes[pe]!;
    this.around.endTurn();
    // What would wake it is there already: down and up again at once.
    if (wakes) return restart && this.startAgain(pe, restart);
    this.restart[pe] = restart;
    s.set32(PE_STATE.waitState, WAIT.WFI);
  }
  systemOff(): void {
    this.around.systemStop('poweroff');
  }
  systemReset(): void {
    this.around.systemStop('reset');
  }

  /**
   * Brings a PE from reset to where an operating system starts: the highest Non-secure level, everything off and
   * masked.
   */
  start(index: number, at: StartPoint): void {
    const pe = this.around.pes[index]!;
    const { s } = pe;
    this.restart[index] = undefined;
    pe.reset();
    if (s.els.el3) {
      const { NS, FIQ, EA, RW, HCE } = SCR_EL3;
      pe.writeRegister('SCR_EL3', NS | FIQ | RW | (s.els.el2 ? HCE : 0n) | (this.ras ? EA : 0n));
      pe.writeRegister('CPTR_EL3', 0n);
    }
    if (s.els.el2) pe.writeRegister('HCR_EL2', 1n << 31n);
    pe.writeRegister('SCTLR_EL1', SCTLR_OFF);
    pe.writeRegister('CNTFRQ_EL0', CNTFRQ_HZ);
    const level = s.els.el2 ? 2 : 1;
    if (s.el > level) {
      pe.writeRegister(`ELR_EL${s.el}`, at.entryPa);
      pe.writeRegister(`SPSR_EL${s.el}`, level === 2 ? MASKED_EL2H : MASKED_EL1H);
      this.around.initInterrupts(index);
      pe.exceptions.exceptionReturn();
      s.set32(PE_STATE.eventRegister, 0);
    } else {
      this.around.initInterrupts(index);
      s.pc = at.entryPa;
    }
    s.setX(0, at.contextId);
    pe.stateReplaced();
  }

  /** An exception arrived at EL3. SMC is answered; anything else is reported and returned from. */
  entered(index: number, vectorOffset: number): boolean {
    const pe = this.around.pes[index]!;
    const esr = Number(pe.readRegister('ESR_EL3')!);
    if (this.ras && this.error(pe, vectorOffset, esr)) return true;
    const sync = vectorOffset === VECTOR_OFFSETS['Lower EL using AArch64'] + VECTOR_OFFSETS.Synchronous;
    if (sync && esr >>> 26 === EC.MonitorCall) {
      const spsr = Number(pe.readRegister('SPSR_EL3')!);
      const nonSecure = (pe.readRegister('SCR_EL3')! & SCR_EL3.NS) !== 0n;
      pe.exceptions.exceptionReturn();
      this.answer({
        pe: index,
        callerEl: ((spsr >> 2) & 3) as 1 | 2,
        nonSecure,
        conduit: 'smc',
        immediate: esr & 0xffff,
      });
      return true;
    }
    const fiq = vectorOffset === VECTOR_OFFSETS['Lower EL using AArch64'] + VECTOR_OFFSETS.FIQ;
    if (fiq && pe.firmwareEvent) {
      pe.exceptions.exceptionReturn();
      return this.sdei!.dispatch(index);
    }
    this.around.report(
      index,
      `exception to EL3 at vector 0x${vectorOffset.toString(16)}, ESR_EL3 0x${esr.toString(16)}: firmware has no handler and returns`,
    );
    pe.exceptions.exceptionReturn();
    return true;
  }

  /** An External abort or SError from below was routed to EL3; the record of it, if there is one, is written. */
  private error(pe: Pe, vectorOffset: number, esr: number): boolean {
    const lower = VECTOR_OFFSETS['Lower EL using AArch64'];
    if (vectorOffset === lower + VECTOR_OFFSETS.SError) {
      if (this.ras!.ownsSError(pe.s.index)) pe.exceptions.exceptionReturn();
      else handSErrorOn(pe);
      return true;
    }
    routeErrors(pe);
    const ec = esr >>> 26;
    const isAbort = ec === EC.DataAbortLowerEL || ec === EC.InstructionAbortLowerEL;
    if (!isAbort || vectorOffset !== lower + VECTOR_OFFSETS.Synchronous) return false;
    handAbortOn(pe);
    return true;
  }

  /** HVC where there is neither EL2 nor EL3, SMC where there is EL2 alone. PC is already behind the instruction. */
  hypervisorCall(index: number, immediate: number): void {
    const { s } = this.around.pes[index]!;
    const conduit = s.els.el2 ? 'smc' : 'hvc';
    this.answer({ pe: index, callerEl: s.el as 1 | 2, nonSecure: true, conduit, immediate });
  }

  private answer(caller: Caller): void {
    const { s } = this.around.pes[caller.pe]!;
    const x = Array.from({ length: SMCCC_REGISTERS }, (_, n) => s.x(n));
    const id = Number(x[0]! & 0xffff_ffffn);
    const result =
      this.sdei && isSdeiFunction(id) ? this.sdeiCall(this.sdei, id, caller, x) : handleCall(this, caller, x);
    this.around.callMade(caller.pe, callName(id), x.slice(1, 6), result?.[0]);
    result?.forEach((value, n) => {
      s.setX(n, value);
    });
    this.around.requestBoundary();
  }

  private sdeiCall(sdei: SdeiDispatcher, id: number, caller: Caller, x: readonly bigint[]): bigint[] | undefined {
    const entitled = caller.nonSecure && caller.callerEl === sdei.host.clientEl && caller.immediate === 0;
    const result = sdei.call(caller.pe, id, x.slice(1, 6), entitled);
    return result === undefined ? undefined : [result];
  }

  /**
   * A PE is at a boundary. An SDEI event that waits for it arrives at EL3 as FIQ, which nothing below can mask; where
   * there is no EL3, the handler is entered from here. False when nothing came of it.
   */
  interrupt({ exceptions, firmwareEvent, s }: Pe): boolean {
    if (!firmwareEvent) return false;
    if (s.els.el3 && exceptions.scr & Number(SCR_EL3.FIQ)) return exceptions.takeAsync(false, true);
    return this.sdei?.dispatch(s.index) ?? false;
  }

  /** A PE that was suspended with a restart address woke up. */
  woke(index: number): void {
    const at = this.restart[index];
    if (at) this.startAgain(index, at);
  }
  private startAgain(index: number, at: StartPoint): void {
    this.sdei?.peRestarted(index);
    this.start(index, at);
  }

  /** Restart addresses of suspended PEs and the dispatcher, for snapshots. */
  state(): FirmwareState {
    return { restart: this.around.pes.map((_, pe) => this.restart[pe] ?? null), sdei: this.sdei?.state() ?? null };
  }
  load({ restart, sdei }: FirmwareState): void {
    restart.forEach((at, pe) => {
      this.restart[pe] = at ?? undefined;
    });
    if (sdei) this.sdei?.load(sdei);
  }
}

/** See `Firmware.state`. */
export interface FirmwareState {
  readonly restart: readonly (StartPoint | null)[];
  readonly sdei: SdeiState | null;
}

/** Frequency of the system counter, as QEMU's `virt` has it: one count each 16 ns of virtual time. */
export const CNTFRQ_HZ = 62_500_000n;
/** Virtual nanoseconds of one count. */
export const NS_PER_COUNT = 16;
