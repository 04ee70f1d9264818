import { describe, expect, it } from 'vitest';
import { BUSY, GUEST_PA, guest } from '../../../test/exact/guests.ts';
import { CODEC } from '../../../test/support/codec.ts';
import type { Machine } from '../machine.ts';
import { loadSnapshot } from '../snapshot-file/files.ts';
import { type Codec, joined } from '../snapshot-file/sections.ts';
import { Recorder } from './recorder.ts';
import { readRecording } from './recording.ts';
import { Replay } from './replay.ts';
import type { StepRange } from './steps.ts';

const ALL: StepRange = { from: 0, to: Number.POSITIVE_INFINITY };
const DATA_PA = GUEST_PA + 0x20_0000n;

interface How {
  readonly cpus?: number;
  readonly steps?: StepRange;
  readonly total?: number;
  readonly codec?: Codec;
}

/** A run whose steps are written down; in its middle a word of memory is written and a key comes. */
async function recorded({ cpus = 1, steps = ALL, total = 6000, codec = CODEC }: How = {}): Promise<Uint8Array> {
  const { machine } = guest(BUSY, { cpus });
  const pieces: Uint8Array[] = [];
  const write = (bytes: Uint8Array): void => void pieces.push(bytes.slice());
  const recorder = await Recorder.begin(machine, { codec, steps, everySteps: 1000, write });
  machine.run({ steps: total / 2 });
  machine.writeMemory(DATA_PA, Uint8Array.of(1, 2, 3, 4));
  machine.console.input(Uint8Array.of(0x61));
  machine.run({ steps: total / 2 });
  recorder.end();
  return joined(pieces);
}
async function replayOf(bytes: Uint8Array, engine?: 'interpreter', codec = CODEC): Promise<Replay> {
  const recording = readRecording(bytes);
  return Replay.open(await loadSnapshot(recording.start, codec, { engine }), recording, codec);
}
/** Plays it with a machine that is changed at a boundary, behind the back of whoever could see it enter. */
async function spoiled(bytes: Uint8Array, step: number, change: (machine: Machine) => void): Promise<Replay> {
  const replay = await replayOf(bytes);
  replay.machine.at(step, () => change(replay.machine));
  expect(replay.run().reason).toBe('stopped');
  return replay;
}

describe('steps that were written down', () => {
  it.each([1, 3])('are the same in a replay, in both engines: %i PEs', async (cpus) => {
    const bytes = await recorded({ cpus });
    for (const engine of [undefined, 'interpreter'] as const) {
      const replay = await replayOf(bytes, engine);
      replay.run();
      expect([replay.finished, replay.divergence]).toEqual([true, undefined]);
      expect(replay.checkedSteps).toBe(6001);
    }
  });

  it('are the same however the replay is cut up, and when each is an own run', async () => {
    const bytes = await recorded();
    const replay = await replayOf(bytes);
    while (!replay.finished && !replay.divergence) replay.run({ steps: 7 });
    replay.run();
    expect([replay.divergence, replay.checkedSteps]).toEqual([undefined, 6001]);
  });

  it('tell the first step that differs, its instruction, and the register, by name', async () => {
    const bytes = await recorded({ cpus: 3 });
    for (const [step, pe] of [
      [777, 0],
      [3456, 2],
      [5999, 1],
    ] as const) {
      const { divergence } = await spoiled(bytes, step, ({ pes }) => pes[pe]!.s.setX(27, pes[pe]!.s.x(27) ^ 0x10n));
      expect(divergence).toMatchObject({ place: { steps: step }, step: { steps: step } });
      expect(divergence!.step!.step!.pc).toBeGreaterThanOrEqual(GUEST_PA);
      const [difference, ...more] = divergence!.differences;
      expect([difference!.part, difference!.what, more]).toEqual([`pe ${pe}`, 'X27', []]);
      expect(BigInt(difference!.a) ^ BigInt(difference!.b)).toBe(0x10n);
    }
  });

  it.each([
    ['a System register', 'VBAR_EL1', 'VBAR_EL1'],
    ['a vector register', 'V3', 'V3'],
    ['the flags', 'PSTATE', 'NZCV'],
  ])('tell %s', async (_, name, shown) => {
    const bytes = await recorded();
    const replay = await replayOf(bytes);
    const { machine } = replay;
    machine.at(1234, () => {
      // What a replay does not see enter.
      const { source } = machine.outside;
      machine.outside.source = undefined;
      machine.writeRegister(0, name, machine.readRegister(0, name) ^ (name === 'PSTATE' ? 1n << 31n : 0x800n));
      machine.outside.source = source;
    });
    replay.run();
    expect(replay.divergence?.step?.steps).toBe(1234);
    expect(replay.divergence?.differences.map(({ what }) => what)).toEqual([shown]);
  });

  it('tell a byte of RAM, with its address and what is not as recorded', async () => {
    const bytes = await recorded();
    const { divergence } = await spoiled(bytes, 2222, ({ whole }) => {
      // As a step that stores what it should not.
      const page = whole as unknown as { memory: { write(offset: number, bytes: Uint8Array): void } };
      page.memory.write(0x30_0000, Uint8Array.of(0xaa));
    });
    expect(divergence?.step?.steps).toBe(2222);
    expect(divergence?.differences).toEqual([{ part: 'ram', what: '0x40300000', a: '<00>, not written', b: '<aa>' }]);
  });

  it('tell virtual time that goes another way', async () => {
    const bytes = await recorded();
    const { divergence } = await spoiled(bytes, 1500, (machine) => {
      (machine as unknown as { nowNs: number }).nowNs += 3;
    });
    expect(divergence?.step?.steps).toBe(1500);
    expect(divergence?.differences).toContainEqual({ part: 'time', what: 'timeNs', a: '1500', b: '1503' });
  });

  it('of a stretch cost nothing outside it, and are compared in it alone', async () => {
    const bytes = await recorded({ steps: { from: 2000, to: 2500 } });
    const replay = await replayOf(bytes);
    let hooked = 0;
    const { machine } = replay;
    for (const step of [1990, 2010, 2490, 2510])
      machine.at(step, () => {
        const { hooks } = machine as unknown as { hooks: { has(name: string): boolean } };
        hooked = hooked * 2 + (hooks.has('step') ? 1 : 0);
      });
    replay.run();
    expect([replay.divergence, replay.checkedSteps, hooked]).toEqual([undefined, 501, 0b0110]);
    const inside = await spoiled(bytes, 2499, ({ pes }) => pes[0]!.s.setX(25, 1n));
    expect(inside.divergence?.step?.steps).toBe(2499);
    const before = await spoiled(bytes, 1999, ({ pes }) => pes[0]!.s.setX(25, 1n));
    expect(before.divergence?.place.steps).toBe(2000);
    const behind = await spoiled(bytes, 2600, ({ pes }) => pes[0]!.s.setX(25, 1n));
    expect([behind.divergence?.step, behind.divergence?.place.steps]).toEqual([undefined, 3000]);
  });

  it('can be written down by a replay, and are those of the first run', async () => {
    const coarse = await replayOf(await recorded({ steps: { from: 100, to: 101 } }));
    const pieces: Uint8Array[] = [];
    const write = (bytes: Uint8Array): void => void pieces.push(bytes);
    const again = await Recorder.begin(coarse.machine, { codec: CODEC, steps: ALL, everySteps: 1000, write });
    coarse.run();
    again.end();
    expect(coarse.divergence).toBeUndefined();
    const first = readRecording(await recorded());
    const second = readRecording(joined(pieces));
    expect(second.steps).toEqual(first.steps);
    expect(second.entries).toEqual(first.entries);
  });

  it('are left out by a recording that was broken off, up to where it was', async () => {
    const bytes = await recorded({ total: 60_000 });
    const replay = await replayOf(bytes.subarray(0, bytes.length - 100));
    replay.run();
    expect(replay.divergence).toBeUndefined();
  });

  it('are read with a codec that takes its time', async () => {
    const slow: Codec = {
      deflate: async (bytes) => CODEC.deflate(bytes),
      inflate: async (bytes, sizeBytes) => CODEC.inflate(bytes, sizeBytes),
    };
    for (const bytes of [await recorded({ codec: slow }), await recorded()]) {
      const replay = await replayOf(bytes, undefined, slow);
      replay.run();
      expect([replay.divergence, replay.checkedSteps]).toEqual([undefined, 6001]);
    }
  });
});

describe('what enters during a replay and was not recorded', () => {
  it('is a divergence at its boundary, with its name', async () => {
    const bytes = await recorded({ steps: { from: 1, to: 2 } });
    const replay = await replayOf(bytes);
    replay.machine.at(1234, () => replay.machine.writeRegister(0, 'X5', 7n));
    expect(replay.run().reason).toBe('stopped');
    expect(replay.divergence).toMatchObject({
      place: { steps: 1234 },
      entered: { kind: 'writeRegister', data: { pe: 0, name: 'X5', value: 7n } },
    });
  });
});
