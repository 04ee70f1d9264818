import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { memoryBackend } from '../../src/devices/virtio/block-store.ts';
import { Machine } from '../../src/machine/machine.ts';
import { Recorder } from '../../src/machine/record/recorder.ts';
import { readRecording } from '../../src/machine/record/recording.ts';
import { Replay } from '../../src/machine/record/replay.ts';
import { loadSnapshot, saveSnapshot } from '../../src/machine/snapshot-file/files.ts';
import { joined } from '../../src/machine/snapshot-file/sections.ts';
import { Random } from '../differential/random.ts';
import { CODEC } from '../support/codec.ts';
import { guestPath, haveGuests } from './guest.ts';

/** Debian's kernel with every kind of device, before its first step. */
const boot = (cpus: number): Machine =>
  Machine.create({
    kernel: readFileSync(guestPath('Image')),
    initrd: readFileSync(guestPath('initramfs.cpio')),
    append: 'console=ttyAMA0',
    cpus,
    drives: [{ backend: memoryBackend(new Uint8Array(2 ** 20)), serial: 'kept' }],
    virtioRng: true,
    virtioConsole: true,
    net: 'loopback',
  });

it.skipIf(!haveGuests).each([1, 4, 8])(
  'a kernel that boots on %i CPUs is saved, loaded, recorded and replayed to the same state',
  async (cpus) => {
    const r = new Random(`kept ${cpus}`);
    const stayed = boot(cpus);
    const pieces: Uint8Array[] = [];
    let now = boot(cpus);
    for (let n = 0; n < 3; n++) {
      const steps = 10_000_000 + r.below(40_000_000);
      stayed.run({ steps });
      now.run({ steps });
      now = await loadSnapshot(await saveSnapshot(now, now.snapshot(), CODEC), CODEC);
      expect(now.digest(), `after ${now.steps} steps`).toBe(stayed.digest());
    }
    const write = (bytes: Uint8Array): void => void pieces.push(bytes);
    // Of one stretch each step is written down as well.
    const steps = { from: now.steps + 1_000_000, to: now.steps + 1_050_000 };
    const recorder = await Recorder.begin(now, { codec: CODEC, everySteps: 7_000_000, steps, write });
    for (let n = 0; n < 20; n++) {
      now.console.input(Uint8Array.of(0x61 + n));
      now.powerKey(n % 2 === 0);
      now.run({ steps: r.below(2_000_000) });
    }
    recorder.end();
    const recording = readRecording(joined(pieces));
    const machine = await loadSnapshot(recording.start, CODEC, { engine: 'interpreter' });
    const replay = await Replay.open(machine, recording, CODEC);
    replay.run();
    expect([replay.divergence, replay.finished, replay.checkedSteps]).toEqual([undefined, true, 50_001]);
    expect(replay.machine.digest()).toBe(now.digest());
  },
  300_000,
);
