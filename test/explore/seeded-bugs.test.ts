import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { irq, sdei } from '../../src/explore/events.ts';
import { explore } from '../../src/explore/explore.ts';
import { isFailure } from '../../src/explore/report.ts';
import type { CaseResult, ExploreOptions } from '../../src/explore/types.ts';
import { DEVICE_INTID } from './interrupted-kernel.ts';
import { INTERRUPTED, type SeededKernel, SHARING } from './seeded-bugs.ts';

const GUIDE = ['../../docs/guide/explore.md', '../../docs/guide/explore.md']
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .find((path) => existsSync(path))!;

const limits = { runStepsMax: 20_000, cycleStepsMax: 5_000 };
/** The same for every mistake: nothing says what it is, or where. */
const OPTIONS: Readonly<Record<SeededKernel['name'], ExploreOptions>> = {
  interrupted: { window: {}, events: [irq(DEVICE_INTID), sdei(0)], compare: false, limits },
  sharing: { window: {}, schedules: { preemptionsMax: 2 }, limits },
};

/** Cases up to the first failure, and that. */
function firstFailure(kernel: SeededKernel, bug: string | undefined): { cases: number; failure?: CaseResult } {
  let cases = 0;
  let failure: CaseResult | undefined;
  explore(kernel.make(bug), OPTIONS[kernel.name], {
    onResult: (result) => {
      cases++;
      if (isFailure(result)) failure = result;
      return failure === undefined;
    },
  });
  return failure ? { cases, failure } : { cases };
}

/** Rows of the table in the guide. */
const rows: string[] = [];

describe.each([INTERRUPTED, SHARING])('seeded bugs in the $name kernel', (kernel) => {
  it('as it should be: nothing is found', () => {
    const report = explore(kernel.make(undefined), OPTIONS[kernel.name]);
    expect(report.kinds.filter(isFailure).map(({ kind, first }) => `${kind} at ${first.case.id}`)).toEqual([]);
    expect(report.coverage.cases).toBeGreaterThan(100);
    expect(report.coverage.cases).toBeLessThanOrEqual(kernel.casesMax);
  });

  it.each(kernel.bugs)('%s: found within the budget', (bug) => {
    const { cases, failure } = firstFailure(kernel, bug);
    expect(failure, `${cases} cases without a failure`).toBeDefined();
    expect(cases).toBeLessThanOrEqual(kernel.casesMax);
    rows.push(`| ${bug} | ${kernel.name} | ${failure!.outcome} | ${cases} |`);
  });

  it.each(Object.entries(kernel.missed))('%s: missed, since %s', (bug, reason) => {
    const { cases, failure } = firstFailure(kernel, bug);
    expect(failure).toBeUndefined();
    rows.push(`| ${bug} | ${kernel.name} | missed: ${reason} | ${cases} |`);
  });
});

it('the table of found and missed stands in the guide', () => {
  const lines = readFileSync(GUIDE, 'utf8')
    .split('\n')
    .map((line) => line.replace(/ +/g, ' '));
  expect(rows.filter((row) => !lines.includes(row))).toEqual([]);
});
