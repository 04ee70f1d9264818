import { load, nop, store } from '../../engine/hosted/effects.ts';
import { enableNmi, IRQF, requestNmi } from '../../os/irqflags/nmi.ts';
import { Kernel } from '../../os/kit/kernel.ts';
import type { Experiment } from '../experiment.ts';
import { Rig } from '../rig.ts';

const SPI = 100;

/** One line, one owner: there is no list of handlers that NMI code could walk without a lock. */
export const sharedNmiLine: Experiment = {
  name: 'shared-nmi-line',
  claim: 'A line that is shared, or has an owner already, cannot be had as an NMI.',
  source: 'Linux, `request_nmi()`; review of 2015: "no shared lines: is it too much of a simplification?"',
  control: 'the second request is for another line, and neither is shared',
  run({ control }) {
    const kernel = new Kernel({ pseudoNmi: true });
    const results = kernel.variable('results', 16);
    const done = kernel.variable('done');
    for (const intid of [SPI, SPI + 1]) kernel.onNmi(intid, nop);
    const flags = IRQF.PERCPU | IRQF.NO_AUTOEN;
    const program = kernel.program({
      *main(cpu) {
        yield* store(results, yield* requestNmi(cpu, SPI, control ? flags : flags | IRQF.SHARED));
        if (!control) yield* requestNmi(cpu, SPI, flags);
        yield* store(results + 8n, yield* requestNmi(cpu, control ? SPI + 1 : SPI, flags));
        yield* enableNmi(cpu, SPI);
        yield* store(done, 1n);
        for (;;) yield* load(done);
      },
    });
    const rig = new Rig({ hosted: program, entry: kernel.entry });
    rig.until(done, 1n);
    const [first, second] = [results, results + 8n].map((pa) => BigInt.asIntN(64, rig.word(pa)));
    return {
      holds: first === -22n && second === -22n,
      evidence: [
        `${control ? 'first line' : 'with IRQF_SHARED'}: ${first}; ${control ? 'second line' : 'second owner'}: ${second}`,
      ],
    };
  },
};
