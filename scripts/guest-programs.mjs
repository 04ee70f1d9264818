// `node scripts/guest-programs.mjs [FOLDER]`: builds test/guest/programs/*.c as static arm64 programs into a folder
// (.cache/guest-programs unless told) and runs each under QEMU's user-mode emulation; NAME.expected is what it prints
// and its exit status.
// `node scripts/guest-programs.mjs --vmm FILE`: builds test/guest/kvm, the smallest virtual machine monitor with its
// guest, as one static arm64 program.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './checkout.mjs';

const SOURCES = join(ROOT, 'test', 'guest', 'programs');
const VMM_SOURCES = join(ROOT, 'test', 'guest', 'kvm');
const COMPILER = 'aarch64-linux-gnu-gcc';
const OBJCOPY = 'aarch64-linux-gnu-objcopy';
const EMULATOR = 'qemu-aarch64';
// No contraction and no host tuning: the same instructions whatever the compiler's defaults are.
const OPTIONS = [
  '-static',
  '-O2',
  '-Wall',
  '-Wextra',
  '-frounding-math',
  '-ffp-contract=off',
  '-march=armv8-a+crc+crypto',
];

/** Tools that are needed and not installed. */
export function missingGuestTools() {
  return [COMPILER, EMULATOR].filter((tool) => spawnSync(tool, ['--version']).status !== 0);
}

/** Names of the programs, in order. */
export function guestProgramNames() {
  const sources = readdirSync(SOURCES).filter((file) => file.endsWith('.c'));
  return sources.map((file) => file.slice(0, -2)).sort();
}

/** Builds the programs into a folder: `[{ name, path }]`. */
export function buildGuestPrograms(folder) {
  mkdirSync(folder, { recursive: true });
  return guestProgramNames().map((name) => {
    const path = join(folder, name);
    execFileSync(COMPILER, [...OPTIONS, '-o', path, join(SOURCES, `${name}.c`), '-pthread', '-lm']);
    return { name, path };
  });
}

/** What a program prints under QEMU and its exit status (which depends on all it found): `{ output, status }`. */
export function expectedResult(path) {
  const { stdout, status, signal, stderr } = spawnSync(EMULATOR, [path], { encoding: 'utf8', timeout: 60_000 });
  if (status === null) throw new Error(`${path}: ended by ${signal}: ${stderr}`);
  return { output: stdout, status };
}

/** Builds the virtual machine monitor, with its guest inside, into a file. */
export function buildVmm(file) {
  const folder = mkdtempSync(join(tmpdir(), 'kvm-vmm-'));
  try {
    const [elf, bin] = ['guest.elf', 'guest.bin'].map((name) => join(folder, name));
    const bare = ['-nostdlib', '-static', '-Wl,--build-id=none', '-Wl,-Ttext=0x40000000'];
    execFileSync(COMPILER, [...bare, '-o', elf, join(VMM_SOURCES, 'guest.S')]);
    execFileSync(OBJCOPY, ['-O', 'binary', elf, bin]);
    const options = ['-static', '-O2', '-Wall', '-Wextra', '-Werror', `-DGUEST="${bin}"`];
    execFileSync(COMPILER, [...options, '-o', file, join(VMM_SOURCES, 'vmm.c')]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (process.argv[2] === '--vmm') {
    buildVmm(resolve(process.argv[3]));
    process.exit();
  }
  const folder = resolve(process.argv[2] ?? join(ROOT, '.cache', 'guest-programs'));
  for (const { name, path } of buildGuestPrograms(folder)) {
    const { output, status } = expectedResult(path);
    writeFileSync(`${path}.expected`, `${output}exit ${status}\n`);
    console.log(`${name}: exit ${status}`);
  }
}
