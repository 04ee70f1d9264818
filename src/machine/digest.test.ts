import { describe, expect, it } from 'vitest';
import type { PlainData } from '../devices/device.ts';
import { GuestMemory } from '../engine/memory.ts';
import { canonical, Digest } from './digest.ts';

function of(...values: PlainData[]): string {
  const d = new Digest(new GuestMemory(1 << 20, 1));
  d.begin();
  for (const v of values) d.data(v);
  return d.finish();
}

describe('canonical', () => {
  it('does not depend on the order of names', () => {
    expect(canonical({ a: 1, b: [true, null] })).toBe(canonical({ b: [true, null], a: 1 }));
  });
  it('tells apart what looks alike', () => {
    const values: PlainData[] = [1, 1n, '1', [1], { 1: 1 }, true, null, 'null', Uint8Array.of(1), [], {}, '', 0, false];
    expect(new Set(values.map((v) => canonical(v))).size).toBe(values.length);
  });
});

describe('Digest', () => {
  it('is 32 hexadecimal digits and the same for the same data', () => {
    expect(of({ a: 1 })).toMatch(/^[0-9a-f]{32}$/);
    expect(of({ a: 1 })).toBe(of({ a: 1 }));
  });

  it('is the same on every host: a known value', () => {
    expect(of('unmaskable')).toBe('4417b2b4accffda16a0750625e9040e8');
  });

  it('depends on the order of what is taken in, and on every byte of long data', () => {
    expect(of(1, 2)).not.toBe(of(2, 1));
    const long = new Uint8Array(100_000);
    const seen = new Set([of(long)]);
    for (const at of [0, 1, 32_767, 32_768, 65_536, 99_999]) {
      const changed = long.slice();
      changed[at] = 1;
      seen.add(of(changed));
    }
    expect(seen.size).toBe(7);
    expect(of(new Uint8Array(1000))).not.toBe(of(new Uint8Array(1001)));
  });

  it('of RAM leaves out pages of zeros and has the number of each other page', () => {
    const memory = new GuestMemory(1 << 20, 1);
    const d = new Digest(memory);
    const now = (): string => {
      d.begin();
      d.ram();
      return d.finish();
    };
    const empty = now();
    memory.write(0x5000, Uint8Array.of(1));
    const there = now();
    memory.write(0x5000, Uint8Array.of(0));
    memory.write(0x6000, Uint8Array.of(1));
    expect(new Set([empty, there, now()]).size).toBe(3);
    memory.write(0x6000, Uint8Array.of(0));
    expect(now()).toBe(empty);
  });

  it('of a region changes with each of its bits', () => {
    const memory = new GuestMemory(1 << 20, 1);
    const d = new Digest(memory);
    const seen = new Set<string>();
    for (let bit = -1; bit < 512; bit++) {
      if (bit >= 0) memory.u8[bit >> 3]! ^= 1 << (bit & 7);
      d.begin();
      d.region(0, 64);
      seen.add(d.finish());
      if (bit >= 0) memory.u8[bit >> 3]! ^= 1 << (bit & 7);
    }
    expect(seen.size).toBe(513);
  });
});
