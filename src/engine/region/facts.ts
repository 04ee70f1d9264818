import { PE_DERIVED, PE_STATE, SLOT_SP, SLOT_ZR, X_BASE } from '../../arch/pestate.ts';
import type { Block, Fragment, IrNode, RegOperand } from '../../ir/types.ts';
import { isFused } from '../emit/float.ts';

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
/** Whether a node is the test whether FP and SIMD instructions trap. */
export function asksForTrap(node: IrNode | undefined): boolean {
  return node?.op === 'get' && node.field === PE_DERIVED.fpTrapped;
}
/** Whether nodes set NZCV somewhere. */
export function writesFlags(nodes: Block): boolean {
  return nodes.some(
    (n) =>
      (n.op === 'set' && n.field === PE_STATE.NZCV) || (n.op === 'if' && (writesFlags(n.yes) || writesFlags(n.no))),
  );
}

/** What an instruction does with registers, flags, memory and numbers. */
export interface FragmentFacts {
  /** Registers that it reads, XZR left out; one may stand here twice. */
  readonly reads: readonly number[];
  readonly writes: readonly number[];
  readonly writesFlags: boolean;
  readonly usesMemory: boolean;
  readonly computesFloat: boolean;
  /** It is one that FP and SIMD traps are for. */
  readonly isFp: boolean;
}

const KNOWN = new WeakMap<Fragment, FragmentFacts>();

/** What an instruction does; worked out once, because a word comes again in many regions. */
export function factsOf(fragment: Fragment): FragmentFacts {
  let facts = KNOWN.get(fragment);
  if (!facts) {
    facts = gathered(fragment);
    KNOWN.set(fragment, facts);
  }
  return facts;
}

function gathered(fragment: Fragment): FragmentFacts {
  const reads: number[] = [];
  const writes: number[] = [];
  let [usesMemory, computesFloat] = [false, false];
  const look = (block: Block): void => {
    for (const n of block) {
      const [from, to] = [readBy(n, fragment), writtenBy(n, fragment)];
      if (from !== undefined && from !== SLOT_ZR) reads.push(from);
      if (to !== undefined) writes.push(to);
      if ('width' in n || (n.op === 'call' && isFused(n))) computesFloat = true;
      if (n.op === 'load' || n.op === 'store' || n.op === 'call') usesMemory = true;
      if (n.op !== 'if') continue;
      look(n.yes);
      look(n.no);
    }
  };
  look(fragment.body);
  const isFp = fragment.body.some(asksForTrap);
  return { reads, writes, writesFlags: writesFlags(fragment.body), usesMemory, computesFloat, isFp };
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
