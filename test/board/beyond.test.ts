import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BEYOND } from './beyond.ts';

/** The test ideas that this machine cannot be asked; test/skips.json has each with its reason. */

const FILE = 'test/board/beyond.test.ts';
const SUITE = 'beyond this machine';

describe(SUITE, () => {
  for (const { sentence } of BEYOND) it.skip(sentence, () => undefined);
});

describe('the list of skips', () => {
  it('names each test that is beyond this machine, and no other of them, with the same reason', () => {
    const skips = JSON.parse(readFileSync(new URL('../skips.json', import.meta.url), 'utf8')) as { test: string }[];
    const listed = skips.filter(({ test }) => test.startsWith(`${FILE}: `));
    const expected = BEYOND.map(({ sentence, reason }) => ({ test: `${FILE}: ${SUITE} ${sentence}`, reason }));
    expect(listed).toEqual(expected);
  });
});
