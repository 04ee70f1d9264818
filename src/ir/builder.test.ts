import { describe, expect, it } from 'vitest';
import { Rng } from '../../test/support/rng.ts';
import { PE_STATE } from '../arch/pestate.ts';
import { GuestMemory } from '../engine/memory.ts';
import { Oracle } from '../engine/oracle.ts';
import { Builder, type LiftOperands, type Val } from './builder.ts';
import { printFragment } from './print.ts';

const OPEN: LiftOperands = { registers: undefined, immediates: undefined, immTypes: { u: 'u8', h: 'u16', s: 's32' } };
const KNOWN: LiftOperands = {
  registers: { Rn: 4, Rd: 31 },
  immediates: { u: 200n, h: 0xffffn, s: (1n << 64n) - 4n },
  immTypes: OPEN.immTypes,
};

function text(operands: LiftOperands, build: (b: Builder) => void): string[] {
  const b = new Builder(operands);
  build(b);
  return printFragment(b.finish()).split('\n');
}

const memory = new GuestMemory(4096, 1);
const oracle = new Oracle(
  memory.memory,
  { helpers: {}, slowLoad: () => 1, slowStore: () => 1, fetchMiss: () => false },
  0,
);
/** What a computation gives, by the evaluator on bigints. */
function value(build: (b: Builder) => Val): bigint {
  const b = new Builder({ registers: { Rd: 0 }, immediates: {}, immTypes: {} });
  const result = build(b);
  if (result.ty === 'v128') b.setV('Rd', result);
  else if (result.ty === 'i64') b.setX('Rd', result);
  else b.setW('Rd', result);
  oracle.run(b.finish(), 0);
  const at = result.ty === 'v128' ? 0x200 : 0;
  const low = memory.view.getBigUint64(at, true);
  return result.ty === 'v128' ? low | (memory.view.getBigUint64(at + 8, true) << 64n) : low;
}

describe('operands of an instruction', () => {
  it('are read when the instruction runs while they are not known, and constants when they are', () => {
    const build = (b: Builder): void => b.setX('Rd', b.add(b.x('Rn', 1), b.imm('s')));
    expect(text(OPEN, build)).toEqual([
      '%0: i64 = getx Rn+1',
      '%1: i64 = imm s',
      '%2: i64 = add %0, %1',
      'setx Rd, %2',
    ]);
    expect(text(KNOWN, build)).toEqual(['%0: i64 = getx Rn+1=4', '%1: i64 = add %0, -4', 'setx Rd=31, %1']);
  });

  it('immediates of 8 and 16 bits are i32, wider ones i64', () => {
    for (const operands of [OPEN, KNOWN]) {
      const b = new Builder(operands);
      expect([b.imm('u').ty, b.imm('h').ty, b.imm('s').ty]).toEqual(['i32', 'i32', 'i64']);
    }
  });

  it('an immediate that is not declared is refused', () => {
    expect(() => new Builder(OPEN).imm('x')).toThrow("IR: immediate 'x' is not declared");
  });

  it('a field used as stack pointer is noted, one used as X register is not', () => {
    const b = new Builder(OPEN);
    b.setRsp('Rd', 0, b.w('Rn'));
    b.setXsp('Rt', b.xsp('Rm'));
    expect([...b.finish().spFields].sort()).toEqual(['Rd', 'Rm', 'Rt']);
  });

  it('sf chooses between the 64-bit and the 32-bit register', () => {
    const build =
      (sf: number) =>
      (b: Builder): void =>
        b.setR('Rd', sf, b.r('Rn', sf));
    expect(text(OPEN, build(1))).toEqual(['%0: i64 = getx Rn', 'setx Rd, %0']);
    expect(text(OPEN, build(0))).toEqual(['%0: i32 = getw Rn', 'setw Rd, %0']);
  });
});

describe('a value of the wrong type is refused where it is used', () => {
  it.each<[string, (b: Builder) => unknown, RegExp]>([
    ['add', (b) => b.add(b.x('Rn'), b.w('Rn')), /expected i64, found i32 from 'getw'/],
    ['setX', (b) => b.setX('Rd', b.w('Rn')), /expected i64, found i32/],
    ['setV', (b) => b.setV('Rd', b.x('Rn')), /expected v128, found i64/],
    ['set', (b) => b.set(PE_STATE.NZCV, b.x('Rn')), /expected i32, found i64/],
    ['select', (b) => b.select(b.x('Rn'), b.x('Rn'), b.x('Rn')), /expected i32, found i64/],
    ['zext', (b) => b.zext(b.x('Rn')), /expected i32, found i64/],
    ['load', (b) => b.load(b.w('Rn'), { bytes: 4 }), /expected i64, found i32/],
    ['store', (b) => b.store(b.x('Rn'), b.x('Rn'), { bytes: 4 }), /expected i32, found i64/],
    ['fp', (b) => b.fp('FPAdd', 64, b.w('Rn'), b.w('Rn')), /expected i64, found i32/],
    ['vop', (b) => b.vop('vadd', 8, b.x('Rn'), b.v('Rn')), /expected v128, found i64/],
    [
      'choose',
      (b) =>
        b.choose(
          b.w('Rn'),
          () => b.x('Rn'),
          () => b.w('Rn'),
        ),
      /expected i64, found i32/,
    ],
    [
      'call',
      (b) => b.call({ name: 'f', params: ['i64'], result: 'none', effect: 'pure' }, b.w('Rn')),
      /expected i64, found i32/,
    ],
    ['call', (b) => b.call({ name: 'f', params: ['i64'], result: 'none', effect: 'pure' }), /f takes 1 arguments/],
  ])('%s', (_name, build, message) => {
    expect(() => build(new Builder(OPEN))).toThrow(message);
  });
});

describe('memory', () => {
  it.each([
    [1, 'i32'],
    [2, 'i32'],
    [4, 'i32'],
    [8, 'i64'],
    [16, 'v128'],
  ] as const)('a load of %i bytes gives %s', (bytes, ty) => {
    const b = new Builder(OPEN);
    expect(b.load(b.x('Rn'), { bytes }).ty).toBe(ty);
  });
});

describe('composed operations', () => {
  const rng = new Rng('composed operations');
  const edges = [0n, 1n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n, 0xffff_ffffn];
  const number = (): bigint => (rng.percent(40) ? rng.pick(edges) : rng.u64());
  const pairs = Array.from({ length: 200 }, () => [number(), number()] as const);
  const signed = (v: bigint): bigint => BigInt.asIntN(64, v);

  it('umulh is the high half of the unsigned product', () => {
    for (const [x, y] of pairs) expect(value((b) => b.umulh(b.i64(x), b.i64(y)))).toBe((x * y) >> 64n);
  });

  it('smulh is the high half of the signed product', () => {
    for (const [x, y] of pairs)
      expect(value((b) => b.smulh(b.i64(x), b.i64(y)))).toBe(BigInt.asUintN(64, (signed(x) * signed(y)) >> 64n));
  });

  it('not and neg are the complements', () => {
    for (const [x] of pairs) {
      expect(value((b) => b.not(b.i64(x)))).toBe(BigInt.asUintN(64, ~x));
      expect(value((b) => b.neg(b.i64(x)))).toBe(BigInt.asUintN(64, -x));
    }
  });

  it('extu and exts keep the low bits of a value and extend them within its type', () => {
    for (const [x] of pairs) {
      for (const bits of [8, 16, 32] as const) {
        expect(value((b) => b.extu(b.i64(x), bits))).toBe(BigInt.asUintN(bits, x));
        expect(value((b) => b.exts(b.i64(x), bits))).toBe(BigInt.asUintN(64, BigInt.asIntN(bits, x)));
      }
    }
  });

  it('shifts take an amount of either type, or a number', () => {
    const shifts: ((b: Builder) => Val)[] = [
      (b) => b.shl(b.i64(3), 4),
      (b) => b.shl(b.i64(3), b.i64(4)),
      (b) => b.shl(b.i64(3), b.i32(4)),
      (b) => b.shl(b.i32(3), b.i64(4)),
    ];
    expect(shifts.map(value)).toEqual([48n, 48n, 48n, 48n]);
  });

  it('vec and low64 make a vector from halves, lanes one by one with zeros above', () => {
    expect(value((b) => b.vec(b.i64(5), b.i64(7)))).toBe((7n << 64n) | 5n);
    expect(value((b) => b.low64(b.vconst(5n, 7n)))).toBe(5n);
    expect(value((b) => b.lanes(16, 3, (i) => b.i32(i + 1)))).toBe(0x0003_0002_0001n);
  });

  it('choose computes only the arm that is taken', () => {
    const chosen = (cond: number): bigint =>
      value((b) =>
        b.choose(
          b.i32(cond),
          () => b.i64(11),
          () => b.i64(22),
        ),
      );
    expect([chosen(1), chosen(0), chosen(-1)]).toEqual([11n, 22n, 11n]);
  });
});
