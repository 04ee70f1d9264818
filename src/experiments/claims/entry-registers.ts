import { damageLine, EntryRig } from '../entry.ts';
import { EVENT } from '../errors.ts';
import type { Experiment } from '../experiment.ts';

/** Why an NMI for arm64 could not be an exception like others, and what SDEI does instead. */
export const entryRegisters: Experiment = {
  name: 'entry-registers',
  claim:
    'An event that firmware dispatches (SDEI) at any boundary of kernel entry and exit leaves ELR_EL1 and SPSR_EL1 alone.',
  source: 'DEN0054, "Event dispatch"; DDI 0487, "Exception entry"',
  control:
    'the same moment is used for an exception to EL1 that no mask holds back, as an NMI without a bank of its own is',
  run({ control, at }) {
    const tries = new EntryRig().sweep(({ machine }) => {
      if (control) machine.pes[0]!.exceptions.takeSErrorTo(1, 0);
      else machine.sdei.signal(EVENT.critical);
    }, at);
    const bad = tries.find(({ intact }) => !intact);
    return {
      holds: tries.length > 0 && tries.every(({ taken, intact }) => taken && intact),
      evidence: [damageLine(control ? 'exception' : `SDEI event ${EVENT.critical}`, tries)],
      at: bad?.at,
    };
  },
};
