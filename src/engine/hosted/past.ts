/** What the yields of an activation have asked for and received: enough to bring a generator to the same place again. */
import type { Effect, EffectResult } from './effects.ts';

/** What was asked for: the effect, or, where it comes out of a file, its fingerprint. */
type Asked = Effect | number;

/**
 * Effects and results, oldest first. Activations and snapshots share one and have a length each: whoever goes on
 * elsewhere than it does takes a copy of what they have in common.
 */
export class Past {
  private readonly asked: Asked[];
  private readonly results: EffectResult[];
  /** Fingerprints of the first so many, as far as somebody has wanted them. */
  private readonly hashes: bigint[];

  constructor(asked: Asked[] = [], results: EffectResult[] = [], hashes: bigint[] = []) {
    this.asked = asked;
    this.results = results;
    this.hashes = hashes;
  }

  /** What has entry `n` as its last: this, longer by one when it ends there, or a copy when it goes on otherwise. */
  with(n: number, effect: Effect, result: EffectResult): Past {
    const { asked, results, hashes } = this;
    if (n < asked.length) {
      if (this.asks(n, effect) && sameResult(results[n], result)) return this;
      return new Past(asked.slice(0, n), results.slice(0, n), hashes.slice(0, n)).with(n, effect, result);
    }
    asked.push(effect);
    results.push(result);
    return this;
  }
  /** Entry `n` asked for just this. */
  asks(n: number, effect: Effect): boolean {
    const asked = this.asked[n]!;
    return typeof asked === 'number' ? asked === fingerprint(effect) : sameEffect(asked, effect);
  }
  /** What entry `n` received. */
  result(n: number): EffectResult {
    return this.results[n];
  }
  /** 32 bits of what entry `n` asked for. */
  fingerprint(n: number): number {
    const asked = this.asked[n]!;
    return typeof asked === 'number' ? asked : fingerprint(asked);
  }
  /** Fingerprint of the first `length` entries; 0 of none. */
  hash(length: number): bigint {
    for (let n = this.hashes.length; n < length; n++) {
      const mixed = (this.hashes[n - 1] ?? SEED) ^ BigInt(this.fingerprint(n));
      this.hashes.push(BigInt.asUintN(64, mixed * PRIME + resultHash(this.results[n])));
    }
    return length === 0 ? 0n : this.hashes[length - 1]!;
  }
}

const SEED = 0xcbf2_9ce4_8422_2325n;
const PRIME = 0x100_0000_01b3n;

function resultHash(result: EffectResult): bigint {
  if (result === undefined) return 1n;
  if (typeof result === 'bigint') return result * 3n + 2n;
  return result.reduce((hash, v) => BigInt.asUintN(64, (hash ^ v) * PRIME), SEED);
}

type Fields = Readonly<Record<string, unknown>>;

function sameEffect(a: Effect, b: Effect | undefined): boolean {
  if (a === b) return true;
  // What a function yields is anybody's mistake.
  if (typeof b !== 'object' || b === null) return false;
  const [x, y] = [a as Fields, b as Fields];
  let fields = 0;
  for (const name in x) {
    fields++;
    if (x[name] !== y[name] && !sameList(x[name], y[name])) return false;
  }
  for (const _ in y) fields--;
  return fields === 0;
}
function sameResult(a: EffectResult, b: EffectResult): boolean {
  return a === b || sameList(a, b);
}
function sameList(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
  for (let n = 0; n < a.length; n++) if (a[n] !== b[n]) return false;
  return true;
}

/** 32 bits that tell effects apart: operation and operands. -1 for what is no effect. */
function fingerprint(effect: Effect): number {
  if (typeof effect !== 'object' || effect === null) return -1;
  let hash = 0x811c_9dc5;
  const text = (s: string): void => {
    for (let i = 0; i < s.length; i++) hash = Math.imul(hash ^ s.charCodeAt(i), 0x0100_0193);
  };
  for (const v of Object.values(effect) as unknown[]) {
    if (typeof v === 'bigint') {
      hash = Math.imul(hash ^ Number(v & 0xffff_ffffn), 0x0100_0193);
      hash = Math.imul(hash ^ Number((v >> 32n) & 0xffff_ffffn), 0x0100_0193);
    } else if (typeof v === 'number') hash = Math.imul(hash ^ v, 0x0100_0193);
    else text(String(v));
  }
  return hash >>> 0;
}
