import { beforeAll, describe, expect, it, vi } from 'vitest';
import { explore } from '../../src/explore/explore.ts';
import { Explorer } from '../../src/explore/explorer.ts';
import { isFailure } from '../../src/explore/report.ts';
import type { ScenarioModule } from '../../src/explore/scenario.ts';
import type { CaseResult, ExploreOptions } from '../../src/explore/types.ts';
import type { Machine } from '../../src/machine/machine.ts';
import { GHES_VARIANTS } from '../../src/os/ghes/layout.ts';

// Scenarios of the package: here they are to run on the sources.
vi.mock('unmaskable', () => import('../../src/index.ts'));
vi.mock('unmaskable/hosted', () => import('../../src/hosted.ts'));

/** Boundaries of each window that are tried here, by how they are drawn; `npm run explore:hosted` tries all. */
const SAMPLES: Readonly<Record<string, NonNullable<ExploreOptions['sample']>>> = {
  'ghes-nested': { count: 16, seed: 2 },
  'ghes-probe': { count: 50, seed: 5 },
  'ghes-abort': { count: 30, seed: 1 },
  'sdei-arrival': { count: 40, seed: 1 },
};

/** A machine at the beginning, and what is tried: the same for every design. */
function opened(scenario: ScenarioModule, name: string, variant: string | undefined): [Machine, ExploreOptions] {
  const machine = scenario.create({ variant, engine: 'compiled' }) as Machine;
  scenario.prepare?.(machine);
  return [machine, { ...(scenario.options as ExploreOptions), sample: SAMPLES[name]! }];
}
function firstFailure([machine, options]: [Machine, ExploreOptions]): CaseResult | undefined {
  let failure: CaseResult | undefined;
  explore(machine, options, {
    onResult: (result) => {
      if (isFailure(result)) failure = result;
      return failure === undefined;
    },
  });
  return failure;
}

const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  'ghes-nested': ['oopsLock', 'pageChunks', 'noQueueAck', 'inNmi', 'onePage'],
  'ghes-probe': ['poolAtProbe', 'addressInSource', 'sharedBuffer'],
  'ghes-abort': ['directSea', 'noKick', 'noClaimWork'],
  'sdei-arrival': ['noHotplugLock'],
};

describe.each(Object.keys(SAMPLES))('a sample of %s', (name) => {
  let scenario: ScenarioModule;
  beforeAll(async () => {
    scenario = (await import(`../../scenarios/hosted/${name}.ts`)).default as ScenarioModule;
  }, 120_000);

  it('as it should be: nothing is found', () => {
    const [machine, options] = opened(scenario, name, undefined);
    const report = explore(machine, options);
    expect(report.kinds.filter(isFailure).map(({ kind, first }) => `${kind} at ${first.case.id}`)).toEqual([]);
    expect(report.coverage.cases).toBeGreaterThanOrEqual(SAMPLES[name]!.count);
    expect(scenario.variants).toEqual(VARIANTS[name]);
  }, 120_000);

  it.each(VARIANTS[name]!)(
    '%s is found without being told where, and its case alone shows it again',
    (variant) => {
      const failure = firstFailure(opened(scenario, name, variant));
      expect(failure).toBeDefined();
      const [machine, options] = opened(scenario, name, variant);
      const explorer = new Explorer(machine, options);
      const again = explorer.run(failure!.case);
      explorer.close();
      expect([again.outcome, again.detail]).toEqual([failure!.outcome, failure!.detail]);
    },
    120_000,
  );
});

it('every design of the error handler that came before is a variant of one of them', () => {
  const tried = Object.entries(VARIANTS).flatMap(([name, variants]) => (name.startsWith('ghes') ? variants : []));
  expect([...tried].sort()).toEqual([...GHES_VARIANTS].sort());
});
