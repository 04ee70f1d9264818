/** Kernels of the experiments about hand-over: one with a stub, KVM, kexec and kdump, on a machine of its own. */
import type { Hosted } from '../engine/hosted/effects.ts';
import type { MachineOptions } from '../machine/options.ts';
import { ARM64_VERSIONS } from '../os/hyp/abi-arm64.ts';
import { Handover, type HandoverVariants } from '../os/hyp/handover.ts';
import { HypKernel, type HypKernelOptions } from '../os/hyp/kernel.ts';
import { Kvm, type KvmVariants } from '../os/hyp/kvm.ts';
import { ARRIVAL, ARRIVAL_PA } from '../os/hyp/layout.ts';
import type { Cpu } from '../os/kit/cpu.ts';
import { Rig } from './rig.ts';

/** A kernel with KVM and hand-over, on a machine. */
export interface HypMachine {
  readonly rig: Rig;
  readonly hyp: HypKernel;
  readonly kvm: Kvm;
  readonly handover: Handover;
}
/** The same before there is a machine, for what is declared and what runs. */
export type HypParts = Omit<HypMachine, 'rig'>;

/** What a machine is made of. */
export interface HypProgram {
  readonly options: HypKernelOptions;
  readonly kvm?: KvmVariants;
  readonly handover?: HandoverVariants;
  readonly machine?: MachineOptions;
  /** Declares more, and may give another function to start with. */
  readonly declare?: (parts: HypParts) => string | undefined;
  readonly main: (cpu: Cpu, parts: HypParts) => Hosted;
}

/** Makes all of it; nothing has run yet. EL2 is there unless `machine` says otherwise. */
export function hypMachine({ options, kvm, handover, machine, declare, main }: HypProgram): HypMachine {
  const hyp = new HypKernel(options);
  const kvmOf = new Kvm(hyp, kvm);
  const parts = { hyp, kvm: kvmOf, handover: new Handover(hyp, kvmOf, handover) };
  hyp.kernel.onSync(function* (cpu) {
    yield* cpu.in('nmi').panic('fault');
    return true;
  });
  const entry = declare?.(parts) ?? hyp.entry;
  const program = hyp.program({
    main: (cpu) => main(cpu, parts),
    *crash() {
      yield* parts.handover.crash();
    },
  });
  const cpus = options.cpus ?? 1;
  return { rig: new Rig({ hosted: program, entry, el2: true, cpus, ...machine }), ...parts };
}

/** Names of the arm64 versions from one on, or before it. */
export function versions(from: string, side: 'since' | 'before'): string[] {
  const names = ARM64_VERSIONS.map(({ name }) => name);
  const n = names.indexOf(from);
  return side === 'since' ? names.slice(n) : names.slice(0, n);
}

/** A kexec with KVM loaded: `EL2`, `EL1`, `dead`. */
export function kexecOverKvm(abi: string, variants: HandoverVariants): string {
  const { rig } = hypMachine({
    options: { abi },
    handover: variants,
    *main(cpu, { kvm, handover }) {
      yield* handover.loadNext();
      yield* kvm.load(cpu);
      yield* handover.kexec(cpu);
    },
  });
  const { kind } = rig.finish(12_000);
  return kind === 'off' ? `EL${rig.word(ARRIVAL_PA + ARRIVAL.el)}` : 'dead';
}
