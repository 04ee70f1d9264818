/**
 * An SDEI event at every boundary at which a CPU comes up: its handler takes its time, and a thread of another CPU has
 * the event disabled as soon as it hears of it. Afterwards no CPU may have it enabled.
 */

import { Machine, type ScenarioModule, sdei } from 'unmaskable';
import { deadlock, Kernel, load, nop, SdeiClient, sdeiProbe, smc, store } from 'unmaskable/hosted';

const EVENT = 3000n;
const CPUS = 3;
const HANDLER_STEPS = 300;
/** Set where CPU 2 is asked to come up, where it is there, and where the event was heard. */
const [GOES_PA, THERE_PA, HEARD_PA] = [0x4090_0000n, 0x4090_0010n, 0x4090_0020n];
/** DEN0054, "SDEI_EVENT_STATUS": registered, not enabled, not running. */
const SDEI_EVENT_STATUS = 0xc400_0028n;
const REGISTERED = 1n;

function build(variant: string | undefined): {
  readonly kernel: Kernel;
  readonly hosted: Machine['options']['hosted'];
} {
  const kernel = new Kernel({ cpus: CPUS });
  const client = new SdeiClient(kernel, { variants: variant === undefined ? {} : { [variant]: true } });
  client.onEvent('slow', function* () {
    yield* store(HEARD_PA, 1n);
    for (let n = 0; n < HANDLER_STEPS; n++) yield* nop();
    return 0n;
  });
  kernel.onCall('status', function* (_cpu, number) {
    return (yield* smc(SDEI_EVENT_STATUS, number))[0];
  });
  const hosted = kernel.program({
    *main(cpu) {
      yield* sdeiProbe(client, cpu);
      yield* client.register(cpu, EVENT, 'slow');
      yield* client.enable(cpu, EVENT);
      yield* cpu.cpuOff(2);
      yield* store(GOES_PA, 1n);
      while ((yield* load(HEARD_PA)) === 0n && (yield* load(THERE_PA)) === 0n) yield* cpu.relax();
      yield* client.disable(cpu, EVENT);
      while ((yield* load(THERE_PA)) === 0n) yield* cpu.relax();
      for (const [pe, found] of (yield* cpu.callOn('status', EVENT)).entries())
        if (found !== REGISTERED) yield* cpu.panic(`the event has status ${found} on CPU ${pe}, and was disabled`);
    },
    *secondary(cpu) {
      if (cpu.pe !== 1) return;
      while ((yield* load(GOES_PA)) === 0n) yield* cpu.relax();
      yield* cpu.cpuOn(2);
      yield* store(THERE_PA, 1n);
    },
  });
  return { kernel, hosted };
}

export default {
  title: 'an SDEI event at every boundary at which a CPU comes up, and is disabled for it (hosted)',
  variants: ['noHotplugLock'],
  create({ variant, engine }) {
    const { kernel, hosted } = build(variant);
    const schedule = { kind: 'round-robin', turnSteps: 15 } as const;
    return Machine.create({ hosted, entry: kernel.entry, cpus: CPUS, memoryBytes: 16 * 2 ** 20, schedule, engine });
  },
  prepare: (machine) => void machine.runUntil(() => machine.readMemory(GOES_PA, 1)[0] === 1, { steps: 1_000_000 }),
  options: {
    window: {},
    events: [sdei(Number(EVENT), { pe: 2 })],
    time: 'counted',
    stuck: (machine) => deadlock(machine),
    limits: { runStepsMax: 10_000, cycleStepsMax: 300, cycleArrivalsMax: 5 },
  },
} satisfies ScenarioModule;
