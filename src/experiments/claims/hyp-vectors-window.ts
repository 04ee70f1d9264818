import type { Experiment } from '../experiment.ts';
import { versions } from '../hyp-rig.ts';
import { hypTable } from '../hyp-table.ts';

/** The two calls with which KVM takes a CPU, and what is between them. */
export const hypVectorsWindow: Experiment = {
  name: 'hyp-vectors-window',
  claim:
    'A panic at any boundary of switching KVM on reaches the crash kernel at EL2, also between setting the vectors and ' +
    'initialising.',
  source: 'thread "ARM: hyp-stub: improve ABI", 2017; Linux 4.12, `__kvm_hyp_init`',
  control: "the ABIs before 4.12: KVM's first vectors take every call for the initialisation",
  run({ control, at }) {
    const names = control ? versions('arm64 4.12', 'before') : versions('arm64 4.12', 'since');
    const specs = names.flatMap((abi) =>
      (['fault', 'nmi'] as const).map(
        (event) => ({ abi, sequence: 'load', event, handover: { crash: 'boot' } }) as const,
      ),
    );
    const { lines, bad, tries, at: first } = hypTable(specs, at, (outcome) => outcome === 'dead');
    return { holds: tries > 0 && bad === 0, evidence: lines, at: first };
  },
};
