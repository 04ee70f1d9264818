/** How far a campaign is: a line on standard error that is written over, where there is a terminal. */

import { isFailure } from '../explore/report.ts';
import type { CaseResult } from '../explore/types.ts';
import type { Host } from './host.ts';
import { grouped } from './report.ts';

const EVERY_MS = 200;
const BAR_CHARS = 24;

/** `1 h 02 min`, `3 min 05 s`, `12 s`. */
export function durationText(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (n: number): string => `${n}`.padStart(2, '0');
  if (whole >= 3600) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  return whole >= 60 ? `${Math.floor(whole / 60)} min ${two(whole % 60)} s` : `${whole} s`;
}

/** See the head of the file. */
export class Progress {
  readonly #host: Host;
  readonly #shown: boolean;
  #startMs = 0;
  #lastMs = 0;
  #total = 0;
  #units = 0;
  #cases = 0;
  #failures = 0;
  #seconds = 0;

  constructor(host: Host, quiet: boolean) {
    this.#host = host;
    this.#shown = !quiet && host.errorIsTerminal === true;
  }

  /** What is being done before there is anything to count. */
  say(text: string): void {
    if (this.#shown) this.#host.writeErr(`\r\x1b[K${text}`);
  }
  begin(total: number): void {
    this.#total = total;
    this.#startMs = this.#host.nowMs();
  }
  /** A boundary, or a schedule, was tried. */
  add(results: readonly CaseResult[]): void {
    this.#units++;
    this.#cases += results.length;
    this.#failures += results.filter(isFailure).length;
    const now = this.#host.nowMs();
    if (!this.#shown || now - this.#lastMs < EVERY_MS) return;
    this.#lastMs = now;
    const seconds = (now - this.#startMs) / 1000;
    const share = Math.min(this.#units / Math.max(this.#total, 1), 1);
    const left = share > 0 && share < 1 ? `, ${durationText((seconds / share) * (1 - share))} left` : '';
    const bar = '#'.repeat(Math.round(share * BAR_CHARS)).padEnd(BAR_CHARS, '.');
    const rate = (this.#cases / Math.max(seconds, 0.001)).toFixed(0);
    const failures = this.#failures > 0 ? `, ${grouped(this.#failures)} failures` : '';
    this.say(`[${bar}] ${grouped(this.#units)} of ${grouped(this.#total)}, ${rate} runs/s${failures}${left}`);
  }
  end(): void {
    this.#seconds = (this.#host.nowMs() - this.#startMs) / 1000;
    if (this.#shown) this.#host.writeErr('\r\x1b[K');
  }
  /** Runs per second between `begin` and `end`. */
  get rate(): number {
    return this.#seconds > 0 ? this.#cases / this.#seconds : 0;
  }
}
