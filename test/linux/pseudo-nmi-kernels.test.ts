import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../scripts/kernels.mjs', import.meta.url));
const CONFIGURATION = fileURLToPath(new URL('../../scripts/kernels/nmi.config', import.meta.url));
const NAMES = ['nmi-6.1', 'nmi-6.12'];
const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A cache as after a build, with files that are no kernels: the script goes by their hashes. */
function fill(dir: string, configuration: string = sha256(readFileSync(CONFIGURATION))): void {
  for (const name of NAMES) {
    const files = ['Image', 'config', 'System.map'].map((file) => `${file}-${name}`);
    for (const file of files) writeFileSync(join(dir, file), `${file} of a test`);
    const hashes = Object.fromEntries(files.map((file) => [file, sha256(`${file} of a test`)]));
    const parts = { sourceVersion: '6.x-1', compiler: 'gcc of a test', configuration, recipe: 1 };
    const manifest = { kernelRelease: '6.x.y', sourcePackage: `linux-source-${name} 6.x-1`, parts, sha256: hashes };
    writeFileSync(join(dir, `kernel-${name}.json`), JSON.stringify(manifest));
  }
}

/** Runs the script on a cache of its own, where no apt, make or other program can be found. */
function kernels(dir: string, ...args: string[]) {
  const env = { PATH: join(dir, 'nothing'), HOME: dir, UNMASKABLE_GUESTS: dir };
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], { env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('scripts/kernels.mjs', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'kernels-test-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('exits 3 with what is missing where nothing is installed, and leaves nothing behind', () => {
    const { status, stdout, stderr } = kernels(dir);
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toContain('kernels.mjs: nmi-6.1: building, because it is not there\n');
    expect(stderr).toMatch(
      /not installed: aarch64-linux-gnu-gcc, make, .*\. On Debian: bash scripts\/setup-debian\.sh\n$/,
    );
    expect(readdirSync(dir)).toEqual([]);
  });
  it('exits 2 on an option it does not have', () => {
    expect(kernels(dir, '--refresh')).toMatchObject({ status: 2, stderr: expect.stringContaining("'--refresh'") });
  });
  it('needs nothing but the cache when it is filled, and names what is there', () => {
    fill(dir);
    const { status, stdout } = kernels(dir, '--json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual(
      NAMES.map((name) => ({
        name,
        kernel: join(dir, `Image-${name}`),
        config: join(dir, `config-${name}`),
        systemMap: join(dir, `System.map-${name}`),
        kernelRelease: '6.x.y',
        sourcePackage: `linux-source-${name} 6.x-1`,
      })),
    );
  });
  it('builds again when a file is not as it was stored', () => {
    fill(dir);
    truncateSync(join(dir, 'System.map-nmi-6.12'), 3);
    const { status, stderr } = kernels(dir);
    expect(status).toBe(3);
    expect(stderr).toMatch(/^kernels\.mjs: nmi-6\.12: building, because it is not there\n/);
  });
  it('builds again when the configuration changed, and says so', () => {
    fill(dir, sha256('another'));
    expect(kernels(dir).stderr).toMatch(/^kernels\.mjs: nmi-6\.1: building, because configuration changed\n/);
  });
});
