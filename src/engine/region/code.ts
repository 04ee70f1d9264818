import type { ValType } from '../wasm/binary.ts';
import { CodeWriter } from '../wasm/code.ts';
import { OP } from '../wasm/opcodes.ts';

/**
 * Writes the body of a region: locals that one instruction used are used again by the next, and nesting is counted, so
 * that branches know how many constructs to leave.
 */
export class RegionCode extends CodeWriter {
  /** Constructs (block, loop, if) that are open. */
  depth = 0;
  private readonly pools: Record<ValType, number[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  private readonly used: Record<ValType, number> = { i32: 0, i64: 0, f32: 0, f64: 0, v128: 0 };

  /** A local that lasts for the whole region. */
  lasting(type: ValType): number {
    return super.local(type);
  }
  override local(type: ValType): number {
    const n = this.used[type]++;
    let local = this.pools[type][n];
    if (local === undefined) {
      local = super.local(type);
      this.pools[type].push(local);
    }
    return local;
  }
  /** The locals of the last instruction are free again. */
  nextInstruction(): void {
    this.setMark([0, 0, 0, 0, 0]);
  }
  /** Locals in use, for `setMark`: code written in between ends on paths of its own. */
  mark(): readonly number[] {
    return [this.used.i32, this.used.i64, this.used.f32, this.used.f64, this.used.v128];
  }
  setMark([i32, i64, f32, f64, v128]: readonly number[]): void {
    this.used.i32 = i32!;
    this.used.i64 = i64!;
    this.used.f32 = f32!;
    this.used.f64 = f64!;
    this.used.v128 = v128!;
  }
  override if(result?: ValType): this {
    this.depth++;
    return super.if(result);
  }
  override end(): this {
    this.depth--;
    return super.end();
  }
  /** Opens a block or loop without a result; returns its label. */
  open(kind: 'block' | 'loop'): number {
    this.op(kind === 'block' ? OP.block : OP.loop, 0x40);
    return ++this.depth;
  }
  /** Branches to a label when the i32 on the stack is not zero. */
  brIf(label: number): this {
    this.op(OP.br_if);
    this.out.u32(this.depth - label);
    return this;
  }
  /** Branches to the label that the i32 on the stack selects, or to `other`. */
  brTable(labels: readonly number[], other: number): this {
    this.op(OP.br_table);
    this.out.u32(labels.length);
    for (const label of [...labels, other]) this.out.u32(this.depth - label);
    return this;
  }
  /** Branches to a label that `open` returned. */
  br(label: number): this {
    this.op(OP.br);
    this.out.u32(this.depth - label);
    return this;
  }
}
