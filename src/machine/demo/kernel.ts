/** The operating system of the demonstration: two CPUs, an SDEI client, a handler of hardware errors, NMIs. */
import { become, type Hosted, load, nop, store } from '../../engine/hosted/effects.ts';
import type { HostedProgram } from '../../engine/hosted/program.ts';
import { Backtrace } from '../../os/irqflags/backtrace.ts';
import type { Cpu } from '../../os/kit/cpu.ts';
import { Kernel } from '../../os/kit/kernel.ts';
import { setTimer, stopTimer } from '../../os/kit/timer.ts';
import { SdeiClient } from '../../os/sdei/client.ts';
import { GhesOverSdei } from '../../os/sdei/ghes.ts';
import { sdeiProbe } from '../../os/sdei/lifecycle.ts';
import { HEST_PA } from './firmware.ts';

/** Private events of the machine that the firmware raises. */
export const DEMO_EVENTS = { normal: 3000, critical: 3001 } as const;

/** Rounds of waiting between two fresh starts of a function. */
const ROUNDS = 16;

/** A line to whoever tells the story: it is not shown. */
const cue = (cpu: Cpu, what: string): Hosted => cpu.printNow(`#${what}\n`);

/** Turns of a loop that stands for a program. */
function* compute(turns: number): Hosted {
  for (let n = 0; n < turns; n++) yield* nop();
}

/** The kernel, and its program. */
export function demoKernel(): { readonly kernel: Kernel; readonly program: HostedProgram } {
  const kernel = new Kernel({ cpus: 2, pseudoNmi: true });
  const client = new SdeiClient(kernel);
  const ghes = new GhesOverSdei(kernel, { hestPa: HEST_PA, polling: false }, client);
  const backtrace = new Backtrace(kernel);
  const stage = kernel.variable('stage');
  kernel.onInterrupt(kernel.timerIntid, function* (cpu) {
    yield* stopTimer();
    yield* cpu.printNow('    CPU 1: the timer interrupt that had to wait is here.\n');
  });

  function* main(cpu: Cpu): Hosted {
    const error = yield* sdeiProbe(client, cpu);
    const sources = yield* ghes.init(cpu);
    yield* cpu.print(`#up ${error} ${sources}\n`);
    for (const scene of ['corrected', 'nested']) {
      yield* cue(cpu, `${scene}`);
      yield* compute(700);
      yield* cue(cpu, 'end');
    }
    yield* cue(cpu, 'nmi');
    yield* store(stage, 1n);
    while ((yield* load(stage)) !== 2n) yield* cpu.relax();
    const found = yield* backtrace.ask(cpu, 2);
    yield* cue(cpu, `answer ${found[1] === undefined ? 'none' : found[1].toString(16)}`);
    yield* store(stage, 3n);
    while ((yield* load(stage)) !== 4n) yield* cpu.relax();
    yield* cue(cpu, 'end');
    yield* cue(cpu, 'bye');
  }
  /** CPU 1 until its scene comes. Rounds end with `become`, so that what a snapshot keeps of it stays short. */
  function* secondary(cpu: Cpu): Hosted {
    for (let n = 0; n < ROUNDS; n++) {
      if ((yield* load(stage)) === 1n) yield* become('section');
      yield* cpu.relax();
    }
    yield* become('secondary');
  }
  /** A section with interrupts masked, in which the timer rings and CPU 0 asks where this CPU is. */
  function* section(cpu: Cpu): Hosted {
    yield* cpu.irq.disable();
    yield* setTimer(cpu, 200n);
    yield* store(stage, 2n);
    while ((yield* load(stage)) !== 3n) yield* nop();
    yield* compute(60);
    yield* cpu.irq.enable();
    yield* compute(60);
    yield* store(stage, 4n);
    yield* become('kitIdle');
  }
  return { kernel, program: ghes.program({ main, secondary, section }) };
}
