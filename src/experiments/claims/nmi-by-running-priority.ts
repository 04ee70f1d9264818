import { GICV3 } from '../../os/kit/gic.ts';
import type { Experiment } from '../experiment.ts';
import { acknowledged, gicRig, nestingIrq, note, PRIORITY, pend, SPI, settle, unmask } from '../gic-rig.ts';

/** How one vector serves two kinds of interrupt. */
export const nmiByRunningPriority: Experiment = {
  name: 'nmi-by-running-priority',
  claim: 'After the acknowledge ICC_RPR_EL1 tells an NMI (0x80) from an interrupt (0xc0).',
  source: 'IHI 0069, "ICC_RPR_EL1"; review of 2015: "el1_irq does not detect the NMI"',
  control: 'the SPI was not given the priority of an NMI',
  run({ control }) {
    const rig = gicRig({
      *main() {
        if (control) yield* GICV3.setPriority(SPI.nmi, 0, PRIORITY.irq);
        yield* unmask();
        for (const intid of [SPI.irq, SPI.nmi]) {
          yield* pend(intid);
          yield* settle();
        }
      },
      irq: () => nestingIrq(false),
    });
    rig.until(note(0), 1n);
    const [irq, nmi] = [rig.word(note(3)), rig.word(note(5))];
    return { holds: irq === 0xc0n && nmi === 0x80n, evidence: [acknowledged(rig)] };
  },
};
