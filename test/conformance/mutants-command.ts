import { CASES } from '../../src/conformance/suite.ts';
import { caseOf, failureOf, MutantDispatchers } from './mutant-runner.ts';
import { MUTANTS } from './mutants.ts';

/**
 * `npm run sdei:mutants`: every case against every mutant; prints which fail.
 *
 * @param root - the checkout
 * @returns 0 when each mutant fails the case that is named for it, else 1
 */
export async function sdeiMutantsCommand(root: string): Promise<number> {
  const dispatchers = new MutantDispatchers(root);
  let survivors = 0;
  try {
    for (const mutant of MUTANTS) {
      const implementation = await dispatchers.implementation(mutant);
      const failures = CASES.map((c) => failureOf(c, implementation)).filter((f) => f !== undefined);
      const named = failureOf(caseOf(mutant), implementation);
      if (named === undefined) survivors++;
      console.log(`${mutant.file}: ${mutant.find.replaceAll('\n', ' ')}\n    -> ${mutant.replace || 'nothing'}`);
      console.log(`    ${failures.length} cases fail; ${named ?? `NOT ${caseOf(mutant).name}`}`);
    }
  } finally {
    dispatchers.remove();
  }
  console.log(`${MUTANTS.length} mutants, ${survivors} that the case named for them does not see`);
  return survivors === 0 ? 0 : 1;
}
