/** The command `npm run sdei:sequences`. */
import { parseArgs } from 'node:util';
import { SDEI_PROFILES, type SdeiProfile } from '../../src/firmware/sdei/choices.ts';
import { Rng } from '../support/rng.ts';
import { EVENTS, PES } from './model.ts';
import { KINDS, narrowed, PREPARED, runSequence, type Seen, type Step, WANTED } from './sequences.ts';

const STEPS = 100;
/** Sequences from which on counts are judged. */
const COUNTED = 10_000;
/** Least count of every cell of the state table and of every answer of every call. */
const LEAST = 20;
const WEIGHTED = KINDS.flatMap(([weight, ...kinds]) => Array.from({ length: weight }, () => kinds).flat());

/** Sequence `n` of a seed: a quarter each from fresh or prepared PEs, on many events or few. */
function sequence(seed: string, n: number): Step[] {
  const rng = new Rng(`${seed}/${n}`);
  const steps = Array.from(
    { length: STEPS },
    (): Step => [rng.pick(WEIGHTED), rng.below(PES), rng.pick(EVENTS), rng.below(PES)],
  );
  return [...(n % 2 ? PREPARED : []), ...(n % 4 < 2 ? steps : narrowed(steps))];
}

function run(profile: SdeiProfile, seed: string, first: number, last: number): boolean {
  const seen: Seen = new Map();
  for (let n = first; n < last; n++) {
    const steps = sequence(seed, n);
    const difference = runSequence(profile, steps, seen);
    if (!difference) continue;
    console.log(`profile ${profile}, sequence ${n}, step ${difference.step}: ${steps[difference.step]?.join(' ')}`);
    console.log(`found    ${JSON.stringify(difference.found)}\nexpected ${JSON.stringify(difference.expected)}`);
    console.log(`again: npm run sdei:sequences -- --seed ${seed} --only ${n}`);
    return false;
  }
  console.log(`profile ${profile}: ${last - first} sequences of ${STEPS} steps and more on ${PES} PEs, no difference`);
  for (const [name, count] of [...seen].sort(([a], [b]) => (a < b ? -1 : 1))) console.log(`  ${name}: ${count}`);
  const rare = last - first < COUNTED ? [] : WANTED.filter((name) => (seen.get(name) ?? 0) < LEAST);
  for (const name of rare) console.log(`  fewer than ${LEAST}: ${name}`);
  return rare.length === 0;
}

/**
 * Random sequences of calls and triggers, compared with the model behind every step; prints what was met and how often.
 *
 * @returns exit status: 0 when nothing differs and nothing is rare, 1 otherwise, 2 when the arguments make no sense
 */
export function sequencesCommand(args: readonly string[]): number {
  const { values } = parseArgs({
    args: [...args],
    options: {
      count: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      profile: { type: 'string' },
    },
  });
  for (const name of ['count', 'only'] as const) {
    const text = values[name];
    if (text === undefined || /^\d{1,9}$/.test(text)) continue;
    console.error(`sdei:sequences: --${name} takes a number, not '${text}'`);
    return 2;
  }
  const profiles = SDEI_PROFILES.filter((profile) => (values.profile ?? profile) === profile);
  if (profiles.length === 0) {
    console.error(`sdei:sequences: --profile '${values.profile}': known are ${SDEI_PROFILES.join(', ')}`);
    return 2;
  }
  const first = Number(values.only ?? 0);
  const last = values.only === undefined ? Number(values.count) : first + 1;
  return profiles.map((profile) => run(profile, values.seed, first, last)).includes(false) ? 1 : 0;
}
