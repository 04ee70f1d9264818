/** The command `npm run os:storms`. */
import { parseArgs } from 'node:util';
import { newTally, runStorm, stormOf, type Tally } from './storm.ts';

/** Storms between two lines that say how far it is. */
const SAY_EVERY = 500;
/** Failures after which a run ends. */
const FAILURES_MAX = 5;

/** What a run of storms came to. */
export interface Storms {
  readonly failures: readonly { readonly seed: number; readonly what: string }[];
  /** Storms that were run. */
  readonly count: number;
  readonly tally: Tally;
}

/** Runs the storms of so many numbers from one on. */
export function runStorms(from: number, count: number, say: (line: string) => void = () => {}): Storms {
  const tally = newTally();
  const failures: { seed: number; what: string }[] = [];
  let done = 0;
  while (done < count && failures.length < FAILURES_MAX) {
    const seed = from + done;
    const what = runStorm(stormOf(seed), {}, tally);
    done++;
    if (what !== undefined) {
      failures.push({ seed, what });
      say(`storm ${seed}: ${what}\nagain: npm run os:storms -- --only ${seed}`);
    }
    if (done % SAY_EVERY === 0) say(`storms ${from} to ${seed}: ${failures.length} failures`);
  }
  return { failures, count: done, tally };
}

/** What happened in storms, all together and in one of them. */
export function tallyLines({ count, tally }: Storms): string[] {
  const each = (n: number): string => `${n} (${(n / count).toFixed(1)} a storm)`;
  return [
    `  events handled: ${each(tally.dispatched)}, ` +
      `${tally.critical} of them critical, ${tally.nested} inside a normal one`,
    `  CPUs off: ${each(tally.offs)}, on again: ${each(tally.ons)}; all CPUs masked or frozen: ${each(tally.sleeps)}`,
    `  unregistrations that had to be tried again: ${each(tally.retries)}`,
    `  records of hardware errors acted on: ${each(tally.records)}; steps: ${each(tally.steps)}`,
  ];
}

/**
 * Random storms against the SDEI client.
 *
 * @returns exit status: 0 when nothing is lost, stuck or left, 1 otherwise, 2 when the arguments make no sense
 */
export function stormsCommand(args: readonly string[], say: (line: string) => void = console.log): number {
  const { values } = parseArgs({
    args: [...args],
    options: {
      count: { type: 'string', default: '10000' },
      from: { type: 'string', default: '0' },
      only: { type: 'string' },
    },
  });
  for (const name of ['count', 'from', 'only'] as const) {
    const text = values[name];
    if (text === undefined || /^\d{1,9}$/.test(text)) continue;
    say(`os:storms: --${name} '${text}': it takes a whole number`);
    return 2;
  }
  const from = Number(values.only ?? values.from);
  const storms = runStorms(from, values.only === undefined ? Number(values.count) : 1, say);
  const { failures, count } = storms;
  say(`storms ${from} to ${from + count - 1}: ${failures.length} of ${count} failed`);
  for (const line of tallyLines(storms)) say(line);
  return failures.length > 0 ? 1 : 0;
}
