/**
 * SDEI events of both priorities at every boundary of a kernel with interrupts, alone and inside each other's handlers.
 *
 * The kernel is made of parts of the kit; what it leaves in registers and looks at again is what handlers must keep.
 * A variant is a design of the client that is known to be wrong: nothing here says where it shows.
 */
import { Machine, type ScenarioModule, sdei } from 'unmaskable';
import {
  type Cpu,
  type Hosted,
  Kernel,
  load,
  mrs,
  msr,
  nop,
  SdeiClient,
  sdeiProbe,
  setTimer,
  store,
} from 'unmaskable/hosted';

const [NORMAL, CRITICAL] = [3000, 3001];
const CPUS = 2;
/** Steps of a handler between its beginning and its end. */
const HANDLER_STEPS = 6;
const TICK_NS = 400n;
/** What a register holds that nobody else may change. */
const COOKIE = 0x600d_c00cn;
/** TTBR1_EL1 while EL0 runs and the kernel is not mapped. */
const USER_TTBR1 = 1n << 48n;

function build(variant: string | undefined): {
  readonly kernel: Kernel;
  readonly hosted: Machine['options']['hosted'];
} {
  const kernel = new Kernel({ cpus: CPUS });
  const client = new SdeiClient(kernel, { kpti: true, variants: variant === undefined ? {} : { [variant]: true } });
  const ready = kernel.variable('ready');
  const done = kernel.variable('done');
  for (const name of ['normal', 'critical'])
    client.onEvent(name, function* () {
      for (let n = 0; n < HANDLER_STEPS; n++) yield* nop();
      return 0n;
    });
  kernel.onInterrupt(kernel.timerIntid, (cpu) => setTimer(cpu, TICK_NS));

  /** Registers that an interrupt or an event may not change, in the states in which a kernel has them. */
  function* work(cpu: Cpu): Hosted {
    const flags = yield* cpu.irq.saveAndDisable();
    yield* msr('ELR_EL1', COOKIE);
    yield* nop();
    if ((yield* mrs('ELR_EL1')) !== COOKIE) yield* cpu.panic('ELR_EL1 was changed');
    // As on the way in from EL0: its stack pointer, and its tables.
    const task = yield* mrs('SP_EL0');
    const ttbr1 = yield* mrs('TTBR1_EL1');
    yield* msr('SP_EL0', COOKIE);
    yield* msr('TTBR1_EL1', ttbr1 | USER_TTBR1);
    yield* nop();
    if ((yield* mrs('TTBR1_EL1')) !== (ttbr1 | USER_TTBR1)) yield* cpu.panic('TTBR1_EL1 was changed');
    yield* msr('TTBR1_EL1', ttbr1);
    if ((yield* mrs('SP_EL0')) !== COOKIE) yield* cpu.panic('SP_EL0 was changed');
    yield* msr('SP_EL0', task);
    yield* cpu.irq.restore(flags);
    for (let n = 0; n < 8; n++) yield* nop();
  }

  const hosted = kernel.program({
    *main(cpu) {
      yield* sdeiProbe(client, cpu);
      yield* client.register(cpu, BigInt(NORMAL), 'normal');
      yield* client.register(cpu, BigInt(CRITICAL), 'critical');
      yield* client.enable(cpu, BigInt(NORMAL));
      yield* client.enable(cpu, BigInt(CRITICAL));
      yield* setTimer(cpu, TICK_NS);
      yield* store(ready, 1n);
      yield* work(cpu);
      while ((yield* load(done)) === 0n) yield* cpu.relax();
    },
    *secondary(cpu) {
      while ((yield* load(ready)) === 0n) yield* cpu.relax();
      yield* work(cpu);
      yield* store(done, 1n);
    },
  });
  return { kernel, hosted };
}

export default {
  title: 'SDEI events of both priorities at every boundary of a kernel with interrupts (hosted)',
  variants: ['oneStack', 'oneRecord', 'resumesAlways', 'trustsSpEl0', 'noTrampoline'],
  create({ variant, engine }) {
    const { kernel, hosted } = build(variant);
    const schedule = { kind: 'round-robin', turnSteps: 20 } as const;
    return Machine.create({ hosted, entry: kernel.entry, cpus: CPUS, memoryBytes: 16 * 2 ** 20, schedule, engine });
  },
  prepare(machine) {
    let left = CPUS;
    // Each CPU has enabled both events.
    const off = machine.sdei.onMove((_pe, event, operation) => {
      if (event === CRITICAL && operation === 'ENABLE' && --left === 0) machine.stop();
    });
    machine.run({ steps: 1_000_000 });
    off();
  },
  options: {
    window: {},
    events: [sdei(NORMAL), sdei(CRITICAL)],
    // A handler on one CPU while the other goes on.
    time: 'counted',
    pairs: { inside: true },
    limits: { pairsMax: 12, runStepsMax: 4_000, cycleStepsMax: 1_000, cycleArrivalsMax: 40 },
  },
} satisfies ScenarioModule;
