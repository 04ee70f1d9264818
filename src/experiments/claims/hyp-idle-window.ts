import type { Experiment } from '../experiment.ts';
import { hypTable } from '../hyp-table.ts';

/** Idle states with loss of state take EL2 from KVM and give it back, thousands of times a second. */
export const hypIdleWindow: Experiment = {
  name: 'hyp-idle-window',
  claim:
    'A panic at any boundary of an idle state with loss of state reaches the crash kernel at EL2, except where the kernel ' +
    'itself has no vectors.',
  source: 'Linux 4.12, `hyp_init_cpu_pm_notifier()`, `cpu_hyp_reinit()`',
  control: 'the ABI of 4.8 to 4.11',
  run({ control, at }) {
    const names = control ? ['arm64 4.8'] : ['arm64 4.12', 'arm64 6.19'];
    const specs = names.flatMap((abi) =>
      (['fault', 'nmi'] as const).map(
        (event) => ({ abi, sequence: 'idle', event, handover: { crash: 'boot' } }) as const,
      ),
    );
    const { lines, bad, tries, at: first } = hypTable(specs, at, (outcome) => outcome === 'dead');
    return { holds: tries > 0 && bad === 0, evidence: lines, at: first };
  },
};
