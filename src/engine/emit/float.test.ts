import { describe, expect, it } from 'vitest';
import { Fragments, type Meaning } from '../../../test/support/fragments.ts';
import { Rng } from '../../../test/support/rng.ts';
import { PE_STATE } from '../../arch/pestate.ts';
import { Builder } from '../../ir/builder.ts';
import type { FpOp } from '../../ir/types.ts';
import { HANDLER_TYPE, HandlerEmitter } from '../emit.ts';
import { ModuleWriter } from '../wasm/binary.ts';

const OPS: readonly FpOp[] = ['FPAdd', 'FPSub', 'FPMul', 'FPDiv', 'FPSqrt'];
const WIDTHS = [32, 64] as const;
const IXC = 1 << 4;

function meaning(op: FpOp, width: 32 | 64): Meaning {
  const sf = width === 64 ? 1 : 0;
  return (b) => {
    const operands = op === 'FPSqrt' ? [b.r('Rn', sf)] : [b.r('Rn', sf), b.r('Rm', sf)];
    b.setR('Rd', sf, b.fp(op, width, ...operands));
  };
}

const MEANINGS: Record<string, Meaning> = {};
for (const op of OPS) for (const width of WIDTHS) MEANINGS[`${op}${width}`] = meaning(op, width);

/** Bits of a host number. */
function bits(value: number, width: 32 | 64): bigint {
  const view = new DataView(new ArrayBuffer(8));
  if (width === 32) view.setFloat32(0, value);
  else view.setFloat64(0, value);
  return width === 32 ? BigInt(view.getUint32(0)) : view.getBigUint64(0);
}

/** Numbers at which rounding, range and NaN rules differ. */
function special(width: 32 | 64): bigint[] {
  const min = width === 32 ? 2 ** -126 : 2 ** -1022;
  const max = width === 32 ? 3.4028234663852886e38 : Number.MAX_VALUE;
  const quiet = width === 32 ? 0x7fc0_0001n : 0x7ff8_0000_0000_0001n;
  const signalling = width === 32 ? 0x7f80_0001n : 0x7ff0_0000_0000_0001n;
  const values = [0, -0, 1, -1, 1.5, 3, 1 / 3, 0.1, min, min * 1.5, min * 2, min / 2, max, -max, Infinity, -Infinity];
  return [...values.map((v) => bits(v, width)), 1n, quiet, signalling];
}

describe('floating-point operations', () => {
  const fragments = new Fragments(MEANINGS);
  const { view } = fragments.flat.memory;
  const FPCRS = [0, 1 << 22, 2 << 22, 3 << 22, 1 << 24, 1 << 25];

  it.each(Object.keys(MEANINGS))('%s: result and FPSR are those of the oracle, whatever FPCR and IXC say', (name) => {
    const rng = new Rng(name);
    const width = name.endsWith('32') ? 32 : 64;
    const values = special(width);
    for (let i = 0; i < 250; i++) {
      for (const n of [1, 2]) fragments.setX(n, rng.percent(60) ? rng.pick(values) : rng.u64());
      view.setInt32(PE_STATE.FPCR.offset, rng.pick(FPCRS), true);
      view.setInt32(PE_STATE.FPSR.offset, rng.pick([0, IXC, IXC | 1]), true);
      const { handler, oracle } = fragments.both(fragments.word(name));
      expect(handler).toEqual(oracle);
    }
  });
});

describe('the fast path', () => {
  /** One handler by itself, with a helper that counts its calls and answers 99. */
  function alone(
    op: FpOp,
    width: 32 | 64,
  ): (state: { fpcr?: number; fpsr?: number; x?: number; y?: number }) => number {
    const registers = { Rn: 1, Rm: 2, Rd: 0 };
    const b = new Builder({ registers, immediates: {}, immTypes: {} });
    meaning(op, width)(b);
    const module = new ModuleWriter();
    const layout = { registers: Object.keys(registers), immediates: {} };
    const body = new HandlerEmitter(module, layout, b.finish()).emit();
    module.func('h', HANDLER_TYPE, body);
    const memory = new WebAssembly.Memory({ initial: 1 });
    const view = new DataView(memory.buffer);
    let calls = 0;
    const helper = (): number | bigint => {
      calls++;
      return width === 32 ? 99 : 99n;
    };
    const env = { memory, [`${op}${width}`]: helper };
    const instance = new WebAssembly.Instance(new WebAssembly.Module(module.finish() as BufferSource), { env });
    const run = instance.exports.h as (cpu: number, record: number) => number;
    return ({ fpcr = 0, fpsr = IXC, x = 1.5, y = 2.25 }) => {
      view.setBigUint64(8, bits(x, width), true);
      view.setBigUint64(16, bits(y, width), true);
      view.setInt32(PE_STATE.FPCR.offset, fpcr, true);
      view.setInt32(PE_STATE.FPSR.offset, fpsr, true);
      calls = 0;
      run(0, 0);
      expect(view.getBigUint64(0, true) === 99n, 'the result is that of the helper').toBe(calls > 0);
      return calls;
    };
  }

  it.each(OPS.flatMap((op) => WIDTHS.map((width) => [op, width] as const)))(
    '%s of %i bits is the host operation for ordinary results, and the helper otherwise',
    (op, width) => {
      const callsFor = alone(op, width);
      expect(callsFor({}), 'ordinary').toBe(0);
      expect(callsFor({ fpcr: 1 << 22 }), 'another rounding mode').toBe(1);
      expect(callsFor({ fpcr: 1 << 24 }), 'flush to zero').toBe(1);
      expect(callsFor({ fpcr: 1 << 25 }), 'default NaN').toBe(1);
      expect(callsFor({ fpsr: 0 }), 'IXC not yet set').toBe(1);
      expect(callsFor({ x: Number.NaN }), 'NaN').toBe(1);
      expect(callsFor({ x: Infinity }), 'infinite').toBe(1);
    },
  );

  it('takes the helper for results that are zero, subnormal or might have been tiny before rounding', () => {
    const min = 2 ** -1022;
    const callsFor = alone('FPMul', 64);
    expect(callsFor({ x: 0, y: 1 }), 'zero').toBe(1);
    expect(callsFor({ x: min / 4, y: 1 }), 'subnormal').toBe(1);
    expect(callsFor({ x: min, y: 1 }), 'the smallest exponent').toBe(1);
    expect(callsFor({ x: min * 2, y: 1 }), 'the next exponent').toBe(0);
    expect(callsFor({ x: 2 ** 600, y: 2 ** 600 }), 'overflow').toBe(1);
    expect(callsFor({ x: 2 ** 600, y: 2 ** 423 }), 'the largest exponent').toBe(0);
  });
});
