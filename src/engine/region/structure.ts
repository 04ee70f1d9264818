/** Structured control flow for WebAssembly from a flow graph (N. Ramsey, "Beyond Relooper", ICFP 2022). */

/** A flow graph: nodes by number, and where each continues. */
export interface FlowGraph {
  readonly head: number;
  readonly successors: ReadonlyMap<number, readonly number[]>;
}

/** What the emitter needs to know of each node to nest it. */
export interface Structure {
  /** Place in reverse postorder. */
  readonly order: ReadonlyMap<number, number>;
  /** Nodes that some edge leads back to: they become loops. */
  readonly loops: ReadonlySet<number>;
  /** Nodes that more than one forward edge leads to: code for them stands behind a block. */
  readonly merges: ReadonlySet<number>;
  /** Nodes immediately dominated by each node, in reverse postorder. */
  readonly children: ReadonlyMap<number, readonly number[]>;
  /** Edges `from:to` into the middle of a loop: they leave the region. */
  readonly irreducible: ReadonlySet<string>;
}

function reversePostorder({ head, successors }: FlowGraph): number[] {
  const seen = new Set<number>([head]);
  const postorder: number[] = [];
  // Iterative, so that a long chain of blocks does not nest calls.
  const stack: { node: number; next: number }[] = [{ node: head, next: 0 }];
  while (stack.length > 0) {
    const top = stack.at(-1)!;
    const to = successors.get(top.node)![top.next++];
    if (to === undefined) {
      postorder.push(top.node);
      stack.pop();
    } else if (!seen.has(to)) {
      seen.add(to);
      stack.push({ node: to, next: 0 });
    }
  }
  return postorder.reverse();
}

/** Immediate dominators by iteration (Cooper, Harvey, Kennedy). */
function dominators(
  nodes: readonly number[],
  order: ReadonlyMap<number, number>,
  predecessors: ReadonlyMap<number, number[]>,
): Map<number, number> {
  const idom = new Map<number, number>([[nodes[0]!, nodes[0]!]]);
  const meet = (a: number, b: number): number => {
    let [x, y] = [a, b];
    while (x !== y) {
      while (order.get(x)! > order.get(y)!) x = idom.get(x)!;
      while (order.get(y)! > order.get(x)!) y = idom.get(y)!;
    }
    return x;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of nodes.slice(1)) {
      const known = predecessors.get(node)!.filter((p) => idom.has(p));
      const best = known.reduce(meet);
      if (idom.get(node) !== best) {
        idom.set(node, best);
        changed = true;
      }
    }
  }
  return idom;
}

/** Works out loops, merge nodes and the dominator tree of a graph; only nodes reached from the head count. */
export function structureOf(graph: FlowGraph): Structure {
  const nodes = reversePostorder(graph);
  const order = new Map(nodes.map((n, i) => [n, i]));
  const predecessors = new Map<number, number[]>(nodes.map((n) => [n, []]));
  for (const n of nodes) for (const s of graph.successors.get(n)!) predecessors.get(s)!.push(n);
  const idom = dominators(nodes, order, predecessors);
  const dominates = (a: number, b: number): boolean => {
    for (let n = b; ; n = idom.get(n)!) {
      if (n === a) return true;
      if (idom.get(n) === n) return false;
    }
  };
  const loops = new Set<number>();
  const irreducible = new Set<string>();
  const forward = new Map<number, number>();
  for (const from of nodes) {
    for (const to of graph.successors.get(from)!) {
      if (order.get(to)! > order.get(from)!) forward.set(to, (forward.get(to) ?? 0) + 1);
      else if (dominates(to, from)) loops.add(to);
      else irreducible.add(`${from}:${to}`);
    }
  }
  const merges = new Set(nodes.filter((n) => (forward.get(n) ?? 0) > 1));
  const children = new Map<number, number[]>(nodes.map((n) => [n, []]));
  for (const n of nodes.slice(1)) children.get(idom.get(n)!)!.push(n);
  return { order, loops, merges, children, irreducible };
}
