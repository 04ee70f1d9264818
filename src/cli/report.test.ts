import { describe, expect, it } from 'vitest';
import { EXIT_CODES, EXIT_USAGE, formatTimeNs, grouped, type Outcome, outcomeJson, summaryLine } from './report.ts';

const OUTCOME: Outcome = {
  reason: 'poweroff',
  why: 'the guest powered off',
  exitCode: 0,
  steps: 876_422_268,
  virtualTimeNs: 1_000_000_250n,
  wallTimeMs: 6400.5,
  resets: 0,
  digest: null,
  matched: null,
  notModelled: [],
};

describe('the summary', () => {
  it('is one line that a person can read', () => {
    expect(summaryLine(OUTCOME)).toBe(
      'unmaskable: the guest powered off; 876,422,268 steps, 1.000000250 s virtual, 6.40 s wall, 136.93 M steps/s',
    );
  });

  it('has no rate when no time passed', () => {
    expect(summaryLine({ ...OUTCOME, wallTimeMs: 0 })).toMatch(/ 0\.00 M steps\/s$/);
  });

  it.each([
    [0n, '0.000000000 s'],
    [1n, '0.000000001 s'],
    [12_345_678_901n, '12.345678901 s'],
    [10n ** 20n, '100000000000.000000000 s'],
  ])('virtual time %s ns is %s, exactly', (ns, text) => {
    expect(formatTimeNs(ns)).toBe(text);
  });

  it('sets thousands apart, the same in every locale', () => {
    expect([0, 999, 1000, 1_234_567, 2n ** 64n].map(grouped)).toEqual([
      '0',
      '999',
      '1,000',
      '1,234,567',
      '18,446,744,073,709,551,616',
    ]);
  });
});

describe('the summary as data', () => {
  it('keeps virtual time whole beyond 2^53', () => {
    const data = JSON.parse(outcomeJson({ ...OUTCOME, virtualTimeNs: 2n ** 60n + 1n })) as Record<string, unknown>;
    expect(data).toMatchObject({ format: 'unmaskable-run-1', virtualTimeNs: '1152921504606846977', digest: null });
    expect(data.millionStepsPerSecond).toBe(136.93);
  });
});

describe('exit codes', () => {
  it('are those of the help, and that of a mistake is no way for a run to end', () => {
    const { poweroff, until, left, stopped } = EXIT_CODES;
    expect([poweroff, until, left, stopped]).toEqual([0, 0, 0, 0]);
    expect([EXIT_CODES['fail-on'], EXIT_CODES['max-steps'], EXIT_CODES['nothing-due']]).toEqual([1, 3, 4]);
    expect(EXIT_CODES['internal-error']).toBe(70);
    expect(Object.values(EXIT_CODES)).not.toContain(EXIT_USAGE);
  });
});
