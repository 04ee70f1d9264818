import { describe, expect, it } from 'vitest';
import { haveKexec } from './kexec-guest.ts';
import { type RoundsPlan, runRounds } from './kexec-rounds.ts';
import { TIMEOUT_MS } from './suite.ts';

/** The long form is `npm run kexec -- rounds`: 20 rounds, 1 and 4 CPUs, each way. */
const CHAINS: readonly RoundsPlan[] = [
  { way: 'VHE', cpus: 4, rounds: 2 },
  { way: 'nVHE', cpus: 2, rounds: 1 },
];

describe.skipIf(!haveKexec)(
  "kexec of Debian's kernel (needs scripts/guests.mjs to have run)",
  { timeout: 3 * TIMEOUT_MS },
  () => {
    it.each(CHAINS)(
      '$way, $cpus CPUs, $rounds times: starts at the same Exception level, SDEI is given up and found again',
      (plan) => {
        const heard: number[] = [];
        const { complaints } = runRounds(plan, (round) => void heard.push(round));
        expect(complaints).toEqual([]);
        expect(heard).toHaveLength(plan.rounds);
      },
    );
  },
);
