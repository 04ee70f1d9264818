import { stop } from '../../os/hyp/arm32/effects.ts';
import { everyBoundary, failureLines } from '../../os/hyp/arm32/explore.ts';
import { Kernel32 } from '../../os/hyp/arm32/kernel.ts';
import { DATA } from '../../os/hyp/arm32/layout.ts';
import { checkAt, type Experiment } from '../experiment.ts';

/** Idle with loss of state gives HYP back and takes it again, thousands of times a second. */
export const hyp32IdleWindow: Experiment = {
  name: 'hyp32-idle-window',
  claim:
    'With the calls of Linux 4.12 a panic at any boundary of a power-down idle state, KVM loaded, hands over in HYP: ' +
    'the CPU that wakes is answered by the stub, then by the vectors of initialisation, then by KVM.',
  source: 'Linux 4.12, "ARM: KVM: Implement HVC_RESET_VECTORS stub hypercall"; `hyp_init_cpu_pm_notifier`',
  control: 'the calls of the second patch',
  run({ control, at }) {
    const abi = control ? 'arm patch v2 with get' : 'arm 4.12';
    const { machine } = new Kernel32({
      abi,
      *main(kernel) {
        yield* kernel.kvmLoad();
        yield* kernel.idle();
      },
      *afterIdle(kernel) {
        yield* kernel.wake();
        yield* stop('awake');
      },
    });
    const all = everyBoundary({
      machine,
      boot: 'HYP',
      from: (m) => m.memory.word(DATA.kvmEnabled) === 1,
      // While a CPU without state comes up its vectors are not set: nothing can be taken, and nothing is.
      only: at,
      outside: (boundaries) => checkAt(at, boundaries),
    });
    const bad = all.find(({ kind }) => kind !== 'handed over');
    return { holds: all.length > 0 && !bad, evidence: failureLines(`${abi}, idle`, all), at: bad?.at };
  },
};
