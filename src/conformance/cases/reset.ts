/** SDEI_PRIVATE_RESET and SDEI_SHARED_RESET. DEN0054, "SDEI_PRIVATE_RESET", "SDEI_SHARED_RESET". */
import { load, store } from '../../engine/hosted/effects.ts';
import { CaseGroup } from '../case.ts';
import { check } from '../guest.ts';
import { SCRATCH_PA } from '../layout.ts';
import { spi } from './shared.ts';

const needs = ['binding'] as const;

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
      const other = yield* g.bind(g.target.freeSpis[1]!);
      yield* g.unmask();
      yield* g.pulse(intid);
      yield* g.settle(40);
      yield* g.expectTags([event]);
      yield* g.expect(0, 'SDEI_EVENT_STATUS', event);
      yield* g.expect(event, 'SDEI_INTERRUPT_BIND', intid);
      yield* g.expect(0, 'SDEI_INTERRUPT_RELEASE', other);
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
RESET.functions(
  'SDEI_SHARED_RESET that is denied for a PPI still registered releases the other bindings',
  (g) => ({
    *main() {
      const ppi = yield* g.bind(g.target.freePpis[0]!);
      const { event } = yield* spi(g);
      yield* g.expect(0, 'SDEI_EVENT_REGISTER', ppi, g.at('handler'), 0, 0, 0);
      yield* g.expect('DENIED', 'SDEI_SHARED_RESET');
      yield* g.expect('INVALID_PARAMETERS', 'SDEI_INTERRUPT_RELEASE', event);
      yield* g.expect(1, 'SDEI_EVENT_STATUS', ppi);
    },
    handler: g.noting(),
  }),
  { needs },
);
RESET.functions('SDEI_PRIVATE_RESET while an unregistration is pending gives DENIED', (g) => ({
  *main() {
    yield* g.ready(0, 'handler');
    yield* g.unmask();
    yield* g.signal();
    yield* g.settle();
    yield* g.expectTags([0]);
    yield* g.expect(0, 'SDEI_EVENT_STATUS', 0);
    yield* g.expect(0, 'SDEI_PRIVATE_RESET');
  },
  handler: g.handler(function* ({ event }) {
    yield* g.expect('PENDING', 'SDEI_EVENT_UNREGISTER', 0);
    yield* g.expect('DENIED', 'SDEI_PRIVATE_RESET');
    yield* g.expect(4, 'SDEI_EVENT_STATUS', 0);
    yield* g.note(event);
  }),
}));
RESET.functions(
  'an event that has its interrupt for good keeps it through SDEI_SHARED_RESET, and cannot be released',
  (g) => {
    const { event, intid } = g.target.staticEvents!.shared;
    return {
      *main() {
        yield* g.trigger(intid, true);
        yield* g.expect('INVALID_PARAMETERS', 'SDEI_INTERRUPT_BIND', intid);
        yield* g.ready(event, 'handler');
        yield* g.expect(0, 'SDEI_SHARED_RESET');
        yield* g.expect(0, 'SDEI_EVENT_STATUS', event);
        yield* g.expect('INVALID_PARAMETERS', 'SDEI_INTERRUPT_RELEASE', event);
        yield* g.ready(event, 'handler');
        yield* g.unmask();
        yield* g.pulse(intid);
        yield* g.settle(20);
        yield* g.expectTags([event]);
      },
      handler: g.noting(),
    };
  },
  { needs: ['static events'] },
);
