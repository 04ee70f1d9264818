import { describe, expect, it } from 'vitest';
import { THREADS_WORTH_MS, Worth } from './explore-pool.ts';

/** When threads are started in a campaign of so many boundaries, each of which takes so many ms; ms since it began. */
function startedMs(boundaries: number, eachMs: (nowMs: number) => number, worthMs?: number): number | undefined {
  const began = 5000;
  let now = began;
  const worth = new Worth(now, worthMs);
  for (let tried = 0; tried < boundaries; tried++) {
    if (worth.look(now, tried, boundaries - tried)) return now - began;
    now += eachMs(now - began);
  }
  return undefined;
}

describe('other threads are started', () => {
  it('never in a campaign that is over before they would be up', () => {
    expect(startedMs(20_000, () => 0.12)).toBeUndefined();
    expect(startedMs(THREADS_WORTH_MS - 1, () => 1)).toBeUndefined();
  });
  it('not because a campaign begins slowly: its thread gets faster as well', () => {
    expect(startedMs(20_000, (ms) => (ms < 500 ? 0.5 : 0.12))).toBeUndefined();
  });
  it('not because the host is busy for a moment', () => {
    expect(startedMs(20_000, (ms) => (ms > 1000 && ms < 1200 ? 5 : 0.12))).toBeUndefined();
  });
  it('soon in a long one, at once in a very long one', () => {
    expect(startedMs(80_000, () => 0.12)).toBeLessThan(1000);
    expect(startedMs(1_000_000, () => 0.5)).toBeLessThan(200);
  });
  it('late in one that gets slower', () => {
    const started = startedMs(20_000, (ms) => (ms < 2000 ? 0.2 : 2));
    expect(started).toBeGreaterThanOrEqual(2000);
    expect(started).toBeLessThan(2500);
  });
  it('at once when that is asked for', () => {
    expect(startedMs(1, () => 1, 0)).toBe(0);
  });
});
