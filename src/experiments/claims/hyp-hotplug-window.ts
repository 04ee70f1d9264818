import type { Experiment } from '../experiment.ts';
import { hypTable } from '../hyp-table.ts';

/** The same window on a CPU that goes and comes. */
export const hypHotplugWindow: Experiment = {
  name: 'hyp-hotplug-window',
  claim:
    'A fault at any boundary of a CPU that goes down and comes up again reaches the crash kernel at EL2, except where ' +
    'that CPU has no vectors.',
  source: 'Linux 4.12, `kvm_starting_cpu()`, `cpu_hyp_reinit()`',
  control: 'the ABI of 4.8 to 4.11',
  run({ control, at }) {
    const names = control ? ['arm64 4.8'] : ['arm64 4.12', 'arm64 6.19'];
    const specs = names.map(
      (abi) => ({ abi, sequence: 'hotplug', event: 'fault', handover: { crash: 'boot' } }) as const,
    );
    const { lines, bad, tries, at: first } = hypTable(specs, at, (outcome) => outcome === 'dead');
    return { holds: tries > 0 && bad === 0, evidence: lines, at: first };
  },
};
