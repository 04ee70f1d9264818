import { describe, expect, test } from 'vitest';
import type { SdeiFunction } from './functions.ts';
import { SdeiRig } from './sdei-rig.ts';
import { HANDLER_STATES, type HandlerState, OPERATIONS, transition } from './states.ts';

/**
 * The table of the specification's "Event handler states", typed in from the reference a second time and by rows of
 * states: the result of each call from inside the state, then the state. D is DENIED, P is PENDING.
 */
const REFERENCE: Readonly<Record<HandlerState, Readonly<Record<string, readonly [result: bigint, next: bigint]>>>> =
  (() => {
    const [OK, D, P] = [0n, -3n, -5n];
    const rows: Record<number, Record<string, readonly [bigint, bigint]>> = {
      0: { REG: [OK, 1n], REL: [OK, 0n], EN: [D, 0n], DIS: [D, 0n], UNREG: [D, 0n], ROUTE: [D, 0n] },
      1: { REG: [D, 1n], REL: [D, 1n], EN: [OK, 3n], DIS: [OK, 1n], UNREG: [OK, 0n], ROUTE: [OK, 1n] },
      3: { REG: [D, 3n], REL: [D, 3n], EN: [OK, 3n], DIS: [OK, 1n], UNREG: [OK, 0n], ROUTE: [D, 3n] },
      4: { REG: [D, 4n], REL: [D, 4n], EN: [D, 4n], DIS: [D, 4n], UNREG: [P, 4n], ROUTE: [D, 4n] },
      5: { REG: [D, 5n], REL: [D, 5n], EN: [OK, 7n], DIS: [OK, 5n], UNREG: [P, 4n], ROUTE: [D, 5n] },
      7: { REG: [D, 7n], REL: [D, 7n], EN: [OK, 7n], DIS: [OK, 5n], UNREG: [P, 4n], ROUTE: [D, 7n] },
    };
    return rows as never;
  })();

const CALL: Readonly<Record<string, SdeiFunction>> = {
  REG: 'SDEI_EVENT_REGISTER',
  REL: 'SDEI_INTERRUPT_RELEASE',
  EN: 'SDEI_EVENT_ENABLE',
  DIS: 'SDEI_EVENT_DISABLE',
  UNREG: 'SDEI_EVENT_UNREGISTER',
  ROUTE: 'SDEI_EVENT_ROUTING_SET',
};

const SPI = 64;

/** A shared bound event in a state. */
function inState(state: HandlerState): { rig: SdeiRig; event: bigint } {
  const rig = new SdeiRig();
  const event = rig.call(0, 'SDEI_INTERRUPT_BIND', BigInt(SPI))!;
  if (state === 0) return { rig, event };
  rig.register(0, event);
  if (state === 1) return { rig, event };
  rig.ready(0, event);
  if (state === 3) return { rig, event };
  rig.pulse(SPI);
  if (state === 5) rig.call(0, 'SDEI_EVENT_DISABLE', event);
  if (state === 4) rig.call(0, 'SDEI_EVENT_UNREGISTER', event);
  return { rig, event };
}

describe('every call in every state', () => {
  for (const state of HANDLER_STATES) {
    for (const [name, [result, next]] of Object.entries(REFERENCE[state])) {
      test(`${name} in state ${state}: ${result}, then state ${next}`, () => {
        const { rig, event } = inState(state);
        expect(rig.status(0, event)).toBe(BigInt(state));
        const args = name === 'REG' ? [event, 0x4000n] : [event];
        expect(rig.call(0, CALL[name]!, ...args)).toBe(result);
        if (name === 'REL' && result === 0n) expect(rig.status(0, event)).toBe(-2n);
        else expect(rig.status(0, event)).toBe(next);
      });
    }
  }

  const COMPLETED = { 4: 0n, 5: 1n, 7: 3n } as const;
  for (const state of [4, 5, 7] as const) {
    test(`CONTEXT, COMPLETE and COMPLETE_AND_RESUME in state ${state}`, () => {
      for (const name of ['SDEI_EVENT_COMPLETE', 'SDEI_EVENT_COMPLETE_AND_RESUME'] as const) {
        const { rig, event } = inState(state);
        expect(rig.call(0, 'SDEI_EVENT_CONTEXT', 5n)).toBe(5n);
        expect(rig.call(0, name, 0n)).toBe(undefined);
        expect(rig.status(0, event)).toBe(COMPLETED[state]);
      }
    });
  }

  for (const state of [0, 1, 3] as const) {
    test(`CONTEXT, COMPLETE and COMPLETE_AND_RESUME in state ${state}: DENIED`, () => {
      const { rig, event } = inState(state);
      expect(rig.call(0, 'SDEI_EVENT_CONTEXT', 5n)).toBe(-3n);
      expect(rig.call(0, 'SDEI_EVENT_COMPLETE', 0n)).toBe(-3n);
      expect(rig.call(0, 'SDEI_EVENT_COMPLETE_AND_RESUME', 0x4000n)).toBe(-3n);
      expect(rig.status(0, event)).toBe(BigInt(state));
    });
  }

  test('an event is dispatched in state 3 alone', () => {
    for (const state of HANDLER_STATES) {
      const { rig, event } = inState(state);
      rig.call(0, 'SDEI_PE_UNMASK');
      const before = rig.entered.length;
      rig.pulse(SPI);
      expect(rig.entered.length - before, `state ${state}`).toBe(state === 3 ? 1 : 0);
      if (state === 3) expect(rig.status(0, event)).toBe(7n);
    }
  });
});

test('no operation leads to state 2 or 6', () => {
  for (const operation of OPERATIONS) {
    for (const state of HANDLER_STATES) {
      let next: number | undefined;
      try {
        next = transition(operation, state).next;
      } catch {
        continue;
      }
      expect(HANDLER_STATES).toContain(next);
    }
  }
});
