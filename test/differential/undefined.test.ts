/** Words that the decoder says are UNDEFINED are so under QEMU, on the processor both can be. */
import { describe, expect, it } from 'vitest';
import { PROFILES } from '../../src/arch/profiles.ts';
import type { Clause } from '../../src/isa/clause.ts';
import { Decoder } from '../../src/isa/decoder.ts';
import { encodeFields } from '../../src/isa/encoding.ts';
import { A64 } from '../../src/isa/table.ts';
import { Case, CODE_VA, DATA_BYTES, SLOT_BYTES, SLOT_CODE, SLOTS, UNMAPPED_FROM } from './layout.ts';
import { missingTools, Qemu } from './qemu.ts';
import { Random } from './random.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
const WORDS = 16_384;
const NOP = 0xd503_201f;
const SIGTRAP = 5;
const SIGILL = 4;
const missing = missingTools();

/** A word of a clause with a few bits wrong, or any word at all. */
function nearMiss(r: Random, clauses: readonly Clause[]): number {
  if (r.percent(15)) return r.u32();
  const { encoding } = r.pick(clauses);
  const fields = Object.fromEntries(Object.keys(encoding.fields).map((name) => [name, r.u32()]));
  let word = encodeFields(encoding, fields);
  for (let flips = r.below(3); flips > 0; flips--) word ^= 1 << r.below(32);
  return word >>> 0;
}

/** Every register points to where nothing is mapped, so that an instruction that does run does little harm. */
function harmless(word: number, index: number): Case {
  const c = new Case();
  for (let n = 0; n < 32; n++) c.setX(n, BigInt(UNMAPPED_FROM + 0x4000));
  c.pc = CODE_VA + (index % SLOTS) * SLOT_BYTES + SLOT_CODE;
  c.code = [word];
  return c;
}

describe.skipIf(missing.length > 0)(`QEMU's cortex-a57 (${missing.join(', ') || 'installed'})`, () => {
  it(`takes an exception for each of ${WORDS} words that the decoder finds UNDEFINED`, () => {
    const decoder = new Decoder(A64, PROFILES['cortex-a57'].features);
    const r = new Random('undefined');
    const words: number[] = [];
    while (words.length < WORDS) {
      const word = nearMiss(r, A64);
      if (decoder.decode(word) === undefined) words.push(word);
    }
    const qemu = new Qemu(ROOT, 'cortex-a57');
    const outcomes = qemu.run(new Uint8Array(DATA_BYTES), [...words, NOP].map(harmless));
    qemu.close();
    expect(outcomes.at(-1)!.signal, 'the signal after an instruction that runs').toBe(SIGTRAP);
    const ran = words.filter((_, i) => outcomes[i]!.signal !== SIGILL);
    expect(ran.map((word) => `0x${word.toString(16).padStart(8, '0')}`)).toEqual([]);
  });
});
