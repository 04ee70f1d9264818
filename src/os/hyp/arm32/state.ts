/** State of one AArch32 processor as plain data, with the banked view of each mode. */
import { CP15, cp15ByName, HCR, SCR } from './cp15.ts';
import { type Bank, MODE, MODES, type Mode, type ModeRow, modeOf, PSR } from './psr.ts';

/** What a 32-bit machine is made of. */
export interface Features32 {
  /** Virtualization Extensions; default true. */
  readonly el2: boolean;
  /** Security Extensions, with Monitor mode; default true. */
  readonly el3: boolean;
  /** The GIC has System registers; default true. */
  readonly gicv3: boolean;
  /**
   * CONSTRAINED UNPREDICTABLE: a branch in A32 state to an address with bit 1 set goes to the word below, or faults.
   * DDI 0487, "Branches to an unaligned PC in A32 state". Default `fault`.
   */
  readonly unalignedBranch: 'align' | 'fault';
}

/** An activation, and the address of the function that it runs: of the copy that was entered. */
export interface Frame32 {
  readonly id: number;
  readonly base: number;
}

/** Lines into a processor; levels. */
export type Line32 = 'irq' | 'fiq' | 'serror';

/** All state of a processor. Registers by name: `R0`, `R8_fiq`, `SP_svc`, `LR_usr`, `SPSR_hyp`, `ELR_hyp`, `PC`, `CPSR`. */
export interface Cpu32State {
  registers: Record<string, number>;
  /**
   * System registers by name; 64-bit ones as `bigint`; of those with two copies the Non-secure one, and with
   * `_S` the Secure one.
   */
  cp15: Record<string, number | bigint>;
  lines: Record<Line32, boolean>;
  power: 'on' | 'off';
  /** `spin`: a branch to itself. */
  waiting: 'wfi' | 'wfe' | 'spin' | undefined;
  /** The event register of WFE. */
  event: boolean;
  /** Why it takes no more steps. */
  stopped: string | undefined;
  /** Its suspended activations, newest last. */
  frames: Frame32[];
  /** The next instruction is replaced by one that is UNDEFINED. */
  brokenNext: boolean;
  /** Exceptions since the last instruction that completed. */
  exceptionsInARow: number;
}

/** One processor: its state, and names for it in its mode. */
export class Cpu32 {
  readonly index: number;
  readonly features: Features32;
  state: Cpu32State;
  /** Hears of every exception: its kind, CPSR before it, and the return address. */
  onException: ((kind: string, from: number, returnAddress: number) => void) | undefined;

  constructor(index: number, features: Features32) {
    this.index = index;
    this.features = features;
    this.state = resetState(index);
  }

  get cpsr(): number {
    return this.state.registers.CPSR;
  }
  set cpsr(value: number) {
    this.state.registers.CPSR = value >>> 0;
  }
  get pc(): number {
    return this.state.registers.PC;
  }
  set pc(value: number) {
    this.state.registers.PC = value >>> 0;
  }
  /** The mode it is in. */
  get mode(): ModeRow {
    const found = modeOf(this.cpsr);
    if (!found)
      throw new Error(`assertion: CPU ${this.index} is in reserved mode 0x${(this.cpsr & 0x1f).toString(16)}`);
    return found;
  }
  /** Secure state: Monitor mode, or SCR.NS is 0. DDI 0406, "Security state". */
  get secure(): boolean {
    return this.features.el3 && (!((this.state.cp15.SCR as number) & SCR.NS) || this.mode.name === 'MON');
  }
  /** Exception level: Secure PL1 is EL3 where there is one in AArch32. */
  get el(): 0 | 1 | 2 | 3 {
    const { privilege } = this.mode;
    return privilege === 1 && this.secure ? 3 : privilege;
  }
  /** HCR counts: Non-secure, with EL2. */
  get el2Enabled(): boolean {
    return this.features.el2 && !this.secure;
  }
  /** HCR as far as it counts in the current Security state. */
  hcr(bit: keyof typeof HCR): boolean {
    return this.el2Enabled && (this.cp32('HCR') & HCR[bit]) !== 0;
  }
  /** Bit of SCR; 0 without EL3. */
  scr(bit: keyof typeof SCR): boolean {
    return this.features.el3 && (this.cp32('SCR') & SCR[bit]) !== 0;
  }

  // --- core registers ---

  /** Name of R0 to R14 as a mode sees it. */
  static nameOf(n: number, mode: ModeRow): string {
    if (n === 13) return `SP_${mode.sp}`;
    if (n === 14) return `LR_${mode.lr}`;
    return mode.ownR8 && n >= 8 ? `R${n}_fiq` : `R${n}`;
  }
  /** R0 to R14 in the current mode. */
  r(n: number): number {
    return this.state.registers[Cpu32.nameOf(n, this.mode)];
  }
  setR(n: number, value: number): void {
    this.state.registers[Cpu32.nameOf(n, this.mode)] = value >>> 0;
  }
  /** A register by its banked name, such as `SP_svc` or `ELR_hyp`. */
  named(name: string): number {
    const value = this.state.registers[name];
    if (value === undefined) throw new Error(`assertion: there is no register ${name}`);
    return value;
  }
  setNamed(name: string, value: number): void {
    this.named(name);
    this.state.registers[name] = value >>> 0;
  }
  /** SPSR of the current mode; undefined in USR and SYS. */
  get spsr(): number | undefined {
    const { spsr } = this.mode;
    return spsr === undefined ? undefined : this.named(`SPSR_${spsr}`);
  }
  set spsr(value: number) {
    this.setNamed(`SPSR_${this.mode.spsr}`, value);
  }

  // --- System registers, without access checks ---

  private key(name: string, secure: boolean): string {
    return secure && cp15ByName(name)?.banked ? `${name}_S` : name;
  }
  /** A System register in the copy of a Security state; default the current one, which MON takes from SCR.NS. */
  cp(name: string, secure: boolean = this.bankSecure): number | bigint {
    const value = this.state.cp15[this.key(name, secure)];
    if (value === undefined) throw new Error(`assertion: there is no System register ${name}`);
    return value;
  }
  /** A 32-bit System register, as `cp`. */
  cp32(name: string, secure?: boolean): number {
    return this.cp(name, secure) as number;
  }
  /** A 64-bit System register, as `cp`. */
  cp64(name: string, secure?: boolean): bigint {
    return this.cp(name, secure) as bigint;
  }
  /** Writes what can be written of a System register. */
  setCp(name: string, value: bigint | number, secure: boolean = this.bankSecure): void {
    const row = cp15ByName(name);
    if (!row) throw new Error(`assertion: there is no System register ${name}`);
    const key = this.key(name, secure);
    const next = (BigInt(this.state.cp15[key]) & ~row.writable) | (BigInt(value) & row.writable) | row.res1;
    this.state.cp15[key] = row.encoding.length === 2 ? next : Number(next);
  }
  /** Which copy of a banked register MRC reaches: in Monitor mode SCR.NS decides. */
  get bankSecure(): boolean {
    return this.features.el3 && !((this.state.cp15.SCR as number) & SCR.NS);
  }
}

const BANKS: readonly Bank[] = ['usr', 'fiq', 'irq', 'svc', 'abt', 'und', 'mon', 'hyp'];

/** State of a processor that has not been switched on. */
export function resetState(index: number): Cpu32State {
  const registers: Record<string, number> = { PC: 0, CPSR: MODE.SVC | PSR.AIF, ELR_hyp: 0 };
  for (let n = 0; n <= 12; n++) registers[`R${n}`] = 0;
  for (let n = 8; n <= 12; n++) registers[`R${n}_fiq`] = 0;
  for (const bank of BANKS) {
    registers[`SP_${bank}`] = 0;
    if (bank !== 'hyp') registers[`LR_${bank}`] = 0;
    if (bank !== 'usr') registers[`SPSR_${bank}`] = 0;
  }
  const cp15: Record<string, number | bigint> = {};
  for (const { name, reset, res1, banked, encoding } of CP15) {
    const value = encoding.length === 2 ? reset | res1 : Number(reset | res1);
    cp15[name] = value;
    if (banked) cp15[`${name}_S`] = value;
  }
  const mpidr = 0x8000_0000 + index;
  cp15.MPIDR = mpidr;
  cp15.VMPIDR = mpidr;
  return {
    registers,
    cp15,
    lines: { irq: false, fiq: false, serror: false },
    power: 'off',
    waiting: undefined,
    event: false,
    stopped: undefined,
    frames: [],
    brokenNext: false,
    exceptionsInARow: 0,
  };
}

/** A copy that shares nothing. */
export function copyState(state: Cpu32State): Cpu32State {
  return {
    ...state,
    registers: { ...state.registers },
    cp15: { ...state.cp15 },
    lines: { ...state.lines },
    frames: [...state.frames],
  };
}

/** Exception level of a mode in a Security state, or undefined where the mode does not exist. DDI 0487, `ELFromM32`. */
export function elOfMode(
  name: Mode,
  { el2, el3, ns }: { el2: boolean; el3: boolean; ns: boolean },
): number | undefined {
  if (name === 'MON') return el3 ? 3 : undefined;
  if (name === 'HYP') return el2 && (!el3 || ns) ? 2 : undefined;
  if (name === 'USR') return 0;
  return el3 && !ns ? 3 : 1;
}

/** Modes that a machine has. */
export function modesOf({ el2, el3 }: Pick<Features32, 'el2' | 'el3'>): readonly ModeRow[] {
  return MODES.filter(({ name }) => (name !== 'HYP' || el2) && (name !== 'MON' || el3));
}
