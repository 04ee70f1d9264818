import { msr, msrImmediate, wfi } from '../../engine/hosted/effects.ts';
import type { Experiment } from '../experiment.ts';
import { gicRig, MASK, note, pend, SPI } from '../gic-rig.ts';

/** Why idle opens the priority mask and masks by PSTATE instead. */
export const wfiBehindMask: Experiment = {
  name: 'wfi-behind-mask',
  claim:
    'WFI does not end for an interrupt that ICC_PMR_EL1 holds back, so a kernel that idles behind it sleeps for ever.',
  source: 'DDI 0487, "Wait For Interrupt"; IHI 0069, "Interrupt prioritization"',
  control: 'PSTATE.I masks instead, ICC_PMR_EL1 being open',
  run({ control }) {
    const rig = gicRig({
      *main() {
        if (control) yield* msrImmediate('DAIFSet', 3);
        else {
          yield* msr('ICC_PMR_EL1', MASK.irqOff);
          yield* msrImmediate('DAIFClr', 3);
        }
        yield* pend(SPI.irq);
        yield* wfi();
      },
    });
    const { reason } = rig.machine.runUntil(() => rig.word(note(0)) === 1n, { steps: 100_000 });
    const woke = rig.word(note(0)) === 1n;
    const asleep = `nothing can wake the PE (the run ended by ${reason}), the interrupt is pending`;
    return { holds: !woke, evidence: [woke ? 'WFI ended at once' : asleep] };
  },
};
