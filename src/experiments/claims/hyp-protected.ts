import type { Experiment } from '../experiment.ts';
import { hypMachine, versions } from '../hyp-rig.ts';

/** What is left of the stub's calls once EL2 trusts nobody. */
export const hypProtected: Experiment = {
  name: 'hyp-protected',
  claim:
    'After protected mode is final no call of the stub is one: RESET_VECTORS gives -1 and a crash kernel is not reached.',
  source: 'Linux 5.13, `__host_hvc`: with ARM64_KVM_PROTECTED_MODE every HVC is a hypercall',
  control: 'protected mode is not made final',
  run({ control }) {
    const seen = versions('arm64 5.12', 'since').map((abi) => {
      const { rig } = hypMachine({
        options: { abi },
        *main(cpu, { hyp, kvm, handover }) {
          yield* handover.loadCrash();
          yield* kvm.load(cpu);
          if (!control) {
            yield* kvm.finalizeProtection();
            yield* cpu.print(`RESET_VECTORS ${BigInt.asIntN(64, (yield* hyp.resetVectors())!)}, `);
          }
          yield* cpu.panic('x');
        },
      });
      const { kind, text } = rig.finish(6_000);
      return { abi, kind, text: text.split('Kernel')[0]! };
    });
    const evidence = seen.map(
      ({ abi, kind, text }) => `${abi}: ${text}crash kernel ${kind === 'off' ? 'reached' : 'not reached'}`,
    );
    return { holds: seen.every(({ kind, text }) => kind !== 'off' && text === 'RESET_VECTORS -1, '), evidence };
  },
};
