/** KVM as far as EL2 changes hands: a CPU is given to it and taken back, at load, hotplug, idle, reboot, unload. */
import { type Hosted, hvc, load, mrs, msrImmediate, readX, store, writeX } from '../../engine/hosted/effects.ts';
import type { Cpu } from '../kit/cpu.ts';
import type { HypOperand } from './abi.ts';
import { HYPERCALL, type HypKernel } from './kernel.ts';
import { hypStackTop, hypVa, IMAGE_PA, KVM_PARAMS_PA, kernelVa, TABLES, TEXT } from './layout.ts';
import { PARAMS } from './owners.ts';

/** How far KVM is, in a word of the kernel's. */
export const KVM_STATE = { absent: 0n, loading: 1n, loaded: 2n, unloading: 3n } as const;
const PARAMS_BYTES = 64n;

/** Designs that are wrong, to be switched on. */
export interface KvmVariants {
  /** A CPU that sleeps or goes down keeps KVM's vectors, and is initialised as it comes back without a reset before. */
  readonly keepsOnSleep?: boolean;
}

/** KVM of a kernel. Declare it before the program is made. */
export class Kvm {
  readonly hyp: HypKernel;
  /** Word: see `KVM_STATE`. */
  readonly statePa: bigint;
  /** Offset of the word that says that this CPU is KVM's (kvm_arm_hardware_enabled). */
  readonly enabled: bigint;
  /** Word: vectors that were there before, where the version asks for them (hyp_default_vectors). */
  private readonly defaultVectorsPa: bigint;
  private readonly variants: KvmVariants;

  constructor(hyp: HypKernel, variants: KvmVariants = {}) {
    this.hyp = hyp;
    this.variants = variants;
    const { kernel } = hyp;
    this.statePa = kernel.variable('kvm.state');
    this.defaultVectorsPa = kernel.variable('kvm.defaultVectors');
    this.enabled = kernel.perCpu('kvm.enabled');
    const self = this;
    kernel.onHotplug('kvm', { up: (cpu) => self.enable(cpu), down: (cpu) => self.disable(cpu) });
    kernel.pmHooks.push({ enter: (cpu) => self.sleep(cpu), exit: (cpu) => self.wake(cpu) });
    kernel.onCall('kvm.disable', function* (cpu) {
      yield* self.disable(cpu);
      return 0n;
    });
  }

  // --- as a whole ---

  /** Loads it: every CPU that is up is initialised, and those that come will be. False where there is no EL2. */
  *load(cpu: Cpu): Hosted<boolean> {
    if (!(yield* this.hyp.hypModeAvailable())) return false;
    yield* store(this.statePa, KVM_STATE.loading);
    if (!(yield* this.isHost())) {
      const before = yield* this.hyp.callStub('getVectors');
      if (before !== undefined) yield* store(this.defaultVectorsPa, before);
    }
    yield* cpu.installHotplug('kvm');
    yield* store(this.statePa, KVM_STATE.loaded);
    return true;
  }
  /** Takes every CPU back. */
  *unload(cpu: Cpu): Hosted {
    yield* store(this.statePa, KVM_STATE.unloading);
    yield* cpu.removeHotplug('kvm');
    yield* store(this.statePa, KVM_STATE.absent);
  }
  /** The reboot notifier: every CPU is taken back at once, whatever it is doing. */
  *reboot(cpu: Cpu): Hosted {
    if ((yield* load(this.statePa)) === KVM_STATE.absent) return;
    yield* cpu.callOn('kvm.disable');
  }
  /** Protected mode is final: from here on EL2 trusts nobody. 0n, or what EL2 said. */
  *finalizeProtection(): Hosted<bigint> {
    return yield* this.hypercall(HYPERCALL.protFinalize);
  }

  // --- one CPU ---

  /** This CPU's kernel runs at EL2: nothing changes hands there. */
  *isHost(): Hosted<boolean> {
    return (yield* mrs('CurrentEL')) >> 2n === 2n;
  }
  /** Gives this CPU to KVM. */
  *enable(cpu: Cpu): Hosted {
    const flags = yield* cpu.irq.saveAndDisable();
    if ((yield* load(cpu.at(this.enabled))) === 0n) {
      yield* this.reinitialise(cpu);
      yield* store(cpu.at(this.enabled), 1n);
    }
    yield* cpu.irq.restore(flags);
  }
  /** Takes it back. */
  *disable(cpu: Cpu): Hosted {
    const flags = yield* cpu.irq.saveAndDisable();
    if ((yield* load(cpu.at(this.enabled))) !== 0n) {
      yield* this.reset(cpu);
      yield* store(cpu.at(this.enabled), 0n);
    }
    yield* cpu.irq.restore(flags);
  }
  /** The flag stays: who wakes knows from it that there is something to be done. */
  private *sleep(cpu: Cpu): Hosted {
    if (!this.variants.keepsOnSleep && (yield* load(cpu.at(this.enabled))) !== 0n) yield* this.reset(cpu);
  }
  private *wake(cpu: Cpu): Hosted {
    if ((yield* load(cpu.at(this.enabled))) !== 0n) yield* this.reinitialise(cpu);
  }

  /** Gives EL2 back to the stub, as this version does. */
  *reset(cpu: Cpu): Hosted {
    if (yield* this.isHost()) return;
    const { teardown } = this.hyp.abi.callers;
    if (teardown === 'RESET_VECTORS') yield* this.hyp.resetVectors();
    else if (teardown === 'function') yield* this.callFunction(this.hyp.resetFunctionPa, BigInt(cpu.pe));
  }
  /** Switches KVM on: two calls, and what is between them belongs to nobody. Linux, `cpu_hyp_reinit()`. */
  *reinitialise(cpu: Cpu): Hosted {
    if (yield* this.isHost()) return;
    if (this.hyp.abi.callers.teardown === 'RESET_VECTORS') yield* this.hyp.resetVectors();
    else if ((yield* this.hyp.callStub('getVectors')) !== (yield* load(this.defaultVectorsPa))) return;
    yield* this.hyp.callStub('setVectors', { vectors: IMAGE_PA + TEXT.init });
    yield* this.initialise(cpu);
  }
  /** The second of the two: registers as the version's row has them. */
  *initialise(cpu: Cpu): Hosted<bigint> {
    const row = this.hyp.layer('init').calls.find(({ operation }) => operation === 'initHyp')!;
    const values: Partial<Record<HypOperand, bigint>> = {
      bootPgd: TABLES.el2,
      pgd: TABLES.el2,
      stack: hypVa(hypStackTop(cpu.pe)),
      vectors: hypVa(IMAGE_PA + TEXT.hyp),
      perCpuOffset: hypVa(cpu.area),
      params: KVM_PARAMS_PA + BigInt(cpu.pe) * PARAMS_BYTES,
    };
    if (row.operands.params !== undefined)
      for (const [name, at] of Object.entries(PARAMS))
        yield* store(values.params! + at, values[name as keyof typeof PARAMS]!);
    const x: bigint[] = typeof row.number === 'bigint' ? [row.number] : [];
    for (const [name, n] of Object.entries(row.operands)) x[n] = values[name as HypOperand]!;
    const [result] = yield* hvc(...Array.from(x, (value) => value ?? 0n));
    return result!;
  }
  /** Calls a function of KVM's at EL2 by its kernel VA, as versions before SMCCC do (kvm_call_hyp). */
  *callFunction(pa: bigint, ...x: bigint[]): Hosted<bigint> {
    const lr = yield* readX(30);
    const [result] = yield* hvc(kernelVa(pa), ...x);
    yield* writeX(30, lr);
    return result!;
  }
  /** Hypercall by identifier: see `HYPERCALL`. */
  *hypercall(id: bigint, ...x: bigint[]): Hosted<bigint> {
    const [result] = yield* hvc(id, ...x);
    return result!;
  }
}

/** Sleeps with loss of state until something wakes this CPU, which is there already: an idle state in no time. */
export function* idleOnce(cpu: Cpu, sgi: number): Hosted {
  yield* msrImmediate('DAIFSet', 2);
  yield* cpu.kernel.gic.send(sgi, 1 << cpu.pe);
  yield* cpu.suspend(true);
  yield* msrImmediate('DAIFClr', 2);
}
