import { PE_DERIVED, PE_STATE, SLOT_ZR, X_BASE } from '../../arch/pestate.ts';
import type { Fragment, IrNode } from '../../ir/types.ts';
import { countArrival } from '../emit/control.ts';
import { CPU, IP } from '../emit/emission.ts';
import { HANDLER_TYPE } from '../emit.ts';
import { RECORD_BYTES } from '../records.ts';
import type { ModuleWriter } from '../wasm/binary.ts';
import { OP } from '../wasm/opcodes.ts';
import { RegionCode } from './code.ts';
import type { BasicBlock, RegionInstruction } from './discover.ts';
import { emitShortForm, FLAGS, type FlagsKind, hasShortForm } from './flags.ts';
import { InstructionEmitter, isX, slotOf, writesFlags } from './instruction.ts';
import { type Structure, structureOf } from './structure.ts';

/** Name of the imported function that works flags out; see `flagsFunction`. */
export const FLAGS_IMPORT = 'flags';
/** Name of the imported function that runs the head of a region as a single instruction. */
export const FALLBACK_IMPORT = 'fallback';

/**
 * Emits a region: one function with the type of a handler that runs many instructions.
 *
 * General-purpose registers wait in locals, and every write also goes to the PE's block: so a fault, an exit or a call
 * finds the state complete without code for each place. Flags are kept as what made them. The budget is charged block
 * by block; a block that does not fit is left to the interpreter, so a grant ends exactly.
 */
export class RegionEmitter {
  readonly code = new RegionCode(2);
  readonly module: ModuleWriter;
  /** Address of the record of instruction 0 of the page. */
  private readonly records: number;
  private readonly head: number;
  private readonly blocks: ReadonlyMap<number, BasicBlock>;
  private readonly structure: Structure;
  private readonly left: number;
  private readonly bail: number;
  private readonly xs = new Map<number, number>();
  private readonly kind: number;
  private readonly fx: number;
  private readonly fy: number;
  private readonly labels: { node: number; loop: boolean; label: number }[] = [];
  private writesFlags = false;
  /** What made the flags, as far as it is known at the place being written. */
  known: FlagsKind | undefined;
  /** Instructions of the block behind the one being written. */
  rest = 0;

  constructor(module: ModuleWriter, records: number, head: number, blocks: ReadonlyMap<number, BasicBlock>) {
    this.module = module;
    this.records = records;
    this.head = head;
    this.blocks = blocks;
    this.structure = structureOf({ head, successors: new Map([...blocks].map(([n, b]) => [n, b.successors])) });
    const c = this.code;
    this.left = c.lasting('i32');
    this.bail = c.lasting('i32');
    this.kind = c.lasting('i32');
    this.fx = c.lasting('i64');
    this.fy = c.lasting('i64');
    for (const block of blocks.values()) for (const i of block.instructions) this.collect(i.fragment.body, i.fragment);
  }

  /** Gives every general-purpose register of the region a local, and sees whether flags are made. */
  private collect(nodes: readonly IrNode[], fragment: Fragment): void {
    for (const n of nodes) {
      if ('reg' in n && n.op !== 'getv' && n.op !== 'setv') this.local(slotOf(n.reg, fragment));
      if ((n.op === 'get' || n.op === 'set') && isX(n.field.offset)) this.local((n.field.offset - X_BASE) / 8);
      if (n.op === 'set' && n.field === PE_STATE.NZCV) this.writesFlags = true;
      if (n.op === 'if') {
        this.collect(n.yes, fragment);
        this.collect(n.no, fragment);
      }
    }
  }
  private local(slot: number): void {
    if (slot !== SLOT_ZR && !this.xs.has(slot)) this.xs.set(slot, this.code.lasting('i64'));
  }

  /** The function's code. */
  emit(): Uint8Array {
    const c = this.code;
    const first = this.blocks.get(this.head)!.instructions.length;
    // The run loop has charged one step. When the first block does not fit, the head runs as a single instruction.
    c.get(CPU).mem(OP.i32_load, PE_DERIVED.budget.offset).i32(1).op(OP.i32_add).tee(this.left);
    c.i32(first).op(OP.i32_lt_u).if();
    c.get(CPU).get(IP).call(this.module.importFunc(FALLBACK_IMPORT, HANDLER_TYPE)).op(OP.return).end();
    for (const [slot, local] of this.xs)
      c.get(CPU)
        .mem(OP.i64_load, X_BASE + slot * 8)
        .set(local);
    if (this.writesFlags) c.get(CPU).mem(OP.i32_load, PE_STATE.NZCV.offset).op(OP.i64_extend_i32_u).set(this.fx);
    this.known = FLAGS.RAW;
    this.tree(this.head);
    c.op(OP.unreachable);
    return c.finish();
  }

  // --- nesting ---

  private tree(node: number): void {
    const merges = this.structure.children
      .get(node)!
      .filter((n) => this.structure.merges.has(n))
      .reverse();
    if (!this.structure.loops.has(node)) return this.within(node, merges);
    const label = this.code.open('loop');
    this.labels.push({ node, loop: true, label });
    this.known = undefined; // the flags may come from anywhere in the loop
    this.within(node, merges);
    this.labels.pop();
    this.code.end();
    // Every path inside ends in a branch, but the loop's end has to be told.
    this.code.op(OP.unreachable);
  }
  private within(node: number, merges: readonly number[]): void {
    const [last, ...others] = merges;
    if (last === undefined) return this.block(this.blocks.get(node)!);
    const label = this.code.open('block');
    this.labels.push({ node: last, loop: false, label });
    this.within(node, others);
    this.labels.pop();
    this.code.end();
    this.known = undefined;
    this.tree(last);
  }

  /** Goes on at an instruction of the page: inside the region where that can be, else by way of the run loop. */
  goto(from: number, to: number): void {
    const inside = this.blocks.get(from)!.successors.includes(to) && !this.structure.irreducible.has(`${from}:${to}`);
    if (!inside) {
      // Where regions end, others begin: without this a function that only compiled code calls would never be hot.
      const record = this.code.local('i32');
      this.code.i32(this.recordOf(to)).set(record);
      countArrival(this, record);
      return this.exit(to);
    }
    const backwards = this.structure.order.get(to)! <= this.structure.order.get(from)!;
    const label = this.labels.findLast((l) => l.node === to && l.loop === backwards);
    if (label) {
      this.code.br(label.label);
      return;
    }
    const [known, mark] = [this.known, this.code.mark()];
    this.tree(to);
    this.known = known;
    this.code.setMark(mark);
  }

  // --- blocks ---

  private block(block: BasicBlock): void {
    const c = this.code;
    const count = block.instructions.length;
    c.get(this.left).i32(count).op(OP.i32_sub).tee(this.left).i32(0).op(0x48).if();
    c.get(this.left).i32(count).op(OP.i32_add).set(this.left);
    this.exit(block.first);
    c.end();
    block.instructions.forEach((instruction, n) => {
      this.rest = count - 1 - n;
      this.instruction(block, instruction);
    });
    const last = block.instructions.at(-1)!;
    if (block.fallsThrough) this.goto(block.first, last.index + 1);
  }

  private instruction(block: BasicBlock, { index, fragment }: RegionInstruction): void {
    const c = this.code;
    c.nextInstruction();
    c.i32(this.recordOf(index)).set(IP);
    const emitter = new InstructionEmitter(this, fragment, block.first, index);
    emitter.write();
    if (emitter.mayResume) {
      // A call in this instruction asked for the boundary behind it.
      c.get(this.bail).if();
      this.leave(index + 1, writesFlags(fragment.body));
      c.end();
    }
  }
  recordOf(index: number): number {
    return this.records + index * RECORD_BYTES;
  }

  // --- leaving ---

  /** Puts budget and flags where everybody finds them. */
  sync(refund: number): void {
    const c = this.code;
    c.get(CPU).get(this.left);
    if (refund) c.i32(refund).op(OP.i32_add);
    c.mem(OP.i32_store, PE_DERIVED.budget.offset);
    if (!this.writesFlags) return;
    c.get(CPU);
    this.flags();
    c.mem(OP.i32_store, PE_STATE.NZCV.offset);
  }
  /** Goes on at an instruction by way of the run loop; the state is complete afterwards. */
  private exit(index: number): void {
    this.sync(0);
    this.code.i32(this.recordOf(index)).op(OP.return);
  }
  /** As `exit`, when the PE's block is already right, but for flags made since: a listener may have written them. */
  private leave(index: number, flagsMade: boolean): void {
    const c = this.code;
    if (flagsMade) {
      c.get(CPU);
      this.flags();
      c.mem(OP.i32_store, PE_STATE.NZCV.offset);
    }
    c.i32(this.recordOf(index)).op(OP.return);
  }

  /** Before a call that may look at the PE: it has taken this instruction's step, not those behind it. */
  observed(): void {
    this.sync(this.rest);
  }
  /** After a call that went on: it may have ended the grant. */
  resumed(): void {
    const c = this.code;
    c.get(CPU).mem(OP.i32_load, PE_DERIVED.budget.offset).tee(this.bail).i32(this.rest).op(OP.i32_sub).set(this.left);
    c.get(this.bail).op(OP.i32_eqz).set(this.bail);
  }

  // --- registers and flags ---

  x(slot: number): number | undefined {
    return this.xs.get(slot);
  }
  /** Leaves NZCV on the stack. */
  flags(): void {
    const c = this.code;
    if (!this.writesFlags) {
      c.get(CPU).mem(OP.i32_load, PE_STATE.NZCV.offset);
      return;
    }
    if (this.known === FLAGS.RAW) {
      c.get(this.fx).op(OP.i32_wrap_i64);
      return;
    }
    if (this.known === undefined) c.get(this.kind);
    else c.i32(this.known);
    c.get(this.fx)
      .get(this.fy)
      .call(this.module.importFunc(FLAGS_IMPORT, { params: ['i32', 'i64', 'i64'], results: ['i32'] }));
  }
  /** Notes what makes the flags; the operands are on the stack already when `pushed`. */
  setFlags(kind: FlagsKind, pushX: () => void, pushY: (() => void) | undefined): void {
    const c = this.code;
    const x = c.local('i64');
    pushX();
    c.set(x);
    if (pushY) {
      pushY();
      c.set(this.fy);
    }
    c.get(x).set(this.fx).i32(kind).set(this.kind);
    this.known = kind;
  }
  /** Whether a condition can be told from what made the flags, at this place. */
  knows(cond: number): boolean {
    return this.known !== undefined && hasShortForm(this.known, cond);
  }
  /** Writes a condition that it `knows`. */
  condition(cond: number): void {
    emitShortForm(this.code, this.known!, cond, this.fx, this.fy);
  }
}
