import type { Experiment } from '../experiment.ts';
import { acknowledged, gicRig, nested, nestingIrq, note, pend, SPI, settle, unmask } from '../gic-rig.ts';

/** A register that firmware may leave at anything. */
export const bprFromFirmware: Experiment = {
  name: 'bpr-from-firmware',
  claim:
    'A kernel that writes 0 to ICC_BPR1_EL1 at its start has NMIs preempt interrupt handlers, although firmware left 7 ' +
    'there.',
  source: 'IHI 0069, "Priority grouping" and "ICC_BPR1_EL1"; review of 2015: "BPR reset is implementation dependent"',
  control: 'the kernel leaves the register as it found it',
  run({ control }) {
    const rig = gicRig({
      leaves: { bpr1: 7n },
      writesBpr: !control,
      *main() {
        yield* unmask();
        yield* pend(SPI.irq);
        yield* settle();
      },
      irq: () => nestingIrq(true),
    });
    rig.until(note(0), 1n);
    const when = nested(rig) ? 'inside the handler' : 'not before the handler had ended';
    return { holds: nested(rig), evidence: [`${acknowledged(rig)}; the NMI came ${when}`] };
  },
};
