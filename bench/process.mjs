// Loads of processes: a C program in the guest, timed by the host at its marks on the console.
import { execFileSync } from 'node:child_process';
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

/** Builds the program, which the guest has as /bin/process. */
export const buildProcess = (path) => execFileSync(GCC, ['-O2', '-static', '-o', path, SOURCE]);
