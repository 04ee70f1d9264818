// `npm run bench [-- NAME...] [--list] [--runs N] [--quick] [--json FILE] [--plots FOLDER]`: this machine beside
// QEMU's, in one sitting, as ratios.
//
// The two run in turn, and the order changes from run to run, so that a host that is busy for a while slows both. What
// counts is the ratio.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled } from '../scripts/checkout.mjs';
import { BENCHES, DEFAULT_NAMES, GROUPS, measure } from './benches.mjs';
import { plot } from './plot.mjs';
import { gdbInjects } from './qemu/gdb.mjs';
import { dataOf, seriesOf, tableOf, verdictOf } from './table.mjs';
import { initrdWithPrograms, QEMU } from './tools.mjs';

const USAGE = 'npm run bench [-- NAME...] [--list] [--runs N] [--quick] [--json FILE] [--plots FOLDER]';
const HELP = `${USAGE}
  this machine beside QEMU's, in one sitting, as ratios; without a NAME all that has a limit
  --list          every benchmark, and the names that stand for several
  --runs N        of each benchmark, in turn; default 5
  --quick         one short run of each: no figures, only proof that it runs
  --json FILE     figures and host as data
  --plots FOLDER  an SVG for each series: npm run bench -- growth --plots FOLDER
  exit code 0; 1 when a benchmark failed, 2 for a mistake in the arguments`;

function fail(text) {
  process.stderr.write(`bench: ${text}\n${USAGE}\n`);
  process.exit(2);
}

function options(argv) {
  const found = { runs: undefined, quick: false, list: false, json: undefined, plots: undefined, names: [] };
  const rest = [...argv];
  const value = (option) => rest.shift() ?? fail(`${option} needs a value`);
  while (rest.length > 0) {
    const word = rest.shift();
    if (word === '--runs') found.runs = Number(value(word));
    else if (word === '--json') found.json = value(word);
    else if (word === '--plots') found.plots = value(word);
    else if (word === '--quick') found.quick = true;
    else if (word === '--list') found.list = true;
    else if (word === '--help' || word === '-h') {
      console.log(HELP);
      process.exit(0);
    } else if (word.startsWith('-')) fail(`'${word}' is no option`);
    else found.names.push(...(GROUPS[word] ?? [word]));
  }
  found.runs ??= found.quick ? 1 : 5;
  if (!Number.isInteger(found.runs) || found.runs < 1) fail('--runs takes a whole number, 1 or more');
  const unknown = found.names.find((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown) fail(`'${unknown}' is no benchmark. npm run bench -- --list shows them all`);
  if (found.names.length === 0) found.names = DEFAULT_NAMES;
  return found;
}

function list() {
  const width = Math.max(...BENCHES.map(({ name }) => name.length));
  for (const { name, what } of BENCHES) console.log(`${name.padEnd(width)}  ${what}`);
  for (const [name, names] of Object.entries(GROUPS)) console.log(`${name.padEnd(width)}  = ${names.join(' ')}`);
}

/** The host as far as figures depend on it. */
function hostOf() {
  const version = spawnSync(QEMU, ['--version'], { encoding: 'utf8' }).stdout?.split('\n')[0];
  return {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    v8: process.versions.v8,
    qemu: version || 'not installed',
    startedAt: new Date().toISOString(),
    loadAtStart: loadavg(),
  };
}

const { runs, quick, names, json, plots, list: listOnly } = options(process.argv.slice(2));
if (listOnly) {
  list();
  process.exit(0);
}
ensureInstalled();
ensureBuilt();
const host = hostOf();
console.log(`${host.cores} x ${host.cpu}, Node ${host.node}, ${host.qemu}, load ${host.loadAtStart[0].toFixed(1)}`);
console.log(`${runs} run(s) of each, in turn${quick ? ', short: these are no figures, only proof that it runs' : ''}`);

const made = {};
/** Made once, when first asked for. */
const once = (name, make) => (made[name] ??= make());
const context = {
  runs,
  quick,
  initrd: () => once('initrd', initrdWithPrograms),
  gdb: (run) => once(`gdb ${run}`, () => gdbInjects({ initrd: context.initrd(), points: quick ? 4 : 12 })),
  say: (text) => process.stderr.isTTY && process.stderr.write(`bench: ${text}\n`),
};

const [rows, notes] = [[], []];
const chosen = BENCHES.filter(({ name }) => names.includes(name));
await measure(chosen, context, ({ row, skipped, failed, reason }) => {
  if (row) {
    rows.push(row);
    process.stderr.write(`bench: ${tableOf([row], !quick).split('\n')[1]}\n`);
    return;
  }
  notes.push({ name: skipped ?? failed, outcome: skipped ? 'skipped' : 'failed', reason });
  process.stderr.write(`bench: ${skipped ?? failed}: ${skipped ? 'SKIP' : 'FAILED'}, ${reason}\n`);
});

if (rows.length > 0) console.log(`\n${tableOf(rows, !quick)}`);
for (const { name, series } of rows) if (series) console.log(`${name}: ${seriesOf(series)}`);
for (const { name, outcome, reason } of notes) console.log(`${name}: ${outcome}, ${reason.split('\n')[0]}`);
const missed = rows.filter((row) => !quick && verdictOf(row) === 'MISSED').map(({ name }) => name);
if (missed.length > 0) console.log(`must not reached: ${missed.join(', ')}`);
if (json) {
  const data = { host: { ...host, loadAtEnd: loadavg() }, runs, quick, rows: rows.map(dataOf), notes };
  writeFileSync(json, `${JSON.stringify(data, null, 2)}\n`);
}
if (plots) {
  mkdirSync(plots, { recursive: true });
  for (const { name, what, series } of rows) if (series) writeFileSync(join(plots, `${name}.svg`), plot(what, series));
}
process.exit(notes.some(({ outcome }) => outcome === 'failed') ? 1 : 0);
