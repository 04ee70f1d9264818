// What is measured. Each entry runs the same guest work on both machines and gives host seconds.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../scripts/checkout.mjs';

const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
const GUESTS = process.env.UNMASKABLE_GUESTS ?? join(cache, 'unmaskable', 'guests');
const KERNEL = join(GUESTS, 'Image');
const INITRD = join(GUESTS, 'initramfs.cpio');
/** A run that takes longer has gone wrong. */
const RUN_MS_MAX = 600_000;

/** Runs a program to its end and gives seconds; types `input` when its output shows `prompt`. */
function timed(command, args, { prompt, input } = {}) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let seen = '';
    let typed = prompt === undefined;
    const timer = setTimeout(() => child.kill('SIGKILL'), RUN_MS_MAX);
    child.stdout.on('data', (data) => {
      if (typed) return;
      seen += data;
      if (!seen.includes(prompt)) return;
      typed = true;
      child.stdin.write(input);
    });
    child.stderr.resume();
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      if (code === 0) resolve((performance.now() - began) / 1000);
      else reject(new Error(`${command} ended with ${code}`));
    });
  });
}

function missing() {
  if (!existsSync(KERNEL) || !existsSync(INITRD)) return `no guests in ${GUESTS}: run node scripts/guests.mjs`;
  if (spawnSync('qemu-system-aarch64', ['--version']).status !== 0)
    return 'no qemu-system-aarch64 (scripts/setup-debian.sh)';
  return undefined;
}

function boot(cpus) {
  const rule = 'console:/shell ready/ => type:"poweroff -f\\n"';
  const common = ['--kernel', KERNEL, '--initrd', INITRD, '--cpus', String(cpus), '--cpu', 'cortex-a57'];
  const board = [
    '-M',
    'virt,gic-version=3',
    '-cpu',
    'cortex-a57',
    '-accel',
    'tcg,thread=single',
    '-smp',
    String(cpus),
    '-m',
    '512',
  ];
  const guest = ['-kernel', KERNEL, '-initrd', INITRD, '-nographic', '-nic', 'none', '-no-reboot'];
  return {
    name: `boot-${cpus}`,
    what: `Debian's kernel to the shell and to power-off, ${cpus} CPU(s); less is better`,
    missing,
    ours: () =>
      timed(process.execPath, [join(ROOT, 'bin', 'unmaskable.mjs'), 'run', ...common, '--quiet', '--on', rule]),
    qemu: () => timed('qemu-system-aarch64', [...board, ...guest], { prompt: 'shell ready', input: 'poweroff -f\n' }),
  };
}

/** Every benchmark there is. */
export const BENCHES = [boot(1), boot(4)];
