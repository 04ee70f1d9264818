import type { Experiment } from '../experiment.ts';
import { kexecOverKvm, versions } from '../hyp-rig.ts';

/** The new image lies where the stub was. */
export const hypStubOverwritten: Experiment = {
  name: 'hyp-stub-overwritten',
  claim: 'A kexec whose image overwrites the old stub enters the next kernel at EL2, copying before or after the call.',
  source: 'Linux 5.16, `trans_pgd_copy_el2_vectors()`; before it `arm64_relocate_new_kernel` at EL2',
  control: 'copying before the call, without vectors that were copied out of the way',
  run({ control }) {
    const names = versions(control ? 'arm64 5.16' : 'arm64 4.12', 'since');
    const seen = names.map((abi) => ({ abi, end: kexecOverKvm(abi, { noCopiedVectors: control }) }));
    return { holds: seen.every(({ end }) => end === 'EL2'), evidence: seen.map(({ abi, end }) => `${abi}: ${end}`) };
  },
};
