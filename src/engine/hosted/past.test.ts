import { describe, expect, it } from 'vitest';
import type { Effect } from './effects.ts';
import { Past } from './past.ts';

const read = (va: bigint): Effect => ({ op: 'load', va, bytes: 8 });
const call = (...x: bigint[]): Effect => ({ op: 'call', conduit: 'smc', target: 0n, x });

describe('what the yields of an activation received', () => {
  it('is one thing for those who went the same way, and two from where they part', () => {
    const start = new Past().with(0, read(8n), 1n).with(1, call(5n, 6n), [7n, 8n]);
    const one = start.with(2, read(16n), 3n);
    expect(one).toBe(start);
    expect(start.with(1, call(5n, 6n), [7n, 8n])).toBe(start);
    const other = start.with(2, read(16n), 4n);
    expect(other).not.toBe(one);
    expect([one.result(2), other.result(2), other.result(1)]).toEqual([3n, 4n, [7n, 8n]]);
    expect(one.hash(2)).toBe(other.hash(2));
    expect(one.hash(3)).not.toBe(other.hash(3));
  });
  it('parts where something else is asked for, or another list comes back', () => {
    const past = new Past().with(0, call(5n, 6n), [7n, 8n]);
    for (const [effect, result] of [
      [call(5n, 9n), [7n, 8n]],
      [call(5n, 6n), [7n, 9n]],
      [{ ...call(5n, 6n), last: true } as Effect, [7n, 8n]],
    ] as const)
      expect(past.with(0, effect, result)).not.toBe(past);
  });
  it('knows what was asked for, also where only a fingerprint is left of it', () => {
    const past = new Past().with(0, read(8n), 1n);
    const kept = new Past([past.fingerprint(0)], [1n], [past.hash(1)]);
    for (const one of [past, kept]) {
      expect(one.asks(0, read(8n))).toBe(true);
      expect(one.asks(0, read(9n))).toBe(false);
    }
    expect(past.asks(0, undefined as unknown as Effect)).toBe(false);
    expect([kept.fingerprint(0), kept.hash(1), kept.hash(0)]).toEqual([past.fingerprint(0), past.hash(1), 0n]);
  });
});
