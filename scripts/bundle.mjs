// Makes what of dist/ is run, from src/: few files, because a process that starts looks each up and compiles it apart.
// What is written depends on src/, package.json and rolldown alone. Types are left to tsc.
import { readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import ts from 'typescript';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const MANIFEST = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** What is imported or started by its path: names in dist/, without `.js`, of modules of src/. */
const ENTRIES = ['index', 'hosted', 'tables', 'cli/start', 'cli/explore-worker', 'cli/module-hooks'];

/**
 * Which floors of the house share a file of dist/core/, from the bottom up; a file imports only those before it. isa
 * and machine are what a machine is made of; the others are loaded by those who need them.
 */
const CORE = [
  ['tables', /^tables\//],
  ['isa', /^(arch|ir|isa)\//],
  ['machine', /^(engine|cpu|devices|firmware|debug|machine(?!\/demo))\//],
  ['os', /^os\//],
  ['demo', /^machine\/demo/],
  ['explore', /^explore\//],
  ['conformance', /^conformance\//],
  ['experiments', /^experiments\//],
];

const insideSrc = (id) => relative(join(ROOT, 'src'), id).replaceAll('\\', '/');
const isCommand = (id) => insideSrc(id).startsWith('cli/');

/**
 * Writes the JavaScript and its source maps below a folder; with `write: false` only says what would be written.
 *
 * @returns what is written: `fileName` from the folder, with its text in `code` or `source`
 * @throws Error for anything that rolldown warns of: an import that leads nowhere would otherwise be left as it is; and
 *   for code of another package, which is a dependency or nothing of ours
 */
export async function bundle(folder, { write = true } = {}) {
  const build = await rolldown({
    cwd: ROOT,
    input: Object.fromEntries(ENTRIES.map((name) => [name, `src/${name}.ts`])),
    platform: 'node',
    external: [/^node:/, ...Object.keys(MANIFEST.dependencies).map((name) => new RegExp(`^${name}(/|$)`))],
    transform: { target: 'es2022' },
    // A busy host is no reason to fail.
    checks: { bundlerTimings: false },
    onLog(level, { message }) {
      if (level === 'warn') throw new Error(message);
    },
  });
  const { output } = await build[write ? 'write' : 'generate']({
    dir: folder,
    format: 'esm',
    entryFileNames: '[name].js',
    // What the command shares stays beside its entries: it finds the worker and the hooks relative to itself.
    chunkFileNames: ({ moduleIds }) => `${moduleIds.some(isCommand) ? 'cli' : 'core'}/[name].js`,
    codeSplitting: { groups: CORE.map(([name, floors]) => ({ name, test: (id) => floors.test(insideSrc(id)) })) },
    minifyInternalExports: false,
    sourcemap: true,
    sourcemapExcludeSources: true,
  });
  await build.close();
  const foreign = output.flatMap(({ moduleIds = [] }) => moduleIds.filter((id) => insideSrc(id).startsWith('..')));
  if (foreign.length > 0) throw new Error(`not of this package: ${foreign.join(', ')}; see "dependencies"`);
  return output;
}

function removeEmptyFolders(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) continue;
    removeEmptyFolders(path);
    if (readdirSync(path).length === 0) rmdirSync(path);
  }
}

/** Removes the declarations that none of the package's own leads to. */
function removeInnerDeclarations(folder) {
  const wanted = Object.values(MANIFEST.exports).flatMap(({ types }) => (types ? [join(ROOT, types)] : []));
  // A set visits what is added to it meanwhile.
  const kept = new Set(wanted);
  for (const path of kept) {
    for (const { fileName } of ts.preProcessFile(readFileSync(path, 'utf8')).importedFiles)
      kept.add(join(dirname(path), fileName.replace(/\.[jt]s$/, '.d.ts')));
  }
  for (const path of ts.sys.readDirectory(folder, ['.d.ts'])) if (!kept.has(join(path))) rmSync(path);
  removeEmptyFolders(folder);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const dist = join(ROOT, 'dist');
  removeInnerDeclarations(dist);
  await bundle(dist);
}
