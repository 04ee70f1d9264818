import type { Experiment } from '../experiment.ts';
import { hypTable } from '../hyp-table.ts';

/** An orderly kexec, and what comes on its way. */
export const hypRestart: Experiment = {
  name: 'hyp-restart',
  claim:
    'A panic or NMI at any boundary of a kexec leads to a kernel at EL2, the next or the crash kernel, except where the ' +
    'old kernel has no vectors any more.',
  source: 'Linux 5.8 and 5.16, `kernel_kexec()`, `machine_kexec()`, `cpu_soft_restart()`',
  control: 'the ABI of 4.12 to 4.18',
  run({ control, at }) {
    const names = control ? ['arm64 4.12'] : ['arm64 5.8', 'arm64 6.19'];
    const specs = names.flatMap((abi) =>
      (['fault', 'nmi'] as const).map((event) => ({ abi, sequence: 'kexec', event }) as const),
    );
    const { lines, bad, tries, at: first } = hypTable(specs, at);
    return { holds: tries > 0 && bad === 0, evidence: lines, at: first };
  },
};
