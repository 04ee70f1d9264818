import type { BasicBlock } from './discover.ts';
import { factsOf, V_FIRST } from './facts.ts';

/** What the instructions of a region do with registers, flags, memory and numbers. */
export interface RegionUse {
  /** Registers that are read: they wait in locals. Others are written straight to the PE's block. */
  readonly read: ReadonlySet<number>;
  /** Registers that are read and written: their locals may differ from the PE's block. */
  readonly written: ReadonlySet<number>;
  /** Of those, by first instruction of a block, the ones that some way to it wrote. */
  readonly dirtyAt: ReadonlyMap<number, ReadonlySet<number>>;
  readonly writesFlags: boolean;
  readonly usesMemory: boolean;
  readonly computesFloat: boolean;
}

/** A set of registers as bits. Regions are put together while the guest waits, and sets of objects take their time. */
type Registers = Int32Array;
/** Words of such a set: numbers end with those of the V registers. */
const WORDS = (V_FIRST + 32) / 32;

function add(to: Registers, register: number): void {
  to[register >> 5]! |= 1 << (register & 31);
}
/** Takes another set in; true when that is something new. */
function merge(to: Registers, from: Registers): boolean {
  let fresh = 0;
  for (let n = 0; n < WORDS; n++) {
    fresh |= from[n]! & ~to[n]!;
    to[n]! |= from[n]!;
  }
  return fresh !== 0;
}
function numbersOf(registers: Registers): Set<number> {
  const numbers = new Set<number>();
  for (let r = 0; r < WORDS * 32; r++) if (registers[r >> 5]! & (1 << (r & 31))) numbers.add(r);
  return numbers;
}

/** Puts together what the instructions of a region do with registers, flags, memory and numbers. */
export function regionUse(blocks: ReadonlyMap<number, BasicBlock>): RegionUse {
  const read = new Int32Array(WORDS);
  const written = new Int32Array(WORDS);
  const writes = new Map<number, Registers>();
  let [writesFlags, usesMemory, computesFloat] = [false, false, false];
  for (const block of blocks.values()) {
    const own = new Int32Array(WORDS);
    for (const { fragment } of block.instructions) {
      const facts = factsOf(fragment);
      for (const r of facts.reads) add(read, r);
      for (const r of facts.writes) add(own, r);
      writesFlags ||= facts.writesFlags;
      usesMemory ||= facts.usesMemory;
      computesFloat ||= facts.computesFloat;
    }
    writes.set(block.first, own);
  }
  for (const own of writes.values()) {
    for (let n = 0; n < WORDS; n++) own[n]! &= read[n]!;
    merge(written, own);
  }
  const dirtyAt = flow(blocks, writes);
  return { read: numbersOf(read), written: numbersOf(written), dirtyAt, writesFlags, usesMemory, computesFloat };
}

/** Which registers some way to a block wrote. */
function flow(
  blocks: ReadonlyMap<number, BasicBlock>,
  writes: ReadonlyMap<number, Registers>,
): Map<number, ReadonlySet<number>> {
  const at = new Map<number, Registers>();
  for (const first of blocks.keys()) at.set(first, new Int32Array(WORDS));
  const out = new Int32Array(WORDS);
  const queue = [...blocks.keys()];
  for (let first = queue.pop(); first !== undefined; first = queue.pop()) {
    out.set(at.get(first)!);
    merge(out, writes.get(first)!);
    for (const next of blocks.get(first)!.successors) if (merge(at.get(next)!, out)) queue.push(next);
  }
  const dirty = new Map<number, ReadonlySet<number>>();
  for (const [first, registers] of at) dirty.set(first, numbersOf(registers));
  return dirty;
}
