import { ARRIVAL, ARRIVAL_PA, IMAGE_PA, TEXT } from '../../os/hyp/layout.ts';
import type { Experiment } from '../experiment.ts';
import { hypMachine, versions } from '../hyp-rig.ts';

/** A kdump over KVM: where the crash kernel is, and who has EL2 then. */
function dumped(abi: string) {
  const { rig } = hypMachine({
    options: { abi },
    *main(cpu, { kvm, handover }) {
      yield* handover.loadCrash();
      yield* kvm.load(cpu);
      yield* cpu.panic('kdump');
    },
  });
  rig.finish(8_000);
  const register = (name: string): bigint => rig.machine.pes[0]!.readRegister(name)!;
  const [vbar, mmu] = [register('VBAR_EL2'), register('SCTLR_EL2') & 1n];
  return { el: rig.word(ARRIVAL_PA + ARRIVAL.el), vbar, mmu };
}

/** The first kdump of arm64 left EL2 to the kernel that had died. */
export const hypStaleEl2: Experiment = {
  name: 'hyp-stale-el2',
  claim:
    "A crash kernel is entered where the first kernel was, and nothing of KVM is left at EL2: MMU off, vectors the stub's.",
  source: '76f4e2da "arm64: kexec: always reset to EL2 if present"',
  control: 'the kernels of 4.12 to 4.18, which enter it at EL1',
  run({ control }) {
    const evidence: string[] = [];
    let holds = true;
    for (const abi of control ? ['arm64 4.12'] : versions('arm64 4.19', 'since')) {
      const { el, vbar, mmu } = dumped(abi);
      holds &&= el === 2n && mmu === 0n && vbar === IMAGE_PA + TEXT.stub;
      evidence.push(`${abi}: entered at EL${el}; VBAR_EL2 0x${vbar.toString(16)}, MMU of EL2 ${mmu ? 'on' : 'off'}`);
    }
    return { holds, evidence };
  },
};
