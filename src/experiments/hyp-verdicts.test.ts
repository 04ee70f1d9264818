import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ARM64_VERSIONS } from '../os/hyp/abi-arm64.ts';
import { HYP_HAZARDS } from './hyp-verdicts.ts';

/** Rows of the guide's table of verdicts, by hazard. */
function rowsOfGuide(): ReadonlyMap<string, readonly string[]> {
  const text = readFileSync(new URL('../../docs/guide/handover.md', import.meta.url), 'utf8');
  const table = text.split('<!-- verdicts -->')[1] ?? '';
  const rows = table.split('\n').filter((line) => line.startsWith('|'));
  return new Map(
    rows.map((line) => {
      const [name, ...cells] = line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim());
      return [name!, cells];
    }),
  );
}

describe('the table of verdicts in the guide to hand-over', () => {
  const rows = rowsOfGuide();
  const versions = ARM64_VERSIONS.map(({ name }) => name);

  it('has a column for each version and a row for each hazard', () => {
    const [head, , ...hazards] = rows.keys();
    expect(rows.get(head!)).toEqual(versions.map((name) => name.replace('arm64 ', '')));
    expect(hazards).toEqual(HYP_HAZARDS.map(({ name }) => name));
  });

  it.each(HYP_HAZARDS.map((hazard) => [hazard.name, hazard] as const))(
    '%s',
    (name, hazard) => {
      const found = versions.map((version) => hazard.verdict(version));
      expect(rows.get(name), `| ${[name, ...found].join(' | ')} |`).toEqual(found);
    },
    60_000,
  );
});
