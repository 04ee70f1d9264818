import type { Block, Fragment, IrNode } from '../../ir/types.ts';
import { type FloatLanes, findFloatLanes } from './float-lanes.ts';

/** How the values of a fragment are used. */
export interface Uses {
  /** By node: how often it is an operand or the value of an arm. */
  readonly count: readonly (number | undefined)[];
  /** By node: something outside its own block uses it. */
  readonly elsewhere: readonly (boolean | undefined)[];
  /** Floating-point operations that are made on all lanes at once. */
  readonly lanes: FloatLanes | undefined;
}

const KNOWN = new WeakMap<Fragment, Uses>();

/** How the values of a fragment are used; worked out once, because a word comes again in many regions. */
export function usesOf(fragment: Fragment): Uses {
  let uses = KNOWN.get(fragment);
  if (!uses) {
    uses = scanned(fragment);
    KNOWN.set(fragment, uses);
  }
  return uses;
}

function scanned({ body }: Fragment): Uses {
  const count: (number | undefined)[] = [];
  const elsewhere: (boolean | undefined)[] = [];
  const home: Block[] = [];
  const use = (node: IrNode, from: Block): void => {
    count[node.id] = (count[node.id] ?? 0) + 1;
    if (home[node.id] !== from) elsewhere[node.id] = true;
  };
  const scan = (block: Block): void => {
    for (const node of block) {
      home[node.id] = block;
      for (const a of node.args) use(a, block);
      if (node.op !== 'if') continue;
      scan(node.yes);
      scan(node.no);
      if (node.yesValue) use(node.yesValue, node.yes);
      if (node.noValue) use(node.noValue, node.no);
    }
  };
  scan(body);
  return { count, elsewhere, lanes: findFloatLanes(body) };
}
