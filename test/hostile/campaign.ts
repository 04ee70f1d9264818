/** Many hostile guests, each reproducible by its name. */
import { Random } from '../differential/random.ts';
import { OracleEngine } from '../exact/oracle-engine.ts';
import { ARENAS, Arena, type ArenaOptions, expectSame } from './arena.ts';
import { ATTACKS, type AttackName } from './attacks.ts';

/** Steps of a round: short ones reach more; code has to run long before it is compiled. */
const STEPS = { short: 400, oracle: 150, compiled: 120_000 } as const;

/** A round that broke a promise. */
export interface Finding {
  /** Name by which `Campaign.round` repeats it. */
  readonly name: string;
  readonly message: string;
}

/** Hostile guests in every arena, made of one seed. */
export class Campaign {
  rounds = 0;
  steps = 0;
  readonly findings: Finding[] = [];
  /** Rounds by attack and by why they ended. */
  readonly ends: Record<string, Record<string, number>> = {};
  private readonly arenas = new Map<string, { readonly fast: Arena; readonly slow: Arena }>();

  private arena(options: ArenaOptions): { readonly fast: Arena; readonly slow: Arena } {
    let pair = this.arenas.get(options.name);
    if (!pair) {
      pair = { fast: new Arena(options), slow: new Arena(options) };
      OracleEngine.install(pair.slow.machine);
      this.arenas.set(options.name, pair);
    }
    return pair;
  }

  /** Every attack in every arena once. `isOver` is asked before each. */
  pass(seed: string, n: number, isOver: () => boolean = () => false): void {
    for (const options of ARENAS) {
      for (const attack of Object.keys(ATTACKS) as AttackName[]) {
        if (isOver()) return;
        this.round(`${seed}/${options.name}/${attack}/${n}`);
      }
    }
  }

  /** One guest, by its name: seed, arena, attack, number. */
  round(name: string): void {
    const [, arenaName, attackName] = name.split('/');
    const options = ARENAS.find((a) => a.name === arenaName);
    if (!options || !attackName || !(attackName in ATTACKS)) throw new Error(`no round '${name}'`);
    const attack = attackName as AttackName;
    const { fast, slow } = this.arena(options);
    try {
      const r = new Random(name);
      const round = attack === 'loop' ? fast.compiled(attack, r, STEPS.compiled) : fast.twice(attack, r, STEPS.short);
      const [a, b] = [fast, slow].map((arena) =>
        arena.run(arena.prepare(attack, new Random(name)), STEPS.oracle, () => STEPS.oracle),
      );
      expectSame('on the oracle', a!, b!);
      this.rounds++;
      this.steps += round.steps;
      const ends = (this.ends[attack] ??= {});
      ends[round.reason] = (ends[round.reason] ?? 0) + 1;
    } catch (e) {
      this.findings.push({ name, message: (e as Error).stack ?? String(e) });
    }
  }

  /** Regions compiled in all arenas. */
  get compiledRegions(): number {
    return [...this.arenas.values()].reduce((n, { fast }) => n + fast.compiledRegions, 0);
  }
  /** Most handlers that any arena's machine made. */
  get handlers(): number {
    return Math.max(...[...this.arenas.values()].map(({ fast }) => fast.machine.handlers));
  }
}
