// Loads of processes: a C program in the guest, timed by the host at its marks on the console.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('guests/process.c', import.meta.url));
const GCC = 'aarch64-linux-gnu-gcc';

/** What is run and how often: about a second each on QEMU. */
export const LOADS = {
  syscalls: { count: 1_000_000, what: 'getppid' },
  'page-faults': { count: 300, what: 'a mapping of 1 MiB, each page written, unmapped' },
  fork: { count: 1000, what: 'fork, exit, wait' },
  exec: { count: 500, what: 'fork, exec of a static program, wait' },
  'ping-pong': { count: 40_000, what: 'a byte through a pipe and back between two processes' },
  recursion: { count: 38, what: 'Fibonacci numbers by recursion' },
};

/** Why the program cannot be built, or undefined. */
export function compilerMissing() {
  if (spawnSync(GCC, ['--version']).status === 0) return undefined;
  return `no ${GCC} (scripts/setup-debian.sh)`;
}

/** A cpio archive (cpio(5), "New ASCII Format") of one executable file. */
function archiveOf(path, bytes) {
  const padded = (data) => Buffer.concat([data, Buffer.alloc(-data.length & 3)]);
  const entry = (name, mode, data, inode) => {
    const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length + 1, 0];
    const header = `070701${fields.map((f) => f.toString(16).padStart(8, '0')).join('')}`;
    return Buffer.concat([padded(Buffer.from(`${header}${name}\0`)), padded(data)]);
  };
  return Buffer.concat([entry(path, 0o100755, bytes, 1), entry('TRAILER!!!', 0, Buffer.alloc(0), 2)]);
}

let made;
/** Path of an initramfs that has the program as /bin/process. */
export function initrdWithProcess(initrd) {
  if (made) return made;
  const folder = mkdtempSync(join(tmpdir(), 'unmaskable-bench-'));
  const program = join(folder, 'process');
  const { status, stderr } = spawnSync(GCC, ['-O2', '-static', '-o', program, SOURCE], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${GCC} failed:\n${stderr}`);
  made = join(folder, 'initramfs.cpio');
  writeFileSync(made, Buffer.concat([readFileSync(initrd), archiveOf('bin/process', readFileSync(program))]));
  return made;
}
