// How cost grows as work grows: series for plots. They have no limit of their own; what counts is their shape.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMMAND, COMPILER, KERNEL, measuredHere, median, PLAIN_INITRD, QEMU, start } from './tools.mjs';
import { bootSeconds, inTurn } from './turns.mjs';

const bootGrowth = {
  name: 'growth-boot',
  what: 'boot to power-off against CPUs: 1, 2, 4, 8',
  needs: ['guests', QEMU],
  async rows({ runs, quick, say }) {
    const [ours, theirs] = [[], []];
    for (const cpus of quick ? [1, 2] : [1, 2, 4, 8]) {
      const both = bootSeconds(cpus);
      const found = await inTurn(runs, both.ours, both.qemu, say);
      ours.push([cpus, median(found.ours)]);
      theirs.push([cpus, median(found.theirs)]);
    }
    const series = { x: 'CPUs', y: 's', lines: { unmaskable: ours, QEMU: theirs } };
    return [{ name: this.name, what: this.what, better: 'less', unit: ' s', samples: [ours.at(-1)[1]], series }];
  },
};

const restoreByPages = {
  name: 'growth-restore-pages',
  what: 'restore against dirty pages, 512 MiB',
  needs: ['guests', COMPILER],
  async rows({ quick, initrd }) {
    const dirty = quick ? [1, 100] : [1, 10, 30, 100, 300, 1000, 3000, 10_000];
    const options = { initrd: initrd(), memoryMib: 512, dirty, times: quick ? 20 : 200 };
    const { series } = await measuredHere('restore', options);
    const points = series.map(({ pages, us }) => [pages, us]);
    const lines = { x: 'dirty pages', y: 'µs', lines: { restore: points } };
    const samples = [points.at(-1)[1]];
    return [{ name: this.name, what: this.what, better: 'less', unit: ' µs', samples, series: lines }];
  },
};

const restoreByRam = {
  name: 'growth-restore-ram',
  what: 'restore with 100 dirty pages against the size of RAM',
  needs: ['guests', COMPILER],
  async rows({ quick, initrd }) {
    const points = [];
    for (const memoryMib of quick ? [256, 512] : [256, 512, 1024, 2048, 3072]) {
      const options = { initrd: initrd(), memoryMib, dirty: [100], times: quick ? 20 : 500 };
      const { series } = await measuredHere('restore', options);
      points.push([memoryMib, series[0].us]);
    }
    const lines = { x: 'MiB of RAM', y: 'µs', lines: { restore: points } };
    const samples = [points.at(-1)[1]];
    return [{ name: this.name, what: this.what, better: 'less', unit: ' µs', samples, series: lines }];
  },
};

const campaign = {
  name: 'growth-campaign',
  what: 'a campaign of injections against its points',
  needs: ['guests', COMPILER],
  async rows({ quick, initrd }) {
    const points = [];
    for (const count of quick ? [128, 256] : [500, 1000, 2000, 4000, 8000]) {
      const { seconds } = await measuredHere('inject', { initrd: initrd(), points: count });
      points.push([count, seconds]);
    }
    const lines = { x: 'points', y: 's', lines: { campaign: points } };
    const samples = [points.at(-1)[1]];
    return [{ name: this.name, what: this.what, better: 'less', unit: ' s', samples, series: lines }];
  },
};

/** A key's interrupt on Debian's kernel, with an SDEI event at every boundary from there. */
const scenario = (boundaries) => `
title: campaign
machine: { kernel: ${JSON.stringify(KERNEL)}, initrd: ${JSON.stringify(PLAIN_INITRD)}, append: console=ttyAMA0 }
prepare:
  - until: { console: '# $' }
  - handler: 0
  - type: "ls /proc\\n"
window: { from: { pc: el1h_64_irq }, to: { steps: ${boundaries} } }
events: ['sdei:0']
`;

/** Long enough that other threads are worth their start. */
const WORKERS_BOUNDARIES = 320_000;

const workers = {
  name: 'growth-workers',
  what: 'runs per second of a campaign of 320,000 points against workers, up to the cores there are',
  needs: ['guests'],
  async rows({ quick, runs }) {
    const folder = mkdtempSync(join(tmpdir(), 'unmaskable-bench-'));
    const path = join(folder, 'campaign.yaml');
    writeFileSync(path, scenario(quick ? 500 : WORKERS_BOUNDARIES));
    const rates = new Map();
    for (let count = 1; count <= availableParallelism(); count *= 2) rates.set(count, []);
    try {
      // In turn: a host that is busy for a while slows all of them.
      for (let run = 0; run < runs; run++) {
        for (const [count, found] of rates) {
          const { status, stderr } = await ended([COMMAND, 'explore', path, '--workers', `${count}`, '--quiet']);
          const [, rate] = /done; (\d+) runs per second/.exec(stderr) ?? [];
          if (status !== 0 || rate === undefined) throw new Error(`explore ended with ${status}: ${stderr}`);
          found.push(Number(rate));
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    const points = [...rates].map(([count, found]) => [count, median(found)]);
    const lines = { x: 'workers', y: 'runs per second', lines: { campaign: points } };
    const samples = [points.at(-1)[1]];
    return [{ name: this.name, what: this.what, better: 'more', unit: ' /s', samples, series: lines }];
  },
};

/** Runs Node to its end: exit code and standard error. */
function ended(args) {
  const child = start(process.execPath, args);
  let stderr = '';
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  child.stdout.resume();
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, stderr })));
}

/** Everything that is plotted. */
export const GROWTH = [bootGrowth, restoreByPages, restoreByRam, campaign, workers];
