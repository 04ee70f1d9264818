// `npm run explore:hosted [-- NAME...]`: every scenario in scenarios/hosted as it should be, and with each of its
// variants; of each variant what was found first, and whether the line that replays it works. Minutes for all.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, ROOT } from './checkout.mjs';

// Tests have built elsewhere.
const root = process.env.UNMASKABLE_BUILT ?? ROOT;
if (root === ROOT) {
  ensureInstalled();
  ensureBuilt();
}
const folder = mkdtempSync(join(tmpdir(), 'unmaskable-hosted-'));
const report = join(folder, 'report.json');
const command = (...args) =>
  spawnSync(process.execPath, [join(root, 'bin', 'unmaskable.mjs'), ...args], { encoding: 'utf8' });

/** Names that a scenario takes, as it says itself. */
function variantsOf(path) {
  const { stderr } = command('explore', path, '--variant', '?');
  const [, names] = /It has: (.*)\.\n/.exec(stderr) ?? [];
  if (names === undefined) throw new Error(`${path}: ${stderr}`);
  return names.split(', ');
}

/** Explores, and replays what was found. */
function tried(path, variant) {
  const more = variant === undefined ? [] : ['--variant', variant];
  const from = Date.now();
  const { status, stderr } = command('explore', path, ...more, '--report', report, '--quiet');
  if (status !== 0 && status !== 1) return { text: stderr.trim(), right: false };
  const seconds = Math.round((Date.now() - from) / 1000);
  const { kinds, coverage } = JSON.parse(readFileSync(report, 'utf8')).report;
  const failures = kinds.filter(({ failure }) => failure);
  const [first] = failures.sort((a, b) => (a.first.case.point ?? 0) - (b.first.case.point ?? 0));
  const runs = `${coverage.cases} runs at ${coverage.tried} boundaries in ${seconds} s`;
  if (!first) return { text: `nothing in ${runs}`, right: variant === undefined };
  const replayed = command('replay', `${report}#${first.number}`).status === 0;
  const count = failures.reduce((sum, kind) => sum + kind.count, 0);
  const outcomes = [...new Set(failures.map(({ outcome }) => outcome))].join(', ');
  const place = `first at boundary ${first.first.case.point}`;
  const text = `${outcomes}: ${count} of ${runs}, ${place}; the replay ${replayed ? 'has it again' : 'FAILS'}`;
  return { text, right: variant !== undefined && replayed };
}

const names = readdirSync(join(ROOT, 'scenarios', 'hosted'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.replace(/\.ts$/, ''));
const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !names.includes(name));
if (unknown !== undefined) {
  const help = unknown === '--help';
  console.log(`${help ? '' : `explore:hosted: there is no '${unknown}'\n`}npm run explore:hosted [-- NAME...]`);
  console.log(`  known: ${names.join(', ')}; default all`);
  process.exit(help ? 0 : 2);
}

let wrong = 0;
try {
  for (const name of wanted.length > 0 ? wanted : names) {
    const path = join(ROOT, 'scenarios', 'hosted', `${name}.ts`);
    for (const variant of [undefined, ...variantsOf(path)]) {
      const { text, right } = tried(path, variant);
      if (!right) wrong++;
      console.log(`${name}${variant === undefined ? '' : ` ${variant}`}: ${text}${right ? '' : '   <- WRONG'}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(wrong === 0 ? 'each variant is found, and nothing else' : `${wrong} are not as they should be`);
process.exitCode = wrong === 0 ? 0 : 1;
