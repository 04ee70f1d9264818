/** The CPU that a piece of kernel code runs on, as that code sees it: in locals, with everything that needs to know. */
import {
  callAt,
  compareAndSwap,
  type Hosted,
  hint,
  load,
  lock,
  mrs,
  store,
  unlock,
} from '../../engine/hosted/effects.ts';
import type { IrqFlags } from '../irqflags/flags.ts';
import type { Kernel } from './kernel.ts';
import { AREA, areaOf, BOARD } from './layout.ts';
import { panic } from './panic.ts';
import { psci, psciFinal } from './psci.ts';
import { callOn, runOn, serveWork, WORK } from './smp.ts';

/** What interrupted what: a thread may wait; interrupts and NMIs may not. */
export type ExecutionContext = 'thread' | 'irq' | 'nmi';

/** PL011 registers. DDI 0183, "Summary of registers". */
const UART = { DR: 0n, FR: 0x18n } as const;
const UART_TXFF = 0x20n;

/** The running CPU. Made anew by each entry into the kernel, so that no state is kept outside guest memory. */
export class Cpu {
  readonly kernel: Kernel;
  readonly pe: number;
  /** First byte of its area. */
  readonly area: bigint;
  readonly irq: IrqFlags;
  readonly context: ExecutionContext;

  constructor(kernel: Kernel, pe: number, irq: IrqFlags, context: ExecutionContext) {
    this.kernel = kernel;
    this.pe = pe;
    this.area = areaOf(pe);
    this.irq = irq;
    this.context = context;
  }

  /** The same CPU in another context. */
  in(context: ExecutionContext): Cpu {
    return new Cpu(this.kernel, this.pe, this.irq, context);
  }
  /** What this CPU writes into a lock it holds. */
  get owner(): bigint {
    return BigInt(this.pe + 1);
  }
  /** A System register of the kernel's Exception level, such as `ELR`. */
  reg(name: string): string {
    return `${name}_EL${this.kernel.options.el}`;
  }

  // --- memory ---

  /** Address of this CPU's copy of a per-CPU variable. */
  at(offset: bigint): bigint {
    return this.area + offset;
  }
  /** Adds to a word of this CPU; nothing but this CPU may write it. */
  *add(offset: bigint, n: bigint): Hosted<bigint> {
    const value = (yield* load(this.area + offset)) + n;
    yield* store(this.area + offset, value);
    return value;
  }

  // --- locks ---

  /** Takes a spin lock with interrupts out; gives the flags for `spinUnlock`. */
  *spinLock(va: bigint): Hosted<bigint> {
    const flags = yield* this.irq.saveAndDisable();
    yield* lock(va, this.owner);
    return flags;
  }
  *spinUnlock(va: bigint, flags: bigint): Hosted {
    yield* unlock(va);
    yield* this.irq.restore(flags);
  }
  /** Takes a mutex: threads alone may, and while they wait they do what other CPUs want of them. */
  *mutexLock(va: bigint): Hosted {
    if (this.context !== 'thread') yield* this.panic('a mutex was taken outside a thread');
    while ((yield* compareAndSwap(va, 0n, this.owner)) !== 0n) {
      yield* store(this.area + AREA.waitsFor, va);
      yield* this.relax();
    }
    yield* store(this.area + AREA.waitsFor, 0n);
  }
  *mutexUnlock(va: bigint): Hosted {
    yield* unlock(va);
  }
  /** One round of a loop that waits for another CPU. */
  *relax(): Hosted {
    if (this.context === 'thread') yield* serveWork(this, false);
    yield* hint('yield');
  }

  /** Waits until a word that another CPU writes has a value. */
  *waitFor(pe: number, va: bigint, value: bigint): Hosted {
    if ((yield* load(va)) === value) return;
    yield* store(this.area + AREA.waitsForCpu, BigInt(pe + 1));
    while ((yield* load(va)) !== value) yield* this.relax();
    yield* store(this.area + AREA.waitsForCpu, 0n);
  }

  // --- console ---

  /** Writes to the console; lines of different CPUs do not mix, except out of NMIs, which take no lock. */
  *print(text: string): Hosted {
    if (this.context === 'nmi') return yield* writeUart(text);
    const flags = yield* this.spinLock(this.kernel.words.console);
    yield* writeUart(text);
    yield* this.spinUnlock(this.kernel.words.console, flags);
  }
  /** Writes without the lock, for when nothing works any more. */
  *printNow(text: string): Hosted {
    yield* writeUart(text);
  }
  /** A character that was typed, or undefined. */
  *readChar(): Hosted<number | undefined> {
    const empty = (yield* load(BOARD.uartPa + UART.FR, 4)) & 0x10n;
    return empty ? undefined : Number((yield* load(BOARD.uartPa + UART.DR, 4)) & 0xffn);
  }

  // --- time ---

  /** Virtual time in ns since power-on. */
  *timeNs(): Hosted<bigint> {
    return (yield* mrs('CNTVCT_EL0')) * BOARD.counterNs;
  }
  /** Waits for so many ns, doing what other CPUs want meanwhile. */
  *delay(ns: bigint): Hosted {
    const end = (yield* this.timeNs()) + ns;
    while ((yield* this.timeNs()) < end) yield* this.relax();
  }

  // --- other CPUs ---

  /** Bits of the CPUs that are up. */
  *online(): Hosted<number> {
    let mask = 0;
    for (let pe = 0; pe < this.kernel.options.cpus; pe++)
      if ((yield* load(areaOf(pe) + AREA.online)) === 1n) mask |= 1 << pe;
    return mask;
  }
  /**
   * Runs a cross-call function on CPUs, in interrupt context and all at the same time, and waits for it.
   *
   * @param cpus - a bit each; those that are not up are left out. Default: all that are up
   * @returns results by CPU
   */
  *callOn(name: string, argument = 0n, cpus = -1): Hosted<readonly (bigint | undefined)[]> {
    return yield* callOn(this, name, argument, cpus);
  }
  /** Brings a CPU up; 0, or PSCI's error. */
  *cpuOn(pe: number): Hosted<bigint> {
    const { words, options } = this.kernel;
    yield* this.mutexLock(words.hotplug);
    const error = yield* psci(options.conduit, 'CPU_ON', BigInt(pe), this.kernel.address('kitSecondary'), BigInt(pe));
    if (error === 0n) yield* this.waitFor(pe, areaOf(pe) + AREA.online, 1n);
    yield* this.mutexUnlock(words.hotplug);
    return error;
  }
  /** Takes another CPU down, which must have nothing but its idle loop to do. */
  *cpuOff(pe: number): Hosted {
    const { words, options } = this.kernel;
    yield* this.mutexLock(words.hotplug);
    yield* runOn(this, pe, WORK.OFFLINE, 0n);
    while ((yield* psci(options.conduit, 'AFFINITY_INFO', BigInt(pe), 0n)) !== 1n) yield* this.relax();
    yield* this.mutexUnlock(words.hotplug);
  }
  /** From now on a hotplug callback runs when a CPU comes and goes; its `up` runs now on all that are up. */
  *installHotplug(name: string): Hosted {
    yield* this.mutexLock(this.kernel.words.hotplug);
    yield* this.installHotplugLocked(name);
    yield* this.mutexUnlock(this.kernel.words.hotplug);
  }
  /** As `installHotplug` by who holds the hotplug lock. */
  *installHotplugLocked(name: string): Hosted {
    const n = this.kernel.hotplugIndex(name);
    yield* store(this.kernel.words.installed + BigInt(8 * n), 1n);
    yield* this.onEach(WORK.UP, n);
  }
  /** Inverse of `installHotplug`: its `down` runs now on all CPUs that are up. */
  *removeHotplug(name: string): Hosted {
    yield* this.mutexLock(this.kernel.words.hotplug);
    yield* this.removeHotplugLocked(name);
    yield* this.mutexUnlock(this.kernel.words.hotplug);
  }
  /** As `removeHotplug` by who holds the hotplug lock. */
  *removeHotplugLocked(name: string): Hosted {
    const n = this.kernel.hotplugIndex(name);
    const word = this.kernel.words.installed + BigInt(8 * n);
    if ((yield* load(word)) === 0n) return;
    yield* this.onEach(WORK.DOWN, n);
    yield* store(word, 0n);
  }
  private *onEach(work: bigint, n: number): Hosted {
    const online = yield* this.online();
    for (let pe = 0; pe < this.kernel.options.cpus; pe++)
      if (online & (1 << pe)) yield* runOn(this, pe, work, BigInt(n));
  }

  // --- power ---

  /**
   * PSCI CPU_SUSPEND with the hooks before and after, until something wakes this CPU; 0, or PSCI's error.
   *
   * @param powerdown - the CPU loses its state and comes back through the kernel's entry; else it stands by
   */
  *suspend(powerdown: boolean): Hosted<bigint> {
    // With everything masked by DAIF alone: what the GIC holds back would not wake the CPU.
    const daif = yield* this.irq.daifSave();
    yield* this.irq.daifMask();
    for (const hook of this.kernel.pmHooks) yield* hook.enter(this);
    const [result] = yield* callAt(this.kernel.address('kitSuspend'), powerdown ? 1n : 0n);
    for (const hook of this.kernel.pmHooks) yield* hook.exit(this);
    yield* this.irq.daifRestore(daif);
    return BigInt.asIntN(32, result!);
  }

  // --- the end ---

  /** Powers the machine off; the activation ends. */
  *off(): Hosted {
    yield* psciFinal(this.kernel.options.conduit, 'SYSTEM_OFF');
  }
  /** Says what is wrong and stops every CPU; does not come back. */
  *panic(message: string): Hosted<never> {
    return yield* panic(this, message);
  }
}

function* writeUart(text: string): Hosted {
  for (let n = 0; n < text.length; n++) {
    while ((yield* load(BOARD.uartPa + UART.FR, 4)) & UART_TXFF) yield* hint('yield');
    yield* store(BOARD.uartPa + UART.DR, BigInt(text.charCodeAt(n) & 0xff), 1);
  }
}
