import { describe, expect, it } from 'vitest';
import { Fragments, type Meaning } from '../../../test/support/fragments.ts';
import { Rng } from '../../../test/support/rng.ts';
import { PE_STATE, V_BASE } from '../../arch/pestate.ts';
import { Builder, type Val } from '../../ir/builder.ts';
import type { FpOp } from '../../ir/types.ts';
import { FP_HELPERS } from '../../isa/fp-helpers.ts';
import { findFloatLanes } from './float-lanes.ts';

type Lanes = (b: Builder, i: number, n: Val, m: Val, d: Val) => Val;

/** Writes Vd lane by lane. */
function lanes(width: 32 | 64, f: Lanes, count = 128 / width): Meaning {
  return (b) => {
    const [d, n, m] = [b.v('Rd'), b.v('Rn'), b.v('Rm')];
    b.setV(
      'Rd',
      b.lanes(width, count, (i) => f(b, i, n, m, d)),
    );
  };
}
function plain(op: FpOp, width: 32 | 64): Meaning {
  return lanes(width, (b, i, n, m) => {
    const x = b.lane(n, width, i);
    return op === 'FPSqrt' ? b.fp(op, width, x) : b.fp(op, width, x, b.lane(m, width, i));
  });
}
const fused = (b: Builder, d: Val, n: Val, m: Val): Val => b.call(FP_HELPERS.FPMulAdd64!, d, n, m);

const MEANINGS: Record<string, Meaning> = {};
for (const op of ['FPAdd', 'FPSub', 'FPMul', 'FPDiv', 'FPSqrt'] as const)
  for (const width of [32, 64] as const) MEANINGS[`${op}${width}`] = plain(op, width);
MEANINGS.fused = lanes(64, (b, i, n, m, d) => fused(b, b.lane(d, 64, i), b.lane(n, 64, i), b.lane(m, 64, i)));
MEANINGS['fused, negated'] = lanes(64, (b, i, n, m, d) => {
  const minus = b.xor(b.lane(n, 64, i), b.i64(1n << 63n));
  return fused(b, b.lane(d, 64, i), minus, b.lane(m, 64, i));
});
MEANINGS['by element'] = (b) => {
  const [n, element] = [b.v('Rn'), b.lane(b.v('Rm'), 64, 1)];
  b.setV(
    'Rd',
    b.lanes(64, 2, (i) => b.fp('FPMul', 64, b.lane(n, 64, i), element)),
  );
};

/** Written so that lanes may not be computed together. */
const APART: Record<string, Meaning> = {
  'half a vector': lanes(32, (b, i, n, m) => b.fp('FPAdd', 32, b.lane(n, 32, i), b.lane(m, 32, i)), 2),
  'lanes that cross': lanes(64, (b, i, n, m) => b.fp('FPAdd', 64, b.lane(n, 64, 1 - i), b.lane(m, 64, i))),
  'two operations': lanes(64, (b, i, n, m) =>
    b.fp(i === 0 ? 'FPAdd' : 'FPSub', 64, b.lane(n, 64, i), b.lane(m, 64, i)),
  ),
  'one lane negated': lanes(64, (b, i, n, m) => {
    const x = b.lane(n, 64, i);
    return b.fp('FPAdd', 64, i === 0 ? b.xor(x, b.i64(1n << 63n)) : x, b.lane(m, 64, i));
  }),
  'a lane that depends on another': (b) => {
    const [n, m] = [b.v('Rn'), b.v('Rm')];
    const low = b.fp('FPAdd', 64, b.lane(n, 64, 0), b.lane(m, 64, 0));
    const high = b.fp('FPAdd', 64, low, b.lane(m, 64, 1));
    b.setV(
      'Rd',
      b.lanes(64, 2, (i) => (i === 0 ? low : high)),
    );
  },
};

function found(meaning: Meaning): boolean {
  const b = new Builder({ registers: { Rd: 0, Rn: 1, Rm: 2 }, immediates: {}, immTypes: {} });
  meaning(b);
  return findFloatLanes(b.finish().body) !== undefined;
}

describe('floating point on all lanes', () => {
  const all = { ...MEANINGS, ...APART };
  const fragments = new Fragments(all);
  const { view } = fragments.flat.memory;

  it.each(Object.keys(MEANINGS))('%s: is computed together', (name) => expect(found(MEANINGS[name]!)).toBe(true));
  it.each(Object.keys(APART))('%s: lane by lane', (name) => expect(found(APART[name]!)).toBe(false));

  it.each(Object.keys(all))('%s: result and FPSR are those of the oracle', (name) => {
    const rng = new Rng(name);
    const special = [0n, 1n, 1n << 63n, 0x7ff0n << 48n, 0x7ff8n << 48n, 0x3ff0n << 48n, 0x7f80_0000_3f80_0000n];
    for (let i = 0; i < 300; i++) {
      const ordinary = (): bigint => (rng.u64() & 0x800f_ffff_8fff_ffffn) | 0x3ff0_0000_3000_0000n;
      const value = (): bigint => (rng.percent(85) ? ordinary() : rng.percent(50) ? rng.pick(special) : rng.u64());
      for (let at = V_BASE; at < V_BASE + 48; at += 8) view.setBigUint64(at, value(), true);
      view.setInt32(PE_STATE.FPCR.offset, rng.percent(80) ? 0 : rng.pick([1 << 22, 1 << 24, 1 << 25]), true);
      view.setInt32(PE_STATE.FPSR.offset, rng.pick([0, 1 << 4]), true);
      const { handler, oracle } = fragments.both(fragments.word(name));
      expect(handler).toEqual(oracle);
    }
  });
});
