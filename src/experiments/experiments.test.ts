import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decide, type Experiment, replayLine } from './experiment.ts';
import { EXPERIMENTS } from './index.ts';

describe.each(EXPERIMENTS.map((experiment) => [experiment.name, experiment] as const))('%s', (_, experiment) => {
  it(`${experiment.claim} Not so when: ${experiment.control}.`, () => {
    const { verdict, claim, control } = decide(experiment);
    expect({ verdict, seen: [...claim.evidence, ...control.evidence] }).toMatchObject({ verdict: 'shown' });
    // The boundary that is printed shows the same alone.
    if (control.at !== undefined) expect(experiment.run({ control: true, at: control.at }).holds).toBe(control.holds);
    if (claim.at !== undefined) expect(experiment.run({ control: false, at: claim.at }).holds).toBe(claim.holds);
  }, 60_000);
});

describe('the list of experiments', () => {
  it('has each name once, its file of the same name, and a row in the document', () => {
    const names = EXPERIMENTS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const index = readFileSync(new URL('./index.ts', import.meta.url), 'utf8');
    const document = readFileSync(new URL('../../docs/guide/experiments.md', import.meta.url), 'utf8');
    expect(names.filter((name) => !index.includes(`./claims/${name}.ts`))).toEqual([]);
    expect([...document.matchAll(/^\| `([\w-]+)`/gm)].map(([, name]) => name)).toEqual(names);
  });
  it('every claim is a sentence', () => {
    for (const { claim } of EXPERIMENTS) expect(claim).toMatch(/^[A-Z].*\.$/);
  });
});

describe('a decision', () => {
  const made = (claim: boolean, control: boolean): Experiment => ({
    name: 'made-up',
    claim: 'It holds.',
    source: '',
    control: 'nothing',
    run: (options) => ({ holds: options.control ? control : claim, evidence: [] }),
  });
  it.each([
    [true, false, 'shown'],
    [false, true, 'refuted'],
    [true, true, 'undecided'],
    [false, false, 'undecided'],
  ] as const)('claim %j, control %j: %s', (claim, control, verdict) => {
    expect(decide(made(claim, control)).verdict).toBe(verdict);
  });
  it('a replay line names the run and the boundary', () => {
    expect(replayLine(made(true, false), { control: true, at: 7 })).toBe(
      'unmaskable experiment made-up --run control --at 7',
    );
  });
});
