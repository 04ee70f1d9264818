/** The table of questions in the guide names tests that there are, and every question is in it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const QUESTIONS = 28;
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const guide = read('docs/guide/pseudo-nmi.md');
const rows = [...guide.matchAll(/^\| (\d+)\. [^|]+\| ([^|]+)\|$/gm)].map(([, number, tests]) => ({
  number: Number(number),
  tests: [...tests!.matchAll(/`([^`]+)`/g)].map(([, title]) => title!),
}));
const here = 'src/os/irqflags';
const sources = [
  ...readdirSync(join(ROOT, here)).filter((name) => name.endsWith('.test.ts') && !name.startsWith('questions')),
]
  .map((name) => read(`${here}/${name}`))
  .concat(read('test/linux/pseudo-nmi.test.ts'));

describe('the guide to pseudo-NMIs', () => {
  it('has every question of the review, in order', () => {
    expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: QUESTIONS }, (_, n) => n + 1));
  });
  it('names for each a test that there is', () => {
    const named = rows.flatMap(({ number, tests }) => (tests.length > 0 ? tests : [`question ${number}: no test`]));
    expect(named.filter((title) => !sources.some((text) => text.includes(title)))).toEqual([]);
  });
});
