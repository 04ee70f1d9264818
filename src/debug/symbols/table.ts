/** Names for addresses and addresses for names. */

/** A name and what it stands for. */
export interface NamedSymbol {
  readonly name: string;
  readonly address: bigint;
  /** 0 where it is not known: then it reaches to the next symbol. */
  readonly sizeBytes: number;
  readonly kind: 'function' | 'object' | 'other';
}

/** What lies at an address. */
export interface SymbolPlace {
  readonly name: string;
  /** Bytes behind the symbol's first. */
  readonly offset: bigint;
  readonly symbol: NamedSymbol;
}

/** Most names that a message offers instead of an unknown one. */
const SUGGESTIONS_MAX = 5;
const RANK = { function: 0, object: 1, other: 2 } as const;

/** Symbols by name and by address. */
export class SymbolTable {
  private readonly sorted: readonly NamedSymbol[];
  private readonly byName = new Map<string, NamedSymbol[]>();

  constructor(symbols: readonly NamedSymbol[]) {
    const order = (a: NamedSymbol, b: NamedSymbol): number =>
      a.address < b.address ? -1 : a.address > b.address ? 1 : RANK[a.kind] - RANK[b.kind];
    this.sorted = [...symbols].sort(order);
    for (const symbol of this.sorted) {
      const same = this.byName.get(symbol.name);
      if (same) same.push(symbol);
      else this.byName.set(symbol.name, [symbol]);
    }
  }

  /** All symbols by ascending address. */
  get symbols(): readonly NamedSymbol[] {
    return this.sorted;
  }

  /** Every symbol of a name: files may have static functions of one name. */
  named(name: string): readonly NamedSymbol[] {
    return this.byName.get(name) ?? [];
  }

  /**
   * The symbol that an address belongs to: the last one that begins there or before it. Where several begin at one
   * place, functions come first.
   */
  at(address: bigint): SymbolPlace | undefined {
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.sorted[middle]!.address <= address) low = middle + 1;
      else high = middle;
    }
    const last = this.sorted[low - 1];
    if (!last) return undefined;
    let first = low - 1;
    while (first > 0 && this.sorted[first - 1]!.address === last.address) first--;
    const symbol = this.sorted[first]!;
    const offset = address - symbol.address;
    if (symbol.sizeBytes > 0 && offset >= BigInt(symbol.sizeBytes)) return undefined;
    return { name: symbol.name, offset, symbol };
  }

  /** Names like an unknown one, the nearest first. */
  similar(name: string): readonly string[] {
    const wanted = name.toLowerCase();
    const scored: { name: string; score: number }[] = [];
    for (const known of this.byName.keys()) {
      const lower = known.toLowerCase();
      if (Math.abs(lower.length - wanted.length) > 8 && !lower.includes(wanted)) continue;
      const score = lower.includes(wanted) ? 1 + (lower.length - wanted.length) / 100 : distance(lower, wanted, 3);
      if (score <= 3) scored.push({ name: known, score });
    }
    scored.sort((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1));
    return scored.slice(0, SUGGESTIONS_MAX).map((s) => s.name);
  }
}

/** Edits that turn one text into another: letters added, left out, replaced. More than `most` counts as most + 1. */
function distance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let row = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const cost = Math.min(replaced, row[j]! + 1, next[j - 1]! + 1);
      next.push(cost);
      least = Math.min(least, cost);
    }
    if (least > most) return most + 1;
    row = next;
  }
  return row[b.length]!;
}

/** `name+0x12`, or the name alone at its first byte. */
export function placeText({ name, offset }: SymbolPlace): string {
  return offset === 0n ? name : `${name}+0x${offset.toString(16)}`;
}
