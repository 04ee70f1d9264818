import { describe, expect, it } from 'vitest';
import { Rng } from '../../../test/support/rng.ts';
import { PE_DERIVED } from '../../arch/pestate.ts';
import { Builder } from '../../ir/builder.ts';
import type { Fragment, HelperSignature } from '../../ir/types.ts';
import { HANDLER_TYPE } from '../emit.ts';
import { RECORD_BYTES, RECORD_PAGE_BYTES, RECORD_PAGE_USED } from '../records.ts';
import { ModuleWriter } from '../wasm/binary.ts';
import type { BasicBlock } from './discover.ts';
import { RegionEmitter } from './emit.ts';
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

  it('both ways of a branch to one place make it a merge', () => {
    expect([...structureOf(graph('0>1 0>1')).merges]).toEqual([1]);
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

/** Where records lie in the tests' memory. */
const RECORDS = RECORD_PAGE_BYTES;
const MEMORY_PAGES = 4;
/** Blocks of two instructions: one that notes where it is and asks which way to go, and a branch. */
const BLOCK_INSTRUCTIONS = 2;
const STEPS = 400;

const VISIT: HelperSignature = { name: 'visit', params: ['i32'], result: 'i64', effect: 'pure' };

/** Successors by node: none, one, or two (branch taken, fallen through). */
type Graph = readonly (readonly number[])[];

function flowGraph(graph: Graph): FlowGraph {
  const reached = new Map<number, readonly number[]>();
  const visit = (n: number): void => {
    if (reached.has(n)) return;
    reached.set(n, graph[n]!);
    graph[n]!.forEach(visit);
  };
  visit(0);
  return { head: 0, successors: reached };
}

function fragment(write: (b: Builder) => void): Fragment {
  const b = new Builder({ registers: { Rd: 0 }, immediates: {}, immTypes: {} });
  write(b);
  return b.finish();
}

/** A basic block for each node: the first instruction puts what `visit` answers into X0, the second branches on it. */
function basicBlocks(graph: Graph): Map<number, BasicBlock> {
  const blocks = new Map<number, BasicBlock>();
  for (const [node, successors] of flowGraph(graph).successors) {
    const first = node * BLOCK_INSTRUCTIONS;
    const last = first + 1;
    const offset = (to: number): bigint => BigInt((to * BLOCK_INSTRUCTIONS - last) * 4);
    const branch = fragment((b) => {
      if (successors.length > 1) b.if(b.ne(b.x('Rd'), b.i64(0n)), () => b.branchRel(b.i64(offset(successors[0]!))));
      b.branchRel(b.i64(successors.length ? offset(successors.at(-1)!) : 1n << 20n));
    });
    blocks.set(first, {
      first,
      instructions: [
        { index: first, fragment: fragment((b) => b.setX('Rd', b.call(VISIT, b.i32(node)))) },
        { index: last, fragment: branch },
      ],
      successors: successors.map((n) => n * BLOCK_INSTRUCTIONS),
      fallsThrough: false,
    });
  }
  return blocks;
}

/** Runs the compiled graph; where it leaves in the middle of a loop, goes on by hand until it is at the head again. */
function compiledTrace(graph: Graph, choices: readonly number[]): { trace: number[]; bytes: number; inside: number } {
  const trace: number[] = [];
  let inside = 0;
  const visit = (node: number): number => {
    trace.push(node);
    return choices[trace.length - 1]!;
  };
  const module = new ModuleWriter();
  const code = new RegionEmitter(module, RECORDS, 0, basicBlocks(graph)).emit();
  module.func('region', HANDLER_TYPE, code);
  const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES });
  const env = {
    memory,
    visit: (_cpu: number, node: number) => {
      inside++;
      return BigInt(visit(node));
    },
    fallback: () => 0,
    hot: () => {},
  };
  const bytes = module.finish();
  const region = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource), { env }).exports.region as (
    cpu: number,
    record: number,
  ) => number;
  const view = new DataView(memory.buffer);
  for (let at = 0; at >= 0 && trace.length < choices.length; ) {
    if (at > 0) {
      const choice = visit(at);
      const to = graph[at]!;
      at = to.length ? to[choice && to.length > 1 ? 0 : to.length - 1]! : -1;
      continue;
    }
    // The run loop has charged one step when it calls.
    view.setInt32(PE_DERIVED.budget.offset, (choices.length - trace.length) * BLOCK_INSTRUCTIONS - 1, true);
    const record = region(0, RECORDS);
    at = record === 0 ? -1 : (record - RECORDS) / RECORD_BYTES / BLOCK_INSTRUCTIONS;
  }
  return { trace, bytes: code.length, inside };
}

function plainTrace(graph: Graph, choices: readonly number[]): number[] {
  const trace: number[] = [];
  for (let at = 0; at >= 0 && trace.length < choices.length; ) {
    trace.push(at);
    const to = graph[at]!;
    at = to.length ? to[choices[trace.length - 1] && to.length > 1 ? 0 : to.length - 1]! : -1;
  }
  return trace;
}

/** Any graph: most edges lead a little forwards, some anywhere, so that there are loops with several entries. */
function randomGraph(rng: Rng, nodes: number): Graph {
  return Array.from({ length: nodes }, (_, n) => {
    const count = rng.percent(10) ? 0 : rng.percent(30) ? 1 : 2;
    return Array.from({ length: count }, () =>
      rng.percent(70) ? Math.min(nodes - 1, n + 1 + rng.below(4)) : rng.below(nodes),
    );
  });
}

/** Nested loops and conditionals as a compiler makes them: no jump into the middle of a loop. */
function reducibleGraph(rng: Rng, size: number): Graph {
  const graph: number[][] = [];
  const node = (): number => graph.push([]) - 1;
  const sequence = (from: number, depth: number): number => {
    let at = from;
    for (let n = 0; n < 1 + rng.below(3) && graph.length < size; n++) {
      if (depth === 0 || rng.percent(30)) {
        const next = node();
        graph[at]!.push(next);
        at = next;
      } else if (rng.percent(50)) {
        const header = node();
        graph[at]!.push(header);
        const end = sequence(header, depth - 1);
        const after = node();
        graph[end]!.push(header, after);
        at = after;
      } else {
        const [yes, no, join] = [node(), node(), node()];
        graph[at]!.push(yes, no);
        for (const arm of [yes, no]) {
          const end = sequence(arm, depth - 1);
          graph[end]!.push(join);
        }
        at = join;
      }
    }
    return at;
  };
  const last = sequence(node(), 4);
  graph[last]!.push(0);
  return graph;
}

function choicesFor(rng: Rng): number[] {
  return Array.from({ length: STEPS }, () => rng.below(2));
}

describe('code made from a flow graph visits the blocks that the graph visits', () => {
  it('random graphs, loops with several entries among them', () => {
    const rng = new Rng('graphs');
    let irreducible = 0;
    for (let n = 0; n < 400; n++) {
      const graph = randomGraph(rng, 2 + rng.below(31));
      irreducible += structureOf(flowGraph(graph)).irreducible.size > 0 ? 1 : 0;
      const choices = choicesFor(rng);
      expect(compiledTrace(graph, choices).trace, JSON.stringify(graph)).toEqual(plainTrace(graph, choices));
    }
    expect(irreducible).toBeGreaterThan(100);
  });

  it('nested loops and conditionals: without leaving the region once', () => {
    const rng = new Rng('reducible');
    for (let n = 0; n < 200; n++) {
      const graph = reducibleGraph(rng, 24);
      expect(structureOf(flowGraph(graph)).irreducible.size).toBe(0);
      const choices = choicesFor(rng);
      const { trace, inside } = compiledTrace(graph, choices);
      expect(trace, JSON.stringify(graph)).toEqual(plainTrace(graph, choices));
      expect(inside).toBe(trace.length);
    }
  });

  it('each block is written once: twenty branches in a row to the next instruction', () => {
    const graph = Array.from({ length: 20 }, (_, n) => (n < 19 ? [n + 1, n + 1] : [0]));
    const choices = choicesFor(new Rng('chain'));
    const { trace, bytes } = compiledTrace(graph, choices);
    expect(trace).toEqual(plainTrace(graph, choices));
    expect(bytes).toBeLessThan(10_000);
  });
});

it('the tests place their blocks inside a page of records', () => {
  expect(33 * BLOCK_INSTRUCTIONS * RECORD_BYTES).toBeLessThan(RECORD_PAGE_USED);
});
