import { hvc32, stop, str } from '../../os/hyp/arm32/effects.ts';
import { Kernel32 } from '../../os/hyp/arm32/kernel.ts';
import { DATA, va } from '../../os/hyp/arm32/layout.ts';
import type { Experiment } from '../experiment.ts';

/** One register for a number and for an address. */
export const hyp32SmallIntegers: Experiment = {
  name: 'hyp32-small-integers',
  claim:
    'The stub of 2012 takes every call number it does not know for the address of vectors: HVBAR becomes 0 and the ' +
    'next HVC is fetched from physical 0x14.',
  source: 'Linux 3.6, `arch/arm/kernel/hyp-stub.S`; DDI 0406, "HVBAR": bits 4:0 are RES0',
  control: 'the stub of Linux 4.12: number and address have a register each',
  run({ control }) {
    const evidence: string[] = [];
    let holds = true;
    for (const number of [3, 4, 5, 31]) {
      const { machine } = new Kernel32({
        abi: control ? 'arm 4.12' : 'arm original',
        *main() {
          yield* hvc32(number);
          yield* str(va(DATA.notes), 1);
          yield* hvc32(number);
          yield* stop('answered twice');
        },
      });
      const cpu = machine.cpus[0]!;
      machine.run({ until: () => machine.memory.word(DATA.notes) === 1 });
      const hvbar = cpu.cp32('HVBAR');
      machine.run();
      const abort = machine.taken.find(({ kind }) => kind === 'prefetchAbort');
      holds &&= hvbar === 0 && abort?.returnAddress === 0x14;
      evidence.push(
        `R0 = ${number}: HVBAR = 0x${hvbar.toString(16)}; then ` +
          (abort ? `prefetch abort at 0x${abort.returnAddress.toString(16)}` : cpu.state.stopped),
      );
    }
    return { holds, evidence };
  },
};
