/** The command `npm run lockstep`. */
import { parseArgs } from 'node:util';
import { Churn } from './churn.ts';
import { Lockstep, type LockstepOptions } from './lockstep.ts';
import { LOOPS, speedOf } from './speed.ts';

/** Programs after which new machines are made: a program may depend on what the ones before it left compiled. */
const PROGRAMS_PER_MACHINE = 200;
const STEPS = 6000;
/** Steps in which a program becomes hot by itself. */
const LONG_STEPS = 400_000;
/** Differences that are printed in full; those that follow mostly repeat them. */
const DIFFERENCES_SHOWN_MAX = 5;
const HEAT_PERCENT = [2, 20, 100] as const;

/** How the program of a number is run: every tenth one for long, without help to become hot. */
export function optionsOf(n: number): LockstepOptions {
  if (n % 10 === 9) return { steps: LONG_STEPS, heatPercent: 0, changes: n % 20 === 9 };
  return { steps: STEPS, heatPercent: HEAT_PERCENT[n % 3]!, changes: n % 4 !== 3 };
}

/**
 * Compares programs, or with `--churn` compiles regions again and again, or with `--speed` measures, and prints what
 * was found.
 *
 * @returns exit status: 0 when nothing differs, 1 when something does, 2 when the arguments make no sense
 */
export function lockstepCommand(args: readonly string[]): number {
  const { values } = parseArgs({
    args: [...args],
    options: {
      programs: { type: 'string', default: '300' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      churn: { type: 'string' },
      speed: { type: 'boolean', default: false },
    },
  });
  for (const name of ['programs', 'only', 'churn'] as const) {
    const text = values[name];
    if (text === undefined || /^\d+$/.test(text)) continue;
    console.error(`lockstep: --${name} takes a number, not '${text}'`);
    return 2;
  }
  if (values.churn !== undefined) return churn(Number(values.churn));
  if (values.speed) return speed();
  const first = Number(values.only ?? 0);
  const last = values.only === undefined ? Number(values.programs) : first + 1;
  return programs(values.seed, first, last);
}

function programs(seed: string, first: number, last: number): number {
  let [done, steps, inside, comparisons, regions, differences] = [0, 0, 0, 0, 0, 0];
  for (let from = first; from < last; from += PROGRAMS_PER_MACHINE) {
    const lockstep = new Lockstep();
    for (let n = from; n < Math.min(last, from + PROGRAMS_PER_MACHINE); n++) {
      try {
        lockstep.run(`${seed} ${n}`, optionsOf(n));
      } catch (e) {
        if (++differences > DIFFERENCES_SHOWN_MAX) continue;
        console.log(`${(e as Error).message}\n  again: npm run lockstep -- --seed ${seed} --only ${n}`);
      }
    }
    done += lockstep.tally.programs;
    steps += lockstep.tally.steps;
    comparisons += lockstep.tally.comparisons;
    inside += lockstep.inside.steps;
    regions += lockstep.compiled.compiledRegions;
  }
  console.log(
    `${done} programs, ${steps} steps, ${comparisons} comparisons, ${regions} regions compiled, ` +
      `${inside} steps in them, ${differences} differences (seed ${seed})`,
  );
  return differences === 0 ? 0 : 1;
}

function churn(compilations: number): number {
  const c = new Churn();
  const mib = (): string => (process.memoryUsage().rss / 2 ** 20).toFixed(0);
  const parts = 10;
  console.log(`before: ${mib()} MiB resident`);
  const start = performance.now();
  for (let n = 1; n <= parts; n++) {
    c.run((compilations * n) / parts);
    console.log(`${c.compilations} compilations: ${mib()} MiB resident, ${c.slotsUsed} places in the table ever used`);
  }
  const ms = (performance.now() - start) / c.compilations;
  console.log(`${ms.toFixed(2)} ms for each, running included`);
  return 0;
}

function speed(): number {
  console.log('millions of steps per second: compiled, interpreter');
  for (const [name, loop] of Object.entries(LOOPS)) {
    const [fast, slow] = (['compiled', 'interpreter'] as const).map((engine) =>
      speedOf(loop, engine, () => performance.now()).toFixed(0),
    );
    console.log(`${name.padEnd(16)}${fast!.padStart(6)}${slow!.padStart(6)}`);
  }
  return 0;
}
