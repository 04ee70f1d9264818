import { PE_DERIVED, PE_STATE, SLOT_SP, SLOT_ZR, V_BASE, X_BASE } from '../../arch/pestate.ts';
import type { Block, Fragment, IrNode } from '../../ir/types.ts';
import { CPU } from '../emit/emission.ts';
import { emitFused, isFused } from '../emit/float.ts';
import { everyUse, HandlerEmitter } from '../emit.ts';
import { OP } from '../wasm/opcodes.ts';
import { PAGE_INSTRUCTIONS } from './discover.ts';
import type { RegionEmitter } from './emit.ts';
import { asksForTrap, isX, slotOf, V_FIRST, vectorOf, writesFlags } from './facts.ts';
import { FLAGS, type FlagsKind, lazyFlags } from './flags.ts';

const NO_LAYOUT = { registers: [], immediates: {} };

/** Bytes to which SP is aligned where that is checked. */
const SP_ALIGN_BYTES = 16n;

/** Whether a node ends the instruction where SP is not aligned. */
function asksForSp(node: IrNode, fragment: Fragment): boolean {
  if (node.op !== 'if') return false;
  const masked = node.args[0]!.args[0];
  const [low, mask] = masked?.op === 'and' ? masked.args : [];
  return low?.op === 'trunc' && isSp(low.args[0]!, fragment) && mask?.op === 'get' && mask.field === SP_MASK;
}
const SP_MASK = PE_DERIVED.spAlignMask;

function isSp(node: IrNode, fragment: Fragment): boolean {
  return node.op === 'getx' && slotOf(node.reg, fragment) === SLOT_SP;
}
/** Whether a new value of SP is as aligned as the old one. */
function movesSp(value: IrNode, fragment: Fragment): boolean {
  const [x, y] = value.args;
  const amount = value.op === 'add' || value.op === 'sub' ? y : undefined;
  return isSp(x ?? value, fragment) && amount?.op === 'const64' && amount.value % SP_ALIGN_BYTES === 0n;
}

/** Emits one instruction of a region: as a handler would, but for registers, flags and branches. */
export class InstructionEmitter extends HandlerEmitter {
  /** A call may have gone on and asked for a boundary. */
  mayResume = false;
  /** What was known of the flags where an arm of a conditional begins. */
  private arms: Map<Block, { readonly at: FlagsKind | undefined }> | undefined;
  private readonly region: RegionEmitter;
  private readonly from: number;
  private readonly index: number;
  /** The instruction has called: to start it again could repeat an effect. */
  private called = false;

  constructor(region: RegionEmitter, fragment: Fragment, from: number, index: number) {
    super(region.module, NO_LAYOUT, fragment, region.code);
    this.region = region;
    this.from = from;
    this.index = index;
  }

  /** Writes the instruction. */
  write(): void {
    this.body();
  }
  observed(): void {
    this.region.observed();
  }
  giveUp(): (() => void) | undefined {
    return this.called ? undefined : () => this.region.giveUp(this.index);
  }
  resumed(): void {
    this.mayResume = true;
    this.region.resumed(this.index);
  }
  context(): void {
    this.region.context();
  }
  slowAccess(va: number, word: number, write: boolean): void {
    this.mayResume = true;
    this.region.slowAccess(this.index, va, word, write);
  }
  hostFloat(): void {
    this.region.hostFloat();
  }
  floatCalled(): void {
    this.region.floatChanged();
  }
  pc(): void {
    this.code.get(CPU).mem(OP.i64_load, PE_DERIVED.pageVa.offset);
    if (this.index) this.code.i64(BigInt(this.index * 4)).op(OP.i64_add);
  }

  protected override skips(node: IrNode): boolean {
    if (this.region.spChecked && asksForSp(node, this.fragment)) return true;
    if (this.region.fpChecked && (asksForTrap(node) || (node.op === 'if' && asksForTrap(node.args[0])))) return true;
    return (
      node.op === 'get' &&
      node.field === PE_STATE.NZCV &&
      everyUse(this.fragment.body, node, (n) => n.op === 'cond' && this.region.knows(n.cond))
    );
  }
  override block(block: Block): void {
    const known = this.arms?.get(block);
    if (known) this.region.known = known.at;
    super.block(block);
  }
  protected override expression(node: IrNode): void {
    if (node.op === 'cond' && node.args[0]!.op === 'get' && this.region.knows(node.cond))
      this.region.condition(node.cond);
    else super.expression(node);
  }

  protected override effect(node: IrNode): void {
    switch (node.op) {
      case 'getx':
      case 'getw':
        this.getX(slotOf(node.reg, this.fragment), node.op === 'getw');
        return;
      case 'setx':
      case 'setw':
        this.setX(slotOf(node.reg, this.fragment), node.args[0]!, node.op === 'setw');
        return;
      case 'get':
        if (node.field === PE_STATE.NZCV) return this.region.flags();
        if (isX(node.field.offset)) return this.getX((node.field.offset - X_BASE) / 8, false);
        break;
      case 'set':
        if (node.field === PE_STATE.NZCV) return this.setFlags(node.args[0]!);
        if (isX(node.field.offset)) return this.setX((node.field.offset - X_BASE) / 8, node.args[0]!, false);
        if (node.field === PE_STATE.FPCR || node.field === PE_STATE.FPSR) return this.setFloatState(node);
        break;
      case 'getv':
        this.code.get(this.region.local(V_FIRST + vectorOf(node.reg))!);
        return;
      case 'setv':
        this.setV(vectorOf(node.reg), node.args[0]!);
        return;
      case 'call':
        if (isFused(node)) return emitFused(this, node);
        return this.call(node);
      case 'branch':
        return this.branch(node.args[0]!);
      case 'branchrel':
        return this.branchRelative(node.args[0]!);
      case 'if':
        return this.conditional(node);
    }
    super.effect(node);
  }

  /** A call that leaves the region is left to the handler. */
  private call(node: IrNode & { readonly op: 'call' }): void {
    if (node.helper.effect === 'leave' && !this.called) return this.region.giveUp(this.index);
    super.effect(node);
    if (node.helper.effect !== 'pure') this.called = true;
  }
  private getX(slot: number, narrow: boolean): void {
    const local = this.region.local(slot);
    if (local === undefined) {
      if (narrow) this.code.i32(0);
      else this.code.i64(0n);
      return;
    }
    this.code.get(local);
    if (narrow) this.code.op(OP.i32_wrap_i64);
  }
  private setX(slot: number, value: IrNode, narrow: boolean): void {
    if (slot === SLOT_ZR) return;
    const local = this.region.local(slot);
    const c = this.code;
    if (local === undefined) c.get(CPU);
    this.value(value);
    if (narrow) c.op(OP.i64_extend_i32_u);
    if (local === undefined) c.mem(OP.i64_store, X_BASE + slot * 8);
    else {
      c.set(local);
      this.region.wroteLocal(slot);
    }
    if (slot === SLOT_SP && !movesSp(value, this.fragment)) this.region.spChecked = false;
  }

  private setV(register: number, value: IrNode): void {
    const local = this.region.local(V_FIRST + register);
    const c = this.code;
    if (local === undefined) c.get(CPU);
    this.value(value);
    if (local === undefined) c.simdMem(0x0b, V_BASE + register * 16);
    else {
      c.set(local);
      this.region.wroteLocal(V_FIRST + register);
    }
  }
  /** What only adds flags to FPSR cannot make the host's arithmetic wrong. */
  private setFloatState(node: IrNode): void {
    super.effect(node);
    if (node.args[0]!.op !== 'or') this.region.floatChanged();
  }

  private setFlags(value: IrNode): void {
    const lazy = lazyFlags(value);
    const push = (node: IrNode) => (): void => {
      this.value(node);
      if (node.ty === 'i32') this.code.op(OP.i64_extend_i32_u);
    };
    if (lazy) this.region.setFlags(lazy.kind, push(lazy.x), lazy.y && push(lazy.y));
    else this.region.setFlags(FLAGS.RAW, push(value), undefined);
  }

  private branchRelative(offset: IrNode): void {
    if (offset.op === 'const64') {
      const target = this.index + Number(BigInt.asIntN(64, offset.value) / 4n);
      if (target >= 0 && target < PAGE_INSTRUCTIONS) return this.region.goto(this.from, target);
    }
    const c = this.code.get(CPU);
    this.pc();
    this.value(offset);
    c.op(OP.i64_add).mem(OP.i64_store, PE_STATE.PC.offset).i32(0);
    this.region.exit(false);
  }

  /** To an address: where calls of the region come from, else within the page by its record, else by way of PC. */
  private branch(target: IrNode): void {
    const c = this.code;
    const [to, offset] = [c.local('i64'), c.local('i64')];
    this.value(target);
    c.tee(to).get(CPU).mem(OP.i64_load, PE_DERIVED.pageVa.offset).op(OP.i64_sub).tee(offset);
    for (const point of this.region.successors(this.from)) {
      c.get(offset)
        .i64(BigInt(point * 4))
        .op(OP.i64_eq)
        .if();
      this.region.goto(this.from, point);
      c.end();
    }
    // Rotated right by two, an offset that is misaligned or outside the page is at least 1024.
    c.i64(2n).op(OP.i64_rotr).i64(BigInt(PAGE_INSTRUCTIONS)).op(OP.i64_lt_u).if();
    c.get(offset).op(OP.i32_wrap_i64).i32(2).op(OP.i32_shl).i32(this.region.recordOf(0)).op(OP.i32_add);
    this.region.exit(true);
    c.end();
    c.get(CPU).get(to).mem(OP.i64_store, PE_STATE.PC.offset).i32(0);
    this.region.exit(false);
  }

  /** What is known of the flags holds on each path for itself. */
  private conditional(node: IrNode): void {
    if (node.op !== 'if') return;
    const { region } = this;
    const before = region.known;
    this.arms ??= new Map();
    this.arms.set(node.yes, { at: before });
    this.arms.set(node.no, { at: before });
    super.effect(node);
    const changed = writesFlags(node.yes) || writesFlags(node.no);
    region.known = changed ? undefined : before;
    if (asksForTrap(node.args[0])) region.fpChecked = true;
    if (asksForSp(node, this.fragment)) region.spChecked = true;
  }
}
