import { describe, expect, it } from 'vitest';
import { Random } from '../../../test/differential/random.ts';
import { BUSY, GUEST_PA, guest, SMALL_BYTES } from '../../../test/exact/guests.ts';
import { bareKernel, ECHO } from '../../../test/support/bare-kernel.ts';
import { CODEC } from '../../../test/support/codec.ts';
import { PE_STATE } from '../../arch/pestate.ts';
import { WAIT } from '../../cpu/waiting.ts';
import { Machine } from '../machine.ts';
import { type LoadOptions, loadSnapshot } from '../snapshot-file/files.ts';
import { joined } from '../snapshot-file/sections.ts';
import { Recorder } from './recorder.ts';
import { readRecording } from './recording.ts';
import { divergedBetween, Replay } from './replay.ts';
import { firstDifference } from './search.ts';

/** Records what `play` does to a machine. */
async function recorded(machine: Machine, everySteps: number, play: (machine: Machine) => void): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const recorder = await Recorder.begin(machine, { codec: CODEC, everySteps, write: (b) => void pieces.push(b) });
  play(machine);
  recorder.end();
  return joined(pieces);
}
async function replayOf(bytes: Uint8Array, given?: LoadOptions): Promise<Replay> {
  const recording = readRecording(bytes);
  return new Replay(await loadSnapshot(recording.start, CODEC, given), recording);
}
/** Replays to the end and expects the same end. */
async function expectSame(machine: Machine, bytes: Uint8Array, given?: LoadOptions): Promise<Replay> {
  const replay = await replayOf(bytes, given);
  expect(replay.run().reason).toBe('stopped');
  expect(replay.divergence).toBeUndefined();
  expect(replay.finished).toBe(true);
  expect(replay.machine.digest()).toBe(machine.digest());
  return replay;
}

/** Waits with WFI for the console; adds up what it received in X20. */
const RECEIVER = `
        .equ    GICD, 0x08000000
        .equ    GICR, 0x080a0000
        .equ    UART, 0x09000000
        adr     x0, vectors
        msr     VBAR_EL1, x0
        ldr     x1, =GICD
        mov     w0, #0x12
        str     w0, [x1]
        mov     w0, #0xffffffff
        str     w0, [x1, #0x84]
        mov     w0, #2
        str     w0, [x1, #0x104]
        ldr     x1, =GICR
        mov     x0, #0xf0
        msr     ICC_PMR_EL1, x0
        mov     x0, #1
        msr     ICC_IGRPEN1_EL1, x0
        isb
        ldr     x28, =UART
        mov     w0, #0x50
        str     w0, [x28, #0x38]
        mov     w0, #0x301
        str     w0, [x28, #0x30]
        mov     x0, #5000
        msr     CNTV_TVAL_EL0, x0
        mov     x0, #1
        msr     CNTV_CTL_EL0, x0
        msr     DAIFClr, #2
1:      wfi
        add     x21, x21, #1
        b       1b
        .balign 2048
vectors: .skip  0x280
irq:    mrs     x0, ICC_IAR1_EL1
2:      ldr     w2, [x28, #0x18]
        tbnz    w2, #4, 3f
        ldr     w2, [x28]
        mrs     x3, CNTVCT_EL0
        madd    x20, x20, x3, x2
        str     w2, [x28]
        b       2b
3:      msr     ICC_EOIR1_EL1, x0
        eret
        .ltorg
`;

const text = (s: string): Uint8Array => new TextEncoder().encode(s);

describe('a recording, played', () => {
  it('has every key at its instant, also where the machine waited and time was let pass', async () => {
    const { machine } = guest(RECEIVER);
    machine.inputPossible = true;
    const r = new Random('keys');
    const bytes = await recorded(machine, 200, () => {
      for (let n = 0; n < 60; n++) {
        const idleUntilNs = machine.timeNs + BigInt(r.below(40_000));
        machine.run({ steps: 1 + r.below(60), idleUntilNs });
        if (r.below(3)) machine.console.input(text('abc'.slice(r.below(3))));
      }
    });
    expect(machine.readRegister(0, 'X20')).not.toBe(0n);
    const replay = await expectSame(machine, bytes);
    expect(replay.checked).toBeGreaterThan(4);
    await expectSame(machine, bytes, { engine: 'interpreter' });
  });

  it.each([1, 2, 5, 8])('has all other actions from between runs, steps, instants and hooks: %i PEs', async (cpus) => {
    const schedule = { kind: 'random', seed: cpus, stepsMax: 40 } as const;
    const { machine } = guest(BUSY, { cpus, schedule, virtioConsole: true, net: 'null' });
    const r = new Random(`outside ${cpus}`);
    let turn = 0;
    const act = (): void => {
      const kind = turn++ % 8;
      if (kind === 0) machine.console.input(text('x'));
      else if (kind === 1) machine.powerKey(r.below(2) === 1);
      else if (kind === 2) machine.writeRegister(0, 'X15', BigInt(r.below(1 << 30)));
      else if (kind === 3) machine.writeMemory(GUEST_PA + 0x20_0000n, Uint8Array.of(r.below(256), 2, 3));
      else if (kind === 4) machine.devices.virtioConsole!.input(text('yy'));
      else if (kind === 5) machine.devices.net!.receive(new Uint8Array(60).fill(turn));
      else if (kind === 6) machine.sdei.signal(0);
      else machine.useSchedule({ kind: 'random', seed: r.below(99), stepsMax: 1 + r.below(60) });
    };
    machine.on('exception', () => machine.at(0, act));
    machine.console.onOutput(() => machine.console.input(text('z')));
    const bytes = await recorded(machine, 500, () => {
      for (let n = 0; n < 30; n++) {
        machine.at(machine.steps + r.below(200), act);
        machine.atTimeNs(machine.timeNs + BigInt(r.below(200)), act);
        machine.run({ steps: r.below(300) });
        act();
      }
    });
    expect(readRecording(bytes).entries.length).toBeGreaterThan(90);
    const replay = await expectSame(machine, bytes);
    const sliced = await replayOf(bytes);
    for (let n = 0; !sliced.finished && n < 100_000; n++) sliced.run({ steps: 1 + r.below(90) });
    expect(sliced.divergence).toBeUndefined();
    expect(sliced.finished).toBe(true);
    expect(sliced.machine.digest()).toBe(replay.machine.digest());
  });

  it('begins where the recording began, and has the resets of the guest', async () => {
    const reset = ECHO.replace('#8\n', '#9\n');
    const machine = Machine.create({ kernel: bareKernel(reset), memoryBytes: SMALL_BYTES });
    machine.run({ steps: 333 });
    const bytes = await recorded(machine, 1000, () => {
      for (let n = 0; n < 3; n++) {
        machine.run({ steps: 500 });
        machine.console.input(text('abq'));
        expect(machine.run().reason).toBe('reset');
        machine.reset();
      }
      machine.run({ steps: 700 });
    });
    await expectSame(machine, bytes);
  });

  it('keeps what happened in a step hook, and refuses there what cannot be repeated', async () => {
    const { machine } = guest(BUSY);
    const bytes = await recorded(machine, 1e6, () => {
      const off = machine.on('step', (_pe, pc) => {
        if (machine.steps === 50) expect(() => machine.writeRegister(0, 'X1', pc)).toThrow('called in a hook');
        if (machine.steps === 60) machine.at(0, () => machine.writeRegister(0, 'X1', pc));
      });
      machine.run({ steps: 100 });
      off();
      expect(() => machine.restore(machine.snapshot())).toThrow('the machine is recorded');
    });
    expect(readRecording(bytes).entries.map(({ place }) => place.steps)).toEqual([61, 100, 100]);
    await expectSame(machine, bytes);
  });

  it('is usable up to where it was broken off', async () => {
    const { machine } = guest(BUSY);
    const pieces: Uint8Array[] = [];
    const recorder = await Recorder.begin(machine, {
      codec: CODEC,
      everySteps: 300,
      write: (b) => void pieces.push(b),
    });
    for (let n = 0; n < 10; n++) {
      machine.run({ steps: 400 });
      machine.console.input(text('k'));
      recorder.flush();
    }
    const bytes = joined(pieces);
    const startBytes = joined(pieces.slice(0, 3)).length;
    let most = 0;
    for (let cut = startBytes; cut <= bytes.length; cut += 97) {
      const recording = readRecording(bytes.subarray(0, cut));
      expect(recording.complete).toBe(false);
      most = Math.max(most, recording.entries.length);
    }
    expect(most).toBeGreaterThan(15);
    const replay = await replayOf(bytes.subarray(0, bytes.length - 5));
    replay.run();
    expect([replay.finished, replay.divergence]).toEqual([true, undefined]);
  });

  it('is refused when it is damaged before its end, with the place', async () => {
    const { machine } = guest(BUSY);
    const bytes = await recorded(machine, 300, () => machine.run({ steps: 2000 }));
    for (const n of [3, 20, 60, bytes.length >> 1, bytes.length - 60]) {
      const damaged = bytes.slice();
      damaged[n]! ^= 4;
      expect(() => readRecording(damaged), `byte ${n}`).toThrow(/recording: .*(damaged|is no recording)/);
    }
    expect(() => readRecording(bytes.subarray(0, 100))).toThrow('cut off');
  });
});

describe('a machine that does not do what was recorded', () => {
  /** A machine that is changed behind the recording's back after so many steps. */
  const spoil = (replay: Replay, step: number): void => {
    const { machine } = replay;
    machine.on('step', () => {
      if (machine.steps === step) machine.pes[0]!.s.setX(27, 0x5e_c2e7n);
    });
  };

  it('is found out at the next checkpoint, with the parts that differ', async () => {
    const { machine } = guest(BUSY);
    const bytes = await recorded(machine, 1000, () => machine.run({ steps: 6000 }));
    const replay = await replayOf(bytes);
    spoil(replay, 3456);
    expect(replay.run().reason).toBe('stopped');
    expect(replay.divergence).toMatchObject({ place: { steps: 4000 }, parts: ['pe 0'] });
    expect(replay.registersSame).toBe(3000);
    expect(replay.divergence?.differences).toContainEqual({
      part: 'pe 0',
      what: 'X27',
      a: expect.stringMatching(/^0x[0-9a-f]+$/),
      b: expect.stringContaining('5ec2'),
    });
    expect(divergedBetween(replay, 0)).toEqual({ from: 3000, to: 4000 });
  });

  it('is found out when it cannot reach the place of an action', async () => {
    const machine = Machine.create({ kernel: bareKernel(ECHO), memoryBytes: SMALL_BYTES });
    const bytes = await recorded(machine, 1e6, () => {
      machine.run({ steps: 900 });
      machine.console.input(text('a'));
      machine.run({ steps: 900 });
    });
    const replay = await replayOf(bytes);
    // PE 0 is off, so nothing takes steps.
    replay.machine.at(500, () => replay.machine.pes[0]!.s.set32(PE_STATE.waitState, WAIT.OFF));
    replay.run();
    expect(replay.divergence).toMatchObject({ parts: [], place: { steps: 900 } });
  });

  it('two machines that play it tell the first step, register by register', async () => {
    const { machine } = guest(BUSY, { cpus: 3 });
    const bytes = await recorded(machine, 400, () => {
      for (let n = 0; n < 8; n++) {
        machine.run({ steps: 130 });
        machine.writeMemory(GUEST_PA, Uint8Array.of(n));
      }
    });
    const [good, bad] = [await replayOf(bytes), await replayOf(bytes, { engine: 'interpreter' })];
    spoil(bad, 777);
    const found = firstDifference(good, bad, 1000, CODEC);
    expect(found?.equalSteps).toBe(777);
    expect(found?.differences).toEqual([{ part: 'pe 0', what: 'X27', a: expect.any(String), b: '0x5ec2e7' }]);
    const equal = [await replayOf(bytes), await replayOf(bytes, { engine: 'interpreter' })] as const;
    expect(firstDifference(...equal, 1000, CODEC)).toBeUndefined();
  });
});
