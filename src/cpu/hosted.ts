/** Hosted code on a PE: one effect is one step, with everything an instruction in its place could cause. */
import { EC, FSC, issForInstructionAbort } from '../arch/esr.ts';
import { PE_DERIVED, PE_STATE, SLOT_SP } from '../arch/pestate.ts';
import { sysregByName } from '../arch/sysregs/index.ts';
import { PSTATE_IMMEDIATES, sysOpByName } from '../arch/sysregs/sysops.ts';
import { type Activation, Activations, type HostedImage } from '../engine/hosted/activation.ts';
import type { AccessBytes, Effect, EffectResult, HintName } from '../engine/hosted/effects.ts';
import { HostedError } from '../engine/hosted/errors.ts';
import { type HostedProgram, windowOf, windowPc } from '../engine/hosted/program.ts';
import type { Pe } from './pe.ts';

type Helpers = ReturnType<Pe['helpers']>;

/** What a step of hosted code did to the activation. */
type Verdict =
  /** It has taken place: the next yield is due. */
  | { readonly result: EffectResult }
  /** An exception or a call took PC elsewhere; whoever comes back says where it goes on. */
  | 'away'
  /** The PE stays where it is. */
  | 'again'
  /** The activation is over. */
  | 'over';

const DONE: Verdict = { result: undefined };
/** Registers that a call passes and gives back. */
const CALL_REGISTERS = 8;
const ALWAYS_ALIGNED = 1 << 10;
const READ_FOR_WRITE = 1 << 13;

const HINT_HELPERS: Readonly<Partial<Record<HintName, string>>> = {
  wfi: 'waitForInterrupt',
  wfe: 'waitForEvent',
  sev: 'sendEvent',
  sevl: 'sendEventLocal',
  yield: 'yieldTurn',
  isb: 'instructionBarrier',
  esb: 'errorBarrier',
  clrex: 'clearExclusive',
};

/** A PE that spins on a lock of hosted code. */
export interface LockWait {
  readonly pe: number;
  readonly va: bigint;
  /** What the lock's word holds: the owner that the holder gave. */
  readonly heldBy: bigint;
}

/** The hosted code of a machine: all its PEs share the activations. */
export class HostedCode {
  readonly program: HostedProgram;
  readonly activations: Activations;
  private readonly helpers: Helpers[] = [];
  private readonly waits = new Map<number, LockWait>();
  /**
   * The instruction in whose place the current step is taken, as far as a syndrome describes it: a load or store of X0.
   * 0 for others.
   */
  standsFor = 0;

  constructor(program: HostedProgram) {
    this.program = program;
    this.activations = new Activations(program);
  }

  /** PEs whose last step was to find a lock taken, by ascending number. */
  lockWaits(): readonly LockWait[] {
    return [...this.waits.values()].sort((a, b) => a.pe - b.pe);
  }

  /** Takes one step of the PE, whose PC is in the range of hosted code, and returns 1. @throws HostedError */
  step(pe: Pe): 1 {
    this.oneStep(pe);
    // An exception of this step has nothing of machine code to divert: the first access behind it must not be.
    pe.s.set32(PE_DERIVED.diverted, 0);
    return 1;
  }
  private oneStep(pe: Pe): void {
    const { s } = pe;
    this.waits.delete(s.index);
    s.set32(PE_DERIVED.diverted, 0);
    if (s.get32(PE_STATE.IL)) return pe.exceptions.sync(EC.IllegalState, 0);
    const activation = this.activationAt(pe);
    if (!activation) return;
    const asked = activation.effect();
    if ('finished' in asked) {
      this.activations.end(activation);
      if (asked.result !== undefined) s.setX(0, BigInt.asUintN(64, asked.result));
      s.pc = activation.entry.lr;
      return;
    }
    const { pc, el } = s;
    this.standsFor = instructionOf(asked);
    const verdict = this.act(pe, activation, asked);
    this.standsFor = 0;
    // What a hypervisor is to carry out in the place of its guest it finds in X0, as it would leave a result there.
    if (verdict === 'away' && el < 2 && s.el === 2 && (asked.op === 'store' || asked.op === 'msr'))
      s.setX(0, BigInt.asUintN(64, asked.value));
    if (verdict === 'away' || verdict === 'again') return;
    if (verdict === 'over') return this.activations.end(activation);
    activation.completed(verdict.result);
    if (s.pc === pc) s.pc = pc + 4n;
  }

  /** The activation that PC names, a new one at the address of a function; without one, PC is nothing to execute. */
  private activationAt(pe: Pe): Activation | undefined {
    const { s } = pe;
    const { pc } = s;
    const name = this.program.at(pc);
    if (name !== undefined) {
      const x = Array.from({ length: CALL_REGISTERS }, (_, n) => s.x(n));
      const made = this.activations.enter(name, { pe: s.index, x, lr: s.x(30) });
      s.pc = windowPc(made.id, 0);
      return made;
    }
    const at = windowOf(pc);
    if (!at) {
      if (pc & 3n) pe.exceptions.sync(EC.PCAlignment, 0, { far: pc });
      else
        pe.exceptions.sync(EC.InstructionAbortLowerEL, issForInstructionAbort({ fsc: FSC.Translation }), { far: pc });
      return undefined;
    }
    const found = this.activations.get(at.activation);
    if (!found) {
      const what = `hosted code: PC 0x${pc.toString(16)} names an activation that has ended: resumed twice?`;
      throw new HostedError('E_HOSTED_RESUME', what);
    }
    if (at.yieldIndex === found.yieldIndex + 1) this.skipped(found, s.x.bind(s));
    else if (at.yieldIndex !== found.yieldIndex)
      throw found.error('E_HOSTED_RESUME', `PC 0x${pc.toString(16)} names its yield ${at.yieldIndex}: resumed twice?`);
    return found;
  }
  /** The effect was done by somebody else, or was a call that came back: registers say what it gave. */
  private skipped(a: Activation, x: (n: number) => bigint): void {
    const asked = a.effect();
    if ('finished' in asked) throw a.error('E_HOSTED_RESUME', 'it was resumed behind its end.');
    if (asked.op === 'call') a.completed(Array.from({ length: CALL_REGISTERS }, (_, n) => x(n)));
    else a.completed(GIVES_VALUE.has(asked.op) ? x(0) : undefined);
  }

  // --- effects ---

  private act(pe: Pe, a: Activation, e: Effect): Verdict {
    const { s } = pe;
    switch (e.op) {
      case 'load':
      case 'store':
      case 'storeExclusive':
      case 'atomic':
      case 'loadPair':
      case 'storePair':
      case 'lock':
        return this.memory(pe, a, e);
      case 'readX':
        return { result: s.x(slot(a, e.n)) };
      case 'writeX':
        s.setX(slot(a, e.n), BigInt.asUintN(64, e.value));
        return DONE;
      case 'eret':
        return this.leaves(pe, 'exceptionReturn');
      case 'branch':
        s.pc = BigInt.asUintN(64, e.va);
        return 'over';
      case 'become':
        a.become(e.name, e.args);
        s.pc = windowPc(a.id, 0);
        return 'again';
      case 'call':
        return this.call(pe, a, e);
      default:
        return this.system(pe, a, e);
    }
  }

  private helper(pe: Pe, name: string, ...args: (number | bigint)[]): number | bigint | undefined {
    const { index } = pe.s;
    this.helpers[index] ??= pe.helpers();
    return this.helpers[index][name]!(...args);
  }
  /** A helper that moves PC on by itself: `away` when an exception came of it. */
  private moves(pe: Pe, name: string, ...args: (number | bigint)[]): Verdict {
    const next = pe.s.pc + 4n;
    this.helper(pe, name, ...args);
    return pe.s.pc === next ? DONE : 'away';
  }
  /** ERET: over, unless it was an exception that it caused. */
  private leaves(pe: Pe, name: string): Verdict {
    const { el } = pe.s;
    this.helper(pe, name);
    return el === 0 ? 'away' : 'over';
  }

  private system(pe: Pe, a: Activation, e: Effect): Verdict {
    const { s } = pe;
    switch (e.op) {
      case 'mrs': {
        const pc = s.pc;
        const value = this.helper(pe, 'readSysreg', sysregKey(a, e.name));
        return s.pc === pc ? { result: BigInt.asUintN(64, BigInt(value!)) } : 'away';
      }
      case 'msr':
        return this.moves(pe, 'writeSysreg', sysregKey(a, e.name), BigInt.asUintN(64, e.value));
      case 'pstate': {
        const row = PSTATE_IMMEDIATES.find(({ name }) => name === e.field);
        if (!row) throw a.error('E_HOSTED_EFFECT', `MSR immediate of '${e.field}': there is no such field of PSTATE.`);
        return this.moves(pe, 'writePstate', (row.op1 << 3) | row.op2, e.immediate & 15);
      }
      case 'sys': {
        const op = sysOpByName(e.name);
        if (!op) throw a.error('E_HOSTED_EFFECT', `SYS operation '${e.name}': Arm has none of that name.`);
        return this.moves(pe, 'systemInstruction', op.key, BigInt.asUintN(64, e.value));
      }
      case 'brk':
        this.helper(pe, 'breakpoint', e.immediate & 0xffff);
        return 'away';
      case 'hint': {
        const name = HINT_HELPERS[e.name];
        return name ? this.moves(pe, name) : DONE;
      }
      default:
        throw a.error('E_HOSTED_EFFECT', `'${String((e as Effect).op)}' is no effect there is.`);
    }
  }

  private call(pe: Pe, a: Activation, e: Effect & { op: 'call' }): Verdict {
    const { s } = pe;
    const next = s.pc + 4n;
    const { el } = s;
    e.x.forEach((v, n) => {
      if (n > 17) throw a.error('E_HOSTED_EFFECT', `a call with ${e.x.length} registers: X0 to X17 are passed.`);
      s.setX(n, BigInt.asUintN(64, v));
    });
    if (e.conduit === 'bl') {
      s.setX(30, next);
      s.pc = BigInt.asUintN(64, e.target);
      return 'away';
    }
    const name = { smc: 'secureMonitorCall', hvc: 'hypervisorCall', svc: 'supervisorCall' }[e.conduit];
    this.helper(pe, name, Number(e.target));
    const refused = s.el > 0 && pe.readRegister(`ELR_EL${s.el}`) === next - 4n;
    if (!e.last || s.pc === next || refused) return 'away';
    // The firmware has answered by going elsewhere; while somebody above still works on it, nobody knows.
    a.left = s.el > el;
    return a.left ? 'away' : 'over';
  }

  // --- memory ---

  /** Leaves the value in the PE's slow-path word; false when an exception was taken. */
  private read(pe: Pe, va: bigint, bytes: number, flags: number): boolean {
    return this.transfer(pe, va) && pe.access.load(0, bytes | (bytes << 5) | flags) === 0;
  }
  private write(pe: Pe, va: bigint, bytes: number, value: bigint, flags = 0): boolean {
    const { view, base } = pe.s;
    const at = base + PE_DERIVED.slowValue.offset;
    view.setBigUint64(at, BigInt.asUintN(64, value), true);
    view.setBigUint64(at + 8, BigInt.asUintN(64, value >> 64n), true);
    return this.transfer(pe, va) && pe.access.store(0, bytes | (bytes << 5) | flags) === 0;
  }
  private transfer(pe: Pe, va: bigint): true {
    pe.s.view.setBigUint64(pe.s.base + PE_DERIVED.slowVa.offset, BigInt.asUintN(64, va), true);
    return true;
  }
  private loaded(pe: Pe, bytes: number): bigint {
    const value = pe.s.view.getBigUint64(pe.s.base + PE_DERIVED.slowValue.offset, true);
    return BigInt.asUintN(bytes * 8, value);
  }

  private memory(pe: Pe, a: Activation, e: MemoryEffect): Verdict {
    if ('bytes' in e) checkBytes(a, e.bytes);
    switch (e.op) {
      case 'load': {
        if (!this.read(pe, e.va, e.bytes, e.exclusive ? ALWAYS_ALIGNED : 0)) return 'away';
        const result = this.loaded(pe, e.bytes);
        if (e.exclusive) pe.monitor.mark(BigInt.asUintN(64, e.va), e.bytes);
        return { result };
      }
      case 'store':
        return this.write(pe, e.va, e.bytes, e.value) ? DONE : 'away';
      case 'storeExclusive': {
        const pc = pe.s.pc;
        const may = pe.monitor.check(BigInt.asUintN(64, e.va), e.bytes);
        if (pe.s.pc !== pc) return 'away';
        if (!may) return { result: 1n };
        return this.write(pe, e.va, e.bytes, e.value, ALWAYS_ALIGNED) ? { result: 0n } : 'away';
      }
      case 'atomic':
        return this.atomic(pe, e);
      case 'lock':
        return this.lock(pe, e);
      default:
        return this.pair(pe, a, e);
    }
  }
  private atomic(pe: Pe, e: Effect & { op: 'atomic' }): Verdict {
    if (!this.read(pe, e.va, e.bytes, ALWAYS_ALIGNED | READ_FOR_WRITE)) return 'away';
    const old = this.loaded(pe, e.bytes);
    const operand = BigInt.asUintN(e.bytes * 8, e.value);
    const next = {
      swp: operand,
      add: old + operand,
      set: old | operand,
      clr: old & ~operand,
      eor: old ^ operand,
      cas: old === BigInt.asUintN(e.bytes * 8, e.expected ?? 0n) ? operand : old,
    }[e.kind];
    return this.write(pe, e.va, e.bytes, next, ALWAYS_ALIGNED) ? { result: old } : 'away';
  }
  private lock(pe: Pe, { va, owner }: Effect & { op: 'lock' }): Verdict {
    if (!this.read(pe, va, 8, ALWAYS_ALIGNED | READ_FOR_WRITE)) return 'away';
    const heldBy = this.loaded(pe, 8);
    if (heldBy === 0n) return this.write(pe, va, 8, owner, ALWAYS_ALIGNED) ? DONE : 'away';
    const { pc, index } = pe.s;
    this.waits.set(index, { pe: index, va, heldBy });
    this.helper(pe, 'yieldTurn');
    pe.s.pc = pc;
    return 'again';
  }
  private pair(pe: Pe, a: Activation, e: Effect & { op: 'loadPair' | 'storePair' }): Verdict {
    const { s } = pe;
    const n = slot(a, e.first);
    if (n > 29) throw a.error('E_HOSTED_EFFECT', `a pair of X${n} and the next: the first is X0 to X29.`);
    if (e.op === 'storePair') return this.write(pe, e.va, 16, s.x(n) | (s.x(n + 1) << 64n)) ? DONE : 'away';
    if (!this.read(pe, e.va, 16, 0)) return 'away';
    const at = s.base + PE_DERIVED.slowValue.offset;
    s.setX(n, s.view.getBigUint64(at, true));
    s.setX(n + 1, s.view.getBigUint64(at + 8, true));
    return DONE;
  }

  /** Function and yield that a PC in hosted code names, such as `main, yield 3`; undefined for another PC. */
  describe(pc: bigint): string | undefined {
    const name = this.program.at(pc);
    if (name !== undefined) return name;
    const at = windowOf(pc);
    const found = at && this.activations.get(at.activation);
    return found && `${found.name}, yield ${at.yieldIndex}`;
  }

  // --- snapshots ---

  /** All activations, for a snapshot. */
  image(): HostedImage {
    return this.activations.image();
  }
  /** Inverse of `image`. */
  load(image: HostedImage): void {
    this.waits.clear();
    this.activations.load(image);
  }
  /** Cold reset: nothing is suspended. */
  reset(): void {
    this.waits.clear();
    this.activations.reset();
  }
}

type MemoryEffect = Extract<
  Effect,
  { readonly op: 'load' | 'store' | 'storeExclusive' | 'atomic' | 'lock' | 'loadPair' | 'storePair' }
>;

const GIVES_VALUE: ReadonlySet<string> = new Set(['load', 'mrs', 'readX', 'atomic', 'storeExclusive']);

/** LDR and STR (immediate, unsigned offset) of X0, by bytes. */
const LOADS: Readonly<Record<AccessBytes, number>> = { 1: 0x3940_0000, 2: 0x7940_0000, 4: 0xb940_0000, 8: 0xf940_0000 };
const LOAD_BIT = 0x0040_0000;

function instructionOf(e: Effect): number {
  if (e.op === 'load' && !e.exclusive) return LOADS[e.bytes];
  return e.op === 'store' ? (LOADS[e.bytes] & ~LOAD_BIT) >>> 0 : 0;
}
function slot(a: Activation, n: number): number {
  if (!Number.isInteger(n) || n < 0 || n > 31) throw a.error('E_HOSTED_EFFECT', `register X${n}: there are 0 to 30.`);
  return n === 31 ? SLOT_SP : n;
}
function checkBytes(a: Activation, bytes: AccessBytes): void {
  if (![1, 2, 4, 8].includes(bytes)) throw a.error('E_HOSTED_EFFECT', `an access of ${bytes} bytes: 1, 2, 4 or 8.`);
}
function sysregKey(a: Activation, name: string): number {
  const row = sysregByName(name);
  if (!row) throw a.error('E_HOSTED_EFFECT', `System register '${name}': Arm has none of that name.`);
  return row.key;
}
