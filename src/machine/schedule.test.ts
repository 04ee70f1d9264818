import { describe, expect, it } from 'vitest';
import { checkSchedule, type Schedule, TURN_STEPS, type Turn, TurnChooser } from './schedule.ts';

const RANDOM: Schedule = { kind: 'random', seed: 7, stepsMax: 100 };
const always = (): boolean => true;

/** The next turns of four PEs, each the previous one of the next. */
function turns(chooser: TurnChooser, count: number, canRun: (pe: number) => boolean = always): (Turn | undefined)[] {
  let previous = 0;
  return Array.from({ length: count }, () => {
    const turn = chooser.next(previous, 4, canRun);
    previous = turn?.pe ?? previous;
    return turn;
  });
}

describe('round-robin', () => {
  it('goes to the next PE that can run, the same one last, with turns of 20,000 steps or as many as it says', () => {
    const chooser = new TurnChooser({ kind: 'round-robin' });
    expect(turns(chooser, 4).map((turn) => turn?.pe)).toEqual([1, 2, 3, 0]);
    expect(turns(chooser, 3, (pe) => pe === 0)).toEqual(Array(3).fill({ pe: 0, steps: TURN_STEPS }));
    expect(turns(new TurnChooser({ kind: 'round-robin', turnSteps: 5 }), 1)).toEqual([{ pe: 1, steps: 5 }]);
  });

  it('has nobody to choose when no PE can run', () => {
    expect(turns(new TurnChooser({ kind: 'round-robin' }), 1, () => false)).toEqual([undefined]);
  });
});

describe('a list', () => {
  const list = [
    { pe: 2, steps: 3 },
    { pe: 1, steps: 4 },
    { pe: 2, steps: 5 },
  ];

  it('is followed without the turns of PEs that cannot run, and then goes round', () => {
    expect(turns(new TurnChooser({ kind: 'list', turns: list }), 4)).toEqual([...list, { pe: 3, steps: TURN_STEPS }]);
    const without1 = turns(new TurnChooser({ kind: 'list', turns: list }), 3, (pe) => pe !== 1);
    expect(without1).toEqual([list[0], list[2], { pe: 3, steps: TURN_STEPS }]);
  });

  it('keeps its place while nobody can run', () => {
    const chooser = new TurnChooser({ kind: 'list', turns: list });
    turns(chooser, 1);
    expect(turns(chooser, 1, () => false)).toEqual([undefined]);
    expect(turns(chooser, 1)).toEqual([list[1]]);
  });
});

describe('a random schedule', () => {
  it('is a function of its seed, and different for different seeds', () => {
    const of = (seed: number) => turns(new TurnChooser({ ...RANDOM, seed }), 50);
    expect(of(1)).toEqual(of(1));
    const kinds = new Set(Array.from({ length: 100 }, (_, seed) => JSON.stringify(of(seed))));
    expect(kinds.size).toBe(100);
  });

  it('chooses only PEs that can run, every one of them, for 1 to stepsMax steps, short turns as often as long ones', () => {
    const chosen = turns(new TurnChooser(RANDOM), 2000, (pe) => pe !== 2).map((turn) => turn!);
    expect(new Set(chosen.map(({ pe }) => pe))).toEqual(new Set([0, 1, 3]));
    expect(Math.min(...chosen.map(({ steps }) => steps))).toBe(1);
    expect(Math.max(...chosen.map(({ steps }) => steps))).toBe(100);
    expect(chosen.filter(({ steps }) => steps <= 4).length).toBeGreaterThan(500);
    expect(turns(new TurnChooser({ ...RANDOM, stepsMax: 1 }), 20).every((turn) => turn?.steps === 1)).toBe(true);
  });
});

describe('state', () => {
  it('is where the schedule is: a chooser made from it goes on as the other would', () => {
    for (const schedule of [RANDOM, { kind: 'list', turns: [1, 2, 3].map((pe) => ({ pe, steps: pe })) } as const]) {
      const chooser = new TurnChooser(schedule);
      turns(chooser, 2);
      const other = TurnChooser.from(chooser.state());
      expect(turns(other, 20)).toEqual(turns(chooser, 20));
    }
  });
});

describe('checkSchedule', () => {
  it('gives back what is a schedule', () => {
    expect(checkSchedule(RANDOM, 2)).toBe(RANDOM);
  });

  it.each([
    [{ kind: 'list', turns: [{ pe: 2, steps: 1 }] }, 'turn 0 is of PE 2; there are PEs 0 to 1'],
    [{ kind: 'list', turns: [{ pe: 0, steps: 0 }] }, 'turn 0 has 0 steps'],
    [{ kind: 'random', seed: 1, stepsMax: 2 ** 31 }, 'stepsMax is 2147483648'],
    [{ kind: 'random', seed: Number.NaN, stepsMax: 1 }, 'seed is NaN'],
    [{ kind: 'round-robin', turnSteps: 0 }, 'turnSteps is 0'],
    [{ kind: 'fair' }, "kind 'fair'; known: round-robin, list, random"],
  ])('refuses %j', (schedule, message) => {
    expect(() => checkSchedule(schedule as Schedule, 2)).toThrow(message);
  });
});
