import { PE_STATE } from '../../arch/pestate.ts';
import { FPRounding, FPSR } from '../../isa/fp/index.ts';
import { ROUNDING_FROM_FPCR } from '../../isa/fp-helpers.ts';
import { type FuncType, ModuleWriter, type ValType } from '../wasm/binary.ts';
import { CodeWriter } from '../wasm/code.ts';
import { FLOAT, OP } from '../wasm/opcodes.ts';
import { pushFused32, pushFused64, pushFusedRange, pushNoTie32, pushNoTie64, pushSumError } from './fused.ts';
import { writeNarrowed, writeWidened } from './half.ts';
import { writeRounding, writeToFixed } from './to-fixed.ts';

/**
 * Floating point that generated code calls: the host's arithmetic where its result is right and it can be told whether
 * it is exact, else the function in TypeScript of the same name.
 *
 * So a program whose results are all exact, in which FPSR.IXC is never set, needs no TypeScript either. DDI 0487,
 * "Floating-point exceptions and exception traps": of all flags a result in the normal range can set IXC alone.
 */

const CPU = 0;

/** One function being written: its parameters as numbers of the host. */
interface Body {
  readonly c: CodeWriter;
  readonly wide: boolean;
  /** Locals of the operands, f32 or f64. */
  readonly x: readonly number[];
  readonly result: number;
}

/** Returns `result`. */
function give({ c, wide, result }: Body): void {
  c.get(result).op(wide ? OP.i64_reinterpret_f64 : OP.i32_reinterpret_f32, OP.return);
}
/** Sets FPSR.IXC if the i32 on the stack is 1. */
function noteInexact(c: CodeWriter): void {
  c.if();
  c.get(CPU);
  c.get(CPU).mem(OP.i32_load, PE_STATE.FPSR.offset).i32(FPSR.IXC).op(OP.i32_or).mem(OP.i32_store, PE_STATE.FPSR.offset);
  c.end();
}
function pushExponent(c: CodeWriter, x: number): void {
  c.get(x).op(OP.i64_reinterpret_f64).i64(52n).op(OP.i64_shr_u, OP.i32_wrap_i64).i32(0x7ff).op(OP.i32_and);
}
function pushSignificand(c: CodeWriter, x: number): void {
  c.get(x)
    .op(OP.i64_reinterpret_f64)
    .i64((1n << 52n) - 1n)
    .op(OP.i64_and)
    .i64(1n << 52n)
    .op(OP.i64_or);
}
/** Leaves 1 when the exponent field of a double is neither that of subnormal numbers nor of infinities and NaNs. */
function pushNormal(c: CodeWriter, x: number): void {
  pushExponent(c, x);
  c.i32(1).op(OP.i32_sub).i32(0x7fe).op(OP.i32_lt_u);
}
/** Leaves 1 when a result is normal and was not tiny before rounding. */
function pushOrdinary({ c, wide, result }: Body): void {
  if (wide) pushExponent(c, result);
  else c.get(result).op(OP.i32_reinterpret_f32).i32(23).op(OP.i32_shr_u).i32(0xff).op(OP.i32_and);
  c.i32(2)
    .op(OP.i32_sub)
    .i32(wide ? 0x7fd : 0xfd)
    .op(OP.i32_lt_u);
}
/** Leaves 1 when the product of two normal doubles is exact, and the double `product` is it. */
function pushExactProduct(c: CodeWriter, a: number, b: number, product: number): void {
  // Bits of the product below those that are kept: 52, or 53 when it carried into one exponent more.
  pushSignificand(c, a);
  pushSignificand(c, b);
  c.op(OP.i64_mul, OP.i64_ctz, OP.i32_wrap_i64);
  pushExponent(c, product);
  pushExponent(c, a);
  c.op(OP.i32_sub);
  pushExponent(c, b);
  c.op(OP.i32_sub)
    .i32(52 + 1023)
    .op(OP.i32_add, OP.i32_lt_s, OP.i32_eqz);
}

/** Sums are exact when they are tiny, so only overflow is excluded. */
function sum(body: Body, minus: boolean): void {
  const { c, wide, x, result } = body;
  const [a, b, s] = [c.local('f64'), c.local('f64'), c.local('f64')];
  c.get(x[0]!);
  if (!wide) c.op(OP.f64_promote_f32);
  c.set(a).get(x[1]!);
  if (!wide) c.op(OP.f64_promote_f32);
  if (minus) c.op(OP.f64_neg);
  c.set(b).get(a).get(b).op(OP.f64_add).tee(s);
  if (!wide) c.op(OP.f32_demote_f64);
  c.set(result);
  if (wide) pushExponent(c, result);
  else c.get(result).op(OP.i32_reinterpret_f32).i32(23).op(OP.i32_shr_u).i32(0xff).op(OP.i32_and);
  c.i32(wide ? 0x7fe : 0xff)
    .op(OP.i32_lt_u)
    .if();
  pushSumError(c, a, b, s);
  c.f64(0).op(OP.f64_ne);
  if (!wide) {
    c.get(result).op(OP.f64_promote_f32).get(s).op(OP.f64_ne, OP.i32_or);
  }
  noteInexact(c);
  give(body);
  c.end();
}

/** Leaves 1 when the f32 or f64 local is zero. */
function pushZero({ c, wide }: Body, x: number): void {
  if (wide) c.get(x).f64(0).op(OP.f64_eq);
  else c.get(x).op(OP.f64_promote_f32).f64(0).op(OP.f64_eq);
}

function product(body: Body): void {
  const { c, wide, x, result } = body;
  const [a, b] = x as [number, number];
  c.get(a)
    .get(b)
    .op(FLOAT.FPMul![wide ? 1 : 0])
    .set(result);
  // A zero times a number; beside a zero an infinity or a NaN gives a NaN.
  pushZero(body, result);
  pushZero(body, a);
  pushZero(body, b);
  c.op(OP.i32_or, OP.i32_and).if();
  give(body);
  c.end();
  pushOrdinary(body);
  if (wide) {
    pushNormal(c, a);
    pushNormal(c, b);
    c.op(OP.i32_and, OP.i32_and);
  }
  c.if();
  if (wide) {
    pushExactProduct(c, a, b, result);
    c.op(OP.i32_eqz);
  } else {
    c.get(a).op(OP.f64_promote_f32).get(b).op(OP.f64_promote_f32, OP.f64_mul);
    c.get(result).op(OP.f64_promote_f32, OP.f64_ne);
  }
  noteInexact(c);
  give(body);
  c.end();
}

/** A quotient or root is exact when multiplying it back is, and gives the operand. `by` is the other factor. */
function checkedBack(body: Body, whole: number, by: number): void {
  const { c, wide, result } = body;
  pushOrdinary(body);
  if (wide) {
    pushNormal(c, whole);
    pushNormal(c, by);
    c.op(OP.i32_and, OP.i32_and);
  }
  c.if();
  if (wide) {
    c.get(result).get(by).op(OP.f64_mul).get(whole).op(OP.f64_eq);
    pushExactProduct(c, result, by, whole);
    c.op(OP.i32_and, OP.i32_eqz);
  } else {
    c.get(result).op(OP.f64_promote_f32).get(by).op(OP.f64_promote_f32, OP.f64_mul);
    c.get(whole).op(OP.f64_promote_f32, OP.f64_ne);
  }
  noteInexact(c);
  give(body);
  c.end();
}

function quotient(body: Body): void {
  const { c, wide, x, result } = body;
  const [a, b] = x as [number, number];
  c.get(a)
    .get(b)
    .op(FLOAT.FPDiv![wide ? 1 : 0])
    .set(result);
  // Zero divided by a number; by zero or a NaN it is a NaN.
  pushZero(body, result);
  pushZero(body, a);
  c.op(OP.i32_and).if();
  give(body);
  c.end();
  checkedBack(body, a, b);
}

function root(body: Body): void {
  const { c, wide, x, result } = body;
  c.get(x[0]!)
    .op(FLOAT.FPSqrt![wide ? 1 : 0])
    .set(result);
  pushZero(body, x[0]!);
  c.if();
  give(body);
  c.end();
  checkedBack(body, x[0]!, result);
}

/** Leaves 1 when an f64 local is a number. */
function pushFinite(c: CodeWriter, x: number): void {
  c.get(x).get(x).op(OP.f64_sub).f64(0).op(OP.f64_eq);
}

/** addend + a * b. */
function fused(body: Body): void {
  const { c, wide, x, result } = body;
  const [addend, a, b] = x as [number, number, number];
  if (!wide) {
    const f = pushFused32(c, addend, a, b, result);
    const lost = c.local('f64');
    // A sum that is zero is exact, and one that is exact may be a tie.
    c.get(f.sum).f64(0).op(OP.f64_eq, OP.i32_or);
    pushSumError(c, f.product, f.addend, f.sum);
    c.tee(lost).f64(0).op(OP.f64_eq);
    pushNoTie32(c, f.sum);
    c.op(OP.i32_or, OP.i32_and).if();
    c.get(lost).f64(0).op(OP.f64_ne);
    c.get(result).op(OP.f64_promote_f32).get(f.sum).op(OP.f64_ne, OP.i32_or);
    noteInexact(c);
    give(body);
    c.end();
    return;
  }
  // With a zero as a factor the sum is exact, if all are numbers.
  pushZero(body, a);
  pushZero(body, b);
  c.op(OP.i32_or).if();
  c.get(a).get(b).op(OP.f64_mul).get(addend).op(OP.f64_add).set(result);
  pushFinite(c, result);
  c.if();
  give(body);
  c.end().end();
  const f = pushFused64(c, addend, a, b, result);
  // A sum that is zero is exact.
  c.get(result).f64(0).op(OP.f64_eq);
  pushFusedRange(c, f.product);
  c.op(OP.i32_and, OP.i32_or);
  const [t, e] = f.parts;
  const [d, lost] = [c.local('f64'), c.local('f64')];
  c.get(t).get(e).op(OP.f64_add).set(d);
  pushSumError(c, t, e, d);
  c.tee(lost).f64(0).op(OP.f64_eq);
  pushNoTie64(c, f);
  c.op(OP.i32_or, OP.i32_and).if();
  c.get(lost).f64(0).op(OP.f64_ne).get(f.rest).f64(0).op(OP.f64_ne, OP.i32_or);
  noteInexact(c);
  give(body);
  c.end();
}

/** FPRoundInt(operand, rounding, exact): of numbers. */
function integral({ c, wide, x, result }: Body): void {
  const [rounding, exact] = [2, 3];
  const [value, whole] = [c.local('f64'), c.local('f64')];
  c.get(x[0]!);
  if (!wide) c.op(OP.f64_promote_f32);
  c.set(value);
  writeRounding({ c, value, whole, rounding });
  // Of a single, rounded, is a single.
  c.get(whole);
  if (!wide) c.op(OP.f32_demote_f64);
  c.set(result)
    .get(rounding)
    .i32(FPRounding.TIEAWAY + 1)
    .op(OP.i32_lt_u);
  pushFinite(c, value);
  c.op(OP.i32_and).if();
  c.get(value).get(whole).op(OP.f64_ne).get(exact).op(OP.i32_and);
  noteInexact(c);
  give({ c, wide, x, result });
  c.end();
}

/** FPConvert(operand, rounding) of a double to a single. */
function narrowed(c: CodeWriter): void {
  const [x, result] = [c.local('f64'), c.local('f32')];
  const body: Body = { c, wide: false, x: [], result };
  c.get(1).op(OP.f64_reinterpret_i64).tee(x).op(OP.f32_demote_f64).set(result);
  pushOrdinary(body);
  c.get(x).f64(0).op(OP.f64_eq, OP.i32_or);
  c.get(2).i32(ROUNDING_FROM_FPCR).op(OP.i32_eq, OP.i32_and).if();
  c.get(result).op(OP.f64_promote_f32).get(x).op(OP.f64_ne);
  noteInexact(c);
  give(body);
  c.end();
}

interface Row {
  readonly operands: number;
  readonly more?: readonly ValType[];
  readonly write: (body: Body) => void;
}
const ROWS: Readonly<Record<string, Row>> = {
  FPAdd: { operands: 2, write: (body) => sum(body, false) },
  FPSub: { operands: 2, write: (body) => sum(body, true) },
  FPMul: { operands: 2, write: product },
  FPDiv: { operands: 2, write: quotient },
  FPSqrt: { operands: 1, write: root },
  FPMulAdd: { operands: 3, write: fused },
  FPRoundInt: { operands: 1, more: ['i32', 'i32'], write: integral },
};

/** Writes one function: `fast` returns where it can, else the function of TypeScript answers. */
function func(module: ModuleWriter, name: string, type: FuncType, fast: (c: CodeWriter) => void): [string, () => void] {
  const exact = module.importFunc(name, type);
  const write = (): void => {
    const c = new CodeWriter(type.params.length);
    c.get(CPU).mem(OP.i32_load, PE_STATE.FPCR.offset).op(OP.i32_eqz).if();
    fast(c);
    c.end();
    for (let i = 0; i < type.params.length; i++) c.get(i);
    c.call(exact);
    module.func(name, type, c.finish());
  };
  return [name, write];
}

const tyOf = (width: 32 | 64): ValType => (width === 64 ? 'i64' : 'i32');

/** The module: it imports and exports the same names, those of `isa/fp-helpers`. */
export function floatModule(): Uint8Array {
  const module = new ModuleWriter();
  const made: [string, () => void][] = [];
  for (const [name, { operands, more, write }] of Object.entries(ROWS)) {
    for (const wide of [false, true]) {
      const ty = tyOf(wide ? 64 : 32);
      const float: ValType = wide ? 'f64' : 'f32';
      const type: FuncType = { params: ['i32', ...Array<ValType>(operands).fill(ty), ...(more ?? [])], results: [ty] };
      made.push(
        func(module, `${name}${wide ? 64 : 32}`, type, (c) => {
          const x = Array.from({ length: operands }, (_, i) => {
            const local = c.local(float);
            c.get(i + 1)
              .op(wide ? OP.f64_reinterpret_i64 : OP.f32_reinterpret_i32)
              .set(local);
            return local;
          });
          write({ c, wide, x, result: c.local(float) });
        }),
      );
    }
  }
  for (const from of [32, 64] as const) {
    for (const to of [32, 64] as const) {
      const [wide, operand, result]: [boolean, ValType, ValType] = [from === 64, tyOf(from), tyOf(to)];
      const type: FuncType = { params: ['i32', operand, 'i32', 'i32', 'i32'], results: [result] };
      made.push(func(module, `FPToFixed${from}To${to}`, type, (c) => writeToFixed(c, wide, to, noteInexact)));
    }
  }
  const single: FuncType = { params: ['i32', 'i32', 'i32'], results: ['i32'] };
  made.push(func(module, 'FPConvert16To32', single, writeWidened));
  made.push(func(module, 'FPConvert32To16', single, (c) => writeNarrowed(c, noteInexact)));
  made.push(func(module, 'FPConvert64To32', { params: ['i32', 'i64', 'i32'], results: ['i32'] }, narrowed));
  for (const [, write] of made) write();
  return module.finish();
}

/** Puts the functions of `floatModule` in the place of those of TypeScript, if all of them are there. */
export function useHostFloat(env: Record<string, WebAssembly.ImportValue>): void {
  const module = new WebAssembly.Module(floatModule() as BufferSource);
  if (WebAssembly.Module.imports(module).some(({ name }) => env[name] === undefined)) return;
  const { exports } = new WebAssembly.Instance(module, { env });
  for (const [name, f] of Object.entries(exports)) env[name] = f as WebAssembly.ImportValue;
}
