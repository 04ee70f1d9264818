import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url).pathname;
const BUILT = existsSync(`${ROOT}dist/cli/start.js`);

/** Runs the built command as a process of its own. */
function unmaskable(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [`${ROOT}bin/unmaskable.mjs`, ...args], {
    encoding: 'utf8',
    input: '',
  });
  return { status, stdout, stderr };
}

// `npm test` builds first; a bare run of the test runner may not have.
describe.skipIf(!BUILT)('the command as a process (needs dist/, which npm run build makes)', () => {
  it('--version prints the version of the package', () => {
    const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as { version: string };
    expect(unmaskable('--version')).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
  });

  it.each<[string, string[], RegExp]>([
    ['a missing file', ['run', '--kernel', '/does/not/exist'], /--kernel \/does\/not\/exist: .*no such file/],
    ['a directory', ['run', '--kernel', '/'], /--kernel \/: .*directory/],
    ['an empty file', ['run', '--kernel', '/dev/null'], /--kernel \/dev\/null: the file is empty/],
    ['an unknown option', ['run', '--kernel', 'x', '--frob'], /unknown option '--frob'/],
    ['a bad regex', ['run', '--kernel', 'x', '--until', '['], /--until \/\[\/: not a regular expression/],
  ])('%s: exit 2, one line, no stack trace', (_, args, message) => {
    const result = unmaskable(...args);
    expect(result.status).toBe(2);
    expect(result.stdout).toBe('');
    expect(result.stderr).toMatch(message);
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
