import { describe, expect, it } from 'vitest';
import { fuzzTables, outcome } from './fuzz.ts';

describe('mutated ACPI tables (npm run fuzz:tables for a million)', () => {
  it('20,000 of them: no exception, bounded time, and decoding and encoding gives the same bytes', () => {
    const { problems, sound, tables } = fuzzTables(20_000, 7);
    expect(problems).toEqual([]);
    expect(tables).toBe(20_000);
    // Both kinds must be there, or the mutations miss something.
    expect(sound).toBeGreaterThan(1000);
    expect(sound).toBeLessThan(10_000);
  });

  it('the same seed gives the same tables, another one others', () => {
    expect(fuzzTables(500, 3).digest).toBe(fuzzTables(500, 3).digest);
    expect(fuzzTables(500, 3).digest).not.toBe(fuzzTables(500, 4).digest);
  });

  it('bytes that are no table at all are no problem either', () => {
    for (const size of [0, 1, 7, 8, 20, 35, 36, 64]) {
      expect(outcome('nothing', new Uint8Array(size)).problem).toBeUndefined();
      expect(outcome('trigger', new Uint8Array(size)).problem).toBeUndefined();
    }
  });
});
