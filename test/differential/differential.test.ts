/** Every clause on random encodings and states: the oracle, the generated handlers and QEMU leave the same state. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { A64 } from '../../src/isa/table.ts';
import { Comparison, describeDifference } from './compare.ts';
import { EXCLUSIONS, exclusionOf } from './excluded.ts';
import { generate } from './generate.ts';
import { DATA_BYTES, differences, OUTCOME, Outcome } from './layout.ts';
import { Ours } from './ours.ts';
import { missingTools, Qemu } from './qemu.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
const CASES = 20;
/** Few encodings of some clauses are neither UNPREDICTABLE nor another clause's. */
const CASES_MIN = 10;
const missing = missingTools();
const compared = A64.filter((clause) => exclusionOf(clause.name) === undefined);

describe.skipIf(missing.length > 0)(`QEMU's user-mode emulation (${missing.join(', ') || 'installed'})`, () => {
  let qemu: Qemu;
  beforeAll(() => {
    qemu = new Qemu(ROOT);
  });
  afterAll(() => qemu.close());

  it(`${CASES} random cases of each clause leave the state that the oracle and the handlers leave`, () => {
    const comparison = new Comparison(qemu, 'sample');
    for (const clause of compared) comparison.add(clause, 0, CASES);
    comparison.finish();
    expect(comparison.differences.map(describeDifference)).toEqual([]);
    const few = [...comparison.tallies]
      .filter(([, t]) => t.cases < CASES_MIN)
      .map(([name, t]) => `${name}: ${t.cases}`);
    expect(few, 'clauses of which too few cases could be made').toEqual([]);
  });
});

describe('the comparison', () => {
  it('sees one wrong bit in any register, flag, word of memory, PC or exception', () => {
    const right = new Outcome();
    const { signal, v, bytes } = OUTCOME;
    for (let at = 0; at < bytes; at++) {
      const wrong = new Outcome();
      wrong.bytes[at] = 0x10;
      const isCompared = at < signal || at >= v;
      expect(differences(right, wrong).length, `byte ${at}`).toBe(isCompared ? 1 : 0);
    }
  });
});

describe('the list of exclusions', () => {
  it('excludes only clauses that exist and of which no case can be made without a PE', () => {
    const ours = new Ours(new Uint8Array(DATA_BYTES));
    const unneeded = A64.filter(
      (clause) => exclusionOf(clause.name)?.startsWith('the guest') === false && generate(ours, clause, 'needed', 0),
    );
    expect(unneeded.map((c) => c.name)).toEqual([]);
    const idle = EXCLUSIONS.filter((e) => !A64.some((clause) => e.clause.test(clause.name)));
    expect(idle.map((e) => e.clause.source)).toEqual([]);
  });
});
