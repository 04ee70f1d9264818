import { describe, expect, it } from 'vitest';
import { BUSY, guest } from '../../../test/exact/guests.ts';
import { CODEC } from '../../../test/support/codec.ts';
import { memoryBackend } from '../../devices/virtio/block-store.ts';
import { handOver, machineOfHanded } from './handed.ts';

describe('a machine that is handed to another thread', () => {
  it.each([1, 2])('is the same machine there, with %s PEs, and goes on in the same way', (cpus) => {
    const drives = [{ backend: memoryBackend(new Uint8Array(8192)) }];
    const { machine } = guest(BUSY, { virtioRng: true, virtioConsole: true, net: 'loopback', drives, cpus });
    machine.run({ steps: 4321 });
    const snapshot = machine.snapshot();
    const then = machine.digest();
    machine.run({ steps: 2000 });
    const there = machineOfHanded(structuredClone(handOver(machine, snapshot, CODEC)), {}, CODEC);
    expect(there.digest()).toBe(then);
    there.run({ steps: 2000 });
    expect(there.digest()).toBe(machine.digest());
    machine.reset();
    there.reset();
    for (const one of [machine, there]) one.run({ steps: 3000 });
    expect(there.digest()).toBe(machine.digest());
  });

  it('shares what is large: two threads have its pages once', () => {
    const { machine } = guest(BUSY);
    machine.run({ steps: 1000 });
    const handed = handOver(machine, machine.snapshot(), CODEC);
    expect(handed.pageNumbers.length).toBeGreaterThan(0);
    const [one, other] = [structuredClone(handed), structuredClone(handed)];
    one.pageBytes[0]! ^= 0xff;
    expect(other.pageBytes[0]).toBe(one.pageBytes[0]);
  });
});
