/** Aliases that follow a rule from the text of the instructions themselves. DDI 0487, "Alias conditions". */
import type { Clause } from '../clause.ts';
import type { Alias } from './aliases.ts';

/** A rule: instructions whose template matches may also be written as the replacement. */
interface Rule extends Omit<Alias, 'asm' | 'of'> {
  readonly template: RegExp;
  readonly alias: string;
}

const RULES: readonly Rule[] = [
  // The assembler takes the unscaled form where the scaled one cannot hold the offset.
  { template: /^(ld|st|prf)u([rm].*)$/, alias: '$1$2', readOnly: true },
  // An atomic operation whose old value nobody wants.
  {
    template: /^ld(add|clr|eor|set|[su]max|[su]min)(\{A\.R:order\}[bh]?) (\{Rs:[^}]*\}), \{Rt:[^}]*\}, (.*)$/,
    alias: 'st$1$2 $3, $4',
    fixed: { A: 0, Rt: 31 },
  },
  { template: /^dup (\{Vd:[bhsd]\}.*)$/, alias: 'mov $1' },
  { template: /^ins (.*)$/, alias: 'mov $1' },
  { template: /^umov (\{Rd:[wx]\}, \{Vn:e\([sd]\).*)$/, alias: 'mov $1' },
  { template: /^([su])shll(2?) (.*), \{immb:u\}$/, alias: '$1xtl$2 $3', fixed: { immb: 0 } },
  { template: /^orr (\{Vd:[^}]*\}, \{Vn:([^}]*)\}), \{Vm:\2\}$/, alias: 'mov $1', same: { Vm: 'Vn' } },
  { template: /^not (\{Vd:.*)$/, alias: 'mvn $1' },
  { template: /^(.*), #0\.0$/, alias: '$1, #0', readOnly: true },
];

/** The aliases that the rules give for a set of clauses. */
export function derivedAliases(clauses: readonly Clause[]): Alias[] {
  return clauses.flatMap((clause) =>
    RULES.flatMap(({ template, alias, ...rest }) => {
      if (!template.test(clause.asm ?? '')) return [];
      return [{ ...rest, asm: clause.asm!.replace(template, alias), of: clause.name }];
    }),
  );
}
