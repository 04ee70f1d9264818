// From a package of kernel sources to a kernel: fetched with apt, unpacked and built in a folder that the caller removes.
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** Prefix of Debian's cross compiler. */
const CROSS_COMPILE = 'aarch64-linux-gnu-';
/** What building needs beside the cross compiler; all are Debian packages of nearly the same name. */
const TOOLS = ['make', 'gcc', 'flex', 'bison', 'bc', 'tar', 'xz', 'dpkg-deb', 'apt-get'];
/** Large parts of the sources that none of our configurations builds; their Kconfig files are read nevertheless. */
const NOT_UNPACKED = ['drivers/gpu', 'drivers/net', 'drivers/media', 'sound'].map(
  (folder) => `--exclude=*/${folder}/*.[ch]`,
);
/** The same sources give the same bytes, whoever builds them and when. */
const SAME_FOR_ALL = {
  KBUILD_BUILD_TIMESTAMP: 'Thu Jan  1 00:00:00 UTC 1970',
  KBUILD_BUILD_USER: 'unmaskable',
  KBUILD_BUILD_HOST: 'unmaskable',
  KBUILD_BUILD_VERSION: '1',
};

/** Something is missing here; the message says what. */
export class CannotBuild extends Error {}

function command(program, args, options = {}) {
  return spawnSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
    timeout: 40 * 60 * 1000,
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
    ...options,
  });
}

function mustSucceed(program, args, options) {
  const done = command(program, args, options);
  if (done.error) throw new CannotBuild(`${program} ${args.join(' ')}: ${done.error.message}`);
  if (done.status !== 0) {
    const said = done.stderr.trim().split('\n').slice(-5).join('; ');
    throw new CannotBuild(`${program} ${args.join(' ')}: exit ${done.status ?? done.signal}: ${said}`);
  }
  return done.stdout;
}

/** Version of a package that apt would fetch, or undefined where there is no apt or it knows none. */
export function candidateVersion(packageName) {
  return /Candidate: (\d\S*)/.exec(command('apt-cache', ['policy', packageName]).stdout ?? '')?.[1];
}

/** What the cross compiler calls itself, or undefined where there is none. */
export function compilerVersion() {
  return /^.*$/m.exec(command(`${CROSS_COMPILE}gcc`, ['--version']).stdout ?? '')?.[0] || undefined;
}

function checkTools() {
  const missing = [`${CROSS_COMPILE}gcc`, ...TOOLS].filter((tool) => command(tool, ['--version']).error);
  if (missing.length > 0)
    throw new CannotBuild(`not installed: ${missing.join(', ')}. On Debian: bash scripts/setup-debian.sh`);
}

/** Fetches the package and unpacks the sources in it; gives their folder. */
function sources(sourcePackage, workDir) {
  const debDir = join(workDir, 'deb');
  const sourceDir = join(workDir, 'source');
  mkdirSync(debDir);
  mkdirSync(sourceDir);
  if (candidateVersion(sourcePackage) === undefined)
    throw new CannotBuild(`apt knows no package ${sourcePackage}; apt-get update has to be run first, as root`);
  // The download user _apt cannot enter a private directory; apt checks the file by its hash in any case.
  mustSucceed('apt-get', ['-o', 'APT::Sandbox::User=root', 'download', '-q', sourcePackage], { cwd: debDir });
  const deb = readdirSync(debDir).find((file) => file.endsWith('.deb'));
  if (!deb) throw new CannotBuild(`apt-get download ${sourcePackage} left no .deb file`);
  mustSucceed('dpkg-deb', ['-x', join(debDir, deb), debDir]);
  const archive = join(debDir, 'usr', 'src', `${sourcePackage}.tar.xz`);
  mustSucceed('tar', ['-xf', archive, '-C', sourceDir, '--strip-components=1', ...NOT_UNPACKED]);
  rmSync(debDir, { recursive: true });
  return sourceDir;
}

/** Options that a configuration asks for and did not get, e.g. because this version has none of that name. */
function notTaken(asked, config) {
  const wanted = asked.split('\n').filter((line) => /^CONFIG_\w+=/.test(line));
  const got = new Set(config.split('\n'));
  return wanted.filter((line) => !got.has(line)).map((line) => line.replace(/^CONFIG_|=.*/g, ''));
}

/**
 * Builds a kernel: `make tinyconfig`, the configuration on top, `make Image`.
 *
 * @returns `{ files: { Image, config, 'System.map' }, kernelRelease }`
 * @throws CannotBuild saying what is missing, or what the build ended with
 */
export function build({ sourcePackage, configuration, workDir, say }) {
  checkTools();
  say(`fetching and unpacking ${sourcePackage}`);
  const sourceDir = sources(sourcePackage, workDir);
  const objectDir = join(workDir, 'objects');
  mkdirSync(objectDir);
  const env = { ...process.env, ...SAME_FOR_ALL, LC_ALL: 'C', ARCH: 'arm64', CROSS_COMPILE };
  const make = (...targets) =>
    mustSucceed('nice', ['-n', '5', 'make', '-s', `-j${availableParallelism()}`, `O=${objectDir}`, ...targets], {
      cwd: sourceDir,
      env,
    });
  make('tinyconfig');
  appendFileSync(join(objectDir, '.config'), configuration);
  make('olddefconfig');
  const config = readFileSync(join(objectDir, '.config'));
  const left = notTaken(configuration.toString(), config.toString());
  if (left.length > 0) say(`this version has not: ${left.join(', ')}`);
  say('compiling');
  make('Image');
  const kernelRelease = make('kernelrelease').trim();
  const Image = readFileSync(join(objectDir, 'arch', 'arm64', 'boot', 'Image'));
  return { files: { Image, config, 'System.map': readFileSync(join(objectDir, 'System.map')) }, kernelRelease };
}
