/** SHA-256, to name contents that a file refers to. FIPS 180-4, "SHA-256". */

/** Takes bytes in any pieces and gives their hash. */
export interface Hash {
  update(bytes: Uint8Array): void;
  /** 64 hexadecimal digits; nothing may follow. */
  finish(): string;
}

const BLOCK_BYTES = 64;

function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((p) => n % p !== 0)) found.push(n);
  return found;
}
/** The first 32 bits of the fractional part of a root: FIPS 180-4, "SHA-224 and SHA-256 Constants". */
function fraction(value: number, degree: bigint): number {
  const wanted = BigInt(value) << (32n * degree);
  let root = 0n;
  for (let bit = 1n << 40n; bit > 0n; bit >>= 1n) if ((root + bit) ** degree <= wanted) root += bit;
  return Number(BigInt.asIntN(32, root));
}
const K: Int32Array = Int32Array.from(primes(64), (p) => fraction(p, 3n));
const START: Int32Array = Int32Array.from(primes(8), (p) => fraction(p, 2n));

const rotr = (x: number, n: number): number => (x >>> n) | (x << (32 - n));

/** See the head of the file. */
export class Sha256 implements Hash {
  readonly #state = START.slice();
  readonly #words = new Int32Array(64);
  readonly #block = new Uint8Array(BLOCK_BYTES);
  readonly #view = new DataView(this.#block.buffer);
  #filled = 0;
  #total = 0;

  update(bytes: Uint8Array): void {
    this.#total += bytes.length;
    for (let from = 0; from < bytes.length; ) {
      const size = Math.min(BLOCK_BYTES - this.#filled, bytes.length - from);
      this.#block.set(bytes.subarray(from, from + size), this.#filled);
      this.#filled += size;
      from += size;
      if (this.#filled === BLOCK_BYTES) this.#absorb();
    }
  }

  finish(): string {
    const bits = BigInt(this.#total) * 8n;
    this.update(Uint8Array.of(0x80));
    while (this.#filled !== BLOCK_BYTES - 8) this.update(Uint8Array.of(0));
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, bits);
    this.update(length);
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  #absorb(): void {
    const w = this.#words;
    for (let t = 0; t < 16; t++) w[t] = this.#view.getInt32(t * 4);
    for (let t = 16; t < 64; t++) {
      const [near, far] = [w[t - 2]!, w[t - 15]!];
      const s1 = rotr(near, 17) ^ rotr(near, 19) ^ (near >>> 10);
      const s0 = rotr(far, 7) ^ rotr(far, 18) ^ (far >>> 3);
      w[t] = (s1 + w[t - 7]! + s0 + w[t - 16]!) | 0;
    }
    let [a, b, c, d, e, f, g, h] = this.#state as unknown as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    for (let t = 0; t < 64; t++) {
      const t1 = h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & f) ^ (~e & g)) + K[t]! + w[t]!;
      const t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    [a, b, c, d, e, f, g, h].forEach((word, n) => {
      this.#state[n] = (this.#state[n]! + word) | 0;
    });
    this.#filled = 0;
  }
}

/** Hash of some bytes, 64 hexadecimal digits. */
export function sha256(bytes: Uint8Array): string {
  const hash = new Sha256();
  hash.update(bytes);
  return hash.finish();
}
