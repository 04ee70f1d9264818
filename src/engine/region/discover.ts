import type { Block, Fragment, IrNode } from '../../ir/types.ts';
import { type CallEnd, returnPoints } from './calls.ts';

/** Most instructions of a region: past it V8's compile time grows faster than what the code gains. */
export const REGION_INSTRUCTIONS_MAX = 256;
/** Most basic blocks of a region. */
export const REGION_BLOCKS_MAX = 64;
/** Instructions in a page of guest code. */
export const PAGE_INSTRUCTIONS = 1024;

/** Most places that a branch to a register is expected to go to. */
const JUMPS_MAX = 32;
/** Instructions before and behind such a branch among which they are looked for: those of a `switch`. */
const JUMPS_BEFORE = 64;
const JUMPS_BEHIND = 512;

/** X30, in which a branch with link leaves the return address. */
const LINK_REGISTER = 30;

/** One instruction of a region, lifted with its operands. */
export interface RegionInstruction {
  /** Number of the instruction in its page, 0 to 1023. */
  readonly index: number;
  readonly fragment: Fragment;
}

/** Instructions that run one after the other; only the last may branch. */
export interface BasicBlock {
  readonly first: number;
  readonly instructions: readonly RegionInstruction[];
  /**
   * Blocks that this one continues with, by their first instruction, as far as they lie in the region. A block that is
   * reached in two ways stands here twice: then it is a merge, and its code is written once.
   */
  readonly successors: readonly number[];
  /** Whether what follows in sequence is reached from the last instruction. */
  readonly fallsThrough: boolean;
}

/** How an instruction ends. */
interface Ending {
  /** Instruction in the page that a direct branch goes to, when it lies in the page. */
  readonly target?: number;
  /** A direct branch with link, to a function. */
  readonly calls?: boolean;
  /** RET, or another branch to what X30 holds. */
  readonly returns?: boolean;
  /** A branch to another register without link: a `switch`, or an interpreter's next operation. */
  readonly jumps?: boolean;
  /** A direct branch to somewhere else, an indirect one, or a helper that leaves. */
  readonly leaves: boolean;
  readonly fallsThrough: boolean;
}

function lastOf(block: Block): IrNode | undefined {
  return block.at(-1);
}

/** X30 written as state: a branch with link. */
function links(block: Block): boolean {
  return block.some((n) => n.op === 'set' && n.field.name === 'X30');
}

function isLink(target: IrNode): boolean {
  return target.op === 'getx' && target.reg.constant === LINK_REGISTER;
}
function branchTarget(node: IrNode, index: number): number | undefined {
  const offset = node.args[0]!;
  if (offset.op !== 'const64') return undefined;
  const target = index + Number(BigInt.asIntN(64, offset.value) / 4n);
  return target >= 0 && target < PAGE_INSTRUCTIONS ? target : undefined;
}

/** What follows an instruction: read off its last operation. */
export function endingOf(fragment: Fragment, index: number): Ending {
  const last = lastOf(fragment.body);
  if (!last) return { leaves: false, fallsThrough: true };
  if (last.op === 'branchrel')
    return { target: branchTarget(last, index), calls: links(fragment.body), leaves: true, fallsThrough: false };
  if (last.op === 'branch') {
    const [returns, calls] = [isLink(last.args[0]!), links(fragment.body)];
    return { returns: returns && !calls, jumps: !returns && !calls, leaves: true, fallsThrough: false };
  }
  if (last.op === 'call' && last.helper.effect === 'leave') return { leaves: true, fallsThrough: false };
  if (last.op === 'if') {
    const inner = lastOf(last.yes);
    if (inner?.op === 'branchrel') return { target: branchTarget(inner, index), leaves: true, fallsThrough: true };
  }
  return { leaves: false, fallsThrough: true };
}

/** Of places that control often comes to, those that a jump is likely to go to, the nearest first. */
function jumpsFrom(index: number, often: readonly number[]): readonly number[] {
  return often
    .filter((n) => n > index - JUMPS_BEFORE && n < index + JUMPS_BEHIND)
    .sort((a, b) => Math.abs(a - index) - Math.abs(b - index))
    .slice(0, JUMPS_MAX);
}

/**
 * The basic blocks reached from an instruction by direct branches within its page, functions that are called and the
 * code behind the calls included, and what a branch to a register is likely to go to.
 *
 * @param lift - the instruction lifted with its operands, or undefined where none can be had
 * @param often - instructions of the page that control often comes to by branches
 */
export function discover(
  head: number,
  lift: (index: number) => Fragment | undefined,
  often: readonly number[] = [],
): Map<number, BasicBlock> {
  const lifted = new Map<number, RegionInstruction & { ending: Ending }>();
  const leaders = new Set<number>([head]);
  const queue = [head];
  // First the instructions and the places that branches lead to.
  while (queue.length > 0 && lifted.size < REGION_INSTRUCTIONS_MAX) {
    for (let index = queue.shift()!; index < PAGE_INSTRUCTIONS && !lifted.has(index); index++) {
      const fragment = lifted.size < REGION_INSTRUCTIONS_MAX ? lift(index) : undefined;
      if (!fragment) break;
      const ending = endingOf(fragment, index);
      lifted.set(index, { index, fragment, ending });
      const follows = ending.leaves && (ending.fallsThrough || (ending.calls && ending.target !== undefined));
      const jumps = ending.jumps ? jumpsFrom(index, often) : [];
      for (const next of [ending.target, follows ? index + 1 : undefined, ...jumps]) {
        if (next === undefined || leaders.has(next) || leaders.size >= REGION_BLOCKS_MAX) continue;
        leaders.add(next);
        queue.push(next);
      }
      if (!ending.fallsThrough) break;
    }
  }
  return cut(lifted, leaders, often);
}

/** Cuts the instructions at the places that are jumped to. */
function cut(
  lifted: ReadonlyMap<number, RegionInstruction & { ending: Ending }>,
  leaders: ReadonlySet<number>,
  often: readonly number[],
): Map<number, BasicBlock> {
  const blocks = new Map<number, BasicBlock>();
  const calls = new Map<number, CallEnd>();
  for (const first of leaders) {
    const instructions: RegionInstruction[] = [];
    let index = first;
    let ending: Ending = { leaves: false, fallsThrough: true };
    for (; lifted.has(index) && (index === first || !leaders.has(index)); index++) {
      const instruction = lifted.get(index)!;
      instructions.push(instruction);
      ending = instruction.ending;
      if (ending.leaves) {
        index++;
        break;
      }
    }
    if (instructions.length === 0) continue;
    const jumps = ending.jumps ? jumpsFrom(index - 1, often) : [];
    const next = [ending.target, ending.fallsThrough ? index : undefined, ...jumps].filter((n) => n !== undefined);
    blocks.set(first, { first, instructions, successors: next, fallsThrough: ending.fallsThrough });
    if (ending.calls) calls.set(first, { callee: ending.target, returnsTo: index });
    else if (ending.returns) calls.set(first, { returns: true });
  }
  const returns = returnPoints(blocks, calls);
  for (const [first, block] of blocks) {
    const successors = [...block.successors, ...(returns.get(first) ?? [])].filter((s) => blocks.has(s));
    blocks.set(first, { ...block, successors });
  }
  return blocks;
}
