import { describe, expect, it } from 'vitest';
import { Rng } from '../../../test/support/rng.ts';
import { PE_STATE } from '../../arch/pestate.ts';
import { PURE_FP_HELPERS } from '../../isa/fp-helpers.ts';
import { floatModule } from './module.ts';

type Call = (cpu: number, ...args: (number | bigint)[]) => number | bigint;

const IXC = 1 << 4;
const memory = new WebAssembly.Memory({ initial: 1 });
const view = new DataView(memory.buffer);
/** Calls that TypeScript had to answer. */
let asked = 0;

/** The functions of TypeScript on FPCR and FPSR of the memory. */
function exact(name: string): Call {
  return (_cpu, ...args) => {
    asked++;
    const env = {
      fpcr: view.getInt32(PE_STATE.FPCR.offset, true),
      fpsr: view.getInt32(PE_STATE.FPSR.offset, true),
    };
    const result = PURE_FP_HELPERS[name]!(env, ...args);
    view.setInt32(PE_STATE.FPSR.offset, env.fpsr, true);
    return result;
  };
}
const exacts: Record<string, Call> = {};
for (const name of Object.keys(PURE_FP_HELPERS)) exacts[name] = exact(name);
const host = new WebAssembly.Instance(new WebAssembly.Module(floatModule() as BufferSource), {
  env: { memory, ...(exacts as Record<string, WebAssembly.ImportValue>) },
}).exports as Record<string, Call>;

/** Operands by function: how many, and what follows them. */
const NUMBERS: Readonly<Record<string, number>> = {
  FPAdd: 2,
  FPSub: 2,
  FPMul: 2,
  FPDiv: 2,
  FPSqrt: 1,
  FPMulAdd: 3,
  FPRoundInt: 1,
  FPConvert64To: 1,
  FPConvert32To: 1,
  FPConvert16To: 1,
  FPToFixed32To: 1,
  FPToFixed64To: 1,
};

function bits(value: number, wide: boolean): bigint {
  if (wide) view.setFloat64(4096, value);
  else view.setFloat32(4096, value);
  return wide ? view.getBigUint64(4096) : BigInt(view.getUint32(4096));
}

/** Operands that meet: few bits, so that ties and exact results are many; near each other, so that sums cancel. */
function operands(rng: Rng, count: number, wide: boolean): bigint[] {
  const [fraction, bias] = wide ? [52n, 1023n] : [23n, 127n];
  const random = (): bigint => (wide ? rng.u64() : BigInt.asUintN(32, rng.u64()));
  const near = (spread: number): bigint => {
    const exponent = bias + BigInt(rng.below(2 * spread) - spread);
    const kept = rng.u64() & ((1n << fraction) - 1n) & ~((1n << BigInt(rng.below(Number(fraction)))) - 1n);
    return (BigInt(rng.below(2)) << (wide ? 63n : 31n)) | (exponent << fraction) | kept;
  };
  const special = [0, -0, 1, -1, 1.5, Infinity, -Infinity, NaN, 2 ** -1022, 2 ** -126, 1e308, 3e38, 5e-324, 1e-45];
  const one = (): bigint => {
    const kind = rng.below(100);
    if (kind < 6) return bits(rng.pick(special), wide);
    if (kind < 12) return random();
    if (kind < 30) return bits(rng.below(2000) - 1000, wide);
    return near(rng.pick([2, 2, 30, 60, wide ? 700 : 100]));
  };
  const made = Array.from({ length: count }, one);
  if (count === 3 && rng.percent(40)) {
    // The addend is about minus the product, so most of it cancels.
    const number = (b: bigint): number => {
      view.setBigUint64(4096, b);
      if (wide) return view.getFloat64(4096);
      view.setUint32(4096, Number(b));
      return view.getFloat32(4096);
    };
    const off = BigInt(rng.below(5) - 2);
    made[0] = BigInt.asUintN(wide ? 64 : 32, bits(-number(made[1]!) * number(made[2]!), wide) + off);
  }
  return made;
}

function both(name: string, args: readonly (number | bigint)[], fpcr: number, fpsr: number): void {
  const run = (call: Call): string => {
    view.setInt32(PE_STATE.FPCR.offset, fpcr, true);
    view.setInt32(PE_STATE.FPSR.offset, fpsr, true);
    const result = call(0, ...args);
    const hex = BigInt.asUintN(typeof result === 'bigint' ? 64 : 32, BigInt(result)).toString(16);
    return `${hex} FPSR ${view.getInt32(PE_STATE.FPSR.offset, true)}`;
  };
  const [want, found] = [run(exacts[name]!), run(host[name]!)];
  if (want !== found) expect(`${name}(${args.map((a) => a.toString(16)).join()}) = ${found}`).toBe(want);
}

const CASES = Number(process.env.UNMASKABLE_FLOAT_CASES ?? 4000);

describe('floating point of the host', () => {
  it.each(Object.keys(host))('%s: result and flags are those of the exact function', (name) => {
    const rng = new Rng(name);
    const wide = /^\D+64/.test(name);
    const count = NUMBERS[name.replace(/\d+$/, '')]!;
    for (let i = 0; i < CASES; i++) {
      const args: (number | bigint)[] = operands(rng, count, wide).map((x) =>
        wide ? BigInt.asIntN(64, x) : Number(BigInt.asIntN(32, x)),
      );
      if (name.startsWith('FPRoundInt')) args.push(rng.pick([0, 1, 2, 3, 4, 8]), rng.below(2));
      if (name.startsWith('FPToFixed'))
        args.push(rng.percent(90) ? 0 : rng.below(32), rng.below(2), rng.pick([0, 1, 2, 3, 4, 5, 8]));
      if (name.startsWith('FPConvert')) args.push(rng.pick([5, 8]));
      both(name, args, rng.percent(95) ? 0 : rng.pick([1 << 22, 1 << 24, 1 << 25]), rng.pick([0, IXC]));
    }
  });

  it.each(['FPAdd64', 'FPMul64', 'FPDiv64', 'FPMulAdd64', 'FPMulAdd32', 'FPSub32'])(
    '%s: exact results need no TypeScript, though IXC is not set',
    (name) => {
      const wide = name.endsWith('64');
      const args = [6, 3, -1.5].slice(0, NUMBERS[name.slice(0, -2)]!).map((x) => {
        const b = bits(x, wide);
        return wide ? b : Number(b);
      });
      view.setInt32(PE_STATE.FPCR.offset, 0, true);
      view.setInt32(PE_STATE.FPSR.offset, 0, true);
      asked = 0;
      host[name]!(0, ...args);
      expect(asked).toBe(0);
      expect(view.getInt32(PE_STATE.FPSR.offset, true)).toBe(0);
    },
  );

  it.each([
    ['FPToFixed64To32', 2.5, [0, 0, 4]],
    ['FPToFixed32To64', 1e10, [0, 1, 0]],
    ['FPToFixed64To64', -1e15, [0, 0, 3]],
    ['FPRoundInt64', -2.5, [4, 0]],
    ['FPRoundInt32', 2.5, [1, 1]],
  ] as const)('%s of %d with %j needs no TypeScript', (name, value, more) => {
    const wide = /^\D+64/.test(name);
    const operand = bits(value, wide);
    asked = 0;
    view.setInt32(PE_STATE.FPCR.offset, 0, true);
    host[name]!(0, wide ? operand : Number(operand), ...more);
    expect(asked).toBe(0);
  });

  it('every half becomes the single that it is, and back', () => {
    for (let half = 0; half < 1 << 16; half++) {
      both('FPConvert16To32', [half, 8], 0, 0);
      view.setInt32(PE_STATE.FPCR.offset, 0, true);
      const single = Number(host.FPConvert16To32!(0, half, 8));
      for (const near of [
        single - 0x1000,
        single - 1,
        single,
        single + 1,
        single + 0xfff,
        single + 0x1000,
        single + 0x1001,
      ])
        both('FPConvert32To16', [near | 0, 8], 0, 0);
    }
  });
});
