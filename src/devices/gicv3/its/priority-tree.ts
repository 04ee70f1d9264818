import { PRIORITY_IDLE } from '../groups.ts';
import { LPI_END } from './limits.ts';

const FAN_OUT = 32;

/** The smallest of the `FAN_OUT` bytes that belong to a node of the level above. */
function smallest(level: Uint8Array, node: number): number {
  let least = PRIORITY_IDLE;
  const end = (node + 1) * FAN_OUT;
  for (let n = node * FAN_OUT; n < end; n++) if (level[n] < least) least = level[n];
  return least;
}

/**
 * The priority of each INTID that asks to be signalled, and the most urgent of all without looking at all: each node
 * has the minimum of 32 below it. A change and a search cost about a hundred bytes looked at, however many are set.
 */
export class PriorityTree {
  readonly #levels: readonly [Uint8Array, Uint8Array, Uint8Array];

  constructor() {
    const level = (length: number) => new Uint8Array(length).fill(PRIORITY_IDLE);
    this.#levels = [level(LPI_END), level(LPI_END / FAN_OUT), level(LPI_END / FAN_OUT ** 2)];
  }

  /** PRIORITY_IDLE takes the INTID out. */
  set(intid: number, priority: number): void {
    const [leaves, nodes, tops] = this.#levels;
    if (leaves[intid] === priority) return;
    leaves[intid] = priority;
    const node = Math.floor(intid / FAN_OUT);
    const least = smallest(leaves, node);
    if (nodes[node] === least) return;
    nodes[node] = least;
    const top = Math.floor(node / FAN_OUT);
    tops[top] = smallest(nodes, top);
  }

  /** The most urgent priority and the lowest INTID that has it; PRIORITY_IDLE and 0 when there is none. */
  first(): { readonly priority: number; readonly intid: number } {
    const [leaves, nodes, tops] = this.#levels;
    let priority: number = PRIORITY_IDLE;
    for (const least of tops) if (least < priority) priority = least;
    if (priority === PRIORITY_IDLE) return { priority, intid: 0 };
    const node = nodes.indexOf(priority, tops.indexOf(priority) * FAN_OUT);
    return { priority, intid: leaves.indexOf(priority, node * FAN_OUT) };
  }

  clear(): void {
    for (const level of this.#levels) level.fill(PRIORITY_IDLE);
  }
}
