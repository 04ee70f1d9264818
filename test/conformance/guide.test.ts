import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';

const read = (path: string): string => readFileSync(join(import.meta.dirname, path), 'utf8');

it("the guide shows the example of a hypervisor's dispatcher as it is run, and says what it prints", async () => {
  const shown = read('examples/hypervisor.ts')
    .replace("'../../../src/hosted.ts'", "'unmaskable/hosted'")
    .replace("'../../../src/index.ts'", "'unmaskable'");
  const guide = read('../../docs/guide/conformance.md');
  expect(guide).toContain(`\`\`\`ts\n${shown}\`\`\`\n`);
  expect(guide).toContain('It prints `!`.');
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  await import('./examples/hypervisor.ts');
  expect(log.mock.calls).toEqual([['!']]);
  log.mockRestore();
});
