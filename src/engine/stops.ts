/**
 * Where the engine asks before it executes an instruction.
 *
 * An instruction at such a place is decoded to a handler that calls the helper `stop` first; all others are what they
 * always are. Places belong to pages of RAM, as decoded instructions do: of a virtual page they become known when it is
 * mapped for execution. Whoever answers the helper compares the address itself.
 */

/** Places by page, as numbers of instructions (0 to 1023) in their page. */
export interface StopPlaces {
  /** By the address of a virtual page. */
  readonly virtual: ReadonlyMap<bigint, readonly number[]>;
  /** By the number of a page of RAM. */
  readonly ram: ReadonlyMap<number, readonly number[]>;
}

const NOWHERE: StopPlaces = { virtual: new Map(), ram: new Map() };

/** The places of one engine, by page of RAM. */
export class EngineStops {
  private readonly byPage = new Map<number, Set<number>>();
  private places = NOWHERE;
  private wanted: StopPlaces | undefined;

  /** Other places, from the next grant on. */
  want(places: StopPlaces): void {
    this.wanted = places;
  }

  /**
   * Puts the places that were wanted into force.
   *
   * @param stale - hears of every page of RAM whose instructions must be decoded again
   * @returns whether virtual pages must be mapped again
   */
  apply(stale: (page: number, instructions: readonly number[]) => void): boolean {
    const { wanted } = this;
    if (!wanted) return false;
    this.wanted = undefined;
    this.places = wanted;
    const before = [...this.byPage];
    this.byPage.clear();
    for (const [page, instructions] of wanted.ram) this.byPage.set(page, new Set(instructions));
    for (const [page, instructions] of before) stale(page, [...instructions]);
    for (const [page, instructions] of wanted.ram) stale(page, instructions);
    return true;
  }

  /** A virtual page is mapped to a page of RAM; gives the instructions in which there is a place from now on. */
  mapped(pageVa: bigint, page: number): readonly number[] {
    const instructions = this.places.virtual.get(pageVa);
    if (!instructions) return [];
    const known = this.byPage.get(page) ?? new Set();
    this.byPage.set(page, known);
    const fresh = instructions.filter((n) => !known.has(n));
    for (const n of fresh) known.add(n);
    return fresh;
  }
  /** There are places in virtual pages. */
  get inVirtualPages(): boolean {
    return this.places.virtual.size > 0;
  }

  /** There is a place at an instruction of a page of RAM. */
  at(page: number, instruction: number): boolean {
    return this.byPage.size > 0 && this.byPage.get(page)?.has(instruction) === true;
  }
}
