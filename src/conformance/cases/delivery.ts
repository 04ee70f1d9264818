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
