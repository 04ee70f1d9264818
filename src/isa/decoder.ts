import type { FeatureName } from '../arch/features.ts';
import type { Clause } from './clause.ts';
import { extractFields, type FieldValues } from './encoding.ts';

/** An instruction word and the clause it belongs to. */
export interface Decoded {
  readonly clause: Clause;
  readonly fields: FieldValues;
}

const INDEX_SHIFT = 21;
const INDEX_SIZE = 1 << (32 - INDEX_SHIFT);

function bitCount(value: number): number {
  let n = 0;
  for (let v = value >>> 0; v; v &= v - 1) n++;
  return n;
}

/** Finds the clause of an instruction word: the most specific pattern that matches and does not decline. */
export class Decoder {
  private readonly index: Clause[][] = Array.from({ length: INDEX_SIZE }, () => []);

  /**
   * @param clauses - the whole table; clauses whose feature is missing are left out
   * @param features - features of the profile
   */
  constructor(clauses: readonly Clause[], features: ReadonlySet<FeatureName>) {
    const present = clauses.filter((c) => c.feature === undefined || features.has(c.feature));
    present.sort((a, b) => bitCount(b.encoding.mask) - bitCount(a.encoding.mask));
    for (const clause of present) {
      const mask = clause.encoding.mask >>> INDEX_SHIFT;
      const value = clause.encoding.value >>> INDEX_SHIFT;
      for (let i = 0; i < INDEX_SIZE; i++) if ((i & mask) === value) this.index[i]!.push(clause);
    }
  }

  /** The clause of a word, or undefined when no row has it (unallocated). */
  find(word: number): Clause | undefined {
    for (const clause of this.index[word >>> INDEX_SHIFT]!) {
      const { mask, value } = clause.encoding;
      if ((word & mask) >>> 0 !== value) continue;
      if (clause.unless?.(extractFields(clause.encoding, word))) continue;
      return clause;
    }
    return undefined;
  }
  /** As `find`, with the values of the fields. */
  decode(word: number): Decoded | undefined {
    const clause = this.find(word);
    return clause && { clause, fields: extractFields(clause.encoding, word) };
  }
}
