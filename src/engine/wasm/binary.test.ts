import { describe, expect, it } from 'vitest';
import { Rng } from '../../../test/support/rng.ts';
import { ByteWriter, type FuncType, ModuleWriter } from './binary.ts';
import { CodeWriter } from './code.ts';
import { OP } from './opcodes.ts';

/** Reads back an LEB128 number: its value by the definition, and how many bytes it took. */
function leb(bytes: Uint8Array, signed: boolean): { value: bigint; length: number } {
  let value = 0n;
  let shift = 0n;
  for (let i = 0; i < bytes.length; i++) {
    value |= BigInt(bytes[i] & 0x7f) << shift;
    shift += 7n;
    if (bytes[i] & 0x80) continue;
    return { value: signed ? BigInt.asIntN(Number(shift), value) : value, length: i + 1 };
  }
  throw new Error('unfinished number');
}
function written(write: (w: ByteWriter) => void): Uint8Array {
  const w = new ByteWriter();
  write(w);
  return w.view().slice();
}

describe('numbers (WebAssembly Core Specification, "Integers")', () => {
  const rng = new Rng('leb128');
  const edges = [0n, 1n, 63n, 64n, 127n, 128n, 8191n, 8192n, (1n << 31n) - 1n, 1n << 31n, (1n << 63n) - 1n, 1n << 63n];
  const values = [
    ...edges,
    ...edges.map((v) => -v),
    ...Array.from({ length: 500 }, () => rng.u64() >> BigInt(rng.below(64))),
  ];

  it('unsigned 32-bit numbers read back as they were', () => {
    for (const v of values) {
      const bytes = written((w) => w.u32(Number(BigInt.asUintN(32, v))));
      expect(leb(bytes, false)).toEqual({ value: BigInt.asUintN(32, v), length: bytes.length });
    }
  });

  it('signed 32-bit numbers read back as they were', () => {
    for (const v of values) {
      const bytes = written((w) => w.s32(Number(BigInt.asIntN(32, v))));
      expect(leb(bytes, true)).toEqual({ value: BigInt.asIntN(32, v), length: bytes.length });
    }
  });

  it('64-bit numbers read back as signed, however they were given, in as few bytes as can be', () => {
    for (const v of values) {
      for (const given of [BigInt.asIntN(64, v), BigInt.asUintN(64, v)]) {
        const bytes = written((w) => w.s64(given));
        const signed = BigInt.asIntN(64, v);
        expect(leb(bytes, true)).toEqual({ value: signed, length: bytes.length });
        if (bytes.length > 1)
          expect(BigInt.asIntN(7 * (bytes.length - 1), signed), 'shorter would do').not.toBe(signed);
      }
    }
  });

  it('a writer grows with what is written', () => {
    const bytes = written((w) => {
      for (let i = 0; i < 1000; i++) w.u8(i);
      w.raw(new Uint8Array(5000).fill(7));
      w.name('end');
    });
    expect(bytes.length).toBe(6004);
    expect([bytes[999], bytes[1000], bytes[5999], bytes[6000], bytes[6003]]).toEqual([
      999 & 255,
      7,
      7,
      3,
      'd'.charCodeAt(0),
    ]);
  });
});

describe('a module', () => {
  const UNARY: FuncType = { params: ['i32'], results: ['i32'] };

  it('has the functions that were added and calls those it imports', () => {
    const module = new ModuleWriter();
    const twice = module.importFunc('twice', UNARY);
    module.func('plusOne', UNARY, new CodeWriter(1).get(0).i32(1).op(OP.i32_add).finish());
    module.func('fourTimes', UNARY, new CodeWriter(1).get(0).call(twice).call(twice).finish());
    const env = { memory: new WebAssembly.Memory({ initial: 1 }), twice: (x: number) => 2 * x };
    const bytes = module.finish();
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource), { env });
    expect(Object.keys(exports)).toEqual(['plusOne', 'fourTimes']);
    expect((exports.plusOne as (x: number) => number)(41)).toBe(42);
    expect((exports.fourTimes as (x: number) => number)(5)).toBe(20);
  });

  it('names each import and each type once', () => {
    const module = new ModuleWriter();
    expect([module.importFunc('f', UNARY), module.importFunc('g', UNARY), module.importFunc('f', UNARY)]).toEqual([
      0, 1, 0,
    ]);
    expect(module.type(UNARY)).toBe(module.type({ params: ['i32'], results: ['i32'] }));
    expect(module.type({ params: ['i64'], results: ['i32'] })).not.toBe(module.type(UNARY));
  });

  it('imports a table when it is asked to', () => {
    const kinds = (module: ModuleWriter): string[] =>
      WebAssembly.Module.imports(new WebAssembly.Module(module.finish() as BufferSource)).map((i) => i.kind);
    expect(kinds(new ModuleWriter())).toEqual(['memory']);
    expect(kinds(new ModuleWriter({ tableEntries: 10 }))).toEqual(['memory', 'table']);
  });
});
