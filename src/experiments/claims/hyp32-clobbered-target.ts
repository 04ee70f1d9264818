import { udf } from '../../os/hyp/arm32/effects.ts';
import { HYPERVISOR_PA, otherHypervisor } from '../../os/hyp/arm32/hypervisors.ts';
import { Kernel32 } from '../../os/hyp/arm32/kernel.ts';
import { PA } from '../../os/hyp/arm32/layout.ts';
import type { Experiment } from '../experiment.ts';

/** A fallback that copies R3 to R0 and returns. */
export const hyp32ClobberedTarget: Experiment = {
  name: 'hyp32-clobbered-target',
  claim:
    'A hypervisor that answers a restart it does not know as SMCCC allows, with R0 to R3 lost, loses the target that ' +
    'the wrappers of both patches keep in R3.',
  source: 'DEN0028, "Register use in AArch32 SMC and HVC calls"; replies to the patch, December 2016',
  control: 'a hypervisor that leaves R1 to R3 alone',
  run({ control }) {
    const evidence: string[] = [];
    let lost = true;
    for (const abi of ['arm patch v1', 'arm patch v2']) {
      const source = otherHypervisor(control ? 'preserves' : 'clobbers');
      const kernel = new Kernel32({
        abi,
        modes: ['SVC'],
        assumesHyp: true,
        images: { other: { source, pa: HYPERVISOR_PA } },
        main: udf,
      });
      const { machine } = kernel;
      machine.cpus[0]!.setCp('HVBAR', kernel.at('other', 'hypervisor', 'pa'));
      machine.run();
      const back = machine.arrivals.find(({ name }) => name === 'idmap.restartReturned');
      if (!back) throw new Error(`assertion: the restart did not come back: ${machine.where(0)}`);
      lost &&= back.r[0] !== PA.control;
      const entered = machine.arrivals.some(({ name }) => name === 'crash.start');
      evidence.push(
        `${abi}: the call came back with R0 = 0x${back.r[0].toString(16)}; the crash kernel was ` +
          `${entered ? '' : 'not '}entered: LR is a virtual address, the MMU is off`,
      );
    }
    return { holds: lost, evidence };
  },
};
