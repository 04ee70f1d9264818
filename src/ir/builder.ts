import type { StateField } from '../arch/pestate.ts';
import type {
  BinaryOp,
  Block,
  CompareOp,
  FpOp,
  Fragment,
  HelperSignature,
  IrNode,
  LaneBits,
  MemAccess,
  RegOperand,
  Ty,
  UnaryOp,
  VectorBinaryOp,
  VectorShiftOp,
  VectorUnaryOp,
} from './types.ts';

/** A value of a fragment under construction. */
export type Val = IrNode;

/** Type of a named immediate: how many bytes of the decoded record it takes. */
export type ImmType = 'u8' | 'u16' | 's32' | 'i64';

/** What the builder needs to know of the instruction being lifted. */
export interface LiftOperands {
  /** Register number by field, when it is known at lift time. */
  readonly registers: Readonly<Record<string, number>> | undefined;
  /** Immediates by name, when known at lift time. */
  readonly immediates: Readonly<Record<string, bigint>> | undefined;
  /** Declared immediates. `u8`, `u16` and `s32` give `i32` values except `s32`, which gives a sign-extended `i64`. */
  readonly immTypes: Readonly<Record<string, ImmType>>;
}

const MASK64 = (1n << 64n) - 1n;

function raise(message: string): never {
  throw new Error(`IR: ${message}`);
}

/**
 * Builds the meaning of one instruction.
 *
 * Register and immediate operands are constants when they are known at lift time and run-time operands otherwise; a
 * clause cannot tell which, so the interpreter's handlers and compiled code share one meaning.
 */
export class Builder {
  private readonly operands: LiftOperands;
  private readonly sp = new Set<string>();
  private block: Block = [];
  private nextId = 0;

  constructor(operands: LiftOperands) {
    this.operands = operands;
  }

  /** The finished fragment. */
  finish(): Fragment {
    return { body: this.block, spFields: this.sp };
  }

  private push<T extends object>(ty: Ty, args: readonly Val[], rest: T): Val {
    const node = { id: this.nextId++, ty, args, ...rest } as unknown as IrNode;
    this.block.push(node);
    return node;
  }

  // --- constants and operands ---

  i32(value: number): Val {
    return this.push('i32', [], { op: 'const32', value: value | 0 });
  }
  i64(value: bigint | number): Val {
    return this.push('i64', [], { op: 'const64', value: BigInt(value) & MASK64 });
  }
  /** Constant of the given type. */
  k(ty: Ty, value: bigint | number): Val {
    return ty === 'i32' ? this.i32(Number(BigInt.asIntN(32, BigInt(value)))) : this.i64(value);
  }
  vconst(lo: bigint, hi: bigint): Val {
    return this.push('v128', [], { op: 'constv', lo: lo & MASK64, hi: hi & MASK64 });
  }
  /** A declared immediate: `i32` for `u8`/`u16`, `i64` for `s32`/`i64`. */
  imm(name: string): Val {
    const type = this.operands.immTypes[name] ?? raise(`immediate '${name}' is not declared`);
    const ty: Ty = type === 'u8' || type === 'u16' ? 'i32' : 'i64';
    const known = this.operands.immediates?.[name];
    if (known !== undefined) return this.k(ty, known);
    return this.push(ty, [], { op: 'imm', name });
  }
  /** Address of this instruction. */
  pc(): Val {
    return this.push('i64', [], { op: 'pc' });
  }

  // --- registers and state ---

  private reg(field: string, plus = 0): RegOperand {
    const number = this.operands.registers?.[field];
    return { field, constant: number === undefined ? undefined : number, plus };
  }
  /** X register named by a field; 31 reads as zero. */
  x(field: string, plus = 0): Val {
    return this.push('i64', [], { op: 'getx', reg: this.reg(field, plus) });
  }
  /** W register named by a field; 31 reads as zero. */
  w(field: string, plus = 0): Val {
    return this.push('i32', [], { op: 'getw', reg: this.reg(field, plus) });
  }
  /** X or W register by `sf`. */
  r(field: string, sf: number, plus = 0): Val {
    return sf ? this.x(field, plus) : this.w(field, plus);
  }
  setX(field: string, value: Val, plus = 0): void {
    this.push('none', [this.as('i64', value)], { op: 'setx', reg: this.reg(field, plus) });
  }
  setW(field: string, value: Val, plus = 0): void {
    this.push('none', [this.as('i32', value)], { op: 'setw', reg: this.reg(field, plus) });
  }
  setR(field: string, sf: number, value: Val, plus = 0): void {
    if (sf) this.setX(field, value, plus);
    else this.setW(field, value, plus);
  }
  /** X register or SP: number 31 means the current stack pointer. */
  xsp(field: string): Val {
    this.sp.add(field);
    return this.x(field);
  }
  rsp(field: string, sf: number): Val {
    this.sp.add(field);
    return this.r(field, sf);
  }
  setXsp(field: string, value: Val): void {
    this.sp.add(field);
    this.setX(field, value);
  }
  setRsp(field: string, sf: number, value: Val): void {
    this.sp.add(field);
    this.setR(field, sf, value);
  }
  /** V register, all 128 bits. */
  v(field: string, plus = 0): Val {
    return this.push('v128', [], { op: 'getv', reg: this.reg(field, plus) });
  }
  setV(field: string, value: Val, plus = 0): void {
    this.push('none', [this.as('v128', value)], { op: 'setv', reg: this.reg(field, plus) });
  }
  get(field: StateField): Val {
    return this.push(field.type, [], { op: 'get', field });
  }
  set(field: StateField, value: Val): void {
    this.push('none', [this.as(field.type, value)], { op: 'set', field });
  }

  // --- scalar arithmetic ---

  private as(ty: Ty, value: Val): Val {
    if (value.ty !== ty) raise(`expected ${ty}, found ${value.ty} from '${value.op}'`);
    return value;
  }
  private binary(op: BinaryOp, a: Val, b: Val): Val {
    return this.push(a.ty, [a, this.as(a.ty, b)], { op });
  }
  private shift(op: BinaryOp, a: Val, amount: Val | number): Val {
    const n = typeof amount === 'number' ? this.k(a.ty, amount) : amount;
    return this.push(a.ty, [a, n.ty === a.ty ? n : a.ty === 'i64' ? this.zext(n) : this.trunc(n)], { op });
  }
  add(a: Val, b: Val): Val {
    return this.binary('add', a, b);
  }
  sub(a: Val, b: Val): Val {
    return this.binary('sub', a, b);
  }
  mul(a: Val, b: Val): Val {
    return this.binary('mul', a, b);
  }
  and(a: Val, b: Val): Val {
    return this.binary('and', a, b);
  }
  or(a: Val, b: Val): Val {
    return this.binary('or', a, b);
  }
  xor(a: Val, b: Val): Val {
    return this.binary('xor', a, b);
  }
  not(a: Val): Val {
    return this.xor(a, this.k(a.ty, -1));
  }
  neg(a: Val): Val {
    return this.sub(this.k(a.ty, 0), a);
  }
  /** Unsigned quotient; division by zero gives zero, as UDIV does. */
  udiv(a: Val, b: Val): Val {
    return this.binary('udiv', a, b);
  }
  /** Signed quotient towards zero, as SDIV: by zero gives zero, the most negative number by -1 gives itself. */
  sdiv(a: Val, b: Val): Val {
    return this.binary('sdiv', a, b);
  }
  shl(a: Val, amount: Val | number): Val {
    return this.shift('shl', a, amount);
  }
  shru(a: Val, amount: Val | number): Val {
    return this.shift('shru', a, amount);
  }
  shrs(a: Val, amount: Val | number): Val {
    return this.shift('shrs', a, amount);
  }
  rotr(a: Val, amount: Val | number): Val {
    return this.shift('rotr', a, amount);
  }
  cmp(op: CompareOp, a: Val, b: Val): Val {
    return this.push('i32', [a, this.as(a.ty, b)], { op });
  }
  eq(a: Val, b: Val): Val {
    return this.cmp('eq', a, b);
  }
  ne(a: Val, b: Val): Val {
    return this.cmp('ne', a, b);
  }
  ltu(a: Val, b: Val): Val {
    return this.cmp('ltu', a, b);
  }
  lts(a: Val, b: Val): Val {
    return this.cmp('lts', a, b);
  }
  unary(op: UnaryOp, a: Val): Val {
    return this.push(a.ty, [a], { op });
  }
  clz(a: Val): Val {
    return this.unary('clz', a);
  }
  zext(a: Val): Val {
    return this.push('i64', [this.as('i32', a)], { op: 'zext' });
  }
  sext(a: Val): Val {
    return this.push('i64', [this.as('i32', a)], { op: 'sext' });
  }
  trunc(a: Val): Val {
    return this.push('i32', [this.as('i64', a)], { op: 'trunc' });
  }
  /** Sign-extends the low `bits` (8, 16 or 32) within the value's type. */
  exts(a: Val, bits: 8 | 16 | 32): Val {
    return this.unary(`ext${bits}s` as UnaryOp, a);
  }
  /** Zero-extends the low `bits` within the value's type. */
  extu(a: Val, bits: number): Val {
    return this.and(a, this.k(a.ty, (1n << BigInt(bits)) - 1n));
  }
  /** `cond` is an `i32`, taken as true when not zero. */
  select(cond: Val, a: Val, b: Val): Val {
    return this.push(a.ty, [this.as('i32', cond), a, this.as(a.ty, b)], { op: 'select' });
  }
  /** High half of the unsigned 128-bit product of two 64-bit values. */
  umulh(a: Val, b: Val): Val {
    const [al, ah, bl, bh] = [this.extu(a, 32), this.shru(a, 32), this.extu(b, 32), this.shru(b, 32)];
    const low = this.mul(al, bl);
    const mid = this.add(this.mul(ah, bl), this.shru(low, 32));
    const mid2 = this.add(this.mul(al, bh), this.extu(mid, 32));
    return this.add(this.add(this.mul(ah, bh), this.shru(mid, 32)), this.shru(mid2, 32));
  }
  /** High half of the signed 128-bit product of two 64-bit values. */
  smulh(a: Val, b: Val): Val {
    const corrected = this.sub(this.umulh(a, b), this.and(this.shrs(a, 63), b));
    return this.sub(corrected, this.and(this.shrs(b, 63), a));
  }

  // --- flags ---

  /** NZCV (bits 31:28) of a + b + carry, as AddWithCarry gives; `carry` is an `i32` 0 or 1. */
  addsNzcv(a: Val, b: Val, carry: Val): Val {
    return this.push('i32', [a, this.as(a.ty, b), this.as('i32', carry)], { op: 'addsnzcv' });
  }
  logicNzcv(result: Val): Val {
    return this.push('i32', [result], { op: 'logicnzcv' });
  }
  /** 1 if condition code `cond` (0 to 15; 14 and 15 always hold) holds for an NZCV value. */
  condHolds(nzcv: Val, cond: number): Val {
    return this.push('i32', [this.as('i32', nzcv)], { op: 'cond', cond });
  }

  // --- vectors ---

  /** Lane-wise operation; which lane widths exist says `VECTOR_BINARY_LANES`. */
  vop(op: VectorBinaryOp, lane: LaneBits, a: Val, b: Val): Val {
    return this.push('v128', [this.as('v128', a), this.as('v128', b)], { op, lane });
  }
  vun(op: VectorUnaryOp, lane: LaneBits, a: Val): Val {
    return this.push('v128', [this.as('v128', a)], { op, lane });
  }
  vshift(op: VectorShiftOp, lane: LaneBits, a: Val, amount: Val | number): Val {
    const n = typeof amount === 'number' ? this.i32(amount) : this.as('i32', amount);
    return this.push('v128', [this.as('v128', a), n], { op, lane });
  }
  /** Lane `index`, zero-extended: `i64` for 64-bit lanes, else `i32`. */
  lane(v: Val, lane: LaneBits, index: number): Val {
    return this.push(lane === 64 ? 'i64' : 'i32', [this.as('v128', v)], { op: 'vlane', lane, index });
  }
  /** The vector with lane `index` replaced by the low bits of `x`. */
  withLane(v: Val, lane: LaneBits, index: number, x: Val): Val {
    return this.push('v128', [v, this.as(lane === 64 ? 'i64' : 'i32', x)], { op: 'vwith', lane, index });
  }
  splat(lane: LaneBits, x: Val): Val {
    return this.push('v128', [this.as(lane === 64 ? 'i64' : 'i32', x)], { op: 'vsplat', lane, index: 0 });
  }
  /** Byte i of the result is byte `bytes[i]` (0 to 15 of `a`, 16 to 31 of `b`). */
  shuffle(a: Val, b: Val, bytes: readonly number[]): Val {
    return this.push('v128', [a, b], { op: 'vshuffle', bytes });
  }
  /** Bits of `a` where `mask` is 1, of `b` where it is 0. */
  vselect(mask: Val, a: Val, b: Val): Val {
    return this.push('v128', [mask, a, b], { op: 'vselect' });
  }
  /** A vector from its halves. */
  vec(lo: Val, hi: Val): Val {
    return this.withLane(this.splat(64, lo), 64, 1, hi);
  }
  /** The low 64 bits of a vector, upper half zero: what a 64-bit write to a V register leaves. */
  low64(v: Val): Val {
    return this.vec(this.lane(v, 64, 0), this.i64(0));
  }
  /** Vector of 128/`lane` lanes made one by one; lanes at and above `count` are zero. */
  lanes(lane: LaneBits, count: number, f: (index: number) => Val): Val {
    let v = this.vconst(0n, 0n);
    for (let i = 0; i < count; i++) v = this.withLane(v, lane, i, f(i));
    return v;
  }

  // --- floating point, memory, calls ---

  fp(op: FpOp, width: 32 | 64, ...args: Val[]): Val {
    const ty = width === 64 ? 'i64' : 'i32';
    return this.push(
      ty,
      args.map((a) => this.as(ty, a)),
      { op, width },
    );
  }
  /**
   * Reads memory: `i32` for 1, 2 and 4 bytes (zero-extended), `i64` for 8, `v128` for 16. Ends the instruction if it
   * faults.
   */
  load(va: Val, access: MemAccess): Val {
    const ty: Ty = access.bytes === 16 ? 'v128' : access.bytes === 8 ? 'i64' : 'i32';
    return this.push(ty, [this.as('i64', va)], { op: 'load', access });
  }
  /** Writes memory; the value's type as for `load`. Ends the instruction if it faults. */
  store(va: Val, value: Val, access: MemAccess): void {
    const ty: Ty = access.bytes === 16 ? 'v128' : access.bytes === 8 ? 'i64' : 'i32';
    this.push('none', [this.as('i64', va), this.as(ty, value)], { op: 'store', access });
  }
  call(helper: HelperSignature, ...args: Val[]): Val {
    if (args.length !== helper.params.length) raise(`${helper.name} takes ${helper.params.length} arguments`);
    for (let i = 0; i < args.length; i++) this.as(helper.params[i]!, args[i]!);
    return this.push(helper.result, args, { op: 'call', helper });
  }

  // --- control ---

  private nested<T>(f: () => T): [Block, T] {
    const outer = this.block;
    this.block = [];
    const value = f();
    const inner = this.block;
    this.block = outer;
    return [inner, value];
  }
  if(cond: Val, yes: () => void, no: () => void = () => {}): void {
    const [t] = this.nested(yes);
    const [e] = this.nested(no);
    this.push('none', [this.as('i32', cond)], { op: 'if', yes: t, no: e });
  }
  /** Value of one of two computations, of which only the chosen one is made. */
  choose(cond: Val, yes: () => Val, no: () => Val): Val {
    const [t, yesValue] = this.nested(yes);
    const [e, noValue] = this.nested(no);
    this.as(yesValue.ty, noValue);
    return this.push(yesValue.ty, [this.as('i32', cond)], { op: 'if', yes: t, no: e, yesValue, noValue });
  }
  /** PC := target; the instruction ends. */
  branch(target: Val): void {
    this.push('none', [this.as('i64', target)], { op: 'branch' });
  }
  /** PC := address of this instruction + offset, which is below 2^29 either way (B has 2^27); the instruction ends. */
  branchRel(offset: Val): void {
    this.push('none', [this.as('i64', offset)], { op: 'branchrel' });
  }
}
