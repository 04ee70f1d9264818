/**
 * A synchronous External abort at every boundary of a program at EL0 and of the kernel that it calls, while that kernel
 * handles other errors: nothing goes on before what the record asks for was done.
 *
 * A variant is a design of the handler that came before: nothing here says where it shows.
 */
import { event, Machine, type ScenarioModule } from 'unmaskable';
import {
  type Cpu,
  deadlock,
  eret,
  Ghes,
  type Hosted,
  Kernel,
  load,
  mrs,
  msr,
  nop,
  store,
  svc,
} from 'unmaskable/hosted';
import * as firmware from './ghes/firmware.ts';

/** Set where the window begins. */
const READY_PA = 0x4090_0000n;
/** Register that makes the source's line edge-triggered. IHI 0069, "GICD_ICFGR<n>". */
const [GICD_ICFGR2, ICFGR_EDGE] = [0x0800_0c08n, 2n << BigInt((firmware.LINE_INTID % 16) * 2)];
/** EL0 sees RAM at this address: a block with access of its own in the first table. */
const USER_VA = 0x1_0000_0000n;
const USER_BLOCK = 0x4000_0000n | (1n << 10n) | (3n << 8n) | (1n << 6n) | (1n << 2n) | 1n;
const USER_DATA_VA = USER_VA + 0x9f_0000n;
/** ESR_EL1.EC of an SVC, and all of ESR_EL1 but ISS[24:6] of an External abort of the kernel's own load. DDI 0487. */
const EC_SVC = 0x15n;
const [KERNEL_SEA, KERNEL_SEA_MASK] = [(0x25n << 26n) | 0x10n, (0x3fn << 26n) | 0x3fn];
const ROUNDS = 3n;

function build(variant: string | undefined): {
  readonly kernel: Kernel;
  readonly hosted: Machine['options']['hosted'];
} {
  const kernel = new Kernel();
  const ghes = new Ghes(kernel, {
    hestPa: firmware.HEST_PA,
    variants: (variant === undefined ? [] : [variant]) as NonNullable<Ghes['options']['variants']>,
    interrupts: [firmware.LINE_INTID],
    memoryFailure: firmware.takeAway,
    pages: 'kernel',
    // Kernel code that can go on after an abort, when its record was dealt with.
    *fixup(cpu): Hosted<boolean> {
      if ((yield* load(cpu.at(ghes.words.workPending))) !== 0n)
        yield* cpu.panic('the kernel goes on, and nothing was done about the abort');
      return true;
    },
    *afterUserSea(cpu): Hosted<boolean> {
      if (yield* firmware.abortStillThere())
        yield* cpu.panic('the program goes on with the page that it is about to touch');
      return true;
    },
  });
  kernel.onSync(function* (cpu, frame, esr) {
    // What could not be dealt with where interrupts are out: the code there has a way around what it wanted to read.
    if (esr >> 26n !== EC_SVC) return (esr & KERNEL_SEA_MASK) === KERNEL_SEA;
    yield* call(cpu, yield* load(frame.pa));
    return true;
  });
  /** What the program calls: a line on the console, and pages are taken away that nobody waited for. */
  function* call(cpu: Cpu, n: bigint): Hosted {
    yield* cpu.print(n === ROUNDS ? 'ok\n' : '.\n');
    yield* ghes.takePagesAway(cpu);
    if (n < ROUNDS) return;
    for (let round = 0; round < firmware.SETTLE_ROUNDS; round++) {
      yield* ghes.takePagesAway(cpu);
      if ((yield* firmware.unsettled(ghes)) === undefined) break;
    }
    yield* firmware.settle(ghes, cpu);
    yield* cpu.print('done\n');
    yield* cpu.off();
  }
  kernel.addFunction('program', function* () {
    for (let n = 0n; n <= ROUNDS; n++) {
      for (let m = 0; m < 4; m++) yield* load(USER_DATA_VA);
      yield* nop();
      yield* svc(n);
    }
  });
  const hosted = ghes.program({
    *main(cpu) {
      yield* store(GICD_ICFGR2, ICFGR_EDGE, 4);
      yield* ghes.init(cpu);
      yield* firmware.printNoMore(ghes, cpu);
      yield* store((yield* mrs('TTBR0_EL1')) + 8n * (USER_VA >> 30n), USER_BLOCK);
      yield* cpu.irq.daifMask();
      yield* msr('SPSR_EL1', 0n);
      yield* msr('ELR_EL1', kernel.address('program'));
      yield* store(READY_PA, 1n, 1);
      yield* eret();
    },
  });
  return { kernel, hosted };
}

const { raise } = firmware;

export default {
  title: 'an External abort at every boundary of a program and its kernel (hosted)',
  variants: ['directSea', 'noKick', 'noClaimWork'],
  create({ variant, engine }) {
    const { kernel, hosted } = build(variant);
    return firmware.install(Machine.create({ hosted, entry: kernel.entry, memoryBytes: 16 * 2 ** 20, engine }));
  },
  prepare(machine) {
    machine.runUntil(() => machine.readMemory(READY_PA, 1)[0] === 1, { steps: 1_000_000 });
    firmware.put(machine, 'line');
    firmware.notify(machine, 'line', 0);
  },
  options: {
    window: { to: { console: 'ok' } },
    events: [
      event('recoverable, synchronous External abort', raise('abort')),
      event('recoverable, critical SDEI event', raise('critical')),
    ],
    time: 'counted',
    // The kernel's warning about an abort that it cannot deal with at once is no failure.
    trouble: { warning: [] },
    checks: [
      ({ console }) => {
        const last = console.trimEnd().split('\n').at(-1) ?? '';
        if (last !== 'done') return last;
        return /failed with error: .*|Failed to .*|Invalid .*|Truncated .*/.exec(console)?.[0];
      },
    ],
    stuck: (machine) => deadlock(machine),
    limits: { runStepsMax: 25_000, cycleStepsMax: 500, cycleArrivalsMax: 20 },
  },
} satisfies ScenarioModule;
