import { ByteWriter, VALTYPE, type ValType } from './binary.ts';
import { OP } from './opcodes.ts';

/** Writes the body of one function: locals by type, instructions as calls. */
export class CodeWriter {
  readonly out = new ByteWriter();
  private readonly locals: ValType[] = [];
  private readonly paramCount: number;

  constructor(paramCount: number) {
    this.paramCount = paramCount;
  }

  local(type: ValType): number {
    return this.paramCount + this.locals.push(type) - 1;
  }
  /** One to three bytes. Not a list, which unoptimized code would make anew at each call. */
  op(first: number, second?: number, third?: number): this {
    this.out.u8(first);
    if (second !== undefined) this.out.u8(second);
    if (third !== undefined) this.out.u8(third);
    return this;
  }
  get(local: number): this {
    this.out.u8(OP.local_get);
    this.out.u32(local);
    return this;
  }
  set(local: number): this {
    this.out.u8(OP.local_set);
    this.out.u32(local);
    return this;
  }
  tee(local: number): this {
    this.out.u8(OP.local_tee);
    this.out.u32(local);
    return this;
  }
  i32(value: number): this {
    this.out.u8(OP.i32_const);
    this.out.s32(value);
    return this;
  }
  i64(value: bigint): this {
    this.out.u8(OP.i64_const);
    this.out.s64(value);
    return this;
  }
  f64(value: number): this {
    this.out.u8(0x44);
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    this.out.raw(bytes);
    return this;
  }
  /** A load or store with its static offset; alignment hint 0. */
  mem(opcode: number, offset: number): this {
    this.out.u8(opcode);
    this.out.u8(0);
    this.out.u32(offset);
    return this;
  }
  simd(opcode: number): this {
    this.out.u8(0xfd);
    this.out.u32(opcode);
    return this;
  }
  simdMem(opcode: number, offset: number): this {
    this.simd(opcode);
    this.out.u8(0);
    this.out.u32(offset);
    return this;
  }
  call(func: number): this {
    this.out.u8(OP.call);
    this.out.u32(func);
    return this;
  }
  /** Opens `if`; `result` names the type it leaves, if any. */
  if(result?: ValType): this {
    return this.op(OP.if, result ? VALTYPE[result] : 0x40);
  }
  else(): this {
    return this.op(OP.else);
  }
  end(): this {
    return this.op(OP.end);
  }
  /** Local declarations followed by the instructions. */
  finish(): Uint8Array {
    const w = new ByteWriter();
    const groups: { type: ValType; count: number }[] = [];
    for (const type of this.locals) {
      const last = groups.at(-1);
      if (last?.type === type) last.count++;
      else groups.push({ type, count: 1 });
    }
    w.u32(groups.length);
    for (const g of groups) {
      w.u32(g.count);
      w.u8(VALTYPE[g.type]);
    }
    w.raw(this.out.view());
    return w.view().slice();
  }
}
