import { describe, expect, it } from 'vitest';
import { decide, decisionLines } from './experiment.ts';
import { EXPERIMENTS } from './index.ts';

describe.each(EXPERIMENTS.map((experiment) => [experiment.name, experiment] as const))('%s', (_, experiment) => {
  it(`${experiment.claim} Not so when ${experiment.control}.`, () => {
    const decision = decide(experiment);
    if (process.env.EXPERIMENTS_SHOW) console.log(decisionLines(decision).join('\n'));
    expect(decision.verdict).toBe('shown');
  });
});
