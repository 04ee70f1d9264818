import { describe, expect, it } from 'vitest';
import { Lockstep } from './lockstep.ts';

const PROGRAMS = 40;

describe('compiled regions and the interpreter go through the same states', () => {
  const lockstep = new Lockstep();

  it.each(Array.from({ length: PROGRAMS }, (_, n) => n))('random program %i', (n) => {
    lockstep.run(`test ${n}`, { steps: 6000, heatPercent: [2, 20, 100][n % 3]!, changes: n % 2 === 0 });
  });

  it('and most steps were taken in regions', () => {
    expect(lockstep.compiled.compiledRegions).toBeGreaterThan(PROGRAMS);
    expect(lockstep.plain.compiledRegions).toBe(0);
    console.log(lockstep.tally, lockstep.inside.steps, lockstep.compiled.compiledRegions);
  });
});
