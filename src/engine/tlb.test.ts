import { describe, expect, it } from 'vitest';
import { Rng } from '../../test/support/rng.ts';
import {
  DATA_TLB_BASE,
  DATA_TLB_ENTRIES,
  DATA_TLB_WAY_BYTES,
  EXEC_TLB_BASE,
  EXEC_TLB_ENTRIES,
  PE_STRIDE_BYTES,
} from '../arch/pestate.ts';
import { nthPart, TlbEntries } from './tlb.ts';

const PES = 2;
const TOP_BYTE = 0xffn << 56n;

/** The TLBs of two PEs, and what an entry must be after drops: a plain list of who was filled. */
class Rig {
  readonly view = new DataView(new ArrayBuffer(PES * PE_STRIDE_BYTES));
  readonly tlb = new TlbEntries(new Int32Array(this.view.buffer), PES);
  readonly filled = new Map<number, bigint>();

  private put(at: number, va: bigint): void {
    this.view.setBigUint64(at, va | 5n, true);
    this.filled.set(at, va);
  }
  data(pe: number, va: bigint): void {
    const at = pe * PE_STRIDE_BYTES + DATA_TLB_BASE + Number((va >> 12n) & BigInt(DATA_TLB_ENTRIES - 1)) * 32;
    const [low, high] = [Number(va & 0xffff_ffffn) | 5, Number(va >> 32n) | 0];
    const first = this.filled.get(at);
    const second = this.filled.get(at + DATA_TLB_WAY_BYTES);
    for (const way of first === va ? [] : [0, 8]) {
      if (first !== undefined) this.filled.set(at + DATA_TLB_WAY_BYTES + way, first);
      else if (second === va) this.filled.delete(at + DATA_TLB_WAY_BYTES + way);
    }
    this.tlb.makeRoom(at >> 2, low, high);
    this.put(at, va);
    this.put(at + 8, va);
  }
  exec(pe: number, va: bigint, way: number): void {
    const at = pe * PE_STRIDE_BYTES + EXEC_TLB_BASE + Number((va >> 12n) & BigInt(EXEC_TLB_ENTRIES - 1)) * 32;
    this.put(at + way * 16, va);
  }
  drop(va: bigint, bits: number): void {
    this.tlb.dropRange(nthPart(Number(va >> 32n), Number(va & 0xffff_ffffn) | 0, 0, bits));
    for (const [at, held] of this.filled) if (((held ^ va) & ~TOP_BYTE) >> BigInt(bits) === 0n) this.filled.delete(at);
  }
  /** Tags that are there. */
  held(): Map<number, bigint> {
    const all = new Map<number, bigint>();
    for (let at = 0; at < this.view.byteLength; at += 8) {
      const tag = this.view.getBigUint64(at, true);
      if (tag !== 0n) all.set(at, tag & ~0xfffn);
    }
    return all;
  }
}

describe('dropping a range of addresses', () => {
  const SIZES = [12, 14, 16, 21, 25, 30, 36, 39, 48];
  const HALVES = [0n, 0xffff_0000_0000_0000n, 0x0012_0000_0000_0000n << 8n];

  it.each(Array.from({ length: 20 }, (_, i) => i))('empties the entries in it and no other (seed %i)', (seed) => {
    const rng = new Rng(`ranges ${seed}`);
    const rig = new Rig();
    const address = (): bigint =>
      rng.pick(HALVES) + rng.pick([0n, 1n << 30n, 5n << 39n]) + (BigInt(rng.below(3000)) << 12n);
    for (let round = 0; round < 60; round++) {
      for (let n = rng.below(80); n > 0; n--) {
        if (rng.below(3)) rig.data(rng.below(PES), address());
        else rig.exec(rng.below(PES), address(), rng.below(2));
      }
      const bits = rng.pick(SIZES);
      rig.drop(address() & ~TOP_BYTE & -(1n << BigInt(bits)), bits);
      expect(rig.held()).toEqual(rig.filled);
    }
    rig.tlb.dropAll();
    expect(rig.held().size).toBe(0);
  });
});
