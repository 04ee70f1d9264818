import type { Experiment } from '../experiment.ts';
import { acknowledged, gicRig, nested, nestingIrq, note, pend, SPI, settle, unmask } from '../gic-rig.ts';

/** The bit with which firmware takes the binary point out of the kernel's hands. */
export const cbpr: Experiment = {
  name: 'cbpr',
  claim:
    'With ICC_CTLR_EL3.CBPR_EL1NS set and ICC_BPR0_EL1 at 6 no NMI preempts a handler, whatever the kernel writes to ' +
    'ICC_BPR1_EL1.',
  source: 'IHI 0069, "ICC_CTLR_EL3", CBPR_EL1NS; review of 2015: "is CBPR right?"',
  control: 'CBPR_EL1NS is 0, ICC_BPR0_EL1 is 6 all the same',
  run({ control }) {
    const rig = gicRig({
      leaves: { cbpr: !control, bpr0: 6n },
      *main() {
        yield* unmask();
        yield* pend(SPI.irq);
        yield* settle();
      },
      irq: () => nestingIrq(true),
    });
    rig.until(note(0), 1n);
    const when = nested(rig) ? 'inside the handler' : 'not before the handler had ended';
    return {
      holds: !nested(rig) && rig.word(note(1)) === 2n,
      evidence: [`${acknowledged(rig)}; the NMI came ${when}`],
    };
  },
};
