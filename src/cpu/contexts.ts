import { PE_DERIVED, PE_STATE, type StateField } from '../arch/pestate.ts';
import type { GuestMemory } from '../engine/memory.ts';
import { stage1Suspended } from './mmu.ts';
import { type PeState, sysregOffset } from './state.ts';

/** Registers on which the translations of a regime depend, for VAs of the lower and the upper half. */
const COMMON = ['SCTLR', 'TCR', 'MAIR'];
const offsets = (level: 1 | 2 | 3, names: readonly string[]): readonly number[] =>
  names.map((n) => sysregOffset(`${n}_EL${level}`));
const DEPENDS: Readonly<Record<1 | 2 | 3, readonly [low: readonly number[], high: readonly number[]]>> = {
  1: [offsets(1, [...COMMON, 'TTBR0']), offsets(1, [...COMMON, 'TTBR1'])],
  2: [offsets(2, [...COMMON, 'TTBR0']), offsets(2, [...COMMON, 'TTBR0'])],
  3: [offsets(3, [...COMMON, 'TTBR0']), offsets(3, [...COMMON, 'TTBR0'])],
};

/** Context numbers fit in the offset bits of a TLB tag. */
const CONTEXTS_MAX = 4094;

/** Numbers for everything a translation depends on besides the address; shared by the PEs of a machine. */
export class ContextNumbers {
  private readonly numbers = new Map<string, bigint>();
  private readonly memory: GuestMemory;
  /** Counts how often all numbers were given out and started again. */
  generation = 0;

  constructor(memory: GuestMemory) {
    this.memory = memory;
  }

  dropTranslations(): void {
    this.memory.flushTranslations();
  }

  /** The number of a context; when they run out every cached translation is dropped and counting starts again. */
  of(key: string): bigint {
    let number = this.numbers.get(key);
    if (number === undefined) {
      if (this.numbers.size >= CONTEXTS_MAX) {
        this.numbers.clear();
        this.memory.flushTranslations();
        this.generation++;
      }
      number = BigInt(this.numbers.size + 1);
      this.numbers.set(key, number);
    }
    return number;
  }
}

type Pair = readonly [low: bigint, high: bigint];

/**
 * Keeps the context numbers that generated code compares TLB tags with.
 *
 * Whoever changes the Exception level, PSTATE.PAN, PSTATE.UAO or a translation control register calls in here.
 */
export class TranslationContexts {
  private readonly s: PeState;
  private readonly numbers: ContextNumbers;
  private cached: (Pair | undefined)[] = [];
  private generation = 0;

  constructor(s: PeState, numbers: ContextNumbers) {
    this.s = s;
    this.numbers = numbers;
  }

  /** A translation control register changed. */
  controlsChanged(): void {
    this.cached = [];
    this.modeChanged();
  }

  /** EL, PAN or UAO changed: chooses the contexts that apply now. */
  modeChanged(): void {
    const { s } = this;
    const { el } = s;
    const pan = s.get32(PE_STATE.PAN);
    for (let tries = 0; tries < 2; tries++) {
      const data = this.pair(el, el === 1 ? pan : 0);
      const unpriv = el === 1 && !s.get32(PE_STATE.UAO) ? this.pair(0, 0) : data;
      // PSTATE.IL makes every fetch fail, so that the exception for it is taken: no context matches.
      const fetch: Pair = s.get32(PE_STATE.IL) ? [0xfffn, 0xfffn] : this.pair(el, 0);
      this.store(PE_DERIVED.contextLow, PE_DERIVED.contextHigh, data);
      this.store(PE_DERIVED.unprivLow, PE_DERIVED.unprivHigh, unpriv);
      this.store(PE_DERIVED.fetchLow, PE_DERIVED.fetchHigh, fetch);
      if (this.generation === this.numbers.generation) return;
      // This PE may have used its old numbers since they were given out again.
      this.numbers.dropTranslations();
      this.generation = this.numbers.generation;
      this.cached = [];
    }
  }

  private store(low: StateField, high: StateField, pair: Pair): void {
    this.s.set64(low, pair[0]);
    this.s.set64(high, pair[1]);
  }

  private pair(el: number, pan: number): Pair {
    const index = el * 2 + pan;
    let pair = this.cached[index];
    if (!pair) {
      const regime = (el === 0 ? 1 : el) as 1 | 2 | 3;
      const off = regime === 1 && stage1Suspended(this.s) ? 'off' : '';
      const key = (half: 0 | 1): string =>
        `${this.s.index}:${el}${pan}${half}${off}:${DEPENDS[regime][half].map((o) => this.s.sys(o).toString(36)).join(':')}`;
      pair = [this.numbers.of(key(0)), this.numbers.of(key(1))];
      this.cached[index] = pair;
    }
    return pair;
  }
}
