/** A fast seeded generator of 32-bit numbers (sfc32) for millions of cases: the same seed gives the same cases. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  /** @param seed - any text */
  constructor(seed: string) {
    let [h, g] = [0x811c9dc5, 0x1000193];
    for (const char of seed) {
      h = Math.imul(h ^ char.codePointAt(0)!, 0x01000193);
      g = Math.imul(g ^ h, 0x85ebca6b) ^ (h >>> 13);
    }
    [this.a, this.b, this.c] = [h, g, h ^ g];
    for (let i = 0; i < 12; i++) this.u32();
  }

  /** 0 to 2^32 - 1. */
  u32(): number {
    const t = (this.a + this.b + this.counter++) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + t) | 0;
    return t >>> 0;
  }
  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }
  /** 0 to n - 1; n up to 2^32. */
  below(n: number): number {
    return this.u32() % n;
  }
  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }
  /** True with a probability in percent. */
  percent(p: number): boolean {
    return this.below(100) < p;
  }
}
