import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../scripts/guests.mjs', import.meta.url));
const CACHE =
  process.env.UNMASKABLE_GUESTS ||
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'unmaskable', 'guests');

const FETCHED = [
  ...['Image', 'config', 'busybox', 'modules.cpio', 'guests.json'],
  ...['Image-rt', 'config-rt', 'guests-rt.json'],
  ...['kexec.cpio', 'guests-kexec.json'],
];
const filled = FETCHED.every((file) => existsSync(join(CACHE, file)));

/** Copies the fetched files, without the archives that are made of them. */
function fillFromCache(dir: string): void {
  for (const file of FETCHED) copyFileSync(join(CACHE, file), join(dir, file));
}

/** Runs the script on a cache of its own, where no apt, dpkg or other program can be found. */
function guests(dir: string, ...args: string[]) {
  const env = { PATH: join(dir, 'nothing'), HOME: dir, UNMASKABLE_GUESTS: dir };
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], { env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('scripts/guests.mjs', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'guests-test-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('exits 3 with the reason where there is no apt, and leaves nothing behind', () => {
    const { status, stdout, stderr } = guests(dir, '--json');
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toBe("guests.mjs: dpkg is not installed; this needs Debian's apt and dpkg\n");
    expect(readdirSync(dir)).toEqual([]);
  });

  it('exits 2 on an option it does not have', () => {
    expect(guests(dir, '--kernel')).toMatchObject({ status: 2, stderr: expect.stringContaining("'--kernel'") });
  });

  describe.skipIf(!filled)('with a filled cache (skipped until it ran once)', () => {
    it('needs nothing but the cache, and names what is there', () => {
      fillFromCache(dir);
      const { status, stdout } = guests(dir, '--json');
      expect(status).toBe(0);
      const found = JSON.parse(stdout);
      expect(found).toMatchObject({ dir, kernelRelease: expect.stringMatching(/^\d.*-arm64$/) });
      expect(readFileSync(found.kernel).toString('latin1', 0x38, 0x3c)).toBe('ARM\x64');
      expect(readFileSync(found.config, 'latin1')).toContain('CONFIG_ARM64=y');
      const kexec = readFileSync(found.initrdKexec);
      for (const file of ['bin/busybox', 'bin/kexec', 'lib/ld-linux-aarch64.so.1', 'lib/libc.so.6', 'Image'])
        expect(kexec.includes(`${file}\0`)).toBe(true);
    });

    it('names the PREEMPT_RT kernel too, and asks for it when only that one is missing', () => {
      fillFromCache(dir);
      const found = JSON.parse(guests(dir, '--json').stdout);
      expect(found.rtKernelRelease).toMatch(/^\d.*-rt-arm64$/);
      expect(readFileSync(found.rtKernel).toString('latin1', 0x38, 0x3c)).toBe('ARM\x64');
      expect(readFileSync(found.rtConfig, 'latin1')).toContain('CONFIG_PREEMPT_RT=y');
      expect(readFileSync(found.config, 'latin1')).not.toContain('CONFIG_PREEMPT_RT=y');
      rmSync(found.rtKernel);
      expect(guests(dir).status).toBe(3);
      expect(readdirSync(dir)).toContain('initramfs.cpio');
    });

    it('makes the same archive each time: /init, busybox, the console device and links to the applets', () => {
      fillFromCache(dir);
      guests(dir);
      const first = readFileSync(join(dir, 'initramfs.cpio'));
      truncateSync(join(dir, 'initramfs.cpio'), 100);
      guests(dir);
      expect(readFileSync(join(dir, 'initramfs.cpio')).equals(first)).toBe(true);
      const names = namesInArchive(first);
      for (const name of [
        'init',
        'bin/busybox',
        'bin/sh',
        'bin/poweroff',
        'bin/reboot',
        'dev/console',
        'proc',
        'sys',
      ]) {
        expect(names).toContain(name);
      }
      expect(names.at(-1)).toBe('TRAILER!!!');
    });

    it('the second archive is the first one, then modules and what they need, then an init that loads them', () => {
      fillFromCache(dir);
      const { initrd, initrdModules } = JSON.parse(guests(dir, '--json').stdout);
      const plain = readFileSync(initrd);
      const archive = readFileSync(initrdModules);
      expect(archive.subarray(0, plain.length).equals(plain)).toBe(true);
      const added = namesInArchive(archive.subarray(plain.length));
      for (const name of ['virtio_mmio', 'virtio_blk', 'virtio-rng', 'ext4', 'jbd2', 'mbcache'])
        expect(
          added.some((path) => path.endsWith(`/${name}.ko`)),
          name,
        ).toBe(true);
      expect(added.some((path) => path.endsWith('/modules.dep'))).toBe(true);
      expect(added.at(-2)).toBe('init');
    });

    it('a damaged file is not taken for the guest', () => {
      fillFromCache(dir);
      truncateSync(join(dir, 'Image'), 1_000_000);
      expect(guests(dir).status).toBe(3);
    });
  });
});

/** Names in a newc archive, in order; cpio(5), "New ASCII Format". */
function namesInArchive(archive: Buffer): string[] {
  const names: string[] = [];
  let at = 0;
  while (at < archive.length) {
    expect(archive.toString('latin1', at, at + 6)).toBe('070701');
    const fields = archive.toString('latin1', at + 6, at + 110).match(/.{8}/g) ?? [];
    const [fileSizeBytes, nameSizeBytes] = [fields[6], fields[11]].map((field) => Number.parseInt(field, 16));
    names.push(archive.toString('latin1', at + 110, at + 110 + nameSizeBytes - 1));
    const dataAt = (at + 110 + nameSizeBytes + 3) & ~3;
    at = (dataAt + fileSizeBytes + 3) & ~3;
  }
  return names;
}
