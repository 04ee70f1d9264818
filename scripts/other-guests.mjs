#!/usr/bin/env node
// Fetches what else the tests boot, through apt: Xen, U-Boot and EDK2 for this board, to lie beside the other guests.
//
//   node scripts/other-guests.mjs            fetch what is missing, print where it is
//   node scripts/other-guests.mjs --refresh  ask the archive for newer packages although everything is there
//
// Exit: 0 everything is there, 2 unknown option, 3 it cannot be fetched here (the reason is on stderr).
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

/** What is kept, the package it is in (a pattern: the newest of those names), and where in it. */
const WANTED = [
  { file: 'xen', packages: '^xen-hypervisor-[0-9.]+-arm64$', architecture: ':arm64', path: /^boot\/xen-[\d.]+-arm64$/ },
  {
    file: 'u-boot.bin',
    packages: '^u-boot-qemu$',
    architecture: '',
    path: /^usr\/lib\/u-boot\/qemu_arm64\/u-boot\.bin$/,
  },
  {
    file: 'QEMU_EFI.fd',
    packages: '^qemu-efi-aarch64$',
    architecture: '',
    path: /^usr\/share\/qemu-efi-aarch64\/QEMU_EFI\.fd$/,
  },
];
const MANIFEST = 'guests-other.json';

class CannotFetch extends Error {}

function run(program, args, options = {}) {
  const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
  const done = spawnSync(program, args, { encoding: 'utf8', timeout: 15 * 60 * 1000, env, ...options });
  if (done.error?.code === 'ENOENT')
    throw new CannotFetch(`${program} is not installed; this needs Debian's apt and dpkg`);
  if (done.error) throw new CannotFetch(`${program} ${args.join(' ')}: ${done.error.message}`);
  const said = done.stderr.trim().split('\n').slice(-3).join('; ');
  if (done.status !== 0) throw new CannotFetch(`${program} ${args.join(' ')}: exit ${done.status}: ${said}`);
  return done.stdout;
}

/** Name of the newest package of those that a pattern names. */
function packageNamed(pattern) {
  const names = run('apt-cache', ['search', '--names-only', pattern])
    .split('\n')
    .map((line) => line.split(' - ')[0].trim())
    .filter(Boolean);
  const newest = names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
  if (newest === undefined)
    throw new CannotFetch(
      `apt lists no package ${pattern}; run scripts/guests.mjs first, which prepares apt for arm64`,
    );
  return newest;
}

/** Paths of the files below a folder, relative to it. */
function filesBelow(dir, at = '') {
  return readdirSync(join(dir, at), { withFileTypes: true }).flatMap((entry) => {
    const path = at ? `${at}/${entry.name}` : entry.name;
    return entry.isDirectory() ? filesBelow(dir, path) : [path];
  });
}

function fetch({ file, packages, architecture, path }, workDir) {
  const name = packageNamed(packages);
  const debDir = mkdtempSync(join(workDir, 'deb-'));
  // The download user _apt cannot enter a private directory; the file is checked by its hash in any case.
  const args = ['-o', 'APT::Sandbox::User=root', 'download', '-q', `${name}${architecture}`];
  run('apt-get', args, { cwd: debDir });
  const deb = join(
    debDir,
    readdirSync(debDir).find((entry) => entry.endsWith('.deb')),
  );
  const rootDir = join(debDir, 'root');
  run('dpkg-deb', ['-x', deb, rootDir]);
  const found = filesBelow(rootDir).find((entry) => path.test(entry));
  if (found === undefined) throw new CannotFetch(`${name}: no file matches ${path}; it is laid out in another way`);
  const version = run('dpkg-deb', ['-f', deb, 'Version']).trim();
  return { file, bytes: readFileSync(join(rootDir, found)), from: `${name} ${version}` };
}

/** A file appears whole or not at all: two runs at the same time must not see each other's halves. */
function writeWhole(path, bytes) {
  const partial = `${path}.${process.pid}.part`;
  writeFileSync(partial, bytes);
  renameSync(partial, path);
}

function fetchAll(dir) {
  const workDir = mkdtempSync(join(tmpdir(), 'unmaskable-other-'));
  try {
    const all = WANTED.map((wanted) => fetch(wanted, workDir));
    mkdirSync(dir, { recursive: true });
    for (const { file, bytes } of all) writeWhole(join(dir, file), bytes);
    const manifest = Object.fromEntries(all.map(({ file, from }) => [file, from]));
    writeWhole(join(dir, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
  } finally {
    rmSync(workDir, { recursive: true, force: true });
  }
}

function main(args) {
  const unknown = args.find((arg) => arg !== '--refresh');
  if (unknown) {
    process.stderr.write(`other-guests.mjs: unknown option '${unknown}'. Options: --refresh\n`);
    return 2;
  }
  const cacheHome = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const dir = process.env.UNMASKABLE_GUESTS || join(cacheHome, 'unmaskable', 'guests');
  const isThere = [MANIFEST, ...WANTED.map(({ file }) => file)].every((file) => existsSync(join(dir, file)));
  try {
    if (!isThere || args.includes('--refresh')) fetchAll(dir);
  } catch (error) {
    if (!(error instanceof CannotFetch)) throw error;
    process.stderr.write(`other-guests.mjs: ${error.message}\n`);
    return 3;
  }
  const manifest = JSON.parse(readFileSync(join(dir, MANIFEST), 'utf8'));
  for (const { file } of WANTED) process.stdout.write(`${file.padEnd(12)} ${join(dir, file)} (${manifest[file]})\n`);
  return 0;
}

process.exitCode = main(process.argv.slice(2));
