/** Compares what the oracle, the generated handlers and QEMU make of generated cases. */
import type { Clause } from '../../src/isa/clause.ts';
import { generate } from './generate.ts';
import { type Case, differences, OUTCOME, Outcome } from './layout.ts';
import { Ours } from './ours.ts';
import type { Qemu } from './qemu.ts';
import { Random } from './random.ts';
import { randomData } from './values.ts';

/** A case on which two of the three disagree. */
export interface Difference {
  readonly clause: string;
  readonly seed: string;
  readonly index: number;
  /** Who differs from whom. */
  readonly between: 'oracle and QEMU' | 'oracle and handler';
  readonly code: readonly number[];
  readonly what: readonly string[];
}

/** How many cases of a clause were compared, and how many differ. */
export interface Tally {
  cases: number;
  differences: number;
}

/** Cases that go to QEMU at once. */
const BATCH = 4096;

/**
 * What is left of an outcome that both sides promise. After an exception memory may be partly written, and V registers
 * partly loaded by instructions that make more than one access (DDI 0487, "Definition of a precise exception").
 */
export function promised(out: Outcome, clause: Clause): Outcome {
  if (!out.fault) return out;
  const kept = new Outcome(out.bytes.slice());
  kept.view.setUint32(OUTCOME.changes, 0, true);
  kept.bytes.fill(0, OUTCOME.change);
  kept.view.setBigUint64(OUTCOME.pc, 0n, true);
  if ('Vt' in clause.encoding.fields) kept.bytes.fill(0, OUTCOME.v, OUTCOME.change);
  return kept;
}

interface Pending {
  readonly clause: Clause;
  readonly index: number;
  readonly case: Case;
  readonly expected: Outcome;
}

/** One comparison of many clauses. */
export class Comparison {
  readonly tallies = new Map<string, Tally>();
  readonly differences: Difference[] = [];
  private readonly qemu: Qemu;
  private readonly seed: string;
  private readonly data: Uint8Array;
  private readonly ours: Ours;
  private readonly onDifference: (d: Difference) => void;
  private pending: Pending[] = [];

  /** @param seed - decides every case */
  constructor(qemu: Qemu, seed: string, onDifference: (d: Difference) => void = () => {}) {
    this.qemu = qemu;
    this.seed = seed;
    this.data = randomData(new Random(`${seed}/data`));
    this.ours = new Ours(this.data);
    this.onDifference = onDifference;
  }

  /** Adds cases `from` to `to` (excluded) of a clause; results are complete after `finish`. */
  add(clause: Clause, from: number, to: number): void {
    const tally = this.tallies.get(clause.name) ?? { cases: 0, differences: 0 };
    this.tallies.set(clause.name, tally);
    for (let index = from; index < to; index++) {
      const made = generate(this.ours, clause, this.seed, index);
      if (!made) continue;
      tally.cases++;
      const pending = { clause, index, case: made.case, expected: made.expected };
      this.note(pending, 'oracle and handler', this.handlerDifferences(pending));
      this.pending.push(pending);
      if (this.pending.length >= BATCH) this.finish();
    }
  }

  private handlerDifferences({ clause, case: c, expected }: Pending): string[] {
    const found = differences(promised(expected, clause), promised(this.ours.run(c, 'handler'), clause));
    if (found.length > 0) return found;
    // QEMU does not check the alignment of SP, so the handlers are compared with the oracle alone once more.
    this.ours.spAlignMask = 15;
    const [e, h] = [this.ours.run(c, 'oracle'), this.ours.run(c, 'handler')];
    this.ours.spAlignMask = 0;
    return differences(promised(e, clause), promised(h, clause)).map((text) => `with SCTLR_ELx.SA ${text}`);
  }

  private note(p: Pending, between: Difference['between'], what: readonly string[]): void {
    if (what.length === 0) return;
    this.tallies.get(p.clause.name)!.differences++;
    const d: Difference = { clause: p.clause.name, seed: this.seed, index: p.index, between, code: p.case.code, what };
    this.differences.push(d);
    this.onDifference(d);
  }

  /** Runs under QEMU what was added. */
  finish(): void {
    const { pending } = this;
    this.pending = [];
    if (pending.length === 0) return;
    const outcomes = this.qemu.run(
      this.data,
      pending.map((p) => p.case),
    );
    pending.forEach((p, i) => {
      const [e, q] = [promised(p.expected, p.clause), promised(outcomes[i]!, p.clause)];
      this.note(p, 'oracle and QEMU', differences(q, e));
    });
  }
}

/** One line to see a difference again, and what differs. */
export function describeDifference(d: Difference): string {
  const words = d.code.map((w) => `0x${w.toString(16).padStart(8, '0')}`).join(' ');
  const shown = d.what.slice(0, 6).join('; ');
  const again = `npm run differential -- --clause "${d.clause}" --seed ${d.seed} --only ${d.index}`;
  return `${d.clause} [${words}] ${d.between}: ${shown}\n    ${again}`;
}
