/** Why a guest does not come to its end: what can be proven, and what is only suspected. */
import { PE_STATE } from '../arch/pestate.ts';
import type { LockWait } from '../cpu/hosted.ts';
import { WAIT } from '../cpu/waiting.ts';
import type { Symbols } from '../debug/symbols/symbols.ts';
import { isHosted } from '../engine/hosted/program.ts';
import type { Machine, RunReason, Snapshot } from '../machine/machine.ts';
import { Comparison } from './compare.ts';
import type { ExploreLimits } from './limits.ts';
import type { OutcomeKind } from './types.ts';

/** What was found. */
export interface Verdict {
  readonly outcome: OutcomeKind;
  readonly detail: string;
}

/** Steps that are looked at to see where a guest loops. */
const SAMPLE_STEPS = 20_000;
/** A loop has no more instructions, on all PEs together. */
const LOOP_INSTRUCTIONS_MAX = 128;
/** Functions that are named. */
const NAMES_MAX = 6;

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** Words that name a place: symbol, hosted function and yield, or address. */
export function placeName(machine: Machine, symbols: Symbols, pc: bigint): string {
  return machine.hosted?.describe(pc) ?? symbols.symbolize(pc) ?? hex(pc);
}

/**
 * A ring of PEs, each of which spins on a lock that the next one holds; the owner of a lock is 1 plus the number of a
 * PE, or MPIDR_EL1. A PE that spins on a lock that it holds itself is a ring of one.
 */
export function lockRing(machine: Machine): string | undefined {
  const waits = machine.hosted?.lockWaits() ?? [];
  const holderOf = ({ heldBy }: LockWait): number => Number(heldBy & 0xffn) - 1;
  const byPe = new Map(waits.map((wait) => [wait.pe, wait]));
  for (const start of waits) {
    const ring = [start];
    for (let next = byPe.get(holderOf(start)); next; next = byPe.get(holderOf(next))) {
      if (next === start)
        return ring.map((w) => `PE ${w.pe} waits for the lock at ${hex(w.va)} of PE ${holderOf(w)}`).join('; ');
      if (ring.includes(next)) break;
      ring.push(next);
    }
  }
  return undefined;
}

function isRunning(machine: Machine, pe: number): boolean {
  const state = machine.pes[pe]!.s.get32(PE_STATE.waitState);
  return state === WAIT.RUNNING || state === WAIT.STARTING;
}
const standsStill = (snapshot: Snapshot): boolean => {
  const { frozen } = snapshot.schedule as { readonly frozen: { readonly at: unknown } };
  return frozen.at !== null;
};

/** Says why a guest that is out of steps is stuck. The machine is left somewhere later. */
export class StuckAnalysis {
  private readonly machine: Machine;
  private readonly symbols: Symbols;
  private readonly limits: ExploreLimits;
  private readonly own: ((machine: Machine) => string | undefined) | undefined;
  /** Nothing is left out: what is ignored elsewhere could end a loop. */
  private readonly comparison: Comparison;

  constructor(
    machine: Machine,
    symbols: Symbols,
    { limits, own }: { readonly limits: ExploreLimits; readonly own: StuckAnalysis['own'] },
  ) {
    this.machine = machine;
    this.symbols = symbols;
    this.limits = limits;
    this.own = own;
    this.comparison = new Comparison(machine, {}, { symbolize: () => undefined, most: 1, strict: true });
  }

  /** @param reason - `limit` when steps ran out, `idle` when nothing was due */
  verdict(reason: 'limit' | 'idle'): Verdict {
    const { machine } = this;
    const ring = this.own?.(machine) ?? lockRing(machine);
    if (ring !== undefined) return { outcome: 'deadlock', detail: ring };
    if (reason === 'idle') return { outcome: 'deadlock', detail: this.waiting() };
    const still = standsStill(machine.snapshot());
    const cycle = this.cycle();
    const where = this.sample();
    if (cycle !== undefined) {
      const spinning = machine.hosted?.lockWaits() ?? [];
      const running = machine.pes.filter((_, pe) => isRunning(machine, pe)).length;
      const detail = `the whole state comes again after ${cycle} steps: ${where.text}`;
      if (spinning.length === 0 || spinning.length < running) return { outcome: 'livelock', detail };
      const locks = spinning.map(({ pe, va }) => `PE ${pe} waits for the lock at ${hex(va)}, which nobody releases`);
      return { outcome: 'deadlock', detail: locks.join('; ') };
    }
    const stands = still ? '; injected time stands still: the PE never came back to where it was interrupted' : '';
    const small = where.instructions <= LOOP_INSTRUCTIONS_MAX;
    return { outcome: small ? 'suspected livelock' : 'limit', detail: `${where.text}${stands}` };
  }

  private waiting(): string {
    const { machine, symbols } = this;
    const names = Object.entries(WAIT);
    const pes = machine.pes.map(({ s }) => {
      const state = names.find(([, value]) => value === s.get32(PE_STATE.waitState))![0];
      return `PE ${s.index} ${state} at ${placeName(machine, symbols, s.pc)}`;
    });
    return `nothing can run and nothing is due: ${pes.join(', ')}`;
  }

  /**
   * Steps after which the whole state comes again, when nothing could end that: nothing is due, or time stands still,
   * and in between the guest looked neither at a clock nor at a device.
   */
  private cycle(): number | undefined {
    const { machine, limits } = this;
    const first = machine.snapshot();
    if (machine.nextDueNs() !== undefined && !standsStill(first)) return undefined;
    const pe = machine.pes.findIndex((_, n) => isRunning(machine, n));
    if (pe < 0) return undefined;
    let looked = false;
    const removers = [
      machine.on('sysreg', (_pe, name) => {
        if (/^CNT|^PM|^RNDR/.test(name)) looked = true;
      }),
      machine.on('mmio', () => {
        looked = true;
      }),
    ];
    const { pc } = machine.pes[pe]!.s;
    const { s } = machine.pes[pe]!;
    const hosted = isHosted(pc);
    // A listener is told of where the machine is already, too: that is no state that comes again.
    let from = machine.steps;
    const arrived = (): void => {
      if (machine.steps > from) machine.stop();
    };
    if (!hosted) removers.push(machine.breakAt(pc, arrived, { pe }));
    let found: number | undefined;
    const end = first.time.steps + limits.cycleStepsMax;
    for (let n = 0; n < limits.cycleArrivalsMax && found === undefined && machine.steps < end && !looked; n++) {
      from = machine.steps;
      const steps = end - from;
      const { reason } = hosted ? this.toHosted(() => s.pc === pc, steps) : machine.run({ steps });
      if (reason !== 'stopped') break;
      if (this.comparison.differences(first, false).length === 0) found = machine.steps - first.time.steps;
    }
    for (const off of removers) off();
    return looked ? undefined : found;
  }

  /** Runs until a condition holds again, at least one step. */
  private toHosted(there: () => boolean, steps: number): { readonly reason: RunReason } {
    const { reason } = this.machine.step();
    return reason === 'limit' ? this.machine.runUntil(there, { steps }) : { reason };
  }

  /** Where the guest is while it goes nowhere. */
  private sample(): { readonly text: string; readonly instructions: number } {
    const { machine, symbols } = this;
    const seen = new Map<number, Map<string, bigint>>();
    const off = machine.on('step', (pe, pc) => {
      const pcs = seen.get(pe) ?? new Map<string, bigint>();
      seen.set(pe, pcs);
      // Each round of a loop in hosted code has yields of its own.
      pcs.set(isHosted(pc) ? (machine.hosted!.describe(pc) ?? '').replace(/, yield \d+$/, '') : `${pc}`, pc);
    });
    machine.run({ steps: Math.min(SAMPLE_STEPS, this.limits.cycleStepsMax) });
    off();
    const nameOf = (pc: bigint): string => placeName(machine, symbols, pc).replace(/\+0x[0-9a-f]+$/, '');
    let instructions = 0;
    const texts: string[] = [];
    for (const [pe, pcs] of [...seen].sort(([a], [b]) => a - b)) {
      instructions += pcs.size;
      const names = new Set([...pcs].map(([key, pc]) => (isHosted(pc) ? key : nameOf(pc))));
      const listed = [...names].slice(0, NAMES_MAX).join(', ');
      const more = names.size > NAMES_MAX ? `, and ${names.size - NAMES_MAX} more` : '';
      texts.push(`PE ${pe} loops in ${listed}${more} (${pcs.size} instructions)`);
    }
    return { text: texts.join('; ') || 'no PE takes a step', instructions };
  }
}
