import { mrs, store } from '../../engine/hosted/effects.ts';
import type { Experiment } from '../experiment.ts';
import { acknowledged, gicRig, nestingIrq, note, pend, SPI, settle, unmask } from '../gic-rig.ts';

/** What the arm64 booting document asks of firmware. */
export const pmrAtHandover: Experiment = {
  name: 'pmr-at-handover',
  claim:
    'With SCR_EL3.FIQ set and ICC_PMR_EL1 left below 0x80 a kernel can neither open the mask nor ever take an interrupt.',
  source: 'IHI 0069, "ICC_PMR_EL1", Non-secure accesses; Linux, "Booting AArch64 Linux"',
  control: 'firmware leaves 0xff',
  run({ control }) {
    const rig = gicRig({
      leaves: { pmr: control ? 0xffn : 0x40n },
      *main() {
        yield* store(note(21), yield* mrs('ICC_PMR_EL1'));
        yield* unmask();
        yield* pend(SPI.nmi);
        yield* settle(40);
      },
      irq: () => nestingIrq(false),
    });
    rig.until(note(0), 1n);
    const found = `after the kernel wrote 0xe0, ICC_PMR_EL1 reads 0x${rig.word(note(21)).toString(16)}`;
    return { holds: rig.word(note(1)) === 0n, evidence: [`${found}; ${acknowledged(rig)}`] };
  },
};
