/** One effect of hosted AArch32 code as one instruction: what it does, and the exceptions it may be instead. */
import type { EffectResult } from '../../../engine/hosted/effects.ts';
import { HSR_EC, SCTLR } from './cp15.ts';
import { accessCp15 } from './cp15-access.ts';
import type { Effect32, Hint32 } from './effects.ts';
import { type Cause, type Exception32, exceptionReturn, takeException, writeCpsr } from './exceptions.ts';
import type { Host32 } from './host.ts';
import { PSR } from './psr.ts';
import type { Cpu32 } from './state.ts';
import { FAULT, translate } from './translate.ts';

/** What an effect did to the activation that asked for it. */
export type Verdict32 =
  /** It took place; the next word is next. */
  | { readonly result: EffectResult }
  /** Control went elsewhere and may come back. */
  | 'away'
  /** Control went elsewhere for good. */
  | 'over';

const DONE: Verdict32 = { result: undefined };
const value = (n: number): Verdict32 => ({ result: BigInt(n >>> 0) });
/** CV set, condition AL: the top of the ISS of conditional instructions. */
const ALWAYS = 0x1e << 20;

/** Takes an exception in place of the instruction. */
function raise(cpu: Cpu32, kind: Exception32, cause?: Cause): 'away' {
  takeException(cpu, kind, cause);
  return 'away';
}

/** Carries out an effect. */
export function execute(host: Host32, cpu: Cpu32, e: Effect32): Verdict32 {
  switch (e.op) {
    case 'r':
      return value(cpu.r(e.n));
    case 'setR':
      cpu.setR(e.n, e.value);
      return DONE;
    case 'mrs':
    case 'msr':
    case 'banked':
    case 'setBanked':
      return status(cpu, e);
    case 'mrc':
    case 'mrrc':
      return accessCp15(host, cpu, e.name, undefined);
    case 'mcr':
    case 'mcrr':
      return accessCp15(host, cpu, e.name, BigInt.asUintN(64, BigInt(e.value)));
    case 'ldr':
    case 'str':
    case 'copyWords':
      return memory(host, cpu, e);
    case 'adr':
      return value(host.addressOf(cpu, e.symbol));
    case 'udf':
      return raise(cpu, 'undefined');
    case 'hint':
      return hint(host, cpu, e.name);
    case 'stop':
      cpu.state.stopped = e.why;
      return DONE;
    default:
      return leave(host, cpu, e);
  }
}

type StatusEffect = Extract<Effect32, { readonly op: 'mrs' | 'msr' | 'banked' | 'setBanked' }>;

function status(cpu: Cpu32, e: StatusEffect): Verdict32 {
  switch (e.op) {
    case 'mrs': {
      const psr = e.psr === 'CPSR' ? cpu.cpsr & ~(PSR.IT | PSR.J | PSR.T | PSR.IL) : cpu.spsr;
      return psr === undefined ? raise(cpu, 'undefined') : value(psr);
    }
    case 'msr':
      if (e.psr === 'CPSR') writeCpsr(cpu, e.value, e.mask);
      else if (cpu.spsr === undefined) return raise(cpu, 'undefined');
      else cpu.spsr = (cpu.spsr & ~e.mask) | (e.value & e.mask);
      return DONE;
    default: {
      if (!bankedAllowed(cpu, e.name)) return raise(cpu, 'undefined');
      const name = e.name.replace(/^(R\d+)_usr$/, '$1');
      if (e.op === 'banked') return value(cpu.named(name));
      cpu.setNamed(name, e.value);
      return DONE;
    }
  }
}

/**
 * MRS and MSR (banked register): UNPREDICTABLE where the register is the mode's own or out of reach; here UNDEFINED, as
 * ARMv8 allows. DDI 0406, "MRS (Banked register)", "Usage restrictions on the Banked register instructions".
 */
export function bankedAllowed(cpu: Cpu32, name: string): boolean {
  const { mode, secure } = cpu;
  const [, kind, bank] = /^(R\d+|SP|LR|SPSR|ELR)_(\w+)$/.exec(name) ?? [];
  if (bank === undefined || mode.privilege === 0) return false;
  // R8 to R12 of USR are out of sight in FIQ mode alone.
  if (kind.startsWith('R') && bank === 'usr') return mode.name === 'FIQ';
  if (cpu.state.registers[name] === undefined) return false;
  if (bank === 'hyp') {
    if (!cpu.features.el2) return false;
    const fromMonitor = mode.name === 'MON' && cpu.scr('NS');
    return kind === 'ELR' ? mode.name === 'HYP' || fromMonitor : fromMonitor;
  }
  if (bank === 'mon') return secure && cpu.features.el3 && mode.name !== 'MON';
  const own = kind === 'SPSR' ? mode.spsr === bank : kind === 'SP' ? mode.sp === bank : false;
  const ownLr = kind === 'LR' && mode.lr === bank;
  return !own && !ownLr && !(bank === 'fiq' && mode.name === 'FIQ');
}

type MemoryEffect = Extract<Effect32, { readonly op: 'ldr' | 'str' | 'copyWords' }>;

function memory(host: Host32, cpu: Cpu32, e: MemoryEffect): Verdict32 {
  if (e.op === 'copyWords') return copy(host, cpu, e);
  const write = e.op === 'str';
  const at: number[] = [];
  for (let n = 0; n < e.bytes; n++) {
    const pa = data(host, cpu, (e.va + n) >>> 0, write, n === 0 ? e.bytes : 1);
    if (pa === undefined) return 'away';
    at.push(pa);
  }
  // CPSR.E turns a word round.
  if (cpu.cpsr & PSR.E) at.reverse();
  if (write) {
    at.forEach((pa, n) => {
      host.memory.setByte(pa, e.value >>> (8 * n));
    });
    return DONE;
  }
  return value(at.reduce((word, pa, n) => word | (host.memory.byte(pa) << (8 * n)), 0));
}
function copy(host: Host32, cpu: Cpu32, { from, to, words }: Effect32 & { op: 'copyWords' }): Verdict32 {
  const pairs: [number, number][] = [];
  for (let n = 0; n < words; n++) {
    const source = data(host, cpu, (from + 4 * n) >>> 0, false, 4);
    if (source === undefined) return 'away';
    const target = data(host, cpu, (to + 4 * n) >>> 0, true, 4);
    if (target === undefined) return 'away';
    pairs.push([target, host.memory.word(source)]);
  }
  for (const [target, word] of pairs) host.memory.setWord(target, word);
  return DONE;
}
/** Physical address of a transfer; undefined when it was a data abort. An unaligned word faults while A of SCTLR is set. */
function data(host: Host32, cpu: Cpu32, va: number, write: boolean, bytes: number): number | undefined {
  const abort = (cause: Cause): undefined => {
    takeException(cpu, 'dataAbort', { ...cause, va, write });
    return undefined;
  };
  const control = cpu.mode.name === 'HYP' ? cpu.cp32('HSCTLR') : cpu.cp32('SCTLR', cpu.secure);
  if (bytes === 4 && va & 3 && control & SCTLR.A) return abort({ fault: { status: FAULT.alignment } });
  const at = translate(cpu, host.memory, va, { write });
  if ('fault' in at) return abort({ fault: at.fault });
  return host.memory.has(at.pa) ? at.pa : abort({ fault: { status: FAULT.external } });
}
function hint(host: Host32, cpu: Cpu32, name: Hint32): Verdict32 {
  const trap = (bit: 'TWI' | 'TWE', iss: number): Verdict32 | undefined =>
    cpu.mode.name !== 'HYP' && cpu.hcr(bit) ? raise(cpu, 'hypTrap', { ec: HSR_EC.WFx, iss: ALWAYS | iss }) : undefined;
  switch (name) {
    case 'wfi': {
      const { lines } = cpu.state;
      if (lines.irq || lines.fiq || lines.serror) return DONE;
      const trapped = trap('TWI', 0);
      if (trapped) return trapped;
      cpu.state.waiting = 'wfi';
      return DONE;
    }
    case 'wfe': {
      if (cpu.state.event) {
        cpu.state.event = false;
        return DONE;
      }
      const trapped = trap('TWE', 1);
      if (trapped) return trapped;
      cpu.state.waiting = 'wfe';
      return DONE;
    }
    case 'sev':
      host.sendEvent();
      return DONE;
    default:
      return DONE;
  }
}

type LeavingEffect = Extract<Effect32, { readonly op: 'call' | 'bx' | 'eret' | 'movsPc' | 'rfe' }>;

function leave(host: Host32, cpu: Cpu32, e: LeavingEffect): Verdict32 {
  const { mode } = cpu;
  const unbanked = mode.spsr === undefined;
  switch (e.op) {
    case 'bx':
      branchTo(cpu, e.target);
      return 'over';
    case 'call':
      return call(host, cpu, e);
    case 'eret':
      // UNPREDICTABLE in USR and SYS: UNDEFINED here.
      if (unbanked) return raise(cpu, 'undefined');
      exceptionReturn(cpu, mode.name === 'HYP' ? cpu.named('ELR_hyp') : cpu.r(14), cpu.spsr!);
      return 'over';
    case 'movsPc':
      if (mode.name === 'HYP' || unbanked) return raise(cpu, 'undefined');
      exceptionReturn(cpu, e.value >>> 0, cpu.spsr!);
      return 'over';
    case 'rfe': {
      if (mode.name === 'HYP' || mode.privilege === 0) return raise(cpu, 'undefined');
      const pc = data(host, cpu, e.va >>> 0, false, 4);
      const psr = pc === undefined ? undefined : data(host, cpu, (e.va + 4) >>> 0, false, 4);
      if (pc === undefined || psr === undefined) return 'away';
      exceptionReturn(cpu, host.memory.word(pc), host.memory.word(psr));
      return 'over';
    }
  }
}

/** BX: bit 0 selects T32; else bit 1 is as the machine chose. DDI 0406, pseudocode `BXWritePC`. */
export function branchTo(cpu: Cpu32, target: number): void {
  const thumb = (target & 1) !== 0;
  cpu.cpsr = thumb ? cpu.cpsr | PSR.T : cpu.cpsr & ~PSR.T;
  const aligned = thumb || cpu.features.unalignedBranch === 'fault' ? ~1 : ~3;
  cpu.pc = target & aligned;
}

function call(host: Host32, cpu: Cpu32, { how, target, r }: Effect32 & { op: 'call' }): Verdict32 {
  const refused = (): 'away' => raise(cpu, 'undefined');
  r.forEach((v, n) => {
    cpu.setR(n, v);
  });
  if (how === 'blx') {
    cpu.setR(14, (cpu.pc + 4) | (cpu.cpsr & PSR.T ? 1 : 0));
    branchTo(cpu, target);
    return 'away';
  }
  if (how === 'svc') return raise(cpu, 'svc', { iss: target & 0xffff });
  const { features, mode } = cpu;
  if (how === 'hvc') {
    const enabled = features.el3 ? cpu.scr('HCE') : !cpu.hcr('HCD');
    if (!features.el2 || mode.privilege === 0 || cpu.secure || !enabled) return refused();
    return raise(cpu, 'hvc', { iss: target & 0xffff });
  }
  if (!features.el3 || mode.privilege === 0) return refused();
  if (mode.name !== 'HYP' && cpu.hcr('TSC')) return raise(cpu, 'hypTrap', { ec: HSR_EC.SMC });
  if (cpu.scr('SCD') && !cpu.secure) return refused();
  if (!host.firmware) return raise(cpu, 'smc');
  return host.firmware(cpu);
}
