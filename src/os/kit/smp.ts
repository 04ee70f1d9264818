/** What one CPU has another do: calls in interrupt context, work of its thread, going down. */
import { type Hosted, load, msrImmediate, store } from '../../engine/hosted/effects.ts';
import type { Cpu } from './cpu.ts';
import { AREA, areaOf } from './layout.ts';
import { psciFinal } from './psci.ts';

/** Software generated interrupts of the kernel. */
export const SGI = { WAKE: 0, CALL: 1, STOP: 2, BACKTRACE: 3 } as const;

/** Work of a thread, done between two things of its own. */
export const WORK = {
  NONE: 0n,
  /** Run `up` or `down` of a hotplug callback. */
  UP: 1n,
  DOWN: 2n,
  /** Go down; only the idle loop does. */
  OFFLINE: 3n,
  /** It is being done. */
  TAKEN: 4n,
} as const;

/** See `Cpu.callOn`. */
export function* callOn(cpu: Cpu, name: string, argument: bigint, cpus: number): Hosted<(bigint | undefined)[]> {
  const { kernel, irq, pe: self } = cpu;
  if (irq.disabled(yield* irq.save())) yield* cpu.panic(`cross-call '${name}' with interrupts out`);
  yield* cpu.mutexLock(kernel.words.call);
  const targets = cpus & (yield* cpu.online());
  const f = BigInt(kernel.crossCallIndex(name) + 1);
  for (let pe = 0; pe < kernel.options.cpus; pe++) {
    if (pe === self || !(targets & (1 << pe))) continue;
    yield* store(areaOf(pe) + AREA.callArgument, argument);
    yield* store(areaOf(pe) + AREA.callFunction, f);
  }
  const others = targets & ~(1 << self);
  if (others) yield* kernel.gic.send(SGI.CALL, others);
  const results: (bigint | undefined)[] = [];
  if (targets & (1 << self)) {
    const flags = yield* irq.saveAndDisable();
    results[self] = yield* kernel.crossCall(Number(f) - 1)(cpu.in('irq'), argument);
    yield* irq.restore(flags);
  }
  for (let pe = 0; pe < kernel.options.cpus; pe++) {
    if (!(others & (1 << pe))) continue;
    yield* cpu.waitFor(pe, areaOf(pe) + AREA.callFunction, 0n);
    results[pe] = yield* load(areaOf(pe) + AREA.callResult);
  }
  yield* cpu.mutexUnlock(kernel.words.call);
  return results;
}

/** Handler of SGI.CALL. */
export function* serveCall(cpu: Cpu): Hosted {
  const f = Number(yield* load(cpu.area + AREA.callFunction));
  if (f === 0) return;
  const argument = yield* load(cpu.area + AREA.callArgument);
  const result = yield* cpu.kernel.crossCall(f - 1)(cpu, argument);
  yield* store(cpu.area + AREA.callResult, result ?? 0n);
  yield* store(cpu.area + AREA.callFunction, 0n);
}

/** Has the thread of a CPU do something, and waits for it; that of this CPU does it at once. */
export function* runOn(cpu: Cpu, pe: number, work: bigint, argument: bigint): Hosted {
  if (pe === cpu.pe) return yield* doWork(cpu, work, argument);
  const area = areaOf(pe);
  yield* store(area + AREA.workArgument, argument);
  yield* store(area + AREA.work, work);
  yield* cpu.kernel.gic.send(SGI.WAKE, 1 << pe);
  yield* cpu.waitFor(pe, area + AREA.work, WORK.NONE);
}

/** Does what another CPU wants of this thread, if anything. Only an idle one goes down. */
export function* serveWork(cpu: Cpu, idle: boolean): Hosted {
  const work = yield* load(cpu.area + AREA.work);
  if (work === WORK.NONE || work === WORK.TAKEN || (work === WORK.OFFLINE && !idle)) return;
  const argument = yield* load(cpu.area + AREA.workArgument);
  yield* store(cpu.area + AREA.work, WORK.TAKEN);
  if (work === WORK.OFFLINE) return yield* goDown(cpu);
  yield* doWork(cpu, work, argument);
  yield* store(cpu.area + AREA.work, WORK.NONE);
}

function* doWork(cpu: Cpu, work: bigint, argument: bigint): Hosted {
  const { up, down } = cpu.kernel.hotplugCallback(Number(argument));
  yield* (work === WORK.UP ? up : down)(cpu);
}

/** Runs the callbacks of a CPU that has come up, those that are installed, in their order. */
export function* comeUp(cpu: Cpu): Hosted {
  const { kernel } = cpu;
  for (let n = 0; n < kernel.hotplugCount; n++)
    if ((yield* load(kernel.words.installed + BigInt(8 * n))) !== 0n) yield* kernel.hotplugCallback(n).up(cpu);
  yield* store(cpu.area + AREA.online, 1n);
}
function* goDown(cpu: Cpu): Hosted {
  const { kernel } = cpu;
  for (let n = kernel.hotplugCount - 1; n >= 0; n--)
    if ((yield* load(kernel.words.installed + BigInt(8 * n))) !== 0n) yield* kernel.hotplugCallback(n).down(cpu);
  // Between two cross-calls: one that counts on this CPU is answered before, the next one knows that it is gone.
  yield* cpu.mutexLock(kernel.words.call);
  yield* store(cpu.area + AREA.online, 0n);
  yield* cpu.mutexUnlock(kernel.words.call);
  yield* cpu.irq.disable();
  yield* msrImmediate('DAIFSet', 15);
  yield* store(cpu.area + AREA.work, WORK.NONE);
  yield* kernel.gic.stopCpu(cpu.pe);
  yield* psciFinal(kernel.options.conduit, 'CPU_OFF');
}
