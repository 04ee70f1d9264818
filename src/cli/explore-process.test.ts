import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOST_UPDATE, SCENARIO } from '../../test/support/explored-kernel.ts';

const ROOT = process.env.UNMASKABLE_BUILT ?? fileURLToPath(new URL('../../', import.meta.url));
const COMMAND = join(ROOT, 'bin', 'unmaskable.mjs');
const BUILT = existsSync(join(ROOT, 'dist', 'cli', 'explore-worker.js'));

let folder = '';
const file = (name: string): string => join(folder, name);
const explore = (...args: string[]) => spawnSync(process.execPath, [COMMAND, 'explore', ...args], { encoding: 'utf8' });
/** The report without the timelines, which a merged one does not have. */
const found = (name: string): unknown => (JSON.parse(readFileSync(file(name), 'utf8')) as { report: unknown }).report;

describe.skipIf(!BUILT)('explore in several processes and threads (needs dist/)', { timeout: 120_000 }, () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'unmaskable-explore-'));
    writeFileSync(file('Image'), LOST_UPDATE);
    writeFileSync(file('s.yaml'), SCENARIO);
    explore(file('s.yaml'), '--workers', '1', '--report', file('one.json'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('two workers say what one says', () => {
    const { status } = explore(file('s.yaml'), '--workers', '2', '--report', file('two.json'));
    expect(status).toBe(1);
    expect(readFileSync(file('two.json'), 'utf8')).toBe(readFileSync(file('one.json'), 'utf8'));
  });

  it('parts that are merged are the whole, and a journal of something else is refused', () => {
    for (const part of ['1/2', '2/2'])
      explore(file('s.yaml'), '--workers', '1', '--shard', part, '--journal', file(`j${part[0]}`));
    const { status, stdout } = explore('merge', file('j1'), file('j2'), '--report', file('merged.json'));
    expect(status).toBe(1);
    expect(stdout).not.toContain('not covered: 5');
    expect(found('merged.json')).toEqual(found('one.json'));
    writeFileSync(file('other.yaml'), `${SCENARIO}\n# other\n`);
    explore(file('other.yaml'), '--workers', '1', '--journal', file('j3'));
    expect(explore('merge', file('j1'), file('j3')).stderr).toMatch(/j3: it is of another campaign than/);
    expect(explore('merge', file('s.yaml')).stderr).toMatch(/s\.yaml:2: is no line of a journal/);
  });

  it('killed at whatever moment it goes on from its journal', async () => {
    const child = spawn(process.execPath, [
      COMMAND,
      ...['explore', file('s.yaml'), '--workers', '2', '--journal', file('killed')],
    ]);
    await new Promise<void>((resolve) => {
      const poll = setInterval(() => {
        if (!existsSync(file('killed')) || readFileSync(file('killed'), 'utf8').split('\n').length < 20) return;
        clearInterval(poll);
        child.kill('SIGKILL');
      }, 2);
      child.on('exit', () => {
        clearInterval(poll);
        resolve();
      });
    });
    const { status } = explore(
      ...[file('s.yaml'), '--workers', '2', '--journal', file('killed'), '--resume', '--report', file('on.json')],
    );
    expect(status).toBe(1);
    expect(found('on.json')).toEqual(found('one.json'));
  });
});
