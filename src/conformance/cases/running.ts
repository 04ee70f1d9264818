/** Handlers that unregister, nest and wait. DEN0054, "Handler states", "Event priorities". */
import { eret, type Hosted, load, mrs, readX, store, writeX } from '../../engine/hosted/effects.ts';
import type { SdeiFunction } from '../../firmware/sdei/functions.ts';
import { CaseGroup } from '../case.ts';
import { check, type Guest } from '../guest.ts';
import { SCRATCH_PA } from '../layout.ts';

/** GICD_ISACTIVER, GICR_ISACTIVER0. */
const ISACTIVER = 0x300;

/** UNREGISTER in a handler. */
export const UNREGISTER = new CaseGroup('unregister while running');

function* ready(g: Guest): Hosted {
  yield* g.ready(0, 'handler');
  yield* g.unmask();
}
/** Event 0 runs once with this handler; then `behind`. */
function inHandler(name: string, handler: (g: Guest) => Hosted, behind: (g: Guest) => Hosted): void {
  UNREGISTER.functions(name, (g) => ({
    *main() {
      yield* ready(g);
      yield* g.signal();
      yield* g.settle();
      yield* g.expectTags([1]);
      yield* behind(g);
    },
    *handler() {
      yield* handler(g);
      yield* g.note(1);
      yield* g.complete();
    },
  }));
}
inHandler(
  'SDEI_EVENT_UNREGISTER in the handler gives PENDING and leaves status 4; behind COMPLETE it is 0',
  function* (g) {
    yield* g.expect('PENDING', 'SDEI_EVENT_UNREGISTER', 0);
    yield* g.expect(4, 'SDEI_EVENT_STATUS', 0);
  },
  function* (g) {
    yield* g.expect(0, 'SDEI_EVENT_STATUS', 0);
    yield* g.expect('DENIED', 'SDEI_EVENT_UNREGISTER', 0);
  },
);
inHandler(
  'SDEI_EVENT_UNREGISTER a second time in the handler gives PENDING again',
  function* (g) {
    yield* g.expect('PENDING', 'SDEI_EVENT_UNREGISTER', 0);
    yield* g.expect('PENDING', 'SDEI_EVENT_UNREGISTER', 0);
    yield* g.expect(4, 'SDEI_EVENT_STATUS', 0);
  },
  function* () {},
);
for (const name of ['SDEI_EVENT_REGISTER', 'SDEI_EVENT_ENABLE', 'SDEI_EVENT_DISABLE'] as SdeiFunction[]) {
  inHandler(
    `${name} while the unregistration is pending gives DENIED`,
    function* (g) {
      yield* g.expect('PENDING', 'SDEI_EVENT_UNREGISTER', 0);
      const more = name === 'SDEI_EVENT_REGISTER' ? [g.at('handler'), 0, 0, 0] : [];
      yield* g.expect('DENIED', name, 0, ...more);
      yield* g.expect(4, 'SDEI_EVENT_STATUS', 0);
    },
    function* () {},
  );
}
inHandler(
  'SDEI_EVENT_CONTEXT works while the unregistration is pending',
  function* (g) {
    yield* g.expect('PENDING', 'SDEI_EVENT_UNREGISTER', 0);
    yield* g.expect(0, 'SDEI_EVENT_CONTEXT', 1);
  },
  function* () {},
);
inHandler(
  'behind a pending unregistration the event can be registered again',
  function* (g) {
    yield* g.expect('PENDING', 'SDEI_EVENT_UNREGISTER', 0);
  },
  function* (g) {
    yield* g.ready(0, 'handler');
    yield* g.signal();
    yield* g.settle();
    yield* g.expectTags([1, 1]);
  },
);
inHandler(
  'a signal while the unregistration is pending is refused and runs nothing',
  function* (g) {
    yield* g.expect('PENDING', 'SDEI_EVENT_UNREGISTER', 0);
    yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_SIGNAL', 0, 0);
  },
  function* (g) {
    yield* g.settle(20);
    yield* g.expectTags([1]);
  },
);
for (const [what, name, ...args] of [
  ['SDEI_INTERRUPT_RELEASE', 'SDEI_INTERRUPT_RELEASE'],
  ['SDEI_EVENT_ROUTING_SET', 'SDEI_EVENT_ROUTING_SET', 0, 0],
] as [string, SdeiFunction, ...number[]][]) {
  UNREGISTER.functions(
    `${what} of a shared event in its handler gives DENIED, before and behind its unregistration`,
    (g) => ({
      *main() {
        const event = yield* g.bind(g.target.freeSpis[0]!);
        yield* g.trigger(g.target.freeSpis[0]!, true);
        yield* g.ready(event, 'handler');
        yield* g.unmask();
        yield* g.pulse(g.target.freeSpis[0]!);
        yield* g.settle(30);
        yield* g.expectTags([1]);
        yield* g.expect(0, 'SDEI_EVENT_STATUS', event);
      },
      handler: g.handler(function* ({ event }) {
        yield* g.expect(0, 'SDEI_EVENT_DISABLE', event);
        yield* g.expect('DENIED', name, event, ...args);
        yield* g.expect('PENDING', 'SDEI_EVENT_UNREGISTER', event);
        yield* g.expect('DENIED', name, event, ...args);
        yield* g.note(1);
      }),
    }),
    { needs: ['binding'] },
  );
}
UNREGISTER.functions(
  'SDEI_EVENT_UNREGISTER of a shared event by another PE while it runs gives PENDING there',
  (g) => ({
    *main() {
      const event = yield* g.bind(g.target.freeSpis[0]!);
      yield* g.trigger(g.target.freeSpis[0]!, true);
      yield* g.ready(event, 'handler');
      yield* g.unmask();
      yield* g.pulse(g.target.freeSpis[0]!);
      yield* g.settle();
      yield* g.expectTags([1]);
      yield* g.expect(0, 'SDEI_EVENT_STATUS', event);
    },
    *unregister({ x }) {
      return yield* g.call('SDEI_EVENT_UNREGISTER', x[0]!);
    },
    handler: g.handler(function* ({ event }) {
      check(yield* g.on(1, 'unregister', event), 'PENDING', 'SDEI_EVENT_UNREGISTER on PE 1');
      yield* g.expect(4, 'SDEI_EVENT_STATUS', event);
      yield* g.note(1);
    }),
  }),
  { cpus: 2, needs: ['binding'] },
);

UNREGISTER.functions(
  'an interrupt whose event ends its registration in the handler stays active until COMPLETE',
  (g) => ({
    *main() {
      const intid = g.target.freePpis[0]!;
      yield* g.trigger(intid, true);
      const event = yield* g.bind(intid);
      yield* g.ready(event, 'handler', intid);
      yield* g.unmask();
      yield* g.pulse(intid);
      yield* g.settle(20);
      yield* g.expectTags([1]);
      check(yield* g.interruptBit(ISACTIVER, intid), 0n, 'ISACTIVER of the interrupt behind COMPLETE');
    },
    handler: g.handler(function* ({ event, argument }) {
      const active = () => g.interruptBit(ISACTIVER, Number(argument));
      check(yield* active(), 0n, 'ISACTIVER of an interrupt that is the firmware’s');
      yield* g.expect('PENDING', 'SDEI_EVENT_UNREGISTER', event);
      check(yield* active(), 1n, 'ISACTIVER of an interrupt that was given back in its handler');
      yield* g.note(1);
    }),
  }),
  { needs: ['binding', 'a Secure interrupt'] },
);

/** Normal and critical events. */
export const PRIORITY = new CaseGroup('priority');
const needs = ['explicit events'] as const;

/** Notes event * 10 + 1, does something, notes event * 10 + 2. */
function around(g: Guest, body: () => Hosted = () => g.settle()) {
  return g.handler(function* ({ event }) {
    yield* g.note(event * 10n + 1n);
    yield* body();
    yield* g.note(event * 10n + 2n);
  });
}
/** Notes of events that run one behind another. */
const runs = (...events: number[]): number[] => events.flatMap((e) => [e * 10 + 1, e * 10 + 2]);

PRIORITY.functions(
  'a critical event nests in the handler of a normal one, and each COMPLETE goes one level back',
  (g) => {
    const { privateCritical: critical } = g.target.events;
    return {
      *main() {
        yield* g.ready(0, 'normal');
        yield* g.ready(critical!, 'nested');
        yield* g.unmask();
        yield* writeX(9, 0x99n);
        yield* g.signal();
        check(yield* readX(9), 0x99n, 'X9 behind both handlers');
        yield* g.expectTags([1, critical! * 10 + 1, critical! * 10 + 2, 2]);
      },
      normal: around(g, function* () {
        yield* writeX(9, 0x77n);
        yield* g.raise(critical!);
        yield* g.settle();
        check(yield* readX(9), 0x77n, 'X9 in the normal handler behind the critical one');
      }),
      nested: around(g, function* () {
        yield* g.expect(0x77, 'SDEI_EVENT_CONTEXT', 9);
        yield* writeX(9, 0x55n);
      }),
    };
  },
  { needs },
);
PRIORITY.functions(
  'a normal event during the handler of a critical one waits for its COMPLETE',
  (g) => {
    const { privateCritical: critical } = g.target.events;
    return {
      *main() {
        yield* g.ready(0, 'normal');
        yield* g.ready(critical!, 'critical');
        yield* g.unmask();
        yield* g.raise(critical!);
        yield* g.settle();
        yield* g.expectTags(runs(critical!, 0));
      },
      normal: around(g),
      critical: around(g, function* () {
        yield* g.signal();
        yield* g.settle();
      }),
    };
  },
  { needs },
);
PRIORITY.functions(
  'a second normal event during the handler of a normal one runs behind it, before the interrupted code goes on',
  (g) => ({
    *main() {
      const event = yield* g.bind(g.target.freePpis[0]!);
      yield* g.trigger(g.target.freePpis[0]!, true);
      yield* g.ready(0, 'first');
      yield* g.ready(event, 'second');
      yield* g.unmask();
      yield* store(SCRATCH_PA, event);
      yield* g.signal();
      yield* g.expectTags(runs(0, Number(event)));
    },
    first: around(g, function* () {
      yield* g.pulse(g.target.freePpis[0]!);
      yield* g.settle();
    }),
    second: around(g),
  }),
  { needs: ['binding'] },
);
PRIORITY.functions(
  'a second critical event during the handler of a critical one waits',
  (g) => {
    const { privateCritical, sharedCritical } = g.target.events;
    return {
      *main() {
        yield* g.ready(privateCritical!, 'first');
        yield* g.ready(sharedCritical!, 'second');
        yield* g.unmask();
        yield* g.raise(privateCritical!);
        yield* g.settle();
        // Where explicit events are not kept the second is refused instead.
        const kept = g.target.policy.explicitUnready === 'pending';
        yield* g.expectTags(kept ? runs(privateCritical!, sharedCritical!) : runs(privateCritical!));
      },
      first: around(g, function* () {
        yield* g.raise(sharedCritical!);
        yield* g.settle();
      }),
      second: around(g),
    };
  },
  { needs },
);
PRIORITY.functions(
  'of a critical and a normal event that wait for SDEI_PE_UNMASK the critical one runs first',
  (g) => {
    const { privateCritical: critical } = g.target.events;
    return {
      *main() {
        yield* g.ready(0, 'handler');
        yield* g.ready(critical!, 'critical');
        yield* g.signal();
        yield* g.raise(critical!);
        yield* g.expectTags([]);
        yield* g.unmask();
        yield* g.settle();
        yield* g.expectTags(runs(critical!, 0));
      },
      handler: around(g),
      // The other would be running, with status 7, if this one had come upon it at its first instruction.
      critical: around(g, () => g.expect(3, 'SDEI_EVENT_STATUS', 0)),
    };
  },
  { needs: [...needs, 'signals that wait', 'explicit events that wait'] },
);
PRIORITY.functions(
  'SDEI_PE_MASK in a normal handler holds a critical event back until SDEI_PE_UNMASK',
  (g) => {
    const { privateCritical: critical } = g.target.events;
    return {
      *main() {
        yield* g.ready(0, 'normal');
        yield* g.ready(critical!, 'critical');
        yield* g.unmask();
        yield* g.signal();
        yield* g.settle();
        yield* g.expectTags(runs(0));
        yield* g.expect(0, 'SDEI_PE_MASK');
        yield* g.unmask();
        yield* g.settle();
        const kept = g.target.policy.explicitUnready === 'pending';
        yield* g.expectTags(kept ? runs(0, critical!) : runs(0));
      },
      normal: around(g, function* () {
        yield* g.expect(1, 'SDEI_PE_MASK');
        yield* g.raise(critical!);
        yield* g.settle();
      }),
      critical: around(g),
    };
  },
  { needs },
);
PRIORITY.functions(
  'COMPLETE_AND_RESUME of a critical event in a normal one goes to its address with ELR in the normal handler',
  (g) => {
    const { privateCritical: critical } = g.target.events;
    return {
      *main() {
        yield* g.ready(0, 'normal');
        yield* g.ready(critical!, 'critical');
        yield* g.unmask();
        yield* g.signal();
        yield* g.expectTags([1, 3, 4, 2]);
        yield* g.expect(3, 'SDEI_EVENT_STATUS', 0);
        yield* g.expect(3, 'SDEI_EVENT_STATUS', critical!);
      },
      normal: around(g, function* () {
        yield* g.raise(critical!);
        yield* g.settle();
      }),
      *critical({ x }) {
        yield* g.note(3);
        yield* store(SCRATCH_PA, x[2]!);
        check(yield* g.completeAndResume(g.at('resumed')), 'no return', 'SDEI_EVENT_COMPLETE_AND_RESUME');
      },
      *resumed() {
        check(yield* mrs(g.reg('ELR')), yield* load(SCRATCH_PA), 'ELR at the resume address');
        yield* g.expect(7, 'SDEI_EVENT_STATUS', 0);
        yield* g.note(4);
        yield* eret();
      },
    };
  },
  { needs },
);
