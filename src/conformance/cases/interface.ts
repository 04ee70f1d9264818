/** Calls that need no event: version, identifiers, fresh state, the mask. DEN0054, "SDEI functions". */
import { eret, type Hosted, hvc, msr, readX, smc, writeX } from '../../engine/hosted/effects.ts';
import { SDEI_FUNCTIONS, type SdeiFunction } from '../../firmware/sdei/functions.ts';
import { CaseGroup } from '../case.ts';
import { check } from '../guest.ts';

const GARBAGE = 0xdead_beef_0000_0000n;
/** No dispatcher of this machine has an event of that number. */
const UNKNOWN = 0x1_0000;

/** The calling convention. */
export const INTERFACE = new CaseGroup('interface');

INTERFACE.test('SDEI_VERSION gives the version, with bit 63 clear', function* (g) {
  yield* g.expect(g.target.version, 'SDEI_VERSION');
});
INTERFACE.functions(
  'SDEI_VERSION from an Exception level that is not the client gives NOT_SUPPORTED',
  (g) => ({
    *main() {
      yield* msr('ELR_EL2', g.at('below'));
      yield* msr('SPSR_EL2', 0x3c5n);
      yield* eret();
    },
    *below() {
      const [x0] = yield* smc(BigInt(SDEI_FUNCTIONS.SDEI_VERSION));
      check(BigInt.asIntN(64, x0!), 'NOT_SUPPORTED', 'SDEI_VERSION at EL1');
      yield* g.passed();
    },
  }),
  { needs: ['EL2'] },
);
INTERFACE.test('the 32-bit identifier of SDEI_VERSION gives NOT_SUPPORTED', function* (g) {
  check(BigInt.asIntN(64, yield* g.callId(0x8400_0020n)), 'NOT_SUPPORTED', 'function 0x84000020');
});
for (const id of [0xc400_0033n, 0xc400_003fn]) {
  INTERFACE.test(`the unused identifier 0x${id.toString(16)} gives NOT_SUPPORTED`, function* (g) {
    check(yield* g.callId(id), 'NOT_SUPPORTED', `function 0x${id.toString(16)}`);
  });
}
for (const name of ['SDEI_EVENT_REGISTER', 'SDEI_PE_UNMASK', 'SDEI_PRIVATE_RESET'] as const) {
  INTERFACE.functions(
    `${name} from an Exception level that is not the client gives NOT_SUPPORTED and does nothing`,
    (g) => ({
      *main() {
        yield* g.ready(0, 'handler');
        yield* msr('ELR_EL2', g.at('below'));
        yield* msr('SPSR_EL2', 0x3c5n);
        yield* eret();
      },
      *below() {
        const [x0] = yield* smc(BigInt(SDEI_FUNCTIONS[name]), 0n, g.at('handler'));
        check(BigInt.asIntN(64, x0!), 'NOT_SUPPORTED', `${name} at EL1`);
        yield* hvc();
      },
      // The HVC of the code below came here: back at the client's Exception level.
      *sync() {
        yield* g.expect(3, 'SDEI_EVENT_STATUS', 0);
        yield* g.expect(0, 'SDEI_PE_MASK');
        yield* g.passed();
      },
      handler: g.noting(),
    }),
    { needs: ['EL2'] },
  );
}
/** Calls that come back, with arguments of every kind of outcome. */
const RETURNING: readonly [SdeiFunction, ...number[]][] = [
  ['SDEI_VERSION'],
  ['SDEI_EVENT_REGISTER', 0, 0, 0, 0, 0],
  ['SDEI_EVENT_ENABLE', 0],
  ['SDEI_EVENT_DISABLE', 0],
  ['SDEI_EVENT_CONTEXT', 0],
  ['SDEI_EVENT_COMPLETE', 0],
  ['SDEI_EVENT_COMPLETE_AND_RESUME', 0x4000_0000],
  ['SDEI_EVENT_UNREGISTER', 0],
  ['SDEI_EVENT_STATUS', 0],
  ['SDEI_EVENT_GET_INFO', 0, 0],
  ['SDEI_EVENT_ROUTING_SET', 0, 0, 0],
  ['SDEI_PE_UNMASK'],
  ['SDEI_PE_MASK'],
  ['SDEI_INTERRUPT_BIND', 5],
  ['SDEI_INTERRUPT_RELEASE', 0],
  ['SDEI_EVENT_SIGNAL', 5, 0],
  ['SDEI_FEATURES', 0],
  ['SDEI_PRIVATE_RESET'],
  ['SDEI_SHARED_RESET'],
];
for (const [name, ...args] of RETURNING) {
  INTERFACE.test(`${name} changes no register but X0`, function* (g) {
    const pattern = (n: number): bigint => 0x1111_2222_3333_4400n + BigInt(n);
    for (let n = 1; n <= 30; n++) yield* writeX(n, pattern(n));
    yield* g.call(name, ...args);
    for (let n = 1; n <= 30; n++) {
      const expected = n <= args.length ? BigInt(args[n - 1]!) : pattern(n);
      check(yield* readX(n), expected, `X${n} behind ${name}`);
    }
  });
}
INTERFACE.test('an event argument counts with its low 32 bits only', function* (g) {
  yield* g.expect(0, 'SDEI_EVENT_STATUS', GARBAGE);
  yield* g.expect(0, 'SDEI_EVENT_GET_INFO', GARBAGE, 0);
  yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_STATUS', GARBAGE | BigInt(UNKNOWN));
});
INTERFACE.functions('every 32-bit argument counts with its low 32 bits only', (g) => ({
  *main() {
    yield* g.expect(0, 'SDEI_EVENT_REGISTER', GARBAGE, g.at('handler'), 0, 0, 0);
    yield* g.expect(0, 'SDEI_EVENT_ENABLE', GARBAGE);
    yield* g.expect(3, 'SDEI_EVENT_STATUS', 0);
    yield* g.expect(0, 'SDEI_EVENT_DISABLE', GARBAGE);
    yield* g.unmask();
    yield* g.expect(0, 'SDEI_EVENT_ENABLE', 0);
    yield* g.expect(0, 'SDEI_EVENT_SIGNAL', GARBAGE, 0);
    yield* g.expectTags([0]);
    yield* g.expect(0, 'SDEI_EVENT_UNREGISTER', GARBAGE);
    yield* g.expect(0, 'SDEI_EVENT_GET_INFO', 0, GARBAGE);
    const slots = yield* g.call('SDEI_FEATURES', 0);
    yield* g.expect(slots, 'SDEI_FEATURES', GARBAGE);
    yield* g.expect('INVALID_PARAMETERS', 'SDEI_EVENT_GET_INFO', 0, GARBAGE | 5n);
  },
  *handler() {
    // X1 of the interrupted code: the event argument of its signal.
    yield* g.expect(BigInt.asIntN(64, GARBAGE), 'SDEI_EVENT_CONTEXT', GARBAGE | 1n);
    yield* g.note(0);
    yield* g.complete(GARBAGE);
  },
}));
INTERFACE.test(
  'the interrupt and the event of SDEI_INTERRUPT_BIND and RELEASE count with their low 32 bits only',
  function* (g) {
    const event = yield* g.bind(GARBAGE | BigInt(g.target.freeSpis[0]!));
    yield* g.expect(event, 'SDEI_INTERRUPT_BIND', g.target.freeSpis[0]!);
    yield* g.expect(0, 'SDEI_INTERRUPT_RELEASE', GARBAGE | event);
  },
  { needs: ['binding'] },
);
INTERFACE.test('error codes are negative as 64-bit numbers', function* (g) {
  yield* g.expect(-2n, 'SDEI_EVENT_STATUS', UNKNOWN);
});

/** What holds after reset, and for events that do not exist. */
export const FRESH = new CaseGroup('fresh state');

FRESH.functions(
  'SDEI_PE_MASK gives 0 on every PE after reset: every PE is masked',
  (g) => ({
    *main() {
      yield* g.expect(0, 'SDEI_PE_MASK');
      check(yield* g.on(1, 'mask'), 0, 'SDEI_PE_MASK on PE 1');
    },
    *mask() {
      return yield* g.call('SDEI_PE_MASK');
    },
  }),
  { cpus: 2 },
);
FRESH.test('SDEI_EVENT_STATUS of event 0 is 0 after reset', function* (g) {
  yield* g.expect(0, 'SDEI_EVENT_STATUS', 0);
});
for (const name of ['SDEI_EVENT_ENABLE', 'SDEI_EVENT_DISABLE', 'SDEI_EVENT_UNREGISTER'] as const) {
  FRESH.test(`${name} of event 0 before it is registered gives DENIED`, function* (g) {
    yield* g.expect('DENIED', name, 0);
  });
}
for (const [name, ...args] of [
  ['SDEI_EVENT_CONTEXT', 0],
  ['SDEI_EVENT_COMPLETE', 0],
  ['SDEI_EVENT_COMPLETE_AND_RESUME', 0x4000_0000],
] as [SdeiFunction, ...number[]][]) {
  FRESH.test(`${name} with no handler running gives DENIED, and execution goes on`, function* (g) {
    yield* g.expect('DENIED', name, ...args);
  });
}
FRESH.test(
  'SDEI_EVENT_CONTEXT of a register that is not saved is an error, also with no handler running',
  function* (g) {
    yield* g.expect([-2, -3], 'SDEI_EVENT_CONTEXT', 99);
  },
);
/** Calls that take an event, with arguments that would be right. */
const EVENT_CALLS: readonly [SdeiFunction, (at: bigint) => readonly (number | bigint)[]][] = [
  ['SDEI_EVENT_STATUS', () => []],
  ['SDEI_EVENT_GET_INFO', () => [0]],
  ['SDEI_EVENT_REGISTER', (at) => [at, 0, 0, 0]],
  ['SDEI_EVENT_ENABLE', () => []],
  ['SDEI_EVENT_DISABLE', () => []],
  ['SDEI_EVENT_UNREGISTER', () => []],
  ['SDEI_EVENT_ROUTING_SET', () => [0, 0]],
  ['SDEI_INTERRUPT_RELEASE', () => []],
  ['SDEI_EVENT_SIGNAL', () => [0]],
];
for (const [name, args] of EVENT_CALLS) {
  const routing = name === 'SDEI_EVENT_ROUTING_SET';
  const at = (event: number, code: bigint) => (routing ? [event, 0, 0] : [event, ...args(code)]);
  FRESH.functions(`${name} of an event that does not exist gives INVALID_PARAMETERS`, (g) => ({
    *main() {
      yield* g.expect('INVALID_PARAMETERS', name, ...at(UNKNOWN, g.at('handler')));
    },
    handler: g.noting(),
  }));
  FRESH.functions(`${name} of a negative event gives INVALID_PARAMETERS`, (g) => ({
    *main() {
      yield* g.expect('INVALID_PARAMETERS', name, ...at(0x8000_0000, g.at('handler')));
      yield* g.expect('INVALID_PARAMETERS', name, ...at(0xffff_ffff, g.at('handler')));
    },
    handler: g.noting(),
  }));
}
FRESH.test('SDEI_FEATURES of an unknown feature gives INVALID_PARAMETERS', function* (g) {
  for (const id of [2, 0xffff, 0xffff_ffff]) yield* g.expect('INVALID_PARAMETERS', 'SDEI_FEATURES', id);
});
FRESH.test('SDEI_FEATURES of relative mode is 0 or 1 from version 1.1 on, else INVALID_PARAMETERS', function* (g) {
  const minor = (g.target.version >> 32n) & 0xffffn;
  yield* g.expect(minor > 0n ? [0, 1] : [-2], 'SDEI_FEATURES', 1);
});

/** SDEI_PE_MASK and SDEI_PE_UNMASK. */
export const MASK = new CaseGroup('mask');

MASK.test('SDEI_PE_UNMASK gives 0, and SDEI_PE_MASK behind it gives 1', function* (g) {
  yield* g.unmask();
  yield* g.expect(1, 'SDEI_PE_MASK');
});
MASK.test('SDEI_PE_MASK twice gives 1, then 0', function* (g) {
  yield* g.unmask();
  yield* g.expect(1, 'SDEI_PE_MASK');
  yield* g.expect(0, 'SDEI_PE_MASK');
});
MASK.test('SDEI_PE_UNMASK twice gives 0 both times', function* (g) {
  yield* g.unmask();
  yield* g.unmask();
});
MASK.functions(
  'SDEI_PE_MASK on one PE leaves another taking events',
  (g) => ({
    *main() {
      yield* g.on(1, 'prepare');
      yield* g.expect(0, 'SDEI_PE_MASK');
      yield* g.signal(1);
      yield* g.noted();
      yield* g.expectTags([0]);
    },
    *prepare(): Hosted {
      yield* g.ready(0, 'handler');
      yield* g.unmask();
    },
    handler: g.noting(),
  }),
  { cpus: 2 },
);
