/**
 * Hardware errors at every boundary at which a kernel probes their sources, one of which has a record from before: new
 * ones, singly and two in a run, and events for what is in a block already.
 *
 * A variant is a design of the handler that came before: nothing here says where it shows.
 */
import { event, Machine, type ScenarioModule } from 'unmaskable';
import { become, deadlock, Ghes, Kernel, store } from 'unmaskable/hosted';
import * as firmware from './ghes/firmware.ts';

/** Register that makes the source's line edge-triggered. IHI 0069, "GICD_ICFGR<n>". */
const [GICD_ICFGR2, ICFGR_EDGE] = [0x0800_0c08n, 2n << BigInt((firmware.LINE_INTID % 16) * 2)];

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
  });
  const hosted = ghes.program({
    *main(cpu) {
      yield* store(GICD_ICFGR2, ICFGR_EDGE, 4);
      yield* ghes.init(cpu);
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
/** What firmware does that has not heard for a while: a new error, or the event again for the one that is still there. */
const raiseOrRemind: ReturnType<typeof raise> = (machine, pe) => {
  firmware.put(machine, 'critical');
  firmware.notify(machine, 'critical', pe);
  return undefined;
};

export default {
  title: 'hardware errors at every boundary at which a kernel probes their sources (hosted)',
  variants: ['poolAtProbe', 'addressInSource', 'sharedBuffer'],
  create({ variant, engine }) {
    const { kernel, hosted } = build(variant);
    return firmware.install(Machine.create({ hosted, entry: kernel.entry, memoryBytes: 16 * 2 ** 20, engine }));
  },
  prepare(machine) {
    firmware.put(machine, 'critical', { severity: 'corrected' });
    // The table was read; the first source is about to be heard.
    const off = machine.on('call', (_pe, name) => {
      if (name === 'SDEI_EVENT_REGISTER') machine.stop();
    });
    machine.run({ steps: 1_000_000 });
    off();
  },
  options: {
    window: { to: { console: 'ok' } },
    events: [
      event('recoverable, normal SDEI event', raise('normal')),
      event('recoverable or again, critical SDEI event', raiseOrRemind),
    ],
    time: 'counted',
    pairs: { inside: true },
    checks: [
      ({ console, machine }) => {
        const last = console.trimEnd().split('\n').at(-1) ?? '';
        if (last !== 'done') return last;
        // An event for what was there before may be for nothing: then the probe has taken it already.
        const failed = /event 3000 .* failed with error: .*|Failed to .*|Invalid .*|Truncated .*/.exec(console);
        if (failed) return failed[0];
        // What an NMI says comes wherever the console was.
        const printed = console.replaceAll(/GHES: sdei: event .*\n/g, '');
        for (let n = 0; n < firmware.told(machine); n++) {
          const times = printed.split(`physical_address: 0x${firmware.pageOf(n)}`).length - 1;
          if (times !== 1) return `record ${n} is printed ${times} times`;
        }
        return undefined;
      },
    ],
    stuck: (machine) => deadlock(machine),
    limits: { pairsMax: 2, handlerStepsMax: 5_000, runStepsMax: 25_000, cycleStepsMax: 500, cycleArrivalsMax: 20 },
  },
} satisfies ScenarioModule;
