/** What every CPU is doing, whatever it masks: the first use of an NMI that an operating system has. */
import { type Hosted, load, store } from '../../engine/hosted/effects.ts';
import type { Cpu } from '../kit/cpu.ts';
import { FRAME } from '../kit/frame.ts';
import type { Kernel } from '../kit/kernel.ts';
import { SGI } from '../kit/smp.ts';
import { preparePercpuNmi, requestPercpuNmi } from './nmi.ts';

/** Rounds that a backtrace waits for CPUs that do not answer. */
const ROUNDS_MAX = 3000;

/** Declares the backtrace in a kernel: the interrupt that asks a CPU is an NMI where there are NMIs. */
export class Backtrace {
  private readonly kernel: Kernel;
  /** By CPU: where it is, 0 until it has answered. */
  private readonly pcs: bigint;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.pcs = kernel.variable('backtrace.pcs', 64);
    const backtrace = this;
    const answer = function* (cpu: Cpu): Hosted {
      // The frame of what was interrupted: in an NMI the kit has noted it; an ordinary handler has none to show.
      const frame = cpu.context === 'nmi' ? yield* load(cpu.at(kernel.nmiFrame)) : 0n;
      const pc = frame === 0n ? 1n : yield* load(frame + FRAME.pc);
      yield* store(backtrace.pcs + BigInt(8 * cpu.pe), pc);
    };
    kernel.onNmi(SGI.BACKTRACE, answer);
    kernel.onInterrupt(SGI.BACKTRACE, answer);
    kernel.onHotplug('backtrace', {
      *up(cpu) {
        if (cpu.irq.name !== 'pmr') return;
        yield* kernel.gic.disable(SGI.BACKTRACE, cpu.pe);
        yield* preparePercpuNmi(cpu, SGI.BACKTRACE);
        yield* kernel.gic.enable(SGI.BACKTRACE, cpu.pe);
      },
      *down() {},
    });
    kernel.initCalls.push(function* (cpu) {
      if (cpu.irq.name === 'pmr') yield* requestPercpuNmi(cpu, SGI.BACKTRACE);
      yield* cpu.installHotplug('backtrace');
    });
  }

  /** Asks CPUs where they are: addresses by CPU; 1 for one that did not say where, undefined for one that did not answer. */
  *ask(cpu: Cpu, cpus: number): Hosted<readonly (bigint | undefined)[]> {
    const others = cpus & (yield* cpu.online()) & ~(1 << cpu.pe);
    for (let pe = 0; pe < this.kernel.options.cpus; pe++) yield* store(this.pcs + BigInt(8 * pe), 0n);
    if (others) yield* this.kernel.gic.send(SGI.BACKTRACE, others);
    const found: (bigint | undefined)[] = [];
    for (let n = 0; n < ROUNDS_MAX; n++) {
      let missing = 0;
      for (let pe = 0; pe < this.kernel.options.cpus; pe++) {
        if (!(others & (1 << pe))) continue;
        const pc = yield* load(this.pcs + BigInt(8 * pe));
        if (pc === 0n) missing++;
        else found[pe] = pc;
      }
      if (missing === 0) break;
      yield* cpu.relax();
    }
    return found;
  }
}
