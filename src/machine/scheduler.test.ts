import { describe, expect, it } from 'vitest';
import { guest } from '../../test/exact/guests.ts';
import type { Machine } from './machine.ts';
import { TURN_STEPS } from './schedule.ts';

/** PE 0 turns PE 1 on and both go to code of their own. */
function two(first: string, second: string): Machine {
  const { machine } = guest(
    `ldr x0, =0xc4000003
     mov x1, #1
     adr x2, second
     smc #0
     b first
     .ltorg
first: ${first}
second: ${second}`,
    { cpus: 2 },
  );
  machine.run({ steps: 5 });
  return machine;
}

/** Which PE runs, and for how many steps before another does. */
function turns(m: Machine, steps: number): (readonly [pe: number, steps: number])[] {
  const seen: [number, number][] = [];
  const deaf = m.on('step', (pe) => {
    const last = seen.at(-1);
    if (last?.[0] === pe) last[1]++;
    else seen.push([pe, 1]);
  });
  m.run({ steps });
  deaf();
  return seen;
}

describe('turns', () => {
  it('are TURN_STEPS steps long, PE after PE', () => {
    const m = two('b .', 'b .');
    expect(turns(m, 3 * TURN_STEPS - 5)).toEqual([
      [0, TURN_STEPS - 5],
      [1, TURN_STEPS],
      [0, TURN_STEPS],
    ]);
  });

  it.each([
    ['YIELD', 'yield\n b .', 1],
    ['WFI', 'wfi\n b .', 1],
    ['WFE that waits, not at one that finds the event register set', 'sevl\n wfe\n wfe\n b .', 3],
  ])('end at %s', (_name, first, steps) => {
    expect(turns(two(first, 'b .'), TURN_STEPS).slice(0, 2)).toEqual([
      [0, steps],
      [1, TURN_STEPS - steps],
    ]);
  });

  it('pass over a PE that waits until something wakes it', () => {
    const m = two('mov x1, #3\n1: sub x1, x1, #1\n cbnz x1, 1b\n wfi\n b .', '1: nop\n b 1b');
    expect(turns(m, 3 * TURN_STEPS).map(([pe]) => pe)).toEqual([0, 1]);
    m.pes[0]!.setInterruptLines(true, false);
    expect(turns(m, TURN_STEPS + 10).map(([pe]) => pe)).toContain(0);
  });

  it('are part of a snapshot', () => {
    const m = two('b .', 'b .');
    m.run({ steps: 12_345 });
    const snapshot = m.snapshot();
    const after = turns(m, 2 * TURN_STEPS);
    m.restore(snapshot);
    expect(turns(m, 2 * TURN_STEPS)).toEqual(after);
  });

  it('a reservation counts against the others from the end of the turn on, also after a restore', () => {
    const m = two(
      'ldr x1, =0x40200000\n ldxr x2, [x1]\n yield\n stxr w0, x2, [x1]\n b .\n .ltorg',
      'ldr x1, =0x40200000\n str x1, [x1]\n yield\n b .\n .ltorg',
    );
    m.writeRegister(0, 'X0', 9n);
    m.run({ steps: 3 });
    const snapshot = m.snapshot();
    m.run({ steps: 100 });
    expect(m.readRegister(0, 'X0')).toBe(1n);
    const digest = m.digest();
    // Elsewhere in between, with no reservation, so that the page is not watched any more.
    m.writeRegister(0, 'PC', 0x4100_0000n);
    m.run({ steps: 5 * TURN_STEPS });
    m.restore(snapshot);
    m.run({ steps: 100 });
    expect(m.readRegister(0, 'X0')).toBe(1n);
    expect(m.digest()).toBe(digest);
  });
});

describe('actions at steps', () => {
  it('run in the order of their steps, equal ones in the order they were given', () => {
    const { machine: m } = guest('b .');
    const seen: string[] = [];
    m.at(7, () => void seen.push('7'));
    m.at(3, () => void seen.push('3 first'));
    m.at(3, () => {
      seen.push('3 second');
      m.at(3, () => void seen.push('3 added'));
      m.at(5, () => void seen.push('5 added'));
    });
    m.run({ steps: 10 });
    expect(seen).toEqual(['3 first', '3 second', '3 added', '5 added', '7']);
  });

  it('are forgotten by a restore', () => {
    const { machine: m } = guest('b .');
    const snapshot = m.snapshot();
    let called = false;
    m.at(3, () => {
      called = true;
    });
    m.restore(snapshot);
    m.run({ steps: 10 });
    expect(called).toBe(false);
  });
});
