/**
 * Random storms against the SDEI client: CPUs come and go, events are registered and thrown away, all from two
 * threads, under a random schedule, while events arrive at random boundaries. One number makes one storm.
 */
import { PE_STATE } from '../../src/arch/pestate.ts';
import { WAIT } from '../../src/cpu/waiting.ts';
import { type Hosted, HostedError, load, nop, store } from '../../src/hosted.ts';
import type { Machine } from '../../src/machine/machine.ts';
import type { Cpu } from '../../src/os/kit/cpu.ts';
import { deadlock } from '../../src/os/kit/deadlock.ts';
import { ERRNO } from '../../src/os/kit/errno.ts';
import { Kernel } from '../../src/os/kit/kernel.ts';
import { setTimer } from '../../src/os/kit/timer.ts';
import { SdeiClient } from '../../src/os/sdei/client.ts';
import { sdeiRaw } from '../../src/os/sdei/firmware.ts';
import { sdeiFreeze, sdeiProbe, sdeiResume, sdeiSuspend, sdeiThaw } from '../../src/os/sdei/lifecycle.ts';
import type { SdeiVariants } from '../../src/os/sdei/variants.ts';
import { osMachine } from '../support/os-run.ts';
import { Rng } from '../support/rng.ts';

/** Which events each of the two threads has for itself. */
const EVENTS: readonly (readonly bigint[])[] = [
  [0n, 3000n, 3002n],
  [3001n, 3003n],
];
const SHARED: ReadonlySet<bigint> = new Set([3002n, 3003n]);
const STEPS_MAX = 1_000_000;
/** Times that the same ring of waiting CPUs must be found, 2,000 steps apart. */
const RING_ROUNDS = 20;
/** Times that an event must be found pending and enabled, 2,000 steps apart, to count as lost. */
const PENDING_ROUNDS = 10;
/** Longer than it takes to find that. */
const SETTLE_NS = 25_000n;

type Action =
  | {
      readonly kind: 'register' | 'enable' | 'disable' | 'unregister';
      readonly event: bigint;
      /** Compare with the firmware afterwards, which keeps CPUs from coming and going for a while. */
      readonly compare: boolean;
    }
  | { readonly kind: 'off' | 'on'; readonly pe: number }
  | { readonly kind: 'sleep' | 'freeze' };

/** What one storm is made of: everything follows from the seed. */
export interface Storm {
  readonly seed: number;
  readonly cpus: number;
  readonly pseudoNmi: boolean;
  readonly turnMax: number;
  readonly actions: readonly (readonly Action[])[];
}

const KINDS = ['register', 'enable', 'enable', 'disable', 'unregister'] as const;

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
      return { kind: rng.percent(50) ? 'off' : 'on', pe: 2 + rng.below(Math.max(1, cpus - 2)) };
    });
    return [
      ...events.flatMap((event): Action[] => [
        { kind: 'register', event, compare: false },
        { kind: 'enable', event, compare: true },
      ]),
      ...own,
    ];
  });
  return { seed, cpus, pseudoNmi: rng.percent(50), turnMax, actions };
}

/** What a thread believes of its events. */
type Belief = Map<bigint, 'registered' | 'enabled' | 'leaving'>;

function* attempt(cpu: Cpu, client: SdeiClient, belief: Belief, action: Action): Hosted {
  if (!('event' in action)) return;
  const { kind: call, event } = action;
  const was = belief.get(event);
  const expectations = { register: was ? [ERRNO.EBUSY] : [0n], enable: was ? [0n] : [ERRNO.EINVAL] };
  const result = call === 'register' ? yield* client.register(cpu, event, 'handler') : yield* client[call](cpu, event);
  let expected: readonly bigint[] = call === 'register' ? expectations.register : expectations.enable;
  if (was === 'leaving' && call !== 'register') expected = [0n, ERRNO.EPERM, ERRNO.EINPROGRESS];
  if (call === 'unregister' && was && SHARED.has(event)) expected = [0n, ERRNO.EINPROGRESS];
  if (!expected.includes(result)) yield* cpu.print(`CPU ${cpu.pe}: ${call} ${event} (${was}): ${result}\n`);
  if (call === 'unregister') {
    if (result === 0n) belief.delete(event);
    else if (result === ERRNO.EINPROGRESS) belief.set(event, 'leaving');
  } else if (result === 0n && was !== 'leaving') belief.set(event, call === 'enable' ? 'enabled' : 'registered');
  if (action.compare) yield* compare(cpu, belief, event);
}

/** The firmware has what the thread believes, on every CPU that is up. */
function* compare(cpu: Cpu, belief: Belief, event: bigint): Hosted {
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

function* act(cpu: Cpu, client: SdeiClient, belief: Belief, action: Action): Hosted {
  const { cpus } = cpu.kernel.options;
  switch (action.kind) {
    case 'off':
    case 'on': {
      if (action.pe >= cpus) return;
      const up = (yield* cpu.online()) & (1 << action.pe);
      if (action.kind === 'off' && up) yield* cpu.cpuOff(action.pe);
      if (action.kind === 'on' && !up) yield* cpu.cpuOn(action.pe);
      for (const event of EVENTS[0]!) yield* compare(cpu, belief, event);
      return;
    }
    case 'sleep':
      yield* sdeiSuspend(client, cpu);
      for (let n = 0; n < 20; n++) yield* nop();
      return yield* sdeiResume(client, cpu);
    case 'freeze': {
      const errors = [yield* sdeiFreeze(client, cpu), yield* sdeiThaw(client, cpu)];
      if (errors.some((e) => e !== 0n)) yield* cpu.print(`freeze and thaw: ${errors}\n`);
      return;
    }
    default:
      return yield* attempt(cpu, client, belief, action);
  }
}

/** Until nothing of this thread is registered. */
function* finish(cpu: Cpu, client: SdeiClient, belief: Belief): Hosted {
  for (const event of belief.keys()) {
    for (let n = 0; n < 200; n++) {
      const result = yield* client.unregister(cpu, event);
      if (result === 0n) break;
      if (result !== ERRNO.EINPROGRESS || n === 199) {
        yield* cpu.print(`CPU ${cpu.pe}: the last unregister of ${event}: ${result}\n`);
        break;
      }
      yield* cpu.delay(500n);
    }
  }
}

function kernelOf(storm: Storm, variants: SdeiVariants) {
  const kernel = new Kernel({ cpus: storm.cpus, pseudoNmi: storm.pseudoNmi });
  const client = new SdeiClient(kernel, { variants });
  const done = kernel.variable('done');
  const ready = kernel.variable('ready');
  client.onEvent('handler', function* (_cpu, { event }) {
    for (let n = 0; n < (SHARED.has(event) ? 150 : 10); n++) yield* nop();
    return 0n;
  });
  kernel.onCall('status', (_cpu, event) => sdeiRaw('smc', 'SDEI_EVENT_STATUS', event));
  kernel.onInterrupt(kernel.timerIntid, (cpu) => setTimer(cpu, 3000n));
  const thread = function* (cpu: Cpu, n: number): Hosted {
    const belief: Belief = new Map();
    for (const action of storm.actions[n]!) yield* act(cpu, client, belief, action);
    // What is pending now must be handled, and not only be forgotten when it is unregistered.
    if (n === 0) yield* cpu.delay(SETTLE_NS);
    yield* finish(cpu, client, belief);
  };
  const functions = {
    *main(cpu: Cpu) {
      yield* setTimer(cpu, 3000n);
      const error = yield* sdeiProbe(client, cpu);
      if (error !== 0n) yield* cpu.print(`probe: ${error}\n`);
      yield* cpu.print('ready\n');
      yield* store(ready, 1n);
      yield* thread(cpu, 0);
      if (storm.cpus > 1) while ((yield* load(done)) === 0n) yield* cpu.relax();
      const left = yield* client.registered();
      yield* cpu.print(left === 0 ? 'done' : `${left} slots are left\n`);
    },
    *secondary(cpu: Cpu) {
      if (cpu.pe !== 1) return;
      while ((yield* load(ready)) === 0n) yield* cpu.relax();
      yield* thread(cpu, 1);
      yield* store(done, 1n);
    },
  };
  return { kernel, functions };
}

/** Raises events at random boundaries for as long as the machine runs; gives those that are still to be handled. */
function rain(machine: Machine, storm: Storm): ReadonlyMap<string, number> {
  const rng = new Rng(`rain ${storm.seed}`);
  const pending = new Map<string, number>();
  const keyOf = (event: number, pe: number): string =>
    SHARED.has(BigInt(event)) ? `${event}` : `${event} on PE ${pe}`;
  machine.sdei.onMove((pe, event, operation) => {
    if (operation === 'DISPATCH' || operation === 'UNREGISTER') pending.delete(keyOf(event, pe));
  });
  const drop = (event: number, pe: number): void => {
    if (machine.sdei.signal(event, { pe })) pending.set(keyOf(event, pe), machine.steps);
  };
  const next = (): void => {
    const event = Number(rng.pick(EVENTS.flat()));
    const pe = rng.below(storm.cpus);
    drop(event, pe);
    if (rng.percent(40)) drop(event, (pe + 1) % storm.cpus);
    machine.at(machine.steps + 30 + rng.below(700), next);
  };
  machine.at(machine.steps + 1, next);
  return pending;
}

/** An event that stays pending although a CPU that is up is to handle it; `looks` counts from look to look. */
function pendingTooLong(machine: Machine, looks: Map<string, number>): string | undefined {
  for (const { number, handlers } of machine.sdei.state().events) {
    for (const [pe, { state, latch }] of handlers.entries()) {
      const key = `${number} on PE ${pe}`;
      const off = machine.pes[pe]!.s.get32(PE_STATE.waitState) === WAIT.OFF;
      const count = state === 3 && latch && !off ? (looks.get(key) ?? 0) + 1 : 0;
      looks.set(key, count);
      if (count === PENDING_ROUNDS) return `lost: event ${key} stays pending`;
    }
  }
  return undefined;
}

/** Runs a storm; what is wrong, or undefined. */
export function runStorm(storm: Storm, variants: SdeiVariants = {}): string | undefined {
  const { kernel, functions } = kernelOf(storm, variants);
  const run = osMachine(kernel, functions, {
    schedule: { kind: 'random', seed: storm.seed, stepsMax: storm.turnMax },
  });
  const { machine } = run;
  let before: string | undefined;
  let rounds = 0;
  const looks = new Map<string, number>();
  let pending: ReadonlyMap<string, number> | undefined;
  try {
    for (;;) {
      const { reason } = machine.run({ steps: 2000 });
      if (!pending && run.text().startsWith('ready')) pending = rain(machine, storm);
      const ring = deadlock(machine);
      rounds = ring !== undefined && ring === before ? rounds + 1 : 0;
      before = ring;
      if (rounds === RING_ROUNDS) return `deadlock: ${ring}`;
      const stuck = pendingTooLong(machine, looks);
      if (stuck) return stuck;
      if (reason !== 'limit') return reason === 'poweroff' ? verdict() : `the machine ended by ${reason}`;
      if (machine.steps > STEPS_MAX) return `no end after ${STEPS_MAX} steps; console: ${run.text()}`;
    }
  } catch (error) {
    if (error instanceof HostedError) return error.message;
    throw error;
  }
  function verdict(): string | undefined {
    if (run.text() !== 'ready\ndone') return run.text().replace('ready', '').trim();
    for (const { number, handlers } of machine.sdei.state().events)
      for (const [pe, { state }] of handlers.entries())
        if (state !== 0) return `event ${number} on PE ${pe} is left with status ${state}`;
    const lost = [...pending!].map(([key, step]) => `${key} of step ${step}`);
    return lost.length ? `lost: ${lost.join(', ')}` : undefined;
  }
}
