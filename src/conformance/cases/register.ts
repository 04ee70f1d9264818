/** REGISTER, ENABLE, DISABLE, UNREGISTER, GET_INFO and ROUTING_SET outside handlers. DEN0054, "Event registration". */
import { CaseGroup } from '../case.ts';
import { check, type Guest } from '../guest.ts';

/** REGISTER, ENABLE, DISABLE and UNREGISTER. */
export const REGISTER = new CaseGroup('register');

/** A case with one handler that must not run. */
function withHandler(name: string, main: (g: Guest) => ReturnType<Guest['ready']>, cpus = 1): void {
  REGISTER.functions(name, (g) => ({ main: () => main(g), handler: g.noting() }), { cpus });
}

withHandler('SDEI_EVENT_REGISTER with entry point 0 gives INVALID_PARAMETERS', function* (g) {
  yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_REGISTER', 0, 0, 0, 0, 0);
  yield* g.expect(0, 'SDEI_EVENT_STATUS', 0);
});
for (const flags of [4n, 0x100n, 1n << 32n, 1n << 63n]) {
  withHandler(
    `SDEI_EVENT_REGISTER with the reserved flag 0x${flags.toString(16)} gives INVALID_PARAMETERS`,
    function* (g) {
      yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_REGISTER', 0, g.at('handler'), 0, flags, 0);
      yield* g.expect(0, 'SDEI_EVENT_STATUS', 0);
    },
  );
}
withHandler(
  'SDEI_EVENT_REGISTER in relative mode gives INVALID_PARAMETERS where SDEI_FEATURES does not offer it',
  function* (g) {
    if ((yield* g.call('SDEI_FEATURES', 1)) === 1n) return;
    yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_REGISTER', 0, g.at('handler'), 0, 2, 0);
  },
);
REGISTER.functions(
  'SDEI_EVENT_REGISTER of a shared event for a PE that does not exist gives INVALID_PARAMETERS',
  (g) => ({
    *main() {
      const event = yield* g.bind(g.target.freeSpis[0]!);
      yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_REGISTER', event, g.at('handler'), 0, 1, 0x77);
      yield* g.expect(0, 'SDEI_EVENT_STATUS', event);
    },
    handler: g.noting(),
  }),
  { needs: ['binding'] },
);
REGISTER.functions(
  'SDEI_EVENT_REGISTER of a private event takes no notice of the affinity where RM_ANY is asked',
  (g) => ({
    *main() {
      check(yield* g.on(1, 'register'), 0, 'SDEI_EVENT_REGISTER on PE 1');
    },
    *register() {
      return yield* g.call('SDEI_EVENT_REGISTER', 0, g.at('handler'), 0, 0, 0);
    },
    handler: g.noting(),
  }),
  { cpus: 2 },
);
withHandler(
  'SDEI_EVENT_REGISTER of a private event with RM_PE and a bad affinity: ignored or INVALID_PARAMETERS',
  function* (g) {
    const ignored = g.target.policy.affinityOfPrivateEvent === 'ignored';
    yield* g.expect(ignored ? 0 : -2, 'SDEI_EVENT_REGISTER', 0, g.at('handler'), 0, 1, 0x77);
  },
);
withHandler(
  'SDEI_EVENT_REGISTER at an address that is no memory: INVALID_PARAMETERS where addresses are checked',
  function* (g) {
    const checked = g.target.policy.entryPoint === 'translated';
    yield* g.expect(checked ? -2 : 0, 'SDEI_EVENT_REGISTER', 0, 0x7fff_f000, 0, 0, 0);
  },
);
withHandler('SDEI_EVENT_REGISTER twice gives 0, then DENIED', function* (g) {
  yield* g.expect(0, 'SDEI_EVENT_REGISTER', 0, g.at('handler'), 0, 0, 0);
  yield* g.expect('DENIED', 'SDEI_EVENT_REGISTER', 0, g.at('handler'), 0, 0, 0);
});
withHandler('a registered event has status 1: registered, not enabled', function* (g) {
  yield* g.expect(0, 'SDEI_EVENT_REGISTER', 0, g.at('handler'), 0, 0, 0);
  yield* g.expect(1, 'SDEI_EVENT_STATUS', 0);
});
REGISTER.functions(
  'registering a private event on one PE leaves it unregistered on another',
  (g) => ({
    *main() {
      yield* g.ready(0, 'handler');
      check(yield* g.on(1, 'status'), 0, 'SDEI_EVENT_STATUS(0) on PE 1');
    },
    *status() {
      return yield* g.call('SDEI_EVENT_STATUS', 0);
    },
    handler: g.noting(),
  }),
  { cpus: 2 },
);
REGISTER.functions(
  'a shared event that one PE registered is registered for every PE',
  (g) => ({
    *main() {
      const event = yield* g.bind(g.target.freeSpis[0]!);
      yield* g.expect(0, 'SDEI_EVENT_REGISTER', event, g.at('handler'), 0, 0, 0);
      check(yield* g.on(1, 'register', event), 'DENIED', 'SDEI_EVENT_REGISTER on PE 1');
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
  { cpus: 2, needs: ['binding'] },
);
REGISTER.functions(
  'a slot to which no interrupt is bound cannot be registered',
  (g) => ({
    *main() {
      const event = yield* g.bind(g.target.freeSpis[0]!);
      yield* g.expect(0, 'SDEI_INTERRUPT_RELEASE', event);
      yield* g.expect([-2, -3], 'SDEI_EVENT_REGISTER', event, g.at('handler'), 0, 0, 0);
      yield* g.expect([0, -2], 'SDEI_EVENT_STATUS', event);
    },
    handler: g.noting(),
  }),
  { needs: ['binding'] },
);
withHandler('SDEI_EVENT_ENABLE makes status 3, and again changes nothing', function* (g) {
  yield* g.ready(0, 'handler');
  yield* g.expect(3, 'SDEI_EVENT_STATUS', 0);
  yield* g.expect(0, 'SDEI_EVENT_ENABLE', 0);
  yield* g.expect(3, 'SDEI_EVENT_STATUS', 0);
});
withHandler('SDEI_EVENT_DISABLE of a disabled event succeeds and leaves status 1', function* (g) {
  yield* g.expect(0, 'SDEI_EVENT_REGISTER', 0, g.at('handler'), 0, 0, 0);
  yield* g.expect(0, 'SDEI_EVENT_DISABLE', 0);
  yield* g.expect(1, 'SDEI_EVENT_STATUS', 0);
});
withHandler('SDEI_EVENT_DISABLE of an enabled event makes status 1', function* (g) {
  yield* g.ready(0, 'handler');
  yield* g.expect(0, 'SDEI_EVENT_DISABLE', 0);
  yield* g.expect(1, 'SDEI_EVENT_STATUS', 0);
});
withHandler('SDEI_EVENT_UNREGISTER of an enabled event gives 0 and makes status 0', function* (g) {
  yield* g.ready(0, 'handler');
  yield* g.expect(0, 'SDEI_EVENT_UNREGISTER', 0);
  yield* g.expect(0, 'SDEI_EVENT_STATUS', 0);
  yield* g.expect('DENIED', 'SDEI_EVENT_UNREGISTER', 0);
});
REGISTER.functions(
  'behind SDEI_EVENT_UNREGISTER another handler and argument can be registered, and are used',
  (g) => ({
    *main() {
      yield* g.ready(0, 'first', 1);
      yield* g.expect(0, 'SDEI_EVENT_UNREGISTER', 0);
      yield* g.ready(0, 'second', 2);
      yield* g.unmask();
      yield* g.signal();
      yield* g.settle();
      yield* g.expectTags([102]);
    },
    first: g.handler(({ argument }) => g.note(50n + argument)),
    second: g.handler(({ argument }) => g.note(100n + argument)),
  }),
);
REGISTER.functions(
  'SDEI_EVENT_ENABLE of a private event on one PE does not enable it on another',
  (g) => ({
    *main() {
      check(yield* g.on(1, 'register'), 0, 'SDEI_EVENT_REGISTER on PE 1');
      yield* g.ready(0, 'handler');
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

/** GET_INFO and ROUTING_SET. */
export const INFO = new CaseGroup('info and routing');

INFO.test('event 0 is private, of normal priority, and can be signalled', function* (g) {
  yield* g.expect(0, 'SDEI_EVENT_GET_INFO', 0, 0);
  yield* g.expect(0, 'SDEI_EVENT_GET_INFO', 0, 1);
  yield* g.expect(0, 'SDEI_EVENT_GET_INFO', 0, 2);
});
INFO.test(
  'a bound SPI is a shared event of normal priority that cannot be signalled',
  function* (g) {
    const event = yield* g.bind(g.target.freeSpis[0]!);
    yield* g.expect(1, 'SDEI_EVENT_GET_INFO', event, 0);
    yield* g.expect(1, 'SDEI_EVENT_GET_INFO', event, 1);
    yield* g.expect(0, 'SDEI_EVENT_GET_INFO', event, 2);
  },
  { needs: ['binding'] },
);
INFO.test(
  'a critical event says so',
  function* (g) {
    yield* g.expect(1, 'SDEI_EVENT_GET_INFO', g.target.events.privateCritical!, 2);
  },
  { needs: ['explicit events'] },
);
INFO.test('SDEI_EVENT_GET_INFO of an unknown property gives INVALID_PARAMETERS', function* (g) {
  for (const id of [5, 0x100, 0xffff_ffff]) yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_GET_INFO', 0, id);
});
INFO.functions('routing of a private event gives INVALID_PARAMETERS, registered or not', (g) => ({
  *main() {
    yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_GET_INFO', 0, 3);
    yield* g.ready(0, 'handler');
    yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_GET_INFO', 0, 3);
    yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_GET_INFO', 0, 4);
    yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_ROUTING_SET', 0, 0, 0);
  },
  handler: g.noting(),
}));

/** A case about an SPI bound to a shared event. */
function shared(name: string, main: (g: Guest, event: bigint) => ReturnType<Guest['ready']>, cpus = 1): void {
  INFO.functions(
    name,
    (g) => ({
      *main() {
        yield* main(g, yield* g.bind(g.target.freeSpis[0]!));
      },
      handler: g.noting(),
    }),
    { cpus, needs: ['binding'] },
  );
}
shared('routing of a shared event before it is registered gives DENIED', function* (g, event) {
  yield* g.expect('DENIED', 'SDEI_EVENT_GET_INFO', event, 3);
  yield* g.expect('DENIED', 'SDEI_EVENT_GET_INFO', event, 4);
  yield* g.expect('DENIED', 'SDEI_EVENT_ROUTING_SET', event, 0, 0);
});
shared('the affinity of an event with RM_ANY gives INVALID_PARAMETERS', function* (g, event) {
  yield* g.expect(0, 'SDEI_EVENT_REGISTER', event, g.at('handler'), 0, 0, 0);
  yield* g.expect(0, 'SDEI_EVENT_GET_INFO', event, 3);
  yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_GET_INFO', event, 4);
});
shared(
  'the affinity of an event with RM_PE is the one it was registered with',
  function* (g, event) {
    yield* g.expect(0, 'SDEI_EVENT_REGISTER', event, g.at('handler'), 0, 1, 1);
    yield* g.expect(1, 'SDEI_EVENT_GET_INFO', event, 3);
    yield* g.expect(1, 'SDEI_EVENT_GET_INFO', event, 4);
  },
  2,
);
shared(
  'SDEI_EVENT_ROUTING_SET of a registered, disabled event succeeds and shows',
  function* (g, event) {
    yield* g.expect(0, 'SDEI_EVENT_REGISTER', event, g.at('handler'), 0, 0, 0);
    yield* g.expect(0, 'SDEI_EVENT_ROUTING_SET', event, 1, 1);
    yield* g.expect(1, 'SDEI_EVENT_GET_INFO', event, 3);
    yield* g.expect(1, 'SDEI_EVENT_GET_INFO', event, 4);
    yield* g.expect(0, 'SDEI_EVENT_ROUTING_SET', event, 0, 0);
    yield* g.expect(0, 'SDEI_EVENT_GET_INFO', event, 3);
  },
  2,
);
shared('SDEI_EVENT_ROUTING_SET of an enabled event gives DENIED', function* (g, event) {
  yield* g.ready(event, 'handler');
  yield* g.expect('DENIED', 'SDEI_EVENT_ROUTING_SET', event, 0, 0);
});
shared(
  'a bad routing mode or affinity gives INVALID_PARAMETERS, also where the state would give DENIED',
  function* (g, event) {
    yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_ROUTING_SET', event, 2, 0);
    yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_ROUTING_SET', event, 1, 0x77);
    yield* g.ready(event, 'handler');
    yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_ROUTING_SET', event, 2, 0);
    yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_ROUTING_SET', event, 1, 0x77);
  },
);
