// gdb and QEMU as one uses them to inject an event at every instruction: what `inject.py` in gdb measures.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../scripts/checkout.mjs';
import { ConsoleGuest } from '../consoles.mjs';
import { finished, GDB } from '../tools.mjs';

/** How long the guest is in its loop before it is stopped. */
const INTO_WINDOW_MS = 200;

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Injections per second, and single steps per second, of a handful of injections. */
export async function gdbInjects({ initrd, points }) {
  const folder = mkdtempSync(join(tmpdir(), 'unmaskable-bench-'));
  const port = await freePort();
  // The state of a machine is kept in a disk; that of `snapshot=on` is a temporary one of the right format.
  const disk = join(folder, 'disk.img');
  writeFileSync(disk, Buffer.alloc(2 ** 20));
  const extra = ['-drive', `if=none,id=kept,format=raw,file=${disk},snapshot=on`, '-gdb', `tcp:127.0.0.1:${port}`];
  const guest = ConsoleGuest.qemu({ initrd, cpus: 1 }, extra);
  try {
    await guest.boot();
    guest.type('bench window 1\n');
    await guest.until(/BEGIN window\r?\n/);
    await new Promise((resolve) => setTimeout(resolve, INTO_WINDOW_MS));
    const script = join(ROOT, 'bench', 'qemu', 'inject.py');
    const variables = ['-ex', `set $points = ${points}`, '-ex', `set $port = ${port}`];
    const out = await finished(GDB, ['-nx', '-batch', ...variables, '-x', script]);
    const [injected, stepped] = out
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
    if (!injected || !stepped) throw new Error(`gdb said:\n${out.slice(-2000)}`);
    return {
      perSecond: injected.injections / injected.seconds,
      outcomes: injected.outcomes,
      stepsPerSecond: stepped.steps / stepped.seconds,
    };
  } finally {
    guest.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}
