/**
 * A critical SDEI event whose handler gives up, at every boundary of a kernel and of its handler of a normal event: the
 * kernel that starts after the panic must get interrupts, and must be able to reset the interface.
 */
import { Machine, type ScenarioModule, sdei } from 'unmaskable';
import { Kernel, load, nop, SdeiClient, sdeiProbe, setTimer, smc, stopTimer, store } from 'unmaskable/hosted';

const [NORMAL, CRITICAL] = [3000, 3001];
const CPUS = 2;
const HANDLER_STEPS = 100;
/** A byte in which the callback says that it runs. */
const RUNNING_PA = 0x4090_0000n;
/** DEN0054, "SDEI_PRIVATE_RESET". */
const SDEI_PRIVATE_RESET = 0xc400_0031n;

function build(variant: string | undefined): {
  readonly kernel: Kernel;
  readonly hosted: Machine['options']['hosted'];
} {
  const kernel = new Kernel({ cpus: CPUS });
  const client = new SdeiClient(kernel, { variants: variant === undefined ? {} : { [variant]: true } });
  const ready = kernel.variable('ready');
  const ticks = kernel.variable('ticks');
  client.onEvent('normal', function* () {
    yield* store(RUNNING_PA, 1n, 1);
    for (let n = 0; n < HANDLER_STEPS; n++) yield* nop();
    return 0n;
  });
  client.onEvent('critical', function* (cpu) {
    yield* cpu.panic('no way to go on');
    return 0n;
  });
  kernel.onInterrupt(kernel.timerIntid, function* () {
    yield* stopTimer();
    yield* store(ticks, 1n);
  });
  const hosted = kernel.program({
    *main(cpu) {
      yield* sdeiProbe(client, cpu);
      yield* client.register(cpu, BigInt(NORMAL), 'normal');
      yield* client.register(cpu, BigInt(CRITICAL), 'critical');
      yield* client.enable(cpu, BigInt(NORMAL));
      yield* client.enable(cpu, BigInt(CRITICAL));
      yield* store(ready, 1n);
      for (let n = 0; n < 200; n++) yield* nop();
    },
    // What a crash kernel begins with.
    *crash(cpu) {
      yield* setTimer(cpu, 50n);
      yield* cpu.irq.daifRestore(0n);
      for (let n = 0; n < 200 && (yield* load(ticks)) === 0n; n++) yield* nop();
      const [reset] = yield* smc(SDEI_PRIVATE_RESET);
      yield* cpu.printNow(`${yield* load(ticks)} tick, reset ${BigInt.asIntN(64, reset!)}\n`);
      yield* cpu.off();
    },
  });
  return { kernel, hosted };
}

export default {
  title: 'a critical SDEI event that ends in a panic, at every boundary of a kernel and of a handler (hosted)',
  variants: ['panicLeavesHandlers'],
  create({ variant, engine }) {
    const { kernel, hosted } = build(variant);
    return Machine.create({ hosted, entry: kernel.entry, cpus: CPUS, memoryBytes: 16 * 2 ** 20, engine });
  },
  prepare(machine) {
    let left = CPUS;
    const off = machine.sdei.onMove((_pe, event, operation) => {
      if (event === CRITICAL && operation === 'ENABLE' && --left === 0) machine.stop();
    });
    machine.run({ steps: 1_000_000 });
    off();
    // The window is in the callback of a normal event. In the first 23 steps of the handler the client has not yet
    // noted that it runs, in the last two not any more: there a panic cannot know of it. Linux has such steps as well.
    machine.sdei.signal(NORMAL);
    machine.runUntil(() => machine.readMemory(RUNNING_PA, 1)[0] === 1, { steps: 1000 });
  },
  options: {
    window: { to: { steps: 90 } },
    events: [sdei(CRITICAL, { pe: 0 })],
    time: 'counted',
    // Where every run ends; undisturbed the kernel powers off as well.
    end: { settleSteps: 100_000 },
    trouble: { panic: [] },
    checks: [
      ({ console }) =>
        /no way to go on/.test(console) && !/1 tick, reset 0/.test(console)
          ? `after the panic the console shows ${JSON.stringify(console.split('\n').at(-2) ?? '')}`
          : undefined,
    ],
    limits: { runStepsMax: 5_000, cycleStepsMax: 500, cycleArrivalsMax: 20 },
  },
} satisfies ScenarioModule;
