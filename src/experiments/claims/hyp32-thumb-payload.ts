import { type Hosted32, hvc32, udf } from '../../os/hyp/arm32/effects.ts';
import { Kernel32 } from '../../os/hyp/arm32/kernel.ts';
import type { Isa32 } from '../../os/hyp/arm32/program.ts';
import { PSR } from '../../os/hyp/arm32/psr.ts';
import type { Experiment } from '../experiment.ts';

/** Instruction set in which a payload is entered by SOFT_RESTART, or why it is not. */
function enteredIn(kernelIsa: Isa32, payloadIsa: Isa32, kvm: boolean): string {
  const { machine } = new Kernel32({
    abi: 'arm 4.12',
    isa: kernelIsa,
    payloadIsa,
    *main(kernel): Hosted32 {
      if (kvm) yield* kernel.kvmLoad();
      yield* hvc32(1, kernel.at('crash', 'start', 'pa'));
      yield* udf();
    },
  });
  // The state at the first fetch of the payload: entering it in the other set is an exception there.
  machine.run();
  const arrival = machine.arrivals.find(({ name }) => name === 'crash.start');
  const bad = machine.taken.find(({ kind, returnAddress }) => kind === 'undefined' && returnAddress >>> 27 === 9);
  const psr = arrival?.cpsr ?? bad?.from;
  if (psr === undefined) return 'nowhere';
  return psr & PSR.T ? 'T32' : 'A32';
}

/** Who decides the instruction set: bit 0 of the target, or how the kernel was built. */
export const hyp32ThumbPayload: Experiment = {
  name: 'hyp32-thumb-payload',
  claim:
    "KVM's SOFT_RESTART enters a payload in the instruction set that the kernel was built for, whatever bit 0 of the " +
    'target says.',
  source: 'Linux 4.12, `__kvm_handle_stub_hvc`: SPSR from CPSR, ELR_hyp from R1; DDI 0406, "BX"',
  control: 'the stub answers, by BX',
  run({ control }) {
    const evidence: string[] = [];
    let holds = true;
    for (const kernel of ['A32', 'T32'] as const)
      for (const payload of ['A32', 'T32'] as const) {
        const entered = enteredIn(kernel, payload, !control);
        holds &&= entered === kernel;
        evidence.push(`${kernel} kernel, target ${payload}: entered in ${entered}`);
      }
    return { holds, evidence };
  },
};
