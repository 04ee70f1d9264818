/**
 * One CPU registers, enables, disables and unregisters SDEI events while another one takes a third down and up again,
 * beginning at every boundary of that: what each CPU has in the firmware must be what was asked for.
 */
import { event, Machine, type ScenarioModule } from 'unmaskable';
import {
  type Cpu,
  deadlock,
  type Hosted,
  Kernel,
  load,
  nop,
  SdeiClient,
  sdeiProbe,
  smc,
  store,
} from 'unmaskable/hosted';

const EVENT = 3000n;
/** An event that another client may have taken on CPU 2, behind the kernel's back. */
const TAKEN = 3001n;
const CPUS = 3;
/** What CPU 2 is to do, and has done; and whether another client takes the event. */
const [ASKED_PA, DONE_PA, TAKE_PA] = [0x4090_0000n, 0x4090_0008n, 0x4090_0010n];
const [GOES, GOES_AND_COMES] = [1n, 2n];
const ATTEMPTS = 20;
/** DEN0054, "SDEI_EVENT_REGISTER", "SDEI_EVENT_STATUS". */
const [SDEI_EVENT_REGISTER, SDEI_EVENT_STATUS] = [0xc400_0021n, 0xc400_0028n];

function build(variant: string | undefined): {
  readonly kernel: Kernel;
  readonly hosted: Machine['options']['hosted'];
} {
  const kernel = new Kernel({ cpus: CPUS });
  const client = new SdeiClient(kernel, { variants: variant === undefined ? {} : { [variant]: true } });
  const ready = kernel.variable('ready');
  client.onEvent('nothing', function* () {
    yield* nop();
    return 0n;
  });
  kernel.onCall('status', function* (_cpu, number) {
    return (yield* smc(SDEI_EVENT_STATUS, number))[0];
  });
  kernel.onCall('take', function* () {
    yield* smc(SDEI_EVENT_REGISTER, TAKEN, 0x4010_0000n, 0n, 0n, 0n);
    return 0n;
  });

  /** What CPUs that are up must have of an event. */
  function* expectStatus(cpu: Cpu, number: bigint, expected: bigint, cpus = -1): Hosted {
    for (const [pe, found] of (yield* cpu.callOn('status', number, cpus)).entries())
      if (found !== undefined && found !== expected)
        yield* cpu.panic(`event ${number} has status ${found} on CPU ${pe} and not ${expected}`);
  }
  function* must(cpu: Cpu, what: string, work: Hosted<bigint>): Hosted {
    const result = yield* work;
    if (result !== 0n) yield* cpu.panic(`${what} gives ${result}`);
  }

  const hosted = kernel.program({
    *main(cpu) {
      yield* sdeiProbe(client, cpu);
      yield* store(ready, 1n);
      yield* must(cpu, 'register', client.register(cpu, EVENT, 'nothing'));
      yield* must(cpu, 'enable', client.enable(cpu, EVENT));
      for (let round = 0; round < 3; round++) yield* must(cpu, 'disable', client.disable(cpu, EVENT));
      while ((yield* load(ASKED_PA)) !== (yield* load(DONE_PA))) yield* cpu.relax();
      yield* expectStatus(cpu, EVENT, 1n);
      let left = -1n;
      for (let n = 0; n < ATTEMPTS && left !== 0n; n++) left = yield* client.unregister(cpu, EVENT);
      if (left !== 0n) yield* cpu.panic(`unregister gives ${left}`);
      yield* expectStatus(cpu, EVENT, 0n);
      // An event that CPU 2 cannot have is had by none, unless CPU 2 is away.
      if ((yield* load(TAKE_PA)) !== 0n) yield* cpu.callOn('take', 0n, 1 << 2);
      if ((yield* client.register(cpu, TAKEN, 'nothing')) !== 0n) yield* expectStatus(cpu, TAKEN, 0n, 0b011);
      yield* store(ready, 2n);
    },
    *secondary(cpu) {
      if (cpu.pe !== 1) return;
      while ((yield* load(ready)) !== 2n && (yield* load(ASKED_PA)) === 0n) yield* cpu.relax();
      const what = yield* load(ASKED_PA);
      if (what === 0n) return;
      yield* cpu.cpuOff(2);
      if (what === GOES_AND_COMES) {
        yield* cpu.delay(50n);
        yield* cpu.cpuOn(2);
      }
      yield* store(DONE_PA, what);
      while ((yield* load(ready)) !== 2n) yield* cpu.relax();
    },
  });
  return { kernel, hosted };
}

const ask = (name: string, what: bigint, atPa = ASKED_PA) =>
  event(name, (machine) => {
    machine.writeMemory(atPa, Uint8Array.of(Number(what)));
    return undefined;
  });

export default {
  title: 'a CPU goes and comes at every boundary of work with SDEI events (hosted)',
  variants: ['hotplugTakesMutex', 'savesFirmwareState', 'downKeepsEvents', 'noRollback'],
  create({ variant, engine }) {
    const { kernel, hosted } = build(variant);
    const schedule = { kind: 'round-robin', turnSteps: 15 } as const;
    return Machine.create({ hosted, entry: kernel.entry, cpus: CPUS, memoryBytes: 16 * 2 ** 20, schedule, engine });
  },
  prepare(machine) {
    let left = CPUS;
    const off = machine.on('call', (_pe, name) => {
      if (name === 'SDEI_PE_UNMASK' && --left === 0) machine.stop();
    });
    machine.run({ steps: 1_000_000 });
    off();
  },
  options: {
    window: {},
    events: [
      ask('CPU 2 goes and comes', GOES_AND_COMES),
      ask('CPU 2 goes', GOES),
      ask('another client takes an event', 1n, TAKE_PA),
    ],
    checks: [
      ({ machine }) => {
        const { handlers } = machine.sdei.state().events.find(({ number }) => BigInt(number) === EVENT)!;
        const kept = machine.readMemory(DONE_PA, 1)[0] === Number(GOES) ? handlers[2]!.state : 0;
        return kept === 0 ? undefined : `CPU 2 is off, and the firmware has event ${EVENT} of it in state ${kept}`;
      },
    ],
    time: 'counted',
    sample: { count: 300, seed: 1 },
    stuck: (machine) => deadlock(machine),
    limits: { runStepsMax: 10_000, cycleStepsMax: 300, cycleArrivalsMax: 5 },
  },
} satisfies ScenarioModule;
