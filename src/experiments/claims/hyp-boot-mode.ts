import { eret, type Hosted, load, msr, writeX } from '../../engine/hosted/effects.ts';
import { BOOT_MODE_PA } from '../../os/hyp/layout.ts';
import type { Experiment } from '../experiment.ts';
import { hypMachine } from '../hyp-rig.ts';

const EL1H_MASKED = 0x3c5n;
const PAGE_WORDS = 512n;

/** Two CPUs, of which the second arrives at EL1 because a boot loader was there before. */
export const hypBootMode: Experiment = {
  name: 'hyp-boot-mode',
  claim:
    'A CPU that arrives at EL1 where the first one arrived at EL2 is noticed: EL2 is not available, KVM does not load, and ' +
    'no other word is written.',
  source: 'Linux, `__boot_cpu_mode`; the macro of 2012 for 32-bit Arm stored elsewhere',
  control: 'both arrive at EL2',
  run({ control }) {
    const { rig } = hypMachine({
      options: { abi: 'arm64 6.0', cpus: 2 },
      declare({ hyp: { kernel } }) {
        if (control) return undefined;
        kernel.addFunction('kitSecondary', function* ({ x }): Hosted {
          yield* msr('HCR_EL2', 1n << 31n);
          yield* msr('CNTHCTL_EL2', 3n);
          yield* msr('ICC_SRE_EL2', 0xfn);
          yield* writeX(0, x[0]!);
          yield* msr('ELR_EL2', kernel.address('hypArriveSecondary'));
          yield* msr('SPSR_EL2', EL1H_MASKED);
          yield* eret();
        });
        return undefined;
      },
      *main(cpu, { hyp, kvm }) {
        const available = yield* hyp.hypModeAvailable();
        const mismatched = yield* hyp.hypModeMismatched();
        let others = 0;
        for (let n = 2n; n < PAGE_WORDS; n++) if ((yield* load(BOOT_MODE_PA + 8n * n)) !== 0n) others++;
        yield* cpu.print(
          `available ${available}, mismatched ${mismatched}, KVM ${yield* kvm.load(cpu)}, ${others} other words`,
        );
      },
    });
    const { text } = rig.finish(40_000);
    return { holds: text === 'available false, mismatched true, KVM false, 0 other words', evidence: [text] };
  },
};
