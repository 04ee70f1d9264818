#!/usr/bin/env node
// Dumps the ACPI tables that QEMU and UEFI (edk2) hand to an operating system, for the tests that decode real tables:
// boots QEMU's `virt` with the kernel and the busybox of scripts/guests.mjs, which writes the tables to its console.
//
//   node scripts/qemu-tables.mjs            dump what is missing, print where it is
//   node scripts/qemu-tables.mjs --refresh  dump again although everything is there
//
// Cache: acpi/<board>/<table> beside the guests (see scripts/guests.mjs).
// Exit: 0 everything is there, 2 unknown option, 3 it cannot be done here (the reason is on stderr).
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureInstalled } from './checkout.mjs';

ensureInstalled();
const { importTypeScript } = await import('./transpile.mjs');
const { archive, guestPath, haveGuests } = await importTypeScript('test/linux/guest.ts');

/** Debian's package qemu-efi-aarch64. */
const UEFI = '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd';

/** Boards that between them have every table QEMU makes for `virt`. */
const BOARDS = {
  'gicv3-ras-smmu-numa': [
    ...['-machine', 'virt,gic-version=3,ras=on,virtualization=on,iommu=smmuv3', '-smp', '4,sockets=2,cores=2'],
    ...['-m', '1G', '-object', 'memory-backend-ram,id=m0,size=512M', '-object', 'memory-backend-ram,id=m1,size=512M'],
    ...['-numa', 'node,nodeid=0,cpus=0-1,memdev=m0', '-numa', 'node,nodeid=1,cpus=2-3,memdev=m1'],
    ...['-numa', 'dist,src=0,dst=1,val=20'],
  ],
  gicv2: ['-machine', 'virt,gic-version=2', '-smp', '1', '-m', '1G'],
};

/** Longest that one boot may take; an emulated UEFI is slow. */
const BOOT_MS_MAX = 8 * 60 * 1000;

const INIT = `#!/bin/sh
export PATH=/bin
mount -t sysfs sysfs /sys
cd /sys/firmware/acpi/tables
for table in [A-Z]*; do
  echo "table-begin $table"
  base64 < $table
  echo table-end
done
echo tables-done
poweroff -f
`;

class CannotDump extends Error {}

const say = (text) => process.stderr.write(`qemu-tables.mjs: ${text}\n`);

/** Everything that the guest writes to its console until it powers off. */
function consoleOf(board, initrd) {
  const args = [
    ...BOARDS[board],
    ...['-cpu', 'cortex-a57', '-bios', UEFI, '-nodefaults', '-no-reboot', '-display', 'none', '-serial', 'stdio'],
    ...['-kernel', guestPath('Image'), '-initrd', initrd, '-append', 'console=ttyAMA0 acpi=force quiet loglevel=1'],
  ];
  return new Promise((resolve, reject) => {
    const qemu = spawn('qemu-system-aarch64', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let [text, errors] = ['', ''];
    const late = setTimeout(() => qemu.kill(), BOOT_MS_MAX);
    qemu.on('error', (error) => reject(new CannotDump(`qemu-system-aarch64: ${error.message}`)));
    qemu.stdout.on('data', (chunk) => void (text += chunk));
    qemu.stderr.on('data', (chunk) => void (errors += chunk));
    qemu.on('exit', () => {
      clearTimeout(late);
      if (text.includes('tables-done')) resolve(text.replaceAll('\r', ''));
      else reject(new CannotDump(`${board}: the guest did not come to an end: ${(errors || text).slice(-300)}`));
    });
  });
}

async function dump(board, dir) {
  const workDir = mkdtempSync(join(tmpdir(), 'unmaskable-tables-'));
  try {
    const initrd = join(workDir, 'initrd');
    const init = archive([{ path: 'init', mode: 0o100755, bytes: Buffer.from(INIT) }]);
    writeFileSync(initrd, Buffer.concat([readFileSync(guestPath('initramfs.cpio')), init]));
    const text = await consoleOf(board, initrd);
    const tables = [...text.matchAll(/table-begin (\S+)\n([A-Za-z0-9+/=\n]*)table-end/g)];
    if (tables.length < 5) throw new CannotDump(`${board}: only ${tables.length} tables: ${text.slice(-300)}`);
    const partial = `${dir}.${process.pid}.part`;
    mkdirSync(partial, { recursive: true });
    for (const [, name, base64] of tables) writeFileSync(join(partial, name), Buffer.from(base64, 'base64'));
    rmSync(dir, { recursive: true, force: true });
    renameSync(partial, dir);
  } finally {
    rmSync(workDir, { recursive: true, force: true });
  }
}

async function main(args) {
  const unknown = args.find((arg) => arg !== '--refresh');
  if (unknown) {
    say(`unknown option '${unknown}'. Options: --refresh`);
    return 2;
  }
  try {
    if (!haveGuests) throw new CannotDump('there are no guests; run node scripts/guests.mjs first');
    if (!existsSync(UEFI)) throw new CannotDump(`${UEFI} is missing; it comes with Debian's package qemu-efi-aarch64`);
    for (const board of Object.keys(BOARDS)) {
      const dir = guestPath(join('acpi', board));
      if (args.includes('--refresh') || !existsSync(dir)) await dump(board, dir);
      process.stdout.write(`${dir}\n`);
    }
    return 0;
  } catch (error) {
    if (!(error instanceof CannotDump)) throw error;
    say(error.message);
    return 3;
  }
}

process.exitCode = await main(process.argv.slice(2));
