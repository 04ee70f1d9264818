/** Where hosted code is: functions and vector tables at virtual addresses that no memory answers. */
import type { Hosted } from './effects.ts';
import { HostedError } from './errors.ts';

/**
 * First virtual address of hosted code. The range lies in the lower half of a 48-bit space, so that every Exception
 * level can run it; it is not translated, and so is there with the MMU off or on, whatever the tables say.
 */
export const HOSTED_BASE = 0x6000_0000_0000n;
/** Behind the last virtual address of hosted code. */
export const HOSTED_END = 0x7000_0000_0000n;
/** Distance of two functions. */
const FUNCTION_BYTES = 0x80n;
/** Most functions of a program. */
export const HOSTED_FUNCTIONS_MAX = 4096;
/** Where vector tables start. */
const VECTORS_BASE: bigint = HOSTED_BASE + 0x100_0000n;
const VECTOR_TABLE_BYTES = 0x800n;
/** Most vector tables of a program. */
export const HOSTED_VECTORS_MAX = 256;
/** Where suspended activations are: a window each, 4 bytes a yield. */
const WINDOWS_BASE: bigint = HOSTED_BASE + 0x1_0000_0000n;
/** Log2 of the bytes of a window. */
const WINDOW_LOG2 = 20n;
/** Most yields of an activation; `become` starts at 0 again. */
export const HOSTED_YIELDS_MAX: number = 2 ** (Number(WINDOW_LOG2) - 2) - 1;

/** How a piece of hosted code was entered. */
export interface HostedEntry {
  /** PE that entered it. */
  readonly pe: number;
  /** X0 to X7 at the entry; after `become` its arguments. */
  readonly x: readonly bigint[];
  /** X30 at the entry: where a function returns to. */
  readonly lr: bigint;
}

/**
 * A function at an address. When it ends, X0 gets its result, if it is a `bigint`, and PC goes to where X30 said at the
 * entry.
 */
export type HostedFunction = (entry: HostedEntry) => Hosted<unknown>;

/** The four kinds of exception of a vector table, and who comes from where; what is absent is no code there. */
export interface HostedVectors {
  readonly currentSp0?: VectorGroup;
  readonly currentSpx?: VectorGroup;
  readonly lower64?: VectorGroup;
  readonly lower32?: VectorGroup;
}
/** Functions by the kind of exception. */
export interface VectorGroup {
  readonly sync?: string;
  readonly irq?: string;
  readonly fiq?: string;
  readonly serror?: string;
}

const GROUPS = ['currentSp0', 'currentSpx', 'lower64', 'lower32'] as const;
const KINDS = ['sync', 'irq', 'fiq', 'serror'] as const;

/** Functions by name and vector tables by name. */
export interface HostedSource {
  readonly functions: Readonly<Record<string, HostedFunction>>;
  readonly vectors?: Readonly<Record<string, HostedVectors>>;
}

/**
 * Hosted functions and vector tables with their addresses. Addresses follow from the order of names alone.
 *
 * @example
 * const functions = { *main() { yield* smc(0x8400_0008n); }, *irq() { yield* eret(); } };
 * const program = new HostedProgram({ functions, vectors: { table: { currentSpx: { irq: 'irq' } } } });
 * const machine = Machine.create({ hosted: program, entry: 'main' });
 */
export class HostedProgram {
  readonly functions: ReadonlyMap<string, HostedFunction>;
  private readonly addresses = new Map<string, bigint>();
  private readonly tables = new Map<string, bigint>();
  private readonly byAddress = new Map<bigint, string>();

  /** @throws HostedError `E_HOSTED_PROGRAM` for too many functions, or a vector that names none */
  constructor({ functions, vectors = {} }: HostedSource) {
    this.functions = new Map(Object.entries(functions));
    const refuse = (message: string): never => {
      throw new HostedError('E_HOSTED_PROGRAM', message);
    };
    const tables = Object.entries(vectors);
    if (this.functions.size > HOSTED_FUNCTIONS_MAX)
      refuse(`hosted program of ${this.functions.size} functions: up to ${HOSTED_FUNCTIONS_MAX} have room.`);
    if (tables.length > HOSTED_VECTORS_MAX)
      refuse(`hosted program of ${tables.length} vector tables: up to ${HOSTED_VECTORS_MAX} have room.`);
    let at = HOSTED_BASE;
    for (const [name, f] of this.functions) {
      if (typeof f !== 'function') refuse(`hosted function '${name}': it is no function. Give a generator function.`);
      this.addresses.set(name, at);
      this.byAddress.set(at, name);
      at += FUNCTION_BYTES;
    }
    tables.forEach(([table, groups], n) => {
      const base = VECTORS_BASE + BigInt(n) * VECTOR_TABLE_BYTES;
      this.tables.set(table, base);
      GROUPS.forEach((group, g) => {
        KINDS.forEach((kind, k) => {
          const name = groups[group]?.[kind];
          if (name === undefined) return;
          if (!this.functions.has(name))
            refuse(`hosted vectors '${table}': ${group}.${kind} names '${name}', which is no function of the program.`);
          this.byAddress.set(base + BigInt(g * 0x200 + k * 0x80), name);
        });
      });
    });
  }

  /** Virtual address of a function. @throws HostedError `E_HOSTED_PROGRAM` for a name it does not have */
  address(name: string): bigint {
    const at = this.addresses.get(name);
    if (at !== undefined) return at;
    const known = [...this.addresses.keys()].slice(0, 20).join(', ');
    throw new HostedError('E_HOSTED_PROGRAM', `hosted function '${name}': the program has none. It has ${known}.`);
  }
  /** Virtual address of a vector table, for VBAR_ELx. @throws HostedError `E_HOSTED_PROGRAM` for an unknown name */
  vectors(name: string): bigint {
    const at = this.tables.get(name);
    if (at !== undefined) return at;
    const known = [...this.tables.keys()].join(', ') || 'none';
    throw new HostedError(
      'E_HOSTED_PROGRAM',
      `hosted vectors '${name}': the program has no such table. It has ${known}.`,
    );
  }
  /** Name of the function that an address enters, or undefined. */
  at(va: bigint): string | undefined {
    return this.byAddress.get(va);
  }
}

/** A virtual address is in the range of hosted code. */
export function isHosted(va: bigint): boolean {
  return va >= HOSTED_BASE && va < HOSTED_END;
}
/** PC of an activation that is about to do yield `yieldIndex`. */
export function windowPc(activation: number, yieldIndex: number): bigint {
  return WINDOWS_BASE + (BigInt(activation) << WINDOW_LOG2) + BigInt(yieldIndex * 4);
}
/** What a PC in a window names, or undefined for a PC elsewhere. */
export function windowOf(pc: bigint): { readonly activation: number; readonly yieldIndex: number } | undefined {
  if (pc < WINDOWS_BASE || pc >= HOSTED_END) return undefined;
  const offset = pc - WINDOWS_BASE;
  return {
    activation: Number(offset >> WINDOW_LOG2),
    yieldIndex: Number(offset & ((1n << WINDOW_LOG2) - 1n)) >> 2,
  };
}
