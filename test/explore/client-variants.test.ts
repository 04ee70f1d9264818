import { describe, expect, it } from 'vitest';
import { explore } from '../../src/explore/explore.ts';
import { Explorer } from '../../src/explore/explorer.ts';
import { isFailure } from '../../src/explore/report.ts';
import type { CaseResult } from '../../src/explore/types.ts';
import type { SdeiVariants } from '../../src/os/sdei/variants.ts';
import { CLIENT_VARIANTS, type ClientScenario } from './client-variants.ts';

function firstFailure({ machine, options }: ClientScenario): CaseResult | undefined {
  let failure: CaseResult | undefined;
  explore(machine, options, {
    onResult: (result) => {
      if (isFailure(result)) failure = result;
      return failure === undefined;
    },
  });
  return failure;
}
const KERNELS = new Map(CLIENT_VARIANTS.map(([, name, make]) => [name, make]));

describe.each([...KERNELS])('the %s kernel', (_, make) => {
  it('as it should be: nothing is found at any boundary', () => {
    const { machine, options } = make({});
    const report = explore(machine, options);
    expect(report.kinds.filter(isFailure).map(({ kind, first }) => `${kind} at ${first.case.id}`)).toEqual([]);
    expect(report.coverage.cases).toBeGreaterThan(30);
  }, 120_000);
});

describe.each(CLIENT_VARIANTS)('%s', (variant: keyof SdeiVariants, _kernel, make) => {
  it('is found without being told where, and the case alone shows it again on another machine', () => {
    const failure = firstFailure(make({ [variant]: true }));
    expect(failure).toBeDefined();
    const { machine, options } = make({ [variant]: true });
    const explorer = new Explorer(machine, options);
    const again = explorer.run(failure!.case);
    explorer.close();
    expect([again.outcome, again.detail]).toEqual([failure!.outcome, failure!.detail]);
  }, 120_000);
});
