/** Where events go, and what waits. DEN0054, "Event dispatch". */
import { CaseGroup } from '../case.ts';
import { check } from '../guest.ts';
import { ran, servants, spi, where } from './shared.ts';

/** Masked PEs, routing, what waits. */
export const DELIVERY = new CaseGroup('mask and pending');
const needs = ['binding'] as const;

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
DELIVERY.functions(
  'an edge while its event is disabled again is delivered once, behind SDEI_EVENT_ENABLE',
  (g) => ({
    *main() {
      const { intid, event } = yield* spi(g);
      yield* g.unmask();
      yield* g.expect(0, 'SDEI_EVENT_DISABLE', event);
      yield* g.pulse(intid);
      yield* g.pulse(intid);
      yield* g.settle(20);
      yield* g.expectTags([]);
      yield* g.expect(0, 'SDEI_EVENT_ENABLE', event);
      yield* g.settle(40);
      yield* g.expectTags([event * 10n]);
    },
    ...servants(g),
  }),
  { needs },
);
DELIVERY.functions(
  'a level that drops before SDEI_PE_UNMASK runs nothing',
  (g) => ({
    *main() {
      const intid = g.target.freePpis[0]!;
      yield* g.trigger(intid, false);
      const event = yield* g.bind(intid);
      yield* g.ready(event, 'handler');
      yield* g.line(intid, true);
      yield* g.line(intid, false);
      yield* g.unmask();
      yield* g.settle(20);
      yield* g.expectTags([]);
    },
    handler: where(g),
  }),
  { needs },
);
DELIVERY.functions(
  'a level that was there before SDEI_EVENT_REGISTER runs the handler behind SDEI_EVENT_ENABLE',
  (g) => ({
    *main() {
      const intid = g.target.freePpis[0]!;
      yield* g.trigger(intid, false);
      const event = yield* g.bind(intid);
      yield* g.line(intid, true);
      yield* g.ready(event, 'handler', intid);
      yield* g.unmask();
      yield* g.settle(30);
      yield* g.expectTags([event]);
    },
    handler: g.handler(function* ({ event, argument }) {
      yield* g.note(event);
      yield* g.line(Number(argument), false);
    }),
  }),
  { needs },
);
DELIVERY.functions(
  'an interrupt that waits goes where SDEI_EVENT_ROUTING_SET sends it meanwhile',
  (g) => ({
    *main() {
      const { intid, event } = yield* spi(g, 1, 0);
      yield* g.unmask();
      yield* g.on(1, 'unmask');
      yield* g.expect(0, 'SDEI_EVENT_DISABLE', event);
      yield* g.pulse(intid);
      yield* g.expect(0, 'SDEI_EVENT_ROUTING_SET', event, 1, 1);
      yield* g.expect(0, 'SDEI_EVENT_ENABLE', event);
      yield* ran(g, 1);
      yield* g.expectTags([event * 10n + 1n]);
    },
    ...servants(g),
  }),
  { cpus: 2, needs },
);
DELIVERY.functions(
  'SDEI_PE_MASK in a handler does not disturb it, and stays in force behind COMPLETE',
  (g) => ({
    *main() {
      const { event } = yield* spi(g);
      yield* g.unmask();
      yield* g.pulse(g.target.freeSpis[0]!);
      yield* g.settle(40);
      yield* g.expectTags([event]);
      yield* g.unmask();
      yield* g.settle(40);
      yield* g.expectTags([event, event]);
      yield* g.expect(0, 'SDEI_PE_MASK');
    },
    handler: g.handler(function* ({ event }) {
      yield* g.expect(1, 'SDEI_PE_MASK');
      yield* g.expect(7, 'SDEI_EVENT_STATUS', event);
      // The line of the first edge may still be high: the second pulse is one for certain.
      if ((yield* g.notes()).length === 0) for (let n = 0; n < 2; n++) yield* g.pulse(g.target.freeSpis[0]!);
      yield* g.note(event);
    }),
  }),
  { needs },
);
DELIVERY.functions(
  'a PPI runs the handler of the PE whose line it is, with the argument registered there',
  (g) => ({
    *main() {
      const intid = g.target.freePpis[0]!;
      const event = yield* g.bind(intid);
      check(yield* g.on(1, 'prepare', event, intid), 0, 'SDEI_PE_UNMASK on PE 1');
      yield* g.trigger(intid, true);
      yield* g.ready(event, 'handler', 100);
      yield* g.unmask();
      yield* g.pulse(intid, 1);
      yield* g.noted();
      yield* g.others();
      yield* g.pulse(intid);
      yield* g.settle(40);
      const found = (yield* g.notes()).map(({ tag, value }) => `PE ${tag} argument ${value}`).join(', ');
      check(found, 'PE 1 argument 101, PE 0 argument 100', 'handlers');
    },
    *prepare({ x }) {
      yield* g.trigger(Number(x[1]!), true, 1);
      yield* g.ready(x[0]!, 'handler', 101);
      return yield* g.call('SDEI_PE_UNMASK');
    },
    handler: g.handler(({ pe, argument }) => g.note(pe, argument)),
  }),
  { cpus: 2, needs },
);
