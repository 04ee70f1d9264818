/** What an event interrupts: masked code, waits, exceptions, lower Exception levels. DEN0054, "Event dispatch". */
import {
  eret,
  hint,
  load,
  loadExclusive,
  mrs,
  msr,
  msrImmediate,
  nop,
  store,
  storeExclusive,
  wfi,
  writeX,
} from '../../engine/hosted/effects.ts';
import { CaseGroup } from '../case.ts';
import { check } from '../guest.ts';
import { SCRATCH_PA } from '../layout.ts';
import { ready } from './dispatch.ts';

/** What an event interrupts. */
export const INTERRUPTING = new CaseGroup('what an event interrupts');

INTERRUPTING.functions(
  'an event is taken between an exception and the first instruction of its vector',
  (g) => ({
    *main() {
      yield* ready(g);
      yield* g.start(1, 'signaller');
      for (let n = 0; n < 40; n++) yield* store(SCRATCH_PA + 0x100n, yield* load(0xffff_0000_0000n));
      yield* g.join(1);
      yield* g.noted();
    },
    *signaller() {
      for (let n = 0; n < 20; n++) yield* g.signal(0);
      return 0n;
    },
    handler: g.noting(),
    *sync() {
      // The access faulted: skipped, with 7 as its value, by the ELR that an event must not have changed.
      const elr = yield* mrs(g.reg('ELR'));
      yield* msr(g.reg('ELR'), elr + 4n);
      yield* writeX(0, 7n);
      yield* eret();
    },
  }),
  { cpus: 2 },
);
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
