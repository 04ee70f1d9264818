import { DTB_PA } from '../../os/hyp/layout.ts';
import type { Experiment } from '../experiment.ts';
import { versions } from '../hyp-rig.ts';
import { hypTable } from '../hyp-table.ts';

/** The result of one call is written over the argument of another. */
export const hypLostArgument: Experiment = {
  name: 'hyp-lost-argument',
  claim: 'A kernel that is restarted through KVM finds its device tree in X0.',
  source: 'b9e10d4a6c9f "KVM: arm64: Stop clobbering x0 for HVC_SOFT_RESTART"',
  control: 'the ABI of 4.12 to 5.7: the result of HVC_RESET_VECTORS is written on the way of both',
  run({ control, at }) {
    const all = versions('arm64 4.12', 'since').filter((name) => versions('arm64 5.8', 'before').includes(name));
    const names = control ? all : versions('arm64 5.8', 'since');
    const specs = names.map((abi) => ({ abi, sequence: 'kdump', event: 'nmi', handover: { crash: 'boot' } }) as const);
    const { lines, bad, tries, at: first } = hypTable(specs, at, (outcome) => outcome === 'no DTB');
    const wanted = `X0 is to be 0x${DTB_PA.toString(16)}`;
    return { holds: tries > 0 && bad === 0, evidence: [...lines, wanted], at: first };
  },
};
