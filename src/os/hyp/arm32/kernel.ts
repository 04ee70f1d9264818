/**
 * A small 32-bit kernel with KVM, kexec and kdump, in any version of the calls to HYP: hosted code in a machine.
 *
 * What a test or an experiment wants it to do is its `main`, which has the kernel's services at hand.
 */
import { type HypAbi, hypAbi } from '../abi.ts';
import { type BootBuild, goesOnAt, head, headSvc, hypAvailable, startVirtual, turnMmuOn } from './boot.ts';
import { hasKvm, hypGetVectors, hypResetVectors, hypSetVectors } from './calls.ts';
import {
  adr,
  blx,
  bx,
  copyWords,
  cpsid,
  cpsie,
  type Hosted32,
  hint32,
  hvc32,
  ldr,
  mcrr,
  movsPc,
  mrc,
  msr32,
  readR,
  setR,
  smc32,
  stop,
  str,
} from './effects.ts';
import { type KvmLinks, kvmIdmap, kvmText } from './kvm.ts';
import { DATA, PA, TABLES, va, writeTables } from './layout.ts';
import { Machine32 } from './machine.ts';
import { type Image32Source, type Isa32, Program32 } from './program.ts';
import { PSCI32, psci32 } from './psci.ts';
import { MODE, PSR } from './psr.ts';
import {
  cpuReset,
  IND,
  payloadImage,
  RELOCATION_WORDS,
  type RelocationOptions,
  relocationImage,
  softRestart,
} from './restart.ts';
import type { Features32 } from './state.ts';
import { mustHave, stubHandler } from './stub.ts';

/** Modes in which a kernel can be entered. */
export type BootMode = 'HYP' | 'SVC';

/** How a kernel is built, entered, and what it does. */
export interface Kernel32Options {
  /** Version of the calls: a name of `HYP_ABIS`, such as `arm 4.12`. */
  readonly abi: string;
  readonly isa?: Isa32;
  /** Instruction set of the next kernel's first instruction; default that of this one. */
  readonly payloadIsa?: Isa32;
  readonly boot?: Partial<BootBuild>;
  /** Mode of each processor at entry; default HYP, one processor. */
  readonly modes?: readonly BootMode[];
  readonly features?: Partial<Features32>;
  readonly relocation?: 'after' | 'before';
  /** A kernel that issues stub calls without asking whether HYP is its own. */
  readonly assumesHyp?: boolean;
  /** Crash kernels are entered in SVC whatever the boot mode was. */
  readonly crashInSvc?: boolean;
  /** Further images, with where they lie. */
  readonly images?: Readonly<Record<string, { readonly source: Image32Source; readonly pa: number }>>;
  main(kernel: Kernel32): Hosted32;
  /** What goes on after `idle`. */
  afterIdle?(kernel: Kernel32): Hosted32;
  /** What other processors do. */
  secondary?(kernel: Kernel32): Hosted32;
}

/** Machine type that the kernel hands to the next one, and the address of its device tree. */
export const HANDED = { machine: 0xffff_ffff, dtbPa: 0x4700_0000 } as const;
/** Where the indirection list of kexec lies. */
const LIST_PA = 0x4300_0000;
const CRASH_LIST_PA = 0x4310_0000;

/** See the file. */
export class Kernel32 {
  readonly options: Kernel32Options;
  readonly abi: HypAbi;
  readonly isa: Isa32;
  readonly machine: Machine32;
  private readonly program: Program32;

  constructor(options: Kernel32Options) {
    this.options = options;
    this.abi = hypAbi(options.abi);
    this.isa = options.isa ?? 'A32';
    const modes = options.modes ?? ['HYP'];
    this.program = new Program32(this.sources());
    this.machine = new Machine32({
      program: this.program,
      cpus: modes.length,
      features: options.features,
      landmarks: ['crash.start', 'next.start', 'idmap.restartReturned', 'kernel.panic', 'kernel.panicFromHyp'],
      firmware: psci32((cpu) => MODE[modes[cpu]]),
    });
    const { memory } = this.machine;
    writeTables(memory);
    for (const [name, pa] of Object.entries({ ...IMAGES, ...this.morePlaces() }))
      if (this.program.images.has(name)) this.machine.place(name, pa);
    // A crash kernel lies where it runs: its list says that there is nothing to copy.
    memory.setWord(CRASH_LIST_PA, IND.DONE);
    memory.setWord(DATA.hypTable, TABLES.hyp);
    for (let cpu = 0; cpu < modes.length; cpu++) {
      memory.setWord(goesOnAt(cpu), this.at('kernel', cpu === 0 ? 'main' : 'secondary', 'va'));
      memory.setWord(DATA.hypStackTop + 4 * cpu, va(DATA.hypStacks) + 0x1000 * (cpu + 1));
    }
    this.machine.powerOn(0, {
      pc: this.at('kernel', 'head', 'pa'),
      mode: MODE[modes[0]],
      r: [0, HANDED.machine, HANDED.dtbPa],
    });
  }
  private morePlaces(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.options.images ?? {}).map(([name, { pa }]) => [name, pa]));
  }
  /** Address of a symbol; bit 0 says T32. */
  at(image: keyof typeof IMAGES | string, symbol: string, how: 'pa' | 'va'): number {
    const pa = { ...IMAGES, ...this.morePlaces() }[image]!;
    return this.program.image(image).address(symbol, how === 'va' ? va(pa) : pa);
  }

  // --- images ---

  private get build(): BootBuild {
    // The list of what is written at installation grew between the two ends of the versions here; those before 4.12
    // are given the first form.
    return { old: this.abi.callers.teardown === 'function', ...this.options.boot, isa: this.isa };
  }
  private sources(): Record<string, Image32Source> {
    const { abi, isa, options } = this;
    const links: KvmLinks = {
      stubVectorsPa: () => this.at('kernel', 'stubVectors', 'pa'),
      handleStubCallPa: () => this.at('idmap', 'handleStubCall', 'pa'),
      panicVa: () => this.at('kernel', 'panicFromHyp', 'va'),
    };
    const payload = options.payloadIsa ?? isa;
    const relocation: RelocationOptions = options.relocation === 'before' ? { before: { abi } } : {};
    const kvm = hasKvm(abi);
    return {
      kernel: this.kernelText(),
      idmap: {
        isa,
        vectors: kvm ? { kvmInitVectors: { hypTrap: 'kvmInit' } } : {},
        functions: {
          cpuReset: (entry) => cpuReset(abi, isa, entry),
          *restartReturned({ lr }) {
            yield* bx(lr);
          },
          turnMmuOn: () => turnMmuOn(this.build, this.at('kernel', 'startVirtual', 'va')),
          ...(kvm ? kvmIdmap(abi, isa, links).functions : {}),
        },
      },
      ...(kvm ? { kvm: { isa, ...kvmText(abi, isa, links) } } : {}),
      control: relocationImage(isa, relocation),
      next: payloadImage(abi, { isa: payload }),
      crash: payloadImage(abi, { isa: payload }),
      ...Object.fromEntries(Object.entries(options.images ?? {}).map(([name, { source }]) => [name, source])),
    };
  }
  private kernelText(): Image32Source {
    const { abi, options } = this;
    const stub = mustHave(abi, 'stub');
    return {
      isa: this.isa,
      vectors: {
        stubVectors: { hypTrap: 'stub' },
        kernelVectors: { undefined: 'panic', prefetchAbort: 'panic', dataAbort: 'panic', irq: 'irq', fiq: 'fiq' },
      },
      functions: {
        head: () => head(this.build),
        resume: () => head(this.build, true),
        headSvc: () => headSvc(this.at('idmap', 'turnMmuOn', 'pa')),
        startVirtual: () => startVirtual(this.at('kernel', 'kernelVectors', 'va')),
        stub: () => stubHandler(stub),
        main: () => options.main(this),
        secondary: () => options.secondary?.(this) ?? this.park(),
        afterIdle: () => options.afterIdle?.(this) ?? stop('awake'),
        irq: () => this.irq(),
        fiq: () => this.fiq(),
        panic: () => this.panic(),
        panicFromHyp: () => this.panic(),
        nonPanicCore: () => this.nonPanicCore(),
        copyControl: () => this.copyControl(),
        softRestart: ({ r }) => softRestart(this.at('idmap', 'cpuReset', 'pa'), r[0], r[1] !== 0),
      },
    };
  }

  // --- interrupts and panic ---

  private *irq(): Hosted32 {
    yield* mrc('ICC_IAR1');
    const reason = yield* ldr(va(DATA.stopOthers));
    if (reason === 2) yield* smc32(PSCI32.CPU_OFF);
    if (reason === 1) return yield* bx(yield* adr('nonPanicCore'));
    if (yield* ldr(va(DATA.panicNext))) return yield* bx(yield* adr('panic'));
    yield* movsPc((yield* readR(14)) - 4);
  }
  /** FIQ is this kernel's NMI. */
  private *fiq(): Hosted32 {
    yield* mrc('ICC_IAR0');
    if (yield* ldr(va(DATA.panicNext))) return yield* bx(yield* adr('panic'));
    yield* movsPc((yield* readR(14)) - 4);
  }
  /** The others stay where they are, in the old kernel's text, and are not switched off. */
  private *nonPanicCore(): Hosted32 {
    yield* cpsid(PSR.I | PSR.F);
    yield* str(va(DATA.stopped), (yield* ldr(va(DATA.stopped))) + 1);
    while (true) yield* hint32('wfe');
  }
  private *park(): Hosted32 {
    yield* hint32('wfi');
    yield* bx(yield* adr('secondary'));
  }
  /** kdump: no notifier, no teardown of KVM; the others are stopped by interrupt, and waited for a while. */
  private *panic(): Hosted32 {
    yield* msr32('CPSR', MODE.SVC | PSR.I | PSR.F, PSR.M | PSR.I | PSR.F);
    const others = this.machine.cpus.length - 1;
    if (others > 0) {
      yield* this.interruptOthers(1);
      for (let n = 0; n < 20 && (yield* ldr(va(DATA.stopped))) < others; n++) yield* hint32('nop');
    }
    yield* this.machineKexec(this.at('crash', 'start', 'pa'), CRASH_LIST_PA, this.options.crashInSvc);
  }
  private *interruptOthers(reason: 1 | 2): Hosted32 {
    yield* str(va(DATA.stopOthers), reason);
    const self = (yield* mrc('MPIDR')) & 0xff;
    const all = (1 << this.machine.cpus.length) - 1;
    yield* mcrr('ICC_SGI1R', BigInt(all & ~(1 << self)));
  }
  /** The four words, the code on the control page, and the restart into that. */
  private *machineKexec(start: number, list: number, inSvc = false): Hosted32 {
    for (const [n, word] of [start, list, HANDED.machine, HANDED.dtbPa].entries())
      yield* str(va(RELOCATION_WORDS) + 4 * n, word);
    yield* blx(yield* adr('copyControl'));
    const relocate = this.program.image('control').address('relocate', PA.control);
    yield* this.restartInto(relocate, inSvc || this.options.relocation === 'before');
  }
  private *restartInto(target: number, inSvc = false): Hosted32 {
    const hyp = !inSvc && (this.options.assumesHyp || (yield* hypAvailable(va(DATA.bootMode))));
    yield* setR(1, hyp ? 1 : 0);
    yield* setR(0, target);
    yield* bx(yield* adr('softRestart'));
  }

  // --- services for `main` ---

  /** KVM on this CPU: in versions before 4.12 the stub's vectors are read first, for a later reset. */
  *kvmLoad(): Hosted32 {
    const cpu = (yield* mrc('MPIDR')) & 0xff;
    if (!(yield* hypAvailable(va(DATA.bootMode)))) return;
    const reset = this.abi.callers.teardown === 'RESET_VECTORS';
    if (reset) yield* hypResetVectors();
    else if (!(yield* ldr(va(DATA.savedVectors)))) yield* str(va(DATA.savedVectors), yield* hypGetVectors(this.abi));
    yield* hypSetVectors(this.abi, this.at('idmap', 'kvmInitVectors', 'pa'));
    // The window: HYP is nobody's but the vectors of initialisation.
    const table = yield* ldr(va(DATA.hypTable));
    const stack = yield* ldr(va(DATA.hypStackTop) + 4 * cpu);
    yield* hvc32(stack, this.at('kvm', 'kvmVectors', 'va'), table, 0);
    yield* str(va(DATA.kvmEnabled) + 4 * cpu, 1);
  }
  /** KVM off on this CPU; the flag that it was on stays for `idle`. */
  *kvmReset(): Hosted32 {
    if (this.abi.callers.teardown === 'RESET_VECTORS') yield* hypResetVectors();
    else yield* hvc32(this.at('idmap', 'kvmReset', 'pa'), yield* ldr(va(DATA.savedVectors)));
  }
  *kvmUnload(): Hosted32 {
    const cpu = (yield* mrc('MPIDR')) & 0xff;
    const flag = va(DATA.kvmEnabled) + 4 * cpu;
    if (!(yield* ldr(flag))) return;
    yield* this.kvmReset();
    yield* str(flag, 0);
  }
  /** Idle with loss of state: KVM is reset before and initialised behind it. Control goes on in `afterIdle`. */
  *idle(): Hosted32 {
    const cpu = (yield* mrc('MPIDR')) & 0xff;
    yield* cpsid(PSR.I);
    if (yield* ldr(va(DATA.kvmEnabled) + 4 * cpu)) yield* this.kvmReset();
    yield* str(va(goesOnAt(cpu)), this.at('kernel', 'afterIdle', 'va'));
    yield* smc32(PSCI32.CPU_SUSPEND, 0x1_0000, this.at('kernel', 'resume', 'pa'), 0);
  }
  /** Behind `idle`: KVM again, where it was on. */
  *wake(): Hosted32 {
    const cpu = (yield* mrc('MPIDR')) & 0xff;
    if (yield* ldr(va(DATA.kvmEnabled) + 4 * cpu)) yield* this.kvmLoad();
    yield* cpsie(PSR.I);
  }
  /** kexec: the reboot notifiers (`skipsNotifiers` leaves them out, as panic does), relocation code, restart. */
  *kexec({ skipsNotifiers = false } = {}): Hosted32 {
    if (!skipsNotifiers) {
      yield* str(va(DATA.notified), 1);
      if (hasKvm(this.abi)) yield* this.kvmUnload();
    }
    if (this.machine.cpus.length > 1) yield* this.takeOthersOffline();
    yield* this.writeList(LIST_PA);
    yield* this.machineKexec(this.program.image('next').address('start', PA.kernel), LIST_PA);
  }
  private *takeOthersOffline(): Hosted32 {
    yield* this.interruptOthers(2);
    for (let cpu = 1; cpu < this.machine.cpus.length; cpu++)
      for (let n = 0; n < 10 && (yield* smc32(PSCI32.AFFINITY_INFO, cpu))[0] !== 1; n++) yield* hint32('nop');
  }
  /** A secondary processor: it enters the kernel where the first one did. */
  *bringUp(cpu: number): Hosted32<number> {
    return (yield* smc32(PSCI32.CPU_ON, cpu, this.at('kernel', 'head', 'pa'), 0))[0];
  }
  /** All four kinds of entry: the destination, a source, a jump to a second page, and the end. */
  private *writeList(list: number): Hosted32 {
    const pages = Math.ceil(this.program.image('next').sizeBytes / 4096);
    const second = list + 4096;
    yield* str(va(list), PA.kernel | IND.DESTINATION);
    yield* str(va(list) + 4, second | IND.INDIRECTION);
    for (let n = 0; n < pages; n++) yield* str(va(second) + 4 * n, (PA.loaded + 4096 * n) | IND.SOURCE);
    yield* str(va(second) + 4 * pages, IND.DONE);
  }
  private *copyControl(): Hosted32 {
    const { sizeBytes } = this.program.image('control');
    const source = va(CONTROL_SOURCE_PA);
    for (let at = 0; at < sizeBytes; at += 32) yield* copyWords(source + at, va(PA.control) + at, 8);
  }
}

/** Relocation code as it lies in the kernel, before it is copied to the control page. */
const CONTROL_SOURCE_PA = 0x4010_0000;
/** Where images are before anything runs. */
const IMAGES: Readonly<Record<string, number>> = {
  kernel: PA.kernel,
  idmap: PA.idmap,
  kvm: PA.kvm,
  control: CONTROL_SOURCE_PA,
  next: PA.loaded,
  crash: PA.crash,
};
