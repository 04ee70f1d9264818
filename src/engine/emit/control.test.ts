import { describe, expect, it } from 'vitest';
import { CODE_VA, Fragments, type Meaning } from '../../../test/support/fragments.ts';
import { Rng } from '../../../test/support/rng.ts';
import { PE_DERIVED, PE_STATE } from '../../arch/pestate.ts';
import type { HelperSignature } from '../../ir/types.ts';
import { HELPERS } from '../../isa/helpers.ts';

const OFFSETS = [4n, 8n, -4n, 0n, 0xffcn, 0x1000n, -0x1000n, -0x1004n, (1n << 27n) - 4n, -(1n << 27n)];

const MEANINGS: Record<string, Meaning> = {
  'branch to Rn': (b) => b.branch(b.x('Rn')),
  'mark and go on': (b) => {
    b.call(HELPERS.markExclusive, b.x('Rn'), b.i32(8));
    b.setX('Rd', b.i64(1));
  },
  'read a register': (b) => b.setX('Rd', b.call(HELPERS.readSysreg, b.i32(0x1234))),
  'leave when Rn': (b) => {
    b.if(b.w('Rn'), () => void b.call(HELPERS.supervisorCall, b.i32(7)));
    b.setX('Rd', b.i64(1));
  },
  'one arm each': (b) => {
    b.if(
      b.w('Rn'),
      () => b.setX('Rd', b.i64(11)),
      () => b.setX('Rd', b.i64(22)),
    );
    b.setX('Ra', b.i64(33));
  },
  'choose a vector': (b) => {
    const chosen = b.choose(
      b.w('Rn'),
      () => b.v('Rm'),
      () => b.vconst(5n, 6n),
    );
    b.setV('Rd', chosen);
  },
  'ifs within ifs': (b) =>
    b.if(b.w('Rn'), () => {
      const x = b.x('Rm');
      b.if(
        b.lts(x, b.i64(0)),
        () => b.setX('Rd', b.neg(x)),
        () => b.branchRel(b.i64(64)),
      );
    }),
};
for (const offset of OFFSETS) MEANINGS[`branch by ${offset}`] = (b) => b.branchRel(b.i64(offset));

const fragments = new Fragments(MEANINGS);
const { flat } = fragments;
const diverted = (): number => flat.memory.i32[PE_DERIVED.diverted.offset >> 2];

describe('branches', () => {
  it.each(OFFSETS)('to the address of the instruction %i bytes away, in this page or another', (offset) => {
    fragments.handler(fragments.word(`branch by ${offset}`));
    expect(fragments.pc).toBe(BigInt.asUintN(64, BigInt(CODE_VA) + offset));
  });

  it('to an address in a register, aligned or not', () => {
    for (const target of [0x2000n, 0x1004n, 0x2001n, (1n << 64n) - 4n]) {
      fragments.setX(1, target);
      fragments.handler(fragments.word('branch to Rn'));
      expect(fragments.pc).toBe(target);
    }
  });

  it('an instruction that does not branch goes on with the next', () => {
    fragments.handler(fragments.word('one arm each'));
    expect(fragments.pc).toBe(BigInt(CODE_VA + 4));
  });
});

describe('conditionals', () => {
  it('run one arm and then what follows', () => {
    for (const [cond, result] of [
      [1n, 11n],
      [0n, 22n],
      [1n << 32n, 22n],
      [1n << 31n, 11n],
    ]) {
      fragments.setX(1, cond);
      fragments.setX(3, 0n);
      fragments.handler(fragments.word('one arm each'));
      expect([fragments.x(0), fragments.x(3)], `condition ${cond}`).toEqual([result, 33n]);
    }
  });

  it.each(Object.keys(MEANINGS))('%s: the handler leaves what the oracle leaves', (name) => {
    const rng = new Rng(name);
    for (let i = 0; i < 20; i++) {
      fragments.randomise(rng);
      const { handler, oracle } = fragments.both(fragments.word(name));
      expect(handler).toEqual(oracle);
    }
  });
});

describe('calls into TypeScript', () => {
  /** Two instructions: the second is the one called. */
  function second(name: string): void {
    const code = new DataView(new ArrayBuffer(8));
    code.setUint32(0, fragments.word('one arm each', { Rd: 9, Rn: 9, Ra: 9 }), true);
    code.setUint32(4, fragments.word(name), true);
    flat.memory.write(CODE_VA, new Uint8Array(code.buffer));
    flat.events.length = 0;
    flat.memory.view.setBigUint64(PE_STATE.PC.offset, BigInt(CODE_VA), true);
    flat.engine.run(0, 2);
  }

  it('a helper that does not divert lets the instruction go on', () => {
    fragments.setX(0, 0n);
    second('mark and go on');
    expect([fragments.x(0), fragments.pc, diverted()]).toEqual([1n, BigInt(CODE_VA + 8), 0]);
  });

  it('a helper that diverts ends the instruction where it is, with PC naming it and the mark taken back', () => {
    fragments.setX(0, 5n);
    second('read a register');
    expect(flat.events).toEqual([{ helper: 'readSysreg', args: [0x1234] }]);
    expect([fragments.x(0), fragments.pc, diverted()]).toEqual([5n, BigInt(CODE_VA + 4), 0]);
  });

  it('a helper that leaves always ends the instruction', () => {
    fragments.setX(0, 5n);
    fragments.setX(1, 1n);
    second('leave when Rn');
    expect(flat.events).toEqual([{ helper: 'supervisorCall', args: [7] }]);
    expect([fragments.x(0), fragments.pc, diverted()]).toEqual([5n, BigInt(CODE_VA + 4), 0]);
    fragments.setX(1, 0n);
    second('leave when Rn');
    expect(flat.events).toEqual([]);
    expect([fragments.x(0), fragments.pc]).toEqual([1n, BigInt(CODE_VA + 8)]);
  });

  it('every helper of the instruction set is an effect the emitter knows', () => {
    const effects = Object.values(HELPERS).map((helper: HelperSignature) => helper.effect);
    expect(new Set(effects)).toEqual(new Set(['leave', 'may-divert']));
  });
});
