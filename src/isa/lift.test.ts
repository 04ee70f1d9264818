import { describe, expect, it } from 'vitest';
import { FlatMachine } from '../../test/support/flat.ts';
import { Rng } from '../../test/support/rng.ts';
import { ARCHITECTURAL_BYTES, PE_STATE, V_BASE } from '../arch/pestate.ts';
import { RAM_BASE } from '../engine/records.ts';
import type { Clause } from './clause.ts';
import { encodeFields } from './encoding.ts';
import { A64 } from './table.ts';

const CODE = 0x1000;
const DATA = 0x8000;
const WORDS_PER_CLAUSE = 40;

function randomWord(rng: Rng, clause: Clause): number {
  const fields: Record<string, number> = {};
  for (const [name, { width }] of Object.entries(clause.encoding.fields)) {
    fields[name] = rng.pick([
      rng.below(2 ** width),
      rng.below(2 ** width),
      2 ** width - 1,
      0,
      Math.min(3, 2 ** width - 1),
    ]);
  }
  return encodeFields(clause.encoding, fields);
}

function randomState(rng: Rng, m: FlatMachine): void {
  const { view, u8 } = m.memory;
  for (let n = 0; n < 31; n++) {
    const value = rng.pick([
      rng.u64(),
      rng.u64(),
      BigInt(rng.below(64)),
      (1n << 64n) - 1n,
      1n << 63n,
      0x8000_0000n,
      BigInt(DATA + rng.below(4096)),
    ]);
    view.setBigUint64(n * 8, value, true);
  }
  view.setBigUint64(32 * 8, BigInt(DATA + 0x800), true);
  for (let i = V_BASE; i < V_BASE + 512; i += 8)
    view.setBigUint64(i, rng.pick([rng.u64(), 0n, 0x7ff0_0000_3f80_0000n, rng.u64()]), true);
  view.setInt32(PE_STATE.NZCV.offset, rng.below(16) << 28, true);
  view.setInt32(PE_STATE.FPCR.offset, rng.below(32) << 22, true);
  view.setInt32(PE_STATE.FPSR.offset, rng.below(2) << 4, true);
  view.setInt32(PE_STATE.EL.offset, 1, true);
  for (let i = 0; i < 0x2000; i += 4) view.setUint32(RAM_BASE + DATA + i, rng.below(2 ** 32), true);
  u8.fill(0, PE_STATE.exclusiveValid.offset, PE_STATE.exclusiveValid.offset + 4);
}

/** State, data memory and what was raised, after one instruction. */
function outcome(m: FlatMachine): { state: string; data: string; events: unknown } {
  const hex = (from: number, bytes: number): string =>
    Buffer.from(m.memory.u8.slice(from, from + bytes)).toString('hex');
  return { state: hex(0, ARCHITECTURAL_BYTES), data: hex(RAM_BASE + DATA, 0x2000), events: structuredClone(m.events) };
}

describe('every clause, with random operands and states', () => {
  const m = new FlatMachine();
  it.each(A64.map((c) => [c.name, c] as const))(
    '%s: the generated handler and the bigint oracle leave the same state',
    (name, clause) => {
      const rng = new Rng(name);
      let ran = 0;
      for (let i = 0; i < WORDS_PER_CLAUSE; i++) {
        const word = randomWord(rng, clause);
        if (m.decoder.decode(word)?.clause !== clause) continue;
        ran++;
        randomState(rng, m);
        const before = m.memory.u8.slice(0, ARCHITECTURAL_BYTES);
        const code = new Uint8Array(4);
        new DataView(code.buffer).setUint32(0, word, true);
        m.memory.write(CODE, code);
        // Small numbers in registers are addresses too.
        const low = m.memory.u8.slice(RAM_BASE, RAM_BASE + CODE + 0x1000);
        const data = m.memory.u8.slice(RAM_BASE + DATA, RAM_BASE + DATA + 0x2000);
        m.events.length = 0;
        m.oracleStep(word, BigInt(CODE));
        const expected = outcome(m);
        m.memory.u8.set(before, 0);
        m.memory.write(0, low);
        m.memory.write(DATA, data);
        m.events.length = 0;
        m.memory.view.setBigUint64(PE_STATE.PC.offset, BigInt(CODE), true);
        expect(m.engine.run(0, 1)).toBe(1);
        expect(outcome(m), `${name} 0x${word.toString(16)}`).toEqual(expected);
      }
      expect(ran, 'encodings of this clause that were drawn').toBeGreaterThan(0);
    },
  );
});

describe('the table', () => {
  it('names every clause once', () => {
    const names = A64.map((c) => c.name);
    expect(names.filter((n, i) => names.indexOf(n) !== i)).toEqual([]);
  });

  it('has no two rows of which neither is more specific that share an encoding neither declines', () => {
    const rng = new Rng('overlap');
    const clashes: string[] = [];
    for (const clause of A64) {
      const rivals = A64.filter(
        (o) =>
          o !== clause && ((o.encoding.value ^ clause.encoding.value) & o.encoding.mask & clause.encoding.mask) === 0,
      );
      for (const rival of rivals) {
        const [a, b] = [clause.encoding.mask, rival.encoding.mask];
        if ((a & b) >>> 0 === a || (a & b) >>> 0 === b) continue;
        for (let i = 0; i < 50; i++) {
          const word =
            (randomWord(rng, clause) & ~rival.encoding.mask) | rival.encoding.value | (clause.encoding.value & a);
          const declines = (c: Clause): boolean =>
            c.unless?.(
              Object.fromEntries(
                Object.entries(c.encoding.fields).map(([f, p]) => [f, (word >>> p.lsb) & (2 ** p.width - 1)]),
              ),
            ) === true;
          if (!declines(clause) && !declines(rival)) clashes.push(`${clause.name} / ${rival.name}`);
        }
      }
    }
    expect([...new Set(clashes)]).toEqual([]);
  });
});
