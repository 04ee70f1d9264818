import { psci } from '../../os/kit/psci.ts';
import type { Experiment } from '../experiment.ts';
import { hypMachine, versions } from '../hyp-rig.ts';

/** PSCI_VERSION as a kernel that owns EL2 sees it. */
function version(abi: string, conduit: 'smc' | 'hvc'): string {
  const { rig } = hypMachine({
    options: { abi },
    *main(cpu) {
      const result = yield* psci(conduit, 'PSCI_VERSION');
      yield* cpu.print(`${(result >> 16n) & 0xffffn}.${result & 0xffffn}`);
    },
  });
  return rig.finish(4_000).text;
}

/** Firmware tables that say HVC to a kernel that is entered at EL2. */
export const hypPsciOverHvc: Experiment = {
  name: 'hyp-psci-over-hvc',
  claim: 'A kernel that owns EL2 and calls PSCI by HVC is answered by its own stub: version 2989.51729.',
  source: 'Linux, `psci_probe()`; HVC_STUB_ERR is 0x0badca11',
  control: 'PSCI is called by SMC',
  run({ control }) {
    const names = versions('arm64 4.12', 'since');
    const seen = names.map((abi) => version(abi, control ? 'smc' : 'hvc'));
    const evidence = names.map((abi, n) => `${abi}: version ${seen[n]}`);
    for (const abi of ['arm64 4.7', 'arm64 4.8'])
      evidence.push(`${abi}: version ${version(abi, control ? 'smc' : 'hvc')}, for comparison`);
    return { holds: seen.every((text) => text === '2989.51729'), evidence };
  },
};
