/**
 * A shared SDEI event at every boundary of its unregistration on another CPU: a handler that still runs keeps the
 * registration until it has ended, and then it goes.
 */
import { event, Machine, type ScenarioModule } from 'unmaskable';
import { type Cpu, type Hosted, Kernel, load, nop, SdeiClient, sdeiProbe, smc, store } from 'unmaskable/hosted';

const SHARED = 3002;
const CPUS = 2;
const HANDLER_STEPS = 60;
const ATTEMPTS = 40;
/** DEN0054, "SDEI_PE_MASK". */
const SDEI_PE_MASK = 0xc400_002bn;

function build(variant: string | undefined): {
  readonly kernel: Kernel;
  readonly hosted: Machine['options']['hosted'];
} {
  const kernel = new Kernel({ cpus: CPUS });
  const client = new SdeiClient(kernel, { variants: variant === undefined ? {} : { [variant]: true } });
  const stage = kernel.variable('stage');
  const tried = kernel.variable('tried');
  client.onEvent('long', function* () {
    // As long as an unregistration may wait by itself, and then for a while.
    while ((yield* load(tried)) === 0n) yield* nop();
    for (let n = 0; n < HANDLER_STEPS; n++) yield* nop();
    return 0n;
  });

  /** Until it succeeds, or cannot any more. */
  function* unregister(cpu: Cpu): Hosted {
    for (let n = 0; n < ATTEMPTS; n++) {
      const result = yield* client.unregister(cpu, BigInt(SHARED));
      yield* store(tried, 1n);
      const kept = yield* client.registered();
      if (result === 0n && kept === 0) return;
      // EINPROGRESS: the handler runs, and its registration with it.
      if (result !== -115n || kept !== 1)
        yield* cpu.panic(`unregister gives ${result}, ${kept} registrations are kept`);
      yield* cpu.delay(100n);
    }
    yield* cpu.panic('the registration is never given up');
  }

  const hosted = kernel.program({
    *main(cpu) {
      yield* sdeiProbe(client, cpu);
      yield* client.register(cpu, BigInt(SHARED), 'long');
      yield* client.enable(cpu, BigInt(SHARED));
      // The other CPU takes it.
      yield* smc(SDEI_PE_MASK);
      yield* store(stage, 1n);
      for (let n = 0; n < 40; n++) yield* nop();
      yield* unregister(cpu);
      yield* store(stage, 2n);
    },
    *secondary(cpu) {
      while ((yield* load(stage)) !== 2n) yield* cpu.relax();
    },
  });
  return { kernel, hosted };
}

export default {
  title: 'a shared SDEI event at every boundary of its unregistration on another CPU (hosted)',
  variants: ['forgetsPending', 'retryFails'],
  create({ variant, engine }) {
    const { kernel, hosted } = build(variant);
    const schedule = { kind: 'round-robin', turnSteps: 25 } as const;
    return Machine.create({ hosted, entry: kernel.entry, cpus: CPUS, memoryBytes: 16 * 2 ** 20, schedule, engine });
  },
  prepare(machine) {
    const off = machine.on('call', (_pe, name) => {
      if (name === 'SDEI_PE_MASK') machine.stop();
    });
    machine.run({ steps: 1_000_000 });
    off();
  },
  options: {
    window: {},
    // One that is thrown away with its registration is not lost.
    events: [event('shared event', (machine) => (machine.sdei.signal(SHARED) ? undefined : 'it is not accepted'))],
    time: 'counted',
    limits: { runStepsMax: 30_000, cycleStepsMax: 500, cycleArrivalsMax: 20 },
  },
} satisfies ScenarioModule;
