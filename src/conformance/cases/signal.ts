/** SDEI_EVENT_SIGNAL. DEN0054, "SDEI_EVENT_SIGNAL". */
import { CaseGroup } from '../case.ts';
import { check } from '../guest.ts';
import { ready } from './dispatch.ts';

/** Signals of event 0. */
export const SIGNAL = new CaseGroup('signal');

SIGNAL.functions(
  'SDEI_EVENT_SIGNAL runs the handler on the PE that it names and nowhere else',
  (g) => ({
    *main() {
      yield* ready(g);
      yield* g.on(1, 'prepare');
      yield* g.signal(1);
      yield* g.noted();
      yield* g.others(40);
      check((yield* g.notes()).map(({ value }) => value).join(), '1', 'PEs that ran a handler');
    },
    *prepare() {
      yield* ready(g);
      return 0n;
    },
    handler: g.noting(({ pe }) => pe),
  }),
  { cpus: 2 },
);
SIGNAL.test('SDEI_EVENT_SIGNAL of another event than a signalable one gives INVALID_PARAMETERS', function* (g) {
  yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_SIGNAL', 5, 0);
});
SIGNAL.functions('SDEI_EVENT_SIGNAL to a PE that does not exist gives INVALID_PARAMETERS', (g) => ({
  *main() {
    yield* ready(g);
    yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_SIGNAL', 0, 0x77);
  },
  handler: g.noting(),
}));
SIGNAL.functions('SDEI_EVENT_SIGNAL to a PE where the event is not registered gives INVALID_PARAMETERS', (g) => ({
  *main() {
    yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_SIGNAL', 0, 0);
  },
  handler: g.noting(),
}));
SIGNAL.functions('a signal to a masked PE is kept until SDEI_PE_UNMASK, or refused', (g) => ({
  *main() {
    yield* g.ready(0, 'handler');
    const pending = g.target.policy.signalUnready === 'pending';
    yield* g.expect(pending ? 0 : -2, 'SDEI_EVENT_SIGNAL', 0, 0);
    yield* g.settle();
    yield* g.expectTags([]);
    yield* g.unmask();
    yield* g.settle();
    yield* g.expectTags(pending ? [0] : []);
  },
  handler: g.noting(),
}));
SIGNAL.functions('a signal of a disabled event is kept until SDEI_EVENT_ENABLE, or refused', (g) => ({
  *main() {
    yield* g.expect(0, 'SDEI_EVENT_REGISTER', 0, g.at('handler'), 0, 0, 0);
    yield* g.unmask();
    const pending = g.target.policy.signalUnready === 'pending';
    yield* g.expect(pending ? 0 : -2, 'SDEI_EVENT_SIGNAL', 0, 0);
    yield* g.settle();
    yield* g.expectTags([]);
    yield* g.expect(0, 'SDEI_EVENT_ENABLE', 0);
    yield* g.settle();
    yield* g.expectTags(pending ? [0] : []);
  },
  handler: g.noting(),
}));
SIGNAL.functions('signals while one is pending may become one run, and are no error', (g) => ({
  *main() {
    yield* ready(g);
    yield* g.signal();
    yield* g.settle(30);
    const runs = (yield* g.notes()).length;
    check(`${runs >= 2 && runs <= 4}`, 'true', `${runs} runs for one signal and three from the first handler: 2 to 4`);
  },
  *handler() {
    const first = (yield* g.notes()).length === 0;
    yield* g.note(0);
    if (first) for (let n = 0; n < 3; n++) yield* g.signal();
    yield* g.complete();
  },
}));
SIGNAL.functions('a signal from inside its own handler runs the handler once more behind COMPLETE', (g) => ({
  *main() {
    yield* ready(g);
    yield* g.signal();
    yield* g.settle();
    yield* g.expectTags([1, 2, 1, 2]);
  },
  *handler() {
    const first = (yield* g.notes()).length === 0;
    yield* g.note(1);
    if (first) yield* g.signal();
    yield* g.settle();
    yield* g.note(2);
    yield* g.complete();
  },
}));
for (const name of ['SDEI_EVENT_UNREGISTER', 'SDEI_PRIVATE_RESET'] as const) {
  SIGNAL.functions(
    `a signal that waits at ${name} is forgotten, or kept for the next registration`,
    (g) => ({
      *main() {
        const { signalAtUnregister } = g.target.policy;
        yield* g.ready(0, 'handler');
        yield* g.signal();
        yield* g.expect(0, name, ...(name === 'SDEI_EVENT_UNREGISTER' ? [0] : []));
        yield* g.ready(0, 'handler');
        yield* g.unmask();
        yield* g.settle();
        yield* g.expectTags(signalAtUnregister === 'cleared' ? [] : [0]);
      },
      handler: g.noting(),
    }),
    { needs: ['signals that wait'] },
  );
}
SIGNAL.functions(
  'two signals to a masked PE are one run behind SDEI_PE_UNMASK',
  (g) => ({
    *main() {
      yield* g.ready(0, 'handler');
      yield* g.signal();
      yield* g.signal();
      yield* g.unmask();
      yield* g.settle(20);
      yield* g.expectTags([0]);
    },
    handler: g.noting(),
  }),
  { needs: ['signals that wait'] },
);
SIGNAL.functions(
  'a signal that waits on a masked PE is not taken by another',
  (g) => ({
    *main() {
      yield* g.on(1, 'prepare');
      yield* g.ready(0, 'handler');
      yield* g.signal();
      yield* g.others();
      yield* g.expectTags([]);
      yield* g.unmask();
      yield* g.settle();
      check((yield* g.notes()).map(({ value }) => value).join(), '0', 'PEs that ran a handler');
    },
    *prepare() {
      yield* ready(g);
      return 0n;
    },
    handler: g.noting(({ pe }) => pe),
  }),
  { cpus: 2, needs: ['signals that wait'] },
);
