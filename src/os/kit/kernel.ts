/**
 * A kernel out of parts: vectors with register frames, per-CPU data, interrupts, timers, console, other CPUs, panic.
 *
 * What a kernel of some dozens of lines is made with. It runs at EL1 (or EL2, as a hypervisor's host does) with the
 * MMU off. All that changes while it runs is in guest memory.
 */
import { type Hosted, load } from '../../engine/hosted/effects.ts';
import { type HostedFunction, HostedProgram } from '../../engine/hosted/program.ts';
import { irqFlags } from '../irqflags/flags.ts';
import { bootFunctions } from './boot.ts';
import { Cpu, type ExecutionContext } from './cpu.ts';
import { entryFunctions } from './entry.ts';
import type { Frame } from './frame.ts';
import { GICV2, GICV3, type GicDriver } from './gic.ts';
import { BOARD, KIT_CPUS_MAX, perCpuVariables, variables } from './layout.ts';
import type { Conduit } from './psci.ts';

/** What a kernel is told; everything has a default. */
export interface KernelOptions {
  /** CPUs it brings up, 1 to 8; default 1. */
  readonly cpus?: number;
  /** Version of the interrupt controller it finds; default 3. */
  readonly gic?: 2 | 3;
  /** Exception level it runs at; default 1. A kernel for EL1 that is entered at EL2 drops to EL1. */
  readonly el?: 1 | 2;
  /** At EL2 it is a host: HCR_EL2 has E2H and TGE, and the names of EL1 are EL2's. Default false. */
  readonly vhe?: boolean;
  /** Instruction that reaches the firmware; default SMC. */
  readonly conduit?: Conduit;
  /** `irqchip.gicv3_pseudo_nmi=1`: interrupts are masked by priority where the GIC can; default false. */
  readonly pseudoNmi?: boolean;
  /** The proposal of 2015 in place of what became of it. */
  readonly rfcMasking?: boolean;
}

/** Handler of an interrupt or NMI. */
export type InterruptHandler = (cpu: Cpu, intid: number) => Hosted<unknown>;
/** A named function of the kernel; `x` are X0 to X7, or what `become` gave. */
export type KernelFunction = (cpu: Cpu, x: readonly bigint[]) => Hosted<unknown>;
/** Function that `Cpu.callOn` runs. */
export type CrossCall = (cpu: Cpu, argument: bigint) => Hosted<bigint | undefined>;
/** What is done when a CPU has come up, and before it goes down, both on that CPU in its thread. */
export interface HotplugCallback {
  up(cpu: Cpu): Hosted;
  down(cpu: Cpu): Hosted;
}
/** Handler of a synchronous exception; true when it was dealt with and the frame is to be returned to. */
export type SyncHandler = (cpu: Cpu, frame: Frame, esr: bigint) => Hosted<boolean>;
/**
 * Handler of an SError, which comes as an NMI does, into code that had interrupts out too; `cpu.context` is `nmi`. True
 * when it was dealt with and the frame is to be returned to.
 */
export type SerrorHandler = (cpu: Cpu, frame: Frame, esr: bigint) => Hosted<boolean>;
/** Work that a program at EL0 waits for. */
export interface ReturnToUserHook {
  /** There is some on this CPU. Asked with everything masked, last before the return and after every `work`. */
  pending(cpu: Cpu): Hosted<boolean>;
  /** Does it, in the thread of the program with interrupts in, as `frame` is going to be returned to. */
  work(cpu: Cpu, frame: Frame): Hosted;
}

/** Hotplug callbacks there is room for. */
const HOTPLUG_MAX = 16;
/** Bytes of what is known of each interrupt: see `irqflags/nmi.ts`. */
export const DESCRIPTOR_BYTES = 0x20n;
/** INTIDs that have one. */
export const DESCRIPTORS = 256;

/**
 * The parts of one kernel: declare what it does, then make the program.
 *
 * @example
 * const kernel = new Kernel({ cpus: 2 });
 * const program = kernel.program({ *main(cpu) { yield* cpu.print('hello\n'); } });
 * Machine.create({ hosted: program, entry: kernel.entry, cpus: 2 });
 */
export class Kernel {
  readonly options: Required<KernelOptions>;
  readonly gic: GicDriver;
  /** Hosted function with which PE 0 starts. */
  readonly entry: string = 'kitBoot';
  /** Called on a CPU that stops for good, `last` on the one that panics, after the others. */
  readonly stopHooks: ((cpu: Cpu, last: boolean) => Hosted)[] = [];
  /** What is done before a CPU is suspended, and when it is back. */
  readonly pmHooks: { enter(cpu: Cpu): Hosted; exit(cpu: Cpu): Hosted }[] = [];
  /** What is done on CPU 0 before `main`, the other CPUs being up. */
  readonly initCalls: ((cpu: Cpu) => Hosted)[] = [];
  private readonly globals = variables();
  private readonly perCpus = perCpuVariables();
  /** Words of the kit. */
  readonly words: Readonly<Record<KitWord, bigint>>;
  private readonly interrupts = new Map<number, InterruptHandler>();
  private readonly nmis = new Map<number, InterruptHandler>();
  private readonly calls = new Map<string, CrossCall>();
  private readonly hotplugs = new Map<string, HotplugCallback>();
  private readonly extra: Record<string, HostedFunction> = {};
  private syncs: SyncHandler[] = [];
  private readonly serrors: SerrorHandler[] = [];
  private readonly returns: ReturnToUserHook[] = [];
  private secondary: KernelFunction | undefined;
  /** Per-CPU word: frame of what the innermost NMI interrupted. */
  readonly nmiFrame: bigint = this.perCpus.take('kit.nmiFrame');
  private made: HostedProgram | undefined;

  /** @throws RangeError for a number of CPUs that cannot be */
  constructor(options: KernelOptions = {}) {
    const { cpus = 1, gic = 3, el = 1, vhe = false, conduit = 'smc', pseudoNmi = false, rfcMasking = false } = options;
    if (!Number.isInteger(cpus) || cpus < 1 || cpus > KIT_CPUS_MAX)
      throw new RangeError(
        `kernel of ${cpus} CPUs: the kit has room for 1 to ${KIT_CPUS_MAX}. Choose a number of those.`,
      );
    this.options = { cpus, gic, el, vhe, conduit, pseudoNmi, rfcMasking };
    this.gic = gic === 3 ? GICV3 : GICV2;
    const sizes: Partial<Record<KitWord, bigint>> = {
      installed: BigInt(8 * HOTPLUG_MAX),
      descriptors: DESCRIPTOR_BYTES * BigInt(DESCRIPTORS),
    };
    this.words = Object.fromEntries(
      KIT_WORDS.map((name) => [name, this.globals.take(`kit.${name}`, sizes[name])]),
    ) as Record<KitWord, bigint>;
  }

  // --- data ---

  /** A variable in guest memory, zero at power-on; gives its address. 16-byte aligned. */
  variable(name: string, bytes = 8): bigint {
    return this.globals.take(name, BigInt(bytes));
  }
  /** A variable of which each CPU has its own; gives the offset for `Cpu.at`. */
  perCpu(name: string, bytes = 8): bigint {
    return this.perCpus.take(name, BigInt(bytes));
  }
  /** INTID of this kernel's timer. */
  get timerIntid(): number {
    return this.options.vhe ? BOARD.hypVirtualTimerIntid : BOARD.virtualTimerIntid;
  }

  // --- what it does ---

  /** What is done for an interrupt; enabling it is another matter. */
  onInterrupt(intid: number, handler: InterruptHandler): void {
    this.interrupts.set(intid, handler);
  }
  /** What is done for an interrupt once it was made an NMI. */
  onNmi(intid: number, handler: InterruptHandler): void {
    this.nmis.set(intid, handler);
  }
  /** Adds a handler of synchronous exceptions; they are asked in the order they came, before the kernel panics. */
  onSync(handler: SyncHandler): void {
    this.syncs = [...this.syncs, handler];
  }
  /** Adds a handler of SErrors; they are asked in the order they came, before the kernel panics. */
  onSerror(handler: SerrorHandler): void {
    this.serrors.push(handler);
  }
  /** Adds what is done before a program at EL0 goes on, whatever interrupted it. */
  onReturnToUser(hook: ReturnToUserHook): void {
    this.returns.push(hook);
  }
  /** A function that CPUs can be asked to run, by name. */
  onCall(name: string, f: CrossCall): void {
    this.calls.set(name, f);
  }
  /**
   * Callbacks for CPUs that come and go, by name; they do nothing until installed. They run in the order in which they
   * were declared, and in the opposite order when a CPU goes; one with `first` runs before the others, and after them.
   */
  onHotplug(name: string, callback: HotplugCallback, { first = false } = {}): void {
    if (this.hotplugs.size >= HOTPLUG_MAX) throw new RangeError(`hotplug '${name}': there is room for ${HOTPLUG_MAX}.`);
    const others = [...this.hotplugs];
    if (first) this.hotplugs.clear();
    this.hotplugs.set(name, callback);
    if (first) for (const [other, theirs] of others) this.hotplugs.set(other, theirs);
  }
  /** A function at an address as hosted code has it, without a frame or a stack of its own. */
  addFunction(name: string, f: HostedFunction): void {
    this.extra[name] = f;
  }

  /** @internal */
  interruptHandler(intid: number): InterruptHandler | undefined {
    return this.interrupts.get(intid);
  }
  /** @internal */
  nmiHandler(intid: number): InterruptHandler | undefined {
    return this.nmis.get(intid);
  }
  /** @internal */
  get syncHandlers(): readonly SyncHandler[] {
    return this.syncs;
  }
  /** @internal */
  get serrorHandlers(): readonly SerrorHandler[] {
    return this.serrors;
  }
  /** @internal */
  get returnToUserHooks(): readonly ReturnToUserHook[] {
    return this.returns;
  }
  /** @internal */
  crossCallIndex(name: string): number {
    return indexOf(this.calls, 'cross-call', name);
  }
  /** @internal */
  crossCall(n: number): CrossCall {
    return [...this.calls.values()][n]!;
  }
  /** @internal */
  hotplugIndex(name: string): number {
    return indexOf(this.hotplugs, 'hotplug callback', name);
  }
  /** @internal */
  hotplugCallback(n: number): HotplugCallback {
    return [...this.hotplugs.values()][n]!;
  }
  /** @internal */
  get hotplugCount(): number {
    return this.hotplugs.size;
  }

  // --- the program ---

  /**
   * The program: `main` runs on CPU 0 in a thread, once all CPUs are up; when it ends the machine powers off.
   * `secondary`, where there is one, runs once on each other CPU, which idles afterwards. Others are for `become`,
   * and `crash` is what runs after a panic instead of the power-off.
   */
  program(functions: { readonly main: KernelFunction } & Readonly<Record<string, KernelFunction>>): HostedProgram {
    this.secondary = functions.secondary;
    const own = Object.entries(functions).map(([name, f]) => [name, this.threadFunction(f, name === 'main')]);
    const all = { ...bootFunctions(this), ...entryFunctions(this), ...this.extra, ...Object.fromEntries(own) };
    const spx = { sync: 'kitSync', irq: 'kitIrq', fiq: 'kitFiq', serror: 'kitSerror' };
    this.made = new HostedProgram({
      functions: all,
      vectors: { kit: { currentSp0: spx, currentSpx: spx, lower64: spx, lower32: spx } },
    });
    return this.made;
  }
  private threadFunction(f: KernelFunction, ends: boolean): HostedFunction {
    const kernel = this;
    return function* ({ pe, x }) {
      const cpu = yield* kernel.here(pe, 'thread');
      const result = yield* f(cpu, x);
      if (ends) yield* cpu.off();
      return result;
    };
  }
  /** @internal */
  *runSecondary(cpu: Cpu): Hosted {
    if (this.secondary) yield* this.secondary(cpu, []);
  }
  /** The CPU as code that was just entered finds it. */
  *here(pe: number, context: ExecutionContext): Hosted<Cpu> {
    return new Cpu(this, pe, irqFlags(yield* load(this.words.masking)), context);
  }
  /** The program that was made. @throws Error before it was */
  get hosted(): HostedProgram {
    if (!this.made) throw new Error('kernel: its program has not been made yet. Call program() first.');
    return this.made;
  }
  /** Address of a function of the program. */
  address(name: string): bigint {
    return this.hosted.address(name);
  }
  /** The program has a function of that name. */
  has(name: string): boolean {
    return this.hosted.functions.has(name);
  }
}

/** Words of the kit, by name. */
const KIT_WORDS = [
  'masking',
  /** 1 once the initial calls are done. */
  'ready',
  /** 1 once masking is chosen for good. */
  'patched',
  'console',
  'call',
  'hotplug',
  'installed',
  'panicked',
  /** Exception level at which the firmware entered the kernel. */
  'bootEl',
  'descriptors',
  /** Priorities that make an ordinary interrupt and an NMI, as the distributor wants them. */
  'priorityIrq',
  'priorityNmi',
  /** What the CPU that chose the masking found of its GIC; others are to have the same. */
  'gicConfiguration',
  /** Machine code: the conduit's instruction, and RET. */
  'conduit',
] as const;
type KitWord = (typeof KIT_WORDS)[number];

function indexOf(map: ReadonlyMap<string, unknown>, what: string, name: string): number {
  const n = [...map.keys()].indexOf(name);
  if (n < 0)
    throw new Error(`${what} '${name}': the kernel has none. It has ${[...map.keys()].join(', ') || 'no such'}.`);
  return n;
}
