/** Arguments that no client should pass, and sequences that none should make. */
import { type Hosted, msr, readX, writeX } from '../../engine/hosted/effects.ts';
import { SDEI_FUNCTIONS, type SdeiFunction } from '../../firmware/sdei/functions.ts';
import { CaseGroup } from '../case.ts';
import { check, type Guest } from '../guest.ts';

/** Hostile and random clients. */
export const ROBUSTNESS = new CaseGroup('robustness');

const NAMES = Object.keys(SDEI_FUNCTIONS) as SdeiFunction[];
const CODES = new Set([0n, -1n, -2n, -3n, -5n, -10n]);
/** Values that have broken dispatchers. */
const HOSTILE = [0n, 1n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 1n << 32n, (1n << 63n) - 1n, (1n << 64n) - 1n];

/** Functions that may change what later cases of the loop expect are called without effect: masked, nothing ready. */
for (const name of NAMES) {
  ROBUSTNESS.functions(`${name} with hostile arguments gives one of the codes it may, and execution goes on`, (g) => ({
    *main() {
      for (const a of HOSTILE) {
        for (const b of [0n, 1n, HOSTILE[7]!]) {
          const result = yield* g.call(name, a, b, HOSTILE[6]!, b, a);
          const positive = [
            'SDEI_VERSION',
            'SDEI_FEATURES',
            'SDEI_INTERRUPT_BIND',
            'SDEI_PE_MASK',
            'SDEI_EVENT_GET_INFO',
          ];
          const fine = CODES.has(result) || (result > 0n && positive.includes(name));
          check(
            `${fine}`,
            'true',
            `${name}(0x${a.toString(16)}, 0x${b.toString(16)}, ...) gave ${result}: a code of the interface`,
          );
        }
      }
    },
    handler: g.noting(),
  }));
}
/** Functions that come back from inside a handler. */
const INSIDE = NAMES.filter((name) => !name.startsWith('SDEI_EVENT_COMPLETE'));
ROBUSTNESS.functions(
  'every function with hostile arguments inside a handler gives a code, and the handler completes',
  (g) => ({
    *main() {
      yield* g.ready(0, 'handler');
      yield* g.unmask();
      yield* writeX(9, 0x99n);
      yield* g.signal();
      yield* g.expectTags([1]);
      check(yield* readX(9), 0x99n, 'X9 behind the handler');
      yield* g.expect([0, 1, 3], 'SDEI_EVENT_STATUS', 0);
    },
    *handler() {
      for (const name of INSIDE) {
        for (const a of HOSTILE) yield* g.call(name, a, HOSTILE[7]!, HOSTILE[6]!, a, a);
        // Whatever they did, this handler runs.
        const status = yield* g.call('SDEI_EVENT_STATUS', 0);
        check(`${[4n, 5n, 7n].includes(status)}`, 'true', `status ${status} in a handler behind ${name}: 4, 5 or 7`);
      }
      yield* g.note(1);
      yield* g.complete();
    },
  }),
);
ROBUSTNESS.test('SDEI_INTERRUPT_BIND of numbers up to 2^32 - 1 binds what exists and refuses the rest', function* (g) {
  const slots = (yield* g.call('SDEI_FEATURES', 0)) !== 0n;
  for (let bit = 0n; bit < 32n; bit++) {
    for (const intid of [(1n << bit) - 1n, 1n << bit, (1n << bit) + 1n, 0xffff_ffffn - bit]) {
      const event = yield* g.call('SDEI_INTERRUPT_BIND', intid);
      const could = intid >= 16n && intid < 1020n;
      if (!could) check(event, -2, `SDEI_INTERRUPT_BIND(0x${intid.toString(16)})`);
      if (event <= 0n) continue;
      check(`${slots}`, 'true', 'there are slots, since something was bound');
      yield* g.expect(0, 'SDEI_INTERRUPT_RELEASE', event);
    }
  }
});
ROBUSTNESS.functions(
  'the status of an event is never 2 or 6, and nesting never exceeds two, in a random sequence of calls',
  (g) => ({
    *main() {
      yield* g.interruptsOn();
      let seed = 0x1234_5678n;
      const random = (below: number): number => {
        seed = BigInt.asUintN(64, seed * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n);
        return Number((seed >> 33n) % BigInt(below));
      };
      for (let n = 0; n < 300; n++) yield* step(g, random);
    },
    handler: g.handler(function* ({ event }) {
      const status = yield* g.call('SDEI_EVENT_STATUS', event);
      check(`${[4n, 5n, 7n].includes(status)}`, 'true', `status ${status} in a handler: 4, 5 or 7`);
    }),
  }),
);

/** One random call on event 0, and a look at its status. */
function* step(g: Guest, random: (below: number) => number): Hosted {
  const calls: readonly (() => Hosted<bigint>)[] = [
    () => g.call('SDEI_EVENT_REGISTER', 0, g.at('handler'), 0, 0, 0),
    () => g.call('SDEI_EVENT_ENABLE', 0),
    () => g.call('SDEI_EVENT_DISABLE', 0),
    () => g.call('SDEI_EVENT_UNREGISTER', 0),
    () => g.call('SDEI_EVENT_SIGNAL', 0, 0),
    () => g.call('SDEI_PE_MASK'),
    () => g.call('SDEI_PE_UNMASK'),
    () => g.call('SDEI_PRIVATE_RESET'),
  ];
  yield* calls[random(calls.length)]!();
  const status = yield* g.call('SDEI_EVENT_STATUS', 0);
  check(`${[0n, 1n, 3n].includes(status)}`, 'true', `status ${status} outside handlers: 0, 1 or 3`);
}

ROBUSTNESS.functions('the same program gives the same order of handlers whatever registers hold', (g) => ({
  *main() {
    yield* g.ready(0, 'handler');
    yield* g.unmask();
    for (let n = 0; n < 3; n++) {
      for (let r = 5; r <= 30; r++) yield* writeX(r, BigInt(n) << 60n);
      yield* msr('NZCV', BigInt(n) << 30n);
      yield* g.signal();
    }
    yield* g.expectTags([0, 0, 0]);
  },
  handler: g.noting(),
}));
