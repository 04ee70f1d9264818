import { describe, expect, it } from 'vitest';
import { type HypervisorDispatcher, hypervisorDispatcher } from './hypervisor.ts';
import { resultLine } from './report.ts';
import { runCase } from './runner.ts';
import { CASES } from './suite.ts';

const HYPERVISORS: readonly HypervisorDispatcher[] = [
  { profile: 'spec' },
  { profile: 'tf-a', el3: false },
  { profile: 'spec', version: '1.1' },
];
/** Of the second and third, every sentence of these groups: where profiles, versions and security states matter. */
const GROUPS = /^(interface|binding|signal|mask and pending|completion|priority of interrupts)$/;

describe.each(HYPERVISORS)("conformance of a hypervisor's dispatcher, $profile, %o", (own) => {
  const implementation = hypervisorDispatcher(own);
  const cases = own === HYPERVISORS[0] ? CASES : CASES.filter(({ group }) => GROUPS.test(group));
  it('every sentence holds inside the guest', () => {
    const results = cases.map((c) => runCase(c, implementation));
    expect(results.filter(({ status }) => status === 'FAIL').map(resultLine)).toEqual([]);
    const skipped = results.filter(({ status }) => status === 'SKIP');
    expect(results.filter(({ status }) => status === 'PASS').length).toBeGreaterThan(cases.length - skipped.length - 1);
    expect(skipped.length).toBeLessThanOrEqual(own.profile === 'tf-a' ? 12 : 7);
    expect(skipped.every(({ why }) => why !== undefined)).toBe(true);
  });
});
