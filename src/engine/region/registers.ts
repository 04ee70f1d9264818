import { PE_STATE, SLOT_SP, SLOT_ZR, X_BASE } from '../../arch/pestate.ts';
import type { Fragment, IrNode, RegOperand } from '../../ir/types.ts';
import { isFused } from '../emit/float.ts';
import type { BasicBlock } from './discover.ts';

/** End of the X registers, XZR and SP in a PE's block. */
const X_END = X_BASE + (SLOT_SP + 1) * 8;

/** A register of a region: its slot for X registers and SP, and from here on V registers by number. */
export const V_FIRST = 64;

/** Whether an offset in a PE's block is that of an X register, XZR or SP. */
export function isX(offset: number): boolean {
  return offset >= X_BASE && offset < X_END;
}
/** Slot of a general-purpose register whose number is known. */
export function slotOf(reg: RegOperand, fragment: Fragment): number {
  const n = (reg.constant! + reg.plus) & 31;
  return n === SLOT_ZR && fragment.spFields.has(reg.field) ? SLOT_SP : n;
}
/** Number of a V register that is known. */
export function vectorOf(reg: RegOperand): number {
  return (reg.constant! + reg.plus) & 31;
}

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

/** Nodes of a block and of the arms in it. */
function* nodesOf(block: readonly IrNode[]): Generator<IrNode> {
  for (const n of block) {
    yield n;
    if (n.op !== 'if') continue;
    yield* nodesOf(n.yes);
    yield* nodesOf(n.no);
  }
}

function readBy(n: IrNode, fragment: Fragment): number | undefined {
  if (n.op === 'getx' || n.op === 'getw') return slotOf(n.reg, fragment);
  if (n.op === 'getv') return V_FIRST + vectorOf(n.reg);
  return n.op === 'get' && isX(n.field.offset) ? (n.field.offset - X_BASE) / 8 : undefined;
}
function writtenBy(n: IrNode, fragment: Fragment): number | undefined {
  if (n.op === 'setx' || n.op === 'setw') return slotOf(n.reg, fragment);
  if (n.op === 'setv') return V_FIRST + vectorOf(n.reg);
  return n.op === 'set' && isX(n.field.offset) ? (n.field.offset - X_BASE) / 8 : undefined;
}

/** Reads off the instructions of a region what they do with registers, flags, memory and numbers. */
export function regionUse(blocks: ReadonlyMap<number, BasicBlock>): RegionUse {
  const read = new Set<number>();
  const writes = new Map<number, Set<number>>();
  let [writesFlags, usesMemory, computesFloat] = [false, false, false];
  for (const block of blocks.values()) {
    const own = new Set<number>();
    for (const { fragment } of block.instructions) {
      for (const n of nodesOf(fragment.body)) {
        const [from, to] = [readBy(n, fragment), writtenBy(n, fragment)];
        if (from !== undefined && from !== SLOT_ZR) read.add(from);
        if (to !== undefined) own.add(to);
        if ('width' in n || (n.op === 'call' && isFused(n))) computesFloat = true;
        if (n.op === 'load' || n.op === 'store' || n.op === 'call') usesMemory = true;
        if (n.op === 'set' && n.field === PE_STATE.NZCV) writesFlags = true;
      }
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
