import { eret, type Hosted, load, mrs, msr, store, writeX } from '../../engine/hosted/effects.ts';
import { CONTROL } from '../../os/hyp/layout.ts';
import { writeVectors } from '../../os/hyp/text.ts';
import type { Experiment } from '../experiment.ts';
import { type HypParts, hypMachine } from '../hyp-rig.ts';

const EL1H_MASKED = 0x3c5n;
const COUNT_PA: bigint = CONTROL.code + 0x800n;
/** SMCCC: an unknown function. */
const NOT_SUPPORTED = 0xffff_ffff_ffff_ffffn;

/** Another hypervisor has EL2: it enters the kernel at EL1, counts calls and answers that it knows none. */
function hypervisor({ hyp: { kernel } }: HypParts): string {
  kernel.addFunction('xenHvc', function* (): Hosted {
    yield* store(COUNT_PA, (yield* load(COUNT_PA)) + 1n);
    for (const n of [1, 2, 3]) yield* writeX(n, 0n);
    yield* writeX(0, NOT_SUPPORTED);
    yield* eret();
  });
  kernel.addFunction('xenBoot', function* (): Hosted {
    yield* writeVectors(CONTROL.vectors, new Map([[0x400, kernel.address('xenHvc')]]));
    yield* msr('VBAR_EL2', CONTROL.vectors);
    yield* msr('HCR_EL2', 1n << 31n);
    yield* msr('CNTHCTL_EL2', 3n);
    yield* msr('ICC_SRE_EL2', 0xfn);
    yield* mrs('ICC_SRE_EL2');
    yield* msr('ELR_EL2', kernel.address('kitBoot'));
    yield* msr('SPSR_EL2', EL1H_MASKED);
    yield* eret();
  });
  return 'xenBoot';
}

/** How one kernel under it is left. */
function left(how: 'kexec' | 'kdump', hypervisorIs: boolean, believesInEl2: boolean) {
  const { rig } = hypMachine({
    options: { abi: 'arm64 5.8' },
    handover: { believesInEl2 },
    ...(hypervisorIs ? { declare: hypervisor } : { machine: { el2: false } }),
    *main(cpu, { kvm, handover }) {
      yield* kvm.load(cpu);
      yield* handover.loadCrash();
      yield* handover.loadNext();
      if (how === 'kexec') yield* handover.kexec(cpu);
      yield* cpu.panic('kdump');
    },
  });
  let undefinedAt = 0;
  rig.machine.on('exception', (_pe, el) => {
    if (el === 1) undefinedAt++;
  });
  const { kind } = rig.finish(8_000);
  return { kind, calls: rig.word(COUNT_PA), exceptions: undefinedAt };
}

/** A kernel that was entered at EL1 has no stub above it, whoever is there. */
export const hypNoStub: Experiment = {
  name: 'hyp-no-stub',
  claim:
    'A kernel that was entered at EL1, under another hypervisor or without EL2, is left by kexec and kdump without an HVC.',
  source: 'thread of 2017 on guests of Xen; Linux, `is_hyp_mode_available()`',
  control: 'the restart call is made all the same: it is not known, or UNDEFINED',
  run({ control }) {
    const evidence: string[] = [];
    let holds = true;
    for (const hypervisorIs of [true, false])
      for (const how of ['kexec', 'kdump'] as const) {
        const { kind, calls, exceptions } = left(how, hypervisorIs, control);
        holds &&= kind === 'off' && calls === 0n;
        const who = hypervisorIs ? 'hypervisor' : 'no EL2';
        evidence.push(
          `${who}, ${how}: ${kind}, ${calls} calls to EL2, ${exceptions > 0 ? 'exceptions' : 'no exception'} at EL1`,
        );
      }
    return { holds, evidence };
  },
};
