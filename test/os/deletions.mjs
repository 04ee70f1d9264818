/**
 * Deletes one line that masks, locks, unlocks or acknowledges from the kernel kit and the SDEI client, and looks
 * whether a few storms notice; fifty times. `node test/os/deletions.mjs [COUNT] [SEED]`, after a build.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';

const ROOT = join(import.meta.dirname, '../..');
const [count = 50, seed = 1] = process.argv.slice(2).map(Number);
const STORMS = 14;
const TIMEOUT_MS = 120_000;
/** Files whose lines are deleted, as the build has them. */
const FILES = [
  'os/sdei/client.js',
  'os/sdei/lifecycle.js',
  'os/sdei/entry.js',
  'os/kit/smp.js',
  'os/kit/cpu.js',
  'os/kit/entry.js',
  'os/kit/boot.js',
  'os/irqflags/pmr.js',
  'os/irqflags/daif.js',
];
/** Lines that are one step of masking, locking or acknowledging. */
const LINE =
  /^\s*yield\* (?=.*(?:[lL]ock|[mM]ask|MASK|DAIF|daif|PMR|gic\.(?:end|enable)|irq\.|note\(|nmiE|unlock)).*;$/;

const work = mkdtempSync(join(tmpdir(), 'unmaskable-deletions-'));
cpSync(join(ROOT, 'dist'), join(work, 'src'), { recursive: true });
mkdirSync(join(work, 'test/os'), { recursive: true });
mkdirSync(join(work, 'test/support'), { recursive: true });
writeFileSync(join(work, 'package.json'), '{ "type": "module" }');
for (const file of ['test/os/storm', 'test/support/os-run', 'test/support/rng']) {
  const text = readFileSync(join(ROOT, `${file}.ts`), 'utf8').replace(/(from '[^']*)\.ts'/g, "$1.js'");
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  });
  writeFileSync(join(work, `${file}.js`), outputText);
}
writeFileSync(
  join(work, 'run.mjs'),
  `import { runStorm, stormOf } from './test/os/storm.js';
for (let n = 0; n < ${STORMS}; n++) {
  let failure;
  try { failure = runStorm(stormOf(n)); } catch (error) { failure = String(error); }
  if (failure !== undefined) { console.log('storm ' + n + ': ' + failure.split('\\n')[0]); process.exit(1); }
}`,
);

const sites = FILES.flatMap((file) =>
  readFileSync(join(work, 'src', file), 'utf8')
    .split('\n')
    .flatMap((line, n) => (LINE.test(line) && !/Locked\(/.test(line) ? [{ file, n, line: line.trim() }] : [])),
);
let state = BigInt(seed) * 0x9e3779b97f4a7c15n + 1n;
const random = (below) => {
  state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
  return Number((state >> 33n) % BigInt(below));
};
const chosen = [];
while (chosen.length < Math.min(count, sites.length)) {
  const [site] = sites.splice(random(sites.length), 1);
  chosen.push(site);
}

let found = 0;
for (const { file, n, line } of chosen) {
  const path = join(work, 'src', file);
  const before = readFileSync(path, 'utf8');
  writeFileSync(path, before.split('\n').toSpliced(n, 1, ';').join('\n'));
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(work, 'run.mjs')], {
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  });
  writeFileSync(path, before);
  const how = status === 0 ? 'NOT FOUND' : status === null ? 'no end' : (stdout || stderr).split('\n')[0];
  if (status !== 0) found++;
  console.log(`${file}:${n + 1}: ${line}\n    ${how}`);
}
console.log(`${found} of ${chosen.length} deletions found by ${STORMS} storms`);
rmSync(work, { recursive: true });
