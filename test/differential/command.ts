/** The commands `npm run differential` and `npm run mutants`. */
import { parseArgs } from 'node:util';
import type { Clause } from '../../src/isa/clause.ts';
import { A64 } from '../../src/isa/table.ts';
import { Comparison, describeDifference } from './compare.ts';
import { equivalence } from './equivalent.ts';
import { exclusionOf } from './excluded.ts';
import { describeMutant, judgeMutants, MUTANT_CASES_MAX, type Verdict } from './mutants.ts';
import { missingTools, Qemu } from './qemu.ts';

/** Clauses by name or part of a name; all that are compared when none is given. */
function chosen(names: readonly string[]): Clause[] {
  const compared = A64.filter((clause) => exclusionOf(clause.name) === undefined);
  if (names.length === 0) return compared;
  return compared.filter((clause) => names.some((name) => clause.name === name || clause.name.startsWith(`${name} (`)));
}

function count(text: string, option: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${option} takes a number, not '${text}'`);
  return value;
}

/**
 * Compares clauses and prints a table.
 *
 * @returns exit status: 0 when nothing differs, 1 when something does, 2 when it could not run
 */
export function differentialCommand(root: string, args: readonly string[]): number {
  const { values } = parseArgs({
    args: [...args],
    options: {
      cases: { type: 'string', default: '2000' },
      clause: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
    },
  });
  const missing = missingTools();
  if (missing.length > 0) {
    console.error(`differential: not installed: ${missing.join(', ')}`);
    return 2;
  }
  const clauses = chosen(values.clause);
  if (clauses.length === 0) {
    console.error(`differential: no clause is named ${values.clause.join(', ')}; src/isa has the names`);
    return 2;
  }
  const qemu = new Qemu(root);
  try {
    const report = (d: Parameters<typeof describeDifference>[0]): void => console.log(describeDifference(d));
    const comparison = new Comparison(qemu, values.seed, report);
    const only = values.only === undefined ? undefined : count(values.only, 'only');
    const cases = count(values.cases, 'cases');
    clauses.forEach((clause, i) => {
      if (only === undefined) comparison.add(clause, 0, cases);
      else comparison.add(clause, only, only + 1);
      if (i % 50 === 49) console.error(`differential: ${i + 1} of ${clauses.length} clauses`);
    });
    comparison.finish();
    return printTable(comparison, values.seed);
  } finally {
    qemu.close();
  }
}

function printTable(comparison: Comparison, seed: string): number {
  const rows = [...comparison.tallies];
  const wrong = rows.filter(([, t]) => t.differences > 0);
  for (const [name, t] of wrong) console.log(`${name}: ${t.differences} of ${t.cases} cases differ`);
  const cases = rows.reduce((sum, [, t]) => sum + t.cases, 0);
  const fewest = Math.min(...rows.map(([, t]) => t.cases));
  console.log('clauses  cases     fewest  clauses that differ  differences  seed');
  const columns = [rows.length, cases, fewest, wrong.length, comparison.differences.length, seed];
  const widths = [9, 10, 8, 21, 13, 0];
  console.log(columns.map((c, i) => String(c).padEnd(widths[i]!)).join(''));
  return comparison.differences.length === 0 ? 0 : 1;
}

/**
 * Judges mutants and prints the survivors.
 *
 * @returns exit status: 0 when every survivor is explained, 1 when one is not, 2 when it could not run
 */
export function mutantsCommand(args: readonly string[]): number {
  const { values } = parseArgs({
    args: [...args],
    options: {
      'per-clause': { type: 'string', default: '2' },
      cases: { type: 'string', default: String(MUTANT_CASES_MAX) },
      clause: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string', default: '1' },
    },
  });
  const clauses = chosen(values.clause);
  let unexplained = 0;
  const perClause = count(values['per-clause'], 'per-clause');
  const tell = (v: Verdict): void => {
    if (v.caught) return;
    const reason = equivalence(v);
    if (reason === undefined) unexplained++;
    console.log(
      `${reason === undefined ? 'SURVIVED' : 'equivalent'}: ${describeMutant(v)}${reason ? `: ${reason}` : ''}`,
    );
  };
  const verdicts = judgeMutants(clauses, perClause, values.seed, tell, count(values.cases, 'cases'));
  const caught = verdicts.filter((v) => v.caught).length;
  const equivalent = verdicts.length - caught - unexplained;
  console.log(
    `${verdicts.length} mutants: ${caught} caught, ${equivalent} equivalent, ${unexplained} survived (seed ${values.seed})`,
  );
  return unexplained === 0 && verdicts.length > 0 ? 0 : 1;
}
