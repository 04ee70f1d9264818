import type { PlainData } from '../device.ts';

/**
 * The state of a run of interrupts, 32 to a word, one bit each; a PE has a bank of one word for its SGIs and PPIs,
 * the distributor one for all SPIs. Words are signed 32-bit integers, `>>> 0` before they leave the GIC.
 */
export class InterruptBank {
  /** Bits of interrupts that exist; all others are RAZ/WI. */
  readonly implemented: Int32Array;
  readonly group: Int32Array;
  readonly groupModifier: Int32Array;
  readonly enabled: Int32Array;
  /** Pending by itself: an edge was seen or software set it. */
  readonly latch: Int32Array;
  readonly active: Int32Array;
  /** Level of the input wire. */
  readonly line: Int32Array;
  readonly edge: Int32Array;
  /** Stored (Secure) priority, one byte per interrupt. */
  readonly priority: Uint8Array;
  /** NSACR as the guest sees it: two words for each 32 interrupts. */
  readonly nsacr: Int32Array;
  /** What was saved or loaded last: what is still so is saved as the same object, which is compared at once. */
  #kept: Record<string, PlainData> = {};

  /** @param interrupts - how many exist, 0..988 */
  constructor(interrupts: number) {
    const words = (interrupts + 31) >> 5;
    const make = () => new Int32Array(words);
    this.implemented = make();
    for (let n = 0; n < interrupts; n++) this.implemented[n >> 5] |= 1 << (n & 31);
    this.group = make();
    this.groupModifier = make();
    this.enabled = make();
    this.latch = make();
    this.active = make();
    this.line = make();
    this.edge = make();
    this.priority = new Uint8Array(words * 32);
    this.nsacr = new Int32Array(words * 2);
  }

  get words(): number {
    return this.group.length;
  }

  /** Pending bits of a word: IHI 0069, "Interrupt handling state machine"; a level counts only without edge. */
  pending(word: number): number {
    return this.latch[word] | (this.line[word] & ~this.edge[word]);
  }

  /** Bits of a word whose NSACR field is at least `least`, 1..3. */
  nsacrAtLeast(word: number, least: 1 | 2 | 3): number {
    const low = this.nsacr[word * 2];
    const high = this.nsacr[word * 2 + 1];
    if ((low | high) === 0) return 0;
    let bits = 0;
    for (let n = 0; n < 32; n++) {
      const field = ((n < 16 ? low : high) >>> ((n & 15) * 2)) & 3;
      if (field >= least) bits |= 1 << n;
    }
    return bits;
  }

  /** Everything to zero: level-sensitive, Group 0, disabled, inactive, not pending, wires low, highest priority. */
  reset(): void {
    for (const [, words] of this.#sections()) words.fill(0);
    this.priority.fill(0);
  }

  /** Plain data under Arm's names; `line` is the level of the wires. */
  state(): { readonly [name: string]: PlainData } {
    const { IPRIORITYR } = this.#kept;
    const same = IPRIORITYR instanceof Uint8Array && this.priority.every((value, n) => value === IPRIORITYR[n]);
    const data: Record<string, PlainData> = { IPRIORITYR: same ? IPRIORITYR : this.priority.slice() };
    for (const [name, words] of this.#sections()) data[name] = keptWords(this.#kept[name], words);
    this.#kept = data;
    return { ...data };
  }

  /** @throws Error when the data is not that of a bank of this size */
  load(data: PlainData): void {
    const from = section(data, 'bank');
    for (const [name, words] of this.#sections()) {
      const kept = this.#kept[name];
      const values = kept === from[name] ? (kept as readonly number[]) : numbers(from, name, words.length);
      for (let n = 0; n < values.length; n++) words[n] = values[n] | 0;
    }
    const priority = from.IPRIORITYR;
    if (!(priority instanceof Uint8Array) || priority.length !== this.priority.length) {
      throw new Error(`GICv3 state: IPRIORITYR is not ${this.priority.length} bytes`);
    }
    this.priority.set(priority);
    this.#kept = { ...from };
  }

  #sections(): readonly (readonly [string, Int32Array])[] {
    return [
      ['IGROUPR', this.group],
      ['IGRPMODR', this.groupModifier],
      ['ISENABLER', this.enabled],
      ['latch', this.latch],
      ['ISACTIVER', this.active],
      ['line', this.line],
      ['edge', this.edge],
      ['NSACR', this.nsacr],
    ];
  }
}

/** The words as a list of numbers without sign: the list that was kept when it says the same. */
function keptWords(kept: PlainData | undefined, words: Int32Array): readonly PlainData[] {
  if (Array.isArray(kept) && kept.length === words.length) {
    let n = 0;
    while (n < words.length && kept[n] === words[n]! >>> 0) n++;
    if (n === words.length) return kept;
  }
  return Array.from(words, (word) => word >>> 0);
}

/**
 * A section of saved state.
 * @throws Error when it is not one
 */
export function section(data: PlainData, what: string): { readonly [name: string]: PlainData } {
  if (data === null || typeof data !== 'object' || Array.isArray(data) || data instanceof Uint8Array) {
    throw new Error(`GICv3 state: ${what} is not a section`);
  }
  return data as { readonly [name: string]: PlainData };
}

/**
 * A list of numbers in saved state.
 * @throws Error when it has another length or holds something else
 */
export function numbers(from: { readonly [name: string]: PlainData }, name: string, length: number): number[] {
  const list = from[name];
  if (!Array.isArray(list) || list.length !== length || !list.every((value) => typeof value === 'number')) {
    throw new Error(`GICv3 state: ${name} is not a list of ${length} numbers`);
  }
  return list as number[];
}
