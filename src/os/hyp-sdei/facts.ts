/** How rules that answer at once are asked by code that takes a step for all it finds out. */
import type { Hosted } from '../../engine/hosted/effects.ts';

/** A fact is needed that is not known: `find` finds it out. */
class Unknown extends Error {
  override readonly name = 'Unknown';
  readonly key: string;
  readonly find: () => Hosted<unknown>;

  constructor(key: string, find: () => Hosted<unknown>) {
    super(key);
    this.key = key;
    this.find = find;
  }
}

/** What is known of the machine during one operation. It does not change meanwhile: a lock is held. */
export class Facts {
  private readonly known = new Map<string, unknown>();

  /** A fact by name; when it is not known yet the operation is broken off, and begun again once `find` gave it. */
  ask<T>(key: string, find: () => Hosted<T>): T {
    if (!this.known.has(key)) throw new Unknown(key, find);
    return this.known.get(key) as T;
  }
  /** @internal */
  learn(key: string, value: unknown): void {
    this.known.set(key, value);
  }
}

/**
 * Does an operation that is a function of facts, as often as it takes until it knows all that it asks for. What it
 * changes must be its own, made anew each time.
 */
export function* settled<T>(operation: (facts: Facts) => T): Hosted<T> {
  const facts = new Facts();
  for (;;) {
    let missing: Unknown;
    try {
      return operation(facts);
    } catch (error) {
      if (!(error instanceof Unknown)) throw error;
      missing = error;
    }
    facts.learn(missing.key, yield* missing.find());
  }
}
