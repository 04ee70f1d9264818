import { hint32 } from '../../os/hyp/arm32/effects.ts';
import { everyBoundary, failureLines } from '../../os/hyp/arm32/explore.ts';
import { Kernel32 } from '../../os/hyp/arm32/kernel.ts';
import { checkAt, type Experiment } from '../experiment.ts';

/** Install, replace, give back, restart: all of it, with a panic anywhere. */
export const hyp32EveryBoundary: Experiment = {
  name: 'hyp32-every-boundary',
  claim:
    'With the calls of Linux 4.12 an NMI that panics, at any boundary from the first instruction of the ' +
    'kernel through its stub, KVM and kexec, leads to the next kernel in HYP, on 32-bit Arm.',
  source: 'Linux 4.12, "ARM/arm64: hyp-stub: improve ABI", Documentation/virtual/kvm/arm/hyp-abi.txt',
  control: 'the calls of the second patch',
  run({ control, at }) {
    const abi = control ? 'arm patch v2 with get' : 'arm 4.12';
    const { machine } = new Kernel32({
      abi,
      isa: 'T32',
      *main(kernel) {
        yield* kernel.kvmLoad();
        yield* hint32('nop');
        yield* kernel.kexec();
      },
    });
    // Behind the entry of the relocation code FIQ stays masked, and the next kernel finds the NMI pending.
    const all = everyBoundary({
      machine,
      boot: 'HYP',
      // From the kernel's first instruction: the stub is installed, with everything masked.
      from: () => true,
      over: (m) => m.where(0).startsWith('control.walk'),
      only: at,
      outside: (boundaries) => checkAt(at, boundaries),
    });
    const bad = all.find(({ kind }) => kind !== 'handed over');
    return { holds: all.length > 0 && !bad, evidence: failureLines(abi, all), at: bad?.at };
  },
};
