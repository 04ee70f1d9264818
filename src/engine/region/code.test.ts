import { describe, expect, it } from 'vitest';
import { ModuleWriter } from '../wasm/binary.ts';
import { OP } from '../wasm/opcodes.ts';
import { RegionCode } from './code.ts';

function run(write: (c: RegionCode) => void): number {
  const c = new RegionCode(0);
  write(c);
  const module = new ModuleWriter();
  module.func('f', { params: [], results: ['i32'] }, c.finish());
  const env = { memory: new WebAssembly.Memory({ initial: 1 }) };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.finish() as BufferSource), { env });
  return (exports.f as () => number)();
}

describe('RegionCode', () => {
  it('gives the locals of one instruction to the next, by type, and lasting ones to nobody else', () => {
    const c = new RegionCode(2);
    const lasting = c.lasting('i32');
    const first = [c.local('i32'), c.local('i64'), c.local('i32')];
    c.nextInstruction();
    expect([c.local('i32'), c.local('i64'), c.local('i32')]).toEqual(first);
    expect(first).not.toContain(lasting);
    expect(new Set([lasting, ...first]).size).toBe(4);
  });

  it('goes back to the locals of a mark', () => {
    const c = new RegionCode(0);
    const a = c.local('i64');
    const mark = c.mark();
    const b = c.local('i64');
    c.setMark(mark);
    expect(c.local('i64')).toBe(b);
    expect(b).not.toBe(a);
  });

  it('branches to labels however deep they are nested', () => {
    const result = run((c) => {
      const n = c.lasting('i32');
      const out = c.open('block');
      const again = c.open('loop');
      c.get(n).i32(1).op(OP.i32_add).tee(n).i32(5).op(OP.i32_lt_u).if();
      c.br(again);
      c.end();
      const inner = c.open('block');
      c.get(n).if();
      c.br(out);
      c.end();
      c.br(inner);
      c.end().end().end();
      c.get(n);
    });
    expect(result).toBe(5);
  });
});
