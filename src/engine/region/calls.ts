import type { BasicBlock } from './discover.ts';

/** How a block that is part of a call or a return ends. */
export interface CallEnd {
  /** First instruction of the function that is called, for a call. */
  readonly callee?: number;
  /** Instruction behind a call, to which its function returns. */
  readonly returnsTo?: number;
  /** The block ends in a return. */
  readonly returns?: boolean;
}

/**
 * Where the functions that a region contains as well as calls of them return to: by block that ends in a return.
 *
 * Whether a return really goes there is compared when it runs, so what is said here is only what is likely.
 *
 * @param ends - by first instruction, for the blocks that end in a call or a return
 */
export function returnPoints(
  blocks: ReadonlyMap<number, BasicBlock>,
  ends: ReadonlyMap<number, CallEnd>,
): Map<number, number[]> {
  const callers = new Map<number, Set<number>>();
  for (const { callee, returnsTo } of ends.values()) {
    if (callee === undefined || returnsTo === undefined || !blocks.has(callee) || !blocks.has(returnsTo)) continue;
    callers.set(callee, (callers.get(callee) ?? new Set()).add(returnsTo));
  }
  const points = new Map<number, number[]>();
  for (const [callee, places] of callers) {
    for (const block of returnsOf(callee, blocks, ends)) {
      const known = points.get(block) ?? [];
      points.set(block, [...known, ...[...places].filter((p) => !known.includes(p))]);
    }
  }
  return points;
}

/** The blocks in which a function returns, going over the calls that it makes itself. */
function returnsOf(
  entry: number,
  blocks: ReadonlyMap<number, BasicBlock>,
  ends: ReadonlyMap<number, CallEnd>,
): number[] {
  const found: number[] = [];
  const seen = new Set([entry]);
  const queue = [entry];
  for (let first = queue.pop(); first !== undefined; first = queue.pop()) {
    const end = ends.get(first);
    if (end?.returns) found.push(first);
    const next = end?.returnsTo === undefined ? blocks.get(first)!.successors : [end.returnsTo];
    for (const n of next) {
      if (seen.has(n) || !blocks.has(n)) continue;
      seen.add(n);
      queue.push(n);
    }
  }
  return found;
}
