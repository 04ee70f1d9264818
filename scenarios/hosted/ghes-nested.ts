/**
 * Hardware errors at every boundary at which a kernel handles others: SDEI events of both priorities, an SError and an
 * interrupt, records larger than a page, a fatal one, on the same CPU and on another.
 *
 * A variant is a design of the handler that came before: nothing here says where it shows.
 */
import { event, Machine, type ScenarioModule } from 'unmaskable';
import { become, deadlock, Ghes, Kernel, load, nop, store } from 'unmaskable/hosted';
import * as firmware from './ghes/firmware.ts';

const CPUS = 2;
/** Set where the window begins. */
const READY_PA = 0x4090_0000n;
/** Register that makes the source's line edge-triggered. IHI 0069, "GICD_ICFGR<n>". */
const [GICD_ICFGR2, ICFGR_EDGE] = [0x0800_0c08n, 2n << BigInt((firmware.LINE_INTID % 16) * 2)];
/** More than a page with all that is in front of it. */
const VENDOR_BYTES = 4200;
/** Rounds in which the kernel waits for the records of the window. */
const ROUNDS_MAX = 100;

function build(variant: string | undefined): {
  readonly kernel: Kernel;
  readonly hosted: Machine['options']['hosted'];
} {
  const kernel = new Kernel({ cpus: CPUS });
  const ghes = new Ghes(kernel, {
    hestPa: firmware.HEST_PA,
    variants: (variant === undefined ? [] : [variant]) as NonNullable<Ghes['options']['variants']>,
    interrupts: [firmware.LINE_INTID],
    memoryFailure: firmware.takeAway,
  });
  const hosted = ghes.program({
    *main(cpu) {
      yield* store(GICD_ICFGR2, ICFGR_EDGE, 4);
      yield* ghes.init(cpu);
      yield* firmware.printNoMore(ghes, cpu);
      yield* become('window');
    },
    *window(cpu) {
      yield* store(READY_PA, 1n, 1);
      // Two records come here.
      yield* cpu.print('errors come\n');
      for (let n = 0; n < ROUNDS_MAX; n++) {
        if ((yield* load(ghes.words.queue)) === 0n && (yield* firmware.stillThere()) === undefined) break;
        yield* nop();
      }
      yield* cpu.print('ok\n');
      yield* become('end');
    },
    *end(cpu) {
      yield* firmware.settle(ghes, cpu);
      yield* cpu.print('done\n');
      yield* cpu.off();
    },
  });
  return { kernel, hosted };
}

const { raise } = firmware;
const on = (pe: number) => ({ pe });

export default {
  title: 'hardware errors at every boundary at which a kernel handles others (hosted)',
  variants: ['oopsLock', 'pageChunks', 'noQueueAck', 'inNmi', 'onePage'],
  create({ variant, engine }) {
    const { kernel, hosted } = build(variant);
    const schedule = { kind: 'round-robin', turnSteps: 25 } as const;
    const memoryBytes = 16 * 2 ** 20;
    return firmware.install(Machine.create({ hosted, entry: kernel.entry, cpus: CPUS, memoryBytes, schedule, engine }));
  },
  prepare(machine) {
    machine.runUntil(() => machine.readMemory(READY_PA, 1)[0] === 1, { steps: 1_000_000 });
    for (const source of ['line', 'normal'] as const) {
      firmware.put(machine, source);
      firmware.notify(machine, source, 0);
    }
  },
  options: {
    window: { to: { console: 'ok' } },
    events: [
      event('corrected, normal SDEI event', raise('normal', { severity: 'corrected' }), on(0)),
      event('recoverable, critical SDEI event', raise('critical'), on(0)),
      event('larger than a page, critical SDEI event', raise('critical', { vendorBytes: VENDOR_BYTES }), on(0)),
      event('fatal, critical SDEI event', raise('critical', { severity: 'fatal' }), on(0)),
      event('recoverable, SError', raise('serror'), on(0)),
      event('recoverable, interrupt', raise('line'), on(0)),
      event('recoverable, normal SDEI event', raise('normal'), on(1)),
      event('recoverable, critical SDEI event', raise('critical'), on(1)),
    ],
    time: 'counted',
    pairs: { inside: true },
    // Where every run ends: a fatal error ends the kernel as well.
    end: { settleSteps: 30_000 },
    trouble: { panic: [], warning: [] },
    checks: [
      ({ console, machine }) => {
        const last = console.trimEnd().split('\n').at(-1) ?? '';
        const failed = /failed with error: .*|Failed to .*|Invalid .*|Truncated .*/.exec(console);
        if (failed) return failed[0];
        if (!firmware.toldFatal(machine)) return last === 'done' ? undefined : last;
        const shown = /event severity: fatal[\s\S]*GHES: Fatal hardware error/.test(console);
        return shown ? undefined : `of a fatal error the console shows ${last}`;
      },
    ],
    stuck: (machine) => deadlock(machine),
    // A panic waits long for a CPU that is in a handler of a critical event as well.
    limits: { pairsMax: 1, handlerStepsMax: 5_000, runStepsMax: 200_000, cycleStepsMax: 500, cycleArrivalsMax: 20 },
  },
} satisfies ScenarioModule;
