/** What an event interrupts: masked code, waits, exceptions, lower Exception levels. DEN0054, "Event dispatch". */
import {
  callAt,
  eret,
  type Hosted,
  hint,
  load,
  loadExclusive,
  mrs,
  msr,
  msrImmediate,
  nop,
  readX,
  store,
  storeExclusive,
  wfi,
  writeX,
} from '../../engine/hosted/effects.ts';
import type { HostedFunction } from '../../engine/hosted/program.ts';
import { CaseGroup } from '../case.ts';
import { check, type Guest } from '../guest.ts';
import { SCRATCH_PA } from '../layout.ts';
import { MARK, ready } from './dispatch.ts';

/** What an event interrupts. */
export const INTERRUPTING = new CaseGroup('what an event interrupts');

INTERRUPTING.functions(
  'an event wakes a PE from WFI, and COMPLETE goes on behind the WFI',
  (g) => ({
    *main() {
      yield* ready(g);
      yield* g.start(1, 'waker');
      yield* wfi();
      yield* g.expectTags([0]);
      yield* g.join(1);
    },
    *waker() {
      for (let n = 0; n < 30; n++) yield* nop();
      yield* g.signal(0);
      return 0n;
    },
    handler: g.noting(),
  }),
  { cpus: 2 },
);
INTERRUPTING.functions('an event between LDXR and STXR makes the STXR fail', (g) => ({
  *main() {
    yield* ready(g);
    yield* loadExclusive(SCRATCH_PA);
    yield* g.signal();
    check(yield* storeExclusive(SCRATCH_PA, 1n), 1n, 'result of STXR behind an event');
    yield* loadExclusive(SCRATCH_PA);
    check(yield* storeExclusive(SCRATCH_PA, 1n), 0n, 'result of STXR without an event');
  },
  handler: g.noting(),
}));
INTERRUPTING.functions('a handler that clears PSTATE.I takes no interrupt; the interrupt comes behind it', (g) => ({
  *main() {
    const intid = g.target.freeSpis[5]!;
    yield* g.trigger(intid, true);
    yield* g.enableInterrupt(intid);
    yield* ready(g, BigInt(intid));
    yield* g.interruptsOn();
    yield* g.signal();
    yield* g.settle();
    yield* g.expectTags([1, 2, 10_000 + intid]);
  },
  *handler({ x }) {
    yield* g.note(1);
    yield* msrImmediate('DAIFClr', 15);
    yield* g.pulse(Number(x[1]!));
    yield* g.settle();
    yield* g.note(2);
    yield* g.complete();
  },
  irq: () => g.takeInterrupt(),
}));
INTERRUPTING.functions(
  'an event is taken although DAIF is all set and the priority mask lets nothing through',
  (g) => ({
    *main() {
      yield* ready(g);
      yield* msrImmediate('DAIFSet', 15);
      yield* msr('ICC_PMR_EL1', 0n);
      yield* g.signal();
      yield* g.settle();
      yield* g.expectTags([0]);
    },
    handler: g.noting(),
  }),
);
INTERRUPTING.test(
  'an event that interrupts AArch32 at EL0 says so in bit 4 of X3',
  function* () {
    yield* hint('nop');
  },
  { needs: ['AArch32'] },
);
INTERRUPTING.functions(
  'an event interrupts EL0, and COMPLETE goes on there',
  (g) => ({
    *main() {
      yield* ready(g);
      yield* g.start(1, 'signaller');
      yield* msr(g.reg('ELR'), g.at('user'));
      yield* msr(g.reg('SPSR'), 0n);
      yield* eret();
    },
    *user() {
      while ((yield* load(SCRATCH_PA)) === 0n) yield* hint('yield');
      yield* g.passed();
    },
    *signaller() {
      yield* g.signal(0);
      return 0n;
    },
    *handler({ x }) {
      check(x[3]! & 0xfn, 0n, 'mode in X3 of the handler');
      yield* store(SCRATCH_PA, 1n);
      yield* g.complete();
    },
  }),
  { cpus: 2 },
);
INTERRUPTING.functions(
  'an event while a guest runs at EL1 enters the handler at EL2, and COMPLETE resumes the guest',
  (g) => ({
    *main() {
      yield* ready(g);
      yield* g.start(1, 'signaller');
      yield* msr('ELR_EL2', g.at('guest'));
      yield* msr('SPSR_EL2', 0x3c5n);
      yield* eret();
    },
    *guest() {
      while ((yield* load(SCRATCH_PA)) === 0n) yield* hint('yield');
      check((yield* mrs('CurrentEL')) >> 2n, 1n, 'CurrentEL behind the handler');
      yield* g.passed();
    },
    *signaller() {
      yield* g.signal(0);
      return 0n;
    },
    *handler({ x }) {
      check((yield* mrs('CurrentEL')) >> 2n, 2n, 'CurrentEL of the handler');
      check(x[3]! & 0xfn, 5n, 'mode in X3 of the handler');
      yield* store(SCRATCH_PA, 1n);
      yield* g.complete();
    },
  }),
  { cpus: 2, needs: ['EL2'] },
);

/** Most boundaries of a stretch that cases sweep. */
const BOUNDARIES = 40;
/** Where a sweep counts what its stretch, or its handler too, does each time. */
const TAKEN_PA = SCRATCH_PA + 0x20n;

/**
 * An event at each boundary of a stretch of code, one after the other: the first PPI is bound, and its line rises n
 * steps behind a point before the stretch. `each` is what they count in a round.
 */
function sweep(
  name: string,
  stretch: (g: Guest) => Hosted,
  functions: (g: Guest) => Record<string, HostedFunction>,
  each = 1,
) {
  INTERRUPTING.functions(
    name,
    (g) => ({
      *main() {
        const intid = g.target.freePpis[0]!;
        yield* g.trigger(intid, true);
        const event = yield* g.bind(intid);
        yield* g.ready(event, 'handler');
        yield* g.unmask();
        for (let n = 3; n < BOUNDARIES; n++) {
          yield* g.lineAfter(n, intid);
          yield* stretch(g);
          yield* g.settle(BOUNDARIES);
          yield* g.line(intid, false);
          yield* g.expectTags(
            Array.from({ length: n - 2 }, () => event),
            `handlers, the last ${n} steps behind the start`,
          );
          check(yield* load(TAKEN_PA), BigInt(each * (n - 2)), 'what the stretch and the handler counted');
        }
      },
      handler: g.noting(),
      ...functions(g),
    }),
    { needs: ['binding'] },
  );
}
sweep(
  'an event at any boundary of an exception of the client, its handler and its return changes none of them',
  function* () {
    for (let n = 4; n <= 17; n++) yield* writeX(n, MARK + BigInt(n));
    check(yield* load(0xffff_0000_0000n), 7n, 'what the vector left for the load');
    for (let n = 4; n <= 17; n++) check(yield* readX(n), MARK + BigInt(n), `X${n}`);
  },
  (g) => ({
    *sync() {
      const elr = yield* mrs(g.reg('ELR'));
      yield* store(TAKEN_PA, (yield* load(TAKEN_PA)) + 1n);
      yield* msr(g.reg('ELR'), elr + 4n);
      yield* writeX(0, 7n);
      yield* eret();
    },
  }),
);
sweep(
  'an event at any boundary of an illegal exception return, PSTATE.IL being 1, is handled; the exception comes behind it',
  function* (g) {
    yield* callAt(g.at('illegal'));
  },
  (g) => ({
    *illegal({ lr }) {
      yield* msr(g.reg('ELR'), lr);
      // EL3h: a return to a higher Exception level.
      yield* msr(g.reg('SPSR'), 0x3cdn);
      yield* eret();
    },
    *sync() {
      check((yield* mrs(g.reg('SPSR'))) & IL, IL, 'SPSR.IL at the vector');
      yield* store(TAKEN_PA, (yield* load(TAKEN_PA)) + 1n);
      yield* msr(g.reg('SPSR'), 0x3c0n | (yield* mrs('CurrentEL')) | 1n);
      yield* eret();
    },
  }),
);
sweep(
  'an event at any boundary of a loop of LDXR and STXR, its handler using the same word, loses no count',
  function* () {
    yield* increment(TAKEN_PA);
  },
  (g) => ({
    handler: g.handler(function* ({ event }) {
      yield* increment(TAKEN_PA);
      yield* g.note(event);
    }),
  }),
  2,
);
const IL = 1n << 20n;

function* increment(pa: bigint): Hosted {
  for (let failed = 1n; failed !== 0n; ) failed = yield* storeExclusive(pa, (yield* loadExclusive(pa)) + 1n);
}
