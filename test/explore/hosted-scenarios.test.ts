import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const BUILT = process.env.UNMASKABLE_BUILT ?? ROOT;
const SCENARIOS = join(ROOT, 'scenarios/hosted');

describe.skipIf(!existsSync(join(BUILT, 'dist/cli/module-hooks.js')))('scenarios in TypeScript (needs dist/)', () => {
  it('the proposal of 2015 is found to deadlock, its replay works, and what became of it is found right', () => {
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [join(ROOT, 'scripts/explore-hosted.mjs'), 'irqflags-rfc'],
      { encoding: 'utf8' },
    );
    expect(stdout, stderr).toMatch(
      /^irqflags-rfc: nothing in \d+ runs at \d+ .*\nirqflags-rfc rfc: deadlock: \d+ of \d+ runs .*; the replay has it again\n/,
    );
    expect(status).toBe(0);
  }, 300_000);
});

it('every variant of every scenario stands in the guide, with what was found', () => {
  const guide = readFileSync(join(ROOT, 'docs/guide/explore.md'), 'utf8');
  for (const file of readdirSync(SCENARIOS).filter((name) => name.endsWith('.ts'))) {
    const [, names] = /variants: \[([^\]]+)\]/.exec(readFileSync(join(SCENARIOS, file), 'utf8'))!;
    const rows = [...names!.matchAll(/'(\w+)'/g)].map(([, name]) => `| ${file.replace('.ts', '')} | ${name} |`);
    const squeezed = guide.replace(/ +/g, ' ').replaceAll('`', '');
    expect(rows.filter((row) => !squeezed.includes(row))).toEqual([]);
  }
});
