import { describe, expect, it } from 'vitest';
import { demoProgram } from '../../src/machine/demo.ts';
import { Machine, type MachineHooks } from '../../src/machine/machine.ts';
import { Random } from '../differential/random.ts';
import { BUSY, guest, listen, SMALL_BYTES } from './guests.ts';
import { OracleEngine } from './oracle-engine.ts';

/** What a run left behind. */
interface End {
  readonly digest: string;
  readonly text: string;
  readonly steps: number;
  readonly reason: string;
}

function demo(): Machine {
  return Machine.create({ programs: [demoProgram()], memoryBytes: SMALL_BYTES });
}
const GUESTS: readonly (readonly [name: string, make: () => Machine])[] = [
  ['a busy guest with timer interrupts', () => guest(BUSY).machine],
  ['the demonstration, which waits with WFI', demo],
];

/** Runs to `steps` steps in slices of the lengths that `slice` gives. */
function run(machine: Machine, steps: number, slice: () => number): End {
  const heard = listen(machine);
  let reason = 'limit';
  while (machine.steps < steps && reason === 'limit')
    reason = machine.run({ steps: Math.min(slice(), steps - machine.steps) }).reason;
  return { digest: machine.digest(), text: heard.text, steps: machine.steps, reason };
}

describe.each(GUESTS)('%s: state after N steps depends on nothing but N', (_name, make) => {
  const STEPS = 30_000;
  const whole = run(make(), STEPS, () => STEPS);

  it('comes as far as its console output', () => {
    expect(whole.text.length).toBeGreaterThan(10);
    expect(whole.reason).toBe('poweroff');
  });

  it('run(N) equals N times run(1)', () => {
    expect(run(make(), STEPS, () => 1)).toEqual(whole);
  });

  it('run(N) equals run in random slices', () => {
    const r = new Random('slices');
    for (let n = 0; n < 5; n++) expect(run(make(), STEPS, () => 1 + r.below(1 << r.below(12)))).toEqual(whole);
  });

  it('at every N in between as well', () => {
    const r = new Random('between');
    const stepped = make();
    for (let n = 0; n < 12; n++) {
      const steps = stepped.steps + 1 + r.below(900);
      run(stepped, steps, () => 1);
      expect(run(make(), steps, () => steps).digest, `after ${steps} steps`).toBe(stepped.digest());
    }
  });

  it('is the same with every hook set', () => {
    for (const name of [
      'step',
      'exception',
      'exceptionReturn',
      'mmio',
      'call',
      'sysreg',
      'interrupt',
    ] satisfies (keyof MachineHooks)[]) {
      const machine = make();
      let calls = 0;
      machine.on(name, () => void calls++);
      expect(
        run(machine, STEPS, () => STEPS),
        name,
      ).toEqual(whole);
      expect(calls, name).toBeGreaterThan(0);
    }
  });

  it('is the same when another machine runs in between', () => {
    const [a, b] = [make(), make()];
    const [heardA, heardB] = [listen(a), listen(b)];
    const r = new Random('interleaved');
    const ends = ['limit', 'limit'];
    while (ends.includes('limit') && a.steps < STEPS) {
      if (ends[0] === 'limit') ends[0] = a.run({ steps: 1 + r.below(100) }).reason;
      if (ends[1] === 'limit') ends[1] = b.run({ steps: 1 + r.below(100) }).reason;
    }
    for (const [m, heard] of [
      [a, heardA],
      [b, heardB],
    ] as const)
      expect({ digest: m.digest(), text: heard.text, steps: m.steps, reason: 'poweroff' }).toEqual(whole);
  });

  it('is the same on the bigint oracle, all along the way', () => {
    const [fast, slow] = [make(), make()];
    OracleEngine.install(slow);
    const [heardFast, heardSlow] = [listen(fast), listen(slow)];
    for (let reason = 'limit'; reason === 'limit' && fast.steps < STEPS; ) {
      reason = fast.run({ steps: 97 }).reason;
      expect(slow.run({ steps: 97 }).reason).toBe(reason);
      expect(slow.digest(), `after ${fast.steps} steps`).toBe(fast.digest());
    }
    expect(heardSlow.text).toBe(heardFast.text);
    expect(fast.steps).toBe(whole.steps);
  });

  it('a snapshot has the same future, however often it is restored', () => {
    const machine = make();
    const r = new Random('snapshots');
    const taken: { snapshot: ReturnType<Machine['snapshot']>; digest: string }[] = [];
    for (let n = 0; n < 25; n++) {
      machine.run({ steps: r.below(120) });
      taken.push({ snapshot: machine.snapshot(), digest: machine.digest() });
    }
    for (let n = 0; n < 25; n++) {
      const { snapshot, digest } = r.pick(taken);
      machine.restore(snapshot);
      expect(machine.digest()).toBe(digest);
      machine.run({ steps: r.below(2000) });
    }
    machine.restore(r.pick(taken).snapshot);
    const end = run(machine, STEPS, () => 1 + r.below(500));
    expect({ ...end, text: '' }).toEqual({ ...whole, text: '' });
  });
});

describe('at and atTimeNs', () => {
  it('act at the boundary that they name', () => {
    const { machine } = guest(BUSY);
    const seen: string[] = [];
    for (const step of [0, 1, 999, 1000]) machine.at(step, () => void seen.push(`step ${machine.steps} for ${step}`));
    for (const ns of [5n, 1001n]) machine.atTimeNs(ns, () => void seen.push(`${machine.timeNs} ns for ${ns}`));
    machine.run({ steps: 3000 });
    expect(seen).toEqual([
      'step 0 for 0',
      'step 1 for 1',
      '5 ns for 5',
      'step 999 for 999',
      'step 1000 for 1000',
      '1001 ns for 1001',
    ]);
  });

  it('what has passed acts at the current boundary, in the order it was given', () => {
    const { machine } = guest(BUSY);
    machine.run({ steps: 100 });
    const seen: number[] = [];
    for (const n of [1, 2, 3]) machine.at(10, () => void seen.push(n * 1000 + machine.steps));
    machine.run({ steps: 1 });
    expect(seen).toEqual([1100, 2100, 3100]);
  });

  it('a snapshot from at() is the state at that boundary', () => {
    const { machine } = guest(BUSY);
    let digest = '';
    machine.at(777, () => {
      digest = machine.digest();
    });
    machine.run({ steps: 5000 });
    const { machine: other } = guest(BUSY);
    other.run({ steps: 777 });
    expect(digest).toBe(other.digest());
  });

  it('a step that is no whole number is refused', () => {
    const { machine } = guest(BUSY);
    for (const step of [0.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => machine.at(step, () => {})).toThrow(expect.objectContaining({ code: 'E_STEPS' }));
  });

  it('stop() from an action, a hook or between runs ends the run at that boundary', () => {
    const { machine } = guest(BUSY);
    machine.at(100, () => machine.stop());
    expect(machine.run({ steps: 1000 }).reason).toBe('stopped');
    expect(machine.steps).toBe(100);
    machine.on('step', () => {
      if (machine.steps === 150) machine.stop();
    });
    expect(machine.run({ steps: 1000 }).reason).toBe('stopped');
    expect(machine.steps).toBe(151);
  });
});

describe('snapshots', () => {
  it('thousands of them stay alive for about 30 KiB each', () => {
    const { machine } = guest(BUSY);
    const kept: ReturnType<Machine['snapshot']>[] = [];
    const used = (): number => {
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    machine.run({ steps: 100 });
    machine.snapshot();
    const before = used();
    const digests = new Map<number, string>();
    for (let n = 0; n < 2000; n++) {
      machine.run({ steps: 1 });
      kept.push(machine.snapshot());
      if (n % 400 === 0) digests.set(n, machine.digest());
    }
    expect((used() - before) / kept.length).toBeLessThan(64 * 1024);
    for (const [n, digest] of digests) {
      machine.restore(kept[n]!);
      expect(machine.digest()).toBe(digest);
    }
  });

  it('two with nothing in between share all their memory, and one written page costs one page', () => {
    const { machine } = guest(BUSY);
    machine.run({ steps: 1000 });
    const first = machine.snapshot();
    const second = machine.snapshot();
    expect(second.ram.every((chunk, i) => chunk === first.ram[i])).toBe(true);
    machine.writeMemory(0x4030_0000n, Uint8Array.of(1));
    const third = machine.snapshot();
    const pages = third.ram.flatMap((chunk, i) => chunk.filter((page, n) => page !== first.ram[i]![n]));
    expect(pages).toHaveLength(1);
  });

  it('of another machine are refused', () => {
    const [a, b] = [guest(BUSY).machine, guest(BUSY).machine];
    expect(() => a.restore(b.snapshot())).toThrow(expect.objectContaining({ code: 'E_SNAPSHOT' }));
  });

  it('cannot be taken during a step', () => {
    const { machine } = guest(BUSY);
    let error: unknown;
    machine.on('mmio', () => {
      try {
        machine.snapshot();
      } catch (e) {
        error = e;
      }
    });
    machine.run({ steps: 2000 });
    expect(error).toMatchObject({ code: 'E_SNAPSHOT' });
  });
});
