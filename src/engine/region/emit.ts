import { PE_DERIVED, PE_STATE, V_BASE, X_BASE } from '../../arch/pestate.ts';
import { countArrival } from '../emit/control.ts';
import { CPU, IP } from '../emit/emission.ts';
import { HANDLER_TYPE } from '../emit.ts';
import { RECORD_BYTES } from '../records.ts';
import { ACCESS_TYPE, FLAGS_STORED, HOST_FLOAT_TYPE } from '../shared.ts';
import type { ModuleWriter } from '../wasm/binary.ts';
import { OP } from '../wasm/opcodes.ts';
import { RegionCode } from './code.ts';
import type { BasicBlock, RegionInstruction } from './discover.ts';
import { factsOf, V_FIRST } from './facts.ts';
import { emitShortForm, FLAGS, type FlagsKind, hasShortForm } from './flags.ts';
import { InstructionEmitter } from './instruction.ts';
import { type RegionUse, regionUse } from './registers.ts';
import { type Structure, structureOf } from './structure.ts';

/** Name of the imported function that works flags out; see `flagsFunction`. */
export const FLAGS_IMPORT = 'flags';
/** Name of the imported function that runs the head of a region as a single instruction. */
export const FALLBACK_IMPORT = 'fallback';
/** Names of the imported functions that make a slow access; see `ACCESS_TYPE`. */
export const LOAD_IMPORT = 'load';
/** See `LOAD_IMPORT`. */
export const STORE_IMPORT = 'store';
/** Name of the imported function that tells whether the host's arithmetic may be used; see `hostFloatFunction`. */
export const HOST_FLOAT_IMPORT = 'hostFloat';

/**
 * Emits a region: one function with the type of a handler that runs many instructions.
 *
 * General-purpose and V registers that are read wait in locals; they are stored on the way out, and before a call those
 * that may differ. An instruction that needs more than generated code can do is given up before it did anything, and
 * its handler runs it: so a fault finds the state complete. What is the same for many places (the ways out) is
 * written once, because V8's time to compile grows with the bytes. Flags are kept as what made them. The budget is
 * charged block by block; a block that does not fit is left to the interpreter, so a grant ends exactly.
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
  private readonly use: RegionUse;
  /** Locals of the registers that the region reads. */
  private readonly locals = new Map<number, number>();
  /** Registers whose locals were written, on some way to the place being written. */
  private dirty = new Set<number>();
  /** Registers that the instruction being written wrote. */
  private readonly wrote = new Set<number>();
  private headGivesUp = false;
  /** Local: the host's arithmetic may be used. Never 1 when it may not; stale 0 only costs time. */
  private readonly fast: number;
  private readonly kind: number;
  private readonly fx: number;
  private readonly fy: number;
  private readonly contextLocal: number;
  private readonly labels: { node: number; loop: boolean; label: number }[] = [];
  /** At the place being written, FP and SIMD instructions are known not to trap. */
  fpChecked = false;
  /** At the place being written, SP is known to be as aligned as it has to be. */
  spChecked = false;
  /** Where exits go: by the record in IP after budget and flags are stored, and before that after it was counted. */
  private exitLabel = 0;
  private countLabel = 0;
  /** Where an instruction goes after which the grant is over; IP holds its record. */
  private leaveLabel = 0;
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
    this.fast = c.lasting('i32');
    this.kind = c.lasting('i32');
    this.fx = c.lasting('i64');
    this.fy = c.lasting('i64');
    this.contextLocal = c.lasting('i64');
    this.use = regionUse(blocks);
    for (const r of this.use.read) this.locals.set(r, c.lasting(r < V_FIRST ? 'i64' : 'v128'));
  }

  /** The function's code. */
  emit(): Uint8Array {
    const c = this.code;
    const first = this.blocks.get(this.head)!;
    // The run loop has charged one step. When the first block does not fit, the head runs as a single instruction.
    c.get(CPU).mem(OP.i32_load, PE_DERIVED.budget.offset).i32(1).op(OP.i32_add).tee(this.left);
    c.i32(first.instructions.length).op(OP.i32_lt_u);
    this.orTraps(first);
    c.if();
    c.get(CPU).get(IP).call(this.module.importFunc(FALLBACK_IMPORT, HANDLER_TYPE)).op(OP.return).end();
    for (const [r, local] of this.locals) {
      c.get(CPU);
      if (r < V_FIRST) c.mem(OP.i64_load, X_BASE + r * 8);
      else c.simdMem(0x00, V_BASE + (r - V_FIRST) * 16);
      c.set(local);
    }
    this.floatChanged();
    if (this.use.writesFlags) c.get(CPU).mem(OP.i32_load, PE_STATE.NZCV.offset).op(OP.i64_extend_i32_u).set(this.fx);
    if (this.use.usesMemory) {
      c.get(CPU).get(CPU).mem(OP.i64_load, PE_DERIVED.pageVa.offset).i64(63n);
      c.op(OP.i64_shr_u, OP.i32_wrap_i64).i32(3).op(OP.i32_shl, OP.i32_add);
      c.mem(OP.i64_load, PE_DERIVED.contextLow.offset).set(this.contextLocal);
    }
    this.known = FLAGS.RAW;
    this.leaveLabel = c.open('block');
    this.exitLabel = c.open('block');
    this.countLabel = c.open('block');
    this.tree(this.head);
    c.op(OP.unreachable);
    this.ways();
    return c.finish();
  }

  /** The ways out, once for all places that take them. */
  private ways(): void {
    const c = this.code;
    c.nextInstruction();
    c.end();
    // Where regions end, others begin: without this a function that only compiled code calls would never be hot.
    countArrival(this, IP);
    c.end();
    this.known = undefined;
    this.spill(this.use.written);
    this.sync(0);
    if (this.headGivesUp) {
      c.get(this.bail).if();
      c.get(CPU).get(IP).call(this.module.importFunc(FALLBACK_IMPORT, HANDLER_TYPE)).op(OP.return).end();
    }
    c.get(IP).op(OP.return);
    c.end();
    c.get(IP).i32(RECORD_BYTES).op(OP.i32_add);
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

  /** Blocks that a block continues with. */
  successors(block: number): readonly number[] {
    return this.blocks.get(block)!.successors;
  }
  /** Goes on at an instruction of the page: inside the region where that can be, else by way of the run loop. */
  goto(from: number, to: number): void {
    const inside = this.blocks.get(from)!.successors.includes(to) && !this.structure.irreducible.has(`${from}:${to}`);
    if (!inside) {
      this.code.i32(this.recordOf(to)).set(IP).br(this.countLabel);
      return;
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
    this.dirty = new Set(this.use.dirtyAt.get(block.first));
    c.get(this.left).i32(count).op(OP.i32_lt_u);
    this.fpChecked = this.orTraps(block);
    this.spChecked = false;
    c.if();
    c.i32(this.recordOf(block.first)).set(IP).br(this.exitLabel);
    c.end();
    c.get(this.left).i32(count).op(OP.i32_sub).set(this.left);
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
    this.wrote.clear();
    const emitter = new InstructionEmitter(this, fragment, block.first, index);
    emitter.write();
    if (emitter.mayResume) {
      // A call in this instruction asked for the boundary behind it.
      c.get(this.bail);
      const { writesFlags } = factsOf(fragment);
      if (this.wrote.size === 0 && !writesFlags) c.brIf(this.leaveLabel);
      else this.leaveWith(writesFlags);
    }
  }
  /** A block that traps is left to the interpreter, as one that does not fit. True when the block could trap. */
  private orTraps(block: BasicBlock): boolean {
    if (!block.instructions.some(({ fragment }) => factsOf(fragment).isFp)) return false;
    this.code.get(CPU).mem(OP.i32_load, PE_DERIVED.fpTrapped.offset).op(OP.i32_or);
    return true;
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
    if (!this.use.writesFlags) return;
    c.get(CPU);
    this.flags();
    c.mem(OP.i32_store, PE_STATE.NZCV.offset);
  }
  /**
   * If the i32 on the stack is set: the PE's block is already right, a listener may even have written to it, but for
   * the registers and flags that this instruction made since.
   */
  private leaveWith(flags: boolean): void {
    const c = this.code.if();
    this.spill(this.wrote);
    if (flags) {
      c.get(CPU);
      this.flags();
      c.mem(OP.i32_store, PE_STATE.NZCV.offset);
    }
    c.br(this.leaveLabel).end();
  }
  /** Puts registers where everybody finds them. */
  private spill(registers: ReadonlySet<number>): void {
    const c = this.code;
    for (const r of registers) {
      c.get(CPU).get(this.locals.get(r)!);
      if (r < V_FIRST) c.mem(OP.i64_store, X_BASE + r * 8);
      else c.simdMem(0x0b, V_BASE + (r - V_FIRST) * 16);
    }
  }
  /**
   * Leaves the running instruction to its handler: nothing of it happened yet. The handler of the head is the region
   * itself, so what it replaced is called, for the step that was charged.
   */
  giveUp(index: number): void {
    const c = this.code;
    const isHead = index === this.head;
    const refund = this.rest + (isHead ? 0 : 1);
    if (refund) c.get(this.left).i32(refund).op(OP.i32_add).set(this.left);
    if (isHead) c.i32(1).set(this.bail);
    this.headGivesUp ||= isHead;
    c.i32(this.recordOf(index)).set(IP).br(this.exitLabel);
  }
  /** Goes on, by way of the run loop, at the record on the stack; 0 looks PC up. `counted`: as an arrival there. */
  exit(counted: boolean): void {
    this.code.set(IP).br(counted ? this.countLabel : this.exitLabel);
  }

  /** Before a call that may look at the PE: it has taken this instruction's step, not those behind it. */
  observed(): void {
    this.spill(this.dirty);
    this.sync(this.rest);
  }
  /** After a call that went on: it may have ended the grant. */
  resumed(index: number): void {
    this.fpChecked = false;
    this.spChecked = false;
    this.floatChanged();
    this.code.get(CPU).mem(OP.i32_load, PE_DERIVED.budget.offset).set(this.left);
    this.took(index);
  }
  /** `left` holds the whole budget that is left: takes this block's share of it back. */
  private took(index: number): void {
    const c = this.code;
    c.get(this.left).op(OP.i32_eqz).set(this.bail);
    if (this.rest) c.get(this.left).i32(this.rest).op(OP.i32_sub).set(this.left);
    c.i32(this.recordOf(index)).set(IP);
  }

  // --- memory ---

  /**
   * Leaves the translation context of the half of the VA space in which the region itself lies: a VA of the other half
   * misses, and there its handler finds the entry. What changes contexts leaves the region.
   */
  context(): void {
    this.code.get(this.contextLocal);
  }
  /** Asks the host to make an access; the region ends when an exception was taken. */
  slowAccess(index: number, va: number, word: number, write: boolean): void {
    const c = this.code;
    this.spill(this.dirty);
    c.get(CPU).i32(this.recordOf(index)).i32(word).get(va).get(this.left);
    if (this.rest) c.i32(this.rest).op(OP.i32_add);
    if (!this.use.writesFlags) c.i32(FLAGS_STORED).i64(0n).i64(0n);
    else {
      if (this.known === undefined) c.get(this.kind);
      else c.i32(this.known);
      c.get(this.fx).get(this.fy);
    }
    c.call(this.module.importFunc(write ? STORE_IMPORT : LOAD_IMPORT, ACCESS_TYPE));
    c.tee(this.left).i32(0).op(OP.i32_lt_s).if().i32(0).op(OP.return).end();
    this.took(index);
  }

  // --- registers and flags ---

  /** The local of a register that the region reads. */
  local(register: number): number | undefined {
    return this.locals.get(register);
  }
  /** The local of a register was written. */
  wroteLocal(register: number): void {
    this.dirty.add(register);
    this.wrote.add(register);
  }
  /** Leaves 1 when the host's arithmetic may be used. */
  hostFloat(): void {
    this.code.get(this.fast);
  }
  /** FPCR or FPSR may have changed. */
  floatChanged(): void {
    if (!this.use.computesFloat) return;
    const test = this.module.importFunc(HOST_FLOAT_IMPORT, HOST_FLOAT_TYPE);
    this.code.get(CPU).call(test).set(this.fast);
  }
  /** Leaves NZCV on the stack. */
  flags(): void {
    const c = this.code;
    if (!this.use.writesFlags) {
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
