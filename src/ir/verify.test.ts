import { describe, expect, it } from 'vitest';
import { Rng } from '../../test/support/rng.ts';
import { PE_STATE } from '../arch/pestate.ts';
import { type Clause, immLayout, liftConstant, liftShape, shapeFields } from '../isa/clause.ts';
import { encodeFields, extractFields } from '../isa/encoding.ts';
import { A64, fpCheck, UNALLOCATED } from '../isa/table.ts';
import { Builder, type Val } from './builder.ts';
import type { Block, Fragment, HelperEffect, HelperSignature, IrNode, Ty } from './types.ts';
import { assertVerified, type DeclaredOperands, verify } from './verify.ts';

const ENCODINGS_PER_CLAUSE = 40;
const OPERANDS: DeclaredOperands = { registers: ['Rn', 'Rd'], immediates: { offset: 's32', amount: 'u8' } };

/** Messages about a fragment built by `build`. */
function findings(build: (b: Builder) => void): string[] {
  const b = new Builder({ registers: undefined, immediates: undefined, immTypes: OPERANDS.immediates });
  build(b);
  return messages(b.finish());
}

function messages(fragment: Fragment): string[] {
  return verify(fragment, OPERANDS).map((finding) => finding.message);
}

let nextId = 1000;
/** A node as a builder would never make it. */
function node(op: string, ty: Ty, args: readonly IrNode[], rest: object = {}): IrNode {
  return { id: nextId++, op, ty, args, ...rest } as unknown as IrNode;
}
function fragmentOf(...body: Block): Fragment {
  return { body, spFields: new Set() };
}

const i32 = (value = 1): IrNode => node('const32', 'i32', [], { value });
const i64 = (value = 1n): IrNode => node('const64', 'i64', [], { value });
const v128 = (): IrNode => node('constv', 'v128', [], { lo: 0n, hi: 0n });
const helper = (effect: HelperEffect, params: Ty[] = [], result: Ty = 'none'): HelperSignature => ({
  name: 'helper',
  params,
  result,
  effect,
});
const LEAVE = helper('leave');
const MAY_DIVERT = helper('may-divert');

describe('every clause of the table', () => {
  const declared = (clause: Clause): DeclaredOperands => ({
    registers: clause.registerFields,
    immediates: Object.fromEntries(
      Object.entries(immLayout(clause.name, clause.imm ?? {})).map(([name, { type }]) => [name, type]),
    ),
  });

  it.each([...A64, UNALLOCATED].map((clause) => [clause.name, clause] as const))(
    '%s lifts to well-formed fragments, with operands open and known',
    (name, clause) => {
      const rng = new Rng(name);
      const places = Object.entries(clause.encoding.fields);
      let lifted = 0;
      for (let i = 0; i < ENCODINGS_PER_CLAUSE; i++) {
        const drawn = Object.fromEntries(places.map(([field, { width }]) => [field, rng.below(2 ** width)]));
        const fields = extractFields(clause.encoding, encodeFields(clause.encoding, drawn));
        if (clause.unless?.(fields)) continue;
        lifted++;
        const shape = liftShape(clause, shapeFields(clause, fields), fpCheck);
        expect(verify(shape, declared(clause)), 'operands open').toEqual([]);
        expect(verify(liftConstant(clause, fields, fpCheck), declared(clause)), 'operands known').toEqual([]);
      }
      expect(lifted).toBeGreaterThan(0);
    },
  );
});

describe('verify: the place of nodes', () => {
  it('an operand from a block that is not around the node is reported', () => {
    const found = findings((b) => {
      let inner: Val | undefined;
      b.if(b.w('Rn'), () => {
        inner = b.x('Rn');
      });
      b.setX('Rd', inner!);
    });
    expect(found).toEqual([expect.stringMatching(/uses node \d+ \('getx'\) before it or outside its block/)]);
  });

  it('an operand from a block around the node is good', () => {
    const found = findings((b) => {
      const value = b.x('Rn');
      b.if(b.w('Rn'), () => b.setX('Rd', value));
    });
    expect(found).toEqual([]);
  });

  it('an operand that stands later, or nowhere, is reported', () => {
    const late = i64();
    expect(messages(fragmentOf(node('branch', 'none', [late])))).toEqual([expect.stringMatching(/before it/)]);
    expect(messages(fragmentOf(late, node('branch', 'none', [late])))).toEqual([]);
  });

  it('the value of an arm must come from that arm or from around it', () => {
    const [yesValue, noValue, cond] = [i64(), i64(), i32()];
    const good = node('if', 'i64', [cond], { yes: [yesValue], no: [noValue], yesValue, noValue });
    expect(messages(fragmentOf(cond, good))).toEqual([]);
    const crossed = node('if', 'i64', [cond], { yes: [yesValue], no: [noValue], yesValue: noValue, noValue: yesValue });
    expect(messages(fragmentOf(cond, crossed))).toHaveLength(2);
  });

  it('two nodes with one number are reported', () => {
    const value = i64();
    expect(messages(fragmentOf(value, value))).toEqual(['two nodes have this number']);
  });

  it('the value of a node that only acts is reported', () => {
    const target = i64();
    const acts = node('setx', 'none', [target], { reg: { field: 'Rd', constant: undefined, plus: 0 } });
    const found = messages(fragmentOf(target, acts, node('branch', 'none', [acts])));
    expect(found).toContain(`uses node ${acts.id} ('setx'), which has no value`);
  });
});

describe('verify: what ends the instruction', () => {
  const last = /ends the instruction but is not last in its block/;

  it('nothing stands after a branch', () => {
    const found = findings((b) => {
      b.branch(b.x('Rn'));
      b.x('Rn');
    });
    expect(found).toEqual([expect.stringMatching(last)]);
  });

  it('nothing stands after a helper that leaves', () => {
    const found = findings((b) => {
      b.call(LEAVE);
      b.x('Rn');
    });
    expect(found).toEqual([expect.stringMatching(last)]);
  });

  it('something may stand after if when one arm goes on, and nothing when neither does', () => {
    const goesOn =
      (no: (b: Builder) => void) =>
      (b: Builder): void => {
        b.if(
          b.w('Rn'),
          () => void b.call(LEAVE),
          () => no(b),
        );
        b.setX('Rd', b.x('Rn'));
      };
    expect(findings(goesOn(() => {}))).toEqual([]);
    expect(findings(goesOn((b) => b.branchRel(b.i64(8))))).toEqual([expect.stringMatching(last)]);
  });
});

describe('verify: an instruction that faults can be executed again', () => {
  const again = /may fault after a register was written/;
  const writeThen =
    (f: (b: Builder) => void) =>
    (b: Builder): void => {
      b.setX('Rd', b.i64(1));
      f(b);
    };

  it('a load, a store and a helper that may divert must not follow a write of a register', () => {
    expect(findings(writeThen((b) => void b.load(b.x('Rn'), { bytes: 4 })))).toEqual([expect.stringMatching(again)]);
    expect(findings(writeThen((b) => b.store(b.x('Rn'), b.i32(0), { bytes: 4 })))).toHaveLength(1);
    expect(findings(writeThen((b) => void b.call(MAY_DIVERT)))).toHaveLength(1);
    expect(findings(writeThen((b) => void b.call(helper('pure'))))).toEqual([]);
  });

  it('a write of V registers and of state counts too, and a store before a load does not', () => {
    const thenLoad =
      (first: (b: Builder) => void) =>
      (b: Builder): void => {
        first(b);
        b.load(b.x('Rn'), { bytes: 8 });
      };
    expect(findings(thenLoad((b) => b.setV('Rd', b.vconst(0n, 0n))))).toHaveLength(1);
    expect(findings(thenLoad((b) => b.set(PE_STATE.NZCV, b.i32(0))))).toHaveLength(1);
    expect(findings(thenLoad((b) => b.store(b.x('Rn'), b.i64(0), { bytes: 8 })))).toEqual([]);
  });

  it('a write in one arm of if counts after it, unless that arm ends the instruction', () => {
    const afterArm =
      (ends: boolean) =>
      (b: Builder): void => {
        b.if(b.w('Rn'), () => {
          b.setX('Rd', b.i64(1));
          if (ends) b.branch(b.i64(0));
        });
        b.load(b.x('Rn'), { bytes: 8 });
      };
    expect(findings(afterArm(false))).toEqual([expect.stringMatching(again)]);
    expect(findings(afterArm(true))).toEqual([]);
  });
});

describe('verify: types', () => {
  const one = (op: string, ty: Ty, args: IrNode[], rest: object = {}): string[] =>
    messages(fragmentOf(...args, node(op, ty, args, rest)));
  const reg = { field: 'Rn', constant: undefined, plus: 0 };

  it.each<[string, string[]]>([
    ['operands of different width', one('add', 'i64', [i64(), i32()])],
    ['a result of another type than the operands', one('add', 'i32', [i64(), i64()])],
    ['a comparison that gives an i64', one('ltu', 'i64', [i64(), i64()])],
    ['arithmetic on vectors', one('add', 'v128', [v128(), v128()])],
    ['a missing operand', one('add', 'i64', [i64()])],
    ['an operand too many', one('zext', 'i64', [i32(), i32()])],
    ['a select on an i64 condition', one('select', 'i32', [i64(), i32(), i32()])],
    ['a carry of 64 bits', one('addsnzcv', 'i32', [i64(), i64(), i64()])],
    ['X register written from an i32', one('setx', 'none', [i32()], { reg })],
    ['W register read as i64', one('getw', 'i64', [], { reg })],
    ['a 32-bit state field read as i64', one('get', 'i64', [], { field: PE_STATE.NZCV })],
    ['a state field written from another type', one('set', 'none', [i64()], { field: PE_STATE.NZCV })],
    ['an 8-byte load that gives an i32', one('load', 'i32', [i64()], { access: { bytes: 8 } })],
    ['a 16-byte store of an i64', one('store', 'none', [i64(), i64()], { access: { bytes: 16 } })],
    ['an address of 32 bits', one('load', 'i32', [i32()], { access: { bytes: 4 } })],
    ['a 64-bit lane as i32', one('vlane', 'i32', [v128()], { lane: 64, index: 0 })],
    ['a double-precision operation on i32', one('FPAdd', 'i32', [i32(), i32()], { width: 64 })],
    ['a square root of two numbers', one('FPSqrt', 'i32', [i32(), i32()], { width: 32 })],
    ['a helper with a wrong argument', one('call', 'none', [i32()], { helper: helper('pure', ['i64']) })],
    ['a helper whose result has another type', one('call', 'i32', [], { helper: helper('pure', [], 'i64') })],
    ['an if without the value it promises', one('if', 'i64', [i32()], { yes: [], no: [] })],
    ['an immediate of another type than declared', one('imm', 'i32', [], { name: 'offset' })],
    ['an operation that does not exist', one('fma', 'i64', [i64()])],
  ])('reports %s', (_what, found) => {
    expect(found.length).toBeGreaterThan(0);
  });

  it('takes the same operations with the right types', () => {
    const good = [
      one('add', 'i64', [i64(), i64()]),
      one('ltu', 'i32', [i64(), i64()]),
      one('select', 'i64', [i32(), i64(), i64()]),
      one('addsnzcv', 'i32', [i64(), i64(), i32()]),
      one('load', 'i64', [i64()], { access: { bytes: 8 } }),
      one('store', 'none', [i64(), v128()], { access: { bytes: 16 } }),
      one('FPSqrt', 'i32', [i32()], { width: 32 }),
      one('imm', 'i64', [], { name: 'offset' }),
      one('imm', 'i32', [], { name: 'amount' }),
    ];
    expect(good.flat()).toEqual([]);
  });
});

describe('verify: attributes', () => {
  const one = (op: string, ty: Ty, args: IrNode[], rest: object = {}): string[] =>
    messages(fragmentOf(...args, node(op, ty, args, rest)));
  const shuffle = (bytes: number[]): string[] => one('vshuffle', 'v128', [v128(), v128()], { bytes });
  const sixteen = Array.from({ length: 16 }, (_, i) => i);

  it.each<[string, string[]]>([
    ['lanes an operator does not have', one('vmul', 'v128', [v128(), v128()], { lane: 8 })],
    ['a lane outside the vector', one('vlane', 'i32', [v128()], { lane: 32, index: 4 })],
    ['lanes of 24 bits', one('vsplat', 'v128', [i32()], { lane: 24, index: 0 })],
    ['a shuffle of fifteen bytes', shuffle(sixteen.slice(1))],
    ['a shuffle from byte 32', shuffle([...sixteen.slice(1), 32])],
    ['a constant of more than 32 bits', messages(fragmentOf(i32(2 ** 31)))],
    ['a negative 64-bit constant', messages(fragmentOf(i64(-1n)))],
    ['condition code 16', one('cond', 'i32', [i32()], { cond: 16 })],
    ['an access of 3 bytes', one('load', 'i32', [i64()], { access: { bytes: 3 } })],
    ['an alignment of 32 bytes', one('load', 'v128', [i64()], { access: { bytes: 16, alignBytes: 32 } })],
    ['register number 32', one('getx', 'i64', [], { reg: { field: 'Rn', constant: 32, plus: 0 } })],
    ['a register field that is not declared', one('getx', 'i64', [], { reg: { field: 'Rm', plus: 0 } })],
    ['an immediate that is not declared', one('imm', 'i64', [], { name: 'other' })],
    ['a vector passed to a helper', one('call', 'none', [v128()], { helper: helper('pure', ['v128']) })],
  ])('reports %s', (_what, found) => {
    expect(found).toHaveLength(1);
  });

  it('reports a stack-pointer field that is not declared', () => {
    const fragment: Fragment = { body: [], spFields: new Set(['Rm']) };
    expect(messages(fragment)).toEqual(["register field 'Rm' (as SP) is not declared"]);
    expect(verify(fragment), 'without declarations names are not checked').toEqual([]);
  });
});

describe('assertVerified', () => {
  it('names the instruction and everything that is wrong with it', () => {
    const fragment = fragmentOf(i64(-1n), i32(2 ** 31));
    expect(() => assertVerified('NEW', fragment)).toThrow(/^IR of NEW: node \d+: -1 is no .*; node \d+: 2147483648/);
    expect(() => assertVerified('NEW', fragmentOf(i64()))).not.toThrow();
  });

  it('stops a clause with a mistake when its first shape is lifted', () => {
    const clause = A64.find((c) => c.name === 'UDIV')!;
    const lift: Clause['lift'] = (b) => {
      b.setX('Rd', b.i64(0));
      b.load(b.x('Rn'), { bytes: 8 });
    };
    const wrong: Clause = { ...clause, lift };
    expect(() => liftShape(wrong, { sf: 1 }, fpCheck)).toThrow(/^IR of UDIV: node 3: 'load' may fault after/);
  });
});
