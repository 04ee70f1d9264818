/** Which steps of a PE are counted, exact in the middle of one as well: what the Performance Monitors are told. */

/** The steps of one PE. */
export class StepCount {
  /** Steps are taken that nobody counts. */
  stopped = false;
  private before = 0;
  private during: (() => number) | undefined;

  /** Steps before the one that is being taken. */
  get earlier(): number {
    return Math.max(this.through - (this.during ? 1 : 0), this.before);
  }
  /** Steps, the one that is being taken included. */
  get through(): number {
    return this.during && !this.stopped ? this.before + this.during() : this.before;
  }
  /**
   * Counts what `run` takes and returns.
   *
   * @param during - steps of this run so far, the one that is being taken included
   */
  counting(run: () => number, during: () => number): number {
    this.during = during;
    let taken = 0;
    try {
      taken = run();
    } finally {
      this.during = undefined;
    }
    if (!this.stopped) this.before += taken;
    return taken;
  }
}
