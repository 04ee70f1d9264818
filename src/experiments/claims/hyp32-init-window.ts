import { stop } from '../../os/hyp/arm32/effects.ts';
import { everyBoundary, failureLines } from '../../os/hyp/arm32/explore.ts';
import { Kernel32 } from '../../os/hyp/arm32/kernel.ts';
import { checkAt, type Experiment } from '../experiment.ts';

/** Two calls switch KVM on, and interrupts are enabled between them. */
export const hyp32InitWindow: Experiment = {
  name: 'hyp32-init-window',
  claim:
    "On 32-bit Arm before 4.12 a panic between SET_VECTORS and the call that initialises has KVM's first vectors take " +
    'the restart for that call: HYP translates with garbage and its vectors are at 0.',
  source: 'Linux 4.12, "ARM: hyp-stub: improve ABI" and "ARM: KVM: Convert KVM to use HVC_GET_VECTORS" before it',
  control: 'the calls of Linux 4.12: the vectors of initialisation answer numbers below 3 as stub calls',
  run({ control, at }) {
    const abi = control ? 'arm 4.12' : 'arm patch v2';
    const kernel = new Kernel32({
      abi,
      *main(k) {
        yield* k.kvmLoad();
        yield* stop('loaded');
      },
    });
    const { machine } = kernel;
    const window = kernel.at('idmap', 'kvmInitVectors', 'pa');
    const cpu = machine.cpus[0]!;
    const owns = (): boolean => cpu.cp32('HVBAR') === window;
    const all = everyBoundary({
      machine,
      boot: 'HYP',
      // In the kernel again, and the vectors are those of initialisation; over when the MMU of HYP is on.
      from: () => owns() && cpu.mode.name !== 'HYP',
      over: () => !owns() || cpu.mode.name === 'HYP',
      only: at,
      outside: (boundaries) => checkAt(at, boundaries),
    });
    const holds = all.length > 0 && all.every(({ kind, why }) => kind === 'dead' && /in HYP .*, vector 0xc;/.test(why));
    return { holds, evidence: failureLines(`${abi}, between the two calls`, all), at: all[0]?.at };
  },
};
