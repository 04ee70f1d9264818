import { describe, expect, it } from 'vitest';
import { Fragments } from '../../test/support/fragments.ts';
import { Rng } from '../../test/support/rng.ts';
import { PE_DERIVED, PE_STATE } from '../arch/pestate.ts';
import { Builder } from '../ir/builder.ts';
import { HELPERS } from '../isa/helpers.ts';
import { addWithCarryFlags, conditionHolds } from './oracle.ts';

describe('addWithCarryFlags', () => {
  it.each([
    [1n, 1n, 0n, 8, 0b0000],
    [0xffn, 1n, 0n, 8, 0b0110],
    [0x7fn, 1n, 0n, 8, 0b1001],
    [0x80n, 0x80n, 0n, 8, 0b0111],
    [0x80n, 0x7fn, 1n, 8, 0b0110],
    [0xffn, 0xffn, 1n, 8, 0b1010],
  ])('0x%x + 0x%x + %i at %i bits', (a, b, carry, bits, nzcv) => {
    expect(addWithCarryFlags(a, b, carry, bits)).toBe(BigInt(nzcv) << 28n);
  });

  it('is AddWithCarry of DDI 0487, for every pair of 5-bit numbers', () => {
    for (let a = 0; a < 32; a++)
      for (let b = 0; b < 32; b++)
        for (const carry of [0, 1]) {
          const sum = a + b + carry;
          const result = sum & 31;
          const sign = (v: number): number => (v & 16 ? v - 32 : v);
          const signedSum = sign(a) + sign(b) + carry;
          const nzcv =
            (result >> 4) * 8 + Number(result === 0) * 4 + Number(sum > 31) * 2 + Number(sign(result) !== signedSum);
          expect(addWithCarryFlags(BigInt(a), BigInt(b), BigInt(carry), 5)).toBe(BigInt(nzcv) << 28n);
        }
  });
});

describe('conditionHolds', () => {
  it('each odd code is the opposite of the even one before, but for 15', () => {
    for (let nzcv = 0n; nzcv < 16n; nzcv++) {
      const flags = nzcv << 28n;
      for (let cond = 0; cond < 14; cond += 2)
        expect(conditionHolds(flags, cond + 1)).toBe(!conditionHolds(flags, cond));
      expect([conditionHolds(flags, 14), conditionHolds(flags, 15)]).toEqual([true, true]);
    }
  });

  it('after a comparison they order the operands', () => {
    const rng = new Rng('comparisons');
    for (let i = 0; i < 300; i++) {
      const [x, y] = [rng.u64(), rng.percent(20) ? rng.u64() & 0xffn : rng.u64()];
      const flags = addWithCarryFlags(x, BigInt.asUintN(64, ~y), 1n, 64);
      const [sx, sy] = [BigInt.asIntN(64, x), BigInt.asIntN(64, y)];
      const order = [0, 2, 3, 8, 9, 10, 11, 12, 13].map((cond) => conditionHolds(flags, cond));
      expect(order).toEqual([x === y, x >= y, x < y, x > y, x <= y, sx >= sy, sx < sy, sx > sy, sx <= sy]);
    }
  });
});

describe('one instruction', () => {
  const fragments = new Fragments({
    nothing: () => {},
    'branch back': (b) => b.branchRel(b.i64(-0x1000)),
    'branch in an arm': (b) => {
      b.if(b.w('Rn'), () => {
        b.branch(b.i64(0x40));
      });
      b.setX('Rd', b.i64(1));
    },
    'fault behind a store': (b) => {
      b.store(b.i64(0x8000), b.i64(5), { bytes: 8 });
      b.load(b.i64(1n << 40n), { bytes: 8 });
      b.setX('Rd', b.i64(1));
    },
    'call with a large value': (b) => void b.call(HELPERS.writeSysreg, b.i32(-1), b.i64(-1)),
  });

  it('advances PC by 4 when it does not branch', () => {
    fragments.oracle(fragments.word('nothing'));
    expect(fragments.pc).toBe(0x1004n);
  });

  it('branches modulo 2^64', () => {
    fragments.flat.oracleStep(fragments.word('branch back'), 0xffcn);
    expect(fragments.pc).toBe((1n << 64n) - 4n);
  });

  it('runs nothing behind a branch that is taken', () => {
    fragments.setX(0, 7n);
    fragments.setX(1, 1n);
    fragments.oracle(fragments.word('branch in an arm'));
    expect([fragments.pc, fragments.x(0)]).toEqual([0x40n, 7n]);
    fragments.setX(1, 0n);
    fragments.oracle(fragments.word('branch in an arm'));
    expect([fragments.pc, fragments.x(0)]).toEqual([0x1004n, 1n]);
  });

  it('ends where it faults: what came before stays, what comes behind is not done, PC names it', () => {
    fragments.setX(0, 7n);
    const { events } = fragments.oracle(fragments.word('fault behind a store'));
    expect(events).toEqual([{ helper: 'load', args: [8 | (8 << 5)] }]);
    expect([fragments.pc, fragments.x(0)]).toEqual([0x1000n, 7n]);
    expect(fragments.flat.memory.read(0x8000, 1)[0]).toBe(5);
  });

  it('passes 32-bit values to helpers as signed numbers and takes the mark of a diversion back', () => {
    const { events } = fragments.oracle(fragments.word('call with a large value'));
    expect(events).toEqual([{ helper: 'writeSysreg', args: [-1, (1n << 64n) - 1n] }]);
    expect(fragments.flat.memory.i32[PE_DERIVED.diverted.offset >> 2]).toBe(0);
  });

  it('is refused while its operands are open', () => {
    const b = new Builder({ registers: undefined, immediates: undefined, immTypes: {} });
    b.set(PE_STATE.PC, b.x('Rn'));
    expect(() => fragments.flat.oracle.run(b.finish(), 0)).toThrow('oracle: fragment is not lifted with constants');
  });
});
