/** The counters of the Performance Monitors: DDI 0487, "The Performance Monitors Extension". */
import { sysregByName } from '../arch/sysregs/index.ts';
import { PMU_EVENT_COUNTERS } from '../arch/sysregs/pmu.ts';
import { type CountingMode, countingControls, countsIn } from './pmu-filter.ts';
import { el2Enabled } from './routing.ts';
import { type PeState, sysregOffset } from './state.ts';

/** Bit of the cycle counter in the registers with one bit per counter. */
export const CYCLE_BIT = 31;
const ALL = (0x8000_0000 | ((1 << PMU_EVENT_COUNTERS) - 1)) >>> 0;
const TWO32 = 2 ** 32;
const M64 = (1n << 64n) - 1n;

/**
 * Event numbers that are counted, each exactly. DDI 0487, "PMU events and event numbers".
 *
 * A cycle is a step of this PE. An instruction that ended in a synchronous exception whose preferred return address is
 * the instruction itself is not architecturally executed.
 */
export const PMU_EVENTS = {
  SW_INCR: 0x00,
  INST_RETIRED: 0x08,
  EXC_TAKEN: 0x09,
  EXC_RETURN: 0x0a,
  CID_WRITE_RETIRED: 0x0b,
  CPU_CYCLES: 0x11,
  TTBR_WRITE_RETIRED: 0x1c,
  CHAIN: 0x1e,
} as const;
const { CHAIN, CPU_CYCLES, INST_RETIRED } = PMU_EVENTS;

/** Bits of PMCR_EL0. */
export const PMCR = { E: 1, P: 2, C: 4, DP: 1 << 5, LC: 1 << 6 } as const;
const EVENT_MASK = 0x3ff;
const MDCR_EL2 = sysregOffset('MDCR_EL2');

/** MSR encodings whose completion is an event. */
const WRITE_EVENTS = new Map<number, number>([
  [sysregByName('CONTEXTIDR_EL1')!.key, PMU_EVENTS.CID_WRITE_RETIRED],
  [sysregByName('TTBR0_EL1')!.key, PMU_EVENTS.TTBR_WRITE_RETIRED],
  [sysregByName('TTBR1_EL1')!.key, PMU_EVENTS.TTBR_WRITE_RETIRED],
]);

/** Steps of one PE since it was made. */
export interface StepCount {
  /** Those before the instruction that runs now. */
  before(): number;
  /** Those up to and with the instruction that runs now. */
  through(): number;
}

/** What happened to the instruction at PC when an exception was taken: nothing when it was asynchronous. */
export type InstructionEnd = 'completed' | 'abandoned' | 'none';

/** What the Performance Monitors need of their PE and machine. */
export interface PmuParts {
  readonly s: PeState;
  readonly steps: StepCount;
  secure(): boolean;
  /** The overflow interrupt's line. */
  setLine(level: boolean): void;
  requestBoundary(): void;
}

/**
 * Counters that nobody increments: what they hold follows from the steps taken since they were last looked at.
 *
 * They are brought up to date when they are read or written and when the Exception level changes, so an instruction
 * counts where it began: SVC and its EXC_TAKEN at EL0, ERET where it was executed. The instruction that starts a
 * counter is counted, the one that reads or stops it is not.
 */
export class PmuCounters {
  /**
   * Some counter is enabled, by PMCR_EL0.E or MDCR_EL2.HPME as well: only then must exceptions and System register
   * writes be reported.
   */
  active = false;
  protected control = 0;
  protected enabled = 0;
  protected overflowed = 0;
  protected interrupts = 0;
  protected cycles = 0n;
  protected cycleFilter = 0;
  protected counts: number[] = new Array(PMU_EVENT_COUNTERS).fill(0);
  protected types: number[] = new Array(PMU_EVENT_COUNTERS).fill(0);
  /** One bit per counter that counts in the current mode. */
  private counting = 0;
  private line = false;
  /** Steps up to which everything is counted. */
  private countedTo = 0;
  private abandoned = 0;
  /** Steps at which the current grant ends. */
  private grantEnd = 0;
  private readonly parts: PmuParts;
  protected readonly s: PeState;

  constructor(parts: PmuParts) {
    this.parts = parts;
    this.s = parts.s;
  }

  // --- counting ---

  private countTo(step: number): void {
    if (step < this.countedTo) return;
    const passed = step - this.countedTo;
    const retired = passed - this.abandoned;
    this.countedTo = step;
    this.abandoned = 0;
    if (!this.counting || passed === 0) return;
    if (this.counting & (1 << CYCLE_BIT)) this.countCycles(BigInt(passed));
    this.count(CPU_CYCLES, passed);
    this.count(INST_RETIRED, retired);
    this.updateLine();
  }
  private countCycles(amount: bigint): void {
    const sum = this.cycles + amount;
    this.cycles = sum & M64;
    if (sum > M64) this.overflowed = (this.overflowed | (1 << CYCLE_BIT)) >>> 0;
  }
  private count(event: number, amount: number): void {
    if (amount === 0) return;
    for (let n = 0; n < PMU_EVENT_COUNTERS; n++) if (this.counted(n, event)) this.add(n, amount);
  }
  protected counted(n: number, event: number): boolean {
    return (this.counting & (1 << n)) !== 0 && (this.types[n]! & EVENT_MASK) === event;
  }
  protected add(n: number, amount: number): void {
    const sum = this.counts[n]! + amount;
    this.counts[n] = sum % TWO32;
    if (sum < TWO32) return;
    this.overflowed |= 1 << n;
    if (n % 2 === 0 && this.counted(n + 1, CHAIN)) this.add(n + 1, Math.floor(sum / TWO32));
  }

  /** Brings everything up to date before the running instruction, or at a boundary. */
  settle(): void {
    if (this.active) this.countTo(this.parts.steps.before());
  }
  /** An exception is about to be taken; nothing has changed yet. */
  exceptionTaken(end: InstructionEnd): void {
    if (end === 'abandoned') this.abandoned++;
    this.countTo(this.parts.steps.through());
    this.happened(PMU_EVENTS.EXC_TAKEN);
  }
  /** ERET is about to be executed. */
  exceptionReturn(): void {
    this.countTo(this.parts.steps.through());
    this.happened(PMU_EVENTS.EXC_RETURN);
  }
  /** MSR wrote a register. */
  registerWritten(key: number): void {
    const event = WRITE_EVENTS.get(key);
    if (event !== undefined) this.happened(event);
  }
  private happened(event: number): void {
    this.count(event, 1);
    this.updateLine();
  }

  // --- what counts now ---

  /** The Exception level or a control of another register changed; counts are up to date. */
  modeChanged(): void {
    const { s } = this;
    const mode: CountingMode = {
      el: s.el,
      secure: this.parts.secure(),
      els: s.els,
      ...countingControls(s),
      prohibitCycles: (this.control & PMCR.DP) !== 0,
    };
    this.counting = 0;
    for (let n = 0; n < PMU_EVENT_COUNTERS; n++) {
      if (this.runs(n) && countsIn(this.types[n]!, mode, n)) this.counting |= 1 << n;
    }
    if (this.runs(CYCLE_BIT) && countsIn(this.cycleFilter, mode, CYCLE_BIT)) this.counting |= 1 << CYCLE_BIT;
    if (this.countedTo + this.stepsToOverflow() < this.grantEnd) this.parts.requestBoundary();
  }
  /** Counters from MDCR_EL2.HPMN on are EL2's and have an enable of their own. */
  private get firstOfEl2(): number {
    return this.s.els.el2 ? this.s.sysLow(MDCR_EL2) & 31 : PMU_EVENT_COUNTERS;
  }
  private groupEnabled(n: number): boolean {
    if (n !== CYCLE_BIT && n >= this.firstOfEl2) return (this.s.sysLow(MDCR_EL2) & (1 << 7)) !== 0;
    return (this.control & PMCR.E) !== 0;
  }
  private runs(n: number): boolean {
    return (this.enabled & (1 << n)) !== 0 && this.groupEnabled(n);
  }
  /** A register that says what is counted changed, counts being up to date. */
  protected reconfigured(): void {
    const wasActive = this.active;
    this.active = this.runs(CYCLE_BIT) || this.counts.some((_, n) => this.runs(n));
    if (!wasActive) {
      this.countedTo = this.parts.steps.before();
      this.abandoned = 0;
    }
    this.modeChanged();
    this.updateLine();
  }
  /** MDCR_EL2 or MDCR_EL3 changed. */
  controlsChanged(): void {
    this.settle();
    this.reconfigured();
  }

  // --- overflow ---

  protected updateLine(): void {
    let level = false;
    const asking = this.overflowed & this.interrupts;
    for (let n = 0; asking !== 0 && n <= CYCLE_BIT; n++) if (asking & (1 << n) && this.groupEnabled(n)) level = true;
    if (level === this.line) return;
    this.line = level;
    this.parts.setLine(level);
  }

  /** Least number of steps after which a counter whose overflow interrupts can overflow, if the mode stays. */
  private stepsToOverflow(): number {
    const asking = this.counting & this.interrupts & ~this.overflowed;
    if (asking === 0) return Number.POSITIVE_INFINITY;
    let least = asking & (1 << CYCLE_BIT) ? Number(M64 + 1n - this.cycles) : Number.POSITIVE_INFINITY;
    for (let n = 0; n < PMU_EVENT_COUNTERS; n++) {
      if (!(asking & (1 << n))) continue;
      const event = this.types[n]! & EVENT_MASK;
      if (event === CHAIN) least = Math.min(least, this.stepsToChain(n));
      else if (event === CPU_CYCLES || event === INST_RETIRED) least = Math.min(least, TWO32 - this.counts[n]!);
    }
    return least;
  }
  private stepsToChain(n: number): number {
    if (n % 2 === 0 || !(this.counted(n - 1, CPU_CYCLES) || this.counted(n - 1, INST_RETIRED)))
      return Number.POSITIVE_INFINITY;
    return (TWO32 - 1 - this.counts[n]!) * TWO32 + TWO32 - this.counts[n - 1]!;
  }

  /** A grant of at most `budget` steps begins: how long it may be so that an overflow interrupt comes at its step. */
  grant(budget: number): number {
    // Whoever starts to count in the grant ends it, if an overflow can interrupt.
    this.grantEnd = Number.POSITIVE_INFINITY;
    if (!this.active) return budget;
    this.settle();
    const allowed = Math.min(budget, this.stepsToOverflow());
    this.grantEnd = this.countedTo + allowed;
    return allowed;
  }
  /** A grant ended: an overflow in it is known now. */
  granted(): void {
    this.grantEnd = 0;
    this.settle();
  }

  // --- who may see what ---

  /** Counters that software at the current Exception level can reach. */
  protected get reachable(): number {
    const { s } = this;
    const hidden = s.el < 2 && el2Enabled({ el2: s.els.el2, secure: this.parts.secure() });
    return hidden ? (ALL & (0x8000_0000 | ((1 << this.firstOfEl2) - 1))) >>> 0 : ALL;
  }
  /** PMCR_EL0.N as software at the current Exception level sees it. */
  protected get visibleCounters(): number {
    return this.reachable === ALL ? PMU_EVENT_COUNTERS : this.firstOfEl2;
  }
  /** Event counter `n` exists but belongs to EL2, and software is below it. */
  reserved(n: number): boolean {
    return n < PMU_EVENT_COUNTERS && !(this.reachable & (1 << n));
  }
}
