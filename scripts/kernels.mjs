#!/usr/bin/env node
// Builds small arm64 kernels with pseudo-NMIs, which Debian's own have not, from Debian's sources with Debian's cross
// compiler, and keeps each with its configuration and symbols. Nothing but those stays; sources and objects go again.
//
//   node scripts/kernels.mjs            build what is missing or out of date, print where it is
//   node scripts/kernels.mjs --json     the same as one JSON object on stdout
//   node scripts/kernels.mjs --force    build although everything is there
//
// A kernel is out of date when the package of its source, scripts/kernels/*.config or the compiler changed. Where apt
// does not know the package, what was built before is good enough.
//
// Cache: $UNMASKABLE_GUESTS, else $XDG_CACHE_HOME/unmaskable/guests, else ~/.cache/unmaskable/guests.
// Exit: 0 everything is there, 2 unknown option, 3 it cannot be built here (the reason is on stderr).
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { build, CannotBuild, candidateVersion, compilerVersion } from './kernels/build.mjs';

/** Kernels by name; a file in the cache is `Image-NAME`. */
const KERNELS = [
  { name: 'nmi-6.1', sourcePackage: 'linux-source-6.1', configuration: 'nmi.config' },
  { name: 'nmi-6.12', sourcePackage: 'linux-source-6.12', configuration: 'nmi.config' },
];
/** To be raised when `scripts/kernels/build.mjs` comes to make something else of the same. */
const RECIPE = 1;

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

function cacheDir() {
  const cacheHome = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return process.env.UNMASKABLE_GUESTS || join(cacheHome, 'unmaskable', 'guests');
}

const manifestPath = (dir, { name }) => join(dir, `kernel-${name}.json`);
const storedFiles = ({ name }) => ['Image', 'config', 'System.map'].map((file) => `${file}-${name}`);

/** What is known of a kernel in the cache, when its files are there as they were stored. */
function readCache(dir, kernel) {
  try {
    const manifest = JSON.parse(readFileSync(manifestPath(dir, kernel), 'utf8'));
    const whole = storedFiles(kernel).every((file) => sha256(readFileSync(join(dir, file))) === manifest.sha256[file]);
    return whole ? manifest : undefined;
  } catch {
    return undefined;
  }
}

/** What a kernel is made of, as apt, this checkout and the compiler are now; undefined where one of them is missing. */
function partsOf(kernel) {
  const sourceVersion = candidateVersion(kernel.sourcePackage);
  const compiler = compilerVersion();
  return { sourceVersion, compiler, configuration: sha256(configurationOf(kernel)), recipe: RECIPE };
}
const configurationOf = ({ configuration }) => readFileSync(new URL(`kernels/${configuration}`, import.meta.url));

/** The reason why what is in the cache is not what would be built now, or undefined. What is not known says nothing. */
function outOfDate(stored, now) {
  if (!stored) return 'it is not there';
  const changed = Object.keys(now).filter((part) => now[part] !== undefined && stored.parts[part] !== now[part]);
  return changed.length === 0 ? undefined : `${changed.join(' and ')} changed`;
}

/** A file appears whole or not at all: two runs at the same time must not see each other's halves. */
function writeWhole(path, bytes) {
  const partial = `${path}.${process.pid}.part`;
  writeFileSync(partial, bytes);
  renameSync(partial, path);
}

function fillCache(dir, kernel, parts, say) {
  mkdirSync(dir, { recursive: true });
  const workDir = mkdtempSync(join(dir, 'building-'));
  try {
    const { files, kernelRelease } = build({ ...kernel, configuration: configurationOf(kernel), workDir, say });
    const stored = Object.fromEntries(Object.entries(files).map(([file, bytes]) => [`${file}-${kernel.name}`, bytes]));
    for (const [file, bytes] of Object.entries(stored)) writeWhole(join(dir, file), bytes);
    const hashes = Object.fromEntries(Object.entries(stored).map(([file, bytes]) => [file, sha256(bytes)]));
    const sourcePackage = `${kernel.sourcePackage} ${parts.sourceVersion}`;
    const manifest = { kernelRelease, sourcePackage, parts, sha256: hashes };
    writeWhole(manifestPath(dir, kernel), `${JSON.stringify(manifest, null, 2)}\n`);
    return manifest;
  } finally {
    rmSync(workDir, { recursive: true, force: true });
  }
}

function one(dir, kernel, force) {
  const parts = partsOf(kernel);
  const stored = readCache(dir, kernel);
  const reason = force ? '--force' : outOfDate(stored, parts);
  if (!reason) return stored;
  const began = Date.now();
  const say = (text) => process.stderr.write(`kernels.mjs: ${kernel.name}: ${text}\n`);
  say(`building, because ${reason}`);
  const manifest = fillCache(dir, kernel, parts, say);
  say(`done after ${Math.round((Date.now() - began) / 1000)} s`);
  return manifest;
}

function main(args) {
  const unknown = args.find((arg) => !['--json', '--force'].includes(arg));
  if (unknown) {
    process.stderr.write(`kernels.mjs: unknown option '${unknown}'. Options: --json, --force\n`);
    return 2;
  }
  const dir = cacheDir();
  try {
    const result = KERNELS.map((kernel) => {
      const { kernelRelease, sourcePackage } = one(dir, kernel, args.includes('--force'));
      const [image, config, systemMap] = storedFiles(kernel).map((file) => join(dir, file));
      return { name: kernel.name, kernel: image, config, systemMap, kernelRelease, sourcePackage };
    });
    const lines = result.map(({ name, kernel, sourcePackage }) => `${name.padEnd(10)} ${kernel}  (${sourcePackage})`);
    process.stdout.write(args.includes('--json') ? `${JSON.stringify(result)}\n` : `${lines.join('\n')}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof CannotBuild) && error.code === undefined) throw error;
    process.stderr.write(`kernels.mjs: ${error.message}\n`);
    return 3;
  }
}

process.exitCode = main(process.argv.slice(2));
