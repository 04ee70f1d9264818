import { hvc32, setR, stop, str } from '../../os/hyp/arm32/effects.ts';
import { Kernel32 } from '../../os/hyp/arm32/kernel.ts';
import { DATA, PA, va } from '../../os/hyp/arm32/layout.ts';
import type { Experiment } from '../experiment.ts';

const VALUE = 0x1122_3344_5566_7788n;
const [LOW, HIGH] = [Number(VALUE & 0xffff_ffffn), Number(VALUE >> 32n)];
const JUNK = 0x0bad_0bad;
const hex = (word: number): string => `0x${word.toString(16)}`;

/** KVM's call of a function in HYP moves three registers down by one. */
export const hyp32ShiftedArgument: Experiment = {
  name: 'hyp32-shifted-argument',
  claim:
    'A 64-bit first argument of a function in HYP arrives on 32-bit Arm as junk and its low half: behind the pointer it ' +
    'lies in R2 and R3, and all moves down by one register.',
  source: 'IHI 0042, "Parameter passing": a doubleword begins in an even register; `kvm_call_hyp` of 32-bit Arm',
  control: 'the halves are passed as two arguments of 32 bits',
  run({ control }) {
    const { machine } = new Kernel32({
      abi: 'arm 4.12',
      images: {
        callee: {
          pa: PA.kvm + 0x1_0000,
          source: {
            isa: 'A32',
            functions: {
              *logs({ r }) {
                for (const [n, word] of r.entries()) yield* str(va(DATA.notes) + 4 * n, word);
              },
            },
          },
        },
      },
      *main(kernel) {
        yield* kernel.kvmLoad();
        const pointer = kernel.at('callee', 'logs', 'va');
        if (control) yield* hvc32(pointer, LOW, HIGH);
        else {
          yield* setR(1, JUNK);
          yield* setR(2, LOW);
          yield* setR(3, HIGH);
          yield* hvc32(pointer);
        }
        yield* stop('called');
      },
    });
    machine.run();
    const [r0, r1] = [machine.memory.word(DATA.notes), machine.memory.word(DATA.notes + 4)];
    return {
      holds: r0 === JUNK && r1 === LOW,
      evidence: [`passed ${hex(HIGH)}:${hex(LOW)}; the callee's R1:R0 were ${hex(r1)}:${hex(r0)}`],
    };
  },
};
