/** One thing that will happen at an instant. */
interface Entry {
  readonly timeNs: number;
  readonly priority: number;
  readonly order: number;
  readonly key: string | undefined;
  readonly action: () => void;
}

/** Order among events due at the same instant: smaller first. Equal priorities: first inserted first. */
export const PRIORITY = { TIMER: 0, DEVICE: 1, OUTSIDE: 2 } as const;

/**
 * Everything that happens from outside an instruction, in one order: (time, priority, insertion number).
 *
 * Times are whole nanoseconds of virtual time.
 */
export class EventQueue {
  private entries: Entry[] = [];
  private nextOrder = 0;

  /**
   * Adds an event; with a key it replaces the event of that key.
   *
   * @param timeNs - virtual time, a whole number below 2^53
   */
  schedule(timeNs: number, action: () => void, options: { priority?: number; key?: string } = {}): void {
    if (options.key !== undefined) this.cancel(options.key);
    const entry: Entry = {
      timeNs,
      priority: options.priority ?? PRIORITY.DEVICE,
      order: this.nextOrder++,
      key: options.key,
      action,
    };
    const at = this.entries.findIndex((e) => before(entry, e));
    this.entries.splice(at < 0 ? this.entries.length : at, 0, entry);
  }

  /** Removes the event of a key, if there is one. */
  cancel(key: string): void {
    const at = this.entries.findIndex((e) => e.key === key);
    if (at >= 0) this.entries.splice(at, 1);
  }

  /** Virtual time of the first event, or undefined when there is none. */
  get nextNs(): number | undefined {
    return this.entries[0]?.timeNs;
  }

  /** Applies every event due at `timeNs` or before, also those that these add. */
  fire(timeNs: number): void {
    while (this.entries.length > 0 && this.entries[0]!.timeNs <= timeNs) this.entries.shift()!.action();
  }

  /** Drops all events. */
  clear(): void {
    this.entries = [];
  }
}

function before(a: Entry, b: Entry): boolean {
  if (a.timeNs !== b.timeNs) return a.timeNs < b.timeNs;
  if (a.priority !== b.priority) return a.priority < b.priority;
  return a.order < b.order;
}
