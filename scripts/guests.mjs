#!/usr/bin/env node
// Fetches the guests that the tests boot: Debian's arm64 kernel and static busybox, and makes an initramfs of them, and
// a second one with the modules that the board's devices and ext4 need, and a third with the kernel and kexec in it.
// Then Debian's PREEMPT_RT kernel, by itself.
//
//   node scripts/guests.mjs            fetch what is missing, print where it is
//   node scripts/guests.mjs --json     the same as one JSON object on stdout
//   node scripts/guests.mjs --refresh  ask the archive for newer packages although everything is there
//
// Cache: $UNMASKABLE_GUESTS, else $XDG_CACHE_HOME/unmaskable/guests, else ~/.cache/unmaskable/guests.
// Exit: 0 everything is there, 2 unknown option, 3 it cannot be fetched here (the reason is on stderr).
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
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
import { gunzipSync } from 'node:zlib';
import { KEXEC_PACKAGES, kexecFiles } from './kexec-guest.mjs';

/** Kernels by the meta package that depends on the newest one, and what that one is called. */
const KERNELS = {
  'linux-image-arm64': /^linux-image-\d[\d.+~-]*-arm64$/,
  'linux-image-rt-arm64': /^linux-image-\d[\d.+~-]*-rt-arm64$/,
};
const BUSYBOX_PACKAGE = 'busybox-static';

const INIT_SCRIPT = `#!/bin/sh
export PATH=/bin HOME=/ TERM=vt100
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
echo "unmaskable: shell ready"
while :; do
  setsid cttyhack sh
done
`;

/** Modules of the second initramfs, loaded in this order by its init; what they depend on comes along. */
const MODULES = [
  'virtio_mmio',
  'virtio_blk',
  'virtio_rng',
  'virtio_console',
  'virtio_net',
  'crc32c_generic',
  'ext4',
  'gpio_keys',
  'evdev',
  'qemu_fw_cfg',
];

/** Modules that are there beside them, for whoever loads them. */
const MODULES_AT_HAND = ['einj'];

const INIT_SCRIPT_MODULES = INIT_SCRIPT.replace(
  'echo ',
  `for module in ${MODULES.join(' ')}; do modprobe $module; done\necho `,
);

class CannotFetch extends Error {}

function cacheDir() {
  const cacheHome = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return process.env.UNMASKABLE_GUESTS || join(cacheHome, 'unmaskable', 'guests');
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** Runs a command to its end; a command that is missing or fails is a reason not to go on. */
function command(program, args, options = {}) {
  const done = spawnSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
    timeout: 15 * 60 * 1000,
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
    ...options,
  });
  if (done.error?.code === 'ENOENT')
    throw new CannotFetch(`${program} is not installed; this needs Debian's apt and dpkg`);
  if (done.error) throw new CannotFetch(`${program} ${args.join(' ')}: ${done.error.message}`);
  return { ok: done.status === 0, status: done.status, stdout: done.stdout, stderr: done.stderr };
}

function mustSucceed(program, args, options) {
  const done = command(program, args, options);
  if (!done.ok) {
    const said = done.stderr.trim().split('\n').slice(-3).join('; ');
    throw new CannotFetch(`${program} ${args.join(' ')}: exit ${done.status}: ${said}`);
  }
  return done.stdout;
}

// ---- apt -----------------------------------------------------------------------------------------------------------

/** Name of the package that a meta package stands for, or undefined when apt does not know it. */
function kernelPackageName(metaPackage) {
  const shown = command('apt-cache', ['depends', '--important', `${metaPackage}:arm64`]);
  const names = [...shown.stdout.matchAll(/Depends: (\S+?)(?::arm64)?$/gm)].map((found) => found[1]);
  return names.find((name) => KERNELS[metaPackage].test(name));
}

const isRoot = () => process.getuid?.() === 0;

/** Makes apt know arm64 packages; only the steps that are still missing are taken, because they need root. */
function prepareApt(metaPackage, refresh) {
  const native = mustSucceed('dpkg', ['--print-architecture']).trim();
  const foreign = mustSucceed('dpkg', ['--print-foreign-architectures']).split('\n');
  let update = refresh;
  if (native !== 'arm64' && !foreign.includes('arm64')) {
    if (!isRoot()) throw new CannotFetch('dpkg --add-architecture arm64 has to be run first, as root');
    mustSucceed('dpkg', ['--add-architecture', 'arm64']);
    update = true;
  }
  if (!update && kernelPackageName(metaPackage) && knowsPackage(BUSYBOX_PACKAGE)) return;
  if (!isRoot())
    throw new CannotFetch('apt-get update has to be run first, as root: apt does not list the arm64 packages');
  // One unreachable third-party archive makes the whole update fail although Debian's own was read; what counts is
  // whether the packages are known afterwards.
  const updated = command('apt-get', ['update']);
  if (!kernelPackageName(metaPackage) || !knowsPackage(BUSYBOX_PACKAGE)) {
    const said = updated.stderr.trim().split('\n').slice(-3).join('; ');
    throw new CannotFetch(`apt lists no ${metaPackage}:arm64 and ${BUSYBOX_PACKAGE}:arm64. apt-get update: ${said}`);
  }
}

function knowsPackage(name) {
  return /Candidate: \d/.test(command('apt-cache', ['policy', `${name}:arm64`]).stdout);
}

function downloadAndUnpack(packageName, workDir) {
  const debDir = mkdtempSync(join(workDir, 'deb-'));
  const args = ['download', '-q', `${packageName}:arm64`];
  // The download user _apt cannot enter a private directory; the file is checked by its hash in any case.
  mustSucceed('apt-get', ['-o', 'APT::Sandbox::User=root', ...args], { cwd: debDir });
  const deb = readdirSync(debDir).find((file) => file.endsWith('.deb'));
  if (!deb) throw new CannotFetch(`apt-get ${args.join(' ')} left no .deb file`);
  const rootDir = join(debDir, 'root');
  mustSucceed('dpkg-deb', ['-x', join(debDir, deb), rootDir]);
  const version = mustSucceed('dpkg-deb', ['-f', join(debDir, deb), 'Version']).trim();
  return { rootDir, version };
}

function findFile(dir, pattern) {
  const found = existsSync(dir) ? readdirSync(dir).find((file) => pattern.test(file)) : undefined;
  if (!found) throw new CannotFetch(`${dir}: no file matches ${pattern}; the package is laid out in another way`);
  return join(dir, found);
}

/** The Image inside the file a distribution calls vmlinuz. */
function rawImage(bytes) {
  const raw = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
  if (raw.toString('latin1', 0x38, 0x3c) !== 'ARM\x64') throw new CannotFetch('vmlinuz holds no arm64 Image');
  return raw;
}

// ---- modules -------------------------------------------------------------------------------------------------------

const moduleName = (path) =>
  path
    .replace(/.*\//, '')
    .replace(/\.ko(\.xz)?$/, '')
    .replaceAll('-', '_');

/** Every module below a folder, as a path relative to it. */
function modulesBelow(dir, at = '') {
  return readdirSync(join(dir, at), { withFileTypes: true }).flatMap((entry) => {
    const path = at ? `${at}/${entry.name}` : entry.name;
    if (entry.isDirectory()) return modulesBelow(dir, path);
    return /\.ko(\.xz)?$/.test(entry.name) ? [path] : [];
  });
}

function readModule(path) {
  if (!path.endsWith('.xz')) return readFileSync(path);
  return Buffer.from(mustSucceed('xz', ['-dc', path], { encoding: 'buffer' }));
}

/** Names of the modules that a module needs: the string `depends=` of its section .modinfo. */
function dependenciesOf(bytes) {
  const found = /\0depends=([\w,-]*)\0/.exec(bytes.toString('latin1'));
  return (found?.[1] ?? '')
    .split(',')
    .filter(Boolean)
    .map((name) => name.replaceAll('-', '_'));
}

/**
 * MODULES and what they need, with the modules.dep that modprobe reads (modules.dep(5)), as entries of an archive. A
 * module that a kernel has built in is not there and not missed: modprobe knows it from modules.builtin.
 */
function moduleEntries(modulesDir, release) {
  const paths = new Map(modulesBelow(modulesDir).map((path) => [moduleName(path), path]));
  const taken = new Map();
  const take = (name) => {
    const path = paths.get(name);
    if (taken.has(name) || path === undefined) return;
    const data = readModule(join(modulesDir, path));
    taken.set(name, { path: path.replace(/\.xz$/, ''), data, needs: dependenciesOf(data) });
    for (const needed of taken.get(name).needs) take(needed);
  };
  for (const name of [...MODULES, ...MODULES_AT_HAND]) take(name);
  if (!taken.has('virtio_mmio') || !taken.has('virtio_blk'))
    throw new CannotFetch(`${modulesDir}: virtio_mmio or virtio_blk is not among the modules of the kernel package`);
  const allNeeds = (name) => (taken.get(name)?.needs ?? []).flatMap((needed) => [needed, ...allNeeds(needed)]);
  const line = ([name, { path }]) => {
    const needed = [...new Set(allNeeds(name))]
      .filter((other) => taken.has(other))
      .map((other) => taken.get(other).path);
    return `${path}: ${needed.join(' ')}`.trimEnd();
  };
  const base = `lib/modules/${release}`;
  const files = [...taken.values()].map(({ path, data }) => [path, data]);
  files.push(['modules.dep', Buffer.from(`${[...taken].map(line).join('\n')}\n`)]);
  files.push(['modules.builtin', readFileSync(join(modulesDir, 'modules.builtin'))]);
  const dirs = new Set();
  for (const [path] of files) {
    const parts = `${base}/${path}`.split('/').slice(0, -1);
    for (let n = 1; n <= parts.length; n++) dirs.add(parts.slice(0, n).join('/'));
  }
  return [
    ...[...dirs].map((path) => ({ path, mode: S_IFDIR | 0o755 })),
    ...files.map(([path, data]) => ({ path: `${base}/${path}`, mode: S_IFREG | 0o644, data })),
  ];
}

/** A kernel unpacked: its Image, its configuration, and where it lies. */
function fetchKernel(metaPackage, workDir) {
  const name = kernelPackageName(metaPackage);
  const { rootDir, version } = downloadAndUnpack(name, workDir);
  const boot = join(rootDir, 'boot');
  const vmlinuz = findFile(boot, /^vmlinuz-/);
  return {
    rootDir,
    Image: rawImage(readFileSync(vmlinuz)),
    config: readFileSync(findFile(boot, /^config-/)),
    kernelRelease: vmlinuz.replace(/.*\/vmlinuz-/, ''),
    kernelPackage: `${name} ${version}`,
  };
}

function fetchGuests(workDir) {
  const { rootDir, kernelRelease, kernelPackage, Image, config } = fetchKernel('linux-image-arm64', workDir);
  const busybox = downloadAndUnpack(BUSYBOX_PACKAGE, workDir);
  // Of the package with merged /usr or of the one before it.
  const modulesDir = ['usr/lib/modules', 'lib/modules']
    .map((path) => join(rootDir, path, kernelRelease))
    .find((path) => existsSync(path));
  if (!modulesDir) throw new CannotFetch(`${kernelPackage}: no modules of ${kernelRelease} in it`);
  const files = {
    Image,
    config,
    busybox: readFileSync(findFile(join(busybox.rootDir, 'bin'), /^busybox$/)),
    'modules.cpio': cpioNewc(moduleEntries(modulesDir, kernelRelease)),
  };
  const modules = [...MODULES, ...MODULES_AT_HAND].join(' ');
  const facts = { kernelRelease, kernelPackage, busyboxPackage: `${BUSYBOX_PACKAGE} ${busybox.version}`, modules };
  return { files, facts };
}

function fetchRtKernel(workDir) {
  const { Image, config, kernelRelease, kernelPackage } = fetchKernel('linux-image-rt-arm64', workDir);
  return { files: { 'Image-rt': Image, 'config-rt': config }, facts: { kernelRelease, kernelPackage } };
}

/** kexec-tools and what it is linked with, as an archive to follow the initramfs. */
function fetchKexec(workDir) {
  const packages = KEXEC_PACKAGES.map((name) => ({ name, ...downloadAndUnpack(name, workDir) }));
  const files = kexecFiles(
    packages.map(({ rootDir }) => rootDir),
    (name) => {
      throw new CannotFetch(`kexec-tools: '${name}' is in none of ${KEXEC_PACKAGES.join(', ')}`);
    },
  );
  const entries = files.map(([path, data]) => ({ path, mode: S_IFREG | 0o755, data }));
  const archive = cpioNewc([{ path: 'lib', mode: S_IFDIR | 0o755 }, ...entries]);
  return {
    files: { 'kexec.cpio': archive },
    facts: { kexecPackage: `${packages[0].name} ${packages[0].version}`, packages: KEXEC_PACKAGES.join(' ') },
  };
}

// ---- initramfs -----------------------------------------------------------------------------------------------------

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const S_IFCHR = 0o020000;

/**
 * A cpio archive in the "newc" form that the kernel unpacks (cpio(5), "New ASCII Format"; the kernel's
 * "initramfs buffer format"). Times, owners and inode numbers are fixed, so the same entries give the same bytes.
 */
function cpioNewc(entries) {
  const chunks = [];
  const padded = (bytes) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  const add = ({ path, mode, data = Buffer.alloc(0), rdev = [0, 0] }, inode) => {
    const name = Buffer.from(`${path}\0`);
    const links = (mode & S_IFDIR) === S_IFDIR ? 2 : 1;
    const fields = [inode, mode, 0, 0, links, 0, data.length, 0, 0, rdev[0], rdev[1], name.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).toUpperCase().padStart(8, '0')).join('')}`;
    chunks.push(padded(Buffer.concat([Buffer.from(header, 'latin1'), name])), padded(data));
  };
  entries.forEach((entry, index) => {
    add(entry, index + 1);
  });
  add({ path: 'TRAILER!!!', mode: 0 }, 0);
  return Buffer.concat(chunks);
}

/** Names of the applets a busybox binary has: its table is a run of names, sorted, that starts with `[` and `[[`. */
function appletNames(busybox) {
  const start = busybox.indexOf('[\0[[\0', 0, 'latin1');
  const end = start < 0 ? -1 : busybox.indexOf('\0\0', start, 'latin1');
  const names = end < 0 ? [] : busybox.toString('latin1', start, end).split('\0');
  for (const needed of ['sh', 'mount', 'setsid', 'cttyhack', 'poweroff']) {
    if (!names.includes(needed)) throw new CannotFetch(`busybox: applet '${needed}' is not in its table`);
  }
  return names.filter((name) => /^[\w[\]-]+$/.test(name) && name !== 'busybox' && name !== 'init');
}

function initramfs(busybox) {
  const dir = (path) => ({ path, mode: S_IFDIR | 0o755 });
  const device = (path, mode, rdev) => ({ path, mode: S_IFCHR | mode, rdev });
  const link = (name) => ({ path: `bin/${name}`, mode: S_IFLNK | 0o777, data: Buffer.from('busybox') });
  return cpioNewc([
    ...['bin', 'dev', 'proc', 'sys', 'tmp', 'root'].map(dir),
    device('dev/console', 0o600, [5, 1]),
    device('dev/null', 0o666, [1, 3]),
    { path: 'bin/busybox', mode: S_IFREG | 0o755, data: busybox },
    ...appletNames(busybox).map(link),
    { path: 'init', mode: S_IFREG | 0o755, data: Buffer.from(INIT_SCRIPT) },
  ]);
}

// ---- cache ---------------------------------------------------------------------------------------------------------

/** What is fetched and stored together, each with its manifest. */
const SETS = {
  guests: {
    manifest: 'guests.json',
    metaPackage: 'linux-image-arm64',
    stored: ['Image', 'config', 'busybox', 'modules.cpio'],
    fetch: fetchGuests,
    isOfNow: ({ modules }) => modules === [...MODULES, ...MODULES_AT_HAND].join(' '),
  },
  rtKernel: {
    manifest: 'guests-rt.json',
    metaPackage: 'linux-image-rt-arm64',
    stored: ['Image-rt', 'config-rt'],
    fetch: fetchRtKernel,
  },
  kexec: {
    manifest: 'guests-kexec.json',
    metaPackage: 'linux-image-arm64',
    stored: ['kexec.cpio'],
    fetch: fetchKexec,
    isOfNow: ({ packages }) => packages === KEXEC_PACKAGES.join(' '),
  },
};

/** The manifest, when every file it names is there with the content it was stored with. */
function readCache(dir, { manifest: name, stored, isOfNow = () => true }) {
  try {
    const manifest = JSON.parse(readFileSync(join(dir, name), 'utf8'));
    const whole = stored.every((file) => sha256(readFileSync(join(dir, file))) === manifest.sha256[file]);
    return whole && isOfNow(manifest) ? manifest : undefined;
  } catch {
    return undefined;
  }
}

/** A file appears whole or not at all: two runs at the same time must not see each other's halves. */
function writeWhole(path, bytes) {
  const partial = `${path}.${process.pid}.part`;
  writeFileSync(partial, bytes);
  renameSync(partial, path);
}

function fillCache(dir, set, refresh) {
  prepareApt(set.metaPackage, refresh);
  const workDir = mkdtempSync(join(tmpdir(), 'unmaskable-guests-'));
  try {
    const { files, facts } = set.fetch(workDir);
    mkdirSync(dir, { recursive: true });
    for (const file of set.stored) writeWhole(join(dir, file), files[file]);
    const hashes = Object.fromEntries(set.stored.map((file) => [file, sha256(files[file])]));
    const manifest = { ...facts, sha256: hashes };
    writeWhole(join(dir, set.manifest), `${JSON.stringify(manifest, null, 2)}\n`);
    return manifest;
  } finally {
    rmSync(workDir, { recursive: true, force: true });
  }
}

function refresh(path, archive) {
  if (!existsSync(path) || !readFileSync(path).equals(archive)) writeWhole(path, archive);
}

/** The archives are pure functions of what was fetched and this file, so they are made anew whenever they differ. */
function refreshInitramfs(dir) {
  const plain = initramfs(readFileSync(join(dir, 'busybox')));
  refresh(join(dir, 'initramfs.cpio'), plain);
  // The kernel unpacks archives one after the other, and what comes later replaces what was there.
  const init = cpioNewc([{ path: 'init', mode: S_IFREG | 0o755, data: Buffer.from(INIT_SCRIPT_MODULES) }]);
  refresh(join(dir, 'initramfs-modules.cpio'), Buffer.concat([plain, readFileSync(join(dir, 'modules.cpio')), init]));
}

/** The first initramfs, kexec, and as /Image the kernel that is to be started by it. */
function refreshKexecInitramfs(dir) {
  const [plain, kexec, Image] = ['initramfs.cpio', 'kexec.cpio', 'Image'].map((name) => readFileSync(join(dir, name)));
  const kernel = cpioNewc([{ path: 'Image', mode: S_IFREG | 0o644, data: Image }]);
  refresh(join(dir, 'initramfs-kexec.cpio'), Buffer.concat([plain, kexec, kernel]));
}

function main(args) {
  const unknown = args.find((arg) => !['--json', '--refresh'].includes(arg));
  if (unknown) {
    process.stderr.write(`guests.mjs: unknown option '${unknown}'. Options: --json, --refresh\n`);
    return 2;
  }
  const dir = cacheDir();
  try {
    const refresh = args.includes('--refresh');
    const stored = (set) => (refresh ? undefined : readCache(dir, set)) ?? fillCache(dir, set, refresh);
    const manifest = stored(SETS.guests);
    refreshInitramfs(dir);
    const rt = stored(SETS.rtKernel);
    const kexec = stored(SETS.kexec);
    refreshKexecInitramfs(dir);
    const result = {
      dir,
      kernel: join(dir, 'Image'),
      initrd: join(dir, 'initramfs.cpio'),
      initrdModules: join(dir, 'initramfs-modules.cpio'),
      initrdKexec: join(dir, 'initramfs-kexec.cpio'),
      config: join(dir, 'config'),
      busybox: join(dir, 'busybox'),
      kernelRelease: manifest.kernelRelease,
      kernelPackage: manifest.kernelPackage,
      busyboxPackage: manifest.busyboxPackage,
      rtKernel: join(dir, 'Image-rt'),
      rtConfig: join(dir, 'config-rt'),
      rtKernelRelease: rt.kernelRelease,
      rtKernelPackage: rt.kernelPackage,
      kexecPackage: kexec.kexecPackage,
    };
    const lines = Object.entries(result).map(([name, value]) => `${name.padEnd(15)} ${value}`);
    process.stdout.write(args.includes('--json') ? `${JSON.stringify(result)}\n` : `${lines.join('\n')}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof CannotFetch) && error.code === undefined) throw error;
    process.stderr.write(`guests.mjs: ${error.message}\n`);
    return 3;
  }
}

process.exitCode = main(process.argv.slice(2));
