import { describe, expect, it } from 'vitest';
import { type FuncType, ModuleWriter } from './binary.ts';
import { CodeWriter } from './code.ts';
import { OP } from './opcodes.ts';

const memory = new WebAssembly.Memory({ initial: 1 });
const view = new DataView(memory.buffer);

/** The function whose body `write` writes. */
function made<F>(type: FuncType, write: (c: CodeWriter) => void): F {
  const code = new CodeWriter(type.params.length);
  write(code);
  const module = new ModuleWriter();
  module.func('f', type, code.finish());
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.finish() as BufferSource), {
    env: { memory },
  });
  return instance.exports.f as F;
}

describe('CodeWriter', () => {
  it('numbers locals behind the parameters, each with its own type, all zero at first', () => {
    const f = made<(x: number, y: bigint) => bigint>({ params: ['i32', 'i64'], results: ['i64'] }, (c) => {
      const [a, b, d, v, e] = [c.local('i64'), c.local('i64'), c.local('i32'), c.local('v128'), c.local('i64')];
      expect([a, b, d, v, e]).toEqual([2, 3, 4, 5, 6]);
      c.get(1).set(a).get(0).tee(d).op(OP.i64_extend_i32_u).set(b);
      c.get(a).get(b).op(OP.i64_add).get(e).op(OP.i64_add);
    });
    expect(f(5, 7n)).toBe(12n);
  });

  it('writes constants at the ends of their range', () => {
    const constant32 = (value: number): number =>
      made<() => number>({ params: [], results: ['i32'] }, (c) => c.i32(value))();
    const constant64 = (value: bigint): bigint =>
      made<() => bigint>({ params: [], results: ['i64'] }, (c) => c.i64(value))();
    for (const v of [0, 63, 64, -64, -65, 2 ** 31 - 1, -(2 ** 31)]) expect(constant32(v)).toBe(v);
    for (const v of [0n, 64n, -65n, 1n << 30n, -(1n << 31n), (1n << 63n) - 1n, -(1n << 63n)])
      expect(constant64(v)).toBe(v);
    expect(constant64((1n << 64n) - 1n)).toBe(-1n);
  });

  it('loads and stores with a static offset, unaligned too', () => {
    view.setUint32(1001, 0xdead_beef, true);
    const f = made<(at: number) => number>({ params: ['i32'], results: ['i32'] }, (c) => {
      c.get(0).get(0).mem(OP.i32_load, 1000).mem(OP.i32_store, 2000);
      c.get(0).get(0).simdMem(0x00, 992).simdMem(0x0b, 3000);
      c.get(0).mem(OP.i32_load, 2000);
    });
    expect(f(1) >>> 0).toBe(0xdead_beef);
    expect(view.getUint32(3009, true)).toBe(0xdead_beef);
  });

  it('writes conditionals with and without a value', () => {
    const f = made<(x: number) => number>({ params: ['i32'], results: ['i32'] }, (c) => {
      const seen = c.local('i32');
      c.get(0).if().i32(100).set(seen).end();
      c.get(0).if('i32').i32(1).else().i32(2).end().get(seen).op(OP.i32_add);
    });
    expect([f(1), f(0)]).toEqual([101, 2]);
  });
});
