import type { PlainData } from '../device.ts';
import { numbers, section } from './bank.ts';
import { G0, G1NS, G1S, type Group, PRIORITY_IDLE } from './groups.ts';

/** Banks of registers that exist once per security state. */
export const SECURE = 0;
/** The Non-secure bank, and the only one used on a PE without EL3. */
export const NON_SECURE = 1;
/** Index of a bank. */
export type Bank = typeof SECURE | typeof NON_SECURE;

/**
 * Registers of one CPU interface. IHI 0069, "AArch64 System register descriptions".
 *
 * Lists `bpr1`, `cbpr` and `eoiMode` go by {@link Bank}; `igrpen` and `apr` go by {@link Group}.
 */
export class CpuState {
  /** Bits of priority that can take part in preemption. */
  readonly preBits: number;
  /** Words in each set of active priorities registers: 1, 2 or 4. */
  readonly aprWords: number;
  pmr = 0;
  bpr0 = 0;
  readonly bpr1 = [0, 0];
  readonly igrpen = [false, false, false];
  /** ICC_CTLR_EL3.CBPR_EL1S and CBPR_EL1NS, also ICC_CTLR_EL1.CBPR of each bank. */
  readonly cbpr = [false, false];
  /** ICC_CTLR_EL1.EOImode of each bank. */
  readonly eoiMode = [false, false];
  eoiModeEl3 = false;
  /** ICC_CTLR_EL3.PMHE. */
  pmhe = false;
  sreEl2Enable = true;
  sreEl3Enable = true;
  /** ICC_AP0Rn, Secure ICC_AP1Rn, Non-secure ICC_AP1Rn: bit n stands for group priority n << (8 - preBits). */
  readonly apr: readonly [Int32Array, Int32Array, Int32Array];

  /** @param priorityBits - 4..8 */
  constructor(priorityBits: number) {
    this.preBits = Math.min(priorityBits, 7);
    this.aprWords = this.preBits > 5 ? 1 << (this.preBits - 5) : 1;
    this.apr = [new Int32Array(this.aprWords), new Int32Array(this.aprWords), new Int32Array(this.aprWords)];
    this.reset();
  }

  /** Smallest value of a binary point register: finer than the implemented bits makes no sense. */
  bprMin(which: 'BPR0' | 'BPR1S' | 'BPR1NS'): number {
    return 7 - this.preBits + (which === 'BPR1NS' ? 1 : 0);
  }

  /** Reset values. The Enable bits of ICC_SRE_ELx reset to 1, our choice where they are architecturally UNKNOWN. */
  reset(): void {
    this.pmr = 0;
    this.bpr0 = this.bprMin('BPR0');
    this.bpr1[SECURE] = this.bprMin('BPR1S');
    this.bpr1[NON_SECURE] = this.bprMin('BPR1NS');
    this.igrpen.fill(false);
    this.cbpr.fill(false);
    this.eoiMode.fill(false);
    this.eoiModeEl3 = false;
    this.pmhe = false;
    this.sreEl2Enable = true;
    this.sreEl3Enable = true;
    for (const words of this.apr) words.fill(0);
  }

  /** Priority bits that decide about preemption for a group. IHI 0069, "Preemption" and "ICC_BPR1_EL1". */
  groupMask(group: Group): number {
    if (group === G0 || this.cbpr[group === G1S ? SECURE : NON_SECURE]) return (0xfe << this.bpr0) & 0xff;
    if (group === G1S) return (0xfe << this.bpr1[SECURE]) & 0xff;
    return (0xff << this.bpr1[NON_SECURE]) & 0xff;
  }

  /** The most urgent active group priority, PRIORITY_IDLE when nothing is active. */
  runningPriority(): number {
    const level = this.#activeLevel();
    return level < 0 ? PRIORITY_IDLE : level << (8 - this.preBits);
  }

  #activeLevel(): number {
    const [ap0, ap1s, ap1ns] = this.apr;
    for (let word = 0; word < this.aprWords; word++) {
      const bits = ap0[word] | ap1s[word] | ap1ns[word];
      if (bits !== 0) return word * 32 + 31 - Math.clz32(bits & -bits);
    }
    return -1;
  }

  /** Group of the most urgent active priority; undefined when idle. Equal: Group 0, Secure, Non-secure Group 1. */
  runningGroup(): Group | undefined {
    const level = this.#activeLevel();
    if (level < 0) return undefined;
    const bit = 1 << (level & 31);
    if ((this.apr[G0][level >> 5] & bit) !== 0) return G0;
    return (this.apr[G1S][level >> 5] & bit) !== 0 ? G1S : G1NS;
  }

  /** Records the group priority of an acknowledged interrupt as active. */
  activate(group: Group, priority: number): void {
    const level = (priority & this.groupMask(group)) >> (8 - this.preBits);
    this.apr[group][level >> 5] |= 1 << (level & 31);
  }

  /** Priority drop: the most urgent active priority of the group is no longer active. */
  drop(group: Group): void {
    const words = this.apr[group];
    const word = words.findIndex((bits) => bits !== 0);
    if (word >= 0) words[word] &= words[word] - 1;
  }

  /** Plain data under Arm's names. */
  state(): { readonly [name: string]: PlainData } {
    return {
      PMR: this.pmr,
      BPR0: this.bpr0,
      BPR1: [...this.bpr1],
      IGRPEN: this.igrpen.map(Number),
      CBPR: this.cbpr.map(Number),
      EOImode: [...this.eoiMode, this.eoiModeEl3].map(Number),
      PMHE: this.pmhe,
      SRE_Enable: [this.sreEl2Enable, this.sreEl3Enable].map(Number),
      APR: this.apr.flatMap((words) => Array.from(words, (word) => word >>> 0)),
    };
  }

  /** @throws Error when the data is not that of a CPU interface with as many priority bits */
  load(data: PlainData): void {
    const from = section(data, 'CPU interface');
    [this.pmr, this.bpr0] = [Number(from.PMR), Number(from.BPR0)];
    [this.bpr1[0], this.bpr1[1]] = numbers(from, 'BPR1', 2);
    numbers(from, 'IGRPEN', 3).forEach((value, group) => {
      this.igrpen[group] = value !== 0;
    });
    numbers(from, 'CBPR', 2).forEach((value, bank) => {
      this.cbpr[bank] = value !== 0;
    });
    const eoiMode = numbers(from, 'EOImode', 3).map((value) => value !== 0);
    [this.eoiMode[0], this.eoiMode[1], this.eoiModeEl3] = eoiMode;
    this.pmhe = from.PMHE === true;
    [this.sreEl2Enable, this.sreEl3Enable] = numbers(from, 'SRE_Enable', 2).map((value) => value !== 0);
    numbers(from, 'APR', 3 * this.aprWords).forEach((value, n) => {
      this.apr[Math.floor(n / this.aprWords) as Group][n % this.aprWords] = value | 0;
    });
  }
}
