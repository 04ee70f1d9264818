// What is measured. A benchmark gives rows; a row has a sample for each run, what it must reach and what it aims at.
import { readFileSync } from 'node:fs';
import { besideEachOther, ConsoleGuest } from './consoles.mjs';
import { GROWTH } from './growth.mjs';
import { PEERS } from './peers/peers.mjs';
import { EVERYDAY_NAMES, PROCESS_NAMES, PROGRAMS, SEVEN_NAMES, scaleOf } from './programs.mjs';
import { bareProgram, COMPILER, GDB, geometricMean, measuredHere, missing, PLAIN_INITRD, QEMU } from './tools.mjs';
import { bootSeconds, inTurn } from './turns.mjs';

// ---- guest programs ----

/** The rows of programs that run in the same machines. */
async function programRows(programs, { runs, quick, initrd, say }) {
  const rows = programs.map(({ name, what, must, aim }) => ({
    ...{ name, what, must, aim, better: 'more', unit: 'x', ours: [], theirs: [], samples: [], in: 's' },
  }));
  for (let round = 0; round < runs; round++) {
    const asked = programs.map((program) => ({ program, scale: scaleOf(program, quick) }));
    const found = await besideEachOther({ initrd: initrd(), cpus: programs[0].cpus, programs: asked, round });
    for (const row of rows) {
      const { ours, theirs, checksum } = found[row.name];
      row.ours.push(ours);
      row.theirs.push(theirs);
      row.samples.push(theirs / ours);
      row.checksum = checksum;
    }
    say(`programs on ${programs[0].cpus} CPU(s), run ${round + 1} of ${runs}`);
  }
  return rows;
}

/** Mean and worst of the seven, run by run, when all seven were measured. */
function rowsOfTheSeven(rows) {
  const seven = rows.filter((row) => SEVEN_NAMES.includes(row.name));
  if (seven.length < SEVEN_NAMES.length) return [];
  const byRun = seven[0].samples.map((_, run) => seven.map((row) => row.samples[run]));
  const row = (name, what, samples, must, aim) => ({ name, what, samples, must, aim, better: 'more', unit: 'x' });
  return [
    row('integer-mean', 'geometric mean of the seven integer programs', byRun.map(geometricMean), 0.6, 1.2),
    row(
      'integer-worst',
      'the worst of them',
      byRun.map((ratios) => Math.min(...ratios)),
      0.3,
      0.6,
    ),
  ];
}

/** All chosen programs: those with as many CPUs share machines. */
async function measurePrograms(programs, context) {
  const rows = [];
  for (const cpus of [...new Set(programs.map((program) => program.cpus))])
    rows.push(
      ...(await programRows(
        programs.filter((program) => program.cpus === cpus),
        context,
      )),
    );
  return [...rows, ...rowsOfTheSeven(rows)];
}

// ---- boots ----

const boot = (cpus, must, aim) => ({
  name: `boot-${cpus}`,
  what: `Debian's kernel to the shell and to power-off, ${cpus} CPU(s)`,
  needs: ['guests', QEMU],
  async rows({ runs, say }) {
    const { ours, qemu } = bootSeconds(cpus);
    const found = await inTurn(runs, ours, qemu, say);
    const samples = found.ours.map((seconds, run) => seconds / found.theirs[run]);
    return [{ name: this.name, what: this.what, must, aim, better: 'less', unit: 'x', in: 's', samples, ...found }];
  },
});

// ---- what is measured through the API ----

const times = async (runs, measure) => {
  const found = [];
  for (let run = 0; run < runs; run++) found.push(await measure(run));
  return found;
};

const interpreter = {
  name: 'interpreter',
  what: 'the interpreter alone, booting: steps per second',
  needs: ['guests', COMPILER],
  async rows({ runs, quick, initrd }) {
    const steps = quick ? 20_000_000 : 300_000_000;
    const found = await times(runs, () => measuredHere('interpreter', { initrd: initrd(), steps }));
    const samples = found.map(({ perSecond }) => perSecond / 1e6);
    return [{ name: this.name, what: this.what, samples, better: 'more', unit: ' M/s', must: 50, aim: 150 }];
  },
};

const steps = {
  name: 'steps',
  what: "single steps through the API, each with a look at PC, beside gdb's on QEMU",
  needs: ['guests', COMPILER, QEMU, GDB],
  async rows({ runs, quick, initrd, gdb, say }) {
    const ours = async () =>
      (await measuredHere('steps', { initrd: initrd(), steps: quick ? 20_000 : 500_000 })).perSecond;
    const found = await inTurn(runs, ours, async (run) => (await gdb(run)).stepsPerSecond, say);
    const samples = found.ours.map((perSecond, run) => perSecond / found.theirs[run]);
    return [{ name: this.name, what: this.what, samples, better: 'more', unit: 'x', in: '/s', ...found }];
  },
};

/** What QEMU's process has resident without the guest's RAM, in MiB, with the guest at the shell. */
async function qemuBeyondMib() {
  const guest = ConsoleGuest.qemu({ initrd: PLAIN_INITRD, cpus: 1 });
  try {
    await guest.boot();
    const areas = readFileSync(`/proc/${guest.child.pid}/smaps`, 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
    const of = (area, field) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(area)?.[1] ?? 0);
    const largest = Math.max(...areas.map((area) => of(area, 'Size')));
    const others = areas.filter((area) => of(area, 'Size') !== largest);
    return others.reduce((sum, area) => sum + of(area, 'Rss'), 0) / 1024;
  } finally {
    guest.kill();
  }
}

const memory = {
  name: 'memory',
  what: 'host memory beyond touched guest RAM after a boot to the shell',
  needs: ['guests', QEMU],
  async rows({ runs, say }) {
    const ours = async () => (await measuredHere('memory', { initrd: PLAIN_INITRD, cpus: 1 })).beyondMib;
    const found = await inTurn(runs, ours, qemuBeyondMib, say);
    const row = { name: this.name, what: this.what, better: 'less', unit: ' MiB', must: 400, aim: 150 };
    return [{ ...row, samples: found.ours, in: ' MiB', ...found }];
  },
};

const restore = {
  name: 'restore',
  what: 'restore with 100 dirty pages and the guest 2,000 steps on, devices included',
  needs: ['guests', COMPILER],
  async rows({ runs, quick, initrd }) {
    const options = { initrd: initrd(), memoryMib: 512, dirty: [100], times: quick ? 30 : 1000 };
    const found = await times(runs, () => measuredHere('restore', options));
    const samples = found.map(({ series }) => series[0].us);
    return [{ name: this.name, what: this.what, samples, better: 'less', unit: ' µs', must: 200, aim: 15 }];
  },
};

const inject = {
  name: 'inject',
  what: 'injections per second, each with the outcome after 10,000 steps, in a window of the kernel',
  needs: ['guests', COMPILER, QEMU, GDB],
  async rows({ runs, quick, initrd, gdb, say }) {
    const points = quick ? 300 : 10_000;
    const ours = async () => (await measuredHere('inject', { initrd: initrd(), points })).perSecond;
    const found = await inTurn(runs, ours, async (run) => (await gdb(run)).perSecond, say);
    const ratio = { name: 'inject-ratio', what: 'the same beside gdb and QEMU', better: 'more', unit: 'x', in: '/s' };
    const samples = found.ours.map((perSecond, run) => perSecond / found.theirs[run]);
    return [
      { name: this.name, what: this.what, samples: found.ours, better: 'more', unit: ' /s', must: 2000, aim: 50_000 },
      { ...ratio, samples, must: 150, aim: 4000, ...found },
    ];
  },
};

const explored = {
  name: 'explore',
  what: 'the same by explore(): the whole state compared 10,000 steps behind the window, or when it is as before again',
  needs: ['guests', COMPILER],
  async rows({ runs, quick, initrd }) {
    const points = quick ? 300 : 2000;
    const rows = [];
    for (const [name, converge] of [
      ['explore-to-end', false],
      ['explore', true],
    ]) {
      const found = await times(runs, () => measuredHere('explore', { initrd: initrd(), points, converge }));
      const samples = found.map(({ perSecond }) => perSecond);
      rows.push({ name, what: this.what, samples, better: 'more', unit: ' /s' });
    }
    return rows;
  },
};

const exactness = {
  name: 'exactness',
  what: 'cost of exact grants: the seven programs against the same engine without a budget',
  needs: [COMPILER],
  async rows({ runs, quick }) {
    const seven = PROGRAMS.filter(({ name }) => SEVEN_NAMES.includes(name));
    const programs = seven.map((program) => ({
      name: program.name,
      bytes: bareProgram(program.name, Math.ceil(scaleOf(program, quick) / 2)).toString('base64'),
    }));
    const side = (charged) => () => measuredHere('exactness', { programs, charged });
    const found = await inTurn(runs, side(true), side(false));
    const percent = (run) => {
      const ratios = programs.map(({ name }) => {
        const [charged, free] = [found.ours[run][name], found.theirs[run][name]];
        if (charged.checksum !== free.checksum) throw new Error(`${name}: the checksum differs without a budget`);
        return charged.seconds / free.seconds;
      });
      return (geometricMean(ratios) - 1) * 100;
    };
    const samples = found.ours.map((_, run) => percent(run));
    return [{ name: this.name, what: this.what, samples, better: 'less', unit: ' %', must: 15, aim: 3 }];
  },
};

const programBench = (program) => ({
  name: program.name,
  what: `${program.what}${program.cpus > 1 ? '' : ', 1 CPU'}`,
  needs: ['guests', COMPILER, QEMU],
  program,
});

const PROGRAM_BENCHES = PROGRAMS.map(programBench);
const BOOTS = [boot(1, 3, 1.5), boot(4, 4, 2)];
const API = [interpreter, steps, memory, restore, inject, explored, exactness];

/** Names that stand for several benchmarks. */
export const GROUPS = {
  seven: SEVEN_NAMES,
  everyday: EVERYDAY_NAMES,
  processes: PROCESS_NAMES,
  programs: PROGRAM_BENCHES.map(({ name }) => name),
  boot: BOOTS.map(({ name }) => name),
  api: API.map(({ name }) => name),
  growth: GROWTH.map(({ name }) => name),
  peers: PEERS.map(({ name }) => name),
};

/** Every benchmark there is. */
export const BENCHES = [...PROGRAM_BENCHES, ...BOOTS, ...API, ...GROWTH, ...PEERS];

/** What runs when nothing is named: what has a limit, and its like. */
export const DEFAULT_NAMES = [...PROGRAM_BENCHES, ...BOOTS, ...API].map(({ name }) => name);

/**
 * Runs benchmarks: `{ rows }` of those that ran, `{ name, reason }` of those that were skipped or failed.
 *
 * @param told - is told each row or skip when it is there
 */
export async function measure(benches, context, told) {
  const able = [];
  for (const bench of benches) {
    const reason = missing(...bench.needs) ?? bench.absent?.();
    if (reason) told({ skipped: bench.name, reason });
    else able.push(bench);
  }
  const programs = able.filter((bench) => bench.program);
  const jobs = able
    .filter((bench) => !bench.program)
    .map((bench) => ({ name: bench.name, rows: () => bench.rows(context) }));
  if (programs.length > 0) {
    const rows = () =>
      measurePrograms(
        programs.map(({ program }) => program),
        context,
      );
    jobs.unshift({ name: programs.map(({ name }) => name).join(', '), rows });
  }
  for (const job of jobs) {
    try {
      for (const row of await job.rows()) told({ row });
    } catch (error) {
      told({ failed: job.name, reason: error.message });
    }
  }
}
