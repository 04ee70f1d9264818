import type { Experiment } from '../experiment.ts';
import { kexecOverKvm, versions } from '../hyp-rig.ts';

/** An answer that nobody looks at. */
export const hypSetRefused: Experiment = {
  name: 'hyp-set-refused',
  claim: 'A kexec that copies its pages first enters the next kernel at EL2, because KVM has given EL2 back before.',
  source: '08eae0ef618f "arm64: kexec: configure EL2 vectors for kexec": the result of SET_VECTORS is not looked at',
  control: 'reboot notifiers are left out: KVM refuses the copied vectors, and its own are overwritten',
  run({ control }) {
    const seen = versions('arm64 5.16', 'since').map((abi) => ({
      abi,
      end: kexecOverKvm(abi, { skipsNotifiers: control }),
    }));
    // A kexec that copies after the call does not need the notifiers for this.
    const before = kexecOverKvm('arm64 5.12', { skipsNotifiers: control });
    const evidence = [...seen, { abi: 'arm64 5.12, for comparison', end: before }].map(
      ({ abi, end }) => `${abi}: ${end}`,
    );
    return { holds: seen.every(({ end }) => end === 'EL2'), evidence };
  },
};
