import { describe, expect, it } from 'vitest';
import type { Machine } from '../../src/machine/machine.ts';
import { Rng } from '../support/rng.ts';
import { Churn, HEADS } from './churn.ts';
import { guest } from './guests.ts';
import { heat, Lockstep, RegionSteps } from './lockstep.ts';

const PROGRAMS = 30;
/** Programs that become hot by themselves, and for how long they run. */
const LONG_PROGRAMS = 3;
const LONG_STEPS = 300_000;

describe('compiled regions and the interpreter go through the same states', () => {
  const lockstep = new Lockstep();

  it.each(Array.from({ length: PROGRAMS }, (_, n) => n))('random program %i', (n) => {
    lockstep.run(`test ${n}`, { steps: 5000, heatPercent: [2, 20, 100][n % 3]!, changes: n % 4 !== 3 });
  });

  it('and most steps were taken in regions', () => {
    expect(lockstep.compiled.compiledRegions).toBeGreaterThan(PROGRAMS);
    expect(lockstep.inside.steps).toBeGreaterThan(lockstep.tally.steps / 2);
    expect(lockstep.plain.compiledRegions).toBe(0);
  });

  it('programs that become hot by themselves', () => {
    const before = { regions: lockstep.compiled.compiledRegions, steps: lockstep.inside.steps };
    for (let n = 0; n < LONG_PROGRAMS; n++)
      lockstep.run(`hot ${n}`, { steps: LONG_STEPS, heatPercent: 0, changes: false });
    expect(lockstep.compiled.compiledRegions).toBeGreaterThan(before.regions);
    expect(lockstep.inside.steps).toBeGreaterThan(before.steps);
  });
});

/** A loop that reads a device register, with flags that live across the access. */
const DEVICE_LOOP = `
        ldr     x28, =0x09000000
        mov     x0, #1
        mov     x3, #5
loop:   subs    x0, x0, #1
        adds    x2, x2, x3
        ldr     w1, [x28, #0x18]
        csel    x4, x4, x2, cs
        adcs    x5, x5, x4
        b.mi    loop
        b.eq    loop
        cmp     x5, x3
        ldr     x6, [x28, #0x18]
        b.lo    loop
        b       loop
        .ltorg
`;

describe('what happens in the middle of a region', () => {
  const STEPS = 4000;

  /** The digests of a guest at many places, with listeners set by `prepare`. */
  function digests(engine: 'compiled' | 'interpreter', prepare: (m: Machine) => void): string[] {
    const { machine } = guest(DEVICE_LOOP, { engine });
    const inside = new RegionSteps(machine);
    const [rng, heads] = [new Rng('places'), new Rng('heads')];
    machine.run({ steps: 100 });
    if (engine === 'compiled') heat(machine, heads, 50);
    prepare(machine);
    const seen: string[] = [];
    while (machine.steps < STEPS) {
      machine.run({ steps: 1 + rng.below(100) });
      if (engine === 'compiled') heat(machine, heads, 50);
      seen.push(machine.digest());
    }
    expect(inside.steps > STEPS / 2).toBe(engine === 'compiled');
    return seen;
  }
  const same = (prepare: (m: Machine) => void): void =>
    expect(digests('compiled', prepare)).toEqual(digests('interpreter', prepare));

  it('a listener that writes general-purpose registers', () =>
    same((m) => {
      let n = 0;
      m.on('mmio', () => {
        if (++n % 3 === 0) m.writeRegister(0, 'X3', BigInt(n) << 60n);
        if (n % 5 === 0) m.writeRegister(0, 'X2', BigInt(n));
      });
    }));

  it('a listener that writes the flags', () =>
    same((m) => {
      let n = 0;
      m.on('mmio', () => {
        if (++n % 3 === 0) m.writeRegister(0, 'PSTATE', (BigInt(n % 16) << 28n) | 0x3c5n);
      });
    }));

  it('a listener that stops the run', () =>
    same((m) => {
      let n = 0;
      m.on('mmio', () => {
        if (++n % 7 === 0) m.stop();
      });
    }));

  it('actions at steps that fall into it', () =>
    same((m) => {
      for (let step = 150; step < STEPS; step += 37) m.at(step, () => m.writeRegister(0, 'X0', BigInt(step)));
    }));

  it('code that is written from outside', () =>
    same((m) => {
      const word = m.readMemory(0x4008_000cn, 4);
      for (let step = 150; step < STEPS; step += 371)
        m.at(step, () =>
          m.writeMemory(
            0x4008_000cn,
            word.map((b, i) => (i === 1 ? b ^ ((step % 3) << 2) : b)),
          ),
        );
    }));
});

describe('code that is compiled and overwritten again and again', () => {
  it('takes no more places of the table than are in use at once', () => {
    const churn = new Churn();
    churn.run(50 * HEADS);
    expect(churn.slotsUsed).toBe(HEADS);
    expect(churn.slotsInUse).toBe(HEADS);
  });
});
