/**
 * A machine of AArch32 processors that run hosted code from memory: steps, boundaries, injections, snapshots.
 *
 * Everything is a function of the state: the same steps end in the same state.
 */
import { type Activation, Activations, type HostedImage } from '../../../engine/hosted/activation.ts';
import { HSR_EC } from './cp15.ts';
import type { Effect32 } from './effects.ts';
import { masked, pendingVirtual, takeException } from './exceptions.ts';
import { execute, type Verdict32 } from './execute.ts';
import type { Host32 } from './host.ts';
import { Memory32, type MemoryImage, type RamRange } from './memory.ts';
import { type Decoded, FUNCTION_WORDS, type Program32 } from './program.ts';
import { PSR, psrText } from './psr.ts';
import { Cpu32, type Cpu32State, copyState, type Features32, type Line32, resetState } from './state.ts';
import { FAULT, type Fault32, translate } from './translate.ts';

/** How a machine is made. */
export interface Machine32Options {
  readonly program: Program32;
  readonly cpus?: number;
  readonly features?: Partial<Features32>;
  /** Default: 512 MiB at 0x40000000. */
  readonly ram?: readonly RamRange[];
  /** Functions, as `image.name`, whose entry is recorded. */
  readonly landmarks?: readonly string[];
  /** Answers SMC in place of code in Monitor mode. */
  readonly firmware?: (machine: Machine32, cpu: Cpu32) => Verdict32;
}

/** A landmark was entered. */
export interface Arrival {
  readonly name: string;
  readonly cpu: number;
  readonly pc: number;
  readonly cpsr: number;
  /** R0 to R3. */
  readonly r: readonly number[];
  readonly hsctlr: number;
  readonly sctlr: number;
  readonly hvbar: number;
  readonly steps: number;
}

/** An exception that was taken. */
export interface Taken {
  readonly kind: string;
  readonly cpu: number;
  readonly from: number;
  readonly to: number;
  readonly returnAddress: number;
  readonly vector: number;
}

/** Why a run ended: a processor stopped, none can take a step, the steps are used up, or what was waited for. */
export type End32 = 'stopped' | 'idle' | 'limit' | 'until';

/** Everything, to come back to. */
export interface Snapshot32 {
  readonly cpus: readonly Cpu32State[];
  readonly memory: MemoryImage;
  readonly activations: HostedImage;
  readonly steps: number;
  readonly arrivals: readonly Arrival[];
  readonly taken: readonly Taken[];
}

/** Exceptions in a row, without an instruction between them, after which a processor gets nowhere. */
const LOCKUP_EXCEPTIONS = 8;
/** Exceptions that are remembered. */
const TAKEN_MAX = 256;
const FETCH = { fetch: true } as const;
const GIVES_VALUE: ReadonlySet<string> = new Set(['r', 'banked', 'mrs', 'mrc', 'mrrc', 'ldr', 'adr']);
const DEFAULT_RAM: readonly RamRange[] = [{ basePa: 0x4000_0000, sizeBytes: 0x2000_0000 }];

/** The word at an address, or why a prefetch abort is taken in its place. */
type Fetched = { readonly word: number } | { readonly fault: Fault32; readonly va: number };

/** See the file. */
export class Machine32 implements Host32 {
  readonly memory: Memory32;
  readonly cpus: readonly Cpu32[];
  readonly program: Program32;
  readonly firmware: Host32['firmware'];
  /** Steps of all processors together. */
  steps = 0;
  arrivals: Arrival[] = [];
  /** The last exceptions, oldest first. */
  taken: Taken[] = [];
  private readonly activations: Activations;
  private readonly landmarks: ReadonlySet<string>;

  constructor({ program, cpus = 1, features = {}, ram = DEFAULT_RAM, landmarks = [], firmware }: Machine32Options) {
    const all: Features32 = { el2: true, el3: true, gicv3: true, unalignedBranch: 'fault', ...features };
    this.program = program;
    this.memory = new Memory32(ram);
    this.cpus = Array.from({ length: cpus }, (_, index) => new Cpu32(index, all));
    this.activations = new Activations(program.hosted);
    this.landmarks = new Set(landmarks);
    this.firmware = firmware && ((cpu) => firmware(this, cpu));
    for (const cpu of this.cpus)
      cpu.onException = (kind, from, returnAddress) => {
        this.taken.push({ kind, cpu: cpu.index, from, to: cpu.cpsr, returnAddress, vector: cpu.pc });
        if (this.taken.length > TAKEN_MAX) this.taken.shift();
      };
  }

  // --- setting up ---

  /** Writes an image into memory. */
  place(image: string, pa: number): void {
    this.program.image(image).words.forEach((word, n) => {
      this.memory.setWord(pa + 4 * n, word);
    });
  }
  /** Switches a processor on: everything in its reset state, then PC, mode, masks set, and registers. */
  powerOn(index: number, { pc, mode, r = [] }: { pc: number; mode: number; r?: readonly number[] }): void {
    const cpu = this.cpus[index]!;
    this.powerOff(index);
    cpu.state.power = 'on';
    // Firmware has left HVC enabled for the Non-secure world, which the kernel starts in.
    if (cpu.features.el3) cpu.setCp('SCR', 0x101, false);
    cpu.cpsr = mode | PSR.AIF | (pc & 1 ? PSR.T : 0);
    cpu.pc = pc & ~1;
    r.forEach((value, n) => {
      cpu.setR(n, value);
    });
  }
  /** Switches a processor off: its state is lost. */
  powerOff(index: number): void {
    const cpu = this.cpus[index]!;
    for (const { id } of cpu.state.frames) this.endActivation(id);
    const { lines } = cpu.state;
    cpu.state = { ...resetState(index), lines };
  }
  private endActivation(id: number): void {
    const found = this.activations.get(id);
    if (found) this.activations.end(found);
  }

  // --- what comes from outside ---

  /** Sets a line into a processor; level. */
  line(cpu: number, line: Line32, level = true): void {
    this.cpus[cpu]!.state.lines[line] = level;
  }
  /** The next instruction of a processor is UNDEFINED, as where a BUG() stands. */
  breakNext(cpu: number): void {
    this.cpus[cpu]!.state.brokenNext = true;
  }

  // --- Host32 ---

  sendEvent(): void {
    for (const { state } of this.cpus) {
      state.event = true;
      if (state.waiting === 'wfe') state.waiting = undefined;
    }
  }
  sendInterrupt(targets: number): void {
    for (const { index } of this.cpus) if ((targets >>> index) & 1) this.line(index, 'irq');
  }
  addressOf(cpu: Cpu32, symbol: string): number {
    const at = this.codeAt(cpu);
    if (at?.kind !== 'code') throw new Error('assertion: an effect of code that is not there');
    const image = this.program.image(at.image);
    return image.address(symbol, (cpu.pc - 4 * at.index - image.offset(at.name)) >>> 0) >>> 0;
  }

  // --- running ---

  /** Runs all processors in turn, a step each. */
  run({ steps = 20_000, until }: { steps?: number; until?: () => boolean } = {}): End32 {
    const limit = this.steps + steps;
    while (this.steps < limit) {
      let moved = false;
      for (const cpu of this.cpus) {
        if (until?.()) return 'until';
        const wasStopped = cpu.state.stopped;
        moved = this.step(cpu.index) || moved;
        if (cpu.state.stopped !== wasStopped) return 'stopped';
      }
      if (!moved) return 'idle';
    }
    return until?.() ? 'until' : 'limit';
  }

  /** One step of a processor; false when it takes none. What is pending is taken at the boundary before it. */
  step(index: number): boolean {
    const cpu = this.cpus[index]!;
    const { state } = cpu;
    if (state.power === 'off' || state.stopped !== undefined) return false;
    this.takePending(index);
    if (state.waiting !== undefined) return false;
    this.steps++;
    if (state.brokenNext) {
      state.brokenNext = false;
      takeException(cpu, 'undefined');
    } else if (cpu.cpsr & PSR.IL) takeException(cpu, 'undefined', { ec: HSR_EC.IllegalState });
    else this.instruction(cpu);
    if (state.exceptionsInARow > LOCKUP_EXCEPTIONS)
      state.stopped = `lockup: exception after exception at 0x${cpu.pc.toString(16)}, ${psrText(cpu.cpsr)}`;
    return true;
  }

  /** What a boundary does: ends a wait, and takes the interrupt or abort that is pending and not masked. */
  takePending(index: number): void {
    const cpu = this.cpus[index]!;
    const { lines, waiting } = cpu.state;
    const virtual = pendingVirtual(cpu);
    if (waiting === 'wfi' || waiting === 'wfe') {
      if (lines.irq || lines.fiq || lines.serror || virtual) cpu.state.waiting = undefined;
    }
    const physical = (['serror', 'fiq', 'irq'] as const).find((one) => lines[one] && !masked(cpu, one));
    const kind = physical ?? virtual;
    if (!kind) return;
    // An asynchronous abort is an edge: it is taken once.
    if (kind === 'serror') lines.serror = false;
    if (kind === 'virtualAbort') cpu.setCp('HCR', cpu.cp32('HCR') & ~0x100);
    takeException(cpu, kind);
  }

  private codeAt(cpu: Cpu32): Decoded | undefined {
    const at = this.fetch(cpu, cpu.pc);
    return 'word' in at ? this.program.decode(at.word, (cpu.cpsr & PSR.T) !== 0) : undefined;
  }
  private fetch(cpu: Cpu32, pc: number): Fetched {
    if (!(cpu.cpsr & PSR.T) && pc & 3) return { fault: { status: FAULT.alignment }, va: pc };
    if (!(pc & 2)) return this.word(cpu, pc);
    const low = this.word(cpu, pc - 2);
    const high = 'fault' in low ? low : this.word(cpu, (pc + 2) >>> 0);
    if ('fault' in low || 'fault' in high) return high;
    return { word: ((high.word << 16) | (low.word >>> 16)) >>> 0 };
  }
  private word(cpu: Cpu32, va: number): Fetched {
    const at = translate(cpu, this.memory, va, FETCH);
    if ('fault' in at) return { ...at, va };
    return this.memory.has(at.pa) ? { word: this.memory.word(at.pa) } : { fault: { status: FAULT.external }, va };
  }

  private instruction(cpu: Cpu32): void {
    const at = this.fetch(cpu, cpu.pc);
    if ('fault' in at) return takeException(cpu, 'prefetchAbort', at);
    const found = this.program.decode(at.word, (cpu.cpsr & PSR.T) !== 0);
    // Memory that is no code of the model: taken as UNDEFINED.
    if (!found) return takeException(cpu, 'undefined');
    if (found.kind === 'branch') {
      if (found.offset === 0) cpu.state.waiting = 'spin';
      cpu.pc = cpu.pc + found.offset;
      return;
    }
    this.hosted(cpu, found);
  }

  private hosted(cpu: Cpu32, at: Decoded & { kind: 'code' }): void {
    const activation = this.activationAt(cpu, at);
    if (!activation) {
      cpu.state.stopped = `wild: it goes on in the middle of ${at.image}.${at.name}, where nothing was interrupted`;
      return;
    }
    const asked = activation.effect();
    if ('finished' in asked) {
      this.end(cpu, activation);
      if (asked.result !== undefined) cpu.setR(0, Number(asked.result));
      const lr = Number(activation.entry.lr);
      cpu.cpsr = lr & 1 ? cpu.cpsr | PSR.T : cpu.cpsr & ~PSR.T;
      cpu.pc = lr & ~1;
      cpu.state.exceptionsInARow = 0;
      return;
    }
    const { pc } = cpu;
    const verdict = execute(this, cpu, asked as unknown as Effect32);
    if (verdict === 'away') {
      // Done again from the start, it is the same as if it had not begun.
      if (activation.yieldIndex === 0 && (asked as unknown as Effect32).op !== 'call') this.end(cpu, activation);
      return;
    }
    cpu.state.exceptionsInARow = 0;
    if (verdict === 'over') return this.end(cpu, activation);
    activation.completed(verdict.result);
    if (activation.yieldIndex >= FUNCTION_WORDS)
      throw new Error(
        `assertion: ${activation.name} has more effects than words; end a round of a loop by bx(adr(..))`,
      );
    cpu.pc = pc + 4;
  }

  /** The activation that the word at PC is of: a new one for the first word, else the newest that was interrupted there. */
  private activationAt(cpu: Cpu32, { image, name, index }: Decoded & { kind: 'code' }): Activation | undefined {
    const full = `${image}.${name}`;
    const base = (cpu.pc - 4 * index) >>> 0;
    if (index === 0) {
      const r = [0, 1, 2, 3].map((n) => cpu.r(n));
      const made = this.activations.enter(full, { pe: cpu.index, x: r.map(BigInt), lr: BigInt(cpu.r(14)) });
      cpu.state.frames.push({ id: made.id, base });
      if (this.landmarks.has(full)) this.arrive(cpu, full, r);
      return made;
    }
    for (const frame of [...cpu.state.frames].reverse()) {
      const a = this.activations.get(frame.id);
      if (a?.name !== full || frame.base !== base) continue;
      if (a.yieldIndex === index) return a;
      if (a.yieldIndex + 1 !== index) continue;
      if (this.skipped(cpu, a)) return a;
    }
    return undefined;
  }
  /** A call has come back, or somebody did an instruction in its place: registers say what it gave. */
  private skipped(cpu: Cpu32, a: Activation): boolean {
    const asked = a.effect();
    if ('finished' in asked) return false;
    const { op } = asked as unknown as Effect32;
    if (op === 'call') a.completed([0, 1, 2, 3].map((n) => BigInt(cpu.r(n))));
    else a.completed(GIVES_VALUE.has(op) ? BigInt(cpu.r(0)) : undefined);
    return true;
  }
  private arrive(cpu: Cpu32, name: string, r: readonly number[]): void {
    this.arrivals.push({
      name,
      cpu: cpu.index,
      pc: cpu.pc,
      cpsr: cpu.cpsr,
      r,
      hsctlr: cpu.cp32('HSCTLR'),
      sctlr: cpu.cp32('SCTLR'),
      hvbar: cpu.cp32('HVBAR'),
      steps: this.steps,
    });
  }
  private end(cpu: Cpu32, activation: Activation): void {
    this.activations.end(activation);
    cpu.state.frames = cpu.state.frames.filter(({ id }) => id !== activation.id);
  }

  /** What a processor is at: `kernel.panic+0x8`, or an address. */
  where(index: number): string {
    const cpu = this.cpus[index]!;
    const at = this.codeAt(cpu);
    const { pc } = cpu;
    if (at?.kind !== 'code') return `0x${pc.toString(16)}${at ? ' (vector)' : ''}`;
    return `${at.image}.${at.name}+0x${(4 * at.index).toString(16)}`;
  }

  // --- snapshots ---

  snapshot(): Snapshot32 {
    return {
      cpus: this.cpus.map(({ state }) => copyState(state)),
      memory: this.memory.image(),
      activations: this.activations.image(),
      steps: this.steps,
      arrivals: [...this.arrivals],
      taken: [...this.taken],
    };
  }
  restore({ cpus, memory, activations, steps, arrivals, taken }: Snapshot32): void {
    cpus.forEach((state, n) => {
      this.cpus[n]!.state = copyState(state);
    });
    this.memory.load(memory);
    this.activations.load(activations);
    this.steps = steps;
    this.arrivals = [...arrivals];
    this.taken = [...taken];
  }
}
