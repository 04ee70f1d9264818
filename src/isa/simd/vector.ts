/**
 * Lane arithmetic on V registers with the meaning of the Advanced SIMD pseudocode, built from the few lane operations
 * of the IR. DDI 0487, "A64 Advanced SIMD and Floating-point Instructions" and the shared functions it uses.
 */
import { PE_STATE } from '../../arch/pestate.ts';
import type { Builder, Val } from '../../ir/builder.ts';
import type { LaneBits, VectorBinaryOp } from '../../ir/types.ts';

/** FPSR.QC: a saturating instruction has saturated. */
const QC_BIT = 27;

/** A constant with the same value (taken modulo the lane width) in every lane. */
export function allLanes(b: Builder, esize: LaneBits, value: bigint | number): Val {
  let half = 0n;
  for (let at = 0; at < 64; at += esize) half |= BigInt.asUintN(esize, BigInt(value)) << BigInt(at);
  return b.vconst(half, half);
}

/** Lanes chosen by number from `x` (0 and up) and `y` (128 / `esize` and up). */
export function pickLanes(b: Builder, esize: LaneBits, x: Val, y: Val, pick: (i: number) => number): Val {
  const bytes = esize / 8;
  return b.shuffle(
    x,
    y,
    Array.from({ length: 16 }, (_, at) => pick(Math.floor(at / bytes)) * bytes + (at % bytes)),
  );
}

/** The low `bits` (a power of two from 8 to 128) of a vector, the rest zero. */
export function keepLow(b: Builder, bits: number, x: Val): Val {
  if (bits >= 128) return x;
  return b.vop('vand', 64, x, b.vconst((1n << BigInt(bits)) - 1n, 0n));
}

/**
 * The operands of one instruction as lanes: `bits` of each register (128, 64, or one element for scalar forms) in lanes
 * of `esize`. Lanes beyond `bits` hold anything; they are cut off when the result is written.
 */
export class Vec {
  readonly b: Builder;
  readonly esize: LaneBits;
  readonly bits: number;

  constructor(b: Builder, esize: LaneBits, bits: number) {
    this.b = b;
    this.esize = esize;
    this.bits = bits;
  }

  /** Number of lanes in use. */
  get count(): number {
    return this.bits / this.esize;
  }
  /** The same operands in lanes of twice the width. */
  get wide(): Vec {
    return new Vec(this.b, (this.esize * 2) as LaneBits, Math.min(128, this.bits * 2));
  }
  /** The same bits as half as many lanes of twice the width. */
  get paired(): Vec {
    return new Vec(this.b, (this.esize * 2) as LaneBits, this.bits);
  }
  op(op: VectorBinaryOp, x: Val, y: Val): Val {
    return this.b.vop(op, this.esize, x, y);
  }
  all(value: bigint | number): Val {
    return allLanes(this.b, this.esize, value);
  }
  /** Most negative signed lane. */
  get min(): bigint {
    return 1n << BigInt(this.esize - 1);
  }
  pick(x: Val, y: Val, pick: (i: number) => number): Val {
    return pickLanes(this.b, this.esize, x, y, pick);
  }
  /** Writes the result to Vd, the rest of the register zero. */
  write(x: Val): void {
    this.b.setV('Vd', keepLow(this.b, this.bits, x));
  }

  // --- plain operations ---

  add(x: Val, y: Val): Val {
    return this.op('vadd', x, y);
  }
  sub(x: Val, y: Val): Val {
    return this.op('vsub', x, y);
  }
  and(x: Val, y: Val): Val {
    return this.op('vand', x, y);
  }
  or(x: Val, y: Val): Val {
    return this.op('vor', x, y);
  }
  xor(x: Val, y: Val): Val {
    return this.op('vxor', x, y);
  }
  /** x AND NOT y. */
  andNot(x: Val, y: Val): Val {
    return this.op('vandnot', x, y);
  }
  not(x: Val): Val {
    return this.b.vun('vnot', this.esize, x);
  }
  eq(x: Val, y: Val): Val {
    return this.op('veq', x, y);
  }
  /** Lane-wise x > y; WebAssembly has no unsigned comparison of 64-bit lanes. */
  gt(signed: boolean, x: Val, y: Val): Val {
    if (signed) return this.op('vgts', x, y);
    if (this.esize < 64) return this.op('vgtu', x, y);
    return this.op('vgts', this.xor(x, this.all(this.min)), this.xor(y, this.all(this.min)));
  }
  ge(signed: boolean, x: Val, y: Val): Val {
    return this.not(this.gt(signed, y, x));
  }
  max(signed: boolean, x: Val, y: Val): Val {
    if (this.esize === 64) return this.b.vselect(this.gt(signed, x, y), x, y);
    return this.op(signed ? 'vmaxs' : 'vmaxu', x, y);
  }
  minimum(signed: boolean, x: Val, y: Val): Val {
    if (this.esize === 64) return this.b.vselect(this.gt(signed, y, x), x, y);
    return this.op(signed ? 'vmins' : 'vminu', x, y);
  }
  shl(x: Val, amount: Val | number): Val {
    return this.b.vshift('vshl', this.esize, x, amount);
  }
  shr(signed: boolean, x: Val, amount: Val | number): Val {
    return this.b.vshift(signed ? 'vshrs' : 'vshru', this.esize, x, amount);
  }
  /** Low half of each product; 8-bit lanes go through 16-bit ones. */
  mul(x: Val, y: Val): Val {
    if (this.esize > 8) return this.op('vmul', x, y);
    const w = new Vec(this.b, 16, this.bits);
    const even = w.and(w.op('vmul', x, y), w.all(0xff));
    const odd = w.op('vmul', w.shr(false, x, 8), w.shr(false, y, 8));
    return w.or(even, w.shl(odd, 8));
  }

  // --- changing lane widths ---

  /** The lower or upper half of the lanes, extended to twice the width. */
  widen(signed: boolean, x: Val, upper = 0): Val {
    const bytes = this.esize / 8;
    const from = upper * 8;
    // Signed lanes are put in the top halves and shifted down; unsigned ones get bytes of zero above.
    const index = Array.from({ length: 16 }, (_, at) => {
      const within = at % (2 * bytes);
      const source = from + Math.floor(at / (2 * bytes)) * bytes + (within % bytes);
      return within < bytes && signed ? 16 : within < bytes || signed ? source : 16;
    });
    const spread = this.b.shuffle(x, this.b.vconst(0n, 0n), index);
    return signed ? this.wide.shr(true, spread, this.esize) : spread;
  }
  /** The low (or, with `high`, the high) halves of double-width lanes, in the low 64 bits; the rest zero. */
  narrow(x: Val, high = 0): Val {
    const lanes = 64 / this.esize;
    return this.pick(x, this.b.vconst(0n, 0n), (i) => (i < lanes ? 2 * i + high : 2 * lanes));
  }
  /** The low halves of double-width lanes above the low 64 bits of `d`. */
  narrowOnto(d: Val, x: Val, high = 0): Val {
    const lanes = 64 / this.esize;
    return this.pick(d, x, (i) => (i < lanes ? i : 2 * lanes + 2 * (i - lanes) + high));
  }
  /** Computes in lanes of twice the width and takes the low halves of the result. */
  viaWide(signed: boolean, operands: readonly Val[], f: (w: Vec, ...operands: Val[]) => Val): Val {
    const half = (upper: number): Val => f(this.wide, ...operands.map((x) => this.widen(signed, x, upper)));
    const low = half(0);
    if (this.bits <= 64) return this.narrow(low);
    return this.pick(low, half(1), (i) => 2 * i);
  }
  /** Sums of neighbouring lanes in lanes of twice the width. */
  addPairsLong(signed: boolean, x: Val): Val {
    const w = this.paired;
    return w.add(w.shr(signed, w.shl(x, this.esize), this.esize), w.shr(signed, x, this.esize));
  }

  // --- across lanes ---

  /** `f` on neighbouring lanes of `x` followed by those of `y`. */
  pairs(x: Val, y: Val, f: (even: Val, odd: Val) => Val): Val {
    const from = (i: number, odd: number): number => {
      const at = 2 * (i % this.count) + odd;
      return at < this.count ? at : 128 / this.esize + at - this.count;
    };
    return f(
      this.pick(x, y, (i) => from(i, 0)),
      this.pick(x, y, (i) => from(i, 1)),
    );
  }
  /** All lanes combined into lane 0 by an associative operation. */
  reduce(x: Val, f: (x: Val, y: Val) => Val): Val {
    let all = x;
    const lanes = 128 / this.esize;
    for (let half = this.count / 2; half >= 1; half /= 2) {
      const low = all;
      all = f(
        low,
        this.pick(low, low, (i) => (i + half) % lanes),
      );
    }
    return all;
  }

  // --- one lane at a time ---

  /** Lane `i` as an `i64`, sign- or zero-extended. */
  lane64(signed: boolean, x: Val, i: number): Val {
    const lane = this.b.lane(x, this.esize, i);
    if (this.esize === 64) return lane;
    if (!signed) return this.b.zext(lane);
    return this.b.sext(this.esize === 32 ? lane : this.b.exts(lane, this.esize as 8 | 16));
  }
  /** A vector whose lanes in use are the low bits of the `i64` values of `f`. */
  each64(f: (i: number) => Val): Val {
    return this.b.lanes(this.esize, this.count, (i) => (this.esize === 64 ? f(i) : this.b.trunc(f(i))));
  }

  // --- saturation ---

  /** Sets FPSR.QC if any lane in use differs from zero. */
  noteSaturation(differences: Val): void {
    const { b } = this;
    const x = keepLow(b, this.bits, differences);
    const low = b.lane(x, 64, 0);
    const any = this.bits > 64 ? b.or(low, b.lane(x, 64, 1)) : low;
    this.noteSaturated(b.ne(any, b.i64(0)));
  }
  /** Sets FPSR.QC if an `i32` 0 or 1 is 1. */
  noteSaturated(flag: Val): void {
    const { b } = this;
    b.set(PE_STATE.FPSR, b.or(b.get(PE_STATE.FPSR), b.shl(flag, QC_BIT)));
  }
  /** Signed lanes clamped to what `bits` hold: signed, or unsigned when `toUnsigned`. Sets FPSR.QC. */
  clampSigned(x: Val, bits: number, toUnsigned = false): Val {
    const top = toUnsigned ? (1n << BigInt(bits)) - 1n : (1n << BigInt(bits - 1)) - 1n;
    const bottom = toUnsigned ? 0n : -(1n << BigInt(bits - 1));
    const clamped = this.max(true, this.minimum(true, x, this.all(top)), this.all(bottom));
    this.noteSaturation(this.xor(clamped, x));
    return clamped;
  }
  /** Unsigned lanes clamped to `bits`. Sets FPSR.QC. */
  clampUnsigned(x: Val, bits: number): Val {
    const clamped = this.minimum(false, x, this.all((1n << BigInt(bits)) - 1n));
    this.noteSaturation(this.xor(clamped, x));
    return clamped;
  }
}
