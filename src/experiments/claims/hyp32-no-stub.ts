import { hint32, stop } from '../../os/hyp/arm32/effects.ts';
import { everyBoundary, failureLines } from '../../os/hyp/arm32/explore.ts';
import { HYPERVISOR_PA, otherHypervisor, type Unknown32 } from '../../os/hyp/arm32/hypervisors.ts';
import { Kernel32 } from '../../os/hyp/arm32/kernel.ts';
import { checkAt, type Experiment } from '../experiment.ts';

/** A guest of another hypervisor: entered in SVC, so no stub, so no calls. */
export const hyp32NoStub: Experiment = {
  name: 'hyp32-no-stub',
  claim:
    'A 32-bit kernel that was entered in SVC issues no HVC on its way to the crash kernel, and reaches it from every ' +
    'boundary under any hypervisor.',
  source: '"ARM: soft-reboot into same mode that we entered the kernel": the flag passed to `cpu_reset`',
  control: 'the kernel issues the call without asking in which mode it was entered',
  run({ control, at }) {
    const evidence: string[] = [];
    let holds = true;
    let best: number | undefined;
    for (const does of ['clobbers', 'preserves', 'kills', 'injects', undefined] as (Unknown32 | undefined)[]) {
      const kernel = new Kernel32({
        abi: 'arm 4.12',
        modes: ['SVC'],
        assumesHyp: control,
        images: { other: { source: otherHypervisor(does ?? 'preserves'), pa: HYPERVISOR_PA } },
        *main(k) {
          yield* k.kvmLoad();
          for (let n = 0; n < 3; n++) yield* hint32('nop');
          yield* stop('no panic');
        },
      });
      const { machine } = kernel;
      const cpu = machine.cpus[0]!;
      cpu.setCp('HVBAR', kernel.at('other', 'hypervisor', 'pa'));
      // Without a hypervisor at all HVC is not even enabled.
      if (!does) cpu.setCp('SCR', 1, false);
      const all = everyBoundary({ machine, boot: 'SVC', only: at, outside: (boundaries) => checkAt(at, boundaries) });
      const bad = all.find(({ kind }) => kind !== 'handed over');
      best ??= bad?.at;
      const name = does ? `hypervisor that ${does}` : 'SCR.HCE is 0';
      evidence.push(...failureLines(name, all));
      holds &&= !bad && !machine.taken.some(({ kind }) => kind === 'hvc');
    }
    return { holds, evidence, at: best };
  },
};
