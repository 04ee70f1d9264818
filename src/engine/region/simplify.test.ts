import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FlatMachine } from '../../../test/support/flat.ts';
import { Rng } from '../../../test/support/rng.ts';
import { ARCHITECTURAL_BYTES, PE_DERIVED, PE_STATE, V_BASE } from '../../arch/pestate.ts';
import { printFragment } from '../../ir/print.ts';
import type { Block, Fragment } from '../../ir/types.ts';
import { type Clause, liftConstant } from '../../isa/clause.ts';
import { encodeFields } from '../../isa/encoding.ts';
import { A64, fpCheck } from '../../isa/table.ts';
import { assemble } from '../../isa/text/assemble.ts';
import { RAM_BASE } from '../records.ts';
import { simplify } from './simplify.ts';

const CODE = 0x1000n;
const DATA = 0x8000;
const WORDS_DRAWN = 100;
const WORDS_PER_CLAUSE = 10;
const m = new FlatMachine();
/** What memory holds before each instruction: all that small numbers and DATA reach. */
const RAM = new Uint8Array(0xa000).map((_, i) => (i * 167) ^ (i >> 7));

function lift(word: number): Fragment {
  const { clause, fields } = m.decoder.decode(word)!;
  return liftConstant(clause, fields, fpCheck);
}
function lifted(text: string): Fragment {
  const { bytes } = assemble(`${text}\n`, { origin: 0n });
  return lift(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true));
}

function randomWord(rng: Rng, clause: Clause): number {
  const fields = Object.entries(clause.encoding.fields).map(([name, { width }]): [string, number] => {
    const values = [rng.below(2 ** width), rng.below(2 ** width), 2 ** width - 1, 0, Math.min(3, 2 ** width - 1)];
    return [name, rng.pick(values)];
  });
  return encodeFields(clause.encoding, Object.fromEntries(fields));
}

/** The state, memory and what was raised after a fragment, from registers that a seed gives. */
function outcome(fragment: Fragment, seed: string): unknown {
  const rng = new Rng(seed);
  const { view, u8 } = m.memory;
  const values = [(): bigint => rng.u64(), () => BigInt(rng.below(64)), () => 0x8000_0000n, () => BigInt(DATA + 64)];
  for (let n = 0; n < 31; n++) view.setBigUint64(n * 8, rng.pick([...values, values[0]!])(), true);
  view.setBigUint64(31 * 8, 0n, true);
  view.setBigUint64(32 * 8, BigInt(DATA + 0x800 + rng.below(2) * 8), true);
  for (let i = V_BASE; i < V_BASE + 512; i += 8) view.setBigUint64(i, rng.u64(), true);
  u8.set(RAM, RAM_BASE);
  view.setInt32(PE_STATE.NZCV.offset, rng.below(16) << 28, true);
  view.setInt32(PE_STATE.FPCR.offset, 0, true);
  view.setInt32(PE_STATE.FPSR.offset, 0, true);
  view.setInt32(PE_DERIVED.spAlignMask.offset, rng.below(2) * 15, true);
  view.setInt32(PE_STATE.exclusiveValid.offset, 0, true);
  view.setBigUint64(PE_STATE.PC.offset, CODE, true);
  m.events.length = 0;
  m.oracle.run(fragment, 0);
  view.setInt32(PE_DERIVED.diverted.offset, 0, true);
  const hash = createHash('md5').update(u8.subarray(0, ARCHITECTURAL_BYTES));
  hash.update(u8.subarray(RAM_BASE, RAM_BASE + RAM.length));
  return [hash.digest('hex'), structuredClone(m.events)];
}

describe('the short form of every clause, with random operands and states', () => {
  it.each(A64.map((c) => [c.name, c] as const))('%s: leaves what the long one leaves', (name, clause) => {
    const rng = new Rng(`simplify ${name}`);
    let ran = 0;
    for (let i = 0; i < WORDS_DRAWN && ran < WORDS_PER_CLAUSE; i++) {
      const word = randomWord(rng, clause);
      if (m.decoder.decode(word)?.clause !== clause) continue;
      ran++;
      const long = lift(word);
      const seed = `${name} ${i}`;
      expect(outcome(simplify(long), seed), `0x${word.toString(16)}`).toEqual(outcome(long, seed));
    }
    expect(ran, 'encodings of this clause that were drawn').toBeGreaterThan(0);
  });
});

describe('what is compiled', () => {
  it.each([
    ['lsl x1, x2, #2', '%0: i64 = getx Rn=2\n%1: i64 = shl %0, 2\nsetx Rd=1, %1'],
    ['lsr w1, w2, #31', '%0: i32 = getw Rn=2\n%1: i32 = shru %0, 31\nsetw Rd=1, %1'],
    ['asr x1, x2, #63', '%0: i64 = getx Rn=2\n%1: i64 = shrs %0, 63\nsetx Rd=1, %1'],
    ['sxtw x1, w2', '%0: i64 = getx Rn=2\n%1: i64 = ext32s %0\nsetx Rd=1, %1'],
    ['uxtb w1, w2', '%0: i32 = getw Rn=2\n%1: i32 = and %0, 255\nsetw Rd=1, %1'],
    ['ror w1, w2, #13', '%0: i32 = getw Rm=2\n%1: i32 = rotr %0, 13\nsetw Rd=1, %1'],
    ['ubfx x1, x2, #3, #7', '%0: i64 = getx Rn=2\n%1: i64 = shru %0, 3\n%2: i64 = and %1, 127\nsetx Rd=1, %2'],
  ])('%s is one operation, or two', (text, printed) => {
    expect(printFragment(simplify(lifted(text)))).toBe(printed);
  });

  it('a test of a bit does not shift', () => {
    expect(printFragment(simplify(lifted('tbz w1, #3, . + 8')))).toContain('and %0, 8\n');
  });
});

describe('an instruction that is given up in the middle and started again', () => {
  /** What a path of a fragment does for good, before an access or a call that could give the instruction up. */
  function effectsBefore(block: Block, done: readonly string[], found: string[]): readonly string[] {
    let effects = done;
    for (const n of block) {
      const givesUp = n.op === 'load' || n.op === 'store' || (n.op === 'call' && n.helper.effect === 'leave');
      // An access that comes after a call is not given up, and an access repeated reads or writes the same.
      if (givesUp && !effects.includes('call') && effects.length > 0) found.push(`${effects.join()} before ${n.op}`);
      if (n.op.startsWith('set')) effects = [...effects, n.op];
      if (n.op === 'call' && n.helper.effect === 'may-divert') effects = [...effects, 'call'];
      if (n.op === 'if') {
        const ways = [effectsBefore(n.yes, effects, found), effectsBefore(n.no, effects, found)];
        effects = [...new Set(ways.flat())];
      }
    }
    return effects;
  }

  it.each(A64.map((c) => [c.name, c] as const))('%s: writes no register before its accesses', (name, clause) => {
    const rng = new Rng(`effects ${name}`);
    const found: string[] = [];
    for (let i = 0; i < WORDS_DRAWN; i++) {
      const word = randomWord(rng, clause);
      if (m.decoder.decode(word)?.clause === clause) effectsBefore(simplify(lift(word)).body, [], found);
    }
    expect(found).toEqual([]);
  });
});
