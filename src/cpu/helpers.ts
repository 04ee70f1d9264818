/** The calls that generated code makes into a PE: what `HELPERS` of the instruction set names. */
import { EC } from '../arch/esr.ts';
import { PE_DERIVED, PE_STATE } from '../arch/pestate.ts';
import { sysregName } from '../arch/sysregs/index.ts';
import { PSTATE_IMMEDIATES } from '../arch/sysregs/sysops.ts';
import type { GuestMemory } from '../engine/memory.ts';
import { describeUndefined } from '../isa/not-modelled.ts';
import { A64 } from '../isa/table.ts';
import type { Pe } from './pe.ts';
import type { MachinePort } from './ports.ts';
import { sctlrOf } from './vhe.ts';

/** Acts for one PE on behalf of generated code. */
export class PeHelpers {
  private readonly pe: Pe;
  private readonly machine: MachinePort;
  private readonly memory: GuestMemory;

  constructor(pe: Pe, machine: MachinePort, memory: GuestMemory) {
    this.pe = pe;
    this.machine = machine;
    this.memory = memory;
  }

  private writePstate(op: number, imm: number): void {
    const { s } = this.pe;
    const row = PSTATE_IMMEDIATES.find((p) => p.op1 === op >> 3 && p.op2 === (op & 7));
    if (row) this.pe.moves?.(row.name, true);
    if (!row || (row.feature && !s.profile.features.has(row.feature)) || (s.el === 0 && row.el > 0))
      return this.pe.exceptions.undefined();
    if (s.el === 0 && row.name.startsWith('DAIF') && !(sctlrOf(s, 0) & (1 << 9))) {
      // SCTLR_ELx.UMA is 0: reported as a trapped System register access with the instruction's own encoding.
      const word = this.pe.instructionWord();
      const iss =
        (((word >>> 5) & 7) << 17) | (((word >>> 16) & 7) << 14) | (4 << 10) | (31 << 5) | (((word >>> 8) & 15) << 1);
      return this.pe.exceptions.sync(EC.SystemRegisterTrap, iss);
    }
    this.assignPstate(row.name, imm & row.immMask);
    this.pe.nextInstruction();
  }
  private assignPstate(name: string, imm: number): void {
    const { s } = this.pe;
    if (name === 'DAIFSet') s.set32(PE_STATE.DAIF, s.get32(PE_STATE.DAIF) | (imm << 6));
    else if (name === 'DAIFClr') s.set32(PE_STATE.DAIF, s.get32(PE_STATE.DAIF) & ~(imm << 6));
    else if (name === 'SPSel') s.setMode(s.el, imm);
    else if (name === 'PAN') s.set32(PE_STATE.PAN, imm);
    else if (name === 'UAO') s.set32(PE_STATE.UAO, imm);
    if (name.startsWith('DAIF')) this.pe.interruptsChanged();
    else this.pe.modeChanged();
  }

  private zeroBlock(va: bigint): void {
    if (this.pe.system.traps(ZVA_KEY)) return;
    const size = 4 << this.pe.s.profile.dczidBs;
    const start = BigInt.asUintN(64, va) & ~BigInt(size - 1);
    const host = this.pe.access.cachedHost(start, true);
    if (host >= 0) {
      this.memory.u8.fill(0, host, host + size);
      return;
    }
    this.pe.access.zero(va, start, size);
  }

  /** The calls, by the names in `HELPERS`. */
  table(): Record<string, (...args: (number | bigint)[]) => number | bigint | undefined> {
    const { exceptions: e, sysregs, system, s } = this.pe;
    const u64 = (v: number | bigint | undefined): bigint => BigInt.asUintN(64, BigInt(v!));
    const key = (v: number | bigint | undefined): number => Number(v) & 0xffff;
    const run =
      (f: (...args: (number | bigint)[]) => void) =>
      (...args: (number | bigint)[]): undefined =>
        void f(...args);
    return {
      undefinedInstruction: run((word) => this.undefinedInstruction(Number(word) >>> 0)),
      fpAccessTrap: run(() => e.floatingPointTrap(s.get32(PE_DERIVED.fpTrapped) as 1 | 2 | 3)),
      supervisorCall: run((imm) => e.supervisorCall(Number(imm))),
      hypervisorCall: run((imm) => e.hypervisorCall(Number(imm))),
      secureMonitorCall: run((imm) => e.secureMonitorCall(Number(imm))),
      breakpoint: run((imm) => this.pe.debug.breakpointInstruction(Number(imm))),
      halt: run(() => e.undefined()),
      exceptionReturn: run(() => (s.el === 0 ? e.undefined() : e.exceptionReturn())),
      readSysreg: (k) => {
        this.pe.moves?.(sysregName(key(k)), false);
        return sysregs.read(key(k));
      },
      writeSysreg: run((k, v) => {
        this.pe.moves?.(sysregName(key(k)), true);
        if (!sysregs.write(key(k), u64(v))) return;
        if (this.pe.pmu.active) this.pe.pmu.registerWritten(key(k));
        this.pe.nextInstruction();
      }),
      writePstate: run((op, imm) => this.writePstate(Number(op), Number(imm))),
      systemInstruction: run((k, v) => system.execute(key(k), u64(v)) && this.pe.nextInstruction()),
      systemInstructionRead: (k) => system.read(key(k)),
      zeroBlock: run((va) => this.zeroBlock(u64(va))),
      waitForInterrupt: run(() => this.pe.waiting.interrupt()),
      waitForEvent: run(() => this.pe.waiting.event()),
      yieldTurn: run(() => {
        this.pe.nextInstruction();
        this.machine.endTurn();
      }),
      sendEvent: run(() => {
        this.pe.nextInstruction();
        this.machine.sendEventAll();
      }),
      sendEventLocal: run(() => {
        this.pe.nextInstruction();
        s.set32(PE_STATE.eventRegister, 1);
      }),
      instructionBarrier: run(() => this.pe.nextInstruction()),
      errorBarrier: run(() => {
        e.errorBarrier();
        this.pe.nextInstruction();
        this.pe.interruptsChanged();
      }),
      markExclusive: run((va, size) => this.pe.monitor.mark(u64(va), Number(size))),
      checkExclusive: (va, size) => this.pe.monitor.check(u64(va), Number(size)),
      clearExclusive: run(() => {
        this.pe.monitor.clear();
        this.pe.nextInstruction();
      }),
      stop: run(() => {
        if (this.machine.stopReached(s.index)) s.set32(PE_DERIVED.diverted, 1);
      }),
      spAlignmentFault: run(() => e.sync(EC.SPAlignment, 0)),
    };
  }

  private undefinedInstruction(word: number): void {
    const { s } = this.pe;
    if (s.el > 0 && !isUdf(word)) {
      const what = describeUndefined(word, A64, s.profile.features);
      this.machine.report(s.index, `0x${word.toString(16).padStart(8, '0')} at EL${s.el} (${what}): UNDEFINED`);
    }
    this.pe.exceptions.undefined();
  }
}

/** UDF is UNDEFINED by design: software uses it on purpose, so it is not worth a word. */
function isUdf(word: number): boolean {
  return word >>> 16 === 0;
}

/** DC ZVA as a packed SYS encoding. */
const ZVA_KEY = (1 << 14) | (3 << 11) | (7 << 7) | (4 << 3) | 1;
