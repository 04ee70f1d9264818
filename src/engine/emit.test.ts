import { describe, expect, it } from 'vitest';
import { Fragments, type Meaning } from '../../test/support/fragments.ts';
import { Rng } from '../../test/support/rng.ts';
import { PE_STATE } from '../arch/pestate.ts';
import { Builder, type Val } from '../ir/builder.ts';
import type { BinaryOp, Fragment, IrNode } from '../ir/types.ts';
import { HandlerEmitter } from './emit.ts';
import { ModuleWriter } from './wasm/binary.ts';

const RANDOM_FRAGMENTS = 150;

/** Meanings in which the order of reads and writes shows, register fields being free to name one register. */
const ORDER: Record<string, Meaning> = {
  'read, write, use': (b) => {
    const old = b.x('Rn');
    b.setX('Rd', b.i64(5));
    b.setX('Ra', old);
  },
  'read, write, read': (b) => {
    const old = b.x('Rn');
    b.setX('Rd', b.i64(5));
    b.setX('Ra', b.add(old, b.x('Rn')));
  },
  'flags read before they are set': (b) => {
    const old = b.get(PE_STATE.NZCV);
    b.set(PE_STATE.NZCV, b.i32(1 << 30));
    b.setW('Rd', old);
  },
  'a value used twice': (b) => {
    const sum = b.add(b.x('Rn'), b.x('Rm'));
    b.setX('Rd', b.mul(sum, sum));
  },
  'a value used in both arms only': (b) => {
    const sum = b.add(b.x('Rn'), b.x('Rm'));
    b.if(
      b.w('Ra'),
      () => b.setX('Rd', sum),
      () => b.setX('Rd', b.not(sum)),
    );
  },
  'a value nobody uses': (b) => {
    b.add(b.x('Rn'), b.x('Rm'));
    b.load(b.i64(0x8000), { bytes: 8 });
    b.setX('Rd', b.i64(3));
  },
  'a vector kept over a write': (b) => {
    const old = b.v('Rn');
    b.setV('Rd', b.vconst(1n, 2n));
    b.setV('Ra', b.vop('vadd', 32, old, b.v('Rn')));
  },
};

/** A fragment of random operators, reads and writes. */
function randomMeaning(seed: number): Meaning {
  return (b) => {
    const rng = new Rng(`random fragment ${seed}`);
    const registers = ['Rd', 'Rn', 'Rm', 'Ra'];
    const grow = (values: Val[], depth: number): void => {
      for (let i = 0; i < 8; i++) {
        const [x, y] = [rng.pick(values), rng.pick(values)];
        const roll = rng.below(10);
        if (roll < 2) values.push(b.x(rng.pick(registers)));
        else if (roll < 4) b.setX(rng.pick(registers), x);
        else if (roll === 4) values.push(b.select(b.cmp('lts', x, y), x, y));
        else if (roll === 5) values.push(b.zext(b.addsNzcv(x, y, b.i32(rng.below(2)))));
        else if (roll === 6 && depth < 2) {
          const cond = b.cmp('ltu', x, y);
          b.if(
            cond,
            () => grow([...values], depth + 1),
            () => grow([...values], depth + 1),
          );
        } else {
          const op = rng.pick(['add', 'sub', 'mul', 'xor', 'shl', 'shrs', 'rotr'] as const);
          values.push((b[op as 'add'] as (x: Val, y: Val) => Val).call(b, x, y));
        }
      }
    };
    grow([b.x('Rn'), b.i64(rng.u64())], 0);
  };
}

describe('a handler does what its fragment says, in order', () => {
  const random = Array.from(
    { length: RANDOM_FRAGMENTS },
    (_, i) => [`random fragment ${i}`, randomMeaning(i)] as const,
  );
  const meanings = { ...ORDER, ...Object.fromEntries(random) };
  const fragments = new Fragments(meanings);

  it.each(Object.keys(meanings))('%s: the handler leaves what the oracle leaves', (name) => {
    const rng = new Rng(name);
    for (let i = 0; i < 12; i++) {
      fragments.randomise(rng);
      const registers = { Rd: rng.below(4), Rn: rng.below(4), Rm: rng.below(4), Ra: rng.below(4) };
      const { handler, oracle } = fragments.both(fragments.word(name, registers));
      expect(handler, JSON.stringify(registers)).toEqual(oracle);
    }
  });

  it('a register that is overwritten between keeps its old value for who read it before', () => {
    fragments.setX(1, 9n);
    fragments.handler(fragments.word('read, write, use', { Rn: 1, Rd: 1, Ra: 2 }));
    expect([fragments.x(1), fragments.x(2)]).toEqual([5n, 9n]);
  });
});

describe('HandlerEmitter', () => {
  const emit = (fragment: Fragment): Uint8Array =>
    new HandlerEmitter(new ModuleWriter(), { registers: ['Rd', 'Rn'], immediates: {} }, fragment).emit();

  it('writes the same code for the same fragment', () => {
    const build = (): Fragment => {
      const b = new Builder({ registers: undefined, immediates: undefined, immTypes: {} });
      b.setX('Rd', b.add(b.x('Rn'), b.i64(1)));
      return b.finish();
    };
    expect(emit(build())).toEqual(emit(build()));
  });

  it('computes a value that is used once where it is used, and nothing for one that is not used', () => {
    const once = new Builder({ registers: undefined, immediates: undefined, immTypes: {} });
    once.setX('Rd', once.not(once.x('Rn')));
    const unused = new Builder({ registers: undefined, immediates: undefined, immTypes: {} });
    const x = unused.x('Rn');
    unused.mul(x, x);
    unused.setX('Rd', unused.not(x));
    // The second needs no more code than the first: the product is not there.
    expect(emit(unused.finish()).length).toBe(emit(once.finish()).length);
  });

  it('an operation it does not know is our mistake', () => {
    const value = { id: 0, op: 'fma' as BinaryOp, ty: 'i64', args: [] } as IrNode;
    const field = PE_STATE.PC;
    const set = { id: 1, op: 'set', ty: 'none', args: [value], field } as IrNode;
    expect(() => emit({ body: [value, set], spFields: new Set() })).toThrow();
  });
});
