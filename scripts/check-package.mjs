// Checks the package as its users get it: what is in it, that it imports, that its command starts, and that its types
// resolve under each way in which TypeScript looks for them. Needs dist/; no network.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { bundle } from './bundle.mjs';
import { ROOT } from './checkout.mjs';

/** What a package may hold, from its root. */
const ALLOWED = [
  /^bin\//,
  /^dist\//,
  /^docs\//,
  /^scenarios\//,
  /^(README\.md|CHANGELOG\.md|LICENSE|NOTICE|package\.json)$/,
];
/** What it must hold. */
const NEEDED = [
  'bin/unmaskable.mjs',
  'dist/index.js',
  'dist/index.d.ts',
  'dist/cli/start.js',
  'dist/cli/explore-worker.js',
  'dist/cli/module-hooks.js',
  'scenarios/kernel-sea-entry.yaml',
  'scenarios/hosted/sdei-handlers.ts',
  'dist/scenarios/hosted/sdei-handlers.js',
  'README.md',
  'LICENSE',
  'NOTICE',
];
/** Unpacked bytes beyond which something got in that should not have: sources and maps are well below a third of it. */
const BYTES_MAX = 20 * 2 ** 20;
/** Files beyond which the sources are in it one by one, each of which a process that starts would look up. */
const SCRIPTS_MAX = 60;

const DIST = join(ROOT, 'dist');
/** Is made by scripts/bundle.mjs. */
const isScript = (path) => path.endsWith('.js') && !/\bscenarios\b/.test(path);

const problems = [];
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'unmaskable-package-'));

/** Runs a program in the consumer's folder; a failure becomes a problem with its output. */
function check(title, command, args, cwd = folder) {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    problems.push(`${title}: ${(error.stderr || error.stdout || error.message).trim()}`);
    return '';
  }
}

function checkContents(packed) {
  const paths = packed.files.map((file) => file.path);
  for (const path of paths) {
    const stray = !ALLOWED.some((pattern) => pattern.test(path)) || /\.test\.|\.tsbuildinfo$/.test(path);
    if (stray) problems.push(`the package holds ${path}; narrow "files" in package.json`);
  }
  for (const path of NEEDED) if (!paths.includes(path)) problems.push(`the package lacks ${path}`);
  if (packed.unpackedSize > BYTES_MAX)
    problems.push(`the package unpacks to ${packed.unpackedSize} bytes, more than ${BYTES_MAX}`);
  const scripts = paths.filter((path) => path.startsWith('dist/')).filter(isScript);
  if (scripts.length > SCRIPTS_MAX) problems.push(`dist/ has ${scripts.length} scripts, more than ${SCRIPTS_MAX}`);
}

/** What a script of dist/ imports at once, as it is written there, and whether it takes anything from it. */
function importsOf(path) {
  const statements = readFileSync(path, 'utf8').matchAll(/^(?:import|export) (?:[^"';]* from )?"([^"]+)";$/gm);
  return [...statements].map(([text, specifier]) => ({ specifier, takesNothing: text.startsWith('import "') }));
}

/** Everything that is loaded with a script of dist/: paths of scripts and, as they are written, what is not ours. */
function loadedWith(name) {
  const loaded = new Set([join(DIST, name)]);
  // A set visits what is added to it meanwhile.
  for (const path of loaded) {
    if (!path.startsWith(DIST)) continue;
    for (const { specifier } of importsOf(path))
      loaded.add(specifier.startsWith('.') ? join(dirname(path), specifier) : specifier);
  }
  return [...loaded];
}

/** What belongs together is loaded, and nothing else: in a browser, and by a command that starts. */
function checkParts() {
  for (const name of ['index.js', 'hosted.js', 'tables.js']) {
    const foreign = loadedWith(name).filter((path) => !path.startsWith(DIST));
    if (foreign.length > 0) problems.push(`dist/${name} loads ${foreign}: only the command may use Node and packages`);
  }
  const early = loadedWith('cli/start.js').filter((path) =>
    /core.(os|demo|explore|conformance|experiments)\.js$/.test(path),
  );
  if (early.length > 0) problems.push(`unmaskable run loads ${early}, which it does without; see scripts/bundle.mjs`);
  for (const path of readdirSync(DIST, { recursive: true, encoding: 'utf8' }).filter(isScript)) {
    if (importsOf(join(DIST, path)).some(({ takesNothing }) => takesNothing))
      problems.push(`dist/${path} needs an effect of a module, and package.json says there is none`);
  }
}

/** The same sources give the same bytes. */
async function checkBuild() {
  const output = await bundle(DIST, { write: false });
  const others = output.filter(({ fileName, code, source }) => {
    const path = join(DIST, fileName);
    return !existsSync(path) || readFileSync(path, 'utf8') !== (code ?? source);
  });
  if (others.length > 0) problems.push(`built again, these are others: ${others.map(({ fileName }) => fileName)}`);
}

/** Unpacks the package where a consumer's node_modules would have it, with its dependencies beside it. */
function install(tarball) {
  const modules = join(folder, 'node_modules');
  mkdirSync(modules);
  check('unpack', 'tar', ['-xzf', tarball], modules);
  cpSync(join(modules, 'package'), join(modules, 'unmaskable'), { recursive: true });
  rmSync(join(modules, 'package'), { recursive: true });
  for (const name of Object.keys(manifest.dependencies ?? {})) {
    cpSync(join(ROOT, 'node_modules', name), join(modules, name), { recursive: true });
  }
  writeFileSync(join(folder, 'package.json'), '{"type":"module","private":true}');
}

/** Subpaths of the package that can be imported. */
const subpaths = Object.keys(manifest.exports).filter((key) => !key.endsWith('.json'));
const specifiers = subpaths.map((key) => `unmaskable${key.slice(1)}`);

function checkImports() {
  for (const specifier of specifiers) {
    const program = `import('${specifier}').then((m) => { if (Object.keys(m).length === 0) throw new Error('exports nothing'); })`;
    check(`import ${specifier}`, process.execPath, ['-e', program]);
  }
  const version = check('command', process.execPath, [
    'node_modules/unmaskable/bin/unmaskable.mjs',
    '--version',
  ]).trim();
  if (version !== manifest.version)
    problems.push(`unmaskable --version says '${version}', package.json ${manifest.version}`);
}

function checkTypes() {
  const source = specifiers.map(
    (specifier, i) => `import * as m${i} from '${specifier}';\nexport const k${i}: object = m${i};`,
  );
  writeFileSync(join(folder, 'use.ts'), `${source.join('\n')}\n`);
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const ways = [
    ['nodenext', 'nodenext'],
    ['node16', 'node16'],
    ['esnext', 'bundler'],
  ];
  for (const [module, moduleResolution] of ways) {
    const options = {
      module,
      moduleResolution,
      target: 'es2022',
      lib: ['es2023', 'dom'],
      types: [],
      strict: true,
      noEmit: true,
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['use.ts'] }));
    check(`types with moduleResolution ${moduleResolution}`, process.execPath, [tsc, '-p', folder]);
  }
}

/** Scenarios in TypeScript, of the package and of its user, with and without the package `typescript`. */
function checkScenarios() {
  const explore = (path) => [
    'node_modules/unmaskable/bin/unmaskable.mjs',
    ...['explore', path, '--workers', '1', '--quiet', '--report', 'report.json'],
  ];
  const scenarios = 'node_modules/unmaskable/scenarios/hosted';
  const own = `${scenarios}/sdei-unregister.ts`;
  cpSync(join(folder, own), join(folder, 'own.ts'));
  if (!process.features.typescript) {
    const { status, stderr } = spawnSync(process.execPath, explore('own.ts'), { cwd: folder, encoding: 'utf8' });
    if (status !== 2 || !/runs no TypeScript.*npm install --save-dev typescript/.test(stderr))
      problems.push(`explore x.ts without typescript: exit code ${status}: ${stderr}`);
  }
  check(`explore ${own} without typescript`, process.execPath, explore(own));
  const cpus = [...explore(`${scenarios}/sdei-cpus.ts`), '--variant', 'hotplugTakesMutex', '--shard', '1/20'];
  const found = spawnSync(process.execPath, cpus, { cwd: folder, encoding: 'utf8' });
  if (found.status !== 1 || !/deadlock/.test(found.stdout))
    problems.push(`explore sdei-cpus.ts --variant hotplugTakesMutex: exit code ${found.status}: ${found.stderr}`);
  check('replay without typescript', process.execPath, [explore('')[0], 'replay', 'report.json#1']);
  cpSync(join(ROOT, 'node_modules', 'typescript'), join(folder, 'node_modules', 'typescript'), { recursive: true });
  for (const path of [own, 'own.ts']) check(`explore ${path}`, process.execPath, explore(path));
  const wrong = [...explore('own.ts'), '--variant', 'retryFails'];
  const { status } = spawnSync(process.execPath, wrong, { cwd: folder });
  if (status !== 1) problems.push(`explore own.ts --variant retryFails: exit code ${status} and not 1`);
  check('replay', process.execPath, [explore('')[0], 'replay', 'report.json#1']);
}

try {
  checkParts();
  await checkBuild();
  const [packed] = JSON.parse(
    check('npm pack', 'npm', ['pack', '--json', '--silent', '--pack-destination', folder], ROOT) || '[{"files":[]}]',
  );
  checkContents(packed);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) problems.push('npm pack made no package');
  else {
    install(join(folder, tarball));
    checkImports();
    checkTypes();
    checkScenarios();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const problem of problems) console.error(`package: ${problem}`);
console.log(
  problems.length === 0
    ? 'package: contents, import, command and types are right'
    : `package: ${problems.length} problems`,
);
process.exit(problems.length === 0 ? 0 : 1);
