/**
 * Suspended stretches of hosted code, named by PC.
 *
 * A generator cannot be copied. So an activation is its function, how it was entered and what its yields received; a
 * generator is made from that when it is needed, by feeding it the same again.
 */
import type { Effect, EffectResult, Hosted } from './effects.ts';
import { HostedError } from './errors.ts';
import { Past } from './past.ts';
import { HOSTED_YIELDS_MAX, type HostedEntry, type HostedProgram } from './program.ts';

/** Most suspended activations of a machine. */
export const HOSTED_ACTIVATIONS_MAX = 16_384;

/** One activation as a snapshot keeps it. */
export interface ActivationImage {
  readonly id: number;
  readonly name: string;
  readonly entry: HostedEntry;
  readonly past: Past;
  /** Yields that are behind it: so much of `past` is its. */
  readonly yields: number;
  /** It asked for a call that does not come back, so it may be forgotten. */
  readonly left: boolean;
}

/** All activations as a snapshot keeps them, by ascending number. */
export type HostedImage = readonly ActivationImage[];

/** What the end of a function gave. */
export interface Finished {
  readonly finished: true;
  readonly result: bigint | undefined;
}

/** One stretch of hosted code that was entered and has not ended. */
export class Activation {
  readonly id: number;
  name: string;
  entry: HostedEntry;
  past: Past = new Past();
  /** Number of the yield it is at, or about to reach. */
  yieldIndex = 0;
  left = false;
  private readonly program: HostedProgram;
  private generator: Hosted<unknown> | undefined;
  /** What it asks for now, when known. */
  private asking: Effect | undefined;

  constructor(program: HostedProgram, id: number, name: string, entry: HostedEntry) {
    this.program = program;
    this.id = id;
    this.name = name;
    this.entry = entry;
  }

  /** Where it is, for messages. */
  get where(): string {
    return `hosted function '${this.name}', yield ${this.yieldIndex}`;
  }
  /** An error about this activation. */
  error(code: HostedError['code'], what: string, cause?: unknown): HostedError {
    return new HostedError(code, `${this.where}: ${what}`, { name: this.name, yieldIndex: this.yieldIndex, cause });
  }

  /** The effect it asks for, or what it ended with. Runs the function up to there. */
  effect(): Effect | Finished {
    if (this.asking) return this.asking;
    if (!this.generator) return this.settle(this.feed());
    return this.settle(this.advance(this.generator, this.past.result(this.yieldIndex - 1)));
  }
  /** The effect that `effect` told of has taken place, with this result. */
  completed(result: EffectResult): void {
    const effect = this.asking!;
    if (this.yieldIndex >= HOSTED_YIELDS_MAX)
      throw this.error(
        'E_HOSTED_YIELDS',
        `more yields than an activation has room for (${HOSTED_YIELDS_MAX}). End each round of a loop with become().`,
      );
    this.past = this.past.with(this.yieldIndex, effect, result);
    this.yieldIndex++;
    this.asking = undefined;
  }
  /** Starts over as another function. */
  become(name: string, args: readonly bigint[]): void {
    if (!this.program.functions.has(name))
      throw this.error('E_HOSTED_EFFECT', `become('${name}'): the program has no such function.`);
    this.name = name;
    this.entry = { ...this.entry, x: args };
    this.past = new Past();
    this.yieldIndex = 0;
    this.generator = undefined;
    this.asking = undefined;
  }

  private settle(step: IteratorResult<Effect, unknown>): Effect | Finished {
    if (step.done) return { finished: true, result: typeof step.value === 'bigint' ? step.value : undefined };
    if (typeof step.value !== 'object' || step.value === null || typeof step.value.op !== 'string')
      throw this.error('E_HOSTED_EFFECT', `it yielded ${shown(step.value)}, which is no effect. Use yield* load(..).`);
    this.asking = step.value;
    return step.value;
  }
  private start(): Hosted<unknown> {
    const f = this.program.functions.get(this.name)!;
    let made: unknown;
    try {
      made = f(this.entry);
    } catch (cause) {
      throw this.error('E_HOSTED_THROW', `it threw ${shown(cause)}`, cause);
    }
    if (typeof (made as Hosted | undefined)?.next !== 'function')
      throw this.error('E_HOSTED_FUNCTION', `it gave ${shown(made)} instead of a generator. Write function*.`);
    return made as Hosted<unknown>;
  }
  private advance(generator: Hosted<unknown>, result: EffectResult): IteratorResult<Effect, unknown> {
    try {
      return generator.next(result);
    } catch (cause) {
      this.generator = undefined;
      if (cause instanceof HostedError) throw cause;
      throw this.error('E_HOSTED_THROW', `it threw ${shown(cause)}`, cause);
    }
  }
  /** Makes the generator again from the past. */
  private feed(): IteratorResult<Effect, unknown> {
    const generator = this.start();
    let step = this.advance(generator, undefined);
    const { past, yieldIndex } = this;
    for (let n = 0; n < yieldIndex; n++) {
      if (step.done || !past.asks(n, step.value))
        throw this.error(
          'E_HOSTED_STATE',
          `run again with the same results it did something else at yield ${n}. ` +
            'Keep what changes in local variables or in guest memory.',
        );
      step = this.advance(generator, past.result(n));
    }
    this.generator = generator;
    return step;
  }
  /** Forgets the generator: the next use makes it again from the past. */
  dropGenerator(): void {
    this.generator = undefined;
    this.asking = undefined;
  }
}

/** All activations of a machine. */
export class Activations {
  readonly program: HostedProgram;
  private readonly slots: (Activation | undefined)[] = [];
  private count = 0;

  constructor(program: HostedProgram) {
    this.program = program;
  }

  /** Starts an activation in the lowest free slot. @throws HostedError `E_HOSTED_ACTIVATIONS` when there is none */
  enter(name: string, entry: HostedEntry): Activation {
    if (this.count >= HOSTED_ACTIVATIONS_MAX) this.forgetLeft(name);
    let id = this.count === this.slots.length ? this.slots.length : this.slots.indexOf(undefined);
    if (id < 0) id = this.slots.length;
    const made = new Activation(this.program, id, name, entry);
    this.slots[id] = made;
    this.count++;
    return made;
  }
  /** Those that asked for a call that does not come back did not come back. */
  private forgetLeft(name: string): void {
    for (const a of this.slots) if (a?.left) this.end(a);
    if (this.count < HOSTED_ACTIVATIONS_MAX) return;
    const names = new Map<string, number>();
    for (const a of this.slots) if (a) names.set(a.name, (names.get(a.name) ?? 0) + 1);
    const [most, times] = [...names].sort((a, b) => b[1] - a[1])[0]!;
    throw new HostedError(
      'E_HOSTED_ACTIVATIONS',
      `hosted function '${name}' was entered while ${this.count} activations are suspended, ${times} of them of '${most}'. ` +
        'Code that is left for good must end: by eret(), branch(), finalCall() or its return.',
      { name },
    );
  }
  get(id: number): Activation | undefined {
    return this.slots[id];
  }
  end(a: Activation): void {
    this.slots[a.id] = undefined;
    this.count--;
    while (this.slots.length > 0 && this.slots.at(-1) === undefined) this.slots.pop();
  }
  reset(): void {
    this.slots.length = 0;
    this.count = 0;
  }
  /** Those that are suspended now. */
  *all(): Generator<Activation> {
    for (const a of this.slots) if (a) yield a;
  }

  /** For snapshots: shares the pasts, so costs what there are activations. */
  image(): HostedImage {
    return [...this.all()].map(({ id, name, entry, past, yieldIndex, left }) => {
      return { id, name, entry, past, yields: yieldIndex, left };
    });
  }
  /** Inverse of `image`. */
  load(image: HostedImage): void {
    this.reset();
    for (const { id, name, entry, past, yields, left } of image) {
      while (this.slots.length < id) this.slots.push(undefined);
      const a = new Activation(this.program, id, name, entry);
      a.past = past;
      a.yieldIndex = yields;
      a.left = left;
      this.slots[id] = a;
      this.count++;
    }
  }
  /** What a digest needs of them, as plain data. */
  summary(): readonly { readonly [field: string]: bigint | string | number | readonly bigint[] }[] {
    return [...this.all()].map(({ id, name, entry, past, yieldIndex, left }) => ({
      id,
      name,
      pe: entry.pe,
      x: entry.x,
      lr: entry.lr,
      yields: yieldIndex,
      past: past.hash(yieldIndex),
      left: left ? 1 : 0,
    }));
  }
}

/** An image as plain data that can be written to a file, and back. */
export function plainImage(image: HostedImage): PlainActivation[] {
  return image.map(({ past, yields, ...rest }) => ({
    ...rest,
    results: Array.from({ length: yields }, (_, n) => {
      return { result: past.result(n) ?? null, asked: past.fingerprint(n), hash: past.hash(n + 1) };
    }),
  }));
}
/** Inverse of `plainImage`. */
export function imageFromPlain(plain: readonly PlainActivation[]): HostedImage {
  return plain.map(({ results, ...rest }) => {
    const past = new Past(
      results.map(({ asked }) => asked),
      results.map(({ result }) => result ?? undefined),
      results.map(({ hash }) => hash),
    );
    return { ...rest, past, yields: results.length };
  });
}
/** See `plainImage`. */
export type PlainActivation = Omit<ActivationImage, 'past' | 'yields'> & {
  readonly results: readonly {
    readonly result: Exclude<EffectResult, undefined> | null;
    readonly asked: number;
    readonly hash: bigint;
  }[];
};

function shown(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (typeof value === 'bigint') return `${value}n`;
  if (value === undefined) return 'undefined';
  const text = typeof value === 'string' ? `'${value}'` : String(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
