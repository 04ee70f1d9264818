import { describe, expect, it } from 'vitest';
import { fuzzCper } from './fuzz-cper.ts';

describe('mutated records, status blocks and kernel logs', () => {
  it('throw nothing, take bounded time and memory, and encode to the bytes they came from', () => {
    expect(fuzzCper(4000, 20261120)).toEqual([]);
  }, 60_000);
});
