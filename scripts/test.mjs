// `npm test [-- VITEST ARGUMENTS]`: installs and builds what is missing, runs the tests, ends with one line of totals.
// With UNMASKABLE_REQUIRE_TOOLS=1 (CI) a skipped test is a failure unless test/skips.json gives a reason for it.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, ROOT, say } from './checkout.mjs';

/** Programs that tests compare with or build guests with, and the Debian package of each. */
const TOOLS = {
  'qemu-aarch64': 'qemu-user',
  'qemu-system-aarch64': 'qemu-system-arm',
  'aarch64-linux-gnu-as': 'binutils-aarch64-linux-gnu',
  'aarch64-linux-gnu-gcc': 'gcc-aarch64-linux-gnu libc6-dev-arm64-cross',
  'gdb-multiarch': 'gdb-multiarch',
  dtc: 'device-tree-compiler',
  iasl: 'acpica-tools',
};

const required = process.env.UNMASKABLE_REQUIRE_TOOLS === '1';

function missingTools() {
  const has = (tool) => spawnSync(tool, ['--version'], { stdio: 'ignore' }).error === undefined;
  return Object.keys(TOOLS).filter((tool) => !has(tool));
}

function reportTools() {
  const missing = missingTools();
  if (missing.length === 0) return;
  const packages = missing.map((tool) => TOOLS[tool]).join(' ');
  say(`unmaskable: not installed here: ${missing.join(', ')}. Tests that need them are skipped.`);
  say(`unmaskable: on Debian: apt-get install ${packages}  (or scripts/setup-debian.sh, which also fetches guests)`);
}

/** Skipped tests without a reason in test/skips.json, by full name. */
function unexplained(files) {
  const allowed = JSON.parse(readFileSync(join(ROOT, 'test', 'skips.json'), 'utf8'));
  const skipped = files.flatMap((file) =>
    file.assertionResults
      .filter((test) => test.status !== 'passed' && test.status !== 'failed')
      .map((test) => `${file.name.slice(ROOT.length + 1)}: ${test.fullName}`),
  );
  return skipped.filter((name) => !allowed.some((entry) => name.startsWith(entry.test)));
}

ensureInstalled();
ensureBuilt();
reportTools();

const report = join(ROOT, '.cache', 'tests.json');
mkdirSync(join(ROOT, '.cache'), { recursive: true });
rmSync(report, { force: true });
const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
const args = [vitest, 'run', ...reporters, ...process.argv.slice(2)];
const run = spawnSync(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });

let results;
try {
  results = JSON.parse(readFileSync(report, 'utf8'));
} catch {
  console.log('0 passed, 1 failed: the test runner ended without a report');
  process.exit(run.status || 1);
}
const brokenFiles = results.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.length === 0,
);
const skips = required ? unexplained(results.testResults) : [];
for (const name of skips) console.log(`SKIPPED without a reason in test/skips.json: ${name}`);
const found = results.numFailedTests + brokenFiles.length + skips.length;
// An error outside every test fails the run as well.
const failed = found === 0 && run.status !== 0 ? 1 : found;
const skipped = results.numPendingTests + results.numTodoTests - skips.length;
console.log(`${results.numPassedTests} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed > 0 ? 1 : 0);
