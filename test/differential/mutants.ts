/** Makes mutants of clauses and finds out which of them the comparison catches. */
import type { Clause } from '../../src/isa/clause.ts';
import type { FieldValues } from '../../src/isa/encoding.ts';
import { promised } from './compare.ts';
import { type Generated, generate, shapeOf } from './generate.ts';
import { differences } from './layout.ts';
import { mutant, type Site, sites } from './mutate.ts';
import { Ours } from './ours.ts';
import { Random } from './random.ts';
import { randomData } from './values.ts';

/** What became of one mutant. */
export interface Verdict {
  readonly clause: string;
  readonly statics: FieldValues;
  readonly site: Site;
  /** Cases run until it differed, or all of them. */
  readonly cases: number;
  readonly caught: boolean;
}

/** Cases of the right shape after which a mutant counts as survivor, unless more are asked for. */
export const MUTANT_CASES_MAX = 1500;

/** Sameness of both outcomes with the stack pointer's alignment checked or not. */
function differs(ours: Ours, made: Generated, original: Clause, wrong: Clause): boolean {
  const check = (): boolean => {
    const out = promised(ours.run(made.case, 'oracle', wrong), original);
    return differences(promised(ours.run(made.case, 'oracle'), original), out).length > 0;
  };
  if (check()) return true;
  if (made.fields.Rn !== 31) return false;
  ours.spAlignMask = 15;
  const found = check();
  ours.spAlignMask = 0;
  return found;
}

/** Values of the fields that select a shape, as `generate` takes them. */
function fixedFields(statics: FieldValues): Record<string, number> {
  const fixed: Record<string, number> = {};
  for (const [name, value] of Object.entries(statics)) {
    if (!name.endsWith('Is31')) fixed[name] = value;
    else if (value === 1) fixed[name.slice(0, -4)] = 31;
  }
  return fixed;
}

function judge(
  ours: Ours,
  clause: Clause,
  statics: FieldValues,
  site: Site,
  { seed, casesMax }: Effort,
): Verdict | undefined {
  const wrong = mutant(clause, site);
  const fixed = fixedFields(statics);
  let cases = 0;
  for (let index = 0; index < casesMax; index++) {
    const made = generate(ours, clause, seed, index, fixed);
    if (!made) continue;
    cases++;
    try {
      if (differs(ours, made, clause, wrong)) return { clause: clause.name, statics, site, cases, caught: true };
    } catch {
      // The mistake is one that the types of the IR do not allow: no mutant.
      return undefined;
    }
  }
  return { clause: clause.name, statics, site, cases, caught: false };
}

/** Which cases a mutant is tried on, and how many at most. */
interface Effort {
  readonly seed: string;
  readonly casesMax: number;
}

/** Attempts at a mutant of a clause that the types of the IR allow. */
const ATTEMPTS = 20;

/**
 * Judges mutants of clauses. Which mutants depends on the clause and the seed alone, so that a change of one clause
 * does not bring new mutants of others.
 */
export function judgeMutants(
  clauses: readonly Clause[],
  perClause: number,
  seed: string,
  onVerdict: (v: Verdict) => void = () => {},
  casesMax: number = MUTANT_CASES_MAX,
): Verdict[] {
  const ours = new Ours(randomData(new Random(`${seed}/data`)));
  const verdicts: Verdict[] = [];
  for (const clause of clauses) {
    const r = new Random(`${seed}/${clause.name}/mutants`);
    for (let made = 0, attempt = 0; made < perClause && attempt < ATTEMPTS * perClause; attempt++) {
      const verdict = judgeOne(ours, clause, { seed, casesMax }, r);
      if (!verdict) continue;
      made++;
      verdicts.push(verdict);
      onVerdict(verdict);
    }
  }
  return verdicts;
}

function judgeOne(ours: Ours, clause: Clause, effort: Effort, r: Random): Verdict | undefined {
  const made = generate(ours, clause, effort.seed, r.below(1000));
  if (!made) return undefined;
  const statics = shapeOf(clause, made.fields);
  const possible = sites(clause, statics);
  return possible.length === 0 ? undefined : judge(ours, clause, statics, r.pick(possible), effort);
}

/** About one clause in `parts`, chosen by name. */
export function sampleOfClauses(clauses: readonly Clause[], parts: number): Clause[] {
  return clauses.filter((clause) => new Random(clause.name).below(parts) === 0);
}

/** One line that names a mutant. */
export function describeMutant({ clause, statics, site, cases }: Verdict): string {
  const shape = Object.entries(statics).map(([name, value]) => `${name}=${value}`);
  return `${clause} ${shape.join(' ')}: call ${site.call}, ${site.method}: ${site.mistake} (${cases} cases)`;
}
