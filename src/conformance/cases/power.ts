/** Events and power states. DEN0054, "Power state management"; DEN0022. */
import { type Hosted, load, msr, store, wfi } from '../../engine/hosted/effects.ts';
import { CaseGroup } from '../case.ts';
import { check, type Guest } from '../guest.ts';
import { SCRATCH_PA } from '../layout.ts';
import { servants, spi } from './shared.ts';

const needs = ['binding'] as const;

const PSCI = {
  CPU_OFF: 0x8400_0002n,
  CPU_ON: 0xc400_0003n,
  AFFINITY_INFO: 0xc400_0004n,
  SUSPEND: 0xc400_0001n,
  SYSTEM_RESET: 0x8400_0009n,
} as const;
const PARAMETERS_INVALID = -2n;

/** PSCI and events. */
export const POWER = new CaseGroup('power');

/** Turns PE 1, which serves, off and waits until it is. */
function* turnOff(g: Guest): Hosted {
  yield* g.start(1, 'off');
  while ((yield* g.callId(PSCI.AFFINITY_INFO, 1, 0)) !== 1n) yield* g.others(1);
}
/** Turns PE 1 on at a function, and waits for its note. */
function* turnOn(g: Guest, name: string): Hosted {
  const before = (yield* g.notes()).length;
  check(yield* g.callId(PSCI.CPU_ON, 1, g.at(name), 0), 0, 'PSCI CPU_ON of PE 1');
  yield* g.noted(before + 1);
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

POWER.functions(
  'a PPI that was registered on a PE which was turned off and on can be released',
  (g) => ({
    *main() {
      const event = yield* g.bind(g.target.freePpis[0]!);
      check(yield* g.on(1, 'register', event), 0, 'SDEI_EVENT_REGISTER on PE 1');
      yield* turnOff(g);
      yield* turnOn(g, 'again');
      yield* g.expect(0, 'SDEI_INTERRUPT_RELEASE', event);
    },
    *register({ x }) {
      return yield* g.call('SDEI_EVENT_REGISTER', x[0]!, g.at('handler'), 0, 0, 0);
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
  'an event for a PE that was off runs when the PE is back and unmasked',
  (g) => ({
    *main() {
      const { intid, event } = yield* spi(g, 1, 1);
      yield* turnOff(g);
      yield* g.pulse(intid);
      yield* turnOn(g, 'again');
      yield* g.noted(2);
      yield* g.expectTags([1, event * 10n + 1n]);
    },
    off: off(g),
    *again() {
      yield* g.note(1);
      yield* g.unmask();
      for (;;) yield* wfi();
    },
    ...servants(g),
  }),
  { cpus: 2, needs },
);
POWER.functions(
  'with RM_ANY an interrupt does not wait for a PE that is off',
  (g) => ({
    *main() {
      const { intid, event } = yield* spi(g);
      yield* g.on(1, 'unmask');
      yield* g.on(2, 'unmask');
      yield* turnOff(g);
      yield* g.pulse(intid);
      yield* g.noted();
      yield* g.expectTags([event * 10n + 2n]);
    },
    off: off(g),
    ...servants(g),
  }),
  { cpus: 3, needs },
);
POWER.functions(
  'PSCI SYSTEM_RESET ends registrations and bindings, and masks every PE',
  (g) => ({
    *main() {
      if ((yield* load(SCRATCH_PA)) !== 0n) return yield* look(g);
      const { event } = yield* spi(g);
      yield* g.ready(0, 'handler');
      yield* g.unmask();
      yield* g.on(1, 'unmask');
      yield* store(SCRATCH_PA, event);
      yield* g.callId(PSCI.SYSTEM_RESET);
    },
    ...servants(g),
  }),
  { cpus: 2, needs },
);
function* look(g: Guest): Hosted {
  yield* g.expect(0, 'SDEI_PE_MASK');
  check(yield* g.on(1, 'mask'), 0, 'SDEI_PE_MASK on PE 1');
  yield* g.expect(0, 'SDEI_EVENT_STATUS', 0);
  yield* g.expect('INVALID_PARAMETERS', 'SDEI_INTERRUPT_RELEASE', yield* load(SCRATCH_PA));
}

/** The interrupt controller lets interrupts reach the PE, which they wake; PSTATE.I still masks them. */
function* wakeable(): Hosted {
  yield* msr('ICC_PMR_EL1', 0xf0n);
  yield* msr('ICC_IGRPEN1_EL1', 1n);
}
