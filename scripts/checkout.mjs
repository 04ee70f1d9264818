// What `npm start` and `npm test` share: a checkout whose dependencies are installed and whose dist/ is current.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (...parts) => join(ROOT, ...parts);

/** Says what is going on, on standard error, so that standard output stays the guest's. */
export const say = (text) => process.stderr.write(`${text}\n`);

function fail(text) {
  say(text);
  process.exit(2);
}

/** Runs a program with its output on our standard error, and ends this process if it fails. */
function step(title, command, args) {
  say(`unmaskable: ${title} ...`);
  const result = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (result.error) fail(`unmaskable: ${title}: ${command} cannot be started: ${result.error.message}`);
  if (result.status !== 0) fail(`unmaskable: ${title} failed (exit ${result.status}); the reason is above.`);
}

const digestOf = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');

/** Installs exactly what package-lock.json names, unless that is what is there. */
export function ensureInstalled() {
  if (Number(process.versions.node.split('.')[0]) < 20)
    fail(`unmaskable: Node 20 or later is needed, this is ${process.version}.`);
  const stamp = at('node_modules', '.unmaskable-lock');
  const npmStamp = at('node_modules', '.package-lock.json');
  const wanted = digestOf(at('package-lock.json'));
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  const installedLater =
    existsSync(npmStamp) && statSync(npmStamp).mtimeMs >= statSync(at('package-lock.json')).mtimeMs;
  if (existsSync(stamp) || !installedLater)
    step('installing dependencies (npm ci)', 'npm', ['ci', '--no-audit', '--no-fund']);
  writeFileSync(stamp, wanted);
}

/** The latest change of any file below `path`, in ms. */
function newestMs(path) {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  // A folder's own time counts too: it changes when a file is removed.
  return readdirSync(path).reduce((newest, name) => Math.max(newest, newestMs(join(path, name))), stat.mtimeMs);
}

/** Scenarios in TypeScript as modules for a Node that reads none, where no package `typescript` is installed. */
function buildScenarios() {
  const ts = createRequire(import.meta.url)('typescript');
  for (const path of readdirSync(at('scenarios'), { recursive: true })) {
    if (!path.endsWith('.ts')) continue;
    const { outputText } = ts.transpileModule(readFileSync(at('scenarios', path), 'utf8'), {
      fileName: path,
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        rewriteRelativeImportExtensions: true,
        verbatimModuleSyntax: true,
      },
    });
    const target = at('dist', 'scenarios', path.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, outputText);
  }
}

/** Makes dist/ of src/, from nothing, so that no output of a removed source stays behind. */
export function build() {
  rmSync(at('dist'), { recursive: true, force: true });
  const tsc = at('node_modules', 'typescript', 'bin', 'tsc');
  step('checking types', process.execPath, [tsc, '-p', 'tsconfig.build.json']);
  step('building', process.execPath, [at('scripts', 'bundle.mjs')]);
  buildScenarios();
  writeFileSync(at('dist', '.built'), '');
  linkCommand();
}

const BUILT_FROM = [
  ...['src', 'scenarios', 'scripts/bundle.mjs'],
  ...['tsconfig.json', 'tsconfig.build.json', 'package.json', 'package-lock.json'],
];

/** Builds, unless nothing changed since the last time. */
export function ensureBuilt() {
  const stamp = at('dist', '.built');
  const builtMs = existsSync(stamp) ? statSync(stamp).mtimeMs : -1;
  if (BUILT_FROM.some((input) => newestMs(at(input)) > builtMs)) build();
  else linkCommand();
}

/** Makes `npx unmaskable` in this checkout mean this checkout. */
function linkCommand() {
  const link = at('node_modules', '.bin', 'unmaskable');
  if (process.platform === 'win32' || lstatSync(link, { throwIfNoEntry: false })) return;
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(join('..', '..', 'bin', 'unmaskable.mjs'), link);
}
