import { describe, expect, it } from 'vitest';
import { Rng } from '../../../test/support/rng.ts';
import { type FlowGraph, structureOf } from './structure.ts';

/** A graph from `a>b` edges; node 0 is the head. */
function graph(edges: string, extra: readonly number[] = []): FlowGraph {
  const successors = new Map<number, number[]>([[0, []], ...extra.map((n): [number, number[]] => [n, []])]);
  for (const edge of edges.split(' ').filter((e) => e !== '')) {
    const [from, to] = edge.split('>').map(Number);
    for (const n of [from, to]) if (!successors.has(n)) successors.set(n, []);
    successors.get(from)!.push(to);
  }
  return { head: 0, successors };
}

function reached({ head, successors }: FlowGraph, without?: number): Set<number> {
  const seen = new Set<number>();
  const queue = head === without ? [] : [head];
  while (queue.length > 0) {
    const n = queue.pop()!;
    if (seen.has(n)) continue;
    seen.add(n);
    queue.push(...successors.get(n)!.filter((s) => s !== without));
  }
  return seen;
}

describe('structureOf', () => {
  it('a straight line has no loops and no merges', () => {
    const s = structureOf(graph('0>1 1>2'));
    expect([[...s.loops], [...s.merges], [...s.irreducible]]).toEqual([[], [], []]);
    expect(s.children.get(0)).toEqual([1]);
  });

  it('where two ways meet is a merge, under the node where they parted', () => {
    const s = structureOf(graph('0>1 0>2 1>3 2>3'));
    expect([...s.merges]).toEqual([3]);
    expect(new Set(s.children.get(0))).toEqual(new Set([1, 2, 3]));
  });

  it('an edge back to a node that all paths pass is a loop, also to itself', () => {
    const s = structureOf(graph('0>1 1>2 2>1 2>3 3>3'));
    expect(s.loops).toEqual(new Set([1, 3]));
    expect(s.irreducible.size).toBe(0);
  });

  it('an edge into the middle of a loop is told apart', () => {
    const s = structureOf(graph('0>1 0>2 1>2 2>1'));
    expect(s.loops.size).toBe(0);
    expect([...s.irreducible]).toHaveLength(1);
  });

  it('a node that is not reached does not count', () => {
    const s = structureOf(graph('0>1', [7]));
    expect([...s.order.keys()]).toEqual([0, 1]);
  });

  it('a long chain does not nest calls', () => {
    const edges = Array.from({ length: 20_000 }, (_, i) => `${i}>${i + 1}`).join(' ');
    expect(structureOf(graph(edges)).order.get(20_000)).toBe(20_000);
  });

  it.each(Array.from({ length: 60 }, (_, i) => i))(
    'random graph %i: dominators, loops, merges by their definitions',
    (seed) => {
      const rng = new Rng(`graph ${seed}`);
      const nodes = 2 + rng.below(12);
      const edges = Array.from({ length: rng.below(3 * nodes) }, () => `${rng.below(nodes)}>${rng.below(nodes)}`);
      const g = graph([...new Set(edges)].join(' '));
      const s = structureOf(g);
      const live = reached(g);
      expect(new Set(s.order.keys())).toEqual(live);
      const dominates = (a: number, b: number): boolean => !reached(g, a).has(b);
      // The tree: each node under its nearest strict dominator.
      const parent = new Map([...s.children].flatMap(([p, list]) => list.map((n): [number, number] => [n, p])));
      for (const n of live) {
        if (n === 0) continue;
        const strict = [...live].filter((a) => a !== n && dominates(a, n));
        const nearest = strict.filter((a) => strict.every((b) => dominates(b, a)));
        expect([parent.get(n)], `parent of ${n}`).toEqual(nearest);
      }
      for (const from of live)
        for (const to of g.successors.get(from)!) {
          const back = s.order.get(to)! <= s.order.get(from)!;
          if (!back) continue;
          expect(dominates(to, from) ? s.loops.has(to) : s.irreducible.has(`${from}:${to}`), `${from}>${to}`).toBe(
            true,
          );
        }
      for (const n of live) {
        const forward = [...live].filter((p) => g.successors.get(p)!.includes(n) && s.order.get(p)! < s.order.get(n)!);
        expect(s.merges.has(n), `merge ${n}`).toBe(forward.length > 1);
      }
    },
  );
});
