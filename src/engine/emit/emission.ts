import type { ImmType } from '../../ir/builder.ts';
import type { Block, Fragment, IrNode } from '../../ir/types.ts';
import type { ModuleWriter } from '../wasm/binary.ts';
import type { CodeWriter } from '../wasm/code.ts';
import { OP } from '../wasm/opcodes.ts';

/** Local of a handler that holds the address of the PE's block. */
export const CPU = 0;
/** Local of a handler that holds the address of the running record. */
export const IP = 1;

/** Where the operands of a handler's shape lie in its records. */
export interface ShapeLayout {
  readonly registers: readonly string[];
  readonly immediates: Readonly<Record<string, { readonly type: ImmType; readonly at: number }>>;
}

/** One handler being written: what the rooms of the emitter share. */
export interface Emission {
  readonly code: CodeWriter;
  readonly module: ModuleWriter;
  readonly layout: ShapeLayout;
  readonly fragment: Fragment;
  /** Leaves the node's value on the stack. */
  value(node: IrNode): void;
  /** Writes the nodes of a block, one after the other. */
  block(block: Block): void;
  /** Local (f32 or f64) in which the result of a floating-point operation waits. */
  floatLocal(node: IrNode): number | undefined;
  /** The result of a floating-point operation waits in a local. */
  setFloatLocal(node: IrNode, local: number): void;
  /** Whether a node without effect is computed where it is used. */
  isLazy(node: IrNode): boolean;
  /** Leaves 1 when the host's arithmetic may be used, where there is a cheaper way than from the block. */
  hostFloat?(): void;
  /** After a call that may have set flags of FPSR. */
  floatCalled?(): void;
  /**
   * Before TypeScript is called that may look at the PE or take an exception: what is kept elsewhere goes to the PE's
   * block.
   */
  observed?(): void;
  /** After such a call went on: what it may have changed is taken back. */
  resumed?(): void;
  /** Goes on at the record in a local, where that is not what the function answers. */
  goOn?(record: number): void;
  /** Has PC looked up, which was stored, where that is not what the function answers. */
  lookUp?(): void;
  /** The same after a call that made PC another one. */
  diverted?(): void;
  /** Leaves the address of the instruction on the stack, where there is a cheaper way than by the record. */
  pc?(): void;
  /** Leaves the translation context of a VA (local) on the stack, where there is a cheaper way than from the block. */
  context?(va: number): void;
  /** Asks the host to make an access, in place of `observed`, the call and `resumed`. */
  slowAccess?(va: number, word: number, write: boolean): void;
  /**
   * Writes how the instruction is given up before an access that the TLB does not answer, so that its handler makes it
   * from the start; undefined where that would repeat an effect.
   */
  giveUp?(): (() => void) | undefined;
}

/** Ends the instruction after a call that made PC another one. */
export function diverted(e: Emission): void {
  if (e.diverted) e.diverted();
  else e.code.i32(0).op(OP.return);
}
