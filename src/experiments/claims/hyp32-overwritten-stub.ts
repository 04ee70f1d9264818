import { outcome32 } from '../../os/hyp/arm32/explore.ts';
import { Kernel32 } from '../../os/hyp/arm32/kernel.ts';
import type { Experiment } from '../experiment.ts';

/** The new kernel goes where the old one was, and with it where the stub was. */
export const hyp32OverwrittenStub: Experiment = {
  name: 'hyp32-overwritten-stub',
  claim:
    'On 32-bit Arm kexec over the running kernel arrives in HYP, because the HVC comes first and pages are copied in ' +
    'HYP: the stub is not used again.',
  source:
    'Linux, `relocate_kernel.S` and `machine_kexec.c` of 32-bit Arm; on arm64 Linux 5.16, "kexec: keep MMU enabled"',
  control: 'the pages are copied in SVC and the HVC comes last, to a stub that is gone',
  run({ control }) {
    const evidence: string[] = [];
    let holds = true;
    for (const isa of ['A32', 'T32'] as const) {
      const { machine } = new Kernel32({
        abi: 'arm 4.12',
        isa,
        relocation: control ? 'before' : 'after',
        *main(kernel) {
          yield* kernel.kvmLoad();
          yield* kernel.kexec();
        },
      });
      machine.run();
      const { kind, why } = outcome32(machine, 'HYP');
      holds &&= kind === 'handed over';
      evidence.push(`${isa}: ${kind}: ${why}`);
    }
    return { holds, evidence };
  },
};
