import { PE_DERIVED, PE_STATE, type StateField } from '../arch/pestate.ts';
import type { GuestMemory } from '../engine/memory.ts';
import { stage1Suspended } from './mmu.ts';
import { stage2Key } from './stage2.ts';
import { type PeState, sysregOffset } from './state.ts';
import { hasUnprivileged, isE2h, obeysPan, regimeOf } from './vhe.ts';

/** Registers on which the translations of a regime depend, whichever half of the VA space is meant. */
const COMMON = ['SCTLR', 'TCR', 'MAIR'];
const offsets = (level: 1 | 2 | 3): readonly number[] => COMMON.map((n) => sysregOffset(`${n}_EL${level}`));
const CONTROLS: Readonly<Record<1 | 2 | 3, readonly number[]>> = { 1: offsets(1), 2: offsets(2), 3: offsets(3) };
/** Table base registers, for VAs of the lower and the upper half. */
const TABLES: Readonly<Record<1 | 2 | 3, readonly [low: number, high: number]>> = {
  1: [sysregOffset('TTBR0_EL1'), sysregOffset('TTBR1_EL1')],
  2: [sysregOffset('TTBR0_EL2'), sysregOffset('TTBR0_EL2')],
  3: [sysregOffset('TTBR0_EL3'), sysregOffset('TTBR0_EL3')],
};
/** The upper half of EL2&0. */
const TTBR1_EL2 = sysregOffset('TTBR1_EL2');

/** Context numbers fit in the offset bits of a TLB tag. */
const CONTEXTS_MAX = 4094;
/** A context that matches no entry. */
const NO_CONTEXT = 0xfff;

/** Everything a translation depends on but the address and the table: context numbers by table base. */
type Space = Map<number, number>;

/** Numbers for everything a translation depends on besides the address; shared by the PEs of a machine. */
export class ContextNumbers {
  private readonly spaces = new Map<string, Space>();
  private readonly memory: GuestMemory;
  private given = 0;
  /** Counts how often all numbers were given out and started again. */
  generation = 0;

  constructor(memory: GuestMemory) {
    this.memory = memory;
  }

  dropTranslations(): void {
    this.memory.flushTranslations();
  }

  /** The numbers of one setting of the controls; to be asked for again when `generation` changed. */
  space(key: string): Space {
    let space = this.spaces.get(key);
    if (!space) {
      // Guests change controls a few times; one that does so for ever must not fill the host's memory.
      if (this.spaces.size >= CONTEXTS_MAX) this.restart();
      space = new Map();
      this.spaces.set(key, space);
    }
    return space;
  }
  /** The number of a context; when they run out every cached translation is dropped and counting starts again. */
  of(space: Space, tableBase: number): number {
    let number = space.get(tableBase);
    if (number === undefined) {
      if (this.given >= CONTEXTS_MAX) this.restart();
      number = ++this.given;
      space.set(tableBase, number);
    }
    return number;
  }
  private restart(): void {
    for (const space of this.spaces.values()) space.clear();
    this.spaces.clear();
    this.given = 0;
    this.memory.flushTranslations();
    this.generation++;
  }
}

/** For one Exception level and PSTATE.PAN: the space and the number of each half of the VA space. */
interface Choice {
  readonly spaces: readonly [low: Space, high: Space];
  low: number;
  high: number;
}

/** A choice with all that it was chosen by. */
interface Chosen {
  readonly choice: Choice;
  readonly regime: 1 | 2 | 3;
  /** What else is in the name of a space. */
  readonly mode: string;
  /** The control registers, low half and high half of each. */
  readonly words: readonly number[];
  readonly generation: number;
}

/**
 * Keeps the context numbers that generated code compares TLB tags with.
 *
 * Whoever changes the Exception level, PSTATE.PAN, PSTATE.UAO or a translation control register calls in here. What a
 * table base register holds besides the address of the table (ASID, CnP) is not part of a context: translations never
 * go stale, so an address space is its table.
 */
export class TranslationContexts {
  private readonly s: PeState;
  private readonly numbers: ContextNumbers;
  /** By Exception level and PSTATE.PAN. */
  private choices: (Choice | undefined)[] = [];
  /** What was chosen last, in the same places: a restored state has mostly the same controls. */
  private readonly chosen: (Chosen | undefined)[] = [];
  private generation = 0;

  constructor(s: PeState, numbers: ContextNumbers) {
    this.s = s;
    this.numbers = numbers;
  }

  /** A translation control register changed. */
  controlsChanged(): void {
    this.choices = [];
    this.modeChanged();
  }
  /** A table base register changed, and nothing else. */
  tablesChanged(): void {
    for (const [index, choice] of this.choices.entries()) if (choice) this.number(index >> 1, choice);
    this.modeChanged();
  }

  /** EL, PAN or UAO changed: chooses the contexts that apply now. */
  modeChanged(): void {
    const { s } = this;
    const { el } = s;
    const pan = s.get32(PE_STATE.PAN);
    for (let tries = 0; tries < 2; tries++) {
      const data = this.choice(el, obeysPan(s, el) ? pan : 0);
      const unpriv = hasUnprivileged(s, el) && !s.get32(PE_STATE.UAO) ? this.choice(0, 0) : data;
      const fetch = this.choice(el, 0);
      if (this.generation === this.numbers.generation) {
        this.store(PE_DERIVED.contextLow, data.low, data.high);
        this.store(PE_DERIVED.unprivLow, unpriv.low, unpriv.high);
        // PSTATE.IL makes every fetch fail, so that the exception for it is taken: no context matches.
        if (s.get32(PE_STATE.IL)) this.store(PE_DERIVED.fetchLow, NO_CONTEXT, NO_CONTEXT);
        else this.store(PE_DERIVED.fetchLow, fetch.low, fetch.high);
        return;
      }
      // This PE may have used its old numbers since they were given out again.
      this.numbers.dropTranslations();
      this.generation = this.numbers.generation;
      this.choices = [];
    }
  }

  /** Fields of 64 bits one behind the other, of which only the lowest are ever set. */
  private store(lowField: StateField, low: number, high: number): void {
    const at = (this.s.base + lowField.offset) >> 2;
    this.s.i32[at] = low;
    this.s.i32[at + 2] = high;
  }

  private choice(el: number, pan: number): Choice {
    const index = el * 2 + pan;
    return this.choices[index] ?? this.choose(index, el, pan);
  }
  private choose(index: number, el: number, pan: number): Choice {
    const regime = regimeOf(this.s, el);
    const off = regime === 1 && stage1Suspended(this.s) ? 'off' : '';
    const more = regime === 1 ? stage2Key(this.s) : regime === 2 && isE2h(this.s) ? 'e2h' : '';
    const before = this.chosen[index];
    // Should numbers start again below, this choice is one of those that are no longer valid.
    const { generation } = this.numbers;
    const choice = before && this.isStill(before, regime, off + more) ? before.choice : this.made(el, pan, off + more);
    this.number(el, choice);
    this.choices[index] = choice;
    if (choice !== before?.choice) {
      const words = CONTROLS[regime].flatMap((o) => [this.s.sysLow(o), this.s.sysHigh(o)]);
      this.chosen[index] = { choice, regime, mode: off + more, words, generation };
    }
    return choice;
  }
  private made(el: number, pan: number, mode: string): Choice {
    const controls = CONTROLS[regimeOf(this.s, el)].map((o) => this.s.sys(o).toString(36)).join(':');
    const space = (half: 0 | 1): Space => this.numbers.space(`${this.s.index}:${el}${pan}${half}${mode}:${controls}`);
    return { spaces: [space(0), space(1)], low: 0, high: 0 };
  }
  /** What it was chosen by has not changed. */
  private isStill({ regime, mode, words, generation }: Chosen, now: 1 | 2 | 3, modeNow: string): boolean {
    if (regime !== now || mode !== modeNow || generation !== this.numbers.generation) return false;
    return CONTROLS[now].every((o, n) => this.s.sysLow(o) === words[n * 2] && this.s.sysHigh(o) === words[n * 2 + 1]);
  }
  private number(el: number, choice: Choice): void {
    const regime = regimeOf(this.s, el);
    const low = TABLES[regime][0];
    const high = regime === 2 && isE2h(this.s) ? TTBR1_EL2 : TABLES[regime][1];
    choice.low = this.numbers.of(choice.spaces[0], this.tableBase(low));
    choice.high = this.numbers.of(choice.spaces[1], this.tableBase(high));
  }
  /** TTBRn_ELx.BADDR, bits 47:1. */
  private tableBase(offset: number): number {
    return (this.s.sysHigh(offset) & 0xffff) * 0x1_0000_0000 + ((this.s.sysLow(offset) & ~1) >>> 0);
  }
}
