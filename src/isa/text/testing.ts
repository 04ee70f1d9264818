/** Sample instruction words for the tests of this folder: the same in every run. */
import type { Clause } from '../clause.ts';
import { encodeFields } from '../encoding.ts';
import type { InstructionSet } from './instructions.ts';

/** An instruction word and the clause it was made for. */
export interface Sample {
  readonly word: number;
  readonly clause: Clause;
}

/** Numbers of 32 bits, by the linear congruence of "Numerical Recipes", high half used because the low bits repeat. */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  const half = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 16;
  };
  return () => ((half() << 16) | half()) >>> 0;
}

/** Up to `count` words of each clause that has a text; every fifth field is all zeros or all ones. */
export function samples(clauses: readonly Clause[], set: InstructionSet, count: number): Sample[] {
  const next = numbers(1);
  return clauses.flatMap((clause) => {
    if (clause.asm === undefined) return [];
    const found: Sample[] = [];
    for (let attempt = 0; attempt < 2000 && found.length < count; attempt++) {
      const values: Record<string, number> = {};
      for (const [name, place] of Object.entries(clause.encoding.fields)) {
        const ones = 2 ** place.width - 1;
        const choice = next() % 10;
        values[name] = choice === 0 ? 0 : choice === 1 ? ones : (next() & ones) >>> 0;
      }
      const word = encodeFields(clause.encoding, values);
      if (set.decode(word)?.clause === clause) found.push({ word, clause });
    }
    return found;
  });
}
