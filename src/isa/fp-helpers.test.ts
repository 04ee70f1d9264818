import { describe, expect, it, vi } from 'vitest';
import { FlatMachine } from '../../test/support/flat.ts';
import { PE_STATE, V_BASE } from '../arch/pestate.ts';
import { FPCR, FPSR } from './fp/index.ts';
import { FP_HELPERS, PURE_FP_HELPERS, ROUNDING_FROM_FPCR } from './fp-helpers.ts';

const ONE32 = 0x3f80_0000;
const MINUS_ONE32 = 0xbf80_0000 | 0;
const MINUS_ONE64 = -0x4010_0000_0000_0000n;

function call(name: string, fpcr: number, ...args: (number | bigint)[]): { value: number | bigint; fpsr: number } {
  const env = { fpcr, fpsr: 0 };
  const value = PURE_FP_HELPERS[name]!(env, ...args);
  return { value, fpsr: env.fpsr };
}

describe('helpers for floating-point instructions', () => {
  it('every declared helper is implemented, and the slow paths of the emitter are among them', () => {
    expect(Object.keys(PURE_FP_HELPERS)).toEqual(Object.keys(FP_HELPERS));
    for (const op of ['FPAdd', 'FPSub', 'FPMul', 'FPDiv', 'FPSqrt'])
      for (const width of [32, 64]) expect(PURE_FP_HELPERS[`${op}${width}`], `${op}${width}`).toBeTypeOf('function');
  });

  it('take 32-bit operands as signed numbers and return them so', () => {
    expect(call('FPMul32', 0, MINUS_ONE32, ONE32).value).toBe(MINUS_ONE32);
    expect(call('FPToFixed32To32', 0, MINUS_ONE32, 0, 0, 3).value).toBe(-1);
    expect(call('FPCompare32', 0, MINUS_ONE32, ONE32, 0).value).toBe(0x8000_0000 | 0);
  });

  it('take 64-bit operands signed or unsigned', () => {
    const unsigned = BigInt.asUintN(64, MINUS_ONE64);
    expect(call('FPSub64', 0, MINUS_ONE64, 0n).value).toBe(unsigned);
    expect(call('FPSub64', 0, unsigned, 0n).value).toBe(unsigned);
  });

  it('set FPSR bits and leave those that were set', () => {
    const env = { fpcr: 0, fpsr: FPSR.IDC };
    PURE_FP_HELPERS.FPDiv32!(env, ONE32, 0);
    expect(env.fpsr).toBe(FPSR.IDC | FPSR.DZC);
  });

  it('round as FPCR.RMode says when the rounding argument says so', () => {
    const [half, up] = [0x3f00_0000, 1 << FPCR.RModeShift];
    expect(call('FPRoundInt32', up, half, ROUNDING_FROM_FPCR, 1)).toEqual({ value: ONE32, fpsr: FPSR.IXC });
    expect(call('FPRoundInt32', up, half, 0, 0)).toEqual({ value: 0, fpsr: 0 });
  });
});

describe('instructions on plain numbers are computed without a call', () => {
  const spies = Object.keys(PURE_FP_HELPERS).map((name) => vi.spyOn(PURE_FP_HELPERS, name as never));
  const m = new FlatMachine();
  const { view } = m.memory;

  function calls(word: number, d1: number, d2: number): number {
    for (const spy of spies) spy.mockClear();
    view.setFloat64(V_BASE + 16, d1, true);
    view.setFloat64(V_BASE + 32, d2, true);
    view.setBigUint64(8, 0x1234_5678n, true);
    view.setInt32(PE_STATE.FPSR.offset, FPSR.IXC, true);
    view.setBigUint64(PE_STATE.PC.offset, 0x1000n, true);
    m.memory.write(0x1000, new Uint8Array(new Uint32Array([word]).buffer));
    expect(m.engine.run(0, 1)).toBe(1);
    return spies.reduce((n, spy) => n + spy.mock.calls.length, 0);
  }

  it.each([
    ['fadd d0, d1, d2', 0x1e622820],
    ['fmul d0, d1, d2', 0x1e620820],
    ['fdiv d0, d1, d2', 0x1e621820],
    ['fcmp d1, d2', 0x1e622020],
    ['fmax d0, d1, d2', 0x1e624820],
    ['fcmgt v0.2d, v1.2d, v2.2d', 0x6ee2e420],
    ['fcvtzs x0, d1', 0x9e780020],
    ['scvtf d0, x1', 0x9e620020],
    ['scvtf d0, w1', 0x1e620020],
  ])('%s calls a helper only for a NaN', (text, word) => {
    expect(calls(word, 1.5, -2.25), 'numbers').toBe(0);
    const takesFloat = !text.startsWith('scvtf');
    expect(calls(word, Number.NaN, -2.25) > 0, 'a NaN').toBe(takesFloat);
  });
});
