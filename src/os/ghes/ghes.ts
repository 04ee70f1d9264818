/**
 * Hardware errors that firmware sees first, taken by an operating system: the handler of generic hardware error sources
 * as Linux has had it since 5.1 (5.8 for synchronous errors), with the designs before it as variants.
 *
 * Source: ACPI Specification 6.5, "Generic Hardware Error Source"; the items of docs/guide/ghes.md. Runs as hosted code
 * on a kernel of the kit; all it knows while it runs is in guest memory.
 */
import { type Hosted, load, msrImmediate, store } from '../../engine/hosted/effects.ts';
import { HostedProgram } from '../../engine/hosted/program.ts';
import type { Cpu } from '../kit/cpu.ts';
import { FRAME, type Frame, restoreFrame, saveFrame } from '../kit/frame.ts';
import type { Kernel, KernelFunction } from '../kit/kernel.ts';
import { BOARD } from '../kit/layout.ts';
import { setTimer, stopTimer } from '../kit/timer.ts';
import { enableMmu } from './fixmap.ts';
import { ARENA, GHES_SGI, type GhesVariant, NOTIFY, PROBE, SOURCE, SOURCE_BYTES } from './layout.ts';
import { FIFO_BYTES, kickMemoryFailure, POISONED_MAX } from './memory-failure.ts';
import { handleSerror, handleSync, sourcesOf } from './notify.ts';
import { initGhes } from './probe.ts';
import { ghesProcLocked } from './process.ts';
import { runWork } from './queue.ts';
import { within } from './report.ts';
import { directSdei, type GhesSdei } from './sdei.ts';

/** What the handler is told. */
export interface GhesOptions {
  /** Where the HEST lies. */
  readonly hestPa: bigint;
  /** Bytes of RAM, for what may be an address of it; default 16 MiB. */
  readonly memoryBytes?: bigint;
  readonly variants?: readonly GhesVariant[];
  /** Interrupts that sources with notification type 1 may name. */
  readonly interrupts?: readonly number[];
  /** The generic event device through which sources of types 3, 7 and 10 notify: its interrupt and its selector. */
  readonly ged?: { readonly intid: number; readonly selectorPa: bigint };
  /** False leaves the kernel's timer alone: polled sources are then looked at once. */
  readonly polling?: boolean;
  /** What kernel code does after an abort that was claimed; true to go on. Without it such aborts are not offered. */
  readonly fixup?: (cpu: Cpu, frame: Frame) => Hosted<boolean>;
  /** What EL0 does after an abort that was claimed; default: the same instruction again. */
  readonly afterUserSea?: (cpu: Cpu, frame: Frame) => Hosted<boolean>;
  /** What becomes of a page that is taken away; default: it was free. */
  readonly memoryFailure?: (cpu: Cpu, pfn: bigint, flags: bigint) => Hosted;
  /**
   * Who takes pages away later, when nobody had to wait for it: an interrupt, as soon as interrupts are in, or the
   * kernel, which calls `takePagesAway` in a thread as Linux does in a worker. Default: an interrupt.
   */
  readonly pages?: 'interrupt' | 'kernel';
  /** Called first in each handler of an SDEI event. */
  readonly inSdei?: (cpu: Cpu, critical: boolean) => Hosted;
}

const RAM_BYTES_DEFAULT = 0x100_0000n;
/** Words of the handler, and their bytes. */
const WORDS = {
  sourceCount: 8,
  poolBytes: 8,
  lockIrq: 8,
  /** Locks of the kinds of notification, by window. */
  locks: 64,
  /** Locks of the older design. */
  lockNmi: 8,
  lockCopyIrq: 8,
  queue: 8,
  printed: 8,
  rateCorrected: 24,
  rateWorse: 24,
  rateWarn: 24,
  cache: 32,
  cacheReaders: 8,
  cacheObjects: 8,
  cacheRetired: 8,
  poisonedCount: 8,
  poisoned: Number(POISONED_MAX) * 8,
} as const;
const PER_CPU = { workPending: 8, taskWork: 8, fifo: FIFO_BYTES } as const;
type Words = Readonly<Record<keyof typeof WORDS | keyof typeof PER_CPU, bigint>>;

/**
 * The handler on a kernel. Make it before the kernel's program, which it makes itself; call `init` in `main`.
 *
 * @example
 * const ghes = new Ghes(kernel, { hestPa: 0x40c0_0000n });
 * const program = ghes.program({ *main(cpu) { yield* ghes.init(cpu); } });
 */
export class Ghes {
  readonly kernel: Kernel;
  readonly options: GhesOptions;
  /** Addresses of words; for those of a CPU offsets in its area. */
  readonly words: Words;
  readonly sdei: GhesSdei;
  readonly names = { hotplug: 'ghes' } as const;
  private readonly variants: ReadonlySet<GhesVariant>;

  constructor(kernel: Kernel, options: GhesOptions) {
    this.kernel = kernel;
    this.options = options;
    this.variants = new Set(options.variants);
    const globals = Object.entries(WORDS).map(([name, bytes]) => [name, kernel.variable(`ghes.${name}`, bytes)]);
    const own = Object.entries(PER_CPU).map(([name, bytes]) => [name, kernel.perCpu(`ghes.${name}`, bytes)]);
    this.words = Object.fromEntries([...globals, ...own]) as Words;
    this.sdei = directSdei(this);
    this.declare();
  }

  /** What the kernel is to do for it. */
  private declare(): void {
    const { kernel, options } = this;
    const ghes = this;
    kernel.onSync((cpu, frame, esr) => handleSync(ghes, cpu, frame, esr));
    kernel.onInterrupt(GHES_SGI.WORK, (cpu) => runWork(ghes, cpu));
    kernel.onInterrupt(GHES_SGI.MEMORY_FAILURE, (cpu) => kickMemoryFailure(ghes, cpu, cpu.pe));
    for (const intid of options.interrupts ?? []) kernel.onInterrupt(intid, (cpu) => ghes.external(cpu, intid));
    if (options.ged) kernel.onInterrupt(options.ged.intid, (cpu) => ghes.shared(cpu));
    if (options.polling !== false) kernel.onInterrupt(kernel.timerIntid, (cpu) => ghes.poll(cpu));
    // Windows are there before an SDEI client lets the first event in.
    kernel.onHotplug(this.names.hotplug, { up: enableMmu, *down() {} }, { first: true });
    kernel.pmHooks.unshift({ *enter() {}, exit: enableMmu });
    const { el } = kernel.options;
    kernel.addFunction('ghesSerror', function* ({ pe }) {
      const frame = yield* saveFrame(pe, el);
      const cpu = yield* kernel.here(pe, 'irq');
      yield* cpu.irq.enter(frame.pa);
      yield* handleSerror(ghes, cpu, frame);
      yield* msrImmediate('DAIFSet', 15);
      yield* cpu.irq.leave(frame.pa);
      yield* restoreFrame(frame, el);
    });
  }

  /** The kernel's program, with a vector for SErrors. */
  program(functions: { readonly main: KernelFunction } & Readonly<Record<string, KernelFunction>>): HostedProgram {
    const own = this.kernel.program(functions);
    const spx = { sync: 'kitSync', irq: 'kitIrq', fiq: 'kitFiq', serror: 'ghesSerror' };
    // The same names in the same order: addresses are those that the kernel knows.
    return new HostedProgram({
      functions: Object.fromEntries(own.functions),
      vectors: { kit: { currentSp0: spx, currentSpx: spx, lower64: spx, lower32: spx } },
    });
  }

  /** Reads the HEST and brings its sources to life; gives how many live. In a thread, once. */
  init(cpu: Cpu): Hosted<number> {
    return initGhes(this, cpu);
  }
  /** Takes the pages away that wait for it on this CPU. In a thread. */
  takePagesAway(cpu: Cpu): Hosted {
    return kickMemoryFailure(this, cpu, cpu.pe);
  }
  /** A design that is in force. */
  variant(name: GhesVariant): boolean {
    return this.variants.has(name);
  }
  /** An address of RAM. */
  isMemory(pa: bigint): boolean {
    const { memoryBytes = RAM_BYTES_DEFAULT } = this.options;
    return pa >= BOARD.ramPa && pa < BOARD.ramPa + memoryBytes;
  }
  /** All sources of the table. */
  *sources(): Hosted<bigint[]> {
    const count = yield* load(this.words.sourceCount);
    return Array.from({ length: Number(count) }, (_, n) => ARENA.sourcesPa + BigInt(n) * SOURCE_BYTES);
  }
  /** The mask that an exception interrupted, where priorities mask. */
  *framePmr(frame: Frame): Hosted<bigint> {
    return yield* load(frame.pa + FRAME.pmr);
  }
  /** A warning; whoever asks for it, it is said, as long as there are not too many. */
  *warn(cpu: Cpu, text: string): Hosted {
    if (yield* within(cpu, this.words.rateWarn)) yield* cpu.print(`GHES: ${text}\n`);
  }

  // --- notifications that interrupts bring ---

  private *external(cpu: Cpu, intid: number): Hosted {
    for (const source of yield* sourcesOf(this, NOTIFY.external))
      if ((yield* load(source + SOURCE.vector)) === BigInt(intid)) yield* ghesProcLocked(this, cpu, source);
  }
  private *shared(cpu: Cpu): Hosted {
    yield* load(this.options.ged!.selectorPa, 4);
    for (const source of yield* sourcesOf(this, NOTIFY.SCI, NOTIFY.GPIO, NOTIFY.GSIV))
      yield* ghesProcLocked(this, cpu, source);
  }

  private *poll(cpu: Cpu): Hosted {
    yield* stopTimer();
    const nowNs = yield* cpu.timeNs();
    for (const source of yield* sourcesOf(this, NOTIFY.polled)) {
      const next = yield* load(source + SOURCE.nextPollNs);
      if (next === 0n || next > nowNs) continue;
      yield* ghesProcLocked(this, cpu, source);
      yield* store(source + SOURCE.nextPollNs, nowNs + (yield* load(source + SOURCE.pollMs)) * 1_000_000n);
    }
    yield* this.armPoll(cpu);
  }
  /** Rings when the next source is due. */
  *armPoll(cpu: Cpu): Hosted {
    const nowNs = yield* cpu.timeNs();
    let due: bigint | undefined;
    for (const source of yield* this.sources()) {
      if ((yield* load(source + SOURCE.state)) !== PROBE.live) continue;
      const next = yield* load(source + SOURCE.nextPollNs);
      if (next !== 0n && (due === undefined || next < due)) due = next;
    }
    if (due !== undefined && this.options.polling !== false) yield* setTimer(cpu, due > nowNs ? due - nowNs : 1n);
  }
}
