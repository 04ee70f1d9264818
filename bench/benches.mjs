// What is measured. Each entry runs the same guest work on both machines and gives host seconds.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../scripts/checkout.mjs';
import { compilerMissing, initrdWithProcess, LOADS } from './process.mjs';

const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
const GUESTS = process.env.UNMASKABLE_GUESTS ?? join(cache, 'unmaskable', 'guests');
const KERNEL = join(GUESTS, 'Image');
const INITRD = join(GUESTS, 'initramfs.cpio');
const COMMAND = join(ROOT, 'bin', 'unmaskable.mjs');
/** A run that takes longer has gone wrong. */
const RUN_MS_MAX = 600_000;

/**
 * Runs a program to its end and gives seconds; types `input` when its output shows `prompt`. With marks, the seconds
 * between the moments when the output shows the first and the second.
 */
function timed(command, args, { prompt, input, marks } = {}) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const times = [];
    let seen = '';
    let typed = prompt === undefined;
    const timer = setTimeout(() => child.kill('SIGKILL'), RUN_MS_MAX);
    child.stdout.on('data', (data) => {
      if (typed && !marks) return;
      seen += data;
      if (!typed && seen.includes(prompt)) {
        typed = true;
        child.stdin.write(input);
      }
      while (marks && times.length < marks.length && seen.includes(marks[times.length])) times.push(performance.now());
    });
    child.stderr.resume();
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      if (code !== 0) reject(new Error(`${command} ended with ${code}`));
      else if (!marks) resolve((performance.now() - began) / 1000);
      else if (times.length === 2) resolve((times[1] - times[0]) / 1000);
      else reject(new Error(`${command}: the console did not show '${marks.join("' and '")}':\n${seen.slice(-500)}`));
    });
  });
}

function missing() {
  if (!existsSync(KERNEL) || !existsSync(INITRD)) return `no guests in ${GUESTS}: run node scripts/guests.mjs`;
  if (spawnSync('qemu-system-aarch64', ['--version']).status !== 0)
    return 'no qemu-system-aarch64 (scripts/setup-debian.sh)';
  return undefined;
}

/** One guest work: what is typed at the shell's prompt, and the marks between which it is timed. */
function bench({ name, what, cpus = 1, initrd = () => INITRD, command = '', marks, needs = () => undefined }) {
  const input = `${command}poweroff -f\n`;
  const rule = `console:/shell ready/ => type:${JSON.stringify(input)}`;
  const ours = () => ['--kernel', KERNEL, '--initrd', initrd(), '--cpus', String(cpus), '--cpu', 'cortex-a57'];
  const board = ['-M', 'virt,gic-version=3', '-cpu', 'cortex-a57', '-accel', 'tcg,thread=single'];
  const size = ['-smp', String(cpus), '-m', '512'];
  const guest = () => ['-kernel', KERNEL, '-initrd', initrd(), '-nographic', '-nic', 'none', '-no-reboot'];
  return {
    name,
    what: `${what}; less is better`,
    missing: () => missing() ?? needs(),
    ours: () =>
      timed(process.execPath, [COMMAND, 'run', ...ours(), ...(marks ? [] : ['--quiet']), '--on', rule], { marks }),
    qemu: () => timed('qemu-system-aarch64', [...board, ...size, ...guest()], { prompt: 'shell ready', input, marks }),
  };
}

function boot(cpus) {
  return bench({ name: `boot-${cpus}`, what: `Debian's kernel to the shell and to power-off, ${cpus} CPU(s)`, cpus });
}

function load(name) {
  const { count, what } = LOADS[name];
  return bench({
    name,
    what: name === 'recursion' ? `${what}, of ${count}` : `${what}, ${count} times`,
    initrd: () => initrdWithProcess(INITRD),
    command: `process ${name} ${count}\n`,
    marks: [`begin ${name}`, `end ${name}`],
    needs: compilerMissing,
  });
}

/** Every benchmark there is. */
export const BENCHES = [boot(1), boot(4), ...Object.keys(LOADS).map(load)];
