import { hint, load, store } from '../../engine/hosted/effects.ts';
import { disableNmi, enableNmi, IRQF, requestNmi } from '../../os/irqflags/nmi.ts';
import { Kernel } from '../../os/kit/kernel.ts';
import { areaOf } from '../../os/kit/layout.ts';
import type { Experiment } from '../experiment.ts';
import { Rig } from '../rig.ts';

const SPI = 100;

/** An NMI can be moved between CPUs, by hand. */
export const nmiAffinity: Experiment = {
  name: 'nmi-affinity',
  claim:
    'After its affinity was changed an SPI that is an NMI comes to the new CPU alone, into code with interrupts out.',
  source: 'Linux, `request_nmi()`: IRQF_PERCPU and IRQF_NOBALANCING; IHI 0069, "GICD_IROUTER<n>"',
  control: 'the affinity is not changed',
  run({ control }) {
    const kernel = new Kernel({ cpus: 2, pseudoNmi: true });
    const taken = kernel.perCpu('taken');
    const stage = kernel.variable('stage');
    kernel.onNmi(SPI, function* (cpu) {
      yield* cpu.add(taken, 1n);
    });
    const program = kernel.program({
      *main(cpu) {
        yield* requestNmi(cpu, SPI, IRQF.PERCPU | IRQF.NO_AUTOEN);
        yield* cpu.kernel.gic.route(SPI, 0);
        yield* enableNmi(cpu, SPI);
        if (!control) {
          yield* disableNmi(cpu, SPI);
          yield* cpu.kernel.gic.route(SPI, 1);
          yield* enableNmi(cpu, SPI);
        }
        yield* cpu.irq.disable();
        yield* store(stage, (yield* load(stage)) + 1n);
        for (;;) yield* hint('yield');
      },
      *secondary(cpu) {
        yield* cpu.irq.disable();
        yield* store(stage, (yield* load(stage)) + 1n);
        for (;;) yield* hint('yield');
      },
    });
    const rig = new Rig({ hosted: program, entry: kernel.entry, cpus: 2 });
    rig.until(stage, 2n);
    const { machine } = rig;
    machine.gic.set(SPI, true);
    const at = (pe: number): bigint => rig.word(areaOf(pe) + taken);
    machine.runUntil(() => at(0) + at(1) > 0n, { steps: 20_000 });
    machine.gic.set(SPI, false);
    machine.run({ steps: 2_000 });
    return {
      holds: at(0) === 0n && at(1) > 0n,
      evidence: [`CPU 0 took it ${at(0)} time(s), CPU 1 ${at(1)}, both with interrupts out`],
    };
  },
};
