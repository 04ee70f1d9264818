/**
 * Kernels in which designs of an SDEI client that are wrong show under an event at some boundary: what is explored, and
 * what a run must have done, is the same for the good design and for each of the others.
 */

import { event, sdei } from '../../src/explore/events.ts';
import type { ExploreOptions } from '../../src/explore/types.ts';
import { SDEI_FUNCTIONS, SDEI_RETURN } from '../../src/firmware/sdei/functions.ts';
import { eret, type Hosted, load, mrs, msr, nop, store, svc } from '../../src/hosted.ts';
import type { Machine } from '../../src/machine/machine.ts';
import type { Cpu } from '../../src/os/kit/cpu.ts';
import { Kernel } from '../../src/os/kit/kernel.ts';
import { setTimer, stopTimer } from '../../src/os/kit/timer.ts';
import { SdeiClient } from '../../src/os/sdei/client.ts';
import { USER_ASID } from '../../src/os/sdei/entry.ts';
import { sdeiRaw } from '../../src/os/sdei/firmware.ts';
import { sdeiProbe } from '../../src/os/sdei/lifecycle.ts';
import type { SdeiVariants } from '../../src/os/sdei/variants.ts';
import { osMachine } from '../support/os-run.ts';

const [NORMAL, CRITICAL] = [3000n, 3001n];
const limits = { runStepsMax: 30_000, cycleStepsMax: 5_000, recheckEvery: 0 };

/** A machine that stands where the window opens, and how it is explored. */
export interface ClientScenario {
  readonly machine: Machine;
  readonly options: ExploreOptions;
}
type Make = (variants: SdeiVariants) => ClientScenario;

function at(text: string, made: ReturnType<typeof osMachine>): Machine {
  made.machine.runUntil(() => made.text().endsWith(text), { steps: 200_000 });
  if (!made.text().endsWith(text)) throw new Error(`assertion: the kernel never said '${text}': ${made.text()}`);
  return made.machine;
}
function* registered(client: SdeiClient, cpu: Cpu, ...events: readonly (readonly [bigint, string])[]): Hosted {
  yield* sdeiProbe(client, cpu);
  for (const [number, callback] of events) {
    yield* client.register(cpu, number, callback);
    yield* client.enable(cpu, number);
  }
}

/** A program at EL0 that calls a kernel which is not mapped while the program runs. */
const user: Make = (variants) => {
  const kernel = new Kernel();
  const client = new SdeiClient(kernel, { kpti: true, variants });
  client.onEvent('count', function* (cpu) {
    yield* cpu.timeNs();
    return 0n;
  });
  kernel.onSync(function* (cpu, frame, esr) {
    if (esr >> 26n !== 0x15n) return false;
    yield* msr('TTBR1_EL1', (yield* mrs('TTBR1_EL1')) & ~USER_ASID);
    if ((yield* load(frame.pa)) === 9n) yield* cpu.off();
    yield* msr('TTBR1_EL1', (yield* mrs('TTBR1_EL1')) | USER_ASID);
    return true;
  });
  kernel.addFunction('user', function* () {
    for (let n = 0n; n < 3n; n++) {
      yield* nop();
      yield* svc(n);
    }
    yield* svc(9n);
  });
  const run = osMachine(kernel, {
    *main(cpu) {
      yield* registered(client, cpu, [NORMAL, 'count'], [CRITICAL, 'count']);
      yield* msr('TTBR1_EL1', USER_ASID);
      yield* cpu.irq.daifMask();
      yield* cpu.printNow('.');
      yield* msr('SP_EL0', 0x1234n);
      yield* msr('SPSR_EL1', 0n);
      yield* msr('ELR_EL1', kernel.address('user'));
      yield* eret();
    },
  });
  const events = [sdei(Number(NORMAL)), sdei(Number(CRITICAL))];
  return { machine: at('.', run), options: { window: {}, events, compare: false, limits } };
};

/** An error that ends the kernel: the next one must have interrupts, and the interface. */
const crash: Make = (variants) => {
  const kernel = new Kernel();
  const client = new SdeiClient(kernel, { variants });
  client.onEvent('normal', function* () {
    for (let n = 0; n < 10; n++) yield* nop();
    return 0n;
  });
  client.onEvent('fatal', function* (cpu) {
    yield* cpu.panic('no way to go on');
    return 0n;
  });
  kernel.onInterrupt(kernel.timerIntid, function* (cpu) {
    yield* stopTimer();
    yield* cpu.printNow('tick ');
  });
  const run = osMachine(kernel, {
    *main(cpu) {
      yield* registered(client, cpu, [0n, 'normal'], [CRITICAL, 'fatal']);
      yield* cpu.printNow('.');
      yield* nop();
      yield* sdeiRaw('smc', 'SDEI_EVENT_SIGNAL', 0n, 0n);
      yield* nop();
    },
    *crash(cpu) {
      yield* setTimer(cpu, 100n);
      yield* cpu.irq.daifRestore(0n);
      for (let n = 0; n < 200; n++) yield* nop();
      yield* cpu.printNow(`reset ${yield* sdeiRaw('smc', 'SDEI_PRIVATE_RESET')}`);
      yield* cpu.off();
    },
  });
  return {
    machine: at('.', run),
    options: {
      window: {},
      events: [sdei(Number(CRITICAL))],
      // The timer of the crash kernel is to ring.
      time: 'counted',
      compare: false,
      // The panic is what comes; what follows it is looked at.
      trouble: { panic: ['^no such line$'], warning: ['^no such line$'] },
      checks: [
        ({ console, delivered }) =>
          delivered.length === 0 || console.includes('tick reset 0') ? undefined : `crash kernel: ${console}`,
      ],
      limits,
    },
  };
};

/** Firmware refuses one registration, on whichever CPU it may be: the second attempt must find everything free. */
const refusal: Make = (variants) => {
  const kernel = new Kernel({ cpus: 2 });
  const client = new SdeiClient(kernel, { variants });
  const refuse = kernel.variable('refuse');
  client.onEvent('count', function* () {
    yield* nop();
    return 0n;
  });
  const run = osMachine(kernel, {
    *main(cpu) {
      yield* sdeiProbe(client, cpu);
      yield* cpu.print('.');
      let result = yield* client.register(cpu, NORMAL, 'count');
      if (result !== 0n) result = yield* client.register(cpu, NORMAL, 'count');
      yield* cpu.print(result === 0n ? 'registered' : `refused twice: ${result}`);
      yield* store(refuse, 0n);
    },
  });
  const { machine } = run;
  const dispatcher = machine.sdei.dispatcher!;
  const call = dispatcher.call.bind(dispatcher);
  // What was asked for is in guest memory, so that it goes back with it.
  const word = (value: bigint): void => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    machine.writeMemory(refuse, bytes);
  };
  dispatcher.call = (pe, id, ...rest) => {
    if (id !== SDEI_FUNCTIONS.SDEI_EVENT_REGISTER || run.word(refuse) !== BigInt(pe + 1)) return call(pe, id, ...rest);
    word(0n);
    return SDEI_RETURN.OUT_OF_RESOURCE;
  };
  const refused = event('firmware refuses a registration', (_machine, pe) => word(BigInt(pe + 1)) as undefined, {
    interrupts: false,
  });
  return {
    machine: at('.', run),
    options: {
      window: {},
      events: [refused],
      time: 'counted',
      compare: false,
      checks: [({ console }) => (console.includes('registered') ? undefined : console)],
      limits,
    },
  };
};

/** Variants by the kernel that shows what is wrong with them. */
export const CLIENT_VARIANTS: readonly (readonly [keyof SdeiVariants, string, Make])[] = [
  ['trustsSpEl0', 'user', user],
  ['noTrampoline', 'user', user],
  ['panicLeavesHandlers', 'crash', crash],
  ['noRollback', 'refusal', refusal],
];
