import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { createNodeHost } from '../../src/cli/node-host.ts';
import { archive, guestPath, haveGuests, TROUBLE } from './guest.ts';
import { TIMEOUT_MS } from './suite.ts';

const haveModules = haveGuests && existsSync(guestPath('modules.cpio'));
const haveMke2fs = spawnSync('mke2fs', ['-V']).status === 0;

/** In the initramfs: leaves it for the disk. */
const INITRAMFS_INIT = `#!/bin/sh
export PATH=/bin
mount -t devtmpfs devtmpfs /dev
for module in virtio_mmio virtio_blk crc32c_generic ext4; do modprobe $module; done
mkdir /new
mount -t ext4 /dev/vda /new && mount --move /dev /new/dev && exec switch_root /new /sbin/init
echo no root file system
poweroff -f
`;

/** On the disk: a shell each time it is started. */
const ROOT_INIT = `#!/bin/sh
export PATH=/bin HOME=/ TERM=vt100
mount -t proc proc /proc
mount -t sysfs sysfs /sys
echo "root on disk: shell ready"
while :; do setsid cttyhack sh; done
`;

const COMMANDS = [
  'sh',
  'mount',
  'setsid',
  'cttyhack',
  'dd',
  'sync',
  'reboot',
  'poweroff',
  'md5sum',
  'cat',
  'grep',
  'wc',
];

/** An ext4 image of 32 MiB with busybox and an init. */
function rootImage(folder: string, path: string): void {
  const content = join(folder, 'content');
  for (const name of ['bin', 'sbin', 'proc', 'sys', 'dev', 'tmp']) mkdirSync(join(content, name), { recursive: true });
  copyFileSync(guestPath('busybox'), join(content, 'bin', 'busybox'));
  spawnSync('chmod', ['755', join(content, 'bin', 'busybox')]);
  for (const name of COMMANDS) symlinkSync('busybox', join(content, 'bin', name));
  writeFileSync(join(content, 'sbin', 'init'), ROOT_INIT, { mode: 0o755 });
  writeFileSync(path, Buffer.alloc(32 * 2 ** 20));
  const made = spawnSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', content, path], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`mke2fs: ${made.stderr}`);
}

/** The command in this process, with what it wrote. */
async function run(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const seen = { out: '', err: '' };
  const host = Object.assign(createNodeHost(), {
    input: { interactive: false, open: (_: unknown, closed: () => void) => closed(), hold() {}, close() {} },
    writeOut: async (bytes: Uint8Array) => void (seen.out += Buffer.from(bytes).toString('latin1')),
    writeErr: (text: string) => void (seen.err += text),
  });
  return { status: await main(['run', ...args], host, '0'), ...seen };
}

describe.skipIf(!haveModules || !haveMke2fs)(
  'a root file system on virtio-blk (needs scripts/guests.mjs to have run, and mke2fs)',
  { timeout: TIMEOUT_MS },
  () => {
    let folder = '';
    const file = (name: string): string => join(folder, name);

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'unmaskable-root-'));
      rootImage(folder, file('root.img'));
      const init = archive([{ path: 'init', mode: 0o100755, bytes: Buffer.from(INITRAMFS_INIT) }]);
      const parts = [readFileSync(guestPath('initramfs-modules.cpio')), init];
      writeFileSync(file('initrd'), Buffer.concat(parts));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('is / in the guest, takes dd and sync, and has its files after a reboot; e2fsck finds it sound', async () => {
      const first = 'grep " / " /proc/mounts; dd if=/dev/urandom of=/big bs=64k count=64; md5sum /big > /sum; cat /sum';
      const second = 'md5sum -c /sum; grep -c . /sum; wc -c /big; mount -o remount,ro /; poweroff -f';
      const { status, out, err } = await run(
        ...['--kernel', guestPath('Image'), '--initrd', file('initrd'), '--drive', file('root.img')],
        ...['--append', 'quiet', '--fail-on', 'Kernel panic|Oops|no root file system', '--max-steps', '8G'],
        ...['--on', `console:/shell ready/ => type:"${first.replaceAll('"', '\\"')}; sync; reboot -f\\n"`],
        ...['--on', `console:/Restarting system[^]*shell ready/ => type:"${second}\\n"`],
      );
      expect([status, err]).toEqual([0, expect.stringContaining('the guest powered off')]);
      expect(out).toMatch(/\/dev\/vda \/ ext4 rw/);
      expect(out).toContain('64+0 records out');
      expect(out.match(/root on disk: shell ready/g)).toHaveLength(2);
      expect(out).toMatch(/\/big: OK\r\n1\r\n4194304 \/big/);
      expect(out).not.toMatch(TROUBLE);
      const checked = spawnSync('e2fsck', ['-fn', file('root.img')], { encoding: 'utf8' });
      expect(checked.status, checked.stdout).toBe(0);
      const there = spawnSync('debugfs', ['-R', 'cat /sum', file('root.img')], { encoding: 'utf8' });
      expect(out).toContain(there.stdout.trim());
    });
  },
);
