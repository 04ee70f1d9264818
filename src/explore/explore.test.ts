import { describe, expect, it } from 'vitest';
import {
  addTo,
  complete,
  cpuOff,
  cpuOn,
  HANDLER_PAGE,
  hostedMachine,
  listen,
  powerOff,
  print,
  WORD,
  word,
} from '../../test/support/explored.ts';
import { type Hosted, hint, load, lock, nop, store, unlock, wfi } from '../engine/hosted/effects.ts';
import type { Machine } from '../machine/machine.ts';
import { sdei } from './events.ts';
import { explore } from './explore.ts';
import type { ExploreReport } from './report.ts';
import type { ExploreOptions } from './types.ts';

const ROUNDS = 5;
const ignore = { memory: [{ addrPa: HANDLER_PAGE, sizeBytes: 4096 }] };

/** A guest that does `body` some rounds, with an SDEI handler; everything before the rounds is over. */
function guest(body: () => Hosted, handler: () => Hosted): Machine {
  const machine: Machine = hostedMachine({
    *main() {
      yield* listen(0n, machine.options.hosted!.address('handler'));
      yield* store(WORD(9), 1n);
      for (let n = 0; n < ROUNDS; n++) yield* body();
      yield* powerOff();
    },
    *handler() {
      yield* handler();
      yield* complete();
    },
  });
  machine.runUntil((m) => word(m, WORD(9)) === 1n);
  return machine;
}
const kinds = (report: ExploreReport): string[] => report.kinds.map(({ outcome, count }) => `${outcome} ${count}`);
const try0 = (machine: Machine, more: Partial<ExploreOptions> = {}): ExploreReport =>
  explore(machine, { window: {}, events: [sdei(0)], ignore, ...more });

describe('explore, an event at every boundary', () => {
  it('a handler that keeps to itself: the same end state from every boundary, and every one was interrupted', () => {
    const machine = guest(
      () => addTo(WORD(0)),
      () => addTo(HANDLER_PAGE),
    );
    const before = machine.digest();
    const report = try0(machine);
    expect(kinds(report)).toEqual([`same ${report.coverage.boundaries}`]);
    expect(report.coverage).toMatchObject({ boundaries: 2 * ROUNDS + 1, tried: 2 * ROUNDS + 1, cases: 2 * ROUNDS + 1 });
    expect(report.coverage).toMatchObject({ atOnce: 2 * ROUNDS + 1, later: 0, elsewhere: [], notCovered: [] });
    expect(machine.digest()).toBe(before);
  });

  it('a counter that the handler adds to as well: lost between load and store, and nowhere else', () => {
    const machine = guest(
      () => addTo(WORD(0)),
      () => addTo(WORD(0)),
    );
    const report = try0(machine, {
      compare: false,
      checks: [
        ({ machine: m, delivered }) => {
          const expected = BigInt(ROUNDS + delivered.length);
          const found = word(m, WORD(0));
          return found === expected ? undefined : `the counter is ${found} and not ${expected}`;
        },
      ],
    });
    expect(kinds(report)).toEqual([`check ${ROUNDS}`, `completed ${ROUNDS + 1}`]);
    expect(report.kinds[0]!.first.detail).toBe('the counter is 5 and not 6');
    // Loads are at even steps, their stores one later.
    expect(report.results.filter(({ outcome }) => outcome === 'check').map((r) => r.case.point! % 2)).toEqual(
      Array.from({ length: ROUNDS }, () => 1),
    );
  });

  it('an event in a section that should be masked: the panic of the handler, by what it says', () => {
    const machine = guest(
      function* () {
        yield* store(WORD(1), 1n);
        yield* nop();
        yield* store(WORD(1), 0n);
      },
      function* () {
        if ((yield* load(WORD(1))) !== 0n) {
          yield* print('Kernel panic - not syncing: list half linked\n');
          yield* powerOff();
        }
      },
    );
    const report = try0(machine);
    expect(kinds(report)).toEqual([`panic ${2 * ROUNDS}`, `same ${ROUNDS + 1}`]);
    expect(report.kinds[0]!.first.detail).toBe('Kernel panic - not syncing: list half linked');
  });

  it('a lock taken in the handler: a deadlock while the interrupted code has it', () => {
    const machine = guest(
      function* () {
        yield* lock(WORD(2), 1n);
        yield* nop();
        yield* unlock(WORD(2));
      },
      function* () {
        yield* lock(WORD(2), 1n);
        yield* unlock(WORD(2));
      },
    );
    const report = try0(machine);
    expect(kinds(report)).toEqual([`deadlock ${2 * ROUNDS}`, `same ${ROUNDS + 1}`]);
    expect(report.kinds[0]!.first.detail).toMatch(/^PE 0 waits for the lock at 0x40001010 of PE 0$/);
  });

  it('a handler that takes the acknowledge of what it interrupted: nothing runs and nothing is due', () => {
    const machine = guest(
      function* () {
        yield* store(WORD(3), 1n);
        while ((yield* load(WORD(3))) === 0n) yield* wfi();
        yield* store(WORD(3), 0n);
      },
      () => store(WORD(3), 0n),
    );
    const report = try0(machine);
    expect(kinds(report)).toEqual([`deadlock ${ROUNDS}`, `same ${2 * ROUNDS + 1}`]);
    expect(report.kinds[0]!.first.detail).toMatch(/nothing can run and nothing is due: PE 0 WFI at main, yield \d+/);
  });

  it('a loop that the event makes endless: a livelock, suspected in hosted code that remembers every round', () => {
    const machine = guest(
      function* () {
        yield* store(WORD(4), 1n);
        while ((yield* load(WORD(4))) === 0n) yield* hint('yield');
        yield* store(WORD(4), 0n);
      },
      () => store(WORD(4), 0n),
    );
    const report = try0(machine, { limits: { runStepsMax: 5_000, cycleStepsMax: 5_000 } });
    expect(kinds(report)).toEqual([`suspected livelock ${ROUNDS}`, `same ${2 * ROUNDS + 1}`]);
  });

  it('a state that differs: by name of what differs', () => {
    const machine = guest(
      () => store(WORD(5), 7n),
      () => store(WORD(6), 9n),
    );
    const report = try0(machine, { window: { to: { steps: 3 } } });
    expect(kinds(report)).toEqual(['different 3']);
    expect(report.kinds[0]!.first.differences).toEqual([
      { part: 'ram', what: '0x40001030', expected: '0x0', found: '0x9' },
    ]);
  });

  it('an event that nobody registered is refused, with the reason; one that stays masked is pending', () => {
    const machine = guest(nop, nop);
    const report = explore(machine, { window: { to: { steps: 2 } }, events: [sdei(3000)], ignore });
    expect(report.kinds[0]).toMatchObject({ outcome: 'refused', failure: false });
    expect(report.kinds[0]!.first.detail).toBe('nobody has registered a handler');
  });

  it('two events, the second in the first one or behind it: what only both can do is found', () => {
    const machine = guest(
      function* () {
        yield* nop();
        yield* store(WORD(7), 0n);
      },
      function* () {
        const n = yield* load(WORD(7));
        yield* store(WORD(7), n + 1n);
        if (n === 1n) yield* print('Kernel panic - not syncing: twice\n');
        if (n === 1n) yield* powerOff();
      },
    );
    const alone = try0(machine, { window: { to: { steps: 4 } } });
    expect(kinds(alone)).toEqual(['same 4']);
    const both = try0(machine, { window: { to: { steps: 4 } }, pairs: { inside: true, afterSteps: 2 } });
    expect(both.kinds.map(({ outcome }) => outcome)).toContain('panic');
    expect(both.kinds[0]!.first.case.id).toMatch(/^\d+:0\+\d+:0$/);
  });
});

/** Two PEs that do the same; PE 0 waits for the other and powers off. */
function two(body: (pe: number) => Hosted): Machine {
  const machine: Machine = hostedMachine(
    {
      *main() {
        yield* cpuOn(1, machine.options.hosted!.address('second'));
        yield* store(WORD(9), 1n);
        yield* body(0);
        while ((yield* load(WORD(8))) === 0n) yield* hint('yield');
        yield* powerOff();
      },
      *second() {
        yield* body(1);
        yield* store(WORD(8), 1n);
        yield* cpuOff();
      },
    },
    { cpus: 2 },
  );
  machine.runUntil((m) => word(m, WORD(9)) === 1n);
  return machine;
}

describe('explore, schedules', () => {
  const checks: ExploreOptions['checks'] = [
    ({ machine }) => (word(machine, WORD(0)) === 2n ? undefined : `the counter is ${word(machine, WORD(0))}`),
  ];

  it('an update that is not atomic is lost with one preemption, and with none it is not', () => {
    const run = (preemptionsMax: number): ExploreReport =>
      explore(
        two(function* () {
          yield* nop();
          yield* addTo(WORD(0));
        }),
        { window: {}, schedules: { preemptionsMax }, checks },
      );
    expect(run(0).kinds.map(({ outcome }) => outcome)).toEqual(['same']);
    const found = run(1);
    expect(found.kinds[0]).toMatchObject({ outcome: 'check', kind: 'check: the counter is N' });
    expect(found.coverage.schedules!.left).toBe(0);
    expect(found.coverage.schedules!.independent).toBeGreaterThan(0);
  });

  it('with a lock around it no schedule loses it', () => {
    const machine = two(function* (pe) {
      yield* lock(WORD(1), BigInt(pe + 1));
      yield* addTo(WORD(0));
      yield* unlock(WORD(1));
    });
    const report = explore(machine, { window: {}, schedules: { preemptionsMax: 2 }, checks });
    expect(report.kinds.map(({ outcome }) => outcome)).toEqual(['completed', 'same']);
    expect(report.coverage.schedules!.tried).toBeGreaterThan(10);
  });

  it('two locks taken in two orders: the deadlock, with who waits for whom', () => {
    const machine = two(function* (pe) {
      const [a, b] = pe === 0 ? [1, 2] : [2, 1];
      yield* lock(WORD(a), BigInt(pe + 1));
      yield* lock(WORD(b), BigInt(pe + 1));
      yield* addTo(WORD(0));
      yield* unlock(WORD(b));
      yield* unlock(WORD(a));
    });
    const report = explore(machine, { window: {}, schedules: { preemptionsMax: 1 }, checks });
    expect(report.kinds[0]!.outcome).toBe('deadlock');
    expect(report.kinds[0]!.first.detail).toMatch(/PE \d waits for the lock at 0x4000101\w of PE \d; PE \d waits for/);
  });
});
