/** The slices of one PE that are open: what was entered and not left yet, by lane. */
import type { EventArgs, JsonEvents, Lane } from './json-events.ts';

/**
 * Most slices open in one lane. An operating system that switches between many interrupted contexts leaves entries
 * whose return is never seen as theirs; beyond this they are taken for ended.
 */
export const LANE_DEPTH_MAX = 64;

/** Why a slice is there. */
export interface Slice {
  /** `handler`: of an SDEI event; it ends by its completion alone. */
  readonly kind: 'exception' | 'handler' | 'other';
  /** An event number or INTID. */
  readonly number?: number;
  /** Exception level and address that were left, and are to be returned to. */
  readonly fromEl?: number;
  readonly returnPc?: bigint;
}

/** Lane of an Exception level. */
export function laneOf(el: number): Lane {
  return `EL${el}` as Lane;
}

/** Opens and closes the slices of a PE so that they nest in every lane. */
export class Lanes {
  private readonly events: JsonEvents;
  private readonly pe: number;
  private readonly open = new Map<Lane, Slice[]>();

  constructor(events: JsonEvents, pe: number) {
    this.events = events;
    this.pe = pe;
  }

  private stack(lane: Lane): Slice[] {
    let stack = this.open.get(lane);
    if (!stack) {
      stack = [];
      this.open.set(lane, stack);
    }
    return stack;
  }
  /** Slices of a lane above its innermost SDEI handler, from the outside in: those that returns may end. */
  private aboveHandler(lane: Lane): readonly Slice[] {
    const stack = this.stack(lane);
    return stack.slice(stack.findLastIndex(({ kind }) => kind === 'handler') + 1);
  }

  /** The lane has an open slice. */
  isOpen(lane: Lane): boolean {
    return this.stack(lane).length > 0;
  }

  begin(lane: Lane, timeNs: bigint, slice: Slice, name: string, args: EventArgs): void {
    const stack = this.stack(lane);
    if (stack.length >= LANE_DEPTH_MAX) this.pop(lane, timeNs, stack.length);
    stack.push(slice);
    this.events.begin(this.pe, lane, timeNs, name, args);
  }
  private pop(lane: Lane, timeNs: bigint, count: number): void {
    const stack = this.stack(lane);
    for (let n = 0; n < count; n++) {
      stack.pop();
      this.events.end(this.pe, lane, timeNs);
    }
  }

  /** Ends the innermost slice that fits and those in it; gives it, or undefined when none fits. */
  end(lane: Lane, timeNs: bigint, fits: (slice: Slice) => boolean): Slice | undefined {
    const stack = this.stack(lane);
    const at = stack.findLastIndex(fits);
    const slice = stack[at];
    if (slice) this.pop(lane, timeNs, stack.length - at);
    return slice;
  }

  /**
   * An Exception level was left for a lower one, or is entered from one: what was open in its lane is over, but for
   * SDEI handlers, which only completion ends.
   */
  leave(el: number, timeNs: bigint): void {
    const lane = laneOf(el);
    this.pop(lane, timeNs, this.aboveHandler(lane).length);
  }
  /**
   * An exception return within an Exception level: ends the entry that was to come back to this address; without such
   * a one, which is how another context is switched to, the innermost entry from the same level. False for none.
   */
  returned(el: number, timeNs: bigint, pc: bigint): boolean {
    const lane = laneOf(el);
    const stack = this.stack(lane);
    const candidates = this.aboveHandler(lane);
    const own = candidates.findLastIndex(({ returnPc, fromEl }) => fromEl === el && returnPc === pc);
    const innermost = candidates.at(-1)?.fromEl === el ? candidates.length - 1 : -1;
    const at = own >= 0 ? own : innermost;
    if (at < 0) return false;
    this.pop(lane, timeNs, stack.length - (stack.length - candidates.length + at));
    return true;
  }

  /** Ends everything in some lanes, or in all. */
  endAll(timeNs: bigint, lanes: Iterable<Lane> = this.open.keys()): void {
    for (const lane of lanes) this.pop(lane, timeNs, this.stack(lane).length);
  }
}
