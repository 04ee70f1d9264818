/** A small seeded generator (SplitMix64) for tests: the same seed gives the same cases everywhere. */
export class Rng {
  private state: bigint;

  /** @param seed - text or number */
  constructor(seed: string | number | bigint) {
    let h = 0x9e3779b97f4a7c15n;
    for (const c of String(seed)) h = BigInt.asUintN(64, (h ^ BigInt(c.codePointAt(0)!)) * 0x100000001b3n);
    this.state = h;
  }

  /** A 64-bit value. */
  u64(): bigint {
    this.state = BigInt.asUintN(64, this.state + 0x9e3779b97f4a7c15n);
    let z = this.state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return z ^ (z >> 31n);
  }
  /** An integer from 0 to n - 1; n up to 2^53. */
  below(n: number): number {
    return Number(this.u64() % BigInt(n));
  }
  /** One of the values. */
  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }
  /** True with the given probability in percent. */
  percent(p: number): boolean {
    return this.below(100) < p;
  }
}
