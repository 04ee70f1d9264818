import type { Block, Fragment, IrNode } from '../ir/types.ts';
import { emitControl } from './emit/control.ts';
import { type Emission, IP, type ShapeLayout } from './emit/emission.ts';
import { emitFlags } from './emit/flags.ts';
import { emitFloat, emitFloatLane } from './emit/float.ts';
import { emitFloatLanes } from './emit/float-lanes.ts';
import { emitLoad, emitPairLoad, emitStore } from './emit/memory.ts';
import { emitOperator } from './emit/operators.ts';
import { emitState, pushImmediate, pushPc } from './emit/registers.ts';
import { type Uses, usesOf } from './emit/uses.ts';
import { RECORD_BYTES } from './records.ts';
import type { FuncType, ModuleWriter, ValType } from './wasm/binary.ts';
import { CodeWriter } from './wasm/code.ts';
import { OP } from './wasm/opcodes.ts';

export type { ShapeLayout } from './emit/emission.ts';

/** Type of a handler: (PE block, record) to the next record, 0 to look PC up, 1 when no step was taken. */
export const HANDLER_TYPE: FuncType = { params: ['i32', 'i32'], results: ['i32'] };

/** Nodes that give the same wherever they stand: written at each use. */
const ANYWHERE = new Set<string>(['const32', 'const64', 'constv', 'imm', 'pc']);
/** Nodes that keep their place among each other; floating point reads FPCR and sets FPSR. */
const IN_PLACE = new Set<string>([
  ...['get', 'getx', 'getw', 'getv', 'set', 'setx', 'setw', 'setv'],
  ...['load', 'store', 'call', 'if', 'branch', 'branchrel'],
  ...['FPAdd', 'FPSub', 'FPMul', 'FPDiv', 'FPSqrt'],
]);

/**
 * Emits one fragment as an interpreter handler.
 *
 * A value that is used once, in its own block, is computed where it is used; other values wait in locals.
 */
export class HandlerEmitter implements Emission {
  readonly code: CodeWriter;
  readonly module: ModuleWriter;
  readonly layout: ShapeLayout;
  readonly fragment: Fragment;
  /** Locals of values by node. Lists, as a map for each instruction of a region is what a compilation waits for. */
  private readonly locals: (number | undefined)[] = [];
  private readonly floats: (number | undefined)[] = [];
  /** Loads of 16 bytes of which the halves are wanted: locals of both. */
  private readonly pairs: (readonly [number, number] | undefined)[] = [];
  private readonly uses: Uses;

  /** @param code - where to write; by default a function of its own */
  constructor(module: ModuleWriter, layout: ShapeLayout, fragment: Fragment, code: CodeWriter = new CodeWriter(2)) {
    this.code = code;
    this.module = module;
    this.layout = layout;
    this.fragment = fragment;
    this.uses = usesOf(fragment);
  }

  /** The function's code. */
  emit(): Uint8Array {
    this.body();
    this.code.get(IP).i32(RECORD_BYTES).op(OP.i32_add);
    return this.code.finish();
  }

  /** Writes the fragment's nodes. */
  protected body(): void {
    this.block(this.fragment.body);
  }

  block(block: Block): void {
    for (const node of block) this.statement(node);
  }

  private statement(node: IrNode): void {
    if (ANYWHERE.has(node.op) || this.skips(node)) return;
    const { count, elsewhere, lanes } = this.uses;
    if (lanes?.nodes.includes(node)) {
      if (node === lanes.nodes.at(-1)) this.locals[lanes.whole.id] = emitFloatLanes(this, lanes);
      return;
    }
    if (this.locals[node.id] !== undefined) return;
    const uses = count[node.id];
    if (!IN_PLACE.has(node.op)) {
      if (!uses || (uses === 1 && !elsewhere[node.id])) return;
      this.expression(node);
    } else {
      this.effect(node);
      if (node.ty === 'none' || this.floats[node.id] !== undefined || this.pairs[node.id]) return;
      if (!uses) {
        this.code.op(OP.drop);
        return;
      }
    }
    const local = this.code.local(node.ty as ValType);
    this.locals[node.id] = local;
    this.code.set(local);
  }

  value(node: IrNode): void {
    const local = this.locals[node.id];
    const float = this.floats[node.id];
    if (local !== undefined) this.code.get(local);
    else if (float !== undefined)
      this.code.get(float).op(node.ty === 'i64' ? OP.i64_reinterpret_f64 : OP.i32_reinterpret_f32);
    else this.expression(node);
  }
  floatLocal(node: IrNode): number | undefined {
    return this.floats[node.id];
  }
  setFloatLocal(node: IrNode, local: number): void {
    this.floats[node.id] = local;
  }
  isLazy(node: IrNode): boolean {
    return this.locals[node.id] === undefined && this.floats[node.id] === undefined;
  }

  /** Nodes that need not be written, because whoever uses them does without. */
  protected skips(_node: IrNode): boolean {
    return false;
  }

  /** Writes a node without effect; its value is on the stack afterwards. */
  protected expression(node: IrNode): void {
    const c = this.code;
    switch (node.op) {
      case 'const32':
        c.i32(node.value);
        return;
      case 'const64':
        c.i64(node.value);
        return;
      case 'constv':
        c.simd(0x0c);
        for (const half of [node.lo, node.hi]) for (let i = 0n; i < 64n; i += 8n) c.op(Number((half >> i) & 0xffn));
        return;
      case 'imm':
        pushImmediate(this, node.name);
        return;
      case 'pc':
        pushPc(this);
        return;
      case 'vlane': {
        const halves = this.pairs[node.args[0]!.id];
        if (!halves) return emitOperator(this, node);
        c.get(halves[node.index]!);
        return;
      }
      default:
        if (!emitFlags(this, node) && !emitFloatLane(this, node)) emitOperator(this, node);
    }
  }

  /** Whether a load of two general-purpose registers at once. */
  private isPair(node: IrNode & { readonly op: 'load' }): boolean {
    if (node.access.bytes !== 16) return false;
    const { body } = this.fragment;
    const both = body.filter((n) => n.op === 'setx').length >= 2 && !body.some((n) => n.op === 'if' && n.ty !== 'none');
    return both && everyUse(body, node, (n) => n.op === 'vlane' && n.lane === 64);
  }

  /** Writes a node with an effect. */
  protected effect(node: IrNode): void {
    if (emitState(this, node) || emitControl(this, node)) return;
    if (node.op === 'load' && this.isPair(node)) this.pairs[node.id] = emitPairLoad(this, node.args[0]!, node.access);
    else if (node.op === 'load') emitLoad(this, node.args[0]!, node.access, node.ty as ValType);
    else if (node.op === 'store') emitStore(this, node.args[0]!, node.args[1]!, node.access);
    else if ('width' in node) emitFloat(this, node);
    else throw new Error(`emit: '${node.op}' is not an effect`);
  }
}

/** Whether every node that takes `value` as an operand satisfies a condition. */
export function everyUse(nodes: readonly IrNode[], value: IrNode, holds: (user: IrNode) => boolean): boolean {
  return nodes.every((n) => {
    if (n.args.includes(value) && !holds(n)) return false;
    if (n.op !== 'if') return true;
    if (n.yesValue === value || n.noValue === value) return false;
    return everyUse(n.yes, value, holds) && everyUse(n.no, value, holds);
  });
}
