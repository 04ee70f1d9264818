import { PE_STATE } from '../../src/arch/pestate.ts';
import { WAIT } from '../../src/cpu/waiting.ts';
import { GITS_REGS } from '../../src/devices/gicv3/its/regs.ts';
import { GICD_REGS, GICR_REGS, GICR_STRIDE_BYTES } from '../../src/devices/gicv3/maps.ts';
import { assemble } from '../../src/isa/text/index.ts';
import { VIRT_MEMORY_MAP } from '../../src/machine/board/virt.ts';
import { Machine } from '../../src/machine/machine.ts';
import type { MachineOptions } from '../../src/machine/options.ts';

/** An exception that a PE took; `ec` and `iss` only of synchronous ones. */
export interface Taken {
  readonly kind: 'Synchronous' | 'IRQ' | 'FIQ' | 'SError';
  readonly el: number;
  readonly ec?: number;
  readonly iss?: number;
}

/** Where a PE is. */
export interface Place {
  readonly el: 0 | 1 | 2 | 3;
  /** SCR_EL3.NS below EL3; at EL3 it selects the bank. Default true. */
  readonly ns?: boolean;
  /** PSTATE.DAIF after the exception return; default all masked, 0xF. */
  readonly daif?: number;
}

const RAM = VIRT_MEMORY_MAP.ram.basePa;
const GICD = VIRT_MEMORY_MAP.gicd.basePa;
const GICR = VIRT_MEMORY_MAP.gicr.basePa;
const GITS = VIRT_MEMORY_MAP.gits.basePa;
const VECTORS = RAM + 0x8000n;
const KINDS = { 0: 'Synchronous', 128: 'IRQ', 256: 'FIQ', 384: 'SError' } as const;
const SCR = { NS: 1n, RW: 0x400n };
const words = new Map<string, Uint8Array>();

/** Code of a line of assembly at an address. */
function code(source: string, origin: bigint): Uint8Array {
  const key = `${origin} ${source}`;
  let bytes = words.get(key);
  if (bytes === undefined) {
    bytes = assemble(source, { origin }).bytes;
    words.set(key, bytes);
  }
  return bytes;
}

/**
 * A machine whose PEs execute one instruction at a time, at the Exception level where they are, as a guest would: all
 * registers of the board are reached by MRS, MSR, loads and stores. Nobody else is at EL3.
 */
export class Board {
  readonly machine: Machine;
  private taken: Taken[] = [];

  /** EL3 and EL2 exist unless the options say otherwise. */
  constructor(options: MachineOptions = {}) {
    const parking = new Uint8Array(0x800);
    for (let at = 0; at < parking.length; at += 4) parking.set(code('b .', 0n), at);
    const programs = [{ bytes: parking, addrPa: VECTORS }];
    const defaults = { memoryBytes: 16 * 2 ** 20, firmware: 'guest', el3: true, el2: true } as const;
    this.machine = Machine.create({ ...defaults, programs, ...options });
    this.machine.on('exception', (pe, el, offset) => this.note(pe, el, offset));
    if (this.machine.options.firmware === 'typescript') return;
    for (let pe = 0; pe < this.machine.pes.length; pe++) {
      // There is no firmware: all PEs come out of reset together, as on a board that does not hold them.
      this.machine.pes[pe]!.s.set32(PE_STATE.waitState, WAIT.RUNNING);
      for (let el = this.el(pe); el > 0; el--) this.machine.writeRegister(pe, `VBAR_EL${el}`, VECTORS);
      if (this.el(pe) === 3) this.machine.writeRegister(pe, 'SCR_EL3', SCR.NS | SCR.RW);
      if (this.el(pe) > 1 && this.machine.options.els.el2) this.machine.writeRegister(pe, 'HCR_EL2', 1n << 31n);
    }
  }

  private note(pe: number, el: number, offset: number): void {
    const kind = KINDS[(offset & 0x180) as keyof typeof KINDS];
    if (kind !== 'Synchronous') {
      this.taken.push({ kind, el });
      return;
    }
    const esr = Number(this.machine.readRegister(pe, `ESR_EL${el}`));
    this.taken.push({ kind, el, ec: esr >>> 26, iss: esr & 0x1ff_ffff });
  }

  /** Exception level of a PE. */
  el(pe = 0): number {
    return this.machine.pes[pe]!.s.el;
  }

  /** Executes one instruction on a PE; gives the exception taken before, or instead of it, and returns from that. */
  exec(source: string, pe = 0): Taken | undefined {
    const at = RAM + 0x1000n * BigInt(pe + 1);
    this.machine.writeMemory(at, code(source, at));
    this.machine.writeRegister(pe, 'PC', at);
    this.step(pe);
    const [first] = this.taken;
    if (first !== undefined) {
      this.machine.writeMemory(at, code('eret', at));
      this.machine.writeRegister(pe, 'PC', at);
      this.step(pe, 0);
    }
    return first;
  }

  private step(pe: number, forget = 1): void {
    if (forget) this.taken = [];
    // The turn after the step is this PE's as well: choosing another one would begin its turn.
    const turn = { pe, steps: 1 };
    this.machine.useSchedule({ kind: 'list', turns: [turn, turn] });
    this.machine.run({ steps: 1 });
  }

  /** The exception that a NOP executed now is held up by. */
  interrupted(pe = 0): string {
    const taken = this.exec('nop', pe);
    return taken === undefined ? '-' : `${taken.kind} to EL${taken.el}`;
  }

  /** MRS; throws when an exception is taken. */
  mrs(register: string, pe = 0): bigint {
    const taken = this.exec(`mrs x0, ${register}`, pe);
    if (taken) throw new Error(`MRS ${register}: ${JSON.stringify(taken)}`);
    return this.machine.readRegister(pe, 'X0');
  }

  /** MRS as a number. */
  get(register: string, pe = 0): number {
    return Number(this.mrs(register, pe));
  }

  /** MSR; throws when an exception is taken. */
  msr(register: string, value: number | bigint, pe = 0): void {
    this.machine.writeRegister(pe, 'X0', BigInt(value));
    const taken = this.exec(`msr ${register}, x0`, pe);
    if (taken) throw new Error(`MSR ${register}: ${JSON.stringify(taken)}`);
  }

  /** What becomes of an access: `ok`, `UNDEFINED`, or the trap. */
  outcome(source: string, pe = 0): string {
    const taken = this.exec(source, pe);
    if (taken === undefined) return 'ok';
    if (taken.kind !== 'Synchronous') return `${taken.kind} to EL${taken.el}`;
    if (taken.ec === 0) return 'UNDEFINED';
    return `EC 0x${taken.ec!.toString(16)} to EL${taken.el}`;
  }

  /** Loads 1, 2 or 4 bytes from a physical address; gives the exception when one is taken. */
  load(addrPa: bigint, sizeBytes: 1 | 2 | 4 = 4, pe = 0): number | Taken {
    this.machine.writeRegister(pe, 'X1', addrPa);
    const taken = this.exec(`${{ 1: 'ldrb', 2: 'ldrh', 4: 'ldr' }[sizeBytes]} w0, [x1]`, pe);
    return taken ?? Number(this.machine.readRegister(pe, 'X0'));
  }

  /** Stores 1, 2 or 4 bytes at a physical address; gives the exception when one is taken. */
  store(addrPa: bigint, value: number, sizeBytes: 1 | 2 | 4 = 4, pe = 0): Taken | undefined {
    this.machine.writeRegister(pe, 'X1', addrPa);
    this.machine.writeRegister(pe, 'X0', BigInt(value >>> 0));
    return this.exec(`${{ 1: 'strb', 2: 'strh', 4: 'str' }[sizeBytes]} w0, [x1]`, pe);
  }

  /**
   * Physical address of a GICD, GICR or GITS register by name, e.g. `GICD_IROUTER33`; `pe` says whose GICR.
   *
   * @param plus - added, in bytes
   */
  static addressOf(name: string, pe = 0, plus = 0): bigint {
    const frames = {
      GICD: [GICD_REGS, GICD],
      GICR: [GICR_REGS, GICR + BigInt(GICR_STRIDE_BYTES * pe)],
      GITS: [GITS_REGS, GITS],
    } as const;
    const [map, base] = frames[name.slice(0, 4) as keyof typeof frames];
    const rows = map.registers as Record<
      string,
      { at: number; first?: number; strideBytes?: number; sizeBytes: number }
    >;
    const exact = rows[name];
    if (exact !== undefined) return base + BigInt(exact.at + plus);
    const [, stem, number] = /^(.*?)(\d+)$/.exec(name) ?? ['', name, '0'];
    const row = rows[stem];
    if (row === undefined) throw new Error(`no register ${name}`);
    return base + BigInt(row.at + (Number(number) - (row.first ?? 0)) * (row.strideBytes ?? row.sizeBytes) + plus);
  }

  /** Reads a GIC register by name, as PE 0. */
  read(name: string, more: { pe?: number; plus?: number; sizeBytes?: 1 | 2 | 4 } = {}): number {
    const value = this.load(Board.addressOf(name, more.pe, more.plus), more.sizeBytes);
    if (typeof value !== 'number') throw new Error(`${name}: ${JSON.stringify(value)}`);
    return value;
  }

  /** Writes a GIC register by name, as PE 0. */
  write(name: string, value: number, more: { pe?: number; plus?: number; sizeBytes?: 1 | 2 | 4 } = {}): void {
    const taken = this.store(Board.addressOf(name, more.pe, more.plus), value, more.sizeBytes);
    if (taken) throw new Error(`${name}: ${JSON.stringify(taken)}`);
  }

  /** Makes a PE go to a place: up by SMC and SVC, down by ERET. */
  enter(place: Place, pe = 0): void {
    const { machine } = this;
    const spsr = ((place.daif ?? 0xf) << 6) | (place.el << 2) | (place.el === 0 ? 0 : 1);
    if (!machine.options.els.el3) {
      this.goUp(1, pe);
      if (place.el === 0) this.exceptionReturn(spsr, pe);
      else this.exec(`msr daifset, #15`, pe);
      if (place.el !== 0 && (place.daif ?? 0xf) !== 0xf) this.exec(`msr daifclr, #${15 & ~place.daif!}`, pe);
      return;
    }
    this.goUp(3, pe);
    const scr = this.mrs('SCR_EL3', pe);
    this.msr('SCR_EL3', (place.ns ?? true) ? scr | SCR.NS : scr & ~SCR.NS, pe);
    if (place.el < 3) this.exceptionReturn(spsr, pe);
    else if ((place.daif ?? 0xf) !== 0xf) this.exec(`msr daifclr, #${15 & ~place.daif!}`, pe);
    else this.exec('msr daifset, #15', pe);
  }

  private exceptionReturn(spsr: number, pe: number): void {
    const level = this.el(pe);
    this.msr(`SPSR_EL${level}`, spsr, pe);
    this.msr(`ELR_EL${level}`, RAM + 0x1000n * BigInt(pe + 1), pe);
    this.run('eret', pe);
    if (this.taken.length > 0) throw new Error(`ERET: ${JSON.stringify(this.taken)}`);
  }

  /** As `exec`, but stays where an exception leads. */
  private run(source: string, pe: number): void {
    const at = RAM + 0x1000n * BigInt(pe + 1);
    this.machine.writeMemory(at, code(source, at));
    this.machine.writeRegister(pe, 'PC', at);
    this.step(pe);
  }

  private goUp(level: number, pe: number): void {
    for (let n = 0; n < 8 && this.el(pe) < level; n++) this.run(this.el(pe) === 0 ? 'svc #0' : 'smc #0', pe);
    if (this.el(pe) !== level) throw new Error(`PE ${pe} is at EL${this.el(pe)}, not at EL${level}`);
  }

  /** Calls firmware, with SMC or HVC as the machine has it; gives X0 to X3. */
  call(args: readonly (number | bigint)[], pe = 0): bigint[] {
    args.forEach((value, n) => {
      this.machine.writeRegister(pe, `X${n}`, BigInt.asUintN(64, BigInt(value)));
    });
    this.run(this.machine.options.els.el3 ? 'smc #0' : 'hvc #0', pe);
    return [0, 1, 2, 3].map((n) => this.machine.readRegister(pe, `X${n}`));
  }
}
