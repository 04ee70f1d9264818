import { hint, lock, store, unlock } from '../../engine/hosted/effects.ts';
import type { Cpu } from '../../os/kit/cpu.ts';
import { Kernel } from '../../os/kit/kernel.ts';
import { checkAt, type Experiment } from '../experiment.ts';
import { type Ending, Rig } from '../rig.ts';

/** Boundaries by which the API call is later than the hotplug operation. */
const DELAYS = [0, 60, 120, 180, 240, 300, 400, 600, 900] as const;

/** Why the SDEI client takes no mutex when a CPU comes or goes. */
export const hotplugLockCycle: Experiment = {
  name: 'hotplug-lock-cycle',
  claim:
    'SDEI hotplug callbacks that take a spin lock alone never deadlock with an API call that holds the event mutex and ' +
    'wants CPUs to stay.',
  source: 'Linux 4.15, "firmware: arm_sdei: Add support for CPU and system power states"; review of its fourth version',
  control: 'the callbacks take the event mutex',
  run({ control, at }) {
    checkAt(at, DELAYS.length);
    const tries: (Ending & { at: number })[] = [];
    for (const [n, delay] of DELAYS.entries())
      if (at === undefined || at === n) tries.push({ at: n, ...once(control, delay) });
    const bad = tries.find(({ kind }) => kind !== 'off');
    const evidence = [
      `${tries.filter(({ kind }) => kind === 'off').length} of ${tries.length} schedules came to their end`,
    ];
    if (bad) evidence.push(`${bad.kind}: ${bad.why}`);
    return { holds: tries.length > 0 && !bad, evidence, at: bad?.at };
  },
};

/** CPU 1 takes CPU 2 down and up; CPU 0 makes an API call. */
function once(control: boolean, delay: number): Ending {
  const kernel = new Kernel({ cpus: 3 });
  const [mutex, list, done] = [kernel.variable('events'), kernel.variable('list'), kernel.variable('done')];
  const callback = function* (cpu: Cpu) {
    if (control) {
      yield* cpu.mutexLock(mutex);
      yield* cpu.mutexUnlock(mutex);
    } else {
      yield* lock(list, cpu.owner);
      yield* unlock(list);
    }
  };
  kernel.onHotplug('sdei', { up: callback, down: callback });
  const started = kernel.variable('started');
  const program = kernel.program({
    *main(cpu) {
      yield* cpu.installHotplug('sdei');
      yield* store(started, 1n);
      for (let n = 0; n < delay; n++) yield* hint('nop');
      yield* cpu.mutexLock(mutex);
      for (let n = 0; n < 60; n++) yield* hint('yield');
      // The hotplug lock: CPUs are to stay while each of them registers.
      yield* cpu.mutexLock(cpu.kernel.words.hotplug);
      yield* cpu.mutexUnlock(cpu.kernel.words.hotplug);
      yield* cpu.mutexUnlock(mutex);
      yield* cpu.waitFor(1, done, 1n);
    },
    *secondary(cpu) {
      if (cpu.pe !== 1) return;
      yield* cpu.waitFor(0, started, 1n);
      yield* cpu.cpuOff(2);
      yield* cpu.cpuOn(2);
      yield* store(done, 1n);
    },
  });
  const schedule = { kind: 'round-robin', turnSteps: 50 } as const;
  const rig = new Rig({ hosted: program, entry: kernel.entry, cpus: 3, schedule });
  return rig.finish(400_000);
}
