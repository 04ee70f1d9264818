// `npm run bench [-- NAME] [--runs N] [--json FILE]`: this machine beside QEMU's, in one sitting, as ratios.
//
// The two run in turn, A B A B, so that a host that is busy for a while slows both. What counts is the ratio.

import { writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { ensureBuilt, ensureInstalled } from '../scripts/checkout.mjs';
import { BENCHES } from './benches.mjs';

function fail(text) {
  process.stderr.write(`bench: ${text}\n`);
  process.exit(2);
}

function options(argv) {
  const found = { runs: 3, json: undefined, names: [] };
  for (let i = 0; i < argv.length; i++) {
    if (argv[i] === '--runs') found.runs = Number(argv[++i]);
    else if (argv[i] === '--json') found.json = argv[++i];
    else found.names.push(argv[i]);
  }
  if (!Number.isInteger(found.runs) || found.runs < 1) fail('--runs takes a whole number, 1 or more');
  const unknown = found.names.find((n) => !BENCHES.some((b) => b.name === n));
  if (unknown) fail(`'${unknown}' is no benchmark. Known: ${BENCHES.map((b) => b.name).join(', ')}`);
  return found;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const seconds = (s) => `${s.toFixed(2)} s`;

async function measure(bench, runs) {
  const rows = [];
  for (let n = 0; n < runs; n++) rows.push({ ours: await bench.ours(), qemu: await bench.qemu() });
  const ratios = rows.map((r) => r.ours / r.qemu);
  return {
    name: bench.name,
    what: bench.what,
    oursSeconds: rows.map((r) => r.ours),
    qemuSeconds: rows.map((r) => r.qemu),
    ratio: { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) },
  };
}

const { runs, json, names } = options(process.argv.slice(2));
ensureInstalled();
ensureBuilt();
const host = {
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  memoryBytes: totalmem(),
  kernel: release(),
  node: process.version,
};
console.log(
  `${host.cores} x ${host.cpu}, Node ${host.node}, load ${loadavg()[0].toFixed(1)}; ${runs} runs of each, in turn`,
);
const results = [];
for (const bench of BENCHES.filter((b) => names.length === 0 || names.includes(b.name))) {
  const reason = bench.missing();
  if (reason) {
    console.log(`${bench.name}: SKIP, ${reason}`);
    continue;
  }
  const result = await measure(bench, runs);
  results.push(result);
  const { ratio } = result;
  const times = `${seconds(median(result.oursSeconds))}, QEMU ${seconds(median(result.qemuSeconds))}`;
  console.log(
    `${result.name}: ${times}, ratio ${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)}); ${result.what}`,
  );
}
if (json) writeFileSync(json, `${JSON.stringify({ host, runs, results }, null, 2)}\n`);
