import type { Experiment } from '../experiment.ts';
import { hypTable } from '../hyp-table.ts';

/** A host with VHE is where its successor is to be; nothing changes hands. */
export const hypVheHandover: Experiment = {
  name: 'hyp-vhe-handover',
  claim:
    'With VHE a panic in an SDEI handler reaches the crash kernel at EL2 in every version, wherever the event came while ' +
    'KVM was switched on or off, a CPU slept or a kexec was under way.',
  source:
    'Linux, `is_kernel_in_hyp_mode()` in `cpu_soft_restart()`, `sdei_mask_local_cpu()` in `machine_crash_shutdown()`',
  control: "the same kernels at EL1, EL2 being KVM's: events of firmware do not come there, faults do",
  run({ control, at }) {
    const names = control ? ['arm64 4.8'] : ['arm64 4.8', 'arm64 6.19'];
    const specs = names.flatMap((abi) =>
      (['load', 'idle', 'unload', 'kexec'] as const).map(
        (sequence) => ({ abi, sequence, event: control ? 'fault' : 'sdei', vhe: !control }) as const,
      ),
    );
    const { lines, bad, tries, at: first } = hypTable(specs, at);
    return { holds: tries > 0 && bad === 0, evidence: lines, at: first };
  },
};
