import { describe, expect, it } from 'vitest';
import { hammering } from '../../../test/board/smp.ts';
import { Random } from '../../../test/differential/random.ts';
import { BUSY, guest } from '../../../test/exact/guests.ts';
import { CODEC } from '../../../test/support/codec.ts';
import { memoryBackend } from '../../devices/virtio/block-store.ts';
import type { Machine } from '../machine.ts';
import { loadSnapshot, saveSnapshot } from './files.ts';

/** Points that are tried: a sample, or as many as the environment says. */
const POINTS = Number(process.env.UNMASKABLE_SNAPSHOT_POINTS ?? 16);

const EVERYTHING = { virtioRng: true, virtioConsole: true, net: 'loopback' } as const;

function make(n: number): Machine {
  const cpus = 1 + (n % 8);
  if (n % 3 === 0) return hammering('LSE counter', cpus);
  const drives = [{ backend: memoryBackend(new Uint8Array(8192)) }];
  const schedule = { kind: 'random', seed: n, stepsMax: 90 } as const;
  return guest(BUSY, { ...EVERYTHING, drives, cpus, gic: n % 5 === 0 ? 2 : 3, schedule }).machine;
}

describe('restore-and-run equals never having left', () => {
  it(`at ${POINTS} random points, in memory and through a file, with 1 to 8 PEs and all devices`, async () => {
    const r = new Random('leaving');
    for (let n = 0; n < POINTS; n++) {
      const [stayed, left] = [make(n), make(n)];
      const [steps, detour, further] = [r.below(9000), r.below(3000), r.below(3000)];
      const what = `point ${n}: ${steps} steps, ${detour} away, ${further} further`;
      for (const machine of [stayed, left]) machine.run({ steps });
      const snapshot = left.snapshot();
      const file = await saveSnapshot(left, snapshot, CODEC);
      // Somewhere else, with other input, before it comes back.
      left.console.input(Uint8Array.of(1, 2, 3));
      left.powerKey(true);
      left.run({ steps: detour });
      left.restore(snapshot);
      const loaded = await loadSnapshot(file, CODEC);
      for (const machine of [stayed, left, loaded]) machine.run({ steps: further });
      expect(left.digest(), `in memory, ${what}`).toBe(stayed.digest());
      expect(loaded.digest(), `in a file, ${what}`).toBe(stayed.digest());
    }
  }, 3_600_000);
});
