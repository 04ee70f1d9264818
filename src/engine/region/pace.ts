/** Instructions that a machine may compile before it has run: small programs need not wait. */
const ALLOWANCE_FIRST = 2000;
/** Most that is saved up by running what is compiled already. */
const ALLOWANCE_MAX = 8000;
/** Steps that pay for an instruction in a region. */
const STEPS_PER_INSTRUCTION = 100_000;
/** Reports of `HOT_COUNT` arrivals after which a record no longer waits. */
const REPORTS_MAX = 8;

/**
 * Decides when what is hot is compiled.
 *
 * Compiling is worth it for what will run much more, which nobody knows: much of a boot runs some ten thousand times
 * and never again. So a machine compiles at once as long as it has run long for what it compiled already. While much is
 * new, code has to run for about as long as compiling it takes.
 */
export class Pace {
  /** How often each record was reported that was not compiled. */
  private readonly reports = new Map<number, number>();
  /** Instructions that may be compiled at once. */
  private allowance = ALLOWANCE_FIRST;

  /** Control came to a record another `HOT_COUNT` times. True: it is to be compiled. */
  arrived(record: number): boolean {
    const reports = (this.reports.get(record) ?? 0) + 1;
    const compile = this.allowance > 0 || reports >= REPORTS_MAX;
    if (compile) this.reports.delete(record);
    else this.reports.set(record, reports);
    return compile;
  }
  /** Steps were taken. */
  took(steps: number): void {
    this.allowance = Math.min(ALLOWANCE_MAX, this.allowance + steps / STEPS_PER_INSTRUCTION);
  }
  /** Records are no longer what they were. */
  forget(): void {
    this.reports.clear();
  }
  /** A region was made. */
  compiled(instructions: number): void {
    this.allowance -= instructions;
  }
}
