import { describe, expect, it } from 'vitest';
import { A64 } from '../isa/table.ts';
import { FEATURES } from './features.ts';

describe('architecture features', () => {
  it('have the names Arm gives them, or say that they are of one implementation', () => {
    for (const name of Object.keys(FEATURES)) expect(name).toMatch(/^(FEAT|IMPDEF)_[A-Za-z0-9_]+$/);
  });

  it('those that instructions need are known', () => {
    const needed = new Set(A64.flatMap((clause) => clause.feature ?? []));
    expect([...needed].filter((name) => !(name in FEATURES))).toEqual([]);
    expect(needed.size).toBeGreaterThan(3);
  });
});
