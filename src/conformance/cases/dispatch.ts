/** What a handler finds, and what the interrupted code finds behind it. DEN0054, "Event dispatch", "Event context". */
import {
  callAt,
  eret,
  type Hosted,
  load,
  mrs,
  msr,
  msrImmediate,
  readX,
  store,
  writeX,
} from '../../engine/hosted/effects.ts';
import { CaseGroup } from '../case.ts';
import { check, type Guest, handlerEntry } from '../guest.ts';
import { SCRATCH_PA } from '../layout.ts';

/** What a handler finds at its entry. */
export const DISPATCH = new CaseGroup('dispatch');
/** Upper half of values that registers get to be recognised by. */
export const MARK = 0x5555_0000_0000_0000n;

/** Registers event 0 with the function `handler` of the case, enables it, and unmasks. */
export function* ready(g: Guest, argument = 0n): Hosted {
  yield* g.ready(0, 'handler', argument);
  yield* g.unmask();
}

DISPATCH.functions('a signalled event runs its handler with its number in X0 and its argument in X1', (g) => ({
  *main() {
    yield* ready(g, 0x1234_5678_9abc_def0n);
    yield* g.signal();
    yield* g.settle();
    check((yield* g.notes())[0]!.value, 0x1234_5678_9abc_def0n, 'X1 of the handler');
    yield* g.expectTags([0]);
  },
  handler: g.noting(({ argument }) => argument),
}));
DISPATCH.functions('X2 is the address of an instruction, X3 the interrupted PSTATE', (g) => ({
  *main() {
    yield* ready(g);
    yield* g.signal();
    const [note] = yield* g.notes();
    const masked = (yield* mrs('DAIF')) | (yield* mrs('CurrentEL')) | 1n;
    check(note!.value & 0x3cfn, masked, 'X3 of the handler, mode and DAIF');
  },
  handler: g.handler(function* ({ event, pc, pstate }) {
    yield* g.note(event, pstate);
    check(`${pc % 4n}`, '0', 'low bits of X2');
  }),
}));
DISPATCH.functions('the interrupted PC in X2 is where execution goes on', (g) => ({
  *main() {
    yield* ready(g);
    yield* g.signal();
    yield* g.settle();
    // The handler has X2 and the exit leaves it in ELR; both name the yield behind the signal.
    check(yield* load(SCRATCH_PA), yield* load(SCRATCH_PA + 8n), 'X2 of the handler');
  },
  *handler(entry) {
    yield* store(SCRATCH_PA, handlerEntry(entry).pc);
    const failed = yield* g.completeAndResume(g.at('resumed'));
    check(failed, 'no return', 'SDEI_EVENT_COMPLETE_AND_RESUME');
  },
  *resumed() {
    yield* store(SCRATCH_PA + 8n, yield* mrs(g.reg('ELR')));
    yield* eret();
  },
}));
DISPATCH.functions('X4 to X17 of the handler are those of the interrupted code', (g) => ({
  *main() {
    yield* ready(g);
    for (let n = 4; n <= 30; n++) yield* writeX(n, MARK + BigInt(n));
    yield* g.signal();
    yield* g.settle();
    yield* g.expectTags([0]);
  },
  *handler() {
    const x = yield* g.registers(4, 17);
    for (const [n, value] of x.entries()) check(value, MARK + BigInt(n + 4), `X${n + 4} of the handler`);
    yield* g.note(0);
    yield* g.complete();
  },
}));
DISPATCH.functions('X18 to X30 and the stack pointers of the handler are those of the interrupted code', (g) => ({
  *main() {
    yield* ready(g);
    for (let n = 18; n <= 30; n++) yield* writeX(n, MARK + BigInt(n));
    yield* store(SCRATCH_PA, yield* readX(31));
    yield* msr('SP_EL0', 0x9990n);
    yield* g.signal();
    yield* g.settle();
    yield* g.expectTags([0]);
  },
  *handler() {
    const x = yield* g.registers(18, 30);
    for (const [n, value] of x.entries()) check(value, MARK + BigInt(n + 18), `X${n + 18} of the handler`);
    check(yield* readX(31), yield* load(SCRATCH_PA), 'SP of the handler');
    check(yield* mrs('SP_EL0'), 0x9990n, 'SP_EL0 of the handler');
    yield* g.note(0);
    yield* g.complete();
  },
}));
DISPATCH.functions(
  'SDEI_EVENT_CONTEXT gives X0 to X17 of the interrupted code, and INVALID_PARAMETERS beyond',
  (g) => ({
    *main() {
      yield* ready(g);
      for (let n = 3; n <= 17; n++) yield* writeX(n, MARK + BigInt(n));
      yield* g.signal();
      yield* g.settle();
      yield* g.expectTags([0]);
    },
    *handler() {
      // X0 is the result of the signal, X1 and X2 its arguments.
      for (const n of [0, 1, 2]) yield* g.expect(0, 'SDEI_EVENT_CONTEXT', n);
      for (let n = 3; n <= 17; n++) yield* g.expect(MARK + BigInt(n), 'SDEI_EVENT_CONTEXT', n);
      for (const n of [18, 0x100, 0xffff_ffff]) yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_CONTEXT', n);
      yield* g.note(0);
      yield* g.complete();
    },
  }),
);
DISPATCH.functions('the handler runs with DAIF set, on SP_ELx, at the client Exception level', (g) => ({
  *main() {
    yield* ready(g);
    yield* msrImmediate('DAIFClr', 15);
    yield* msrImmediate('SPSel', 0);
    yield* g.signal();
    yield* g.settle();
    yield* g.expectTags([0]);
  },
  *handler() {
    check(yield* mrs('DAIF'), 0x3c0n, 'DAIF of the handler');
    check(yield* mrs('SPSel'), 1n, 'SPSel of the handler');
    check((yield* mrs('CurrentEL')) >> 2n, BigInt(g.target.clientEl), 'CurrentEL of the handler');
    yield* g.note(0);
    yield* g.complete();
  },
}));
for (const nzcv of [0x9000_0000n, 0x6000_0000n]) {
  DISPATCH.functions(`NZCV of the handler is the interrupted 0x${nzcv.toString(16)}, and is back behind it`, (g) => ({
    *main() {
      yield* ready(g);
      yield* msr('NZCV', nzcv);
      yield* g.signal();
      yield* g.settle();
      check(yield* mrs('NZCV'), nzcv, 'NZCV behind the handler');
      yield* g.expectTags([0]);
    },
    *handler() {
      check(yield* mrs('NZCV'), nzcv, 'NZCV of the handler');
      yield* msr('NZCV', nzcv ^ 0xf000_0000n);
      yield* g.note(0);
      yield* g.complete();
    },
  }));
}
for (const span of [0n, 1n]) {
  DISPATCH.functions(`PAN of the handler follows SCTLR_ELx.SPAN, which is ${span}`, (g) => ({
    *main() {
      yield* ready(g);
      const sctlr = yield* mrs(g.reg('SCTLR'));
      yield* msr(g.reg('SCTLR'), (sctlr & ~(1n << 23n)) | (span << 23n));
      yield* msrImmediate('PAN', 0);
      yield* g.signal();
      yield* g.settle();
      // At EL2 without the host's regime PAN is inherited whatever SPAN says.
      const set = span === 0n && g.target.clientEl === 1;
      check((yield* g.notes())[0]!.value, set ? 1n << 22n : 0n, 'PAN of the handler');
    },
    handler: g.handler(function* () {
      yield* g.note(0, yield* mrs('PAN'));
    }),
  }));
}
DISPATCH.functions('ELR, SPSR, ESR and FAR of the client are untouched in the handler and behind it', (g) => {
  const names = ['ELR', 'SPSR', 'ESR', 'FAR'] as const;
  const expected = (n: number): bigint => 0x3c5n + BigInt(16 * n);
  const look = function* (where: string): Hosted {
    for (const [n, name] of names.entries()) check(yield* mrs(g.reg(name)), expected(n), `${name} ${where}`);
  };
  return {
    *main() {
      yield* ready(g);
      for (const [n, name] of names.entries()) yield* msr(g.reg(name), expected(n));
      yield* g.signal();
      yield* g.settle();
      yield* look('behind the handler');
      yield* g.expectTags([0]);
    },
    *handler() {
      yield* look('in the handler');
      yield* g.note(0);
      yield* g.complete();
    },
  };
});
DISPATCH.functions('the status in the handler is 7: registered, enabled, running; behind it 3', (g) => ({
  *main() {
    yield* ready(g);
    yield* g.signal();
    yield* g.expectTags([0]);
    yield* g.expect(3, 'SDEI_EVENT_STATUS', 0);
  },
  *handler() {
    yield* g.expect(7, 'SDEI_EVENT_STATUS', 0);
    yield* g.note(0);
    yield* g.complete();
  },
}));
DISPATCH.functions('PSTATE.UAO is 0 in the handler, and as it was behind it', (g) => ({
  *main() {
    yield* ready(g);
    yield* msrImmediate('UAO', 1);
    yield* g.signal();
    yield* g.settle();
    check(yield* mrs('UAO'), 1n << 23n, 'UAO behind the handler');
    yield* g.expectTags([0]);
  },
  *handler() {
    check(yield* mrs('UAO'), 0n, 'UAO of the handler');
    yield* g.note(0);
    yield* g.complete();
  },
}));

const SIMD = [...Array(16).keys()].map((n) => 2 * n);
/** Two routines: X0 is where V0 to V31 are stored to, or loaded from. */
const SIMD_CODE = `
save: ${SIMD.map((n) => `stp q${n}, q${n + 1}, [x0, #${16 * n}]\n`).join('')} ret
fill: ${SIMD.map((n) => `ldp q${n}, q${n + 1}, [x0, #${16 * n}]\n`).join('')} ret
`;
const SIMD_BYTES = 512n;

DISPATCH.functions('V0 to V31 of the handler are those of the interrupted code; what it leaves there stays', (g) => {
  const area = (n: bigint): bigint => SCRATCH_PA + 0x200n + n * SIMD_BYTES;
  const call = function* (name: string, n: bigint): Hosted {
    yield* callAt(yield* load(SCRATCH_PA + (name === 'save' ? 0n : 8n)), area(n));
  };
  const same = function* (a: bigint, b: bigint, what: string): Hosted {
    for (let at = 0n; at < SIMD_BYTES; at += 8n)
      check(yield* load(area(a) + at), yield* load(area(b) + at), `V${at / 16n} ${what}`);
  };
  return {
    *main() {
      const labels = yield* g.code(SIMD_CODE);
      yield* store(SCRATCH_PA, labels.get('save')!);
      yield* store(SCRATCH_PA + 8n, labels.get('fill')!);
      // CPACR_EL1.FPEN, CPTR_EL2: nothing of SIMD is trapped.
      yield* msr(g.target.clientEl === 2 ? 'CPTR_EL2' : 'CPACR_EL1', g.target.clientEl === 2 ? 0n : 3n << 20n);
      for (let at = 0n; at < 2n * SIMD_BYTES; at += 8n) yield* store(area(0n) + at, 0xabcd_0000_0000_0000n + at);
      yield* ready(g);
      yield* call('fill', 0n);
      yield* g.signal();
      yield* g.settle();
      yield* g.expectTags([0]);
      yield* call('save', 3n);
      yield* same(3n, 1n, 'behind the handler');
    },
    *handler() {
      yield* call('save', 2n);
      yield* same(2n, 0n, 'of the handler');
      yield* call('fill', 1n);
      yield* g.note(0);
      yield* g.complete();
    },
  };
});
