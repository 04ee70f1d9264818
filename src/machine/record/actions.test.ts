import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { OUTSIDE_ACTIONS } from './actions.ts';

const MACHINE = fileURLToPath(new URL('..', import.meta.url));

describe('what enters a machine from outside', () => {
  it('can be done again: each name at a gate in the sources has a row, and no row is left over', () => {
    const names = new Set<string>();
    for (const file of readdirSync(MACHINE)) {
      if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
      const text = readFileSync(`${MACHINE}/${file}`, 'utf8');
      for (const found of text.matchAll(/\.(?:enter|entering|later)\(\s*'([^']+)'/g)) names.add(found[1]!);
    }
    expect([...names].sort()).toEqual(Object.keys(OUTSIDE_ACTIONS).sort());
  });
});
