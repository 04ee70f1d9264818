/**
 * Hosted AArch32 code as words of memory: it can be copied, moved, overwritten, fetched in the wrong instruction set.
 *
 * Each word of a function is the permanently UNDEFINED instruction UDF of its instruction set, whose immediate names
 * the function and the word. What is fetched decides what runs: a copy runs where it lies, and what was overwritten is
 * gone. Tables of vectors are true branches. DDI 0406, "UDF", "B".
 */
import { type HostedFunction, HostedProgram } from '../../../engine/hosted/program.ts';
import type { Hosted32 } from './effects.ts';

/** Instruction set of a function. */
export type Isa32 = 'A32' | 'T32';

/** How a function was entered. */
export interface Entry32 {
  readonly cpu: number;
  /** R0 to R3. */
  readonly r: readonly number[];
  readonly lr: number;
}

/** A function; when it ends, R0 gets its result, if it is a number, and control goes to where LR said at the entry. */
export type Function32 = (entry: Entry32) => Hosted32<unknown>;

/** Vectors in the order of their offsets, 4 bytes each. `hypTrap` is used in HVBAR alone. */
const VECTORS = ['reset', 'undefined', 'call', 'prefetchAbort', 'dataAbort', 'hypTrap', 'irq', 'fiq'] as const;
/** A table of eight vectors: functions by vector; what is absent branches to itself. */
export type Vectors32 = Readonly<Partial<Record<(typeof VECTORS)[number], string>>>;

/** Code that lies together and is moved together. */
export interface Image32Source {
  readonly isa: Isa32;
  readonly functions: Readonly<Record<string, Function32>>;
  readonly vectors?: Readonly<Record<string, Vectors32>>;
  /** Tables of vectors lie behind the functions; default in front of them. */
  readonly vectorsLast?: boolean;
  /** Functions in the other instruction set. */
  readonly otherIsa?: readonly string[];
}

/** Words of a function: the most effects it can ask for in one go. */
export const FUNCTION_WORDS = 128;
/** Most functions of a program: what the immediate of UDF has room for. */
export const FUNCTIONS_MAX = 512;

/** What a word is when it is fetched. */
export type Decoded =
  | { readonly kind: 'code'; readonly image: string; readonly name: string; readonly index: number }
  | { readonly kind: 'branch'; readonly offset: number };

interface Symbol32 {
  readonly offset: number;
  readonly isa: Isa32;
}

/** A placed stretch of code: symbols by their offset from its beginning. */
export class Image32 {
  readonly name: string;
  readonly sizeBytes: number;
  readonly words: Uint32Array;
  private readonly symbols = new Map<string, Symbol32>();

  constructor(name: string, source: Image32Source, firstNumber: number) {
    const { isa, functions, vectors = {}, otherIsa = [], vectorsLast = false } = source;
    this.name = name;
    const other = isa === 'A32' ? 'T32' : 'A32';
    let offset = 0;
    const placeVectors = (): void => {
      for (const table of Object.keys(vectors)) {
        this.symbols.set(table, { offset, isa: 'A32' });
        offset += 4 * VECTORS.length;
      }
    };
    if (!vectorsLast) placeVectors();
    for (const f of Object.keys(functions)) {
      this.symbols.set(f, { offset, isa: otherIsa.includes(f) ? other : isa });
      offset += 4 * FUNCTION_WORDS;
    }
    if (vectorsLast) placeVectors();
    this.sizeBytes = offset;
    this.words = new Uint32Array(offset / 4);
    for (const [table, rows] of Object.entries(vectors)) this.writeVectors(table, rows, isa);
    Object.keys(functions).forEach((f, n) => {
      const at = this.symbols.get(f)!;
      for (let k = 0; k < FUNCTION_WORDS; k++)
        this.words[at.offset / 4 + k] = codeWord(((firstNumber + n) << 7) | k, at.isa);
    });
  }
  private writeVectors(table: string, rows: Vectors32, isa: Isa32): void {
    const base = this.offset(table);
    for (const [n, vector] of VECTORS.entries()) {
      const name = rows[vector];
      const to = name === undefined ? base + 4 * n : this.offset(name);
      this.words[base / 4 + n] = branchWord(to - (base + 4 * n), isa);
    }
  }
  /** Offset of a function or table in bytes. */
  offset(symbol: string): number {
    const found = this.symbols.get(symbol);
    if (!found) throw new Error(`assertion: image '${this.name}' has no '${symbol}'`);
    return found.offset;
  }
  has(symbol: string): boolean {
    return this.symbols.has(symbol);
  }
  /** Address of a symbol of an image that lies at `base`; bit 0 is set for T32 functions. */
  address(symbol: string, base: number): number {
    const thumb = this.symbols.get(symbol)?.isa === 'T32' ? 1 : 0;
    return ((base + this.offset(symbol)) | thumb) >>> 0;
  }
}

/** All images of a machine. */
export class Program32 {
  readonly images: ReadonlyMap<string, Image32>;
  /** The functions in the form that activations of hosted code are made of. */
  readonly hosted: HostedProgram;
  private readonly names: readonly { readonly image: string; readonly name: string }[];

  constructor(sources: Readonly<Record<string, Image32Source>>) {
    const names: { image: string; name: string }[] = [];
    const images = new Map<string, Image32>();
    const functions: Record<string, HostedFunction> = {};
    for (const [image, source] of Object.entries(sources)) {
      images.set(image, new Image32(image, source, names.length));
      for (const [name, f] of Object.entries(source.functions)) {
        names.push({ image, name });
        functions[`${image}.${name}`] = hostedForm(f);
      }
    }
    if (names.length > FUNCTIONS_MAX) throw new Error(`assertion: ${names.length} functions of ${FUNCTIONS_MAX}`);
    this.names = names;
    this.images = images;
    this.hosted = new HostedProgram({ functions });
  }
  image(name: string): Image32 {
    const found = this.images.get(name);
    if (!found) throw new Error(`assertion: the program has no image '${name}'`);
    return found;
  }
  /** What a word of memory is in an instruction set, or undefined: no code of this model. */
  decode(word: number, thumb: boolean): Decoded | undefined {
    const immediate = thumb ? thumbCode(word) : armCode(word);
    if (immediate !== undefined) {
      const found = this.names[immediate >>> 7];
      return found && { kind: 'code', ...found, index: immediate & 127 };
    }
    const offset = thumb ? thumbBranch(word) : armBranch(word);
    return offset === undefined ? undefined : { kind: 'branch', offset };
  }
}

/** Activations are those of 64-bit hosted code: they keep what was yielded and received, whatever the effects mean. */
function hostedForm(f: Function32): HostedFunction {
  const wrapped = function* ({ pe, x, lr }: { pe: number; x: readonly bigint[]; lr: bigint }): Hosted32<unknown> {
    const result = yield* f({ cpu: pe, r: x.map(Number), lr: Number(lr) });
    return typeof result === 'number' ? BigInt(result >>> 0) : undefined;
  };
  return wrapped as unknown as HostedFunction;
}

// UDF A1: 1110 0111 1111 imm12 1111 imm4. UDF T2: hw1 = 1111 0111 1111 imm4, hw2 = 1010 imm12; hw1 lies lower.
function codeWord(immediate: number, isa: Isa32): number {
  const [high, low] = [immediate >>> 4, immediate & 15];
  if (isa === 'A32') return (0xe7f0_00f0 | (high << 8) | low) >>> 0;
  const [top, rest] = [immediate >>> 12, immediate & 0xfff];
  return (((0xa000 | rest) << 16) | 0xf7f0 | top) >>> 0;
}
function armCode(word: number): number | undefined {
  if ((word & 0xfff0_00f0) >>> 0 !== 0xe7f0_00f0) return undefined;
  return ((word >>> 4) & 0xfff0) | (word & 15);
}
function thumbCode(word: number): number | undefined {
  if ((word & 0xf000_fff0) >>> 0 !== 0xa000_f7f0) return undefined;
  return ((word & 15) << 12) | ((word >>> 16) & 0xfff);
}

/** B A1 or B T4 over a distance in bytes. */
export function branchWord(distance: number, isa: Isa32): number {
  if (isa === 'A32') return (0xea00_0000 | (((distance - 8) >> 2) & 0xff_ffff)) >>> 0;
  const offset = distance - 4;
  const s = offset < 0 ? 1 : 0;
  const j = (bit: number): number => (((offset >> bit) & 1) ^ s ^ 1) & 1;
  const hw1 = 0xf000 | (s << 10) | ((offset >> 12) & 0x3ff);
  const hw2 = 0x9000 | (j(23) << 13) | (j(22) << 11) | ((offset >> 1) & 0x7ff);
  return ((hw2 << 16) | hw1) >>> 0;
}
function armBranch(word: number): number | undefined {
  if (word >>> 24 !== 0xea) return undefined;
  return ((word << 8) >> 6) + 8;
}
function thumbBranch(word: number): number | undefined {
  const [hw1, hw2] = [word & 0xffff, word >>> 16];
  if ((hw1 & 0xf800) !== 0xf000 || (hw2 & 0xd000) !== 0x9000) return undefined;
  const s = (hw1 >>> 10) & 1;
  const i = (bit: number): number => (((hw2 >>> bit) & 1) ^ s ^ 1) & 1;
  const bits = (s << 24) | (i(13) << 23) | (i(11) << 22) | ((hw1 & 0x3ff) << 12) | ((hw2 & 0x7ff) << 1);
  return ((bits << 7) >> 7) + 4;
}
