import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDriveFile } from '../../src/cli/drive-file.ts';
import { guestPath, haveGuests, LinuxGuest, TROUBLE } from './guest.ts';
import { TIMEOUT_MS } from './suite.ts';

const haveModules = haveGuests && existsSync(guestPath('modules.cpio'));
const haveMke2fs = spawnSync('mke2fs', ['-V']).status === 0;

/** An ext4 image of 16 MiB with a file in it. */
function ext4Image(folder: string, path: string): void {
  const content = join(folder, 'content');
  mkdirSync(content, { recursive: true });
  writeFileSync(join(content, 'hello.txt'), 'hello from disk\n');
  writeFileSync(path, Buffer.alloc(16 * 2 ** 20));
  const made = spawnSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', content, path], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`mke2fs: ${made.stderr}`);
}

const MODULES = 'virtio_mmio virtio_blk virtio_rng virtio_console virtio_net crc32c_generic ext4 gpio_keys qemu_fw_cfg';

describe.skipIf(!haveModules || !haveMke2fs)(
  "Debian's drivers on the board's devices (needs scripts/guests.mjs to have run, and mke2fs)",
  { timeout: TIMEOUT_MS },
  () => {
    for (const virtio of ['modern', 'legacy'] as const) {
      describe(`the ${virtio} interface`, () => {
        let folder = '';
        let guest: LinuxGuest;
        let onVirtioConsole = '';
        const image = () => join(folder, 'disk.img');

        beforeAll(() => {
          folder = mkdtempSync(join(tmpdir(), 'unmaskable-devices-'));
          ext4Image(folder, image());
          guest = new LinuxGuest({
            cpu: 'full',
            archives: [readFileSync(guestPath('modules.cpio'))],
            machine: {
              virtio,
              drives: [{ backend: openDriveFile(image(), true), serial: 'serial-1' }],
              virtioRng: true,
              virtioConsole: true,
              net: 'loopback',
              fwCfgFiles: { 'opt/test/answer': new TextEncoder().encode('forty-two\n') },
            },
          });
          guest.machine.devices.virtioConsole?.onOutput((bytes) => {
            onVirtioConsole += String.fromCharCode(...bytes);
          });
          guest.untilPrompt();
          guest.command(`for module in ${MODULES}; do modprobe $module || echo no $module; done`);
        }, TIMEOUT_MS);
        afterAll(() => {
          guest = undefined as unknown as LinuxGuest;
          rmSync(folder, { recursive: true });
        });

        it('finds the four devices in the first slots and nothing in the others', () => {
          const found = guest.command('cat /sys/bus/virtio/devices/*/device');
          expect(found).toBe('0x0002\n0x0004\n0x0003\n0x0001\n');
          expect(guest.command('cat /sys/block/vda/serial; echo')).toBe('serial-1\n');
        });

        it('mounts the disk, writes, reads it back after a new mount, and goes on after a restore', () => {
          expect(guest.command('mkdir -p /mnt; mount -t ext4 /dev/vda /mnt && cat /mnt/hello.txt')).toContain(
            'hello from disk\n',
          );
          const before = guest.machine.snapshot();
          const work = 'dd if=/dev/urandom of=/mnt/big bs=64k count=64 2>/dev/null; sync; md5sum /mnt/big; umount /mnt';
          const sum = /[0-9a-f]{32}/.exec(guest.command(work))?.[0];
          const digest = guest.machine.digest();
          guest.machine.restore(before);
          expect(guest.command(work)).toContain(sum);
          expect(guest.machine.digest()).toBe(digest);
          expect(guest.command('mount -t ext4 /dev/vda /mnt && md5sum /mnt/big; umount /mnt')).toContain(sum);
          const checked = spawnSync('e2fsck', ['-fn', image()], { encoding: 'utf8' });
          expect(checked.status, checked.stdout).toBe(0);
        });

        it('reads entropy, writes to the console, reads a file of fw_cfg, hears its own frames', () => {
          expect(guest.command('cat /sys/class/misc/hw_random/rng_current')).toBe('virtio_rng.0\n');
          expect(guest.command('dd if=/dev/hwrng bs=64 count=4 2>/dev/null | wc -c')).toBe('256\n');
          guest.command('echo over there > /dev/hvc0');
          expect(onVirtioConsole).toBe('over there\r\n');
          expect(guest.command('cat /sys/firmware/qemu_fw_cfg/by_name/opt/test/answer/raw')).toBe('forty-two\n');
          guest.command('ip link set eth0 up; arping -c 1 -w 1 -I eth0 10.0.0.2');
          expect(Number(guest.command('cat /sys/class/net/eth0/statistics/rx_packets'))).toBeGreaterThan(0);
        });

        it('the power key interrupts when it is pressed and when it is let go', () => {
          guest.machine.powerKey(true);
          guest.machine.run({ steps: 1_000_000 });
          guest.machine.powerKey(false);
          expect(guest.command('cat /proc/interrupts | grep Poweroff')).toMatch(/\b2\b.*pl061.*3/);
        });

        if (virtio === 'modern') {
          it('the content of the disk survives a reboot', () => {
            guest.command('mount -t ext4 /dev/vda /mnt && echo still here > /mnt/note; sync');
            expect(guest.lastCommand('reboot -f')).toBe('reset');
            guest.machine.reset();
            guest.untilPrompt();
            guest.command(`for module in ${MODULES}; do modprobe $module || echo no $module; done; mkdir -p /mnt`);
            expect(guest.command('mount -t ext4 /dev/vda /mnt && cat /mnt/note; umount /mnt')).toContain(
              'still here\n',
            );
          });
        }

        it('says nothing of trouble, and nothing it needed is not modelled', () => {
          expect(TROUBLE.exec(guest.text)).toBeNull();
          expect(guest.reports).toEqual([]);
        });
      });
    }
  },
);
