import { type Finding, MAX_FINDINGS } from '../finding.ts';

/** Collects what is wrong with bytes, at most {@link MAX_FINDINGS} of it. */
export class Finder {
  readonly #findings: Finding[];
  readonly #base: number;

  constructor(findings: Finding[] = [], base = 0) {
    this.#findings = findings;
    this.#base = base;
  }

  /** A finder for a part that begins at `offset`: what it is told counts from there. */
  at(offset: number): Finder {
    return new Finder(this.#findings, this.#base + offset);
  }

  /** Notes that the bytes at `offset` break `rule`. */
  add(offset: number, rule: string, found: string, expected: string): void {
    if (this.#findings.length >= MAX_FINDINGS) return;
    this.#findings.push({ offset: this.#base + offset, rule, found, expected });
  }

  /** Everything noted so far, in order of offset. */
  sorted(): Finding[] {
    return [...this.#findings].sort((a, b) => a.offset - b.offset);
  }
}
