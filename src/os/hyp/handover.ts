/** Leaving one kernel for the next: kexec, kdump and the restart that both end with, version by version. */
import {
  branch,
  finalCall,
  type Hosted,
  hint,
  load,
  mrs,
  msr,
  msrImmediate,
  store,
  writeX,
} from '../../engine/hosted/effects.ts';
import type { Cpu } from '../kit/cpu.ts';
import { AREA, areaOf, BOARD } from '../kit/layout.ts';
import { psci, psciFinal } from '../kit/psci.ts';
import type { HypKernel } from './kernel.ts';
import type { Kvm } from './kvm.ts';
import { CONTROL, CRASH_PA, DTB_PA, IMAGE_PA, kernelVa, TEXT } from './layout.ts';
import { copyPages, payloadFunctions, writeCrashImage, writeNextImage } from './payload.ts';
import { synchronizeText, writeVectors, writeVeneer } from './text.ts';
import { SCTLR_OFF } from './translation.ts';

/** Designs that are wrong or were only proposed, to be switched on. */
export interface HandoverVariants {
  /** Reboot notifiers are left out, as by a kexec that does not go through `kernel_kexec()`. */
  readonly skipsNotifiers?: boolean;
  /** A relocation at EL1 ends with an HVC to the old kernel's own stub. */
  readonly noCopiedVectors?: boolean;
  /** A crash kernel is entered at EL2, or at EL1, whatever the version does. */
  readonly crash?: 'boot' | 'EL1';
  /** The switch to EL2 is tried by a kernel that was not entered there. */
  readonly believesInEl2?: boolean;
}

/** What the restart code is told. */
interface Restart {
  readonly el2Switch: boolean;
  readonly targetPa: bigint;
  readonly args: readonly [bigint, bigint, bigint];
}

const INTIDS_END = 256;

/** Hand-over of a kernel. Declare it before the program is made; `crash` of the program is to be `crash` of this. */
export class Handover {
  readonly hyp: HypKernel;
  readonly kvm: Kvm;
  private readonly variants: HandoverVariants;
  /** Called by an orderly kexec before anything else, as the reboot notifier chain. */
  readonly rebootNotifiers: ((cpu: Cpu) => Hosted)[] = [];

  constructor(hyp: HypKernel, kvm: Kvm, variants: HandoverVariants = {}) {
    this.hyp = hyp;
    this.kvm = kvm;
    this.variants = variants;
    for (const [name, f] of Object.entries(payloadFunctions())) hyp.kernel.addFunction(name, f);
    this.rebootNotifiers.push((cpu) => kvm.reboot(cpu));
    const { kernel } = hyp;
    // A CPU that a crash stops masks its events first and goes off last, so that a crash kernel could have it.
    kernel.addFunction('kitParked', function* () {
      yield* psciFinal(kernel.options.conduit, 'CPU_OFF');
    });
  }

  // --- loading ---

  /** kexec -p: the crash kernel, in the memory that is kept for it. */
  *loadCrash(): Hosted {
    yield* writeCrashImage(this.hyp.kernel.address('hypCrash'));
    yield* synchronizeText();
  }
  /** kexec -l: an image that will lie over this kernel's. */
  *loadNext(): Hosted {
    const { kernel } = this.hyp;
    yield* writeNextImage(kernel.address('hypNext'));
    yield* writeVeneer(CONTROL.code, kernel.address('hypRelocate'));
    if (this.hyp.abi.callers.copiesVectors) {
      const { slots } = this.hyp.layer('copy');
      yield* writeVectors(CONTROL.vectors, new Map(slots.map((slot) => [slot, kernel.address('hypCopy')])));
    }
    yield* synchronizeText();
  }

  // --- leaving ---

  /** kexec -e. Linux, `kernel_kexec()`. Does not come back. */
  *kexec(cpu: Cpu): Hosted {
    if (!this.variants.skipsNotifiers) for (const notifier of this.rebootNotifiers) yield* notifier(cpu);
    for (let pe = 0; pe < this.hyp.kernel.options.cpus; pe++) {
      if (pe === cpu.pe || (yield* load(areaOf(pe) + AREA.online)) === 0n) continue;
      yield* cpu.cpuOff(pe);
    }
    yield* msrImmediate('DAIFSet', 15);
    yield* this.maskInterrupts();
    if (this.hyp.abi.callers.relocation === 'before') yield* this.relocateFirst();
    const el2Switch = yield* this.el2Switch();
    yield* this.restart({ el2Switch, targetPa: CONTROL.code, args: [CONTROL.list, IMAGE_PA, DTB_PA] });
  }
  /** What a panic ends with when there is a crash kernel. Linux, `machine_crash_shutdown()`, `machine_kexec()`. */
  *crash(): Hosted {
    yield* msrImmediate('DAIFSet', 15);
    yield* this.maskInterrupts();
    const policy = this.variants.crash ?? this.hyp.abi.callers.crash;
    const el2Switch = policy !== 'EL1' && (yield* this.el2Switch());
    yield* this.restart({ el2Switch, targetPa: CRASH_PA, args: [DTB_PA, 0n, 0n] });
  }
  /** PSCI AFFINITY_INFO of a CPU: 1 when it is off. */
  affinityInfo(pe: number): Hosted<bigint> {
    return psci(this.hyp.kernel.options.conduit, 'AFFINITY_INFO', BigInt(pe), 0n);
  }

  /** Entered at EL2, and not there now. */
  private *el2Switch(): Hosted<boolean> {
    if (yield* this.kvm.isHost()) return false;
    return this.variants.believesInEl2 === true || (yield* this.hyp.hypModeAvailable());
  }

  /** Every interrupt disabled and inactive; distributor and redistributors stay on. Linux, `machine_kexec_mask_interrupts()`. */
  private *maskInterrupts(): Hosted {
    const redistributors = this.hyp.kernel.options.cpus;
    for (let pe = 0; pe < redistributors; pe++) {
      const frame = BOARD.gicrPa + BigInt(pe) * BOARD.gicrStrideBytes + 0x1_0000n;
      for (const register of [0x180n, 0x380n]) yield* store(frame + register, 0xffff_ffffn, 4);
    }
    for (let intid = 32; intid < INTIDS_END; intid += 32)
      for (const register of [0x180n, 0x380n])
        yield* store(BOARD.gicdPa + register + BigInt(intid / 8), 0xffff_ffffn, 4);
  }

  /** Copies at EL1 (or EL2 with VHE), MMU on, then leaves through vectors that were copied out of the way. */
  private *relocateFirst(): Hosted {
    const el2Switch = yield* this.el2Switch();
    // The result is not looked at: that is what the version does.
    if (el2Switch && !this.variants.noCopiedVectors)
      yield* this.hyp.callStub('setVectors', { vectors: CONTROL.vectors });
    yield* this.withoutVectors();
    yield* copyPages(CONTROL.list);
    yield* this.restart({ el2Switch, targetPa: IMAGE_PA, args: [DTB_PA, 0n, 0n] });
  }

  /** MMU off, and to the target: by the stub's call, or by a branch. Linux, `__cpu_soft_restart()`. */
  *restart({ el2Switch, targetPa, args }: Restart): Hosted {
    const [arg0, arg1, arg2] = args;
    const el = yield* this.withoutVectors();
    yield* msr('SCTLR_EL1', el === 2n ? SCTLR_OFF.EL2 : SCTLR_OFF.EL1);
    yield* hint('isb');
    const x = el2Switch ? this.hyp.stubCall('softRestart', { target: targetPa, arg0, arg1, arg2 }) : undefined;
    if (x) {
      yield* finalCall('hvc', ...x);
      // It came back. What is behind the call returns to X30, which is a VA: nothing is there any more.
      yield* branch(kernelVa(IMAGE_PA));
    }
    for (const [n, value] of args.entries()) yield* writeX(n, value);
    yield* writeX(3, 0n);
    yield* branch(targetPa);
  }
  /**
   * Vectors of a kernel have a VA and lie in its text; hosted ones are not translated and cannot be overwritten. Before
   * either would matter they are put where hardware would have them. Gives the Exception level.
   */
  private *withoutVectors(): Hosted<bigint> {
    const el = (yield* mrs('CurrentEL')) >> 2n;
    yield* msr(`VBAR_EL${el}`, kernelVa(IMAGE_PA + TEXT.el1));
    return el;
  }
}
