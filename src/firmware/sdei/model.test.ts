import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EVENTS, PES } from '../../../test/conformance/model.ts';
import {
  KINDS,
  narrowed,
  PREPARED,
  runSequence,
  type Seen,
  type Step,
  WANTED,
} from '../../../test/conformance/sequences.ts';

const STEPS = 100;
const RUNS = 300;
/** `npm run sdei:sequences` takes as many sequences as give twenty of each. */
const LEAST = 1;

const STEP: fc.Arbitrary<Step> = fc.tuple(
  fc.oneof(...KINDS.map(([weight, ...kinds]) => ({ weight, arbitrary: fc.constantFrom(...kinds) }))),
  fc.nat(PES - 1),
  fc.constantFrom(...EVENTS),
  fc.nat(PES - 1),
);

describe.each(['spec', 'tf-a'] as const)('random calls and triggers in profile %s', (profile) => {
  test('every answer, every delivery and every state is the model’s', () => {
    const seen: Seen = new Map();
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.boolean(),
        fc.array(STEP, { minLength: STEPS, maxLength: STEPS, size: 'max' }),
        (prepared, narrow, steps) => {
          const taken = [...(prepared ? PREPARED : []), ...(narrow ? narrowed(steps) : steps)];
          const difference = runSequence(profile, taken, seen);
          if (difference) expect(difference.found, `step ${difference.step}`).toEqual(difference.expected);
        },
      ),
      { numRuns: RUNS, seed: 4 },
    );
    // Each call met each of its outcomes: a generator that has gone dull fails here.
    const dull = WANTED.filter((name) => (seen.get(name) ?? 0) < LEAST);
    expect(dull.map((name) => `${name}: ${seen.get(name) ?? 0}`)).toEqual([]);
  });
});
