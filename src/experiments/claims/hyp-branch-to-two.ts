import type { Experiment } from '../experiment.ts';
import { hypMachine } from '../hyp-rig.ts';
import { hypTable } from '../hyp-table.ts';

const EC_PC_ALIGNMENT = 0x22n;

/** Where EL2 was when it gave up, for a kdump over KVM without any event. */
function branchOf(abi: string): string {
  const { rig } = hypMachine({
    options: { abi },
    handover: { crash: 'boot' },
    *main(cpu, { kvm, handover }) {
      yield* handover.loadCrash();
      yield* kvm.load(cpu);
      yield* cpu.panic('kdump');
    },
  });
  let line = 'no exception is taken from EL2';
  const { machine } = rig;
  machine.on('exception', (pe, el) => {
    const { s } = machine.pes[pe]!;
    const spsr = machine.pes[pe]!.readRegister('SPSR_EL2') ?? 0n;
    if (el !== 2 || ((spsr >> 2n) & 3n) !== 2n || !line.startsWith('no')) return;
    const [esr, elr] = [machine.pes[pe]!.readRegister('ESR_EL2')!, machine.pes[pe]!.readRegister('ELR_EL2')!];
    const what = esr >> 26n === EC_PC_ALIGNMENT ? 'PC alignment fault' : `EC 0x${(esr >> 26n).toString(16)}`;
    line = `${what} at 0x${elr.toString(16)} at EL${s.el}`;
  });
  rig.finish(4_000);
  return `${abi}: ${line}`;
}

/** The call number of one owner is the function pointer of the other. */
export const hypBranchToTwo: Experiment = {
  name: 'hyp-branch-to-two',
  claim:
    'A panic while KVM owns EL2 reaches the crash kernel at EL2, whatever NMI comes at any boundary of the way: KVM ' +
    'knows the number of the restart call.',
  source:
    'thread "ARM: soft-reboot into same mode that we entered the kernel", 2017; Linux 4.12, `__kvm_handle_stub_hvc`',
  control: 'the ABI of 4.8 to 4.11, where KVM takes the number 2 for the address of a function',
  run({ control, at }) {
    const names = control ? ['arm64 4.8'] : ['arm64 4.12', 'arm64 4.19', 'arm64 5.8', 'arm64 6.19'];
    const specs = names.map((abi) => ({ abi, sequence: 'kdump', event: 'nmi', handover: { crash: 'boot' } }) as const);
    const { lines, bad, tries, at: first } = hypTable(specs, at, (outcome) => outcome === 'dead');
    const seen = control ? [branchOf('arm64 4.8')] : [];
    return { holds: tries > 0 && bad === 0, evidence: [...lines, ...seen], at: first };
  },
};
