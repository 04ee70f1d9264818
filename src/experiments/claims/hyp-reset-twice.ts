import type { Hosted } from '../../engine/hosted/effects.ts';
import type { Cpu } from '../../os/kit/cpu.ts';
import type { Experiment } from '../experiment.ts';
import { type HypParts, hypMachine, versions } from '../hyp-rig.ts';

/** Resets a CPU twice, against each owner, as the version does; then KVM is to work again. */
function* resetsTwice(cpu: Cpu, { hyp, kvm }: HypParts): Hosted {
  yield* kvm.load(cpu);
  const results: (bigint | undefined)[] = [];
  for (let n = 0; n < 2; n++) {
    const byCall = hyp.abi.callers.teardown === 'RESET_VECTORS';
    results.push(byCall ? yield* hyp.resetVectors() : yield* kvm.callFunction(hyp.resetFunctionPa, 0n));
  }
  yield* kvm.reinitialise(cpu);
  yield* cpu.print(results.map((result) => `0x${(result ?? 0n).toString(16)}`).join(', '));
}

/** Why RESET_VECTORS is a call that everybody knows and not a function of KVM's. */
export const hypResetTwice: Experiment = {
  name: 'hyp-reset-twice',
  claim:
    'EL2 can be given back twice in a row: the second call succeeds and changes nothing, and KVM can be switched on again.',
  source: 'series "ARM/arm64: hyp-stub: improve ABI": HVC_RESET_VECTORS',
  control: "the ABI of 3.7 to 4.6 with KVM's reset function: the stub takes its address for vectors",
  run({ control }) {
    const seen = (control ? ['arm64 3.11'] : versions('arm64 4.12', 'since')).map((abi) => {
      const { rig } = hypMachine({ options: { abi }, main: resetsTwice });
      const { kind, text } = rig.finish(4_000);
      const vbar = rig.machine.pes[0]!.readRegister('VBAR_EL2')!;
      return { abi, kind, text, vbar };
    });
    const evidence = seen.map(
      ({ abi, kind, text, vbar }) =>
        `${abi}: ${kind === 'off' ? `results ${text}` : `dead, VBAR_EL2 0x${vbar.toString(16)}`}`,
    );
    return { holds: seen.every(({ kind, text }) => kind === 'off' && text === '0x0, 0x0'), evidence };
  },
};
