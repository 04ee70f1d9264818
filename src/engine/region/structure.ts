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

/**
 * Immediate dominators by iteration (Cooper, Harvey, Kennedy). Nodes are their places in reverse postorder, so that a
 * node's dominators are smaller than it.
 */
function dominators(predecessors: readonly (readonly number[])[]): number[] {
  const idom: number[] = [0];
  for (let changed = true; changed; ) {
    changed = false;
    for (let node = 1; node < predecessors.length; node++) {
      let best = -1;
      for (const p of predecessors[node]!) {
        if (idom[p] === undefined) continue;
        let [x, y] = [p, best < 0 ? p : best];
        while (x !== y) {
          while (x > y) x = idom[x]!;
          while (y > x) y = idom[y]!;
        }
        best = x;
      }
      if (idom[node] === best) continue;
      idom[node] = best;
      changed = true;
    }
  }
  return idom;
}

/** Works out loops, merge nodes and the dominator tree of a graph; only nodes reached from the head count. */
export function structureOf(graph: FlowGraph): Structure {
  const nodes = reversePostorder(graph);
  const order = new Map<number, number>();
  nodes.forEach((n, i) => {
    order.set(n, i);
  });
  const predecessors: number[][] = nodes.map(() => []);
  nodes.forEach((n, from) => {
    for (const s of graph.successors.get(n)!) predecessors[order.get(s)!]!.push(from);
  });
  const idom = dominators(predecessors);
  const dominates = (a: number, b: number): boolean => {
    let n = b;
    while (n > a) n = idom[n]!;
    return n === a;
  };
  const loops = new Set<number>();
  const merges = new Set<number>();
  const irreducible = new Set<string>();
  predecessors.forEach((sources, to) => {
    let forward = 0;
    for (const from of sources) {
      if (to > from) forward++;
      else if (dominates(to, from)) loops.add(nodes[to]!);
      else irreducible.add(`${nodes[from]!}:${nodes[to]!}`);
    }
    if (forward > 1) merges.add(nodes[to]!);
  });
  const children = new Map<number, number[]>();
  for (const n of nodes) children.set(n, []);
  for (let n = 1; n < nodes.length; n++) children.get(nodes[idom[n]!]!)!.push(nodes[n]!);
  return { order, loops, merges, children, irreducible };
}
