import { describe, expect, it } from 'vitest';
import { Machine } from '../../src/machine/machine.ts';
import type { Schedule } from '../../src/machine/schedule.ts';
import {
  CPU_ON_RACE,
  hammering,
  LOST_WAKE_UP,
  machineOf,
  ON_AND_OFF,
  PIECES,
  ROUNDS,
  TWO_LOOPS,
  WORDS,
  word,
} from './smp.ts';

/** PEs that share memory, under random schedules: nothing is lost, and a schedule is repeatable. */

const SCHEDULES = 1000;
/** Far more than any of these programs takes. */
const STEPS_MAX = 400_000;
/** Longest turn: single steps, a few instructions, a critical section, a whole round and more. */
const TURNS = [1, 2, 5, 20, 100, 1000];

const random = (seed: number): Schedule => ({ kind: 'random', seed, stepsMax: TURNS[seed % TURNS.length]! });

/** Runs a machine from where it is under many schedules; calls `check` at the end of each. */
function explore(machine: Machine, schedules: number, check: (seed: number) => void): void {
  const start = machine.snapshot();
  for (let seed = 1; seed <= schedules; seed++) {
    machine.restore(start);
    machine.useSchedule(random(seed));
    // 'idle' would be a wake-up that was lost, 'limit' one that never comes.
    const { reason } = machine.run({ steps: STEPS_MAX });
    if (reason !== 'poweroff') throw new Error(`schedule ${JSON.stringify(random(seed))} ends with '${reason}'`);
    check(seed);
  }
}

describe('two PEs that hammer one primitive', () => {
  for (const name of Object.keys(PIECES)) {
    it(`${name}: no update and no wake-up is lost in ${SCHEDULES} random schedules`, () => {
      const machine = hammering(name, 2);
      const ends = new Set<number>();
      const start = machine.steps;
      explore(machine, SCHEDULES, (seed) => {
        const counted = word(machine, WORDS.counter);
        if (counted !== BigInt(2 * ROUNDS)) throw new Error(`schedule ${seed}: ${counted} updates, not ${2 * ROUNDS}`);
        ends.add(machine.steps - start);
      });
      // The schedules are different ones: runs take different numbers of steps.
      expect(ends.size).toBeGreaterThan(10);
    });
  }
});

describe('the schedules', () => {
  it('can show a lost update: a counter that is loaded, added to and stored loses some under most of them', () => {
    const machine = hammering('plain counter', 2);
    let lost = 0;
    explore(machine, 200, () => {
      if (word(machine, WORDS.counter) < BigInt(2 * ROUNDS)) lost++;
    });
    expect(lost).toBeGreaterThan(100);
  });

  it('can show a lost wake-up: a PE that waits without looking again, for an event that came before', () => {
    const machine = machineOf(LOST_WAKE_UP, 2);
    const start = machine.snapshot();
    const reasons = new Set<string>();
    for (let seed = 1; seed <= 200; seed++) {
      machine.restore(start);
      machine.useSchedule(random(seed));
      reasons.add(machine.run({ steps: STEPS_MAX }).reason);
    }
    expect([...reasons].sort()).toEqual(['idle', 'poweroff']);
  });
});

describe('more PEs', () => {
  for (const pes of [3, 8]) {
    it(`${pes} PEs: no update is lost by any primitive`, () => {
      for (const name of Object.keys(PIECES)) {
        const machine = hammering(name, pes);
        explore(machine, 20, () => expect(word(machine, WORDS.counter), name).toBe(BigInt(pes * ROUNDS)));
      }
    });
  }
});

describe('a schedule', () => {
  it('is repeatable: the same program under the same schedule gives the same digest, in one run or in slices', () => {
    const machine = hammering('spinlock that waits by WFE', 2);
    const start = machine.snapshot();
    const digests = new Set<string>();
    for (let seed = 1; seed <= 20; seed++) {
      const end = (slice: number): string => {
        machine.restore(start);
        machine.useSchedule(random(seed));
        while (machine.run({ steps: slice }).reason === 'limit');
        return machine.digest();
      };
      const digest = end(STEPS_MAX);
      expect([end(STEPS_MAX), end(7), end(1)]).toEqual([digest, digest, digest]);
      digests.add(digest);
    }
    expect(digests.size).toBe(20);
  });

  it('given as a list is followed turn by turn, without turns of PEs that cannot run', () => {
    const machine = machineOf('start: b start', 2);
    const seen: number[] = [];
    machine.on('step', (pe) => void seen.push(pe));
    // PE 1 is off, so its turns do not take place.
    machine.useSchedule({
      kind: 'list',
      turns: [
        { pe: 0, steps: 3 },
        { pe: 1, steps: 5 },
        { pe: 0, steps: 2 },
      ],
    });
    machine.run({ steps: 10 });
    expect(seen).toEqual(Array(10).fill(0));
  });

  it('that alternates single steps interleaves instruction by instruction', () => {
    const machine = machineOf(TWO_LOOPS, 2);
    machine.run({ steps: 20 });
    const turns = Array.from({ length: 30 }, (_, n) => ({ pe: n & 1, steps: 1 + (n % 3) }));
    const seen: number[] = [];
    machine.on('step', (pe) => void seen.push(pe));
    machine.useSchedule({ kind: 'list', turns });
    machine.run({ steps: 30 });
    expect(seen).toEqual(turns.flatMap(({ pe, steps }) => Array<number>(steps).fill(pe)).slice(0, 30));
  });

  it('belongs to the snapshot: what was restored goes on as it would have', () => {
    const machine = hammering('ticket lock that waits by WFE', 2);
    machine.useSchedule(random(5));
    machine.run({ steps: 300 });
    const middle = machine.snapshot();
    machine.run({ steps: STEPS_MAX });
    const end = machine.digest();
    machine.useSchedule(random(6));
    machine.restore(middle);
    machine.run({ steps: STEPS_MAX });
    expect(machine.digest()).toBe(end);
  });

  it('that is none is refused with what is wrong', () => {
    const machine = machineOf(TWO_LOOPS, 2);
    expect(() => machine.useSchedule({ kind: 'list', turns: [{ pe: 2, steps: 1 }] })).toThrow(/there are PEs 0 to 1/);
    expect(() => Machine.create({ schedule: { kind: 'random', seed: 1, stepsMax: 0 } })).toThrow(/stepsMax is 0/);
  });
});

describe('PSCI under random schedules', () => {
  it('two CPUs race to turn on a third: exactly one succeeds, and the third is its', () => {
    const machine = machineOf(CPU_ON_RACE, 3);
    const winners = new Set<number>();
    const losses = new Set<bigint>();
    explore(machine, 300, () => {
      const answers = [0n, 8n].map((at) => BigInt.asIntN(64, word(machine, WORDS.log + at)));
      const winner = answers.indexOf(0n);
      const lost = answers[1 - winner]!;
      expect([-4n, -5n]).toContain(lost);
      expect(word(machine, WORDS.log + 16n)).toBe(0x100n + BigInt(winner));
      winners.add(winner);
      losses.add(lost);
    });
    expect([winners.size, losses.size]).toEqual([2, 2]);
  });

  it('a CPU that is turned on and turns itself off again does so each time, with the context id of that time', () => {
    const machine = machineOf(ON_AND_OFF, 2);
    const sum = BigInt((ROUNDS * (ROUNDS + 1)) / 2);
    explore(machine, 300, () => {
      expect([word(machine, WORDS.counter), word(machine, WORDS.lock)]).toEqual([BigInt(ROUNDS), sum]);
    });
  });
});
