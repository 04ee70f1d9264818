/** Deliberate mistakes in clauses are caught by the cases that clauses are compared with QEMU on. */
import { describe, expect, it } from 'vitest';
import { insn } from '../../src/isa/clause.ts';
import { A64 } from '../../src/isa/table.ts';
import { EQUIVALENTS, equivalence } from './equivalent.ts';
import { exclusionOf } from './excluded.ts';
import { describeMutant, judgeMutants, sampleOfClauses } from './mutants.ts';
import { sites } from './mutate.ts';

const PARTS = 4;
const compared = A64.filter((clause) => exclusionOf(clause.name) === undefined);

describe('mutants', () => {
  it(`of one clause in ${PARTS} are caught, unless no program could tell them from the original`, () => {
    const verdicts = judgeMutants(sampleOfClauses(compared, PARTS), 1, 'sample');
    expect(verdicts.length).toBeGreaterThan(compared.length / PARTS / 2);
    const survivors = verdicts.filter((v) => !v.caught && equivalence(v) === undefined);
    expect(survivors.map(describeMutant)).toEqual([]);
    expect(verdicts.filter((v) => v.caught).length / verdicts.length).toBeGreaterThan(0.85);
  });

  it('are made of every call of a lift whose value is used, and of no other', () => {
    const clause = insn('X', '0000000000000000 imm:6 Rn:5 Rd:5', {
      imm: { imm: ['u8', (f) => f.imm!] },
      dynamic: ['imm'],
      lift: (b) => {
        b.mul(b.x('Rn'), b.x('Rn'));
        b.setX('Rd', b.sub(b.x('Rn'), b.zext(b.imm('imm'))));
      },
    });
    expect(sites(clause, {}).map((s) => `${s.method}: ${s.mistake}`)).toEqual([
      'x: next register',
      'imm: immediate + 1',
      'zext: sign-extended',
      'sub: is add',
      'sub: operands swapped',
      'setX: dropped',
      'setX: next register',
    ]);
  });

  it('that count as equivalent have a reason each', () => {
    expect(EQUIVALENTS.every((e) => e.reason.length > 10)).toBe(true);
  });
});
