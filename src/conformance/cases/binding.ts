/** Interrupts that become events. DEN0054, "Interrupt binding". */
import { type Hosted, load, msr, store } from '../../engine/hosted/effects.ts';
import { CaseGroup } from '../case.ts';
import { check, GICD_PA, type Guest } from '../guest.ts';

/** BIND, RELEASE, and who has the interrupt. */
export const BINDING = new CaseGroup('binding');
const needs = ['binding'] as const;

/** Registers of the distributor and the SGI frame: one bit for each interrupt. */
const ISENABLER = 0x100;
const ISPENDR = 0x200;

BINDING.test('SDEI_INTERRUPT_BIND of an SGI gives INVALID_PARAMETERS', function* (g) {
  for (const intid of [0, 5, 15]) yield* g.expect('INVALID_PARAMETERS', 'SDEI_INTERRUPT_BIND', intid);
});
BINDING.test('SDEI_INTERRUPT_BIND of an INTID that is no interrupt gives INVALID_PARAMETERS', function* (g) {
  for (const intid of [1020, 1023, 8192, 0xffff_ffff]) {
    yield* g.expect('INVALID_PARAMETERS', 'SDEI_INTERRUPT_BIND', intid);
  }
});
BINDING.test(
  'SDEI_INTERRUPT_BIND of an SPI gives the positive number of a shared event',
  function* (g) {
    yield* g.expect(1, 'SDEI_EVENT_GET_INFO', yield* g.bind(g.target.freeSpis[0]!), 0);
  },
  { needs },
);
BINDING.test(
  'SDEI_INTERRUPT_BIND of a PPI gives the positive number of a private event',
  function* (g) {
    yield* g.expect(0, 'SDEI_EVENT_GET_INFO', yield* g.bind(g.target.freePpis[0]!), 0);
  },
  { needs },
);
BINDING.test(
  'SDEI_INTERRUPT_BIND of a bound interrupt gives the same number again',
  function* (g) {
    for (const intid of [g.target.freeSpis[0]!, g.target.freePpis[0]!]) {
      const event = yield* g.bind(intid);
      yield* g.expect(event, 'SDEI_INTERRUPT_BIND', intid);
    }
  },
  { needs },
);
for (const [kind, shift] of [
  ['PPIs', 0n],
  ['SPIs', 16n],
] as const) {
  BINDING.test(
    `as many ${kind} can be bound as SDEI_FEATURES says, and one more gives OUT_OF_RESOURCE`,
    function* (g) {
      const slots = Number(((yield* g.call('SDEI_FEATURES', 0)) >> shift) & 0xffffn);
      const free = kind === 'PPIs' ? g.target.freePpis : g.target.freeSpis;
      const events = new Set<bigint>();
      for (const intid of free.slice(0, slots)) events.add(yield* g.bind(intid));
      check(`${events.size} events`, `${slots} events`, 'events that were bound');
      yield* g.expect('OUT_OF_RESOURCE', 'SDEI_INTERRUPT_BIND', free[slots]!);
    },
    { needs },
  );
}
BINDING.test(
  'SDEI_INTERRUPT_BIND of an interrupt that belongs to Secure software gives DENIED',
  function* (g) {
    const intid = g.target.freeSpis[0]!;
    yield* g.makeSecure(intid);
    yield* g.expect('DENIED', 'SDEI_INTERRUPT_BIND', intid);
  },
  { needs: ['binding', 'a Secure interrupt'] },
);
BINDING.test(
  'a released slot can be bound again, and its event is gone meanwhile',
  function* (g) {
    const event = yield* g.bind(g.target.freeSpis[0]!);
    yield* g.expect(0, 'SDEI_INTERRUPT_RELEASE', event);
    yield* g.expect('INVALID_PARAMETERS', 'SDEI_INTERRUPT_RELEASE', event);
    yield* g.bind(g.target.freeSpis[1]!);
  },
  { needs },
);
BINDING.test('SDEI_INTERRUPT_RELEASE of event 0 gives INVALID_PARAMETERS', function* (g) {
  yield* g.expect('INVALID_PARAMETERS', 'SDEI_INTERRUPT_RELEASE', 0);
});
BINDING.functions(
  'SDEI_INTERRUPT_RELEASE of a registered event gives DENIED',
  (g) => ({
    *main() {
      const event = yield* g.bind(g.target.freeSpis[0]!);
      yield* g.expect(0, 'SDEI_EVENT_REGISTER', event, g.at('handler'), 0, 0, 0);
      yield* g.expect('DENIED', 'SDEI_INTERRUPT_RELEASE', event);
      yield* g.expect(0, 'SDEI_EVENT_UNREGISTER', event);
      yield* g.expect(0, 'SDEI_INTERRUPT_RELEASE', event);
    },
    handler: g.noting(),
  }),
  { needs },
);
BINDING.functions(
  'SDEI_INTERRUPT_RELEASE of a PPI that another PE registered gives DENIED',
  (g) => ({
    *main() {
      const event = yield* g.bind(g.target.freePpis[0]!);
      check(yield* g.on(1, 'register', event), 0, 'SDEI_EVENT_REGISTER on PE 1');
      yield* g.expect('DENIED', 'SDEI_INTERRUPT_RELEASE', event);
    },
    *register({ x }) {
      return yield* g.call('SDEI_EVENT_REGISTER', x[0]!, g.at('handler'), 0, 0, 0);
    },
    handler: g.noting(),
  }),
  { cpus: 2, needs },
);

/** A case with an edge-triggered SPI or PPI, a handler that notes, and an IRQ handler that notes 10000 + INTID. */
function edge(name: string, main: (g: Guest, intid: number) => Hosted): void {
  for (const kind of ['SPI', 'PPI'] as const) {
    BINDING.functions(
      `${name} (${kind})`,
      (g) => ({
        *main() {
          const intid = (kind === 'SPI' ? g.target.freeSpis : g.target.freePpis)[0]!;
          yield* g.trigger(intid, true);
          yield* main(g, intid);
        },
        handler: g.noting(),
        /** Ends its registration while an edge comes. */
        unregistering: g.handler(function* ({ event, argument }) {
          yield* g.expect('PENDING', 'SDEI_EVENT_UNREGISTER', event);
          yield* g.pulse(Number(argument));
          yield* g.note(1);
        }),
        irq: () => g.takeInterrupt(),
      }),
      { needs },
    );
  }
}
edge('a bound interrupt is an ordinary one until its event is registered', function* (g, intid) {
  yield* g.bind(intid);
  yield* g.enableInterrupt(intid);
  yield* g.interruptsOn();
  yield* g.pulse(intid);
  yield* g.settle();
  yield* g.expectTags([10_000 + intid]);
});
edge(
  'registering takes the interrupt away: asserted, it reaches nobody while the event is disabled',
  function* (g, intid) {
    const event = yield* g.bind(intid);
    yield* g.enableInterrupt(intid);
    yield* g.interruptsOn();
    yield* g.expect(0, 'SDEI_EVENT_REGISTER', event, g.at('handler'), 0, 0, 0);
    yield* g.unmask();
    yield* g.pulse(intid);
    yield* g.settle();
    yield* g.expectTags([]);
  },
);
edge('unregistering gives the interrupt back: Non-secure, disabled, not pending', function* (g, intid) {
  const event = yield* g.bind(intid);
  yield* g.enableInterrupt(intid);
  yield* g.expect(0, 'SDEI_EVENT_REGISTER', event, g.at('handler'), 0, 0, 0);
  yield* g.pulse(intid);
  yield* g.expect(0, 'SDEI_EVENT_UNREGISTER', event);
  check(yield* g.interruptBit(ISENABLER, intid), 0n, 'GICD_ISENABLER of the interrupt');
  check(yield* g.interruptBit(ISPENDR, intid), 0n, 'GICD_ISPENDR of the interrupt');
  yield* g.enableInterrupt(intid);
  yield* g.interruptsOn();
  yield* g.pulse(intid);
  yield* g.settle();
  yield* g.expectTags([10_000 + intid]);
});
edge('an edge before registration is forgotten', function* (g, intid) {
  const event = yield* g.bind(intid);
  yield* g.pulse(intid);
  yield* g.ready(event, 'handler');
  yield* g.unmask();
  yield* g.settle();
  yield* g.expectTags([]);
});
edge('an edge between registration and enable is delivered once, behind the enable', function* (g, intid) {
  const event = yield* g.bind(intid);
  yield* g.expect(0, 'SDEI_EVENT_REGISTER', event, g.at('handler'), 0, 0, 0);
  yield* g.unmask();
  yield* g.pulse(intid);
  yield* g.settle();
  yield* g.expectTags([]);
  yield* g.expect(0, 'SDEI_EVENT_ENABLE', event);
  yield* g.settle();
  yield* g.expectTags([event]);
});
edge('a bound interrupt runs its handler once for each edge', function* (g, intid) {
  const event = yield* g.bind(intid);
  yield* g.ready(event, 'handler');
  yield* g.unmask();
  for (let n = 0; n < 3; n++) {
    yield* g.pulse(intid);
    yield* g.settle();
  }
  yield* g.expectTags([event, event, event]);
});

BINDING.functions(
  'SDEI_EVENT_REGISTER while the interrupt is active gives DENIED and changes nothing',
  (g) => ({
    *main() {
      const intid = g.target.freeSpis[0]!;
      yield* g.trigger(intid, true);
      const event = yield* g.bind(intid);
      // ISACTIVER: a Group 1 interrupt of the client's own, as its handler would leave it before EOIR.
      yield* store(GICD_PA + 0x300n + BigInt((intid >> 5) * 4), 1n << BigInt(intid & 31), 4);
      yield* g.expect('DENIED', 'SDEI_EVENT_REGISTER', event, g.at('handler'), 0, 0, 0);
      yield* g.expect(0, 'SDEI_EVENT_STATUS', event);
    },
    handler: g.noting(),
  }),
  { needs },
);
BINDING.functions(
  'a level that stays asserted runs the handler again and again until it drops',
  (g) => ({
    *main() {
      const intid = g.target.freeSpis[0]!;
      const event = yield* g.bind(intid);
      yield* g.trigger(intid, false);
      yield* g.ready(event, 'handler', intid);
      yield* g.unmask();
      yield* g.line(intid, true);
      while ((yield* g.notes()).length < 3) yield* g.settle();
      yield* g.settle(30);
      yield* g.expectTags([event, event, event]);
    },
    handler: g.handler(function* ({ event, argument }) {
      yield* g.note(event);
      if ((yield* g.notes()).length === 3) yield* g.line(Number(argument), false);
    }),
  }),
  { needs },
);
BINDING.functions(
  'a handler that disables its event ends the repetition of an asserted level',
  (g) => ({
    *main() {
      const intid = g.target.freeSpis[0]!;
      const event = yield* g.bind(intid);
      yield* g.trigger(intid, false);
      yield* g.ready(event, 'handler', intid);
      yield* g.unmask();
      yield* g.line(intid, true);
      yield* g.settle(60);
      yield* g.expectTags([event]);
      yield* g.expect(1, 'SDEI_EVENT_STATUS', event);
    },
    handler: g.handler(function* ({ event }) {
      yield* g.note(event);
      yield* g.expect(0, 'SDEI_EVENT_DISABLE', event);
    }),
  }),
  { needs },
);
BINDING.functions(
  'no call changes the interrupt controller for interrupts that are not bound',
  (g) => ({
    *main() {
      const [bound, other] = g.target.freeSpis as [number, number];
      yield* g.enableInterrupt(other);
      yield* msr('ICC_PMR_EL1', 0xf0n);
      const event = yield* g.bind(bound);
      yield* g.ready(event, 'handler');
      yield* g.unmask();
      yield* g.expect(0, 'SDEI_EVENT_UNREGISTER', event);
      yield* g.expect(0, 'SDEI_INTERRUPT_RELEASE', event);
      yield* g.expect(0, 'SDEI_PRIVATE_RESET');
      yield* g.expect(0, 'SDEI_SHARED_RESET');
      check(yield* g.interruptBit(ISENABLER, other), 1n, 'GICD_ISENABLER of the other interrupt');
      check(yield* load(GICD_PA + 0x400n + BigInt(other), 1), 0x80n, 'GICD_IPRIORITYR of the other interrupt');
    },
    handler: g.noting(),
  }),
  { needs },
);

BINDING.test(
  'with every slot taken SDEI_INTERRUPT_BIND of an interrupt of Secure software gives DENIED or OUT_OF_RESOURCE',
  function* (g) {
    const slots = Number(((yield* g.call('SDEI_FEATURES', 0)) >> 16n) & 0xffffn);
    for (const intid of g.target.freeSpis.slice(0, slots)) yield* g.bind(intid);
    const intid = g.target.freeSpis[slots]!;
    yield* g.makeSecure(intid);
    yield* g.expect(g.target.policy.bindOrder === 'ownership-first' ? -3 : -10, 'SDEI_INTERRUPT_BIND', intid);
  },
  { needs: ['binding', 'a Secure interrupt'] },
);
BINDING.functions(
  'SDEI_EVENT_REGISTER of an interrupt that became Secure software’s gives DENIED',
  (g) => ({
    *main() {
      const intid = g.target.freeSpis[0]!;
      const event = yield* g.bind(intid);
      yield* g.makeSecure(intid);
      yield* g.expect('DENIED', 'SDEI_EVENT_REGISTER', event, g.at('handler'), 0, 0, 0);
      yield* g.expect(0, 'SDEI_EVENT_STATUS', event);
    },
    handler: g.noting(),
  }),
  { needs: ['binding', 'a Secure interrupt'] },
);
BINDING.test(
  'SDEI_INTERRUPT_RELEASE while the interrupt is active gives DENIED',
  function* (g) {
    const intid = g.target.freeSpis[0]!;
    const event = yield* g.bind(intid);
    yield* store(GICD_PA + 0x300n + BigInt((intid >> 5) * 4), 1n << BigInt(intid & 31), 4);
    yield* g.expect('DENIED', 'SDEI_INTERRUPT_RELEASE', event);
    yield* store(GICD_PA + 0x380n + BigInt((intid >> 5) * 4), 1n << BigInt(intid & 31), 4);
    yield* g.expect(0, 'SDEI_INTERRUPT_RELEASE', event);
  },
  { needs },
);
BINDING.functions(
  'SDEI_INTERRUPT_RELEASE of an event that is running gives DENIED on another PE, also while its end is pending',
  (g) => ({
    *main() {
      const intid = g.target.freeSpis[0]!;
      yield* g.trigger(intid, true);
      const event = yield* g.bind(intid);
      yield* g.ready(event, 'handler');
      yield* g.unmask();
      yield* g.pulse(intid);
      yield* g.settle();
      yield* g.expectTags([event]);
      yield* g.expect(0, 'SDEI_INTERRUPT_RELEASE', event);
    },
    *release({ x }) {
      return yield* g.call('SDEI_INTERRUPT_RELEASE', x[0]!);
    },
    handler: g.handler(function* ({ event }) {
      check(yield* g.on(1, 'release', event), 'DENIED', 'SDEI_INTERRUPT_RELEASE on PE 1');
      yield* g.expect('PENDING', 'SDEI_EVENT_UNREGISTER', event);
      check(yield* g.on(1, 'release', event), 'DENIED', 'SDEI_INTERRUPT_RELEASE on PE 1');
      yield* g.note(event);
    }),
  }),
  { cpus: 2, needs },
);
edge(
  'an edge while an unregistration is pending is forgotten, also when the event is registered again',
  function* (g, intid) {
    const event = yield* g.bind(intid);
    yield* g.ready(event, 'unregistering', intid);
    yield* g.unmask();
    yield* g.pulse(intid);
    yield* g.settle(20);
    yield* g.expectTags([1]);
    yield* g.expect(0, 'SDEI_EVENT_STATUS', event);
    yield* g.ready(event, 'handler');
    yield* g.settle(20);
    yield* g.expectTags([1]);
  },
);
edge('a released slot takes another interrupt, and the first is an ordinary one', function* (g, intid) {
  const other = (intid < 32 ? g.target.freePpis : g.target.freeSpis)[1]!;
  const event = yield* g.bind(intid);
  yield* g.ready(event, 'handler');
  yield* g.expect(0, 'SDEI_EVENT_UNREGISTER', event);
  yield* g.expect(0, 'SDEI_INTERRUPT_RELEASE', event);
  yield* g.trigger(other, true);
  const second = yield* g.bind(other);
  yield* g.ready(second, 'handler');
  yield* g.unmask();
  yield* g.enableInterrupt(intid);
  yield* g.interruptsOn();
  yield* g.pulse(other);
  yield* g.pulse(intid);
  yield* g.settle();
  yield* g.expectTags([second, 10_000 + intid]);
});
