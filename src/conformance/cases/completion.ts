/** What the interrupted code finds behind a handler. DEN0054, "Event completion". */
import { branch, eret, hint, load, mrs, msr, msrImmediate, readX, store, writeX } from '../../engine/hosted/effects.ts';
import { CaseGroup } from '../case.ts';
import { check } from '../guest.ts';
import { SCRATCH_PA } from '../layout.ts';
import { MARK, ready } from './dispatch.ts';

/** What is there behind a handler. */
export const COMPLETION = new CaseGroup('completion');

COMPLETION.functions('COMPLETE restores X0 to X17 and PSTATE, whatever the handler left there', (g) => ({
  *main() {
    yield* ready(g);
    yield* msr('NZCV', 0xa000_0000n);
    yield* msrImmediate('DAIFClr', 8);
    for (let n = 3; n <= 17; n++) yield* writeX(n, MARK + BigInt(n));
    yield* g.signal();
    const x = yield* g.registers(0, 17);
    for (const [n, value] of x.slice(3).entries()) check(value, MARK + BigInt(n + 3), `X${n + 3} behind COMPLETE`);
    check(x[0]!, 0n, 'X0 behind COMPLETE: the result of the signal');
    check(x[2]!, 0n, 'X2 behind COMPLETE: the argument of the signal');
    check(yield* mrs('NZCV'), 0xa000_0000n, 'NZCV behind COMPLETE');
    check(yield* mrs('DAIF'), 0x1c0n, 'DAIF behind COMPLETE');
  },
  *handler() {
    for (let n = 0; n <= 17; n++) yield* writeX(n, 0xbadn);
    yield* msr('NZCV', 0x5000_0000n);
    yield* g.complete();
  },
}));
COMPLETION.functions('COMPLETE keeps what the handler wrote to X18 and above', (g) => ({
  *main() {
    yield* ready(g);
    yield* writeX(18, 1n);
    yield* g.signal();
    check(yield* readX(18), 0x1818n, 'X18 behind COMPLETE');
    check(yield* readX(29), 0x2929n, 'X29 behind COMPLETE');
  },
  *handler() {
    yield* writeX(18, 0x1818n);
    yield* writeX(29, 0x2929n);
    yield* g.complete();
  },
}));
COMPLETION.functions('COMPLETE_AND_RESUME goes on at its address as behind an exception of the client', (g) => ({
  *main() {
    yield* ready(g);
    yield* msrImmediate('SPSel', 0);
    yield* msrImmediate('DAIFClr', 15);
    for (let n = 3; n <= 17; n++) yield* writeX(n, MARK + BigInt(n));
    yield* g.signal();
    check(yield* mrs('DAIF'), 0n, 'DAIF behind the ERET');
    check(yield* mrs('SPSel'), 0n, 'SPSel behind the ERET');
    yield* g.expectTags([1]);
  },
  *handler({ x }) {
    yield* store(SCRATCH_PA, x[2]!);
    yield* store(SCRATCH_PA + 8n, x[3]!);
    for (let n = 4; n <= 17; n++) yield* writeX(n, 0xbadn);
    check(yield* g.completeAndResume(g.at('resumed')), 'no return', 'SDEI_EVENT_COMPLETE_AND_RESUME');
  },
  *resumed() {
    const x = yield* g.registers(3, 17);
    for (const [n, value] of x.entries()) check(value, MARK + BigInt(n + 3), `X${n + 3} at the resume address`);
    check(yield* mrs(g.reg('ELR')), yield* load(SCRATCH_PA), 'ELR at the resume address');
    check(yield* mrs(g.reg('SPSR')), yield* load(SCRATCH_PA + 8n), 'SPSR at the resume address');
    check(yield* mrs('DAIF'), 0x3c0n, 'DAIF at the resume address');
    check(yield* mrs('SPSel'), 1n, 'SPSel at the resume address');
    check((yield* mrs('CurrentEL')) >> 2n, BigInt(g.target.clientEl), 'CurrentEL at the resume address');
    yield* g.expect(3, 'SDEI_EVENT_STATUS', 0);
    yield* g.note(1);
    yield* writeX(0, 0n);
    yield* eret();
  },
}));
COMPLETION.functions('COMPLETE_AND_RESUME at an address that is no memory gives DENIED where it is checked', (g) => ({
  *main() {
    yield* ready(g);
    yield* g.signal();
    yield* g.settle();
    yield* g.expectTags(g.target.policy.resumeAddress === 'checked' ? [1] : []);
  },
  *handler() {
    if (g.target.policy.resumeAddress !== 'checked') return yield* g.complete();
    check(yield* g.completeAndResume(0x7fff_f000n), 'DENIED', 'SDEI_EVENT_COMPLETE_AND_RESUME(0x7ffff000)');
    yield* g.expect(7, 'SDEI_EVENT_STATUS', 0);
    yield* g.note(1);
    yield* g.complete();
  },
}));
COMPLETION.functions('COMPLETE behind the end of a handler gives DENIED', (g) => ({
  *main() {
    yield* ready(g);
    yield* g.signal();
    yield* g.expectTags([0]);
    yield* g.expect('DENIED', 'SDEI_EVENT_COMPLETE', 0);
    yield* g.expect(3, 'SDEI_EVENT_STATUS', 0);
  },
  handler: g.noting(),
}));
COMPLETION.functions('COMPLETE with status 1, EV_FAILED, goes on as with 0', (g) => ({
  *main() {
    yield* ready(g);
    yield* g.signal();
    yield* g.expectTags([1]);
    yield* g.expect(3, 'SDEI_EVENT_STATUS', 0);
  },
  *handler() {
    yield* g.note(1);
    yield* g.complete(1n);
  },
}));
COMPLETION.functions('an event disabled in its handler has status 5 there and 1 behind it', (g) => ({
  *main() {
    yield* ready(g);
    yield* g.signal();
    yield* g.expectTags([1]);
    yield* g.expect(1, 'SDEI_EVENT_STATUS', 0);
  },
  *handler() {
    yield* g.expect(0, 'SDEI_EVENT_DISABLE', 0);
    yield* g.expect(5, 'SDEI_EVENT_STATUS', 0);
    yield* g.note(1);
    yield* g.complete();
  },
}));
COMPLETION.functions(
  'COMPLETE_AND_RESUME from a guest goes to an EL2 vector with the guest in ELR_EL2 and SPSR_EL2',
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
      yield* branch(g.at('guestEnd'));
    },
    *guestEnd() {
      check((yield* mrs('CurrentEL')) >> 2n, 1n, 'CurrentEL behind the ERET');
      yield* g.passed();
    },
    *signaller() {
      yield* g.signal(0);
      return 0n;
    },
    *handler() {
      const vectors = yield* mrs('VBAR_EL2');
      check(yield* g.completeAndResume(vectors + 0x480n), 'no return', 'SDEI_EVENT_COMPLETE_AND_RESUME');
    },
    *irq() {
      check((yield* mrs('SPSR_EL2')) & 0xfn, 5n, 'mode in SPSR_EL2 at the vector');
      check((yield* mrs('CurrentEL')) >> 2n, 2n, 'CurrentEL at the vector');
      yield* store(SCRATCH_PA, 1n);
      yield* eret();
    },
  }),
  { cpus: 2, needs: ['EL2'] },
);
COMPLETION.functions(
  'NZCV at the resume address is the interrupted one, or clear where PSTATE is mode and DAIF alone',
  (g) => ({
    *main() {
      yield* ready(g);
      yield* msr('NZCV', 0xa000_0000n);
      yield* g.signal();
      yield* g.settle();
      check(yield* mrs('NZCV'), 0xa000_0000n, 'NZCV behind the ERET');
      yield* g.expectTags([1]);
    },
    *handler() {
      yield* msr('NZCV', 0x5000_0000n);
      check(yield* g.completeAndResume(g.at('resumed')), 'no return', 'SDEI_EVENT_COMPLETE_AND_RESUME');
    },
    *resumed() {
      const kept = g.target.policy.resumePstate === 'exception-entry';
      check(yield* mrs('NZCV'), kept ? 0xa000_0000n : 0n, 'NZCV at the resume address');
      yield* g.note(1);
      yield* eret();
    },
  }),
);
