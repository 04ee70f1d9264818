/** Values that instructions find interesting: registers, vectors, fields of an encoding. */
import { CASE, type Case, DATA_BYTES, DATA_VA } from './layout.ts';
import type { Random } from './random.ts';

const SPECIAL_X: readonly bigint[] = [
  0n,
  1n,
  2n,
  0xffff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000n,
  0x7fff_ffffn,
  0xffff_ffffn,
  0x1_0000_0000n,
  0xffff_ffff_8000_0000n,
  0x8080_8080_8080_8080n,
  0x0102_0304_0506_0708n,
];

const SPECIAL16: readonly number[] = [
  0, 0x8000, 1, 0x8001, 0x03ff, 0x0400, 0x3c00, 0xbc00, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00, 0x7c01, 0xfdff, 0x7fff,
];

/** Zeros, denormals, ones, halves, largest, infinities, quiet and signalling NaNs, and the ends of integer ranges. */
const SPECIAL32: readonly number[] = [
  0, 0x8000_0000, 1, 0x8000_0001, 0x007f_ffff, 0x807f_ffff, 0x0080_0000, 0x8080_0000, 0x0100_0000, 0x3f80_0000,
  0xbf80_0000, 0x3f7f_ffff, 0x3f80_0001, 0x3f00_0000, 0xbf00_0000, 0x3fc0_0000, 0x4020_0000, 0x4b00_0001, 0x4b7f_ffff,
  0x4b80_0000, 0x4eff_ffff, 0x4f00_0000, 0xcf00_0000, 0xcf00_0001, 0x4f7f_ffff, 0x4f80_0000, 0x5eff_ffff, 0x5f00_0000,
  0xdf00_0000, 0x5f80_0000, 0x7f7f_ffff, 0xff7f_ffff, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0xffc0_1234, 0x7f80_0001,
  0xffbf_ffff, 0x7fa0_0000, 0x7fff_ffff, 0x3380_0000, 0x477f_f000, 0x477f_efff, 0x3300_0001, 0x3880_0000, 0x387f_e000,
];

const SPECIAL64: readonly bigint[] = [
  0n,
  0x8000_0000_0000_0000n,
  1n,
  0x8000_0000_0000_0001n,
  0x000f_ffff_ffff_ffffn,
  0x0010_0000_0000_0000n,
  0x8010_0000_0000_0000n,
  0x3ff0_0000_0000_0000n,
  0xbff0_0000_0000_0000n,
  0x3fef_ffff_ffff_ffffn,
  0x3ff0_0000_0000_0001n,
  0x3fe0_0000_0000_0000n,
  0xbfe0_0000_0000_0000n,
  0x3ff8_0000_0000_0000n,
  0x4004_0000_0000_0000n,
  0x41df_ffff_ffc0_0000n,
  0x41e0_0000_0000_0000n,
  0xc1e0_0000_0000_0000n,
  0xc1e0_0000_0020_0000n,
  0x41ef_ffff_ffe0_0000n,
  0x41f0_0000_0000_0000n,
  0x4330_0000_0000_0001n,
  0x43df_ffff_ffff_ffffn,
  0x43e0_0000_0000_0000n,
  0xc3e0_0000_0000_0000n,
  0x43f0_0000_0000_0000n,
  0x7fef_ffff_ffff_ffffn,
  0xffef_ffff_ffff_ffffn,
  0x7ff0_0000_0000_0000n,
  0xfff0_0000_0000_0000n,
  0x7ff8_0000_0000_0000n,
  0xfff8_0000_0000_5678n,
  0x7ff0_0000_0000_0001n,
  0xfff7_ffff_ffff_ffffn,
  0x47ef_ffff_e000_0000n,
  0x47ef_ffff_f000_0000n,
  0x3810_0000_0000_0000n,
  0x380f_ffff_ffff_ffffn,
  0x36a0_0000_0000_0000n,
  0x3690_0000_0000_0001n,
  0x40ef_fe00_0000_0000n,
  0x3f10_0000_0000_0000n,
  0x3e70_0000_0000_0001n,
];

/** NaNs first. */
const NANS = 4;
const CLASSES32: readonly number[] = [
  0x7fc0_0001, 0xffc0_0002, 0x7f80_0003, 0xff80_0004, 0, 0x8000_0000, 0x7f80_0000, 0xff80_0000, 1, 0x3f80_0000,
];
const CLASSES64: readonly bigint[] = [
  0x7ff8_0000_0000_0001n,
  0xfff8_0000_0000_0002n,
  0x7ff0_0000_0000_0003n,
  0xfff0_0000_0000_0004n,
  0n,
  0x8000_0000_0000_0000n,
  0x7ff0_0000_0000_0000n,
  0xfff0_0000_0000_0000n,
  1n,
  0x3ff0_0000_0000_0000n,
];

const BYTES: readonly number[] = [
  0, 1, 2, 3, 7, 8, 0x0f, 0x10, 0x1f, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xfe, 0xff,
];
/** Low bytes and top byte of the most negative and positive numbers, -1 and 0. */
const ENDS: readonly (readonly [number, number])[] = [
  [0x00, 0x80],
  [0x00, 0x80],
  [0xff, 0x7f],
  [0xff, 0xff],
  [0x00, 0x00],
];
const HALVES: readonly number[] = [0, 1, 0x7fff, 0x8000, 0xffff, 0x8001, 0x00ff, 0xff00, 0x0100];

/** A general-purpose register's value. */
export function randomX(r: Random): bigint {
  const kind = r.below(100);
  if (kind < 40) return r.u64();
  if (kind < 65) return r.pick(SPECIAL_X);
  if (kind < 75) return BigInt(r.below(70));
  if (kind < 80) return BigInt.asUintN(64, -BigInt(r.below(70)));
  if (kind < 88) return BigInt(r.u32());
  if (kind < 94) return 1n << BigInt(r.below(64));
  return BigInt(DATA_VA + r.below(DATA_BYTES));
}

/** A binary32 number near 1 with few significant bits, so that ties and cancellation happen. */
function moderate32(r: Random): number {
  const fraction = r.percent(50) ? (r.below(256) << 15) >>> 0 : r.below(1 << 23);
  return ((r.below(2) << 31) | ((119 + r.below(17)) << 23) | fraction) >>> 0;
}
function moderate64(r: Random): bigint {
  const fraction = r.percent(50) ? BigInt(r.below(256)) << 44n : r.u64() & 0x000f_ffff_ffff_ffffn;
  return (BigInt(r.below(2)) << 63n) | (BigInt(1015 + r.below(17)) << 52n) | fraction;
}

/** Kinds of vector content: each fills 16 bytes at an offset. */
const VECTORS: readonly ((view: DataView, at: number, r: Random) => void)[] = [
  (view, at, r) => {
    for (let i = 0; i < 16; i += 4) view.setUint32(at + i, r.u32(), true);
  },
  (view, at, r) => {
    for (let i = 0; i < 16; i += 4) view.setUint32(at + i, r.pick(SPECIAL32), true);
  },
  (view, at, r) => {
    for (let i = 0; i < 16; i += 4) view.setUint32(at + i, moderate32(r), true);
  },
  (view, at, r) => {
    for (let i = 0; i < 16; i += 8) view.setBigUint64(at + i, r.pick(SPECIAL64), true);
  },
  (view, at, r) => {
    for (let i = 0; i < 16; i += 8) view.setBigUint64(at + i, moderate64(r), true);
  },
  (view, at, r) => {
    for (let i = 0; i < 16; i += 2) view.setUint16(at + i, r.pick(SPECIAL16), true);
  },
  (view, at, r) => {
    for (let i = 0; i < 16; i++) view.setUint8(at + i, r.pick(BYTES));
  },
  (view, at, r) => {
    for (let i = 0; i < 16; i += 2) view.setUint16(at + i, r.pick(HALVES), true);
  },
  (view, at, r) => {
    for (let i = 0; i < 16; i += 4) view.setUint32(at + i, Number(r.pick(SPECIAL_X) & 0xffff_ffffn), true);
  },
  (view, at, r) => {
    for (let i = 0; i < 16; i += 8) view.setBigUint64(at + i, r.pick(SPECIAL_X), true);
  },
  (view, at, r) => {
    // The ends of the range of lanes of one width: saturation.
    const bytes = r.pick([1, 2, 4, 8]);
    for (let i = 0; i < 16; i += bytes) {
      const [low, high] = r.pick(ENDS);
      view.setUint8(at + i, low);
      for (let j = 1; j < bytes; j++) view.setUint8(at + i + j, low);
      view.setUint8(at + i + bytes - 1, high);
    }
  },
  (view, at, r) => {
    // NaNs of both kinds, infinities and zeros: which operand wins.
    const some = r.percent(40) ? NANS : CLASSES32.length;
    if (r.percent(50)) for (let i = 0; i < 16; i += 4) view.setUint32(at + i, CLASSES32[r.below(some)]!, true);
    else for (let i = 0; i < 16; i += 8) view.setBigUint64(at + i, CLASSES64[r.below(some)]!, true);
  },
  (view, at, r) => {
    // Powers of two and their neighbours, positive and negative: limits of narrowing, ties of rounding.
    const width = r.pick([16, 32, 64] as const);
    for (let i = 0; i < 16; i += width / 8) {
      const power = (1n << BigInt(r.below(width))) + BigInt(r.below(3) - 1);
      const value = r.percent(30) ? -power : power;
      if (width === 16) view.setUint16(at + i, Number(value & 0xffffn), true);
      else if (width === 32) view.setUint32(at + i, Number(value & 0xffff_ffffn), true);
      else view.setBigUint64(at + i, BigInt.asUintN(64, value), true);
    }
  },
  (view, at, r) => {
    // Small indices, as TBL and variable shifts take them.
    for (let i = 0; i < 16; i++) view.setUint8(at + i, r.percent(80) ? r.below(70) : r.u32() & 0xff);
  },
  (view, at, r) => {
    // The same as another register, or nearly: comparisons and CMEQ hold.
    const other = CASE.v + 16 * r.below(32);
    for (let i = 0; i < 16; i++) view.setUint8(at + i, view.getUint8(other + i));
    if (r.percent(50)) view.setUint8(at + r.below(16), r.u32() & 0xff);
  },
];

/** Fills registers, flags and control registers of a case. */
export function randomState(c: Case, r: Random): void {
  for (let n = 0; n < 31; n++) c.setX(n, randomX(r));
  c.setX(31, BigInt(DATA_VA + (r.below(DATA_BYTES) & ~15)));
  // Four of five cases use one kind of content throughout, so that operands meet others of their kind.
  const style = r.percent(80) ? r.pick(VECTORS) : undefined;
  for (let n = 0; n < 32; n++) (style && r.percent(75) ? style : r.pick(VECTORS))(c.view, CASE.v + 16 * n, r);
  c.view.setUint32(CASE.nzcv, (r.below(16) << 28) >>> 0, true);
  // RMode, FZ, DN, AHP are bits 23:22, 24, 25, 26.
  c.view.setUint32(CASE.fpcr, r.percent(40) ? 0 : r.below(32) << 22, true);
  // IXC set lets the fast paths run; IOC, DZC, OFC, UFC are bits 3:0 and IDC bit 7, QC bit 27.
  const fpsr = r.percent(60) ? 0x10 : r.percent(50) ? 0 : (r.u32() & 0x9f) | (r.below(2) << 27);
  c.view.setUint32(CASE.fpsr, fpsr >>> 0, true);
}

/** Content of the data pages. */
export function randomData(seed: Random): Uint8Array {
  const data = new Uint8Array(DATA_BYTES);
  const view = new DataView(data.buffer);
  for (let at = 0; at < DATA_BYTES; at += 16) {
    if (seed.percent(15)) {
      view.setBigUint64(at, randomX(seed), true);
      view.setBigUint64(at + 8, randomX(seed), true);
    } else for (let i = 0; i < 16; i += 4) view.setUint32(at + i, seed.u32(), true);
  }
  return data;
}

/** A value of a field that is not a register: edges or anything. */
export function randomField(r: Random, width: number): number {
  const size = 2 ** width;
  const kind = r.below(100);
  if (width < 3 || kind < 60) return r.below(size);
  return r.pick([0, 1, 2, size - 1, size - 2, size / 2, size / 2 - 1]);
}

/** A register number: often one of a few, so that operands coincide, and often 31. */
export function randomRegister(r: Random): number {
  const kind = r.below(100);
  if (kind < 45) return r.below(4);
  if (kind < 57) return 31;
  return r.below(32);
}
