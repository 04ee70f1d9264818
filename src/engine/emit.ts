import {
  DATA_TLB_BASE,
  DATA_TLB_ENTRIES,
  PE_DERIVED,
  PE_STATE,
  SLOT_SP,
  SLOT_ZR,
  V_BASE,
  X_BASE,
} from '../arch/pestate.ts';
import type { ImmType } from '../ir/builder.ts';
import type { Block, Fragment, IrNode, MemAccess, RegOperand } from '../ir/types.ts';
import { RECORD_BYTES, RECORD_IMM, RECORD_PAGE_BYTES, RECORD_PAGE_USED, RECORD_REGS } from './records.ts';
import type { FuncType, ModuleWriter, ValType } from './wasm/binary.ts';
import { CodeWriter } from './wasm/code.ts';
import {
  EXTRACT,
  FLOAT,
  OP,
  REPLACE,
  SCALAR_BINARY,
  SCALAR_UNARY,
  SPLAT,
  VECTOR_BINARY,
  VECTOR_SHIFT,
  VECTOR_UNARY,
} from './wasm/opcodes.ts';

/** Type of a handler: (PE block, record) to the next record, 0 to look PC up, 1 when no step was taken. */
export const HANDLER_TYPE: FuncType = { params: ['i32', 'i32'], results: ['i32'] };
/** Slow memory access: (PE block, record, access word) to non-zero when an exception was taken. */
export const SLOW_TYPE: FuncType = { params: ['i32', 'i32', 'i32'], results: ['i32'] };

const CPU = 0;
const IP = 1;

/** Where the operands of a handler's shape lie in its records. */
export interface ShapeLayout {
  readonly registers: readonly string[];
  readonly immediates: Readonly<Record<string, { readonly type: ImmType; readonly at: number }>>;
}

/** The access word that tells the slow path what is asked. */
export function accessWord(a: MemAccess, write: boolean): number {
  return (
    a.bytes |
    ((a.alignBytes ?? a.bytes) << 5) |
    (a.alwaysAligned ? 1 << 10 : 0) |
    (a.unprivileged ? 1 << 11 : 0) |
    (write ? 1 << 12 : 0) |
    (a.readForWrite ? 1 << 13 : 0)
  );
}

const PURE = new Set<string>(['const32', 'const64', 'constv', 'imm', 'pc']);
const EFFECT = new Set<string>([
  'get',
  'getx',
  'getw',
  'getv',
  'set',
  'setx',
  'setw',
  'setv',
  'load',
  'store',
  'call',
  'if',
  'branch',
  'branchrel',
]);
/** Floating-point operations read FPCR and set FPSR, so they keep their place. */
const FP = new Set<string>(['FPAdd', 'FPSub', 'FPMul', 'FPDiv', 'FPSqrt']);

interface Uses {
  count: number;
  sameBlock: boolean;
}

/** Emits one fragment as an interpreter handler. */
export class HandlerEmitter {
  private readonly code = new CodeWriter(2);
  private readonly module: ModuleWriter;
  private readonly layout: ShapeLayout;
  private readonly fragment: Fragment;
  private readonly locals = new Map<number, number>();
  private readonly uses = new Map<number, Uses>();
  private readonly home = new Map<number, Block>();

  constructor(module: ModuleWriter, layout: ShapeLayout, fragment: Fragment) {
    this.module = module;
    this.layout = layout;
    this.fragment = fragment;
  }

  /** The function's code. */
  emit(): Uint8Array {
    this.scan(this.fragment.body);
    this.block(this.fragment.body);
    this.code.get(IP).i32(RECORD_BYTES).op(OP.i32_add);
    return this.code.finish();
  }

  private use(node: IrNode | undefined, from: Block): void {
    if (!node) return;
    const uses = this.uses.get(node.id) ?? { count: 0, sameBlock: true };
    uses.count++;
    if (this.home.get(node.id) !== from) uses.sameBlock = false;
    this.uses.set(node.id, uses);
  }
  private scan(block: Block): void {
    for (const node of block) {
      this.home.set(node.id, block);
      for (const a of node.args) this.use(a, block);
      if (node.op === 'if') {
        this.scan(node.yes);
        this.scan(node.no);
        this.use(node.yesValue, node.yes);
        this.use(node.noValue, node.no);
      }
    }
  }

  private block(block: Block): void {
    for (const node of block) this.statement(node);
  }

  private statement(node: IrNode): void {
    if (PURE.has(node.op)) return;
    const uses = this.uses.get(node.id);
    const effect = EFFECT.has(node.op) || FP.has(node.op);
    if (!effect) {
      if (!uses || (uses.count === 1 && uses.sameBlock)) return;
      this.expression(node);
    } else {
      this.effect(node);
      if (node.ty === 'none') return;
      if (!uses) {
        this.code.op(OP.drop);
        return;
      }
    }
    const local = this.code.local(node.ty as ValType);
    this.locals.set(node.id, local);
    this.code.set(local);
  }

  /** Leaves the node's value on the stack. */
  private value(node: IrNode): void {
    const local = this.locals.get(node.id);
    if (local !== undefined) this.code.get(local);
    else this.expression(node);
  }

  private args(node: IrNode): void {
    for (const a of node.args) this.value(a);
  }

  private expression(node: IrNode): void {
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
        this.immediate(node.name);
        return;
      case 'pc':
        c.get(CPU).mem(OP.i64_load, PE_DERIVED.pageVa.offset);
        c.get(IP)
          .i32(RECORD_PAGE_BYTES - 1)
          .op(OP.i32_and)
          .i32(2)
          .op(OP.i32_shr_u, OP.i64_extend_i32_u, OP.i64_add);
        return;
      case 'addsnzcv':
        this.addsNzcv(node.args[0]!, node.args[1]!, node.args[2]!);
        return;
      case 'logicnzcv':
        this.logicNzcv(node.args[0]!);
        return;
      case 'cond':
        this.condition(node.args[0]!, node.cond);
        return;
      case 'udiv':
      case 'sdiv':
        this.divide(node.op, node.args[0]!, node.args[1]!);
        return;
      default:
        this.args(node);
        this.operator(node);
    }
  }

  /** Opcodes of operators whose arguments are on the stack. */
  private operator(node: IrNode): void {
    const c = this.code;
    switch (node.op) {
      case 'zext':
        c.op(OP.i64_extend_i32_u);
        return;
      case 'sext':
        c.op(OP.i64_extend_i32_s);
        return;
      case 'trunc':
        c.op(OP.i32_wrap_i64);
        return;
      case 'select':
        this.select(node);
        return;
      case 'vlane':
        c.simd(EXTRACT[node.lane]!).op(node.index);
        return;
      case 'vwith':
        c.simd(REPLACE[node.lane]!).op(node.index);
        return;
      case 'vsplat':
        c.simd(SPLAT[node.lane]!);
        return;
      case 'vshuffle':
        c.simd(0x0d).op(...node.bytes);
        return;
      case 'vselect': {
        // bitselect wants (a, b, mask); the node has (mask, a, b), so the mask waits in a local.
        const [b, a] = [c.local('v128'), c.local('v128')];
        const mask = c.local('v128');
        c.set(b).set(a).set(mask).get(a).get(b).get(mask).simd(0x52);
        return;
      }
    }
    const wide = node.args[0]!.ty === 'i64' ? 1 : 0;
    const scalar = (SCALAR_BINARY as Record<string, readonly [number, number]>)[node.op];
    if (scalar) return void c.op(scalar[wide]);
    const unary = (SCALAR_UNARY as Record<string, readonly [number, number]>)[node.op];
    if (unary) return void (unary[wide] && c.op(unary[wide]));
    const table: Record<string, Partial<Record<number, number>>> = {
      ...VECTOR_BINARY,
      ...VECTOR_UNARY,
      ...VECTOR_SHIFT,
    };
    const code = 'lane' in node ? table[node.op]?.[node.lane] : undefined;
    if (code === undefined) throw new Error(`emit: no opcode for '${node.op}' ${'lane' in node ? node.lane : ''}`);
    c.simd(code);
  }

  /** Wasm's select wants (a, b, cond); the node has (cond, a, b). */
  private select(node: IrNode): void {
    const c = this.code;
    const ty = node.ty as ValType;
    const [b, a, cond] = [c.local(ty), c.local(ty), c.local('i32')];
    c.set(b).set(a).set(cond).get(a).get(b).get(cond).op(OP.select);
  }

  private immediate(name: string): void {
    const place = this.layout.immediates[name]!;
    const at = RECORD_IMM + place.at;
    const c = this.code.get(IP);
    if (place.type === 'u8') c.mem(OP.i32_load8_u, at);
    else if (place.type === 'u16') c.mem(OP.i32_load16_u, at);
    else if (place.type === 's32') c.mem(OP.i64_load32_s, at);
    else c.mem(OP.i64_load, at);
  }

  // --- flags and division ---

  /** N and Z of a value at its width, in bits 31 and 30. */
  private nz(result: number, ty: ValType): void {
    const c = this.code;
    if (ty === 'i64') {
      c.get(result)
        .i64(32n)
        .op(OP.i64_shr_u, OP.i32_wrap_i64)
        .i32(0x8000_0000 | 0)
        .op(OP.i32_and);
      c.get(result).op(OP.i64_eqz).i32(30).op(OP.i32_shl, OP.i32_or);
    } else {
      c.get(result)
        .i32(0x8000_0000 | 0)
        .op(OP.i32_and);
      c.get(result).op(OP.i32_eqz).i32(30).op(OP.i32_shl, OP.i32_or);
    }
  }
  private logicNzcv(value: IrNode): void {
    const ty = value.ty as ValType;
    const local = this.code.local(ty);
    this.value(value);
    this.code.set(local);
    this.nz(local, ty);
  }
  private addsNzcv(x: IrNode, y: IrNode, carry: IrNode): void {
    const c = this.code;
    const ty = x.ty as ValType;
    const wide = ty === 'i64';
    const [a, b, r, cin] = [c.local(ty), c.local(ty), c.local(ty), c.local('i32')];
    this.value(x);
    c.set(a);
    this.value(y);
    c.set(b);
    this.value(carry);
    c.set(cin);
    c.get(a)
      .get(b)
      .op(wide ? OP.i64_add : OP.i32_add)
      .get(cin);
    if (wide) c.op(OP.i64_extend_i32_u);
    c.op(wide ? OP.i64_add : OP.i32_add).set(r);
    this.nz(r, ty);
    // Carry out: the top bit of (a & b) | ((a | b) & ~r). Overflow: the top bit of (a ^ r) & (b ^ r).
    const [and, or, xor, shr] = wide
      ? [OP.i64_and, OP.i64_or, OP.i64_xor, OP.i64_shr_u]
      : [OP.i32_and, OP.i32_or, OP.i32_xor, OP.i32_shr_u];
    const k = (v: bigint): void => void (wide ? c.i64(v) : c.i32(Number(v)));
    const narrow = (): void => void (wide && c.op(OP.i32_wrap_i64));
    c.get(a).get(b).op(and).get(a).get(b).op(or).get(r);
    k(-1n);
    c.op(xor, and, or);
    k(wide ? 63n : 31n);
    c.op(shr);
    narrow();
    c.i32(29).op(OP.i32_shl, OP.i32_or);
    c.get(a).get(r).op(xor).get(b).get(r).op(xor, and);
    k(wide ? 63n : 31n);
    c.op(shr);
    narrow();
    c.i32(28).op(OP.i32_shl, OP.i32_or);
  }

  /** Bit `n` (31 to 28) of a local as 0 or 1. */
  private flag(local: number, n: number): void {
    this.code.get(local).i32(n).op(OP.i32_shr_u).i32(1).op(OP.i32_and);
  }
  private condition(nzcv: IrNode, cond: number): void {
    const c = this.code;
    const f = c.local('i32');
    this.value(nzcv);
    c.set(f);
    const [N, Z, C, V] = [31, 30, 29, 28];
    switch (cond >> 1) {
      case 0:
        this.flag(f, Z);
        break;
      case 1:
        this.flag(f, C);
        break;
      case 2:
        this.flag(f, N);
        break;
      case 3:
        this.flag(f, V);
        break;
      case 4: // HI: C set and Z clear
        this.flag(f, C);
        this.flag(f, Z);
        c.op(OP.i32_eqz, OP.i32_and);
        break;
      case 5: // GE: N equals V
        this.flag(f, N);
        this.flag(f, V);
        c.op(OP.i32_eq);
        break;
      case 6: // GT: N equals V and Z clear
        this.flag(f, N);
        this.flag(f, V);
        c.op(OP.i32_eq);
        this.flag(f, Z);
        c.op(OP.i32_eqz, OP.i32_and);
        break;
      default:
        c.i32(1);
        return;
    }
    if (cond & 1) c.op(OP.i32_eqz);
  }

  private divide(op: 'udiv' | 'sdiv', x: IrNode, y: IrNode): void {
    const c = this.code;
    const ty = x.ty as ValType;
    const wide = ty === 'i64' ? 1 : 0;
    const [a, b] = [c.local(ty), c.local(ty)];
    const k = (v: bigint): CodeWriter => (wide ? c.i64(v) : c.i32(Number(v)));
    this.value(x);
    c.set(a);
    this.value(y);
    c.tee(b)
      .op(wide ? OP.i64_eqz : OP.i32_eqz)
      .if(ty);
    k(0n);
    c.else();
    if (op === 'sdiv') {
      c.get(b);
      k(-1n)
        .op(wide ? OP.i64_eq : OP.i32_eq)
        .if(ty);
      k(0n).get(a).op(SCALAR_BINARY.sub[wide]).else();
      c.get(a).get(b).op(SCALAR_BINARY.sdiv[wide]).end();
    } else c.get(a).get(b).op(SCALAR_BINARY.udiv[wide]);
    c.end();
  }

  // --- registers and state ---

  /** Leaves the address of a register (less its static offset) on the stack and returns the offset. */
  private regAddress(reg: RegOperand, bytesLog2: number, base: number): number {
    const c = this.code;
    if (reg.constant !== undefined) {
      c.get(CPU);
      const n = (reg.constant + reg.plus) & 31;
      const slot = n === SLOT_ZR && this.fragment.spFields.has(reg.field) ? SLOT_SP : n;
      return base + (slot << bytesLog2);
    }
    const index = this.layout.registers.indexOf(reg.field);
    c.get(CPU)
      .get(IP)
      .mem(OP.i32_load8_u, RECORD_REGS + index);
    if (reg.plus) c.i32(reg.plus).op(OP.i32_add).i32(31).op(OP.i32_and);
    c.i32(bytesLog2).op(OP.i32_shl, OP.i32_add);
    return base;
  }

  private writeX(reg: RegOperand, value: IrNode, narrow: boolean): void {
    const c = this.code;
    const offset = this.regAddress(reg, 3, X_BASE);
    if (reg.constant !== undefined && offset === X_BASE + SLOT_ZR * 8) {
      c.op(OP.drop);
      return;
    }
    this.value(value);
    if (narrow) c.op(OP.i64_extend_i32_u);
    c.mem(OP.i64_store, offset);
    // A run-time register number may be 31: the zero slot is made zero again.
    if (reg.constant === undefined && !this.fragment.spFields.has(reg.field))
      c.get(CPU)
        .i64(0n)
        .mem(OP.i64_store, X_BASE + SLOT_ZR * 8);
  }

  private effect(node: IrNode): void {
    const c = this.code;
    switch (node.op) {
      case 'get':
        c.get(CPU);
        if (node.ty === 'v128') c.simdMem(0x00, node.field.offset);
        else c.mem(node.ty === 'i64' ? OP.i64_load : OP.i32_load, node.field.offset);
        return;
      case 'set':
        c.get(CPU);
        this.value(node.args[0]!);
        if (node.field.type === 'v128') c.simdMem(0x0b, node.field.offset);
        else c.mem(node.field.type === 'i64' ? OP.i64_store : OP.i32_store, node.field.offset);
        return;
      case 'getx':
        c.mem(OP.i64_load, this.regAddress(node.reg, 3, X_BASE));
        return;
      case 'getw':
        c.mem(OP.i32_load, this.regAddress(node.reg, 3, X_BASE));
        return;
      case 'getv':
        c.simdMem(0x00, this.regAddress(node.reg, 4, V_BASE));
        return;
      case 'setx':
      case 'setw':
        this.writeX(node.reg, node.args[0]!, node.op === 'setw');
        return;
      case 'setv': {
        const offset = this.regAddress(node.reg, 4, V_BASE);
        this.value(node.args[0]!);
        c.simdMem(0x0b, offset);
        return;
      }
      case 'load':
        this.load(node.args[0]!, node.access, node.ty as ValType);
        return;
      case 'store':
        this.store(node.args[0]!, node.args[1]!, node.access);
        return;
      case 'call':
        this.helper(node);
        return;
      case 'if':
        this.branches(node);
        return;
      case 'branch':
        c.get(CPU);
        this.value(node.args[0]!);
        c.mem(OP.i64_store, PE_STATE.PC.offset).i32(0).op(OP.return);
        return;
      case 'branchrel':
        this.branchRelative(node.args[0]!);
        return;
      default:
        this.float(node);
    }
  }

  private branches(node: IrNode): void {
    if (node.op !== 'if') return;
    this.value(node.args[0]!);
    this.code.if(node.ty === 'none' ? undefined : (node.ty as ValType));
    this.block(node.yes);
    if (node.yesValue) this.value(node.yesValue);
    if (node.no.length || node.noValue) {
      this.code.else();
      this.block(node.no);
      if (node.noValue) this.value(node.noValue);
    }
    this.code.end();
  }

  private branchRelative(offset: IrNode): void {
    const c = this.code;
    const [off, next] = [c.local('i64'), c.local('i32')];
    this.value(offset);
    c.tee(off).op(OP.i32_wrap_i64).i32(2).op(OP.i32_shl).get(IP).op(OP.i32_add).tee(next);
    c.get(IP).i32(-RECORD_PAGE_BYTES).op(OP.i32_and, OP.i32_sub).i32(RECORD_PAGE_USED).op(OP.i32_lt_u).if();
    c.get(next).op(OP.return).end();
    c.get(CPU);
    this.pc();
    c.get(off).op(OP.i64_add).mem(OP.i64_store, PE_STATE.PC.offset).i32(0).op(OP.return);
  }

  private pc(): void {
    const c = this.code;
    c.get(CPU).mem(OP.i64_load, PE_DERIVED.pageVa.offset);
    c.get(IP)
      .i32(RECORD_PAGE_BYTES - 1)
      .op(OP.i32_and)
      .i32(2)
      .op(OP.i32_shr_u, OP.i64_extend_i32_u, OP.i64_add);
  }

  // --- memory ---

  /** Leaves 1 on the stack if the access hits the TLB; `entry` and `va` are set. */
  private probe(address: IrNode, a: MemAccess, write: boolean): { va: number; entry: number } {
    const c = this.code;
    const [va, entry] = [c.local('i64'), c.local('i32')];
    this.value(address);
    c.tee(va)
      .i64(12n)
      .op(OP.i64_shr_u, OP.i32_wrap_i64)
      .i32(DATA_TLB_ENTRIES - 1)
      .op(OP.i32_and)
      .i32(5)
      .op(OP.i32_shl);
    c.get(CPU)
      .op(OP.i32_add)
      .tee(entry)
      .mem(OP.i64_load, DATA_TLB_BASE + (write ? 8 : 0));
    c.get(va);
    if (a.bytes > 1) c.i64(BigInt(a.bytes - 1)).op(OP.i64_add);
    c.i64(-4096n).op(OP.i64_and);
    c.get(CPU).get(va).i64(63n).op(OP.i64_shr_u, OP.i32_wrap_i64).i32(3).op(OP.i32_shl, OP.i32_add);
    c.mem(OP.i64_load, (a.unprivileged ? PE_DERIVED.unprivLow : PE_DERIVED.contextLow).offset).op(OP.i64_or, OP.i64_eq);
    if (a.alwaysAligned && a.bytes > 1) {
      c.get(va)
        .i64(BigInt((a.alignBytes ?? a.bytes) - 1))
        .op(OP.i64_and, OP.i64_eqz, OP.i32_and);
    }
    return { va, entry };
  }
  private hostAddress(va: number, entry: number): void {
    this.code
      .get(va)
      .op(OP.i32_wrap_i64)
      .get(entry)
      .mem(OP.i32_load, DATA_TLB_BASE + 16)
      .op(OP.i32_add);
  }
  private slow(va: number, word: number, write: boolean): void {
    const c = this.code;
    c.get(CPU).get(va).mem(OP.i64_store, PE_DERIVED.slowVa.offset);
    c.get(CPU)
      .get(IP)
      .i32(word)
      .call(this.module.importFunc(write ? 'slowStore' : 'slowLoad', SLOW_TYPE));
    c.if().i32(0).op(OP.return).end();
  }
  private load(address: IrNode, a: MemAccess, ty: ValType): void {
    const c = this.code;
    const { va, entry } = this.probe(address, a, a.readForWrite === true);
    c.if(ty);
    this.hostAddress(va, entry);
    this.plainLoad(a.bytes, 0);
    c.else();
    this.slow(va, accessWord(a, false), false);
    c.get(CPU);
    this.plainLoad(a.bytes, PE_DERIVED.slowValue.offset);
    c.end();
  }
  private plainLoad(bytes: number, offset: number): void {
    if (bytes === 16) this.code.simdMem(0x00, offset);
    else this.code.mem({ 1: OP.i32_load8_u, 2: OP.i32_load16_u, 4: OP.i32_load, 8: OP.i64_load }[bytes]!, offset);
  }
  private store(address: IrNode, value: IrNode, a: MemAccess): void {
    const c = this.code;
    const data = c.local(value.ty as ValType);
    this.value(value);
    c.set(data);
    const { va, entry } = this.probe(address, a, true);
    c.if();
    this.hostAddress(va, entry);
    this.plainStore(a.bytes, data, 0);
    c.else();
    c.get(CPU);
    this.plainStore(a.bytes, data, PE_DERIVED.slowValue.offset);
    this.slow(va, accessWord(a, true), true);
    c.end();
  }
  private plainStore(bytes: number, data: number, offset: number): void {
    this.code.get(data);
    if (bytes === 16) this.code.simdMem(0x0b, offset);
    else this.code.mem({ 1: OP.i32_store8, 2: OP.i32_store16, 4: OP.i32_store, 8: OP.i64_store }[bytes]!, offset);
  }

  // --- calls and floating point ---

  private helper(node: IrNode): void {
    if (node.op !== 'call') return;
    const c = this.code;
    const { helper } = node;
    if (helper.effect !== 'pure') {
      c.get(CPU);
      this.pc();
      c.mem(OP.i64_store, PE_STATE.PC.offset);
    }
    c.get(CPU);
    this.args(node);
    const results: ValType[] = helper.result === 'none' ? [] : [helper.result as ValType];
    c.call(this.module.importFunc(helper.name, { params: ['i32', ...(helper.params as ValType[])], results }));
    if (helper.effect === 'pure') return;
    if (helper.effect === 'leave') {
      c.get(CPU).i32(0).mem(OP.i32_store, PE_DERIVED.diverted.offset).i32(0).op(OP.return);
      return;
    }
    c.get(CPU).mem(OP.i32_load, PE_DERIVED.diverted.offset).if();
    c.get(CPU).i32(0).mem(OP.i32_store, PE_DERIVED.diverted.offset).i32(0).op(OP.return).end();
  }

  /**
   * The host's operation is right when rounding is to nearest, flush-to-zero and default NaN are off, IXC is already set
   * and the result is a normal number above the smallest ones; everything else takes the exact helper.
   */
  private float(node: IrNode): void {
    if (!('width' in node)) throw new Error(`emit: '${node.op}' is not an effect`);
    const c = this.code;
    const wide = node.width === 64 ? 1 : 0;
    const ty: ValType = wide ? 'i64' : 'i32';
    const operands = node.args.map((a) => {
      const local = c.local(ty);
      this.value(a);
      c.set(local);
      return local;
    });
    const r = c.local(ty);
    const helper = this.module.importFunc(`${node.op}${node.width}`, {
      params: ['i32', ...operands.map(() => ty)],
      results: [ty],
    });
    c.get(CPU).mem(OP.i32_load, PE_STATE.FPCR.offset).op(OP.i32_eqz);
    c.get(CPU).mem(OP.i32_load, PE_STATE.FPSR.offset).i32(4).op(OP.i32_shr_u).i32(1).op(OP.i32_and, OP.i32_and);
    c.if(ty);
    for (const o of operands) c.get(o).op(wide ? OP.f64_reinterpret_i64 : OP.f32_reinterpret_i32);
    c.op(FLOAT[node.op]![wide])
      .op(wide ? OP.i64_reinterpret_f64 : OP.i32_reinterpret_f32)
      .tee(r);
    // Exponent field from 2 up to all ones less one: a result with exponent 1 may have been tiny before rounding.
    if (wide)
      c.i64(52n)
        .op(OP.i64_shr_u, OP.i32_wrap_i64)
        .i32(0x7ff)
        .op(OP.i32_and)
        .i32(2)
        .op(OP.i32_sub)
        .i32(0x7fd)
        .op(OP.i32_lt_u);
    else c.i32(23).op(OP.i32_shr_u).i32(0xff).op(OP.i32_and).i32(2).op(OP.i32_sub).i32(0xfd).op(OP.i32_lt_u);
    const slow = (): void => {
      c.get(CPU);
      for (const o of operands) c.get(o);
      c.call(helper);
    };
    c.if(ty).get(r).else();
    slow();
    c.end().else();
    slow();
    c.end();
  }
}
