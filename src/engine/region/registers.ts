import type { BasicBlock } from './discover.ts';
import { factsOf } from './facts.ts';

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

/** Puts together what the instructions of a region do with registers, flags, memory and numbers. */
export function regionUse(blocks: ReadonlyMap<number, BasicBlock>): RegionUse {
  const read = new Set<number>();
  const writes = new Map<number, Set<number>>();
  let [writesFlags, usesMemory, computesFloat] = [false, false, false];
  for (const block of blocks.values()) {
    const own = new Set<number>();
    for (const { fragment } of block.instructions) {
      const facts = factsOf(fragment);
      for (const r of facts.reads) read.add(r);
      for (const r of facts.writes) own.add(r);
      writesFlags ||= facts.writesFlags;
      usesMemory ||= facts.usesMemory;
      computesFloat ||= facts.computesFloat;
    }
    writes.set(block.first, own);
  }
  for (const own of writes.values()) for (const r of own) if (!read.has(r)) own.delete(r);
  const written = new Set([...writes.values()].flatMap((own) => [...own]));
  return { read, written, dirtyAt: flow(blocks, writes), writesFlags, usesMemory, computesFloat };
}

/** Which registers some way to a block wrote. */
function flow(
  blocks: ReadonlyMap<number, BasicBlock>,
  writes: ReadonlyMap<number, ReadonlySet<number>>,
): Map<number, Set<number>> {
  const at = new Map([...blocks.keys()].map((first): [number, Set<number>] => [first, new Set()]));
  const queue = [...blocks.keys()];
  for (let first = queue.pop(); first !== undefined; first = queue.pop()) {
    const out = [...at.get(first)!, ...writes.get(first)!];
    for (const next of blocks.get(first)!.successors) {
      const known = at.get(next)!;
      const before = known.size;
      for (const r of out) known.add(r);
      if (known.size !== before) queue.push(next);
    }
  }
  return at;
}
