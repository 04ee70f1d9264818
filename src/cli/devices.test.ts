import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeHost } from '../../test/support/fake-machine.ts';
import { openDriveFile } from './drive-file.ts';
import { main } from './main.ts';

/** Runs `unmaskable run --kernel Image` with more arguments on a machine that powers off at once. */
async function run(args: readonly string[], files: Readonly<Record<string, Uint8Array>> = {}) {
  const host = new FakeHost(() => 'poweroff');
  for (const [path, bytes] of Object.entries(files)) host.files.set(path, bytes);
  const exit = await main(['run', '--kernel', 'Image', ...args], host, '1');
  return { exit, err: host.err, request: host.requests[0] };
}

const DISK = () => new Uint8Array(1024);

describe('--drive', () => {
  it.each([
    ['d.img', false, true],
    ['d.img,readonly', true, false],
    ['d.img,overlay', false, false],
  ])('%s: read-only %s for the guest, written to the file %s', async (spec, readOnly, writes) => {
    const { exit, request } = await run(['--drive', spec], { 'd.img': DISK() });
    const backend = request?.drives?.[0]?.backend;
    expect([exit, backend?.readOnly, backend?.write !== undefined]).toEqual([0, readOnly, writes]);
  });

  it('may be repeated; the order stays', async () => {
    const { request } = await run(['--drive', 'a,overlay', '--drive', 'b'], { a: DISK(), b: new Uint8Array(512) });
    expect(request?.drives?.map(({ backend }) => backend.sizeBytes)).toEqual([1024, 512]);
  });

  it.each([
    [['--drive', 'd.img,ro'], /'ro' is no way to open a disk\. Give FILE\[,readonly\|overlay\]/],
    [['--drive', ',overlay'], /names no file/],
    [['--drive', 'missing.img'], /missing\.img: cannot be read and written: there is no such file.*,overlay/],
    [['--drive', 'missing.img,readonly'], /missing\.img: cannot be read: there is no such file/],
    [['--drive', 'odd.img'], /has 1000 bytes; a raw disk image has a multiple of 512.*truncate/],
    [['--drive', 'd.img', '--drive', 'd.img,overlay'], /given twice, and written/],
    [['--device', 'virtio-gpu'], /'virtio-gpu': no such device\. Known: virtio-rng/],
    [['--device', 'toString'], /no such device/],
  ])('%j: exit 2 with one message', async (args, message) => {
    const { exit, err, request } = await run(args, { 'd.img': DISK(), 'odd.img': new Uint8Array(1000) });
    expect([exit, request]).toEqual([2, undefined]);
    expect(err).toMatch(message);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('--device', () => {
  it('adds what it names', async () => {
    const { request } = await run(['--device', 'virtio-rng', '--device', 'virtio-net,loopback']);
    expect(request).toMatchObject({ virtioRng: true, net: 'loopback' });
  });
});

describe('a file as a disk', () => {
  let dir = '';
  const path = () => join(dir, 'disk.img');
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'drive-'));
    writeFileSync(
      path(),
      Uint8Array.from({ length: 2048 }, (_, n) => n & 0xff),
    );
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('gives its bytes and takes writes where they belong', () => {
    const file = openDriveFile(path(), true);
    expect([file.sizeBytes, file.readOnly, ...file.read(255, 3)]).toEqual([2048, false, 255, 0, 1]);
    file.write?.(512, Uint8Array.of(7, 8, 9));
    file.flush?.();
    expect([...readFileSync(path()).subarray(511, 516)]).toEqual([255, 7, 8, 9, 3]);
  });

  it('opened for reading it cannot be written', () => {
    const file = openDriveFile(path(), false);
    expect([file.readOnly, file.write, file.flush]).toEqual([true, undefined, undefined]);
  });

  it('that became shorter is an error that says so', () => {
    const file = openDriveFile(path(), false);
    writeFileSync(path(), '');
    expect(() => file.read(0, 512)).toThrow('it was longer when it was opened');
  });

  it('a folder is none', () => {
    expect(() => openDriveFile(dir, false)).toThrow('directory');
  });
});
