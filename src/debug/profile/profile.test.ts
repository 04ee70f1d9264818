import { describe, expect, it } from 'vitest';
import { guest } from '../../../test/exact/guests.ts';
import { cpuprofileFile, speedscopeFile } from './files.ts';
import { type Profile, Profiler, SAMPLE_STEPS } from './profile.ts';
import { STACK_FRAMES_MAX, stackOf } from './stack.ts';

/** outer() calls inner() for ever; inner() takes 300 steps, and outer() 100 between two calls. */
const TWO_FUNCTIONS = `
  adr x0, stack
  mov sp, x0
  mov x29, xzr
  mov x30, xzr
  bl outer
outer:
  stp x29, x30, [sp, #-16]!
  mov x29, sp
1: mov x2, #50
2: subs x2, x2, #1
  b.ne 2b
  bl inner
  b 1b
inner:
  stp x29, x30, [sp, #-16]!
  mov x29, sp
  mov x2, #150
3: subs x2, x2, #1
  b.ne 3b
  ldp x29, x30, [sp], #16
  ret
  .balign 16
  .skip 256
stack:
`;

/** Calls itself for ever, each time with a frame record. */
const DEEP = `
  adr x0, stack
  mov sp, x0
  mov x29, xzr
  bl deep
deep:
  stp x29, x30, [sp, #-16]!
  mov x29, sp
  bl deep
  .balign 16
  .skip 8192
stack:
`;

/** The step count of the machine and the clock of a host that a test turns by hand. */
function profiled(steps: number): { profile: Profile; digest: string; total: number } {
  const { machine, symbols } = guest(TWO_FUNCTIONS);
  const [outer, inner] = [symbols.get('outer')!, symbols.get('inner')!];
  const nameOf = (at: bigint): string | undefined =>
    at >= inner
      ? `inner+0x${(at - inner).toString(16)}`
      : at >= outer
        ? `outer+0x${(at - outer).toString(16)}`
        : undefined;
  let ms = 0;
  const profiler = new Profiler(machine, () => ms++, nameOf);
  machine.run({ steps });
  return { profile: profiler.end(), digest: machine.digest(), total: machine.steps };
}

const name = ({ frames }: Profile, n: number | undefined): string => frames[n!]!;

describe('the stack of a PE', () => {
  it('is PC and the calls that have not returned, innermost first', () => {
    const { machine, symbols } = guest(TWO_FUNCTIONS);
    machine.runUntil((m) => m.readRegister(0, 'PC') === symbols.get('inner')! + 12n, { steps: 1000 });
    const [pc, call, more] = stackOf(machine, 0);
    expect(pc).toBe(symbols.get('inner')! + 12n);
    expect(call, 'the branch with link in outer').toBe(symbols.get('inner')! - 8n);
    expect(more, 'the branch with link before outer').toBe(symbols.get('outer')! - 4n);
  });

  it('ends after STACK_FRAMES_MAX frames', () => {
    const { machine } = guest(DEEP);
    machine.run({ steps: 1000 });
    expect(stackOf(machine, 0)).toHaveLength(STACK_FRAMES_MAX);
  });

  it.each([
    ['that is odd', 0x4020_0001n],
    ['where nothing is', 0xffff_0000_0000_0000n],
    ['in a device', 0x0900_0000n],
    ['at the end of a page', 0x4020_0ff8n],
  ])('is PC alone with a frame pointer %s', (_what, frame) => {
    const { machine } = guest(TWO_FUNCTIONS);
    machine.run({ steps: 10 });
    machine.writeRegister(0, 'X29', frame);
    expect(stackOf(machine, 0)).toEqual([machine.readRegister(0, 'PC')]);
  });

  it('ends where a frame record points back', () => {
    const { machine, symbols } = guest(TWO_FUNCTIONS);
    machine.runUntil((m) => m.readRegister(0, 'PC') === symbols.get('inner')! + 12n, { steps: 1000 });
    const frame = machine.readRegister(0, 'X29');
    machine.writeVirtual(0, frame, new Uint8Array(new BigUint64Array([frame]).buffer));
    expect(stackOf(machine, 0)).toHaveLength(2);
  });
});

describe('a profile', () => {
  const steps = SAMPLE_STEPS * 40 + 17;

  it('has a sample at every SAMPLE_STEPS and the rest at the end: together all steps', () => {
    const { profile, total } = profiled(steps);
    expect(profile.samples.map((sample) => sample.steps)).toEqual([...Array(40).fill(SAMPLE_STEPS), 17]);
    expect(total).toBe(steps);
  });

  it('names functions without offsets, outermost first, below the exception level', () => {
    const { profile } = profiled(steps);
    const stacks = new Set(
      profile.samples.map(({ stack }) =>
        stack
          .slice(-2)
          .map((n) => name(profile, n))
          .join(' > '),
      ),
    );
    expect(stacks).toContain('outer > inner');
    for (const { stack } of profile.samples) expect(name(profile, stack[0])).toBe('EL1');
  });

  it('has functions in about the share of steps that they take', () => {
    const { profile } = profiled(SAMPLE_STEPS * 400);
    const inner = profile.samples.filter(({ stack }) => name(profile, stack.at(-1)) === 'inner').length;
    expect(inner / profile.samples.length).toBeGreaterThan(0.68);
    expect(inner / profile.samples.length).toBeLessThan(0.82);
  });

  it('gives the same samples every time and changes nothing', () => {
    const [first, second] = [profiled(steps), profiled(steps)];
    const guestSide = ({ profile }: typeof first): unknown =>
      profile.samples.map(({ pe, stack, steps }) => ({ pe, stack, steps }));
    expect(guestSide(second)).toEqual(guestSide(first));
    const { machine } = guest(TWO_FUNCTIONS);
    machine.run({ steps });
    expect(machine.digest()).toBe(first.digest);
  });

  it("has the host's phases, and every moment of the host in one place", () => {
    const { profile } = profiled(steps);
    const phases = profile.samples.flatMap(({ phasesMs }) => Object.keys(phasesMs));
    expect(new Set(phases)).toEqual(new Set(['decode', 'lift', 'compile', 'access']));
    for (const { runMs, phasesMs } of profile.samples) {
      expect(runMs).toBeGreaterThan(0);
      for (const ms of Object.values(phasesMs)) expect(ms).toBeGreaterThan(0);
    }
  });
});

describe('the files', () => {
  const profile: Profile = {
    frames: ['EL1', 'main', 'work'],
    samples: [
      { pe: 0, stack: [0, 1], steps: 10, runMs: 2, phasesMs: { compile: 1.5 } },
      { pe: 1, stack: [0, 1, 2], steps: 20, runMs: 3, phasesMs: {} },
    ],
  };

  it('for speedscope have the steps of each PE and the time of the host', () => {
    const file = JSON.parse(speedscopeFile(profile, 'a run'));
    expect(file.$schema).toBe('https://www.speedscope.app/file-format-schema.json');
    const frames = file.shared.frames.map((frame: { name: string }) => frame.name);
    const rows = file.profiles.map((p: { name: string; unit: string; samples: number[][]; weights: number[] }) => [
      p.name,
      p.unit,
      p.samples.map((stack, n) => [stack.map((f) => frames[f]).join(' > '), p.weights[n]]),
    ]);
    expect(rows).toEqual([
      ['PE 0: steps of the guest', 'none', [['EL1 > main', 10]]],
      ['PE 1: steps of the guest', 'none', [['EL1 > main > work', 20]]],
      [
        'time of the host',
        'milliseconds',
        [
          ['EL1 > main', 2],
          ['host: compile', 1.5],
          ['EL1 > main > work', 3],
        ],
      ],
    ]);
    expect(file.profiles.map((p: { endValue: number }) => p.endValue)).toEqual([10, 20, 6.5]);
  });

  it('for DevTools have a tree of calls and the time of the host in microseconds', () => {
    const file = JSON.parse(cpuprofileFile(profile));
    const node = (id: number) => file.nodes.find((n: { id: number }) => n.id === id);
    const path = (id: number): string => {
      const parent = file.nodes.find((n: { children: number[] }) => n.children.includes(id));
      return `${parent ? `${path(parent.id)}/` : ''}${node(id).callFrame.functionName}`;
    };
    expect(file.samples.map((id: number, n: number) => [path(id), file.timeDeltas[n]])).toEqual([
      ['(root)/PE 0/EL1/main', 2000],
      ['(root)/host/host: compile', 1500],
      ['(root)/PE 1/EL1/main/work', 3000],
    ]);
    expect(file.endTime).toBe(6500);
    expect(file.nodes.reduce((n: number, { hitCount }: { hitCount: number }) => n + hitCount, 0)).toBe(3);
  });
});
