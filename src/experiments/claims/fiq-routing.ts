import { msr } from '../../engine/hosted/effects.ts';
import { GICV3 } from '../../os/kit/gic.ts';
import type { Experiment } from '../experiment.ts';
import { acknowledged, gicRig, nestingIrq, note, PRIORITY, pend, SPI, settle, unmask } from '../gic-rig.ts';

/** Why the priorities that the distributor is given depend on who takes FIQs. */
export const fiqRouting: Experiment = {
  name: 'fiq-routing',
  claim:
    'With SCR_EL3.FIQ clear priorities of 0xc0 and 0x80 in the distributor are 0xe0 and 0xc0 behind the mask, so that ' +
    'ICC_PMR_EL1 at 0xc0 holds the NMI back as well; 0x80 and 0x00 are needed.',
  source: 'IHI 0069, "Accesses to GIC priorities from Non-secure state"; Linux 6.11, "gicv3: boot-time priorities"',
  control: 'SCR_EL3.FIQ is set',
  run({ control }) {
    const rig = gicRig({
      leaves: { scrFiq: control },
      *main() {
        yield* GICV3.setPriority(SPI.irq, 0, PRIORITY.irq);
        yield* setMask(0xc0n);
        yield* unmask();
        yield* pend(SPI.nmi);
        yield* settle(40);
      },
      irq: () => nestingIrq(false),
    });
    rig.until(note(0), 1n);
    return { holds: rig.word(note(1)) === 0n, evidence: [`with the mask at 0xc0: ${acknowledged(rig)}`] };
  },
};
const setMask = (mask: bigint) => msr('ICC_PMR_EL1', mask);
