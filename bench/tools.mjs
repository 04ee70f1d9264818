// What every benchmark needs: where the guests are, the guest programs as an archive, children that are ended, numbers.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../scripts/checkout.mjs';
import { buildProcess } from './process.mjs';

const CACHE_HOME = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
const GUESTS = process.env.UNMASKABLE_GUESTS || join(CACHE_HOME, 'unmaskable', 'guests');

export const KERNEL = join(GUESTS, 'Image');
export const PLAIN_INITRD = join(GUESTS, 'initramfs.cpio');
/** What the benchmarks build. */
export const BUILD = join(ROOT, '.cache', 'bench');
export const COMMAND = join(ROOT, 'bin', 'unmaskable.mjs');
export const QEMU = 'qemu-system-aarch64';
export const GDB = 'gdb-multiarch';
export const COMPILER = 'aarch64-linux-gnu-gcc';

/** Said to both kernels. The watchdog would see that a machine was stopped while the other one was measured. */
export const APPEND = 'console=ttyAMA0 nowatchdog';
export const MEMORY_MIB = 512;

/** No loop becomes a call of memcpy or vector code by itself: what is measured is what the source says. */
export const COMPILE_OPTIONS = [
  ...['-O2', '-Wall', '-Wextra', '-Werror', '-fno-tree-vectorize', '-fno-tree-loop-distribute-patterns'],
  '-fno-math-errno',
];

const SOURCES = join(ROOT, 'bench', 'guest');

const starts = (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;

const NEEDED = {
  guests: () => existsSync(KERNEL) && existsSync(PLAIN_INITRD),
  [QEMU]: () => starts(QEMU),
  [GDB]: () => starts(GDB),
  [COMPILER]: () => starts(COMPILER),
};

/** Why a benchmark cannot run here, or undefined. */
export function missing(...needed) {
  const absent = needed.find((name) => !NEEDED[name]());
  if (absent === undefined) return undefined;
  return absent === 'guests'
    ? `no guests in ${GUESTS}: run node scripts/guests.mjs`
    : `no ${absent}: run scripts/setup-debian.sh`;
}

// ---- guest programs ----

/** The sources of the program that runs under a kernel. */
export const programSources = () =>
  readdirSync(SOURCES)
    .filter((file) => file.endsWith('.c') && file !== 'bare.c')
    .map((file) => join(SOURCES, file));

/** A cpio archive in the form that the kernel unpacks: cpio(5), "New ASCII Format". */
export function archive(files) {
  const padded = (bytes) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  const one = ({ path, mode, bytes = Buffer.alloc(0) }, inode) => {
    const name = Buffer.from(`${path}\0`);
    const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
    return Buffer.concat([padded(Buffer.concat([Buffer.from(header), name])), padded(bytes)]);
  };
  return Buffer.concat([...files, { path: 'TRAILER!!!', mode: 0 }].map((file, index) => one(file, index + 1)));
}

/** The initramfs with the guest programs in it as /bin/bench and /bin/process; built when it is first asked for. */
export function initrdWithPrograms() {
  mkdirSync(BUILD, { recursive: true });
  const program = join(BUILD, 'bench');
  execFileSync(COMPILER, [...COMPILE_OPTIONS, '-static', '-o', program, ...programSources(), '-pthread', '-lm']);
  const processes = join(BUILD, 'process');
  buildProcess(processes);
  const file = (path, source) => ({ path, mode: 0o100755, bytes: readFileSync(source) });
  const added = archive([file('bin/bench', program), file('bin/process', processes)]);
  const path = join(BUILD, 'initrd.cpio');
  writeFileSync(path, Buffer.concat([readFileSync(PLAIN_INITRD), added]));
  return path;
}

/** A program of `bench/guest` without a kernel, as bytes for address 0x40000000. */
export function bareProgram(name, scale) {
  mkdirSync(BUILD, { recursive: true });
  const [elf, flat] = [join(BUILD, `bare-${name}.elf`), join(BUILD, `bare-${name}.bin`)];
  const layout = ['-T', join(SOURCES, 'bare.ld'), '-Wl,--build-id=none', '-Wl,--no-warn-rwx-segments'];
  const options = ['-ffreestanding', '-nostdlib', '-static', '-mstrict-align', '-mgeneral-regs-only', '-fno-pic'];
  const defines = [`-DNAME=${name}`, `-DSCALE=${scale}`];
  const sources = [join(SOURCES, 'bare.c'), join(SOURCES, `${name}.c`)];
  execFileSync(COMPILER, [...COMPILE_OPTIONS, ...options, ...defines, ...layout, '-o', elf, ...sources]);
  execFileSync('aarch64-linux-gnu-objcopy', ['-O', 'binary', elf, flat]);
  return readFileSync(flat);
}

// ---- children ----

/** A program that takes longer has gone wrong. */
const RUN_MS_MAX = 900_000;

const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

/** Starts a program that ends with this process at the latest. */
export function start(program, args, options = {}) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  children.add(child);
  child.on('close', () => children.delete(child));
  // Whether it could be started is seen by whoever waits for its output.
  child.stdin?.on('error', () => undefined);
  return child;
}

/** Runs a program to its end: what it wrote on standard output. */
export function finished(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = start(program, args, options);
    const [out, err] = [[], []];
    child.stdout.on('data', (data) => out.push(data));
    child.stderr.on('data', (data) => err.push(data));
    const timer = setTimeout(() => child.kill('SIGKILL'), RUN_MS_MAX);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) return resolve(Buffer.concat(out).toString());
      const said = Buffer.concat(err).toString().trim().split('\n').slice(-5).join('\n');
      reject(new Error(`${program} ended with ${code ?? signal}: ${said}`));
    });
  });
}

/** Runs a module of `bench/ours` in a process of its own; it prints its result as JSON. */
export async function measuredHere(module, options) {
  const path = join(ROOT, 'bench', 'ours', `${module}.mjs`);
  const out = await finished(process.execPath, ['--expose-gc', path, JSON.stringify(options)]);
  return JSON.parse(out.trim().split('\n').at(-1));
}

// ---- numbers ----

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export const geometricMean = (values) =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
