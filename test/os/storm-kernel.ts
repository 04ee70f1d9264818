/**
 * What runs in a storm: two threads that register events and throw them away while CPUs come and go, on a kernel with
 * the SDEI client, and in some storms with the handler of hardware errors on top of it.
 */
import { type Hosted, load, nop, store } from '../../src/hosted.ts';
import { slotMaps } from '../../src/os/ghes/fixmap.ts';
import { SLOT, type SlotName } from '../../src/os/ghes/layout.ts';
import { poolUsed } from '../../src/os/ghes/pool.ts';
import type { Cpu } from '../../src/os/kit/cpu.ts';
import { ERRNO } from '../../src/os/kit/errno.ts';
import { Kernel, type KernelFunction } from '../../src/os/kit/kernel.ts';
import { setTimer } from '../../src/os/kit/timer.ts';
import { SdeiClient } from '../../src/os/sdei/client.ts';
import { sdeiRaw } from '../../src/os/sdei/firmware.ts';
import { GhesOverSdei } from '../../src/os/sdei/ghes.ts';
import { sdeiFreeze, sdeiProbe, sdeiResume, sdeiSuspend, sdeiThaw } from '../../src/os/sdei/lifecycle.ts';
import type { SdeiVariants } from '../../src/os/sdei/variants.ts';
import { Rng } from '../support/rng.ts';

/** Events by thread: each has its own; both have normal and critical ones, and shared ones. */
export const EVENTS: readonly (readonly bigint[])[] = [
  [0n, 3000n, 3002n],
  [3001n, 3003n],
];
/** Those of them that the system has once. */
export const SHARED: ReadonlySet<bigint> = new Set([3002n, 3003n]);
/** Time between two timer interrupts of CPU 0. */
const TICK_NS = 3000n;
/** Most attempts of the last unregistration, and time between two. */
const LAST_ATTEMPTS = 200;
const PAUSE_NS = 500n;

/** A call about an event. */
interface EventAction {
  readonly kind: 'register' | 'enable' | 'disable' | 'unregister';
  readonly event: bigint;
  /** Compare with the firmware afterwards, which keeps CPUs from coming and going for a while. */
  readonly compare: boolean;
}
/** One thing that a thread does. */
export type Action =
  | EventAction
  /** Goes down when it is up, and up when it is down. */
  | { readonly kind: 'hotplug'; readonly pe: number }
  | { readonly kind: 'sleep' | 'freeze' };

/** What one storm is made of: everything follows from the seed. */
export interface Storm {
  readonly seed: number;
  readonly cpus: number;
  readonly pseudoNmi: boolean;
  /** Hardware errors come as well, as SDEI events of both priorities and as interrupts. */
  readonly ghes: boolean;
  readonly turnMax: number;
  readonly actions: readonly (readonly Action[])[];
}

const KINDS = ['register', 'enable', 'enable', 'disable', 'unregister'] as const;
/** Of so many storms one has hardware errors. */
const GHES_EVERY = 4;

/** The storm of a number. */
export function stormOf(seed: number): Storm {
  const rng = new Rng(seed);
  const cpus = rng.pick([1, 2, 3, 3, 4, 5, 6, 7, 8]);
  const turnMax = rng.pick([2, 7, 40, 400]);
  const actions = EVENTS.map((events, thread) => {
    const own = Array.from({ length: 14 }, (): Action => {
      const roll = rng.below(10);
      const event = rng.pick(events);
      if (roll < 5 || (thread > 0 && roll < 9)) return { kind: rng.pick(KINDS), event, compare: rng.percent(40) };
      if (roll === 9) return { kind: cpus === 1 ? 'freeze' : 'sleep' };
      return { kind: 'hotplug', pe: 2 + rng.below(Math.max(1, cpus - 2)) };
    });
    return [
      ...events.flatMap((event): Action[] => [
        { kind: 'register', event, compare: false },
        { kind: 'enable', event, compare: true },
      ]),
      ...own,
    ];
  });
  return { seed, cpus, pseudoNmi: rng.percent(50), ghes: seed % GHES_EVERY === GHES_EVERY - 1, turnMax, actions };
}

/** How often what is meant to happen did happen. */
export interface Tally {
  dispatched: number;
  critical: number;
  /** Critical events that interrupted the handler of a normal one. */
  nested: number;
  offs: number;
  ons: number;
  /** Unregistrations that had to be tried again. */
  retries: number;
  sleeps: number;
  records: number;
  steps: number;
}
/** Nothing yet. */
export const newTally = (): Tally => ({
  dispatched: 0,
  critical: 0,
  nested: 0,
  offs: 0,
  ons: 0,
  retries: 0,
  sleeps: 0,
  records: 0,
  steps: 0,
});

/** What the kernel is told of the storm that it is in; the same from beginning to end of it. */
export interface Current {
  storm: Storm;
  tally: Tally;
  /** Pages that were taken away. */
  pages: Set<bigint>;
}

/** What a thread believes of its events. */
type Belief = Map<bigint, 'registered' | 'enabled' | 'leaving'>;

/** A kernel for storms of a kind, and what a storm needs to know of it. */
export interface StormKernel {
  readonly kernel: Kernel;
  readonly client: SdeiClient;
  readonly ghes: GhesOverSdei | undefined;
  readonly functions: { readonly main: KernelFunction } & Readonly<Record<string, KernelFunction>>;
  /** 1 once nothing new is to come; set to 1 from outside at `settledPa` when nothing is left to be handled. */
  readonly settlingPa: bigint;
  readonly settledPa: bigint;
}

class Threads {
  private readonly client: SdeiClient;
  private readonly current: Current;

  constructor(client: SdeiClient, current: Current) {
    this.client = client;
    this.current = current;
  }

  /** Actions of thread `n`, then until nothing of it is registered. */
  *run(cpu: Cpu, n: number, settle: () => Hosted): Hosted {
    const belief: Belief = new Map();
    for (const action of this.current.storm.actions[n]!) yield* this.act(cpu, belief, action);
    // What is pending now must be handled, and not only be forgotten when it is unregistered.
    yield* settle();
    yield* this.finish(cpu, belief);
  }
  private *act(cpu: Cpu, belief: Belief, action: Action): Hosted {
    const { client, current } = this;
    const { cpus } = cpu.kernel.options;
    switch (action.kind) {
      case 'hotplug': {
        if (action.pe >= cpus) return;
        if ((yield* cpu.online()) & (1 << action.pe)) {
          yield* cpu.cpuOff(action.pe);
          current.tally.offs++;
        } else {
          yield* cpu.cpuOn(action.pe);
          current.tally.ons++;
        }
        for (const event of EVENTS[0]!) yield* this.compare(cpu, belief, event);
        return;
      }
      case 'sleep':
        current.tally.sleeps++;
        yield* sdeiSuspend(client, cpu);
        for (let n = 0; n < 20; n++) yield* nop();
        return yield* sdeiResume(client, cpu);
      case 'freeze': {
        current.tally.sleeps++;
        const errors = [yield* sdeiFreeze(client, cpu), yield* sdeiThaw(client, cpu)];
        if (errors.some((e) => e !== 0n)) yield* cpu.print(`freeze and thaw: ${errors}\n`);
        return;
      }
      default:
        return yield* this.attempt(cpu, belief, action);
    }
  }
  private *attempt(cpu: Cpu, belief: Belief, action: EventAction): Hosted {
    const { client } = this;
    const { kind: call, event } = action;
    const was = belief.get(event);
    const expectations = { register: was ? [ERRNO.EBUSY] : [0n], enable: was ? [0n] : [ERRNO.EINVAL] };
    const result =
      call === 'register' ? yield* client.register(cpu, event, 'handler') : yield* client[call](cpu, event);
    let expected: readonly bigint[] = call === 'register' ? expectations.register : expectations.enable;
    if (was === 'leaving' && call !== 'register') expected = [0n, ERRNO.EPERM, ERRNO.EINPROGRESS];
    if (call === 'unregister' && was && SHARED.has(event)) expected = [0n, ERRNO.EINPROGRESS];
    if (!expected.includes(result)) yield* cpu.print(`CPU ${cpu.pe}: ${call} ${event} (${was}): ${result}\n`);
    if (call === 'unregister') {
      if (result === 0n) belief.delete(event);
      else if (result === ERRNO.EINPROGRESS) {
        this.current.tally.retries++;
        belief.set(event, 'leaving');
      }
    } else if (result === 0n && was !== 'leaving') belief.set(event, call === 'enable' ? 'enabled' : 'registered');
    if (action.compare) yield* this.compare(cpu, belief, event);
  }
  /** The firmware has what the thread believes, on every CPU that is up. */
  private *compare(cpu: Cpu, belief: Belief, event: bigint): Hosted {
    const believed = belief.get(event);
    if (believed === 'leaving') return;
    const expected = believed === 'enabled' ? 3n : believed ? 1n : 0n;
    const { hotplug } = cpu.kernel.words;
    yield* cpu.mutexLock(hotplug);
    const found = yield* cpu.callOn('status', event);
    yield* cpu.mutexUnlock(hotplug);
    const wrong = found.findIndex((s) => s !== undefined && (s & 3n) !== expected);
    if (wrong >= 0) yield* cpu.print(`event ${event} on CPU ${wrong}: status ${found[wrong]}, not ${expected}\n`);
  }
  private *finish(cpu: Cpu, belief: Belief): Hosted {
    for (const event of belief.keys()) {
      for (let n = 0; n < LAST_ATTEMPTS; n++) {
        const result = yield* this.client.unregister(cpu, event);
        if (result === 0n) break;
        if (result !== ERRNO.EINPROGRESS || n === LAST_ATTEMPTS - 1) {
          yield* cpu.print(`CPU ${cpu.pe}: the last unregister of ${event}: ${result}\n`);
          break;
        }
        this.current.tally.retries++;
        yield* cpu.delay(PAUSE_NS);
      }
    }
  }
}

/** What the handler of errors must not leave behind. */
function* ghesLeft(cpu: Cpu, ghes: GhesOverSdei): Hosted {
  for (const source of yield* ghes.sources()) {
    if ((yield* load(source + 0x10n)) !== 11n) continue;
    const error = yield* ghes.sdei.unregister(cpu, source);
    if (error !== 0n) yield* cpu.print(`the event of an error source stays: ${error}\n`);
  }
  for (const slot of Object.keys(SLOT) as SlotName[])
    if ((yield* slotMaps(slot)) !== 0n) yield* cpu.print(`window ${slot} maps something\n`);
  const cached = yield* load(ghes.words.cacheObjects);
  const used = yield* poolUsed(ghes);
  if (cached === 0n ? used !== 0n : used > cached * 1024n) yield* cpu.print(`${used} bytes of the pool are taken\n`);
}

/** The kernel of a kind of storm. `current` says which storm it is. */
export function stormKernel(
  { cpus, pseudoNmi, ghes: withGhes }: Pick<Storm, 'cpus' | 'pseudoNmi' | 'ghes'>,
  { variants, ghesSpi, hestPa }: { readonly variants: SdeiVariants; readonly ghesSpi: number; readonly hestPa: bigint },
  current: Current,
): StormKernel {
  const kernel = new Kernel({ cpus, pseudoNmi });
  const client = new SdeiClient(kernel, { variants });
  const options = {
    hestPa,
    polling: false,
    interrupts: [ghesSpi],
    // biome-ignore lint/correctness/useYield: noted for the storm.
    *memoryFailure(_cpu: Cpu, pfn: bigint): Hosted {
      current.pages.add(pfn);
    },
  };
  const ghes = withGhes ? new GhesOverSdei(kernel, options, client) : undefined;
  const [done, ready] = [kernel.variable('done'), kernel.variable('ready')];
  const [settlingPa, settledPa] = [kernel.variable('settling'), kernel.variable('settled')];
  client.onEvent('handler', function* (_cpu, { event }) {
    for (let n = 0; n < (SHARED.has(event) ? 150 : 10); n++) yield* nop();
    return 0n;
  });
  kernel.onCall('status', (_cpu, event) => sdeiRaw('smc', 'SDEI_EVENT_STATUS', event));
  kernel.onInterrupt(kernel.timerIntid, (cpu) => setTimer(cpu, TICK_NS));
  const threads = new Threads(client, current);
  const functions = {
    *main(cpu: Cpu) {
      yield* setTimer(cpu, TICK_NS);
      const error = yield* sdeiProbe(client, cpu);
      if (error !== 0n) yield* cpu.print(`probe: ${error}\n`);
      if (ghes) yield* cpu.print(`${yield* ghes.init(cpu)} error sources\n`);
      yield* cpu.print('ready\n');
      yield* store(ready, 1n);
      yield* threads.run(cpu, 0, function* () {
        yield* store(settlingPa, 1n);
        while ((yield* load(settledPa)) === 0n) yield* cpu.relax();
      });
      if (cpus > 1) while ((yield* load(done)) === 0n) yield* cpu.relax();
      if (ghes) yield* ghesLeft(cpu, ghes);
      const left = yield* client.registered();
      yield* cpu.print(left === 0 ? 'done' : `${left} slots are left\n`);
    },
    *secondary(cpu: Cpu) {
      if (cpu.pe !== 1) return;
      while ((yield* load(ready)) === 0n) yield* cpu.relax();
      yield* threads.run(cpu, 1, function* () {});
      yield* store(done, 1n);
    },
  };
  return { kernel, client, ghes, functions, settlingPa, settledPa };
}
