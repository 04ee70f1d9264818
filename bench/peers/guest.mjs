// The i386 guest of other emulators that run on a JavaScript engine: Debian's 686 kernel and busybox, and the same
// guest programs built for i386.
//
//   node bench/peers/guest.mjs      fetches the packages, with apt but not into the system; builds the guest
//
// It lies in .cache/bench/i386.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { archive, BUILD, COMPILE_OPTIONS, programSources } from '../tools.mjs';

const FOLDER = join(BUILD, 'i386');
const UNPACKED = join(FOLDER, 'root');

/** What a peer boots. */
export const I386 = {
  kernel: join(FOLDER, 'bzImage'),
  initrd: join(FOLDER, 'initrd.cpio'),
  bios: join(UNPACKED, 'usr', 'share', 'seabios', 'bios.bin'),
  vgaBios: join(UNPACKED, 'usr', 'share', 'seabios', 'vgabios-stdvga.bin'),
};

/** Whether the guest was made. */
export const haveI386 = () => Object.values(I386).every((path) => existsSync(path));

const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/ TERM=vt100
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
echo "unmaskable: shell ready"
while :; do
  setsid cttyhack sh
done
`;

function run(program, args, options = {}) {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], ...options });
}

/** apt with lists and cache of its own, which needs no root and knows i386 only. */
function apt(program, args, options) {
  const settings = {
    'APT::Architecture': 'i386',
    'APT::Architectures::': 'i386',
    'APT::Sandbox::User': 'root',
    'Dir::State': join(FOLDER, 'apt'),
    'Dir::State::status': '/dev/null',
    'Dir::Cache': join(FOLDER, 'apt', 'cache'),
  };
  const given = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  return run(program, [...given, ...args], options);
}

function fetch() {
  const debs = join(FOLDER, 'debs');
  rmSync(debs, { recursive: true, force: true });
  for (const folder of [
    join(FOLDER, 'apt', 'lists', 'partial'),
    join(FOLDER, 'apt', 'cache', 'archives', 'partial'),
    debs,
  ])
    mkdirSync(folder, { recursive: true });
  // A third-party archive that cannot be reached makes the update fail although Debian's own was read.
  try {
    apt('apt-get', ['update', '-qq']);
  } catch {
    process.stderr.write('guest.mjs: apt-get update complained; going on with what it has read\n');
  }
  const depends = apt('apt-cache', ['depends', '--important', 'linux-image-686']);
  const kernel = /Depends: (linux-image-\d\S*?)(?::i386)?$/m.exec(depends)?.[1];
  if (!kernel) throw new Error(`apt knows no linux-image-686:\n${depends}`);
  const compiler = run('gcc', ['-dumpversion']).trim();
  const libraries = ['libc6', 'libc6-dev', 'linux-libc-dev', `libgcc-${compiler}-dev`];
  apt('apt-get', ['download', '-qq', kernel, 'busybox-static', 'seabios', ...libraries], { cwd: debs });
  rmSync(UNPACKED, { recursive: true, force: true });
  for (const deb of readdirSync(debs)) run('dpkg-deb', ['-x', join(debs, deb), UNPACKED]);
  rmSync(debs, { recursive: true });
  const boot = join(UNPACKED, 'boot');
  const image = readdirSync(boot).find((file) => file.startsWith('vmlinuz-'));
  writeFileSync(I386.kernel, readFileSync(join(boot, image)));
  return compiler;
}

/** The host's own compiler makes i386 code; only the libraries have to be those of i386. */
function build(compiler) {
  const libraries = join(UNPACKED, 'usr', 'lib', 'gcc', 'i686-linux-gnu', compiler);
  const program = join(FOLDER, 'bench');
  const places = [`--sysroot=${UNPACKED}`, `-B${libraries}`, `-L${libraries}`];
  const multiarch = ['usr/lib/i386-linux-gnu', 'lib/i386-linux-gnu'].map((path) => join(UNPACKED, path));
  const paths = [...multiarch.flatMap((path) => [`-B${path}`, `-L${path}`])];
  const headers = ['-isystem', join(UNPACKED, 'usr', 'include', 'i386-linux-gnu')];
  const options = [...COMPILE_OPTIONS, '-m32', '-march=i686', '-static', ...places, ...paths, ...headers];
  run('gcc', [...options, '-o', program, ...programSources(), '-pthread', '-lm']);
  return program;
}

function initramfs(program) {
  const folder = (path) => ({ path, mode: 0o040755 });
  const file = (path, bytes) => ({ path, mode: 0o100755, bytes });
  return archive([
    ...['bin', 'dev', 'proc', 'sys', 'tmp', 'root'].map(folder),
    file('bin/busybox', readFileSync(join(UNPACKED, 'bin', 'busybox'))),
    file('bin/bench', readFileSync(program)),
    file('init', Buffer.from(INIT)),
  ]);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const absent = ['apt-get', 'dpkg-deb', 'gcc'].find((tool) => spawnSync(tool, ['--version']).status !== 0);
  if (absent) {
    process.stderr.write(`guest.mjs: no ${absent}; this needs Debian's apt, dpkg and gcc\n`);
    process.exit(3);
  }
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(I386.initrd, initramfs(build(fetch())));
  for (const [name, path] of Object.entries(I386)) console.log(`${name.padEnd(8)} ${path}`);
}
