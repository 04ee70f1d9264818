import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const guide = readFileSync(join(ROOT, 'docs/guide/hosted.md'), 'utf8');

/** An example as the guide shows it. */
function shown(name: string): string {
  const text = readFileSync(join(ROOT, `test/os/examples/${name}.ts`), 'utf8');
  return text
    .replace("'../../../src/hosted.ts'", "'unmaskable/hosted'")
    .replace("'../../../src/index.ts'", "'unmaskable'");
}

describe('the guide to hosted code', () => {
  it.each([
    ['bare', 'EL1, 43\n poweroff'],
    ['kernel', '3 ticks; CPUs 0,1\n poweroff'],
    ['events', 'poweroff: 1 event'],
  ])('shows the example %s as it is run, and says what it prints', async (name, printed) => {
    expect(guide).toContain(`\`\`\`ts\n${shown(name)}\`\`\`\n`);
    expect(guide).toContain(`\`${printed.replace(/\n.*/, '')}\``);
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    await import(`./examples/${name}.ts`);
    expect(log.mock.calls.map((words) => words.join(' ')).join('\n')).toBe(printed);
    log.mockRestore();
  });
});
