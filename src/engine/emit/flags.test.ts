import { describe, expect, it } from 'vitest';
import { Fragments, type Meaning } from '../../../test/support/fragments.ts';
import { Rng } from '../../../test/support/rng.ts';
import { PE_STATE } from '../../arch/pestate.ts';

const CONDITIONS = Array.from({ length: 16 }, (_, cond) => cond);

const MEANINGS: Record<string, Meaning> = {};
for (const sf of [0, 1]) {
  for (const carry of [0, 1])
    MEANINGS[`adds ${sf} ${carry}`] = (b) =>
      b.set(PE_STATE.NZCV, b.addsNzcv(b.r('Rn', sf), b.r('Rm', sf), b.i32(carry)));
  MEANINGS[`logic ${sf}`] = (b) => b.set(PE_STATE.NZCV, b.logicNzcv(b.r('Rn', sf)));
}
for (const cond of CONDITIONS) MEANINGS[`cond ${cond}`] = (b) => b.setW('Rd', b.condHolds(b.get(PE_STATE.NZCV), cond));

const fragments = new Fragments(MEANINGS);
const { view } = fragments.flat.memory;

/** NZCV as four letters, capital when set. */
function flagsAfter(name: string, x: bigint, y = 0n): string {
  fragments.setX(1, x);
  fragments.setX(2, y);
  fragments.handler(fragments.word(name));
  const nzcv = view.getUint32(PE_STATE.NZCV.offset, true) >>> 28;
  return [...'nzcv'].map((letter, i) => (nzcv & (8 >> i) ? letter.toUpperCase() : letter)).join('');
}

describe('the flags of an addition', () => {
  it.each([
    [1n, 2n, 'nzcv'],
    [0n, 0n, 'nZcv'],
    [(1n << 63n) - 1n, 1n, 'NzcV'],
    [(1n << 64n) - 1n, 1n, 'nZCv'],
    [1n << 63n, 1n << 63n, 'nZCV'],
    [1n << 63n, 1n, 'Nzcv'],
    [(1n << 64n) - 1n, (1n << 64n) - 1n, 'NzCv'],
  ])('of 64 bits: %i + %i gives %s', (x, y, flags) => expect(flagsAfter('adds 1 0', x, y)).toBe(flags));

  it.each([
    [0x7fff_ffffn, 1n, 'NzcV'],
    [0xffff_ffffn, 1n, 'nZCv'],
    [0x1_0000_0000n, 0n, 'nZcv'],
  ])('of 32 bits: %i + %i gives %s', (x, y, flags) => expect(flagsAfter('adds 0 0', x, y)).toBe(flags));

  it('with carry in: all ones and zero make zero with carry out; 2^63 - 1 and zero overflow', () => {
    expect(flagsAfter('adds 1 1', (1n << 64n) - 1n, 0n)).toBe('nZCv');
    expect(flagsAfter('adds 1 1', (1n << 63n) - 1n, 0n)).toBe('NzcV');
    expect(flagsAfter('adds 0 1', 0xffff_ffffn, 0xffff_ffffn)).toBe('NzCv');
  });

  it.each(Object.keys(MEANINGS))('%s: the handler leaves what the oracle leaves', (name) => {
    const rng = new Rng(name);
    for (let i = 0; i < 60; i++) {
      fragments.randomise(rng);
      const { handler, oracle } = fragments.both(fragments.word(name));
      expect(handler).toEqual(oracle);
    }
  });
});

describe('the flags of a logical result', () => {
  it('are N and Z of its width; C and V are zero', () => {
    expect(flagsAfter('logic 1', 0n)).toBe('nZcv');
    expect(flagsAfter('logic 1', 1n << 63n)).toBe('Nzcv');
    expect(flagsAfter('logic 0', 1n << 63n)).toBe('nZcv');
    expect(flagsAfter('logic 0', 1n << 31n)).toBe('Nzcv');
    expect(flagsAfter('logic 1', 1n << 31n)).toBe('nzcv');
  });
});

describe('the sixteen condition codes (DDI 0487, "Condition code table")', () => {
  const HOLDS: readonly ((n: boolean, z: boolean, c: boolean, v: boolean) => boolean)[] = [
    (_n, z) => z, // EQ
    (_n, z) => !z, // NE
    (_n, _z, c) => c, // CS
    (_n, _z, c) => !c, // CC
    (n) => n, // MI
    (n) => !n, // PL
    (_n, _z, _c, v) => v, // VS
    (_n, _z, _c, v) => !v, // VC
    (_n, z, c) => c && !z, // HI
    (_n, z, c) => !c || z, // LS
    (n, _z, _c, v) => n === v, // GE
    (n, _z, _c, v) => n !== v, // LT
    (n, z, _c, v) => !z && n === v, // GT
    (n, z, _c, v) => z || n !== v, // LE
    () => true, // AL
    () => true, // NV
  ];

  it.each(CONDITIONS)('code %i holds for exactly the flags it names', (cond) => {
    for (let nzcv = 0; nzcv < 16; nzcv++) {
      view.setUint32(PE_STATE.NZCV.offset, nzcv << 28, true);
      fragments.handler(fragments.word(`cond ${cond}`));
      const [n, z, c, v] = [8, 4, 2, 1].map((bit) => (nzcv & bit) !== 0);
      expect(fragments.x(0), `NZCV ${nzcv}`).toBe(HOLDS[cond](n, z, c, v) ? 1n : 0n);
    }
  });
});
