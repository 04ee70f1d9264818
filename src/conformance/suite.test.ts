import { describe, expect, it } from 'vitest';
import { resultLine } from './report.ts';
import { runCase } from './runner.ts';
import { CASES, type OwnDispatcher, ownDispatcher } from './suite.ts';

const IMPLEMENTATIONS: readonly OwnDispatcher[] = [
  { profile: 'spec' },
  { profile: 'tf-a' },
  { profile: 'spec', version: '1.1' },
  { profile: 'spec', el3: false },
  { profile: 'tf-a', el3: false },
  { profile: 'spec', el2: true },
  { profile: 'tf-a', el2: true },
];

describe.each(IMPLEMENTATIONS)('conformance of the dispatcher, $profile, %o', (own) => {
  const implementation = ownDispatcher(own);
  it('every sentence holds', () => {
    const results = CASES.map((c) => runCase(c, implementation));
    expect(results.filter(({ status }) => status === 'FAIL').map(resultLine)).toEqual([]);
    expect(results.filter(({ status }) => status === 'PASS').length).toBeGreaterThan(240);
    const skipped = results.filter(({ status }) => status === 'SKIP');
    expect(skipped.every(({ why }) => why !== undefined)).toBe(true);
    // The profile of TF-A refuses what five sentences let wait.
    const refused = own.profile === 'tf-a' ? 5 : 0;
    expect(skipped.length).toBeLessThanOrEqual((own.el2 ? 1 : 11) + refused);
  });
});

it('names of cases are unique', () => {
  const names = CASES.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

it('a case leaves nothing behind for the next on the same machine', () => {
  const implementation = ownDispatcher({ profile: 'spec' });
  const once = CASES.map((c) => runCase(c, implementation));
  const backwards = [...CASES].reverse().map((c) => runCase(c, implementation));
  expect(backwards.reverse()).toEqual(once);
});
