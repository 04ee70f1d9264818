import { describe, expect, it } from 'vitest';
import { haveCompiler } from '../support/kvm-vmm.ts';
import { Fingerprint } from './kdump-guest.ts';
import { KdumpPoints } from './kdump-points.ts';
import { haveKexec } from './kexec-guest.ts';
import { exploreWindow } from './kvm-init.ts';
import { TIMEOUT_MS } from './suite.ts';

const MIB = 2 ** 20;

it('a fingerprint is that of test/guest/kdump/vmhash.c, and depends on the place of each word', () => {
  const of = (words: readonly number[]): string => {
    const sum = new Fingerprint();
    sum.add(new Uint8Array(Uint32Array.from(words).buffer));
    return sum.text;
  };
  expect(of([1, 2, 0xffff_ffff])).toBe('00000001000000060000000100000002');
  expect(of([2, 1, 0xffff_ffff])).not.toBe(of([1, 2, 0xffff_ffff]));
  const many = Array.from({ length: 3000 }, (_, n) => (n * 2_654_435_761) >>> 0);
  let s1 = 0n;
  let s2 = 0n;
  for (const word of many) {
    s1 += BigInt(word);
    s2 += s1;
  }
  const hex = (value: bigint): string => BigInt.asUintN(64, value).toString(16).padStart(16, '0');
  expect(of(many)).toBe(hex(s2) + hex(s1));
});

describe.skipIf(!haveKexec || !haveCompiler)(
  "kdump of Debian's kernel (needs scripts/guests.mjs to have run, and the cross compiler)",
  { timeout: 3 * TIMEOUT_MS },
  () => {
    // The long form is `npm run kexec -- kdump`: 100 points, 1 and 4 CPUs, each way.
    it.each(['VHE'] as const)('%s: from points of a busy system to /proc/vmcore, which is the RAM of then', (way) => {
      const system = new KdumpPoints({ way, cpus: 4, points: 3, seed: 9 });
      const found = [system.next(), system.next(), system.next()];
      expect(found.flatMap(({ complaints }) => complaints)).toEqual([]);
      expect(found.map(({ cause }) => cause)).toEqual(['sdei', 'sdei-critical', 'gsiv']);
      for (const { comparedBytes, odd, entry } of found) {
        // 384 MiB less the 128 of the crash kernel and what is the firmware's; the kernel is in it twice.
        expect(comparedBytes).toBeGreaterThan(250 * MIB);
        expect(odd).toEqual([]);
        expect(entry.el).toBe(2);
      }
    });

    // The long form, every boundary and three more scenarios, is `npm run kexec -- kvm-init`.
    it("nVHE: from boundaries of KVM's initialisation of a CPU to the crash kernel at EL2", async () => {
      // Among them one of the stub, one of KVM's first vectors, and three behind those.
      const sample = { count: 12, seed: 49 };
      // Both ways to panic, after one boot.
      const events = ['serror@1', 'sea@1'];
      const { boundaries, outcomes, said } = await exploreWindow({ name: 'nvhe-abort', sample, events });
      expect(boundaries).toBeGreaterThan(300);
      // An SError waits until it can be taken. An abort of EL2's own code does not, and its vectors are endless loops.
      const { completed = 0, 'suspected livelock': loops = 0 } = outcomes;
      expect(Object.keys(outcomes).sort()).toEqual(['completed', 'suspected livelock']);
      expect([completed, loops]).toEqual([22, 2]);
      const places = [...said.matchAll(/^#\d+ suspected livelock, \d+ times: PE 1 loops in (\w+)/gm)];
      expect(places.map(([, name]) => name)).toEqual(
        places.map(() => expect.stringMatching(/^__kvm_nvhe_|^elx_sync$/)),
      );
    });
  },
);
