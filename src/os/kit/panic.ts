/** The end of a kernel that found something impossible. */
import {
  become,
  branch,
  compareAndSwap,
  type Hosted,
  hint,
  load,
  msrImmediate,
  store,
} from '../../engine/hosted/effects.ts';
import type { Cpu } from './cpu.ts';
import { AREA, areaOf } from './layout.ts';
import { psciFinal } from './psci.ts';
import { SGI } from './smp.ts';

/** Rounds that a panic waits for other CPUs to stop. */
const STOP_ROUNDS_MAX = 20_000;

/** Stops this CPU for good, telling who is interested: a stop interrupt arrived, or another CPU panics. */
export function* stopHere(cpu: Cpu): Hosted<never> {
  yield* msrImmediate('DAIFSet', 15);
  for (const hook of cpu.kernel.stopHooks) yield* hook(cpu, false);
  yield* store(cpu.area + AREA.stopped, 1n);
  return yield* park();
}
function* park(): Hosted<never> {
  yield* become('kitParked');
  throw new Error('assertion: become came back');
}

/** See `Cpu.panic`. The first one counts; the crash kernel starts when there is one, else the machine powers off. */
export function* panic(cpu: Cpu, message: string): Hosted<never> {
  const { kernel } = cpu;
  yield* msrImmediate('DAIFSet', 15);
  const first = yield* compareAndSwap(kernel.words.panicked, 0n, cpu.owner);
  if (first === cpu.owner) yield* psciFinal(kernel.options.conduit, 'SYSTEM_OFF');
  if (first !== 0n) return yield* stopHere(cpu);
  yield* cpu.printNow(`Kernel panic on CPU ${cpu.pe}: ${message}\n`);
  const others = (yield* cpu.online()) & ~(1 << cpu.pe);
  if (others) yield* kernel.gic.send(SGI.STOP, others);
  for (let n = 0; n < STOP_ROUNDS_MAX; n++) {
    let waiting = 0;
    for (let pe = 0; pe < kernel.options.cpus; pe++)
      if (others & (1 << pe) && (yield* load(areaOf(pe) + AREA.stopped)) === 0n) waiting |= 1 << pe;
    if (!waiting) break;
    yield* hint('yield');
  }
  for (const hook of kernel.stopHooks) yield* hook(cpu, true);
  if (kernel.has('crash')) yield* branch(kernel.address('crash'));
  yield* psciFinal(kernel.options.conduit, 'SYSTEM_OFF');
  return yield* park();
}
