import { hvc32, stop, str } from '../../os/hyp/arm32/effects.ts';
import { Kernel32 } from '../../os/hyp/arm32/kernel.ts';
import { DATA, va } from '../../os/hyp/arm32/layout.ts';
import type { Experiment } from '../experiment.ts';

/** HSCTLR.TE is part of installing a stub. */
export const hyp32ThumbEntry: Experiment = {
  name: 'hyp32-thumb-entry',
  claim:
    'A Thumb-2 kernel that sets HSCTLR.TE when it installs its stub is answered; its vectors are fetched in T32 state.',
  source: 'DDI 0406, "HSCTLR", TE: Thumb Exception enable',
  control: 'TE stays 0, and the words of the vectors are fetched in A32 state',
  run({ control }) {
    const { machine } = new Kernel32({
      abi: 'arm 4.12',
      isa: 'T32',
      boot: { forgetsTe: control },
      *main() {
        yield* str(va(DATA.notes), (yield* hvc32(2))[0] + 1);
        yield* stop('answered');
      },
    });
    machine.run();
    const { stopped, waiting } = machine.cpus[0]!.state;
    const hyp = machine.taken.filter(({ vector }) => vector >>> 16 === 0x4020);
    return {
      holds: stopped === 'answered' && machine.memory.word(DATA.notes) === 1,
      evidence: [
        `HVC: ${stopped ?? waiting ?? 'runs on'}; in HYP: ` +
          hyp.map(({ kind, vector }) => `${kind} to 0x${vector.toString(16)}`).join(', '),
      ],
    };
  },
};
