/** A panic at every boundary of a run: where hand-over fails, by version. */
import { DATA } from './layout.ts';
import type { Machine32 } from './machine.ts';
import { MODE, PSR, psrText } from './psr.ts';

/** How a run ended, seen from who takes over. */
export interface Outcome32 {
  /** `handed over`: the next kernel was entered, in the mode of the boot, with the MMUs off and in its instruction set. */
  readonly kind: 'handed over' | 'wrong mode' | 'dead';
  /** Mode and state at the first instruction, or what it died of. */
  readonly why: string;
}

const NEXT_KERNELS: ReadonlySet<string> = new Set(['crash.start', 'next.start']);
/** Steps after which a run without an end has none. */
const STEPS_MAX = 4_000;

/** The outcome of a run that has ended; `boot` is the mode in which the kernel was entered. */
export function outcome32(machine: Machine32, boot: 'HYP' | 'SVC'): Outcome32 {
  const arrival = machine.arrivals.find(({ name }) => NEXT_KERNELS.has(name));
  if (arrival) {
    const mmu = arrival.sctlr & 1 || (boot === 'HYP' && arrival.hsctlr & 1);
    const right = (arrival.cpsr & PSR.M) === MODE[boot] && !mmu;
    const stale = arrival.hsctlr & 1 ? ', HYP still translates' : '';
    return { kind: right ? 'handed over' : 'wrong mode', why: `${arrival.name} in ${psrText(arrival.cpsr)}${stale}` };
  }
  return { kind: 'dead', why: deathOf(machine) };
}

/** The first thing that went wrong in HYP, and where the processor ended. */
function deathOf(machine: Machine32): string {
  const { stopped, waiting } = machine.cpus[0]!.state;
  const first = machine.taken.find(({ kind, to }) => (to & PSR.M) === MODE.HYP && kind !== 'hvc');
  const last = machine.taken.at(-1);
  const at = first ?? last;
  const cause = at
    ? `${at.kind} at 0x${at.returnAddress.toString(16)} in ${psrText(at.from)}, vector 0x${at.vector.toString(16)}`
    : 'no exception';
  const end = stopped?.split(':')[0] ?? (waiting === 'spin' ? `spins at ${machine.where(0)}` : (waiting ?? 'runs on'));
  return `${cause}; ${end}`;
}

/** One boundary, and what came of a panic there. */
export interface Boundary32 extends Outcome32 {
  /** Steps since the window began. */
  readonly at: number;
  readonly where: string;
  readonly mode: string;
}

/** What comes at a boundary. */
export type Injection32 =
  /** FIQ, which this kernel never masks but on its way out, whose handler panics. */
  | 'nmi'
  /** An asynchronous external abort. */
  | 'abort'
  /** An UNDEFINED instruction in place of the next one, whoever runs. */
  | 'bug';

/** Makes it happen now. */
export function inject32(machine: Machine32, what: Injection32): void {
  if (what === 'bug') return machine.breakNext(0);
  if (what === 'abort') return machine.line(0, 'serror');
  machine.memory.setWord(DATA.panicNext, 1);
  machine.line(0, 'fiq');
}

/** A window of boundaries on processor 0. */
export interface Window32 {
  readonly machine: Machine32;
  readonly boot: 'HYP' | 'SVC';
  /** The window begins at the first boundary where this holds; default: the entry of `main`. */
  readonly from?: (machine: Machine32) => boolean;
  /** It ends at the first one where this holds; default: when the next kernel is entered. */
  readonly over?: (machine: Machine32) => boolean;
  readonly what?: Injection32;
  /** One boundary alone. */
  readonly only?: number | undefined;
  /** Hears how many boundaries there are when `only` is none of them. */
  readonly outside?: (boundaries: number) => void;
}

const inMain = (machine: Machine32): boolean => machine.where(0).startsWith('kernel.main+');
const arrived = (machine: Machine32): boolean => machine.arrivals.some(({ name }) => NEXT_KERNELS.has(name));

/** Runs to each boundary of the window, injects, runs to the end. The machine is left where the window begins. */
export function everyBoundary(window: Window32): Boundary32[] {
  const { machine, boot, from = inMain, over = arrived, what = 'nmi', only, outside } = window;
  while (!from(machine)) if (!machine.step(0)) throw new Error('assertion: the window never begins');
  const begin = machine.snapshot();
  const results: Boundary32[] = [];
  let boundaries = 0;
  for (let more = true; more && boundaries < STEPS_MAX && only !== boundaries - 1; boundaries++) {
    if (only === undefined || only === boundaries) {
      const here = machine.snapshot();
      const seen = { at: boundaries, where: machine.where(0), mode: machine.cpus[0]!.mode.name };
      inject32(machine, what);
      machine.run({ steps: STEPS_MAX });
      results.push({ ...seen, ...outcome32(machine, boot) });
      machine.restore(here);
    }
    more = machine.step(0) && machine.cpus[0]!.state.stopped === undefined && !over(machine);
  }
  machine.restore(begin);
  if (only !== undefined && only >= boundaries) outside?.(boundaries);
  return results;
}

/** A reason without its addresses, so that neighbours can be put together. */
const kindOf = ({ kind, why }: Outcome32): string => `${kind}: ${why.replaceAll(/0x[0-9a-f]{5,}/g, '..')}`;

/** Boundaries at which hand-over fails, in runs of neighbours with one reason. */
export function failureLines(name: string, boundaries: readonly Boundary32[]): string[] {
  const bad = boundaries.filter(({ kind }) => kind !== 'handed over');
  const lines = [`${name}: hand-over fails at ${bad.length} of ${boundaries.length} boundaries`];
  let first: Boundary32 | undefined;
  bad.forEach((one, n) => {
    first ??= one;
    const next = bad[n + 1];
    if (
      next &&
      kindOf(next) === kindOf(one) &&
      !boundaries.some(({ at, kind }) => at > one.at && at < next.at && kind === 'handed over')
    )
      return;
    lines.push(`  ${first.at} to ${one.at}, ${first.where} to ${one.where}: ${first.kind}: ${first.why}`);
    first = undefined;
  });
  return lines;
}
