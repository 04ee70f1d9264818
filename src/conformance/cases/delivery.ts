/** Where events go, what waits, resets and power states. DEN0054, "Event dispatch", "Power state management". */
import { type Hosted, load, msr, store, wfi } from '../../engine/hosted/effects.ts';
import { CaseGroup } from '../case.ts';
import { check, type Guest } from '../guest.ts';
import { SCRATCH_PA } from '../layout.ts';

/** Masked PEs, routing, what waits. */
export const DELIVERY = new CaseGroup('mask and pending');
const needs = ['binding'] as const;

const PSCI = {
  CPU_OFF: 0x8400_0002n,
  CPU_ON: 0xc400_0003n,
  AFFINITY_INFO: 0xc400_0004n,
  SUSPEND: 0xc400_0001n,
} as const;
const PARAMETERS_INVALID = -2n;

/** Notes event * 10 + PE. */
const where = (g: Guest) => g.handler(({ event, pe }) => g.note(event * 10n + BigInt(pe)));
/** What the other PEs do here: make themselves ready, mask, unmask. */
const servants = (g: Guest) => ({
  *unmask() {
    return yield* g.call('SDEI_PE_UNMASK');
  },
  *mask() {
    return yield* g.call('SDEI_PE_MASK');
  },
  handler: where(g),
});
/** Waits until handlers have run `count` times. */
function* ran(g: Guest, count: number): Hosted {
  while ((yield* g.notes()).length < count) yield* g.settle();
  yield* g.settle(60);
}
/** Binds the first free SPI as an edge and makes its event ready. */
function* spi(g: Guest, flags = 0, affinity = 0): Hosted<{ intid: number; event: bigint }> {
  const intid = g.target.freeSpis[0]!;
  yield* g.trigger(intid, true);
  const event = yield* g.bind(intid);
  yield* g.ready(event, 'handler', 0, flags, affinity);
  return { intid, event };
}

DELIVERY.functions(
  'an interrupt that arrives while the PE is masked is delivered once behind SDEI_PE_UNMASK (PPI)',
  (g) => ({
    *main() {
      const intid = g.target.freePpis[0]!;
      yield* g.trigger(intid, true);
      const event = yield* g.bind(intid);
      yield* g.ready(event, 'handler');
      yield* g.pulse(intid);
      yield* g.settle();
      yield* g.expectTags([]);
      yield* g.unmask();
      yield* g.settle(40);
      yield* g.expectTags([event * 10n]);
    },
    handler: where(g),
  }),
  { needs },
);
DELIVERY.functions(
  'with RM_ANY an interrupt goes to a PE that is unmasked',
  (g) => ({
    *main() {
      const { intid, event } = yield* spi(g);
      yield* g.on(1, 'unmask');
      yield* g.pulse(intid);
      yield* ran(g, 1);
      yield* g.expectTags([event * 10n + 1n]);
    },
    ...servants(g),
  }),
  { cpus: 2, needs },
);
DELIVERY.functions(
  'with RM_ANY and every PE masked an interrupt waits for the first that unmasks',
  (g) => ({
    *main() {
      const { intid, event } = yield* spi(g);
      yield* g.pulse(intid);
      yield* g.settle();
      yield* g.expectTags([]);
      yield* g.on(2, 'unmask');
      yield* ran(g, 1);
      yield* g.expectTags([event * 10n + 2n]);
    },
    ...servants(g),
  }),
  { cpus: 3, needs },
);
DELIVERY.functions(
  'with RM_PE an interrupt waits for its PE and never runs on another',
  (g) => ({
    *main() {
      const { intid, event } = yield* spi(g, 1, 1);
      yield* g.unmask();
      yield* g.pulse(intid);
      yield* g.settle(40);
      yield* g.expectTags([]);
      yield* g.on(1, 'unmask');
      yield* ran(g, 1);
      yield* g.expectTags([event * 10n + 1n]);
    },
    ...servants(g),
  }),
  { cpus: 2, needs },
);
DELIVERY.functions(
  'a shared event runs on exactly one PE for each interrupt',
  (g) => ({
    *main() {
      const { intid } = yield* spi(g);
      for (const pe of [1, 2, 3]) yield* g.on(pe, 'unmask');
      yield* g.unmask();
      for (let n = 1; n <= 4; n++) {
        yield* g.pulse(intid);
        yield* ran(g, n);
        check(`${(yield* g.notes()).length} runs`, `${n} runs`, `after ${n} interrupts`);
      }
    },
    ...servants(g),
  }),
  { cpus: 4, needs },
);
DELIVERY.functions(
  'SDEI_EVENT_ROUTING_SET moves an event to another PE',
  (g) => ({
    *main() {
      const { intid, event } = yield* spi(g, 1, 0);
      yield* g.unmask();
      yield* g.on(1, 'unmask');
      yield* g.expect(0, 'SDEI_EVENT_DISABLE', event);
      yield* g.expect(0, 'SDEI_EVENT_ROUTING_SET', event, 1, 1);
      yield* g.expect(0, 'SDEI_EVENT_ENABLE', event);
      yield* g.pulse(intid);
      yield* ran(g, 1);
      yield* g.expectTags([event * 10n + 1n]);
    },
    ...servants(g),
  }),
  { cpus: 2, needs },
);
DELIVERY.functions(
  'an edge while the handler of its event runs makes it run once more',
  (g) => ({
    *main() {
      const { intid, event } = yield* spi(g);
      yield* g.unmask();
      yield* g.pulse(intid);
      yield* g.settle(60);
      yield* g.expectTags([event, event]);
    },
    handler: g.handler(function* ({ event }) {
      const first = (yield* g.notes()).length === 0;
      yield* g.note(event);
      if (first) for (let n = 0; n < 3; n++) yield* g.pulse(g.target.freeSpis[0]!);
    }),
  }),
  { needs },
);

/** PRIVATE_RESET and SHARED_RESET. */
export const RESET = new CaseGroup('reset calls');

RESET.functions('SDEI_PRIVATE_RESET unregisters the private events of the PE', (g) => ({
  *main() {
    yield* g.ready(0, 'handler');
    yield* g.expect(0, 'SDEI_PRIVATE_RESET');
    yield* g.expect(0, 'SDEI_EVENT_STATUS', 0);
  },
  handler: g.noting(),
}));
RESET.functions(
  'SDEI_PRIVATE_RESET in a private handler gives DENIED and unregisters the others',
  (g) => ({
    *main() {
      const event = yield* g.bind(g.target.freePpis[0]!);
      yield* g.ready(0, 'handler');
      yield* g.ready(event, 'other');
      yield* g.unmask();
      yield* store(SCRATCH_PA, event);
      yield* g.signal();
      yield* g.expectTags([0]);
      yield* g.expect(0, 'SDEI_EVENT_STATUS', 0);
    },
    handler: g.handler(function* ({ event }) {
      yield* g.expect('DENIED', 'SDEI_PRIVATE_RESET');
      yield* g.expect(0, 'SDEI_EVENT_STATUS', yield* load(SCRATCH_PA));
      yield* g.expect(4, 'SDEI_EVENT_STATUS', 0);
      yield* g.note(event);
    }),
    other: g.noting(),
  }),
  { needs },
);
RESET.functions(
  'SDEI_PRIVATE_RESET leaves shared events and the mask alone',
  (g) => ({
    *main() {
      const { event } = yield* spi(g);
      yield* g.unmask();
      yield* g.expect(0, 'SDEI_PRIVATE_RESET');
      yield* g.expect(3, 'SDEI_EVENT_STATUS', event);
      yield* g.expect(1, 'SDEI_PE_MASK');
    },
    handler: g.noting(),
  }),
  { needs },
);
RESET.functions(
  'SDEI_PRIVATE_RESET on one PE leaves the private events of another',
  (g) => ({
    *main() {
      check(yield* g.on(1, 'register'), 0, 'SDEI_EVENT_REGISTER on PE 1');
      yield* g.expect(0, 'SDEI_PRIVATE_RESET');
      check(yield* g.on(1, 'status'), 1, 'SDEI_EVENT_STATUS(0) on PE 1');
    },
    *register() {
      return yield* g.call('SDEI_EVENT_REGISTER', 0, g.at('handler'), 0, 0, 0);
    },
    *status() {
      return yield* g.call('SDEI_EVENT_STATUS', 0);
    },
    handler: g.noting(),
  }),
  { cpus: 2 },
);
RESET.functions(
  'SDEI_SHARED_RESET unregisters and releases shared events',
  (g) => ({
    *main() {
      const { event } = yield* spi(g);
      yield* g.expect(0, 'SDEI_SHARED_RESET');
      yield* g.expect('INVALID_PARAMETERS', 'SDEI_INTERRUPT_RELEASE', event);
    },
    handler: g.noting(),
  }),
  { needs },
);
RESET.functions(
  'SDEI_SHARED_RESET in a shared handler gives DENIED and releases nothing',
  (g) => ({
    *main() {
      const { intid, event } = yield* spi(g);
      yield* g.unmask();
      yield* g.pulse(intid);
      yield* g.settle(40);
      yield* g.expectTags([event]);
      yield* g.expect(0, 'SDEI_EVENT_STATUS', event);
      yield* g.expect(event, 'SDEI_INTERRUPT_BIND', intid);
    },
    handler: g.handler(function* ({ event }) {
      yield* g.expect('DENIED', 'SDEI_SHARED_RESET');
      yield* g.expect(4, 'SDEI_EVENT_STATUS', event);
      yield* g.note(event);
    }),
  }),
  { needs },
);
RESET.functions(
  'SDEI_SHARED_RESET while a PPI is registered on another PE gives DENIED',
  (g) => ({
    *main() {
      const event = yield* g.bind(g.target.freePpis[0]!);
      check(yield* g.on(1, 'register', event), 0, 'SDEI_EVENT_REGISTER on PE 1');
      yield* g.expect('DENIED', 'SDEI_SHARED_RESET');
      check(yield* g.on(1, 'status', event), 1, 'SDEI_EVENT_STATUS on PE 1');
    },
    *register({ x }) {
      return yield* g.call('SDEI_EVENT_REGISTER', x[0]!, g.at('handler'), 0, 0, 0);
    },
    *status({ x }) {
      return yield* g.call('SDEI_EVENT_STATUS', x[0]!);
    },
    handler: g.noting(),
  }),
  { cpus: 2, needs },
);
RESET.functions(
  'SDEI_PRIVATE_RESET on every PE and then SDEI_SHARED_RESET free every slot',
  (g) => ({
    *main() {
      const features = yield* g.call('SDEI_FEATURES', 0);
      const [ppis, spis] = [Number(features & 0xffffn), Number((features >> 16n) & 0xffffn)];
      for (let round = 0; round < 2; round++) {
        for (const intid of g.target.freePpis.slice(0, ppis)) yield* g.ready(yield* g.bind(intid), 'handler');
        for (const intid of g.target.freeSpis.slice(0, spis)) yield* g.ready(yield* g.bind(intid), 'handler');
        yield* g.on(1, 'reset');
        yield* g.expect(0, 'SDEI_PRIVATE_RESET');
        yield* g.expect(0, 'SDEI_SHARED_RESET');
      }
    },
    *reset() {
      return yield* g.call('SDEI_PRIVATE_RESET');
    },
    handler: g.noting(),
  }),
  { cpus: 2, needs },
);

/** PSCI and events. */
export const POWER = new CaseGroup('power');

/** Turns PE 1, which serves, off and waits until it is. */
function* turnOff(g: Guest): Hosted {
  yield* g.start(1, 'off');
  while ((yield* g.callId(PSCI.AFFINITY_INFO, 1, 0)) !== 1n) yield* g.settle();
}
/** Turns PE 1 on at a function, and waits for its note. */
function* turnOn(g: Guest, name: string): Hosted {
  const before = (yield* g.notes()).length;
  check(yield* g.callId(PSCI.CPU_ON, 1, g.at(name), 0), 0, 'PSCI CPU_ON of PE 1');
  while ((yield* g.notes()).length === before) yield* g.settle();
}
/** Function `off`: what a PE does last. */
const off = (g: Guest) =>
  function* (): Hosted<bigint> {
    return yield* g.callId(PSCI.CPU_OFF);
  };

POWER.functions(
  'a PE that was turned off and on is masked and has no private event registered',
  (g) => ({
    *main() {
      check(yield* g.on(1, 'prepare'), 3, 'SDEI_EVENT_STATUS(0) on PE 1');
      yield* turnOff(g);
      yield* turnOn(g, 'again');
      check((yield* g.notes()).map(({ value }) => value).join(), '0', 'SDEI_EVENT_STATUS * 10 + SDEI_PE_MASK on PE 1');
    },
    *prepare() {
      yield* g.ready(0, 'handler');
      yield* g.unmask();
      return yield* g.call('SDEI_EVENT_STATUS', 0);
    },
    off: off(g),
    *again() {
      const status = yield* g.call('SDEI_EVENT_STATUS', 0);
      yield* g.note(1, status * 10n + (yield* g.call('SDEI_PE_MASK')));
      for (;;) yield* wfi();
    },
    handler: g.noting(),
  }),
  { cpus: 2 },
);
POWER.functions(
  'turning a PE off and on leaves shared events registered and enabled',
  (g) => ({
    *main() {
      const { event } = yield* spi(g);
      yield* turnOff(g);
      yield* turnOn(g, 'again');
      yield* g.expect(3, 'SDEI_EVENT_STATUS', event);
    },
    off: off(g),
    *again() {
      yield* g.note(1);
      for (;;) yield* wfi();
    },
    handler: g.noting(),
  }),
  { cpus: 2, needs },
);
POWER.functions(
  'an event for a PE that is off does not turn it on',
  (g) => ({
    *main() {
      const { intid, event } = yield* spi(g, 1, 1);
      yield* g.on(1, 'unmask');
      yield* turnOff(g);
      yield* g.pulse(intid);
      yield* g.settle(100);
      check(yield* g.callId(PSCI.AFFINITY_INFO, 1, 0), 1n, 'PSCI AFFINITY_INFO of PE 1: off');
      yield* g.expectTags([]);
      yield* g.expect(3, 'SDEI_EVENT_STATUS', event);
    },
    off: off(g),
    ...servants(g),
  }),
  { cpus: 2, needs },
);
POWER.functions(
  'a power-down suspend comes back masked, with registrations kept',
  (g) => ({
    *main() {
      const intid = g.target.freeSpis[5]!;
      yield* g.ready(0, 'handler');
      yield* g.unmask();
      yield* g.trigger(intid, true);
      yield* g.enableInterrupt(intid);
      yield* wakeable();
      yield* g.start(1, 'waker', intid);
      const result = yield* g.callId(PSCI.SUSPEND, 0x1_0000n, g.at('awake'), 0n);
      check(result, PARAMETERS_INVALID, 'PSCI CPU_SUSPEND of a power-down state, which came back');
      yield* g.passed();
    },
    *waker({ x }) {
      yield* g.settle(60);
      yield* g.pulse(Number(x[0]!));
      return 0n;
    },
    *awake() {
      yield* g.expect(3, 'SDEI_EVENT_STATUS', 0);
      yield* g.expect(0, 'SDEI_PE_MASK');
      yield* g.passed();
    },
    handler: g.noting(),
  }),
  { cpus: 2 },
);
POWER.functions(
  'a standby suspend leaves the PE unmasked, and an event ends it',
  (g) => ({
    *main() {
      yield* g.ready(0, 'handler');
      yield* g.unmask();
      yield* g.start(1, 'waker');
      check(yield* g.callId(PSCI.SUSPEND, 0n, 0n, 0n), 0n, 'PSCI CPU_SUSPEND of a standby state');
      yield* g.expectTags([0]);
      yield* g.expect(1, 'SDEI_PE_MASK');
    },
    *waker() {
      yield* g.settle(60);
      yield* g.signal(0);
      return 0n;
    },
    handler: g.noting(),
  }),
  { cpus: 2 },
);

/** The interrupt controller lets interrupts reach the PE, which they wake; PSTATE.I still masks them. */
function* wakeable(): Hosted {
  yield* msr('ICC_PMR_EL1', 0xf0n);
  yield* msr('ICC_IGRPEN1_EL1', 1n);
}
