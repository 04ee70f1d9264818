import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { runCase } from '../../src/conformance/runner.ts';
import { ownDispatcher } from '../../src/conformance/suite.ts';
import { caseOf, failureOf, MutantDispatchers } from './mutant-runner.ts';
import { MUTANTS } from './mutants.ts';

const dispatchers = new MutantDispatchers(fileURLToPath(new URL('../../', import.meta.url)));
afterAll(() => dispatchers.remove());
const WITHOUT = { spec: ownDispatcher({ profile: 'spec' }), 'tf-a': ownDispatcher({ profile: 'tf-a' }) };
const NOTHING = {
  file: 'calls',
  find: 'const { SUCCESS, NOT_SUPPORTED',
  replace: 'const { SUCCESS, NOT_SUPPORTED',
} as const;

describe('a dispatcher with one mistake fails the case that is named for it', () => {
  it('there are thirty and more', () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(30);
  });
  it.each(MUTANTS.map((m) => [`${m.file}: ${m.find.split('\n')[0]} becomes ${m.replace || 'nothing'}`, m] as const))(
    '%s',
    async (_, mutant) => {
      const c = caseOf(mutant);
      expect(failureOf(c, await dispatchers.implementation(mutant)), c.name).toBeDefined();
      expect(runCase(c, WITHOUT[mutant.profile ?? 'spec']).status, 'without the mistake').toBe('PASS');
    },
  );
  it('made in the same way without a mistake, it fails none of them', async () => {
    for (const profile of ['spec', 'tf-a'] as const) {
      const implementation = await dispatchers.implementation({ ...NOTHING, fails: '', profile });
      for (const mutant of MUTANTS) expect(failureOf(caseOf(mutant), implementation), mutant.find).toBeUndefined();
    }
  });
});
