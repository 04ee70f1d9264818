/** Numbers that follow from a seed alone. */

/** Marsaglia's 32-bit xorshift, started by mixing the seed. */
export class Draws {
  private state: number;

  constructor(seed: number) {
    this.state = (Math.imul(seed ^ (seed >>> 16), 0x9e37_79b1) ^ 0x5bd1_e995) | 0 || 1;
  }

  /** A whole number 0 to `below` - 1. */
  below(below: number): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return (x >>> 0) % below;
  }
}

/** `count` different numbers below `total`, ascending; all of them when there are no more. */
export function drawn(total: number, count: number, seed: number): number[] {
  if (count >= total) return Array.from({ length: total }, (_, n) => n);
  const draws = new Draws(seed);
  const chosen = new Set<number>();
  // Floyd's way: each set is as likely as any other, and as many draws as numbers.
  for (let n = total - count; n < total; n++) {
    const one = draws.below(n + 1);
    chosen.add(chosen.has(one) ? n : one);
  }
  return [...chosen].sort((a, b) => a - b);
}
