import type { Experiment } from '../experiment.ts';
import { versions } from '../hyp-rig.ts';
import { hypTable } from '../hyp-table.ts';

/** KVM gives a CPU back. */
export const hypUnload: Experiment = {
  name: 'hyp-unload',
  claim: 'A panic at any boundary of switching KVM off reaches the crash kernel at EL2 with its device tree.',
  source: 'Linux 5.8, `HVC_RESET_VECTORS`, `__kvm_handle_stub_hvc`',
  control: 'the ABIs before 5.8',
  run({ control, at }) {
    const names = control ? versions('arm64 5.8', 'before') : versions('arm64 5.8', 'since');
    const specs = names.flatMap((abi) =>
      (['fault', 'nmi'] as const).map((event) => ({ abi, sequence: 'unload', event }) as const),
    );
    const { lines, bad, tries, at: first } = hypTable(specs, at);
    return { holds: tries > 0 && bad === 0, evidence: lines, at: first };
  },
};
