import { describe, expect, it } from 'vitest';
import { Rng } from '../../../test/support/rng.ts';
import { Builder, type Val } from '../../ir/builder.ts';
import { addWithCarryFlags, conditionHolds } from '../oracle.ts';
import { ModuleWriter } from '../wasm/binary.ts';
import { CodeWriter } from '../wasm/code.ts';
import { emitShortForm, FLAGS, type FlagsKind, flagsFunction, hasShortForm, lazyFlags } from './flags.ts';

const KINDS = Object.entries(FLAGS) as [string, FlagsKind][];
const LAZY = KINDS.filter(([, kind]) => kind !== FLAGS.RAW);
const M32 = 0xffff_ffffn;

/** What the flags are, by definition. */
function expected(name: string, x: bigint, y: bigint): bigint {
  const bits = name.endsWith('32') ? 32 : 64;
  const [a, b] = [BigInt.asUintN(bits, x), BigInt.asUintN(bits, y)];
  if (name.startsWith('SUB')) return addWithCarryFlags(a, BigInt.asUintN(bits, ~b), 1n, bits);
  if (name.startsWith('ADD')) return addWithCarryFlags(a, b, 0n, bits);
  if (name.startsWith('LOGIC')) return addWithCarryFlags(a, 0n, 0n, bits);
  return x & M32;
}

const conditions = LAZY.flatMap(([name, kind]) =>
  Array.from({ length: 16 }, (_, cond) => ({ name, kind, cond, key: `c${kind}_${cond}` })),
).filter(({ kind, cond }) => hasShortForm(kind, cond));

const module = new ModuleWriter();
module.func('flags', { params: ['i32', 'i64', 'i64'], results: ['i32'] }, flagsFunction());
for (const { kind, cond, key } of conditions) {
  const code = new CodeWriter(2);
  emitShortForm(code, kind, cond, 0, 1);
  module.func(key, { params: ['i64', 'i64'], results: ['i32'] }, code.finish());
}
const env = { memory: new WebAssembly.Memory({ initial: 1 }) };
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.finish() as BufferSource), { env });
const flags = exports.flags as (kind: number, x: bigint, y: bigint) => number;

const rng = new Rng('lazy flags');
const special = [0n, 1n, (1n << 64n) - 1n, 1n << 63n, (1n << 63n) - 1n, 0x8000_0000n, 0x7fff_ffffn, M32, 1n << 32n];
const pairs = Array.from({ length: 400 }, () => {
  const value = (): bigint => (rng.percent(60) ? rng.pick(special) : rng.u64());
  return [value(), value()] as const;
});

describe('flags kept as what made them', () => {
  it.each(KINDS)('%s: worked out, they are those of the operation', (name, kind) => {
    for (const [x, y] of pairs)
      expect(BigInt(flags(kind, x, y) >>> 0), `${x.toString(16)}, ${y.toString(16)}`).toBe(expected(name, x, y));
  });

  it.each(conditions)('$name, condition $cond: told from the operands as from the flags', ({ name, cond, key }) => {
    const f = exports[key] as (x: bigint, y: bigint) => number;
    for (const [x, y] of pairs)
      expect(f(x, y) === 1, `${x.toString(16)}, ${y.toString(16)}`).toBe(conditionHolds(expected(name, x, y), cond));
  });

  it('a subtraction tells every condition but those of its sign and overflow, a sum and a result EQ, NE, MI and PL', () => {
    const told = (kind: FlagsKind): number[] =>
      Array.from({ length: 14 }, (_, cond) => cond).filter((cond) => hasShortForm(kind, cond));
    expect(told(FLAGS.SUB64)).toEqual([0, 1, 2, 3, 8, 9, 10, 11, 12, 13]);
    expect(told(FLAGS.ADD32)).toEqual([0, 1, 4, 5]);
    expect(told(FLAGS.RAW)).toEqual([]);
  });
});

describe('lazyFlags', () => {
  const kindOf = (build: (b: Builder) => Val): FlagsKind | undefined =>
    lazyFlags(build(new Builder({ registers: undefined, immediates: undefined, immTypes: {} })))?.kind;

  it('knows sums, differences and logical results at both widths', () => {
    expect(kindOf((b) => b.addsNzcv(b.x('Rn'), b.x('Rm'), b.i32(0)))).toBe(FLAGS.ADD64);
    expect(kindOf((b) => b.addsNzcv(b.w('Rn'), b.w('Rm'), b.i32(0)))).toBe(FLAGS.ADD32);
    expect(kindOf((b) => b.addsNzcv(b.x('Rn'), b.not(b.x('Rm')), b.i32(1)))).toBe(FLAGS.SUB64);
    expect(kindOf((b) => b.addsNzcv(b.w('Rn'), b.not(b.w('Rm')), b.i32(1)))).toBe(FLAGS.SUB32);
    expect(kindOf((b) => b.logicNzcv(b.x('Rn')))).toBe(FLAGS.LOGIC64);
    expect(kindOf((b) => b.logicNzcv(b.w('Rn')))).toBe(FLAGS.LOGIC32);
  });

  it('leaves alone what it does not know: a carry that is not constant, a second operand that is not inverted', () => {
    expect(kindOf((b) => b.addsNzcv(b.x('Rn'), b.x('Rm'), b.w('Ra')))).toBeUndefined();
    expect(kindOf((b) => b.addsNzcv(b.x('Rn'), b.x('Rm'), b.i32(1)))).toBeUndefined();
    expect(kindOf((b) => b.w('Rn'))).toBeUndefined();
  });
});
