/** Normal and critical events whose interrupts come from outside. DEN0054, "Event priorities". */
import { type Hosted, load, store } from '../../engine/hosted/effects.ts';
import { CaseGroup } from '../case.ts';
import type { Guest } from '../guest.ts';
import { SCRATCH_PA } from '../layout.ts';

/** Priorities of events with interrupts of their own. */
export const INTERRUPT_PRIORITY = new CaseGroup('priority of interrupts');
const needs = ['binding', 'static events'] as const;

/** A bound SPI, which is normal, and a critical event, private or shared, all of them edges. */
function* events(g: Guest, kind: 'private' | 'shared') {
  const intid = g.target.freeSpis[0]!;
  const critical = g.target.staticEvents![kind];
  yield* g.trigger(intid, true);
  yield* g.trigger(critical.intid, true);
  const normal = yield* g.bind(intid);
  yield* g.ready(normal, 'normal', critical.intid);
  yield* g.ready(critical.event, 'critical', intid);
  return { normal: { event: normal, intid }, critical: { ...critical, event: BigInt(critical.event) } };
}
/** Notes of a handler from its begin to its end. */
function around(g: Guest, body: (argument: number) => Hosted) {
  return g.handler(function* ({ event, argument }) {
    yield* g.note(event * 10n + 1n);
    yield* body(Number(argument));
    yield* g.settle();
    yield* g.note(event * 10n + 2n);
  });
}
const runs = (event: bigint): bigint[] => [event * 10n + 1n, event * 10n + 2n];

for (const kind of ['private', 'shared'] as const) {
  INTERRUPT_PRIORITY.functions(
    `a ${kind} critical interrupt nests in the handler of a normal one, before that one goes on`,
    (g) => ({
      *main() {
        const { normal, critical } = yield* events(g, kind);
        yield* g.unmask();
        yield* g.pulse(normal.intid);
        yield* g.settle(40);
        const [begin, end] = runs(normal.event);
        yield* g.expectTags([begin!, ...runs(critical.event), end!]);
      },
      normal: around(g, (intid) => g.pulse(intid)),
      critical: around(g, () => g.settle()),
    }),
    { needs },
  );
  INTERRUPT_PRIORITY.functions(
    `a normal interrupt during the handler of a ${kind} critical one waits for its end`,
    (g) => ({
      *main() {
        const { normal, critical } = yield* events(g, kind);
        yield* g.unmask();
        yield* g.pulse(critical.intid);
        yield* g.settle(40);
        yield* g.expectTags([...runs(critical.event), ...runs(normal.event)]);
      },
      normal: around(g, () => g.settle()),
      critical: around(g, (intid) => g.pulse(intid)),
    }),
    { needs },
  );
  INTERRUPT_PRIORITY.functions(
    `of a normal and a ${kind} critical interrupt that wait for SDEI_PE_UNMASK the critical one runs first`,
    (g) => ({
      *main() {
        const { normal, critical } = yield* events(g, kind);
        yield* store(SCRATCH_PA, normal.event);
        yield* g.pulse(normal.intid);
        yield* g.pulse(critical.intid);
        yield* g.expectTags([]);
        yield* g.unmask();
        yield* g.settle(60);
        yield* g.expectTags([...runs(critical.event), ...runs(normal.event)]);
      },
      normal: around(g, () => g.settle()),
      // The other would be running, with status 7, if this one had come upon it at its first instruction.
      critical: around(g, function* () {
        yield* g.expect(3, 'SDEI_EVENT_STATUS', yield* load(SCRATCH_PA));
      }),
    }),
    { needs },
  );
}
INTERRUPT_PRIORITY.functions(
  'an explicit event raised where it cannot be taken is kept, or refused',
  (g) => {
    const { privateNormal: event } = g.target.events;
    return {
      *main() {
        yield* g.raise(event!);
        yield* g.ready(event!, 'handler');
        yield* g.unmask();
        yield* g.settle();
        yield* g.expectTags([]);
        yield* g.expect(1, 'SDEI_PE_MASK');
        yield* g.raise(event!);
        yield* g.settle();
        yield* g.expectTags([]);
        yield* g.unmask();
        yield* g.settle();
        yield* g.expectTags(g.target.policy.explicitUnready === 'pending' ? [event!] : []);
      },
      handler: g.noting(),
    };
  },
  { needs: ['explicit events'] },
);
INTERRUPT_PRIORITY.functions(
  'a shared explicit event runs where its routing says',
  (g) => {
    const { sharedNormal: event } = g.target.events;
    return {
      *main() {
        yield* g.ready(event!, 'handler', 0, 1, 1);
        yield* g.unmask();
        yield* g.on(1, 'unmask');
        yield* g.raise(event!);
        yield* g.noted();
        yield* g.others();
        yield* g.expectTags([1]);
      },
      *unmask() {
        return yield* g.call('SDEI_PE_UNMASK');
      },
      handler: g.handler(({ pe }) => g.note(pe)),
    };
  },
  { cpus: 2, needs: ['explicit events'] },
);
